"""The suite as its users run it: other engines by --subject, what becomes of wrong and broken ones, ids, and the table."""

import os
import re
import subprocess
import sys

import pytest

from spec.engines.wrong import CONTROLS
from spec.report import source
from tests.instruments.runs import ROOT, run_apart, run_here

SEED = ["--seed", os.environ.get("SPEC_SEED", "0")]  # a run in this process has its data
FEW = "(binomial-logit or poisson-log or softmax-3-to-3 or softmax-8-to-5) and not by-hand"
# the six rungs, each as a claim, and nothing else
LADDER = [str(path) for path in sorted((ROOT / "tests" / "claims").glob("test_0[3469]_*.py"))] + [
    "-m",
    "claim",
    "-k",
    f"(test_03 or test_04 or test_06 or inference_comes_out) and {FEW}",
]


@pytest.mark.parametrize("control", CONTROLS, ids=lambda c: c.__name__)
def test_a_wrong_engine_fails_on_the_rungs_that_it_spoils_and_on_no_other(control):
    """Given by --subject, a wrong engine is refused by name on exactly the rungs that it spoils."""
    status, said = run_here(ROOT, *LADDER, *SEED, "--subject", f"spec.engines.wrong:{control.__name__}", "--tb=short")

    assert status == 1
    assert set(re.findall(r"not the same (\w+)(?: \(\w+\))?:", said)) == set(control.spoils)
    assert f"subject   {control.__name__} (a control: wrong on purpose)" in said


def test_a_right_engine_from_outside_passes():
    """Given by --subject, an engine of the reader's own that is right holds on every rung, and may decline."""
    status, said = run_apart(ROOT, *LADDER, "--subject", "tests.instruments.outside:Formulas")

    assert status == 0, said
    assert re.search(r"Formulas \(numpy .*\n *held against statsmodels", said)
    assert re.search(r"\d+ passed, \d+ skipped", said)


@pytest.mark.parametrize(
    ("engine", "outcome", "why"),
    [
        ("Raises", "error", r"Formulas.fit\(binomial-probit\) raised ZeroDivisionError: no luck"),
        ("NotANumber", "error", r"Formulas.fit\(binomial-probit\): params.coef is NaN or infinite in 3 of 3 places"),
        ("WrongShape", "error", r"standard_errors has shape \(4,\), the contract says \(4, 1\)"),
        ("NeverConverges", "precondition failed", r"precondition failed: convergence: binomial-probit: the fit did not converge"),
    ],
)
def test_an_engine_that_breaks_is_not_an_engine_that_is_refused(engine, outcome, why):
    """What breaks the contract, or did not converge, has an outcome of its own, and never holds."""
    status, said = run_here(
        ROOT,
        "tests/claims",
        *SEED,
        "-k",
        "glm-optimum or trained_network_is_the_max and binomial-probit",
        "--subject",
        f"tests.instruments.outside:{engine}",
    )

    assert status == 1
    assert re.search(why, said), said
    assert re.search(rf"1 {outcome} in", said), said
    assert re.search(r"0 of 1 claims hold", said)


@pytest.mark.parametrize(
    ("engine", "why"),
    [
        ("nonsense", "write package.module:Engine"),
        ("no.such.module:Engine", "cannot import no.such.module"),
        ("spec.engines.contract:Nobody", "has no Nobody"),
        ("tests.instruments.outside:Incomplete", "lacks the methods declines, evaluate, fit"),
    ],
)
@pytest.mark.parametrize("processes", [[], ["-n", "2"]], ids=["one process", "two"])
def test_an_option_that_names_no_engine_is_a_usage_error(engine, why, processes):
    """An engine that cannot be loaded ends the run with what is missing, not with failures."""
    status, said = run_here(ROOT, "tests/claims", *processes, *SEED, "-k", "binomial-probit", "--subject", engine)

    assert status == 4
    assert said.count(f"--subject: engine {engine!r}:") == 1
    assert "INTERNALERROR" not in said
    assert why in said


def test_ids_read_as_sentences():
    """What is collected reads as the claims and their problems."""
    status, said = run_here(ROOT, "tests/claims", "--collect-only", "-q", "-k", "softmax")

    assert status == 0
    assert "test_softmax_outputs_are_the_class_probabilities_of_the_multinomial_logit[softmax-32-to-16]" in said
    assert not re.search(r"\[.*(0x|problem\d|\\u)", said)


@pytest.mark.parametrize("kind", ["claim", "control"])
def test_a_first_taste_is_one_case_of_each_claim_and_one_answer_that_it_refuses(kind):
    """The mark is put on while they are collected."""
    status, said = run_here(ROOT, "tests/claims", "--collect-only", "-q", "-m", f"quick and {kind}")

    assert status == 0
    assert sum("::" in line for line in said.splitlines()) == sum(len(chapter.claims) for chapter in source.chapters())


def test_collecting_is_free_of_the_libraries():
    """Neither Keras nor statsmodels is imported to collect the claims."""
    code = (
        "import pytest, sys; pytest.main(['tests/claims', '--collect-only', '-qq', '-p', 'no:cacheprovider']); "
        "print(sorted({'keras', 'tensorflow', 'statsmodels'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert said.splitlines()[-1] == "[]"


def test_two_processes_say_what_one_says():
    """With -n 2 the table has the same claims, cases and refusals."""
    chapters = [str(path) for path in sorted((ROOT / "tests" / "claims").glob("test_0[36]_*.py"))]
    engines = ["--subject", "tests.instruments.outside:Formulas", "--reference", "none"]  # their processes start at once
    options = [*chapters, *SEED, *engines, "-k", "softmax-3-to-3 or poisson-sqrt"]
    one, two = (
        said[said.index("claim  ") : said.rindex("claims hold")]
        for said in (run_here(ROOT, *options)[1], run_here(ROOT, *options, "-n", "2")[1])
    )

    assert "glm-mean" in one
    assert one == two


def test_another_seed_draws_other_problems_and_the_claims_hold():
    """--seed draws other problems; the claims do not depend on it."""
    status, said = run_apart(ROOT, *LADDER, "-k", "binomial-logit and not by-hand and not test_09", "--seed", "20261123")

    assert status == 0, said
    assert "seed 20261123" in said
