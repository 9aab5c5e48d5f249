"""Names of columns, as programs spell them, and what they are made of."""

from __future__ import annotations

import re
from collections.abc import Sequence

INTERCEPTS = ("intercept", "const", "cons", "constant", "bias", "konstante", "achsenabschnitt", "constante", "costante")
SCALES = (
    *("scale", "dispersion", "alpha", "lnalpha", "/lnalpha", "theta", "logtheta", "lntheta"),
    *("sigma", "sigma2", "phi", "lnsigma"),
)
STATISTICS = (
    *("n", "nobs", "observations", "numobs", "r2", "pseudor2", "adjr2", "adjustedr2", "aic", "bic", "ll", "chi2", "deviance"),
    *("loglik", "loglikelihood", "akaikeinfcrit", "bayesianinfcrit", "residualstderror", "fstatistic", "numberofobservations"),
)
FACTOR = re.compile(r"^(?:C\(\s*(?P<coded>.+?)\s*(?:,.*)?\)|(?P<plain>[^\[\]]+))\[(?:(?P<kind>[A-Z])\.)?(?P<level>.+)\]$")
IS_LEVEL = re.compile(  # C(sex == 'm')[T.True], factor(sex == "m")TRUE
    r"^(?:(?:C|I|(?:as\.)?factor)?\()?\s*(?P<variable>[\w.]+)\s*==\s*(?P<quote>['\"]?)(?P<level>[^'\"()]+?)(?P=quote)\s*\)?"
    r"(?:\[T?\.?True\]|TRUE|True)?$"
)
Part = tuple[str, str]  # (variable, level), squashed; of a number the level is empty
Term = frozenset[Part]  # none: the intercept


def squash(text: str) -> str:
    """A name without what programs write differently: in lower case, without spaces, quotes, brackets, points and underscores."""
    return re.sub(r"[\s`'\"\[\](){}._,$]", "", text.replace("**", "^").lower())


SCALED = ("scale", "standardize", "standardise", "center", "zscore", "stats.zscore")
WRAPPED = re.compile(r"^(?:I|" + "|".join(map(re.escape, SCALED)) + r")\((?P<inside>[^()]*(?:\([^()]*\)[^()]*)*)\)$")


def unwrapped(name: str) -> str:
    """
    What stands in R's I(), in formulaic's braces, or in a function that scales a column, whose coefficient says so by its size.

    >>> unwrapped("I(age^2)"), unwrapped("{age ** 2}"), unwrapped("scale(age)"), unwrapped("log(age)")
    ('age^2', 'age ** 2', 'age', 'log(age)')
    """
    name = name.strip()
    if name.startswith("{") and name.endswith("}"):
        return name[1:-1].strip()
    found = WRAPPED.match(name)
    return name if found is None else re.sub(r",\s*\w+\s*=.*$", "", found["inside"]).strip()


def split(name: str) -> list[str]:
    """The parts of an interaction, which R and formulaic join by a colon, SAS by a star and Stata by a hash."""
    name = unwrapped(name)
    parts, depth, start = [], 0, 0
    guarded = name.replace("**", "^^")
    for i, sign in enumerate(guarded):
        depth += (sign in "([{") - (sign in ")]}")
        if sign in ":*#" and depth == 0:
            parts.append(name[start:i])
            start = i + 1
    return [unwrapped(part) for part in (*parts, name[start:]) if part.strip()]


def bare_part(part: str) -> str:
    """A part of a name without what a program wraps a factor in: factor(region)north, C(region)[T.north], 2.region, c.age."""
    part = IS_LEVEL.sub(r"\g<variable> \g<level>", part.strip().strip("`"))
    part = re.sub(r"^(?:as\.)?factor\((.+?)\)", r"\1", part)
    part = re.sub(r"^C\((.+?)(?:,.*)?\)(?=\[|\w|\.|$)", r"\1", part)
    part = re.sub(r"^\[?([^=\[\]]+)=([^=\[\]]+)\]?$", r"\1 \2", part)  # region=north
    part = re.sub(r"\[(?:[A-Z]\.)?(.*)\]$", r" \1", part)
    part = re.sub(r"^(\d+)(?:bn|b|o)?\.(?=[A-Za-z])", r"\1.", part)
    part = re.sub(r"\b(?:np|numpy)\.(?=\w+\()", "", part)
    part = re.sub(r"^pow(?:er)?\((.+),\s*([\d.]+)\)$", r"\1^\2", re.sub(r"^square\((.+)\)$", r"\1^2", part))
    part = re.sub(r"^Q\((.*)\)$", r"\1", re.sub(r"^[ic]\.(?=[A-Za-z])", "", part))
    return re.sub(r"(?<=\d)\.0$", "", part)


class Design:
    """
    The columns of a design, by what they are made of.

    ``terms`` give the number of each column, ``levels`` those of each factor that have a column, in their order, and ``kinds``
    the contrast of each factor that has one: S, H or D. ``offset`` is what the offset is called; None where there is none.
    """

    def __init__(self, columns: tuple[str, ...], intercept: bool, outputs: tuple[str, ...], offset: str | None = None) -> None:
        self.columns, self.intercept, self.outputs, self.offset = columns, intercept, outputs, offset
        self.terms: dict[Term, int] = {}
        self.levels: dict[str, list[str]] = {}
        self.kinds: dict[str, str] = {}
        self._constant = False  # whether a column stands for the intercept
        self._parts: dict[str, set[Part]] = {}  # by how a program may spell them
        self._as_event: dict[str, set[Part]] = {}  # a column of 0 and 1 as a factor: smkTRUE, 1.smk
        for j, column in enumerate(columns):
            term = frozenset(self._own_part(text) for text in split(column))
            self.terms[frozenset([(column, "")]) if term in self.terms else term] = j

    def _own_part(self, text: str) -> Part:
        """The part that a column's name has, noted under the ways to spell it."""
        found = FACTOR.match(text)
        if found is None:
            part = (squash(bare_part(text)), "")
            spelled = {part[0], squash(text)}
            for one in (part[0] + "true", part[0] + "1", "1" + part[0]):
                self._as_event.setdefault(one, set()).add(part)
            if part[0] in INTERCEPTS and not self.intercept:  # a column of ones
                spelled |= set(INTERCEPTS)
                self._constant = True
        else:
            variable = squash(bare_part(found["coded"] or found["plain"]))
            part = (variable, squash(re.sub(r"(?<=\d)\.0$", "", found["level"])))
            spelled = {part[0] + part[1], part[1] + part[0]}
            if part[1] not in (levels := self.levels.setdefault(variable, [])):
                levels.append(part[1])
            if found["kind"] in ("S", "H", "D"):
                self.kinds[variable] = found["kind"]
        for one in spelled:
            self._parts.setdefault(one, set()).add(part)
        return part

    @property
    def k(self) -> int:
        return len(self.outputs)

    def is_intercept(self, name: str) -> bool:
        """Whether a name means the intercept, and no column."""
        return name not in self.columns and squash(name) in INTERCEPTS and not self._constant

    def term(self, name: str) -> Term | None:
        """The parts of a name, of which the intercept has none; None if some part is neither a column nor a level."""
        if name in self.columns:
            return next(term for term, j in self.terms.items() if j == self.columns.index(name))
        if self.is_intercept(name):
            return frozenset()
        for spelled in (name, re.sub(r":\s+", " ", name).replace(" & ", ":"), name.partition("__")[2]):  # of Julia; scikit-learn
            found = [self._part(text) for text in split(spelled)]
            if found and None not in found:
                return frozenset(found)  # type: ignore[arg-type]
        whole = self._part(name)  # a column whose own name has a colon or a star
        return None if whole is None else frozenset([whole])

    def is_offset(self, name: str) -> bool:
        """Whether a name that no column has means the offset: its expression, "offset", or "offset(...)"."""
        if self.offset is None or (self.term(name) or frozenset()) & set().union(*self.terms):
            return False
        inside = re.sub(r"^offset\((.*)\)$", r"\1", name.strip(), flags=re.IGNORECASE)
        return _as_logged(inside) in ("offset", _as_logged(self.offset))

    def _part(self, text: str) -> Part | None:
        key = squash(bare_part(text))
        whole = squash(bare_part(re.sub(r"\[(.*)\]$", r" \1", text)))  # a level may itself begin with "S."
        known = self._parts.get(whole) or self._parts.get(key) or self._as_event.get(key, set())
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
        """Whether a name means the intercept or a column."""
        term = self.term(name)
        return term is not None and (not term or term in self.terms)

    def with_levels(self, name: str, levels: Sequence[str]) -> str:
        """The name of SAS's parameter with its levels: "region*age", ["north"] is "region north:age"."""
        parts, waiting = split(name), [level for level in levels if level.strip()]
        for i, part in enumerate(parts):
            if waiting and squash(part) in self.levels:
                parts[i] = f"{part} {waiting.pop(0)}"
        return ":".join([*parts[:-1], " ".join([parts[-1], *waiting])]) if parts else name


def _as_logged(text: str) -> str:
    """A name squashed, with Stata's ln for log."""
    return squash(re.sub(r"^ln(?=\()", "log", bare_part(text)))


def first_big(name: str) -> str:
    return name[:1].upper() + name[1:]


def class_of(label: str, outputs: Sequence[str]) -> int | None:
    """The number of the class that a label names."""
    for spelled in (label, re.sub(r"^(?:class|y\s*=|y|mu|level)[\s_.=]*", "", label, flags=re.IGNORECASE)):
        matches = [j for j, output in enumerate(outputs) if spelled == output or squash(spelled) == squash(output)]
        if len(matches) == 1:
            return matches[0]
    return None


def spelled_out(term: Term) -> str:
    """A term for a reader: "age:region north"."""
    return ":".join(" ".join(part).strip() for part in sorted(term)) or "the intercept"


def without_output(name: str, design: Design) -> tuple[str, str]:
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
