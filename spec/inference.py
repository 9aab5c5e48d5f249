r"""
Inference: what a statistician asks of a fit beyond its coefficients, out of a network's mean, loss and curvature alone.

Standard errors are roots of the diagonal of :math:`\phi\, I^{-1}`, with the information I *expected* or *observed*:

.. math:: I_{\text{observed}} = -\frac{\partial^2 \ell}{\partial b\,\partial b^\top}, \qquad
          I_{\text{expected}} = \mathrm{E}_{y}\, I_{\text{observed}} = I_{\text{observed}}\big|_{y = \hat\mu} .

The log-likelihood is linear in y, so its expectation takes no formula: it is the Hessian of the same network with its own
prediction for the response. Both are computed on *white* inputs, whose columns are orthonormal: an affine change of the
inputs has a known inverse, and there the information is well conditioned however the data came (see `scoring.White`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import linalg, special

from spec import likelihood, scoring
from spec.model import Params
from spec.problems import Problem

CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class Inference:
    """
    The answers about one fit. An entry that an engine cannot give is None; ``m`` counts the free outputs.

    ``dispersion`` is Pearson's X^2 over `Problem.freedom`, or 1. ``standard_errors`` (q, m) come from the expected information,
    ``observed_standard_errors`` from the observed; ``statistics`` are coefficients over standard errors, ``p_values`` their
    two-sided tails: Student's t with as many degrees of freedom where the dispersion is estimated, else the normal.

    ``log_likelihood`` holds its constants and is at the dispersion of `likelihood_dispersion`; ``aic`` and ``bic`` count the
    q m coefficients (not the dispersion), and quasi-likelihood has none. The null model has the intercept alone, and its
    entries are None where the problem has none; ``likelihood_ratio`` and ``wald`` test it against the fit, in units of the
    dispersion.

    ``mean_interval`` (n, 2) holds the mean with 95% confidence, its ends those of eta carried over; an end that is outside
    the link's domain, or the family's, is NaN. Residuals are (n, k): ``response``
    y - mu, ``pearson`` in units of the standard deviation, ``deviance`` the signed root of a row's deviance, the last two with
    the root of the row's weight. ``leverage`` (n,) is the diagonal of the hat matrix. Softmax has the response residuals of
    these, and the others are None. What a problem has none of, no engine has.
    """

    dispersion: float
    standard_errors: np.ndarray
    observed_standard_errors: np.ndarray
    statistics: np.ndarray
    p_values: np.ndarray
    deviance: float
    log_likelihood: float
    aic: float | None
    bic: float | None
    response_residuals: np.ndarray
    null_deviance: float | None = None
    likelihood_ratio: float | None = None
    wald: float | None = None
    mean_interval: np.ndarray | None = None
    pearson_residuals: np.ndarray | None = None
    deviance_residuals: np.ndarray | None = None
    leverage: np.ndarray | None = None


def likelihood_dispersion(problem: Problem, mean: np.ndarray) -> float:
    """
    The dispersion at which a log-likelihood is stated: Pearson's, except in two cases.

    Least squares profiles it out, RSS / n, which is the mean squared error; quasi-likelihood has no likelihood but at 1.
    """
    if problem.quasi:
        return 1.0
    if problem.model.is_least_squares:
        return likelihood.deviance(problem, mean) / problem.n
    return likelihood.dispersion(problem, mean)


def null_model(problem: Problem) -> Problem:
    """The problem with the intercept alone (and its offset)."""
    return problem.with_data("null", X=lambda data: np.empty((len(data.X), 0)))


def expecting(problem: Problem, mean: np.ndarray) -> Problem:
    """The problem with means for its response: its observed information is the expected information of the other."""
    return replace(problem.with_data("expected", y=mean), quasi=True)


class Whitened:
    """A problem on white inputs, and the way back: b = ``basis`` times the white parameters."""

    def __init__(self, problem: Problem) -> None:
        white = scoring.White.of(problem)
        self.basis = white.basis
        self.problem = replace(problem.with_data("white", X=white.design), intercept=False)

    def params(self, free: np.ndarray) -> Params:
        """The white parameters at which eta is that of ``free`` (q, m)."""
        return self.problem.params(linalg.solve_triangular(self.basis, free))

    def root(self, information: np.ndarray) -> np.ndarray:
        """(q, m, q m): the products of its rows are the inverse of the white information in the problem's own coordinates."""
        lower = linalg.cholesky(information, lower=True)
        inverse = linalg.solve_triangular(lower, np.eye(len(lower)), lower=True).T
        by_output = inverse.reshape(self.problem.free_outputs, -1, len(lower))
        return np.einsum("ij,mjs->ims", self.basis, by_output)


def infer(engine: Any, problem: Problem) -> Inference:
    """
    The inference that an engine's `fit` and `evaluate` allow.

    Raises LinAlgError where the information at the fit is singular.
    """
    white = Whitened(problem)
    params = white.params(problem.free(engine.fit(problem).params))
    at = engine.evaluate(white.problem, params)
    observed = white.root(at.information)
    if problem.model.is_canonical:
        expected = observed
    else:
        expected = white.root(engine.evaluate(expecting(white.problem, at.mean), params).information)
    free = problem.free(engine.fit(problem).params)
    null = None if not problem.intercept else _null(engine, problem)
    kernel = at.log_likelihood - likelihood.normaliser(problem)
    return derive(problem, free, at.mean, kernel, expected, observed, null)


def _null(engine: Any, problem: Problem) -> np.ndarray:
    null = null_model(problem)
    return engine.evaluate(null, engine.fit(null).params).mean


@dataclass(frozen=True)
class Tail:
    """
    The distribution of a statistic: Student's t with ``freedom`` degrees of freedom, or the standard normal where that is None.

    By functions of `scipy.special`: to import `scipy.stats` takes a second.

    >>> float(Tail().two_sided(np.array(1.96)).round(4)), round(Tail(10).reach(0.95), 4)
    (0.05, 2.2281)
    """

    freedom: float | None = None

    def two_sided(self, statistics: np.ndarray) -> np.ndarray:
        """The probability of a statistic that is larger in size, on both sides together."""
        below = -np.abs(statistics)
        tail: np.ndarray = special.ndtr(below) if self.freedom is None else special.stdtr(self.freedom, below)
        return 2 * tail

    def reach(self, level: float) -> float:
        """The size within which the statistic lies with the probability ``level``."""
        share = (1 + level) / 2
        return float(special.ndtri(share) if self.freedom is None else special.stdtrit(self.freedom, share))


def derive(
    problem: Problem,
    free: np.ndarray,
    mean: np.ndarray,
    kernel: float,
    expected: np.ndarray,
    observed: np.ndarray,
    null: np.ndarray | None,
) -> Inference:
    """
    All of `Inference` by formula, from what a network gives: coefficients (q, m), means (n, k), the log-likelihood's kernel.

    ``expected`` and ``observed`` (q, m, s) are roots of the inverse information, ``null`` the means of the null model.
    Raises LinAlgError for a perfect fit where the dispersion is to be estimated.
    """
    phi, n, size = likelihood.dispersion(problem, mean), problem.n, free.size
    if phi == 0:
        raise np.linalg.LinAlgError("the fit is perfect, which leaves nothing to estimate the dispersion from")
    standard_errors = np.sqrt(phi) * np.linalg.norm(expected, axis=2)
    statistics = free / standard_errors
    tail = Tail(problem.freedom if problem.has_dispersion else None)
    at = likelihood_dispersion(problem, mean)
    log_likelihood = kernel / at + likelihood.normaliser(problem, at)
    deviance = likelihood.deviance(problem, mean)
    return Inference(
        dispersion=phi,
        standard_errors=standard_errors,
        observed_standard_errors=np.sqrt(phi) * np.linalg.norm(observed, axis=2),
        statistics=statistics,
        p_values=tail.two_sided(statistics),
        deviance=deviance,
        log_likelihood=log_likelihood,
        aic=None if problem.quasi else 2 * size - 2 * log_likelihood,
        bic=None if problem.quasi else float(np.log(n)) * size - 2 * log_likelihood,
        response_residuals=problem.y - mean,
        **_against_null(problem, free, deviance, phi, expected, null),
        **_by_row(problem, free, mean, phi, expected, tail),
    )


def _against_null(
    problem: Problem, free: np.ndarray, deviance: float, phi: float, expected: np.ndarray, null: np.ndarray | None
) -> dict[str, Any]:
    if null is None or problem.p == 0:
        return {}
    null_deviance = likelihood.deviance(problem, null)
    slopes = expected[1:].reshape(-1, expected.shape[2])  # covariance at dispersion 1: slopes @ slopes.T
    z = linalg.solve_triangular(np.linalg.qr(slopes.T)[1].T, free[1:].ravel(), lower=True)
    return {
        "null_deviance": null_deviance,
        "likelihood_ratio": (null_deviance - deviance) / phi,
        "wald": float(z @ z) / phi,
    }


def _by_row(problem: Problem, free: np.ndarray, mean: np.ndarray, phi: float, expected: np.ndarray, tail: Tail) -> dict[str, Any]:
    if problem.model.has_classes:
        return {}
    family, weights, residuals = problem.model.family, problem.row_weights, problem.y - mean
    link, eta = problem.model.link, problem.design @ free + problem.free_offset
    spread = np.linalg.norm(problem.design @ expected[:, 0, :], axis=1)[:, None]  # of eta, at dispersion 1
    reach = tail.reach(CONFIDENCE) * np.sqrt(phi) * spread
    ends = np.hstack([eta - reach, eta + reach])
    with np.errstate(all="ignore"):  # outside the domain a formula gives what it gives
        means = link.inverse(ends)
        inside = link.eta_domain.contains(ends) & family.mu_domain.contains(means)
    return {
        "mean_interval": np.where(inside, means, np.nan),
        "pearson_residuals": residuals * np.sqrt(weights / family.variance(mean)),
        "deviance_residuals": np.sign(residuals) * np.sqrt(np.maximum(weights * family.unit_deviance(problem.y, mean), 0)),
        "leverage": (likelihood.expected_weights(problem, problem.params(free))[:, 0] * spread**2)[:, 0],
    }
