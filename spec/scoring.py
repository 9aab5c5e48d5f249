"""
Fisher scoring: the step that the expected information makes of a score.

The information only steers: whoever supplies the score decides where the steps end. Works in *white* coordinates, in
which the columns of the design are orthonormal, so that badly scaled or nearly collinear columns cost no digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from spec.likelihood import dispersion, expected_weights, gram, in_domain
from spec.model import Params
from spec.problems import Problem


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
        with np.errstate(all="ignore"):  # far from the optimum weights may be 0 / 0
            information = gram(self.design, expected_weights(problem, params))
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
    """The result of `ascend`: where it ended, the log-likelihood there up to a constant, and why it stopped."""

    params: Params
    value: float
    converged: bool
    iterations: int
    reason: str


def ascend(
    problem: Problem,
    value_and_score: Callable[[Params], tuple[float, np.ndarray]],
    start: Params,
    max_iterations: int = 200,
) -> Ascent:
    """
    Fisher scoring from ``start`` to the zero of a score: the information steers, the score decides.

    ``value_and_score`` answers the log-likelihood, up to a constant, and its gradient in `Problem.free`, (q, m). Stops when
    rounding is all that is left of the Newton decrement. A step that leaves the domain or lowers the value is halved.
    """
    white, params = White.of(problem), start
    value, score = value_and_score(params)
    decrement, iterations = np.inf, 0
    while iterations < max_iterations:
        last = decrement
        if not np.isfinite(score).all():
            return Ascent(params, value, False, iterations, "the score is not finite")
        try:
            step, decrement = white.direction(problem, params, score)
        except np.linalg.LinAlgError:
            return Ascent(params, value, False, iterations, "the information is singular")
        if at_rest(decrement, last):
            return Ascent(params, value, True, iterations, f"the Newton decrement came to rest at {decrement:.1e}")
        iterations += 1
        noise = 64 * np.finfo(float).eps * abs(value)  # a gain below the rounding of the value cannot be seen in it
        for halving in range(40):
            trial = problem.params(problem.free(params) + step / 2**halving)
            if in_domain(problem, trial):
                new_value, new_score = value_and_score(trial)
                if new_value >= value - noise:
                    break
        else:
            return Ascent(params, value, decrement < 1e-16, iterations, "no step along the scoring direction gains likelihood")
        params, value, score = trial, new_value, new_score
    return Ascent(params, value, decrement < 1e-16, iterations, f"{max_iterations} iterations were not enough")
