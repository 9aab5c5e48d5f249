"""Expressions and conditions in words: what a reader of a remainder sees."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any
from weakref import WeakKeyDictionary

from spec.proof.field import Atom, Expr
from spec.proof.functions import slope

PLAIN = 10**6  # a coefficient with a denominator up to this is shown as a fraction
_WORDS: WeakKeyDictionary[Atom, dict[int, str]] = WeakKeyDictionary()  # of an atom to a power, which many terms have


def number(value: Any) -> str:
    """A rational number: a fraction if it is short, else the float64 next to it."""
    fraction = value if isinstance(value, Fraction) else Fraction(int(value.p), int(value.q))
    if fraction.denominator <= PLAIN and abs(fraction.numerator) <= PLAIN**2:
        return str(fraction)
    return repr(float(fraction))


def atom(atom: Atom, power: int) -> str:
    """An atom to a power."""
    known = _WORDS.setdefault(atom, {})
    if power not in known:
        known[power] = _atom(atom, power)
    return known[power]


def _atom(atom: Atom, power: int) -> str:
    if atom.kind == "exp":
        return f"exp({written(atom.of * power / 2)})"
    if atom.kind == "floor":
        return f"{atom.name}^{power}"
    inner = atom.name if atom.of is None else f"{atom.kind}({written(atom.of)})"
    return inner if power == 1 else f"{inner}^{power}"


def exact(expr: Expr) -> str:
    """A name that no other function has, whatever the atoms of its field are; in another order of atoms it may have two."""

    def product(powers: tuple[int, ...]) -> str:
        atoms = [(expr.field.atoms[place], int(power)) for place, power in enumerate(powers) if power]
        return " ".join(
            sorted(f"{own.name if own.of is None else f'{own.kind}({exact(own.of)})'}^{power}" for own, power in atoms)
        )

    over, under = ([f"{c} {product(powers)}" for powers, c in poly.to_dict().items()] for poly in (expr.num, expr.den))
    return f"({' + '.join(sorted(over))}) / ({' + '.join(sorted(under))})"


def _term(expr: Expr, powers: tuple[int, ...], coefficient: Any) -> str:
    parts = [atom(expr.field.atoms[place], int(power)) for place, power in enumerate(powers) if power]
    value = number(coefficient)
    if not parts:
        return value
    product = " ".join(parts)
    return {"1": product, "-1": f"-{product}"}.get(value, f"{value} {product}")


def _sum(expr: Expr, poly: Any) -> str:
    terms = [_term(expr, powers, coefficient) for powers, coefficient in poly.to_dict().items()]
    return " + ".join(terms).replace("+ -", "- ") or "0"


def written(expr: Expr) -> str:
    """The expression as a formula."""
    over, under = _sum(expr, expr.num), _sum(expr, expr.den)
    if under == "1":
        return over
    return f"({over}) / ({under})" if " " in over else f"{over} / ({under})"


def bound(expr: Expr) -> tuple[str, int, Any] | None:
    """
    (symbol, sign, bound): the expression has the sign of ``sign`` times (symbol - bound); None where it is no such thing.

    The bound is exact where it is a rational number (a Fraction), else a float.
    """
    overall, factors = expr.num.factor()
    content = [poly for poly, _ in factors if not _positive(expr, poly)]
    if len(content) != 1 or not _positive(expr, expr.den):
        return None
    one, bent = expr.field.one, []
    free: Any = Fraction(0)
    for powers, coefficient in content[0].to_dict().items():
        term = Expr(expr.field, expr.field.ring.from_dict({powers: coefficient}), one)
        if not term.symbols:
            free += term.constant if term.constant is not None else float(term.value())
        else:
            bent.append((powers, Fraction(int(coefficient.p), int(coefficient.q))))
    if len(bent) != 1:
        return None
    ((powers, lead),) = bent
    used = [(expr.field.atoms[place], int(power)) for place, power in enumerate(powers) if power]
    if len(used) != 1:
        return None
    (own, power), sign, value = used[0], 1 if lead * Fraction(int(overall.p), int(overall.q)) > 0 else -1, -free / lead
    if own.kind == "symbol":
        if power == 1:
            return own.name, sign, value
        return (own.name, sign, float(value) ** (1 / power)) if own.name in expr.field.positive and value > 0 else None
    if own.kind not in INVERSES or (own.kind == "exp" and value <= 0) or (own.kind != "exp" and power != 1):
        return None
    inner = bound(own.of - Fraction(INVERSES[own.kind](float(value)) / power if value or own.kind == "exp" else 0))
    return inner and (inner[0], sign * inner[1], inner[2])


INVERSES = {"exp": lambda value: 2 * math.log(value), "log": math.exp, "atan": math.tan}  # of the atoms that rise


def vanishing(expr: Expr) -> Expr:
    """The product of the factors that may be 0, which is 0 just where the expression is: y of weight times y by n."""
    _, parts = expr.num.factor()
    kept = [poly / poly.leading_coefficient() for poly, _ in parts if not _positive(expr, poly)]
    one = expr.field.one
    return Expr(expr.field, math.prod(kept, start=one), one)


def is_positive(expr: Expr) -> bool:
    """Whether the expression is positive everywhere because each of its terms is; False may mean that it is not known."""
    return not expr.is_zero and _positive(expr, expr.num) and _positive(expr, expr.den)


def _positive(expr: Expr, poly: Any) -> bool:
    """Whether a polynomial has positive coefficients, and positive atoms: exponentials, roots, symbols that are so everywhere."""
    terms = poly.to_dict()
    used = {expr.field.atoms[place] for powers in terms for place, power in enumerate(powers) if power}
    good = all(atom.kind in ("exp", "sqrt", "pi", "erfc") or atom.name in expr.field.positive for atom in used)
    return good and all(c > 0 for c in terms.values())


def aside(expr: Expr) -> tuple[str, int, Expr] | None:
    """(eta, sign, the rest): the expression has the sign of ``sign`` times (eta - rest); None where eta is no term of its own."""
    if "eta" not in expr.symbols or not (factor := slope(expr, "eta").constant):
        return None
    rest = expr.field.symbol("eta") - expr / factor
    return None if "eta" in rest.symbols else ("eta", 1 if factor > 0 else -1, rest)


def comparison(expr: Expr, relation: str, holds: bool) -> str:
    """A condition as a reader writes it: eta > 0, y != 0."""
    found = bound(expr)
    name, sign, value = found or aside(expr) or (written(expr), 1, 0)
    signs = {("==", True): "=", ("==", False): "!=", (">", True): ">", (">", False): "<=", (">=", True): ">=", (">=", False): "<"}
    shown = signs[relation, holds]
    if sign < 0:
        shown = {">": "<", "<": ">", ">=": "<=", "<=": ">="}.get(shown, shown)
    if isinstance(value, Expr):
        return f"{name} {shown} {written(value)}"
    short = isinstance(value, Fraction) and value.denominator <= PLAIN
    return f"{name} {shown} {number(value) if short else f'{float(value):.6g}'}"
