"""The weights of a layer, as they are set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from spec.compat import strict_zip
from spec.engines.keras.backend import BACKEND
from spec.engines.keras.versions import keras


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
