"""
A float64 twin of a user's compiled Keras model: the same layers and operations, made anew in float64, and watched.

The user's own model is never changed by a question: random weights are put into its twin. What a model computes is asked of the
twin: the design that its trained layers make, its linear predictor before the last activation, its outputs, and its own loss with
the gradient that Keras back-propagates of it.
"""

from __future__ import annotations

import inspect
import pickle
import threading
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from spec.compat import Recent, first_line
from spec.engines.keras.backend import BACKEND
from spec.engines.keras.derivatives import Tensor
from spec.engines.keras.versions import keras
from spec.fit.inputs import Input
from spec.fit.reading.built import inputs_of
from spec.fit.reading.graph import asks_for_missing
from spec.fit.reading.leaves import NotRead, leaves
from spec.fit.reading.linear import Linear
from spec.fit.reading.lookups import is_strict, refuse_unknown
from spec.fit.reading.remade import remade

CONSTANTS = ("mean", "variance")  # of a Normalization
BEFORE = -1  # the place of what goes into an activation, among those of the layers of the linear part
FAR = 1e9  # beyond the bins that people make of numbers
WHOLE = 2.0**53  # up to which float64 has each whole number


@dataclass(frozen=True)
class Seen:
    """
    The results of a twin for some rows: the ``features`` (b, p) of its linear part, and its ``outputs`` (b, k).

    ``tensor`` is the outputs as the loss gets them: Keras's cross-entropies look at the operation that made a tensor.
    """

    features: np.ndarray
    outputs: np.ndarray
    tensor: Tensor
    before: np.ndarray | None  # (b, k): what went into the last activation, if that is a layer of its own


class Twin:
    """The float64 twin of a model. ``linear`` is the user's linear part, and in the twin its own."""

    def __init__(self, model: keras.Model, linear: Linear) -> None:
        self._made: dict[int, Any] = {}
        self._seen = threading.local()
        self.model = self._rebuilt(model)
        for layer in leaves(model):
            # a twin is made with its table of texts or codes, which Keras 2 counts among the weights
            if layer.weights and not hasattr(layer, "get_vocabulary"):
                self._made[id(layer)].set_weights(layer.get_weights())
        for layer in _normalizations(model):  # which make their constants of their weights, but not anew of other weights
            made = self._made[id(layer)]
            made.finalize_state()
            _set_constants(made, _constants(layer))
        self._settle(linear.with_layers(self._made[id(layer)] for layer in linear.layers), inputs_of(model))

    def _settle(self, linear: Linear, inputs: tuple[Input, ...]) -> None:
        self.linear, self.inputs = linear, inputs
        self.types = [str(getattr(tensor.dtype, "name", tensor.dtype)) for tensor in self.model.inputs]
        for place, layer in enumerate(linear.layers):
            self._watch(layer, place)
        for layer in leaves(self.model):
            if isinstance(layer, keras.layers.Activation):
                self._watch(layer, BEFORE)
            if is_strict(layer):
                self._watch(layer, layer.name)

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process is sent the model as Keras saves it, and loads it once; code of a user's own does not go along."""
        return _sent, (self._saved,)

    @cached_property
    def _saved(self) -> bytes:
        constants = {layer.name: _constants(layer) for layer in _normalizations(self.model)}
        with warnings.catch_warnings():  # Keras's variables lack NumPy's `copy`
            warnings.filterwarnings("ignore", "__array__ implementation doesn't accept a copy keyword", DeprecationWarning)
            by_name = self.linear.with_layers(layer.name for layer in self.linear.layers)
            return pickle.dumps((self.model, by_name, self.inputs, constants))

    # -- made once -------------------------------------------------------------------------------------------------------------
    def _rebuilt(self, model: keras.Model) -> keras.Model:
        inputs = [
            keras.Input(tuple(tensor.shape[1:]), dtype="float64" if "float" in str(tensor.dtype) else tensor.dtype)
            for tensor in model.inputs
        ]
        # not compiled: a clone would compile anew, with what may not be saved
        bare = keras.Model(_one_or_all(model.inputs), _one_or_all(model.outputs))
        try:
            return keras.models.clone_model(bare, _one_or_all(inputs), clone_function=self._twin)
        except NotRead:
            raise
        except Exception as error:  # whatever the user's own functions raise
            raise NotRead(
                "the model cannot be made anew in float64, in which a fit computes: is one of its constants in float32? Write it "
                f"as a number, or cast it to the inputs' dtype. ({type(error).__name__}: {first_line(error)})"
            ) from error

    def _twin(self, layer: Any) -> Any:
        if id(layer) in self._made:
            return self._made[id(layer)]
        if not isinstance(layer, keras.layers.Layer):  # an operation, such as a + b: it has neither weights nor a precision
            return layer
        self._made[id(layer)] = made = self._rebuilt(layer) if isinstance(layer, keras.Model) else remade(layer)
        return made

    def _watch(self, layer: Any, place: int | str) -> None:
        """Note what the layer is called with, at its place in the linear part, `BEFORE` the end, or by its name."""
        call = layer.call

        def watched(inputs: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            if (calls := getattr(self._seen, "calls", None)) is not None:
                calls[place].append(inputs)
            return call(inputs, *args, **kwargs)

        layer.call = watched

    def with_linear(self, linear: Linear) -> Twin:
        """This twin, with layers that have weights for other levels."""
        made = Twin.__new__(Twin)  # `copy` would make the model anew, by `__reduce__`
        made.__dict__.update(self.__dict__, linear=linear)
        made.__dict__.pop("_saved", None)
        return made

    # -- what it computes ------------------------------------------------------------------------------------------------------
    def set(self, kernel: np.ndarray, bias: np.ndarray) -> None:
        """Set the coefficients (p, k) and the intercept (k,)."""
        for layer, weights in zip(self.linear.layers, self.linear.weights(kernel, bias)):
            layer.set_weights(weights)

    @contextmanager
    def at(self, kernel: np.ndarray, bias: np.ndarray) -> Iterator[None]:
        """A context with other coefficients and another intercept; at its end they are what they were."""
        before = [[BACKEND.numpy(one) for one in layer.weights] for layer in self.linear.layers]
        self.set(kernel, bias)
        try:
            yield
        finally:
            for layer, weights in zip(self.linear.layers, before):
                layer.set_weights(weights)

    @cached_property
    def takes_floats(self) -> np.ndarray:
        """Which columns of the inputs side by side (d,) may be any number."""
        return np.repeat(["float" in kind for kind in self.types], [one.width or 0 for one in self.inputs])

    def tensors(self, X: np.ndarray) -> Any:
        """The inputs of the model, as tensors, from the table (b, d) that holds them side by side."""
        ends = np.cumsum([one.width for one in self.inputs])
        parts = np.split(X, ends[:-1], axis=1)
        for part, one, kind in zip(parts, self.inputs, self.types):
            if "int" in kind and len(part) and np.nanmax(np.abs(part), initial=0) > WHOLE:
                raise NotRead(
                    f"the input {one.name} takes whole numbers, and some are beyond 2^53, where float64 lacks most: give "
                    "smaller ones, as by pandas.factorize."
                )
        values = [one.values(part, kind) for part, one, kind in zip(parts, self.inputs, self.types)]
        shaped = [
            BACKEND.tensor(part.reshape(len(X), *one.shape), kind) for part, one, kind in zip(values, self.inputs, self.types)
        ]
        return shaped if len(shaped) > 1 else shaped[0]

    def __call__(self, X: np.ndarray, training: bool = False) -> Seen:
        """Compute the outputs of the rows of a table (b, d), and what led to them."""
        calls: dict[int | str, list[Tensor]] = defaultdict(list)
        self._seen.calls = calls
        try:
            tensor = self.model(self.tensors(X), training=training)
        except Exception:
            for place, part in enumerate(self.linear.parts):
                for inputs in calls[place]:
                    part.check(BACKEND.numpy(inputs))
            for layer in filter(is_strict, leaves(self.model)):
                for inputs in calls[layer.name]:
                    refuse_unknown(layer, BACKEND.numpy(inputs))
            raise
        finally:
            del self._seen.calls
        for place, layer in enumerate(self.linear.layers):
            if len(calls[place]) != 1:
                raise NotRead(
                    f"the layer {layer.name} is used {len(calls[place])} times, and fit takes a model that uses it once. Where "
                    "its outputs are added or subtracted, give it the sum or the difference of their inputs."
                )
        given = [BACKEND.numpy(calls[place][0]) for place in range(len(self.linear.layers))]
        design = self._design_of(X, given)
        last = BACKEND.numpy(calls[BEFORE][-1]).reshape(len(X), -1) if calls[BEFORE] else None
        return Seen(design, BACKEND.numpy(tensor).reshape(len(X), -1), tensor, last)

    def _design_of(self, X: np.ndarray, given: list[np.ndarray]) -> np.ndarray:
        """The design of what the layers of the linear part were given: NaN in a row that lacks a number they depend on."""
        lacks = np.isnan(X).any(axis=1)
        if not lacks.any():
            return self.linear.design(given)
        shown = ~np.all([np.isfinite(part.reshape(len(X), -1)).all(axis=1) for part in given], axis=0)
        missing = lacks & (shown | np.isnan(X[:, ~self.takes_floats]).any(axis=1))  # text and whole numbers have no NaN
        rest = np.flatnonzero(lacks & ~missing)
        if len(rest) and not self.asks_for_missing:
            missing[rest] = self._depends(X[rest])
        design = np.full((len(X), self.linear.width), np.nan)
        design[~missing] = self.linear.design([part[~missing] for part in given])
        return design

    def _depends(self, X: np.ndarray) -> np.ndarray:
        """The rows (b,) of which what is made depends on the numbers that are missing: some layers make a number of NaN too."""
        try:
            one, *others = (self(np.where(np.isnan(X), value, X)).features for value in (-FAR, 0.0, FAR))
        except Exception:  # a layer takes no such number
            return np.ones(len(X), dtype=bool)
        return np.any([other != one for other in others], axis=0).any(axis=1)

    @cached_property
    def asks_for_missing(self) -> bool:
        return asks_for_missing(self.model)

    def added_losses(self) -> bool:
        """Whether layers add losses of their own, by `add_loss`. Asked after a call."""
        return bool(self.model.losses)

    def acts_in_training(self, X: np.ndarray) -> list[str]:
        """The names of the layers that compute another result in training, such as Dropout."""
        if np.array_equal(self(X).outputs, self(X, training=True).outputs, equal_nan=True):
            return []
        return [
            layer.name for layer in leaves(self.model) if "training" in inspect.signature(layer.call).parameters or _random(layer)
        ]

    def gradient(self, loss: Callable[..., Tensor], X: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """
        The gradient of a loss (y, outputs, weights) -> number of some rows, by back-propagation: (q, k), the bias first.

        It is taken at the weights that are set.
        """

        def objective(inputs: Any, y: Tensor, weights: Tensor) -> Tensor:
            return loss(y, self.model(inputs), weights)

        data = [self.tensors(X), BACKEND.tensor(y, "float64"), BACKEND.tensor(weights, "float64")]
        variables = [variable for layer in self.linear.layers for variable in layer.trainable_variables]
        return self.linear.slopes(BACKEND.derivatives(objective, variables, data).gradient()[1])


_received = Recent(8)  # the last few twins that were sent to this process
_receiving = threading.Lock()


def _sent(saved: bytes) -> Twin:
    """The twin of a saved model, whose watched layers are those of `Twin`."""
    with _receiving:
        if saved not in _received:
            twin = Twin.__new__(Twin)
            twin._seen = threading.local()
            twin.model, by_name, inputs, constants = pickle.loads(saved)
            layers = {layer.name: layer for layer in leaves(twin.model)}
            for name, values in constants.items():
                _set_constants(layers[name], values)
            twin._settle(by_name.with_layers(layers[name] for name in by_name.layers), inputs)
            _received[saved] = twin
        return _received[saved]


def _normalizations(model: keras.Model) -> list[Any]:
    """The Normalization layers that have constants."""
    return [layer for layer in leaves(model) if hasattr(layer, "finalize_state") and getattr(layer, "mean", None) is not None]


def _constants(layer: Any) -> tuple[np.ndarray, ...]:
    return tuple(np.asarray(BACKEND.numpy(getattr(layer, name)), dtype=float) for name in CONSTANTS)


def _set_constants(layer: Any, values: tuple[np.ndarray, ...]) -> None:
    for name, value in zip(CONSTANTS, values):
        setattr(layer, name, BACKEND.tensor(value, "float64"))


def _one_or_all(tensors: list[Tensor]) -> Any:
    return tensors if len(tensors) > 1 else tensors[0]


def _random(layer: Any) -> bool:
    return type(layer).__name__.endswith("Dropout")
