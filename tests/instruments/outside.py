"""Engines from outside the package, as `--subject` takes them: one that is right, and some that break the contract."""

import numpy as np
from flint import arb, arb_series

from spec import likelihood, scoring
from spec.engines.contract import Description, Evaluation, Fit
from spec.evidence.balls import BALLS
from spec.families import Multinomial


class Formulas:
    """Right: the textbook's formulas in NumPy, for models with one output."""

    def describe(self):
        return Description("Formulas", {"numpy": np.__version__})

    def declines(self, problem):
        return "one output only" if isinstance(problem.model.family, Multinomial) else None

    def evaluate(self, problem, params):
        log_likelihood = likelihood.log_likelihood(problem, params)
        return Evaluation(
            mean=problem.model.link.inverse(problem.eta(params)),
            loss=-log_likelihood / problem.n,
            loss_scale=1.0,
            log_likelihood=log_likelihood,
            score=problem.params(likelihood.score(problem, params)).matrix,
            curvature=lambda: likelihood.gram(problem.design, self._weights(problem, params)[:, None, None]),
        )

    def fit(self, problem):
        ascent = scoring.ascend(
            problem, lambda p: (likelihood.kernel(problem, p), likelihood.score(problem, p)), likelihood.null_params(problem)
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

    @staticmethod
    def _weights(problem, params):
        """Minus the second derivative of each row's kernel, as a power series."""
        model, rows = problem.model, zip(problem.eta(params)[:, 0].tolist(), problem.y[:, 0].tolist(), strict=True)
        kernels = [model.family.kernel(arb(y), model.link.inverse(arb_series([arb(eta), 1], 3), BALLS), BALLS) for eta, y in rows]
        return problem.row_weights[:, 0] * np.array([-2 * float(kernel[2]) for kernel in kernels])


class Raises(Formulas):
    """Breaks down."""

    def evaluate(self, problem, params):
        raise ZeroDivisionError("no luck")

    def fit(self, problem):
        raise ZeroDivisionError("no luck")


class NotANumber(Formulas):
    """Answers NaN."""

    def evaluate(self, problem, params):
        answer = super().evaluate(problem, params)
        answer.mean[0, 0] = np.nan
        return answer

    def fit(self, problem):
        answer = super().fit(problem)
        answer.params.coef[:] = np.nan
        return answer


class WrongShape(Formulas):
    """Answers vectors where columns are due."""

    def evaluate(self, problem, params):
        answer = super().evaluate(problem, params)
        object.__setattr__(answer, "mean", answer.mean[:, 0])
        return answer

    def fit(self, problem):
        answer = super().fit(problem)
        object.__setattr__(answer, "standard_errors", answer.standard_errors[:, 0])
        return answer


class NeverConverges(Formulas):
    """Says itself that it did not converge."""

    def fit(self, problem):
        answer = super().fit(problem)
        object.__setattr__(answer, "converged", False)
        return answer


class Incomplete:
    """Lacks methods."""

    def describe(self):
        return Description("Incomplete", {})
