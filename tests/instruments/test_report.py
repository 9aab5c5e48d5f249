"""The table tells what happened: each outcome by its own name, nothing folded, nothing lost."""

import re
from types import SimpleNamespace

import pytest

from spec.report import badge, record, table
from spec.report.levels import LEVELS


def report(
    slug="a-claim",
    outcome="passed",
    when="call",
    kind="claim",
    place=("test_1.py", 1),
    measured=(),
    judged="Mine",
    level="measured",
    **more,
):
    """What pytest hands over after a test."""
    case = {
        "kind": kind,
        "slug": slug,
        "source": "S1",
        "level": level,
        "sentence": f"The sentence of {slug}.",
        "place": list(place),
    }
    measurements = [{"digits": d, "required": r, "problem": p} for d, r, p in measured]
    properties = [("case", case), ("measurements", measurements), ("judged", judged)]
    return SimpleNamespace(outcome=outcome, when=when, user_properties=properties, **more)


def declined(why, slug="a-claim", by="Mine", **more):
    """A case that an engine declined."""
    return report(slug, "skipped", "setup", longrepr=("test_1.py", 1, f"Skipped: declined by {by}: {why}"), **more)


@pytest.mark.parametrize(
    ("reported", "outcome"),
    [
        (report(), "holds"),
        (report(outcome="failed"), "fails"),
        (report(outcome="failed", status="precondition failed"), "precondition failed"),
        (report(outcome="failed", status="error"), "error"),
        (declined("too wide"), "declined"),
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
    (claim,) = table.collect([declined("too wide")]).values()

    assert not claim.holds
    assert not claim.asked
    assert table.mark(claim) == "-"
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
    lines = list(table.render(claims, "Mine\nheld against yours", "Mine", color=False, width=120))

    assert lines[:3] == [
        "Mine",
        "held against yours",
        "Of 2 cases that ask Mine and it can express: 1 held, 1 failed, 0 broke. Declined: 0.",
    ]
    (row,) = [line.split() for line in lines if line.startswith(" ✓")]
    assert row == ["✓", "1/1", "Of", "[1", "X]", "and", "[bold]", "more.", "1/1", "15.3"]
    assert any(
        line.split() == ["a-claim", "·", "S1", "·", "measured", "·", "worst", "on", "a-problem", "(≥", "13.0)"] for line in lines
    )
    assert lines[-2:] == [
        "1 of 2 claims hold. Of those that hold: 1 measured.",
        "2 cases: 1 hold, 1 fail, 0 known gaps, 0 declined, 0 broken; 1 control refused.",
    ]


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("color", [False, True])
def test_the_table_fits_80_columns(width, color):
    """Whatever the outcomes and however long a name is, which is shown whole."""
    name = "negative-binomial(0.5)-negative-binomial-link(0.5), with other weights"
    reports = [
        report(measured=[(12.6, 10.6, name)], level="proven for this problem"),
        *(report(kind="control") for _ in range(1000)),
        *(report("other", "failed", status=status) for status in ("fails", "precondition failed", "error")),
        declined("it is too wide", "other"),
        report("other", "skipped", wasxfail="a known gap"),
    ]
    claims = table.collect(reports)
    claims["a-claim"].sentence = "Trained to the end, the network holds the maximum-likelihood estimates of the model, whatever."
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in table.render(claims, "Mine", "Mine", color, width)]

    assert max(map(len, lines)) <= max(width, 80)
    assert "".join(name.split()) in "".join("".join(line[17 : max(width, 80) - 19] for line in lines).split())
    for word in ("1 fails", "1 precond.", "1 error", "1 declined", "1 known gap"):
        assert any(word in line for line in lines)


def test_the_claims_that_hold_are_counted_by_how_they_are_known():
    """The highest level first; a claim that fails is known at none."""
    levels = [*LEVELS[::-1], LEVELS[1]]
    told = [report(f"claim-{place}", level=level) for place, level in enumerate(levels)]

    assert table.known(table.collect([*told, report("broken", "failed")])) == (
        "Of those that hold: 1 proven for all, 2 proven for this problem, 1 decided exactly, 1 measured."
    )
    assert table.known(table.collect([report(outcome="failed")])) == ""


def test_what_was_not_asked_neither_holds_nor_fails():
    """It is counted apart."""
    claims = table.collect([report("one"), report("two", "failed"), declined("no", "three"), declined("no", "four")])

    assert table.headline(claims) == "1 of 2 claims hold; 2 claims were not asked"
    assert table.headline(table.collect([report(), declined("no", "two")])) == "1 of 1 claims hold; 1 claim was not asked"


def test_the_closing_sentence_counts_all_and_says_why_cases_were_declined():
    """The most frequent reasons first, shortened."""
    reports = [
        *(report() for _ in range(5)),
        report(outcome="failed", status="error"),
        report(outcome="skipped", wasxfail="a known gap"),
        *(declined("offsets") for _ in range(3)),
        *(declined("standard errors, which the library computes for some of its models and not for others") for _ in range(4)),
        report(kind="control"),
        report(kind="control", outcome="failed"),
    ]
    said = table.closing(table.collect(reports))

    assert said == (
        "14 cases: 5 hold, 1 known gap, 7 declined (standard errors, which the library...; offsets), 1 broken; "
        "1 control refused, 1 accepted"
    )
    many = table.closing(table.collect([declined(why) for why in ["a", "b", "b", "c", "d", "e"]]))
    assert "6 declined (b; a; c; 2 other reasons)" in many


def test_a_run_in_which_the_engine_declined_nearly_all_does_not_pass():
    """Fewer than one case in ten was answered; cases that do not ask the engine, or that another left out, do not count."""
    nine, mathematics = [declined("no") for _ in range(9)], [report(judged="") for _ in range(50)]

    assert not table.declined_nearly_all(table.collect([*nine, report()]), "Mine", whole=True)
    assert not table.declined_nearly_all(table.collect(mathematics), "Mine", whole=True)
    assert not table.declined_nearly_all(table.collect([declined("no", by="Yours") for _ in range(20)]), "Mine", whole=True)
    for more in ([], mathematics):
        claims = table.collect([*nine, declined("no"), report(), *more])
        assert table.declined_nearly_all(claims, "Mine", whole=True) == (
            "Mine declined 10 of the 11 cases that ask it, more than nine in ten: this run does not pass."
        )
        assert not table.declined_nearly_all(claims, "Mine", whole=False)
    assert table.declined_nearly_all(table.collect(nine), "Mine", whole=False) == (
        "Mine declined 9 of the 9 cases that ask it: this run does not pass."
    )


@pytest.mark.parametrize(
    ("outcomes", "words", "colour"),
    [
        (["holds"] * 3, "3 of 3 cases hold", badge.GOOD),
        (["holds", "known gap", "known gap", "declined"], "1 of 3 cases hold, 2 known gaps, 1 declined", badge.KNOWN),
        (["holds", "known gap", "fails"], "1 of 3 cases hold, 1 known gap", badge.BAD),
        (["holds", "error"], "1 of 2 cases hold", badge.BAD),
        (["holds", *["declined"] * 10], "1 of 11 cases answered", badge.HARDLY),
    ],
)
def test_a_badge_counts_what_an_engine_can_express(outcomes, words, colour):
    """A case counts once, and one that asks another engine, or none, does not."""
    cells = [{"claim": "a", "case": str(i), "engine": "Mine", "outcome": outcome} for i, outcome in enumerate(outcomes)]
    others = [{"claim": "b", "case": "", "engine": engine, "outcome": "holds"} for engine in ("", "Yours")]
    found = {"suite": "1.2<3", "engines": {"subject": {"name": "Mine"}}, "cells": [*cells, cells[0], *others]}
    drawn = badge.svg(found)

    assert badge.said(found) == (words, colour)
    assert f"glm-spec 1.2&lt;3: {words}</title>" in drawn
    assert colour in drawn


def test_the_evidence_has_both_values_of_a_case_that_departs():
    """Those that were compared; or what was said, where a cause took its place."""
    apart = {"engine": "", "digits": 2.0, "required": 13.0, "problem": "p", "standard_errors": None, "radius": None}
    properties = [
        (
            "case",
            {"kind": "claim", "slug": "a", "source": "S1", "sentence": "A.", "place": ["test_1", "test_1.py", 1], "id": "p"},
        ),
        ("judged", "Mine"),
        ("engines", {}),
        ("why", "not the same mean: 2.0 digits agree"),
    ]
    found = []
    for said, measured in (("mean[0, 0] = 1.0, expected 2.0", True), ("", True), ("", False)):
        measurements = ("measurements", [{**apart, "found": said}] * measured)
        gap = SimpleNamespace(
            outcome="skipped", when="call", wasxfail="It is clipped.", user_properties=[*properties, measurements]
        )
        (cell,) = record.cells(dict(gap.user_properties), gap)
        found.append((cell["why"], cell["found"]))

    assert found == [
        ("It is clipped.", "mean[0, 0] = 1.0, expected 2.0"),
        ("It is clipped.", "not the same mean: 2.0 digits agree"),
        ("It is clipped.", "not the same mean: 2.0 digits agree"),
    ]
