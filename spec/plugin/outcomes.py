"""The outcome of a claim: it holds, it fails, its precondition fails, it is declined, it is a known gap; or an engine broke."""

from __future__ import annotations

import shlex
from collections.abc import Generator
from dataclasses import asdict
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from spec.plugin.brought import diagnosed
from spec.plugin.options import DEFAULTS, ENGINES, GAPS, chapter, chapters, command
from spec.plugin.own_data import BROUGHT, GIVEN, OWN
from spec.report.levels import level

if TYPE_CHECKING:
    from spec.report.table import Tally

Report = Any  # a pytest.TestReport, with a `status` of ours
Case = Any  # a pytest.Item that is a test function, with the attributes of one
WARNED: pytest.StashKey[set[tuple[str, str]]] = pytest.StashKey()
MOST_WARNINGS = 5  # that are printed
NOT_TOLD_APART = "on these data what is wrong on purpose is right, or too near to be told from it"


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Skip a claim that derives a problem from another if an engine declines the derived problem."""
    from spec.engines.contract import Declined

    try:
        return (yield)
    except Declined as declined:
        if _case(pyfuncitem) is None:
            raise
        pytest.skip(str(declined))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Record what a claim measures, as a property of its test."""
    if item.get_closest_marker("claim") is None:
        return (yield)
    from spec.evidence.judge import recording

    with recording() as measurements:
        try:
            return (yield)
        finally:
            item.user_properties.append(("measurements", [vars(m) for m in measurements]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Report, Report]:
    """Give the report of a claim its status, and its case, engines and measurements as properties."""
    report = yield
    if report.outcome == "failed" and (why := _cannot_tell(item, call)):
        report.outcome, report.longrepr = "skipped", (str(item.path), item.location[1] or 0, f"Skipped: {why}")
    if report.outcome == "failed":
        _name_the_failure(item, call, report)
    if (case := _case(item)) is not None:
        _allow_for_a_gap(item, call, report, case)
        engines = item.config.stash[ENGINES]
        report.user_properties = [
            *item.user_properties,
            ("case", case),
            ("engines", {option: asdict(engine.describe()) for option, engine in engines.items()}),
            ("judged", _judged(item)),
            ("warned", _warned(item.config)),
        ]
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_handlecrashitem(crashitem: str, report: Report, sched: Any) -> None:
    """With -n, report a case in which the process died as broken: what case it is, its set-up has told."""
    terminal = sched.config.pluginmanager.get_plugin("terminalreporter")
    told = [each for each in terminal.stats.get("", ()) if getattr(each, "nodeid", "") == crashitem] if terminal else []
    if told:
        why = f"the process died, as with an engine that ends it or does not come back to Python in its time: {report.longrepr}"
        report.status, report.when, report.longrepr = "error", "call", why
        report.user_properties = [*told[-1].user_properties, ("why", why)]


def _judged(item: Case) -> str:
    """The name of the engine that a test judges, the subject before the reference; empty if it judges none."""
    engines = item.config.stash[ENGINES]
    asked = [o for o in ("--subject", "--reference") if o in engines and o[2:] in item.fixturenames]
    return engines[asked[0]].describe().name if asked else ""


def _warned(config: pytest.Config) -> list[tuple[str, str, str]]:
    """The engines' warnings that were not told before in this process: the engine, the warning, the call in which it came."""
    engines = [(engine.describe().name, engine.warned) for engine in config.stash[ENGINES].values()]
    warned = {(name, warning): call for name, found in engines for warning, call in found.items()}
    told = config.stash.setdefault(WARNED, set())
    new = [(*key, call) for key, call in warned.items() if key not in told]
    told.update(warned)
    return new


def _case(item: pytest.Item) -> dict[str, Any] | None:
    """The properties of a test that is a case of a claim, or of a claim's control; None for other tests."""
    for kind in ("claim", "control"):
        if (marker := item.get_closest_marker(kind)) is not None:
            return {
                "kind": kind,
                "slug": slug(item, marker),
                "source": marker.kwargs.get("source", ""),
                "level": level(marker.kwargs),
                "sentence": (getattr(item, "function").__doc__ or "").strip().partition("\n")[0],  # noqa: B009
                "place": [chapter(item.path), item.path.name, item.location[1]],
                "id": item.callspec.id if hasattr(item, "callspec") else "",
            }
    return None


def slug(item: Case, marker: pytest.Mark) -> str:
    """The slug that a mark names, with the rung of the case for "*"."""
    named: str = marker.args[0]
    return named.replace("*", item.callspec.params["rung"]) if "*" in named else named


def _cannot_tell(item: pytest.Item, call: pytest.CallInfo[None]) -> str:
    """Why a control tells nothing on a reader's data, where that is no fault; empty where it was to be refused."""
    if GIVEN not in item.config.stash or item.get_closest_marker("control") is None or call.excinfo is None:
        return ""
    from spec.evidence.preconditions import PreconditionFailed
    from spec.problems import ProblemError

    error = call.excinfo.value
    if isinstance(error, pytest.fail.Exception):  # a bias that was forgotten may have been zero
        return NOT_TOLD_APART if "DID NOT RAISE" in str(error) else ""
    if isinstance(error, (AssertionError, PreconditionFailed, ProblemError)):
        return ""
    return f"what is wrong on purpose cannot be computed on these data: {type(error).__name__}: {error}"


def _name_the_failure(item: pytest.Item, call: pytest.CallInfo[None], report: Report) -> None:
    """Set the status of a failed test: the claim fails, a precondition fails, or an error, which is no verdict on the claim."""
    from spec.engines.contract import EngineError
    from spec.evidence.preconditions import PreconditionFailed
    from spec.problems import ProblemError

    assert call.excinfo is not None
    error = call.excinfo.value
    if isinstance(error, ProblemError) and GIVEN in item.config.stash:
        error = PreconditionFailed("data", str(error))
    if isinstance(error, PreconditionFailed):
        report.status, report.longrepr = "precondition failed", str(error)
    elif isinstance(error, EngineError):
        report.status, report.longrepr = "error", f"the engine broke, which is no verdict on the claim: {error}"
    else:
        report.status = "fails" if isinstance(error, (AssertionError, pytest.fail.Exception)) else "error"
    item.user_properties.append(("why", (str(error).splitlines() or [type(error).__name__])[0]))
    asked = {**DEFAULTS, **dict.fromkeys(("--data", *OWN, *BROUGHT))}
    changed = {o: item.config.getoption(o) for o, default in asked.items() if item.config.getoption(o) != default}
    again = " ".join([command(item), *(f"{o} {shlex.quote(str(value))}" for o, value in changed.items())])
    judged = [f"{o[2:]:9} {engine}" for o, engine in item.config.stash[ENGINES].items()]
    report.sections.append(("to run this again", "\n".join([again, *judged])))


def _allow_for_a_gap(item: pytest.Item, call: pytest.CallInfo[None], report: Report, case: dict[str, Any]) -> None:
    """Let a case in a known gap depart as listed, and fail it if it holds on the listed data."""
    from spec.report import gaps

    engines = [engine.describe() for engine in item.config.stash[ENGINES].values()]
    listed: list[gaps.Gap] = item.config.stash[GAPS]
    gap = gaps.find(listed, case["kind"], case["slug"], case["id"], engines)
    if gap is None or item.config.option.runxfail:
        return
    if report.outcome == "failed" and report.status == gap.outcome:
        report.outcome, report.wasxfail = "skipped", gap.cause
    elif report.outcome == "passed" and call.when == "call" and item.config.getoption("--seed") == gaps.SEED:
        report.outcome, report.status = "failed", "fails"
        report.longrepr = f"the known gap {gap} is closed: this case holds. Narrow its entry in the list of gaps, or drop it."


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """The category, letter and word of the outcomes that pytest does not know."""
    status = getattr(report, "status", "")
    if report.failed and status in ("precondition failed", "error"):
        return status, status[0].upper(), status.upper()
    if report.skipped and hasattr(report, "wasxfail"):
        return "known gap", "g", "KNOWN GAP"
    return None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the failed preconditions, the table of claims, and the diagnosis of what a reader brought."""
    from spec.report import table

    failed: dict[str, list[Report]] = {}
    for report in terminalreporter.stats.get("precondition failed", ()):  # pytest prints failures and errors itself
        failed.setdefault(str(report.longrepr), []).append(report)
    for why, (report, *others) in failed.items():
        terminalreporter.section(f"{report.nodeid} and {len(others)} more" if others else report.nodeid, sep="_")
        terminalreporter.write_line(why)
        terminalreporter.write_line(dict(report.sections)["to run this again"])
    reports = _reports(terminalreporter)
    claims = table.collect(reports)
    if claims:
        from spec.engines.contract import Description

        engines = {o: config.getoption(o) for o in ("--subject", "--reference")}
        for report in reports:
            used = _properties(report).get("engines", {})
            engines.update({option: Description(**described) for option, described in used.items()})
        seed = config.getoption("--seed")
        title = f"{engines['--subject']}\nheld against {engines['--reference']} and the proven optimum, seed {seed}"
        name = getattr(engines["--subject"], "name", "")
        for line in table.render(claims, title, name, terminalreporter.hasmarkup, terminalreporter._tw.fullwidth):
            terminalreporter.write_line(line)
        if said := _declined_nearly_all(config, reports, claims):
            terminalreporter.write_line(said, red=True, bold=True)
            terminalreporter._add_stats("engine that declines nearly all", [SimpleNamespace()])  # for pytest's last line
        _print_warnings(terminalreporter, reports)
    terminal = terminalreporter._tw
    if lines := list(diagnosed(config, terminal.fullwidth, terminalreporter.hasmarkup)):
        terminalreporter.section("why they disagree", sep="_")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Let a run not pass in which the subject declined nearly all that it was asked."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus != pytest.ExitCode.OK or terminal is None or hasattr(session.config, "workerinput"):
        return
    from spec.report import table

    if _declined_nearly_all(session.config, reports := _reports(terminal), table.collect(reports)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _declined_nearly_all(config: pytest.Config, reports: list[Report], claims: dict[str, Tally]) -> str:
    """The sentence of `spec.report.table` about the subject; empty where it was not asked."""
    from spec.report import table

    described = (_properties(report).get("engines", {}).get("--subject") for report in reports)
    subject = next(filter(None, described), None)
    ran = {case["place"][0] for report in reports if (case := _properties(report).get("case"))}
    whole = chapters(config) <= ran
    return table.declined_nearly_all(claims, subject["name"], whole) if subject else ""


def _reports(terminal: pytest.TerminalReporter) -> list[Report]:
    return [report for reports in terminal.stats.values() for report in reports]


def _properties(report: Report) -> dict[str, Any]:
    return dict(getattr(report, "user_properties", ()))


def _print_warnings(terminal: pytest.TerminalReporter, reports: list[Report]) -> None:
    """Print the first of the warnings that came in the engines' calls, each once."""
    warned = {(name, said): call for report in reports for name, said, call in reversed(_properties(report).get("warned", ()))}
    for (name, said), call in list(warned.items())[:MOST_WARNINGS]:
        terminal.write_line(f"{name} warned, which is no verdict: {said} (in {call})")
    if len(warned) > MOST_WARNINGS:
        terminal.write_line(f"and {len(warned) - MOST_WARNINGS} other warnings")
