"""What a model computes of what: the calls of its layers, back from its outputs to its inputs, also through nested models."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from spec.engines.keras.versions import keras


@dataclass(frozen=True, eq=False)
class Call:
    """A call of a layer or an operation (such as a + b). ``given`` is what made its arguments; an input of the model has None."""

    operation: Any
    tensor: Any
    given: tuple[Call, ...]

    def all(self) -> Iterator[Call]:
        """Yield this call and those behind it, each once."""
        found: dict[Call, None] = {}
        waiting = [self]
        while waiting:
            if (one := waiting.pop()) not in found:
                found[one] = None
                waiting += one.given
        yield from found

    def through(self, kinds: tuple[type, ...]) -> Call:
        """The first call behind this one that is not of these kinds of layers, which take one tensor."""
        one = self
        while isinstance(one.operation, kinds):
            (one,) = one.given
        return one

    def reaches_inputs(self, without: Collection[Any]) -> bool:
        """Whether it depends on an input of the model other than through some layers."""
        passed, waiting = set(), [self]
        while waiting:
            one = waiting.pop()
            if one.operation is None:
                return True
            if one not in passed and not any(one.operation is layer for layer in without):
                passed.add(one)
                waiting += one.given
        return False


def graph_of(model: Any) -> Call:
    """The call that makes the output of a built model of one output."""
    return _made(model.outputs[0], {id(tensor): Call(None, tensor, ()) for tensor in model.inputs})


def _made(tensor: Any, known: dict[int, Call]) -> Call:
    """The call that makes a tensor of a model; ``known`` are those of other tensors of it, by their identity."""
    if id(tensor) not in known:
        operation, place, index = tensor._keras_history
        arguments = operation._inbound_nodes[place].input_tensors
        arguments = arguments if isinstance(arguments, (list, tuple)) else [arguments]
        given = tuple(_made(one, known) for one in arguments)
        if isinstance(operation, keras.Model):
            known[id(tensor)] = _made(operation.outputs[index], dict(zip(map(id, operation.inputs), given)))
        else:
            known[id(tensor)] = Call(operation, tensor, given)
    return known[id(tensor)]


def is_text(tensor: Any) -> bool:
    """Whether a tensor of a model is text."""
    return "string" in str(getattr(tensor.dtype, "name", tensor.dtype))


def asks_for_missing(model: Any) -> bool:
    """Whether a model may ask which numbers are missing, as by ``ops.isnan``; code of the user's own may."""
    return any(_may_ask(call.operation) for call in graph_of(model).all() if call.operation is not None)


def _may_ask(operation: Any) -> bool:
    kind = type(operation)
    name = operation.name if kind.__name__.endswith("OpLambda") else kind.__name__  # Keras 2 has one kind of all operations
    is_keras = kind.__module__.split(".")[0] in ("keras", "tf_keras")
    return (
        not is_keras or kind.__name__ == "Lambda" or any(one in name.lower() for one in ("isnan", "is_nan", "finite", "nantonum"))
    )
