"""An engine to begin with: Poisson regression with the log link, by a Newton iteration. Put your library in its place."""

import numpy as np
from scipy.special import gammaln, xlogy

from spec.engines.contract import Description, Evaluation, Fit
from spec.families import Poisson
from spec.links import Log
from spec.model import Params


class Mine:
    def describe(self):
        return Description("Mine", {"numpy": np.__version__}, declines={"standard_errors": "my library computes none"})

    def declines(self, problem):
        """What the library cannot express; never what it gets wrong."""
        if not (isinstance(problem.model.family, Poisson) and isinstance(problem.model.link, Log)):
            return "Poisson regression with the log link only"
        return "responses must be counts" if problem.quasi else None

    def evaluate(self, problem, params):
        """The answers at these coefficients; nothing is fitted."""
        y, w = problem.y[:, 0], problem.row_weights[:, 0]
        with np.errstate(over="ignore"):  # a mean that overflows is inf
            mean = np.exp(problem.X @ params.coef[:, 0] + params.intercept[0] + offset(problem))
        log_likelihood = np.sum(w * (xlogy(y, mean) - mean - gammaln(y + 1)))
        score = problem.design.T @ (w * (y - mean))
        no_intercept = np.zeros(1 - problem.intercept)  # a zero in its place where there is none
        information = problem.design.T @ ((w * mean)[:, None] * problem.design)
        return Evaluation(
            mean=mean[:, None],
            loss=-log_likelihood / problem.n,
            loss_scale=1.0,  # the factor of -log-likelihood / n in the loss
            log_likelihood=log_likelihood,
            score=np.concatenate([no_intercept, score])[:, None],
            curvature=lambda: information,
        )

    def fit(self, problem):
        beta, converged, steps = np.zeros(problem.q), False, 0
        while not converged and steps < 50:
            at = self.evaluate(problem, from_vector(problem, beta))
            gradient = at.score[1 - problem.intercept :, 0]
            try:
                step = np.linalg.solve(at.information, gradient)
            except np.linalg.LinAlgError:
                break
            while not self.evaluate(problem, from_vector(problem, beta + step)).log_likelihood >= at.log_likelihood - 1e-9:
                step = step / 2
            beta, steps = beta + step, steps + 1
            converged = bool(np.abs(step).max() < 1e-9 * (1 + np.abs(beta).max()))
        params = from_vector(problem, beta)
        at, y, w = self.evaluate(problem, params), problem.y[:, 0], problem.row_weights[:, 0]
        mean = at.mean[:, 0]
        return Fit(
            params=params,
            converged=converged,
            iterations=steps,
            reason="the last step moved the ninth digit" if converged else "no step was small",
            standard_errors=None,  # declined above
            deviance=2 * np.sum(w * (xlogy(y, y) - xlogy(y, mean) - y + mean)),
            log_likelihood=at.log_likelihood,
        )


def from_vector(problem, beta):
    """The coefficients as the claims have them: (1,) intercept, 0 where the model has none, and (p, 1) slopes."""
    if problem.intercept:
        return Params(beta[:1], beta[1:, None])
    return Params(np.zeros(1), beta[:, None])


def offset(problem):
    return 0.0 if problem.offset is None else problem.offset[:, 0]
