"""A diagnosis in a terminal: lines of a given width, with colours or without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Any

import numpy as np

from spec.diagnosis.result import EITHER, Diagnosis
from spec.diagnosis.words import NEAREST, Advice, Reading, Row, one_line, read, short

SHOWN = 10  # coefficients in the table


def text(diagnosis: Diagnosis) -> str:
    """The diagnosis for a terminal, without colours."""
    return "\n".join(render(diagnosis))


def render(diagnosis: Diagnosis, width: int = 100, colour: bool = False) -> Iterator[str]:
    """The lines of a diagnosis for a terminal that is so wide; no line is wider but for code, which is never broken."""
    from rich.console import Console

    out = StringIO()
    system: Any = "standard" if colour else None
    console = Console(file=out, width=width, force_terminal=colour, color_system=system, legacy_windows=False, _environ={})
    reading: Reading | None = read(diagnosis)
    first = True
    while reading is not None:
        _print(console, reading, first)
        reading, first = reading.other, False
    yield from (line.rstrip() for line in out.getvalue().rstrip().splitlines())


def _print(console: Any, reading: Reading, first: bool) -> None:
    """One answer: its sentence, evidence, advice, and what was ruled out."""
    from rich.padding import Padding
    from rich.text import Text

    def say(text: str, style: str = "", indent: int = 0, hang: int = 0) -> None:
        lines = Text(one_line(text), style).wrap(console, max(console.width - indent - hang, 20))
        for place, line in enumerate(lines):
            line.rstrip()
            console.print(Text(" " * (indent + hang * (place > 0))) + line, highlight=False, soft_wrap=True)

    def head(text: str) -> None:
        console.print()
        say(text, "bold")

    if not first:
        head(f"The other answer: {reading.name}")
    say(reading.sentence, "bold" if first else "")
    for text in reading.details:
        if text != reading.sentence:
            say(text)
    say(reading.stamp, "green" if reading.proven else "yellow")
    if reading.rows:
        shown = reading.farthest(SHOWN)
        head(f"Evidence: {reading.question}")
        console.print(Padding(_table(reading, shown, console.width), (0, 0, 0, 2)))
        if len(shown) < len(reading.rows):
            say(f"and {len(reading.rows) - len(shown)} more coefficients, which are nearer.", "dim", 2)
    if reading.advice:
        head("What to do")
        for each in reading.advice:
            _print_advice(console, each, say)
    if reading.ruled_out:
        nearest = reading.ruled_out[:NEAREST]
        count, more = len(reading.ruled_out), len(reading.ruled_out) - len(nearest)
        head("What was ruled out")
        say(f"{count} other cause{'s' * (count != 1)}, by the standard errors that each leaves"
            f"{', the nearest first' * (count > 1)}:", "", 2)  # fmt: skip
        listed = ", ".join(f"{code} {short(left) if np.isfinite(left) else 'no optimum'}" for code, left in nearest)
        say(f"{listed}{f', and {more} that leave more' if more else ''}.", "", 2)
    if reading.untested:
        head("What was not tested")
        for codes, reason in reading.untested:
            say(f"{codes}: {reason}", "", 2, 2)
    if reading.notes:
        head("Notes")
        for note in reading.notes:
            say(note, "", 2, 2)


def _print_advice(console: Any, each: Advice, say: Any) -> None:
    """A cause and the code that mends it, which is printed as it is, so that it can be copied."""
    from rich.text import Text

    number = f"{each.choice}. " if each.choice else ""
    said = f"{each.plain} {each.says}" if each.choice else ""
    head = f"{number}{each.code}{f' (claim {each.claim})' if each.claim else ''}"
    say(f"{head}: {said}" if said else f"{head}:", "", 2, 2)
    for line in each.mend.splitlines() or ["(there is no line of code for this one)"]:
        console.print(Text(f"      {one_line(line)}", "cyan"), highlight=False, soft_wrap=True)


def _table(reading: Reading, rows: Sequence[Row], width: int) -> Any:
    """The coefficients: the answer and the optimum, as stated and with the causes applied, and the distances."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    table.add_column("", overflow="fold", max_width=max(12, width // 4))
    for title, _ in (columns := _columns(reading, width >= 80)):
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(Text(row.name), *(Text(value(row)) for _, value in columns))
    return table


def _columns(reading: Reading, wide: bool) -> list[tuple[str, Any]]:
    """(head, function of a row to its text), of as many columns as there is room for."""
    cause = "the causes" if len(reading.advice) > 1 and reading.verdict != EITHER else "the cause"
    found: list[tuple[str, Any]] = [("coefficient\ngiven", lambda row: short(row.answer if reading.stated else row.there, 6))]
    if reading.stated:
        if wide:
            found.append(("optimum\nas stated", lambda row: short(row.optimum, 6)))
        found.append(("apart\nin SE", lambda row: short(row.before)))
    if reading.applied:
        if wide and reading.has_units:
            found.append((f"given, with\n{cause}", lambda row: short(row.there, 6)))
        if wide:
            found.append((f"optimum with\n{cause}", lambda row: short(row.mended, 6)))
        found.append(("apart\nin SE", lambda row: short(row.after)))
    return found
