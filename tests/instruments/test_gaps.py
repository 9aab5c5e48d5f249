"""The list of known gaps: what an entry must say, which tests it covers, and that each is about a claim that there is."""

import pytest

from spec.engines.contract import Description
from spec.report import gaps
from spec.report.source import chapters
from tests.instruments.conftest import GAPS

ENTRY = """
[[gap]]
claims = ["a-claim"]
engine = "Keras"
versions = "keras>=3,<3.5"
cause = "It rounds."
shown_by = "pytest"
"""
KERAS = Description("Keras", {"keras": "3.4.1", "jax": "0.9"}, "jax")


def listed(tmp_path, text):
    """What `gaps.load` makes of a file."""
    path = tmp_path / "list.toml"
    path.write_text(text)
    return gaps.load(path)


def test_an_entry_is_read_with_its_defaults(tmp_path):
    """Every case of the claim, on any backend, fails."""
    (gap,) = listed(tmp_path, ENTRY)

    assert gap == gaps.Gap("claim", "a-claim", "*", "Keras", "keras>=3,<3.5", "It rounds.", "pytest", "", "fails")
    assert str(gap) == "a-claim[*] (Keras, keras>=3,<3.5)"


def test_an_entry_is_a_gap_for_each_claim_its_controls_and_each_pattern(tmp_path):
    """Each to be met."""
    found = listed(tmp_path, ENTRY + 'controls = ["a-claim", "b"]\ncases = ["x", "y-*"]\nbackend = "jax"')

    assert [(gap.kind, gap.slug, gap.cases) for gap in found] == [
        ("claim", "a-claim", "x"),
        ("claim", "a-claim", "y-*"),
        ("control", "a-claim", "x"),
        ("control", "a-claim", "y-*"),
        ("control", "b", "x"),
        ("control", "b", "y-*"),
    ]
    assert str(found[-1]) == "controls of b[y-*] (Keras on jax, keras>=3,<3.5)"
    assert {gap.cause for gap in found} == {"It rounds."}


def test_a_table_of_claims_has_the_cases_of_each(tmp_path):
    """One cause, many claims, each in cases of its own."""
    entry = ENTRY.replace('claims = ["a-claim"]\n', "")
    found = listed(tmp_path, entry + '[gap.claims]\na-claim = ["x", "y-*"]\nb = ["*"]\n[gap.controls]\nb = ["z"]')

    assert [(gap.kind, gap.slug, gap.cases) for gap in found] == [
        ("claim", "a-claim", "x"),
        ("claim", "a-claim", "y-*"),
        ("claim", "b", "*"),
        ("control", "b", "z"),
    ]


@pytest.mark.parametrize(
    ("more", "lies"),
    [
        ("", True),
        ('backend = "jax"', True),
        ('backend = "torch"', False),
        ('engine = "statsmodels"', False),
        ('versions = "keras<3.4"', False),
        ('versions = "jax<1"', True),
        ('versions = "torch>1"', False),
    ],
)
def test_a_gap_lies_with_an_engine_in_its_versions(tmp_path, more, lies):
    """By the engine's name, its backend, and the version of one of its libraries."""
    key = more.partition(" ")[0]
    kept = "\n".join(line for line in ENTRY.splitlines() if not key or not line.startswith(key))
    (gap,) = listed(tmp_path, f"{kept}\n{more}")

    assert gap.lies_with(KERAS) is lies


def test_a_pre_release_counts():
    """A nightly build of a version in the range lies in it."""
    gap = gaps.Gap("claim", "a-claim", "*", "Keras", "keras>=3", "It rounds.", "pytest")

    assert gap.lies_with(Description("Keras", {"keras": "3.16.0.dev2026"}))


def test_a_gap_covers_the_cases_of_its_patterns():
    """A gap covers the cases of its claim, and neither another claim nor a control."""
    gap = gaps.Gap("claim", "a-claim", "binomial-*", "Keras", "keras>=3", "It rounds.", "pytest")
    covered = [("claim", "a-claim", "binomial-probit"), ("claim", "a-claim", "binomial-")]
    others = [("claim", "a-claim", "poisson-log"), ("claim", "other", "binomial-log"), ("control", "a-claim", "binomial-log")]

    assert all(gap.covers(*test) for test in covered)
    assert not any(gap.covers(*test) for test in others)
    assert gaps.find([gap], "claim", "a-claim", "binomial-log", [KERAS]) is gap
    assert gaps.find([gap], "claim", "a-claim", "binomial-log", []) is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[[gap", "list.toml is not TOML"),
        ("[other]\nx = 1", "list.toml: other: each entry starts with"),
        (
            "[[gap]]\ncause = 'It rounds.'",
            r"gap 1 \(It rounds.\): engine, versions, shown_by: missing; neither claims nor controls",
        ),
        (ENTRY.replace("claims", "slugs"), "slugs: unknown; there are claims, controls, cases, engine"),
        (ENTRY + "colour = 'red'", "colour: unknown; there are claims, controls, cases, engine"),
        (ENTRY + "outcome = 'shrugs'", "outcome: 'shrugs' is none of fails, precondition failed, error"),
        (ENTRY + "cases = 'all'", "cases: 'all' is not a list of texts"),
        (ENTRY + "cases = ['x']\n[gap.controls]\nb = ['*']", "cases: the table of claims has the cases of each"),
        (ENTRY + "[gap.controls]\nb = []", r"controls: \{'b': \[\]\} is not a list of texts"),
        (ENTRY + "cases = []", r"cases: \[\] is not a list of texts"),
        (ENTRY + "controls = [3]", r"controls: \[3\] is not a list of texts"),
        (ENTRY + "backend = 3", "backend: 3 is not a text"),
        (ENTRY.replace("keras>=3,<3.5", "keras"), "versions: 'keras' names no version"),
        (ENTRY.replace("keras>=3,<3.5", "since 2021"), "versions: 'since 2021' is not a requirement"),
    ],
)
def test_a_faulty_entry_is_refused_by_number_and_slug(tmp_path, text, fault):
    """With what is wrong and what to write."""
    with pytest.raises(ValueError, match=fault):
        listed(tmp_path, text)


def test_a_list_that_is_not_there_is_refused_by_name(tmp_path):
    """Not taken for an empty one."""
    with pytest.raises(ValueError, match=r"none.toml: No such file"):
        gaps.load(tmp_path / "none.toml")


def test_each_known_gap_is_about_a_claim_that_there_is():
    """And no two entries say the same."""
    known = gaps.load()
    claims = {claim.slug for chapter in chapters() for claim in chapter.claims}

    assert len(set(known)) == len(known)
    for gap in known:
        assert gap.slug in claims, f"{gap} is about no claim"


def test_a_gap_in_a_claim_that_does_not_exist_is_refused_before_the_run(project):
    """With the claim that may be meant."""
    status, said = project(gaps=GAPS.replace('claims = ["wrong"]', 'claims = ["worng"]'))

    assert status == pytest.ExitCode.USAGE_ERROR
    assert "gaps.toml: no claim is called 'worng': do you mean 'wrong'?" in said
