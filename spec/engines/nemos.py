"""
NeMoS behind the contract: its `GLM` and `ClassifierGLM` on JAX, in float64.

What the adapter translates:

- *Sign and 1/n.* `compute_loss` is a mean over the rows, of -log p without constants; of the Gaussian (y - mu)^2, twice that.
  Its gradient and Hessian are JAX's.
- *Intercept.* An attribute of its own, always there, not penalised.
- *Links.* The inverse link is any function of JAX's; here are those that NeMoS has a name for.
- *Constants.* `log_likelihood` of the observation model holds them, at scale 1. Of the negative binomial the scale is alpha.
- *Softmax.* Each class has coefficients; they are identified less those of class 0.
- *Penalty.* That of `ClassifierGLM` is "Ridge" by default, with strength 1; here both are "UnRegularized".
- *Precision.* JAX computes in float32 unless jax_enable_x64 is set, as here. The solver is that of NeMoS, LBFGS, from the null
  model. It ends where a step is a small share of each coefficient, of `TIGHT` the smallest that is reached, and not at 1e-4.
  `ByDefault` leaves start and tolerance as they are.
"""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np

from spec import likelihood
from spec.engines.contract import DECLINED, Description, Evaluation, Fit
from spec.families import Binomial, Gamma, Gaussian, Multinomial, NegativeBinomial, Poisson
from spec.links import Identity, Inverse, Log, Logit, Probit, Softmax
from spec.model import Params
from spec.problems import Problem

FAMILIES = {Gaussian: "Gaussian", Binomial: "Bernoulli", Poisson: "Poisson", Gamma: "Gamma", NegativeBinomial: "NegativeBinomial"}
LINKS = {Identity: "identity", Log: "exp", Logit: "logistic", Probit: "norm.cdf", Inverse: "one_over_x", Softmax: "log_softmax"}
TIGHT = [{"tol": 1e-17, "rtol": share, "maxiter": 20_000} for share in (5e-15, 1e-14)]  # with less LBFGS may never end
OPTIONS = {"regularizer": "UnRegularized", "solver_name": "LBFGS"}


class Nemos:
    """NeMoS with the tightest tolerance."""

    options: tuple[dict[str, Any], ...] = tuple({**OPTIONS, "solver_kwargs": tight} for tight in TIGHT)

    def __init__(self) -> None:
        import jax

        jax.config.update("jax_enable_x64", True)

    def describe(self) -> Description:
        import jax
        import nemos

        versions, none = {"nemos": nemos.__version__, "jax": jax.__version__}, {"standard_errors": "NeMoS has none"}
        return Description("NeMoS", versions, "jax", "float64", "https://nemos.readthedocs.io", none)

    def declines(self, problem: Problem) -> str | None:
        family, link = type(problem.model.family), type(problem.model.link)
        if problem.offset is not None or not (problem.row_weights == 1).all():
            return "NeMoS has no offsets, weights or trials"
        if not problem.intercept or problem.p == 0:
            return "a GLM of NeMoS always has an intercept, and a column"
        if family in (Binomial, Multinomial) and not np.isin(problem.y, (0, 1)).all():
            return "NeMoS takes classes, not shares"
        if not problem.model.has_classes and family not in FAMILIES:
            return f"NeMoS has no {problem.model.family} family"
        return None if link in LINKS else f"NeMoS has no {problem.model.link} link"

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        import jax

        model, y = self._model(problem, self.options[0]), _response(problem)
        if problem.model.has_classes:
            model.set_classes(np.arange(problem.k))
        model.coef_, model.intercept_ = weights = _weights(problem, params.matrix)
        loss = partial(model.compute_loss, X=problem.X, y=y)
        slope, scale = jax.grad(loss)(weights), 2.0 if isinstance(problem.model.family, Gaussian) else 1.0
        gradient = np.vstack([np.asarray(slope[1])[None, :], np.asarray(slope[0]).reshape(problem.p, problem.k)])

        def of_free(flat: Any) -> Any:  # the free parameters, column after column; those of class 0 stay
            free = flat.reshape(problem.free_outputs, 1 + problem.p).T
            return loss(_weights(problem, jax.numpy.hstack([np.zeros((1 + problem.p, problem.k - free.shape[1])), free])))

        return Evaluation(
            mean=_predicted(problem, model, "proba").reshape(problem.n, problem.k),
            loss=float(loss(weights)),
            loss_scale=scale,
            log_likelihood=self._log_likelihood(problem, model),
            score=-problem.n / scale * gradient,
            curvature=lambda: problem.n / scale * np.asarray(jax.hessian(of_free)(problem.free(params).ravel("F"))),
        )

    def fit(self, problem: Problem) -> Fit:
        start = _weights(problem, likelihood.start_params(problem).matrix) if self.options[0] else None
        for options in self.options:
            model = self._model(problem, options)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                model.fit(problem.X, _response(problem), init_params=start)
            if model.solver_state_.stats.converged:
                break
        matrix = np.vstack([np.asarray(model.intercept_), np.asarray(model.coef_).reshape(problem.p, problem.k)])
        deviance = model.observation_model.deviance(_response(problem, False), _predicted(problem, model))
        return Fit(
            params=Params.from_matrix(matrix),
            converged=bool(model.solver_state_.stats.converged),
            iterations=int(model.solver_state_.stats.num_steps),
            reason=str(caught[0].message).partition("\n")[0] if caught else "NeMoS warned of nothing",
            standard_errors=DECLINED,
            deviance=float(np.asarray(deviance).sum()),
            log_likelihood=self._log_likelihood(problem, model),
        )

    def _model(self, problem: Problem, options: dict[str, Any]) -> Any:
        import nemos

        family = problem.model.family
        if problem.model.has_classes:
            return nemos.glm.ClassifierGLM(n_classes=problem.k, **options)
        made = getattr(nemos.observation_models, f"{FAMILIES[type(family)]}Observations")
        observations = made(scale=family.alpha) if isinstance(family, NegativeBinomial) else made()
        inverse = nemos.inverse_link_function_utils.link_function_from_string(LINKS[type(problem.model.link)])
        return nemos.glm.GLM(observations, inverse_link_function=inverse, **options)

    @staticmethod
    def _log_likelihood(problem: Problem, model: Any) -> float:
        scale = problem.model.family.alpha if isinstance(problem.model.family, NegativeBinomial) else 1.0
        rows = model.observation_model.log_likelihood(_response(problem, False), _predicted(problem, model), scale, np.asarray)
        return float(np.asarray(rows).sum())


class ByDefault(Nemos):
    """What NeMoS does for a user who sets no option, but for float64."""

    options: tuple[dict[str, Any], ...] = ({},)


def _weights(problem: Problem, matrix: Any) -> tuple[Any, Any]:
    """(coefficients, intercept) as NeMoS has them: vectors but for classes."""
    return (matrix[1:] if problem.model.has_classes else matrix[1:, 0]), matrix[0]


def _response(problem: Problem, labels: bool = True) -> np.ndarray:
    """The response as a vector; classes as their numbers, or as their columns."""
    classes = problem.y.argmax(axis=1) if labels else problem.y
    return classes if problem.model.has_classes else problem.y[:, 0]


def _predicted(problem: Problem, model: Any, kind: str = "log-proba") -> np.ndarray:
    """The means; of classes the probabilities or their logarithms."""
    return np.asarray(model.predict_proba(problem.X, kind) if problem.model.has_classes else model.predict(problem.X))
