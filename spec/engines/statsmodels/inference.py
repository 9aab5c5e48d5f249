"""
The inference that statsmodels' results objects report, as a `spec.inference.Inference`.

Nothing is computed here that statsmodels computes: each entry is looked up, and converted where the conventions differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spec.engines.statsmodels import versions
from spec.inference import CONFIDENCE, Inference
from spec.problems import Problem

if TYPE_CHECKING:
    from numpy.typing import ArrayLike  # which NumPy has from 1.20 on

Results = Any  # a results object of statsmodels, or None


def inference(problem: Problem, results: Results, null: Results) -> Inference:
    """The inference from the results of GLM, OLS or MNLogit; ``null`` are those of the intercept-only model, if there is one."""
    if problem.model.has_classes:
        return _multinomial(problem, results, null)
    return _least_squares(problem, results) if hasattr(results, "ssr") else _glm(problem, results, null)


def _column(values: ArrayLike) -> np.ndarray:
    """The values as a column, (n, 1)."""
    return np.asarray(values, dtype=float)[:, None]


def _slopes(problem: Problem, outputs: int = 1) -> np.ndarray:
    """The contrasts of a Wald test that all coefficients but the intercepts are zero."""
    return np.eye(problem.q * outputs)[np.tile(np.arange(problem.q) > 0, outputs)]


def wald(results: Results, contrasts: np.ndarray) -> float:
    """The Wald statistic of the hypothesis that all contrasts are zero."""
    return float(np.squeeze(results.wald_test(contrasts, use_f=False, **versions.SCALAR).statistic))


def _log_likelihood(results: Results, scale: float) -> float:
    """GLM's log-likelihood at the dispersion ``scale`` instead of its own."""
    return results.model.loglike(results.params, scale=scale)


def _glm(problem: Problem, results: Results, null: Results) -> Inference:
    model, phi = results.model, results.scale
    offset = None if problem.offset is None else problem.offset[:, 0]
    observed = np.linalg.inv(-model.hessian(results.params, scale=phi, observed=True))
    tested = null is not None and problem.p > 0
    return Inference(
        dispersion=phi,
        standard_errors=_column(results.bse),
        observed_standard_errors=_column(np.sqrt(np.diag(observed))),
        statistics=_column(results.tvalues),
        p_values=_column(results.pvalues),
        deviance=results.deviance,
        log_likelihood=_log_likelihood(results, 1.0) if problem.quasi else results.llf,  # at `likelihood_dispersion`
        aic=None if problem.quasi else results.aic,
        bic=None if problem.quasi else results.bic_llf,
        response_residuals=_column(results.resid_response) / problem.trials,  # statsmodels' are of counts, these of shares
        null_deviance=null.deviance if tested else None,
        # at dispersion 1: the binomial log-likelihood of statsmodels does not look at the scale
        likelihood_ratio=2 * (_log_likelihood(results, 1.0) - _log_likelihood(null, 1.0)) / phi if tested else None,
        wald=wald(results, _slopes(problem)) if tested else None,
        # with as many rows as coefficients get_prediction raises "weights has wrong shape"
        mean_interval=None if problem.n == problem.q else _interval(problem, results.get_prediction(offset=offset)),
        pearson_residuals=_column(results.resid_pearson),
        deviance_residuals=_column(results.resid_deviance),
        leverage=results.get_influence(observed=False).hat_matrix_diag,
    )


def _interval(problem: Problem, prediction: Any) -> np.ndarray:
    """The interval of the mean; NaN where an end of eta's leaves the link's domain, which statsmodels does not check."""
    ends = np.asarray(prediction.conf_int(alpha=1 - CONFIDENCE))
    return np.where(problem.model.family.mu_domain.contains(ends), ends, np.nan)


def _least_squares(problem: Problem, results: Results) -> Inference:
    results = results.model.fit()  # this uses the pseudo-inverse; method="qr" inverts R'R, which squares the condition number
    residuals, errors = _column(results.resid), _column(results.bse)
    tested = problem.intercept and problem.p > 0
    return Inference(
        dispersion=results.scale,
        standard_errors=errors,
        observed_standard_errors=errors,
        statistics=_column(results.tvalues),
        p_values=_column(results.pvalues),
        deviance=results.ssr,
        log_likelihood=results.llf,
        aic=results.aic,
        bic=results.bic,
        response_residuals=residuals,
        null_deviance=results.centered_tss if tested else None,
        likelihood_ratio=results.fvalue * results.df_model if tested else None,
        wald=wald(results, _slopes(problem)) if tested else None,
        mean_interval=results.get_prediction().conf_int(alpha=1 - CONFIDENCE),
        pearson_residuals=residuals,
        deviance_residuals=residuals,
        leverage=results.get_influence().hat_matrix_diag,
    )


def _multinomial(problem: Problem, results: Results, null: Results) -> Inference:
    errors = np.asarray(results.bse)
    tested = null is not None and problem.p > 0
    return Inference(
        dispersion=1.0,
        standard_errors=errors,
        observed_standard_errors=errors,
        statistics=np.asarray(results.tvalues),
        p_values=np.asarray(results.pvalues),
        deviance=-2 * results.llf,
        log_likelihood=results.llf,
        aic=results.aic,
        bic=results.bic,
        response_residuals=problem.y - results.predict(),
        null_deviance=-2 * null.llf if tested else None,  # results.llnull is from a fit that stops early: 9 digits
        likelihood_ratio=2 * (results.llf - null.llf) if tested else None,
        wald=wald(results, _slopes(problem, problem.free_outputs)) if tested else None,
    )
