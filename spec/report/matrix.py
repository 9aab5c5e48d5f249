"""
The evidence of many environments, merged: claims x environments.

Evidence may lag. The claims, their cases and their controls are those of the environment `newest`; another environment may
have run an earlier version of them. A claim counts there if its cases have the same names and its controls the same number
as in `newest`. Otherwise it is "not run yet", an outcome of its own: it neither holds nor fails nor is declined. What a claim
demands of its cases may have changed between the versions too, so every table says which version an environment ran. A claim
that `newest` no longer has is left out of the tables, and `Matrix.stale` names it.

Between environments of one version nothing may differ: a case or a control that one has and another lacks is an error, since
what silently vanished is no agreement. Evidence of more than one seed is never merged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from spec.report import record
from spec.report.record import Record

NEWEST = "newest"  # the environment that every change of a claim is run in
NOT_RUN = "not run yet"
MARKS = {
    "holds": "✓",
    "known gap": "g",
    "declined": "–",
    NOT_RUN: "·",
    "precondition failed": "P",
    "error": "E",
    "fails": "✗",
}
WORST_FIRST = ("fails", "error", "precondition failed", "known gap", "holds", "declined")
SHOWN = ("keras", "tensorflow", "jax", "torch", "statsmodels", "numpy", "Python")  # what tells environments apart
Cases = dict[str, str]


@dataclass(frozen=True)
class Environment:
    """
    A run: its record, and each claim's cases with their outcomes.

    In a matrix ``record`` has only the claims that count (see `within`), and ``removed`` names those that are no more.
    """

    record: Record
    removed: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.record["environment"]

    @property
    def suite(self) -> str:
        """The version of the claims that it ran."""
        return self.record["suite"]

    @property
    def command(self) -> str:
        """The command that runs it again."""
        return f"tox -e {self.name}"

    def within(self, newest: Environment) -> Environment:
        """This environment with only the claims that have the same cases and as many controls in `newest`."""
        same = {claim for claim in self.controls if claim in newest.controls and self._extent(claim) == newest._extent(claim)}
        claims = [claim for claim in self.record["claims"] if claim["claim"] in same]
        record = {
            **self.record,
            "claims": claims,
            "cells": [cell for cell in self.record["cells"] if cell["claim"] in same],
            "expected": sum(claim["cases"] for claim in claims),
        }
        return Environment(record, tuple(claim for claim in self.controls if claim not in newest.controls))

    def _extent(self, claim: str) -> tuple[set[str], int]:
        """The names of a claim's cases, and the number of its controls."""
        return set(self.cases[claim]), sum(self.controls[claim].values())

    @cached_property
    def cases(self) -> dict[str, Cases]:
        """The outcome of each case of each claim."""
        cases: dict[str, Cases] = {claim["claim"]: {} for claim in self.record["claims"]}
        for cell in self.record["cells"]:
            cases.setdefault(cell["claim"], {})[cell["case"]] = cell["outcome"]
        return cases

    @cached_property
    def controls(self) -> dict[str, dict[str, int]]:
        """How many controls of each claim were refused, accepted, declined, or not refused for a known gap."""
        return {claim["claim"]: claim["controls"] for claim in self.record["claims"]}

    def outcomes(self, claim: str) -> Counter[str]:
        """How many cases of a claim came to which outcome; empty for a claim that is not run yet."""
        return Counter(self.cases.get(claim, {}).values())

    def verdict(self, claim: str) -> str:
        """
        The worst of the outcomes of its cases, where "declined" counts only if all are; an accepted control fails it.

        "not run yet" for a claim that is not in the record.
        """
        if claim not in self.controls:
            return NOT_RUN
        found = self.outcomes(claim)
        if self.controls[claim]["accepted"]:
            return "fails"
        if self.controls[claim]["known gap"]:
            found["known gap"] += 1
        return next(outcome for outcome in WORST_FIRST if found[outcome])

    @cached_property
    def versions(self) -> dict[str, str]:
        """The version of every library, the engines' first, and of Python."""
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
    """Environments ordered by their libraries, the oldest first. The claims are those of `newest`."""

    environments: list[Environment]

    @cached_property
    def newest(self) -> Environment:
        """The environment named "newest"; without it the last one that ran the latest version of the claims."""
        return _newest(self.environments)

    @property
    def claims(self) -> list[dict[str, Any]]:
        """The claims of `newest`, in reading order."""
        return self.newest.record["claims"]

    @cached_property
    def suites(self) -> dict[str, int]:
        """Each version of the claims with the number of environments that ran it, the latest first."""
        found = Counter(environment.suite for environment in self.environments)
        return {suite: found[suite] for suite in sorted(found, key=_number, reverse=True)}

    def not_run(self, environment: Environment) -> list[str]:
        """The claims that an environment has not run yet, in reading order."""
        return [claim["claim"] for claim in self.claims if environment.verdict(claim["claim"]) == NOT_RUN]

    def held(self, environment: Environment) -> str:
        """How many claims hold in an environment: "140 of 144", and where it lags ", 1 not run yet"."""
        verdicts = [environment.verdict(claim) for claim in environment.controls]
        lacking = len(self.not_run(environment))
        return f"{verdicts.count('holds')} of {len(verdicts)}" + (f", {lacking} {NOT_RUN}" if lacking else "")

    @property
    def stale(self) -> dict[str, str]:
        """A sentence for each environment that ran an earlier version of the claims: which, what it lacks, and the command."""
        return {e.name: self._stale(e) for e in self.environments if _number(e.suite) < _number(self.newest.suite)}

    def _stale(self, environment: Environment) -> str:
        lacking, removed = self.not_run(environment), environment.removed
        said = f"{environment.name} ran version {environment.suite} of the claims, and {self.newest.name} {self.newest.suite}"
        said += f"; {len(lacking)} not run yet: {_some(lacking)}" if lacking else "; every claim has the same cases there"
        said += f"; left out, since {self.newest.name} does not have them: {_some(removed)}" if removed else ""
        return f"{said}. Refresh: {environment.command}"

    def outdated(self, version: str, claims: Collection[str]) -> str:
        """
        Why the evidence of `newest` is not that of the claims as they stand, and the command; empty if it is.

        ``version`` is `spec.__version__`, and ``claims`` are the slugs in tests/claims.
        """
        newest, known = self.newest, {claim["claim"] for claim in self.claims}
        faults = []
        if newest.name != NEWEST:
            faults.append(f"there is no evidence of {NEWEST}")
        elif _number(newest.suite) != _number(version):
            faults.append(f"{NEWEST} ran version {newest.suite} of the claims, and they are of version {version}")
        if differing := sorted(set(claims) ^ known):
            faults.append(f"claims and evidence differ in {', '.join(differing)}")
        return f"{'; '.join(faults)}. Refresh: tox -e {NEWEST}" if faults else ""

    @property
    def chapters(self) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """Each file of claims with its claims."""
        return ((chapter, list(found)) for chapter, found in groupby(self.claims, key=lambda claim: claim["chapter"]))

    @cached_property
    def groups(self) -> list[list[Environment]]:
        """Neighbours on one backend and one version of the claims that say the same of every claim: a column of the tables."""
        verdicts = {e.name: (e.backend, e.suite, [e.verdict(claim["claim"]) for claim in self.claims]) for e in self.environments}
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
    """The matrix of these records. Raises ValueError, which names the environments, where they cannot be compared."""
    environments = sorted((Environment(each) for each in records), key=lambda environment: environment.age)
    if not environments:
        raise ValueError("there is no evidence; pytest tests/claims --evidence evidence/NAME.json writes some.")
    _check(environments)
    newest = _newest(environments)
    for environment in environments:
        if _number(environment.suite) > _number(newest.suite):
            raise ValueError(
                f"{environment.name} ran version {environment.suite} of the claims, later than {newest.name}, which ran "
                f"{newest.suite}: {newest.command}."
            )
    return Matrix([e if _number(e.suite) == _number(newest.suite) else e.within(newest) for e in environments])


def _newest(environments: list[Environment]) -> Environment:
    latest = max(_number(environment.suite) for environment in environments)
    last = [environment for environment in environments if _number(environment.suite) == latest][-1]
    return next((environment for environment in environments if environment.name == NEWEST), last)


def _check(environments: list[Environment]) -> None:
    """Raise ValueError where seeds differ, or where environments of one suite version differ in cases or controls."""
    seeds = {environment.record["seed"]: environment.name for environment in environments}
    if len(seeds) > 1:
        said = ", ".join(f"{name} has {value}" for value, name in seeds.items())
        raise ValueError(f"evidence of more than one seed is not mixed: {said}.")
    by_suite: dict[Version, list[Environment]] = {}
    for environment in environments:
        by_suite.setdefault(_number(environment.suite), []).append(environment)
    for alike in by_suite.values():
        _check_alike(alike)


def _check_alike(environments: list[Environment]) -> None:
    every = {case for environment in environments for case in _pairs(environment)}
    for environment in environments:
        if lost := every - _pairs(environment):
            claim, case = min(lost)
            raise ValueError(
                f"{environment.name} lacks {len(lost)} of {len(every)} cases that others of version {environment.suite} have, "
                f"{claim}[{case}] among them: run it again, or raise spec.__version__ if the claims have changed."
            )
    for environment in environments:
        for claim, controls in environment.controls.items():
            if (had := sum(controls.values())) != (others := sum(environments[-1].controls[claim].values())):
                raise ValueError(
                    f"{environment.name} has {had} controls of {claim}, and {environments[-1].name} {others}: run both again, "
                    "or raise spec.__version__ if the claims have changed."
                )


def _pairs(environment: Environment) -> set[tuple[str, str]]:
    return {(claim, case) for claim, cases in environment.cases.items() for case in cases}


def load(paths: Iterable[Path]) -> Matrix:
    """The matrix of these files. Raises ValueError that names the file, or the environments, at fault."""
    return merge(record.read(path) for path in paths)


def changes(old: Environment, new: Environment) -> Iterator[str]:
    """
    What is different in another environment, a line each: libraries, outcomes, and digits by one or more.

    Where the two ran different versions of the claims, that comes first, with the claims that only one of them has in this
    form; these are not compared.
    """
    _check([old, new])
    before, after = old.within(new), new.within(old)
    if old.suite != new.suite:
        yield f"version of the claims: {old.suite} -> {new.suite}"
    for claim in dict.fromkeys([*old.controls, *new.controls]):
        if claim not in before.controls:
            gone = (
                "removed" if claim not in new.controls else "new" if claim not in old.controls else "has other cases or controls"
            )
            yield f"{claim}: {gone}"
    for library in dict.fromkeys([*old.versions, *new.versions]):
        was, now = (e.versions.get(library, "absent") for e in (old, new))
        if was != now:
            yield f"{library}: {was} -> {now}"
    old, new = before, after
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


def _some(names: Collection[str]) -> str:
    """Five names at most, and how many more there are."""
    shown = list(names)[:5]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")
