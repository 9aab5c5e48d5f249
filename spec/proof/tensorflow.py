"""The reader of TensorFlow's concrete functions: a table of its operations, each on tensors of expressions."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from spec.engines.keras.backend import BACKEND
from spec.proof import rows
from spec.proof.reading import Operations, UnknownPrimitive, Value
from spec.proof.rows import Tensor
from spec.proof.tensorflow_shapes import SHAPES, difference, whole_numbers


class Node:
    """An operation of a graph. Its attributes are kept, since a program is read many times."""

    def __init__(self, operation: Any) -> None:
        self.type, self.name, self.get_attr = operation.type, operation.name, lru_cache(None)(operation.get_attr)
        self.inputs, self.outputs = ([tensor.name for tensor in each] for each in (operation.inputs, operation.outputs))
        self.first = operation.inputs[0] if self.inputs else None

    @cached_property
    def constant(self) -> np.ndarray:
        backend: Any = BACKEND
        found: np.ndarray = backend.tf.make_ndarray(self.get_attr("value"))
        return found


class Graph:
    """A concrete function, to be read."""

    def __init__(self, function: Any) -> None:
        self.graph = function.graph
        self.nodes = [Node(operation) for operation in _needed(self.graph.outputs) if operation.type != "Placeholder"]

    def read(self, ops: Operations, arguments: list[Value], variables: list[Value]) -> list[Value]:
        """
        The outputs at symbolic arguments.

        ``variables`` are the values of the graph's variables. Raises UnknownPrimitive for an operation that is in no table.
        """
        places = {id(handle): value for (_, handle), value in zip(_captures(self.graph), variables)}
        known: dict[str, Value] = dict(zip((placeholder.name for placeholder in self.graph.inputs), arguments))
        for node in self.nodes:
            if node.type == "ReadVariableOp":
                known[node.outputs[0]] = places[id(node.first)]
                continue
            if node.type not in OPERATIONS:
                raise UnknownPrimitive(f"TensorFlow's {node.type} ({node.name}) is in no table of spec/proof/tensorflow.py")
            try:
                found = OPERATIONS[node.type](ops, node, *(known[name] for name in node.inputs))
            except (ArithmeticError, ValueError) as error:
                raise type(error)(f"{node.type} ({node.name}): {error}") from error
            known.update(zip(node.outputs, found if isinstance(found, tuple) else (found,)))
        return [known[tensor.name] for tensor in self.graph.outputs]


def _captures(graph: Any) -> list[tuple[Any, Any]]:
    """(variable, the placeholder of its handle), in the order of the graph's variables."""
    by_handle = {id(outer): inner for outer, inner in graph.captures}
    return [(variable, by_handle[id(variable.handle)]) for variable in graph.variables]


def _needed(outputs: list[Any]) -> list[Any]:
    """The operations that the outputs depend on, in the order of the graph."""
    waiting, seen = [tensor.op for tensor in outputs], {}
    while waiting:
        operation = waiting.pop()
        if operation.name not in seen:
            seen[operation.name] = operation
            waiting += [tensor.op for tensor in operation.inputs]
    return [operation for operation in outputs[0].graph.get_operations() if operation.name in seen]


def lines(function: Any) -> list[str]:
    """The operations that the mean and the loss depend on, a line for each but those that make constants and shapes."""
    mean, loss = function.graph.outputs[:2]
    return [
        f"{node.outputs[0].name} = {node.type}({', '.join(tensor.name for tensor in node.inputs)})"
        for node in _needed([mean, loss])
        if node.type not in QUIET
    ]


QUIET = ("Const", "Placeholder", "ReadVariableOp", "Identity", "Shape", "StridedSlice", "Pack", "Prod", "Cast")


# -- the operations: (ops, the node, its inputs) ---------------------------------------------------------------------------------
def _constant(ops: Operations, node: Any) -> Value:
    return ops.constant(node.constant)


def _sum(ops: Operations, node: Any, x: Value, axes: Any) -> Value:
    return rows.total(x, whole_numbers(axes), node.get_attr("keep_dims")) if np.size(axes) else x


def _mean(ops: Operations, node: Any, x: Tensor, axes: Any) -> Value:
    sizes = [x.shape[axis] for axis in whole_numbers(axes)]
    count = rows.apply(lambda *f: np.prod(f), *(ops.real(size) for size in sizes)) if sizes else ops.real(1)
    return ops.divide(_sum(ops, node, x, axes), count)


def _running(ops: Operations, node: Any, x: Tensor, axis: Any) -> Value:
    if node.get_attr("exclusive"):
        raise UnknownPrimitive("TensorFlow's Cumsum without the entry itself")
    return rows.running(x, int(axis), node.get_attr("reverse"))


def _add(ops: Operations, node: Any, *inputs: Value) -> Value:
    if all(isinstance(x, Tensor) for x in inputs):
        return rows.add(*inputs)
    return sum(inputs[1:], inputs[0])


def _matmul(ops: Operations, node: Any, a: Tensor, b: Tensor) -> Value:
    a = rows.transpose(a, [1, 0]) if node.get_attr("transpose_a") else a
    b = rows.transpose(b, [1, 0]) if node.get_attr("transpose_b") else b
    return rows.contract(a, b, ops.products)


def _batch_matmul(ops: Operations, node: Any, a: Tensor, b: Tensor) -> Value:
    if node.get_attr("adj_x"):
        a = rows.transpose(a, [0, 2, 1])
    if node.get_attr("adj_y"):
        b = rows.transpose(b, [0, 2, 1])
    left = rows.reshape(a, (*a.shape, 1))
    right = rows.reshape(b, (b.shape[0], 1, *b.shape[1:]))
    return rows.total(rows.multiply(left, right), [2])


def _cast(ops: Operations, node: Any, x: Value) -> Value:
    return ops.real(x) if node.get_attr("DstT").is_floating else x


def _zeros_like(ops: Operations, node: Any, x: Tensor) -> Value:
    return ops.filled(x.shape)


def _bias_gradient(ops: Operations, node: Any, gradient: Tensor) -> Value:
    return rows.total(gradient, list(range(len(gradient.shape) - 1)))


def _xlogy(ops: Operations, node: Any, x: Tensor, y: Tensor, shift: int = 0) -> Value:
    shape = rows.together(x.shape, y.shape)
    zero = ops.compare("equal", rows.spread(x, shape), ops.filled(shape))
    safe = ops.select(zero, ops.filled(shape, 1), rows.add(rows.spread(y, shape), ops.filled(shape, shift)))
    return rows.multiply(x, ops.unary["log"](safe))


def _xdivy(ops: Operations, node: Any, x: Tensor, y: Tensor) -> Value:
    shape = rows.together(x.shape, y.shape)
    zero = ops.compare("equal", rows.spread(x, shape), ops.filled(shape))
    return ops.divide(x, ops.select(zero, ops.filled(shape, 1), rows.spread(y, shape)))


def _of(name: str) -> Callable[..., Value]:
    return lambda ops, node, *inputs: (ops.unary.get(name) or ops.binary[name])(*inputs)


def _relation(name: str) -> Callable[..., Value]:
    return lambda ops, node, a, b: ops.compare(name, a, b)


OPERATIONS: dict[str, Callable[..., Any]] = {
    "Const": _constant,
    **dict.fromkeys(("Identity", "StopGradient", "PreventGradient", "Snapshot"), lambda ops, node, x: x),
    # arithmetic
    **dict.fromkeys(("Add", "AddV2", "AddN", "BiasAdd"), _add),
    "Sub": lambda ops, node, a, b: ops.subtract(a, b) if isinstance(a, Tensor) else difference(a, b),
    "Mul": lambda ops, node, a, b: rows.multiply(a, b) if isinstance(a, Tensor) else a * b,
    **dict.fromkeys(("RealDiv", "Div", "DivNoNan"), lambda ops, node, a, b: ops.divide(a, b)),  # by n, which is not 0
    "Neg": lambda ops, node, x: rows.negative(x),
    "Pow": lambda ops, node, a, b: ops.power(a, b),
    "SquaredDifference": lambda ops, node, a, b: ops.unary["square"](ops.subtract(a, b)),
    "MatMul": _matmul,
    "BatchMatMulV2": _batch_matmul,
    "Sum": _sum,
    "Cumsum": _running,
    "Mean": _mean,
    "BiasAddGrad": _bias_gradient,
    # functions
    **{name: _of(name.lower()) for name in ("Exp", "Expm1", "Log", "Log1p", "Sqrt", "Rsqrt", "Square", "Reciprocal", "Sigmoid")},
    **{name: _of(name.lower()) for name in ("Softplus", "Tanh", "Erfc", "Floor", "Abs", "Sign", "Maximum", "Minimum")},
    "Atan2": _of("arctan2"),
    "Xlogy": _xlogy,
    "Xlog1py": lambda ops, node, x, y: _xlogy(ops, node, x, y, shift=1),
    "Xdivy": _xdivy,
    "Softmax": lambda ops, node, x: ops.softmax(x),
    "LogSoftmax": lambda ops, node, x: ops.log_softmax(x),
    "SoftmaxCrossEntropyWithLogits": lambda ops, node, eta, y: ops.cross_entropy(eta, y),
    "SparseSoftmaxCrossEntropyWithLogits": lambda ops, node, eta, classes: ops.cross_entropy(eta, classes.y),
    # their derivatives
    "SigmoidGrad": lambda ops, node, s, g: rows.apply(lambda s, g: g * s * (1 - s), s, g),
    "TanhGrad": lambda ops, node, h, g: rows.apply(lambda h, g: g * (1 - h * h), h, g),
    "SoftplusGrad": lambda ops, node, g, x: rows.multiply(g, ops.unary["sigmoid"](x)),
    "ReciprocalGrad": lambda ops, node, r, g: rows.apply(lambda r, g: -g * r * r, r, g),
    "SqrtGrad": lambda ops, node, r, g: rows.apply(lambda r, g: g / (2 * r), r, g),
    "RsqrtGrad": lambda ops, node, r, g: rows.apply(lambda r, g: -g * r * r * r / 2, r, g),
    # comparisons and choices
    "Equal": _relation("equal"),
    "NotEqual": _relation("different"),
    "Greater": _relation("greater"),
    "GreaterEqual": _relation("greater or equal"),
    "Less": _relation("less"),
    "LessEqual": _relation("less or equal"),
    "LogicalOr": lambda ops, node, a, b: a | b,
    "LogicalAnd": lambda ops, node, a, b: a & b,
    "LogicalNot": lambda ops, node, a: ~a,
    **dict.fromkeys(("Select", "SelectV2"), lambda ops, node, c, a, b: ops.select(c, a, b)),
    "ClipByValue": lambda ops, node, x, low, high: ops.binary["maximum"](ops.binary["minimum"](x, high), low),
    # shapes
    **SHAPES,
    "Cast": _cast,
    "ZerosLike": _zeros_like,
    "OnesLike": lambda ops, node, x: ops.filled(x.shape, 1),
}
