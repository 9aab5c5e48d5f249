"""
glum behind the contract: GeneralizedLinearRegressor, without a penalty. What the adapter translates:

- *Penalty.* ``alpha`` is 0, which is glum's default too.
- *Sign and 1/n.* glum minimises deviance / (2 sum of weights), which is -log-likelihood / sum of weights plus a term free of the
  parameters: the contract's ``loss_scale`` is n / sum of weights.
- *Intercept.* ``fit_intercept``; it is an attribute of its own.
- *Weights.* Prior weights times trials are ``sample_weight``; the response of trials is their share.
- *Score and curvature.* ``rowwise_gradient_hessian`` of a family gives the derivatives in eta of each row; X' times them is
  the adapter's. The Hessian is the expected one: it is given where it is the observed one, too.
- *Links.* ``TweedieLink(p)`` is the power link of exponent 1 - p, and so the inverse and the inverse squared link.
- *Standard errors.* ``std_errors`` of the expected information, not robust, at dispersion 1 where the family has none, else at
  glum's own estimate with n - q degrees of freedom.
- *Tolerance.* ``gradient_tol`` is the tightest of `TOLERANCES` with which glum says that it converged.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from spec.engines.contract import DECLINED, Description, Evaluation, Fit
from spec.families import Binomial, Gamma, Gaussian, InverseGaussian, NegativeBinomial, Poisson, Tweedie
from spec.likelihood import gram
from spec.links import CLogLog, Identity, Inverse, InverseSquared, Log, Logit, Power
from spec.model import Model, Params
from spec.problems import Problem

FAMILIES = {Gaussian: 0, Poisson: 1, Gamma: 2, InverseGaussian: 3}  # by the power of the mean in the variance
LINKS = {Identity: "IdentityLink", Log: "LogLink", Logit: "LogitLink", CLogLog: "CloglogLink"}
TOLERANCES = (1e-14, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8)


class Glum:
    """The solver that glum takes by default where there is no penalty: iteratively reweighted least squares."""

    def describe(self) -> Description:
        import glum

        declines = {
            "log_likelihood": "glum leaves out the binomial coefficient of trials, and has no log-likelihood of quasi responses",
            "standard_errors": "the factor n / (n - q) of glum's standard errors is infinite for a saturated model",
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

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        model = self._at(problem, params)
        family, link = model.family_instance, model.link_instance
        y, weights = problem.y[:, 0].copy(), problem.row_weights[:, 0].copy()
        eta = np.asarray(model.linear_predictor(problem.X, offset=_offset(problem)))
        mean = np.asarray(model.predict(problem.X, offset=_offset(problem)))
        with np.errstate(all="ignore"):
            gradient, hessian = family.rowwise_gradient_hessian(link, None, 1.0, None, y, weights, eta, mean)
        score = problem.design.T @ gradient
        total, usual = float(weights.sum()), problem.data.trials is None and not problem.quasi
        return Evaluation(
            mean=mean[:, None],
            loss=float(family.deviance(y, mean, sample_weight=weights)) / (2 * total),
            loss_scale=problem.n / total,
            log_likelihood=float(family.log_likelihood(y, mean, weights, dispersion=1.0)) if usual else DECLINED,
            score=np.concatenate([np.zeros(1 - problem.intercept), score])[:, None],
            curvature=(lambda: gram(problem.design, hessian[:, None, None])) if problem.model.is_canonical else DECLINED,
        )

    def fit(self, problem: Problem) -> Fit:
        y, weights, offset = problem.y[:, 0], problem.row_weights[:, 0], _offset(problem)
        for tol in TOLERANCES:
            model = _estimator(problem, gradient_tol=tol, max_iter=50)
            said = _warning(model.fit, problem.X, y, sample_weight=weights, offset=offset)
            if not said:
                break
        mean = np.asarray(model.predict(problem.X, offset=offset))
        family, usual = model.family_instance, problem.data.trials is None and not problem.quasi
        phi = None if problem.has_dispersion else 1.0
        errors = DECLINED
        if weights.sum() > problem.q:
            with warnings.catch_warnings():  # of an ill-conditioned matrix
                warnings.simplefilter("ignore")
                given = {"dispersion": phi, "robust": False, "expected_information": True}
                errors = np.asarray(model.std_errors(problem.X, y, weights, offset, **given))[:, None]
        return Fit(
            params=Params(np.array([model.intercept_]), np.asarray(model.coef_)[:, None]),
            converged=not said,
            iterations=int(model.n_iter_),
            reason=said or f"the gradient is below {tol:g}",
            standard_errors=errors,
            deviance=float(family.deviance(y, mean, sample_weight=weights)),
            log_likelihood=float(family.log_likelihood(y, mean, weights, dispersion=1.0)) if usual else DECLINED,
        )

    @staticmethod
    def _at(problem: Problem, params: Params) -> Any:
        """An estimator with these coefficients: one of two made-up rows, since only `fit` tells it what it predicts."""
        model = _estimator(problem, max_iter=1)
        _warning(model.fit, np.zeros((2, problem.p)), np.array([0.25, 0.75]))
        model.coef_, model.intercept_ = params.coef[:, 0].copy(), float(params.intercept[0])
        return model


def _estimator(problem: Problem, **options: Any) -> Any:
    import glum

    family, link = _family(glum, problem.model), _link(glum, problem.model)
    return glum.GeneralizedLinearRegressor(
        alpha=0, family=family, link=link, fit_intercept=problem.intercept, solver="irls-ls", **options
    )


def _family(glum: Any, model: Model) -> Any:
    family = model.family
    if isinstance(family, Binomial):
        return glum.BinomialDistribution()
    if isinstance(family, NegativeBinomial):
        return glum.NegativeBinomialDistribution(family.alpha)
    return glum.TweedieDistribution(family.power if isinstance(family, Tweedie) else FAMILIES[type(family)])


def _link(glum: Any, model: Model) -> Any:
    link: Any = model.link
    return getattr(glum, LINKS[type(link)])() if type(link) in LINKS else glum.TweedieLink(1 - link.exponent)


def _offset(problem: Problem) -> np.ndarray | None:
    return None if problem.offset is None else problem.offset[:, 0]


def _warning(call: Any, *args: Any, **options: Any) -> str:
    """The first ConvergenceWarning of a call; empty where there is none."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(*args, **options)
    said = [str(each.message) for each in caught if each.category.__name__ == "ConvergenceWarning"]
    return said[0] if said else ""
