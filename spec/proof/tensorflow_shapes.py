"""TensorFlow's operations on shapes: what is cut, joined, padded and reshaped, and the whole numbers that say where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from spec.proof import rows
from spec.proof.reading import Operations, Value
from spec.proof.rows import Tensor


def whole_numbers(array: Any) -> list[Any]:
    """The entries of an array as whole numbers; the name of an open axis stays."""
    return [x if isinstance(x, str) else int(x) for x in np.ravel(np.asarray(array, dtype=object))]


def _shape(ops: Operations, node: Any, x: Value) -> Value:
    return np.array(x.shape, dtype=object)


def _broadcast_axes(ops: Operations, node: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """The axes along which each of two shapes is broadcast to the other."""
    a, b = whole_numbers(a), whole_numbers(b)
    size = max(len(a), len(b))
    a, b = [1] * (size - len(a)) + a, [1] * (size - len(b)) + b
    one = [i for i in range(size) if a[i] == 1 and b[i] != 1]
    other = [i for i in range(size) if b[i] == 1 and a[i] != 1]
    both = [i for i in range(size) if a[i] == 1 and b[i] == 1]
    return np.array(one + both, dtype=object), np.array(other + both, dtype=object)


def _slices(node: Any, shape: rows.Shape, begin: Any, end: Any, steps: Any) -> tuple[Any, rows.Shape]:
    """The index of NumPy's that a strided slice is, and the shape of what it takes."""
    mask = {name: node.get_attr(f"{name}_mask") for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")}
    begin, end, steps = whole_numbers(begin), whole_numbers(end), whole_numbers(steps)
    index: list[Any] = []
    result: list[rows.Size] = []
    axis = 0
    for i in range(len(begin)):
        bit = 1 << i
        if mask["ellipsis"] & bit:
            after = sum(not mask["new_axis"] & (1 << j) for j in range(i + 1, len(begin)))
            while axis < len(shape) - after:
                index.append(slice(None))
                result.append(shape[axis])
                axis += 1
        elif mask["new_axis"] & bit:
            index.append(None)
            result.append(1)
        elif mask["shrink_axis"] & bit:
            index.append(begin[i])
            axis += 1
        else:
            cut = slice(None if mask["begin"] & bit else begin[i], None if mask["end"] & bit else end[i], steps[i])
            size = shape[axis]
            if isinstance(size, str) and cut != slice(None, None, 1) and not (cut.start in (None, 0) and cut.stop is None):
                raise rows.Meets("a part of the rows is taken")
            index.append(slice(None) if isinstance(size, str) else cut)
            result.append(size if isinstance(size, str) else len(range(size)[cut]))
            axis += 1
    index += [slice(None)] * (len(shape) - axis)
    return tuple(index), (*result, *shape[axis:])


def _strided_slice(ops: Operations, node: Any, x: Value, begin: Any, end: Any, steps: Any) -> Value:
    key, shape = _slices(node, x.shape, begin, end, steps)
    return rows.at(x, key, shape) if isinstance(x, Tensor) else x[key]


def _strided_slice_gradient(ops: Operations, node: Any, shape: Any, begin: Any, end: Any, steps: Any, gradient: Tensor) -> Value:
    whole = tuple(whole_numbers(shape))
    key, _ = _slices(node, whole, begin, end, steps)
    return rows.put_at(gradient, key, whole, ops.field.number(0))


def _slice(ops: Operations, node: Any, x: Value, begin: Any, size: Any) -> Value:
    begin, size = whole_numbers(begin), whole_numbers(size)
    if not isinstance(x, Tensor):
        return x[begin[0] : None if size[0] == -1 else begin[0] + size[0]]
    shape: list[Any] = []
    key: list[Any] = []
    for axis, (first, count) in enumerate(zip(begin, size)):
        whole = x.shape[axis]
        if isinstance(whole, str):
            if first or count not in (-1, whole):
                raise rows.Meets("a part of the rows is taken")
            key.append(slice(None))
            shape.append(whole)
        else:
            count = whole - first if count == -1 else count
            key.append(slice(first, first + count))
            shape.append(count)
    return rows.at(x, tuple(key), tuple(shape))


def _concatenate(ops: Operations, node: Any, *inputs: Any) -> Value:
    *parts, axis = inputs
    if not isinstance(parts[0], Tensor):
        return np.concatenate([np.atleast_1d(part) for part in parts], axis=int(axis))
    return rows.joined(parts, int(axis) % len(parts[0].shape), ops.field.number(0))


def _stitch(ops: Operations, node: Any, *inputs: Any) -> Value:
    indices, data = inputs[: len(inputs) // 2], inputs[len(inputs) // 2 :]
    found: dict[Any, Any] = {}
    for places, values in zip(indices, data):
        found.update(zip(whole_numbers(places), np.ravel(np.asarray(values, dtype=object))))
    return np.array([found[i] for i in sorted(found)], dtype=object)


def _gather(ops: Operations, node: Any, x: Any, places: Any, axis: Any) -> Value:
    return x[np.asarray(places, dtype=int)]


def _tile(ops: Operations, node: Any, x: Tensor, times: Any) -> Value:
    times = whole_numbers(times)
    if any(size != 1 and many != 1 for size, many in zip(x.shape, times)):
        raise rows.Meets(f"{x.shape} is repeated {times} times")
    return rows.spread(x, tuple(many if size == 1 else size for size, many in zip(x.shape, times)))


def _shapes(ops: Operations, node: Any, *inputs: Value) -> Value:
    return tuple(_shape(ops, node, x) for x in inputs)


def difference(a: Any, b: Any) -> Any:
    """The difference of whole numbers and lengths; an open axis less itself is 0. Raises Meets for other lengths of open axes."""

    def less(one: Any, other: Any) -> Any:
        if one != other and (isinstance(one, str) or isinstance(other, str)):
            raise rows.Meets("rows are counted from others than the first")
        return 0 if one == other else one - other

    return np.frompyfunc(less, 2, 1)(a, b)


def _offsets(ops: Operations, node: Any, axis: Any, *shapes: Any) -> Value:
    """Where each of the tensors begins that are joined along an axis."""
    lengths = [shape[int(axis)] for shape in shapes]
    if any(isinstance(length, str) for length in lengths):
        raise rows.Meets("rows are joined")
    begins = [np.zeros(len(shape), dtype=object) for shape in shapes]
    for place, begin in enumerate(begins):
        begin[int(axis)] = sum(lengths[:place])
    return tuple(begins)


def _pad(ops: Operations, node: Any, x: Tensor, sizes: Any) -> Value:
    before, after = (whole_numbers(column) for column in np.transpose(sizes))
    return rows.padded(x, before, after, ops.field.number(0))


def _reshape(ops: Operations, node: Any, x: Value, shape: Any) -> Value:
    if isinstance(x, Tensor):
        return rows.reshape(x, tuple(whole_numbers(shape)))
    return x.reshape(whole_numbers(shape)) if isinstance(x, np.ndarray) else x


SHAPES: dict[str, Callable[..., Any]] = {
    "Shape": _shape,
    "ShapeN": _shapes,
    "Size": lambda ops, node, x: ops.length(x.shape),
    "Rank": lambda ops, node, x: np.array(len(x.shape), dtype=object),
    "Prod": lambda ops, node, x, axes: ops.length(x),
    "Pack": lambda ops, node, *x: np.array([whole_numbers(part)[0] for part in x], dtype=object),
    "Range": lambda ops, node, first, end, step: np.array(range(int(first), int(end), int(step)), dtype=object),
    "FloorMod": lambda ops, node, a, b: np.asarray(a, dtype=object) % np.asarray(b, dtype=object),
    "DynamicStitch": _stitch,
    "GatherV2": _gather,
    "BroadcastGradientArgs": _broadcast_axes,
    "StridedSlice": _strided_slice,
    "StridedSliceGrad": _strided_slice_gradient,
    "Slice": _slice,
    "ConcatV2": _concatenate,
    "ConcatOffset": _offsets,
    "Pad": _pad,
    "Reshape": _reshape,
    "Squeeze": lambda ops, node, x: rows.reshape(
        x, tuple(s for i, s in enumerate(x.shape) if i not in {a % len(x.shape) for a in node.get_attr("squeeze_dims")})
    ),
    "ExpandDims": lambda ops, node, x, axis: rows.reshape(x, _expanded(x.shape, int(axis))),
    "Transpose": lambda ops, node, x, order: rows.transpose(x, whole_numbers(order)),
    "InvertPermutation": lambda ops, node, order: np.argsort(whole_numbers(order)).astype(object),
    "BroadcastTo": lambda ops, node, x, shape: rows.spread(x, tuple(whole_numbers(shape))),
    "Tile": _tile,
    "Fill": lambda ops, node, shape, x: (
        rows.spread(x, tuple(whole_numbers(shape)))
        if isinstance(x, Tensor)
        else np.full(list(whole_numbers(shape)), x, dtype=object)
    ),
}


def _expanded(shape: rows.Shape, axis: int) -> rows.Shape:
    axis = axis % (len(shape) + 1)
    return (*shape[:axis], 1, *shape[axis:])
