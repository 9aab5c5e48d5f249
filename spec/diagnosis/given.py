"""
A reader's own data as a problem, and as a question: a file or a frame, a formula or a response, a family and a link.

Whatever is wrong with what was asked is one ValueError: what, in which column and row, and what to do. Data outside the
family's domain are a `ProblemError` when they are first used, as those of every problem.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from keyword import iskeyword
from pathlib import Path
from typing import Any

import numpy as np

from spec.compat import first_line
from spec.diagnosis.question import Question, name_of_offset
from spec.families import Binomial, Family
from spec.fit.formula import designed
from spec.fit.frames import Frame, TableError, check_kind, csv_frame, frames, pandas_module, table_of
from spec.fit.named import model_of
from spec.fit.numeric import reads_as_number
from spec.fit.parquet import data_set
from spec.fit.parsed import needs
from spec.fit.rows import Rows, joined
from spec.fit.sources import form_of
from spec.links import Link
from spec.model import Model
from spec.problems import Data, Problem
from spec.problems.problem import name_rows

IN_MEMORY = 2**20  # rows of a file that are read at once
FEW = 20  # one row in so many, at most, has a word by a slip; a level has more
MISSING = "rows with a missing value in any column of the file"


@dataclass(frozen=True)
class Asked:
    """
    What a reader asks of data: a ``formula`` or a ``response``, the model, and what stands beside it.

    ``response`` alone stands for all other columns: numbers as they are, text as categories. ``offset``, ``weights`` and
    ``trials`` are columns or expressions such as "log(exposure)". With trials the response is a share or, where values exceed
    1, a count of successes.
    """

    family: str | Family
    formula: str | None = None
    response: str | None = None
    link: str | Link | None = None
    offset: str | None = None
    weights: str | None = None
    trials: str | None = None

    def row_weights(self, columns: Sequence[str]) -> str | None:
        """The expression of what multiplies a row's kernel, in data of those columns."""
        both = [_expression(part, columns) for part in (self.trials, self.weights) if part is not None]
        return " * ".join(f"({part})" for part in both) or None

    @property
    def model(self) -> Model:
        """The family and the link; raises ValueError for a name that is none, and for what does not go together."""
        model = model_of(self.family, self.link)
        if self.formula is None and self.response is None:
            raise ValueError("give a formula such as 'y ~ x + C(group)', or a response: then all other columns are inputs.")
        if self.formula is not None and self.response is not None:
            raise ValueError("give a formula or a response, and not both: the formula begins with its response.")
        if self.trials is not None and not isinstance(model.family, Binomial):
            raise ValueError(f"trials are those of a binomial response, and the family is {model.family}: leave them out.")
        if self.offset is not None and model.has_classes:
            raise ValueError("one offset for all classes moves no probability: leave it out of a multinomial model.")
        return model


def given(data: Any, **asked: Any) -> Problem:
    """
    The problem of data and what is `Asked` of them, of the kind "given"; it bears the name of the file.

    ``data`` are a CSV, Parquet or Feather file, or a frame. `spec.fit.formula.designed` says what formulas, families and links
    there are. Raises ValueError for what is no problem.

    >>> problem = given({"n": [1, 0, 2], "x": [0.0, 1.0, 2.0]}, response="n", family="poisson")
    >>> str(problem), str(problem.model), problem.data.columns
    ('data', 'poisson-log', ('x',))
    """
    wanted, opened = Asked(**asked), _opened(data)
    made = _made(opened, wanted)
    batch = joined(list(made.rows.read(2**16)))
    weights = None if wanted.weights is None else batch.weights
    if weights is not None and wanted.trials is not None:
        weights = _beside(made.response, opened, made.model, wanted.weights)[1]
    loaded = Data(batch.X, batch.y, batch.offset, weights, made.trials, made.rows.columns, made.outputs)
    name, source = (Path(data).stem, os.fspath(data)) if isinstance(data, (str, os.PathLike)) else ("data", "a frame")
    about = " ".join([f"{made.formula}, of {source}", *made.notes])
    return Problem(name, made.model, lambda: loaded, intercept=made.intercept, about=about)


def given_question(data: Any, **asked: Any) -> Question:
    """
    The question of data and what is `Asked` of them.

    The rows of a Parquet or Feather file of more than `IN_MEMORY` are read batch by batch, anew in each pass.
    """
    opened = _opened(data, IN_MEMORY)
    made = _made(opened, Asked(**asked))
    columns, subsets = made.rows.columns, _subsets(opened)
    question = Question(made.model, made.rows, made.intercept, columns, made.outputs, subsets=subsets)
    return replace(question, trials=made.trials, offset=name_of_offset(asked.get("offset")))


@dataclass(frozen=True, eq=False)
class _Made:
    """
    The model and the rows, whose weights have the trials as a factor; ``formula`` as it was applied; the trials (n,).

    ``outputs`` names the response, or its classes.
    """

    model: Model
    rows: Rows
    intercept: bool
    response: str
    outputs: tuple[str, ...]
    formula: str
    trials: np.ndarray | None
    notes: tuple[str, ...]


def _made(data: Any, asked: Asked) -> _Made:
    """What is asked, of data that are open."""
    model = asked.model
    columns = table_of(data).columns
    formula = asked.formula or _of_all_columns(asked, data)
    response, _, terms = (part.strip() for part in formula.partition("~"))
    trials = None
    if asked.trials is not None:
        y, trials = _beside(response, data, model, asked.trials)
        if are_counts(y, trials, response, asked.trials):
            formula = f"I({response} / ({_expression(asked.trials, columns)})) ~ {terms}"
    made = designed(formula, data, model.family, model.link, asked.row_weights(columns), asked.offset)
    intercept = bool(made.model.layers[-1].use_bias)
    outputs = made.outputs if model.has_classes else (response,)
    return _Made(model, replace(made.rows, outputs=outputs), intercept, response, outputs, formula, trials, made.notes)


def _beside(response: str, data: Any, model: Model, expression: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Return (y, values), (n,) each: the response of one output, and a column or an expression of the same rows."""
    rows = designed(f"{response} ~ 1", data, model.family, model.link, expression).rows
    y, values = zip(*[(batch.y[:, 0], batch.weights) for batch in rows.read(2**16)])
    return np.concatenate(y), np.concatenate(values)


def are_counts(y: np.ndarray, trials: np.ndarray, response: str, expression: str) -> bool:
    """
    Whether the response (n,) counts the successes of the trials (n,); else it is their share.

    ``response`` and ``expression`` name both in errors. Raises ValueError where it is neither, and where it may be either.
    """
    if (bad := np.flatnonzero(~(trials > 0) | (trials % 1 != 0))).size:
        raise ValueError(
            f"trials are whole numbers of at least 1, but {expression} is {trials[bad[0]]:g} in row {bad[0]}: drop such rows."
        )
    if not (y > 1).any():
        if np.isin(y, (0, 1)).all() and (trials > 1).any():
            raise ValueError(
                f"{response} is 0 or 1 in every row, of up to {trials.max():g} trials: a share, or a count of successes? Divide "
                f"it by {expression} if it is a count, as in I({response} / {expression}), and multiply it if it is a share."
            )
        return False
    if (bad := np.flatnonzero((y % 1 != 0) | (y > trials) | (y < 0))).size:
        raise ValueError(
            f"{response} exceeds 1 in some row, so it counts successes; but in {name_rows(bad.tolist())} it is no whole number "
            f"from 0 to {expression}: it is {y[bad[0]]:g} of {trials[bad[0]]:g}."
        )
    return True


# -- tables ------------------------------------------------------------------------------------------------------------------


def _opened(data: Any, most: float = np.inf) -> Any:
    """Data that `designed` takes: a file's table in memory if it has at most ``most`` rows, else a dataset, read in batches."""
    if not isinstance(data, (str, os.PathLike)):
        return data
    path = Path(data)
    if not path.exists():
        raise ValueError(f"there is no file {path}.")
    form = form_of(path)
    try:
        if form == "csv":
            return csv_frame(path)
        dataset = data_set(os.fspath(path), form)
        return dataset.to_table() if dataset.count_rows() <= most else dataset
    except ImportError as error:
        raise ValueError(f"{path} needs the package pyarrow: pip install pyarrow.") from error
    except TableError:
        raise
    except (ValueError, OSError) as error:  # of pandas and of pyarrow, whose errors are such
        raise ValueError(f"{path} is no {form} file: {first_line(error).rstrip('.')}.") from error


def _of_all_columns(asked: Asked, data: Any) -> str:
    """The formula of a response on all other columns but those that stand beside it: numbers as they are, text as categories."""
    table = table_of(data)
    if asked.response not in table.columns:
        raise ValueError(f"there is no column {asked.response}: the columns are {', '.join(table.columns)}.")
    beside = {asked.response, *needs(asked.row_weights(table.columns), table), *needs(asked.offset, table)}
    others = [name for name in table.columns if name not in beside]
    if not others:
        raise ValueError(f"there is no column but {asked.response} to explain it by: write --formula '{asked.response} ~ 1'.")
    first = next(frames(table, others))
    return f"{_column(str(asked.response))} ~ {' + '.join(_term(first[name], name, len(first)) for name in others)}"


def _term(column: Any, name: str, rows: int) -> str:
    """A column in a formula. Raises ValueError for one that is neither numbers nor categories."""
    check_kind(column, name)
    if pandas_module().api.types.is_numeric_dtype(column):
        return _column(name)
    _refuse_a_slip(column, name)
    levels = column.nunique()
    if levels > 20 and 2 * levels > rows:
        raise ValueError(
            f"column {name} has {levels} different texts in {rows} rows, so it names rows and no categories: write a formula "
            "without it."
        )
    return f"C({_column(name)})"


def _refuse_a_slip(column: Any, name: str) -> None:
    """Raise ValueError for a column of numbers in which hardly any row has a word, for which all would become levels."""
    odd = [row for row, value in enumerate(column) if isinstance(value, str) and not reads_as_number(value)]
    if 0 < len(odd) <= max(len(column) // FEW, 1) and column.nunique() - len({column.iloc[row] for row in odd}) > 1:
        raise ValueError(
            f"column {name} is text, since {column.iloc[odd[0]]!r} in row {odd[0]} is no number: mend or drop such rows; or "
            f"write a formula with C({name}), if its values are levels."
        )


def _column(name: str) -> str:
    """The name of a column as formulas take it: in backticks where Python would not take it for a name."""
    return name if name.isidentifier() and not iskeyword(name) else f"`{name}`"


def _expression(expression: str, columns: Sequence[str]) -> str:
    """An expression, or the name of a column as formulas take it."""
    return _column(expression) if expression in columns else expression


def _subsets(data: Any) -> Mapping[str, np.ndarray]:
    """The rows that are left where a program drops those with a missing value, in a column of the formula or not."""
    table = table_of(data)
    if not table.whole:
        return {}
    frame: Frame = next(table.read(list(table.columns), table.total))
    complete = ~frame.isna().any(axis=1).to_numpy()
    return {} if complete.all() else {MISSING: complete}


OPTIONS = tuple(field.name for field in fields(Asked))
