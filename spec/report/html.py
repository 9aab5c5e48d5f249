"""
A run as one page, to keep or to attach to an issue: ``pytest --report report.html``, or ``report.md`` to paste into one.

The page stands alone: nothing is fetched and nothing is scripted, pictures are in it, and all that tests and libraries said is
escaped. Of any run: of some chapters, of one that fails, of one that is broken off, which it says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timezone
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from traceback import format_exc
from typing import Any

import pytest

from spec.files import replace, unfit
from spec.report import environment, markdown, record, table
from spec.report.matrix import WORST_FIRST
from spec.report.recorder import Listener
from spec.report.terminal import title

PAGES, MARKDOWN = (".html", ".htm"), (".md", ".markdown")
NEEDS = ("jinja2", "matplotlib")  # of a page
WORDS = {
    "refused": "refused",
    "accepted": "accepted",
    "holds": "held",
    "fails": "failed",
    "precondition failed": "failed a precondition",
    "error": "broke",
    "declined": "declined",
    "known gap": "in a known gap",
}


class Reporter(Listener):
    """
    Writes the page when the run that ``command`` began ends, however it ends.

    Raises `pytest.UsageError` before a run that could not write it.
    """

    def __init__(self, path: Path, config: pytest.Config, command: str) -> None:
        super().__init__(config)
        self.command = command
        self.path = path if path.is_absolute() else config.invocation_params.dir / path
        self.broken: list[Any] = []
        self.began = datetime.now(timezone.utc)
        if fault := unfit(self.path, *PAGES, *MARKDOWN):
            raise pytest.UsageError(f"--report {path}: {fault}")
        absent = [] if path.suffix in MARKDOWN else [name for name in NEEDS if find_spec(name) is None]
        if absent:
            raise pytest.UsageError(f"--report needs {' and '.join(absent)}: pip install {' '.join(absent)}")

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.broken.append(report)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if not self.reports and not self.broken:
            self.said = "no report written: no test ran"
            return
        try:
            replace(self.path, self.render(exitstatus))
        except OSError as error:
            self.said = f"no report written to {self.path}: {error.strerror}"
        except Exception:  # a fault of ours, shown whole; the table in the terminal, which comes next, is not lost for it
            self.said = f"no report written to {self.path}, which is a fault of the specification:\n{format_exc()}"
        else:
            self.said = f"report written to {self.path}"
            return
        session.exitstatus = exitstatus or pytest.ExitCode.TESTS_FAILED

    def render(self, exitstatus: int) -> str:
        """The page, or its Markdown."""
        said = self._said(exitstatus)
        if self.path.suffix in MARKDOWN:
            return markdown.render(said)
        from jinja2 import Environment, StrictUndefined

        from spec.report import run_pictures

        said["pictures"] = list(run_pictures.of(said.pop("cells"), said.pop("titles")))
        template = Path(__file__).with_name("report.html.jinja").read_text(encoding="utf-8")
        made = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
        return made.from_string(template).render(said)

    def _said(self, exitstatus: int) -> dict[str, Any]:
        """What there is to show, by name."""
        told = record.in_reading_order(self.reports.values())
        claims = table.collect(self.reports.values())
        ended = [report for report in self.reports.values() if report.when != "setup" or report.outcome != "passed"]
        cells = [cell for properties, report in told for cell in record.cells(properties, report)]
        places = {properties["case"]["slug"]: properties["case"]["place"][0] for properties, _ in told}
        chapters = {slug: title(place) for slug, place in places.items()}
        cases = sum((Counter(claim.outcomes) for claim in claims.values()), Counter[str]())
        controls = Counter(record.CONTROLS.get(table.outcome(r), "accepted") for p, r in told if p["case"]["kind"] == "control")
        others = Counter(table.outcome(report) for report in ended if "case" not in dict(report.user_properties))
        return {
            "chapters": [
                (chapter, [_claim(claims[slug], cells) for slug in slugs])
                for chapter, slugs in groupby(claims, key=chapters.__getitem__)
            ],
            "claims": claims,
            "headline": table.headline(claims),
            "known": table.known(claims),
            "counts": [
                _count("Cases", cases),
                _count("Answers that are wrong on purpose", controls),
                _count("Other tests", others),
            ],
            "faults": [*map(_collection, self.broken), *(_fault(r) for r in ended if table.outcome(r) in markdown.FAULTS)],
            "gaps": list(_gaps(told)),
            "cut_off": _cut_off(exitstatus, self.collected - {report.nodeid for report in ended}),
            "cells": cells,
            "titles": chapters,
            "engines": self.engines,
            "run": environment.describe("", self.config.getoption("--seed"), self.engines),
            "command": self.command,
            "began": f"{self.began:%Y-%m-%d %H:%M} UTC",
            "seconds": (datetime.now(timezone.utc) - self.began).total_seconds(),
        }


def _count(what: str, found: Counter[str]) -> str:
    """Counts by outcome in words; empty where there are none."""
    said = ", ".join(f"{found[name]} {word}" for name, word in WORDS.items() if found[name])
    return f"{what}: {said}." if said else ""


def _claim(claim: table.Tally, cells: list[dict[str, Any]]) -> dict[str, Any]:
    """A row of the table with its cases."""
    mine = [cell for cell in cells if cell["claim"] == claim.slug]
    head = {**record.COLUMNS, "why": "why"}
    used = [key for key in head if any(cell.get(key, "") != "" for cell in mine)]
    digits, problem = table.evidence(claim)
    return {
        "claim": claim,
        "mark": table.mark(claim),
        "held": table.held(claim).split("\n"),
        "refused": table.refused(claim),
        "digits": digits,
        "problem": problem,
        "head": [head[key] for key in used],
        "cases": [[record.shown(cell, key) for key in used] for cell in mine],
        "worst": "fails" if claim.accepted else next((o for o in WORST_FIRST if claim.outcomes[o]), "declined"),
    }


def _fault(report: Any) -> dict[str, Any]:
    """A failure: the test's name, its claim, and the whole message."""
    properties = dict(report.user_properties)
    case, outcome = properties.get("case", {}), table.outcome(report)
    if case.get("kind") == "control":
        outcome = "accepts what is wrong" if outcome == "fails" else outcome
    return {
        "name": report.nodeid,
        "outcome": outcome,
        "claim": f"{case['slug']}[{case['id']}]".removesuffix("[]") if case else "",
        "sentence": case.get("sentence", ""),
        "why": properties.get("why", ""),
        "said": report.longreprtext,
        "sections": [(title, text) for title, text in report.sections if text.strip()],
    }


def _collection(report: Any) -> dict[str, Any]:
    """A file that pytest could not collect."""
    said = {"said": report.longreprtext, "sections": []}
    return {"name": report.nodeid, "outcome": "could not be collected", "claim": "", "sentence": "", "why": "", **said}


def _gaps(told: list[tuple[dict[str, Any], Any]]) -> Iterator[tuple[str, list[str]]]:
    """Each cause of known gaps, and the cases that depart for it."""
    found: dict[str, list[str]] = {}
    for properties, report in told:
        if hasattr(report, "wasxfail"):
            case = properties["case"]
            name = f"{case['slug']}[{case['id']}]".removesuffix("[]")
            found.setdefault(report.wasxfail, []).append(name if case["kind"] == "claim" else f"a control of {name}")
    yield from found.items()


def _cut_off(exitstatus: int, missing: set[str]) -> str:
    """A sentence that the run was broken off, with what is missing; empty for a run that ended."""
    if exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) and not missing:
        return ""
    if not missing:
        return "The run was broken off."
    return f"The run was broken off: {len(missing)} of its tests never came to an end, {min(missing)} among them."
