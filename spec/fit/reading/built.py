"""The inputs of a user's Keras model, which is built where it is not yet; what no configuration tells is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from spec.engines.keras.versions import keras
from spec.fit.inputs import Input
from spec.fit.reading.graph import graph_of, is_text
from spec.fit.reading.leaves import NotRead, leaves
from spec.fit.rows import Rows
from spec.fit.vocabulary import Vocabulary, vocabulary_of

LIBRARIES = ("keras", "tensorflow", "tf_keras", "builtins")


def build(model: keras.Model, X: Any, given: Callable[[], Rows]) -> tuple[Input, ...]:
    """The inputs of a model, which is built of the shape of X where it is not built yet. A subclass is refused."""
    if not isinstance(model, keras.Model):
        raise TypeError(f"the first argument is a {type(model).__name__}: give a compiled Keras model, then X and y.")
    if is_subclass(model):
        raise NotRead(
            f"{type(model).__name__} is a subclass with code of its own (call, train_step or compute_loss), which cannot be "
            "read: write the model as keras.Sequential, or as keras.Model(inputs, outputs)."
        )
    if len(getattr(model, "outputs", None) or [0]) > 1:
        raise NotRead(
            f"the model has {len(model.outputs)} outputs: fit takes a model of one. Fit each by itself, as "
            "keras.Model(inputs, output)."
        )
    _refuse_text(model)
    if not model.built or not model.inputs:
        if isinstance(next(leaves(model), None), keras.layers.StringLookup):
            raise NotRead("the model is not built, and takes text: begin it with keras.Input((1,), dtype='string').")
        model.build((None, *(_shape(X) or (given().sample(1).X.shape[1],))))
    return inputs_of(model)


def _refuse_text(model: keras.Model) -> None:
    """Raise NotRead where a model does more with text than to look it up."""
    if not any(is_text(one) for one in getattr(model, "inputs", None) or ()):
        return
    for call in graph_of(model).all():
        one = call.operation
        is_lookup = isinstance(one, keras.layers.StringLookup)
        if any(is_text(part.tensor) for part in call.given) and not (is_lookup and one.num_oov_indices < 2):
            does = f"tells {one.num_oov_indices} kinds of unknown texts apart" if is_lookup else f"is a {type(one).__name__}"
            raise NotRead(
                f"the layer {one.name} takes text, and {does}: fit reads text that a StringLookup with at most one index for "
                "unknown texts looks up. Apply the layer to the data first, and fit a model of what it gives."
            )


def _shape(X: Any) -> tuple[int, ...]:
    """The shape of a row, if it has more than one dimension: of arrays and lists, and of the first batch of a stream."""
    if hasattr(X, "element_spec"):
        X = next(iter(X))[0]
    elif hasattr(X, "num_batches") or (isinstance(X, (list, tuple)) and X and isinstance(X[0], tuple)):
        X = X[0][0]
    try:
        shape = tuple(X.shape) if hasattr(X, "shape") else np.shape(X)
    except ValueError:  # rows of several lengths
        return ()
    return shape[1:] if len(shape) > 2 else ()


def is_subclass(model: keras.Model) -> bool:
    """Whether the model computes or trains by code of its user's, which no configuration tells."""
    own = [kind for kind in type(model).__mro__ if kind.__module__.split(".")[0] not in LIBRARIES]
    return any(name in vars(kind) for kind in own for name in ("call", "train_step", "compute_loss"))


def inputs_of(model: keras.Model) -> tuple[Input, ...]:
    """The inputs of a model that is built, called by the keys of its dict of inputs, if it has one."""
    structure = getattr(model, "input", None)
    keys = {id(tensor): str(key) for key, tensor in structure.items()} if isinstance(structure, dict) else {}
    return tuple(
        Input(
            keys.get(id(tensor), str(tensor.name).split(":")[0]), tuple(tensor.shape[1:]), vocabulary=_vocabulary(model, tensor)
        )
        for tensor in model.inputs
    )


def _vocabulary(model: keras.Model, tensor: Any) -> Vocabulary | None:
    """The texts that layers look up of an input; None where it takes numbers."""
    if not is_text(tensor):
        return None
    return vocabulary_of([call.operation for call in graph_of(model).all() if any(one.tensor is tensor for one in call.given)])
