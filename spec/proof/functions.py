"""The elementary functions of expressions, each taken apart by its rules before an atom is made of what is left."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from spec.elementary import NORMAL_AT_0, ROOT_HALF_HIGH, ROOT_TWO
from spec.proof.field import Expr, Field, Undecided, primes

MOST = 1024  # the highest power of an exponential that is an atom
ULPS = 2  # so near is a rounded constant of a program to the real number that it is read as


def exp(f: Expr) -> Expr:
    """The exponential: of a sum the product, of a number times a logarithm a power."""
    field = f.field
    whole, rest = divmod(f.num, f.den)
    parts = [(Expr(field, field.ring.from_dict({powers: 1}), f.den / f.den), c) for powers, c in whole.to_dict().items()]
    if f.den.to_dict() and len(f.den.to_dict()) == 1:
        parts = [(field.canonical(field.ring.from_dict({powers: 1}), f.den), c) for powers, c in f.num.to_dict().items()]
    elif not rest.is_zero():
        lead = rest.leading_coefficient()
        parts.append((field.canonical(rest / lead, f.den), lead))
    result = field.number(1)
    for unit, coefficient in parts:
        result = result * _exp_of(unit, Fraction(int(coefficient.p), int(coefficient.q)))
    return result


def _exp_of(unit: Expr, coefficient: Fraction) -> Expr:
    """exp(coefficient * unit), by the atom exp(unit / 2)."""
    if (logarithm := atom_of(unit)) is not None and logarithm.kind == "log":
        return logarithm.of**coefficient
    if max((2 * coefficient).denominator, abs(coefficient.numerator)) > MOST:
        unit, coefficient = 2 * coefficient * unit, Fraction(1, 2)
    elif (rest := (2 * coefficient).denominator) != 1:
        unit, coefficient = unit / rest, coefficient * rest
    return unit.field.atom("exp", unit.key, unit) ** int(2 * coefficient)


def atom_of(f: Expr) -> Any:
    """The atom that the expression is; None where it is none."""
    if f.den.is_one() and f.num.total_degree() == 1 and len(terms := f.num.to_dict()) == 1:
        (powers, coefficient), *_ = terms.items()
        return f.field.atoms[powers.index(1)] if coefficient == 1 else None
    return None


def log(f: Expr) -> Expr:
    """The logarithm of what is positive: the sum of those of its irreducible factors."""
    if f.is_zero:
        raise Undecided("the logarithm of 0")
    field, (content, factors) = f.field, f.factors()
    result = field.number(0)
    for whole, sign in ((content.numerator, 1), (content.denominator, -1)):
        for prime, times in primes(whole):
            number = field.number(prime)
            result = result + sign * times * field.atom("log", number.key, number)
    for factor, times in factors:
        atom = atom_of(factor)
        if atom is not None and atom.kind == "exp":
            part = atom.of / 2
        elif atom is not None and atom.kind == "sqrt":
            part = log(atom.of) / 2
        else:
            part = field.atom("log", factor.key, factor)
        result = result + times * part
    return result


def odd(kind: str, f: Expr) -> tuple[Expr, int]:
    """(the atom of this kind at f or -f, 1 or -1): that of the two whose leading coefficient is positive."""
    sign = 1 if f.is_zero or f.num.leading_coefficient() > 0 else -1
    f = sign * f
    return f.field.atom(kind, f.key, f), sign


def erfc(f: Expr) -> Expr:
    """The complementary error function."""
    if f.is_zero:
        return f.field.number(1)
    atom, sign = odd("erfc", f)
    return atom if sign > 0 else 2 - atom


def arctan2(y: Expr, x: Expr) -> Expr:
    """The angle of (x, y), for y > 0: pi / 2 - atan(x / y)."""
    if y.sign() <= 0:
        raise Undecided(f"the angle of a point with y = {y.key}")
    if x.is_zero:
        return y.field.pi / 2
    atom, sign = odd("atan", x / y)
    return y.field.pi / 2 - sign * atom


def floor(f: Expr) -> Expr:
    """The largest whole number up to f, as c times the atom floor(f) / c, c the leading coefficient of f; the slope is 0."""
    if f.constant is not None:
        return f.field.number(math.floor(f.constant))
    lead = f.num.leading_coefficient()
    return f.field.atom("floor", f.key, f) * Fraction(int(lead.p), int(lead.q))


def constant(field: Field, value: float) -> Expr:
    """A number of a program; one that is the rounded value of a known real constant is read as that, and is noted."""
    if Fraction(value).denominator > 2**40:
        for name, (nearest, make) in CONSTANTS.items():
            for sign in (1, -1):
                if abs(value - sign * nearest) <= ULPS * math.ulp(nearest):
                    field.read.add(name)
                    return sign * make(field)
    return field.number(value)


CONSTANTS: dict[str, tuple[float, Any]] = {  # its value in float64, and the real number
    "pi": (math.pi, lambda field: field.pi),
    "sqrt(1/2)": (math.sqrt(0.5), lambda field: 1 / field.number(2).root()),
    "sqrt(2)": (ROOT_TWO, lambda field: field.number(2).root()),
    "sqrt(2 pi)": (math.sqrt(2 * math.pi), lambda field: (2 * field.pi).root()),
    "1/sqrt(2 pi)": (NORMAL_AT_0, lambda field: 1 / (2 * field.pi).root()),
    "2/sqrt(pi)": (2 / math.sqrt(math.pi), lambda field: 2 / field.pi.root()),
    "log(2 pi)/2": (math.log(2 * math.pi) / 2, lambda field: log(2 * field.pi) / 2),
    "log(2)": (math.log(2), lambda field: log(field.number(2))),
    "sqrt(1/2) less its first bits": (
        (0.5 - ROOT_HALF_HIGH**2) / (math.sqrt(0.5) + ROOT_HALF_HIGH),
        lambda field: 1 / field.number(2).root() - ROOT_HALF_HIGH,
    ),
}


def slope(f: Expr, symbol: str) -> Expr:
    """The derivative of an expression in one of its symbols."""
    known: dict[int, Expr] = {}
    return _slope(f, symbol, known)


def _slope(f: Expr, symbol: str, known: dict[int, Expr]) -> Expr:
    field, one = f.field, f.field.one

    def of(poly: Any) -> Expr:
        total = field.number(0)
        for place, degree in enumerate(poly.degrees()):
            if degree > 0:
                if place not in known:
                    known[place] = _atom_slope(field, place, symbol, known)
                if not known[place].is_zero:
                    total = total + Expr(field, poly.derivative(place), one) * known[place]
        return total

    den = Expr(field, f.den, one)
    return (of(f.num) - f * of(f.den)) / den


def _atom_slope(field: Field, place: int, symbol: str, known: dict[int, Expr]) -> Expr:
    atom = field.atoms[place]
    own = Expr(field, field.gens[place], field.one)
    if atom.of is None or atom.kind == "floor":
        return field.number(int(atom.kind == "symbol" and atom.name == symbol))
    inner = _slope(atom.of, symbol, known)
    outer = {
        "exp": lambda: own / 2,
        "log": lambda: 1 / atom.of,
        "sqrt": lambda: 1 / (2 * own),
        "erfc": lambda: -2 / field.pi.root() * exp(-atom.of * atom.of),
        "atan": lambda: 1 / (1 + atom.of * atom.of),
    }
    return inner if inner.is_zero else outer[atom.kind]() * inner


def put(f: Expr, name: str, value: Expr) -> Expr:
    """The expression with another in place of one of its symbols."""
    known: dict[int, Expr] = {}

    def of(g: Expr) -> Expr:
        return total(g.num) / total(g.den)

    def total(poly: Any) -> Expr:
        found = f.field.number(0)
        for powers, coefficient in poly.to_dict().items():
            term = f.field.number(Fraction(int(coefficient.p), int(coefficient.q)))
            for place, power in enumerate(powers):
                if power:
                    if place not in known:
                        known[place] = _put_atom(f.field, place, name, value, of)
                    term = term * known[place] ** int(power)
            found = found + term
        return found

    return of(f)


def _put_atom(field: Field, place: int, name: str, value: Expr, of: Any) -> Expr:
    atom = field.atoms[place]
    if atom.kind == "symbol" and atom.name == name:
        return value
    if atom.of is None or name not in atom.of.symbols:
        return Expr(field, field.gens[place], field.one)
    inner = of(atom.of)
    lead = atom.of.num.leading_coefficient()
    rebuilt = {
        "exp": lambda: exp(inner / 2),
        "log": lambda: log(inner),
        "sqrt": lambda: inner.root(),
        "erfc": lambda: erfc(inner),
        "atan": lambda: field.pi / 2 - arctan2(field.number(1), inner),
        "floor": lambda: floor(inner) / Fraction(int(lead.p), int(lead.q)),
    }
    return rebuilt[atom.kind]()
