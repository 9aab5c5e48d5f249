"""A layer made anew in float64, with the same functions and without penalties and constraints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from spec.engines.keras.backend import BACKEND
from spec.engines.keras.versions import keras
from spec.fit.reading.leaves import NotRead

DROPPED = (
    *("kernel_regularizer", "bias_regularizer", "embeddings_regularizer", "activity_regularizer"),
    *("kernel_constraint", "bias_constraint", "embeddings_constraint"),
)


def _activation(activation: Any) -> Any:
    """The activation in float64: a function has the precision of its argument, a layer has its own."""
    return remade(activation) if isinstance(activation, keras.layers.Layer) else activation


def remade(layer: Any) -> Any:
    """The layer anew, in float64, with the same functions. Raises NotRead where it cannot be made."""
    try:
        for kind, make in MADE.items():
            if type(layer) is kind:
                return make(layer, name=layer.name, dtype="float64")
        config = {name: value for name, value in layer.get_config().items() if name not in DROPPED}
        if "float" in str(config.get("dtype", "")):
            config["dtype"] = "float64"
        if hasattr(layer, "get_vocabulary"):  # a table that was adapted is no part of the configuration
            config["vocabulary"] = known = layer.get_vocabulary(include_special_tokens=False)
            if getattr(layer, "output_mode", "") == "tf_idf":
                first = len(layer.get_vocabulary()) - len(known)  # those of a mask and of unknown texts are made of the others
                config["idf_weights"] = np.asarray(BACKEND.numpy(layer.idf_weights))[first : first + len(known)]
        return type(layer).from_config(config)
    except (TypeError, ValueError, OSError, NotImplementedError) as error:
        raise NotRead(
            f"the layer {layer.name}, a {type(layer).__name__}, cannot be made anew from its get_config(): let get_config return "
            "the arguments of its __init__, which takes **kwargs too."
        ) from error


# layers with a function of the user's, which a configuration may not hold
MADE: dict[Any, Callable[..., Any]] = {
    keras.layers.Dense: lambda layer, **kwargs: keras.layers.Dense(
        layer.units, activation=_activation(layer.activation), use_bias=layer.use_bias, **kwargs
    ),
    keras.layers.Activation: lambda layer, **kwargs: keras.layers.Activation(_activation(layer.activation), **kwargs),
    keras.layers.Lambda: lambda layer, **kwargs: keras.layers.Lambda(layer.function, arguments=layer.arguments, **kwargs),
}
