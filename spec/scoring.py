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

from spec.families import Multinomial
from spec.model import Params
from spec.problems import Problem


def gram(design: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """sum_i W_i (x) x_i x_i', (m q, m q) ordered output after output, for design (n, q) and weights (n, m, m)."""
    q, m = design.shape[1], weights.shape[1]
    result = np.empty((m, q, m, q))
    for a in range(m):
        for b in range(a, m):
            result[a, :, b, :] = design.T @ (weights[:, a, b, None] * design)
            result[b, :, a, :] = result[a, :, b, :].T
    return result.reshape(m * q, m * q)


def expected_weights(problem: Problem, params: Params) -> np.ndarray:
    """Each row's expected information about its free eta, at dispersion 1: (n, m, m); h'^2 / V where m = 1."""
    eta = problem.eta(params)
    slope = problem.model.link.inverse_derivative(eta)
    if isinstance(problem.model.family, Multinomial):
        return problem.row_weights[:, :, None] * slope[:, 1:, 1:]
    variance = problem.model.family.variance(problem.model.link.inverse(eta))
    return (problem.row_weights * slope**2 / variance)[:, :, None]


def expected_information(problem: Problem, params: Params) -> np.ndarray:
    """Fisher's information in `Problem.free`, at dispersion 1."""
    return gram(problem.design, expected_weights(problem, params))


def row_scores(problem: Problem, params: Params) -> np.ndarray:
    """The gradient of each row's log-likelihood in its free eta, (n, m), at dispersion 1: a residual, in the link's units."""
    eta = problem.eta(params)
    mu = problem.model.link.inverse(eta)
    if isinstance(problem.model.family, Multinomial):
        return (problem.row_weights * (problem.y - mu))[:, 1:]
    slope = problem.model.link.inverse_derivative(eta) / problem.model.family.variance(mu)
    return problem.row_weights * (problem.y - mu) * slope


def score(problem: Problem, params: Params) -> np.ndarray:
    """The gradient of the log-likelihood in `Problem.free`, (q, m), at dispersion 1."""
    return problem.design.T @ row_scores(problem, params)


def normaliser(problem: Problem, dispersion: float = 1.0) -> float:
    """
    The terms of the log-likelihood that are free of the parameters.

    A prior weight divides the dispersion of its row; where the family has none, it counts the row that many times.
    """
    family, weights = problem.model.family, problem.row_weights / problem.trials
    if family.has_dispersion:
        there = weights[:, 0] > 0  # a row without weight says nothing
        return float(family.normaliser(problem.y[there], dispersion / weights[there], problem.trials[there]).sum())
    return float((weights * family.normaliser(problem.y, 1.0, problem.trials)).sum())


def kernel(problem: Problem, params: Params) -> float:
    """The log-likelihood at dispersion 1 without the terms that are free of the parameters."""
    mu = problem.model.link.inverse(problem.eta(params))
    return float((problem.row_weights * problem.model.family.kernel(problem.y, mu)).sum())


def log_likelihood(problem: Problem, params: Params) -> float:
    """Constants included, at dispersion 1."""
    return kernel(problem, params) + normaliser(problem)


def deviance(problem: Problem, mu: np.ndarray) -> float:
    """Twice what the saturated model gains over mu (n, k), in units of the dispersion."""
    return float((problem.row_weights * problem.model.family.unit_deviance(problem.y, mu)).sum())


def dispersion(problem: Problem, mu: np.ndarray) -> float:
    """Pearson's estimate, X^2 / (n - q); 1 for a problem that has none."""
    if not problem.has_dispersion:
        return 1.0
    pearson = (problem.row_weights * (problem.y - mu) ** 2 / problem.model.family.variance(mu)).sum()
    return float(pearson / max(problem.n - problem.q, 1))


def in_domain(problem: Problem, params: Params) -> bool:
    """Whether every eta has a mean and every mean is one the family admits."""
    eta, link = problem.eta(params), problem.model.link
    if not link.eta_domain.contains(eta).all():
        return False
    with np.errstate(over="ignore"):  # a mean too large for float64 is outside
        return bool(problem.model.family.mu_domain.contains(link.inverse(eta)).all())


def start(problem: Problem) -> Params:
    """The null model: every mean the overall mean (or one half, where that has no eta), as nearly as the columns allow."""
    weights, link = problem.row_weights, problem.model.link
    mean = (weights * problem.y).sum(axis=0) / weights.sum()
    if isinstance(problem.model.family, Multinomial):
        mean = (mean + 1 / problem.n) / (1 + problem.k / problem.n)  # a class that never occurs has no logarithm
    elif not (link.mu_domain.contains(mean) & problem.model.family.mu_domain.contains(mean)).all():
        mean = np.full_like(mean, 0.5)
    eta = link(mean)[problem.k - problem.free_outputs :] - problem.free_offset
    free, *_ = np.linalg.lstsq(problem.design, eta, rcond=None)
    return problem.params(free)


def at_rest(decrement: float, last: float) -> bool:
    """Whether rounding is all that moves: under 1e-8 standard errors, and no nearer than a step ago (or exactly there)."""
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
        with np.errstate(all="ignore"):  # far out, weights are 0 / 0
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
        """From the expected information and Pearson's dispersion, (q, m); infinite where the information is singular."""
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
    """Where `ascend` ended, the log-likelihood there up to a constant, and why it stopped."""

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
