"""
Many fits of one design in one call: bootstrap resamples, folds, or many responses.

Each is what `spec.fit.fit` makes of the same column; they are made side by side (`spec.fit.batched`), and the few that do not
reach their optimum there are made by themselves, which also says why one has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from spec.engines.keras.backend import BACKEND
from spec.fit.batched import Climbed, Fits
from spec.fit.checks import find_wrong, without_weightless
from spec.fit.contribution import in_float64
from spec.fit.elements import Formulas, elements
from spec.fit.fitting import SAMPLE, refuse_weights
from spec.fit.labels import refuse_reordered
from spec.fit.numeric import numbers
from spec.fit.optimise import at_work, optimise, output
from spec.fit.reading import NotRead, Reading, build, read
from spec.fit.responses import UNLIKE, are_whole, may_be_rates, no_counts, usable
from spec.fit.result import Fitted
from spec.fit.rows import Batch, Rows
from spec.fit.sources import source
from spec.fit.task import Task, null_free
from spec.fit.workers import one_blas_thread
from spec.model import Model, Params

if TYPE_CHECKING:
    from spec.engines.keras.versions import keras

PIECE = 2**20  # numbers of a column for each fit that are looked at together
AT_ONCE = 2**23  # weights that are converted to float64 once, and not in each pass


@dataclass(frozen=True, eq=False)
class Many:
    """
    The results of many fits of one design, a row for each of the B fits.

    ``coefficients`` (B, q) have the intercept first, where there is one; ``standard_errors`` (B, q) are None if they were not
    asked for. Units: eta per unit of the column. ``dispersion`` is Pearson's estimate, or 1 where the family has none,
    ``distance`` the estimated distance from the optimum, in standard errors, and ``iterations`` counts the passes over the rows
    (all (B,)). A fit that has not ``converged`` (B,) is NaN throughout, and ``reasons`` says why, by its number. ``terms`` name
    the q coefficients.
    """

    model: Model
    coefficients: np.ndarray
    standard_errors: np.ndarray | None
    dispersion: np.ndarray
    distance: np.ndarray
    iterations: np.ndarray
    converged: np.ndarray
    reasons: Mapping[int, str]
    terms: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.coefficients)

    def params(self, number: int) -> Params:
        """The parameters of one fit: the intercept (1,), 0 where there is none, and the coefficients (p, 1)."""
        own = self.coefficients[number][:, None]
        return Params.from_matrix(own) if self.terms[:1] == ("intercept",) else Params(np.zeros(1), own)

    def to_frame(self) -> Any:
        """A pandas DataFrame of the coefficients: a row for each fit, a column for each term."""
        import pandas

        return pandas.DataFrame(self.coefficients, index=pandas.RangeIndex(len(self), name="fit"), columns=list(self.terms))


def fit_many(
    model: keras.Model,
    X: Any,
    y: Any = None,
    *,
    weights: Any = None,
    offset: Any = None,
    bootstrap: int | None = None,
    seed: int = 0,
    quasi: bool | None = None,
    standard_errors: bool = True,
    tolerance: float = 1e-6,
) -> Many:
    """
    The optima of B fits of one compiled Keras model of one output to the same rows of X, as `fit` finds each of them.

    Where ``weights``, ``y`` or ``offset`` have B columns, (n, B), each fit takes its own; one column, (n,) or (n, 1), is shared.
    ``bootstrap=B`` draws the weights: how often each of B resamples of n rows has each row, of the generator ``seed``; they
    multiply ``weights``. X is whatever `fit` takes whose number of rows is known. The model keeps its weights.

    Standard errors are those of `fit` at these weights. A fit ends when its estimated distance from the optimum is below
    ``tolerance`` standard errors. One that has no optimum, such as a resample that is separated, is NaN, with the reason. Where
    the log-likelihood is not concave (a cauchit link, say) the fits are made one after another.

    Raises ValueError where `fit` does, for weights of a fit that are all zero, for a softmax and for a penalty.

    >>> import keras, numpy as np
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile(loss="mse")
    >>> many = fit_many(model, X=[[0.0], [1.0], [2.0]], y=[[1.0, 1.0], [2.0, 2.0], [6.0, 3.0]])  # two responses
    >>> many.coefficients.round(6)  # of each the intercept and the slope
    array([[0.5, 2.5],
           [1. , 1. ]])
    """
    refuse_reordered({"X": X, "y": y, "weights": weights, "offset": offset})
    own = None if weights is None else _table(weights, "weights")
    number = _number({"weights": own, "y": y, "offset": offset, "bootstrap": bootstrap})
    inputs = build(model, X, lambda: source(X, y, None, offset))
    total = source(X, y, None, offset, inputs=inputs).total
    if total is None:
        raise ValueError("fit_many takes data whose number of rows is known: arrays, tables or files, and no stream.")
    if bootstrap is not None:
        if own is not None and len(own) != total:
            raise ValueError(f"weights has {len(own)} rows, but y has {total}.")
        counts = _resamples(total, bootstrap, seed)
        own = counts if own is None else counts * own
    if own is not None:
        _check_weights(own)
        own = own.astype(float) if own.size <= AT_ONCE else own
    given = source(X, y, None if own is None else own.mean(axis=1), offset, inputs=inputs).map(without_weightless)
    BACKEND.enable_float64()
    with in_float64:
        reading = read(model, usable(given.map(_first), SAMPLE))
    _refuse(reading)
    refuse_weights(reading, lambda: own is not None)
    reading = reading.settled(given)
    rows = reading.rows(given)
    of_fit = np.broadcast_to(no_counts(reading.model, rows) if quasi is None else bool(quasi), number)
    find_wrong(reading.model, rows, bool(of_fit.any()))
    of_rates = quasi is None and own is not None and may_be_rates(reading.model)
    several = _Several(reading, given, rows, np.ones((total, 1)) if own is None else own, number, of_fit, of_rates, tolerance)
    return several.fitted(standard_errors)


# -- what is given ---------------------------------------------------------------------------------------------------------------


def _table(values: Any, part: str) -> np.ndarray:
    """The numbers as a table, in their own type."""
    if isinstance(values, str):
        raise ValueError(f"{part} is the name {values!r}: give fit_many the numbers.")
    table = np.asarray(numbers(values, part)[:])
    return table.reshape(len(table), -1)


def _number(parts: dict[str, Any]) -> int:
    """How many fits there are."""
    counts = {part: values if part == "bootstrap" else _width(values) for part, values in parts.items() if values is not None}
    drawn = counts.get("bootstrap", 1)
    if isinstance(drawn, bool) or not (isinstance(drawn, (int, np.integer)) and drawn > 0):
        raise ValueError(f"bootstrap is {drawn!r}: it is the number of resamples, such as 1000.")
    several = {part: count for part, count in counts.items() if count > 1}
    if len(set(several.values())) > 1:
        said = ", ".join(f"{part} {count}" for part, count in several.items())
        raise ValueError(f"each fit has a column of its own, but the numbers of columns differ: {said}.")
    return next(iter(several.values()), 1)


def _width(values: Any) -> int:
    shape = np.shape(values)
    return int(shape[1]) if len(shape) > 1 else 1


def _resamples(rows: int, number: int, seed: int) -> np.ndarray:
    """The number of times (n, B) that each row is in each of ``number`` resamples, which have as many rows."""
    rng, kind = np.random.default_rng(seed), np.uint16 if rows > 200 else np.uint8
    counts = np.empty((rows, number), dtype=kind)
    for one in range(number):
        counts[:, one] = np.bincount(rng.integers(rows, size=rows), minlength=rows)
    return counts


def _check_weights(weights: np.ndarray) -> None:
    """Raise ValueError for a weight that is negative or not finite, and for a fit whose weights are all zero."""
    some = np.zeros(weights.shape[1], dtype=bool)
    for first, piece in _pieces(weights):
        if not (piece.min() >= 0 and piece.max() < np.inf):
            wrong = ~(np.isfinite(piece) & (piece >= 0))
            row, column = np.argwhere(wrong)[0].tolist()
            where = f"row {first + row}, column {column + 1}" if len(some) > 1 else f"row {first + row}"
            raise ValueError(f"the weight in {where} is {piece[row, column]:g}: a weight is finite and at least 0.")
        some |= piece.any(axis=0)
    if not some.all():
        where = f"column {int(np.argmin(some)) + 1} of weights is all zero" if len(some) > 1 else "all weights are zero"
        raise ValueError(f"{where}: no row counts.")


def _pieces(table: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    size = max(1, PIECE // table.shape[1])
    return ((first, table[first : first + size]) for first in range(0, len(table), size))


def _refuse(reading: Reading) -> None:
    if reading.model.has_classes or reading.several:
        kind = "a softmax" if reading.model.has_classes else f"a model of {reading.outputs} outputs"
        raise NotRead(f"fit_many takes a model of one output, and this is {kind}: call fit once for each fit.")
    if reading.penalty:
        raise NotRead("fit_many takes no penalty: leave the regularizer out, or call fit once for each fit.")


def _first(batch: Batch) -> Batch:
    return replace(output(batch, 0), offset=None)


# -- the fits --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Several:
    """
    The fits of a model that was read: of ``given`` rows, which as the Dense layer takes them are ``rows``.

    Their weights are the mean of all fits', and y and offset have a column for each, or one.
    """

    reading: Reading
    given: Rows
    rows: Rows
    weights: np.ndarray
    number: int
    of_fit: np.ndarray  # (B,) whether it is a quasi-likelihood
    of_rates: bool  # whether fits whose weight times response is whole are those of the counts
    tolerance: float

    def fitted(self, standard_errors: bool) -> Many:
        """The results of all fits."""
        with in_float64, one_blas_thread, at_work(self.rows) as rows:
            found = self._side_by_side(rows)
        reasons: dict[int, str] = {}
        for one in np.flatnonzero(~found.converged).tolist():
            alone = self._alone(one, standard_errors)
            found.passes[one] += len(alone.passes)
            found.converged[one], found.distance[one], found.dispersion[one] = alone.converged, alone.distance, alone.dispersion
            found.free[:, one], found.errors[:, one] = alone.coefficients[:, 0], alone.standard_errors[:, 0]
            if not alone.converged:
                reasons[one] = alone.reason
        with in_float64:
            reasons.update(self._departures(found))
        if self.quasi and not self.reading.model.family.has_dispersion:
            whole = ~self.of_fit | (self._of_counts(found.dispersion) if self.of_rates else False)
            found.errors[:, whole] /= np.sqrt(found.dispersion[whole])
            found.dispersion[whole] = 1.0
        lost = list(reasons)
        found.converged[lost] = False
        for part in (found.free, found.errors, found.dispersion, found.distance):
            part[..., lost] = np.nan
        columns = self.rows.columns or tuple(f"x{j}" for j in range(1, len(found.free) + 1 - self._intercept))
        return Many(
            self.reading.model,
            found.free.T,
            found.errors.T if standard_errors else None,
            found.dispersion,
            found.distance,
            found.passes,
            found.converged,
            reasons,
            ("intercept", *columns) if self._intercept else tuple(columns),
        )

    @property
    def quasi(self) -> bool:
        """Whether a dispersion is estimated; fits of counts then lose theirs at the end."""
        return bool(self.of_fit.any())

    @property
    def _intercept(self) -> bool:
        return bool(self.reading.linear.use_bias)

    def _side_by_side(self, rows: Rows) -> Climbed:
        """The fits that are made side by side: from the fit of their mean weights, or each from its mean response."""
        model, (first, mean) = self.reading.model, (rows.map(partial(output, number=0)), self.rows.sample(1))
        task = Task.of(model, first, self._intercept, self.quasi)
        if not model.is_log_concave:
            none = np.full((len(task.basis), self.number), np.nan)
            numbers = np.full(self.number, np.nan)
            passes = np.zeros(self.number, dtype=int)
            return Climbed(none, none.copy(), numbers, numbers.copy(), passes, passes > 0)
        own = elements(model, task.kind.dispersion)
        fits = Fits(model, rows, self.weights, self._intercept, task.basis, task.kind, own)
        start = null_free(task.known)
        if mean.y.shape[1] > 1 and self._intercept:
            start = start + np.zeros((1, self.number))
            start[0], start[1:] = self._levels(rows), 0.0
        elif self.weights.shape[1] > 1:
            shared = replace(fits, rows=first, weights=self.weights.mean(axis=1, keepdims=True), elements=Formulas(model))
            base = shared.climb(start, 1, 1e-2)
            start = base.free if base.converged.all() else start
        return fits.climb(start, self.number, self.tolerance)

    def _levels(self, rows: Rows) -> np.ndarray:
        """The intercepts (B,) with which each fit's mean is its mean response, nearly where there is an offset."""
        sums: Any = 0.0
        for batch, weights in self._with_weights(rows):
            offset = np.zeros((1, 1)) if batch.offset is None else batch.offset
            parts = np.broadcast_arrays(weights * batch.y, weights * offset, weights + 0.0 * batch.y)
            sums = sums + np.stack([part.sum(axis=0) for part in parts])
        mean, offset, _ = sums / sums[2]
        with np.errstate(all="ignore"):
            return self.reading.model.link(mean) - offset

    def _with_weights(self, rows: Rows) -> Iterator[tuple[Batch, np.ndarray]]:
        first = 0
        for batch in rows.read(max(1, PIECE // self.number)):
            yield batch, self.weights[first : first + len(batch)]
            first += len(batch)

    def _of_counts(self, dispersion: np.ndarray) -> np.ndarray:
        """The fits whose rates are counts over weights, see `spec.fit.responses.are_rates`."""
        differ = (self.weights != self.weights[:1]).any(axis=0)
        whole = (self.weights != 1).any(axis=0) & (differ | (dispersion < UNLIKE))
        for batch, weights in self._with_weights(self.rows):
            whole &= are_whole(weights * batch.y).all(axis=0)
        return whole

    def _alone(self, number: int, standard_errors: bool) -> Fitted:
        rows = self._of_fit(self.rows, number)
        settings = {"standard_errors": standard_errors, "tolerance": self.tolerance}
        return optimise(self.reading.model, rows, self._intercept, quasi=bool(self.of_fit[number]), **settings)

    def _of_fit(self, rows: Rows, number: int) -> Rows:
        return rows.map_numbered(partial(_own, weights=self.weights, number=number)).map(without_weightless)

    def _departures(self, found: Climbed) -> dict[int, str]:
        """Reasons, by the number of the fit, where the model's own loss has a slope at the answer; none for Keras's own parts."""
        reasons: dict[int, str] = {}
        if self.reading.known:
            return reasons
        for one in np.flatnonzero(found.converged).tolist():
            matrix = found.free[:, [one]]
            params = Params.from_matrix(matrix) if self._intercept else Params(np.zeros(1), matrix)
            if wrong := self.reading.departure(params, self._of_fit(self.given, one)):
                reasons[one] = wrong
        return reasons


def _own(batch: Batch, first: int, weights: np.ndarray, number: int) -> Batch:
    """The batch as one fit has it."""

    def column(table: np.ndarray) -> np.ndarray:
        return table if table.shape[1] == 1 else table[:, number : number + 1]

    own = column(weights[first : first + len(batch)])[:, 0].astype(float)
    return Batch(batch.X, column(batch.y), own, None if batch.offset is None else column(batch.offset))
