"""statsmodels: GLM, MNLogit and OLS behind the contract, at tight tolerance. The only engine that knows statsmodels."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from statsmodels.discrete.conditional_models import ConditionalLogit
from statsmodels.discrete.discrete_model import MNLogit
from statsmodels.genmod.generalized_linear_model import GLM
from statsmodels.regression.linear_model import OLS
from statsmodels.tools.sm_exceptions import ConvergenceWarning, DomainWarning

from spec import likelihood
from spec.engines.contract import Declined, Description, Evaluation, Fit, Likelihood, Recipe
from spec.engines.statsmodels import versions
from spec.engines.statsmodels.beyond import Conditional, Ordered
from spec.engines.statsmodels.inference import Results, inference
from spec.families import Binomial
from spec.inference import Inference, null_model
from spec.model import Model, Params
from spec.problems import Problem

PARAMETERS: dict[str, Callable[[Any], dict[str, float]]] = {  # a family's own parameters, as statsmodels names them
    "Gaussian": lambda family: {},
    "Binomial": lambda family: {},
    "Poisson": lambda family: {},
    "Gamma": lambda family: {},
    "InverseGaussian": lambda family: {},
    "NegativeBinomial": lambda family: {"alpha": family.alpha},
    "Tweedie": lambda family: {"var_power": family.power},
}
LINKS: dict[str, tuple[str, Callable[[Any], dict[str, float]]]] = {  # statsmodels' name of a link, and its parameters
    "Identity": ("Identity", lambda link: {}),
    "Log": ("Log", lambda link: {}),
    "Logit": ("Logit", lambda link: {}),
    "Probit": ("Probit", lambda link: {}),
    "Cauchit": ("Cauchy", lambda link: {}),
    "CLogLog": ("CLogLog", lambda link: {}),
    "LogLog": ("LogLog", lambda link: {}),
    "LogComplement": ("LogC", lambda link: {}),
    "Inverse": ("InversePower", lambda link: {}),
    "InverseSquared": ("InverseSquared", lambda link: {}),
    "Sqrt": ("Sqrt", lambda link: {}),
    "Power": ("Power", lambda link: {"power": link.exponent}),
    "NegativeBinomialLink": ("NegativeBinomial", lambda link: {"alpha": link.alpha}),
    "Softplus": ("Softplus", lambda link: {}),
}


def family(model: Model) -> Any:
    """statsmodels' family object with its link."""
    name, (link, parameters) = type(model.family).__name__, LINKS[type(model.link).__name__]
    link_class = versions.link_class(link)
    assert link_class is not None  # `StatsmodelsEngine.declines`
    return versions.family(name, link_class(**parameters(model.link)), **PARAMETERS[name](model.family))


class StatsmodelsEngine:
    """The reference of the specification."""

    def __init__(self) -> None:
        self._results: WeakKeyDictionary[Problem, Results] = WeakKeyDictionary()

    def describe(self) -> Description:
        return Description("statsmodels", {"statsmodels": versions.VERSION}, "numpy", "float64", "https://www.statsmodels.org")

    def declines(self, problem: Problem) -> str | None:
        if problem.model.has_classes:
            if problem.offset is not None or not (problem.row_weights == 1).all():
                return "MNLogit has no offset, no weights and no trials"
            if not np.isin(problem.y, (0, 1)).all():
                return "MNLogit takes one class for each row, not shares"
            if (problem.y.sum(axis=0) == 0).any():
                return "MNLogit knows only classes that occur"
        elif (link := type(problem.model.link).__name__) not in LINKS:
            return f"statsmodels has no {problem.model.link} link"
        else:
            return versions.declines(type(problem.model.family).__name__, LINKS[link][0])
        return None

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        if problem.model.has_classes:
            return self._evaluate_multinomial(problem, params)
        model = self._glm(problem)
        beta = problem.free(params)[:, 0]
        score = model.score(beta, scale=1.0)
        log_likelihood = float(model.loglike(beta, scale=1.0))
        return Evaluation(
            mean=model.predict(beta)[:, None],
            loss=-log_likelihood / problem.n,
            loss_scale=1.0,
            log_likelihood=log_likelihood,
            score=np.concatenate([np.zeros(1 - problem.intercept), score])[:, None],
            curvature=lambda: -model.hessian(beta, scale=1.0, observed=True),
        )

    def fit(self, problem: Problem) -> Fit:
        if problem.model.has_classes:
            return self._fit_multinomial(problem)
        model = self._glm(problem)
        plain = problem.offset is None and not problem.quasi and bool((problem.row_weights == 1).all())
        if problem.model.is_least_squares and plain:
            results = OLS(problem.y[:, 0], problem.design).fit(method="qr")
            iterations, converged, deviance = 1, True, results.ssr
        else:
            # with a canonical link IRLS is Newton's method, and a step is the square of the last; else steps shrink by a factor
            enough = 1e-8 if problem.model.is_canonical else 1e-13
            null = problem.free(likelihood.null_params(problem))[:, 0]
            for start, iterations in ((None, 8), (None, 100), (null, 100)):
                results, step = self._irls(problem, model, start, iterations)
                if step <= enough or (iterations == 100 and step < 1e-8):
                    break
            if results is None:
                raise FloatingPointError("IRLS leaves the domain from its own start and from the null model")
            iterations, deviance = results.fit_history["iteration"], results.deviance
            converged = step < 1e-8
        self._results[problem] = results
        beta = np.asarray(results.params)
        with np.errstate(all="ignore"):  # the fitted means of separated data; before 0.15 even 0 log 0
            log_likelihood = float(model.loglike(beta, scale=1.0))
        return Fit(
            params=problem.params(beta[:, None]),
            converged=converged,
            iterations=iterations,
            reason="the coefficients no longer change"
            if converged
            else f"the coefficients still change after {iterations} iterations of IRLS",
            standard_errors=np.asarray(results.bse)[:, None],
            deviance=float(deviance),
            log_likelihood=log_likelihood,
        )

    def infer(self, problem: Problem) -> Inference:
        """The inference that the library reports, from the fits of the problem and of its null model."""
        null = null_model(problem) if problem.intercept else None
        for each in (problem, null):
            if each is not None and each not in self._results:
                self.fit(each)
        with warnings.catch_warnings(), np.errstate(all="ignore"):  # a perfect fit, or a saturated one, divides by zero
            warnings.simplefilter("ignore")
            return inference(problem, self._results[problem], null and self._results[null])

    def fit_by_default(self, problem: Problem) -> Fit:
        """The fit of a user who sets no options: the library's own start, stopping rule and verdict on convergence."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if problem.model.has_classes:
                results = self._mnlogit(problem).fit(disp=0)
                converged, iterations = results.mle_retvals["converged"], results.mle_retvals["iterations"]
            else:
                results = self._glm(problem).fit(scale="X2" if problem.quasi else None)
                converged, iterations = results.converged, results.fit_history["iteration"]
        free = np.asarray(results.params).reshape(problem.q, problem.free_outputs)
        return Fit(
            params=problem.params(free),
            converged=bool(converged),
            iterations=int(iterations),
            reason="the library's default stopping rule",
            standard_errors=np.asarray(results.bse).reshape(free.shape),
            deviance=float(getattr(results, "deviance", -2 * results.llf)),
            log_likelihood=float(results.model.loglike(np.asarray(results.params))),
        )

    def beyond(self, problem: Problem, recipe: Recipe) -> Likelihood:
        """The model of a network with alternatives, or with ordered thresholds."""
        if recipe.alternatives:
            groups = np.repeat(np.arange(problem.n), recipe.alternatives)
            return Conditional(ConditionalLogit(problem.y.ravel(), problem.X.reshape(len(groups), -1), groups=groups))
        if versions.OrderedModel is None:
            raise Declined("declined by statsmodels: there is no OrderedModel before 0.13")
        return Ordered(versions.OrderedModel(problem.y.argmax(axis=1), problem.X, distr=recipe.head.removeprefix("cumulative-")))

    @staticmethod
    def _irls(problem: Problem, model: GLM, start: np.ndarray | None, iterations: int) -> tuple[Results, float]:
        """Return (results, last step in standard errors), or (None, inf) if a step left the domain: IRLS does not halve steps."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            # for a saturated table GLM warns of perfect separation, its deviance being zero, and divides by zero degrees
            warnings.simplefilter("ignore", versions.PerfectSeparationWarning)
            try:
                # by default GLM stops when the deviance changes by less than 1e-8, which can leave as few as four digits
                results = model.fit(
                    start_params=start,
                    maxiter=iterations,
                    tol_criterion="params",
                    atol=0.0,
                    rtol=1e-15,
                    scale="X2" if problem.quasi else None,  # None: the family's own rule
                    use_t=problem.has_dispersion,
                )
            except ValueError:  # "NaN, inf or invalid value detected in weights"
                return None, np.inf
        before, after = np.asarray(results.fit_history["params"][-2:])
        step = float(np.abs((after - before) / results.bse).max())
        eta, moves = problem.design @ after, problem.design @ (after - before)
        rests = np.abs(moves).max() <= 1e-6 * max(1.0, np.abs(eta).max())  # on separated data the standard errors grow for ever
        return results, step if np.isfinite(step) and rests else np.inf

    @staticmethod
    def _glm(problem: Problem) -> GLM:
        endog = problem.y[:, 0]
        if isinstance(problem.model.family, Binomial) and problem.data.trials is not None:
            successes = problem.trials * problem.y
            if not problem.quasi:
                successes = np.rint(successes)  # exact: y is their quotient
            endog = np.hstack([successes, problem.trials - successes])
        offset = None if problem.offset is None else problem.offset[:, 0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DomainWarning)  # given for each link whose mean can leave the family's domain
            chosen = family(problem.model)
            return GLM(endog, problem.design, family=chosen, offset=offset, var_weights=problem.data.weights)

    @staticmethod
    def _mnlogit(problem: Problem) -> MNLogit:
        return MNLogit(problem.y.argmax(axis=1), problem.design)

    def _evaluate_multinomial(self, problem: Problem, params: Params) -> Evaluation:
        model, free = self._mnlogit(problem), problem.free(params)
        log_likelihood = float(model.loglike(free.ravel("F")))
        columns = np.asarray(model.score(free.ravel("F"))).reshape(free.shape, order="F")
        columns = np.vstack([np.zeros((1 - problem.intercept, problem.k - 1)), columns])
        return Evaluation(
            mean=model.predict(free),
            loss=-log_likelihood / problem.n,
            loss_scale=1.0,
            log_likelihood=log_likelihood,
            score=np.hstack([-columns.sum(axis=1, keepdims=True), columns]),  # a row's residuals sum to zero
            curvature=lambda: -model.hessian(free.ravel("F")),
        )

    def _fit_multinomial(self, problem: Problem) -> Fit:
        model = self._mnlogit(problem)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # `Fit.converged` says it
            # Newton converges quadratically: after a step of 1e-10 only rounding is left. A ridge of 1e-10 would slow the end
            results = model.fit(method="newton", tol=1e-10, maxiter=100, disp=0, **versions.NEWTON)
        self._results[problem] = results
        free = np.asarray(results.params)
        converged = bool(results.mle_retvals["converged"])
        return Fit(
            params=problem.params(free),
            converged=converged,
            iterations=int(results.mle_retvals["iterations"]),
            reason="the last Newton step was below 1e-10"
            if converged
            else "Newton's steps are still above 1e-10 after 100 iterations",
            standard_errors=np.asarray(results.bse),
            deviance=-2 * float(results.llf),
            log_likelihood=float(results.llf),
        )
