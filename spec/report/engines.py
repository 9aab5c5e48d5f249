"""Engines by chapters: how many cases hold, depart as a known gap, or are declined; and the departures, as HTML for the book."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from spec.report import badge, record
from spec.report.gaps import Gap, load

FOLDER, GAPS = Path("evidence", "engines"), Path("spec", "known_gaps.toml")
OUTCOMES = {"holds": "hold", "known gap": "depart", "declined": "declined"}


def records(root: Path) -> list[record.Record]:
    """The evidence of the engines, by the name of the file."""
    return [record.read(path) for path in sorted((root / FOLDER).glob("*.json"))]


def name(found: record.Record) -> str:
    """
    The engine with its version, those of other libraries that it asks, and its solver.

    >>> subject = {"name": "R", "versions": {"R": "4.2.2", "nnet": "7.3.18"}, "backend": ""}
    >>> name({"engines": {"subject": subject}})
    'R 4.2.2, nnet 7.3.18'
    """
    engine = found["engines"]["subject"]
    called = engine["name"]
    versions = [f"{called if called.lower() == name.lower() else name} {version}" for name, version in engine["versions"].items()]
    return ", ".join([*versions, *filter(None, [engine["backend"]])])


def by_chapter(found: record.Record) -> dict[str, Counter[str]]:
    """
    The outcomes of the cases of each chapter.

    >>> claims = [{"claim": "a", "chapter": "test_01_a"}]
    >>> cells = [{"claim": "a", "case": "x", "outcome": "holds"}, {"claim": "a", "case": "y", "outcome": "declined"}]
    >>> by_chapter({"claims": claims, "cells": cells})
    {'test_01_a': Counter({'holds': 1, 'declined': 1})}
    """
    chapters = {claim["claim"]: claim["chapter"] for claim in found["claims"]}
    outcomes = {(cell["claim"], cell["case"]): cell["outcome"] for cell in found["cells"]}
    counts: dict[str, Counter[str]] = {chapter: Counter() for chapter in chapters.values()}
    for (claim, _), outcome in outcomes.items():
        counts[chapters[claim]][outcome] += 1
    return counts


def table(found: list[record.Record]) -> str:
    """A row for each chapter, three numbers for each engine; a case that does none of the three is named apart."""
    engines = {name(each): by_chapter(each) for each in found}
    heads = "".join(f"<th scope='colgroup' colspan='{len(OUTCOMES)}'>{escape(engine)}</th>" for engine in engines)
    words = "".join(f"<th scope='col'>{word}</th>" for word in OUTCOMES.values()) * len(engines)
    chapters = list(dict.fromkeys(chapter for counts in engines.values() for chapter in counts))
    rows = [_row(chapter, [counts.get(chapter, Counter()) for counts in engines.values()]) for chapter in chapters]
    rows.append(_row("all", [sum(counts.values(), Counter()) for counts in engines.values()]))
    return (
        "<div class='wide' tabindex='0' role='region' aria-label='Engines by chapters'><table class='docutils'><thead>"
        f"<tr><th rowspan='2' scope='col'>chapter</th>{heads}</tr><tr>{words}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _row(chapter: str, counts: list[Counter[str]]) -> str:
    said = chapter.removeprefix("test_").replace("_", " ")
    cells = []
    for count in counts:
        others = {outcome: number for outcome, number in count.items() if outcome not in OUTCOMES}
        more = "".join(f" (+{number} {escape(outcome)})" for outcome, number in others.items())
        numbers = [f"{count[outcome]}" for outcome in OUTCOMES]
        cells += [f"<td>{number}</td>" for number in (*numbers[:-1], numbers[-1] + more)]
    return f"<tr><th scope='row'>{escape(said)}</th>{''.join(cells)}</tr>"


def departures(root: Path, found: list[record.Record]) -> str:
    """For each engine its departures by cause: the cases, what was found in each, and a snippet of the library's own code."""
    listed = load(root / GAPS)
    parts = []
    for each in found:
        parts.append(f"<h3>{escape(name(each))}</h3><p>{badge.svg(each)}</p>")
        causes = list(_causes(each, listed))
        parts += [_cause(root, gap, cells) for gap, cells in causes] or ["<p>None.</p>"]
    return "\n".join(parts)


def _causes(found: record.Record, listed: list[Gap]) -> Iterator[tuple[Gap | None, list[dict[str, Any]]]]:
    """Each cause, by its first gap, with the cases that depart for it; then those of no cause that is listed."""
    causes = {gap.cause: gap for gap in reversed(listed)}
    departing: dict[Gap | None, list[dict[str, Any]]] = {}
    for cell in found["cells"]:
        if cell["outcome"] not in ("holds", "declined"):
            departing.setdefault(causes.get(cell.get("why", "")), []).append(cell)
    yield from sorted(departing.items(), key=lambda pair: pair[0] is None)


def _cause(root: Path, gap: Gap | None, cells: list[dict[str, Any]]) -> str:
    cases = {
        f"{cell['claim']}[{cell['case']}]".removesuffix("[]"): cell.get("found", "" if gap else cell.get("why", ""))
        for cell in cells
    }
    count = f"{len(cases)} case{'s' * (len(cases) != 1)}"
    items = "".join(f"<li><code>{escape(case)}</code> {escape(found)}</li>" for case, found in cases.items())
    if gap is None:
        return f"<details><summary>No cause is listed yet ({count})</summary><ul>{items}</ul></details>"
    path = root / gap.shown_by.partition(" ")[2]
    code = f"<div class='highlight'><pre>{escape(path.read_text(encoding='utf-8'))}</pre></div>" if path.is_file() else ""
    return (
        f"<details><summary>{escape(gap.cause)} ({count}, {escape(gap.versions)})</summary>"
        f"<ul>{items}</ul><p><code>{escape(gap.shown_by)}</code></p>{code}</details>"
    )
