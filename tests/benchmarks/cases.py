"""The data that engines are timed on: drawn by size, seed 0, with columns as correlated as those of real tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spec.families import Binomial, Gamma, Gaussian, Multinomial, NegativeBinomial, Poisson, Tweedie
from spec.links import Identity, Log, Logit, Probit, Softmax
from spec.model import Model
from spec.problems import Problem
from spec.problems.by_construction import draw

LOGISTIC = Model(Binomial(), Logit())
SOFTMAX = Model(Multinomial(), Softmax())


@dataclass(frozen=True)
class Case:
    """
    A model and the size of its data: n rows, p columns, K outputs.

    ``condition`` where its columns are nearly collinear; with ``levels`` they are the indicators of a factor's levels, but one.
    """

    name: str
    model: Model
    n: int
    p: int
    classes: int = 1
    exposure: bool = False
    condition: float | None = None
    levels: bool = False

    def __str__(self) -> str:
        return f"{self.name}, {self.n:,} x {self.p}" + (f" to {self.classes}" if self.classes > 1 else "")

    @property
    def work(self) -> int:
        """Products that one information takes, nearly."""
        return self.n * (self.p * max(self.classes - 1, 1)) ** 2

    def problem(self) -> Problem:
        rng = np.random.default_rng(0)
        X = self._columns(rng)
        if self.classes > 1:
            eta = X @ rng.normal(scale=1.5 / np.sqrt(self.p), size=(self.p, self.classes))
            best = np.argmax(eta + rng.gumbel(size=eta.shape), axis=1)  # a softmax choice
            return Problem.of(str(self), self.model, X, np.eye(self.classes)[best])
        eta = 0.6 * _unit(X @ rng.normal(size=(self.p, 1))) - 0.5
        offset = np.log(rng.uniform(0.2, 1.0, size=(self.n, 1))) if self.exposure else None
        mu = self.model.link.inverse(eta if offset is None else eta + offset)
        y = (rng.random(mu.shape) < mu) * 1.0 if isinstance(self.model.family, Binomial) else draw(self.model.family, mu, rng)
        return Problem.of(str(self), self.model, X, y, offset=offset)

    def _columns(self, rng: np.random.Generator) -> np.ndarray:
        if self.levels:
            return np.eye(self.p + 1)[rng.integers(self.p + 1, size=self.n), 1:]
        return _collinear(self.n, self.p, self.condition, rng) if self.condition else _correlated(self.n, self.p, rng)


def _unit(eta: np.ndarray) -> np.ndarray:
    return eta / eta.std()


def _correlated(n: int, p: int, rng: np.random.Generator) -> np.ndarray:
    """Normal columns, each correlated 1/2 with the next (and 1/4 with the one after it)."""
    X = rng.normal(size=(n, p))
    for j in range(1, p):
        X[:, j] = 0.5 * X[:, j - 1] + np.sqrt(0.75) * X[:, j]
    return X


def _collinear(n: int, p: int, condition: float, rng: np.random.Generator) -> np.ndarray:
    """Singular values from 1 down to 1 / condition, in directions that are no columns."""
    rotations = [np.linalg.qr(rng.normal(size=(p, p)))[0] for _ in range(2)]
    return rng.normal(size=(n, p)) @ (rotations[0] * np.geomspace(1, 1 / condition, p) @ rotations[1])


OLS, POISSON, GAMMA = Model(Gaussian(), Identity()), Model(Poisson(), Log()), Model(Gamma(), Log())
CASES = (
    Case("least squares", OLS, 1_000_000, 32),
    Case("logistic", LOGISTIC, 1_000_000, 32),
    Case("Poisson with exposure", POISSON, 1_000_000, 32, exposure=True),
    Case("gamma-log", GAMMA, 1_000_000, 32),
    Case("probit", Model(Binomial(), Probit()), 1_000_000, 32),
    Case("softmax", SOFTMAX, 200_000, 32, 16),
    Case("logistic, condition 1e6", LOGISTIC, 300_000, 32, condition=1e6),
    Case("logistic, wide", LOGISTIC, 20_000, 500),
    Case("Tweedie-log", Model(Tweedie(1.5), Log()), 300_000, 32),
    Case("negative-binomial-log", Model(NegativeBinomial(0.5), Log()), 300_000, 32),
    Case("logistic, many levels", LOGISTIC, 100_000, 199, levels=True),
)
SMALL = tuple(
    Case(name, model, 1_000, 8) for name, model in (("least squares", OLS), ("logistic", LOGISTIC), ("gamma-log", GAMMA))
)
GROWTH = {
    "rows": tuple(Case("logistic", LOGISTIC, n, 32) for n in (1_000, 10_000, 100_000, 1_000_000, 3_000_000)),
    "columns": tuple(Case("logistic", LOGISTIC, 50_000, p) for p in (4, 32, 128, 500)),
    "classes": tuple(Case("softmax", SOFTMAX, 20_000, 8, classes) for classes in (2, 4, 16, 64)),
}
GROUPS = {"cases": CASES, "small": SMALL, **GROWTH}
