"""The table tells what happened: each outcome by its own name, nothing folded, nothing lost."""

from types import SimpleNamespace

import pytest

from spec.report import table


def report(slug="a-claim", outcome="passed", when="call", kind="claim", place=("test_1.py", 1), measured=(), **more):
    """What pytest hands over after a test."""
    case = {"kind": kind, "slug": slug, "source": "S1", "sentence": f"The sentence of {slug}.", "place": list(place)}
    measurements = [{"digits": d, "required": r, "problem": p} for d, r, p in measured]
    return SimpleNamespace(outcome=outcome, when=when, user_properties=[("case", case), ("measurements", measurements)], **more)


@pytest.mark.parametrize(
    ("reported", "outcome"),
    [
        (report(), "holds"),
        (report(outcome="failed"), "fails"),
        (report(outcome="failed", status="precondition failed"), "precondition failed"),
        (report(outcome="failed", status="error"), "error"),
        (report(outcome="skipped", when="setup"), "declined"),
        (report(outcome="skipped", wasxfail="a known gap"), "known gap"),
    ],
)
def test_each_outcome_has_a_name_of_its_own(reported, outcome):
    """Six outcomes, and a claim holds only where every case that ran held."""
    (claim,) = table.collect([report(), reported]).values()

    assert {name: count for name, count in claim.outcomes.items() if count} == (
        {"holds": 2} if outcome == "holds" else {"holds": 1, outcome: 1}
    )
    assert claim.holds is (outcome in ("holds", "declined", "known gap"))
    assert table.mark(claim) == ("✓" if claim.holds else "✗" if outcome == "fails" else "?")


def test_a_claim_of_which_no_case_ran_does_not_hold():
    """All declined is not held."""
    (claim,) = table.collect([report(outcome="skipped", when="setup")]).values()

    assert not claim.holds
    assert table.held(claim) == "0/0\n1 declined"
    assert table.evidence(claim) == ("", "")


def test_a_control_that_is_accepted_breaks_its_claim():
    """Controls are counted apart, and one that passes for right takes the claim down."""
    refused, accepted = report(kind="control"), report(kind="control", outcome="failed")
    (claim,) = table.collect([report(), refused, refused, accepted]).values()

    assert table.refused(claim) == "2/3"
    assert table.held(claim) == "1/1"
    assert not claim.holds
    assert table.mark(claim) == "✗"


def test_the_worst_evidence_is_the_one_with_the_fewest_digits():
    """The table shows the measurement with the fewest digits, the digits required there, and its problem."""
    (claim,) = table.collect(
        [report(measured=[(15.0, 13.0, "one")]), report(measured=[(14.25, 12.0, "two"), (16.0, 13.0, "three")])]
    ).values()

    assert table.evidence(claim) == ("14.2 (≥ 12.0)", "two")


def test_of_two_that_are_equally_bad_the_first_by_name_is_told():
    """As shown they are equal: which process was sooner must not choose."""
    one, two = report(measured=[(14.21, 12.0, "one")]), report(measured=[(14.19, 12.0, "two")])

    for reports in ([one, two], [two, one]):
        assert table.evidence(*table.collect(reports).values()) == ("14.2 (≥ 12.0)", "one")


def test_claims_come_in_reading_order_and_set_up_and_tear_down_count_once():
    """Whatever the order of the reports; a test that passed its set-up is not two cases; an error in it is one."""
    reports = [
        report("second", place=("test_2.py", 1)),
        report("third", place=("test_2.py", 30)),
        report("first", place=("test_1.py", 99), when="setup"),
        report("first", place=("test_1.py", 99)),
        report("first", place=("test_1.py", 99), when="teardown"),
        report("third", place=("test_2.py", 30), when="setup", outcome="failed"),
        SimpleNamespace(outcome="passed", when="call", user_properties=[]),
        SimpleNamespace(),
    ]
    claims = table.collect(reports)

    assert list(claims) == ["first", "second", "third"]
    assert claims["first"].outcomes["holds"] == 1
    assert claims["third"].outcomes == {**dict.fromkeys(table.OUTCOMES, 0), "holds": 1, "fails": 1}


def test_the_table_says_sentence_slug_source_cases_and_evidence():
    """What a reader sees, and that brackets in a sentence are not taken for markup."""
    reports = [
        report(measured=[(15.3, 13.0, "a-problem")]),
        report(kind="control"),
        report("other", "failed", place=("test_9.py", 1)),
    ]
    claims = table.collect(reports)
    claims["a-claim"].sentence = "Of [1 X] and [bold] more."
    lines = list(table.render(claims, "Mine\nheld against yours", color=False, width=120))

    assert lines[:2] == ["Mine", "held against yours"]
    (row,) = [line.split() for line in lines if line.startswith(" ✓")]
    assert row == ["✓", "S1", "Of", "[1", "X]", "and", "[bold]", "more.", "1/1", "1/1", "15.3", "(≥", "13.0)", "a-problem"]
    assert any(line.split() == ["a-claim"] for line in lines)
    assert lines[-1] == "1 of 2 claims hold, in 2 cases; 1 answers that are wrong on purpose were refused."
