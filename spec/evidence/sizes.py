"""What an error is relative to: the sums of absolute terms that an answer is made of, and what float64 leaves of its digits."""

from __future__ import annotations

import numpy as np

from spec import likelihood
from spec.evidence.enclosure import Optimum, gamma
from spec.evidence.judge import digits
from spec.evidence.tolerances import UNIT
from spec.links import Probit
from spec.model import Params
from spec.problems import Problem
from spec.problems.by_construction import GRID, PARAMETER_GRID

SMALL = 2.0**-40  # of the terms of eta: a move that shows how the curvature changes


def eta_error(problem: Problem, params: Params) -> np.ndarray:
    """A bound of the rounding error of eta, (n, k), whatever the order of the sum."""
    matrix = params.matrix[0 if problem.intercept else 1 :]
    exact = problem.offset is None and on_grid(problem.design, GRID) and on_grid(matrix, PARAMETER_GRID)
    size = np.abs(problem.design) @ np.abs(matrix)
    if exact and size.max() < 2.0**53 * GRID * PARAMETER_GRID:
        return np.zeros_like(size)
    return gamma(problem.q + 1) * (size if problem.offset is None else size + np.abs(problem.offset))


def on_grid(values: np.ndarray, grid: float) -> bool:
    return bool((np.round(values / grid) * grid == values).all())


def mean_slack(problem: Problem, params: Params) -> np.ndarray:
    """A bound (n, k) on how far the rounding of eta moves the mean: 0 where [1 X] and the parameters lie on dyadic grids."""
    eta, moved = problem.eta(params), eta_error(problem, params)
    if problem.model.link == Probit():  # erfc takes eta / sqrt 2: a root and a quotient, each rounded
        moved = moved + 2 * UNIT * np.abs(eta)
    slope = problem.model.link.inverse_derivative(eta)
    if problem.model.has_classes:
        return np.einsum("nab,nb->na", np.abs(slope), moved)
    return np.abs(slope) * moved


def likelihood_size(problem: Problem, params: Params) -> np.ndarray:
    """The sum of the absolute terms of the log-likelihood, its constants as one of them; and what a rounding of eta makes."""
    eta = problem.eta(params)
    value, slope = problem.model.sizes(problem.y, eta)[:2]
    reach = eta_terms(problem, params).max(axis=1, keepdims=True)
    return np.array((problem.row_weights * (value + slope * reach)).sum() + abs(likelihood.normaliser(problem)))


def eta_terms(problem: Problem, params: Params) -> np.ndarray:
    """The sum of absolute terms that each eta is made of, (n, k)."""
    terms = np.abs(problem.design) @ np.abs(params.matrix[0 if problem.intercept else 1 :])
    return terms if problem.offset is None else terms + np.abs(problem.offset)


def row_contributions(problem: Problem, params: Params, of_eta: bool = False) -> np.ndarray:
    """
    The sum of absolute terms that each row's score is made of, (n, k).

    (|y| + |mu|) |h'| / V, or ``of_eta`` those of `Model.sizes`; and the curvature times the sum that eta is. Each is known to a
    few u of itself.
    """
    model, eta, terms = problem.model, problem.eta(params), eta_terms(problem, params)
    mu = model.link.inverse(eta)
    if model.has_classes:
        return problem.row_weights * (problem.y + mu + 2 * mu * terms.max(axis=1, keepdims=True))
    if not of_eta:
        with np.errstate(all="ignore"):  # where a mean is rounded to the end of its domain
            size = (np.abs(problem.y) + np.abs(mu)) * np.abs(model.link.inverse_derivative(eta)) / model.family.variance(mu)
        size = np.where(np.isfinite(size), size, 0.0)
        return problem.row_weights * (np.maximum(size, model.sizes(problem.y, eta)[1]) + model.working_weight(eta) * terms)
    bend = np.maximum(model.working_weight(eta), np.abs(model.row_bend(problem.y, eta)))
    return problem.row_weights * (model.sizes(problem.y, eta)[1] + bend * terms)


def contributions(problem: Problem, params: Params, of_eta: bool = False) -> np.ndarray:
    """`row_contributions` summed over the rows for each parameter, (q, k)."""
    return np.abs(problem.design).T @ row_contributions(problem, params, of_eta)


def curvature_contributions(problem: Problem, params: Params) -> np.ndarray:
    """
    The sum of absolute terms that each row's observed information is made of as a function of eta, (n, 1, 1).

    Those of `Model.sizes`, and what a move of eta makes of the curvature, times the sum that eta is.
    """
    eta, moved = problem.eta(params), eta_terms(problem, params)
    size = problem.model.sizes(problem.y, eta)[2]
    ends = [problem.model.row_bend(problem.y, eta + sign * SMALL * moved) for sign in (-1, 1)]
    with np.errstate(all="ignore"):
        slope = np.abs(ends[1] - ends[0]) / (2 * SMALL)
    return (problem.row_weights * (size + np.where(np.isfinite(slope), slope, 0.0)))[:, :, None]


def attainable_errors(problem: Problem, optimum: Optimum) -> np.ndarray:
    """
    The error (q, m) that a backward stable float64 fit may leave in each free parameter, in the parameter's units.

    Such a fit solves a problem whose rows' scores are off by some u of what they are made of (`row_contributions`). Its
    distance from the optimum, in standard errors, is at most the length of those errors, each in units of the root of its
    row's information. The factor is 32 q u: a q of Householder's elimination, 32 for what a row's score is computed with.

    Each column's product with a row's score is then rounded for itself, by u at least, which no row's error makes up for: the
    inverse information carries these to the parameters. They count where the residuals are large and the columns collinear.
    """
    m = problem.free_outputs
    rows = row_contributions(problem, optimum.params)[:, problem.k - m :]
    root = np.sqrt(np.einsum("naa->na", likelihood.expected_weights(problem, optimum.params)))
    length = np.linalg.norm(rows[root > 0] / root[root > 0])
    products = np.abs(problem.design).T @ np.abs(likelihood.row_scores(problem, optimum.params))
    carried = np.abs(optimum.unit_covariance) @ products.T.ravel()
    return UNIT * (32 * problem.q * length * optimum.unit_standard_errors + carried.reshape(m, -1).T)


def attainable_digits(problem: Problem, optimum: Optimum) -> float:
    """`attainable_errors` of the worst coefficient, in digits."""
    magnitude = optimum.magnitude()
    return digits(float((attainable_errors(problem, optimum) / np.where(magnitude > 0, magnitude, 1.0)).max()))
