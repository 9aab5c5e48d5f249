"""
Keras, as its user writes it: ``Input(p) -> Dense(k, activation) -> Model``, and a loss. The only file that knows Keras.

The activation is the inverse link and the loss is minus the log-likelihood: Keras's own where it has them, the formulas
of `spec.links` and `spec.families` over TensorFlow's functions where it has none. (Keras has a Poisson loss, but it adds
1e-7 inside the logarithm, which moves the optimum by 1e-7 / mu; so the Poisson loss here is the formula's.)
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # CUDA and oneDNN notices on every import
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf

from spec import scoring
from spec.engines.engine import Description, Evaluation, Fit
from spec.families import Binomial, Family, Gaussian, Multinomial
from spec.links import Identity, Link, Log, Logit, Softmax
from spec.model import Model, Params
from spec.problems import Problem

keras.backend.set_floatx("float64")  # before any layer: later, or by a dtype policy, kernel or loss stay in float32


class TensorFlow:
    """The namespace `spec.elementary.Elementary` of tensors."""

    pi = math.pi
    exp = staticmethod(tf.math.exp)
    expm1 = staticmethod(tf.math.expm1)
    log = staticmethod(tf.math.log)
    log1p = staticmethod(tf.math.log1p)
    sin = staticmethod(tf.math.sin)
    arctan2 = staticmethod(tf.math.atan2)
    sigmoid = staticmethod(tf.math.sigmoid)
    ndtri = staticmethod(tf.math.ndtri)
    xlogy = staticmethod(tf.math.xlogy)
    xlog1py = staticmethod(tf.math.xlog1py)

    def sqrt(self, x: Any) -> Any:
        return math.sqrt(x) if isinstance(x, float) else tf.sqrt(x)  # of a tensor, or of 2 pi

    def logit(self, x: Any) -> Any:
        return tf.math.log(x) - tf.math.log1p(-x)

    def ndtr(self, x: Any) -> Any:
        return tf.math.erfc(-x / math.sqrt(2)) / 2


TENSORFLOW: Any = TensorFlow()
ACTIVATIONS: dict[Link, str] = {Identity(): "linear", Logit(): "sigmoid", Log(): "exponential", Softmax(): "softmax"}


def activation(link: Link) -> Any:
    """Keras's own name of the inverse link, or the inverse link itself."""
    return ACTIVATIONS.get(link) or (lambda eta: link.inverse(eta, TENSORFLOW))


@keras.saving.register_keras_serializable("spec")
class NegativeLogLikelihood(keras.losses.Loss):
    """Minus the kernel of a family: a loss for every family that Keras has none for."""

    def __init__(self, family: Family, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.family = family

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return -tf.reduce_sum(self.family.kernel(y_true, y_pred, TENSORFLOW), axis=-1)


def loss(model: Model) -> tuple[keras.losses.Loss, float]:
    """The loss, and its scale c: loss = -c * log-likelihood / n + (a term free of the parameters)."""
    if isinstance(model.family, Gaussian):
        return keras.losses.MeanSquaredError(), 2.0  # the whole unit deviance, not half of it
    if isinstance(model.family, Multinomial):
        return keras.losses.CategoricalCrossentropy(), 1.0
    if isinstance(model.family, Binomial) and isinstance(model.link, Logit):
        return keras.losses.BinaryCrossentropy(), 1.0
    return NegativeLogLikelihood(model.family), 1.0


@dataclass(eq=False)
class Network:
    """A problem as Keras sees it: the model, its loss, and the data as tensors."""

    problem: Problem
    model: keras.Model
    dense: keras.layers.Dense
    loss: keras.losses.Loss
    loss_scale: float
    inputs: list[tf.Tensor]
    y: tf.Tensor
    sample_weight: tf.Tensor

    @classmethod
    def of(cls, problem: Problem) -> Network:
        link = problem.model.link
        inputs = [keras.Input((problem.p,))]
        options = {"use_bias": problem.intercept, "kernel_initializer": "zeros"}
        if problem.offset is None:
            dense = keras.layers.Dense(problem.k, activation=activation(link), **options)
            outputs = dense(inputs[0])
        else:  # an offset is a second input whose weight is frozen at 1
            dense = keras.layers.Dense(problem.k, **options)
            inputs.append(keras.Input((problem.k,)))
            outputs = keras.layers.Activation(activation(link))(keras.layers.Add()([dense(inputs[0]), inputs[1]]))
        arrays = [problem.X] if problem.offset is None else [problem.X, problem.offset]
        return cls(
            problem,
            keras.Model(inputs, outputs),
            dense,
            *loss(problem.model),
            [tf.constant(array) for array in arrays],
            tf.constant(problem.y),
            tf.constant(problem.row_weights[:, 0]),
        )

    @property
    def params(self) -> Params:
        coef = np.asarray(self.dense.kernel)
        return Params(np.asarray(self.dense.bias) if self.problem.intercept else np.zeros(self.problem.k), coef)

    @params.setter
    def params(self, params: Params) -> None:
        self.dense.set_weights([params.coef, params.intercept] if self.problem.intercept else [params.coef])

    def mean(self) -> tf.Tensor:
        return self.model(self.inputs)

    def objective(self) -> tf.Tensor:
        # Keras divides the weighted sum by the number of rows, whatever the weights sum to
        return self.loss(self.y, self.mean(), sample_weight=self.sample_weight)

    def backpropagate(self) -> tuple[float, np.ndarray]:
        """The loss and the score of the log-likelihood, (1 + p, k): minus n / c times the gradient of the loss."""
        with tf.GradientTape() as tape:
            objective = self.objective()
        gradient = tape.gradient(objective, self._weights)
        return float(objective), -self.problem.n / self.loss_scale * self._stack(gradient).numpy()

    def curvature(self, params: Params) -> np.ndarray:
        """Minus the Hessian of the log-likelihood in the free parameters: the gradient, differentiated again."""
        problem, self.params = self.problem, params
        with tf.GradientTape(persistent=True) as outer:
            with tf.GradientTape() as inner:
                objective = self.objective()
            gradient = self._stack(inner.gradient(objective, self._weights))
            free = tf.reshape(tf.transpose(gradient[1 - problem.intercept :, problem.k - problem.free_outputs :]), [-1])
        size = problem.q * problem.free_outputs
        rows = outer.jacobian(free, self._weights, experimental_use_pfor=size > 64)  # tracing costs more than 64 passes
        both = [tf.reshape(part, (size, -1, problem.k)) for part in reversed(rows)]
        hessian = tf.concat(both, axis=1)[:, :, problem.k - problem.free_outputs :]
        return problem.n / self.loss_scale * tf.reshape(tf.transpose(hessian, (0, 2, 1)), (size, size)).numpy()

    @property
    def _weights(self) -> list[Any]:
        """Kernel first, then the bias if there is one."""
        return self.dense.trainable_variables

    def _stack(self, gradient: list[tf.Tensor]) -> tf.Tensor:
        bias = gradient[1] if self.problem.intercept else tf.zeros(self.problem.k, tf.float64)
        return tf.concat([bias[None, :], gradient[0]], axis=0)


class KerasEngine:
    """The subject of the specification: one Dense layer, brought to the zero of its own back-propagated gradient."""

    max_iterations = 100

    def __init__(self) -> None:
        self._networks: WeakKeyDictionary[Problem, Network] = WeakKeyDictionary()

    def describe(self) -> Description:
        versions = {"keras": keras.__version__, "tensorflow": tf.__version__}
        return Description("Keras", versions, keras.backend.backend(), keras.backend.floatx(), "https://keras.io")

    def declines(self, problem: Problem) -> str | None:
        return None

    def network(self, problem: Problem) -> Network:
        """The network of a problem, built once."""
        if problem not in self._networks:
            self._networks[problem] = Network.of(problem)
        return self._networks[problem]

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        network = self.network(problem)
        network.params = params
        objective, score = network.backpropagate()
        return Evaluation(
            mean=network.mean().numpy(),
            loss=objective,
            loss_scale=network.loss_scale,
            log_likelihood=self._log_likelihood(network, objective),
            score=score,
            curvature=lambda: network.curvature(params),
        )

    def fit(self, problem: Problem) -> Fit:
        """To the zero of the back-propagated gradient, by Fisher scoring."""
        network = self.network(problem)

        def value_and_score(params: Params) -> tuple[float, np.ndarray]:
            network.params = params
            objective, score = network.backpropagate()
            return -problem.n / network.loss_scale * objective, score[1 - problem.intercept :, problem.k - problem.free_outputs :]

        ascent = scoring.ascend(problem, value_and_score, scoring.start(problem), self.max_iterations)
        return self._answer(network, ascent.params, ascent.converged, ascent.iterations, ascent.reason)

    def train(
        self, problem: Problem, optimizer: Any = "adam", epochs: int = 100, batch_size: int | None = None, **options: Any
    ) -> Fit:
        """Keras's own ``compile`` and ``fit`` from zero weights, as a user would; never claims to have converged."""
        network = self.network(problem)
        network.params = Params(np.zeros(problem.k), np.zeros((problem.p, problem.k)))
        network.model.compile(optimizer=optimizer, loss=network.loss)
        network.model.fit(
            network.inputs,
            network.y,
            sample_weight=network.sample_weight,
            epochs=epochs,
            batch_size=batch_size or problem.n,
            verbose=0,
            **options,
        )
        return self._answer(network, network.params, False, epochs, f"{epochs} epochs of {optimizer} were over")

    def _answer(self, network: Network, params: Params, converged: bool, iterations: int, reason: str) -> Fit:
        problem, network.params = network.problem, params
        return Fit(
            params=params,
            converged=converged,
            iterations=iterations,
            reason=reason,
            standard_errors=scoring.White.of(problem).standard_errors(problem, params),
            deviance=scoring.deviance(problem, network.mean().numpy()),
            log_likelihood=self._log_likelihood(network, float(network.objective())),
        )

    @staticmethod
    def _log_likelihood(network: Network, objective: float) -> float:
        """From the loss: undo its scale and its 1/n, and add the constants that it left out."""
        return -network.problem.n / network.loss_scale * objective + scoring.normaliser(network.problem)
