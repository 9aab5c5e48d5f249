"""
What both readers of programs share: the operations on tensors of expressions, by the names of mathematics.

A reader is a table from the primitives of a backend to these. Numbers of a program that are whole, and its truth values, are
arrays of NumPy, in which the open axes stand by their names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spec.proof import functions, namespace, rows
from spec.proof.cases import Case
from spec.proof.field import Expr
from spec.proof.rows import Tensor

Value = Any  # a Tensor of numbers, Classes, or an array of what is whole, true or infinite


@dataclass(frozen=True, eq=False)
class Classes:
    """The class of a row as a whole number: ``y`` (n, k) is 1 at its place, and 0 at the others."""

    y: Tensor

    def equal(self, numbers: Any) -> Tensor:
        """Where they are equal to 0, 1, ..., k - 1, as numbers: y. Raises Meets for others."""
        if np.ravel(numbers).tolist() != list(range(int(self.y.shape[1]))):
            raise rows.Meets("the class of a row is compared with other numbers than those of the classes")
        return self.y


class UnknownPrimitive(NotImplementedError):
    """A program has a primitive that no table knows. The message names it."""


class Operations:
    """The operations in one case of a program. ``products`` says what the inputs times a column of weights is."""

    def __init__(self, case: Case, products: Mapping[tuple[str, str], Expr]) -> None:
        self.case, self.field, self.products = case, case.field, dict(products)
        xp = namespace.Expressions(case.field)
        one: dict[str, Callable[[Expr], Any]] = {
            "exp": functions.exp,
            "expm1": xp.expm1,
            "log": functions.log,
            "log1p": xp.log1p,
            "sqrt": Expr.root,
            "rsqrt": lambda f: 1 / f.root(),
            "square": lambda f: f * f,
            "reciprocal": lambda f: 1 / f,
            "sigmoid": xp.sigmoid,
            "softplus": xp.softplus,
            "tanh": lambda f: 1 - 2 / (functions.exp(2 * f) + 1),
            "erfc": functions.erfc,
            "floor": functions.floor,
            "abs": lambda f: case.sign(f) * f,
            "sign": lambda f: case.field.number(case.sign(f)),
        }
        self.unary = {name: _entrywise(function) for name, function in one.items()}
        two: dict[str, Callable[..., Any]] = {
            "arctan2": functions.arctan2,
            "maximum": lambda f, g: f if case.holds(f - g, ">") else g,
            "minimum": lambda f, g: g if case.holds(f - g, ">") else f,
        }
        self.binary = {name: _entrywise(function) for name, function in two.items()}
        self.relations = {
            "equal": lambda f, g: case.holds(f - g, "=="),
            "different": lambda f, g: not case.holds(f - g, "=="),
            "greater": lambda f, g: case.holds(f - g, ">"),
            "greater or equal": lambda f, g: case.holds(f - g, ">="),
            "less": lambda f, g: case.holds(g - f, ">"),
            "less or equal": lambda f, g: case.holds(g - f, ">="),
        }

    # -- numbers ---------------------------------------------------------------------------------------------------------------
    def constant(self, array: Any) -> Value:
        """An array of the program: floats are read as numbers; whole numbers, truth values and infinities are kept."""
        array = np.asarray(array)
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            return array.astype(object) if array.dtype.kind in "iu" else array
        numbers: list[Any] = [functions.constant(self.field, float(x)) for x in array.flat]
        return rows.tensor(array.shape, np.array(numbers or [0], dtype=object))

    def filled(self, shape: rows.Shape, number: Any = 0) -> Tensor:
        return rows.tensor(shape, self.field.number(number))

    def _length(self, size: rows.Size) -> Expr:
        return self.field.symbol(size) if isinstance(size, str) else self.field.number(size)

    def real(self, whole: Any) -> Any:
        """Whole numbers, truth values or lengths of open axes as numbers."""
        if isinstance(whole, (Tensor, Classes)):
            return whole
        array = np.asarray(whole, dtype=object)
        made = [math.prod(map(self._length, rows.factors(x)), start=self.field.number(1)) for x in array.flat]
        return rows.tensor(array.shape, np.array(made, dtype=object))

    # -- arithmetic ------------------------------------------------------------------------------------------------------------
    def subtract(self, a: Tensor, b: Tensor) -> Tensor:
        return rows.add(a, rows.negative(b))

    def divide(self, a: Tensor, b: Tensor) -> Tensor:
        return rows.multiply(a, rows.apply(lambda f: 1 / f, b))

    def power(self, a: Tensor, b: Tensor) -> Tensor:
        return rows.apply(_power, a, b)

    def compare(self, relation: str, a: Value, b: Value) -> np.ndarray:
        """The truth of a relation between the entries, an array with the open axes at length 1."""
        if not (isinstance(a, Tensor) and isinstance(b, Tensor)):
            return WHOLE[relation](a, b)
        a, b = rows.fitting(a, b)
        shape = rows.together(a.shape, b.shape)
        found = np.frompyfunc(self.relations[relation], 2, 1)(rows.full(a.entries, shape), rows.full(b.entries, shape))
        return np.asarray(found, dtype=bool)

    def select(self, condition: np.ndarray, a: Value, b: Value) -> Value:
        """The entries of a where the condition holds, else those of b."""
        if not isinstance(a, Tensor):
            return np.where(condition, a, b)
        a, b = rows.fitting(a, b)
        shape = rows.together(a.shape, b.shape)
        if np.all(condition) or not np.any(condition):
            return rows.spread(a if np.all(condition) else b, shape)
        left, right = rows.full(a.entries, shape), rows.full(b.entries, shape)
        where = np.asarray(condition).reshape((1,) * (len(shape) - np.ndim(condition)) + np.shape(condition))
        return Tensor(shape, {"": np.where(where, left, right)})

    # -- softmax ---------------------------------------------------------------------------------------------------------------
    def largest(self, x: Tensor) -> Tensor:
        """The largest entry of a row: the symbol "top", any number; it cancels or it remains."""
        return rows.tensor(x.shape[:-1], self.case.symbol("top"))

    def softmax(self, eta: Tensor) -> Tensor:
        odds = self.unary["exp"](eta)
        return self.divide(odds, rows.total(odds, [-1], keep=True))

    def log_softmax(self, eta: Tensor) -> Tensor:
        return self.subtract(eta, self.unary["log"](rows.total(self.unary["exp"](eta), [-1], keep=True)))

    @staticmethod
    def length(sizes: Any) -> Any:
        """The product of lengths, of which one may be open. Raises Meets where several are."""
        return np.array(rows.merged(np.ravel(np.asarray(sizes, dtype=object))), dtype=object)

    def cross_entropy(self, eta: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """(the cross-entropy of each row, softmax - y): what TensorFlow's fused primitive computes."""
        loss = rows.negative(rows.total(rows.multiply(y, self.log_softmax(eta)), [-1]))
        return loss, self.subtract(self.softmax(eta), y)


WHOLE: dict[str, Any] = {
    "equal": lambda a, b: np.equal(a, b),
    "different": lambda a, b: np.not_equal(a, b),
    "greater": lambda a, b: np.greater(a, b),
    "greater or equal": lambda a, b: np.greater_equal(a, b),
    "less": lambda a, b: np.less(a, b),
    "less or equal": lambda a, b: np.less_equal(a, b),
}


def _entrywise(function: Callable[..., Any]) -> Callable[..., Tensor]:
    return lambda *tensors: rows.apply(function, *tensors)


def _power(f: Expr, exponent: Expr) -> Expr:
    if exponent.constant is None:
        raise UnknownPrimitive(f"a power with the exponent {exponent.key}")
    return f**exponent.constant
