"""
The branches of a program: every way through its selections, with the conditions under which a row takes it.

A comparison in a program is answered at a point that lies in the case; the other answer becomes a case of its own. So the cases
cover every row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from spec.proof.field import Expr, Field, Point, Undecided
from spec.proof.words import bound, comparison, exact, is_positive, vanishing


@dataclass(frozen=True, eq=False)
class Fact:
    """What a comparison found: ``expr`` is 0 ("=="), positive (">") or not negative (">="); or it is not so."""

    expr: Expr
    relation: str
    holds: bool

    @cached_property
    def key(self) -> str:
        """A name that only the same fact has, in this run of the program or another, whose atoms may be others."""
        return f"{exact(self.expr)} {self.relation}"

    def at(self, point: Point) -> bool:
        """Whether it is so at a point. Raises Undecided where the point lies too near to the border."""
        value = self.expr.value(point)
        zero = bool(value == 0)
        if not (zero or value > 0 or value < 0):
            raise Undecided(f"{self.expr.key} is {value} at {dict(point)}")
        found = {"==": zero, ">": bool(value > 0), ">=": zero or bool(value > 0)}[self.relation]
        return found == self.holds

    def __str__(self) -> str:
        return comparison(self.expr, self.relation, self.holds)


@dataclass(eq=False)
class Case:
    """The answers to a program's comparisons, the symbols that one of them fixed, and the field of its expressions."""

    facts: list[Fact]
    fixed: dict[str, Fraction]
    field: Field
    is_met: bool = True  # by a point of the search
    given: int = 0  # how many of the facts were there before the program ran

    def symbol(self, name: str) -> Expr:
        """The symbol, or the number that the case fixes it at."""
        return self.field.number(self.fixed[name]) if name in self.fixed else self.field.symbol(name)

    def holds(self, expr: Expr, relation: str) -> bool:
        """Whether ``expr`` is 0 ("=="), positive (">") or not negative (">=") in this case."""
        if (constant := expr.constant) is not None:
            return {"==": constant == 0, ">": constant > 0, ">=": constant >= 0}[relation]
        if is_positive(expr):
            return relation != "=="
        if relation == "==":
            expr = vanishing(expr)
        fact = Fact(expr, relation, True)
        if not expr.symbols:
            return fact.at(self.field.point)
        for known in self.facts:
            if known.key == fact.key:
                return known.holds
        if (implied := self._implied(expr, relation)) is not None:
            return implied
        found = Fact(expr, relation, fact.at(self.field.point) if self.is_met else True)
        self.facts.append(found)
        return found.holds

    def sign(self, expr: Expr) -> int:
        """-1, 0 or 1."""
        return 0 if self.holds(expr, "==") else 1 if self.holds(expr, ">") else -1

    @property
    def pinned(self) -> dict[str, Fraction]:
        """The symbols that two facts leave one value, a rational number: such a case is a border."""
        above: set[tuple[str, Fraction]] = set()
        below: set[tuple[str, Fraction]] = set()
        for fact in self.facts:
            at = None if fact.relation == "==" else bound(fact.expr)
            if at is not None and isinstance(at[2], Fraction):
                (above if (at[1] > 0) == fact.holds else below).add((at[0], at[2]))
        return dict(above & below)

    def _implied(self, expr: Expr, relation: str) -> bool | None:
        """What the earlier facts about the same quantity say; None where they leave it open."""
        if relation == "==":
            return None
        own = bound(expr)
        if own is None:
            return None
        here = [(own[0], sign, own[2]) for sign in (1, -1)]
        unequal = any(fact.relation == "==" and not fact.holds and bound(fact.expr) in here for fact in self.facts)
        for fact in self.facts:
            known = None if fact.relation == "==" else bound(fact.expr)
            if known is None or known[0] != own[0]:
                continue
            above, strict = (known[1] > 0) == fact.holds, (fact.relation == ">") == fact.holds  # symbol > known, >= or < or <=
            if own[2] == known[2]:
                asks_strict = relation == ">"
                if above == (own[1] > 0):
                    if strict or unequal or not asks_strict:
                        return True
                elif strict or unequal or asks_strict:
                    return False
            elif abs(own[2] - known[2]) > 1e-9 * abs(own[2]) and above == (own[2] < known[2]):
                return (own[1] > 0) == above
        return None


def cases(
    run: Callable[[Case], Any], points: Iterable[Point], positive: frozenset[str] = frozenset()
) -> Iterator[tuple[Case, Any]]:
    """
    Run a program in every case: (case, what it returns) of each.

    ``points`` give a value to each symbol, and ``positive`` are the symbols that are so everywhere. A case that no point meets is
    run all the same, at a point outside: what is proven there is an identity, which holds wherever the case may lie.
    """
    points, seen = list(points), set()
    waiting: list[tuple[tuple[Fact, ...], dict[str, Fraction]]] = [((), {})]
    while waiting:
        facts, fixed = waiting.pop()
        inside = next((p for p in points if _meets(p, facts, fixed)), None)
        point = {**(points[0] if inside is None else inside), **{name: float(value) for name, value in fixed.items()}}
        case = Case(
            list(facts),
            dict(fixed),
            Field(point, positive, 56 + 8 * sum(name.startswith("eta") for name in points[0])),
            inside is not None,
            len(facts),
        )
        yield case, run(case)
        for place in range(case.given, len(case.facts)):
            fact = case.facts[place]
            other = Fact(fact.expr, fact.relation, not fact.holds)
            at = bound(fact.expr) if fact.relation == "==" and other.holds else None
            new = {**fixed, at[0]: at[2]} if at is not None else dict(fixed)
            path = (*case.facts[:place], other)
            name = (tuple(sorted((f.key, f.holds) for f in path)), tuple(sorted(new.items())))
            if name not in seen:
                seen.add(name)
                waiting.append((path, new))


def _meets(point: Point, facts: Iterable[Fact], fixed: dict[str, Fraction]) -> bool:
    point = {**point, **{name: float(value) for name, value in fixed.items()}}
    try:
        return all(fact.at(point) for fact in facts)
    except Undecided:
        return False
