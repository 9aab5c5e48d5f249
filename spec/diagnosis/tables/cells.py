"""The cells of a table: each coefficient as it was written, with its term, its standard error and its output."""

from __future__ import annotations

import json
import os
import re
from ast import literal_eval
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spec.diagnosis.tables.grid import (
    ERRORS,
    ESTIMATES,
    EXPONENTIATED,
    LEVELS,
    OUTPUTS,
    PERHAPS,
    TERMS,
    content_of,
    decimal,
    grid_of_frame,
    grid_of_mapping,
    grid_of_text,
    heading,
    is_number,
    label_of,
    text_of,
)
from spec.diagnosis.tables.names import Design, class_of, without_output
from spec.model import Params

ANY = (*ESTIMATES, *PERHAPS, *EXPONENTIATED)
KINDS = {"term": TERMS, "error": ERRORS, "output": OUTPUTS}


@dataclass(frozen=True)
class Cell:
    """A coefficient as it was written: the ``term``'s name, the ``output`` that it belongs to, its standard error."""

    term: str
    value: str
    error: str = ""
    output: str = ""


def content(given: Any) -> Any:
    """The content of a file or of a text that was printed; anything else as it is."""
    if hasattr(given, "as_text"):  # a summary of statsmodels
        return grid_of_text(given.as_text())
    if isinstance(given, str) and given.lstrip().startswith("{"):
        return _mapping(given)
    if isinstance(given, str) and ("\n" in given or given.lstrip().startswith("c(")):
        return grid_of_text(given)
    is_file = isinstance(given, (str, os.PathLike)) and Path(given).suffix.lower() != ".npz"
    return content_of(Path(given)) if is_file else given


def _mapping(text: str) -> Any:
    """A mapping that was printed, by JSON or by Python."""
    for read in (json.loads, literal_eval):
        with suppress(ValueError, SyntaxError):
            return read(text)
    raise ValueError("the text begins with {, but it is no mapping of names to numbers as JSON or Python writes one.")


def cells_of(given: Any, design: Design, where: str) -> list[Cell]:
    """The cells of whatever has names and numbers; ``where`` names it in errors."""
    if isinstance(given, list):  # rows of cells
        return _of_grid(given, design, where)
    if isinstance(getattr(given, "params", None), Params):  # a fit of ours
        return _of_fit(given, design)
    if hasattr(given, "params") and hasattr(given, "model"):  # the results of statsmodels
        return _of_results(given, design)
    if isinstance(given, Mapping):
        if (grid := grid_of_mapping(given)) is not None:
            return _of_grid(grid, design, "the mapping")
        return [Cell(str(name), text_of(value)) for name, value in given.items()]
    if hasattr(given, "to_frame") and hasattr(given, "index"):  # a series of pandas
        return [Cell(label_of(name), text_of(value)) for name, value in given.items()]
    if hasattr(given, "columns") and hasattr(given, "index"):
        return _of_grid(grid_of_frame(given), design, "the frame")
    if hasattr(given, "columns") and hasattr(given, "rows"):  # of Polars
        return _of_grid([list(given.columns), *([text_of(one) for one in row] for row in given.rows())], design, "the frame")
    raise ValueError(f"{type(given).__name__} is no table of coefficients: give a CSV file, a frame, or names and numbers.")


def _of_fit(fitted: Any, design: Design) -> list[Cell]:
    """The cells of a `spec.fit.Fitted`, by the names of its terms."""
    errors = np.broadcast_to(fitted.standard_errors, fitted.coefficients.shape)
    return _of_arrays(fitted.terms, fitted.coefficients, errors, design)


def _of_results(results: Any, design: Design) -> list[Cell]:
    """The cells of statsmodels' results: a frame of params has a column for each class but the first."""
    params = np.asarray(results.params, dtype=float)
    errors = np.asarray(getattr(results, "bse", np.full_like(params, np.nan)), dtype=float)  # none of fit_regularized
    names = [str(one) for one in getattr(results.params, "index", results.model.exog_names)]
    return _of_arrays(names, params.reshape(len(names), -1), errors.reshape(len(names), -1), design)


def _of_arrays(names: Sequence[str], params: np.ndarray, errors: np.ndarray, design: Design) -> list[Cell]:
    """The cells of coefficients and standard errors, both (q, m), with a column for each class but the first."""
    return [
        Cell(name, repr(float(value)), repr(float(error)), design.outputs[j + 1] if design.k > 1 else "")
        for name, values, own in zip(names, params, errors)
        for j, (value, error) in enumerate(zip(values, own))
    ]


def _of_grid(grid: list[list[str]], design: Design, where: str) -> list[Cell]:
    """The cells of a table, with the terms in its rows or in its columns."""
    header, *rows = grid
    if len(header) > 1 and _is_transposed(header, design):
        return [cell for row in rows for cell in _of_wide(header, row, design)]
    if design.k > 1 and _are_classes(header[1:], design):
        return list(_of_outputs(header, rows, where))
    start = next((i for i, row in enumerate(grid) if len(row) > 1 and _is_heading(row, ESTIMATES)), None)
    if start is not None:
        return _of_headed(grid[start:], design, where)
    if len(header) > 1 and decimal(header[1]) is not None and design.term(header[0]) is not None:  # there are no headings
        return [Cell(row[0], row[1], row[2] if len(row) > 2 else "") for row in grid if len(row) > 1]
    if any(heading(cell) in ANY for cell in header[1:]):
        return _of_headed(grid, design, where)
    return list(_of_outputs(header, rows, where))


def _are_classes(headings: Sequence[str], design: Design) -> bool:
    """Whether the headings name the classes, or count them."""
    if len(headings) not in (design.k - 1, design.k):
        return False
    return all(class_of(one, design.outputs) is not None for one in headings) or all(one.isdigit() for one in headings)


def _is_transposed(header: Sequence[str], design: Design) -> bool:
    """Whether the headings are the terms: then a row is an output."""
    known = [cell for cell in header if cell and design.knows(without_output(cell, design)[0])]
    return len(known) > 1 and 2 * len(known) >= len(header) - 1


def _of_wide(header: Sequence[str], row: Sequence[str], design: Design) -> Iterator[Cell]:
    label = ""
    for title, cell in zip(header, row):
        term, output = without_output(title, design)
        if not title or (not design.knows(term) and heading(title) in (*TERMS, *OUTPUTS)):
            label = cell
        else:
            yield Cell(term, cell, "", output or label)


def _of_headed(grid: Sequence[Sequence[str]], design: Design, where: str) -> list[Cell]:
    """The cells of a table with headings such as Estimate and Std. Error; blocks of it may have headings of their own."""
    found: list[Cell] = []
    header: Sequence[str] = ()
    at: dict[str, Any] = {}
    block = ""
    for place, row in enumerate(grid):
        if _is_heading(row, ANY):
            header, at = row, _places([heading(cell) for cell in row], where, grid[place + 1 :])
            equals = re.match(r"^[\w ]+=\s*(.+)$", row[0])
            block = equals[1].strip() if equals else ""
            continue
        if len(row) != len(header) or not any(row[1:]):  # a note
            if found and len(row) != len(header):
                break
            continue
        levels = [row[i] for i in at["levels"]]
        name = design.with_levels(row[at["term"]], levels) if any(levels) else row[at["term"]]
        output = row[at["output"]] if at["output"] is not None else block
        error = row[at["error"]] if at["error"] is not None else ""
        found.append(Cell(name, row[at["estimate"]], error, output))
    return found


def _is_heading(row: Sequence[str], words: Sequence[str]) -> bool:
    """Whether a row has one of the words, and no number: a column may be called b."""
    return any(heading(cell) in words for cell in row) and not any(decimal(cell) is not None for cell in row)


def _places(headings: Sequence[str], where: str, below: Sequence[Sequence[str]]) -> dict[str, Any]:
    """The numbers of the columns that hold the terms, the estimates, the errors, the outputs and the levels."""
    first = {kind: next((i for i, one in enumerate(headings) if one in words), None) for kind, words in KINDS.items()}
    estimate = next(i for word in ANY for i, one in enumerate(headings) if one == word)
    if len(path := [one for one in headings if re.fullmatch(r"s\d+", one)]) > 1:
        raise ValueError(
            f"{where} has a column for each of {len(path)} penalties ({path[0]} to {path[-1]}): keep the one that is meant."
        )
    if first["term"] in (None, estimate):
        others = [i for i in range(len(headings)) if i not in (estimate, first["error"], first["output"])]
        if not others:
            raise ValueError(f"{where} has estimates, but no column with the names of the terms.")
        rows = [row for row in below if len(row) == len(headings) and any(row[1:])]
        names = [i for i in others if all(row[i].strip() and decimal(row[i]) is None for row in rows)]
        first["term"] = [*names, *others][0]  # of SPSS a column before it counts the steps
    if headings[estimate] in EXPONENTIATED:  # whose errors are not those of the coefficients
        first["error"] = None
    term = first["term"] or 0
    after = [term + 1] if headings[term + 1 : term + 2] == [""] else []  # SAS has no heading for the levels
    levels = [i for i, one in enumerate(headings) if LEVELS.fullmatch(one)] or after
    return {**first, "estimate": estimate, "levels": levels}


def _of_outputs(header: Sequence[str], rows: Sequence[Sequence[str]], where: str) -> Iterator[Cell]:
    """Yield the cells of a table with a column of names and a column of numbers for each output."""
    numeric = [j for j in range(len(header)) if all(is_number(row[j]) for row in rows if len(row) > j)]
    terms = [j for j in range(len(header)) if j not in numeric]
    if not numeric or not terms:
        raise ValueError(f"{where} has no column of names with a column of numbers: its headings are {', '.join(header)}.")
    for row in rows:
        for j in numeric:
            yield Cell(row[terms[0]], row[j], "", header[j] if len(numeric) > 1 else "")
