"""
Objectives that may have been maximised: the log-likelihood of a model, or a mistaken form of it.

Each objective is a sum over rows of a function of eta. `score` is its derivative in the free eta, `information` minus the
expected second derivative; an optimum is where the sum of score times inputs vanishes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from spec.families import Binomial
from spec.links import Logit
from spec.model import Model, quietly

CLIP = float(np.log1p(-1e-7) - np.log(1e-7))  # 16.118: beyond this eta Keras's clipped cross-entropy has no slope
EPSILON = 1e-7  # what Keras adds to the mean in its Poisson loss


class Objective(Protocol):
    """A sum over rows that may have been maximised. ``outputs`` is the number m of free eta of rows with k columns of y."""

    @property
    def model(self) -> Model: ...

    @property
    def is_likelihood(self) -> bool:
        """Whether it is the log-likelihood of ``model``, so that its optimum can be enclosed."""

    @property
    def has_gauge(self) -> bool:
        """Whether only differences of the outputs count, as in a softmax."""

    def outputs(self, k: int) -> int: ...

    def free(self, matrix: np.ndarray) -> np.ndarray:
        """The free columns (q, m) of parameters (q, k)."""

    def score(self, y: np.ndarray, eta: np.ndarray, weight: np.ndarray) -> np.ndarray: ...

    def information(self, eta: np.ndarray, weight: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class Likelihood:
    """The log-likelihood of a model. For a softmax the free eta are the eta of the other classes minus the eta of class 0."""

    model: Model
    is_likelihood = True

    @property
    def has_gauge(self) -> bool:
        return self.model.has_classes

    def outputs(self, k: int) -> int:
        return k - 1 if self.model.has_classes else k

    def free(self, matrix: np.ndarray) -> np.ndarray:
        return matrix[:, 1:] - matrix[:, :1] if self.model.has_classes else matrix

    def score(self, y: np.ndarray, eta: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return self.model.row_score(y, eta, weight)

    def information(self, eta: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return self.model.row_information(eta, weight)


@dataclass(frozen=True)
class Departed(Likelihood):
    """A likelihood that a mistake has changed, so that it is no longer one."""

    is_likelihood = False


@dataclass(frozen=True)
class Twice(Departed):
    """The cross-entropy of an activation that is applied twice: a sigmoid of a sigmoid, a softmax of a softmax."""

    @quietly
    def score(self, y: np.ndarray, eta: np.ndarray, weight: np.ndarray) -> np.ndarray:
        inverse = self.model.link.inverse
        inner = inverse(eta)
        residual = y - inverse(inner)
        if not self.model.has_classes:
            return weight * residual * inner * (1 - inner)
        found = inner * (residual - (inner * residual).sum(axis=-1, keepdims=True))
        return (weight * found)[..., 1:]

    @quietly
    def information(self, eta: np.ndarray, weight: np.ndarray) -> np.ndarray:
        inverse = self.model.link.inverse
        inner = inverse(eta)
        outer = inverse(inner)
        if not self.model.has_classes:
            return (weight * outer * (1 - outer) * (inner * (1 - inner)) ** 2)[:, :, None]
        slope, spread = _jacobian(inner), _jacobian(outer)
        return (weight[:, :, None] * (slope @ spread @ slope))[:, 1:, 1:]


@dataclass(frozen=True)
class SquaredShares(Departed):
    """Minus half the squared error of the shares of a softmax."""

    @quietly
    def score(self, y: np.ndarray, eta: np.ndarray, weight: np.ndarray) -> np.ndarray:
        mu = self.model.link.inverse(eta)
        residual = y - mu
        return (weight * mu * (residual - (mu * residual).sum(axis=-1, keepdims=True)))[..., 1:]

    @quietly
    def information(self, eta: np.ndarray, weight: np.ndarray) -> np.ndarray:
        slope = _jacobian(self.model.link.inverse(eta))
        return (weight[:, :, None] * (slope @ slope))[:, 1:, 1:]


@dataclass(frozen=True)
class SquaredHinge(Departed):
    """Minus the squares of 1 minus the margin, where that is positive. The information supposes that it is so in all rows."""

    def score(self, y: np.ndarray, eta: np.ndarray, weight: np.ndarray) -> np.ndarray:
        sign = 2 * y - 1
        return 2 * weight * sign * np.maximum(1 - sign * eta, 0.0)

    def information(self, eta: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return (2 * weight + 0 * eta)[:, :, None]


def _jacobian(mu: np.ndarray) -> np.ndarray:
    """The derivative of a softmax where its shares are mu (n, k): (n, k, k)."""
    return mu[:, :, None] * (np.eye(mu.shape[1]) - mu[:, None, :])


@dataclass(frozen=True)
class OneVersusRest(Departed):
    """As many logistic regressions as there are classes, each of one class against all others."""

    has_gauge = False

    def outputs(self, k: int) -> int:
        return k

    def free(self, matrix: np.ndarray) -> np.ndarray:
        return matrix

    @property
    def _one(self) -> Model:
        return Model(Binomial(), Logit())

    def score(self, y: np.ndarray, eta: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return self._one.row_score(y, eta, weight)

    def information(self, eta: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return self._one.working_weight(eta, weight)[:, :, None] * np.eye(eta.shape[1])


@dataclass(frozen=True)
class Clipped(Departed):
    """A binary cross-entropy that keeps the mean 1e-7 from 0 and 1: rows beyond eta = 16.118 have no slope."""

    def score(self, y: np.ndarray, eta: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return np.where(np.abs(eta) > CLIP, 0.0, super().score(y, eta, weight))

    def information(self, eta: np.ndarray, weight: np.ndarray) -> np.ndarray:
        return np.where((np.abs(eta) > CLIP)[:, :, None], 0.0, super().information(eta, weight))


@dataclass(frozen=True)
class Lowered(Departed):
    """Keras's Poisson loss, mu - y log(mu + 1e-7)."""

    @quietly
    def score(self, y: np.ndarray, eta: np.ndarray, weight: np.ndarray) -> np.ndarray:
        mu = self.model.link.inverse(eta)
        return weight * (y / (mu + EPSILON) - 1) * self.model.link.inverse_derivative(eta)
