"""
A formula and data to a Keras model and the rows of its design: ``"claims ~ age + C(region) + bs(power, 4)"``.

The formulas are those of the package formulaic, which R and statsmodels know too. What a formula takes from the data (the levels
of a categorical column, the knots of a spline, the mean of ``center``) is fixed once, and then used for every row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Optional

import numpy as np

from spec.engines.keras.network import BUILT_IN, NegativeLogLikelihood, activation
from spec.engines.keras.versions import keras
from spec.families import Binomial, Family, Multinomial
from spec.fit.cluster import present_workers
from spec.fit.frames import Frame, Table, check_kind, frames, listed_levels, pandas_module, sample_of, seen_levels, table_of
from spec.fit.named import model_of
from spec.fit.parsed import formula_of, known_columns, names_of, needs, parsed
from spec.fit.part import Part, is_number
from spec.fit.rows import Batch, Rows, of_arrays, of_pieces
from spec.links import Link
from spec.model import Model

Take = Callable[[Frame], Optional[np.ndarray]]
BATCH = 2**23  # numbers of a design that are made at once


@dataclass(frozen=True, eq=False)
class Designed:
    """
    A formula applied to data: the compiled Keras model that it asks for, and the rows of its design.

    ``outputs`` names the response, or the classes of a multinomial one. ``event`` is the level of a text response whose
    probability a binomial model gives, the second of two. ``notes`` are sentences about what was done with the data.
    """

    model: keras.Model
    rows: Rows
    response: str
    outputs: tuple[str, ...]
    event: str | None
    notes: tuple[str, ...]
    _design: Part
    _offset: Part | bool  # an expression, or whether there was an offset

    def prepared(self, data: Any, offset: Any = None) -> Rows:
        """
        The design of other data, with zeros for y. The offset is the formula's own expression, unless another is given.

        Raises ValueError where a column is missing, has missing values, or has a level that the fit did not see.
        """
        table = table_of(data)
        if offset is None and self._offset is True:
            raise ValueError("the fit had an array for its offset: give offset= for these rows too.")
        own = self._offset if offset is None and isinstance(self._offset, Part) else None
        needed = known_columns([*self._design.needs, *(own.needs if own else needs(offset, table))], table)
        if not table.total:
            return replace(of_arrays(np.zeros((0, len(self.rows.columns))), None, None, None), columns=self.rows.columns)
        first = next(frames(table, needed)) if isinstance(offset, str) else None
        take_offset = own or _numbers("offset", offset, first, table)[0]
        k = len(self.outputs)

        return _rows(table, needed, _Made(self._design, partial(_zeros, k), _none, take_offset), self.rows.columns)


def designed(
    formula: str,
    data: Any,
    family: str | Family,
    link: str | Link | None = None,
    weights: Any = None,
    offset: Any = None,
) -> Designed:
    """
    The compiled Keras model of a formula, and the rows of its design.

    ``family`` and ``link`` are those of `spec.families` and `spec.links`, or their names, such as "negative-binomial(0.5)". The
    default link is the canonical one, but the log for gamma, negative binomial and Tweedie. ``weights`` and ``offset`` are
    columns, expressions such as "log(exposure)", or arrays. The response is numeric; for a binomial model also a column of two
    levels, the second of which is the event, or a share with the trials for weights; for a multinomial one a column of classes.

    The data are a data frame (pandas, Polars), a pyarrow Table, a dict of columns, a CSV file: all in memory. Or a Parquet or
    Feather file or a pyarrow Dataset: they are read in batches. Then a first pass finds the levels of categorical columns and
    the extremes of numeric ones, and the formula is fixed on a sample of the rows that has them all: knots at quantiles are
    those of the sample, and so are the mean and the spread in ``center``, ``scale`` and ``poly``.

    Missing values are an error. The levels of text are sorted, those of a categorical column keep their order; levels without
    rows are left out, and the first level is the baseline. A bool column is 0 or 1. The natural splines ``cr`` and ``cs`` contain
    the intercept: write ``cr(x, df=4, constraints='center')`` beside it.
    """
    table = table_of(data)
    if not table.total:
        raise ValueError("the data have no rows.")
    model = model_of(family, link)
    beside = [*needs(weights, table), *needs(offset, table)]
    lhs, rhs = parsed(formula, [name for name in table.columns if name not in beside])
    needed = known_columns([*names_of(lhs), *names_of(rhs), *beside], table)
    if "Intercept" in needed:
        raise ValueError("a column is called Intercept, as formulas call their own: give it another name, or leave it out.")
    (factor,) = lhs[0].factors
    response = re.sub(r"^C\(`?([^(),`]+)`?\)$", r"\1", factor.expr)
    factors = {one.expr: one for term in rhs for one in term.factors}
    groups = [known_columns(names_of(formula_of(expr)), table) for expr in factors if expr.startswith("C(")]
    if response in needed and isinstance(model.family, Multinomial):
        groups.append([response])
    sample, chosen = (next(frames(table, needed)), None) if table.whole else sample_of(table, needed, groups)
    sample, notes = seen_levels(sample)
    for expr in factors:
        if expr in needed:
            check_kind(sample[expr], expr)

    design, X = Part.fixed(rhs, sample)
    take_y, outputs, event = _response(response, model.family, sample)
    take_weights, _ = _numbers("weights", weights, sample, table)
    take_offset, own = _numbers("offset", offset, sample, table)
    if event is not None:
        notes = (*notes, f"the event is that {response} is {event}.")

    made = _Made(design, take_y, take_weights, take_offset)
    if chosen is None:
        rows = replace(of_arrays(*made(sample, X).parts), columns=design.names)
    else:
        rows = _rows(table, needed, made, design.names)
        rows = replace(rows, draw=partial(_drawn, made, sample.loc[chosen]))
    layers = _layers(model, len(design.names), len(outputs), design.intercept)
    return Designed(layers, rows, response, outputs, event, notes, design, own or offset is not None)


@dataclass(frozen=True, eq=False)
class _Made:
    """Makes a batch of a frame, in any process."""

    design: Part
    y: Take
    weights: Take
    offset: Take

    def __call__(self, frame: Frame, X: np.ndarray | None = None) -> Batch:
        return Batch.of(self.design(frame) if X is None else X, self.y(frame), self.weights(frame), self.offset(frame))


def _rows(table: Table, needed: list[str], made: _Made, names: tuple[str, ...]) -> Rows:
    """The rows of a table, made batch by batch; those in memory are made once."""
    if table.whole:
        return replace(of_arrays(*made(next(frames(table, needed))).parts), columns=names)
    most = int(np.clip(BATCH // max(len(names), 1), 2**12, 2**16))
    if blocks := table.blocks(needed, made, most):
        return Rows(blocks, None, table.total, names, workers=present_workers(blocks))
    return of_pieces(partial(_frames, table, needed, most), partial(_of_frame, made), table.total, names)


def _frames(table: Table, needed: list[str], most: int, size: int) -> Iterator[Frame]:
    """Frames of at most ``most`` rows, however many are asked for."""
    return frames(table, needed, most)


def _of_frame(made: _Made, frame: Frame, first: int) -> Batch:
    return made(frame)


def _drawn(made: _Made, frame: Frame, size: int) -> Batch:
    return made(_fewer(frame, size))


def _fewer(frame: Frame, size: int) -> Frame:
    """About as many rows as ``size``, drawn by chance, in their order."""
    return frame if len(frame) <= size else frame.iloc[np.sort(np.random.default_rng(0).choice(len(frame), size, replace=False))]


# -- the model -----------------------------------------------------------------------------------------------------------------


def _layers(model: Model, p: int, k: int, intercept: bool) -> keras.Model:
    """The network of a model as its user would write it: Keras's own activation and loss where it has them."""
    inputs = keras.Input((p,))
    layer = keras.layers.Dense(k, activation=activation(model.link), use_bias=intercept, kernel_initializer="zeros")
    network = keras.Model(inputs, layer(inputs))
    own = model.is_canonical and type(model.family) in BUILT_IN
    network.compile(loss=BUILT_IN[type(model.family)][0]() if own else NegativeLogLikelihood(model.family))
    return network


# -- response, weights, offset -------------------------------------------------------------------------------------------------


def _numbers(part: str, given: Any, frame: Frame, table: Table) -> tuple[Take, Part | None]:
    """Return (take, own): what gives the numbers of ``part`` for a frame, and the expression that it is, if it is one."""
    if given is None:
        return _none, None
    if isinstance(given, str):
        own = _expression(part, f"`{given}`" if given in table.columns else given, frame)
        return own, own
    if isinstance(given, (list, tuple)) and given and isinstance(given[0], str):
        raise ValueError(f"{part} is a list of text: give one name or expression, such as {part}={given[0]!r}, or the numbers.")
    array = np.asarray(given, dtype=float)
    if array.ndim == 0:
        raise ValueError(f"{part} is one number, {given}: give one for each row, or the name of a column.")
    if not table.numbered:
        raise ValueError(f"{part} is an array, but the data are partitions of Dask: make it a column of them.")
    if len(array) != table.total:
        raise ValueError(f"{part} has {len(array)} rows, but the data have {table.total}.")
    return partial(_numbered, array), None


def _expression(part: str, expression: str, frame: Frame) -> Part:
    """An expression that gives one number for each row."""
    formula = formula_of(f"0 + {{{expression}}}")
    found, matrix = Part.fixed(formula, frame)
    if matrix.shape[1] != 1 or found.spec.factor_contrasts:
        what = "text or levels" if found.spec.factor_contrasts else f"{matrix.shape[1]} columns"
        raise ValueError(f"{part}: {expression.strip('`')} is {what}, and not one number for each row.")
    return found


def _response(name: str, family: Family, sample: Frame) -> tuple[Take, tuple[str, ...], str | None]:
    """Return (take, outputs, event): what gives y for a frame, and what its columns mean."""
    has_classes = isinstance(family, Multinomial)
    if name not in sample:
        if has_classes:
            raise ValueError(f"the response of a multinomial model is a column of classes, not {name}.")
        return _expression("the response", name, sample), (name,), None
    check_kind(sample[name], name)
    if is_number(sample[name]) and not has_classes:
        return partial(_column, name), (name,), None
    levels = list(sample[name].astype("category").cat.categories)  # sorted, or in the order of a categorical column
    if has_classes and (len(levels) < 2 or any(isinstance(level, float) and level % 1 for level in levels)):
        raise ValueError(f"the response of a multinomial model is a column of classes, but {name} has {listed_levels(levels)}.")
    if not has_classes and not (isinstance(family, Binomial) and len(levels) == 2):
        wanted = "numbers, or two levels" if isinstance(family, Binomial) else "numbers"
        raise ValueError(f"the response of a {family} model is {wanted}, but {name} has the levels {listed_levels(levels)}.")
    indicators = partial(_indicators, name, levels, np.arange(len(levels)) if has_classes else 1)
    said = tuple(str(level) for level in levels)
    return indicators, (said if has_classes else (name,)), (None if has_classes else said[1])


# -- parts of a batch, made of a frame in any process --------------------------------------------------------------------------


def _none(frame: Frame) -> None:
    return None


def _zeros(k: int, frame: Frame) -> np.ndarray:
    return np.zeros((len(frame), k))


def _column(name: str, frame: Frame) -> np.ndarray:
    return np.asarray(frame[name].to_numpy(float))


def _numbered(array: np.ndarray, frame: Frame) -> np.ndarray:
    """The numbers of an array beside the data."""
    return array[frame.index]


def _indicators(name: str, levels: list[Any], wanted: Any, frame: Frame) -> np.ndarray:
    """Whether a column has the levels that are wanted, by their numbers."""
    codes = pandas_module().Categorical(frame[name], categories=levels).codes[:, None]
    return np.asarray((codes == wanted).astype(float))
