"""
Scoring: the steps that an information matrix makes of a score, and where they end.

The information only steers: whoever supplies the score decides where the steps end. The observed information makes Newton's
step, and is taken where it is positive definite; else the expected information makes Fisher's. A step keeps every eta inside
its domain, and must bring a share of the gain that it promises. Works in *white* coordinates, in which the columns of the
design are orthonormal, so that badly scaled or nearly collinear columns cost no digits.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import linalg

from spec.compat import strict_zip
from spec.domains import REAL, Interval
from spec.existence import NONE_INSIDE, separation
from spec.likelihood import dispersion, gram, in_domain
from spec.model import Model, Params, quietly
from spec.problems import Problem

GAIN = 1e-4  # of the gain that a step promises: the least that it must bring
BACK = 0.9  # of the slope along a step: the most that may lead back at its end; if it is more, the optimum was left far behind
ROOM = 0.99  # of the way to the edge of the domain: the longest step
EDGE = 1e-9  # of the size of eta: a row nearer than this to the edge of its domain is at the edge
SINGULAR = "the information is singular"
SHARES = (0.25, 0.0625)  # of the way to where the information was singular: the other starts
TRIES = 80  # halvings of a step, which may be 1e16 times too long where means saturate; but Newton's is whole, or Fisher's
AT_EDGE = "the likelihood rises to the edge of the domain"
SETTLED = 1e-6  # of the size of eta: at rest no row's eta moves by more
UNKNOWN = 100.0  # a standard error, of an eta of mean square 1: so little is known of one only where data are separated
FAR = 30.0  # an eta beyond which a score may be lost in rounding: whether the data are separated is asked


def longest(model: Model, eta: np.ndarray, change: np.ndarray) -> tuple[float, int]:
    """
    The share of a change of eta at which the first row reaches the edge of its domain, and that row; infinite if none does.

    >>> from spec.families import Poisson
    >>> from spec.links import Identity
    >>> longest(Model(Poisson(), Identity()), np.array([[1.0], [3.0]]), np.array([[1.0], [-6.0]]))
    (0.5, 1)
    """
    domain = model.eta_domain
    if not isinstance(domain, Interval) or domain == REAL:
        return np.inf, -1
    with np.errstate(all="ignore"):
        room = np.where(change < 0, domain.low - eta, domain.high - eta) / change
    shares = np.where(change == 0, np.inf, room).ravel()
    row = int(np.argmin(shares))
    return float(shares[row]), row


@quietly
def at_edge(model: Model, y: np.ndarray, eta: np.ndarray) -> np.ndarray:
    """
    The rows at the edge of their domain: eta is there, but for `EDGE`, and the response allows it.

    A count of 1 cannot have a mean of 0: its log-likelihood falls without end, and keeps the row inside.
    """
    domain = model.eta_domain
    if not isinstance(domain, Interval) or domain == REAL or not len(eta):
        return np.array([], dtype=int)
    scale, found = EDGE * np.abs(eta).max(), np.zeros(len(eta), dtype=bool)
    for end in (domain.low, domain.high):
        if np.isfinite(end) and (near := np.abs(eta - end) < scale).any():
            found |= (near & np.isfinite(model.kernel(y, np.full_like(eta, end)))).any(axis=-1)
    return np.flatnonzero(found)


def outward_rows(model: Model, design: np.ndarray, eta: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The rows of the design that are at the edge of the domain, signed such that a change along them leaves it."""
    domain: Any = model.eta_domain
    upper = (domain.high - eta[rows] < eta[rows] - domain.low) if len(rows) else np.zeros((0, 1))
    return np.where(upper, 1.0, -1.0) * design[rows]


def at_rest(decrement: float, last: float) -> bool:
    """True where only rounding moves still: within 1e-8 standard errors, and no nearer than a step ago (or exactly there)."""
    return decrement < 1e-16 and (decrement >= 0.9 * last or decrement == 0)


# -- LAPACK itself: of few columns SciPy's checks take ten times as long --------------------------------------------------------


def cholesky(matrix: np.ndarray) -> np.ndarray:
    """The lower Cholesky factor of a finite matrix. Raises LinAlgError where it is not positive definite."""
    lower, failed = linalg.lapack.dpotrf(matrix, lower=1, clean=1)
    if failed:
        raise np.linalg.LinAlgError("a matrix is not positive definite")
    return lower


def inverse(lower: np.ndarray) -> np.ndarray:
    """The inverse of a lower triangular matrix. Raises LinAlgError where it is singular."""
    found, failed = linalg.lapack.dtrtri(lower, lower=1)
    if failed:
        raise np.linalg.LinAlgError("a triangular matrix is singular")
    return found


def _solved(lower: np.ndarray, right: np.ndarray, transposed: bool = False) -> np.ndarray:
    """The solution of a triangular system."""
    solution, failed = linalg.lapack.dtrtrs(lower, right, lower=1, trans=int(transposed))
    if failed:
        raise np.linalg.LinAlgError("a triangular matrix is singular")
    return solution


@dataclass(frozen=True, eq=False)
class Steer:
    """
    An information matrix that makes steps and standard errors, in a ``basis`` (q, q) in which the design is nearly orthonormal.
    """

    basis: np.ndarray
    lower: np.ndarray  # the Cholesky factor of the information in that basis

    @classmethod
    def by(cls, information: np.ndarray, basis: np.ndarray) -> Steer:
        """Factor the information of the columns design @ basis. Raises LinAlgError if it is singular, or not finite."""
        if not np.isfinite(information).all():
            raise np.linalg.LinAlgError("the information is not finite")
        return cls(basis, cholesky(information))

    def checked(self) -> Steer:
        """The same. Raises LinAlgError where rounding may be all that keeps a column apart from those before it."""
        left = np.diag(self.lower) ** 2 / (self.lower**2).sum(axis=1)  # the share of it that those do not explain
        if left.min() <= 32 * len(left) * np.finfo(float).eps:
            raise np.linalg.LinAlgError("singular but for rounding")
        return self

    @property
    def tells_little(self) -> bool:
        """Whether the `widest` standard error is above `UNKNOWN`: by a bound of it, which is quick, and else by itself."""
        return not (np.linalg.norm(self._inverse) <= UNKNOWN or self.widest <= UNKNOWN)

    @property
    def widest(self) -> float:
        """The largest standard error, at dispersion 1, of an eta of mean square 1; infinite where the information vanishes."""
        least = np.linalg.svd(self.lower, compute_uv=False)[-1]
        return float(1 / least) if least > 0 else np.inf

    def times(self, factor: float) -> Steer:
        """The same with ``factor`` times the information."""
        return replace(self, lower=np.sqrt(factor) * self.lower)

    def step(self, score: np.ndarray) -> tuple[np.ndarray, float]:
        """Return (step, decrement): the step (q, m), and the square of the Newton decrement, twice the gain in log-likelihood."""
        half = self._half(score)
        return self._whole(half, score.shape[1]), float(half @ half)

    def _half(self, score: np.ndarray) -> np.ndarray:
        """The score in coordinates in which the information is the identity."""
        return _solved(self.lower, (self.basis.T @ score).T.ravel())

    def _whole(self, half: np.ndarray, outputs: int) -> np.ndarray:
        step = _solved(self.lower, half, transposed=True)
        return self.basis @ step.reshape(outputs, -1).T

    def along(self, score: np.ndarray, outward: np.ndarray) -> tuple[np.ndarray, float, np.ndarray]:
        """
        The step along the edge of the domain: (step, decrement, multipliers).

        ``outward`` (r, q) are rows at the edge, signed such that a step with outward @ step > 0 leaves it. The multipliers (r,)
        say how much the log-likelihood would gain beyond the edge; a row of multiplier 0 is free to go back inside.
        """
        half, held, multipliers = self._half(score), np.arange(len(outward)), np.zeros(len(outward))
        while len(held):
            edges = np.column_stack([self._half(row[:, None]) for row in outward[held]])
            found = np.linalg.lstsq(edges, half, rcond=None)[0]
            if found.min() >= 0:
                multipliers[held] = found
                half = half - edges @ found
                break
            held = np.delete(held, int(np.argmin(found)))
        return self._whole(half, score.shape[1]), float(half @ half), multipliers

    def corrected(self, score: np.ndarray, secants: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """
        The step, corrected by the curvature along earlier steps. ``secants`` are steps, and how much each lowered the score.

        This is limited-memory BFGS that starts from the information (Nocedal 1980, Mathematics of Computation 35).
        """
        shares = []
        for step, lowered in reversed(secants):
            shares.append(float((step * score).sum() / (step * lowered).sum()))
            score = score - shares[-1] * lowered
        result, _ = self.step(score)
        for step, lowered in secants:
            result = result + step * (shares.pop() - float((lowered * result).sum() / (step * lowered).sum()))
        return result

    def standard_errors(self, dispersion: float) -> np.ndarray:
        """The standard errors of the parameters, (q, m)."""
        return np.sqrt(dispersion * (self.root**2).sum(axis=0)).T

    @cached_property
    def _inverse(self) -> np.ndarray:
        """The inverse of the Cholesky factor."""
        return inverse(self.lower)

    @cached_property
    def root(self) -> np.ndarray:
        """(m q, m, q): the products of its columns are the inverse information in the design's own columns."""
        root = self._inverse
        return root.reshape(len(root), -1, len(self.basis)) @ self.basis.T


@dataclass(frozen=True, eq=False)
class White:
    """The design in coordinates in which its columns are orthonormal: ``design`` (n, q) = `Problem.design` @ ``basis``."""

    design: np.ndarray
    basis: np.ndarray

    @classmethod
    def of(cls, problem: Problem, weights: np.ndarray | None = None) -> White:
        """
        With ``weights`` (n, 1) the rows are orthonormal once each is multiplied by the root of its own.

        Raises LinAlgError where a column is exactly a combination of those before it.
        """
        rows = problem.design if weights is None else np.sqrt(weights) * problem.design
        triangle = np.linalg.qr(rows, mode="r")
        basis = linalg.solve_triangular(triangle, np.eye(problem.q))
        return cls(problem.design @ basis, basis)

    def direction(self, problem: Problem, params: Params, score: np.ndarray) -> tuple[np.ndarray, float]:
        """
        The scoring step in `Problem.free` (q, m), and the Newton decrement.

        The decrement is twice the gain in log-likelihood that the step promises, at Pearson's dispersion; its square root
        is the distance to the optimum in standard errors. Raises LinAlgError where the information is singular.
        """
        step, decrement = self.fisher(problem, params).step(score)
        return step, decrement / self.scale(problem, params)

    def fisher(self, problem: Problem, params: Params) -> Steer:
        """The steer by the expected information. Raises LinAlgError where it is singular."""
        return self.fisher_at(problem, problem.eta(params))

    def fisher_at(self, problem: Problem, eta: np.ndarray) -> Steer:
        """`fisher` at linear predictors that are known."""
        return Steer.by(gram(self.design, problem.model.row_information(eta, problem.row_weights)), self.basis)

    def newton_at(self, problem: Problem, eta: np.ndarray) -> Steer | None:
        """The steer by the observed information; None where it is the expected one, or not positive definite."""
        if problem.model.is_canonical or problem.model.has_classes:
            return None
        bends = problem.model.row_bend(problem.y, eta, problem.row_weights)
        with suppress(np.linalg.LinAlgError):
            return Steer.by(gram(self.design, -bends[:, :, None]), self.basis).checked()
        return None

    def steers(self, problem: Problem, params: Params) -> list[Steer]:
        """
        By the observed information, where that is another and is positive definite; then by the expected.

        Raises LinAlgError where there is neither.
        """
        eta = problem.eta(params)
        newton = self.newton_at(problem, eta)
        found = [] if newton is None else [newton]
        try:
            return [*found, self.fisher_at(problem, eta)]
        except np.linalg.LinAlgError:
            if not found:
                raise
            return found

    @staticmethod
    def scale(problem: Problem, params: Params) -> float:
        """Pearson's dispersion; a perfect fit leaves rounding and no scale, and of it a millionth of the mean is taken."""
        return White.scale_at(problem, problem.eta(params))

    @staticmethod
    def scale_at(problem: Problem, eta: np.ndarray) -> float:
        """`scale` at linear predictors that are known."""
        if not problem.has_dispersion:
            return 1.0
        with np.errstate(all="ignore"):
            mu = problem.model.link.inverse(eta)
            least = float(np.mean((1e-6 * mu) ** 2 / problem.model.family.variance(mu)))
            return max(dispersion(problem, mu), least)

    def standard_errors(self, problem: Problem, params: Params) -> np.ndarray:
        """Standard errors (q, m) by expected information and Pearson's dispersion; infinite where the information is singular."""
        mu = problem.model.link.inverse(problem.eta(params))
        try:
            return self.fisher(problem, params).standard_errors(dispersion(problem, mu))
        except np.linalg.LinAlgError:
            return np.full((problem.q, problem.free_outputs), np.inf)


@dataclass(frozen=True, eq=False)
class Ascent:
    """
    The result of `ascend`: where it ended, the log-likelihood there up to a constant, and why it stopped.

    ``distance`` is the root of the Newton decrement there, in standard errors; NaN where it is not known. ``edge`` are the rows
    at the edge of their domain that kept it from going on.
    """

    params: Params
    value: float
    converged: bool
    iterations: int
    reason: str
    distance: float = np.nan
    edge: tuple[int, ...] = ()


def ascend(
    problem: Problem,
    value_and_score: Callable[[Params], tuple[float, np.ndarray]],
    start: Params,
    max_iterations: int = 200,
) -> Ascent:
    """
    Scoring from ``start`` to the zero of a score: the information steers, the score decides.

    ``value_and_score`` answers the log-likelihood, up to a constant, and its gradient in `Problem.free`, (q, m). Stops when
    rounding is all that is left of the Newton decrement, and no eta moves: on separated data the decrement vanishes too, but eta
    moves for ever. Far out rounding may hide that as well, and a linear program says whether the data are separated. A step goes
    at most most of the way to the edge of the domain, and is halved until it gains. Where one led so far that the information is
    singular there, rounding hides the way back: it begins anew, nearer to the start.
    """
    found = _ascend(problem, value_and_score, start, max_iterations)
    if found.reason != SINGULAR:
        return found
    first, end = problem.free(start), problem.free(found.params)
    for share in SHARES:
        nearer = _ascend(problem, value_and_score, problem.params(first + share * (end - first)), max_iterations)
        if nearer.converged:
            return nearer
    return found


def _ascend(
    problem: Problem, value_and_score: Callable[[Params], tuple[float, np.ndarray]], start: Params, max_iterations: int
) -> Ascent:
    """One climb of `ascend`."""
    white, params = White.of(problem), start
    if not in_domain(problem, start):
        return Ascent(start, np.nan, False, 0, NONE_INSIDE)
    value, score = value_and_score(params)
    decrement, iterations = np.inf, 0
    edge: tuple[int, ...] = ()

    def ended(reason: str, converged: bool = False, known: bool = True) -> Ascent:
        distance = float(np.sqrt(decrement)) if known and 0 <= decrement < np.inf else np.nan
        return Ascent(params, value, converged, iterations, reason, distance, edge)

    while True:
        last = decrement
        if not np.isfinite(score).all():
            return ended("the score is not finite", known=False)
        try:
            steers = white.steers(problem, params)
        except np.linalg.LinAlgError:
            return ended(SINGULAR, known=False)
        eta = problem.eta(params)
        there = at_edge(problem.model, problem.y, eta)
        outward = outward_rows(problem.model, problem.design, eta, there)
        steps = [steer.along(score, outward) for steer in steers]
        step, decrement, multipliers = steps[0]
        edge, decrement = tuple(there[multipliers > 0].tolist()), decrement / white.scale(problem, params)
        moves = np.abs(problem.design @ step).max() / max(1.0, np.abs(eta).max())
        if moves <= SETTLED and at_rest(decrement, last):
            if edge:
                return ended(AT_EDGE)
            if np.abs(eta).max() > FAR and (why := separation(problem)) is not None:
                return ended(why, known=False)  # so far out that rounding hides the way on
            return ended(f"the Newton decrement came to rest at {decrement:.1e}", converged=True)
        is_there = moves <= SETTLED and decrement < 1e-16 and not edge
        if iterations == max_iterations:
            return ended(AT_EDGE if edge else f"{max_iterations} iterations were not enough", converged=is_there)
        iterations += 1
        tries = [*[1] * (len(steps) - 1), TRIES]
        for (step, _, _), most in strict_zip(steps, tries):
            if taken := _taken(problem, value_and_score, params, value, step, float((score * step).sum()), most):
                break
        else:
            return ended(AT_EDGE if edge else "no step along the scoring direction gains likelihood", converged=is_there)
        params, value, score = taken


def _taken(
    problem: Problem,
    value_and_score: Callable[[Params], tuple[float, np.ndarray]],
    params: Params,
    value: float,
    step: np.ndarray,
    promised: float,
    tries: int,
) -> tuple[Params, float, np.ndarray] | None:
    """The first of a step, its half, its quarter, ... that gains, with its value and score; None if none of them does."""
    noise = 64 * np.finfo(float).eps * abs(value)  # a gain below the rounding of the value cannot be seen in it
    share, _ = longest(problem.model, problem.eta(params), problem.design @ step)
    length = min(1.0, ROOM * share)
    for halving in range(tries):
        trial = problem.params(problem.free(params) + length * step / 2**halving)
        if in_domain(problem, trial):
            new_value, new_score = value_and_score(trial)
            gains = new_value >= value + GAIN * length / 2**halving * promised - noise
            if gains and float((new_score * step).sum()) >= -BACK * promised - noise:
                return trial, new_value, new_score
    return None
