"""A run ends, and says what happened, whatever its engine does: its report and its evidence are written."""

import json
import re

import pytest

ADAPTER = """
import os, signal, sys, time, warnings
import pytest
from spec.engines.contract import Declined, Description
from spec.engines.formulas import Formulas

def do():
    {do}

class Engine(Formulas):
    def describe(self):
        {describe}

    def declines(self, problem):
        {declines}

    def fit(self, problem):
        if str(problem.model) == "poisson-log":
            do()
        return super().fit(problem)
"""
USUAL = {"do": "pass", "describe": "return Description('Mine', {})", "declines": "return None"}
CHAPTER = '''
"""A chapter (S1)."""
import pytest
from spec import problems
from spec.evidence.rungs import assert_same_optimum

MODELS = ("binomial-logit", "poisson-log", "gamma-inverse")


@pytest.mark.claim("fits", source="S1")
@pytest.mark.parametrize("problem", [problems.get(f"by-hand-{name}-two-groups") for name in MODELS], ids=MODELS)
def test_fits(problem, subject, reference):
    """A fit is the optimum."""
    assert_same_optimum(problem, subject.fit(problem))


@pytest.mark.control("fits")
def test_refused():
    """Something wrong."""
'''


@pytest.fixture
def ran(project, tmp_path):
    """The exit status, the words, and the outcome and reason of each case in the evidence, of a run of an adapter's engine."""

    def run(*options, **parts):
        (tmp_path / "mine.py").write_text(ADAPTER.format(**{**USUAL, **parts}))
        page, evidence = tmp_path / "report.html", tmp_path / "here.json"
        options = ["--subject", "mine:Engine", "--report", str(page), "--evidence", str(evidence), *options]
        status, said = project(*options, chapter=CHAPTER)
        assert "INTERNALERROR" not in said
        assert page.exists(), said
        assert evidence.exists(), said
        cells = json.loads(evidence.read_text())["cells"]
        assert "claims hold" in page.read_text(encoding="utf-8")
        return status, said, {cell["case"]: (cell["outcome"], cell.get("why", "")) for cell in cells}

    return run


@pytest.mark.parametrize(
    ("do", "why"),
    [
        ("sys.exit(0)", "Mine.fit(by-hand-poisson-log-two-groups) raised SystemExit: 0"),
        ("raise KeyboardInterrupt", "Mine.fit(by-hand-poisson-log-two-groups) raised KeyboardInterrupt: "),
        ("pytest.skip('not today')", "Mine.fit(by-hand-poisson-log-two-groups) raised Skipped: not today"),
        ("pytest.exit('enough')", "Mine.fit(by-hand-poisson-log-two-groups) raised Exit: enough"),
        ("os.fork()", "Mine.fit(by-hand-poisson-log-two-groups) forked the process and returned in both."),
        ("time.sleep(60)", "Mine.fit(by-hand-poisson-log-two-groups) did not answer within 2 s."),
    ],
)
def test_what_an_engine_does_in_a_call_breaks_its_case_and_no_other(ran, do, why):
    status, said, outcomes = ran("--engine-timeout", "2", do=do)

    assert status == 1
    assert outcomes["poisson-log"] == ("error", why)
    assert {case: outcome for case, (outcome, _) in outcomes.items()} == {
        "binomial-logit": "holds",
        "poisson-log": "error",
        "gamma-inverse": "holds",
    }
    assert f"the engine broke, which is no verdict on the claim: {why}".rstrip() in said
    assert "3 cases: 2 hold, 0 known gaps, 0 declined, 1 broken" in said


@pytest.mark.parametrize(
    "do",
    ["os._exit(0)", "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM]); time.sleep(600)"],
    ids=["ends the process", "hangs in C"],
)
def test_with_processes_one_that_takes_its_process_with_it_is_broken(ran, do):
    """What no timer can interrupt is ended with its process, after twice the time and 5 s."""
    status, said, outcomes = ran("-n", "2", "--engine-timeout", "1", do=do)

    assert status == 1
    assert outcomes["poisson-log"][0] == "error"
    assert outcomes["poisson-log"][1].startswith(
        "the process died, as with an engine that ends it or does not come back to Python in its time: "
    )
    assert (outcomes["binomial-logit"][0], outcomes["gamma-inverse"][0]) == ("holds", "holds")
    assert "2 hold, 0 known gaps, 0 declined, 1 broken" in said


@pytest.mark.parametrize("processes", [[], ["-n", "2"]], ids=["one process", "two"])
def test_what_an_engine_prints_and_warns_of_is_its_own_business(ran, processes):
    """Also to the descriptors; a warning is told once."""
    do = "print('words'); os.write(1, b'more'); os.write(2, b'most'); warnings.warn('of overflow', RuntimeWarning)"
    status, said, outcomes = ran(*processes, "-W", "error", do=do)

    assert status == 0, said
    assert {outcome for outcome, _ in outcomes.values()} == {"holds"}
    warned = "Mine warned, which is no verdict: RuntimeWarning: of overflow (in Mine.fit(by-hand-poisson-log-two-groups))"
    assert said.count(warned) == 1


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"describe": "sys.exit(0)"}, "Engine.describe() raised SystemExit: 0"),
        ({"describe": "return 'Mine'"}, "Engine.describe() answered with str, the contract says Description."),
        ({"declines": "pytest.skip('no')"}, "Mine.declines(by-hand-{}-two-groups) raised Skipped: no"),
        (
            {"declines": "return True"},
            "Mine.declines(by-hand-{}-two-groups) answered with True, the contract says None or a reason in words.",
        ),
    ],
)
def test_one_that_cannot_say_what_it_is_or_declines_is_broken_in_every_case(ran, parts, why):
    status, said, outcomes = ran(**parts)

    assert status == 1
    assert outcomes == {case: ("error", why.format(case)) for case in ("binomial-logit", "poisson-log", "gamma-inverse")}
    assert "3 cases: 0 hold, 0 known gaps, 0 declined, 3 broken" in said


def test_one_that_declines_everything_does_not_pass(ran, project):
    """One case is enough for some chapters, and one in ten for all of them."""
    status, said, outcomes = ran(declines="return 'everything is too hard'")

    assert status == 1
    assert {outcome for outcome, _ in outcomes.values()} == {"declined"}
    assert "0 of 0 claims hold; 1 claim was not asked." in said
    assert "3 declined (everything is too hard)" in said
    assert "Mine declined 3 of the 3 cases that ask it: this run does not pass." in said
    assert re.search(r"1 engine that declines nearly all in", said)

    part = ["--subject", "mine:Engine", "-n", "2"]
    status, said, outcomes = ran("-n", "2", declines="return None if str(problem.model) == 'gamma-inverse' else 'it is no gamma'")
    assert status == 0, said
    assert "2 declined (it is no gamma)" in said
    assert project(*part, "-k", "gamma", chapter=CHAPTER)[0] == 0
    assert project(*part, "-k", "poisson", chapter=CHAPTER)[0] == 1


@pytest.mark.parametrize("text", ["-1", "soon", "nan", "inf"])
def test_a_time_that_is_none_is_a_usage_error(project, text):
    status, said = project("--engine-timeout", text)

    assert status == 4
    assert f"{text!r} is no number of seconds" in said
