"""Standard errors by other conventions beside coefficients that are right, written in NumPy from the textbook."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import optimize, special

from spec import likelihood
from spec.diagnosis.answer import Answer
from spec.diagnosis.plants.mistake import Other
from spec.diagnosis.plants.optima import optimum
from spec.families import Gamma, Gaussian, InverseGaussian
from spec.model import Params
from spec.problems import Problem

Errors = Callable[[Problem, Params], "np.ndarray | None"]


def with_errors(errors: Errors) -> Callable[[Problem, np.random.Generator], Answer | None]:
    """The optimum with standard errors made by a convention; None where that is no other than the usual one."""

    def fit(problem: Problem, rng: np.random.Generator) -> Answer | None:
        params = optimum(problem, rng)
        found = None if params is None else errors(problem, params)
        return None if params is None or found is None else beside(problem, params, found)

    return fit


def beside(problem: Problem, params: Params, errors: np.ndarray, name: str = "your network") -> Answer | None:
    """An answer with standard errors (q, m); None where they are the usual ones, or none."""
    if not (np.isfinite(errors) & (errors > 0)).all() or np.abs(errors / _usual(problem, params) - 1).max() < 1e-6:
        return None
    return Answer(params, name, standard_errors=errors)


def _roots(problem: Problem, information: np.ndarray) -> np.ndarray:
    return np.sqrt(np.diag(np.linalg.inv(information))).reshape(problem.free_outputs, -1).T


def _mean(problem: Problem, params: Params) -> np.ndarray:
    return problem.model.link.inverse(problem.eta(params))


def _expected(problem: Problem, params: Params) -> np.ndarray:
    """Standard errors (q, m) at dispersion 1."""
    return _roots(problem, likelihood.expected_information(problem, params))


def _usual(problem: Problem, params: Params) -> np.ndarray:
    return np.sqrt(likelihood.dispersion(problem, _mean(problem, params))) * _expected(problem, params)


def observed(problem: Problem, params: Params) -> np.ndarray | None:
    if problem.model.has_classes or problem.model.is_canonical:
        return None
    bends = problem.model.row_bend(problem.y, problem.eta(params), problem.row_weights)
    information = problem.design.T @ (-bends * problem.design)
    return np.sqrt(likelihood.dispersion(problem, _mean(problem, params))) * _roots(problem, information)


def _by(dispersion: Callable[[Problem, Params], float | None]) -> Errors:
    def errors(problem: Problem, params: Params) -> np.ndarray | None:
        phi = dispersion(problem, params) if problem.has_dispersion else None
        return None if phi is None else np.sqrt(phi) * _expected(problem, params)

    return errors


def _divided_by_n(problem: Problem, params: Params) -> float:
    return likelihood.dispersion(problem, _mean(problem, params)) * (problem.n - problem.q) / problem.n


def _by_frequency(problem: Problem, params: Params) -> float:
    """The dispersion if the weights of the rows are numbers of equal rows."""
    pearson = likelihood.dispersion(problem, _mean(problem, params)) * (problem.n - problem.q)
    return pearson / (float(problem.row_weights.sum()) - problem.q)


def _by_deviance(problem: Problem, params: Params) -> float | None:
    if isinstance(problem.model.family, Gaussian):  # there it is Pearson's
        return None
    return likelihood.deviance(problem, _mean(problem, params)) / (problem.n - problem.q)


def _of_likelihood(problem: Problem, params: Params) -> float | None:
    """The dispersion by maximum likelihood: for a Gamma response log(a) - digamma(a) = D / (2 n), with a = 1 / phi."""
    share = likelihood.deviance(problem, _mean(problem, params)) / problem.n
    if isinstance(problem.model.family, InverseGaussian):
        return share
    if not isinstance(problem.model.family, Gamma) or problem.data.weights is not None:
        return None
    return 1 / optimize.brentq(lambda a: np.log(a) - special.digamma(a) - share / 2, 1e-6, 1e9, xtol=1e-14, rtol=1e-14)


def no_dispersion(problem: Problem, params: Params) -> np.ndarray | None:
    return _expected(problem, params) if problem.has_dispersion else None


def _robust(factor: Callable[[Problem], float]) -> Errors:
    """The sandwich of White (1980): the squares of the rows' scores between two inverse informations."""

    def errors(problem: Problem, params: Params) -> np.ndarray:
        return np.sqrt(factor(problem)) * _of_scores(problem, params, np.arange(problem.n))

    return errors


def _of_scores(problem: Problem, params: Params, clusters: np.ndarray) -> np.ndarray:
    """The sandwich of the scores, summed over each of the ``clusters`` (n,), which are numbered."""
    bread = np.linalg.inv(likelihood.expected_information(problem, params))
    rows = likelihood.row_scores(problem, params)
    each = (rows[:, :, None] * problem.design[:, None, :]).reshape(problem.n, -1)
    each = np.add.reduceat(each, np.flatnonzero(np.diff(clusters, prepend=-1)))
    return np.sqrt(np.diag(bread @ (each.T @ each) @ bread)).reshape(problem.free_outputs, -1).T


OF_ONE = 4  # rows that go together


def in_clusters(problem: Problem, rng: np.random.Generator) -> Other:
    """The problem itself, of whose rows the reader says which go together."""
    return Other(problem, clusters=np.arange(problem.n) // OF_ONE)


def clustered(problem: Problem, params: Params) -> np.ndarray:
    """The errors of Liang and Zeger (1986), with the factor g / (g - 1)."""
    clusters = np.arange(problem.n) // OF_ONE
    return np.sqrt((clusters[-1] + 1) / clusters[-1]) * _of_scores(problem, params, clusters)


def of_doubled_rows(problem: Problem, params: Params) -> np.ndarray | None:
    """The errors if all rows were entered twice, for a family without a dispersion."""
    return None if problem.has_dispersion else _usual(problem, params) / np.sqrt(2)


by_n, by_frequency = _by(_divided_by_n), _by(_by_frequency)
by_deviance, of_likelihood = _by(_by_deviance), _by(_of_likelihood)
hc0, hc1 = _robust(lambda problem: 1.0), _robust(lambda problem: problem.n / (problem.n - problem.q * problem.free_outputs))
