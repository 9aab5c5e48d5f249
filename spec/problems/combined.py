"""
Planted problems with offsets, weights and trials: alone, in pairs and all together.

They stand beside `spec.problems.ALL`, for the claims about such data. The offset is no combination of the columns, so the null
model with it is another than without. Of softmax each class has an offset of its own, class 0 too. A weight is a multiple of
1/2, and so no number of rows. Families have parameters here that no other problem has, and some responses are not the family's
own but between a draw and its mean: quasi-likelihood asks no more of them.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from spec.families import Binomial, Gamma, Gaussian, NegativeBinomial, Poisson, Tweedie
from spec.links import Identity, Log, Logit, NegativeBinomialLink, Power
from spec.model import PAIRS, Model, Params
from spec.problems.by_construction import (
    ETA_RANGE,
    GRID,
    PARAMETER_GRID,
    SOFTMAX,
    balanced,
    coefficients,
    design,
    draw,
    generator,
    snap,
)
from spec.problems.problem import Data, Problem

ROWS, COLUMNS, CONDITION, CLASSES = 120, 2, 2.0, 3
OFFSET, WEIGHTS, TRIALS = "offset", "weights", "trials"
RANGES = {  # of eta, where the families have other parameters
    **ETA_RANGE,
    str(SOFTMAX): (-1, 1),
    "negative-binomial(2)-log": (0, 2),
    "negative-binomial(0.25)-negative-binomial-link(0.25)": (-1.75, -0.5),
    "tweedie(1.75)-log": (0, 2),
    "tweedie(1.25)-power(-0.25)": (0.5, 1.5),
}


def planted(name: str, model: Model, parts: tuple[str, ...], between: bool, intercept: bool) -> Data:
    """Rows with these parts; with ``between`` each response is half way from a draw to its mean."""
    rng, (low, high) = generator(name), RANGES[str(model)]
    X, k, half = design(ROWS, COLUMNS, CONDITION, rng), CLASSES if model.has_classes else 1, (high - low) / 4
    coef = coefficients(X, half, k, rng)
    offset = snap(rng.uniform(-half, half, size=(ROWS, k)), GRID) if OFFSET in parts else None
    weights = rng.integers(1, 5, size=ROWS) / 2 if WEIGHTS in parts else None
    trials = rng.integers(1, 6, size=ROWS) if TRIALS in parts else None
    centre = np.full((1, k), (low + high) / 2 if intercept else 0.0)
    at = Params.from_matrix(snap(np.vstack([centre, coef]), PARAMETER_GRID)).contrast()
    mu = model.link.inverse(at.linear_predictor(X) + (0 if offset is None else offset))
    y = responses(model, X, mu, weights, trials, rng)
    return Data(X, (y + mu) / 2 if between else y, offset, weights, trials, planted=at)


def responses(
    model: Model, X: np.ndarray, mu: np.ndarray, weights: np.ndarray | None, trials: np.ndarray | None, rng: np.random.Generator
) -> np.ndarray:
    """Draws with means mu (n, k); of classes each trial is `balanced`, and a row is the share of its trials."""
    if not (model.has_classes or isinstance(model.family, Binomial)):
        return draw(model.family, mu, rng)
    each = np.arange(len(X)) if trials is None else np.repeat(np.arange(len(X)), trials)
    shares = mu if model.has_classes else np.hstack([1 - mu, mu])
    classes = balanced(X[each], shares[each], None if weights is None else weights[each])
    found = np.array([classes[each == row].mean(axis=0) for row in range(len(X))])
    return found if model.has_classes else found[:, 1:]


def combined(model: Model, *parts: str, between: bool = False, intercept: bool = True) -> Problem:
    """A planted problem with these parts of data."""
    name = "-".join([*["quasi"] * between, str(model), *["no-intercept"] * (not intercept), *parts])
    about = f"planted, {ROWS} x {COLUMNS}, {model} with {' and '.join(parts)}{'' if intercept else ', without an intercept'}"
    load, tags = partial(planted, name, model, parts, between, intercept), frozenset({"combined", *parts})
    return Problem(
        name, model, load, intercept=intercept, kind="by-construction", quasi=between, condition=CONDITION, about=about, tags=tags
    )


def all_parts(model: Model) -> tuple[str, ...]:
    """An offset and weights; and trials, where a response may have them."""
    return (OFFSET, WEIGHTS, TRIALS) if model.has_classes or isinstance(model.family, Binomial) else (OFFSET, WEIGHTS)


LOGISTIC, COUNTS = Model(Binomial(), Logit()), Model(Poisson(), Log())
LEAST_SQUARES, SIZES = Model(Gaussian(), Identity()), Model(Gamma(), Log())
ALONE = [model for model in PAIRS if model.is_canonical]
OTHER_PARAMETERS = (
    Model(NegativeBinomial(2.0), Log()),
    Model(NegativeBinomial(0.25), NegativeBinomialLink(0.25)),
    Model(Tweedie(1.75), Log()),
    Model(Tweedie(1.25), Power(-0.25)),
)
COMBINED: tuple[Problem, ...] = (
    *(combined(model, *all_parts(model)) for model in (*PAIRS, SOFTMAX, *OTHER_PARAMETERS)),
    *(combined(model, OFFSET) for model in (*ALONE, SOFTMAX)),
    *(combined(model, WEIGHTS) for model in (*ALONE, SOFTMAX)),
    *(combined(model, TRIALS) for model in (LOGISTIC, SOFTMAX)),
    combined(LOGISTIC, OFFSET, TRIALS),
    combined(LOGISTIC, WEIGHTS, TRIALS),
    *(combined(model, OFFSET, WEIGHTS, between=True) for model in (LOGISTIC, COUNTS, OTHER_PARAMETERS[0])),
    *(combined(model, *all_parts(model), between=True) for model in (LOGISTIC, SOFTMAX)),
    *(combined(model, *all_parts(model), intercept=False) for model in (LEAST_SQUARES, LOGISTIC, COUNTS, SIZES, SOFTMAX)),
)
