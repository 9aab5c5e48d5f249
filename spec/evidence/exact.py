r"""
Standard errors, dispersion and deviance of the exact optimum, in balls.

The optimum is known as a ball for each parameter (`spec.evidence.enclosure`), so is each row's information there, and so
their sum :math:`J = T^\top X^\top W X\, T`, taken in the coordinates in which the proof was made: J is nearly the identity,
and the balls of its inverse stay narrow. What comes out encloses the exact values; no engine is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import arb, arb_mat, arb_series

from spec.compat import strict_zip
from spec.evidence.balls import BALLS, working_precision
from spec.evidence.enclosure import PRECISION, Optimum
from spec.problems import Problem

Row = list[arb]


@dataclass(frozen=True, eq=False)
class Exact:
    """Enclosed values, as balls: standard errors (q rows of m) from either information, dispersion and deviance."""

    standard_errors: list[Row]
    observed_standard_errors: list[Row]
    dispersion: arb
    deviance: arb


def exact_inference(problem: Problem, optimum: Optimum) -> Exact:
    """The exact inference at an enclosed optimum. Balls are NaN or wide where that enclosure is too wide."""
    with working_precision(PRECISION):
        eta = optimal_eta(problem, optimum)
        rows = _softmax(problem, eta) if problem.model.has_classes else _elementwise(problem, eta)
        phi = rows.pearson / problem.freedom if problem.has_dispersion else arb(1)
        expected = _standard_errors(problem, optimum, rows.expected, phi)
        observed = expected if rows.observed is rows.expected else _standard_errors(problem, optimum, rows.observed, phi)
        return Exact(expected, observed, phi, rows.deviance)


@dataclass(frozen=True, eq=False)
class _RowSums:
    """Each row's information about its m free eta, (n, m, m); and what all rows add up to."""

    expected: list[list[Row]]
    observed: list[list[Row]]
    pearson: arb
    deviance: arb


def optimal_eta(problem: Problem, optimum: Optimum) -> list[Row]:
    """The linear predictors at an enclosed optimum, (n, m) balls."""
    free = [
        [arb(c) + arb(s, r) for c, s, r in strict_zip(*row)]
        for row in strict_zip(optimum.centre.tolist(), optimum.shift.tolist(), optimum.radius.tolist())
    ]
    product = (arb_mat(problem.design.tolist()) * arb_mat(free)).tolist()
    return [[e + o for e, o in strict_zip(*both)] for both in strict_zip(product, problem.free_offset.tolist())]


def _elementwise(problem: Problem, eta: list[Row]) -> _RowSums:
    family, link = problem.model.family, problem.model.link
    expected, observed, pearson, deviance = [], [], arb(0), arb(0)
    for (centre,), (y,), (weight,) in strict_zip(eta, problem.y.tolist(), problem.row_weights.tolist()):
        mu = link.inverse(centre, BALLS)
        response = arb(y)
        expected.append([[problem.model.working_weight(centre, weight, BALLS)]])
        if not problem.model.is_canonical:
            log_likelihood = problem.model.kernel(response, arb_series([centre, 1], 3), BALLS)
            observed.append([[-2 * weight * log_likelihood[2]]])
        pearson += weight * (response - mu) * (response - mu) / family.variance(mu, BALLS)  # a power of a ball about 0 is NaN
        deviance += weight * family.unit_deviance(response, mu, BALLS)
    return _RowSums(expected, observed or expected, pearson, deviance)


def _softmax(problem: Problem, eta: list[Row]) -> _RowSums:
    model, information, pearson, deviance = problem.model, [], arb(0), arb(0)
    for row, response, (weight,) in strict_zip(eta, problem.y.tolist(), problem.row_weights.tolist()):
        full = np.array([arb(0), *row], dtype=object)
        information.append(model.row_information(full, np.array([weight], dtype=object), BALLS).tolist())
        for y, share in strict_zip(response, model.link.inverse(full, BALLS).tolist()):
            pearson += weight * (arb(y) - share) * (arb(y) - share) / share
            deviance += weight * model.family.unit_deviance(arb(y), share, BALLS)
    return _RowSums(information, information, pearson, deviance)


def _standard_errors(problem: Problem, optimum: Optimum, weights: list[list[Row]], phi: arb) -> list[Row]:
    q, m = problem.q, problem.free_outputs
    basis = arb_mat(optimum.basis.tolist())
    design = arb_mat(problem.design.tolist()) * basis
    left = design.transpose()
    information = np.empty((m * q, m * q), dtype=object)
    for a in range(m):
        for b in range(m):
            scaled = arb_mat([[row[a][b] * x for x in at] for row, at in strict_zip(weights, design.tolist())])
            information[a * q : (a + 1) * q, b * q : (b + 1) * q] = np.array((left * scaled).tolist(), dtype=object)
    whiten = arb_mat(optimum.whiten.tolist())
    nearly_one: arb_mat = whiten.transpose() * arb_mat(information.tolist()) * whiten
    inverse = np.array((whiten * nearly_one.inv(nonstop=True) * whiten.transpose()).tolist(), dtype=object)
    by_output: list[Any] = [
        (basis * arb_mat(inverse[a * q : (a + 1) * q, a * q : (a + 1) * q].tolist()) * basis.transpose()).tolist()
        for a in range(m)
    ]
    return [[(phi * by_output[a][j][j]).sqrt() for a in range(m)] for j in range(q)]
