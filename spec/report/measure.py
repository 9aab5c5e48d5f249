"""
What the pictures show of engines: ``python -m spec.report measure`` writes docs/pictures/measured.json.

The only part of the report that fits anything; a test holds the file to what the engines say today.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from spec import likelihood, problems
from spec.engines.checked import load
from spec.engines.contract import Recipe, Training
from spec.evidence.rungs import proven_optimum
from spec.model import PAIRS, Params
from spec.problems import Problem
from spec.report.pictures import MEASURED

SUBJECT, REFERENCE = "spec.engines.keras:KerasEngine", "spec.engines.statsmodels:StatsmodelsEngine"
EPOCHS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
ADAM = Training(optimizer="adam", learning_rate=0.01, epochs=EPOCHS[-1])


def measure() -> dict[str, Any]:
    """All that the pictures show of engines, fitted through the contract."""
    keras, statsmodels = load(SUBJECT), load(REFERENCE)
    colours, classes = problems.get("logistic-4-colours"), problems.get("softmax-32-to-16")
    fit = keras.fit(colours)
    values = np.hstack([colours.free(fit.params), fit.standard_errors])
    return {
        "command": "python -m spec.report measure",
        "engines": [str(keras), str(statsmodels)],
        "four-colours": {"intercept": _rounded(values[0], 6), "coefficients": [_rounded(row, 6) for row in values[1:]]},
        "agreement": [row for pair in PAIRS for row in agreement(problems.get(str(pair)), keras, statsmodels)],
        "training": training(colours, keras),
        "enclosure": enclosure(problems.get("logistic-1-column"), keras),
        "softmax": softmax(classes, keras.fit(classes).params, statsmodels.fit(classes).params),
    }


def _rounded(values: Any, digits: int = 17) -> list[float]:
    return [float(f"{value:.{digits}g}") for value in values]


def agreement(problem: Problem, keras: Any, statsmodels: Any) -> list[dict[str, float]]:
    mine, theirs = keras.fit(problem), statsmodels.fit(problem)
    rows = zip(*(values[:, 0] for values in (problem.free(mine.params), problem.free(theirs.params), mine.standard_errors)))
    return [dict(zip(("network", "model", "error"), _rounded(row))) for row in rows]


def training(problem: Problem, keras: Any) -> dict[str, Any]:
    """The distance of the worst coefficient from the proven optimum, in standard errors, along each path of training."""
    from spec.fit import optimise
    from spec.fit.rows import of_arrays

    optimum = proven_optimum(problem)

    def distance(params: Params) -> float:
        return float(f"{(optimum.distance(params) / optimum.standard_errors).max():.2g}")

    paths = {}
    for name, dtype in (("Adam, float32", "float32"), ("Adam, float64", "float64")):
        path = keras.engine.network(problem, Recipe(dtype=dtype)).train(ADAM)
        paths[name] = [(epoch, distance(Params(path[epoch - 1][1], path[epoch - 1][0]))) for epoch in EPOCHS]
    steps, start = [], problem.params(np.zeros((problem.q, 1)))
    for passes in range(1, 9):
        found = optimise(problem.model, of_arrays(problem.X, problem.y), start=start, max_passes=passes)
        steps.append((passes, distance(found.params)))
        if found.converged:
            break
    paths["gradient and information"] = steps
    return {"paths": paths, "radius": float(f"{(optimum.radius / optimum.standard_errors).max():.1g}")}


def enclosure(problem: Problem, keras: Any) -> dict[str, Any]:
    """The log-likelihood about the optimum of a model with two parameters, and the lengths of its proof, in standard errors."""
    optimum, fit = proven_optimum(problem), keras.fit(problem)
    steps = np.linspace(-3, 3, 25)
    best = likelihood.kernel(problem, optimum.params)

    def lost(*steps: float) -> float:
        free = problem.free(optimum.params) + np.array(steps)[:, None] * optimum.standard_errors
        return likelihood.kernel(problem, problem.params(free)) - best

    lengths = {
        "box": optimum.box,
        "image": optimum.box * optimum.contraction,
        "answer": (optimum.distance(fit.params) / optimum.standard_errors).max(),
        "rounding": (np.spacing(np.abs(optimum.centre)) / optimum.standard_errors).max(),
        "radius": (optimum.radius / optimum.standard_errors).max(),
    }
    return {
        "steps": _rounded(steps, 4),
        "lost": [[float(f"{lost(x, y):.4g}") for x in steps] for y in steps],
        "lengths": {name: float(f"{length:.1g}") for name, length in lengths.items()},
    }


def softmax(problem: Problem, mine: Params, theirs: Params) -> dict[str, Any]:
    coefficients = mine.coef - mine.coef.mean(axis=1, keepdims=True)  # where gradient descent from zero ends
    return {
        "network, trained from zero": [_rounded(row, 15) for row in coefficients],
        "network, less class 0": [_rounded(row, 15) for row in coefficients - coefficients[:, :1]],
        "MNLogit of statsmodels": [_rounded(row, 15) for row in theirs.contrast().coef],
    }


def write() -> str:
    MEASURED.parent.mkdir(parents=True, exist_ok=True)
    MEASURED.write_text(json.dumps(measure(), indent=1) + "\n", encoding="utf-8")
    return f"wrote {MEASURED}"
