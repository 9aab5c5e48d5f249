"""Engines from outside the package, as `--subject` takes them: one that is right, and some that break the contract."""

import numpy as np

from spec.engines import formulas
from spec.engines.contract import Description
from spec.model import Params


class Formulas(formulas.Formulas):
    """Right, for models with one output."""

    def describe(self):
        return Description("Formulas", {"numpy": np.__version__})

    def declines(self, problem):
        return "one output only" if problem.model.has_classes else None


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
        params = Params(answer.params.intercept, np.nan * answer.params.coef)
        object.__setattr__(answer, "params", params)
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
