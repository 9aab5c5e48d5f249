"""
Scoring: the steps that an information matrix makes of a score, and where they end.

The information only steers: whoever supplies the score decides where the steps end. The observed information makes Newton's
step, and is taken where it is positive definite; else the expected information makes Fisher's. A step keeps every eta inside
its domain, and must bring a share of the gain that it promises. Works in *white* coordinates, in which the columns of the
design are orthonormal, so that badly scaled or nearly collinear columns cost no digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from spec.domains import REAL, Interval
from spec.likelihood import dispersion, expected_weights, gram, in_domain
from spec.model import Model, Params
from spec.problems import Problem

GAIN = 1e-4  # of the gain that a step promises: the least that it must bring
ROOM = 0.9  # of the way to the edge of the domain: the longest step
EDGE = 1e-9  # of the size of eta: a row nearer than this to the edge of its domain is at the edge
TRIES = 40  # halvings of a step before it is given up; of Newton's, if there is Fisher's too, NEWTON_TRIES
NEWTON_TRIES = 4
SETTLED = 1e-6  # of the size of eta: at rest no row's eta moves by more


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


def at_edge(model: Model, eta: np.ndarray) -> np.ndarray:
    """The rows whose eta is at the edge of its domain, but for `EDGE`; and so is their mean."""
    domain = model.eta_domain
    if not isinstance(domain, Interval):
        return np.array([], dtype=int)
    scale = EDGE * np.abs(eta).max()
    return np.flatnonzero(((eta - domain.low < scale) | (domain.high - eta < scale)).any(axis=-1))


def at_rest(decrement: float, last: float) -> bool:
    """True where only rounding moves still: within 1e-8 standard errors, and no nearer than a step ago (or exactly there)."""
    return decrement < 1e-16 and (decrement >= 0.9 * last or decrement == 0)


@dataclass(frozen=True, eq=False)
class White:
    """The design in coordinates in which its columns are orthonormal: ``design`` (n, q) = `Problem.design` @ ``basis``."""

    design: np.ndarray
    basis: np.ndarray

    @classmethod
    def of(cls, problem: Problem) -> White:
        """Raises LinAlgError where a column is exactly a combination of those before it."""
        triangle = np.linalg.qr(problem.design, mode="r")
        basis = linalg.solve_triangular(triangle, np.eye(problem.q))
        return cls(problem.design @ basis, basis)

    def direction(self, problem: Problem, params: Params, score: np.ndarray) -> tuple[np.ndarray, float]:
        """
        The scoring step in `Problem.free` (q, m), and the Newton decrement.

        The decrement is twice the gain in log-likelihood that the step promises, at Pearson's dispersion; its square root
        is the distance to the optimum in standard errors. Raises LinAlgError where the information is singular.
        """
        information = gram(self.design, expected_weights(problem, params))
        return self._step(problem, params, score, information)

    def directions(self, problem: Problem, params: Params, score: np.ndarray) -> list[tuple[np.ndarray, float]]:
        """Newton's step where there is one, then Fisher's; each with its decrement. Raises LinAlgError where there is neither."""
        newton = self.newton(problem, params, score)
        try:
            return [*([newton] if newton else []), self.direction(problem, params, score)]
        except np.linalg.LinAlgError:
            if newton is None:
                raise
            return [newton]

    def newton(self, problem: Problem, params: Params, score: np.ndarray) -> tuple[np.ndarray, float] | None:
        """The same by the observed information; None where that is the expected one, or is not positive definite."""
        if problem.model.is_canonical or problem.model.has_classes:
            return None
        bends = problem.model.row_bend(problem.y, problem.eta(params), problem.row_weights)
        try:
            return self._step(problem, params, score, gram(self.design, -bends[:, :, None]))
        except np.linalg.LinAlgError:
            return None

    def _step(self, problem: Problem, params: Params, score: np.ndarray, information: np.ndarray) -> tuple[np.ndarray, float]:
        if not np.isfinite(information).all():
            raise np.linalg.LinAlgError("the information is not finite")
        white_score = (self.basis.T @ score).T.ravel()
        step = linalg.cho_solve(linalg.cho_factor(information), white_score)
        mu = problem.model.link.inverse(problem.eta(params))
        phi = dispersion(problem, mu)
        if problem.has_dispersion:  # a perfect fit leaves rounding and no scale: take a millionth of the mean
            phi = max(phi, float(np.mean((1e-6 * mu) ** 2 / problem.model.family.variance(mu))))
        return self.basis @ step.reshape(problem.free_outputs, -1).T, float(white_score @ step) / phi

    def standard_errors(self, problem: Problem, params: Params) -> np.ndarray:
        """Standard errors (q, m) by expected information and Pearson's dispersion; infinite where the information is singular."""
        information = gram(self.design, expected_weights(problem, params))
        try:
            lower = linalg.cholesky(information, lower=True)
        except np.linalg.LinAlgError:
            return np.full((problem.q, problem.free_outputs), np.inf)
        root = linalg.solve_triangular(lower, np.eye(len(information)), lower=True)
        by_output = root.reshape(len(root), problem.free_outputs, -1) @ self.basis.T
        mu = problem.model.link.inverse(problem.eta(params))
        return np.sqrt(dispersion(problem, mu) * (by_output**2).sum(axis=0)).T


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
    moves for ever. A step goes at most most of the way to the edge of the domain, and is halved until it gains.
    """
    white, params = White.of(problem), start
    value, score = value_and_score(params)
    decrement, iterations = np.inf, 0

    def ended(reason: str, converged: bool = False) -> Ascent:
        distance = float(np.sqrt(decrement)) if 0 <= decrement < np.inf else np.nan
        return Ascent(params, value, converged, iterations, reason, distance, edge)

    edge: tuple[int, ...] = ()
    while True:
        last = decrement
        if not np.isfinite(score).all():
            decrement = np.nan
            return ended("the score is not finite")
        try:
            directions = white.directions(problem, params, score)
        except np.linalg.LinAlgError:
            decrement = np.nan
            return ended("the information is singular")
        step, decrement = directions[0]
        moves, eta = problem.design @ step, problem.eta(params)
        still = bool(np.abs(moves).max() <= SETTLED * np.maximum(1.0, np.abs(eta).max()))
        if still and at_rest(decrement, last):
            return ended(f"the Newton decrement came to rest at {decrement:.1e}", converged=True)
        edge = tuple(row for row in at_edge(problem.model, eta).tolist() if longest(problem.model, eta[row], moves[row])[0] < 1)
        if edge:
            return ended("the likelihood rises to the edge of the domain")
        if iterations == max_iterations:
            return ended(f"{max_iterations} iterations were not enough", converged=still and decrement < 1e-16)
        iterations += 1
        taken = None
        for number, (step, _) in enumerate(directions):
            tries = TRIES if number == len(directions) - 1 else NEWTON_TRIES
            taken = _taken(problem, value_and_score, params, value, step, float((score * step).sum()), tries)
            if taken:
                break
        if not taken:
            return ended("no step along the scoring direction gains likelihood", converged=still and decrement < 1e-16)
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
            if new_value >= value + GAIN * length / 2**halving * promised - noise:
                return trial, new_value, new_score
    return None
