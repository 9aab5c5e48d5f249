"""The options of the command line, the engines that they name, and the order of tests and their division over processes."""

from __future__ import annotations

import argparse
import gc
import os
import shlex
import sys
import zlib
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from spec.files import CLAIMS, INSTALLED, NAMED
from spec.plugin import brought, own_data
from spec.plugin.own_data import GIVEN, keras_is_installed, unfit

if TYPE_CHECKING:  # the modules of the specification are imported only when they are needed
    from xdist.remote import Producer
    from xdist.scheduler import Scheduling

    from spec.engines.checked import Checked
    from spec.report.gaps import Gap

SUBJECT = "spec.engines.keras:KerasEngine"
NONE = "none"  # in place of a reference: the specification's own formulas
FORMULAS = "spec.engines.formulas:Formulas"
REFERENCE = "spec.engines.statsmodels:StatsmodelsEngine" if find_spec("statsmodels") else NONE
SECONDS = 300.0  # of a call to an engine, far more than one should take
DEFAULTS: dict[str, str | float] = {"--subject": SUBJECT, "--reference": REFERENCE, "--seed": 0, "--engine-timeout": SECONDS}
ENGINES: pytest.StashKey[dict[str, Checked]] = pytest.StashKey()
GAPS: pytest.StashKey[list[Gap]] = pytest.StashKey()
MARKERS = (
    "claim(slug, source, level): a claim of the specification, the sentence of the source that it is about, and how it is known",
    "quick: one case of each claim, and one answer that it refuses: for a first taste",
    "control(slug): something wrong on purpose, which the claim of that slug refuses; * in the slug is the rung of the case",
)
WARNINGS = ("error", "default::DeprecationWarning", "default::PendingDeprecationWarning", "default::FutureWarning")
ORDER = {"claims": 0, "instruments": 1, "benchmarks": 2}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the specification."""
    group = parser.getgroup("specification")
    engine = "PACKAGE.MODULE:ENGINE"
    group.addoption("--subject", default=SUBJECT, metavar=engine, help="the engine under the claims (default: Keras)")
    group.addoption(
        "--reference",
        default=REFERENCE,
        metavar=engine,
        help="the engine to compare with, or none: then the proof and the specification's own formulas judge "
        "(default: statsmodels if it is installed, else none)",
    )
    group.addoption("--seed", type=_seed, default=0, help="make other planted problems and other points (default: 0)")
    group.addoption("--evidence", type=Path, metavar="ENVIRONMENT.json", help="write the outcome of each case to this file")
    group.addoption(
        "--report", type=Path, metavar="FILE.html", help="write this run as one page, to keep; or FILE.md, to paste into an issue"
    )
    group.addoption(
        "--gaps",
        "--known-gaps",
        type=Path,
        metavar="FILE.toml",
        help="your list of known departures: what it lists must depart, and nothing else may (default: spec/known_gaps.toml)",
    )
    group.addoption(
        "--engine-timeout",
        type=_seconds,
        default=SECONDS,
        metavar="SECONDS",
        help="a call to an engine that takes longer is broken (default: 300; 0: it may take any time)",
    )
    own_data.add_options(parser)


def _seconds(text: str) -> float:
    """A time in seconds. Raises what argparse turns into a usage error."""
    try:
        if 0 <= (seconds := float(text)) < float("inf"):
            return seconds
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds.")


def _seed(text: str) -> int:
    """A seed of NumPy's generators. Raises what argparse turns into a usage error."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no seed: give a whole number from 0 on.")
    return int(text)


def pytest_configure(config: pytest.Config) -> None:
    """Pass on the seed, load the list of known gaps and the reader's data, and register what writes files."""
    os.environ["SPEC_SEED"] = str(config.getoption("--seed"))
    _stand_in_for_pyproject(config)
    from spec.report import gaps

    config.stash[ENGINES] = {}
    try:
        listed = config.stash[GAPS] = gaps.load(config.getoption("--gaps") or gaps.FILE)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error
    if config.getoption("--gaps") and not hasattr(config, "workerinput"):
        from spec.report import source

        if said := gaps.unknown(listed, source.slugs(claims_folder(config))):
            raise pytest.UsageError(f"{config.getoption('--gaps')}: {said}")
    if own_data.take(config):
        config.stash[GAPS] = []  # they are gaps on the specification's own problems
        if not hasattr(config, "workerinput") and not unfit(config.stash[GIVEN]):
            brought.asked(config)  # before the claims, which may take minutes
    if not hasattr(config, "workerinput"):
        _register_writers(config)
    if not hasattr(config, "workerinput"):  # report a wrong name at once, and not from each process
        for option in ("--subject", "--reference"):
            if config.getoption(option) != DEFAULTS[option]:
                engine(config, option)


def _stand_in_for_pyproject(config: pytest.Config) -> None:
    """Tell pytest of the claims in a wheel what else pyproject.toml would say, and find the modules of the folder it is in."""
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    if CLAIMS == INSTALLED:
        for warning in WARNINGS:
            config.addinivalue_line("filterwarnings", warning)
    if (here := str(config.invocation_params.dir)) not in sys.path:
        sys.path.insert(0, here)


def claims_folder(config: pytest.Config) -> Path:
    """The claims of this run: those of a wheel, or of the repository in which pytest was called."""
    return INSTALLED if INSTALLED.is_dir() else config.rootpath / "tests" / "claims"


def chapters(config: pytest.Config) -> set[str]:
    """The names of all chapters, which a whole run has."""
    return {path.stem for path in claims_folder(config).glob("test_*")}


def pytest_itemcollected(item: pytest.Item) -> None:
    """Name a test of a wheel's claims by its file in the wheel, alike from wherever it is run."""
    if CLAIMS == INSTALLED and INSTALLED in item.path.parents:
        file, test = item.path.relative_to(INSTALLED).as_posix(), item.nodeid.partition("::")[2]
        item._nodeid = f"{NAMED[1]}{file}::{test}"  # type: ignore[attr-defined]


def command(item: pytest.Item) -> str:
    """The words that run a test again, in the folder in which pytest was called; --subject and other options follow."""
    if item.nodeid.startswith(NAMED[1]):
        return f"glm-spec '{item.nodeid[len(NAMED[1]) :]}'"
    file, colons, test = item.nodeid.partition("::")
    return f"pytest '{os.path.relpath(item.config.rootpath / file, item.config.invocation_params.dir)}{colons}{test}'"


def typed(config: pytest.Config) -> str:
    """The command line as it was typed."""
    if Path(sys.argv[0]).name == "glm-spec":
        return shlex.join(["glm-spec", *sys.argv[1:]])
    return shlex.join(["pytest", *map(str, config.invocation_params.args)])


def _register_writers(config: pytest.Config) -> None:
    """Register the plug-ins that write files at the end of the run, in the process that gets the reports of all others."""
    if (path := config.getoption("--evidence")) is not None:
        from spec.report.recorder import Recorder

        wanted = set() if GIVEN in config.stash else chapters(config)  # not every chapter can be said of a reader's data
        config.pluginmanager.register(Recorder(path, config, config.stash[GAPS], wanted))
    if (path := config.getoption("--report")) is not None:
        from spec.report.html import Reporter

        config.pluginmanager.register(Reporter(path, config, typed(config)))


def pytest_report_header(config: pytest.Config) -> str | None:
    """What the claims are held to, where it is the reader's data, or where there is no reference."""
    if GIVEN in config.stash:
        return own_data.header(config.stash[GIVEN])
    if config.getoption("--reference") != NONE:
        return None
    return "reference: none; the proof and the specification's own formulas judge"


def engine(config: pytest.Config, option: str) -> Checked:
    """The engine that an option names, loaded once. Ends the run with a usage error if the option does not name an engine."""
    from spec.engines import calls
    from spec.engines.checked import load

    engines = config.stash[ENGINES]
    if option not in engines:
        try:
            engines[option] = load(_path(config.getoption(option)))
        except ValueError as error:
            pytest.exit(f"{option}: {error}", returncode=pytest.ExitCode.USAGE_ERROR)
        if GIVEN in config.stash and not unfit(config.stash[GIVEN]):
            from spec.plugin.presupposing import Presupposing

            engines[option] = Presupposing(engines[option].engine, config.stash[GIVEN])
        engines[option].timeout = config.getoption("--engine-timeout")
        if calls.last_words is None:
            calls.last_words = _standard_error(config)
        gc.collect()
        gc.freeze()  # the hundred thousand objects of a library stay: to search them for garbage costs a twentieth of a run
        gc.set_threshold(50_000, 20, 50)
    return engines[option]


def _path(name: str) -> str:
    """The path of an engine that is named in an option. Raises ValueError for Keras, the default, where it is not installed."""
    if name == SUBJECT and not keras_is_installed():
        raise ValueError(
            "Keras is not installed, which the claims are held to by default: name an engine, --subject package.module:Engine, "
            "or install Keras: pip install 'glm-spec[keras]'."
        )
    return FORMULAS if name == NONE else name


def _standard_error(config: pytest.Config) -> int:
    """A descriptor of the standard error as it was before pytest captured it."""
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture is not None else nullcontext():
        return os.dup(2)


def chapter(path: Path) -> str:
    """The chapter that a file of claims belongs to: the name of its folder, or of the file if the chapter is one file."""
    return path.stem if path.parent.name == "claims" else path.parent.name


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """A random generator of the test's own, which depends on --seed, the chapter and the test's name, but not on the file."""
    name = request.node.nodeid
    if "claims" in (request.path.parent.name, request.path.parent.parent.name):
        name = f"tests/claims/{chapter(request.path)}.py::{name.partition('::')[2]}"
    return np.random.default_rng([request.config.getoption("--seed"), zlib.crc32(name.encode())])


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run the claims first, in reading order; then the tests of the instruments; benchmarks last. With --data, those about it."""
    items.sort(key=lambda item: min((ORDER[part] for part in item.path.parts if part in ORDER), default=3))
    own_data.select(config, items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """With -n, run the claims of each problem in one process, which proves and fits it once; divide other tests by file."""
    if config.getoption("dist") != "load":
        return None
    from spec import problems
    from spec.plugin.processes import ByProblem

    return ByProblem(config, log, [] if GIVEN in config.stash else list(map(str, problems.ALL)))  # one problem is divided by file
