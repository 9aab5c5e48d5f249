"""The reader's own data: the options about them, the problem that is made of them, and the claims that can be said of it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from spec.compat import first_line

if TYPE_CHECKING:  # the modules of the specification are imported only when they are needed
    from spec.problems import Problem

OWN = {  # the options about a reader's own data, with what each is
    "--formula": ("'y ~ x + C(group)'", "the formula, in the words of formulaic"),
    "--response": ("COLUMN", "in place of a formula: the response, which all other columns explain"),
    "--family": ("FAMILY", "gaussian, binomial, poisson, gamma, multinomial, negative-binomial(0.5), ..."),
    "--link": (
        "LINK",
        "identity, log, logit, probit, ... (default: the canonical one; log for gamma, negative binomial and Tweedie)",
    ),
    "--offset": ("EXPRESSION", "what is added to the linear predictor, such as 'log(exposure)'"),
    "--weights": ("EXPRESSION", "prior weights of the rows"),
    "--trials": ("EXPRESSION", "the number of trials, of which the response is the share or the count of successes"),
}
BROUGHT = ("--network", "--coefficients")
GIVEN: pytest.StashKey[Problem] = pytest.StashKey()
SAID: pytest.StashKey[dict[str, float]] = pytest.StashKey()  # the tests about the reader's data, and up to how many rows


def add_options(parser: pytest.Parser) -> None:
    """Add the options about a reader's own data."""
    group = parser.getgroup("your own data")
    group.addoption("--data", metavar="FILE", help="run the claims that are true of any data on these: CSV, Parquet or Feather")
    for option, (metavar, said) in OWN.items():
        group.addoption(option, metavar=metavar, help=said)
    group.addoption(
        "--network", metavar="MODEL", help="your network, to be held to these data: a .keras or .h5 file, or module:model"
    )
    group.addoption("--coefficients", metavar="TABLE.csv", help="coefficients of another program, to be held to them")


def take(config: pytest.Config) -> bool:
    """Make the problem that the options name; answer whether they name one. Raises `pytest.UsageError` if it cannot be made."""
    asked = {option.lstrip("-"): config.getoption(option) for option in OWN}
    data = config.getoption("--data")
    if data is None:
        alone = [o for o in (*OWN, *BROUGHT) if config.getoption(o) is not None]
        if alone:
            raise pytest.UsageError(f"{alone[0]} is about your own data: name them with --data FILE.")
        return False
    if asked["family"] is None:
        raise pytest.UsageError("--data needs --family: gaussian, binomial, poisson, gamma, multinomial, ...")
    path = Path(data) if Path(data).is_absolute() else config.invocation_params.dir / data
    if not path.exists():  # before Keras is imported
        raise pytest.UsageError(f"--data {data}: there is no file {path}.")
    if not keras_is_installed():
        raise pytest.UsageError("--data needs Keras, with which the data are read: pip install 'glm-spec[keras]'.")
    from spec.diagnosis.given import given

    try:
        config.stash[GIVEN] = given(path, **asked)
    except (ValueError, TypeError, ImportError) as error:
        raise pytest.UsageError(f"--data {data}: {first_line(error)}") from error
    if all(config.getoption(option) for option in BROUGHT):
        raise pytest.UsageError(f"give {' or '.join(BROUGHT)}, and not both: one answer is held to the data.")
    config.stash[SAID] = {}
    return True


def keras_is_installed() -> bool:
    """Whether Keras is installed, alone or in TensorFlow; it is not imported."""
    return any(map(find_spec, ("keras", "tensorflow")))


def path_of_data(config: pytest.Config) -> Path:
    """The file of --data, from where pytest was called."""
    return config.invocation_params.dir / config.getoption("--data")


def unfit(problem: Problem) -> bool:
    """Whether the data are no problem, so that there is nothing to ask of them."""
    from spec.problems import ProblemError

    try:
        return not problem.data
    except ProblemError:
        return True


def header(problem: Problem) -> str:
    """A line on the reader's data, for the head of a run."""
    size = "" if unfit(problem) else f", {problem.n} rows, {problem.p} columns"
    return f"your data: {problem.model}{size}: {problem.about}"


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Put the reader's problem in place of the problems of a claim, where the claim can be said of it."""
    if (problem := metafunc.config.stash.get(GIVEN, None)) is None:
        return
    from spec.problems import Said

    marks = metafunc.definition.own_markers
    for place, mark in enumerate(marks):
        said = mark.args[1] if mark.name == "parametrize" and len(mark.args) > 1 else None
        if isinstance(said, Said):
            cases = ([problem] if mark.args[0] == "problem" else []) if unfit(problem) else said.of(problem)
            if cases:
                marks[place] = pytest.mark.parametrize(mark.args[0], cases, **mark.kwargs).mark
                metafunc.config.stash[SAID][metafunc.definition.nodeid] = said.most


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests that are about the reader's data, where there are any."""
    if (problem := config.stash.get(GIVEN, None)) is None:
        return
    said = config.stash[SAID]
    kept = [item for item in items if item.nodeid.partition("[")[0] in said]
    if unfit(problem):
        kept = kept[:1]  # which says why, once
    else:
        _leave_out_what_takes_minutes(problem, kept, said)
    others = set(items) - set(kept)
    config.hook.pytest_deselected(items=[item for item in items if item in others])
    items[:] = kept


def _leave_out_what_takes_minutes(problem: Problem, items: list[pytest.Item], said: dict[str, float]) -> None:
    """Skip the claims whose proofs take too long on so many rows, with that for a reason."""
    for item in items:
        most = said[item.nodeid.partition("[")[0]]
        if problem.n > most:
            why = f"left out: it proves an optimum of other data, which takes long on more than {most} rows; here are {problem.n}"
            item.add_marker(pytest.mark.skip(reason=why))
