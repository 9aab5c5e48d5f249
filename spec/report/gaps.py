"""
Known gaps: where a library departs from a claim. `spec/known_gaps.toml` lists them; this reads the list and finds a case's gap.

A gap is a strict expectation: a case that departs as listed is "known gap", and one that is listed and holds is a failure.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, dataclass, fields
from fnmatch import fnmatchcase
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from spec.engines.engine import Description

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FILE = Path(__file__).parents[1] / "known_gaps.toml"
KINDS = ("claim", "control")
DEPARTURES = ("fails", "precondition failed", "error")


@dataclass(frozen=True)
class Gap:
    """
    A departure: of which claim or control, in which cases, by which engine, on which versions, and why.

    ``cases`` are patterns of the test's id, the text between its brackets; "*" stands for anything. ``versions`` is a
    requirement on a library of the engine's, as in "keras>=3,<3.5". ``shown_by`` is a command or a link.
    """

    slug: str
    engine: str
    versions: str
    cause: str
    shown_by: str
    cases: tuple[str, ...] = ("*",)
    backend: str = ""
    outcome: str = "fails"
    kind: str = "claim"

    def __str__(self) -> str:
        where = f"{self.engine} on {self.backend}" if self.backend else self.engine
        return f"{self.slug} ({where}, {self.versions})"

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
        return (self.kind, self.slug) == (kind, slug) and any(fnmatchcase(case, pattern) for pattern in self.cases)


def find(gaps: Iterable[Gap], kind: str, slug: str, case: str, engines: Iterable[Description]) -> Gap | None:
    """The gap in which this test lies, if any; the first that is listed."""
    engines = list(engines)
    return next((g for g in gaps if g.covers(kind, slug, case) and any(g.lies_with(e) for e in engines)), None)


def load(path: Path = FILE) -> list[Gap]:
    """The list. Raises ValueError that names the file, the entry, and what is wrong with it."""
    try:
        listed = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}.") from error
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path.name} is no TOML: {error}.") from error
    if set(listed) - {"gap"}:
        raise ValueError(
            f"{path.name}: {', '.join(set(listed) - {'gap'})}: each entry starts with [[gap]], nothing else stands there."
        )
    gaps = []
    for number, entry in enumerate(listed.get("gap", []), 1):
        if faults := list(_faults(entry)):
            raise ValueError(f"{path.name}, gap {number} ({entry.get('slug', 'without a slug')}): {'; '.join(faults)}.")
        gaps.append(Gap(**{**entry, "cases": tuple(entry.get("cases", ("*",)))}))
    return gaps


def _faults(entry: dict[str, object]) -> Iterator[str]:
    known = {field.name: field for field in fields(Gap)}
    if unknown := [key for key in entry if key not in known]:
        yield f"{', '.join(unknown)}: unknown; there are {', '.join(known)}"
    if missing := [key for key, field in known.items() if key not in entry and field.default is MISSING]:
        yield f"{', '.join(missing)}: missing"
    for key, value in entry.items():
        texts = value if key == "cases" else [value]
        if not (isinstance(texts, list) and texts and all(isinstance(text, str) and text for text in texts)):
            yield f"{key}: {value!r} is no text" + (", nor a list of texts" if key == "cases" else "")
    for key, choices in (("outcome", DEPARTURES), ("kind", KINDS)):
        if entry.get(key, choices[0]) not in choices:
            yield f"{key}: {entry[key]!r} is none of {', '.join(choices)}"
    if isinstance(versions := entry.get("versions"), str):
        try:
            if not Requirement(versions).specifier:
                yield f"versions: {versions!r} names no version; write, say, keras>=3"
        except InvalidRequirement:
            yield f"versions: {versions!r} is no requirement such as keras>=3,<3.5"
