"""
Coefficients that another program printed, as an answer: tables of R, SAS, Stata, statsmodels and scikit-learn.

Every program spells the columns of a design in its own way. Names are matched by what they are made of: the variable, the level,
and the parts of an interaction in whichever order. What is matched to nothing, or twice, is an error that lists both sides.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from spec.diagnosis.answer import Answer
from spec.diagnosis.estimator import other_loss, settings_of
from spec.diagnosis.pipeline import bare
from spec.diagnosis.tables.arrays import answer_of_arrays, arrays_of
from spec.diagnosis.tables.cells import cells_of, content
from spec.diagnosis.tables.grid import is_grid
from spec.diagnosis.tables.matched import matched
from spec.diagnosis.tables.names import Design


def answer_of_table(
    given: Any,
    columns: Sequence[str],
    intercept: bool,
    outputs: Sequence[str],
    name: str = "the reference",
    family: str = "",
    offset: str | None = None,
) -> Answer:
    """
    The coefficients of a table as an answer about a design with these columns.

    ``given`` is a file (CSV, JSON, or a text that a program printed), such a text itself, a data frame or a series, a mapping of
    names to numbers, the results of statsmodels or their summary, an estimator of scikit-learn or a pipeline that ends in one,
    arrays ``coef_`` and ``intercept_`` (of a mapping or an ``.npz`` file), the weights of a Dense layer, `Params`, or an array
    with the intercept first. ``family`` is the model's, which a result of another loss is told apart from. ``outputs`` names the
    classes of a multinomial model in their order; otherwise it has one entry. A class that the table leaves out has zeros: the
    answer keeps the table's gauge.

    ``offset`` is what the offset is called; None where there is none. A coefficient of it is the last of the answer.

    Each coefficient is known to half a unit of its last printed digit; zeros at the end that a program drops are counted as
    printed. A table whose factor has another baseline is converted, and ``program`` says so. Raises ValueError where the names
    of the table and those of the design do not match one to one.
    """
    design = Design(tuple(columns), intercept, tuple(outputs), offset)
    source = str(given) if isinstance(given, os.PathLike) or (isinstance(given, str) and "\n" not in given) else "the text"
    brought, given = given, content(bare(given))
    arrays = None if is_grid(given) else arrays_of(given)
    if arrays is not None:
        found = answer_of_arrays(*arrays, design, name, family)
        return _told(found, brought, family)
    cells = cells_of(given, design, source)
    if not cells:
        raise ValueError(f"{name} has no coefficients: give a column of names and one of estimates.")
    found = _told(matched(cells, design, name), brought, family)
    if (kind := getattr(given, "cov_type", "nonrobust")) in ("nonrobust", "H1"):
        return found
    note = f"The standard errors of {name} are what statsmodels has for cov_type={kind!r}."
    return replace(found, notes=(*found.notes, note))


def _told(found: Answer, given: Any, family: str) -> Answer:
    """An answer with what its estimator tells of itself."""
    if says := other_loss(bare(given), family):
        return replace(found, program={**found.program, "loss": says}, has_unknown_loss=True)
    return replace(found, settings=settings_of(given))
