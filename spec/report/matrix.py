"""
The evidence of many environments, merged: claims x environments.

Only evidence of one suite version and one seed is merged, and a case that one environment has and another lacks is an
error: what silently vanished is no agreement.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from spec.report import record
from spec.report.record import Record

MARKS = {"holds": "✓", "known gap": "g", "declined": "–", "precondition failed": "P", "error": "E", "fails": "✗"}
WORST_FIRST = ("fails", "error", "precondition failed", "known gap", "holds", "declined")
SHOWN = ("keras", "tensorflow", "jax", "torch", "statsmodels", "numpy", "Python")  # what tells environments apart
Cases = dict[str, str]


@dataclass(frozen=True)
class Environment:
    """A run: its record, and each claim's cases with their outcomes."""

    record: Record

    @property
    def name(self) -> str:
        return self.record["environment"]

    @cached_property
    def cases(self) -> dict[str, Cases]:
        """The outcome of each case of each claim."""
        cases: dict[str, Cases] = {claim["claim"]: {} for claim in self.record["claims"]}
        for cell in self.record["cells"]:
            cases.setdefault(cell["claim"], {})[cell["case"]] = cell["outcome"]
        return cases

    @cached_property
    def controls(self) -> dict[str, dict[str, int]]:
        """Of each claim how many controls were refused, accepted, declined, or not refused for a known gap."""
        return {claim["claim"]: claim["controls"] for claim in self.record["claims"]}

    def outcomes(self, claim: str) -> Counter[str]:
        """How many cases of a claim came to which outcome."""
        return Counter(self.cases[claim].values())

    def verdict(self, claim: str) -> str:
        """The worst of the outcomes of its cases, where "declined" counts only if all are; an accepted control fails it."""
        found = self.outcomes(claim)
        if self.controls[claim]["accepted"]:
            return "fails"
        if self.controls[claim]["known gap"]:
            found["known gap"] += 1
        return next(outcome for outcome in WORST_FIRST if found[outcome])

    @cached_property
    def versions(self) -> dict[str, str]:
        """Of every library, the engines' first, and of Python."""
        engines = [engine["versions"] for engine in self.record["engines"].values()]
        return {
            k: v
            for versions in (*engines, self.record["libraries"], {"Python": self.record["python"]})
            for k, v in versions.items()
        }

    @property
    def backend(self) -> str:
        """What the subject runs on."""
        return self.record["engines"]["subject"]["backend"]

    @property
    def libraries(self) -> str:
        """The versions that tell it apart, in words."""
        return ", ".join(f"{name} {self.versions[name]}" for name in SHOWN if name in self.versions)

    @property
    def age(self) -> tuple[Any, ...]:
        """What environments are ordered by: TensorFlow first, then the versions of Keras, backend, statsmodels, NumPy, Python."""
        numbers = ("keras", self.backend, "statsmodels", "numpy", "Python")
        return (
            self.backend not in ("", "tensorflow"),
            self.backend,
            *(_number(self.versions.get(n)) for n in numbers),
            self.name,
        )


def span(environments: Iterable[Environment], library: str) -> str:
    """From which minor version to which they have a library: "3.5–3.15"; empty where none has it."""
    found = sorted({_number(e.versions[library]) for e in environments if library in e.versions})
    minor = [f"{v.major}.{v.minor}{' nightly' if v.is_devrelease else ''}" for v in found]
    return "–".join(dict.fromkeys((minor[0], minor[-1]))) if found else ""


def _number(version: str | None) -> Version:
    try:
        return Version(version or "0")
    except InvalidVersion:
        return Version("0")


@dataclass(frozen=True)
class Matrix:
    """Environments from the oldest to the newest, which have the same claims and cases."""

    environments: list[Environment]

    @property
    def claims(self) -> list[dict[str, Any]]:
        """In reading order."""
        return self.environments[-1].record["claims"]

    @property
    def chapters(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """Each file of claims with its claims."""
        return ((chapter, list(found)) for chapter, found in groupby(self.claims, key=lambda claim: claim["chapter"]))

    @cached_property
    def groups(self) -> list[list[Environment]]:
        """Neighbours on one backend that say the same of every claim: a column of the tables."""
        verdicts = {e.name: (e.backend, [e.verdict(claim["claim"]) for claim in self.claims]) for e in self.environments}
        return [list(found) for _, found in groupby(self.environments, key=lambda e: verdicts[e.name])]

    def numbers(self, environments: Iterable[Environment]) -> str:
        """The places of environments in the list, counted from 1: "1, 3–5"."""
        places = sorted(self.environments.index(environment) + 1 for environment in environments)
        runs = groupby(places, key=lambda place: place - places.index(place))
        return ", ".join("–".join(dict.fromkeys(map(str, (run[0], run[-1])))) for run in (list(found) for _, found in runs))

    @property
    def gaps(self) -> dict[str, tuple[list[str], list[Environment]]]:
        """Each cause of known gaps: the claims that depart for it, and the environments where one does."""
        met: dict[str, tuple[dict[str, None], dict[str, Environment]]] = {}
        for environment in self.environments:
            for cell in environment.record["cells"]:
                if cell["outcome"] == "known gap":
                    claims, where = met.setdefault(cell["why"], ({}, {}))
                    claims[cell["claim"]], where[environment.name] = None, environment
        return {cause: (list(claims), list(where.values())) for cause, (claims, where) in met.items()}


def merge(records: Iterable[Record]) -> Matrix:
    """Raises ValueError, which names the environments, where they cannot be compared."""
    environments = sorted((Environment(each) for each in records), key=lambda environment: environment.age)
    if not environments:
        raise ValueError("there is no evidence; pytest tests/claims --evidence evidence/NAME.json writes some.")
    for key, what in (("suite", "suite version"), ("seed", "seed")):
        values = {environment.record[key]: environment.name for environment in environments}
        if len(values) > 1:
            said = ", ".join(f"{name} has {value}" for value, name in values.items())
            raise ValueError(f"evidence of more than one {what} is not mixed: {said}.")
    every = {case for environment in environments for case in _pairs(environment)}
    for environment in environments:
        if lost := every - _pairs(environment):
            claim, case = min(lost)
            raise ValueError(
                f"{environment.name} lacks {len(lost)} of {len(every)} cases that others have, {claim}[{case}] among them: "
                "run it again."
            )
        for claim, controls in environment.controls.items():
            if (had := sum(controls.values())) != (others := sum(environments[-1].controls[claim].values())):
                raise ValueError(
                    f"{environment.name} has {had} controls of {claim}, and {environments[-1].name} {others}: run both again."
                )
    return Matrix(environments)


def _pairs(environment: Environment) -> set[tuple[str, str]]:
    return {(claim, case) for claim, cases in environment.cases.items() for case in cases}


def load(paths: Iterable[Path]) -> Matrix:
    """The matrix of these files. Raises ValueError that names the file, or the environments, at fault."""
    return merge(record.read(path) for path in paths)


def changes(old: Environment, new: Environment) -> Iterator[str]:
    """What is different in another environment, a line each: libraries, outcomes, and digits by one or more."""
    merge([old.record, new.record])
    for library in dict.fromkeys([*old.versions, *new.versions]):
        was, now = (e.versions.get(library, "absent") for e in (old, new))
        if was != now:
            yield f"{library}: {was} -> {now}"
    for claim in old.cases:
        moved = [case for case, outcome in old.cases[claim].items() if new.cases[claim][case] != outcome]
        if moved:
            some = ", ".join(case or "its one case" for case in moved[:3]) + (", ..." if len(moved) > 3 else "")
            yield f"{claim}: {_said(old.outcomes(claim))} -> {_said(new.outcomes(claim))} ({some})"
        if (accepted := new.controls[claim]["accepted"]) != old.controls[claim]["accepted"]:
            yield f"{claim}: {accepted} wrong answers are accepted, {old.controls[claim]['accepted']} were"
    digits = {(c["claim"], c["case"], c["engine"]): c["digits"] for c in old.record["cells"] if "digits" in c}
    for cell in new.record["cells"]:
        had = digits.get((cell["claim"], cell["case"], cell["engine"]))
        if had is not None and "digits" in cell and abs(cell["digits"] - had) >= 1:
            yield f"{cell['claim']}[{cell['case']}], {cell['engine']}: {had} -> {cell['digits']} digits"


def _said(outcomes: Counter[str]) -> str:
    return ", ".join(f"{outcomes[name]} {name}" for name in MARKS if outcomes[name])
