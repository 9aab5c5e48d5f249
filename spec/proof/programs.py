"""
The programs of a network: its mean, its loss, what it back-propagates, and that differentiated again, as its backend traces them.

The network is `KerasNetwork`, the one that the claims train. The number of rows is left open.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from spec.engines.keras.backend import BACKEND
from spec.engines.keras.network import KerasNetwork
from spec.proof import tensorflow
from spec.proof.reading import Operations, Value


@dataclass(frozen=True, eq=False)
class Program:
    """
    A traced program. ``read(ops, data, weights, directions)`` is [mean, loss, *gradient, *second].

    ``data`` are the inputs, y and the weights of the rows; ``weights`` and ``directions`` are shaped like the network's
    variables, and second is the Hessian times the directions, shaped like them, too. ``lines`` are the program as text.
    """

    read: Callable[[Operations, list[Value], list[Value], list[Value]], list[Value]]
    lines: Callable[[], list[str]]


class NoReader(NotImplementedError):
    """There is no reader for this backend, or this version of it."""


def traced(network: KerasNetwork) -> Program:
    """The program of a network. Raises NoReader where its backend has no reader."""
    if BACKEND.name not in TRACERS:
        raise NoReader(f"there is no reader of {BACKEND.name}'s programs: only of {' and '.join(TRACERS)}'s")
    return TRACERS[BACKEND.name](network)


def _of_tensorflow(network: KerasNetwork) -> Program:
    tf, variables = BACKEND.tf, network.variables

    def everything(data: Any, directions: Any) -> Any:
        with tf.GradientTape() as again:
            with tf.GradientTape() as tape:
                loss = network.derivatives.loss(*data)
            gradient = tape.gradient(loss, variables)
        second = again.gradient(gradient, variables, output_gradients=directions, unconnected_gradients="zero")
        return network.model(data[0]), loss, gradient, second

    shapes = tf.nest.map_structure(lambda part: tf.TensorSpec([None, *part.shape[1:]], part.dtype), network.data)
    like = [tf.TensorSpec(variable.shape, "float64") for variable in variables]
    function = tf.function(everything, autograph=False).get_concrete_function(shapes, like)
    names = {id(_handle(variable)): place for place, variable in enumerate(variables)}

    def read(ops: Operations, data: list[Value], weights: list[Value], directions: list[Value]) -> list[Value]:
        own = [weights[names[id(variable.handle)]] for variable in function.graph.variables]
        return tensorflow.read(ops, function, [*data, *directions], own)

    return Program(read, lambda: tensorflow.lines(function))


def _handle(variable: Any) -> Any:
    """The handle of TensorFlow's variable, which Keras 3 has within its own."""
    own = getattr(variable, "value", None)
    return own.handle if hasattr(own, "handle") else variable.handle


TRACERS: dict[str, Callable[[KerasNetwork], Program]] = {"tensorflow": _of_tensorflow}
