"""
Many fits of one design side by side: they are one Dense layer with a unit for each, whose loss is a sum over its units.

So eta is one product for all fits, and so are their scores, X' R, and their informations: the products of each pair of columns,
times the information of the rows. All fits take Newton's steps at once; a fit that has converged drops out. It is for models with
a concave log-likelihood: there a score of zero is the optimum, and a step is too long if the slope at its end leads back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import NamedTuple

import numpy as np

from spec.domains import REAL
from spec.existence import may_separate
from spec.fit.convergence import REST, ROUNDING, SETTLED, Kind
from spec.fit.elements import SIZE, Formulas, Told
from spec.fit.maximise import HALVINGS
from spec.fit.rows import Rows
from spec.model import Model
from spec.scoring import BACK, UNKNOWN

MOST = 20  # passes: what has not converged by then may have no optimum
WIDTH = 64  # fits of a tile, at least, where there are as many
CELLS = 2**21  # numbers of the informations of the fits that climb side by side
PAIRS = 64  # products of two columns that are summed at a time
NARROW = 32  # columns: of fewer the products are kept, for all fits of some rows


@dataclass(frozen=True, eq=False)
class Columns:
    """
    The ``design`` of some rows (q, r), and the ``basis`` in which it is nearly orthonormal.

    Products of pairs of columns are computed once and used by every tile.
    """

    design: np.ndarray
    basis: np.ndarray

    @classmethod
    def of(cls, X: np.ndarray, intercept: bool, basis: np.ndarray) -> Columns:
        return cls(np.vstack([np.ones((int(intercept), len(X))), X.T]), basis)

    @cached_property
    def products(self) -> list[np.ndarray]:
        """The products of each pair of columns in the basis, (s, r), in parts. They are not kept where columns are many."""
        return list(self._products())

    def _products(self) -> Iterator[np.ndarray]:
        white, (i, j) = self.basis.T @ self.design, _lower(len(self.basis))
        return (white[i[start : start + PAIRS]] * white[j[start : start + PAIRS]] for start in range(0, len(i), PAIRS))

    def score(self, slope: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """X' (slope * weights), (q, f), of slopes (r, f) or (r, 1) and weights of either shape."""
        return _weighted(self.design, slope, weights)

    def informations(self, each: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The lower triangles of X' diag(each * weights) X, (q, q, f) with zeros above; the shapes are those of `score`."""
        q = len(self.basis)
        products = self.products if q <= NARROW else self._products()
        triangles = np.concatenate([_weighted(some, each, weights) for some in products])
        found = np.zeros((q, q, triangles.shape[1]))
        found[_lower(q)] = triangles
        return found


def _weighted(matrix: np.ndarray, each: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """matrix @ (each * weights), where one column of either is shared."""
    if each.shape[1] == 1:
        return (matrix * each[:, 0]) @ weights
    return matrix @ (each * weights)


class Tile(NamedTuple):
    """
    Some rows of some fits: their columns, and numbers of each fit (r, f), or numbers that all fits share (r, 1).

    ``told`` is given if the fits share their eta.
    """

    columns: Columns
    y: np.ndarray
    offset: np.ndarray | None
    weights: np.ndarray
    free: np.ndarray
    part: np.ndarray  # the numbers of these fits among those that are asked for
    told: Told | None = None

    @property
    def eta(self) -> np.ndarray:
        """The linear predictors, (r, f) or (r, 1)."""
        eta = self.columns.design.T @ self.free
        eta = eta if self.offset is None else eta + self.offset
        return eta if eta.shape[1] >= self.y.shape[1] else np.broadcast_to(eta, self.y.shape)


class Sums(NamedTuple):
    """
    Sums over rows, a column for each of f fits: the score (q, f), the lower triangles of the informations (q, q, f).

    ``pearson`` is Pearson's X^2, (f,), and ``outside`` (f,) counts the rows whose eta is outside the domain.
    """

    score: np.ndarray
    expected: np.ndarray
    observed: np.ndarray
    pearson: np.ndarray
    outside: np.ndarray


@dataclass(frozen=True, eq=False)
class Climbed:
    """Where fits ended: free parameters and their standard errors (q, f), a column for each fit; the rest (f,)."""

    free: np.ndarray
    errors: np.ndarray
    dispersion: np.ndarray
    distance: np.ndarray
    passes: np.ndarray
    converged: np.ndarray


@dataclass(frozen=True, eq=False)
class Fits:
    """
    Fits of one design. Fit b uses column b of the weights, of y and of the offset.

    If there is one column, all fits use it.
    """

    model: Model
    rows: Rows
    weights: np.ndarray
    intercept: bool
    basis: np.ndarray
    kind: Kind
    elements: Formulas  # or of a network: `spec.fit.elements.Elements`

    # -- sums over the rows -----------------------------------------------------------------------------------------------------
    def sums(self, free: np.ndarray, fits: np.ndarray) -> Sums:
        """The sums of some fits, by their numbers, at free parameters (q, f), or (q, 1) which they share."""
        return Sums(*self._over(self._summed, free, fits))

    def _over(self, function: Callable[[Tile], Iterable[np.ndarray]], free: np.ndarray, fits: np.ndarray) -> list[np.ndarray]:
        """The results of a function of tiles, summed over the rows, for each fit."""
        width = min(len(fits), max(WIDTH, SIZE // max(self.rows.total or 1, 1)))
        parts = np.array_split(np.arange(len(fits)), -(-len(fits) // width))
        found: list[list[np.ndarray]] = [[] for _ in parts]
        for number, sums in enumerate(self.rows.workers.run(function, self._tiles(free, fits, parts, SIZE // width))):
            part = number % len(parts)
            found[part] = [one + other for one, other in zip(found[part], sums)] if found[part] else list(sums)
        return [np.concatenate(each, axis=-1) for each in zip(*found)]

    def bend(self, free: np.ndarray, step: np.ndarray, fits: np.ndarray) -> np.ndarray:
        """The second-order term of the score along a step (q, f), from free parameters that the fits share."""
        return self._over(partial(self._bent, step=step), free, fits)[0]

    def _bent(self, tile: Tile, step: np.ndarray) -> tuple[np.ndarray]:
        link, eta, design = self.model.link, tile.eta, tile.columns.design
        third = -self.model.working_weight(eta) / link.inverse_derivative(eta) * link.inverse_second_derivative(eta)
        return (_weighted(design, third / 2, tile.weights * (design.T @ step[:, tile.part]) ** 2),)

    def _tiles(self, free: np.ndarray, fits: np.ndarray, parts: list[np.ndarray], rows: int) -> Iterator[Tile]:
        first, is_shared = 0, free.shape[1] == 1
        for batch in self.rows.batches(rows):
            columns = Columns.of(batch.X, self.intercept, self.basis)
            weights = self.weights[first : first + len(batch)]
            first += len(batch)
            told = None
            for part in parts:
                of = fits[part]
                offset = None if batch.offset is None else _columns(batch.offset, of)
                tile = Tile(columns, _columns(batch.y, of), offset, _columns(weights, of), _columns(free, part), part)
                if is_shared and (eta := tile.eta).shape[1] == 1:
                    told = told or self.elements(eta, tile.y)
                yield tile._replace(told=told)

    def _summed(self, tile: Tile) -> Sums:
        eta, weights = tile.eta, tile.weights
        slope, expected, observed, pearson = tile.told or self.elements(eta, tile.y)
        columns, none = tile.columns, np.zeros(max(eta.shape[1], weights.shape[1]))
        with np.errstate(all="ignore"):
            information = columns.informations(expected, weights)
            return Sums(
                self.elements.to_score * columns.score(slope, weights),
                information,
                information if observed is None else columns.informations(observed, weights),
                none if pearson is None else (weights * pearson).sum(axis=0) + none,
                none + (0 if self.model.eta_domain == REAL else (self._outside(eta) & (weights > 0)).sum(axis=0)),
            )

    def _outside(self, eta: np.ndarray) -> np.ndarray:
        return ~self.model.eta_domain.contains(eta)

    # -- steps -------------------------------------------------------------------------------------------------------------------
    def climb(self, start: np.ndarray, number: int, tolerance: float) -> Climbed:
        """The optima of the ``number`` fits, from free parameters (q, number), or (q, 1) which they share."""
        size = max(WIDTH, CELLS // len(start) ** 2)
        parts = [self._climb(_columns(start, fits), fits, tolerance) for fits in _groups(number, size)]
        names = ("free", "errors", "dispersion", "distance", "passes", "converged")
        return Climbed(*(np.concatenate([getattr(part, name) for part in parts], axis=-1) for name in names))

    def _climb(self, start: np.ndarray, fits: np.ndarray, tolerance: float) -> Climbed:
        q, number = len(start), len(fits)
        best, step, errors = np.zeros((q, number)) + start, np.zeros((q, number)), np.full((q, number), np.nan)
        share, slope, last, phi, distance, widest = (np.full(number, one) for one in (1.0, 0.0, np.inf, np.nan, np.nan, 0.0))
        passes, converged = np.zeros(number, dtype=int), np.zeros(number, dtype=bool)
        running, trial = np.arange(number), start
        while running.size:
            here = self.sums(trial, fits[running])
            passes[running] += 1
            with np.errstate(all="ignore"):
                back = (here.score * step[:, running]).sum(axis=0)
                gains = (here.outside == 0) & (back >= -BACK * slope[running])  # a comparison with NaN is False
            share[running[~gains]] /= 2
            taken = running[gains]
            best[:, taken] = np.broadcast_to(trial, (q, len(running)))[:, gains]
            made = self._step(Sums(*(part[..., gains] for part in here)) if not gains.all() else here)
            if trial.shape[1] < len(taken) and self.model.is_canonical and not self.kind.quadratic:
                made = self._bent_step(made, trial, fits[taken])
            step[:, taken], slope[taken], phi[taken] = made.step, made.slope, made.phi
            after = self._after(made, np.where(share[taken] == 1, last[taken], np.inf))
            ends = after <= tolerance
            done = taken[ends]
            best[:, done] += made.step[:, ends]
            errors[:, done], widest[done] = self._errors(made.lower[..., ends], made.phi[ends])
            distance[done], converged[done] = after[ends], True
            last[taken], share[taken] = made.distance, 1.0
            lost = np.isnan(last[running]) | (share[running] < 0.5**HALVINGS) | (passes[running] >= MOST)
            lost |= (passes[running] == 1) & ~gains  # there is nothing to go back to
            running = running[~(converged[running] | lost)]
            trial = best[:, running] + share[running] * step[:, running]
        return Climbed(best, errors, phi, distance, passes, converged & ~((widest > UNKNOWN) & may_separate(self.model)))

    def _step(self, here: Sums) -> Step:
        """Newton's step, or Fisher's where the observed information is not positive definite; NaN where it is singular."""
        with np.errstate(all="ignore"):
            lower = expected = factored(here.expected)
            if here.observed is not here.expected:
                lower = factored(here.observed)
            half = solved(lower, self.basis.T @ here.score)
            decrement = (half**2).sum(axis=0)
            phi = np.ones_like(decrement)
            if self.kind.dispersion:
                pearson = here.pearson - (decrement if self.kind.quadratic else 0.0)
                phi = np.maximum(pearson, 0.0) / max((self.rows.total or 0) - len(self.basis), 1)
            step = self.basis @ solved(lower, half, transposed=True)
            return Step(step, here.score, np.sqrt(decrement / phi), phi, expected)

    def _bent_step(self, made: Step, free: np.ndarray, fits: np.ndarray) -> Step:
        """
        Newton's step from parameters that the fits share, with the curvature of the score along it: Chebyshev's.

        There it costs products of matrices alone, and its error is of the third order.
        """
        score = self.bend(free, made.step, fits)
        step = made.step + self.basis @ solved(made.lower, solved(made.lower, self.basis.T @ score), transposed=True)
        bent = made._replace(step=step, distance=np.full_like(made.distance, np.inf))  # it tells nothing of Newton's rate
        steep = bent.slope > made.slope / 2
        return Step(*(np.where(steep, one, other) for one, other in zip(bent, made)))

    def _after(self, made: Step, last: np.ndarray) -> np.ndarray:
        """
        The estimated distance from the optimum after this step, extrapolated from the step before.

        It is infinite if there is no estimate or if the steps shrink too slowly. Newton's step leaves the square of the distance
        times a constant, see `spec.fit.convergence.Convergence`.
        """
        with np.errstate(all="ignore"):
            rate = np.where(last < np.inf, made.distance / last**2, np.inf)
            if self.kind.quadratic:
                rate = np.full_like(rate, ROUNDING) / np.maximum(made.distance, 1.0)
            left = np.where(made.distance <= REST, 0.0, rate * made.distance)
            return np.where(left <= SETTLED, left * made.distance, np.inf)

    def _errors(self, lower: np.ndarray, phi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Standard errors (q, f), of the factors of the informations in white columns; and the largest of those columns, (f,)."""
        white = solved(lower, np.broadcast_to(np.eye(len(lower))[:, :, None], lower.shape))
        spread = np.tensordot(self.basis, white, (1, 1))
        return np.sqrt(phi * (spread**2).sum(axis=1)), np.sqrt((white**2).sum(axis=0).max(axis=0))


class Step(NamedTuple):
    """The next step (q, f), the score, the step's length in standard errors, the dispersion, the factor of the information."""

    step: np.ndarray
    score: np.ndarray
    distance: np.ndarray
    phi: np.ndarray
    lower: np.ndarray

    @property
    def slope(self) -> np.ndarray:
        """The slope of the log-likelihood along the step."""
        return (self.score * self.step).sum(axis=0)


def _groups(number: int, size: int) -> list[np.ndarray]:
    return np.array_split(np.arange(number), max(1, -(-number // size)))


def _columns(matrix: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Some columns, by their ascending numbers, without a copy where they are neighbours; all of one that is shared."""
    if matrix.shape[1] == 1:
        return matrix
    return matrix[:, of[0] : of[-1] + 1] if of[-1] - of[0] + 1 == len(of) else matrix[:, of]


@lru_cache(maxsize=16)
def _lower(size: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows and columns of a lower triangle."""
    return np.tril_indices(size)


def factored(information: np.ndarray) -> np.ndarray:
    """
    The Cholesky factors (q, q, f) of informations whose lower triangles are given.

    NaN where rounding may be all that keeps one from being singular, as in `spec.scoring.Steer.checked`.
    """
    lower = np.zeros_like(information)
    for j in range(len(lower)):
        column = information[j:, j] - np.einsum("ikf,kf->if", lower[j:, :j], lower[j, :j])
        left = column[0] / information[j, j]
        root = np.sqrt(np.where(left > 32 * len(lower) * np.finfo(float).eps, column[0], np.nan))
        lower[j:, j] = column / root
    return lower


def solved(lower: np.ndarray, right: np.ndarray, transposed: bool = False) -> np.ndarray:
    """The solutions of triangular systems (q, q, f), of right sides (q, ..., f)."""
    found, size = np.zeros(np.shape(right)), len(lower)
    for i in reversed(range(size)) if transposed else range(size):
        known = slice(i + 1, size) if transposed else slice(0, i)
        row = lower[known, i] if transposed else lower[i, known]
        found[i] = (right[i] - np.einsum("kf,k...f->...f", row, found[known])) / lower[i, i]
    return found
