"""Load an engine by its name, and check each of its answers against the contract."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from spec import inference
from spec.engines.contract import DECLINED, Declined, Description, Engine, EngineError, Evaluation, Fit
from spec.inference import Inference
from spec.model import Params
from spec.problems import Problem

Answer = TypeVar("Answer")


MAY_BE_ABSENT = {
    *("mean", "loss", "loss_scale", "log_likelihood", "score", "curvature"),
    *("standard_errors", "deviance", "iterations"),
}


class _Partial:
    """An answer that lacks fields: to read one is to learn why the engine declines it."""

    absent: dict[str, str]

    def __getattribute__(self, name: str) -> Any:
        if name in MAY_BE_ABSENT and name in self.__dict__.get("absent", {}):
            raise Declined(self.absent[name])
        return super().__getattribute__(name)


class PartialEvaluation(_Partial, Evaluation):
    """An `Evaluation` of an engine that computes some of it."""


class PartialFit(_Partial, Fit):
    """A `Fit` of an engine that computes some of it."""


class Checked:
    """
    An engine whose answers are checked against the contract: their types and shapes, and that nothing is NaN or infinite.

    Answers are kept: each problem is fitted once, and evaluated once at the same parameters object.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._fits: WeakKeyDictionary[Problem, Fit] = WeakKeyDictionary()
        self._inferences: WeakKeyDictionary[Problem, Inference] = WeakKeyDictionary()
        self._evaluations: WeakKeyDictionary[Problem, WeakKeyDictionary[Params, Evaluation]] = WeakKeyDictionary()

    def __str__(self) -> str:
        return str(self.describe())

    __repr__ = __str__

    def describe(self) -> Description:
        return self.engine.describe()

    def declines(self, problem: Problem) -> str | None:
        return self.engine.declines(problem)

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        kept = self._evaluations.setdefault(problem, WeakKeyDictionary())
        if params not in kept:
            kept[params] = self._evaluate(problem, params)
        return kept[params]

    def fit(self, problem: Problem) -> Fit:
        if problem not in self._fits:
            self._fits[problem] = self._fit(problem)
        return self._fits[problem]

    def infer(self, problem: Problem) -> Inference:
        """
        The engine's own inference if it has a method ``infer(problem)``, else the one made of its fit and evaluations.

        Raises LinAlgError where the information at the fit is singular.
        """
        if problem not in self._inferences:
            self._scope(problem)
            own = getattr(self.engine, "infer", None)
            self._inferences[problem] = self._guard("infer", problem, own, problem) if own else inference.infer(self, problem)
            self._is_a(Inference, problem, "infer", self._inferences[problem])
        return self._inferences[problem]

    def _scope(self, problem: Problem) -> None:
        """Raise `Declined` if the engine declines the problem: a claim may have derived it from one that the engine accepts."""
        if (why := self.engine.declines(problem)) is not None:
            raise Declined(f"declined by {self.describe().name}: {why}")

    def _evaluate(self, problem: Problem, params: Params) -> Evaluation:
        self._scope(problem)
        answer = self._guard("evaluate", problem, self.engine.evaluate, problem, params)
        self._is_a(Evaluation, problem, "evaluate", answer)
        shapes = {"mean": (problem.n, problem.k), "score": (1 + problem.p, problem.k)}
        absent = self._absent(answer)
        for name in ("mean", "loss", "loss_scale", "log_likelihood", "score"):
            if name not in absent:
                self._shape(problem, "evaluate", name, getattr(answer, name), shapes.get(name, ()))
        curvature = DECLINED if answer.curvature is None else lambda: self._information(problem, answer)
        return self._partial(PartialEvaluation, replace(answer, curvature=curvature, engine=self.describe().name), absent)

    def _information(self, problem: Problem, answer: Evaluation) -> np.ndarray:
        information = self._guard("evaluate", problem, answer.curvature)
        size = problem.q * problem.free_outputs
        self._shape(problem, "evaluate", "information", information, (size, size))
        return information

    def _fit(self, problem: Problem) -> Fit:
        self._scope(problem)
        answer = self._guard("fit", problem, self.engine.fit, problem)
        self._is_a(Fit, problem, "fit", answer)
        absent = self._absent(answer)
        self._shape(problem, "fit", "params.intercept", answer.params.intercept, (problem.k,))
        self._shape(problem, "fit", "params.coef", answer.params.coef, (problem.p, problem.k))
        if "standard_errors" not in absent:
            errors = answer.standard_errors if answer.converged else np.nan_to_num(answer.standard_errors)  # else anything
            self._shape(problem, "fit", "standard_errors", errors, (problem.q, problem.free_outputs))
        for name in ("deviance", "log_likelihood"):
            if name not in absent:
                self._shape(problem, "fit", name, getattr(answer, name), ())
        return self._partial(PartialFit, replace(answer, engine=self.describe().name), absent)

    def _absent(self, answer: Evaluation | Fit) -> dict[str, str]:
        """The fields that the engine did not compute, with its reason for each."""
        told = self.describe().declines
        absent = [each.name for each in fields(answer) if each.name in MAY_BE_ABSENT and getattr(answer, each.name) is None]
        return {name: told.get(name, f"it gives no {name}") for name in absent}

    def _partial(self, kind: Any, answer: Any, absent: dict[str, str]) -> Any:
        """The answer, or one that raises `Declined` where a field is read that is absent."""
        if not absent:
            return answer
        partial = kind(**{each.name: getattr(answer, each.name) for each in fields(answer)})
        object.__setattr__(
            partial, "absent", {name: f"declined by {self.describe().name}: {why}" for name, why in absent.items()}
        )
        return partial

    def _guard(self, method: str, problem: Problem, call: Callable[..., Answer], *args: object) -> Answer:
        """The answer of a call to the engine. Raises EngineError if the call raises."""
        try:
            return call(*args)
        except Declined:  # an engine inside this one declines
            raise
        except Exception as error:
            raise EngineError(f"{self.describe().name}.{method}({problem}) raised {type(error).__name__}: {error}") from error

    def _is_a(self, expected: type, problem: Problem, method: str, answer: object) -> None:
        if not isinstance(answer, expected):
            who = f"{self.describe().name}.{method}({problem})"
            raise EngineError(f"{who} answered with {type(answer).__name__}, the contract says {expected.__name__}.")

    def _shape(self, problem: Problem, method: str, what: str, value: object, expected: tuple[int, ...]) -> None:
        who = f"{self.describe().name}.{method}({problem})"
        try:
            array = np.asarray(value)
        except ValueError as error:  # rows of different lengths
            raise EngineError(f"{who}: {what} is {type(value).__name__}, not numbers.") from error
        if array.dtype.kind not in "fiu":
            raise EngineError(f"{who}: {what} is {type(value).__name__}, not numbers.")
        if array.shape != expected:
            raise EngineError(f"{who}: {what} has shape {array.shape}, the contract says {expected}.")
        if not np.isfinite(array).all():
            raise EngineError(
                f"{who}: {what} is NaN or infinite in {np.count_nonzero(~np.isfinite(array))} of {array.size} places."
            )


def load(path: str) -> Checked:
    """
    The engine at ``package.module:Engine``, made without arguments. Raises ValueError that says what is missing.

    >>> from spec import problems
    >>> engine = load("spec.engines.statsmodels:StatsmodelsEngine")
    >>> fit = engine.fit(problems.get("by-hand-gaussian-identity-two-groups"))  # least squares: the groups' means are 2 and 6
    >>> fit.params.intercept.round(6), fit.params.coef.round(6)
    (array([2.]), array([[4.]]))

    >>> load("spec.engines.statsmodels:Engine")
    Traceback (most recent call last):
    ValueError: engine 'spec.engines.statsmodels:Engine': spec.engines.statsmodels has no Engine.
    """
    module, colon, name = path.partition(":")
    if not colon or not module or not name:
        raise ValueError(f"engine {path!r}: write package.module:Engine, as in spec.engines.keras:KerasEngine.")
    try:
        loaded = importlib.import_module(module)
    except (ImportError, TypeError) as error:
        raise ValueError(f"engine {path!r}: cannot import {module}: {error}.") from error
    factory = getattr(loaded, name, None)
    if not callable(factory):
        raise ValueError(f"engine {path!r}: {module} has no {name}.")
    engine = factory()
    missing = [method for method in ("describe", "declines", "evaluate", "fit") if not callable(getattr(engine, method, None))]
    if missing:
        raise ValueError(
            f"engine {path!r}: lacks the method{'s' if len(missing) > 1 else ''} {', '.join(missing)} "
            "of spec.engines.contract.Engine."
        )
    return Checked(engine)
