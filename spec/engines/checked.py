"""Load an engine by its name, and check each of its answers against the contract."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cached_property
from typing import Any, NoReturn, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from spec import inference
from spec.engines.calls import ask
from spec.engines.contract import DECLINED, Declined, Description, Engine, EngineError, Evaluation, Fit
from spec.inference import Inference
from spec.model import Params
from spec.problems import Problem

Answer = TypeVar("Answer")
MOST_WARNINGS = 100  # of an engine that are kept
NUMBERS = ("mean", "loss", "loss_scale", "log_likelihood", "score", "standard_errors", "deviance")
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

    def __repr__(self) -> str:
        return f"{type(self).__name__} without {', '.join(self.absent)}"


class PartialEvaluation(_Partial, Evaluation):
    """An `Evaluation` of an engine that computes some of it."""


class PartialFit(_Partial, Fit):
    """A `Fit` of an engine that computes some of it."""


class Checked:
    """
    An engine whose answers are checked against the contract: their types and shapes, and that nothing is NaN or infinite.

    Answers are kept, as copies that do not change: each problem is fitted once, and evaluated once at the same parameters
    object. ``timeout`` is the time of a call in seconds, 0 for any. ``warned`` are the warnings in the engine's calls, each
    with the call in which it came first.
    """

    timeout: float = 0.0

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.warned: dict[str, str] = {}
        self._declined: WeakKeyDictionary[Problem, str | None] = WeakKeyDictionary()
        self._fits: WeakKeyDictionary[Problem, Fit] = WeakKeyDictionary()
        self._inferences: WeakKeyDictionary[Problem, Inference] = WeakKeyDictionary()
        self._evaluations: WeakKeyDictionary[Problem, WeakKeyDictionary[Params, Evaluation]] = WeakKeyDictionary()

    def __str__(self) -> str:
        return str(self.describe())

    __repr__ = __str__

    def describe(self) -> Description:
        """The engine's description, asked for once; where it is broken the name of its class, and all its answers are broken."""
        return self._described[0]

    @cached_property
    def _described(self) -> tuple[Description, str]:
        """The description, and what is wrong with it."""
        name = type(self.engine).__name__
        who = f"{name}.describe()"
        try:
            told = self._ask(who, self.engine.describe)
            return _description(who, told), ""
        except (EngineError, Declined) as error:
            return Description(name, {}), str(error)

    def declines(self, problem: Problem) -> str | None:
        if fault := self._described[1]:
            raise EngineError(fault)
        if problem not in self._declined:
            why = self._guard("declines", problem, self.engine.declines, problem)
            if why is not None and not (isinstance(why, str) and why.strip()):
                who = self._who("declines", problem)
                raise EngineError(f"{who} answered with {why!r}, the contract says None or a reason in words.")
            self._declined[problem] = why
        return self._declined[problem]

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
        if (why := self.declines(problem)) is not None:
            raise Declined(f"declined by {self.describe().name}: {why}")

    def _evaluate(self, problem: Problem, params: Params) -> Evaluation:
        self._scope(problem)
        answer = self._read(Evaluation, problem, "evaluate", self.engine.evaluate, problem, params)
        shapes = {"mean": (problem.n, problem.k), "score": (1 + problem.p, problem.k)}
        for name in ("mean", "loss", "loss_scale", "log_likelihood", "score"):
            if answer[name] is not DECLINED:
                answer[name] = self._numbers(problem, "evaluate", name, answer[name], shapes.get(name, ()))
        if answer["loss_scale"] is not DECLINED and not answer["loss_scale"] > 0:
            self._breaks(problem, "evaluate", "loss_scale", answer["loss_scale"], "a positive number")
        if (curvature := answer["curvature"]) is not DECLINED:
            answer["curvature"] = lambda: self._information(problem, params, curvature)
        return self._partial(Evaluation, PartialEvaluation, answer)

    def _information(self, problem: Problem, params: Params, curvature: Callable[[], np.ndarray]) -> np.ndarray:
        information = self._guard("evaluate", problem, lambda at: _array(curvature()), params)
        size = problem.q * problem.free_outputs
        return self._numbers(problem, "evaluate", "information", information, (size, size))

    def _fit(self, problem: Problem) -> Fit:
        self._scope(problem)
        answer = self._read(Fit, problem, "fit", self.engine.fit, problem)
        self._is_a(Params, problem, "fit", answer["params"], "params")
        intercept = self._numbers(problem, "fit", "params.intercept", answer["params"].intercept, (problem.k,))
        coef = self._numbers(problem, "fit", "params.coef", answer["params"].coef, (problem.p, problem.k))
        answer["params"] = Params(intercept, coef)
        if not isinstance(answer["converged"], (bool, np.bool_)):
            self._breaks(problem, "fit", "converged", answer["converged"], "True or False")
        if not isinstance(answer["reason"], str):
            self._breaks(problem, "fit", "reason", answer["reason"], "words")
        if answer["iterations"] is not DECLINED and not _counts(answer["iterations"]):
            self._breaks(problem, "fit", "iterations", answer["iterations"], "a whole number from 0")
        shapes = {"standard_errors": (problem.q, problem.free_outputs), "deviance": (), "log_likelihood": ()}
        for name, shape in shapes.items():
            if answer[name] is not DECLINED:
                anything = name == "standard_errors" and not answer["converged"]
                answer[name] = self._numbers(problem, "fit", name, answer[name], shape, finite=not anything)
        return self._partial(Fit, PartialFit, answer)

    def _read(self, kind: type, problem: Problem, method: str, call: Callable[..., Any], *args: object) -> dict[str, Any]:
        """The fields of an engine's answer, which are read with the same care as the engine is asked."""

        def read(*args: object) -> tuple[object, dict[str, Any]]:
            answer = call(*args)
            names = [each.name for each in fields(kind)] if isinstance(answer, kind) else []
            values = {name: getattr(answer, name) for name in names}
            return answer, {name: _array(value) if name in NUMBERS else value for name, value in values.items()}

        answer, values = self._guard(method, problem, read, *args)
        self._is_a(kind, problem, method, answer)
        return values

    def _partial(self, kind: Any, partial: Any, values: dict[str, Any]) -> Any:
        """The answer; one that raises `Declined` where a field is read that is absent, if any is."""
        values["engine"] = self.describe().name
        told = self.describe().declines
        absent = [name for name in values if name in MAY_BE_ABSENT and values[name] is DECLINED]
        if not absent:
            return kind(**values)
        answer = partial(**values)
        whys = {name: f"declined by {values['engine']}: {told.get(name, f'it gives no {name}')}" for name in absent}
        object.__setattr__(answer, "absent", whys)
        return answer

    def _guard(self, method: str, problem: Problem, call: Callable[..., Answer], *args: object) -> Answer:
        """The answer of a call to the engine. Raises EngineError if the call is none, or an error of the problem's own data."""
        if method != "declines":
            _ = problem.data  # which may be unfit or not installed: no fault of the engine's
        try:
            return self._ask(self._who(method, problem), lambda: call(*args), _arrays(problem, *args))
        except EngineError:
            _ = problem.data  # which declines may have asked for
            raise

    def _ask(self, who: str, call: Callable[[], Answer], arrays: dict[str, np.ndarray] | None = None) -> Answer:
        answer, caught = ask(who, call, self.timeout, arrays or {})
        for warning in caught:
            if len(self.warned) < MOST_WARNINGS:
                first = (str(warning.message).strip().splitlines() or [""])[0]
                self.warned.setdefault(f"{warning.category.__name__}: {first}", who)
        return answer

    def _who(self, method: str, problem: Problem) -> str:
        return f"{self.describe().name}.{method}({problem})"

    def _is_a(self, expected: type, problem: Problem, method: str, answer: object, what: str = "") -> None:
        if not isinstance(answer, expected):
            who = f"{self._who(method, problem)}{f': {what} is' if what else ' answered with'}"
            raise EngineError(f"{who} {type(answer).__name__}, the contract says {expected.__name__}.")

    def _breaks(self, problem: Problem, method: str, what: str, value: object, expected: str) -> NoReturn:
        raise EngineError(f"{self._who(method, problem)}: {what} is {value!r}, the contract says {expected}.")

    def _numbers(
        self, problem: Problem, method: str, what: str, value: object, expected: tuple[int, ...], finite: bool = True
    ) -> Any:
        """A float, or a read-only array of floats. Raises EngineError for what has another shape or is no number."""
        who = self._who(method, problem)
        array = _array(value)
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
            raise EngineError(f"{who}: {what} is {type(value).__name__}, not numbers.")
        if array.shape != expected:
            raise EngineError(f"{who}: {what} has shape {array.shape}, the contract says {expected}.")
        if finite and not np.isfinite(array).all():
            raise EngineError(
                f"{who}: {what} is NaN or infinite in {np.count_nonzero(~np.isfinite(array))} of {array.size} places."
            )
        if not expected:
            return float(array)
        numbers = np.array(array, dtype=float)
        numbers.flags.writeable = False
        return numbers


def _array(value: Any) -> Any:
    """The value as an array of real numbers; as it is where it is none."""
    try:
        array = np.asarray(value)
    except ValueError:  # rows of different lengths
        return value
    return array if array.dtype.kind in "fiu" else value


def _counts(value: Any) -> bool:
    """Whether a value is a number of iterations: a whole one, in whatever type, and not negative."""
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, (bool, complex, np.complexfloating))
    return number and value >= 0 and float(value).is_integer()


def _arrays(problem: Problem, *others: object) -> dict[str, np.ndarray]:
    """The arrays that an engine is given with a problem and the parameters among ``others``; none of data not yet loaded."""
    arrays: dict[str, Any] = {}
    if "data" in vars(problem):
        arrays.update({name: getattr(problem.data, name) for name in ("X", "y", "offset", "weights", "trials")})
        arrays.update({name: getattr(problem, name) for name in ("design", "row_weights", "free_offset")})
    for params in (other for other in others if isinstance(other, Params)):
        arrays.update({"params.intercept": params.intercept, "params.coef": params.coef})
    return {name: array for name, array in arrays.items() if array is not None}


def _description(who: str, told: Any) -> Description:
    """A description in plain strings. Raises EngineError for what is none."""
    if not isinstance(told, Description):
        raise EngineError(f"{who} answered with {type(told).__name__}, the contract says Description.")
    texts = {name: getattr(told, name) for name in ("name", "backend", "dtype", "homepage")}
    for name, text in texts.items():
        if not isinstance(text, str) or (name == "name" and not text.strip()):
            raise EngineError(f"{who}: {name} is {text!r}, the contract says a text.")
    for name, table in (("versions", told.versions), ("declines", told.declines)):
        if not isinstance(table, Mapping) or not all(isinstance(text, str) and text for pair in table.items() for text in pair):
            raise EngineError(f"{who}: {name} is {table!r}, the contract says a dictionary of texts.")
    if unknown := sorted(set(told.declines) - MAY_BE_ABSENT):
        raise EngineError(f"{who}: declines names {', '.join(unknown)}; the fields that may be absent are {_known()}.")
    versions, declines = ({str(key): str(text) for key, text in table.items()} for table in (told.versions, told.declines))
    return Description(versions=versions, declines=declines, **{name: str(text) for name, text in texts.items()})


def _known() -> str:
    return ", ".join(sorted(MAY_BE_ABSENT))


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
    ValueError: engine 'spec.engines.statsmodels:Engine': spec.engines.statsmodels has no Engine; it has StatsmodelsEngine.
    """
    module, colon, name = path.partition(":")
    if not colon or not module or not name:
        raise ValueError(f"engine {path!r}: write package.module:Engine, as in spec.engines.keras:KerasEngine.")
    try:
        loaded = importlib.import_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # pytest.skip and sys.exit, too
        raise ValueError(f"engine {path!r}: cannot import {module}: {_said(error)}.{_where(module, error)}") from error
    factory = getattr(loaded, name, None)
    if factory is None:
        has = [each for each, value in vars(loaded).items() if isinstance(value, type) and not _lacking(value)]
        others = ", ".join(each for each in has if vars(loaded)[each] not in (Engine, Checked))
        raise ValueError(f"engine {path!r}: {module} has no {name}{f'; it has {others}' if others else ''}.")
    if not callable(factory):
        raise ValueError(f"engine {path!r}: {name} is a {type(factory).__name__}, and no class of an engine.")
    try:
        engine = factory()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise ValueError(f"engine {path!r}: {name}() cannot be made without arguments: {_said(error)}.") from error
    if missing := _lacking(engine):
        raise ValueError(
            f"engine {path!r}: lacks the method{'s' if len(missing) > 1 else ''} {', '.join(missing)} "
            "of spec.engines.contract.Engine."
        )
    return Checked(engine)


def _lacking(engine: object) -> list[str]:
    """The methods of an engine that an object lacks."""
    return [method for method in ("describe", "declines", "evaluate", "fit") if not callable(getattr(engine, method, None))]


def _said(error: BaseException) -> str:
    """An error in a line, an import's in its own words."""
    text = str(error).rstrip(".")
    return text if isinstance(error, ImportError) else f"{type(error).__name__}: {text}"


def _where(module: str, error: BaseException) -> str:
    """Where a module was looked for that is not there, and what to do; empty where it is there and breaks."""
    absent = getattr(error, "name", None) if isinstance(error, ModuleNotFoundError) else None
    if absent is None:
        return ""
    if absent != module and not module.startswith(f"{absent}."):
        return f" Install {absent.partition('.')[0]}, which {module} imports, in this environment: {sys.prefix}."
    if parent := sys.modules.get(absent.rpartition(".")[0]):
        return f" {parent.__name__} is in {', '.join(parent.__path__)}." if hasattr(parent, "__path__") else ""
    installed = [os.path.join(sys.prefix, ""), os.path.join(sys.base_prefix, "")]
    folders = [os.path.abspath(folder) for folder in sys.path]
    own = dict.fromkeys(folder for folder in folders if not any(folder.startswith(each) for each in installed))
    return (
        f" It is not in {', '.join(own) or 'any folder'}, nor installed. Set PYTHONPATH=FOLDER, the folder that "
        f"{absent.partition('.')[0]} is in, or install it."
    )
