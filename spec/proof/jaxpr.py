"""The reader of JAX's programs: a table of the primitives of a jaxpr, each on tensors of expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from spec.proof import rows
from spec.proof.field import Approximation
from spec.proof.reading import WHOLE as WHOLE_RELATIONS
from spec.proof.reading import Classes, Operations, UnknownPrimitive, Value
from spec.proof.rows import Tensor


def read(ops: Operations, closed: Any, arguments: list[Value]) -> list[Value]:
    """The outputs of a closed jaxpr at symbolic arguments. Raises UnknownPrimitive for a primitive that is in no table."""
    return _read(ops, closed.jaxpr, [ops.constant(constant) for constant in closed.consts], arguments)


def _read(ops: Operations, jaxpr: Any, constants: list[Value], arguments: list[Value]) -> list[Value]:
    known: dict[Any, Value] = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*constants, *arguments]))

    def value(variable: Any) -> Value:
        return ops.constant(variable.val) if hasattr(variable, "val") else known[variable]

    for equation in _needed(jaxpr):
        name = equation.primitive.name
        inputs = [value(variable) for variable in equation.invars]
        if name in CALLS:
            inner = equation.params[CALLS[name]]
            found: Any = tuple(read(ops, inner, inputs) if hasattr(inner, "consts") else _read(ops, inner, [], inputs))
        elif name in PRIMITIVES:
            try:
                found = PRIMITIVES[name](ops, equation, *inputs)
            except (ArithmeticError, ValueError) as error:
                raise type(error)(f"{name}: {error}") from error
        else:
            raise UnknownPrimitive(f"JAX's {name} is in no table of spec/proof/jaxpr.py")
        for variable, result in zip(equation.outvars, found if isinstance(found, tuple) else (found,)):
            known[variable] = result
    return [value(variable) for variable in jaxpr.outvars]


def _needed(jaxpr: Any) -> list[Any]:
    """The equations that the outputs depend on, in their order."""
    wanted, found = {id(variable) for variable in jaxpr.outvars}, []
    for equation in reversed(jaxpr.eqns):
        if any(id(variable) in wanted for variable in equation.outvars):
            wanted |= {id(variable) for variable in equation.invars}
            found.append(equation)
    return found[::-1]


def lines(closed: Any) -> list[str]:
    """The whole program, a line for each equation."""
    return str(closed).splitlines()


def _size(size: Any) -> rows.Size:
    """A length: a whole number, or that of an open axis, which JAX writes "n" or "3*n"."""
    return int(size) if isinstance(size, (int, np.integer)) else rows.merged(sorted(str(size).split("*"), reverse=True))


def _shape(sizes: Any) -> rows.Shape:
    return tuple(_size(size) for size in sizes)


CALLS = {"jit": "jaxpr", "pjit": "jaxpr", "closed_call": "call_jaxpr", "custom_jvp_call": "call_jaxpr", "remat": "jaxpr"}


# -- the primitives: (ops, the equation, its inputs) -----------------------------------------------------------------------------
def _broadcast(ops: Operations, equation: Any, x: Value, *_: Any) -> Value:
    if isinstance(x, Classes):
        return x
    shape, places = _shape(equation.params["shape"]), [int(i) for i in equation.params["broadcast_dimensions"]]
    if not isinstance(x, Tensor):
        inner = [1] * len(shape)
        for place, size in zip(places, np.shape(x)):
            inner[place] = size
        return np.broadcast_to(np.reshape(x, inner), rows.closed(shape))
    between: list[rows.Size] = [1] * len(shape)
    for place, size in zip(places, x.shape):
        between[place] = size
    opened = Tensor(tuple(between), {axes: array.reshape(rows.closed(tuple(between))) for axes, array in x.parts.items()})
    return rows.spread(opened, shape)


def _convert(ops: Operations, equation: Any, x: Value) -> Value:
    kind = np.dtype(equation.params["new_dtype"]).kind
    return ops.real(x) if kind == "f" else x


def _dot(ops: Operations, equation: Any, a: Tensor, b: Tensor) -> Value:
    (left, right), (batch, _) = equation.params["dimension_numbers"]
    if batch:
        raise UnknownPrimitive(f"JAX's dot_general over {equation.params['dimension_numbers']}")
    (one, before), (other, after) = (_matrix(each, list(axes)) for each, axes in ((a, left), (b, right)))
    if rows.INPUTS in rows.opened(one.shape[1:]) and rows.ROWS in rows.opened(after):  # X is on the right
        found = rows.transpose(rows.contract(other, rows.transpose(one, [1, 0]), ops.products), [1, 0])
    else:
        found = rows.contract(one, rows.transpose(other, [1, 0]), ops.products)
    return rows.reshape(found, (*before, *after))


def _matrix(t: Tensor, axes: list[int]) -> tuple[Tensor, rows.Shape]:
    """The tensor as a matrix, whose rows are all axes but ``axes`` and whose columns are those; and the shape of the former."""
    others = [place for place in range(len(t.shape)) if place not in axes]
    kept, summed = (tuple(t.shape[place] for place in places) for places in (others, axes))
    return rows.reshape(rows.transpose(t, [*others, *axes]), (rows.merged(kept), rows.merged(summed))), kept


def _select(ops: Operations, equation: Any, condition: Any, other: Value, one: Value) -> Value:
    return ops.select(condition, one, other)


def _largest(ops: Operations, equation: Any, x: Tensor) -> Value:
    if list(equation.params["axes"]) != [len(x.shape) - 1] or x.shape[0] != rows.ROWS:
        raise UnknownPrimitive("JAX's reduce_max but over the classes of a row")
    return ops.largest(x)


def _maximum(ops: Operations, equation: Any, a: Value, b: Value) -> Value:
    if not isinstance(a, Tensor) and np.all(np.isneginf(np.asarray(a, dtype=float))):
        return b  # of nothing the largest is minus infinity
    return ops.binary["maximum"](a, b)


def _counted(ops: Operations, equation: Any) -> Value:
    """0, 1, ... along an axis."""
    shape, axis = rows.closed(_shape(equation.params["shape"])), equation.params["dimension"]
    return np.indices(shape)[axis].astype(object)


def _integer_power(ops: Operations, equation: Any, x: Tensor) -> Value:
    return rows.apply(lambda f: f ** equation.params["y"], x)


def _sum(ops: Operations, equation: Any, x: Value) -> Value:
    return rows.total(x, list(equation.params["axes"]))


def _reshape(ops: Operations, equation: Any, x: Value, *_: Any) -> Value:
    shape = _shape(equation.params["new_sizes"])
    return rows.reshape(x, shape) if isinstance(x, Tensor) else np.reshape(x, rows.closed(shape))


def _expanded(ops: Operations, equation: Any, x: Tensor) -> Value:
    return rows.reshape(x, _shape(equation.outvars[0].aval.shape))


def _slice(ops: Operations, equation: Any, x: Tensor) -> Value:
    first, last, steps = (equation.params[name] for name in ("start_indices", "limit_indices", "strides"))
    key: list[Any] = []
    shape: list[rows.Size] = []
    for size, start, stop, step in zip(x.shape, first, last, steps or [1] * len(x.shape)):
        if isinstance(size, str):
            if start != 0 or str(stop) != size:
                raise rows.Meets("a part of the rows is taken")
            key.append(slice(None))
            shape.append(size)
        else:
            key.append(slice(int(start), int(stop), int(step)))
            shape.append(len(range(size)[key[-1]]))
    return rows.at(x, tuple(key), tuple(shape))


def _joined(ops: Operations, equation: Any, *parts: Value) -> Value:
    return rows.joined(list(parts), equation.params["dimension"], ops.field.number(0))


def _split(ops: Operations, equation: Any, x: Tensor) -> Value:
    axis, sizes = equation.params["axis"], [_size(size) for size in equation.params["sizes"]]
    if any(isinstance(size, str) for size in sizes):
        raise rows.Meets("a part of the rows is taken")
    first, found = 0, []
    for size in map(int, sizes):
        key = tuple(slice(first, first + size) if place == axis else slice(None) for place in range(len(x.shape)))
        found.append(rows.at(x, key, (*x.shape[:axis], size, *x.shape[axis + 1 :])))
        first += size
    return tuple(found)


def _pad(ops: Operations, equation: Any, x: Tensor, value: Tensor) -> Value:
    before, after, between = (list(map(int, sizes)) for sizes in zip(*equation.params["padding_config"]))
    if any(between) or min(before + after) < 0 or not all(entry.is_zero for entry in value.entries.flat):
        raise UnknownPrimitive("JAX's pad but by zeros at the ends")
    return rows.padded(x, before, after, ops.field.number(0))


def _gather(ops: Operations, equation: Any, x: Tensor, places: Any) -> Value:
    numbers, sizes = equation.params["dimension_numbers"], _shape(equation.params["slice_sizes"])
    key = _window(x.shape, numbers.start_index_map, places, sizes)
    dropped = set(numbers.collapsed_slice_dims)
    part = rows.at(x, key, sizes)
    return rows.reshape(part, tuple(size for axis, size in enumerate(sizes) if axis not in dropped))


def _scatter_add(ops: Operations, equation: Any, x: Tensor, places: Any, updates: Tensor) -> Value:
    numbers = equation.params["dimension_numbers"]
    inserted, kept = set(numbers.inserted_window_dims), iter(updates.shape)
    sizes = tuple(1 if axis in inserted else next(kept) for axis in range(len(x.shape)))
    key, result = _window(x.shape, numbers.scatter_dims_to_operand_dims, places, sizes), x.entries.copy()
    result[key] = result[key] + rows.reshape(updates, sizes).entries
    return Tensor(x.shape, {"": result})


def _window(shape: rows.Shape, axes: Any, places: Any, sizes: rows.Shape) -> tuple[slice, ...]:
    """The index of the window that begins at ``places`` along some axes."""
    first = dict(zip(axes, (int(place) for place in np.ravel(places))))
    if any(isinstance(shape[axis], str) for axis in first):
        raise rows.Meets("a part of the rows is taken")
    return tuple(
        slice(None) if isinstance(size, str) else slice(first.get(axis, 0), first.get(axis, 0) + size)
        for axis, size in enumerate(sizes)
    )


def _bits(ops: Operations, equation: Any, x: Value) -> Value:
    raise Approximation("a number is made from the bits of another, for a polynomial near a function")


def _real(function: Callable[..., Value]) -> Callable[..., Value]:
    """The primitive of numbers, where some inputs may be whole ones."""

    def applied(ops: Operations, equation: Any, *inputs: Value) -> Value:
        if not any(isinstance(x, Tensor) for x in inputs):
            return WHOLE[equation.primitive.name](*inputs)
        return function(ops, *(ops.real(x) for x in inputs))

    return applied


def _relation(name: str) -> Callable[..., Value]:
    return lambda ops, equation, a, b: _compared(ops, name, a, b)


def _compared(ops: Operations, name: str, a: Value, b: Value) -> Value:
    if isinstance(a, Classes) and name == "equal":
        return a.equal(b)
    if isinstance(a, Tensor) and not isinstance(b, Tensor) and np.isinf(np.asarray(b, dtype=float)).all():
        return WHOLE_RELATIONS[name](
            0.0, np.broadcast_to(np.asarray(b, dtype=float), rows.closed(a.shape))
        )  # a real is no infinity
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        return ops.compare(name, ops.real(a), ops.real(b))
    return ops.compare(name, a, b)


def _same(ops: Operations, equation: Any, x: Value) -> Value:
    return x


WHOLE: dict[str, Callable[..., Any]] = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "neg": np.negative}
UNARY = ("exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "square", "tanh", "erfc", "floor", "abs", "sign")
PRIMITIVES: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("stop_gradient", "copy", "copy_p", "reduce_precision", "optimization_barrier"), _same),
    **dict.fromkeys(("add", "add_any"), _real(lambda ops, a, b: rows.add(a, b))),
    "sub": _real(lambda ops, a, b: ops.subtract(a, b)),
    "mul": _real(lambda ops, a, b: rows.multiply(a, b)),
    "div": _real(lambda ops, a, b: ops.divide(a, b)),
    "neg": _real(lambda ops, a: rows.negative(a)),
    "pow": _real(lambda ops, a, b: ops.power(a, b)),
    "integer_pow": _integer_power,
    **{name: (lambda ops, equation, x, name=name: ops.unary[name](x)) for name in UNARY},
    "logistic": lambda ops, equation, x: ops.unary["sigmoid"](x),
    "atan2": lambda ops, equation, y, x: ops.binary["arctan2"](y, x),
    "max": _maximum,
    "min": lambda ops, equation, a, b: ops.binary["minimum"](a, b),
    "clamp": lambda ops, equation, low, x, high: ops.binary["maximum"](ops.binary["minimum"](x, high), low),
    "eq": _relation("equal"),
    "ne": _relation("different"),
    "gt": _relation("greater"),
    "ge": _relation("greater or equal"),
    "lt": _relation("less"),
    "le": _relation("less or equal"),
    "or": lambda ops, equation, a, b: a | b,
    "and": lambda ops, equation, a, b: a & b,
    "not": lambda ops, equation, a: ~np.asarray(a, dtype=bool),
    "select_n": _select,
    "dot_general": _dot,
    "reduce_sum": _sum,
    "cumsum": lambda ops, equation, x: rows.running(x, equation.params["axis"], equation.params["reverse"]),
    "reduce_max": _largest,
    "reduce_prod": lambda ops, equation, x: ops.length(x),
    "broadcast_in_dim": _broadcast,
    "iota": _counted,
    "reshape": _reshape,
    "squeeze": _expanded,
    "expand_dims": _expanded,
    "transpose": lambda ops, equation, x: rows.transpose(x, [int(i) for i in equation.params["permutation"]]),
    "slice": _slice,
    "concatenate": _joined,
    "split": _split,
    "pad": _pad,
    "gather": _gather,
    "bitcast_convert_type": _bits,
    "scatter-add": _scatter_add,
    "convert_element_type": _convert,
    "dim_as_value": lambda ops, equation: np.array(_size(equation.params["dim"]), dtype=object),
}
