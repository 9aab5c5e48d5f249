"""
Factors that a table turns into other columns than the design does: another baseline, contrasts, numbers in place of levels.

A coding is a matrix with a row for each level, so that the coefficients of one coding are linear in those of another. Where names
allow several codings, as R's ``region1`` does, there are several readings of a table; the likeliest is the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, permutations, product
from typing import NamedTuple

import numpy as np

from spec.diagnosis.contrasts import CONTRASTS, against
from spec.diagnosis.tables.names import Design, Term, first_big, spelled_out

UNNAMED = "its baseline"  # the level of the design that has no column
ORDERED = 5  # levels, of which all orders are tried
MOST = 2000  # readings
POWERS = (("l", "linear"), ("q", "quadratic"), ("c", "cubic"), *((f"^{j}",) for j in range(4, 10)))
_KIND = re.compile(r"\[([SHD])\.")  # how patsy and formulaic mark a contrast


class Estimate(NamedTuple):
    """
    The coefficients (k,) of a term, half a unit of their last digits, and (2, k) the standard errors with theirs.

    ``parts`` are the multiples of the numbers as the table has them, of which a conversion made the coefficients.
    """

    value: np.ndarray
    half: np.ndarray
    error: np.ndarray
    parts: Mapping[Term, float]

    @classmethod
    def none(cls, k: int) -> Estimate:
        """The coefficients 0 of a term that is not there, without standard errors."""
        return cls(np.zeros(k), np.zeros(k), np.full((2, k), np.nan), {})


Table = dict[Term, Estimate]


@dataclass(frozen=True, eq=False)
class Coding:
    """
    How a table codes a factor: a ``matrix`` (levels, columns), its ``levels``, and its ``columns`` as the table names them.

    ``says`` is for the reader, by the code of a cause; it is empty where only the names differ.
    """

    levels: Sequence[str]
    columns: Sequence[str]
    matrix: np.ndarray
    says: Mapping[str, str]


def kinds_of(names: Iterable[str], design: Design) -> dict[str, str]:
    """The kind of contrast of each factor whose columns are marked by it: S, H or D."""
    found = {}
    for name in names:
        if marked := _KIND.search(name):
            found.update({variable: marked[1] for variable, level in design.term(name) or () if level})
    return found


def readings(table: Table, kinds: Mapping[str, str], design: Design, name: str) -> Iterator[tuple[Table, dict[str, str]]]:
    """Yield (table, says) in the design's own coding, for each coding that the names of the table allow."""
    factors = sorted(design.levels)
    options = [_codings(factor, table, kinds.get(factor, "T"), design, name) for factor in factors]
    for number, chosen in enumerate(islice(product(*options), MOST)):
        found: Table = table
        says: dict[str, str] = {}
        try:
            for factor, coding in zip(factors, chosen):
                if coding is not None:
                    found = _converted(found, factor, coding, design, name)
                    says.update(coding.says)
        except ValueError:
            if number == 0:
                raise
            continue
        yield found, says


def _codings(factor: str, table: Table, kind: str, design: Design, name: str) -> Sequence[Coding | None]:
    """The codings that the names of a factor's columns allow; None is the design's own."""
    own = design.levels[factor]
    theirs = list(dict.fromkeys(level for term in table for of, level in term if of == factor and level))
    new, gone = [one for one in theirs if one not in own], [one for one in own if one not in theirs]
    if not new and (gone or not design.intercept or kind == design.kinds.get(factor, "T") != "T"):
        return [None]  # what is missing then is found when the columns are laid out
    found: Sequence[Coding | None] = ()
    are_numbers = len(theirs) == len(new) == len(own) and not any(one.isdigit() for one in own)
    if are_numbers and design.intercept and (numbered := _of_numbers(factor, theirs, design, name)):
        return [replace(one, says={}) if _is_own(one, factor, design) else one for one in numbered]
    if len(theirs) == len(own) and len(new) == len(gone) <= 1 and design.intercept:
        found = _of_levels(factor, theirs, [*gone, UNNAMED][0], [*new, UNNAMED][0], kind, name)
        if new and len(own) == 1:  # of two levels it is the other one, or this one by another name: TRUE, male of m
            same = Coding([UNNAMED, *own], theirs, against(0, 2), {})
            found = [same, *found] if _are_alike(new[0], own[0]) else [*found, same]
    elif len(new) == 1 and not gone and design.intercept:
        beside = "beside an intercept" if frozenset() in table else "and no intercept"
        says = f"{first_big(name)} has a column for each level of {factor} {beside}; the model has a baseline."
        found = [Coding(theirs, theirs, np.eye(len(theirs)), {"coding": says})]
    if not found:
        names = ", ".join(sorted(new or theirs))
        raise ValueError(
            f"{name} has the level {names} of {factor}, which matches no column of the design. {both_sides(table, design)}"
        )
    return found


def _are_alike(one: str, other: str) -> bool:
    """Whether two names may well be of one level."""
    return one in ("true", "yes", "1") or one.startswith(other) or other.startswith(one)


def _of_levels(factor: str, theirs: Sequence[str], left_out: str, baseline: str, kind: str, name: str) -> Sequence[Coding | None]:
    """The codings of columns that are named by levels, all but the one that is left out."""
    first, last = [left_out, *theirs], [*theirs, left_out]
    says = f"In {name} the levels of {factor} are compared with {left_out}, and in the model with {baseline}."
    treatment = None if left_out == baseline else Coding(first, theirs, against(0, len(first)), {"baseline": says})
    orders = {"T": [], "S": [last], "H": [first], "D": [first, last]}[kind]
    marked = [_contrast(factor, kind, levels, theirs, name) for levels in orders]
    unmarked = [] if kind == "S" else [_contrast(factor, "S", last, theirs, name)]  # SAS names both codings alike
    return [*marked, treatment, *unmarked]  # a level may itself begin with "S."


def _is_own(coding: Coding, factor: str, design: Design) -> bool:
    """Whether a coding is the design's own, by other names."""
    named, ours = _own_levels(factor, design), CONTRASTS[design.kinds.get(factor, "T")][1](1 + len(design.levels[factor]))
    return list(coding.levels) == named and coding.matrix.shape == ours.shape and np.allclose(coding.matrix, ours)


def _own_levels(factor: str, design: Design) -> list[str]:
    """The levels in the order in which the design codes them: of sums the last has no column, else the first."""
    own = design.levels[factor]
    return [*own, UNNAMED] if design.kinds.get(factor) == "S" else [UNNAMED, *own]


def _of_numbers(factor: str, theirs: Sequence[str], design: Design, name: str) -> list[Coding]:
    """The codings of columns that are numbered, or named by powers: which level has which number is to be found."""
    every = _own_levels(factor, design)
    orders = [list(order) for order in permutations(every)] if len(every) <= ORDERED else [every]
    powers = [one for names in POWERS for one in names if one in theirs]
    if len(powers) == len(theirs):
        return [_contrast(factor, "P", levels, powers, name) for levels in orders]
    numbers = sorted(theirs)
    if all(re.fullmatch(r"\d+-\d+", one) for one in numbers):  # contr.sdif of R
        return [_contrast(factor, "D", levels, numbers, name) for levels in orders]
    found = list[Coding]()
    if numbers == [str(j) for j in range(1, len(every))]:  # R has 1, 2, ... for all contrasts
        found = [_contrast(factor, kind, levels, numbers, name) for levels in orders for kind in ("S", "H")]
    for first, levels in product((0, 1), orders):  # Stata numbers the levels themselves
        left_out = [j for j in range(len(every)) if str(j + first) not in numbers]
        if len(left_out) == 1:
            base = levels[left_out[0]]
            says = f"In {name} the levels of {factor} are compared with {base}, and in the model with {UNNAMED}."
            matrix = against(left_out[0], len(every))
            found.append(Coding(levels, numbers, matrix, {} if base == UNNAMED else {"baseline": says}))
    return sorted(found, key=lambda one: len(one.says)) if len(every) == 2 else found


def _contrast(factor: str, kind: str, levels: Sequence[str], columns: Sequence[str], name: str) -> Coding:
    with_what, matrix = CONTRASTS[kind]
    order = "" if kind == "S" else f" ({', '.join(levels)})"
    says = f"In {name} the levels of {factor} are compared with {with_what}{order}, and in the model otherwise."
    return Coding(levels, columns, matrix(len(levels)), {"coding": says})


def _converted(table: Table, factor: str, coding: Coding, design: Design, name: str) -> Table:
    """The table with a factor in the design's own coding: the effects of the levels are the same in both."""
    own = design.levels[factor]
    ours = CONTRASTS[design.kinds.get(factor, "T")][1](1 + len(own))
    named = [*own, None] if design.kinds.get(factor) == "S" else [None, *own]  # the level without a name has any other one
    rows = [named.index(level if level in own else None) for level in coding.levels]
    found, is_square = dict(table), coding.matrix.shape[0] == coding.matrix.shape[1]
    has_intercept = frozenset() in table
    for rest in {term - {part} for term in table for part in term if part[0] == factor and part[1]}:
        before = [rest, *(rest | {(factor, level)} for level in coding.columns)]
        theirs = np.hstack([np.ones((len(rows), 1)), coding.matrix])
        if rest not in table and is_square:  # a column for each level
            before, theirs = before[1:], coding.matrix
        if missing := [term for term in before if term and term not in table]:
            raise ValueError(
                f"the coding of {factor} in {name} cannot be converted: {spelled_out(missing[0])} is missing. "
                f"{both_sides(table, design)}"
            )
        into = np.linalg.solve(np.hstack([np.ones((len(rows), 1)), ours])[rows], theirs)
        old = [found.pop(term, Estimate.none(design.k)) for term in before]
        for term, by in zip([rest, *(rest | {(factor, level)} for level in own)], into):
            found[term] = _combined(by, old)
    if not has_intercept and not is_square:  # there is none to be converted
        found.pop(frozenset(), None)
    return found


def _combined(by: np.ndarray, old: Sequence[Estimate]) -> Estimate:
    """The combination of estimates by multiples (r,)."""
    value, half = by @ np.array([one.value for one in old]), np.abs(by) @ np.array([one.half for one in old])
    parts: dict[Term, float] = {}
    for multiple, one in zip(by, old):
        for term, own in one.parts.items():
            parts[term] = parts.get(term, 0.0) + multiple * own
    return Estimate(value, half, _error(by, old), parts)


def _error(by: np.ndarray, old: Sequence[Estimate]) -> np.ndarray:
    """The standard error of a combination of coefficients, which is known if it is a single coefficient."""
    alone = np.flatnonzero(by)
    return old[alone[0]].error if len(alone) == 1 and abs(by[alone[0]]) == 1 else np.full_like(old[0].error, np.nan)


def both_sides(terms: Iterable[Term | str], design: Design) -> str:
    """The names of a table and those of the design, for the reader to compare."""
    theirs = ", ".join(dict.fromkeys(term if isinstance(term, str) else spelled_out(term) for term in terms))
    ours = ", ".join([*(["the intercept"] if design.intercept else []), *design.columns])
    return f"Its names are: {theirs}. Those of the design are: {ours}."
