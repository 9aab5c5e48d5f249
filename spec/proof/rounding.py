r"""
Numbers that are rounded: what a program computes with, in balls, and how far float64 may be from it.

With :math:`u = 2^{-53}` an operation computes the exact result of its operands as they are, but for a factor :math:`1 + \delta`,
:math:`|\delta| \le u`. Of a function of the backend's :math:`|\delta| \le k u` is assumed, with the k of `UNITS`;
tests/instruments/test_floats.py holds the backend to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, partial, reduce
from typing import Any

import flint
import numpy as np

from spec.engines.keras.backend import BACKEND
from spec.proof import functions, reading, rows
from spec.proof.field import Field
from spec.proof.reading import Value
from spec.proof.rows import Tensor

NONE = flint.arb(0)
U, TINY = flint.arb(2) ** -53, flint.arb(2) ** -1022  # the unit of rounding, and the least number that is not flushed to zero
UNITS = {  # k of each backend's functions: what was measured, and about half of that again
    "tensorflow": {
        "exp": 3,
        "expm1": 4,
        "log": 3,
        "log1p": 5,
        "sigmoid": 4,
        "softplus": 12,
        "tanh": 11,
        "erfc": 20,
        "arctan2": 6,
        "sqrt": 1,
        "rsqrt": 3,
        "power": 4,
    },
    "jax": {
        "exp": 3,
        "expm1": 3,
        "log": 2,
        "log1p": 4,
        "sigmoid": 4,
        "softplus": 5,
        "tanh": 11,
        "erfc": 400,
        "arctan2": 2,
        "sqrt": 1,
        "rsqrt": 2,
        "power": 2,
    },
}
FURTHEST = 20  # argument of erfc: beyond, backends lose more and more


class Unbounded(ArithmeticError):
    """Rounding may make anything of a number: of a quotient by what may be 0, of a whole part."""


@dataclass(frozen=True, eq=False)
class Rounded:
    """A number of a program: ``value`` holds what it is exactly, and ``error`` bounds how far the computed one is from that."""

    value: Any
    error: Any = NONE

    @classmethod
    def of(cls, number: Any) -> Rounded:
        return number if isinstance(number, Rounded) else cls(_arb(number))

    @property
    def key(self) -> str:
        return f"{self.value.str(60)} {self.error.str(20)}"

    @property
    def constant(self) -> Fraction | None:
        """The number, if the box has one, and it is computed without an error."""
        if not (self.is_exact and self.value.is_exact()):
            return None
        mantissa, exponent = self.value.man_exp()
        return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)

    @property
    def is_exact(self) -> bool:
        return bool(self.error == 0)

    @property
    def is_zero(self) -> bool:
        """Whether it is 0 everywhere, and computed so."""
        return self.is_exact and bool(self.value == 0)

    @property
    def wide(self) -> Any:
        """A ball with the exact values and the computed ones."""
        return self.value + flint.arb(0, self.error)

    def rounded(self, units: float = 1) -> Rounded:
        """The same, of which the computed one is rounded once more, unless it is a float already."""
        if self.is_exact and units == 1 and self.value.is_exact() and int(self.value.man_exp()[0]).bit_length() <= 53:
            return self
        return Rounded(self.value, (self.error + units * U * _most(self.wide) + TINY).upper())

    def __neg__(self) -> Rounded:
        return Rounded(-self.value, self.error)

    def __add__(self, other: Any) -> Rounded:
        other = Rounded.of(other)
        for one, rest in ((self, other), (other, self)):
            if one.is_zero:
                return rest
        return Rounded(self.value + other.value, self.error + other.error).rounded()

    def __mul__(self, other: Any) -> Rounded:
        other = Rounded.of(other)
        a, b, ea, eb = self.value, other.value, self.error, other.error
        product = Rounded(a * b, _most(a) * eb + _most(b) * ea + ea * eb)
        return product if self._is_power_of_two or other._is_power_of_two else product.rounded()

    __radd__, __rmul__ = __add__, __mul__

    @staticmethod
    def total(terms: Iterable[Any]) -> Rounded:
        """The sum in whatever order: each of its m - 1 additions rounds no more than all terms without their signs."""
        numbers = [one for one in map(Rounded.of, terms) if not one.is_zero]
        if len(numbers) < 3:
            return sum(numbers, Rounded.of(0))
        value, size = (sum(each, NONE) for each in ([one.value for one in numbers], [_most(one.wide) for one in numbers]))
        units = (len(numbers) - 1) * U / (1 - len(numbers) * U)
        return Rounded(value, (sum((one.error for one in numbers), NONE) + units * size + len(numbers) * TINY).upper())

    def __sub__(self, other: Any) -> Rounded:
        return self + -Rounded.of(other)

    def __rsub__(self, other: Any) -> Rounded:
        return Rounded.of(other) - self

    def __truediv__(self, other: Any) -> Rounded:
        other = Rounded.of(other)
        least = other.value.abs_lower() - other.error
        if not least > 0:
            raise Unbounded("a quotient by what may be 0")
        ratio = self.value / other.value
        found = Rounded(ratio, (self.error + _most(ratio) * other.error) / least)
        return found if other._is_power_of_two else found.rounded()

    def __rtruediv__(self, other: Any) -> Rounded:
        return Rounded.of(other) / self

    def __pow__(self, exponent: Any) -> Rounded:
        e = Fraction(exponent)
        if e.denominator == 1 and e:  # perhaps by multiplications
            return _through(lambda x: x ** int(e), lambda x: int(e) * x ** int(e - 1), self, float(e) - 1 if e > 0 else -float(e))
        q = _arb(e)
        return _through(lambda x: x**q, lambda x: q * x ** (q - 1), self, UNITS[BACKEND.name]["power"])

    @property
    def _is_power_of_two(self) -> bool:
        is_known = self.is_exact and self.value.is_exact()
        return is_known and (self.is_zero or abs(int(self.value.man_exp()[0])) == 1)


def _arb(number: Any) -> Any:
    fraction = Fraction(number)
    return flint.arb(flint.fmpq(fraction.numerator, fraction.denominator))


def _most(ball: Any) -> Any:
    return ball.abs_upper()


def _through(function: Callable[[Any], Any], slope: Callable[[Any], Any], f: Rounded, units: float) -> Rounded:
    """A function of a number: its slope enlarges the error, by the mean value theorem, and it rounds by so many units."""
    error = flint.arb(0) if f.is_exact else _most(slope(f.wide)) * f.error
    found = Rounded(function(f.value), error)
    if not found.value.is_finite() or not found.error.is_finite():
        raise Unbounded(f"a function of {f.value.str(6)} that is nowhere bounded")
    return found.rounded(units) if units else found


def of_backend(name: str, f: Rounded) -> Rounded:
    """One of the `FUNCTIONS`, as the backend rounds it."""
    return _through(*FUNCTIONS[name], f, UNITS[BACKEND.name][name])


class Box:
    """
    A box as a field of numbers, and as the case in which a program runs: ``ways`` are the answers to its first open comparisons.

    Where a box is not decided, the answers beyond these are true; ``asked`` are all.
    """

    def __init__(self, ways: list[bool]) -> None:
        self.ways, self.asked = ways, list[bool]()

    @property
    def field(self) -> Box:
        return self

    def number(self, value: Any) -> Rounded:
        return Rounded.of(value)

    def symbol(self, name: str) -> Rounded:
        """The number of rows, which is 1: the only symbol that a program asks for by its name."""
        return Rounded.of(1)

    def holds(self, difference: Rounded, relation: str) -> bool:
        """
        Whether a difference is 0 ("=="), positive (">") or not negative (">="); both are tried where the box has both.

        Where rounding decides, the two ways are the same function, as `spec.proof.prove` shows of every way but approximations.
        """
        ball = difference.wide
        answers = {
            "==": (ball == 0, not ball.contains(0)),
            ">": (ball > 0, ball <= 0),
            ">=": (ball >= 0, ball < 0),
        }[relation]
        if any(answers):
            return bool(answers[0])
        self.asked.append(self.ways[len(self.asked)] if len(self.asked) < len(self.ways) else True)
        return self.asked[-1]

    def sign(self, f: Rounded) -> int:
        return 0 if self.holds(f, "==") else 1 if self.holds(f, ">") else -1


class Operations(reading.Operations):
    """The operations of a program on numbers that are rounded."""

    def __init__(self, case: Any, products: Any) -> None:
        super().__init__(case, products)
        self.unary.update({name: _each(partial(of_backend, name)) for name in FUNCTIONS})
        self.unary["floor"] = _each(_floor)
        self.binary["arctan2"] = _each(_angle)

    def constant(self, array: Any) -> Value:
        """As the expressions are: the rounded value of a known real constant has an error."""
        array = np.asarray(array)
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            return super().constant(array)
        return rows.tensor(array.shape, np.array([_constant(float(x)) for x in array.flat] or [Rounded.of(0)], dtype=object))

    def largest(self, x: Tensor) -> Tensor:
        return rows.tensor(x.shape[:-1], _largest(x.entries.reshape(-1)))

    def softmax(self, eta: Tensor) -> Tensor:
        """As backends compute it: the largest is subtracted, and the division may be a product with the inverse."""
        odds = self.unary["exp"](self._below(eta))
        return rows.multiply(odds, rows.apply(lambda f: 1 / f, rows.total(odds, [-1], keep=True)))

    def log_softmax(self, eta: Tensor) -> Tensor:
        below = self._below(eta)
        return self.subtract(below, self.unary["log"](rows.total(self.unary["exp"](below), [-1], keep=True)))

    def _below(self, eta: Tensor) -> Tensor:
        largest = self.largest(eta)
        return self.subtract(eta, rows.reshape(largest, (*largest.shape, 1)))

    def divide(self, a: Tensor, b: Tensor) -> Tensor:
        if any(a.parts):  # a sum over the rows, by their number
            return super().divide(a, b)
        return rows.apply(lambda f, g: f / g, a, b)


def _each(function: Callable[..., Rounded]) -> Callable[..., Tensor]:
    return lambda *tensors: rows.apply(function, *tensors)


@lru_cache(1024)
def _constant(value: float) -> Rounded:
    real = functions.constant(Field({}), value).value()
    return Rounded(real, _most(_arb(value) - real))


def _largest(numbers: Iterable[Rounded]) -> Rounded:
    """The largest number: the one that it plainly is, or else as near to the largest exact one as each is to its own."""
    numbers = list(numbers)
    for one in numbers:
        if all(one is other or one.wide >= other.wide for other in numbers):
            return one
    return Rounded(*(reduce(flint.arb.max, each) for each in ([one.value for one in numbers], [one.error for one in numbers])))


def _floor(f: Rounded) -> Rounded:
    if not f.is_exact:
        raise Unbounded(f"the whole part of {f.value.str(6)}, which rounding may change")
    low, high = f.value.lower().floor(), f.value.upper().floor()
    return Rounded(low.union(high))


def _angle(y: Rounded, x: Rounded) -> Rounded:
    value, square = flint.arb.atan2(y.value, x.value), y.wide**2 + x.wide**2
    error = _most(x.wide / square) * y.error + _most(y.wide / square) * x.error
    return Rounded(value, error).rounded(UNITS[BACKEND.name]["arctan2"])


def _erfc(x: Any) -> Any:
    if not abs(x) <= FURTHEST:
        raise Unbounded(f"erfc beyond {FURTHEST}, of {x.str(6)}")
    return x.erfc()


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + (-x).exp())


FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {  # of a ball, and the slope
    "exp": (lambda x: x.exp(), lambda x: x.exp()),
    "expm1": (lambda x: x.expm1(), lambda x: x.exp()),
    "log": (lambda x: x.log(), lambda x: 1 / x),
    "log1p": (lambda x: x.log1p(), lambda x: 1 / (1 + x)),
    "sqrt": (lambda x: x.sqrt(), lambda x: 1 / (2 * x.sqrt())),
    "rsqrt": (lambda x: x.rsqrt(), lambda x: x.rsqrt() / (2 * x)),
    "sigmoid": (_sigmoid, lambda x: _sigmoid(x) * _sigmoid(-x)),
    "softplus": (lambda x: x.exp().log1p(), _sigmoid),
    "tanh": (lambda x: x.tanh(), lambda x: 1 - x.tanh() ** 2),
    "erfc": (_erfc, lambda x: 2 / flint.arb.pi().sqrt() * (-x * x).exp()),
}
