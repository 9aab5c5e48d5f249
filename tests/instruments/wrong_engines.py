"""
Engines that are right but for one fault, and that only about some problems: `FAULTS`, by name.

Each is the textbook's formulas with one field altered. `engine` makes one, and `pytest --subject` takes one by its attribute:
tests.instruments.wrong_engines:deviance_is_halved_with_weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import stats

from spec import existence, inference, likelihood
from spec.engines.contract import Description, Evaluation, Fit
from spec.engines.formulas import Formulas
from spec.families import Gaussian, Multinomial, NegativeBinomial, Tweedie
from spec.inference import Inference
from spec.model import Model, Params
from spec.problems import Problem

Where = Callable[[Problem], bool]


@dataclass(frozen=True)
class Fault:
    """
    One fault: the answers of ``method`` about problems ``where`` are put through ``alter``.

    ``alter`` takes the problem and the right answer, and for "evaluate" the parameters too; of the method "asked" it makes
    another problem, which is answered in place of the one that was asked.
    """

    method: str
    where: Where
    alter: Callable[..., Any]


class Faulty(Formulas):
    """The textbook's formulas with a fault."""

    def __init__(self, name: str, fault: Fault) -> None:
        self.name, self.fault = name, fault
        if fault.method == "infer":
            self.infer = self._infer

    def describe(self) -> Description:
        return Description(self.name, {"numpy": np.__version__})

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        right = super().evaluate(self._asked(problem), params)
        return self.fault.alter(problem, right, params) if self._applies("evaluate", problem) else right

    def fit(self, problem: Problem) -> Fit:
        right = super().fit(self._asked(problem))
        return self.fault.alter(problem, right) if self._applies("fit", problem) else right

    def _infer(self, problem: Problem) -> Inference:
        right = inference.infer(Formulas(), problem)
        return self.fault.alter(problem, right) if self._applies("infer", problem) else right

    def _asked(self, problem: Problem) -> Problem:
        return self.fault.alter(problem) if self._applies("asked", problem) else problem

    def _applies(self, method: str, problem: Problem) -> bool:
        return self.fault.method == method and self.fault.where(problem)


# -- where ------------------------------------------------------------------------------------------------------------------


def everywhere(problem: Problem) -> bool:
    return True


def has(*parts: str) -> Where:
    """The problem has all these parts of data."""
    return lambda problem: all(getattr(problem.data, part) is not None for part in parts)


def only(part: str) -> Where:
    """The problem has this part, and neither of the others."""
    return lambda problem: all(
        (getattr(problem.data, each) is not None) == (each == part) for each in ("offset", "weights", "trials")
    )


def both(*conditions: Where) -> Where:
    return lambda problem: all(condition(problem) for condition in conditions)


def has_dispersion(problem: Problem) -> bool:
    return problem.has_dispersion


def is_quasi(problem: Problem) -> bool:
    return problem.quasi


def is_softmax(problem: Problem) -> bool:
    return isinstance(problem.model.family, Multinomial)


def has_rows(problem: Problem) -> bool:
    """Its inference goes by rows, and its null model is asked about."""
    return not is_softmax(problem)


def not_canonical(problem: Problem) -> bool:
    return not problem.model.is_canonical


def no_intercept(problem: Problem) -> bool:
    return not problem.intercept


def is_separated(problem: Problem) -> bool:
    return problem.n < 2000 and existence.separating(problem) is not None


def is_wide_gaussian(problem: Problem) -> bool:
    return problem.p > 32 and isinstance(problem.model.family, Gaussian)


def has_null_model(problem: Problem) -> bool:
    return problem.intercept and problem.p > 0


# -- how --------------------------------------------------------------------------------------------------------------------


def times(field: str, factor: float) -> Callable[..., Any]:
    """The field multiplied."""
    return lambda problem, right, *at: replace(right, **{field: factor * getattr(right, field)})


def becomes(field: str, value: Callable[..., Any]) -> Callable[..., Any]:
    """The field replaced by ``value(problem, right)``."""
    return lambda problem, right, *at: replace(right, **{field: value(problem, right)})


def without(part: str) -> Callable[[Problem], Problem]:
    """The problem without this part of its data."""
    return lambda problem: problem.with_data(**{part: None})


def with_family(family: Any) -> Callable[[Problem], Problem]:
    """The problem with another family, and the same link."""
    return lambda problem: replace(problem, model=Model(family, problem.model.link))


def means(problem: Problem, fit: Fit) -> np.ndarray:
    return problem.model.link.inverse(problem.eta(fit.params))


def observed_errors(problem: Problem, fit: Fit) -> np.ndarray:
    """Standard errors from the observed information."""
    information = Formulas().evaluate(problem, fit.params).information
    shape = fit.standard_errors.shape[::-1]
    errors = np.sqrt(likelihood.dispersion(problem, means(problem, fit)) * np.diag(np.linalg.inv(information)))
    return errors.reshape(shape).T


def null_mean(problem: Problem, weights: np.ndarray | None = None) -> np.ndarray:
    """The mean response, for every row."""
    return np.broadcast_to(np.average(problem.y, axis=0, weights=weights), problem.y.shape)


def null_deviance_of_the_mean(problem: Problem, right: Inference) -> float:
    return likelihood.deviance(problem, null_mean(problem, problem.row_weights[:, 0]))


def reach_of_the_normal(problem: Problem, right: Inference) -> np.ndarray:
    """The interval with the normal's quantile."""
    eta = problem.model.link(right.mean_interval)
    middle = eta.mean(axis=1, keepdims=True)
    ratio = stats.norm.ppf(0.975) / stats.t(problem.n - problem.q).ppf(0.975)
    return problem.model.link.inverse(middle + ratio * (eta - middle))


def clipped(limit: float) -> Callable[..., Any]:
    """Means of a predictor that is kept within a limit, as if against overflow."""

    def alter(problem: Problem, right: Evaluation, params: Params) -> Evaluation:
        return replace(right, mean=problem.model.link.inverse(np.clip(problem.eta(params), -limit, limit)))

    return alter


def reaches_far(problem: Problem) -> bool:
    """Some predictors are beyond 709."""
    return "far" in problem.tags


def first_rows(count: int) -> Callable[..., Any]:
    """The score of the first rows only."""

    def alter(problem: Problem, right: Evaluation, params: Params) -> Evaluation:
        parts = {part: getattr(problem.data, part) for part in ("X", "y", "offset", "weights", "trials")}
        few = problem.with_data(**{part: values if values is None else values[:count] for part, values in parts.items()})
        return replace(right, score=Formulas().evaluate(few, params).score)

    return alter


def no_first_offset(problem: Problem) -> Problem:
    """The offset of class 0 is taken for zero."""
    return problem.with_data(offset=lambda data: data.offset * (np.arange(problem.k) > 0))


def without_class_offset(problem: Problem, right: Evaluation, params: Params) -> Evaluation:
    return replace(right, score=Formulas().evaluate(no_first_offset(problem), params).score)


def curvature_is(value: Callable[[Problem, Params], np.ndarray]) -> Callable[..., Any]:
    return lambda problem, right, params: replace(right, curvature=lambda: value(problem, params))


def filled_score(problem: Problem, right: Evaluation, params: Params) -> Evaluation:
    """An intercept's score where there is no intercept."""
    score = right.score.copy()
    score[0] = (problem.row_weights * (problem.y - right.mean)).sum(axis=0)
    return replace(right, score=score)


def without_constants(problem: Problem, right: Any, *at: Params) -> Any:
    return replace(right, log_likelihood=right.log_likelihood - likelihood.normaliser(problem))


def constants_of_rows_alike(problem: Problem, right: Any, *at: Params) -> Any:
    alike = likelihood.normaliser(without("weights")(problem)) - likelihood.normaliser(problem)
    return replace(right, log_likelihood=right.log_likelihood + alike)


FAULTS: dict[str, Fault] = {
    # the numbers of a fit
    "deviance_is_halved": Fault("fit", everywhere, times("deviance", 0.5)),
    "deviance_is_halved_with_weights": Fault("fit", only("weights"), times("deviance", 0.5)),
    "deviance_is_halved_with_an_offset": Fault("fit", only("offset"), times("deviance", 0.5)),
    "deviance_is_halved_with_both": Fault("fit", has("offset", "weights"), times("deviance", 0.5)),
    "deviance_is_halved_with_softmax_of_trials": Fault("fit", both(is_softmax, has("trials")), times("deviance", 0.5)),
    "deviance_without_weights": Fault(
        "fit", has("weights"), becomes("deviance", lambda p, f: likelihood.deviance(without("weights")(p), means(p, f)))
    ),
    "errors_by_n": Fault(
        "fit", has_dispersion, becomes("standard_errors", lambda p, f: f.standard_errors * np.sqrt(1 - p.q / p.n))
    ),
    "errors_by_the_sum_of_weights": Fault(
        "fit",
        both(has_dispersion, has("weights")),
        becomes("standard_errors", lambda p, f: f.standard_errors * np.sqrt(p.n / p.row_weights.sum())),
    ),
    "errors_of_the_observed_information": Fault("fit", not_canonical, becomes("standard_errors", observed_errors)),
    "errors_without_a_dispersion_for_quasi": Fault("fit", is_quasi, times("standard_errors", 1.25)),
    "fit_without_constants": Fault("fit", everywhere, without_constants),
    "fit_without_constants_of_softmax_of_trials": Fault("fit", both(is_softmax, has("trials")), without_constants),
    "fit_with_constants_of_rows_alike": Fault("fit", both(has_dispersion, has("weights")), constants_of_rows_alike),
    "likelihood_of_softmax_is_doubled": Fault("fit", is_softmax, times("log_likelihood", 2.0)),
    "converged_on_separated_data": Fault("fit", is_separated, becomes("converged", lambda p, f: True)),
    # another problem is answered
    "no_offset_beside_weights": Fault("asked", has("offset", "weights"), without("offset")),
    "no_weights_beside_an_offset": Fault("asked", has("offset", "weights"), without("weights")),
    "no_trials_of_softmax": Fault("asked", both(is_softmax, has("trials")), without("trials")),
    "no_offset_of_class_0": Fault("asked", both(is_softmax, has("offset")), no_first_offset),
    "every_tweedie_has_power_three_halves": Fault(
        "asked", lambda p: isinstance(p.model.family, Tweedie), with_family(Tweedie(1.5))
    ),
    "every_negative_binomial_has_alpha_one_half": Fault(
        "asked", lambda p: isinstance(p.model.family, NegativeBinomial), with_family(NegativeBinomial(0.5))
    ),
    "quasi_responses_are_rounded": Fault("asked", is_quasi, lambda p: p.with_data(y=lambda data: np.rint(data.y))),
    # at any parameters
    "likelihood_without_constants": Fault("evaluate", everywhere, without_constants),
    "likelihood_with_constants_of_rows_alike": Fault("evaluate", both(has_dispersion, has("weights")), constants_of_rows_alike),
    "score_of_an_intercept_that_is_not_there": Fault("evaluate", no_intercept, filled_score),
    "score_without_the_offset_of_class_0": Fault("evaluate", both(is_softmax, has("offset")), without_class_offset),
    "curvature_is_expected_beside_an_offset": Fault(
        "evaluate", both(not_canonical, has("offset", "weights")), curvature_is(likelihood.expected_information)
    ),
    "curvature_of_softmax_without_trials": Fault(
        "evaluate",
        both(is_softmax, has("trials")),
        curvature_is(lambda p, at: likelihood.expected_information(without("trials")(p), at)),
    ),
    "eta_is_clipped_at_37": Fault("evaluate", reaches_far, clipped(37)),
    "eta_is_clipped_at_700": Fault("evaluate", reaches_far, clipped(700)),
    "score_of_50000_rows": Fault("evaluate", lambda p: p.n > 50_000, first_rows(50_000)),
    "wide_gaussian_loses_a_column": Fault(
        "asked", is_wide_gaussian, lambda p: p.with_data(X=lambda data: data.X * (np.arange(p.p) < p.p - 1))
    ),
    # inference
    "null_deviance_without_offset": Fault(
        "infer", both(has_null_model, has("offset")), becomes("null_deviance", null_deviance_of_the_mean)
    ),
    "null_deviance_of_rows_alike": Fault(
        "infer",
        both(has_null_model, has("weights")),
        becomes("null_deviance", lambda p, i: likelihood.deviance(without("weights")(p), null_mean(p))),
    ),
    "aic_counts_the_dispersion": Fault(
        "infer", lambda p: p.has_dispersion and not p.quasi, becomes("aic", lambda p, i: i.aic + 2)
    ),
    "aic_of_quasi": Fault("infer", is_quasi, becomes("aic", lambda p, i: 2 * i.standard_errors.size - 2 * i.log_likelihood)),
    "bic_counts_the_weights": Fault(
        "infer",
        lambda p: has("weights")(p) and not p.quasi,
        becomes("bic", lambda p, i: i.bic + i.standard_errors.size * np.log(p.row_weights.sum() / p.n)),
    ),
    "p_values_of_the_normal": Fault(
        "infer", has_dispersion, becomes("p_values", lambda p, i: 2 * stats.norm.sf(np.abs(i.statistics)))
    ),
    "interval_of_the_normal": Fault("infer", both(has_rows, has_dispersion), becomes("mean_interval", reach_of_the_normal)),
    "interval_without_offset": Fault(
        "infer",
        both(has_rows, has("offset")),
        becomes(
            "mean_interval",
            lambda p, i: p.model.link.inverse(p.model.link(i.mean_interval) - p.offset),
        ),
    ),
    "pearson_residuals_of_rows_alike": Fault(
        "infer",
        both(has_rows, has("weights")),
        becomes("pearson_residuals", lambda p, i: i.pearson_residuals / np.sqrt(p.row_weights)),
    ),
    "deviance_residuals_of_rows_alike": Fault(
        "infer",
        both(has_rows, has("weights")),
        becomes("deviance_residuals", lambda p, i: i.deviance_residuals / np.sqrt(p.row_weights)),
    ),
    "leverage_of_rows_alike": Fault(
        "infer", both(has_rows, has("weights")), becomes("leverage", lambda p, i: i.leverage / p.row_weights[:, 0])
    ),
    "leverage_of_softmax": Fault("infer", is_softmax, becomes("leverage", lambda p, i: np.ones(p.n))),
    "residuals_of_counts": Fault(
        "infer", has("trials"), becomes("response_residuals", lambda p, i: i.response_residuals * p.trials)
    ),
    "wald_without_dispersion": Fault(
        "infer", both(has_null_model, has_dispersion), becomes("wald", lambda p, i: i.wald * i.dispersion)
    ),
    "ratio_without_dispersion_for_quasi": Fault(
        "infer", both(has_null_model, is_quasi), becomes("likelihood_ratio", lambda p, i: i.likelihood_ratio * i.dispersion)
    ),
    "null_deviance_where_there_is_no_intercept": Fault(
        "infer", lambda p: no_intercept(p) and p.p > 0, becomes("null_deviance", lambda p, i: 1.0)
    ),
    "one_kind_of_errors_beside_an_offset": Fault(
        "infer",
        both(not_canonical, has("offset", "weights")),
        becomes("observed_standard_errors", lambda p, i: i.standard_errors),
    ),
}


def in_other_units(problem: Problem, right: Evaluation, params: Params) -> Evaluation:
    """The loss has another scale, and a term free of the parameters."""
    return replace(right, loss=-3.5 / problem.n * right.log_likelihood + 17.25, loss_scale=3.5)


OTHER_UNITS = Fault("evaluate", everywhere, in_other_units)  # no fault: the contract allows it


def engine(name: str) -> Callable[[], Faulty]:
    """A factory of the engine with this fault."""
    return lambda: Faulty(name, FAULTS[name])


def __getattr__(name: str) -> Callable[[], Faulty]:
    if name not in FAULTS:
        raise AttributeError(name)
    return engine(name)
