"""
glum behind the contract: GeneralizedLinearRegressor, without a penalty. What the adapter translates:

- *Penalty.* ``alpha`` is 0, which is glum's default too.
- *Sign and 1/n.* glum minimises deviance / (2 sum of weights), here times the sum of weights / n: -log-likelihood / n plus a
  term free of the parameters.
- *Intercept.* ``fit_intercept``. *Weights.* Prior weights times trials are ``sample_weight``; a response of trials is a share.
- *Score and curvature.* ``rowwise_gradient_hessian`` of a family gives the derivatives in eta of each row; X' times them is
  the adapter's. The Hessian is the expected one: it is given where it is the observed one, too.
- *Links.* ``TweedieLink(p)`` is the power link of exponent 1 - p, and so the inverse and the inverse squared link.
- *Standard errors.* ``std_errors`` of the expected information, not robust, at dispersion 1 where the family has none, else at
  glum's own estimate with n - q degrees of freedom.
- *Convergence.* ``step_size_tol`` is the tightest of `TOLERANCES` that glum says it reached; a fit that raises did not.
"""

from __future__ import annotations

import warnings
from functools import wraps
from typing import Any

import numpy as np

from spec.engines.contract import DECLINED, Description, Evaluation, Fit
from spec.families import Binomial, Gamma, Gaussian, InverseGaussian, NegativeBinomial, Poisson, Tweedie
from spec.likelihood import gram, null_params
from spec.links import CLogLog, Identity, Inverse, InverseSquared, Log, Logit, Power
from spec.model import Params
from spec.problems import Problem

FAMILIES = {Gaussian: 0, Poisson: 1, Gamma: 2, InverseGaussian: 3}  # by the power of the mean in the variance
LINKS = {Identity: "IdentityLink", Log: "LogLink", Logit: "LogitLink", CLogLog: "CloglogLink"}
TOLERANCES = (1e-16, 1e-14, 1e-12, 1e-10, 1e-8)


def _quietly(method: Any) -> Any:
    """The method without warnings, of clipped sigmoids and ill-conditioned matrices for instance; `_warning` asks for its own."""

    @wraps(method)
    def quiet(*args: Any) -> Any:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return method(*args)

    return quiet


class Glum:
    """The solver that glum takes by default where there is no penalty: iteratively reweighted least squares."""

    def describe(self) -> Description:
        import glum

        declines = {
            "log_likelihood": "glum leaves out the binomial coefficient of trials, and has no log-likelihood of quasi responses",
            "standard_errors": "glum divides by n - q, which is 0 for a saturated model, and by the information",
            "curvature": "the public Hessian of glum is the expected one, which is another where the link is not canonical",
        }
        return Description("glum", {"glum": glum.__version__}, "irls-ls", "float64", "https://glum.readthedocs.io", declines)

    def declines(self, problem: Problem) -> str | None:
        family, link = problem.model.family, problem.model.link
        if problem.p == 0:
            return "glum refuses an X without columns"
        if type(family) not in FAMILIES and not isinstance(family, (Binomial, NegativeBinomial, Tweedie)):
            return f"glum has no {family} family"
        if isinstance(link, Power) and 0 < link.exponent < 1:
            return "TweedieLink refuses powers between 0 and 1"
        if type(link) not in LINKS and not isinstance(link, (Inverse, InverseSquared, Power)):
            return f"glum has no {link} link"
        return None

    @_quietly
    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        model = self._at(problem, params)
        family, link = model.family_instance, model.link_instance
        y, weights = problem.y[:, 0].copy(), problem.row_weights[:, 0].copy()
        eta = np.asarray(model.linear_predictor(problem.X, offset=_offset(problem)))
        mean = np.asarray(model.predict(problem.X, offset=_offset(problem)))
        gradient, hessian = family.rowwise_gradient_hessian(link, None, 1.0, None, y, weights, eta, mean)
        score = problem.design.T @ gradient
        usual = problem.data.trials is None and not problem.quasi
        return Evaluation(
            mean=mean[:, None],
            loss=float(family.deviance(y, mean, sample_weight=weights)) / (2 * problem.n),
            loss_scale=1.0,
            log_likelihood=float(family.log_likelihood(y, mean, weights, dispersion=1.0)) if usual else DECLINED,
            score=np.concatenate([np.zeros(1 - problem.intercept), score])[:, None],
            curvature=(lambda: gram(problem.design, hessian[:, None, None])) if problem.model.is_canonical else DECLINED,
        )

    @_quietly
    def fit(self, problem: Problem) -> Fit:
        y, weights, offset = problem.y[:, 0], problem.row_weights[:, 0], _offset(problem)
        for tol in TOLERANCES:
            model = _estimator(problem, gradient_tol=1e-300, step_size_tol=tol, max_iter=200)
            said = _warning(model.fit, problem.X, y, sample_weight=weights, offset=offset)
            if not said:
                break
        if not hasattr(model, "coef_"):
            return Fit(null_params(problem), False, 0, said, DECLINED, DECLINED, DECLINED)
        mean = np.asarray(model.predict(problem.X, offset=offset))
        family, usual = model.family_instance, problem.data.trials is None and not problem.quasi
        phi = None if problem.has_dispersion else 1.0
        given = {"dispersion": phi, "robust": False, "expected_information": True}
        try:
            errors = np.asarray(model.std_errors(problem.X, y, weights, offset, **given))[:, None]
        except (ValueError, np.linalg.LinAlgError):
            errors = np.array([np.nan])
        errors = errors if np.isfinite(errors).all() else DECLINED
        params = Params(np.array([model.intercept_]), np.asarray(model.coef_)[:, None])
        deviance = float(family.deviance(y, mean, sample_weight=weights))
        log_likelihood = float(family.log_likelihood(y, mean, weights, dispersion=1.0)) if usual else DECLINED
        reason = said or f"a step is below {tol:g}"
        return Fit(params, not said, int(model.n_iter_), reason, errors, deviance, log_likelihood)

    @staticmethod
    def _at(problem: Problem, params: Params) -> Any:
        """An estimator with these coefficients: one of two made-up rows, since only `fit` tells it what it predicts."""
        model = _estimator(problem, max_iter=1)
        _warning(model.fit, np.zeros((2, problem.p)), np.array([0.25, 0.75]))
        model.coef_, model.intercept_ = params.coef[:, 0].copy(), float(params.intercept[0])
        return model


def _estimator(problem: Problem, **options: Any) -> Any:
    import glum

    family, link = problem.model.family, problem.model.link
    if isinstance(family, (Binomial, NegativeBinomial)):
        given = glum.BinomialDistribution() if isinstance(family, Binomial) else glum.NegativeBinomialDistribution(family.alpha)
    else:
        given = glum.TweedieDistribution(family.power if isinstance(family, Tweedie) else FAMILIES[type(family)])
    of_link = getattr(glum, LINKS[type(link)])() if type(link) in LINKS else glum.TweedieLink(1 - getattr(link, "exponent", 0))
    return glum.GeneralizedLinearRegressor(alpha=0, family=given, link=of_link, fit_intercept=problem.intercept, **options)


def _offset(problem: Problem) -> np.ndarray | None:
    return None if problem.offset is None else problem.offset[:, 0]


def _warning(call: Any, *args: Any, **options: Any) -> str:
    """The warning of a call that it did not converge, or the error that it raised; empty where there is neither."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            call(*args, **options)
        except (ValueError, np.linalg.LinAlgError) as error:
            return f"glum raised {type(error).__name__}: {error}"
    return next((str(each.message) for each in caught if "failed to converge" in str(each.message)), "")
