"""
Networks in Keras, as a user writes them: ``Input(p) -> Dense(k, activation) -> Model``, and a loss.

The activation is the inverse link and the loss is minus the log-likelihood: Keras's own where it has them, the formulas
of `spec.links` and `spec.families` over the backend's functions where it has none. (Keras has a Poisson loss, but it adds
1e-7 inside the logarithm, which moves the optimum by 1e-7 / mu; so the Poisson loss here is the formula, unless the
recipe asks for Keras's own. Its cross-entropies clip probabilities, except on TensorFlow, where they find the logits behind
them; on JAX and torch the loss takes the logits, and the last activation is for predictions only.) A `Recipe` says what is
added to the bare layer, and this module makes each addition.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any

import numpy as np

from spec.compat import strict_zip
from spec.engines.contract import PLAIN, Recipe, Training
from spec.engines.keras import heads
from spec.engines.keras.backend import BACKEND
from spec.engines.keras.derivatives import Data, Tensor, Variable
from spec.engines.keras.versions import Normalization, compiled, keras, set_random_seed, unrounded
from spec.families import Binomial, Family, Gaussian, Multinomial, Poisson
from spec.links import Identity, Link, Log, Logit, Softmax, Softplus, plain, restored
from spec.model import Model, Params
from spec.problems import Problem

ACTIVATIONS: dict[Link, str] = {
    Identity(): "linear",
    Logit(): "sigmoid",
    Log(): "exponential",
    Softplus(): "softplus",
    Softmax(): "softmax",
}
BUILT_IN: dict[type[Family], tuple[Any, float]] = {  # the loss, and its scale c: loss = -c * log-likelihood / n + ...
    Gaussian: (keras.losses.MeanSquaredError, 2.0),  # the unit deviance, which is twice the kernel
    Binomial: (keras.losses.BinaryCrossentropy, 1.0),
    Poisson: (keras.losses.Poisson, 1.0),
    Multinomial: (keras.losses.CategoricalCrossentropy, 1.0),
}
MISTAKES = ("", "softmax twice", "sigmoids", "flat targets")
OPTIMIZERS = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam}


@keras.utils.register_keras_serializable("spec")
class InverseLink:
    """The inverse of a link as an activation, for links whose inverse Keras does not have. Saved with a model, and loaded."""

    def __init__(self, link: Link) -> None:
        self.link, self.__name__ = link, str(link)

    def __call__(self, eta: Tensor) -> Tensor:
        return self.link.inverse(eta, BACKEND)

    def get_config(self) -> dict[str, Any]:
        return {"link": plain(self.link)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InverseLink:
        return cls(restored(Link, config.get("link")))


def activation(link: Link) -> str | InverseLink:
    """Keras's name of the inverse link where it has one, else the inverse link itself."""
    return ACTIVATIONS.get(link) or InverseLink(link)


@keras.utils.register_keras_serializable("spec")
@unrounded
class NegativeLogLikelihood(keras.losses.Loss):
    """
    Minus the kernel of a family: the loss for families that Keras has no loss for.

    Of the mean; or with a ``link`` of the linear predictor, as Keras's cross-entropies are ``from_logits``. The latter keeps its
    digits where a mean rounds to the end of its domain. It is saved with a compiled model, and loaded.
    """

    def __init__(self, family: Family, link: Link | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(family, Family) or not isinstance(link, (Link, type(None))):
            raise TypeError(
                f"family and link are {family!r} and {link!r}: give those of spec.families and spec.links, such as Gamma()."
            )
        self.family, self.link = family, link

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "family": plain(self.family), "link": self.link and plain(self.link)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> NegativeLogLikelihood:
        family, link = restored(Family, config.get("family")), config.get("link")
        others = {name: value for name, value in config.items() if name not in ("family", "link")}
        return cls(family, link and restored(Link, link), **others)

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        kernel = self.family.kernel if self.link is None else Model(self.family, self.link).kernel
        return -BACKEND.row_sums(kernel(y_true, y_pred, BACKEND))


def is_cross_entropy(model: Model) -> bool:
    """Whether minus the log-likelihood is a cross-entropy of Keras's own sigmoid or softmax."""
    return model.has_classes or (isinstance(model.family, Binomial) and model.link == Logit())


def takes_eta(model: Model) -> bool:
    """Whether the loss takes the linear predictor: all but squared error, and the cross-entropies that find it themselves."""
    return not (isinstance(model.family, Gaussian) or (is_cross_entropy(model) and BACKEND.finds_logits))


def loss(
    model: Model, of_eta: bool = False, built_in: bool = False, label_smoothing: float = 0.0
) -> tuple[keras.losses.Loss, float]:
    """The loss, and its scale c: loss = -c * log-likelihood / n + (a term free of the parameters)."""
    if built_in or label_smoothing or isinstance(model.family, Gaussian) or is_cross_entropy(model):
        if type(model.family) not in BUILT_IN:
            known = ", ".join(family.__name__ for family in BUILT_IN)
            raise ValueError(f"Keras has no loss for the {model.family} family; it has some for {known}.")
        kind, scale = BUILT_IN[type(model.family)]
        arguments = {"from_logits": of_eta, "label_smoothing": label_smoothing}
        return (kind if built_in else unrounded(kind))(**{name: value for name, value in arguments.items() if value}), scale
    return NegativeLogLikelihood(model.family, model.link if of_eta else None), 1.0


def use_float64() -> None:
    """
    Make Keras compute in float64 from now on, for the rest of the process.

    Layers that were made before stay as they are. Keras fixes its dtype policy when the first layer is made, and then ``floatx``
    decides on losses alone; so both are set.
    """
    BACKEND.enable_float64()
    keras.backend.set_floatx("float64")
    _set_policy("float64")


@contextmanager
def precision(dtype: str) -> Iterator[None]:
    """
    A context in which new layers and losses compute in ``dtype``, one of those of `Recipe.dtype`.

    At its end Keras's floatx and dtype policy are what they were before.
    """
    floatx, wanted = ("float64", "float64") if dtype == "float64" else ("float32", dtype.partition(" ")[0])
    before, policy = keras.backend.floatx(), _policy()
    keras.backend.set_floatx(floatx)
    _set_policy(wanted)
    try:
        yield
    finally:
        keras.backend.set_floatx(before)
        _set_policy(policy)


def _policy() -> Any:
    return keras.mixed_precision.global_policy() if hasattr(keras, "mixed_precision") else keras.config.dtype_policy()


def _set_policy(policy: Any) -> None:
    set_policy = getattr(getattr(keras, "config", None), "set_dtype_policy", None) or keras.mixed_precision.set_global_policy
    set_policy(policy)


class KerasNetwork:
    """A problem in Keras: the model, its loss, and the data as tensors."""

    def __init__(self, problem: Problem, recipe: Recipe = PLAIN) -> None:
        self.problem, self.recipe = problem, recipe
        if recipe.mistake not in MISTAKES:
            raise ValueError(f"unknown mistake {recipe.mistake!r}: expected {', '.join(map(repr, MISTAKES))}.")
        of_mean = recipe.head or recipe.built_in_loss or recipe.loss_of_mean
        self.of_eta = recipe.loss_of_eta or (takes_eta(problem.model) and not of_mean)
        with precision(recipe.dtype):
            self.trained, self.model = self._build()
            self.loss, self.loss_scale = self._loss()
            self._load()
        self.derivatives = BACKEND.derivatives(self._objective, self.variables, self.data)

    def _load(self) -> None:
        problem, dtype = self.problem, "float64" if self.recipe.dtype.startswith("float64") else self.recipe.dtype
        X = BACKEND.tensor(problem.X, dtype)
        self.inputs = X if problem.offset is None else [X, BACKEND.tensor(problem.offset, dtype)]
        y = problem.y[:, 0] if self.recipe.mistake == "flat targets" else problem.y
        y = y.argmax(axis=1) if self.recipe.sparse else y
        self.data = [self.inputs, *(BACKEND.tensor(array, dtype) for array in (y, problem.row_weights[:, 0]))]

    def on(self, problem: Problem) -> KerasNetwork:
        """The same layers and weights with the data of another problem, which has the same model and as many columns."""
        other = copy(self)
        other.problem = problem
        other._load()
        other.derivatives = self.derivatives.on(other.data)
        return other

    def _build(self) -> tuple[keras.Model, keras.Model]:
        """Return (trained, model). Both end in the means and are one; if the loss takes eta, ``trained`` ends in that."""
        link = "sigmoid" if self.recipe.mistake == "sigmoids" else activation(self.problem.model.link)
        twice = self.recipe.mistake == "softmax twice"
        inputs, outputs = self._layers(None if self.of_eta and not twice else link)
        if twice and not self.of_eta:  # the loss looks behind the last softmax for its logits: there is the first
            outputs = keras.layers.Activation(link)(outputs)
        trained = keras.Model(inputs, outputs)
        return trained, keras.Model(inputs, keras.layers.Activation(link)(outputs)) if self.of_eta else trained

    def _layers(self, last: heads.Activation) -> tuple[list[Tensor], Tensor]:
        """Return (inputs, outputs); ``last`` is the activation of the last layer."""
        problem, recipe = self.problem, self.recipe
        x = inputs = keras.Input((problem.p,))  # not in a list: Keras 3.6 warns of a list of one
        if recipe.normalised:
            normalise = Normalization()
            normalise.adapt(problem.X)
            x = normalise(x)
        for width in recipe.hidden:
            x = keras.layers.Dense(width, activation=recipe.activation, use_bias=recipe.hidden_bias)(x)
            if recipe.dropout:
                x = keras.layers.Dropout(recipe.dropout)(x)
        penalty = keras.regularizers.L1L2(l1=recipe.l1, l2=recipe.l2) if recipe.l1 or recipe.l2 else None
        if recipe.embedding:
            return inputs, self._embedded(x, last, penalty)
        start = "glorot_uniform" if recipe.hidden else "zeros"
        if recipe.head or recipe.alternatives:
            return inputs, heads.outputs(problem, recipe, x, last, kernel_initializer=start, kernel_regularizer=penalty)
        self.dense = keras.layers.Dense(
            problem.k,
            activation=last if problem.offset is None else None,
            use_bias=problem.intercept,
            kernel_initializer=start,
            kernel_regularizer=penalty,
        )
        outputs = self.dense(x)
        if problem.offset is not None:  # an offset is a second input whose weight is frozen at 1
            inputs = [inputs, keras.Input((problem.k,))]
            outputs = keras.layers.Activation(last)(keras.layers.Add()([outputs, inputs[1]]))
        return inputs, outputs

    def _loss(self) -> tuple[keras.losses.Loss, float]:
        """Return (loss, scale): see `loss`."""
        if self.recipe.head == "location-scale":
            return heads.LocationScale(), 1.0
        if self.recipe.head:  # Keras's cross-entropy clips probabilities that come from no softmax
            return NegativeLogLikelihood(self.problem.model.family), 1.0
        model, recipe = self.problem.model, self.recipe
        if recipe.mistake == "flat targets":  # the rows' mean is of sums over n targets
            return NegativeLogLikelihood(model.family, model.link if self.of_eta else None), float(self.problem.n)
        if recipe.mistake == "sigmoids":  # Keras's binary cross-entropy is the mean over the outputs
            return loss(Model(Binomial(), Logit()), self.of_eta)[0], 1 / self.problem.k
        if recipe.loss_of_mean:
            return NegativeLogLikelihood(model.family), 1.0
        if recipe.sparse:
            return keras.losses.SparseCategoricalCrossentropy(from_logits=self.of_eta), 1.0
        return loss(model, self.of_eta, recipe.built_in_loss, recipe.label_smoothing)

    def _embedded(self, codes: Tensor, last: heads.Activation, penalty: keras.regularizers.Regularizer | None) -> Tensor:
        """The outputs of an embedding: each level has a row of weights. (Keras makes them (n, 1, k), and Flatten (n, k).)"""
        levels = int(self.problem.X.max()) + 1
        layer = keras.layers.Embedding(levels, self.problem.k, "zeros", embeddings_regularizer=penalty)
        return keras.layers.Activation(last)(keras.layers.Flatten()(layer(codes)))

    # -- the weights ------------------------------------------------------------------------------------------------------

    @property
    def variables(self) -> list[Variable]:
        """Keras's variables, layer after layer: the kernel first, then the bias if there is one."""
        return self.model.trainable_variables

    @property
    def weights(self) -> list[np.ndarray]:
        """The variables as NumPy arrays, layer after layer. Can be set."""
        return [BACKEND.numpy(variable) for variable in self.variables]

    @weights.setter
    def weights(self, weights: list[np.ndarray]) -> None:
        for variable, value in strict_zip(self.variables, weights):
            variable.assign(value)

    @property
    def params(self) -> Params:
        """The parameters of the output layer. Can be set."""
        kernel, *bias = (BACKEND.numpy(variable) for variable in self.dense.trainable_variables)
        return Params(bias[0] if bias else np.zeros(self.problem.k), kernel)

    @params.setter
    def params(self, params: Params) -> None:
        self.dense.set_weights([params.coef, params.intercept] if self.problem.intercept else [params.coef])

    # -- what it computes ---------------------------------------------------------------------------------------------------

    def predict(self) -> np.ndarray:
        return BACKEND.numpy(self.model(self.inputs))

    def _objective(self, inputs: Data, y: Tensor, sample_weight: Tensor) -> Tensor:
        # Keras divides the weighted sum by the number of rows, whatever the weights sum to; penalties come on top
        return sum(self.trained.losses, self.loss(y, self.trained(inputs), sample_weight=sample_weight))

    def objective(self) -> float:
        """The loss that Keras minimises, penalties included."""
        return float(BACKEND.numpy(self._objective(*self.data)))

    def backpropagate(self) -> tuple[float, list[np.ndarray]]:
        """The objective and its gradient, shaped like `weights`."""
        return self.derivatives.gradient()

    def gradient(self) -> list[np.ndarray]:
        """The gradient of the objective, shaped like `weights`."""
        return self.backpropagate()[1]

    def hessian(self) -> np.ndarray:
        """The Hessian of the objective in all weights, in their order and each of them row after row: (size, size)."""
        return self.derivatives.hessian()

    # -- training as a user would -------------------------------------------------------------------------------------------

    def train(self, training: Training) -> list[list[np.ndarray]]:
        """Train by Keras's ``compile`` and ``fit`` from the present weights. Returns the `weights` after each epoch."""
        path: list[list[np.ndarray]] = []
        callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: path.append(self.weights))]
        if training.patience is not None:
            callbacks.append(keras.callbacks.EarlyStopping(patience=training.patience, restore_best_weights=True))
        set_random_seed(training.seed)
        optimizer = OPTIMIZERS[training.optimizer](training.learning_rate)
        self.trained.compile(optimizer=optimizer, loss=self.loss, **compiled(BACKEND.compiles_training))
        with warnings.catch_warnings():  # Keras's variables lack NumPy's `copy`
            warnings.filterwarnings("ignore", "__array__ implementation doesn't accept a copy keyword", DeprecationWarning)
            self.trained.fit(**self._fed(training), epochs=training.epochs, callbacks=callbacks, verbose=0)
        return path

    def _fed(self, training: Training) -> dict[str, Any]:
        """The data as arguments of Keras's ``fit``: of full batches as one batch, where the backend has such a form."""
        if not (training.batch_size or training.held_out) and (whole := BACKEND.one_batch(self.data)) is not None:
            return {"x": whole, "shuffle": False}
        X, y, weights = self.data
        batch_size, held_out = training.batch_size or self.problem.n, training.held_out
        return {"x": X, "y": y, "sample_weight": weights, "batch_size": batch_size, "validation_split": held_out}
