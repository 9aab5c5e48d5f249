"""The cells of a table matched to the columns of a design, one to one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from spec.diagnosis.answer import Answer, Coded
from spec.diagnosis.tables.cells import Cell
from spec.diagnosis.tables.codings import Estimate, Table, both_sides, kinds_of, readings
from spec.diagnosis.tables.grid import decimal, half_units, is_missing
from spec.diagnosis.tables.names import SCALES, STATISTICS, Design, Term, class_of, first_big, split, squash, without_output
from spec.model import Params

_FUNCTION = re.compile(
    r"(?:np\.|numpy\.)?(?:I|log|log2|log10|log1p|sqrt|exp|poly|scale)\((?P<inner>[\w.]+)(?:\W.*)?\)(?:\[.*\]|\d+)?"
)
_LEVEL = re.compile(r"(?:(?:C|factor|as\.factor)\()?(?P<variable>[A-Za-z][\w.]*?)\)?(?:\[(?:[A-Z]\.)?.+\]|\s*\d+)$")
LEFT_OUT = "it left the column out, which is a coefficient of 0"
_BASIS = re.compile(r"^(?!C\()(?P<function>[\w.]+\(.*\))\[(?P<number>\d+)\]$")


def matched(cells: Sequence[Cell], design: Design, name: str) -> Answer:
    """The answer that the cells make, one for each column and output of the design."""
    notes: list[str] = []
    kept = [_with_output(cell, design) for cell in _counted_from_one(cells, design)]
    of_offset = [cell for cell in kept if design.is_offset(cell.term)]
    free = _free(of_offset, design, name)
    kept = [cell for cell in kept if cell not in of_offset]
    kept = [cell for cell in kept if design.term(cell.term) is not None or squash(cell.term) not in STATISTICS]
    _refuse_cut_points(kept, design, name)
    absent = [cell.term for cell in kept if decimal(cell.value) is None and not is_missing(cell.value)]
    if absent:
        raise ValueError(f"the coefficient of {absent[0]} in {name} is no number.")
    left_out = [cell for cell in kept if is_missing(cell.value)]
    for cell in left_out:
        term = design.term(cell.term)
        if term in design.terms:
            notes.append(f"{first_big(name)} has no number for {cell.term}: {LEFT_OUT}.")
    kept = [cell if not is_missing(cell.value) else Cell(cell.term, "0", "", cell.output) for cell in kept]
    has = {design.term(cell.term) for cell in kept}
    kept = [cell for cell in kept if not _is_reference_level(cell, design, has)]
    scales = [cell.term for cell in kept if design.term(cell.term) is None and squash(cell.term) in SCALES]
    if scales:
        notes.append(f"{', '.join(dict.fromkeys(scales))} in {name} is a parameter of the family, and no coefficient.")
    kept = [cell for cell in kept if cell.term not in scales]
    numbered, base = _numbered([cell.output for cell in kept], design, name)
    table = _by_term(kept, numbered, design, name)
    kinds = kinds_of([cell.term for cell in kept], design)
    found, *others = [
        replace(_laid_out(each, base, design, name, says, notes), coded=_coded(table, each, design))
        for each, says in readings(table, kinds, design, name)
    ]
    if free:
        found, *others = (_beside(one, free, name) for one in (found, *others))
    return replace(found, readings=tuple(others))


def _free(cells: Sequence[Cell], design: Design, name: str) -> Cell | None:
    """The coefficient of the offset, where it has one of its own: of 1, without an error, the row is the offset itself."""
    found = [cell for cell in cells if decimal(cell.value) != 1 or decimal(_unwrapped(cell.error))]
    if len(found) > 1 or (found and design.k > 1):
        listed = ", ".join(dict.fromkeys(cell.term for cell in found))
        raise ValueError(f"{name} has {len(found)} coefficients of the offset ({listed}): a model has one, and none of classes.")
    if found and decimal(found[0].value) is None:
        raise ValueError(f"the coefficient of {found[0].term} in {name} is no number.")
    return found[0] if found else None


def _beside(answer: Answer, cell: Cell, name: str) -> Answer:
    """The answer with the coefficient of the offset in a last row."""
    value, half = float(decimal(cell.value) or 0), half_units([cell.value])[0]
    matrix, rounding = np.vstack([answer.params.matrix, [[value]]]), np.vstack([answer.rounding, [[half]]])
    note = f"The row {cell.term} of {name} is read as the coefficient of the offset."
    if answer.standard_errors is not None:
        note = f"{note} Standard errors beside it are those of another model, and were not compared."
    return replace(
        answer, params=Params.from_matrix(matrix), rounding=rounding, standard_errors=None, notes=(*answer.notes, note)
    )


def _refuse_cut_points(cells: Sequence[Cell], design: Design, name: str) -> None:
    """Raise ValueError for the cut points between classes that an ordinal model has, such as 0/1 and 1|2."""
    ends = {cell.term: re.split(r"[/|]", cell.term) for cell in cells}
    cuts = [
        term
        for term, parts in ends.items()
        if design.k > 1
        and len(parts) == 2
        and not design.knows(term)
        and all(class_of(part.strip(), design.outputs) is not None for part in parts)
    ]
    if len(cuts) > 1 or (cuts and design.k == 2):
        raise ValueError(
            f"{name} has cut points between classes ({', '.join(cuts)}): it is an ordinal model, such as R's polr or "
            "statsmodels' OrderedModel, with one slope for all classes. A softmax has one for each class, so they are two models."
        )


def _counted_from_one(cells: Sequence[Cell], design: Design) -> list[Cell]:
    """The cells with the columns of a function, such as a spline, counted from 1, as the design has them; patsy counts from 0."""

    def numbers(names: Iterable[str]) -> dict[str, set[int]]:
        found: dict[str, set[int]] = {}
        for name in names:
            if one := _BASIS.match(name):
                found.setdefault(squash(one["function"]), set()).add(int(one["number"]))
        return found

    own, theirs = numbers(design.columns), numbers(cell.term for cell in cells)
    moved = {function for function, has in theirs.items() if {one + 1 for one in has} == own.get(function)}

    def renamed(cell: Cell) -> Cell:
        one = _BASIS.match(cell.term)
        if one is None or squash(one["function"]) not in moved:
            return cell
        return replace(cell, term=f"{one['function']}[{int(one['number']) + 1}]")

    return [renamed(cell) for cell in cells]


def _with_output(cell: Cell, design: Design) -> Cell:
    if cell.output:
        return cell
    term, output = without_output(cell.term, design)
    return Cell(term, cell.value, cell.error, output)


def _is_reference_level(cell: Cell, design: Design, has: set[Term | None]) -> bool:
    """
    Whether a row stands for the level that a program compares with: its estimate is 0, and it has no standard error.

    Of a level that the design has, only if the table ``has`` the one that the design compares with.
    """
    if decimal(cell.value) != 0 or not (is_missing(cell.error) or decimal(cell.error) == 0):
        return False
    if not design.knows(cell.term):
        return True
    variables = {variable for variable, level in design.term(cell.term) or () if level}
    others = {term for term in has if term and term not in design.terms and variables & {variable for variable, _ in term}}
    return cell.error != "" and bool(others)


def _numbered(labels: Sequence[str], design: Design, name: str) -> tuple[list[int], int | None]:
    """Return (numbers, base): the output of each cell, and the class that has none, which the others are compared with."""
    k, distinct = design.k, list(dict.fromkeys(labels))
    if k == 1:
        if len(distinct) > 1:
            raise ValueError(f"{name} has coefficients for {', '.join(distinct)}, but the model has one output.")
        return [0] * len(labels), None
    if len(distinct) not in (k - 1, k):
        has = "one coefficient for each column" if distinct == [""] else f"coefficients of {', '.join(distinct)}"
        raise ValueError(
            f"{name} has {has}, but the classes are {', '.join(design.outputs)}: give coefficients for each, or for each but one."
        )
    by_name = {label: class_of(label, design.outputs) for label in distinct}
    counted = [str(j) for j in range(len(distinct))]
    if None in by_name.values() or len(set(by_name.values())) < len(distinct) or (len(distinct) < k and distinct == counted):
        by_name = {label: j + k - len(distinct) for j, label in enumerate(distinct)}  # class 0 is left out, and they are in order
    left = set(range(k)) - set(by_name.values())  # type: ignore[arg-type]
    return [by_name[label] for label in labels], (left.pop() if left else None)  # type: ignore[misc]


def _by_term(cells: Sequence[Cell], numbered: Sequence[int], design: Design, name: str) -> Table:
    """The estimates by term. Raises ValueError for a name that matches nothing, or is there twice."""
    half, half_of_error = half_units([cell.value for cell in cells]), half_units([_unwrapped(cell.error) for cell in cells])
    names = [cell.term for cell in cells]
    together = {frozenset(variable for variable, _ in term) for term in (*design.terms, frozenset())}
    found: Table = {}
    spelled: dict[tuple[Term, int], str] = {}
    unknown = []
    for cell, output, unit, of_error in zip(cells, numbered, half, half_of_error):
        term = design.term(cell.term)
        if term is None or frozenset(variable for variable, _ in term) not in together:  # a product that the model has not
            unknown.append(cell.term)
            continue
        if (term, output) in spelled:
            other = spelled[term, output]
            twice = f"{cell.term} twice" if other == cell.term else f"{other} and {cell.term}, which are one column"
            raise ValueError(f"{name} has {twice}. {both_sides(names, design)}")
        spelled[term, output] = cell.term
        one = found.setdefault(term, Estimate.none(design.k)._replace(parts={term: 1.0}))
        one.value[output], one.half[output] = float(decimal(cell.value) or 0), unit
        one.error[:, output] = _error(cell), of_error
    if unknown:
        listed = ", ".join(dict.fromkeys(unknown))
        seen = next((says for one in unknown if (says := _seen_in(one, design))), "")
        raise ValueError(f"{name} has {listed}, which matches no column of the design.{seen} {both_sides(names, design)}")
    return found


def _seen_in(name: str, design: Design) -> str:
    """A sentence on the difference that an unknown name shows by itself; nothing where it shows none."""
    cure = "That is a difference of the models: state the formula as the table has it."
    if name in design.levels or squash(name) in design.levels:
        return f" It has {name} as numbers, and your model has its levels. {cure}"
    if (made := _FUNCTION.fullmatch(name.strip())) and design.knows(made["inner"]):
        return f" {name} is made of {made['inner']}, which your model has as it is. {cure}"
    if (level := _LEVEL.match(name.strip())) and design.knows(level["variable"]):
        return f" It has levels of {level['variable']}, and your model has it as numbers. {cure}"
    parts = split(name)
    if len(parts) > 1 and all(design.term(part) for part in parts):
        return f" It has the product {name}, and your model has none. {cure}"
    return ""


def _error(cell: Cell) -> float:
    found = decimal(_unwrapped(cell.error))
    return np.nan if found is None else float(found)


def _unwrapped(text: str) -> str:
    return text.strip().strip("()")


def _rows(table: Table, design: Design) -> list[Estimate]:
    """The estimates in the order of the design's columns, the intercept first."""
    order: list[Term] = [frozenset(), *sorted(design.terms, key=design.terms.__getitem__)]
    return [table.get(term) or Estimate.none(design.k) for term in order]


def _coded(table: Table, converted: Table, design: Design) -> Coded:
    """The numbers of a table beside the matrix that converts them."""
    terms = sorted(table, key=len)  # the intercept first
    into = [[row.parts.get(term, 0.0) for term in terms] for row in _rows(converted, design)]
    values, rounding = (np.array(part) for part in zip(*((table[term].value, table[term].half) for term in terms)))
    return Coded(values, rounding, np.array(into), frozenset() in table)


def _laid_out(table: Table, base: int | None, design: Design, name: str, program: dict[str, str], notes: Sequence[str]) -> Answer:
    """The answer, its terms in the order of the design's columns."""
    if missing := [design.columns[j] for term, j in design.terms.items() if term not in table]:
        notes = [*notes, f"{first_big(name)} has no coefficient of {', '.join(missing)}: {LEFT_OUT}."]
        program = {**program, "column-left-out": f"{first_big(name)} leaves out {', '.join(missing)}."}
    if frozenset() not in table and design.intercept:
        notes = [*notes, f"{first_big(name)} has no intercept: it is taken as 0."]
    if frozenset() in table and not design.intercept:
        program = {**program, "extra-intercept": f"{first_big(name)} has an intercept, and the model has none."}
    rows = _rows(table, design)
    matrix, rounding = np.array([row.value for row in rows]), np.array([row.half for row in rows])
    own, half = np.stack([row.error for row in rows[0 if design.intercept else 1 :]], axis=1)
    if design.k > 1:  # of the contrasts with class 0, if that is what the table compares with
        own, half = (one[:, 1:] if base == 0 else np.full_like(one[:, 1:], np.nan) for one in (own, half))
    known = own if np.isfinite(own).any() else None
    return Answer(Params.from_matrix(matrix), name, rounding, known, half, None, program, tuple(notes))
