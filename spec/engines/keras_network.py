"""
Networks in Keras, as their author writes them: ``Input(p) -> Dense(k, activation) -> Model``, and a loss.

The activation is the inverse link and the loss is minus the log-likelihood: Keras's own where it has them, the formulas
of `spec.links` and `spec.families` over TensorFlow's functions where it has none. (Keras has a Poisson loss, but it adds
1e-7 inside the logarithm, which moves the optimum by 1e-7 / mu; so the Poisson loss here is the formula's, unless the
recipe asks for the built-in one.) What an author adds to the bare layer is a `Recipe`, and each addition stands here once.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # CUDA and oneDNN notices on every import
os.environ["KERAS_BACKEND"] = "tensorflow"

import numpy as np
import tensorflow as tf

from spec.engines import keras_heads
from spec.engines.engine import PLAIN, Recipe, Training
from spec.engines.keras_versions import keras, unrounded
from spec.families import Binomial, Family, Gaussian, Multinomial, Poisson
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
BUILT_IN: dict[type[Family], tuple[Any, float]] = {  # the loss, and its scale c: loss = -c * log-likelihood / n + ...
    Gaussian: (keras.losses.MeanSquaredError, 2.0),  # the whole unit deviance, not half of it
    Binomial: (keras.losses.BinaryCrossentropy, 1.0),
    Poisson: (keras.losses.Poisson, 1.0),
    Multinomial: (keras.losses.CategoricalCrossentropy, 1.0),
}
OPTIMIZERS = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam}


def activation(link: Link) -> Any:
    """Keras's own name of the inverse link, or the inverse link itself."""
    return ACTIVATIONS.get(link) or (lambda eta: link.inverse(eta, TENSORFLOW))


@keras.utils.register_keras_serializable("spec")
@unrounded
class NegativeLogLikelihood(keras.losses.Loss):
    """Minus the kernel of a family: a loss for every family that Keras has none for."""

    def __init__(self, family: Family, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.family = family

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return -tf.reduce_sum(self.family.kernel(y_true, y_pred, TENSORFLOW), axis=-1)


def loss(model: Model, built_in: bool = False) -> tuple[keras.losses.Loss, float]:
    """The loss, and its scale c: loss = -c * log-likelihood / n + (a term free of the parameters)."""
    exact = isinstance(model.family, Gaussian | Multinomial) or (isinstance(model.family, Binomial) and model.link == Logit())
    if exact or built_in:
        if type(model.family) not in BUILT_IN:
            known = ", ".join(family.__name__ for family in BUILT_IN)
            raise ValueError(f"Keras has no loss for the {model.family} family; it has some for {known}.")
        kind, scale = BUILT_IN[type(model.family)]
        return (kind if built_in else unrounded(kind))(), scale
    return NegativeLogLikelihood(model.family), 1.0


@contextmanager
def precision(dtype: str) -> Iterator[None]:
    """Layers and losses that are made inside compute in ``dtype``, however a user asks for it: see `Recipe.dtype`."""
    if dtype == "float64":
        yield
        return
    policy = keras.mixed_precision.global_policy() if hasattr(keras, "mixed_precision") else keras.config.dtype_policy()
    set_policy = getattr(getattr(keras, "config", None), "set_dtype_policy", None) or keras.mixed_precision.set_global_policy
    keras.backend.set_floatx("float32")
    set_policy("float64" if dtype == "float64 by policy" else dtype)
    try:
        yield
    finally:
        keras.backend.set_floatx("float64")
        set_policy(policy)


class Network:
    """A problem as Keras sees it: the model, its loss, and the data as tensors."""

    def __init__(self, problem: Problem, recipe: Recipe = PLAIN) -> None:
        self.problem, self.recipe = problem, recipe
        with precision(recipe.dtype):
            self.model = self._build()
            self.loss, self.loss_scale = self._loss()
            dtype = "float64" if recipe.dtype.startswith("float64") else recipe.dtype
            X = tf.constant(problem.X, dtype)
            self.inputs = X if problem.offset is None else [X, tf.constant(problem.offset, dtype)]
            self.y = tf.constant(problem.y, dtype)
            self.sample_weight = tf.constant(problem.row_weights[:, 0], dtype)

    def _build(self) -> keras.Model:
        problem, recipe = self.problem, self.recipe
        x = inputs = keras.Input((problem.p,))  # not in a list: Keras 3.6 warns of a list of one
        if recipe.normalised:
            normalise = keras.layers.Normalization()
            normalise.adapt(problem.X)
            x = normalise(x)
        for width in recipe.hidden:
            x = keras.layers.Dense(width, activation=recipe.activation, use_bias=recipe.hidden_bias)(x)
            if recipe.dropout:
                x = keras.layers.Dropout(recipe.dropout)(x)
        penalty = keras.regularizers.L1L2(l1=recipe.l1, l2=recipe.l2) if recipe.l1 or recipe.l2 else None
        shape = activation(problem.model.link)
        if recipe.embedding:
            return keras.Model(inputs, self._embedded(x, shape, penalty))
        start = "glorot_uniform" if recipe.hidden else "zeros"
        if recipe.head or recipe.alternatives:
            headed = keras_heads.outputs(problem, recipe, x, kernel_initializer=start, kernel_regularizer=penalty)
            return keras.Model(inputs, headed)
        self.dense = keras.layers.Dense(
            problem.k,
            activation=shape if problem.offset is None else None,
            use_bias=problem.intercept,
            kernel_initializer=start,
            kernel_regularizer=penalty,
        )
        outputs = self.dense(x)
        if problem.offset is not None:  # an offset is a second input whose weight is frozen at 1
            inputs = [inputs, keras.Input((problem.k,))]
            outputs = keras.layers.Activation(shape)(keras.layers.Add()([outputs, inputs[1]]))
        return keras.Model(inputs, outputs)

    def _loss(self) -> tuple[keras.losses.Loss, float]:
        if self.recipe.head == "location-scale":
            return keras_heads.LocationScale(), 1.0
        if self.recipe.head:  # Keras's own clips what is no softmax
            return NegativeLogLikelihood(self.problem.model.family), 1.0
        return loss(self.problem.model, self.recipe.built_in_loss)

    def _embedded(self, codes: Any, shape: Any, penalty: Any) -> Any:
        """A row of weights for each level, (n, 1, k) until it is flat."""
        levels = int(self.problem.X.max()) + 1
        layer = keras.layers.Embedding(levels, self.problem.k, "zeros", embeddings_regularizer=penalty)
        return keras.layers.Activation(shape)(keras.layers.Flatten()(layer(codes)))

    # -- the weights ------------------------------------------------------------------------------------------------------

    @property
    def variables(self) -> list[Any]:
        """Of each layer the kernel first, then the bias if there is one."""
        return self.model.trainable_variables

    @property
    def weights(self) -> list[np.ndarray]:
        """As NumPy arrays, layer after layer; may be set."""
        return [np.asarray(weight) for weight in self.model.get_weights()][-len(self.variables) :]

    @weights.setter
    def weights(self, weights: list[np.ndarray]) -> None:
        for variable, value in zip(self.variables, weights, strict=True):
            variable.assign(value)

    @property
    def params(self) -> Params:
        """Those of the output layer."""
        coef = np.asarray(self.dense.kernel)
        return Params(np.asarray(self.dense.bias) if self.problem.intercept else np.zeros(self.problem.k), coef)

    @params.setter
    def params(self, params: Params) -> None:
        self.dense.set_weights([params.coef, params.intercept] if self.problem.intercept else [params.coef])

    # -- what it computes ---------------------------------------------------------------------------------------------------

    def mean(self) -> tf.Tensor:
        return self.model(self.inputs)

    def predict(self) -> np.ndarray:
        return self.mean().numpy()

    def loss_of(self, mean: tf.Tensor) -> tf.Tensor:
        # Keras divides the weighted sum by the number of rows, whatever the weights sum to; penalties come on top
        return sum(self.model.losses, self.loss(self.y, mean, sample_weight=self.sample_weight))

    def objective(self) -> float:
        """The loss, penalties included, as Keras minimises it."""
        return float(self.loss_of(self.mean()))

    def backpropagate(self) -> tuple[float, list[tf.Tensor]]:
        """The loss and its gradient, shaped like `variables`."""
        with tf.GradientTape() as tape:
            objective = self.loss_of(self.mean())
        return float(objective), [tf.convert_to_tensor(part) for part in tape.gradient(objective, self.variables)]

    def gradient(self) -> list[np.ndarray]:
        """Of the objective, shaped like `weights`."""
        return [part.numpy() for part in self.backpropagate()[1]]

    def hessian(self) -> np.ndarray:
        """Of the objective in all weights, in their order and each of them row after row: (size, size)."""
        with tf.GradientTape(persistent=True) as tape:
            gradient = tf.concat([tf.reshape(part, [-1]) for part in self.backpropagate()[1]], axis=0)
        size = gradient.shape[0]
        rows = tape.jacobian(gradient, self.variables, experimental_use_pfor=False)
        return tf.concat([tf.reshape(part, (size, -1)) for part in rows], axis=1).numpy()

    # -- training as its user would -----------------------------------------------------------------------------------------

    def train(self, training: Training) -> list[list[np.ndarray]]:
        """Keras's own ``compile`` and ``fit`` from the weights as they are; the `weights` after each epoch that was run."""
        path: list[list[np.ndarray]] = []
        callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: path.append(self.weights))]
        if training.patience is not None:
            callbacks.append(keras.callbacks.EarlyStopping(patience=training.patience, restore_best_weights=True))
        keras.utils.set_random_seed(training.seed)
        optimizer = OPTIMIZERS[training.optimizer](training.learning_rate)
        self.model.compile(optimizer=optimizer, loss=self.loss, jit_compile=False)  # compiling costs more than it saves here
        self.model.fit(
            self.inputs,
            self.y,
            sample_weight=self.sample_weight,
            epochs=training.epochs,
            batch_size=training.batch_size or self.problem.n,
            validation_split=training.held_out,
            callbacks=callbacks,
            verbose=0,
        )
        return path
