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
from operator import itemgetter
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas
import polars
import pyarrow
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
CLASS_WEIGHTS = (1.0, 2.5, 0.5, 1.5)
PREDICTED = 1e-4  # of what eta is made of: how far a model's own means may be from those of the truth


# -- the truth -----------------------------------------------------------------------------------------------------------------
# fmt: off
INVERSES: dict[str, tuple[Any, Any, Any]] = {  # h, h', and the link for an InverseLink
    "identity": (lambda z: z, np.ones_like, links.Identity()), "log": (np.exp, np.exp, links.Log()),
    "logit": (special.expit, lambda z: special.expit(z) * special.expit(-z), links.Logit()),
    "probit": (stats.norm.cdf, stats.norm.pdf, links.Probit()),
    "cloglog": (lambda z: -np.expm1(-np.exp(z)), lambda z: np.exp(z - np.exp(z)), links.CLogLog()),
    "loglog": (lambda z: np.exp(-np.exp(-z)), lambda z: np.exp(-z - np.exp(-z)), links.LogLog()),
    "cauchit": (lambda z: 0.5 + np.arctan(z) / np.pi, lambda z: 1 / (np.pi * (1 + z**2)), links.Cauchit()),
    "sqrt": (lambda z: z**2, lambda z: 2 * z, links.Sqrt()), "inverse": (lambda z: 1 / z, lambda z: -1 / z**2, links.Inverse()),
    "inverse-squared": (lambda z: z**-0.5, lambda z: -0.5 * z**-1.5, links.InverseSquared()),
    "softmax": (lambda z: special.softmax(z, axis=1), None, links.Softmax()),
}
FAMILIES: dict[str, tuple[Any, Any, Any]] = {  # the variance, a draw, and the family for a NegativeLogLikelihood
    "gaussian": (np.ones_like, lambda rng, m: m + 0.3 * rng.normal(size=m.shape), families.Gaussian()),
    "binomial": (lambda m: m * (1 - m), lambda rng, m: rng.binomial(1, m).astype(float), families.Binomial()),
    "poisson": (lambda m: m, lambda rng, m: rng.poisson(m).astype(float), families.Poisson()),
    "gamma": (lambda m: m**2, lambda rng, m: rng.gamma(3, m / 3), families.Gamma()),
    "inverse-gaussian": (lambda m: m**3, lambda rng, m: rng.wald(m, 3.0), families.InverseGaussian()),
    "negative-binomial(0.5)": (lambda m: m + m**2 / 2, lambda rng, m: rng.negative_binomial(2, 2 / (2 + m)).astype(float),
                               families.NegativeBinomial(alpha=0.5)),
    "tweedie(1.5)": (lambda m: m**1.5, lambda rng, m: sum_of_gammas(rng, m), families.Tweedie(power=1.5)),
    "multinomial": (None, lambda rng, m: rng.multinomial(1, m).astype(float), families.Multinomial()),
}
GLMS: dict[str, tuple[float, float]] = {  # between which numbers eta is planted
    "gaussian identity": (-3, 3), "binomial logit": (-2, 2), "poisson log": (-0.5, 2), "multinomial softmax": (-1.5, 1.5),
    "gaussian log": (-0.5, 1.5), "gaussian logit": (-2, 2), "binomial probit": (-1.3, 1.3), "binomial cloglog": (-2, 0.7),
    "binomial loglog": (-0.7, 2), "binomial cauchit": (-2, 2), "poisson sqrt": (1, 3), "poisson identity": (2, 6),
    "gamma log": (-1, 2), "gamma inverse": (0.5, 2), "gamma identity": (1, 4), "inverse-gaussian log": (-0.7, 1),
    "inverse-gaussian inverse-squared": (0.5, 2), "negative-binomial(0.5) log": (-0.5, 2), "tweedie(1.5) log": (-0.5, 2),
}
# fmt: on
PLAIN = list(GLMS)[:4]


def sum_of_gammas(rng: np.random.Generator, mean: np.ndarray) -> np.ndarray:
    number = rng.poisson(2 * np.sqrt(mean))
    return rng.gamma(np.maximum(number, 1), np.sqrt(mean) / 2) * (number > 0)


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
    """
    A compiled model with what `fit` is given, and the truth; ``parts`` are the names of its parts by their kind.

    ``raw`` are the model's inputs, and ``again`` the X that a fit may predict, None where that is a stream.
    """

    parts: dict[str, list[str]]
    truth: Truth
    model: Any
    raw: list[np.ndarray] = field(repr=False)
    X: Any
    y: Any
    options: dict[str, Any]
    again: Any

    def __str__(self) -> str:
        return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in self.parts.items() if names)


# -- the parts -----------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Loss:
    """
    A loss that is -``scale`` times a log-likelihood; ``of`` says of what.

    It is "eta", not the mean; a "sum" over the outputs, not their mean; "codes" for y; one number of a "batch".
    """

    made: Any
    scale: float = 1.0
    of: str = ""

    def make(self) -> Any:
        return self.made() if isinstance(self.made, (type, partial)) else self.made


def rows(formula: Callable[..., Any], of: Any = ops.mean) -> Callable[..., Any]:
    return lambda y, m: of(formula(y, m), axis=-1)


def named(name: str, formula: Callable[..., Any]) -> Callable[..., Any]:
    """A loss of one's own that is called as one of Keras's."""
    loss = rows(formula)
    loss.__name__ = name
    return loss


def nll(family: str, link: str = "") -> Loss:
    arguments = [FAMILIES[family][2], *([INVERSES[link][2]] if link else [])]
    return Loss(partial(NegativeLogLikelihood, *arguments), 1, "sum eta" if link else "sum")


class Poisson(losses.Loss):
    """A loss with the name of one of Keras's that is another."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.mean(y_pred**2 / 2 - y_true * y_pred**0.5, axis=-1)


# fmt: off
stop = ops.stop_gradient
square = lambda y, m: (y - m) ** 2  # noqa: E731
bernoulli = lambda y, m: -y * ops.log(m) - (1 - y) * ops.log(1 - m)  # noqa: E731
count = lambda y, m: m - y * ops.log(m)  # noqa: E731
cross = lambda y, m: -y * ops.log(m)  # noqa: E731
count_deviance = lambda y, m: 2 * (y * ops.log(ops.where(y > 0, y, 1.0)) - y + count(y, m))  # noqa: E731
LOSSES: dict[str, dict[str, Loss]] = {
    "gaussian": {
        "mse": Loss("mse", 2), "MeanSquaredError()": Loss(losses.MeanSquaredError, 2),
        "MeanSquaredError(sum)": Loss(partial(losses.MeanSquaredError, reduction="sum"), np.nan),
        "the function": Loss(losses.mean_squared_error, 2), "by hand": Loss(rows(square), 2),
        "by hand, times 3 and more": Loss(rows(lambda y, m: 3 * square(y, m) + y**2 + 1), 6),
        "by hand, a sum": Loss(rows(lambda y, m: m * (m - 2 * y), ops.sum), 2, "sum"),
        "by hand, one number": Loss(lambda y, m: ops.mean(square(y, m)), 2, "batch"), "likelihood": nll("gaussian"),
    },
    "binomial": {
        "binary_crossentropy": Loss("binary_crossentropy"), "BinaryCrossentropy()": Loss(losses.BinaryCrossentropy),
        "label_smoothing=0": Loss(partial(losses.BinaryCrossentropy, label_smoothing=0.0)),
        "from_logits": Loss(partial(losses.BinaryCrossentropy, from_logits=True), 1, "eta"), "by hand": Loss(rows(bernoulli)),
        "by hand, times 3 and more": Loss(rows(lambda y, m: 3 * bernoulli(y, m) + y), 3),
        "by hand, of eta": Loss(rows(lambda y, z: ops.softplus(z) - y * z), 1, "eta"),
        "by hand, one number": Loss(lambda y, m: ops.mean(bernoulli(y, m)), 1, "batch"),
        "likelihood": nll("binomial"), "likelihood of eta": nll("binomial", "logit"),
    },
    "poisson": {
        "poisson": Loss("poisson"), "Poisson()": Loss(losses.Poisson), "by hand": Loss(rows(count)),
        "by hand, a deviance": Loss(rows(count_deviance), 2),
        "by hand, of eta": Loss(rows(lambda y, z: ops.exp(z) - y * z), 1, "eta"),
        "likelihood": nll("poisson"), "likelihood of eta": nll("poisson", "log"),
    },
    "multinomial": {
        "categorical_crossentropy": Loss("categorical_crossentropy", 1, "sum"),
        "sparse_categorical_crossentropy": Loss("sparse_categorical_crossentropy", 1, "sum codes"),
        "CategoricalCrossentropy()": Loss(losses.CategoricalCrossentropy, 1, "sum"),
        "SparseCategoricalCrossentropy()": Loss(losses.SparseCategoricalCrossentropy, 1, "sum codes"),
        "ignore_class=-1": Loss(partial(losses.SparseCategoricalCrossentropy, ignore_class=-1), 1, "sum codes"),
        "from_logits": Loss(partial(losses.CategoricalCrossentropy, from_logits=True), 1, "sum eta"),
        "sparse, from_logits": Loss(partial(losses.SparseCategoricalCrossentropy, from_logits=True), 1, "sum eta codes"),
        "by hand": Loss(rows(cross, ops.sum), 1, "sum"), "by hand, a mean": Loss(rows(cross)),
        "kl_divergence": Loss("kl_divergence", 1, "sum"), "poisson of a softmax": Loss("poisson"),
        "likelihood": nll("multinomial"), "likelihood of eta": nll("multinomial", "softmax"),
    },
    "gamma": {
        "likelihood": nll("gamma"), "by hand": Loss(rows(lambda y, m: y / m + ops.log(m))),
        "by hand, of eta": Loss(rows(lambda y, z: y * ops.exp(-z) + z), 1, "eta"),
        "likelihood of eta": nll("gamma", "log"),
    },
    "inverse-gaussian": {
        "likelihood": nll("inverse-gaussian"), "by hand": Loss(rows(lambda y, m: y / (2 * m**2) - 1 / m)),
    },
    **{name: {"likelihood": nll(name)} for name in ("negative-binomial(0.5)", "tweedie(1.5)")},
}
CANONICAL = {"binomial": "logit", "poisson": "log", "multinomial": "softmax", "gamma": "log"}  # whose eta a loss may take
ANYWHERE = {  # no likelihoods of whatever family
    "mae": "mae", "mape": "mape", "log_cosh": "log_cosh", "Huber(0.1)": partial(losses.Huber, delta=0.1),
    "asymmetric": rows(lambda y, m: ops.where(y > m, 2.0, 1.0) * square(y, m)),
    "another mean_squared_error": named("mean_squared_error", lambda y, m: (y - m) ** 4),
    "nearly mse": rows(lambda y, m: square(y, m) + 1e-3 * ops.abs(y - m)),
    "stop_gradient": rows(lambda y, m: square(y, stop(m)) + 0 * m),
    "stop_gradient in a part": rows(lambda y, m: m**2 - y * (m + stop(m))),
}
LOSSES_WRONG: dict[str, dict[str, Any]] = {
    "gaussian": {"hinge": "hinge", "weighted by y": rows(lambda y, m: (1 + y**2) * square(y, m))},
    "binomial": {
        "BinaryFocalCrossentropy": losses.BinaryFocalCrossentropy, "hinge": "hinge",
        "label_smoothing": partial(losses.BinaryCrossentropy, label_smoothing=0.1),
        "class weights by hand": rows(lambda y, m: (1 + 2 * y) * bernoulli(y, m)),
        "another binary_crossentropy": named("binary_crossentropy", lambda y, m: (1 + y) * bernoulli(y, m)),
        "stop_gradient of 1 - m": rows(lambda y, m: -y * ops.log(m) - (1 - y) * ops.log(1 - stop(m))),
        "categorical_crossentropy of shares": "categorical_crossentropy",
        "from_logits of a mean": partial(losses.BinaryCrossentropy, from_logits=True),
    },
    "poisson": {
        "msle": "msle", "squared error of logs": rows(lambda y, m: (ops.log(1 + y) - ops.log(m)) ** 2),
        "another Poisson": Poisson, "weighted by y": rows(lambda y, m: (1 + y) * count(y, m)),
    },
    "multinomial": {
        "mse": "mse", "label_smoothing": partial(losses.CategoricalCrossentropy, label_smoothing=0.1),
        "ignore_class=0": partial(losses.SparseCategoricalCrossentropy, ignore_class=0),
        "CategoricalFocalCrossentropy": losses.CategoricalFocalCrossentropy, "categorical_hinge": "categorical_hinge",
        "binary_crossentropy of a softmax": "binary_crossentropy",
        "class weights by hand": rows(lambda y, m: (1 + y[:, :1]) * cross(y, m), ops.sum),
    },
}
WRITTEN: dict[str, dict[str, Any]] = {  # names, functions and layers that the inverse of a link is written as
    "identity": {"nothing": None, "'linear'": "linear", "Identity": L.Identity},
    "log": {
        "'exponential'": "exponential", "keras.activations": keras.activations.exponential, "ops.exp": lambda t: ops.exp(t),
        "Lambda of exp": partial(L.Lambda, lambda t: ops.exp(t)),
    },
    "logit": {
        "'sigmoid'": "sigmoid", "ops.sigmoid": lambda t: ops.sigmoid(t), "by hand": lambda t: 1 / (1 + ops.exp(-t)),
        "by tanh": lambda t: 0.5 * (1 + ops.tanh(t / 2)),
    },
    "softmax": {
        "'softmax'": "softmax", "Softmax": L.Softmax, "ops.softmax": lambda t: ops.softmax(t),
        "by hand": lambda t: ops.exp(t) / ops.sum(ops.exp(t), axis=-1, keepdims=True),
    },
    "probit": {"by hand": lambda t: 0.5 * (1 + ops.erf(t / 2**0.5))}, "cloglog": {"by hand": lambda t: 1 - ops.exp(-ops.exp(t))},
    "loglog": {"by hand": lambda t: ops.exp(-ops.exp(-t))}, "inverse": {"by hand": lambda t: 1 / t},
}
NO_LINK: dict[str, Callable[[Any], Any]] = {
    "relu": lambda t: ops.relu(t), "softplus": lambda t: ops.softplus(t), "tanh": lambda t: ops.tanh(t),
    "1 - sigmoid": lambda t: 1 - ops.sigmoid(t), "3 * sigmoid": lambda t: 3 * ops.sigmoid(t), "abs": lambda t: ops.abs(t),
    "exp + 1": lambda t: ops.exp(t) + 1, "leaky relu of 0.999": lambda t: ops.where(t > 0, t, 0.999 * t),
    "nearly linear": lambda t: t + 1e-4 * t**2, "nearly a sigmoid": lambda t: 1e-3 + 0.999 * ops.sigmoid(t),
    "clip": lambda t: ops.clip(t, -1, 1), "sigmoid twice": lambda t: ops.sigmoid(ops.sigmoid(t)), "z**2": lambda t: t**2,
}
AFTER_WRONG: dict[str, Callable[[], Any]] = {
    **{name: partial(lambda step: step, step) for name, step in NO_LINK.items()}, "-z": lambda: lambda t: -t,
    "mixing frozen Dense": lambda: L.Dense(2, trainable=False, kernel_initializer="ones"),
    "BatchNormalization": L.BatchNormalization, "Dropout(0.3)": lambda: L.Dropout(0.3),
}
BEFORE_WRONG: dict[str, Callable[[], Any]] = {
    "Dropout(0.3)": lambda: L.Dropout(0.3), "GaussianNoise": lambda: L.GaussianNoise(0.5),
    "BatchNormalization": L.BatchNormalization, "ActivityRegularization": lambda: L.ActivityRegularization(0.1),
    "trainable Dense": lambda: L.Dense(2), "trainable relu": lambda: L.Dense(3, "relu"),
}
DENSE_WRONG: dict[str, dict[str, Any]] = {
    "kernel_constraint": {"kernel_constraint": "non_neg"}, "activity_regularizer": {"activity_regularizer": "l2"},
    "OrthogonalRegularizer": {"kernel_regularizer": keras.regularizers.OrthogonalRegularizer(0.1)},
}
PENALTIES: dict[str, tuple[dict[str, Any], tuple[float, ...]]] = {
    "L2": ({"kernel_regularizer": keras.regularizers.L2(0.02)}, (0, 0.02, 0, 0)),
    "L1": ({"kernel_regularizer": keras.regularizers.L1(0.03)}, (0.03, 0, 0, 0)),
    "L1L2": ({"kernel_regularizer": keras.regularizers.L1L2(0.01, 0.05)}, (0.01, 0.05, 0, 0)),
    "L2 of the bias too": ({"kernel_regularizer": "l2", "bias_regularizer": keras.regularizers.L2(0.1)}, (0, 0.01, 0, 0.1)),
}
COMPILED: dict[str, Callable[[], dict[str, Any]]] = {
    "plain": dict, "jit_compile": lambda: {"jit_compile": True}, "run_eagerly": lambda: {"run_eagerly": True},
    "trained": lambda: {"run_eagerly": True}, "sgd": lambda: {"optimizer": keras.optimizers.SGD(0.1, momentum=0.9)},
    "adam": lambda: {"optimizer": "adam", "weighted_metrics": ["mae"]}, "loss_weights": lambda: {"loss_weights": [3.0]},
}
POLICIES = ("float64", "mixed_bfloat16", "mixed_float16")
STATES = (*COMPILED, *POLICIES, "odd weights", "not built", "saved and loaded", "cloned", "frozen and thawed", "another class",
          "in a model")
STATES_WRONG = ("all frozen", "model frozen", "own call", "own train_step", "two outputs", "used twice", "not compiled")
# fmt: on


class Own(keras.Model):
    """A model whose code is its own."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def call(self, x: Any) -> Any:
        return self.inner(x)


class Stepper(keras.Model):
    """A model that trains in its own way."""

    def train_step(self, data: Any) -> Any:
        return {}


class Named(keras.Model):
    """A model of another class that changes nothing."""


class Batches(keras.utils.PyDataset):
    """Batches of a list."""

    def __init__(self, batches: list[Any]) -> None:
        super().__init__()
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int) -> Any:
        return self.batches[number]


# -- a case of these parts -----------------------------------------------------------------------------------------------------
Step = tuple[Any, np.ndarray]  # a layer or a function, and the features after it


def rescaling(rng: np.random.Generator, F: np.ndarray) -> Step:
    by, plus = float(np.float32(rng.uniform(0.2, 3))), float(np.float32(rng.normal()))  # as on TensorFlow, whatever the dtype
    return L.Rescaling(by, plus), by * F + plus


def normalization(rng: np.random.Generator, F: np.ndarray) -> Step:
    layer = L.Normalization()
    layer.adapt(F.astype("float32"))
    mean, variance = (np.float64(weight) for weight in layer.get_weights()[:2])
    return layer, (F - mean) / np.sqrt(variance)


def operators(rng: np.random.Generator, F: np.ndarray) -> Step:
    mean, spread = F.mean(axis=0), F.std(axis=0) + 0.1
    return lambda t: (t - mean) / spread, (F - mean) / spread


def frozen(rng: np.random.Generator, F: np.ndarray) -> Step:
    layer = L.Dense(F.shape[1] + int(rng.integers(2)), "tanh", trainable=False)
    layer.build((None, F.shape[1]))
    kernel = rng.normal(size=layer.kernel.shape) / (F.std(axis=0)[:, None] * F.shape[1] + 0.1)
    layer.set_weights([kernel, -F.mean(axis=0) @ kernel])
    kernel, bias = (np.float64(weight) for weight in layer.get_weights())
    return layer, np.tanh(F @ kernel + bias)


def frozen_batch_normalization(rng: np.random.Generator, F: np.ndarray) -> Step:
    layer = L.BatchNormalization(trainable=False)
    layer.build((None, F.shape[1]))
    layer.set_weights([rng.uniform(0.5, 2, F.shape[1]), rng.normal(size=F.shape[1]), F.mean(axis=0), F.var(axis=0)])
    by, plus, mean, variance = (np.float64(weight) for weight in layer.get_weights())
    return layer, (F - mean) / np.sqrt(variance + layer.epsilon) * by + plus


def nested(rng: np.random.Generator, F: np.ndarray) -> Step:
    step, after = (rescaling, operators, frozen)[rng.integers(3)](rng, F)
    if isinstance(step, L.Layer) and rng.random() < 0.5:
        return keras.Sequential([keras.Input(F.shape[1:]), step]), after
    x = keras.Input(F.shape[1:])
    return keras.Model(x, step(x)), after


BEFORE: dict[str, Callable[[np.random.Generator, np.ndarray], Step]] = {
    "Rescaling": rescaling,
    "Normalization": normalization,
    "(x - m) / s": operators,
    "log(1 + abs(x))": lambda rng, F: (lambda t: ops.log1p(ops.abs(t)), np.log1p(np.abs(F))),
    "square": lambda rng, F: (lambda t: ops.square(t), F**2),
    "tanh": lambda rng, F: (L.Activation("tanh"), np.tanh(F)),
    "Reshape": lambda rng, F: (keras.Sequential([L.Reshape((1, F.shape[1])), L.Flatten()]), F),
    "Identity": lambda rng, F: (L.Identity(), F),
    "Lambda": lambda rng, F: (L.Lambda(lambda t: t * ops.abs(t)), F * np.abs(F)),
    "frozen Dense": frozen,
    "frozen BatchNormalization": frozen_batch_normalization,
    "UnitNormalization": lambda rng, F: (L.UnitNormalization(), F / np.linalg.norm(F, axis=1, keepdims=True)),
    "a model": nested,
    "Dropout(0)": lambda rng, F: (L.Dropout(0.0), F),
    "slices beside": lambda rng, F: (lambda t: ops.concatenate([t, t[:, :1] ** 2], axis=1), np.hstack([F, F[:, :1] ** 2])),
}

TAME = ("Rescaling", "Normalization", "(x - m) / s", "tanh", "Reshape", "Identity", "Dropout(0)")  # that make no row stand out


def remade(network: Any, path: Path, is_clone: bool) -> Any:
    """A network cloned, or saved and loaded, with its weights."""
    if not is_clone:
        network.save(path)
        return keras.models.load_model(path, compile=False, safe_mode=False)
    clone = keras.models.clone_model(network)
    clone.set_weights(network.get_weights())
    for layer in clone.layers:
        if hasattr(layer, "finalize_state"):  # a Normalization computes with what it was until it is told
            layer.finalize_state()
    return clone


@dataclass(frozen=True)
class Pair:
    """A step after the Dense layer that takes the other input too."""

    step: Callable[[Any, Any], Any]


class Again(Exception):
    """The parts that were drawn do not go together, or their features are collinear: draw others."""


class Maker:
    """Draws the parts of a case; ``only`` is the one kind that varies, ``broken`` the kind of which a part is no GLM's."""

    def __init__(self, rng: np.random.Generator, only: str = "") -> None:
        self.rng, self.only = rng, only
        self.parts: dict[str, list[str]] = {kind: [] for kind in KINDS}
        breakable = [kind for kind in KINDS if kind != "form" and only in ("", kind)]
        self.broken = str(rng.choice(breakable)) if breakable and rng.random() < 0.4 else ""
        self.why, self.either = "", False

    def pick(self, kind: str, options: Any, varied: bool | None = None) -> Any:
        """One of the options, the first where this kind does not vary; of a mapping its value."""
        names = list(options)
        name = names[self.rng.integers(len(names))] if self.varies(kind) or varied else names[0]
        self.parts[kind].append(name)
        return options[name] if isinstance(options, dict) else name

    def wrong(self, kind: str, options: Any) -> Any:
        found = self.pick(kind, options, True)
        self.why = self.parts[kind][-1]
        return found

    def varies(self, *kinds: str, share: float = 1.0) -> bool:
        return self.only in ("", *kinds) and self.rng.random() < share

    def case(self) -> Case:
        rng = self.rng
        state = self.wrong("state", STATES_WRONG) if self.broken == "state" else self.pick("state", STATES)
        keras.config.set_floatx("float64" if state == "float64" else "float32")
        keras.config.set_dtype_policy(state if state in POLICIES else "float32")
        model = list(GLMS)[rng.integers(len(GLMS))] if self.varies("after", "loss", share=0.6) else PLAIN[rng.integers(4)]
        family, link = model.split()
        if link == "probit" and rng.random() < 0.8:
            raise Again  # XLA compiles it anew for each shape, for ten seconds and more
        bounded = GLMS[model][0] > 0
        k = int(rng.integers(2, 5)) if link == "softmax" else int(rng.integers(2, 4)) if self.varies("dense", share=0.2) else 1
        self.parts["dense"].append(f"{k} units" if k > 1 else "1 unit")

        F, has_bias = self.before(bounded)
        has_bias = has_bias and (bounded or not self.varies("dense", share=0.2))
        self.parts["dense"].append("bias" if has_bias else "no bias")
        loss, made = self.loss(family, link, k)
        self.after(link, k, loss, bounded)
        arguments: dict[str, Any] = {"use_bias": has_bias}
        truth = Truth(family, link, k, F, F, np.zeros((len(F), k)), np.ones(len(F)), bias=has_bias, of_eta="eta" in loss.of)
        truth.factor, truth.scale = self.factor, loss.scale / (k if "sum" not in loss.of else 1)
        if self.broken == "dense":
            arguments.update(self.wrong("dense", DENSE_WRONG))
        elif not bounded and self.varies("dense", share=0.2):
            more, truth.penalty = self.pick("dense", PENALTIES)
            arguments.update(more)
            self.either = self.either or state == "loss_weights"  # which a penalty may refuse, since Keras multiplies no penalty
            truth.scale *= 3 if state == "loss_weights" else 1
            if np.isnan(loss.scale):
                self.why = self.why or "a penalty beside the sum of a batch"
        truth.link = "sqrt" if self.why == "z**2" else link
        self.check_rank(F, has_bias)
        self.respond(truth, model, bounded, loss)
        network = self.assemble(L.Dense(k, self.fused, **arguments), state, made)
        truth.why, truth.either = self.why, self.either
        X, y, options, again = self.form(truth, loss)
        raw = list(self.raw.values())
        if state == "trained":
            network.fit(raw if len(raw) > 1 else raw[0], self.responses(truth, loss), batch_size=128, verbose=0)
        return Case(self.parts, truth, network, raw, X, y, options, again)

    # -- before -----------------------------------------------------------------------------------------------------------------
    def table(self, n: int, p: int, kind: str, bounded: bool) -> np.ndarray:
        draws = [self.rng.uniform, self.rng.normal, partial(self.rng.gamma, 2)]
        drawn = draws[0 if bounded else self.rng.integers(3)](size=(n, p))
        by = 10 ** self.rng.uniform(-0.5, 0.7, size=p)
        drawn = by * (drawn + self.rng.uniform(-1, 1, size=p))
        return np.round(6 * drawn / by).astype(kind) if kind == "int64" else drawn.astype(kind)

    def before(self, bounded: bool) -> tuple[np.ndarray, bool]:
        """Draw the inputs and what is done with them. Returns the features, and whether there may be a bias."""
        rng, varies = self.rng, self.varies("before", "form")
        n, p = int(rng.integers(150, 601)), int(rng.integers(1, 3 if bounded else 6))
        shapes = ["table", "table", "table", "images", "several inputs", *([] if bounded else ["codes"])]
        shape = shapes[rng.integers(len(shapes))] if varies else "table"
        kind = ("float32", "float64", "int64")[rng.integers(3)] if self.varies("form") else "float64"
        self.parts["form"].append(kind)
        self.steps: list[Any] = []
        self.merge: Any = None
        if shape == "codes":
            levels = int(rng.integers(2, 5))
            codes = rng.permutation(np.arange(n) % levels)
            self.raw = {"codes": codes[:, None].astype("int32")}
            make = {"CategoryEncoding": lambda: L.CategoryEncoding(levels, "one_hot"),
                    "one_hot": lambda: lambda t: ops.one_hot(t[:, 0], levels)}  # fmt: skip
            self.steps.append(self.pick("before", make, True)())
            return np.eye(levels)[codes], False
        if shape == "several inputs":
            self.raw = {
                name: self.table(n, int(rng.integers(1, 3)), kind, bounded)
                for name in ("first", "second", "third")[: 3 - bounded]
            }
            self.merge = L.Concatenate() if rng.random() < 0.5 else partial(ops.concatenate, axis=-1)
            self.parts["before"].append("Concatenate" if isinstance(self.merge, L.Layer) else "ops.concatenate")
            F = np.hstack([part.astype(float) for part in self.raw.values()])
        else:
            self.raw = {"table": self.table(n, 2 * p if shape == "images" else p, kind, bounded)}
            F = self.raw["table"].astype(float)
        if shape == "images":
            self.raw["table"] = (
                self.raw["table"].reshape(n, 2, p, 1) if rng.random() < 0.5 else self.raw["table"].reshape(n, 2, p)
            )
            self.steps.append(self.pick("before", {"Flatten": L.Flatten, "Reshape of images": lambda: L.Reshape((-1,))}, True)())
        for _ in range(int(rng.choice([0, 1, 2], p=[0.3, 0.5, 0.2])) if self.varies("before") else 0):
            step, F = self.pick("before", {name: BEFORE[name] for name in (TAME if bounded else BEFORE)})(rng, F)
            self.steps.append(step)
        if self.broken == "before":
            self.steps.append(self.wrong("before", BEFORE_WRONG)())
        if not self.parts["before"]:
            self.parts["before"].append("nothing")
        return F, True

    @staticmethod
    def check_rank(F: np.ndarray, has_bias: bool) -> None:
        D = np.hstack([np.ones((len(F), int(has_bias))), F])
        size = np.linalg.norm(D, axis=0)
        if not np.isfinite(D).all() or not (size > 0).all() or np.linalg.cond(D / size) > 1e4:
            raise Again

    # -- the loss, and after ----------------------------------------------------------------------------------------------------
    def loss(self, family: str, link: str, k: int) -> tuple[Loss, Any]:
        self.parts["after"].append(link)
        if self.broken == "loss":
            made = self.wrong("loss", {**ANYWHERE, **LOSSES_WRONG.get(family, {})})
            loss = Loss(made, 1, "codes" if "ignore_class" in self.why else "")
            if self.why == "categorical_crossentropy of shares" and k == 1:
                raise Again
            self.either = "of a mean" in self.why or ("of a softmax" in self.why and k == 2)  # what Keras has it be, it is
            return loss, loss.make()
        options = {name: loss for name, loss in LOSSES[family].items() if "eta" not in loss.of or CANONICAL.get(family) == link}
        loss = self.pick("loss", options)
        self.parts["loss"][-1] = f"{family}: {self.parts['loss'][-1]}"
        made = loss.make()
        return loss, [made] if self.varies("loss", share=0.1) else made

    def after(self, link: str, k: int, loss: Loss, bounded: bool) -> None:
        """Draw what follows the Dense layer: steps of what it gives, and of an offset where they take two."""
        rng = self.rng
        self.factor, self.constant, self.fused, self.last = 1.0, 0.0, None, []
        self.offset: np.ndarray | None = None
        if self.varies("after", share=0.15):
            self.factor = 2.0
            self.last.append(self.pick("after", {"2 * z": lambda t: 2 * t, "Rescaling(2)": L.Rescaling(2.0)}))
        if self.varies("after", share=0.15):
            self.constant = 0.7
            self.last.append(self.pick("after", {"z + 0.7": lambda t: t + 0.7}))
        exposure: Any = None
        if not bounded and self.varies("after", "form", share=0.25):
            width = k if link == "softmax" or rng.random() < 0.5 else 1
            self.offset = rng.uniform(-0.7, 0.7, size=(len(next(iter(self.raw.values()))), width)).astype("float32")
            adds = {
                "z + offset": lambda t, o: t + o,
                "Add": lambda t, o: L.Add()([t, o]),
                "ops.add": lambda t, o: ops.add(t, o),
                "plus a frozen Dense": lambda t, o: (
                    t + L.Dense(width, use_bias=False, trainable=False, kernel_initializer="identity")(o)
                ),
            }
            times = {"times exposure": lambda t, v: t * v, "Multiply": lambda t, v: L.Multiply()([t, v])}
            add = self.pick("after", {**adds, **(times if link == "log" and "eta" not in loss.of else {})})
            self.raw["other"] = self.offset
            if self.parts["after"][-1] in times:
                exposure, self.raw["other"] = Pair(add), np.exp(self.offset)
                self.offset = np.log(self.raw["other"].astype(float))
            else:
                self.last.append(Pair(add))
        if self.broken == "after":
            possible = {
                n: step for n, step in AFTER_WRONG.items() if n != "-z" or link in ("identity", "log", "logit", "softmax")
            }
            self.last.append(self.wrong("after", possible)())
            self.either = self.why == "z**2"
            if self.why in NO_LINK:
                return
        self.activate("identity" if "eta" in loss.of else link)
        self.last += [exposure] if exposure else []

    def activate(self, link: str) -> None:
        made = {} if link in ("softmax", "identity") else {"InverseLink": InverseLink(INVERSES[link][2])}
        activation = self.pick("after", {**WRITTEN.get(link, {}), **made})
        if isinstance(activation, (type, partial)):
            self.last.append(activation())
        elif activation is not None and not self.last and self.rng.random() < 0.6:
            self.fused = activation
        elif activation is not None:
            is_step = callable(activation) and not isinstance(activation, InverseLink) and self.rng.random() < 0.5
            self.last.append(activation if is_step else L.Activation(activation))

    # -- the responses ----------------------------------------------------------------------------------------------------------
    def respond(self, truth: Truth, model: str, bounded: bool, loss: Loss) -> None:
        """Draw y and the weights, of parameters that the model can have."""
        rng, F, ends, link = self.rng, truth.F, GLMS[model], model.split()[1]
        truth.offset = truth.offset + self.constant
        if self.offset is not None:
            truth.offset = truth.offset + self.offset
        self.added: np.ndarray | None = None
        if not bounded and "other" not in self.raw and self.varies("form", share=0.15):
            self.added = rng.uniform(-0.5, 0.5, size=truth.offset.shape)
            truth.offset = truth.offset + self.added
        z = F @ (rng.normal(size=(F.shape[1], truth.k)) / (F.std(axis=0) + 1e-3 * np.abs(F).max(axis=0))[:, None])
        z = z - z.mean(axis=0) * truth.bias
        reach = (ends[1] - ends[0]) / 2 if truth.bias else min(-ends[0], ends[1])
        z *= rng.uniform(0.5, 1) * reach / np.abs(z).max(axis=0)
        eta = z + truth.offset + truth.bias * (np.mean(ends) - truth.offset.mean(axis=0))
        truth.y = FAMILIES[truth.family][1](rng, INVERSES[link][0](eta))
        n, ways = len(F), {"no weights": lambda: 1.0, "weights": lambda: rng.uniform(0.3, 2, size=n)}
        ways["weights with zeros"] = lambda: rng.integers(0, 4, size=n)
        if truth.family in ("binomial", "multinomial"):
            ways["class_weight"] = lambda: np.array(CLASS_WEIGHTS)[self.classes(truth)]
        if truth.family == "binomial":
            ways["trials"] = lambda: rng.integers(1, 9, size=n)
        if truth.family == "poisson" and truth.link == "log":
            ways["rates"] = lambda: rng.uniform(0.5, 3, size=n)
        way = self.pick("form", ways, self.varies("form", share=0.5)) if "batch" not in loss.of else lambda: 1.0
        truth.weights = np.ones(n) * way()
        if self.parts["form"][-1] == "trials":
            truth.y = rng.binomial(truth.weights.astype(int)[:, None], INVERSES[link][0](eta)) / truth.weights[:, None]
        if self.parts["form"][-1] == "rates":
            truth.y = truth.y / truth.weights[:, None]

    @staticmethod
    def classes(truth: Truth) -> np.ndarray:
        return (truth.y[:, 0] if truth.k == 1 else truth.y.argmax(axis=1)).astype(int)

    def responses(self, truth: Truth, loss: Loss) -> np.ndarray:
        """What the loss takes for y."""
        return self.classes(truth)[:, None] if "codes" in loss.of else truth.y

    # -- the model --------------------------------------------------------------------------------------------------------------
    def assemble(self, dense: Any, state: str, loss: Any) -> Any:
        """The compiled model of the steps, in the state that was drawn."""
        steps = [*self.steps, dense, *self.last]
        is_row = len(self.raw) == 1 and all(isinstance(step, L.Layer) for step in steps)
        shapes = {name: (part.shape[1:], "int32" if part.dtype == np.int32 else None) for name, part in self.raw.items()}
        if state == "not built" and is_row and "codes" not in self.raw:
            network = keras.Sequential(steps)
        elif state not in STATES_WRONG and state != "another class" and is_row and self.varies("state", share=0.6):
            ((name, (shape, kind)),) = shapes.items()
            network = keras.Sequential([keras.Input(shape, name=name, dtype=kind), *steps])
        else:
            inputs = {name: keras.Input(shape, name=name, dtype=kind) for name, (shape, kind) in shapes.items()}
            t, other = [inputs[name] for name in inputs if name != "other"], inputs.get("other")
            t = self.merge(t) if self.merge is not None else t[0]
            for step in self.steps:
                t = step(t)
            out = self.followed(dense(t), other)
            if state == "used twice":
                out = (out + self.followed(dense(t * t), other)) / 2
            kind = {"another class": Named, "own train_step": Stepper}.get(state, keras.Model)
            network = kind(
                list(inputs.values()) if len(inputs) > 1 else next(iter(inputs.values())),
                [out, out] if state == "two outputs" else out,
            )
        if state == "in a model" and not (state == "not built" or len(self.raw) > 1 or "codes" in self.raw):
            network = keras.Sequential([keras.Input(network.inputs[0].shape[1:], name="outer"), network])
        return self.stated(network, dense, state, loss)

    def followed(self, t: Any, other: Any) -> Any:
        for step in self.last:
            t = step.step(t, other) if isinstance(step, Pair) else step(t)
        return t

    def stated(self, network: Any, dense: Any, state: str, loss: Any) -> Any:
        """The network in its state, compiled."""
        if state in ("cloned", "saved and loaded"):
            with tempfile.TemporaryDirectory() as folder:
                try:
                    network = remade(network, Path(folder) / "model.keras", state == "cloned")
                except (TypeError, ValueError, NotImplementedError):  # not every function can be
                    self.parts["state"][-1] = f"not {state}"
        elif state == "own call":
            network = Own(network)
        elif state in ("all frozen", "frozen and thawed"):
            dense.trainable = False
            network.compile(loss=loss)
            dense.trainable = state != "all frozen"
        elif state == "model frozen":
            network.trainable = False
        elif state == "two outputs":
            loss = [*loss, *loss] if isinstance(loss, list) else [loss, loss]
        elif state == "not compiled":
            return network
        elif not isinstance(loss, list) and hasattr(network, "output_names") and self.varies("loss", share=0.1):
            loss = {network.output_names[0]: loss}
        network.compile(loss=loss, **COMPILED.get(state, dict)())
        if state == "odd weights":
            by = self.rng.choice([3.0, 1000.0, np.nan])  # as a training that diverged leaves them
            for weight in network.trainable_weights:
                weight.assign(by * self.rng.normal(size=weight.shape))
        return network

    # -- the form of the data ---------------------------------------------------------------------------------------------------
    def form(self, truth: Truth, loss: Loss) -> tuple[Any, Any, dict[str, Any], Any]:
        """Return X, y, the options of the fit, and the X that it may predict."""
        rng, raw, y, way = self.rng, self.raw, self.responses(truth, loss), self.parts["form"][-1]
        one = next(iter(raw.values())) if len(raw) == 1 else None
        is_single, weighted = y.shape[1] == 1, way not in ("class_weight", "no weights") and "batch" not in loss.of
        options: dict[str, Any] = {"class_weight": dict(enumerate(CLASS_WEIGHTS))} if way == "class_weight" else {}
        called = ("weights", "sample_weight")[int(self.varies("form", share=0.5))]
        options.update({called: truth.weights} if weighted else {})
        if self.added is not None:
            options["offset"] = self.added[:, 0] if truth.k == 1 and rng.random() < 0.5 else self.added
        forms: dict[str, Callable[[], Any]] = {"arrays": lambda: list(raw.values()) if one is None else one}
        if one is None:
            forms.update({"a dict": lambda: raw, "a tuple": lambda: tuple(raw.values())})
            forms["a dict of tensors"] = lambda: {name: tf.constant(part) for name, part in reversed(raw.items())}
        else:
            forms.update({"lists": one.tolist, "a tensor": lambda: tf.constant(one), "Fortran": lambda: np.asfortranarray(one)})
        if one is not None and one.ndim == 2:
            forms["sparse"] = lambda: sparse.csr_matrix(one)
        wide = [name for name, part in raw.items() if part.shape[1] > 1]
        if {part.ndim for part in raw.values()} == {2} and (one is not None or len(wide) < 2):
            columns = {
                f"{name}{j}" if name in wide else name: part[:, j] for name, part in raw.items() for j in range(part.shape[1])
            }
            named = {**columns, "label": y[:, 0], **({"w": truth.weights} if weighted else {})}
            frames = {"DataFrame": pandas.DataFrame, "polars": polars.DataFrame, "pyarrow": pyarrow.table}
            forms.update({name: partial(frame, columns) for name, frame in frames.items()})
            forms.update({f"{name} with y": partial(frame, named) for name, frame in frames.items() if is_single})
        if self.added is None and way != "class_weight":
            of_rows = (raw if one is None else one, y[:, 0] if is_single and rng.random() < 0.5 else y)
            of_rows = (*of_rows, truth.weights) if weighted else of_rows
            cuts = [itemgetter(slice(first, first + 64)) for first in range(0, len(y), 64)]
            forms["batches"] = lambda: [keras.tree.map_structure(cut, of_rows) for cut in cuts]
            forms["PyDataset"] = lambda: Batches(forms["batches"]())
            forms["tf.data"] = lambda: tf.data.Dataset.from_tensor_slices(of_rows).batch(64)
        X, form = self.pick("form", forms)(), self.parts["form"][-1]
        if form in ("batches", "PyDataset", "tf.data"):
            return X, None, {}, None
        if form.endswith("with y"):
            return X, "label", {**options, **({called: "w"} if weighted else {})}, None
        ys: dict[str, Callable[[], Any]] = {"y as it is": lambda: y, "y tensor": lambda: tf.constant(y)}
        ys["y DataFrame"] = lambda: pandas.DataFrame(y, columns=list("abcd")[: y.shape[1]])
        if is_single:
            ys.update(
                {"y flat": y[:, 0].copy, "y Series": lambda: pandas.Series(y[:, 0], name="label"), "y list": y[:, 0].tolist}
            )
        if (y == y.astype(int)).all():
            ys["y int"] = lambda: y.astype(int)
            ys.update({"y bool": lambda: y.astype(bool)} if np.isin(y, (0, 1)).all() and "codes" not in loss.of else {})
        return X, self.pick("form", ys)(), options, X


# -- the verdicts ----------------------------------------------------------------------------------------------------------------
def make(seed: int, number: int, only: str = "") -> Case:
    """The case with this number."""
    for attempt in range(100):
        try:
            return Maker(np.random.default_rng([seed, number, attempt]), only).case()
        except Again:
            continue
    raise AssertionError(f"case {number} of seed {seed} cannot be drawn")


def judged(case: Case) -> tuple[str, str]:
    """One of the verdicts, and what is to be said of it."""
    truth, before = case.truth, [weight.copy() for weight in case.model.get_weights()]
    policy = keras.config.dtype_policy().name, keras.config.floatx()
    is_refused = True
    try:
        found = fit(case.model, case.X, case.y, **case.options)
        is_refused = not found.converged
        said = found.reason
    except ValueError as error:
        said = str(error)
    except Exception as error:
        return "crash", f"{type(error).__name__}: {error}"
    if policy != (keras.config.dtype_policy().name, keras.config.floatx()):
        return "wrongly served", "Keras's dtype policy or floatx is another afterwards"
    if is_refused:
        after = case.model.get_weights()
        if before and not all(np.array_equal(old, new, equal_nan=True) for old, new in zip(before, after)):
            return "wrongly served", f"refused, but the weights changed: {said}"
        return ("refused right" if truth.why or truth.either else "wrongly refused"), said
    if truth.why and not truth.either:
        return "wrongly served", f"it is no GLM: {truth.why}"
    wrong = departure(case, found)
    return ("wrongly served", wrong) if wrong else ("served right", "")


def departure(case: Case, found: Any) -> str:
    """How a fit departs from the truth; empty where it does not."""
    truth, params = case.truth, found.params
    glm = found.model if hasattr(found, "model") else found[0].model
    if str(glm) != f"{truth.family}-{truth.link}" and not truth.either:
        return f"it is {truth.family}-{truth.link}, not {glm}"
    if params.coef.shape != (truth.F.shape[1], truth.k):
        return f"the coefficients are {params.coef.shape}, not {(truth.F.shape[1], truth.k)}"
    if not truth.is_stationary(params.coef, params.intercept):
        return "the score does not vanish" if not any(truth.penalty) else "the KKT conditions do not hold"
    written = case.model.trainable_weights
    exact = [params.coef / truth.factor, params.intercept / truth.factor][: len(written)]
    eps = 2.0**-23 if str(written[0].dtype).endswith("float32") else 2.0**-52
    if not all((np.abs(np.float64(weight) - value) <= eps * np.abs(value)).all() for weight, value in zip(written, exact)):
        return "the model's weights are not the optimum rounded"
    eta = truth.eta(params.coef, params.intercept)
    size = np.abs(truth.F) @ np.abs(params.coef) + np.abs(params.intercept) + np.abs(truth.offset) + 0.1
    slope = np.ones_like(eta) if truth.link == "softmax" else 0.1 + np.abs(INVERSES[truth.link][1](eta))
    mean, added = truth.mean(eta), case.options.get("offset", 0.0)
    if case.again is not None:
        again = found.predict(case.again, **({"offset": added} if "offset" in case.options else {}))
        if again.shape != mean.shape or not (np.abs(again - mean) <= 1e-9 * slope * size).all():
            return "Fitted.predict gives other means than the formula"
    if "offset" not in case.options and keras.config.dtype_policy().name in ("float32", "float64"):
        raw = case.raw if len(case.raw) > 1 else case.raw[0]
        try:
            own = np.asarray(case.model(raw, training=False), dtype=float)
        except ValueError as error:
            return f"the model cannot take its own data any more: {str(error).splitlines()[0]}"
        apart = np.abs(own - (eta if truth.of_eta else mean))
        if not (apart <= PREDICTED * (size if truth.of_eta else slope * size)).all():
            return f"the model predicts other means than the formula, by up to {apart.max():.2g}"
    return ""


# -- the table -------------------------------------------------------------------------------------------------------------------
@dataclass
class Tally:
    """The verdicts of a fuzz by the parts of its cases, and the failures with what reproduces each."""

    counts: dict[tuple[str, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    failures: list[str] = field(default_factory=list)

    def add(self, case: Case, verdict: str, said: str, again: str) -> None:
        for part in [("all", ""), *((kind, name) for kind, names in case.parts.items() for name in dict.fromkeys(names))]:
            self.counts[part][verdict] += 1
        if verdict not in ("served right", "refused right"):
            self.failures.append(f"{again}: {verdict}: {said}\n    {case}; truth: {case.truth.why or 'a GLM'}")

    def table(self) -> list[str]:
        """At most 80 columns wide, the worst parts of each kind first."""
        lines = [f"{'':39}{'cases':>6} {'served':>6} {'refused':>7} {'wrongly':>7} {'wrongly':>7} {'':>5}"]
        lines += [f"{'':39}{'':>6} {'right':>6} {'right':>7} {'served':>7} {'refused':>7} {'crash':>5}"]
        order = ["all", *KINDS]
        for kind, name in sorted(self.counts, key=lambda part: (order.index(part[0]), part[1])):
            of = self.counts[kind, name]
            served, refused, *wrong, crash = (of[verdict] for verdict in VERDICTS)
            numbers = f"{sum(of.values()):>6} {served:>6} {refused:>7} {wrong[0]:>7} {wrong[1]:>7} {crash:>5}"
            lines.append(f"{kind:7} {name[:31]:31}{numbers}")
        return lines

    @property
    def is_wrong(self) -> bool:
        of = self.counts["all", ""]
        return of["wrongly served"] > 0 or of["wrongly refused"] + of["crash"] > 0.01 * sum(of.values())


def fuzz(numbers: Any, seed: int, only: str = "") -> Tally:
    """Make the cases with these numbers, and judge them."""
    tally, policy, floatx = Tally(), keras.config.dtype_policy(), keras.config.floatx()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for number in numbers:
                keras.utils.set_random_seed(number)
                case = make(seed, number, only)
                verdict, said = judged(case)
                tally.add(case, verdict, said, f"--seed {seed} {f'--kind {only} ' if only else ''}--only {number}")
                if number % 20 == 19:
                    keras.backend.clear_session()
                    gc.collect()
        finally:
            keras.config.set_floatx(floatx)
            keras.config.set_dtype_policy(policy)
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=1000, help="how many cases (default: 1000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", choices=KINDS, default="", help="vary this kind of parts alone")
    parser.add_argument("--only", type=int, help="the case with this number alone")
    parser.add_argument("--list", action="store_true", help="list each failing case, and what reproduces it")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    tally = fuzz(range(options.count) if options.only is None else [options.only], options.seed, options.kind)
    print("\n".join(tally.table()))
    if options.list or options.only is not None:
        print("\n".join(tally.failures))
    sys.exit(tally.is_wrong)


if __name__ == "__main__":
    main()
