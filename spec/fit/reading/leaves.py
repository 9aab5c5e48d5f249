"""The layers that a model consists of, and the error of a model that is not read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spec.engines.keras.versions import keras


class NotRead(ValueError):
    """A model that is no generalized linear model, or cannot be read as one: says why, and what to do."""


def leaves(layer: Any) -> Iterator[Any]:
    """Yield the layers that a model consists of, those of nested models in their place."""
    for inner in getattr(layer, "layers", ()):
        if isinstance(inner, keras.Model):
            yield from leaves(inner)
        else:
            yield inner
