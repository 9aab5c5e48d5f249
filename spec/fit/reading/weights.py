"""The weights of a layer, as they are set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from spec.compat import strict_zip
from spec.engines.keras.backend import BACKEND
from spec.engines.keras.versions import keras


def refuse_unheld(layer: keras.layers.Layer, weights: Sequence[np.ndarray]) -> None:
    """Raise ValueError where a layer would keep a weight as infinite, or all weights as 0, which they are not."""
    sizes = np.abs(np.concatenate([np.ravel(weight) for weight in weights]))
    kept = layer.weights[0].dtype
    kept = getattr(kept, "name", str(kept))
    limits = np.finfo("float32" if kept == "bfloat16" else kept)  # which has the same exponents
    if sizes.max() > limits.max or 0 < sizes.max() < limits.tiny:
        raise ValueError(
            f"the largest weight is {sizes.max():.3g}, and {layer.name} keeps its weights in {kept}, which has no such number: "
            "give y or X in other units, or make the model in float64 (keras.config.set_dtype_policy)."
        )


def set_weights(layer: keras.layers.Layer, weights: Sequence[np.ndarray]) -> None:
    """
    Set the weights of a layer, as its own `set_weights` does.

    Keras reads each variable of TensorFlow back after it has set it, which for a small model takes as long as a pass over its
    rows. So the variable that Keras's holds is set itself.
    """
    for variable, value in strict_zip(layer.weights, weights):
        held: Any = getattr(variable, "value", None)
        if hasattr(held, "assign"):
            held.assign(BACKEND.tensor(value, held.dtype.name), read_value=False)
        else:
            variable.assign(value)
