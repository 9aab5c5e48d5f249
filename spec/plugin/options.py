"""The options of the command line, the engines that they name, and the order of tests and their division over processes."""

from __future__ import annotations

import gc
import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:  # the modules of the specification are imported only when they are needed
    from xdist.remote import Producer
    from xdist.scheduler import Scheduling

    from spec.engines.checked import Checked
    from spec.report.gaps import Gap

SUBJECT = "spec.engines.keras:KerasEngine"
REFERENCE = "spec.engines.statsmodels:StatsmodelsEngine"
DEFAULTS: dict[str, str | int] = {"--subject": SUBJECT, "--reference": REFERENCE, "--seed": 0}
ENGINES: pytest.StashKey[dict[str, Checked]] = pytest.StashKey()
GAPS: pytest.StashKey[list[Gap]] = pytest.StashKey()
ORDER = {"claims": 0, "instruments": 1, "benchmarks": 2}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the specification."""
    group = parser.getgroup("specification")
    engine = "PACKAGE.MODULE:ENGINE"
    group.addoption("--subject", default=SUBJECT, metavar=engine, help="the engine under the claims (default: Keras)")
    group.addoption("--reference", default=REFERENCE, metavar=engine, help="the engine to compare with (default: statsmodels)")
    group.addoption("--seed", type=int, default=0, help="make other planted problems and other points (default: 0)")
    group.addoption("--evidence", type=Path, metavar="ENVIRONMENT.json", help="write the outcome of each case to this file")
    group.addoption("--report", type=Path, metavar="FILE.html", help="write this run as one page, to keep or attach")
    group.addoption(
        "--known-gaps", type=Path, metavar="FILE.toml", help="known departures of engines (default: spec/known_gaps.toml)"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Pass on the seed, load the list of known gaps, and register what writes files."""
    os.environ["SPEC_SEED"] = str(config.getoption("--seed"))
    from spec.report import gaps

    config.stash[ENGINES] = {}
    try:
        config.stash[GAPS] = gaps.load(config.getoption("--known-gaps") or gaps.FILE)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error
    if not hasattr(config, "workerinput"):
        _register_writers(config)
    if getattr(config.option, "numprocesses", None):  # report a wrong name once, and not from each process
        for option in ("--subject", "--reference"):
            if config.getoption(option) != DEFAULTS[option]:
                engine(config, option)


def _register_writers(config: pytest.Config) -> None:
    """Register the plug-ins that write files at the end of the run, in the process that gets the reports of all others."""
    if (path := config.getoption("--evidence")) is not None:
        from spec.report.recorder import Recorder

        config.pluginmanager.register(Recorder(path, config, config.stash[GAPS]))
    if (path := config.getoption("--report")) is not None:
        from spec.report.html import Reporter

        config.pluginmanager.register(Reporter(path, config))


def engine(config: pytest.Config, option: str) -> Checked:
    """The engine that an option names, loaded once. Ends the run with a usage error if the option does not name an engine."""
    from spec.engines.checked import load

    engines = config.stash[ENGINES]
    if option not in engines:
        try:
            engines[option] = load(config.getoption(option))
        except ValueError as error:
            pytest.exit(f"{option}: {error}", returncode=pytest.ExitCode.USAGE_ERROR)
        gc.collect()
        gc.freeze()  # the hundred thousand objects of a library stay: to search them for garbage costs a twentieth of a run
        gc.set_threshold(50_000, 20, 50)
    return engines[option]


def chapter(path: Path) -> str:
    """The chapter that a file of claims belongs to: the name of its folder, or of the file if the chapter is one file."""
    return path.stem if path.parent.name == "claims" else path.parent.name


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """A random generator of the test's own, which depends on --seed, the chapter and the test's name, but not on the file."""
    name = request.node.nodeid
    if name.startswith("tests/claims/"):
        name = f"tests/claims/{chapter(request.path)}.py::{name.partition('::')[2]}"
    return np.random.default_rng([request.config.getoption("--seed"), zlib.crc32(name.encode())])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the claims first, in reading order; then the tests of the instruments; benchmarks last."""
    items.sort(key=lambda item: min((ORDER[part] for part in item.path.parts if part in ORDER), default=3))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """With -n, run the claims of each problem in one process, which proves and fits it once; divide other tests by file."""
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
