"""The contract that an engine keeps, whatever library it wraps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from spec.model import Params
from spec.problems import Problem


@dataclass(frozen=True)
class Description:
    """What an engine is: shown beside every verdict."""

    name: str
    versions: dict[str, str]
    backend: str = ""
    dtype: str = "float64"
    homepage: str = ""

    def __str__(self) -> str:
        versions = ", ".join(f"{library} {version}" for library, version in self.versions.items())
        return f"{self.name} ({versions}, {self.dtype})" if versions else self.name


@dataclass(frozen=True, eq=False)
class Evaluation:
    """
    A model at given parameters, nothing fitted. The dispersion is taken as 1.

    ``mean`` (n, k). ``loss`` is what the engine minimises, and ``loss_scale`` the factor in
    loss = -loss_scale * log_likelihood / n + (a term free of the parameters). ``log_likelihood`` holds its constants.
    ``score`` (1 + p, k) is the gradient of the log-likelihood, one column for each output neuron, the intercepts in the
    first row (zeros there for a problem without intercept). ``curvature()`` computes the `information`. ``engine`` is the
    name of who answered, which `Checked` fills in.
    """

    mean: np.ndarray
    loss: float
    loss_scale: float
    log_likelihood: float
    score: np.ndarray
    curvature: Callable[[], np.ndarray]
    engine: str = ""

    @cached_property
    def information(self) -> np.ndarray:
        """
        The *observed* information, minus the Hessian of the log-likelihood in the free parameters `Problem.free`.

        Ordered column after column: (q * free_outputs, q * free_outputs).
        """
        return self.curvature()


@dataclass(frozen=True, eq=False)
class Fit:
    """
    Where an engine ended. ``reason`` says in words why it stopped.

    ``standard_errors`` are shaped like `Problem.free`, from the expected information and, where the family has a
    dispersion, Pearson's estimate of it. ``deviance`` and ``log_likelihood`` are at the fitted means and dispersion 1.
    """

    params: Params
    converged: bool
    iterations: int
    reason: str
    standard_errors: np.ndarray
    deviance: float
    log_likelihood: float
    engine: str = ""  # the name of who answered, which `Checked` fills in


class Engine(Protocol):
    """Anything that can express a model and fit it. Make one, and `pytest --subject package.module:Engine` judges it."""

    def describe(self) -> Description: ...

    def declines(self, problem: Problem) -> str | None:
        """Why it cannot express the problem; None when it can. Never for what it merely gets wrong."""

    def evaluate(self, problem: Problem, params: Params) -> Evaluation: ...

    def fit(self, problem: Problem) -> Fit: ...


@dataclass(frozen=True)
class Recipe:
    """
    What the author of a network adds to the bare layer, as data; the default adds nothing.

    ``hidden`` are the widths of layers before the output layer, ``activation`` theirs, ``dropout`` the rate after each.
    ``normalised`` puts a layer before them that centres and scales the inputs. With ``embedding`` the one column of X holds
    codes 0, 1, ..., and each level has a row of weights: no kernel, no bias, nothing hidden. With ``alternatives`` X holds
    the columns of so many alternatives one after another: a layer of one output is shared by them, and the softmax is over
    them. A ``head`` replaces the link: under "cumulative-logit" and "cumulative-probit" one output without a bias meets
    ordered thresholds, whose weights are the first and the logs of the increments; under "location-scale" the outputs are
    the mean of a normal response and the log of its dispersion. ``l1`` and ``l2`` are the factors of sum |w| and sum w^2 of
    the output layer's kernel, added to the loss. ``built_in_loss`` takes the library's own loss of the family, also where
    it departs from the likelihood. ``dtype`` is "float64", "float32", or "float64 by policy": layers in float64 while the
    library's default stays float32.
    """

    hidden: tuple[int, ...] = ()
    hidden_bias: bool = True
    activation: str = "linear"
    dropout: float = 0.0
    normalised: bool = False
    embedding: bool = False
    alternatives: int = 0
    head: str = ""
    l1: float = 0.0
    l2: float = 0.0
    built_in_loss: bool = False
    dtype: str = "float64"


PLAIN = Recipe()


@dataclass(frozen=True)
class Training:
    """
    How a user trains: ``optimizer`` is "sgd" or "adam"; full batches unless ``batch_size`` says otherwise.

    With ``patience``, training stops after so many epochs without gain on the last ``held_out`` share of the rows, and
    goes back to the best weights.
    """

    optimizer: str = "adam"
    learning_rate: float = 0.01
    epochs: int = 100
    batch_size: int | None = None
    patience: int | None = None
    held_out: float = 0.0
    seed: int = 0


class Network(Protocol):
    """A network that its library trains: what claims about recipes and training need beyond an `Engine`'s contract."""

    loss_scale: float
    weights: list[np.ndarray]  # of each layer the kernel (in, out), then the bias (out,) if it has one

    def predict(self) -> np.ndarray:
        """The means of the problem's rows, (n, k)."""

    def objective(self) -> float:
        """What the library minimises, penalties included."""

    def gradient(self) -> list[np.ndarray]:
        """Of the objective, shaped like the weights."""

    def backpropagate(self) -> tuple[float, list[np.ndarray]]:
        """The objective and its gradient, in one pass."""

    def hessian(self) -> np.ndarray:
        """Of the objective in all weights, in their order and each of them row after row: (size, size)."""

    def train(self, training: Training) -> list[list[np.ndarray]]:
        """The library's own training from the weights as they are; the weights after each epoch that was run."""


class Likelihood(Protocol):
    """A model that is no `Problem`'s. Its weights are those of the `Network` of the same recipe, flat and in their order."""

    def log_likelihood(self, weights: np.ndarray) -> float: ...

    def scores(self, weights: np.ndarray) -> np.ndarray:
        """The gradient of each row's log-likelihood, (rows, weights)."""

    def optimum(self) -> np.ndarray:
        """The weights at which the scores sum to zero, to rounding."""


class EngineError(RuntimeError):
    """An engine broke: it raised, or returned what the contract forbids. Not a verdict on any claim."""


class Declined(Exception):
    """An engine was asked about a problem that it declines: the claim is out of its scope."""
