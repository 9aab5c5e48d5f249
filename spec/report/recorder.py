"""pytest plug-ins that collect the reports of a run; `Recorder` writes the evidence of a complete run of the claims."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from traceback import format_exc
from typing import Any

import pytest

from spec.engines.checked import load
from spec.engines.contract import Description
from spec.files import NAMED
from spec.report import environment, record
from spec.report.gaps import SEED, Gap

PARTIAL = {
    "keyword": "-k",
    "markexpr": "-m",
    "deselect": "--deselect",
    "lf": "--lf",
    "ignore": "--ignore",
    "ignore_glob": "--ignore-glob",
}


class Listener:
    """Collects the tests of a run and the deciding report of each, from one process or many."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.collected: set[str] = set()
        self.reports: dict[str, Any] = {}
        self.said = ""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.collected.update(item.nodeid for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: list[str]) -> None:
        self.collected.update(ids)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Keep a test's first failure (set-up, call or tear-down), else the report of its call."""
        before = self.reports.get(report.nodeid)
        if before is None or (before.outcome == "passed" and (report.when != "teardown" or report.failed)):
            self.reports[report.nodeid] = report

    @property
    def engines(self) -> dict[str, Description]:
        """The engines that answered, by role, the subject first."""
        described = {o: e for report in self.cases for o, e in dict(report.user_properties)["engines"].items()}
        return {
            option.lstrip("-"): Description(**described[option]) for option in ("--subject", "--reference") if option in described
        }

    @property
    def cases(self) -> list[Any]:
        """The reports of claims and controls. A process that died reports none."""
        return [report for report in self.reports.values() if "case" in dict(report.user_properties)]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        terminalreporter.write_line(self.said, red=self.said.startswith("no"), bold=True)


class Recorder(Listener):
    """
    Writes the evidence once nothing is missing: of these ``chapters`` each has to have run.

    Raises `pytest.UsageError` before the run for one that cannot become evidence.
    """

    def __init__(self, path: Path, config: pytest.Config, gaps: list[Gap], chapters: set[str]) -> None:
        super().__init__(config)
        self.path, self.gaps, self.chapters = path, gaps, chapters
        if path.suffix != ".json" or path.is_dir():
            raise pytest.UsageError(f"--evidence {path}: name a file, the environment's name and .json.")
        if options := [option for name, option in PARTIAL.items() if getattr(config.option, name, None)]:
            raise pytest.UsageError(
                f"--evidence needs all claims, and {', '.join(options)} leaves some out: drop one of the two."
            )

    @property
    def engines(self) -> dict[str, Description]:
        """The engines by role; also one that no case came as far as to ask, where the other broke or declined before."""
        engines = super().engines
        silent = [role for role in ("subject", "reference") if role not in engines]
        if engines and silent:
            with suppress(ValueError):
                engines.update({role: load(self.config.getoption(f"--{role}")).describe() for role in silent})
        return engines

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if fault := self._fault(exitstatus):
            self.said = f"no evidence written: {fault}"
            session.exitstatus = exitstatus or pytest.ExitCode.TESTS_FAILED
            return
        try:
            described = environment.describe(self.path.stem, self.config.getoption("--seed"), self.engines)
            record.write(self.path, record.build(described, self.cases))
        except Exception:  # the table in the terminal, which comes next, is not lost for it
            self.said = f"no evidence written to {self.path}:\n{format_exc()}"
            session.exitstatus = exitstatus or pytest.ExitCode.TESTS_FAILED
        else:
            self.said = f"evidence written to {self.path}"

    def _fault(self, exitstatus: int) -> str:
        """Why this run is no evidence of all the claims; empty if it is."""
        if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            return "the run did not come to its end"
        told = {report.nodeid for report in self.cases}
        if missing := {test for test in self.collected - told if test.startswith(NAMED)}:
            return f"{len(missing)} tests were collected and never came to an end, {min(missing)} among them"
        if absent := self.chapters - {dict(r.user_properties)["case"]["place"][0] for r in self.cases}:
            return f"nothing ran of {', '.join(sorted(absent))}"
        if silent := {"subject", "reference"} - set(self.engines):
            return f"no case came as far as to ask the {' nor the '.join(sorted(silent))}"
        strict = self.config.getoption("--seed") == SEED
        if unmet := [str(gap) for gap in self.gaps if strict and self._lies_here(gap) and not self._met(gap)]:
            return f"no case departs as it is listed: {'; '.join(unmet)}; drop the known gap, or mend its cases"
        return ""

    def _lies_here(self, gap: Gap) -> bool:
        return any(gap.lies_with(engine) for engine in self.engines.values())

    def _met(self, gap: Gap) -> bool:
        cases = [dict(report.user_properties)["case"] for report in self.cases if hasattr(report, "wasxfail")]
        return any(gap.covers(case["kind"], case["slug"], case["id"]) for case in cases)
