"""The table that closes a run: a line for each claim, with its source, its cases, and its worst evidence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

OUTCOMES = ("holds", "fails", "precondition failed", "engine broke", "declined", "known gap")


@dataclass
class Claim:
    """What became of a claim: its cases by outcome, its controls, and its measurements."""

    slug: str
    source: str = ""
    sentence: str = ""
    outcomes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    refused: int = 0
    accepted: int = 0
    measurements: list[dict[str, Any]] = field(default_factory=list)

    @property
    def worst(self) -> dict[str, Any] | None:
        """The measurement with the fewest digits."""
        return min(self.measurements, key=lambda m: m["digits"], default=None)

    @property
    def holds(self) -> bool:
        """Every case that ran held, one at least, and each control was refused."""
        bad = self.outcomes["fails"] + self.outcomes["precondition failed"] + self.outcomes["engine broke"] + self.accepted
        return not bad and self.outcomes["holds"] > 0


def outcome(report: Any) -> str:
    """One of OUTCOMES, never two folded into one."""
    if report.outcome == "failed":
        return {"precondition": "precondition failed", "broke": "engine broke"}.get(getattr(report, "status", ""), "fails")
    if report.outcome == "skipped":
        return "known gap" if hasattr(report, "wasxfail") else "declined"
    return "holds"


def collect(reports: Iterable[Any]) -> dict[str, Claim]:
    """The claims in the order in which they ran, from pytest's reports; a case that never came to its call counts once."""
    claims: dict[str, Claim] = {}
    for report in sorted((r for r in reports if hasattr(r, "user_properties")), key=lambda r: getattr(r, "start", 0.0)):
        properties = dict(report.user_properties)
        case = properties.get("case")
        if case is None or (report.when != "call" and report.outcome == "passed"):
            continue
        claim = claims.setdefault(case["slug"], Claim(case["slug"]))
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


def evidence(claim: Claim) -> str:
    """The worst measurement: digits, and on which problem."""
    worst = claim.worst
    if worst is None:
        return "exact"
    required = "" if math.isnan(worst["required"]) else f", {worst['required']:.1f} required"
    return f"{worst['digits']:.1f} digits ({worst['problem']}{required})"


def cases(claim: Claim) -> str:
    """How many cases held of those that ran, and whatever else became of them."""
    ran = sum(claim.outcomes[o] for o in OUTCOMES if o != "declined")
    others = [f"{count} {name}" for name, count in claim.outcomes.items() if count and name != "holds"]
    return ", ".join([f"{claim.outcomes['holds']}/{ran}", *others])


def controls(claim: Claim) -> str:
    """How many engines and answers that are wrong on purpose were refused."""
    return f"{claim.refused}/{claim.refused + claim.accepted}" if claim.refused + claim.accepted else "-"


def render(claims: dict[str, Claim], engines: list[str], seed: int, color: bool, width: int) -> Iterator[str]:
    """The lines of the table."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    subject, reference = engines
    table = Table(box=SIMPLE_HEAD, title=f"{subject} against {reference}, seed {seed}", title_justify="left", pad_edge=False)
    for header, options in (
        ("", {"width": 1}),
        ("source", {"no_wrap": True}),
        ("claim", {"ratio": 1, "min_width": 24}),
        ("held", {"justify": "right"}),
        ("controls refused", {"justify": "right", "max_width": 8}),
        ("worst evidence", {"max_width": 44}),
    ):
        table.add_column(header, **options)  # type: ignore[arg-type]
    for claim in claims.values():
        style = "" if claim.holds else "bold red"
        mark = "✓" if claim.holds else ("✗" if not claim.outcomes["holds"] or claim.outcomes["fails"] or claim.accepted else "!")
        table.add_row(mark, claim.source, f"{claim.sentence}\n[dim]{claim.slug}[/dim]", cases(claim), controls(claim), evidence(claim), style=style)
    out = StringIO()
    Console(file=out, width=max(width, 100), force_terminal=color, no_color=not color).print(table)
    yield from out.getvalue().rstrip().splitlines()
    held, total = sum(c.holds for c in claims.values()), len(claims)
    ran = sum(sum(c.outcomes.values()) for c in claims.values())
    yield f"{held} of {total} claims hold, in {ran} cases; {sum(c.refused for c in claims.values())} wrong answers refused."
