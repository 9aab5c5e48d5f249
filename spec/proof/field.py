r"""
Quotients of polynomials in atoms, in a form in which equal functions look equal.

An `Expr` is a quotient of two polynomials with rational coefficients (python-flint). Its variables are *atoms*: the symbols of a
row (eta, y, ...), and functions of earlier expressions: exp, log, a square root, erfc, atan, floor. Each function is taken apart
before it becomes an atom, by rules that hold for all real numbers in the domain:

.. math:: e^{a + b} = e^a e^b, \qquad \log \prod_i f_i^{k_i} = \sum_i k_i \log f_i, \qquad \sqrt{f}^2 = f, \qquad
          \operatorname{erfc}(-z) = 2 - \operatorname{erfc}(z)

The logarithm is split along irreducible factors; where the product is positive each factor keeps its sign on the connected
domain, which its value at one point decides. So an expression has one normal form, and a difference that is equal to zero *is*
the polynomial 0. A difference that is not is shown to differ by its value at a point, in ball arithmetic. Both are decisions; no
step here is a simplification that may or may not succeed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import flint

Point = Mapping[str, float]  # a value for each symbol
DEGREE = 16  # the highest in a symbol
BITS = 448  # of the balls in which an expression is evaluated at a point


class Undecided(ArithmeticError):
    """An expression outside the normal form."""


class Approximation(ArithmeticError):
    """A rational function of so high a degree in a symbol that no formula of a model has it: a program approximates with such."""


@dataclass(frozen=True, eq=False)
class Atom:
    """A variable of the polynomials: its kind ("symbol", "exp", ...) and what it is a function of; a symbol has a name."""

    kind: str
    name: str
    of: Any = None  # an Expr; None for a symbol


class Field:
    """
    The expressions of one case. ``point`` has a value for each symbol, and ``positive`` are the symbols that are so everywhere.

    ``read`` names the rounded constants that were met.
    """

    def __init__(self, point: Point, positive: frozenset[str] = frozenset(), size: int = 56) -> None:
        self.point, self.positive = point, positive
        self.atoms: list[Atom] = []
        self.read: set[str] = set()
        self.ring = flint.fmpq_mpoly_ctx.get([f"a{i}" for i in range(size)], flint.Ordering.deglex)
        self.gens = self.ring.gens()
        self.one = self.ring.constant(1)
        self._known: dict[tuple[str, str], int] = {}
        self._roots: list[tuple[int, Any]] = []  # the place of each square root, and its square

    def number(self, value: Any) -> Expr:
        """An exact number, of Python or NumPy, as an expression."""
        if isinstance(value, Expr):
            return value
        fraction = Fraction(value)
        return Expr(self, self.ring.constant(flint.fmpq(fraction.numerator, fraction.denominator)), self.one)

    def symbol(self, name: str) -> Expr:
        return self.atom("symbol", name)

    @property
    def pi(self) -> Expr:
        return self.atom("pi", "pi")

    def atom(self, kind: str, name: str, of: Expr | None = None) -> Expr:
        """The variable of this kind and name, a new one if there is none yet."""
        place = self._known.get((kind, name))
        if place is None:
            place = self._known[kind, name] = len(self.atoms)
            if place == len(self.gens):
                raise Undecided(f"more than {place} atoms")
            self.atoms.append(Atom(kind, name, of))
            if kind == "sqrt":
                assert of is not None
                self._roots.append((place, of.num))
        return Expr(self, self.gens[place], self.one)

    def canonical(self, num: Any, den: Any) -> Expr:
        """The expression num / den in lowest terms; below there is no root, and the leading coefficient is 1."""
        if den.is_zero():
            raise ZeroDivisionError("a quotient by 0 in the program")
        if num.is_constant() and den.is_constant():  # most products of a program are of numbers
            return Expr(self, num / den, self.one)
        if self._roots:
            above, below = num.degrees(), den.degrees()
            for place, square in self._roots:
                if above[place] > 1 or below[place] > 0:
                    num, den = self._without(num, den, place, square)
                    above, below = num.degrees(), den.degrees()
        if max(num.total_degree(), den.total_degree()) > DEGREE:  # the degrees in each atom take longer to find
            self._refuse_approximations(num, den)
        if not den.is_constant():
            common = num.gcd(den)
            if not common.is_constant():
                num, den = num / common, den / common
        if not den.is_one() and (lead := den.leading_coefficient()) != 1:
            num, den = num / lead, den / lead
        return Expr(self, num, den)

    def _refuse_approximations(self, num: Any, den: Any) -> None:
        for atom, above, below in zip(self.atoms, num.degrees(), den.degrees()):
            if max(above, below) > DEGREE and atom.kind == "symbol":
                raise Approximation(f"a rational function of degree {max(above, below)} in {atom.name}")

    def _without(self, num: Any, den: Any, place: int, square: Any) -> tuple[Any, Any]:
        """The quotient with the root at a place at most once above, and not below."""
        num, den = self._reduced(num, place, square), self._reduced(den, place, square)
        if den.degrees()[place] > 0:
            conjugate = den - 2 * self._odd(den, place)
            num = self._reduced(num * conjugate, place, square)
            den = self._reduced(den * conjugate, place, square)
        return num, den

    def _odd(self, poly: Any, place: int) -> Any:
        return self.ring.from_dict({powers: c for powers, c in poly.to_dict().items() if powers[place] % 2})

    def _reduced(self, poly: Any, place: int, square: Any) -> Any:
        if poly.degrees()[place] < 2:
            return poly
        found = self.ring.constant(0)
        for powers, coefficient in poly.to_dict().items():
            half, rest = divmod(powers[place], 2)
            term = self.ring.from_dict({(*powers[:place], rest, *powers[place + 1 :]): coefficient})
            found += term * square**half
        return found


@dataclass(frozen=True, eq=False)
class Expr:
    """A quotient of polynomials ``num`` / ``den`` in the atoms of a field."""

    field: Field
    num: Any
    den: Any

    def __add__(self, other: Any) -> Expr:
        o = self.field.number(other)
        if self.den == o.den:
            return self.field.canonical(self.num + o.num, self.den)
        return self.field.canonical(self.num * o.den + o.num * self.den, self.den * o.den)

    def __neg__(self) -> Expr:
        return Expr(self.field, -self.num, self.den)

    def __sub__(self, other: Any) -> Expr:
        return self + -self.field.number(other)

    def __rsub__(self, other: Any) -> Expr:
        return -self + other

    def __mul__(self, other: Any) -> Expr:
        o = self.field.number(other)
        return self.field.canonical(self.num * o.num, self.den * o.den)

    def __truediv__(self, other: Any) -> Expr:
        o = self.field.number(other)
        return self.field.canonical(self.num * o.den, self.den * o.num)

    def __rtruediv__(self, other: Any) -> Expr:
        return self.field.number(other) / self

    __radd__, __rmul__ = __add__, __mul__

    def __pow__(self, exponent: Any) -> Expr:
        power = Fraction(exponent)
        if power.denominator == 2:
            return self.root() ** (2 * power)
        if power.denominator != 1:
            raise Undecided(f"the power {exponent} of {self}")
        if power < 0:
            return 1 / self**-power
        return self.field.canonical(self.num ** int(power), self.den ** int(power))

    @property
    def is_zero(self) -> bool:
        return bool(self.num.is_zero())

    @property
    def constant(self) -> Fraction | None:
        """The rational number that the expression is; None where it is none."""
        if not (self.num.is_constant() and self.den.is_constant()):
            return None
        value = self.num.leading_coefficient() if not self.num.is_zero() else flint.fmpq(0)
        return Fraction(int(value.p), int(value.q))

    @property
    def key(self) -> str:
        """A name for the expression, the same for the same function."""
        return f"({self.num})/({self.den})"

    @property
    def symbols(self) -> set[str]:
        """The names of the symbols that the expression is made of."""
        found: set[str] = set()
        for poly in (self.num, self.den):
            for place, degree in enumerate(poly.degrees()):
                if degree > 0:
                    atom = self.field.atoms[place]
                    found |= atom.of.symbols if atom.of is not None else {atom.name} if atom.kind == "symbol" else set()
        return found

    def factors(self) -> tuple[Fraction, list[tuple[Expr, int]]]:
        """The expression as a positive number times powers of irreducible polynomials, each positive at the point."""
        content, found = Fraction(1), []
        for poly, sign in ((self.num, 1), (self.den, -1)):
            lead, parts = poly.factor()
            content *= Fraction(int(lead.p), int(lead.q)) ** sign
            for part, times in parts:
                unit = part.leading_coefficient()
                factor = Expr(self.field, part / unit, self.field.one)
                if factor.sign() < 0:
                    factor, unit = -factor, -unit
                content *= Fraction(int(unit.p), int(unit.q)) ** (sign * int(times))
                found.append((factor, sign * int(times)))
        if content <= 0:
            raise Undecided(f"the log or the root of {self.key}, which is not positive at {self.place()}")
        return content, found

    def root(self) -> Expr:
        """The square root, of what is positive."""
        content, factors = self.factors()
        number = self.field.number
        found = [*factors]
        for whole, sign in ((content.numerator, 1), (content.denominator, -1)):
            found += [(number(prime), sign * times) for prime, times in primes(whole)]
        result = number(1)
        for factor, times in found:
            half, odd = divmod(times, 2)
            result = result * factor**half
            if odd:
                result = result * self.field.atom("sqrt", factor.key, factor)
        return result

    # -- values ----------------------------------------------------------------------------------------------------------------
    def value(self, point: Point | None = None) -> flint.arb:
        """A ball that holds the value at a point, or at that of the field."""
        before, flint.ctx.prec = flint.ctx.prec, BITS
        try:
            return self._value(self.field.point if point is None else point, {})
        finally:
            flint.ctx.prec = before

    def _value(self, point: Point, known: dict[int, flint.arb]) -> flint.arb:
        return self._sum(self.num, point, known) / self._sum(self.den, point, known)

    def _sum(self, poly: Any, point: Point, known: dict[int, flint.arb]) -> flint.arb:
        total = flint.arb(0)
        for powers, coefficient in poly.to_dict().items():
            term = flint.arb(coefficient)
            for place, power in enumerate(powers):
                if power:
                    if place not in known:
                        known[place] = self._at(self.field.atoms[place], point, known)
                    term *= known[place] ** power
            total += term
        return total

    def _at(self, atom: Atom, point: Point, known: dict[int, flint.arb]) -> flint.arb:
        if atom.of is None:
            return flint.arb.pi() if atom.kind == "pi" else flint.arb(point[atom.name])
        argument = atom.of._value(point, known)
        if atom.kind == "floor":
            return argument.floor() / flint.arb(atom.of.num.leading_coefficient())
        return VALUES[atom.kind](argument)

    def sign(self) -> int:
        """1 or -1 at the field's point; 0 for the expression 0. Raises Undecided where the point does not tell."""
        if self.is_zero:
            return 0
        value = self.value()
        if value > 0 or value < 0:
            return 1 if value > 0 else -1
        raise Undecided(f"{self.key} is {value} at {self.place()}: another point must decide")

    def place(self) -> dict[str, float]:
        """The values of the expression's symbols at the field's point."""
        return {name: self.field.point[name] for name in sorted(self.symbols)}


def primes(whole: int) -> list[tuple[int, int]]:
    """A positive whole number as powers of primes; one that is too long to be taken apart as it is."""
    if whole.bit_length() > 64:
        return [(whole, 1)]
    return [(int(prime), int(times)) for prime, times in flint.fmpz(whole).factor()]


VALUES: dict[str, Callable[[flint.arb], flint.arb]] = {  # of the atoms: exp is that of half its argument
    "exp": lambda x: (x / 2).exp(),
    "log": lambda x: x.log(),
    "sqrt": lambda x: x.sqrt(),
    "erfc": lambda x: x.erfc(),
    "atan": lambda x: x.atan(),
}
