"""The inference that R reports, of its answers about a fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from spec.engines.contract import DECLINED
from spec.inference import Inference
from spec.problems import Problem


def apart(problem: Problem) -> str | None:
    """Why R's inference is another one by convention; None where it is the specification's."""
    if problem.model.has_classes or not problem.model.is_canonical:
        return "its standard errors are those of the expected information"
    if problem.model.family.has_dispersion and not problem.model.is_least_squares:
        return "its log-likelihood is at the dispersion deviance / n, not Pearson's"
    return None


def inference(problem: Problem, its: dict[str, Any]) -> Inference:
    """What `summary`, `residuals`, `hatvalues` and `predict` say; AIC and BIC without the dispersion, which R counts."""
    numbers = {name: value for name, value in its.items() if isinstance(value, np.ndarray)}
    one = {name: float(value[0]) for name, value in numbers.items() if len(value) == 1}
    column = {name: value[:, None] for name, value in numbers.items()}
    counted = int(problem.model.family.has_dispersion)
    tested, stated = problem.intercept and problem.p > 0, not problem.quasi
    return Inference(
        dispersion=one["dispersion"],
        standard_errors=column["errors"],
        observed_standard_errors=column["errors"],  # the link is canonical
        statistics=column["statistics"],
        p_values=column["p_values"],
        deviance=one["deviance"],
        log_likelihood=one["log_likelihood"] if stated else DECLINED,
        aic=one["aic"] - 2 * counted if stated else None,
        bic=one["bic"] - float(np.log(problem.n)) * counted if stated else None,
        response_residuals=column["response"],
        null_deviance=one["null_deviance"] if tested else None,
        likelihood_ratio=(one["null_deviance"] - one["deviance"]) / one["dispersion"] if tested else None,
        wald=one["wald"] if tested else None,
        mean_interval=its["interval"].reshape(2, -1).T,
        pearson_residuals=column["pearson"],
        deviance_residuals=column["of_deviance"],
        leverage=its["leverage"],
    )
