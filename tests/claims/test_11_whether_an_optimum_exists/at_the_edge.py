"""Data whose likelihood rises to the edge of the domain, and data like them whose maximum lies inside."""

from __future__ import annotations

import numpy as np

from spec.families import Binomial, NegativeBinomial, Poisson
from spec.links import Identity, Log, LogComplement
from spec.model import Model
from spec.problems import Problem

RISKS = Model(Binomial(), Log())


def levels(*events: int) -> Problem:
    """Three levels of 50 rows each, so many of which had the event."""
    y = np.concatenate([np.arange(50) < number for number in events])
    return Problem.of(f"events {events} of 50", RISKS, np.repeat([0.0, 1.0, 2.0], 50)[:, None], y[:, None])


def relative_risks() -> Problem:
    """300 rows whose true risk reaches 1: exp(-0.45 + 0.45 x), and 1 where that is above 1."""
    rng = np.random.default_rng(5)
    x = rng.uniform(-1, 1, size=300)
    y = rng.random(300) < np.minimum(np.exp(-0.45 + 0.45 * x), 1)
    return Problem.of("relative risks", RISKS, x[:, None], y[:, None])


def linear_probabilities() -> Problem:
    """200 rows of a logistic regression, fitted without its sigmoid."""
    rng = np.random.default_rng(8)
    X = rng.normal(size=(200, 2))
    y = rng.random(200) < 1 / (1 + np.exp(-(0.3 + 1.2 * X[:, 0])))
    return Problem.of("linear probabilities", Model(Binomial(), Identity()), X, y[:, None])


def counts(model: Model) -> Problem:
    """200 counts whose true mean is 0 in part: 0.8 + 0.85 x, and 0 where that is below 0."""
    x = np.linspace(-1, 1, 200)
    quantile = (np.arange(200) * 0.6180339887 + 0.5) % 1  # spread evenly, as a draw would be on average
    mean = np.maximum(0.8 + 0.85 * x, 0)
    tails = np.exp(-mean)[:, None] * np.cumprod(np.hstack([np.ones((200, 1)), mean[:, None] / np.arange(1, 12)]), axis=1)
    y = (quantile[:, None] > np.cumsum(tails, axis=1)).sum(axis=1)
    return Problem.of(f"counts, {model}", model, x[:, None], y[:, None].astype(float))


RELATIVE_RISKS = relative_risks()
CHANCES_OF_NONE = RELATIVE_RISKS.with_data("mirrored", y=lambda data: 1 - data.y)
THREE_LEVELS = levels(2, 30, 50)
LINEAR = linear_probabilities()
AT_THE_EDGE = [
    THREE_LEVELS,
    RELATIVE_RISKS,
    Problem("chances of no event", Model(Binomial(), LogComplement()), CHANCES_OF_NONE.load),
    LINEAR,
    counts(Model(Poisson(), Identity())),
    counts(Model(NegativeBinomial(0.5), Identity())),
]
INSIDE = [
    levels(5, 20, 38),
    Problem("chances of no event inside", Model(Binomial(), LogComplement()), levels(45, 30, 12).load),
    Problem("linear probabilities inside", Model(Binomial(), Identity()), levels(5, 20, 38).load),
    Problem("counts inside", Model(Poisson(), Identity()), lambda: levels(5, 20, 38).data),
]
