"""
Coefficients that another program printed, as an answer: tables of R, SAS, Stata, statsmodels and scikit-learn.

Every program spells the columns of a design in its own way. Names are matched by what they are made of: the variable, the level,
and the parts of an interaction in whichever order. What is matched to nothing, or twice, is an error that lists both sides.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from spec.diagnosis.answer import Answer
from spec.diagnosis.estimator import other_loss, settings_of
from spec.diagnosis.grid import (
    ERRORS,
    ESTIMATES,
    EXPONENTIATED,
    LEVELS,
    OUTPUTS,
    PERHAPS,
    TERMS,
    content_of,
    decimal,
    grid_of_frame,
    grid_of_mapping,
    grid_of_text,
    heading,
    is_grid,
    is_missing,
    is_number,
    label_of,
    text_of,
)
from spec.diagnosis.pipeline import bare
from spec.model import Params

INTERCEPTS = ("intercept", "const", "cons", "constant", "bias", "konstante", "achsenabschnitt", "constante", "costante")
SCALES = (
    "scale",
    "dispersion",
    "lnalpha",
    "/lnalpha",
    "alpha",
    "theta",
    "logtheta",
    "lntheta",
    "sigma",
    "sigma2",
    "phi",
    "lnsigma",
)
STATISTICS = (
    *("n", "nobs", "observations", "numobs", "r2", "pseudor2", "adjr2", "adjustedr2", "aic", "bic", "ll", "chi2", "deviance"),
    *("loglik", "loglikelihood", "akaikeinfcrit", "bayesianinfcrit", "residualstderror", "fstatistic", "numberofobservations"),
)
FACTOR = re.compile(r"^(?:C\(\s*(?P<coded>.+?)\s*(?:,.*)?\)|(?P<plain>[^\[\]]+))\[(?:(?P<kind>[A-Z])\.)?(?P<level>.+)\]$")
_SUM = re.compile(r"\[S\.")  # how patsy and formulaic name a level that is compared with the mean of all
_CONTRAST = re.compile(r"\[([DHP])\.")
_CODINGS = {"D": "Diff", "H": "Helmert", "P": "polynomial"}
ANY = (*ESTIMATES, *PERHAPS, *EXPONENTIATED)
DOUBLE = 2.0**-53  # half an ulp, relative
Part = tuple[str, str]  # (variable, level), squashed; of a number the level is empty
Term = frozenset[Part]  # none: the intercept


def answer_of_table(
    given: Any, columns: Sequence[str], intercept: bool, outputs: Sequence[str], name: str = "the reference", family: str = ""
) -> Answer:
    """
    The coefficients of a table as an answer about a design with these columns.

    ``given`` is a file (CSV, JSON, or a text that a program printed), such a text itself, a data frame or a series, a mapping of
    names to numbers, the results of statsmodels or their summary, an estimator of scikit-learn or a pipeline that ends in one,
    arrays ``coef_`` and ``intercept_`` (of a mapping or an ``.npz`` file), the weights of a Dense layer, `Params`, or an array
    with the intercept first. ``family`` is the model's, which a result of another loss is told apart from. ``outputs`` names the
    classes of a multinomial model in their order; otherwise it has one entry. A class that the table leaves out has zeros: the
    answer keeps the table's gauge.

    Each coefficient is known to half a unit of its last printed digit; zeros at the end that a program drops are counted as
    printed. A table whose factor has another baseline is converted, and ``program`` says so. Raises ValueError where the names
    of the table and those of the design do not match one to one.
    """
    design = _Design(tuple(columns), intercept, tuple(outputs))
    source = str(given) if isinstance(given, os.PathLike) or (isinstance(given, str) and "\n" not in given) else "the text"
    given = _content(bare(given))
    arrays = None if is_grid(given) else _arrays(given)
    if arrays is not None:
        found = _of_arrays(*arrays, design, name)
        return _told(found, given, family)
    cells = _cells(given, design, source)
    if not cells:
        raise ValueError(f"{name} has no coefficients: give a column of names and one of estimates.")
    found = _told(_matched(cells, design, name), given, family)
    if (kind := getattr(given, "cov_type", "nonrobust")) in ("nonrobust", "H1"):
        return found
    note = f"The standard errors of {name} are what statsmodels has for cov_type={kind!r}."
    return replace(found, notes=(*found.notes, note))


def _told(found: Answer, given: Any, family: str) -> Answer:
    """An answer with what its estimator tells of itself."""
    if says := other_loss(given, family):
        return replace(found, program={**found.program, "loss": says}, has_unknown_loss=True)
    return replace(found, settings=settings_of(given))


# -- numbers and their digits --------------------------------------------------------------------------------------------------


def half_units(texts: Sequence[str]) -> np.ndarray:
    """
    Half a unit of the last digit that each number was printed with, but at least half an ulp.

    A program that drops zeros at the end writes fewer digits: they count as far as the other numbers have digits after the
    point, and digits in all.

    >>> half_units(["1.2346", "0.5", "12"]).tolist()
    [5e-05, 5e-05, 0.0005]
    """
    numbers = [decimal(text) or Decimal(0) for text in texts]
    last = [int(number.as_tuple().exponent) for number in numbers]
    digits = [len(number.as_tuple().digits) if number else 0 for number in numbers]
    finest, most = min(last, default=0), max(digits, default=0)
    half = []
    for number, own in zip(numbers, last):
        dropped = max(finest, number.adjusted() - most + 1) if number else finest
        half.append(max(float(Decimal(5).scaleb(min(own, dropped) - 1)), abs(float(number)) * DOUBLE))
    return np.array(half)


# -- names ---------------------------------------------------------------------------------------------------------------------


def _squash(text: str) -> str:
    """What programs agree on in a name: no spaces, quotes, brackets, points and underscores, in lower case."""
    return re.sub(r"[\s`'\"\[\](){}._,$]", "", text.replace("**", "^").lower())


def _split(name: str) -> list[str]:
    """The parts of an interaction, which R and formulaic join by a colon, SAS by a star and Stata by a hash."""
    parts, depth, start = [], 0, 0
    guarded = name.replace("**", "^^")
    for i, sign in enumerate(guarded):
        depth += (sign in "([{") - (sign in ")]}")
        if sign in ":*#" and depth == 0:
            parts.append(name[start:i])
            start = i + 1
    return [part.strip() for part in (*parts, name[start:]) if part.strip()]


def _bare(part: str) -> str:
    """A part of a name without what a program wraps a factor in: factor(region)north, C(region)[T.north], 2.region, c.age."""
    part = re.sub(r"^(?:as\.)?factor\((.+?)\)", r"\1", part.strip().strip("`"))
    part = re.sub(r"^C\((.+?)(?:,.*)?\)(?=\[|\w|$)", r"\1", part)
    part = re.sub(r"^\[?([^=\[\]]+)=([^=\[\]]+)\]?$", r"\1 \2", part)  # region=north
    part = re.sub(r"\[(?:[A-Z]\.)?(.*)\]$", r" \1", part)
    part = re.sub(r"^(\d+)(?:bn|b|o)?\.(?=[A-Za-z])", r"\1.", part)
    part = re.sub(r"\b(?:np|numpy)\.(?=\w+\()", "", part)
    part = re.sub(r"^Q\((.*)\)$", r"\1", re.sub(r"^[ic]\.(?=[A-Za-z])", "", part))
    return re.sub(r"(?<=\d)\.0$", "", part)


class _Design:
    """
    The columns of a design, by what they are made of.

    ``terms`` give the number of each column, ``levels`` those of each factor that have a column.
    """

    def __init__(self, columns: tuple[str, ...], intercept: bool, outputs: tuple[str, ...]) -> None:
        self.columns, self.intercept, self.outputs = columns, intercept, outputs
        self.terms: dict[Term, int] = {}
        self.levels: dict[str, set[str]] = {}
        self._constant = False  # whether a column stands for the intercept
        self._parts: dict[str, set[Part]] = {}  # by how a program may spell them
        self._as_event: dict[str, set[Part]] = {}  # a column of 0 and 1 as a factor: smkTRUE, 1.smk
        for j, column in enumerate(columns):
            term = frozenset(self._own_part(text) for text in _split(column))
            self.terms[frozenset([(column, "")]) if term in self.terms else term] = j

    def _own_part(self, text: str) -> Part:
        """The part that a column's name has, noted under the ways to spell it."""
        found = FACTOR.match(text)
        if found is None:
            part = (_squash(_bare(text)), "")
            spelled = {part[0], _squash(text)}
            for one in (part[0] + "true", part[0] + "1", "1" + part[0]):
                self._as_event.setdefault(one, set()).add(part)
            if part[0] in INTERCEPTS and not self.intercept:  # a column of ones
                spelled |= set(INTERCEPTS)
                self._constant = True
        else:
            variable = _squash(_bare(found["coded"] or found["plain"]))
            part = (variable, _squash(re.sub(r"(?<=\d)\.0$", "", found["level"])))
            spelled = {part[0] + part[1], part[1] + part[0]}
            self.levels.setdefault(variable, set()).add(part[1])
        for one in spelled:
            self._parts.setdefault(one, set()).add(part)
        return part

    @property
    def k(self) -> int:
        return len(self.outputs)

    def is_intercept(self, name: str) -> bool:
        """Whether a name is that of the intercept, and of no column."""
        return name not in self.columns and _squash(name) in INTERCEPTS and not self._constant

    def term(self, name: str) -> Term | None:
        """What a name is made of: none of it is the intercept; None where some part is neither a column nor a level."""
        if name in self.columns:
            return next(term for term, j in self.terms.items() if j == self.columns.index(name))
        if self.is_intercept(name):
            return frozenset()
        for spelled in (name, re.sub(r":\s+", " ", name).replace(" & ", ":"), name.partition("__")[2]):  # of Julia; scikit-learn
            found = [self._part(text) for text in _split(spelled)]
            if found and None not in found:
                return frozenset(found)  # type: ignore[arg-type]
        whole = self._part(name)  # a column whose own name has a colon or a star
        return None if whole is None else frozenset([whole])

    def _part(self, text: str) -> Part | None:
        key = _squash(_bare(text))
        known = self._parts.get(key) or self._as_event.get(key, set())
        if len(known) == 1:
            return next(iter(known))
        if known or key in SCALES or key in STATISTICS:
            return None
        for variable in sorted(self.levels, key=len, reverse=True):  # a level that has no column: the baseline
            if key.startswith(variable) and len(key) > len(variable):
                return variable, key[len(variable) :]
            if key.endswith(variable) and len(key) > len(variable):
                return variable, key[: -len(variable)]
        return None

    def knows(self, name: str) -> bool:
        """Whether a name is that of the intercept or of a column."""
        term = self.term(name)
        return term is not None and (not term or term in self.terms)

    def with_levels(self, name: str, levels: Sequence[str]) -> str:
        """The name of SAS's parameter with its levels: "region*age", ["north"] is "region north:age"."""
        parts, waiting = _split(name), [level for level in levels if level.strip()]
        for i, part in enumerate(parts):
            if waiting and _squash(part) in self.levels:
                parts[i] = f"{part} {waiting.pop(0)}"
        return ":".join([*parts[:-1], " ".join([parts[-1], *waiting])]) if parts else name


# -- reading -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Cell:
    """A coefficient as it was written: the ``term``'s name, the ``output`` that it belongs to, its standard error."""

    term: str
    value: str
    error: str = ""
    output: str = ""


def _content(given: Any) -> Any:
    """What stands in a file or in a text that was printed; anything else as it is."""
    if hasattr(given, "as_text"):  # a summary of statsmodels
        return grid_of_text(given.as_text())
    if isinstance(given, str) and "\n" in given:
        return grid_of_text(given)
    is_file = isinstance(given, (str, os.PathLike)) and Path(given).suffix.lower() != ".npz"
    return content_of(Path(given)) if is_file else given


def _cells(given: Any, design: _Design, where: str) -> list[_Cell]:
    if isinstance(given, list):  # rows of cells
        return _of_grid(given, design, where)
    if hasattr(given, "params") and hasattr(given, "bse"):  # the results of statsmodels
        return _of_results(given, design)
    if isinstance(given, Mapping):
        if (grid := grid_of_mapping(given)) is not None:
            return _of_grid(grid, design, "the mapping")
        return [_Cell(str(name), text_of(value)) for name, value in given.items()]
    if hasattr(given, "to_frame") and hasattr(given, "index"):  # a series of pandas
        return [_Cell(label_of(name), text_of(value)) for name, value in given.items()]
    if hasattr(given, "columns") and hasattr(given, "index"):
        return _of_grid(grid_of_frame(given), design, "the frame")
    if hasattr(given, "columns") and hasattr(given, "rows"):  # of Polars
        return _of_grid([list(given.columns), *([text_of(one) for one in row] for row in given.rows())], design, "the frame")
    raise ValueError(f"a {type(given).__name__} is no table of coefficients: give a CSV file, a frame, or names and numbers.")


def _of_results(results: Any, design: _Design) -> list[_Cell]:
    """The cells of statsmodels' results: a frame of params has a column for each class but the first."""
    params, errors = np.asarray(results.params, dtype=float), np.asarray(results.bse, dtype=float)
    names = [str(one) for one in getattr(results.params, "index", results.model.exog_names)]
    params, errors = params.reshape(len(names), -1), errors.reshape(len(names), -1)
    return [
        _Cell(name, repr(float(value)), repr(float(error)), design.outputs[j + 1] if design.k > 1 else "")
        for name, values, own in zip(names, params, errors)
        for j, (value, error) in enumerate(zip(values, own))
    ]


def _of_grid(grid: list[list[str]], design: _Design, where: str) -> list[_Cell]:
    """The cells of a table, whichever of its rows and columns are the terms."""
    header, *rows = grid
    if len(header) > 1 and _is_transposed(header, design):
        return [cell for row in rows for cell in _of_wide(header, row, design)]
    if design.k > 1 and _are_classes(header[1:], design):
        return list(_of_outputs(header, rows, where))
    start = next((i for i, row in enumerate(grid) if len(row) > 1 and any(heading(cell) in ESTIMATES for cell in row)), None)
    if start is not None:
        return _of_headed(grid[start:], design, where)
    if len(header) > 1 and decimal(header[1]) is not None and design.term(header[0]) is not None:  # there are no headings
        return [_Cell(row[0], row[1], row[2] if len(row) > 2 else "") for row in grid if len(row) > 1]
    if any(heading(cell) in ANY for cell in header[1:]):
        return _of_headed(grid, design, where)
    return list(_of_outputs(header, rows, where))


def _are_classes(headings: Sequence[str], design: _Design) -> bool:
    """Whether the headings name the classes, or count them."""
    if len(headings) not in (design.k - 1, design.k):
        return False
    return all(_class(one, design.outputs) is not None for one in headings) or all(one.isdigit() for one in headings)


def _is_transposed(header: Sequence[str], design: _Design) -> bool:
    """Whether the headings are the terms: then a row is an output."""
    known = [cell for cell in header if cell and design.knows(_without_output(cell, design)[0])]
    return len(known) > 1 and 2 * len(known) >= len(header) - 1


def _of_wide(header: Sequence[str], row: Sequence[str], design: _Design) -> Iterator[_Cell]:
    label = ""
    for title, cell in zip(header, row):
        term, output = _without_output(title, design)
        if not title or (not design.knows(term) and heading(title) in (*TERMS, *OUTPUTS)):
            label = cell
        else:
            yield _Cell(term, cell, "", output or label)


def _of_headed(grid: Sequence[Sequence[str]], design: _Design, where: str) -> list[_Cell]:
    """The cells of a table with headings such as Estimate and Std. Error; blocks of it may have headings of their own."""
    found: list[_Cell] = []
    header: Sequence[str] = ()
    at: dict[str, Any] = {}
    block = ""
    for row in grid:
        headings = [heading(cell) for cell in row]
        if any(one in ANY for one in headings) and not any(decimal(cell) is not None for cell in row):
            header, at = row, _places(headings, where)
            equals = re.match(r"^[\w ]+=\s*(.+)$", row[0])
            block = equals[1].strip() if equals else ""
            continue
        if len(row) != len(header) or not any(row[1:]):  # a note
            if found and len(row) != len(header):
                break
            continue
        levels = [row[i] for i in at["levels"]]
        name = design.with_levels(row[at["term"]], levels) if any(levels) else row[at["term"]]
        output = row[at["output"]] if at["output"] is not None else block
        error = row[at["error"]] if at["error"] is not None else ""
        found.append(_Cell(name, row[at["estimate"]], error, output))
    return found


def _places(headings: Sequence[str], where: str) -> dict[str, Any]:
    """The numbers of the columns that hold the terms, the estimates, the errors, the outputs and the levels."""
    first = {kind: next((i for i, one in enumerate(headings) if one in words), None) for kind, words in KINDS.items()}
    estimate = next(i for word in ANY for i, one in enumerate(headings) if one == word)
    if len(path := [one for one in headings if re.fullmatch(r"s\d+", one)]) > 1:
        raise ValueError(
            f"{where} has a column for each of {len(path)} penalties ({path[0]} to {path[-1]}): keep the one that is meant."
        )
    if first["term"] in (None, estimate):
        others = [i for i in range(len(headings)) if i not in (estimate, first["error"], first["output"])]
        if not others:
            raise ValueError(f"{where} has estimates, but no column with the names of the terms.")
        first["term"] = others[0]
    if headings[estimate] in EXPONENTIATED:  # whose errors are not those of the coefficients
        first["error"] = None
    term = first["term"] or 0
    after = [term + 1] if headings[term + 1 : term + 2] == [""] else []  # SAS has no heading for the levels
    levels = [i for i, one in enumerate(headings) if LEVELS.fullmatch(one)] or after
    return {**first, "estimate": estimate, "levels": levels}


KINDS = {"term": TERMS, "error": ERRORS, "output": OUTPUTS}


def _of_outputs(header: Sequence[str], rows: Sequence[Sequence[str]], where: str) -> Iterator[_Cell]:
    """Yield the cells of a table with a column of names and a column of numbers for each output."""
    numeric = [j for j in range(len(header)) if all(is_number(row[j]) for row in rows if len(row) > j)]
    terms = [j for j in range(len(header)) if j not in numeric]
    if not numeric or not terms:
        raise ValueError(f"{where} has no column of names with a column of numbers: its headings are {', '.join(header)}.")
    for row in rows:
        for j in numeric:
            yield _Cell(row[terms[0]], row[j], "", header[j] if len(numeric) > 1 else "")


def _without_output(name: str, design: _Design) -> tuple[str, str]:
    """Return (term, output): "north:age" of a class north, or VGAM's "age:1"; no output where the name is a term."""
    if design.k == 1 and ":" in name and not design.knows(name):  # Stata's equation, "n:age"
        equation, _, rest = name.partition(":")
        return (rest, "") if design.knows(rest) and not design.knows(equation) else (name, "")
    if design.k == 1 or design.knows(name) or ":" not in name:
        return name, ""
    first, _, rest = name.partition(":")
    before, _, last = name.rpartition(":")
    if design.knows(rest):
        return rest, first
    if design.knows(before) and last.isdigit() and 0 < int(last) <= design.k:
        return before, design.outputs[int(last) - 1]
    return name, ""


# -- matching ------------------------------------------------------------------------------------------------------------------


def _matched(cells: Sequence[_Cell], design: _Design, name: str) -> Answer:
    """The answer that the cells make, one for each column and output of the design."""
    notes: list[str] = []
    kept = [_with_output(cell, design) for cell in _counted_from_one(cells, design)]
    kept = [cell for cell in kept if design.term(cell.term) is not None or _squash(cell.term) not in STATISTICS]
    for cell in () if any(map(_CONTRAST.search, design.columns)) else kept:
        if other := _CONTRAST.search(cell.term):
            raise ValueError(
                f"{cell.term} in {name} is a {_CODINGS[other[1]]} contrast, and only treatment ([T.]) and sum coding ([S.]) are "
                "converted: give the numbers without names, in the order of the design, or fit with treatment coding."
            )
    absent = [cell.term for cell in kept if decimal(cell.value) is None and not is_missing(cell.value)]
    if absent:
        raise ValueError(f"the coefficient of {absent[0]} in {name} is no number.")
    left_out = [cell for cell in kept if is_missing(cell.value)]
    for cell in left_out:
        term = design.term(cell.term)
        if term in design.terms:
            notes.append(
                f"{_first_big(name)} has no number for {cell.term}: it left the column out, which is a coefficient of 0."
            )
    kept = [cell if not is_missing(cell.value) else _Cell(cell.term, "0", "", cell.output) for cell in kept]
    has = {design.term(cell.term) for cell in kept}
    kept = [cell for cell in kept if not _is_reference_level(cell, design, has)]
    scales = [cell.term for cell in kept if design.term(cell.term) is None and _squash(cell.term) in SCALES]
    if scales:
        notes.append(f"{', '.join(dict.fromkeys(scales))} in {name} is a parameter of the family, and no coefficient.")
    kept = [cell for cell in kept if cell.term not in scales]
    numbered, base = _numbered([cell.output for cell in kept], design, name)
    values, halves, errors = _by_term(kept, numbered, design, name)
    program: dict[str, str] = {}
    summed = {variable for cell in kept if _SUM.search(cell.term) for variable, _ in design.term(cell.term) or ()}
    for variable in sorted(design.levels):
        rebased = _from_the_mean if variable in summed else _rebased
        program.update(rebased(variable, values, halves, errors, design, name))
    return _laid_out(values, halves, errors, base, design, name, program, notes)


_BASIS = re.compile(r"^(?!C\()(?P<function>[\w.]+\(.*\))\[(?P<number>\d+)\]$")


def _counted_from_one(cells: Sequence[_Cell], design: _Design) -> list[_Cell]:
    """The cells with the columns of a function, such as a spline, counted from 1, as the design has them; patsy counts from 0."""

    def numbers(names: Iterable[str]) -> dict[str, set[int]]:
        found: dict[str, set[int]] = {}
        for name in names:
            if one := _BASIS.match(name):
                found.setdefault(_squash(one["function"]), set()).add(int(one["number"]))
        return found

    own, theirs = numbers(design.columns), numbers(cell.term for cell in cells)
    moved = {function for function, has in theirs.items() if {one + 1 for one in has} == own.get(function)}

    def renamed(cell: _Cell) -> _Cell:
        one = _BASIS.match(cell.term)
        if one is None or _squash(one["function"]) not in moved:
            return cell
        return replace(cell, term=f"{one['function']}[{int(one['number']) + 1}]")

    return [renamed(cell) for cell in cells]


def _first_big(name: str) -> str:
    return name[:1].upper() + name[1:]


def _with_output(cell: _Cell, design: _Design) -> _Cell:
    if cell.output:
        return cell
    term, output = _without_output(cell.term, design)
    return _Cell(term, cell.value, cell.error, output)


def _is_reference_level(cell: _Cell, design: _Design, has: set[Term | None]) -> bool:
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


def _numbered(labels: Sequence[str], design: _Design, name: str) -> tuple[list[int], int | None]:
    """Return (numbers, base): the output of each cell, and the class that has none, which the others are compared with."""
    k, distinct = design.k, list(dict.fromkeys(labels))
    if k == 1:
        if len(distinct) > 1:
            raise ValueError(f"{name} has coefficients for {', '.join(distinct)}, but the model has one output.")
        return [0] * len(labels), None
    if len(distinct) not in (k - 1, k):
        shown = ", ".join(distinct)
        raise ValueError(
            f"{name} has coefficients of {len(distinct)} outputs ({shown}), but the classes are {', '.join(design.outputs)}."
        )
    by_name = {label: _class(label, design.outputs) for label in distinct}
    counted = [str(j) for j in range(len(distinct))]
    if None in by_name.values() or len(set(by_name.values())) < len(distinct) or (len(distinct) < k and distinct == counted):
        by_name = {label: j + k - len(distinct) for j, label in enumerate(distinct)}  # class 0 is left out, and they are in order
    left = set(range(k)) - set(by_name.values())  # type: ignore[arg-type]
    return [by_name[label] for label in labels], (left.pop() if left else None)  # type: ignore[misc]


def _class(label: str, outputs: Sequence[str]) -> int | None:
    """The number of the class that a label names."""
    for spelled in (label, re.sub(r"^(?:class|y\s*=|y|mu|level)[\s_.=]*", "", label, flags=re.IGNORECASE)):
        matches = [j for j, output in enumerate(outputs) if spelled == output or _squash(spelled) == _squash(output)]
        if len(matches) == 1:
            return matches[0]
    return None


Values = dict[Term, np.ndarray]  # (k,) of each term; of errors (2, k): each with half a unit of its last digit


def _by_term(cells: Sequence[_Cell], numbered: Sequence[int], design: _Design, name: str) -> tuple[Values, Values, Values]:
    """Return (values, halves, errors) by term. Raises ValueError for a name that matches nothing, or is there twice."""
    half, half_of_error = half_units([cell.value for cell in cells]), half_units([_unwrapped(cell.error) for cell in cells])
    values: Values = {}
    halves: Values = {}
    errors: Values = {}
    spelled: dict[tuple[Term, int], str] = {}
    unknown = []
    for cell, output, unit, of_error in zip(cells, numbered, half, half_of_error):
        term = design.term(cell.term)
        if term is None:
            unknown.append(cell.term)
            continue
        if (term, output) in spelled:
            other = spelled[term, output]
            twice = f"{cell.term} twice" if other == cell.term else f"{other} and {cell.term}, which are one column"
            raise ValueError(f"{name} has {twice}. {_both_sides(cells, design)}")
        spelled[term, output] = cell.term
        for store, number in ((values, float(decimal(cell.value) or 0)), (halves, unit)):
            store.setdefault(term, np.zeros(design.k))[output] = number
        errors.setdefault(term, np.full((2, design.k), np.nan))[:, output] = _error(cell), of_error
    if unknown:
        listed = ", ".join(dict.fromkeys(unknown))
        raise ValueError(f"{name} has {listed}, which matches no column of the design. {_both_sides(cells, design)}")
    return values, halves, errors


def _error(cell: _Cell) -> float:
    found = decimal(_unwrapped(cell.error))
    return np.nan if found is None else float(found)


def _unwrapped(text: str) -> str:
    return text.strip().strip("()")


def _both_sides(cells: Sequence[_Cell], design: _Design) -> str:
    theirs = ", ".join(dict.fromkeys(cell.term for cell in cells))
    ours = ", ".join([*(["the intercept"] if design.intercept else []), *design.columns])
    return f"Its names are: {theirs}. Those of the design are: {ours}."


def _rebased(variable: str, values: Values, halves: Values, errors: Values, design: _Design, name: str) -> dict[str, str]:
    """Convert the terms of a factor whose baseline is another level than the design's, in place; says so by its code."""
    theirs = {level for term in values for of, level in term if of == variable and level}
    new, gone = theirs - design.levels[variable], design.levels[variable] - theirs
    has_intercept = frozenset() in values
    if not new:
        return {}
    if len(new) != 1 or len(gone) != (1 if has_intercept else 0) or not design.intercept:
        shown = ", ".join(sorted(new))
        both = _both_sides([_Cell(_spelled(term), "") for term in values], design)
        raise ValueError(f"{name} has the level {shown} of {variable}, which matches no column of the design. {both}")
    (other,), base = new, (next(iter(gone)) if gone else None)
    groups: dict[Term, dict[str, Term]] = {}
    for term in values:
        for part in term:
            if part[0] == variable and part[1]:
                groups.setdefault(term - {part}, {})[part[1]] = term
    for rest, terms in groups.items():
        if other not in terms or (rest not in values and (rest or has_intercept)):
            both = _both_sides([_Cell(_spelled(term), "") for term in values], design)
            raise ValueError(f"the baseline of {variable} in {name} cannot be converted: some terms are missing. {both}")
        _convert(rest, terms, (variable, base) if base else None, other, values, halves, errors)
    if base is None:
        return {
            "coding": f"{_first_big(name)} has a column for each level of {variable} and no intercept; the model has a baseline."
        }
    return {"baseline": f"In {name} the levels of {variable} are compared with {base}, and in the model with {other}."}


def _from_the_mean(variable: str, values: Values, halves: Values, errors: Values, design: _Design, name: str) -> dict[str, str]:
    """Convert the terms of a factor whose levels are compared with their mean ("[S.north]"), in place; says so by its code."""
    rests = {term - {part} for term in values for part in term if part[0] == variable and part[1]}
    for rest in rests:
        terms = {
            level: term for term in values for of, level in term if of == variable and level and term - {(of, level)} == rest
        }
        last = rest | {(variable, next(iter(design.levels[variable] - set(terms)), "its last level"))}
        values[last] = -np.sum([values[term] for term in terms.values()], axis=0)
        halves[last] = np.sum([halves[term] for term in terms.values()], axis=0)
        unknown = np.full((2, design.k), np.nan)
        errors.update(dict.fromkeys([rest, last, *terms.values()], unknown))
        every = {**terms, next(level for of, level in last if of == variable): last}
        other = next((level for level in every if level not in design.levels[variable]), "")
        if len(every) != 1 + len(design.levels[variable]) or not other or not design.intercept:
            raise ValueError(f"{name} compares the levels of {variable} with their mean, and not all of them are in the design.")
        _convert(rest, every, None, other, values, halves, errors)
    return {"coding": f"In {name} the levels of {variable} are compared with their mean, and in the model with a baseline."}


def _convert(
    rest: Term, terms: dict[str, Term], base: Part | None, other: str, values: Values, halves: Values, errors: Values
) -> None:
    """Take the level ``other`` for the baseline of some terms, in place of ``base``."""
    moved = terms.pop(other)
    shift, unit, error = values.pop(moved), halves.pop(moved), errors.pop(moved)
    zero, unknown = np.zeros_like(shift), np.full_like(error, np.nan)
    values[rest], halves[rest] = values.get(rest, zero) + shift, halves.get(rest, zero) + unit
    errors[rest] = error if base is None else unknown
    for term in terms.values():
        values[term], halves[term], errors[term] = values[term] - shift, halves[term] + unit, unknown
    if base is not None:
        term = rest | {base}
        values[term], halves[term], errors[term] = -shift, unit, error


def _spelled(term: Term) -> str:
    return ":".join(" ".join(part).strip() for part in sorted(term)) or "the intercept"


def _laid_out(
    values: Values,
    halves: Values,
    errors: Values,
    base: int | None,
    design: _Design,
    name: str,
    program: dict[str, str],
    notes: list[str],
) -> Answer:
    """The answer, its terms in the order of the design's columns."""
    p, k = len(design.columns), design.k
    missing = [column for term, j in design.terms.items() for column in [design.columns[j]] if term not in values]
    if missing:
        both = _both_sides([_Cell(_spelled(term), "") for term in values], design)
        raise ValueError(f"{name} has no coefficient of {', '.join(missing)}. {both}")
    none = np.zeros(k)
    if frozenset() not in values and design.intercept:
        notes.append(f"{_first_big(name)} has no intercept: it is taken as 0.")
    if frozenset() in values and not design.intercept:
        program["extra-intercept"] = f"{_first_big(name)} has an intercept, and the model has none."
    order: list[Term] = [frozenset()] * (1 + p)
    for term, j in design.terms.items():
        order[1 + j] = term
    matrix = np.array([values.get(term, none) for term in order]).reshape(1 + p, k)
    rounding = np.array([halves.get(term, none) for term in order]).reshape(1 + p, k)
    own, half = np.stack([errors.get(term, np.full((2, k), np.nan)) for term in order[0 if design.intercept else 1 :]], axis=1)
    if k > 1:  # of the contrasts with class 0, if that is what the table compares with
        own, half = (one[:, 1:] if base == 0 else np.full_like(one[:, 1:], np.nan) for one in (own, half))
    known = own if np.isfinite(own).any() else None
    return Answer(Params.from_matrix(matrix), name, rounding, known, half, None, program, tuple(notes))


# -- arrays --------------------------------------------------------------------------------------------------------------------


def _arrays(given: Any) -> tuple[Any, Any] | None:
    """Return (coef, intercept) of what has no names; the intercept is None where it is in the first row of coef."""
    if isinstance(given, Params):
        return given.coef.T, given.intercept
    if isinstance(given, (str, os.PathLike)) and Path(given).suffix.lower() == ".npz":
        try:
            with np.load(given, allow_pickle=False) as kept:
                given = dict(kept)
        except (OSError, ValueError) as error:
            raise ValueError(f"{given} is no file of arrays: save coef_ and intercept_ by numpy.savez.") from error
    if len(layers := getattr(given, "coefs_", ())) > 1:
        hidden = f"{len(layers) - 1} hidden layer{'s' * (len(layers) > 2)}"
        raise ValueError(f"this {type(given).__name__} has {hidden}: a model has none, hidden_layer_sizes=().")
    if layers:
        return layers[0].T, given.intercepts_[0]
    if hasattr(given, "coef_"):
        return given.coef_, getattr(given, "intercept_", 0.0)
    if isinstance(given, Mapping):
        for coef, intercept in (("coef_", "intercept_"), ("coef", "intercept")):
            if coef in given and np.ndim(given[coef]) > 0:
                return given[coef], given.get(intercept, 0.0)
        return None
    if isinstance(given, (list, tuple)) and _are_of_keras(given):
        return given[0].T, given[1]
    if isinstance(given, tuple) and len(given) == 2 and np.ndim(given[0]) > 0:
        return given
    if isinstance(given, (list, tuple, np.ndarray)):
        return given, None
    return None


def _are_of_keras(given: Sequence[Any]) -> bool:
    """Whether arrays are a Dense layer's, (p, k) and (k,); a tuple that may be scikit-learn's, (k, p) and (k,), is its."""
    if [part.ndim for part in given if isinstance(part, np.ndarray)] != [2, 1] or given[0].shape[1] != len(given[1]):
        return False
    return isinstance(given, list) or len(given[0]) != len(given[1])


def _of_arrays(coef: Any, intercept: Any, design: _Design, name: str) -> Answer:
    try:
        coef = np.asarray(coef, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is neither a table nor an array of numbers.") from error
    p, k = len(design.columns), design.k
    own = isinstance(coef, np.ndarray) and intercept is not None
    matrix = _named_rows(coef, np.asarray(intercept, dtype=float), p, k) if own else _first_row(coef, p, k, design.intercept)
    if matrix is None:
        asked = f"{p} columns" + (" and an intercept" if design.intercept else "") + (f", of {k} classes" if k > 1 else "")
        raise ValueError(
            f"{name} has coefficients of the shape {coef.shape}, but the design has {asked}: {', '.join(design.columns)}."
        )
    notes, program = [], {}
    if design.intercept and not matrix[0].any() and not own:
        notes = [f"{_first_big(name)} has no intercept: it is taken as 0."]
    if not design.intercept and matrix[0].any():
        program["extra-intercept"] = f"{_first_big(name)} has an intercept, and the model has none."
    return Answer(Params.from_matrix(matrix), name, np.abs(matrix) * DOUBLE, program=program, notes=tuple(notes))


def _named_rows(coef: np.ndarray, intercept: np.ndarray, p: int, k: int) -> np.ndarray | None:
    """(1 + p, k) of scikit-learn's coef_ (k, p) and intercept_ (k,); of two classes one row may stand for both."""
    rows = coef.reshape(1, -1) if coef.ndim == 1 else coef
    if rows.ndim != 2 or rows.shape[1] != p or rows.shape[0] not in (k, max(k - 1, 1)):
        return None
    first = np.broadcast_to(np.ravel(intercept), (len(rows),)) if np.size(intercept) in (1, len(rows)) else None
    if first is None:
        return None
    matrix = np.vstack([first, rows.T])
    return matrix if len(rows) == k else np.hstack([np.zeros((1 + p, 1)), matrix])


def _first_row(matrix: np.ndarray, p: int, k: int, intercept: bool) -> np.ndarray | None:
    """(1 + p, k) of an array with the intercept first, if it has one."""
    matrix = matrix[:, None] if matrix.ndim == 1 else matrix
    if matrix.ndim != 2 or matrix.shape[1] not in (k, max(k - 1, 1)) or len(matrix) not in (p, p + 1):
        return None
    if len(matrix) == p:
        matrix = np.vstack([np.zeros((1, matrix.shape[1])), matrix])
    return matrix if matrix.shape[1] == k else np.hstack([np.zeros((1 + p, 1)), matrix])
