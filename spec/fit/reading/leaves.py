"""The layers that a model consists of, and the error of a model that is not read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spec.engines.keras.versions import keras


class NotRead(ValueError):
    """A model that is no generalized linear model, or cannot be read as one: says why, and what to do."""


def operations(model: Any) -> Iterator[Any]:
    """Yield the layers and the operations (such as a + b) behind the inputs of a model, those of nested models in their place."""
    for one in getattr(model, "operations", model.layers):
        if isinstance(one, keras.Model):
            yield from operations(one)
        elif not isinstance(one, keras.layers.InputLayer):
            yield one


def is_text(tensor: Any) -> bool:
    """Whether a tensor of a model is text."""
    return "string" in str(getattr(tensor.dtype, "name", tensor.dtype))


def takes_text(operation: Any) -> bool:
    """Whether an operation of a functional model is given text."""
    given = (getattr(node, "input_tensors", None) for node in operation._inbound_nodes)
    return any(is_text(one) for tensors in given for one in (tensors if isinstance(tensors, (list, tuple)) else [tensors]))


def leaves(layer: Any) -> Iterator[Any]:
    """Yield the layers that a model consists of, those of nested models in their place."""
    for inner in getattr(layer, "layers", ()):
        if isinstance(inner, keras.Model):
            yield from leaves(inner)
        else:
            yield inner
