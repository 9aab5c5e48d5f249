"""
Planted problems of uncommon sizes: many columns, many rows, and predictors beyond what float64 can exponentiate.

They stand beside `spec.problems.ALL`. In the problems that reach far, a few rows have inputs so large that eta passes 37, where
1 - mu rounds to 0, and 709, where exp(eta) overflows. Their responses are no surprise, so the other rows decide the optimum.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from spec.families import Binomial, Gaussian, Multinomial, Poisson
from spec.links import Identity, Log, Logit, Softmax
from spec.model import Model, Params
from spec.problems.by_construction import balanced, draw, elementwise, generator, snap
from spec.problems.problem import Data, Problem

LINE, LOGISTIC, COUNTS = Model(Gaussian(), Identity()), Model(Binomial(), Logit()), Model(Poisson(), Log())
CLASSES = Model(Multinomial(), Softmax())
NEAR, GRID = 200, 2.0**-6
FAR = {  # the inputs of the far rows, in units of eta
    str(LOGISTIC): (-760, -60, -40, 40, 60, 760),
    str(COUNTS): (-800, -760, -60, -40),
    str(CLASSES): (-760, -60, -40, 40, 60, 760),
}


def reaching(name: str, model: Model) -> Data:
    """One input, which is between -2 and 2 but in the far rows; classes 0 and 1 of three share the rows in the middle."""
    rng, far = generator(name), np.array(FAR[str(model)], dtype=float)
    near = snap(rng.uniform(-2, 2, size=NEAR), GRID)
    x = np.concatenate([near, far])[:, None]
    planted = Params.from_matrix([[0.0, 0.5, -0.5], [0.0, 1.0, -1.0]] if model.has_classes else [[0.25], [1.0]])
    with np.errstate(over="ignore"):
        mu = model.link.inverse(planted.linear_predictor(x))
    if isinstance(model.family, Poisson):
        return Data(x, np.vstack([draw(model.family, mu[:NEAR], rng), np.zeros((len(far), 1))]), planted=planted)
    shares = mu if model.has_classes else np.hstack([1 - mu, mu])
    y = np.vstack([balanced(x[:NEAR], shares[:NEAR]), np.eye(shares.shape[1])[shares[NEAR:].argmax(axis=1)]])
    return Data(x, y if model.has_classes else y[:, 1:], planted=planted)


def far(model: Model) -> Problem:
    name = f"{model}-far"
    about = f"planted, {model}, with predictors beyond 709"
    return Problem(name, model, partial(reaching, name, model), kind="by-construction", about=about, tags=frozenset({"far"}))


def sized(model: Model, n: int, p: int, tag: str) -> Problem:
    name = f"{model}-{n}-x-{p}"
    load = partial(elementwise, name, model, n, p, 1.0)
    return Problem(
        name, model, load, kind="by-construction", condition=1.0, about=f"planted, {n} x {p}, {model}", tags=frozenset({tag})
    )


SIZED: tuple[Problem, ...] = (
    sized(LINE, 256, 40, "many-columns"),
    sized(COUNTS, 256, 40, "many-columns"),
    sized(COUNTS, 50_001, 1, "many-rows"),
    far(LOGISTIC),
    far(COUNTS),
    far(CLASSES),
)
