"""
What a problem says at given parameters: log-likelihood, score, expected information, deviance, dispersion.

Textbook formulas in NumPy, at dispersion 1 unless a function takes it. Engines are compared with them, and steps are made
with them (`spec.scoring`).
"""

from __future__ import annotations

import numpy as np

from spec.domains import Interval
from spec.model import Params, quietly
from spec.problems import Problem


@quietly
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
    return problem.model.row_information(problem.eta(params), problem.row_weights)


def expected_information(problem: Problem, params: Params) -> np.ndarray:
    """Fisher's information in `Problem.free`, at dispersion 1."""
    return gram(problem.design, expected_weights(problem, params))


def row_scores(problem: Problem, params: Params) -> np.ndarray:
    """The gradient of each row's log-likelihood in its free eta, (n, m), at dispersion 1: a residual, in the link's units."""
    return problem.model.row_score(problem.y, problem.eta(params), problem.row_weights)


@quietly
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
    return float((problem.row_weights * problem.model.kernel(problem.y, problem.eta(params))).sum())


def log_likelihood(problem: Problem, params: Params) -> float:
    """The log-likelihood at dispersion 1, constants included."""
    return kernel(problem, params) + normaliser(problem)


@quietly
def deviance(problem: Problem, mu: np.ndarray) -> float:
    """The deviance of the means mu (n, k), in units of the dispersion: twice what the saturated model gains."""
    return float((problem.row_weights * problem.model.family.unit_deviance(problem.y, mu)).sum())


@quietly
def dispersion(problem: Problem, mu: np.ndarray) -> float:
    """
    Pearson's estimate, X^2 over the degrees of freedom; 1 for a problem that has none.

    Of classes X^2 is the sum of (y - mu)^2 / mu over rows and classes, which for two is that of the binomial.
    """
    if not problem.has_dispersion:
        return 1.0
    return float(problem.model.pearson(problem.y, mu, problem.row_weights).sum() / max(problem.freedom, 1))


def in_domain(problem: Problem, params: Params) -> bool:
    """True where every eta has a mean that the family admits."""
    return bool(problem.model.eta_domain.contains(problem.eta(params)).all())


def null_params(problem: Problem) -> Params:
    """
    The parameters of the null model: each mean is the overall mean (or one half, where that has no eta), as nearly as the
    columns allow.

    >>> from spec import problems
    >>> null_params(problems.get("by-hand-poisson-log-two-groups")).coef.round(12).tolist()
    [[0.0]]
    """
    weights, link = problem.row_weights, problem.model.link
    mean = (weights * problem.y).sum(axis=0) / weights.sum()
    if problem.model.has_classes:
        mean = (mean + 1 / problem.n) / (1 + problem.k / problem.n)  # a class that never occurs has no logarithm
    elif not (link.mu_domain.contains(mean) & problem.model.family.mu_domain.contains(mean)).all():
        mean = np.full_like(mean, 0.5)
    eta = link(mean)[problem.k - problem.free_outputs :] - problem.free_offset
    free, *_ = np.linalg.lstsq(problem.design, eta, rcond=None)
    return problem.params(free)


def start_params(problem: Problem) -> Params:
    """
    Where a fit starts: `null_params`, or where they are outside the domain the parameters that are farthest inside.

    If there are none inside it is `null_params`.
    """
    null, domain = null_params(problem), problem.model.eta_domain
    if in_domain(problem, null) or not isinstance(domain, Interval):
        return null
    used = problem.row_weights[:, 0] > 0
    design, offset = problem.design[used], problem.free_offset[used, 0]
    sides = [(sign, end) for sign, end in ((-1, domain.low), (1, domain.high)) if np.isfinite(end)]
    outward, level = (
        np.vstack([sign * design for sign, _ in sides]),
        np.concatenate([sign * (end - offset) for sign, end in sides]),
    )
    found = farthest_inside(outward, level)
    if found is None or not in_domain(problem, problem.params(found)):
        return null
    return problem.params(found)


def farthest_inside(outward: np.ndarray, level: np.ndarray) -> np.ndarray | None:
    """The b (q, 1) with the most room, at most 1, in every row of outward @ b < level; None where there is none."""
    from scipy.optimize import linprog  # needed only where nothing simpler is inside

    scale = np.abs(outward).max(axis=0)
    scale[scale == 0] = 1
    found = linprog(
        np.append(np.zeros(outward.shape[1]), -1.0),
        A_ub=np.hstack([outward / scale, np.ones((len(level), 1))]),
        b_ub=level,
        bounds=[(None, None)] * outward.shape[1] + [(None, 1.0)],
        method="highs",
    )
    return (found.x[:-1] / scale)[:, None] if found.status == 0 and found.x[-1] > 0 else None
