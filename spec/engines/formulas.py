"""
The engine of the specification itself: the textbook's formulas in NumPy, for all its models.

It is what the claims are compared with where statsmodels is not installed. It is no second opinion: its formulas are those of
`spec.likelihood`, its steps those of `spec.scoring`. The proof judges its fits as it does any other's.
"""

from __future__ import annotations

import numpy as np

from spec import likelihood, scoring
from spec.engines.contract import Description, Evaluation, Fit
from spec.links import Softmax
from spec.model import Params, quietly
from spec.problems import Problem


class Formulas:
    """Log-likelihood, score and information by formula, and their optimum by scoring."""

    def describe(self) -> Description:
        return Description("Formulas", {"numpy": np.__version__}, backend="numpy")

    def declines(self, problem: Problem) -> str | None:
        return None

    @quietly
    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        mean = problem.model.link.inverse(problem.eta(params))
        log_likelihood = likelihood.log_likelihood(problem, params)
        if not likelihood.in_domain(problem, params):  # what is wrong on purpose may ask there; formulas of the mean go on
            kernel = problem.model.family.kernel(problem.y, mean)
            log_likelihood = float((problem.row_weights * kernel).sum()) + likelihood.normaliser(problem)
        return Evaluation(
            mean=mean,
            loss=-log_likelihood / problem.n,
            loss_scale=1.0,
            log_likelihood=log_likelihood,
            score=score(problem, params),
            curvature=lambda: observed_information(problem, params),
        )

    @quietly
    def fit(self, problem: Problem) -> Fit:
        ascent = scoring.ascend(
            problem, lambda p: (likelihood.kernel(problem, p), likelihood.score(problem, p)), likelihood.start_params(problem)
        )
        params = ascent.params
        return Fit(
            params=params,
            converged=ascent.converged,
            iterations=ascent.iterations,
            reason=ascent.reason,
            standard_errors=scoring.White.of(problem).standard_errors(problem, params),
            deviance=likelihood.deviance(problem, problem.model.link.inverse(problem.eta(params))),
            log_likelihood=likelihood.log_likelihood(problem, params),
        )


def score(problem: Problem, params: Params) -> np.ndarray:
    """The gradient of the log-likelihood in every weight, (1 + p, k): of a softmax in those of class 0, too."""
    eta = problem.eta(params)
    if problem.model.has_classes:
        mu = problem.model.link.inverse(eta)
        rows = problem.row_weights * (problem.y * Softmax.others(mu) - Softmax.others(problem.y) * mu)
    else:
        rows = problem.model.row_score(problem.y, eta, problem.row_weights)
    gradient = problem.design.T @ rows
    return gradient if problem.intercept else np.vstack([np.zeros((1, problem.k)), gradient])


def observed_information(problem: Problem, params: Params) -> np.ndarray:
    """Minus the Hessian of the log-likelihood in `Problem.free`; of a softmax, which is canonical, the expected information."""
    if problem.model.has_classes:
        return likelihood.expected_information(problem, params)
    bends = problem.model.row_bend(problem.y, problem.eta(params), problem.row_weights)
    return likelihood.gram(problem.design, -bends[:, :, None])
