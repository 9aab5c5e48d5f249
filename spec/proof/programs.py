"""
The programs of a network: its mean, its loss, what it back-propagates, and that differentiated again, as its backend traces them.

The network is `KerasNetwork`, the one that the claims train. The number of rows is left open.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import flint
import numpy as np

from spec.engines.keras.backend import BACKEND
from spec.engines.keras.derivatives import as_written
from spec.engines.keras.engine import KerasEngine
from spec.engines.keras.network import KerasNetwork
from spec.engines.keras.versions import RELEASE, VERSION
from spec.proof import jaxpr, tensorflow
from spec.proof.reading import Operations, Value


@dataclass(frozen=True, eq=False)
class Program:
    """
    A traced program. ``read(ops, data, weights, directions)`` is [mean, loss, *gradient, *second].

    ``data`` are the inputs, y and the weights of the rows; ``weights`` and ``directions`` are shaped like the network's
    variables, and second is the Hessian times the directions, shaped like them, too. ``run(data, directions)`` computes the same
    at the network's own weights, as the backend does. ``lines`` are the program as text: of TensorFlow its mean and loss, of JAX
    all of it.
    """

    read: Callable[[Operations, list[Value], list[Value], list[Value]], list[Value]]
    run: Callable[[list[np.ndarray], list[np.ndarray]], list[np.ndarray]]
    lines: Callable[[], list[str]]


class NoReader(NotImplementedError):
    """There is no reader for this backend, or this version of it."""


FIRST = (3, 15)  # the earliest Keras whose programs the tables have been held to


def readable(engine: Any) -> None:
    """Raise NoReader where the programs of an engine's networks cannot be read."""
    if not isinstance(engine, KerasEngine):
        raise NoReader("only the programs of Keras's networks can be read")
    if RELEASE < FIRST:
        raise NoReader(f"its programs are read from Keras {'.'.join(map(str, FIRST))} on, this is {VERSION}")
    if BACKEND.name not in TRACERS:
        raise NoReader(f"there is no reader of {BACKEND.name}'s programs, only of {' and '.join(TRACERS)}'s")
    if not hasattr(flint, "fmpq_mpoly_ctx"):
        raise NoReader(f"python-flint {flint.__version__} has no polynomials in several variables")


def traced(network: KerasNetwork) -> Program:
    """The program of a network of a backend that is `readable`."""
    return TRACERS[BACKEND.name](network)


def _of_tensorflow(network: KerasNetwork) -> Program:
    backend: Any = BACKEND
    tf, variables = backend.tf, network.variables

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
    graph = tensorflow.Graph(function)
    names = {id(_handle(variable)): place for place, variable in enumerate(variables)}

    def read(ops: Operations, data: list[Value], weights: list[Value], directions: list[Value]) -> list[Value]:
        own = [weights[names[id(variable.handle)]] for variable in function.graph.variables]
        return graph.read(ops, [*data, *directions], own)

    def run(data: list[np.ndarray], directions: list[np.ndarray]) -> list[np.ndarray]:
        with as_written(tf):
            found = function(*tf.nest.map_structure(tf.constant, (data, directions)))
        return [np.asarray(part) for part in tf.nest.flatten(found)]

    return Program(read, run, lambda: tensorflow.lines(function))


def _handle(variable: Any) -> Any:
    """The handle of TensorFlow's variable, which Keras 3 has within its own."""
    own: Any = getattr(variable, "value", None)
    return own.handle if hasattr(own, "handle") else variable.handle


def _of_jax(network: KerasNetwork) -> Program:
    backend: Any = BACKEND
    derivatives: Any = network.derivatives
    jax, variables = backend.jax, network.variables
    (n,) = backend.symbolic_sizes("n")
    objective = derivatives.loss_at
    model, fixed = network.model, [variable.value for variable in network.model.non_trainable_variables]

    def everything(values: Any, data: Any, directions: Any) -> Any:
        loss, gradient = jax.value_and_grad(objective)(values, data)
        second = jax.jvp(lambda moved: jax.grad(objective)(moved, data), (values,), (directions,))[1]
        return model.stateless_call(values, fixed, data[0])[0], loss, gradient, second

    def open_rows(part: Any) -> Any:
        return jax.ShapeDtypeStruct((n, *part.shape[1:]), part.dtype)

    like = [jax.ShapeDtypeStruct(tuple(variable.shape), "float64") for variable in variables]
    closed = jax.make_jaxpr(everything)(like, jax.tree_util.tree_map(open_rows, network.data), like)

    def read(ops: Operations, data: list[Value], weights: list[Value], directions: list[Value]) -> list[Value]:
        return jaxpr.read(ops, closed, [*weights, *data, *directions])

    compiled = jax.jit(everything)

    def run(data: list[np.ndarray], directions: list[np.ndarray]) -> list[np.ndarray]:
        found = compiled([variable.value for variable in variables], data, directions)
        return [np.asarray(part) for part in jax.tree_util.tree_leaves(found)]

    return Program(read, run, lambda: jaxpr.lines(closed))


TRACERS: dict[str, Callable[[KerasNetwork], Program]] = {"tensorflow": _of_tensorflow, "jax": _of_jax}
