"""The command line of the specification: which engines, which seed, and the table at the end."""

from __future__ import annotations

import os

# One thread for BLAS: NumPy, SciPy and TensorFlow bring a pool each, and on few cores they wait for one another
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import gc
import zlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SUBJECT = "spec.engines.keras_engine:KerasEngine"
REFERENCE = "spec.engines.statsmodels_engine:StatsmodelsEngine"
DEFAULTS: dict[str, Any] = {"--subject": SUBJECT, "--reference": REFERENCE, "--seed": 0}
ENGINES = pytest.StashKey[dict[str, Any]]()
GAPS = pytest.StashKey[list[Any]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("specification")
    group.addoption(
        "--subject", default=SUBJECT, metavar="PACKAGE.MODULE:ENGINE", help="the engine under the claims (default: Keras)"
    )
    group.addoption(
        "--reference", default=REFERENCE, metavar="PACKAGE.MODULE:ENGINE", help="what it is held against (default: statsmodels)"
    )
    group.addoption("--seed", type=int, default=0, help="draws other planted problems and other points (default: 0)")
    group.addoption(
        "--evidence", type=Path, metavar="ENVIRONMENT.json", help="write what came of each case of each claim to this file"
    )
    group.addoption(
        "--report", type=Path, metavar="FILE.html", help="write this run as a page that stands alone, to keep or attach"
    )
    group.addoption(
        "--known-gaps", type=Path, metavar="FILE.toml", help="where engines are known to depart (default: spec/known_gaps.toml)"
    )


def pytest_configure(config: pytest.Config) -> None:
    os.environ["SPEC_SEED"] = str(config.getoption("--seed"))
    from spec.report import gaps

    config.stash[ENGINES] = {}
    try:
        config.stash[GAPS] = gaps.load(config.getoption("--known-gaps") or gaps.FILE)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error
    if not hasattr(config, "workerinput"):
        _listen(config)
    if getattr(config.option, "numprocesses", None):  # with -n an option that names no engine is said here, not by each process
        for option in ("--subject", "--reference"):
            if config.getoption(option) != DEFAULTS[option]:
                _load(config, option)


def _listen(config: pytest.Config) -> None:
    """What writes files at the end of the run, in the process that hears of all the others."""
    if (path := config.getoption("--evidence")) is not None:
        from spec.report.recorder import Recorder

        config.pluginmanager.register(Recorder(path, config, config.stash[GAPS]))
    if (path := config.getoption("--report")) is not None:
        from spec.report.html import Reporter

        config.pluginmanager.register(Reporter(path, config))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The claims first, in reading order; then what checks the ruler; benchmarks last."""
    order = {"claims": 0, "instruments": 1, "benchmarks": 2}
    items.sort(key=lambda item: order.get(item.path.parent.name, 3))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With -n, what is claimed about a problem stays in one process, which proves and fits it once; the rest goes by files."""
    if config.getoption("dist") != "load":
        return None
    from xdist.scheduler import LoadFileScheduling

    from spec import problems

    names = sorted(map(str, problems.ALL), key=len, reverse=True)

    class ByProblem(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file, _, case = nodeid.partition("[")
            if not file.startswith("tests/claims/"):
                return super()._split_scope(nodeid)
            return next((name for name in names if name in case), super()._split_scope(nodeid))

    return ByProblem(config, log)


# -- engines and points -------------------------------------------------------------------------------------------------


def _load(config: pytest.Config, option: str) -> Any:
    """The engine of an option, made once. An option that names none ends the run before it has begun to mislead."""
    from spec.engines.engine import load

    engines = config.stash[ENGINES]
    if option not in engines:
        try:
            engines[option] = load(config.getoption(option))
        except ValueError as error:
            pytest.exit(f"{option}: {error}", returncode=pytest.ExitCode.USAGE_ERROR)
        gc.collect()
        gc.freeze()  # a library's hundred thousand objects stay: to look through them again and again costs a twentieth of a run
        gc.set_threshold(50_000, 20, 50)
    return engines[option]


@pytest.fixture(scope="session")
def _subject(pytestconfig: pytest.Config) -> Any:
    return _load(pytestconfig, "--subject")


@pytest.fixture(scope="session")
def _reference(pytestconfig: pytest.Config) -> Any:
    return _load(pytestconfig, "--reference")


def _willing(engine: Any, request: pytest.FixtureRequest) -> Any:
    """The engine, unless it declines the problem of this test: that is out of scope, and said so."""
    problem = getattr(request.node, "callspec", None) and request.node.callspec.params.get("problem")
    if problem is not None and (why := engine.declines(problem)) is not None:
        pytest.skip(f"declined by {engine.describe().name}: {why}")
    return engine


@pytest.fixture
def subject(_subject: Any, request: pytest.FixtureRequest) -> Any:
    """The engine under the claims."""
    return _willing(_subject, request)


@pytest.fixture
def reference(_reference: Any, request: pytest.FixtureRequest) -> Any:
    """The engine that it is held against."""
    return _willing(_reference, request)


def _method(engine: Any, name: str, what: str) -> Any:
    """A method beyond the contract, or the test is out of scope."""
    if not callable(method := getattr(engine.engine, name, None)):
        pytest.skip(f"declined by {engine.describe().name}: {what}")
    return method


@pytest.fixture
def network(subject: Any) -> Any:
    """``network(problem, recipe)``: a `spec.engines.engine.Network` of the subject's, fresh, for claims about training."""
    return _method(subject, "network", "it has no networks to train")


@pytest.fixture
def by_default(reference: Any) -> Any:
    """``by_default(problem)``: the fit of the reference to a user who sets nothing."""
    return _method(reference, "fit_by_default", "it has no stopping rule of its own")


@pytest.fixture
def beyond(reference: Any) -> Any:
    """``beyond(problem, recipe)``: the `spec.engines.engine.Likelihood` of the reference for a network that is no GLM."""
    return _method(reference, "beyond", "it has no models beyond the generalized linear ones")


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Random numbers of this test's own, moved by --seed."""
    return np.random.default_rng([request.config.getoption("--seed"), zlib.crc32(request.node.nodeid.encode())])


@pytest.fixture(scope="session")
def _points() -> dict[Any, Any]:
    return {}


@pytest.fixture
def params(request: pytest.FixtureRequest, _points: dict[Any, Any]) -> Any:
    """Parameters away from the optimum, the same for all claims about a problem."""
    from spec.evidence.points import anywhere

    problem = request.node.callspec.params["problem"]
    if problem not in _points:
        seed = [request.config.getoption("--seed"), zlib.crc32(str(problem).encode())]
        _points[problem] = anywhere(problem, np.random.default_rng(seed))
    return _points[problem]


# -- outcomes: holds, fails, and what is neither ---------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[Any]:
    """A claim may make a problem of another: one that an engine declines is out of its scope as well."""
    from spec.engines.engine import Declined

    try:
        return (yield)
    except Declined as declined:
        if _case(pyfuncitem) is None:
            raise
        pytest.skip(str(declined))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    if item.get_closest_marker("claim") is None:
        return (yield)
    from spec.evidence.agreement import recording

    with recording() as measurements:
        try:
            return (yield)
        finally:
            item.user_properties.append(("measurements", [vars(m) for m in measurements]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report: Any = yield
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
        ]
    return report


def _judged(item: Any) -> str:
    """Whose answers a test is about: the subject's, if it asks for any; empty where it is mathematics alone."""
    engines = item.config.stash[ENGINES]
    asked = [o for o in ("--subject", "--reference") if o in engines and o[2:] in item.fixturenames]
    return engines[asked[0]].describe().name if asked else ""


def _case(item: pytest.Item) -> dict[str, Any] | None:
    """Of which claim, or control of a claim, this test is which case."""
    for kind in ("claim", "control"):
        if (marker := item.get_closest_marker(kind)) is not None:
            return {
                "kind": kind,
                "slug": marker.args[0],
                "source": marker.kwargs.get("source", ""),
                "sentence": (getattr(item, "function").__doc__ or "").strip().partition("\n")[0],  # noqa: B009
                "place": [item.path.name, item.location[1]],
                "id": item.callspec.id if hasattr(item, "callspec") else "",
            }
    return None


def _name_the_failure(item: pytest.Item, call: pytest.CallInfo[None], report: Any) -> None:
    """An assertion fails; a precondition is its own outcome; anything else is an error, which is no verdict on the claim."""
    from spec.engines.engine import EngineError
    from spec.evidence.preconditions import PreconditionFailed

    assert call.excinfo is not None
    error = call.excinfo.value
    if isinstance(error, PreconditionFailed):
        report.status, report.longrepr = "precondition failed", str(error)
    elif isinstance(error, EngineError):
        report.status, report.longrepr = "error", f"the engine broke, which is no verdict on the claim: {error}"
    else:
        report.status = "fails" if isinstance(error, (AssertionError, pytest.fail.Exception)) else "error"
    item.user_properties.append(("why", (str(error).splitlines() or [type(error).__name__])[0]))
    changed = [o for o, default in DEFAULTS.items() if item.config.getoption(o) != default]
    again = " ".join([f"pytest '{item.nodeid}'", *(f"{o} {item.config.getoption(o)}" for o in changed)])
    judged = [f"{o[2:]:9} {engine}" for o, engine in item.config.stash[ENGINES].items()]
    report.sections.append(("to run this again", "\n".join([again, *judged])))


def _allow_for_a_gap(item: pytest.Item, call: pytest.CallInfo[None], report: Any, case: dict[str, Any]) -> None:
    """A known gap departs as it is listed: then it is expected; where it does not, on the listed data, it is a failure."""
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


def pytest_report_teststatus(report: Any) -> tuple[str, str, str] | None:
    status = getattr(report, "status", "")
    if report.failed and status in ("precondition failed", "error"):
        return status, status[0].upper(), status.upper()
    if report.skipped and hasattr(report, "wasxfail"):
        return "known gap", "g", "KNOWN GAP"
    return None


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    from spec.report import table

    for report in terminalreporter.stats.get("precondition failed", ()):  # pytest tells of failures and errors itself
        terminalreporter.section(report.nodeid, sep="_")
        terminalreporter.write_line(str(report.longrepr))
        terminalreporter.write_line(dict(report.sections)["to run this again"])
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    claims = table.collect(reports)
    if claims:
        from spec.engines.engine import Description

        engines = {o: config.getoption(o) for o in ("--subject", "--reference")}
        for report in reports:
            used = dict(getattr(report, "user_properties", ())).get("engines", {})
            engines.update({option: Description(**described) for option, described in used.items()})
        seed = config.getoption("--seed")
        title = f"{engines['--subject']}\nheld against {engines['--reference']} and the proven optimum, seed {seed}"
        for line in table.render(claims, title, terminalreporter.hasmarkup, terminalreporter._tw.fullwidth):
            terminalreporter.write_line(line)
