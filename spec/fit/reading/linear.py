"""The linear part of a network: the layers with weights that are trained, whose outputs are added, and the design they make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, ClassVar

import numpy as np

from spec.engines.keras.versions import keras
from spec.fit.reading.leaves import NotRead, leaves


@dataclass(frozen=True, eq=False)
class Part:
    """
    A layer whose outputs are added to the outputs of other layers, and the columns that it brings to the design.

    ``there`` are the numbers of its columns that are not 0 in each row, ``free`` of its columns with a coefficient. Without one
    the layer's weight is 0.
    """

    layer: Any
    there: np.ndarray
    free: np.ndarray

    has_bias: ClassVar[Any] = False
    penalised: ClassVar[dict[str, str]] = {}  # what Keras calls its weights, by what they are in the linear predictor

    @classmethod
    def of(cls, layer: Any) -> Part:
        """The part of a layer, all of whose columns are free."""
        kind = Factor if type(layer) is keras.layers.Embedding else Columns
        every = np.arange(int(layer.weights[0].shape[0]))
        return kind(layer, every, every)

    @property
    def width(self) -> int:
        return len(self.free)

    @property
    def units(self) -> int:
        return int(self.layer.weights[0].shape[1])

    def with_columns(self, there: np.ndarray, free: np.ndarray) -> Part:
        """This part with fewer columns: masks (p,) of its free columns."""
        return replace(self, there=self.free[there], free=self.free[free])

    def weights(self, kernel: np.ndarray, bias: np.ndarray) -> list[np.ndarray]:
        """The weights of the layer if its columns have the coefficients ``kernel`` (p, k)."""
        table = np.zeros(tuple(self.layer.weights[0].shape))
        table[self.free] = kernel
        return [table, bias][: 1 + self.has_bias]

    def slopes(self, gradients: Sequence[np.ndarray]) -> np.ndarray:
        """The slopes (p, k) in the coefficients of its columns, of those in its weights."""
        return gradients[0][self.free]

    def check(self, inputs: np.ndarray) -> None:
        """Raise ValueError where the layer cannot be called with these inputs."""

    def block(self, inputs: np.ndarray) -> np.ndarray:
        """The columns (b, p) of what the layer is called with. Raises ValueError where one that is not there is not 0."""
        raise NotImplementedError

    def names(self, of_columns: Iterator[str]) -> list[str]:
        """Names for all of its columns; ``of_columns`` are names for the inputs of all Dense layers."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Columns(Part):
    """A Dense layer: its inputs are columns of the design."""

    penalised: ClassVar = {"kernel": "kernel", "bias": "bias"}

    @property
    def has_bias(self) -> bool:  # type: ignore[override]
        return bool(self.layer.use_bias)

    def block(self, inputs: np.ndarray) -> np.ndarray:
        if inputs.ndim != 2:
            raise NotRead(
                f"the layer {self.layer.name} gets an array of {inputs.ndim} dimensions, {inputs.shape}; a generalized linear "
                "model has a row of numbers for each observation. Put a Flatten before it, if each row of X is one observation; "
                f"else give X.reshape(-1, {inputs.shape[-1]}) and y.reshape(-1, ...)."
            )
        absent = np.setdiff1d(np.arange(inputs.shape[1]), self.there)
        if (wrong := inputs[:, absent].any(axis=0)).any():
            place = absent[wrong][0] + 1
            raise ValueError(
                f"the input {place} of the layer {self.layer.name} was 0 in each row of the fit, and is not in a row of these "
                "data: it has no weight."
            )
        return inputs if self.width == inputs.shape[1] else inputs[:, self.free]

    def names(self, of_columns: Iterator[str]) -> list[str]:
        return list(islice(of_columns, int(self.layer.weights[0].shape[0])))


@dataclass(frozen=True, eq=False)
class Factor(Part):
    """An Embedding of one code for each row: each level has a column."""

    penalised: ClassVar = {"kernel": "embeddings"}

    def block(self, inputs: np.ndarray) -> np.ndarray:
        self.check(inputs)
        codes = np.asarray(inputs).astype(np.int64).reshape(len(inputs), -1)
        if codes.shape[1] != 1:
            raise NotRead(
                f"the layer {self.layer.name} looks up {codes.shape[1]} codes of each row, and fit reads an Embedding of one, as "
                "a factor: count how often each code occurs, and give the counts to a Dense layer."
            )
        if len(unknown := np.setdiff1d(codes, self.there)):
            raise ValueError(f"no row of the fit had the code {unknown[0]} of the layer {self.layer.name}: it has no weight.")
        return (codes == self.free).astype(float)

    def check(self, inputs: np.ndarray) -> None:
        levels = int(self.layer.input_dim)
        is_code = (inputs >= 0) & (inputs < levels) & (inputs == np.floor(inputs))
        if not is_code.all():
            raise ValueError(
                f"the layer {self.layer.name} looks up codes, the whole numbers from 0 to {levels - 1}, and a row has "
                f"{inputs[~is_code][0]:g}: give each level a code below input_dim, a missing value too."
            )

    def names(self, of_columns: Iterator[str]) -> list[str]:
        return [f"{self.layer.name}[{level}]" for level in range(int(self.layer.input_dim))]


@dataclass(frozen=True, eq=False)
class Linear:
    """
    Layers whose outputs are added: the design (b, p) has the columns of one after another.

    The intercept is the bias of the first layer that has one; the biases of the others add nothing to it, and are 0.
    """

    parts: tuple[Part, ...]

    @classmethod
    def of(cls, layers: Iterable[keras.layers.Layer]) -> Linear:
        return cls(tuple(map(Part.of, layers)))

    @property
    def layers(self) -> list[keras.layers.Layer]:
        return [part.layer for part in self.parts]

    def with_layers(self, layers: Iterable[Any]) -> Linear:
        """This linear part with other layers, such as a twin's."""
        return Linear(tuple(replace(part, layer=layer) for part, layer in zip(self.parts, layers)))

    @property
    def name(self) -> str:
        return " + ".join(layer.name for layer in self.layers)

    @property
    def units(self) -> int:
        return self.parts[0].units

    @property
    def use_bias(self) -> bool:
        return any(part.has_bias for part in self.parts)

    @property
    def ends(self) -> np.ndarray:
        """The places where the columns of each part end."""
        return np.cumsum([part.width for part in self.parts])

    @property
    def width(self) -> int:
        return int(self.ends[-1])

    @property
    def has_factors(self) -> bool:
        return any(isinstance(part, Factor) for part in self.parts)

    @property
    def free_inputs(self) -> np.ndarray:
        """The columns (p,) that are free, by their numbers among the inputs of all Dense layers; -1 for the level of a factor."""
        found, first = [], 0
        for part in self.parts:
            is_factor = isinstance(part, Factor)
            found.append(np.full(part.width, -1) if is_factor else part.free + first)
            first += 0 if is_factor else int(part.layer.weights[0].shape[0])
        return np.concatenate(found)

    @property
    def is_of_data(self) -> np.ndarray:
        """Which columns (p,) are inputs of a Dense layer, and no levels."""
        return self.free_inputs >= 0

    def design(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """The columns (b, p) of what each layer is called with."""
        blocks = [part.block(one) for part, one in zip(self.parts, inputs)]
        return blocks[0] if len(blocks) == 1 else np.hstack(blocks)

    def penalties(self, of: str) -> tuple[float, float]:
        """The factors (l1, l2) that the layers give their sums of \\|w\\| and w^2, of the ``kernel`` or the ``bias``."""
        held = [part for part in self.parts if of == "kernel" or part.has_bias]
        found = {_penalty_of(part.layer, part.penalised[of]) for part in held}
        if len(found) > 1 or (of == "bias" and found != {NONE} and len(held) > 1):
            raise NotRead(
                f"the layers {self.name} have several penalties of the {of}, and fit takes one for all coefficients: give each "
                "layer the same, and use_bias=True to one of them alone."
            )
        return found.pop() if found else NONE

    def weights(self, kernel: np.ndarray, bias: np.ndarray) -> list[list[np.ndarray]]:
        """The weights of each layer, from the coefficients (p, k) and the intercept (k,)."""
        found, left = [], bias
        for part, own in zip(self.parts, np.split(kernel, self.ends[:-1])):
            found.append(part.weights(own, left))
            left = np.zeros_like(bias) if part.has_bias else left
        return found

    def slopes(self, gradients: Sequence[np.ndarray]) -> np.ndarray:
        """The slopes (q, k) in the intercept and the coefficients, of those in all weights of the layers, one after another."""
        left, found, biases = list(gradients), [], []
        for part in self.parts:
            own, left = left[: 1 + part.has_bias], left[1 + part.has_bias :]
            found.append(part.slopes(own))
            biases += own[1:]
        return np.vstack([*biases[:1], *found])

    def names(self, of_columns: Iterable[str]) -> tuple[str, ...]:
        """Names for the columns; ``of_columns`` are names for the Dense layers' inputs."""
        left = iter(of_columns)
        return tuple(named[j] for part in self.parts for named in [part.names(left)] for j in part.free)

    def absent(self, of_columns: Iterable[str]) -> list[str]:
        """The names of the columns that are 0 in each row; ``of_columns`` are names for the Dense layers' inputs."""
        left = iter(of_columns)
        return [name for part in self.parts for name in np.delete(np.array(part.names(left), dtype=object), part.there)]

    def with_columns(self, there: np.ndarray, free: np.ndarray) -> Linear:
        """This linear part with fewer columns: masks (p,) of columns that are not 0 in each row, and that have a coefficient."""
        ends = self.ends[:-1]
        masks = zip(self.parts, np.split(there, ends), np.split(there & free, ends))
        return Linear(tuple(part.with_columns(*own) for part, *own in masks))


def linear_of(model: keras.Model) -> Linear:
    """The linear part of a model. Raises `NotRead` where no layer is trained, or one that is none, or constrained."""
    layers = list(leaves(model))
    trained = [layer for layer in layers if layer.trainable_weights]
    if not trained:
        frozen = [layer.name for layer in layers if layer.weights]
        what = f"{', '.join(frozen)} is frozen: set trainable = True" if frozen else "it has no layer with weights: add a Dense"
        raise NotRead(f"nothing in this model is trained: {what}.")
    kinds = (keras.layers.Dense, keras.layers.Embedding)
    if any(type(layer) not in kinds for layer in trained):
        raise NotRead(
            "fit takes a model whose trained weights are those of a Dense layer, or of several layers (Dense, Embedding) whose "
            f"outputs are added; this model has: {_listed(trained)}."
        )
    for layer in trained:
        _refuse(layer)
    linear = Linear.of(trained)
    if len({part.units for part in linear.parts}) > 1:
        raise NotRead(
            "fit takes a model without a hidden layer: one layer with weights that are trained, a Dense, or several whose "
            f"outputs are added, each of as many units as the model has outputs; this model has: {_listed(trained)}."
        )
    return linear


NONE = (0.0, 0.0)


def _penalty_of(layer: keras.layers.Layer, name: str) -> tuple[float, float]:
    regularizer = getattr(layer, f"{name}_regularizer")
    if regularizer is None:
        return NONE
    if type(regularizer) not in (keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2):
        raise NotRead(f"{layer.name} has a penalty that is neither L1 nor L2, {type(regularizer).__name__}: leave it out.")
    return float(getattr(regularizer, "l1", 0.0)), float(getattr(regularizer, "l2", 0.0))


def _listed(layers: Iterable[Any]) -> str:
    return ", ".join(f"{layer.name} ({type(layer).__name__})" for layer in layers)


def _refuse(layer: keras.layers.Layer) -> None:
    """Raise `NotRead` where a layer's weights are not free."""
    for what, done in {"quantised": "quantization_mode", "given LoRA": "lora_enabled"}.items():
        if getattr(layer, done, None):
            raise NotRead(f"{layer.name} was {what}, so its kernel is not what is trained: fit the model as it was before.")
    if len(layer.trainable_weights) != len(layer.weights):
        raise NotRead(f"some weights of {layer.name} are frozen, and others are trained: set trainable = True of all of them.")
    if getattr(layer, "activity_regularizer", None) is not None:
        raise NotRead(f"{layer.name} has an activity_regularizer, a penalty on its outputs: leave it out.")
    for name in ("kernel_constraint", "bias_constraint", "embeddings_constraint"):
        if getattr(layer, name, None) is not None:
            raise NotRead(f"{layer.name} has a {name}: its optimum may not be the maximum-likelihood estimate. Leave it out.")
    if getattr(layer, "mask_zero", False):
        raise NotRead(
            f"{layer.name} has mask_zero=True, so Keras may leave rows of code 0 out of the loss: leave it out, and drop these "
            "rows if that was meant."
        )
