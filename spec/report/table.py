"""The table that closes a run, a line for each claim with its cases and its worst evidence; and all in a few sentences."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

from spec.report.levels import LEVELS

OUTCOMES = ("holds", "fails", "precondition failed", "error", "declined", "known gap")
NARROWEST = 80  # columns
SHOWN, LENGTH = 3, 44  # reasons to decline in the closing sentence, and the characters of each
FEWEST = 0.1  # the share of the cases that ask an engine which it must answer for a run to pass


@dataclass
class Tally:
    """The result of a claim in one run: its cases by outcome, its controls, and its measurements."""

    slug: str
    source: str = ""
    level: str = ""
    sentence: str = ""
    outcomes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    refused: int = 0
    accepted: int = 0
    measurements: list[dict[str, Any]] = field(default_factory=list)
    declined: Counter[str] = field(default_factory=Counter)  # by their reason
    judging: dict[str, Counter[str]] = field(default_factory=dict)  # the outcomes of the cases that judge each engine
    refusing: Counter[str] = field(default_factory=Counter)  # cases that the engine which they judge declined

    @property
    def worst(self) -> dict[str, Any] | None:
        """The measurement with the fewest digits as shown; of equal ones the first by name, whichever process was sooner."""
        return min(self.measurements, key=lambda m: (round(m["digits"], 1), m["problem"]), default=None)

    @property
    def holds(self) -> bool:
        """Every case that ran held, one at least, and each control was refused."""
        bad = self.outcomes["fails"] + self.outcomes["precondition failed"] + self.outcomes["error"] + self.accepted
        return not bad and self.outcomes["holds"] > 0

    @property
    def asked(self) -> bool:
        """A case ran, or a control was accepted."""
        return self.accepted > 0 or any(count for name, count in self.outcomes.items() if name != "declined")


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
        claim.source, claim.level, claim.sentence = (case[name] for name in ("source", "level", "sentence"))
        claim.outcomes[outcome(report)] += 1
        judged = properties.get("judged", "")
        claim.judging.setdefault(judged, Counter())[outcome(report)] += 1
        if outcome(report) == "declined":
            by, why = _declined(report)
            claim.declined[why] += 1
            claim.refusing[judged] += by == judged
        claim.measurements.extend(properties.get("measurements", []))
    return {slug: claim for slug, claim in claims.items() if claim.sentence}


def _properties(report: Any) -> dict[str, Any]:
    return dict(getattr(report, "user_properties", ()))


def _declined(report: Any) -> tuple[str, str]:
    """By which engine a case was declined, and why; no engine where the suite left it out."""
    said = str(getattr(report, "longrepr", ("", 0, ""))[2]).removeprefix("Skipped: ")
    by, colon, why = said.removeprefix("declined by ").partition(": ")
    return (by, why) if colon and said.startswith("declined by ") else ("", said)


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
    """Holds, fails, was not asked, or could not be judged."""
    if claim.holds:
        return "✓"
    if not claim.asked:
        return "-"
    return "✗" if claim.outcomes["fails"] or claim.accepted else "?"


def headline(claims: dict[str, Tally]) -> str:
    """How many claims hold of those that were asked, and how many were not."""
    asked = [claim for claim in claims.values() if claim.asked]
    left = len(claims) - len(asked)
    others = f"; {left} {'claim was' if left == 1 else 'claims were'} not asked" if left else ""
    return f"{sum(claim.holds for claim in asked)} of {len(asked)} claims hold{others}"


def known(claims: dict[str, Tally]) -> str:
    """A sentence on how the claims that hold are known: how many at each level; empty where none holds."""
    count = Counter(claim.level for claim in claims.values() if claim.holds)
    said = ", ".join(f"{count[level]} {level}" for level in LEVELS if count[level])
    return f"Of those that hold: {said}." if said else ""


def expressed(claims: dict[str, Tally], engine: str) -> str:
    """What an engine's maintainer asks first: what became of the cases that ask it and that it can express; empty without any."""
    count = _judging(claims, engine)
    if not (ran := sum(count.values()) - count["declined"]):
        return ""
    gaps = f", {count['known gap']} in known gaps" if count["known gap"] else ""
    said = f"{count['holds']} held, {count['fails'] + count['precondition failed']} failed, {count['error']} broke{gaps}"
    return f"Of {ran} cases that ask {engine} and it can express: {said}. Declined: {count['declined']}."


def closing(claims: dict[str, Tally]) -> str:
    """All cases and controls by what became of them, with the most frequent reasons to decline."""
    count = _count(claims)
    parts = [f"{count['holds']} hold"]
    parts += [
        f"{count[name]} {word}"
        for name, word in (("fails", "fail"), ("precondition failed", "fail a precondition"))
        if count[name]
    ]
    parts.append(f"{count['known gap']} known gap{'' if count['known gap'] == 1 else 's'}")
    whys = sum((claim.declined for claim in claims.values()), Counter[str]())
    shown = [_shortened(why) for why, _ in sorted(whys.items(), key=lambda pair: (-pair[1], pair[0]))]
    more = [f"{len(shown) - SHOWN} other reasons"] if len(shown) > SHOWN + 1 else shown[SHOWN:]
    reasons = f" ({'; '.join([*shown[:SHOWN], *more])})" if shown else ""
    parts += [f"{count['declined']} declined{reasons}", f"{count['error']} broken"]
    refused, accepted = (sum(getattr(c, name) for c in claims.values()) for name in ("refused", "accepted"))
    controls = f"{refused} control{'' if refused == 1 else 's'} refused{f', {accepted} accepted' if accepted else ''}"
    return f"{sum(count.values())} cases: {', '.join(parts)}; {controls}"


def declined_nearly_all(claims: dict[str, Tally], engine: str, whole: bool) -> str:
    """
    A sentence that an engine answered too little for the run to pass; empty where it answered enough.

    Enough is one case in ten of a ``whole`` run, and one case of some chapters: an engine may know nothing of theirs.
    """
    asking, declined = sum(_judging(claims, engine).values()), sum(claim.refusing[engine] for claim in claims.values())
    if not asking or asking - declined >= max(FEWEST * asking * whole, 1):
        return ""
    share = ", more than nine in ten" if declined < asking else ""
    return f"{engine} declined {declined} of the {asking} cases that ask it{share}: this run does not pass."


def _judging(claims: dict[str, Tally], engine: str) -> Counter[str]:
    return sum((claim.judging.get(engine, Counter()) for claim in claims.values()), Counter[str]())


def _count(claims: dict[str, Tally]) -> Counter[str]:
    return sum((Counter(claim.outcomes) for claim in claims.values()), Counter[str]())


def _shortened(why: str) -> str:
    """A reason in one line, cut after a word."""
    line = " ".join(why.split()).rstrip(".")
    return line if len(line) <= LENGTH else f"{line[: LENGTH - 3].rpartition(' ')[0] or line[: LENGTH - 3]}..."


def render(claims: dict[str, Tally], title: str, engine: str, color: bool, width: int) -> Iterator[str]:
    """The lines of the table, in 80 columns or more, and the closing sentences; ``engine`` is the subject's name."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, padding=(0, 0, 0, 1), pad_edge=False, expand=True)
    table.add_column("")
    table.add_column("held", justify="right")
    table.add_column("claim", ratio=1, overflow="fold")
    table.add_column("wrong\nrefused", justify="right")
    table.add_column("digits\n(least)", justify="right")
    for claim in claims.values():
        digits, problem = evidence(claim)
        about = " · ".join(filter(None, [claim.slug, claim.source, claim.level, f"worst on {problem}" if problem else ""]))
        sentence = Text.assemble(claim.sentence, "\n", (about, "dim"))
        row = (
            mark(claim),
            held(claim).replace("precondition failed", "precond."),
            sentence,
            refused(claim),
            digits.replace(" ", "\n", 1),
        )
        table.add_row(*row, style="" if claim.holds else "bold red" if claim.asked else "dim")
    out = StringIO()
    console = Console(file=out, width=max(width, NARROWEST), force_terminal=color, no_color=not color, highlight=False)
    console.print(Text(f"{title}\n{expressed(claims, engine)}".rstrip()))
    console.print(table)
    console.print(Text(f"{headline(claims)}. {known(claims)}".rstrip() + f"\n{closing(claims)}."))
    yield from (line.rstrip() for line in out.getvalue().rstrip().splitlines())
