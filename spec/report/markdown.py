"""A run as Markdown, to paste into an issue: ``pytest --report report.md``. Fewer than 60 lines, whatever happened."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

CLAIMS, MESSAGES, LINES, GAPS = 10, 3, 6, 5  # the most of each that are shown: the lines are those of a message
FAULTS = ("fails", "precondition failed", "error")


def render(said: dict[str, Any]) -> str:
    """The text, from what the page of a run shows, by name."""
    engines = said["engines"]
    against = f" held against {engines['reference']} and the proven optimum" if "reference" in engines else ""
    lines = [
        f"**{engines.get('subject', 'The claims')}**{against}: {said['headline']}.",
        "",
        *filter(None, [said["cut_off"], *said["counts"], said["known"]]),
        *_claims(said["chapters"]),
        *_faults(said["faults"]),
        *_gaps(said["gaps"]),
        *_place(said),
    ]
    return "\n".join(lines) + "\n"


def _claims(chapters: list[tuple[str, list[dict[str, Any]]]]) -> Iterator[str]:
    """A row for each claim that does not hold, but for known gaps."""
    found = [row for _, rows in chapters for row in rows if row["worst"] in FAULTS]
    if not found:
        return
    yield from ("", "| claim | held | wrong refused | digits |", "|---|---|---|---|")
    for row in found[:CLAIMS]:
        cells = (f"{row['claim'].sentence} (`{row['claim'].slug}`)", ", ".join(row["held"]), row["refused"], row["digits"])
        yield f"| {' | '.join(_cell(cell) for cell in cells)} |"
    yield from _rest(len(found) - CLAIMS, "claim", "\n")


def _faults(faults: list[dict[str, Any]]) -> Iterator[str]:
    """The first failure of each claim: what was said, and the line that runs it again."""
    first: dict[str, dict[str, Any]] = {}
    for fault in faults:
        first.setdefault(fault["claim"].partition("[")[0] or fault["name"], fault)
    if not first:
        return
    yield from ("", f"**{len(faults)} {'test does' if len(faults) == 1 else 'tests do'} not hold**, of each claim the first:", "")
    for fault in list(first.values())[:MESSAGES]:
        again = next((text.splitlines()[0] for title, text in fault["sections"] if title == "to run this again"), "")
        lines = [*_message(fault["said"]), *([f"again: {again}"] if again else [])]
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", "\n".join(lines))), default=0))
        yield from (f"`{fault['claim'] or fault['name']}`: {fault['outcome']}", f"{fence}text", *lines, fence)
    yield from _rest(len(first) - MESSAGES, "claim", "")


def _message(text: str) -> list[str]:
    """The lines of a failure that say what is wrong, which pytest marks with E; else the last ones."""
    lines = text.rstrip().splitlines()
    marked = [line[1:].strip() for line in lines if line.startswith("E ")]
    return (marked or lines[-LINES:])[:LINES]


def _gaps(gaps: list[tuple[str, list[str]]]) -> Iterator[str]:
    """Each cause of known gaps, with the first of its cases."""
    if not gaps:
        return
    yield from ("", "Known gaps:", "")
    for cause, cases in gaps[:GAPS]:
        yield f"- {cause} (`{cases[0]}`{f' and {len(cases) - 1} more' if len(cases) > 1 else ''})"
    yield from _rest(len(gaps) - GAPS, "cause", "- ")


def _place(said: dict[str, Any]) -> Iterator[str]:
    """Where it ran, and by which command."""
    run = said["run"]
    libraries = ", ".join(f"{name} {version}" for name, version in run["libraries"].items())
    yield from ("", f"Claims {run['suite']}, seed {run['seed']}, Python {run['python']}, {run['platform']}, {libraries}.", "")
    yield f"`{said['command']}`"


def _rest(more: int, what: str, before: str) -> Iterator[str]:
    if more > 0:
        yield f"{before}and {more} more {what}{'s' * (more > 1)}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
