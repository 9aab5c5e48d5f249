"""Problems with a factor: a column that holds one of four levels, as statistics codes it."""

from __future__ import annotations

import numpy as np

from spec import problems
from spec.families import Binomial, Multinomial
from spec.model import Model, Params
from spec.problems import Data, Problem
from spec.problems.by_construction import GRID, balanced, coefficients, draw, generator, snap

LEVELS = 4
TREATMENT = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1]])  # a row for each level, the intercept first


def factor(name: str, eta: float, covariate: bool) -> Problem:
    """A factor of 4 levels in treatment coding, some more frequent than others, beside a covariate or alone."""
    model = problems.get("softmax-3-to-3" if name == "multinomial-softmax" else name).model
    name = f"{name}, a factor{' and a covariate' if covariate else ''}"

    def load() -> Data:
        X = np.repeat(TREATMENT, (48, 56, 72, 80), axis=0)[:, 1:].astype(float)
        if covariate:
            X = np.hstack([X, snap(generator(name).uniform(-1, 1, size=(len(X), 1)), GRID)])
        return drawn(name, model, eta, X)

    return Problem(name, model, load)


def drawn(name: str, model: Model, eta: float, X: np.ndarray) -> Data:
    """Responses to X about planted parameters for which every eta is within 1 of ``eta``; on the dyadic grid."""
    rng = generator(name)
    k = 3 if isinstance(model.family, Multinomial) else 1
    planted = Params(np.full(k, eta), coefficients(X, 1.0, k, rng))
    mu = model.link.inverse(planted.linear_predictor(X))
    if isinstance(model.family, Multinomial):
        y = balanced(X, mu)
    elif isinstance(model.family, Binomial):
        y = balanced(X, np.hstack([1 - mu, mu]))[:, 1:]
    else:
        y = draw(model.family, mu, rng)
    return Data(X, y, planted=planted)
