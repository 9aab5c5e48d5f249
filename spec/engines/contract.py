"""
The contract that an engine keeps, whatever library it wraps.

An engine answers, or it declines: what it cannot express by `Engine.declines`, what it does not compute by None in a field. All
else is *broken*, which is no verdict on a claim and never holds: a call that raises (SystemExit, KeyboardInterrupt and
pytest.skip included), an answer of another type, shape or sign, or one that is NaN; a call that takes longer than
``--engine-timeout``; a call that forks the process and returns in both; one that alters its problem or its parameters, which
are to be read only. `spec.engines.checked` sees to it, and the run goes on.

Warnings in a call are the engine's own business: no filter turns them into errors, and the run says each once. So is what it
prints, which pytest captures. Processes that a call starts must end by themselves.

Two things end the process that runs the tests, and with it a run in one process: an engine that ends it (os._exit, a crash), and
code in C that does not come back to Python, which no timer can interrupt; it is ended after twice the time and 5 s, with a
traceback. With ``-n`` of pytest-xdist such a case is reported as broken, and the run goes on in another process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from spec.model import Params
from spec.problems import Problem

DECLINED: Any = None  # in place of a field that an engine does not compute


@dataclass(frozen=True)
class Description:
    """
    The name, versions and precision of an engine, as shown beside every verdict.

    ``declines`` are the fields of `Evaluation` and `Fit` that the engine never computes, by their names, with the reason of
    each: {"standard_errors": "scikit-learn computes none"}. In an answer these fields are None (`DECLINED`).
    """

    name: str
    versions: dict[str, str]
    backend: str = ""
    dtype: str = "float64"
    homepage: str = ""
    declines: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        versions = ", ".join(f"{library} {version}" for library, version in self.versions.items())
        return f"{self.name} ({versions}, {self.dtype})" if versions else self.name


@dataclass(frozen=True, eq=False)
class Evaluation:
    """
    The answer of an engine at given parameters, without a fit. The dispersion is taken as 1.

    ``mean`` (n, k). ``loss`` is what the engine minimises, and ``loss_scale``, which is positive, the factor in
    loss = -loss_scale * log_likelihood / n + (a term free of the parameters): a claim reads only what it gains between two
    points, in units of loss_scale / n. ``log_likelihood`` holds its constants.
    ``score`` (1 + p, k) is the gradient of the log-likelihood, one column for each output neuron, the intercepts in the
    first row (zeros there for a problem without intercept). ``curvature()`` computes the `information`. ``engine`` is the
    name of the engine that answered, which `Checked` fills in.

    A field that the engine does not compute is None, with its reason in `Description.declines`: the claims about it are
    declined.
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
    The result of a fit. ``converged`` is True or False, ``iterations`` a whole number from 0; ``reason`` says in words why it
    stopped.

    ``standard_errors`` are shaped like `Problem.free`, from the expected information and, where the family has a
    dispersion, Pearson's estimate of it. ``deviance`` and ``log_likelihood`` are at the fitted means and dispersion 1. These
    three, and ``iterations``, are None where the engine does not compute them, as in an `Evaluation`.
    """

    params: Params
    converged: bool
    iterations: int
    reason: str
    standard_errors: np.ndarray
    deviance: float
    log_likelihood: float
    engine: str = ""  # the name of the engine that answered, which `Checked` fills in


class Engine(Protocol):
    """Anything that can evaluate and fit a model. Write one, and `pytest --subject package.module:Engine` judges it."""

    def describe(self) -> Description:
        """The name, versions and precision of the engine."""

    def declines(self, problem: Problem) -> str | None:
        """The reason why the engine cannot express the problem; None when it can. A wrong answer is no reason to decline."""

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        """The mean, loss, log-likelihood and their derivatives at the parameters."""

    def fit(self, problem: Problem) -> Fit:
        """The maximum-likelihood estimate that the engine finds, and its standard errors."""


@dataclass(frozen=True)
class Recipe:
    """
    The additions of a network's author to the bare layer, as data; the default adds nothing.

    ``hidden`` are the widths of the layers before the output layer, ``activation`` is their activation, ``dropout`` the rate
    after each. ``normalised`` puts a layer before them that centres and scales the inputs. With ``embedding`` the one column
    of X holds codes 0, 1, ..., and each level has a row of weights: no kernel, no bias, nothing hidden. ``alternatives`` is a
    number: X holds the columns of that many alternatives, one alternative after another; they share a layer of one output, and
    the softmax is over them. A ``head`` replaces the link: under "cumulative-logit" and "cumulative-probit" one output without
    a bias is compared with ordered thresholds, whose weights are the first threshold and the logs of the increments; under
    "location-scale" the outputs are the mean of a normal response and the log of its dispersion. ``l1`` and ``l2`` are the
    factors of sum |w| and sum w^2 of the output layer's kernel, added to the loss. ``built_in_loss`` takes the library's own
    loss of the family, also where it departs from the likelihood; ``loss_of_eta`` gives it the linear predictor, as the
    library's own cross-entropies take it ``from_logits``; ``sparse`` is the library's own loss of classes that are whole
    numbers; ``loss_of_mean`` writes minus the log-likelihood on the mean, as a user would, and not on the linear predictor.
    ``label_smoothing`` is that argument of the library's own cross-entropies. A ``mistake`` makes another model: "softmax
    twice" takes the softmax of the softmax, as a loss for logits does to the output of a softmax; "sigmoids" has for each
    class a sigmoid and its binary cross-entropy; "flat targets" gives targets (n,) to a loss written by hand, which compares
    each of the outputs (n, 1) with every target. ``dtype`` is "float64", "float32", or "float64 by policy": layers in float64
    while the library's default stays float32.
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
    loss_of_eta: bool = False
    sparse: bool = False
    label_smoothing: float = 0.0
    loss_of_mean: bool = False
    mistake: str = ""
    dtype: str = "float64"


PLAIN = Recipe()


@dataclass(frozen=True)
class Training:
    """
    How a user trains: ``optimizer`` is "sgd" or "adam"; full batches unless ``batch_size`` says otherwise.

    With ``patience``, training stops after that many epochs without gain on the last ``held_out`` share of the rows, and
    the best weights are restored.
    """

    optimizer: str = "adam"
    learning_rate: float = 0.01
    epochs: int = 100
    batch_size: int | None = None
    patience: int | None = None
    held_out: float = 0.0
    seed: int = 0


class Network(Protocol):
    """A network that its library trains. Claims about recipes and training need it; the contract of an `Engine` does not."""

    loss_scale: float
    weights: list[np.ndarray]  # layer after layer: the kernel (in, out), then the bias (out,) if there is one

    def predict(self) -> np.ndarray:
        """The means of the problem's rows, (n, k)."""

    def objective(self) -> float:
        """The loss that the library minimises, penalties included."""

    def gradient(self) -> list[np.ndarray]:
        """The gradient of the objective, shaped like the weights."""

    def backpropagate(self) -> tuple[float, list[np.ndarray]]:
        """The objective and its gradient, in one pass."""

    def hessian(self) -> np.ndarray:
        """The Hessian of the objective in all weights, in their order and each of them row after row: (size, size)."""

    def train(self, training: Training) -> list[list[np.ndarray]]:
        """Train as the library does, from the present weights. Returns the weights after each epoch that was run."""


class Likelihood(Protocol):
    """A model that no `Problem` can express. Its weights are those of the same recipe's `Network`, flat and in its order."""

    def log_likelihood(self, weights: np.ndarray) -> float:
        """The log-likelihood at the weights."""

    def scores(self, weights: np.ndarray) -> np.ndarray:
        """The gradient of each row's log-likelihood, (rows, weights)."""

    def optimum(self) -> np.ndarray:
        """The weights at which the scores sum to zero, to rounding."""


class EngineError(RuntimeError):
    """An engine raised, or did or returned what the contract forbids. This is no verdict on a claim."""


class Declined(Exception):
    """An engine was asked about a problem that it declines: the claim is out of its scope."""
