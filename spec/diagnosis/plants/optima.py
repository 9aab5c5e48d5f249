"""The optimum of a problem, as an engine finds it: Keras's own gradient brought to zero, or statsmodels."""

from __future__ import annotations

import warnings
from functools import cache
from weakref import WeakKeyDictionary

import numpy as np

from spec import existence, likelihood, scoring
from spec.engines.contract import Engine
from spec.engines.keras.engine import KerasEngine
from spec.engines.statsmodels.engine import StatsmodelsEngine
from spec.model import Params
from spec.problems import Problem

REST = 1e-8  # standard errors: what rounding may leave of the way to an optimum
_STATED: WeakKeyDictionary[Problem, Params | None] = WeakKeyDictionary()


@cache
def keras_engine() -> KerasEngine:
    """The engine, which makes Keras compute in float64."""
    return KerasEngine()


@cache
def _statsmodels_engine() -> StatsmodelsEngine:
    return StatsmodelsEngine()


def optimum(problem: Problem, rng: np.random.Generator) -> Params | None:
    """The optimum that a program finds, Keras or statsmodels by chance; None where it finds none."""
    engine: Engine = _statsmodels_engine() if rng.uniform() < 0.25 else keras_engine()
    if engine.declines(problem):
        engine = keras_engine()
    found = _fitted(engine, problem)
    return found if found is not None or engine is keras_engine() else _fitted(keras_engine(), problem)


def stated_optimum(problem: Problem) -> Params | None:
    """The optimum of a problem; None where it has none, or none was found."""
    if problem not in _STATED:
        separated = existence.rank_deficiency(problem) or existence.separating(problem)
        _STATED[problem] = None if separated else _fitted(keras_engine(), problem)
    return _STATED[problem]


def _fitted(engine: Engine, problem: Problem) -> Params | None:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = engine.fit(problem)
    return found.params if found.converged and _rests(problem, found.params) else None


def _rests(problem: Problem, params: Params) -> bool:
    """Whether all means are inside the domain and the score vanishes, by the textbook's formula."""
    if not np.isfinite(params.matrix).all() or not likelihood.in_domain(problem, params):
        return False
    try:
        _, decrement = scoring.White.of(problem).direction(problem, params, likelihood.score(problem, params))
    except np.linalg.LinAlgError:
        return False
    return decrement < REST**2
