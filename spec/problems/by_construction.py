"""
Problems with planted answers: one for each (family, link), softmax at several widths, and any number of columns.

The design has a stated condition number, and its entries lie on a dyadic grid: with parameters on a grid too, eta is
exact in float64 in whatever order it is summed, and so a comparison of means sees the inverse link and nothing else.
The parameters are scaled such that eta keeps to a stated interval in the interior of the link's domain. Responses are
drawn from the family (classes without sampling error, see `balanced`); ``--seed`` (SPEC_SEED) draws others, and the
claims hold all the same.
"""

from __future__ import annotations

import os
import zlib
from functools import partial
from typing import Any

import numpy as np

from spec.compat import strict_zip
from spec.families import Binomial, Family, Multinomial
from spec.links import Logit, Softmax
from spec.model import PAIRS, Model, Params
from spec.problems.problem import Data, Problem

GRID = 2.0**-16  # entries of X
PARAMETER_GRID = 2.0**-12  # planted parameters: 16 + 12 bits of fraction leave float64 25 for the sum


def generator(name: str) -> np.random.Generator:
    """A stream of its own for each problem, so that adding one changes no other."""
    return np.random.default_rng([int(os.environ.get("SPEC_SEED", "0")), zlib.crc32(name.encode())])


def snap(values: np.ndarray, grid: float) -> np.ndarray:
    """The nearest multiples of a power of two."""
    return np.round(values / grid) * grid


def design(n: int, p: int, condition: float, rng: np.random.Generator) -> np.ndarray:
    """X (n, p), bounded, such that the singular values of [1 X] / sqrt(n) run from 1 down to 1 / condition."""
    centred = rng.uniform(-1, 1, size=(n, p))
    centred -= centred.mean(axis=0)
    orthonormal, _ = np.linalg.qr(centred)
    rotation, _ = np.linalg.qr(rng.normal(size=(p, p)))
    singular = np.geomspace(1, 1 / condition, p) if p > 1 else np.array([1 / condition])
    return snap(np.sqrt(n) * orthonormal * singular @ rotation, GRID)


def coefficients(X: np.ndarray, half_width: float, k: int, rng: np.random.Generator) -> np.ndarray:
    """coef (p, k) with every entry of like size, for which |X coef| stays within ``half_width``."""
    signs = rng.choice([-1.0, 1.0], size=(X.shape[1], k)) * rng.uniform(0.6, 1.0, size=(X.shape[1], k))
    return snap(signs * half_width / np.abs(X @ signs).max(axis=0), PARAMETER_GRID)


def balanced(X: np.ndarray, mu: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """
    Classes, one-hot (n, K), with probabilities mu and next to no sampling error in the score: sum_i [1 x_i] (y_i - mu_i).

    Row after row takes the class that lies furthest behind in the direction of the row, so the sum stays bounded while
    that of random draws grows like sqrt(n). The optimum then lies near the planted answer, and no coefficient comes out
    as nearly zero, where relative digits say nothing. A row counts ``weights`` (n,) times.
    """
    rows = np.hstack([np.ones((len(X), 1)), X])
    counts = np.ones(len(X)) if weights is None else weights
    behind = np.zeros((rows.shape[1], mu.shape[1]))
    y = np.zeros_like(mu)
    for row, share, answer, count in strict_zip(rows, mu, y, counts):
        answer[np.argmax(count * share + row @ behind / (row @ row))] = 1
        behind += count * np.outer(row, share - answer)
    return y


def _draw_tweedie(family: Any, mu: np.ndarray, phi: float, rng: np.random.Generator) -> np.ndarray:
    p = family.power
    events = rng.poisson(mu ** (2 - p) / ((2 - p) * phi))
    shape = np.where(events > 0, events * (2 - p) / (p - 1), 1.0)
    return np.where(events > 0, rng.gamma(shape, phi * (p - 1) * mu ** (p - 1)), 0.0)


DRAWS: dict[str, Any] = {
    "gaussian": lambda family, mu, phi, rng: rng.normal(mu, np.sqrt(phi)),
    "poisson": lambda family, mu, phi, rng: rng.poisson(mu).astype(float),
    "gamma": lambda family, mu, phi, rng: rng.gamma(1 / phi, mu * phi),
    "inverse-gaussian": lambda family, mu, phi, rng: rng.wald(mu, 1 / phi),
    "negative-binomial": lambda family, mu, phi, rng: rng.poisson(rng.gamma(1 / family.alpha, mu / (1 / family.alpha))).astype(
        float
    ),
    "tweedie": _draw_tweedie,
}
DISPERSION = {"gaussian": 2.0**-6, "gamma": 2.0**-3, "inverse-gaussian": 2.0**-4, "tweedie(1.5)": 0.5}


def draw(family: Family, mu: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Responses with mean mu (n, 1), at the dispersion of `DISPERSION`."""
    name = str(family).partition("(")[0]
    if name not in DRAWS:
        raise NotImplementedError(f"no way to draw from {family}: add an entry to DRAWS")
    return DRAWS[name](family, mu, DISPERSION.get(str(family), 1.0), rng)


# the interval that eta keeps to: inside the link's domain, with means that the family's draws tell apart
ETA_RANGE = {
    "gaussian-identity": (-1, 3),
    "gaussian-log": (-0.5, 1.5),
    "gaussian-inverse": (0.5, 1.5),
    "binomial-logit": (-1.25, 2.75),
    "binomial-probit": (-1, 1.75),
    "binomial-cauchit": (-1, 3),
    "binomial-log": (-1.75, -0.25),
    "binomial-log-complement": (-1.75, -0.25),
    "binomial-cloglog": (-2, 0.75),
    "binomial-loglog": (-0.75, 2),
    "binomial-identity": (0.2, 0.8),
    "poisson-log": (0, 2),
    "poisson-identity": (1, 7),
    "poisson-sqrt": (1, 3),
    "poisson-softplus": (-1, 5),
    "gamma-inverse": (0.25, 1.75),
    "gamma-log": (-0.5, 1.5),
    "gamma-identity": (1, 5),
    "inverse-gaussian-inverse-squared": (0.25, 2.25),
    "inverse-gaussian-inverse": (0.5, 2),
    "inverse-gaussian-identity": (0.5, 2),
    "inverse-gaussian-log": (-0.5, 1),
    "negative-binomial(0.5)-log": (0, 2),
    "negative-binomial(0.5)-cloglog": (-2, 0.5),
    "negative-binomial(0.5)-identity": (1, 7),
    "negative-binomial(0.5)-negative-binomial-link(0.5)": (-1.75, -0.5),
    "negative-binomial(0.5)-power(0.5)": (1, 3),
    "tweedie(1.5)-log": (0, 2),
    "tweedie(1.5)-power(-0.5)": (0.5, 1.5),
}


def elementwise(name: str, model: Model, n: int, p: int, condition: float, columns: tuple[str, ...] = ()) -> Data:
    """One output neuron; eta within ETA_RANGE[model]."""
    rng = generator(name)
    X = design(n, p, condition, rng)
    low, high = ETA_RANGE[str(model)]
    planted = Params(np.array([(low + high) / 2]), coefficients(X, (high - low) / 2, 1, rng))
    mu = model.link.inverse(planted.linear_predictor(X))
    y = balanced(X, np.hstack([1 - mu, mu]))[:, 1:] if isinstance(model.family, Binomial) else draw(model.family, mu, rng)
    return Data(X, y, columns=columns, planted=planted)


def softmax(name: str, n: int, p: int, classes: int, condition: float, half_width: float) -> Data:
    """K output neurons; class 0 is the baseline, with weights of zero."""
    rng = generator(name)
    X = design(n, p, condition, rng)
    coef = coefficients(X, half_width, classes, rng)
    coef[:, 0] = 0
    planted = Params(snap(np.linspace(0.5, 1, classes), PARAMETER_GRID) * (np.arange(classes) > 0), coef)
    return Data(X, balanced(X, Softmax().inverse(planted.linear_predictor(X))), planted=planted)


COLOURS = ("blue", "red", "purple", "grey")
LOGISTIC, SOFTMAX = Model(Binomial(), Logit()), Model(Multinomial(), Softmax())


def _one(
    name: str, model: Model, n: int, p: int, condition: float, about: str, tags: str, columns: tuple[str, ...] = ()
) -> Problem:
    load = partial(elementwise, name, model, n, p, condition, columns)
    return Problem(name, model, load, kind="by-construction", condition=condition, about=about, tags=frozenset(tags.split()))


def _many(n: int, p: int, classes: int, condition: float, half_width: float, about: str, tags: str) -> Problem:
    name = f"softmax-{p}-to-{classes}"
    load = partial(softmax, name, n, p, classes, condition, half_width)
    return Problem(name, SOFTMAX, load, kind="by-construction", condition=condition, about=about, tags=frozenset(tags.split()))


BY_CONSTRUCTION: tuple[Problem, ...] = (
    *(_one(str(model), model, 1000, 3, 4.0, f"planted, 1000 x 3, {model}", "pair") for model in PAIRS),
    _one("logistic-4-colours", LOGISTIC, 1000, 4, 4.0, "planted, the four inputs that the answer draws", "width", COLOURS),
    _one("logistic-1-column", LOGISTIC, 1000, 1, 1.0, "planted, one input", "width"),
    _one("logistic-32-columns", LOGISTIC, 4096, 32, 1.0, "planted, 32 inputs", "width"),
    _one("logistic-512-columns", LOGISTIC, 4096, 512, 1.0, "planted, 512 inputs", "width wide"),
    _many(4096, 32, 16, 1.0, 4.0, "planted, the sentence of the Keras documentation: 32 inputs, 16 classes", "keras-sentence"),
    _many(1000, 3, 3, 4.0, 3.0, "planted, 3 inputs, 3 classes", "small"),
    _many(1000, 8, 5, 4.0, 4.0, "planted, 8 inputs, 5 classes", "small"),
    _many(1000, 4, 2, 4.0, 3.0, "planted, 4 inputs, 2 classes", "small two-classes"),
)
