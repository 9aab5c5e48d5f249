"""
R behind the contract: `glm`, `MASS::negative.binomial` and `nnet::multinom`, asked through Rscript.

One R process answers all calls; it is started at the first. Numbers pass as float64 in files, so that none is rounded.
What the adapter translates (the R side is answers.R):

- *Sign and 1/n.* R has deviances. The loss is deviance / (2 n) of `glm`, and of `multinom` the value that it minimises, over n.
- *Evaluation.* The model at given parameters is a fit without columns whose offset is eta. Its score is the design times the
  working residuals and working weights of that fit.
- *Intercept.* A term of the formula, its first coefficient.
- *Weights.* Prior weights are ``weights``, trials are counts in two columns (of `multinom` in one for each class).
- *Dispersion.* `summary` estimates one for negative.binomial, too: it is told to take 1 where the problem has none.
- *Tolerance.* epsilon = 1e-14. The rule compares deviances, which leaves half the digits of a coefficient, so the fit goes
  on from there until the coefficients stay. ``converged`` is what R said of the first fit. `ByDefault` is R without options.
- *Start.* R's own; where that ends in an error, as R's message asks, the null model's coefficients.
- *Softmax.* The coefficients of class 0 are zero in R, too.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from spec import likelihood
from spec.engines.contract import DECLINED, Declined, Description, Evaluation, Fit
from spec.engines.r.family import declines, family
from spec.engines.r.inference import apart, inference
from spec.engines.r.session import Session
from spec.inference import Inference
from spec.model import Params
from spec.problems import Problem


class R:
    """R, asked for all digits that it can give."""

    glm = "list(epsilon = 1e-14, maxit = 100), again = 20"
    multinom = "maxit = 10000, reltol = 0, abstol = 0"

    def __init__(self) -> None:
        self._session = Session()
        self._answers: WeakKeyDictionary[Problem, dict[str, Any]] = WeakKeyDictionary()

    def describe(self) -> Description:
        absent = {
            "log_likelihood": "logLik is at the dispersion deviance / n, and multinom's is without the constants of trials",
            "score": "multinom shows no gradient",
            "curvature": "glm computes the expected information only, and multinom's Hess = TRUE fails with an offset",
            "standard_errors": "R drops a column that the others make up for",
            "deviance": "multinom's is that from single trials",
            "iterations": "multinom does not count its iterations",
        }
        return Description("R", self._session.versions, "", "float64", "https://www.r-project.org", absent)

    def declines(self, problem: Problem) -> str | None:
        return declines(problem)

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        softmax = problem.model.has_classes
        its = self._ask(problem, "multinom_at(d)" if softmax else f"glm_at(d, {family(problem)})", eta=problem.eta(params))
        score = np.concatenate([np.zeros(1 - problem.intercept), its["score"]])[:, None] if not softmax else DECLINED

        def information() -> np.ndarray:
            size = problem.q * problem.free_outputs
            return self._ask(problem, "multinom_information(d)", free=problem.free(params))["information"].reshape(size, size)

        return Evaluation(
            mean=its["mean"].reshape(problem.k, problem.n).T,
            loss=float(its["value" if softmax else "deviance"][0]) / (1 if softmax else 2) / problem.n,
            loss_scale=1.0,
            log_likelihood=_stated(problem, its["log_likelihood"][0] if not softmax else -its["value"][0]),
            score=score,
            curvature=information if softmax and problem.offset is None else DECLINED,
        )

    def fit(self, problem: Problem) -> Fit:
        softmax = problem.model.has_classes
        start = problem.free(likelihood.start_params(problem))
        call = f"multinom_fit(d, {self.multinom})" if softmax else f"glm_fit(d, {family(problem)}, {self.glm}{_phi(problem)})"
        its = self._answers[problem] = self._ask(problem, call, start=start)
        coef, errors = (its[name].reshape((problem.q, -1)) for name in ("coef", "errors"))
        return Fit(
            params=problem.params(np.where(np.isnan(coef), 0.0, coef)),  # NA is a column that R leaves out
            converged=bool(its["converged"][0]),
            iterations=int(its["iterations"][0]) if not softmax else DECLINED,
            reason=its["warned"] or "R's rule: the deviance stays",
            standard_errors=DECLINED if np.isnan(coef).any() else errors,
            deviance=DECLINED if _shares(problem) else float(its["deviance"][0]),
            log_likelihood=_stated(problem, its["log_likelihood"][0]),
        )

    def infer(self, problem: Problem) -> Inference:
        """The inference of `summary` and its like, where R's conventions are those of the specification."""
        if (why := apart(problem)) is not None:
            raise Declined(f"declined by R: {why}")
        if problem not in self._answers:
            self.fit(problem)
        return inference(problem, self._answers[problem])

    def _ask(self, problem: Problem, call: str, **more: np.ndarray) -> dict[str, Any]:
        given = {"X": problem.X, "y": problem.y, "intercept": np.array([[float(problem.intercept)]]), **more}
        if problem.offset is not None:
            given["offset"] = problem.offset
        counts = problem.trials * problem.y
        if problem.k == 1 and problem.data.trials is not None and (counts == np.rint(counts)).all():
            given["trials"] = problem.trials
            weights = None if problem.data.weights is None else problem.data.weights[:, None]
        else:
            weights = problem.row_weights
        if weights is not None:
            given["weights"] = weights
        return self._session.ask(call, given)


class ByDefault(R):
    """What R does for a user who sets no option: a deviance that stays to 1e-8, and in multinom 100 iterations."""

    glm, multinom = "list()", "maxit = 100"


def _phi(problem: Problem) -> str:
    return "" if problem.has_dispersion else ", phi = 1"


def _stated(problem: Problem, log_likelihood: float) -> Any:
    """The log-likelihood where R states it at dispersion 1 and with its constants."""
    apart = problem.model.family.has_dispersion or np.isnan(log_likelihood)
    return DECLINED if apart or _shares(problem) else float(log_likelihood)


def _shares(problem: Problem) -> bool:
    """Whether rows have shares of classes: `multinom` takes each for so much of single trials."""
    return problem.model.has_classes and not np.isin(problem.y, (0, 1)).all()
