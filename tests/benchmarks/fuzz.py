"""
A fuzz of random Keras models: those that are a GLM must be served with its optimum, and all others refused.

`tox -e fuzz`, or ``python -m tests.benchmarks.fuzz 1000 --seed 0 [--kind KIND] [--list] [--only N]``. A model is put together of
parts: what comes before its Dense layer, that layer, what comes after it, the loss, the form of the data, the state of the model.
The truth is put together with it, of formulas in NumPy, and never asked of what is tested. ``--kind`` varies one kind of parts.

A GLM is *served* right where the fit converged, the score by those formulas vanishes (or the KKT conditions of the penalised
objective hold), the model's weights are that optimum rounded, and its predictions are those means. Any other model is *refused*
right where there is a ValueError, or a fit that did not converge, and the model's weights are what they were.
"""

from __future__ import annotations

import argparse
import gc
import logging
import sys
import tempfile
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers as L
from keras import losses, ops
from scipy import sparse, special, stats

from spec import families, links
from spec.engines.keras.network import InverseLink, NegativeLogLikelihood
from spec.fit import fit

KINDS = ("before", "dense", "after", "loss", "form", "state")
VERDICTS = ("served right", "refused right", "wrongly served", "wrongly refused", "crash")
SCORE = 1e-7  # of the sum over the rows without sign: how far a score may be from 0
PREDICTED = 1e-4  # of what eta is made of: how far a model's own means may be from those of the truth


# -- the truth -----------------------------------------------------------------------------------------------------------------
INVERSES: dict[str, tuple[Any, Any, Any]] = {  # h, h' and, of those that Keras does not have by name, the link
    "identity": (lambda z: z, np.ones_like, links.Identity()),
    "log": (np.exp, np.exp, links.Log()),
    "logit": (special.expit, lambda z: special.expit(z) * special.expit(-z), links.Logit()),
    "probit": (stats.norm.cdf, stats.norm.pdf, links.Probit()),
    "cloglog": (lambda z: -np.expm1(-np.exp(z)), lambda z: np.exp(z - np.exp(z)), links.CLogLog()),
    "loglog": (lambda z: np.exp(-np.exp(-z)), lambda z: np.exp(-z - np.exp(-z)), links.LogLog()),
    "cauchit": (lambda z: 0.5 + np.arctan(z) / np.pi, lambda z: 1 / (np.pi * (1 + z**2)), links.Cauchit()),
    "sqrt": (lambda z: z**2, lambda z: 2 * z, links.Sqrt()),
    "inverse": (lambda z: 1 / z, lambda z: -1 / z**2, links.Inverse()),
    "inverse-squared": (lambda z: z**-0.5, lambda z: -0.5 * z**-1.5, links.InverseSquared()),
    "softmax": (lambda z: special.softmax(z, axis=1), None, links.Softmax()),
}
FAMILIES: dict[str, tuple[Any, Any, Any]] = {  # the variance, a draw, and the family for a NegativeLogLikelihood
    "gaussian": (np.ones_like, lambda rng, m: m + 0.3 * rng.normal(size=m.shape), families.Gaussian()),
    "binomial": (lambda m: m * (1 - m), lambda rng, m: rng.binomial(1, m).astype(float), families.Binomial()),
    "poisson": (lambda m: m, lambda rng, m: rng.poisson(m).astype(float), families.Poisson()),
    "gamma": (lambda m: m**2, lambda rng, m: rng.gamma(3, m / 3), families.Gamma()),
    "inverse-gaussian": (lambda m: m**3, lambda rng, m: rng.wald(m, 3.0), families.InverseGaussian()),
    "negative-binomial(0.5)": (
        lambda m: m + m**2 / 2,
        lambda rng, m: rng.negative_binomial(2, 2 / (2 + m)).astype(float),
        families.NegativeBinomial(alpha=0.5),
    ),
    "tweedie(1.5)": (
        lambda m: m**1.5,
        lambda rng, m: rng.gamma(np.maximum(k := rng.poisson(2 * np.sqrt(m)), 1e-9), np.sqrt(m) / 2) * (k > 0),
        families.Tweedie(power=1.5),
    ),
    "multinomial": (
        None,
        lambda rng, m: np.eye(m.shape[1])[(m.cumsum(axis=1) < rng.random((len(m), 1))).sum(axis=1).clip(max=m.shape[1] - 1)],
        families.Multinomial(),
    ),
}
GLMS: dict[str, tuple[float, float]] = {  # between which numbers eta is planted
    "gaussian identity": (-3, 3), "binomial logit": (-2, 2), "poisson log": (-0.5, 2), "multinomial softmax": (-1.5, 1.5),
    "gaussian log": (-0.5, 1.5), "gaussian logit": (-2, 2), "binomial probit": (-1.3, 1.3), "binomial cloglog": (-2, 0.7),
    "binomial loglog": (-0.7, 2), "binomial cauchit": (-2, 2), "poisson sqrt": (1, 3), "poisson identity": (2, 6),
    "gamma log": (-1, 2), "gamma inverse": (0.5, 2), "gamma identity": (1, 4), "inverse-gaussian log": (-0.7, 1),
    "inverse-gaussian inverse-squared": (0.5, 2), "negative-binomial(0.5) log": (-0.5, 2), "tweedie(1.5) log": (-0.5, 2),
}  # fmt: skip
PLAIN = list(GLMS)[:4]
POSITIVE = ("sqrt", "inverse", "inverse-squared")  # links whose eta has an end, and an identity that keeps a mean above 0


@dataclass
class Truth:
    """
    A generalized linear model of features F (n, p): eta is ``factor`` times what the Dense layer gives, plus ``offset`` (n, k).

    The compiled loss is -``scale`` times the mean log-likelihood; ``penalty`` is l1 and l2 of the kernel, then of the bias.
    ``why`` says why the model is none; ``either`` that it is one, in a way that may be refused.
    """

    family: str
    link: str
    k: int
    F: np.ndarray
    y: np.ndarray
    offset: np.ndarray
    weights: np.ndarray
    factor: float = 1.0
    scale: float = 1.0
    bias: bool = True
    penalty: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    of_eta: bool = False
    why: str = ""
    either: bool = False

    def mean(self, eta: np.ndarray) -> np.ndarray:
        return INVERSES[self.link][0](eta)

    def score(self, eta: np.ndarray) -> np.ndarray:
        """The derivative of each row's log-likelihood in eta, (n, k), times its weight."""
        mu = self.mean(eta)
        by = self.weights[:, None]
        return by * (
            self.y - mu if self.link == "softmax" else (self.y - mu) * INVERSES[self.link][1](eta) / FAMILIES[self.family][0](mu)
        )

    def eta(self, coef: np.ndarray, intercept: np.ndarray) -> np.ndarray:
        return self.F @ coef + self.offset + (intercept if self.bias else 0.0)

    def is_stationary(self, coef: np.ndarray, intercept: np.ndarray) -> bool:
        """Whether the score vanishes at parameters of eta; or whether the KKT conditions hold of the objective that Keras has."""
        rows, D = self.score(self.eta(coef, intercept)), np.hstack([np.ones((len(self.F), int(self.bias))), self.F])
        found, size = D.T @ rows, np.abs(D).T @ np.abs(rows)
        if any(self.penalty):
            by = self.scale * self.factor / len(self.F)  # a mean over all rows, whatever their weights
            weights = np.vstack([intercept[None][: int(self.bias)], coef]) / self.factor
            l1, l2 = (np.full(weights.shape, of) for of in self.penalty[:2])
            if self.bias:
                l1[0], l2[0] = self.penalty[2:]
            slope = 2 * l2 * weights - by * found
            found = np.where(weights != 0, slope + l1 * np.sign(weights), np.maximum(np.abs(slope) - l1, 0))
            size = by * size + l1 + 2 * l2 * np.abs(weights)
        return bool((np.abs(found) <= SCORE * size).all())


@dataclass
class Case:
    """A compiled model and what `fit` is given with it; ``raw`` are its inputs, ``parts`` the names of its parts by their kind."""

    number: int
    parts: dict[str, list[str]]
    truth: Truth
    model: Any
    X: Any
    y: Any
    options: dict[str, Any]
    raw: list[np.ndarray] = field(repr=False)

    def __str__(self) -> str:
        return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in self.parts.items())


# -- the parts -----------------------------------------------------------------------------------------------------------------
def row_mean(formula: Callable[..., Any]) -> Callable[..., Any]:
    return lambda y, m: ops.mean(formula(y, m), axis=-1)


def row_sum(formula: Callable[..., Any]) -> Callable[..., Any]:
    return lambda y, m: ops.sum(formula(y, m), axis=-1)


def of_batch(formula: Callable[..., Any]) -> Callable[..., Any]:
    return lambda y, m: ops.mean(formula(y, m))


def named(name: str, formula: Callable[..., Any]) -> Callable[..., Any]:
    """A loss of one's own that is called as one of Keras's."""
    loss = row_mean(formula)
    loss.__name__ = name
    return loss


class Poisson(losses.Loss):
    """A loss with the name of one of Keras's that is another."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.mean(y_pred**2 / 2 - y_true * y_pred**0.5, axis=-1)


def square(y: Any, m: Any) -> Any:
    return (y - m) ** 2


def bernoulli(y: Any, m: Any) -> Any:
    return -y * ops.log(m) - (1 - y) * ops.log(1 - m)


def count(y: Any, m: Any) -> Any:
    return m - y * ops.log(m)


def cross(y: Any, m: Any) -> Any:
    return -y * ops.log(m)


@dataclass(frozen=True)
class Loss:
    """A loss that is -``scale`` times a log-likelihood, of the mean over the outputs if ``by_output``; of eta, of codes, of a batch."""

    make: Callable[[], Any]
    scale: float = 1.0
    by_output: bool = True
    of_eta: bool = False
    codes: bool = False
    batch: bool = False
    either: bool = False


def mine(family: str) -> Loss:
    return Loss(lambda: NegativeLogLikelihood(FAMILIES[family][2]), by_output=False)


LOSSES: dict[str, dict[str, Loss]] = {
    "gaussian": {
        "mse": Loss(lambda: "mse", 2),
        "MeanSquaredError()": Loss(losses.MeanSquaredError, 2),
        "MeanSquaredError(sum)": Loss(lambda: losses.MeanSquaredError(reduction="sum"), np.nan),
        "the function": Loss(lambda: losses.mean_squared_error, 2),
        "by hand": Loss(lambda: row_mean(square), 2),
        "by hand, times 3 and more": Loss(lambda: row_mean(lambda y, m: 3 * square(y, m) + y**2 + 1), 6),
        "by hand, a sum": Loss(lambda: row_sum(lambda y, m: m * (m - 2 * y)), 2, by_output=False),
        "by hand, one number": Loss(lambda: of_batch(square), 2, batch=True),
        "NegativeLogLikelihood": mine("gaussian"),
    },
    "binomial": {
        "binary_crossentropy": Loss(lambda: "binary_crossentropy"),
        "BinaryCrossentropy()": Loss(losses.BinaryCrossentropy),
        "label_smoothing=0": Loss(lambda: losses.BinaryCrossentropy(label_smoothing=0.0)),
        "from_logits": Loss(lambda: losses.BinaryCrossentropy(from_logits=True), of_eta=True),
        "by hand": Loss(lambda: row_mean(bernoulli)),
        "by hand, times 3 and more": Loss(lambda: row_mean(lambda y, m: 3 * bernoulli(y, m) + y), 3),
        "by hand, of eta": Loss(lambda: row_mean(lambda y, z: ops.softplus(z) - y * z), of_eta=True),
        "by hand, one number": Loss(lambda: of_batch(bernoulli), batch=True),
        "NegativeLogLikelihood": mine("binomial"),
        "NegativeLogLikelihood of eta": Loss(
            lambda: NegativeLogLikelihood(families.Binomial(), links.Logit()), by_output=False, of_eta=True
        ),
    },
    "poisson": {
        "poisson": Loss(lambda: "poisson"),
        "Poisson()": Loss(losses.Poisson),
        "by hand": Loss(lambda: row_mean(count)),
        "by hand, a deviance": Loss(
            lambda: row_mean(lambda y, m: 2 * (ops.where(y > 0, y * ops.log(ops.maximum(y, 1) / m), 0.0) - y + m)), 2
        ),
        "by hand, of eta": Loss(lambda: row_mean(lambda y, z: ops.exp(z) - y * z), of_eta=True),
        "NegativeLogLikelihood": mine("poisson"),
        "NegativeLogLikelihood of eta": Loss(
            lambda: NegativeLogLikelihood(families.Poisson(), links.Log()), by_output=False, of_eta=True
        ),
    },
    "multinomial": {
        "categorical_crossentropy": Loss(lambda: "categorical_crossentropy", by_output=False),
        "sparse_categorical_crossentropy": Loss(lambda: "sparse_categorical_crossentropy", by_output=False, codes=True),
        "CategoricalCrossentropy()": Loss(losses.CategoricalCrossentropy, by_output=False),
        "SparseCategoricalCrossentropy()": Loss(losses.SparseCategoricalCrossentropy, by_output=False, codes=True),
        "ignore_class=-1": Loss(lambda: losses.SparseCategoricalCrossentropy(ignore_class=-1), by_output=False, codes=True),
        "from_logits": Loss(lambda: losses.CategoricalCrossentropy(from_logits=True), by_output=False, of_eta=True),
        "sparse, from_logits": Loss(
            lambda: losses.SparseCategoricalCrossentropy(from_logits=True), by_output=False, of_eta=True, codes=True
        ),
        "by hand": Loss(lambda: row_sum(cross), by_output=False),
        "by hand, a mean": Loss(lambda: row_mean(cross)),
        "kl_divergence": Loss(lambda: "kl_divergence", by_output=False),
        "poisson of a softmax": Loss(lambda: "poisson"),
        "NegativeLogLikelihood": mine("multinomial"),
    },
    "gamma": {
        "NegativeLogLikelihood": mine("gamma"),
        "by hand": Loss(lambda: row_mean(lambda y, m: y / m + ops.log(m))),
        "by hand, of eta": Loss(lambda: row_mean(lambda y, z: y * ops.exp(-z) + z), of_eta=True),
        "NegativeLogLikelihood of eta": Loss(
            lambda: NegativeLogLikelihood(families.Gamma(), links.Log()), by_output=False, of_eta=True
        ),
    },
    "inverse-gaussian": {
        "NegativeLogLikelihood": mine("inverse-gaussian"),
        "by hand": Loss(lambda: row_mean(lambda y, m: y / (2 * m**2) - 1 / m)),
    },
    **{name: {"NegativeLogLikelihood": mine(name)} for name in ("negative-binomial(0.5)", "tweedie(1.5)")},
}
CANONICAL = {"binomial": "logit", "poisson": "log", "multinomial": "softmax", "gamma": "log"}  # whose eta a loss may take
ANYWHERE: dict[str, Callable[[], Any]] = {
    "mae": lambda: "mae",
    "mape": lambda: "mape",
    "log_cosh": lambda: "log_cosh",
    "Huber(0.1)": lambda: losses.Huber(delta=0.1),
    "asymmetric": lambda: row_mean(lambda y, m: ops.where(y > m, 2.0, 1.0) * square(y, m)),
    "another mean_squared_error": lambda: named("mean_squared_error", lambda y, m: (y - m) ** 4),
    "stop_gradient": lambda: row_mean(lambda y, m: square(y, ops.stop_gradient(m)) + 0 * m),
    "stop_gradient in a part": lambda: row_mean(lambda y, m: m**2 - 2 * y * (m + ops.stop_gradient(m)) / 2),
}
WRONG: dict[str, dict[str, Callable[[], Any]]] = {
    "gaussian": {"hinge": lambda: "hinge", "weighted by y": lambda: row_mean(lambda y, m: (1 + y**2) * square(y, m))},
    "binomial": {
        "BinaryFocalCrossentropy": losses.BinaryFocalCrossentropy,
        "label_smoothing": lambda: losses.BinaryCrossentropy(label_smoothing=0.1),
        "class weights by hand": lambda: row_mean(lambda y, m: (1 + 2 * y) * bernoulli(y, m)),
        "another binary_crossentropy": lambda: named("binary_crossentropy", lambda y, m: (1 + y) * bernoulli(y, m)),
        "hinge": lambda: "hinge",
        "stop_gradient of 1 - m": lambda: row_mean(
            lambda y, m: -y * ops.log(m) - (1 - y) * ops.log(1 - ops.stop_gradient(m))
        ),
    },
    "poisson": {
        "msle": lambda: "msle",
        "squared error of logs": lambda: row_mean(lambda y, m: (ops.log(1 + y) - ops.log(m)) ** 2),
        "another Poisson": Poisson,
        "weighted by y": lambda: row_mean(lambda y, m: (1 + y) * count(y, m)),
    },
    "multinomial": {
        "mse": lambda: "mse",
        "label_smoothing": lambda: losses.CategoricalCrossentropy(label_smoothing=0.1),
        "CategoricalFocalCrossentropy": losses.CategoricalFocalCrossentropy,
        "binary_crossentropy of softmax": lambda: "binary_crossentropy",
        "categorical_hinge": lambda: "categorical_hinge",
        "class weights by hand": lambda: row_sum(lambda y, m: (1 + y[:, :1]) * cross(y, m)),
    },
}
WRITTEN: dict[str, dict[str, Any]] = {  # functions and layers that the inverse of a link is written as
    "identity": {"nothing": None, "'linear'": "linear", "Identity": L.Identity},
    "log": {
        "'exponential'": "exponential", "keras.activations": keras.activations.exponential, "ops.exp": lambda t: ops.exp(t),
        "Lambda of exp": partial(L.Lambda, lambda t: ops.exp(t)), "InverseLink": InverseLink(links.Log()),
    },
    "logit": {
        "'sigmoid'": "sigmoid", "ops.sigmoid": lambda t: ops.sigmoid(t), "by hand": lambda t: 1 / (1 + ops.exp(-t)),
        "by tanh": lambda t: 0.5 * (1 + ops.tanh(t / 2)), "InverseLink": InverseLink(links.Logit()),
    },
    "softmax": {
        "'softmax'": "softmax", "Softmax": L.Softmax, "ops.softmax": lambda t: ops.softmax(t),
        "by hand": lambda t: ops.exp(t) / ops.sum(ops.exp(t), axis=-1, keepdims=True),
    },
    "probit": {"by hand": lambda t: 0.5 * (1 + ops.erf(t / np.sqrt(2)))},
    "cloglog": {"by hand": lambda t: 1 - ops.exp(-ops.exp(t))},
    "inverse": {"by hand": lambda t: 1 / t},
}  # fmt: skip
NO_LINK: dict[str, Callable[[Any], Any]] = {
    "relu": lambda t: ops.relu(t),
    "softplus": lambda t: ops.softplus(t),
    "tanh": lambda t: ops.tanh(t),
    "1 - sigmoid": lambda t: 1 - ops.sigmoid(t),
    "3 * sigmoid": lambda t: 3 * ops.sigmoid(t),
    "abs": lambda t: ops.abs(t),
    "clip": lambda t: ops.clip(t, -1, 1),
    "sigmoid twice": lambda t: ops.sigmoid(ops.sigmoid(t)),
    "z**2": lambda t: t**2,
}


class Own(keras.Model):
    """A model whose code is its own."""

    def __init__(self, steps: list[Any]) -> None:
        super().__init__()
        self.steps = steps

    def call(self, x: Any) -> Any:
        for step in self.steps:
            x = step(x)
        return x


class Stepper(keras.Model):
    """A model that trains in its own way."""

    def train_step(self, data: Any) -> Any:
        return {}


class Named(keras.Model):
    """A model of another class that changes nothing."""


class Batches(keras.utils.PyDataset):
    """Batches that are kept in a list."""

    def __init__(self, batches: list[Any]) -> None:
        super().__init__()
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int) -> Any:
        return self.batches[number]
