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
SHOWN = ("keras", "tensorflow", "jax", "torch", "statsmodels")  # the libraries that tell environments apart, then NumPy
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
        """Of each claim the controls that were refused, accepted, or kept from refusing by a known gap."""
        return {c["claim"]: {name: c[name] for name in ("refused", "accepted", "known gaps")} for c in self.record["claims"]}

    def outcomes(self, claim: str) -> Counter[str]:
        """How many cases of a claim came to which outcome."""
        return Counter(self.cases[claim].values())

    def verdict(self, claim: str) -> str:
        """The worst of the outcomes of its cases, where "declined" counts only if all are; an accepted control fails it."""
        found = self.outcomes(claim)
        if self.controls[claim]["accepted"]:
            return "fails"
        if self.controls[claim]["known gaps"]:
            found["known gap"] += 1
        return next(outcome for outcome in WORST_FIRST if found[outcome])

    @cached_property
    def versions(self) -> dict[str, str]:
        """Of every library, the engines' first."""
        engines = self.record["engines"].values()
        return {**{k: v for engine in engines for k, v in engine["versions"].items()}, **self.record["libraries"]}

    @property
    def libraries(self) -> str:
        """The versions that tell it apart, in words."""
        told = [f"{name} {self.versions[name]}" for name in (*SHOWN, "numpy") if name in self.versions]
        return ", ".join([*told, f"Python {self.record['python']}"])

    @property
    def age(self) -> tuple[Any, ...]:
        """What environments are ordered by: the version of Keras, of its backend, of statsmodels, of NumPy, of Python."""
        backend = self.record["engines"]["subject"]["backend"]
        numbers = (
            self.versions.get("keras"),
            self.versions.get(backend),
            self.versions.get("statsmodels"),
            self.versions["numpy"],
        )
        return (backend not in ("", "tensorflow"), backend, *map(_number, (*numbers, self.record["python"])), self.name)


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

    @property
    def departing(self) -> list[dict[str, Any]]:
        """The claims that do not hold, in each case, in each environment that does not decline them."""
        return [c for c in self.claims if any(e.verdict(c["claim"]) not in ("holds", "declined") for e in self.environments)]

    @property
    def gaps(self) -> dict[tuple[str, str], list[Environment]]:
        """Each claim and cause of a known gap, and where it was met."""
        met: dict[tuple[str, str], list[Environment]] = {}
        for environment in self.environments:
            causes = {(c["claim"], c["why"]) for c in environment.record["cells"] if c["outcome"] == "known gap"}
            for cause in sorted(causes):
                met.setdefault(cause, []).append(environment)
        return met


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
