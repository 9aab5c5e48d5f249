"""The table that closes a run: a line for each claim, with its source, its cases, and its worst evidence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

OUTCOMES = ("holds", "fails", "precondition failed", "error", "declined", "known gap")


@dataclass
class Tally:
    """The result of a claim in one run: its cases by outcome, its controls, and its measurements."""

    slug: str
    source: str = ""
    sentence: str = ""
    outcomes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    refused: int = 0
    accepted: int = 0
    measurements: list[dict[str, Any]] = field(default_factory=list)

    @property
    def worst(self) -> dict[str, Any] | None:
        """The measurement with the fewest digits as shown; of equal ones the first by name, whichever process was sooner."""
        return min(self.measurements, key=lambda m: (round(m["digits"], 1), m["problem"]), default=None)

    @property
    def holds(self) -> bool:
        """Every case that ran held, one at least, and each control was refused."""
        bad = self.outcomes["fails"] + self.outcomes["precondition failed"] + self.outcomes["error"] + self.accepted
        return not bad and self.outcomes["holds"] > 0


def outcome(report: Any) -> str:
    """One of OUTCOMES, never two folded into one."""
    if report.outcome == "failed":
        return getattr(report, "status", "fails")
    if report.outcome == "skipped":
        return "known gap" if hasattr(report, "wasxfail") else "declined"
    return "holds"


def collect(reports: Iterable[Any]) -> dict[str, Tally]:
    """The claims in reading order, from pytest's reports; a case that never came to its call counts once."""
    told = [(properties["case"], properties, report) for report in reports if "case" in (properties := _properties(report))]
    claims: dict[str, Tally] = {}
    for case, properties, report in sorted(told, key=lambda t: t[0]["place"]):
        if report.when != "call" and report.outcome == "passed":
            continue
        claim = claims.setdefault(case["slug"], Tally(case["slug"]))
        if case["kind"] == "control":
            if report.outcome == "passed":
                claim.refused += 1
            elif report.outcome == "failed":
                claim.accepted += 1
            continue
        claim.source, claim.sentence = case["source"], case["sentence"]
        claim.outcomes[outcome(report)] += 1
        claim.measurements.extend(properties.get("measurements", []))
    return {slug: claim for slug, claim in claims.items() if claim.sentence}


def _properties(report: Any) -> dict[str, Any]:
    return dict(getattr(report, "user_properties", ()))


def held(claim: Tally) -> str:
    """How many cases held of those that ran, and what became of the others."""
    ran = sum(claim.outcomes[o] for o in OUTCOMES if o != "declined")
    others = [f"{count} {name}" for name, count in claim.outcomes.items() if count and name != "holds"]
    return "\n".join([f"{claim.outcomes['holds']}/{ran}", *others])


def refused(claim: Tally) -> str:
    """How many answers that are wrong on purpose were refused."""
    return f"{claim.refused}/{claim.refused + claim.accepted}" if claim.refused + claim.accepted else "-"


def evidence(claim: Tally) -> tuple[str, str]:
    """The worst measurement: its digits, with those required where it is digits that are required, and its problem."""
    worst = claim.worst
    if worst is None:
        return "exact" if claim.outcomes["holds"] else "", ""
    required = "" if math.isnan(worst["required"]) else f" (≥ {worst['required']:.1f})"
    return f"{worst['digits']:.1f}{required}", worst["problem"]


def mark(claim: Tally) -> str:
    """Holds, fails, or could not be judged."""
    if claim.holds:
        return "✓"
    return "✗" if claim.outcomes["fails"] or claim.accepted else "?"


def render(claims: dict[str, Tally], title: str, color: bool, width: int) -> Iterator[str]:
    """The lines of the table, and a closing sentence."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False, expand=True)
    table.add_column("")
    table.add_column("source", max_width=6)
    table.add_column("claim", ratio=1)
    table.add_column("held", justify="right")
    table.add_column("wrong ones\nrefused", justify="right")
    table.add_column("worst digits\n(required)", justify="right")
    table.add_column("worst on", max_width=22, overflow="fold")
    for claim in claims.values():
        sentence = Text.assemble(claim.sentence, "\n", (claim.slug, "dim"))
        digits, problem = evidence(claim)
        row = (mark(claim), claim.source, sentence, held(claim), refused(claim), digits, problem)
        table.add_row(*row, style="" if claim.holds else "bold red")
    out = StringIO()
    Console(file=out, width=max(width, 120), force_terminal=color, no_color=not color).print(table)
    yield from (line.rstrip() for line in out.getvalue().rstrip().splitlines())
    total = sum(sum(claim.outcomes.values()) for claim in claims.values())
    yield (
        f"{sum(c.holds for c in claims.values())} of {len(claims)} claims hold, in {total} cases; "
        f"{sum(c.refused for c in claims.values())} answers that are wrong on purpose were refused."
    )
