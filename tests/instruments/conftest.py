"""Fixtures: Keras as it begins; a specification of one chapter, in which all goes as it can go, run with options."""

import pytest

from tests.instruments.runs import run_here

OUTSIDE = "tests.instruments.outside:Formulas"
CHAPTER = '''
"""A chapter (S1)."""
import pytest
from spec import problems
from spec.evidence.rungs import assert_same_mean, assert_same_optimum
from spec.evidence.preconditions import PreconditionFailed

# by hand, which no seed changes
TWO = [problems.get("by-hand-binomial-logit-two-groups"), problems.get("by-hand-poisson-log-two-groups")]


@pytest.mark.claim("fits", source="S1")
@pytest.mark.parametrize("problem", TWO, ids=lambda problem: str(problem.model))
def test_fits(problem, subject):
    """A fit is the optimum."""
    assert_same_optimum(problem, subject.fit(problem))


@pytest.mark.control("fits")
@pytest.mark.parametrize("how", ["refused", "accepted", "declined"])
def test_refused(how):
    if how == "declined":
        pytest.skip("declined by Formulas: it cannot")
    with pytest.raises(AssertionError):
        assert how == "accepted"


@pytest.mark.claim("declined", source="S6")
def test_declined(subject, reference):
    """Nobody does this."""
    pytest.skip("declined by Formulas: it cannot")


@pytest.mark.claim("wrong", source="S2 S3")
@pytest.mark.parametrize("how", ["assertion", "precondition", "exception", "no-exception"])
def test_wrong(how, subject):
    """All goes wrong."""
    if how == "assertion":
        assert 1 == 2, "one is not two"
    if how == "precondition":
        raise PreconditionFailed("rank", "the rank is short")
    if how == "exception":
        raise TypeError("no such thing")
    with pytest.raises(ValueError):
        pass


@pytest.mark.claim("mathematics", source="S1")
def test_mathematics():
    """One is one."""
    assert 1 == 1
'''
GAPS = """
[[gap]]
claims = ["wrong"]
cases = ["assertion", "no-exception"]
engine = "Formulas"
versions = "numpy>1"
cause = "One is not two."
shown_by = "pytest"

[[gap]]
claims = ["wrong"]
cases = ["exception"]
engine = "Formulas"
versions = "numpy>1"
cause = "There is no such thing."
shown_by = "pytest"
outcome = "error"

[[gap]]
claims = ["wrong"]
cases = ["precondition"]
engine = "Formulas"
versions = "numpy>1"
cause = "The rank is short."
shown_by = "pytest"
outcome = "precondition failed"

[[gap]]
controls = ["fits"]
cases = ["accepted"]
engine = "Formulas"
versions = "numpy>1"
cause = "It passes for right."
shown_by = "pytest"
"""


@pytest.fixture
def in_float32():
    """Models are made in float32, as Keras begins, whatever other tests of this process left."""
    from spec.engines.keras.network import precision

    with precision("float32"):
        yield


@pytest.fixture
def project(tmp_path):
    """A specification of one chapter, with the plug-in of this one: run it with options, and know its status and words."""
    (tmp_path / "tests" / "claims").mkdir(parents=True)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  claim: a\n  control: a\n")
    plugins = ["spec.plugin.own_data", "spec.plugin.options", "spec.plugin.outcomes", "tests.claims.conftest"]
    (tmp_path / "conftest.py").write_text(f"pytest_plugins = {plugins}\n")

    def run(*options, gaps="", chapter=CHAPTER):
        (tmp_path / "gaps.toml").write_text(gaps)
        (tmp_path / "tests" / "claims" / "test_01_a.py").write_text(chapter)
        engines = ["--subject", OUTSIDE, "--reference", OUTSIDE, "--known-gaps", str(tmp_path / "gaps.toml")]
        return run_here(tmp_path, "tests/claims", *engines, *options)

    return run
