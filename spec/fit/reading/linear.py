"""The linear part of a network: the layers with weights that are trained, whose outputs are added, and the design they make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Union

import numpy as np

from spec.engines.keras.versions import keras
from spec.fit.reading.leaves import NotRead, leaves

SHOWN = 5  # codes of a sentence


@dataclass(frozen=True, eq=False)
class Columns:
    """A Dense layer: its inputs are columns of the design."""

    layer: keras.layers.Dense

    @property
    def units(self) -> int:
        return int(self.layer.units)

    @property
    def width(self) -> int:
        return int(self.layer.kernel.shape[0])

    @property
    def has_bias(self) -> bool:
        return bool(self.layer.use_bias)

    @property
    def penalised(self) -> dict[str, str]:
        """What Keras calls its weights, by what they are in the linear predictor."""
        return {"kernel": "kernel", "bias": "bias"} if self.has_bias else {"kernel": "kernel"}

    def check(self, inputs: np.ndarray) -> None:
        """Raise ValueError where the layer cannot be called with these inputs."""

    def block(self, inputs: np.ndarray) -> np.ndarray:
        """The columns (b, p) that the layer makes of what it is called with."""
        if inputs.ndim != 2:
            raise NotRead(
                f"the layer {self.layer.name} gets an array of {inputs.ndim} dimensions, {inputs.shape}; a generalized linear "
                "model has a row of numbers for each observation. Put a Flatten before it, if each row of X is one observation; "
                f"else give X.reshape(-1, {inputs.shape[-1]}) and y.reshape(-1, ...)."
            )
        return inputs

    def weights(self, kernel: np.ndarray, bias: np.ndarray) -> list[np.ndarray]:
        """What the layer's weights are where its columns have the coefficients ``kernel`` (p, k)."""
        return [kernel, bias][: 1 + self.has_bias]

    def slopes(self, gradients: Sequence[np.ndarray]) -> np.ndarray:
        """The slopes (p, k) in the coefficients of its columns, of those in its weights."""
        return gradients[0]

    def names(self, of_columns: Iterator[str]) -> Iterator[str]:
        """Names for its columns; those of `Units` come in the order of all Dense layers."""
        return (next(of_columns) for _ in range(self.width))


@dataclass(frozen=True, eq=False)
class Factor:
    """An Embedding of one code for each row: each level that is ``free`` has a column, and at the others the weight is 0."""

    layer: keras.layers.Embedding
    there: np.ndarray  # the levels that rows have
    free: np.ndarray

    has_bias, penalised = False, {"kernel": "embeddings"}

    @classmethod
    def of(cls, layer: keras.layers.Embedding) -> Factor:
        every = np.arange(int(layer.input_dim))
        return cls(layer, every, every)

    @property
    def units(self) -> int:
        return int(self.layer.output_dim)

    @property
    def width(self) -> int:
        return len(self.free)

    def block(self, inputs: np.ndarray) -> np.ndarray:
        """The indicators (b, p) of the free levels, of the codes that the layer is called with."""
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

    def weights(self, kernel: np.ndarray, bias: np.ndarray) -> list[np.ndarray]:
        table = np.zeros((int(self.layer.input_dim), self.units))
        table[self.free] = kernel
        return [table]

    def slopes(self, gradients: Sequence[np.ndarray]) -> np.ndarray:
        return gradients[0][self.free]

    def names(self, of_columns: Iterator[str]) -> Iterator[str]:
        return (f"{self.layer.name}[{level}]" for level in self.free)

    def told(self) -> str:
        """A sentence on the levels whose weight is 0."""
        absent = np.setdiff1d(np.arange(int(self.layer.input_dim)), self.there)
        reference = np.setdiff1d(self.there, self.free)
        said = [f"code {code} is the reference, whose weight is 0" for code in reference]
        if len(absent):
            shown = f"{', '.join(map(str, absent[:SHOWN]))}{', ...' * (len(absent) > SHOWN)}"
            one = len(absent) == 1
            said.append(f"code{'s' * (not one)} {shown}, which no row has, {'has' if one else 'have'} the weight 0")
        return f"The layer {self.layer.name}: {'; '.join(said)}." if said else ""


Part = Union[Columns, Factor]


@dataclass(frozen=True, eq=False)
class Linear:
    """
    Layers whose outputs are added: the design (b, p) has the columns of one after another.

    The intercept is the bias of the first layer that has one; the biases of the others add nothing to it, and are 0.
    """

    parts: tuple[Part, ...]

    @classmethod
    def of(cls, layers: Iterable[keras.layers.Layer]) -> Linear:
        return cls(tuple(Factor.of(one) if type(one) is keras.layers.Embedding else Columns(one) for one in layers))

    @property
    def layers(self) -> list[keras.layers.Layer]:
        return [part.layer for part in self.parts]

    def with_layers(self, layers: Iterable[keras.layers.Layer]) -> Linear:
        """The same of other layers, such as those of a twin."""
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
        """Where the columns of each part end."""
        return np.cumsum([part.width for part in self.parts])

    @property
    def width(self) -> int:
        return int(self.ends[-1])

    @property
    def is_of_data(self) -> np.ndarray:
        """Which columns (p,) are inputs of a Dense layer, and no levels."""
        return np.repeat([isinstance(part, Columns) for part in self.parts], [part.width for part in self.parts])

    @property
    def factors(self) -> list[Factor]:
        return [part for part in self.parts if isinstance(part, Factor)]

    def design(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """The columns (b, p) of what each layer is called with."""
        blocks = [part.block(one) for part, one in zip(self.parts, inputs)]
        return blocks[0] if len(blocks) == 1 else np.hstack(blocks)

    def penalties(self, of: str) -> tuple[float, float]:
        r"""The factors (l1, l2) that the layers give their sums of \|w\| and w^2, of the ``kernel`` or the ``bias``."""
        found = {_penalty_of(part.layer, name) for part in self.parts if (name := part.penalised.get(of))}
        if len(found) > 1 or (of == "bias" and found != {NONE} and sum(part.has_bias for part in self.parts) > 1):
            raise NotRead(
                f"the layers {self.name} have several penalties of the {of}, and fit takes one for all coefficients: give each "
                "layer the same, and use_bias=True to one of them alone."
            )
        return found.pop() if found else NONE

    def weights(self, kernel: np.ndarray, bias: np.ndarray) -> list[list[np.ndarray]]:
        """The weights of each layer, of the coefficients (p, k) and the intercept (k,)."""
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
        """Names for the columns; ``of_columns`` are those of the Dense layers' inputs."""
        left = iter(of_columns)
        return tuple(name for part in self.parts for name in part.names(left))

    def of_levels(self, there: np.ndarray, every: bool) -> Linear:
        """
        The same with weights for the levels that are ``there``, which says (p,) of each column whether a row has it.

        The levels of a factor add up to the intercept, or to another factor's, so the first has the weight 0, unless ``every``
        level is to have one, as under a penalty.
        """
        is_told, found = self.use_bias, []
        for part, own in zip(self.parts, np.split(there, self.ends[:-1])):
            if isinstance(part, Factor):
                levels = part.free[own]
                part, is_told = replace(part, there=levels, free=levels[int(is_told and not every) :]), True
            found.append(part)
        return Linear(tuple(found))


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
    linear = Linear.of(trained)
    if len({part.units for part in linear.parts}) > 1:
        raise NotRead(
            "fit takes a model without a hidden layer: one layer with weights that are trained, a Dense, or several whose "
            f"outputs are added, each of as many units as the model has outputs; this model has: {_listed(trained)}."
        )
    for layer in trained:
        _refuse(layer)
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
