"""
Known gaps: where a library departs from a claim. `spec/known_gaps.toml` lists them; this reads the list and finds a case's gap.

A gap is a strict expectation: a case that departs as listed is "known gap", and one that is listed and holds is a failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from spec.compat import tomllib
from spec.engines.contract import Description

FILE = Path(__file__).parents[1] / "known_gaps.toml"
SEED = 0  # of the data on which cases are listed: another seed's may escape a gap
DEPARTURES = ("fails", "precondition failed", "error")
TEXTS = ("engine", "versions", "cause", "shown_by")
KEYS = {"claims": list, "controls": list, "cases": list, **dict.fromkeys(TEXTS, str), "backend": str, "outcome": str}
KINDS = {"claims": "claim", "controls": "control"}


@dataclass(frozen=True)
class Gap:
    """
    A departure: of one claim, or of its controls, in the cases of one pattern, by an engine on some versions, and why.

    ``kind`` is "claim" or "control". ``cases`` is a pattern of the test's id, the text between its brackets, in which "*"
    stands for anything. ``versions`` is a requirement on a library of the engine's, as in "keras>=3,<3.5", and ``shown_by`` a
    command or a link.

    An entry of the list is many gaps, each of which has to be met: ``claims`` is a list of claims, which depart in ``cases``, or
    a table that has the cases of each claim; and so is ``controls``.
    """

    kind: str
    slug: str
    cases: str
    engine: str
    versions: str
    cause: str
    shown_by: str
    backend: str = ""
    outcome: str = "fails"

    def __str__(self) -> str:
        what = f"{'' if self.kind == 'claim' else 'controls of '}{self.slug}[{self.cases}]"
        return f"{what} ({self.engine}{f' on {self.backend}' if self.backend else ''}, {self.versions})"

    def lies_with(self, engine: Description) -> bool:
        """Whether this engine, in its versions and on its backend, is the one that departs."""
        library = Requirement(self.versions)
        version = engine.versions.get(library.name)
        return (
            engine.name == self.engine
            and self.backend in ("", engine.backend)
            and version is not None
            and library.specifier.contains(version, prereleases=True)
        )

    def covers(self, kind: str, slug: str, case: str) -> bool:
        """Whether this test is one of its cases."""
        return (self.kind, self.slug) == (kind, slug) and fnmatchcase(case, self.cases)


def find(gaps: Iterable[Gap], kind: str, slug: str, case: str, engines: Iterable[Description]) -> Gap | None:
    """The gap in which this test lies, if any; the first that is listed."""
    engines = list(engines)
    return next((g for g in gaps if g.covers(kind, slug, case) and any(g.lies_with(e) for e in engines)), None)


def load(path: Path = FILE) -> list[Gap]:
    """The known gaps in a file. Raises ValueError that names the file, the entry, and what is wrong with it."""
    try:
        listed = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}.") from error
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path.name} is not TOML: {error}.") from error
    if set(listed) - {"gap"}:
        raise ValueError(
            f"{path.name}: {', '.join(set(listed) - {'gap'})}: each entry starts with [[gap]], nothing else stands there."
        )
    gaps: list[Gap] = []
    for number, entry in enumerate(listed.get("gap", []), 1):
        if faults := list(_faults(entry)):
            raise ValueError(f"{path.name}, gap {number} ({entry.get('cause', 'without a cause')}): {'; '.join(faults)}.")
        gaps += _split(entry)
    return gaps


def unknown(listed: Iterable[Gap], slugs: set[str]) -> str:
    """A sentence about the first gap in a claim that does not exist; empty if there is none."""
    lost = next((gap.slug for gap in listed if gap.slug not in slugs), "")
    near = get_close_matches(lost, slugs, 1)
    return f"no claim is called {lost!r}{f': do you mean {near[0]!r}?' if near else '.'}" if lost else ""


def _split(entry: dict[str, Any]) -> Iterator[Gap]:
    """Yield one gap for each claim (or its controls) and each pattern of cases."""
    shared = {key: value for key, value in entry.items() if KEYS[key] is str}
    for key, kind in KINDS.items():
        for slug, patterns in _cases(entry, key).items():
            yield from (Gap(kind, slug, pattern, **shared) for pattern in patterns)


def _cases(entry: dict[str, Any], key: str) -> dict[str, list[str]]:
    """The patterns of the cases of each claim."""
    named = entry.get(key, {})
    return named if isinstance(named, dict) else dict.fromkeys(named, entry.get("cases", ["*"]))


def _faults(entry: dict[str, Any]) -> Iterator[str]:
    if unknown := [key for key in entry if key not in KEYS]:
        yield f"{', '.join(unknown)}: unknown; there are {', '.join(KEYS)}"
    if missing := [key for key in TEXTS if key not in entry]:
        yield f"{', '.join(missing)}: missing"
    if "cases" in entry and any(isinstance(entry.get(key), dict) for key in KINDS):
        yield "cases: the table of claims has the cases of each: leave cases out"
    if not {"claims", "controls"} & set(entry):
        yield "neither claims nor controls: name the slugs of those that depart"
    for key in [key for key in entry if key in KEYS]:
        value, kind = entry[key], KEYS[key]
        lists = value.values() if key in KINDS and isinstance(value, dict) else [value if kind is list else [value]]
        if not (lists and all(_are_texts(texts) for texts in lists)):
            yield f"{key}: {value!r} is not {'a list of texts' if kind is list else 'a text'}"
    if (outcome := entry.get("outcome", DEPARTURES[0])) not in DEPARTURES:
        yield f"outcome: {outcome!r} is none of {', '.join(DEPARTURES)}"
    if isinstance(versions := entry.get("versions"), str):
        try:
            if not Requirement(versions).specifier:
                yield f"versions: {versions!r} names no version; write, say, keras>=3"
        except InvalidRequirement:
            yield f"versions: {versions!r} is not a requirement such as keras>=3,<3.5"


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and bool(values) and all(isinstance(text, str) and text for text in values)
