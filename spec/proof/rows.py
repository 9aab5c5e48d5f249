"""
Tensors of expressions: one row stands for all n, one input for all p.

A shape has whole numbers, and "n" and "p" for the rows and the inputs, whose length stays open. An entry of such an axis is an
expression in the symbols of one row (or input). An axis may also be several in one: "n*3" has three entries for each row, and
"3*p" has the inputs of three alternatives, one after another. A sum over the rows is kept as that, in a part of its own: the
tensor is the entry of part "" plus the sum over the rows of part "n". Rows may meet in one such sum, and inputs in one product
with the kernel; whatever else would make them meet is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Union

import numpy as np

from spec.proof.field import Expr

ROWS, INPUTS = "n", "p"
Size = Union[int, str]
Shape = tuple[Size, ...]


class Meets(ValueError):
    """Rows or inputs meet where they may not, or in an order in which they cannot be told apart."""


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor of ``shape``; ``parts`` are its summands, by the axes that are summed over; in each an open axis has length 1."""

    shape: Shape
    parts: dict[str, np.ndarray]

    @property
    def entries(self) -> np.ndarray:
        """The entries of a tensor without sums. Raises Meets where there are sums."""
        if any(self.parts):
            raise Meets("a sum over the rows goes into a function that is not linear")
        return self.parts[""]


@lru_cache(None)
def factors(size: Size) -> tuple[Size, ...]:
    """What an axis is made of: whole numbers and open axes."""
    return tuple(part if part in (ROWS, INPUTS) else int(part) for part in str(size).split("*"))


def opened(shape: Iterable[Size]) -> str:
    """The open axes in a shape."""
    return "".join(part for size in shape for part in factors(size) if isinstance(part, str))


@lru_cache(4096)
def closed(shape: Shape) -> tuple[int, ...]:
    """The shape of the arrays that hold the entries."""
    return tuple(math.prod(part for part in factors(size) if isinstance(part, int)) for size in shape)


def merged(sizes: Iterable[Size]) -> Size:
    """The one axis that several make, one after another in memory."""
    parts = [part for size in sizes for part in factors(size)]
    names = opened(parts)
    if len(names) > 1:
        raise Meets(f"the axes {parts} are made one")
    place = parts.index(names) if names else 0
    before, after = (math.prod(closed(tuple(some))) for some in (parts[:place], parts[place:]))
    return "*".join(str(part) for part in (before, names, after) if part not in (1, "")) if names else before * after


def tensor(shape: Shape, entries: Any) -> Tensor:
    array = np.empty(closed(shape), dtype=object)
    array[...] = np.asarray(entries, dtype=object).reshape(closed(shape)) if np.size(entries) > 1 else np.ravel(entries)[0]
    return Tensor(shape, {"": array})


@lru_cache(4096)
def together(*shapes: Shape) -> Shape:
    """The shape to which tensors of these shapes are broadcast."""
    result: list[Size] = []
    for place in range(-max(map(len, shapes)), 0):
        sizes = {shape[place] for shape in shapes if len(shape) >= -place} - {1} or {1}
        if len(sizes) > 1:
            raise Meets(f"shapes {shapes} do not fit each other")
        result.append(sizes.pop())
    names = opened(result)
    if len(set(names)) < len(names):
        raise Meets(f"shapes {shapes} make every row meet every row")
    return tuple(result)


def fitting(*tensors: Tensor) -> list[Tensor]:
    """The tensors; where one has an open axis and another has the same entry all along its own, that is the open axis, too."""
    rank = max(len(t.shape) for t in tensors)
    open_axes = {place: s for t in tensors for place in range(-len(t.shape), 0) if isinstance(s := t.shape[place], str)}
    found = []
    for t in tensors:
        for place in range(-min(rank, len(t.shape)), 0):
            if place in open_axes and t.shape[place] not in (1, open_axes[place]) and _is_constant(t, place):
                shape = (*t.shape[: len(t.shape) + place], open_axes[place], *t.shape[len(t.shape) + place + 1 :])
                t = Tensor(shape, {axes: full(array.take([0], axis=place), shape) for axes, array in t.parts.items()})
        found.append(t)
    return found


def _is_constant(t: Tensor, axis: int) -> bool:
    """Whether the entries are the same all along an axis."""
    arrays = (np.moveaxis(array, axis, 0) for array in t.parts.values())
    return all(one.key == other.key for a in arrays for each in a[1:] for one, other in zip(a[0].flat, each.flat))


def full(array: np.ndarray, shape: Shape) -> np.ndarray:
    sizes = closed(shape)
    return array if array.shape == sizes else np.broadcast_to(array, sizes)


def apply(function: Callable[..., Any], *tensors: Tensor) -> Tensor:
    """A function of the entries, which has no sum in them."""
    tensors = tuple(fitting(*tensors))
    shape = together(*(t.shape for t in tensors))
    return Tensor(shape, {"": _boxed(np.frompyfunc(function, len(tensors), 1)(*(full(t.entries, shape) for t in tensors)))})


def add(*tensors: Tensor) -> Tensor:
    tensors = tuple(fitting(*tensors))
    shape = together(*(t.shape for t in tensors))
    parts: dict[str, np.ndarray] = {}
    for each in tensors:
        for axes, array in each.parts.items():
            parts[axes] = _boxed(parts[axes] + full(array, shape)) if axes in parts else full(array, shape)
    return Tensor(shape, parts)


def negative(t: Tensor) -> Tensor:
    return Tensor(t.shape, {axes: _boxed(-array) for axes, array in t.parts.items()})


def multiply(a: Tensor, b: Tensor) -> Tensor:
    a, b = fitting(a, b)
    shape = together(a.shape, b.shape)
    parts: dict[str, np.ndarray] = {}
    for one, left in a.parts.items():
        for other, right in b.parts.items():
            if (one and other) or (one and _indices(right) & set(one)) or (other and _indices(left) & set(other)):
                raise Meets("a sum over the rows is multiplied by something of the rows")
            product = _boxed(full(left, shape) * full(right, shape))
            axes = one + other
            parts[axes] = parts[axes] + product if axes in parts else product
    return Tensor(shape, parts)


def _indices(array: np.ndarray) -> set[str]:
    """The open axes that the entries depend on."""
    return {axis for expr in array.flat if isinstance(expr, Expr) for axis in indices(expr)}


def indices(expr: Expr) -> set[str]:
    """The open axes on which the symbols of an expression depend."""
    found: set[str] = set()
    for symbol in expr.symbols:
        found |= set(AXES.get(symbol.rstrip("0123456789"), ""))
    return found


# the symbols, by their names without a number, and the axes along which each has a value of its own
AXES = {"x": "np", "w": "p", "v": "p", "eta": "n", "y": "n", "weight": "n", "offset": "n", "t": "n", "top": "n"}


def total(t: Tensor, axes: list[int], keep: bool = False) -> Tensor:
    """The sum over some axes."""
    axes = sorted({axis % len(t.shape) for axis in axes}) if t.shape else []
    names = opened(t.shape[axis] for axis in axes)
    shape = tuple(1 if i in axes else s for i, s in enumerate(t.shape) if keep or i not in axes)
    parts: dict[str, np.ndarray] = {}
    for own, array in t.parts.items():
        if set(own) & set(names):
            raise Meets("a sum over the rows is summed over the rows again")
        summed, name = _summed(array, tuple(axes), keep), "".join(sorted(own + names))
        parts[name] = parts[name] + summed if name in parts else summed
    return Tensor(shape, {name: _boxed(array) for name, array in parts.items()})


def _summed(array: np.ndarray, axes: tuple[int, ...], keep: bool) -> np.ndarray:
    """The sums along some axes; by the entries' own ``total``, if they have one."""
    total = getattr(next(array.flat, None), "total", None)
    if total is None:
        return np.asarray(array.sum(axis=axes, keepdims=keep), dtype=object)
    terms = np.moveaxis(array, axes, range(-len(axes), 0)).reshape(-1, int(np.prod([array.shape[axis] for axis in axes])))
    sums = np.array([*map(total, terms)], dtype=object)
    return sums.reshape([1 if place in axes else size for place, size in enumerate(array.shape) if keep or place not in axes])


def _boxed(array: Any) -> np.ndarray:
    box = np.empty(np.shape(array), dtype=object)
    box[...] = array
    return box


def reshape(t: Tensor, shape: Shape) -> Tensor:
    """The same entries in another shape, in which the open axes are where they were; -1 is what the other axes leave."""
    shape = tuple(_missing(t.shape, shape) if -1 in shape else shape)
    if INPUTS in opened(t.shape) and INPUTS not in opened(shape):
        shape = _with_inputs(t.shape, shape)
    if _places(t.shape) != _places(shape):
        raise Meets(f"{t.shape} is reshaped to {shape}")
    return Tensor(shape, {axes: array.reshape(closed(shape)) for axes, array in t.parts.items()})


def _missing(before: Shape, shape: Shape) -> Iterator[Size]:
    """The shape with the size that makes it that of all entries in place of -1."""
    others = tuple(size for size in shape if size != -1)
    names = [name for name in opened(before) if name not in opened(others)]
    size = math.prod(closed(before)) // math.prod(closed(others))
    for own in shape:
        yield own if own != -1 else merged([*names, size])


def _with_inputs(before: Shape, shape: Shape) -> Shape:
    """The shape where the size that the program has as a number is known to be that of the inputs, by the entries before it."""
    ahead, sizes = _places(before)[INPUTS], closed(shape)
    passed = [math.prod(sizes[:place]) for place in range(len(sizes))]
    for least in (2, 1):  # one input is a size of 1
        for place, (size, first, count) in enumerate(zip(shape, passed, sizes)):
            if count >= least and not opened([size]) and ahead % first == 0 and first <= ahead < max(first * count, first + 1):
                return (*shape[:place], merged([ahead // first, INPUTS]), *shape[place + 1 :])
    return shape


def _places(shape: Shape) -> dict[str, int]:
    """The open axes, and how many entries there are before each, and before the end."""
    passed, found = 1, {}
    for part in (part for size in shape for part in factors(size)):
        if isinstance(part, str):
            found[part] = passed
        else:
            passed *= part
    return {**found, "": passed}


def spread(t: Tensor, shape: Shape) -> Tensor:
    """The tensor, broadcast to a shape."""
    together(t.shape, shape)
    return Tensor(shape, {axes: full(array, shape) for axes, array in t.parts.items()})


def transpose(t: Tensor, order: list[int]) -> Tensor:
    return Tensor(tuple(t.shape[i] for i in order), {axes: array.transpose(order) for axes, array in t.parts.items()})


def at(t: Tensor, key: Any, shape: Shape) -> Tensor:
    """The entries at an index of NumPy's, which takes an open axis as a whole."""
    return Tensor(shape, {axes: _boxed(array[key]) for axes, array in t.parts.items()})


def put_at(t: Tensor, key: Any, shape: Shape, zero: Expr) -> Tensor:
    """A tensor of zeros with the entries at an index of NumPy's."""

    def within(array: np.ndarray) -> np.ndarray:
        result = np.full(closed(shape), zero, dtype=object)
        result[key] = array
        return result

    return Tensor(shape, {axes: within(array) for axes, array in t.parts.items()})


def padded(t: Tensor, before: list[int], after: list[int], zero: Expr) -> Tensor:
    """The tensor with zeros before and after its entries along each axis; along an open one there are none."""
    shape, key = [], []
    for size, first, last in zip(t.shape, before, after):
        if isinstance(size, str) and (first or last):
            raise Meets("rows are added")
        shape.append(size if isinstance(size, str) else size + first + last)
        key.append(slice(None) if isinstance(size, str) else slice(first, first + size))
    return put_at(t, tuple(key), tuple(shape), zero)


def joined(tensors: list[Tensor], axis: int, zero: Expr) -> Tensor:
    """The tensors, one after the other along an axis."""
    sizes = [t.shape[axis] for t in tensors]
    if any(isinstance(size, str) for size in sizes):
        raise Meets("rows are joined")
    others = together(*((*t.shape[:axis], 1, *t.shape[axis + 1 :]) for t in tensors))
    places = np.cumsum([0, *sizes])
    whole, parts = (*others[:axis], int(places[-1]), *others[axis + 1 :]), []
    for t, first in zip(tensors, places):
        before = [int(first) if place == axis else 0 for place in range(len(whole))]
        after = [int(places[-1] - first - t.shape[axis]) if place == axis else 0 for place in range(len(whole))]
        parts.append(padded(spread(t, (*others[:axis], t.shape[axis], *others[axis + 1 :])), before, after, zero))
    return add(*parts)


def running(t: Tensor, axis: int, backwards: bool = False) -> Tensor:
    """The cumulative sums along an axis, from its first entry on, or from its last one back."""
    if isinstance(t.shape[axis], str):
        raise Meets("sums run along the rows")
    step = slice(None, None, -1 if backwards else 1)

    def summed(array: np.ndarray) -> np.ndarray:
        return np.moveaxis(np.cumsum(np.moveaxis(array, axis, 0)[step], axis=0)[step], 0, axis)

    return Tensor(t.shape, {axes: _boxed(summed(array)) for axes, array in t.parts.items()})


def contract(a: Tensor, b: Tensor, products: dict[tuple[str, str], Expr]) -> Tensor:
    """
    The product of the matrices a (m, l) and b (l, k). Over the inputs it is one that ``products`` knows: X with the kernel.

    Over the rows it is the sum, and over other axes that of the entries.
    """
    size, shape = a.shape[1], (a.shape[0], b.shape[1])
    if INPUTS not in opened([size, b.shape[0]]):
        left = Tensor((*a.shape, 1), {axes: array[:, :, None] for axes, array in a.parts.items()})
        right = Tensor((1, *b.shape), {axes: array[None] for axes, array in b.parts.items()})
        return total(multiply(left, right), [1])
    names = [(one.key, other.key) for one in a.entries[:, 0] for other in b.entries[0]]
    if {size, b.shape[0]} != {INPUTS} or any(name not in products for name in names):
        raise Meets("the inputs meet something that is not the kernel")
    return tensor(shape, [products[name] for name in names])
