"""The evidence of many environments merged: what is refused, what the tables say, what changed."""

import re
import subprocess
import sys

import pytest

from spec import __version__
from spec.report import matrix, page, record, source, terminal
from spec.report.__main__ import ROOT, main
from tests.instruments.test_evidence import CELL, CLAIM, CONTROLS, ENGINE, sample


def cells(**outcomes):
    """A cell of a-claim for each case; what departs has a cause."""
    why = {"known gap": {"why": "It rounds |w|."}, "declined": {"why": "It cannot."}}
    return [{**CELL, "case": case, "outcome": outcome, **why.get(outcome, {})} for case, outcome in outcomes.items()]


def environment(name, keras="3.15.1", backend="tensorflow", accepted=0, gaps=0, **outcomes):
    """A record of a-claim's cases."""
    found = cells(**outcomes)
    engine = {**ENGINE, "backend": backend, "versions": {"keras": keras, backend: "2.0"}}
    claim = {
        **CLAIM,
        "cases": len(found),
        "controls": {**CONTROLS, "accepted": accepted, "known gap": gaps, "refused": 9 - accepted - gaps},
    }
    return sample(
        environment=name,
        expected=len(found),
        claims=[claim],
        cells=found,
        engines={"subject": engine, "reference": {**engine, "name": "statsmodels", "versions": {"statsmodels": "0.15.0"}}},
    )


def test_environments_are_ordered_by_age():
    """By the version of Keras, as numbers; TensorFlow's backend first, nightly builds among them."""
    records = [
        environment("jax", "3.15.1", "jax", x="holds"),
        environment("new", "3.15.1", x="holds"),
        environment("old", "2.8.0", x="holds"),
        environment("nightly", "3.16.0.dev2026112400", x="holds"),
        environment("middle", "2.15.0", x="holds"),
    ]

    assert [e.name for e in matrix.merge(records).environments] == ["old", "middle", "new", "nightly", "jax"]


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        ({"x": "holds", "y": "holds"}, "holds"),
        ({"x": "holds", "y": "declined"}, "holds"),
        ({"x": "declined", "y": "declined"}, "declined"),
        ({"x": "holds", "y": "known gap"}, "known gap"),
        ({"x": "precondition failed", "y": "known gap"}, "precondition failed"),
        ({"x": "error", "y": "precondition failed"}, "error"),
        ({"x": "error", "y": "fails"}, "fails"),
        ({"x": "holds", "accepted": 1}, "fails"),
        ({"x": "holds", "gaps": 1}, "known gap"),
    ],
)
def test_the_verdict_on_a_claim_is_its_worst_outcome(outcomes, verdict):
    """Its controls count: one that is accepted fails it."""
    assert matrix.Environment(environment("e", **outcomes)).verdict("a-claim") == verdict


@pytest.mark.parametrize(
    ("other", "fault"),
    [
        ({"seed": 1}, "more than one seed is not mixed: one has 0, two has 1"),
        (
            {"cells": cells(x="holds"), "expected": 1},
            r"two lacks 1 of 2 cases that others of version 1.0 have, a-claim\[y\] among them",
        ),
        ({"claims": [{**CLAIM, "controls": {**CONTROLS, "declined": 1}}]}, "one has 9 controls of a-claim, and two 10: run both"),
    ],
)
def test_what_cannot_be_compared_is_not_mixed(other, fault):
    """In one version of the claims a case or a control that vanished is an error; seeds are never mixed."""
    one = environment("one", "2.8.0", x="holds", y="holds")
    two = {**environment("two", x="holds", y="holds"), **other}

    with pytest.raises(ValueError, match=fault):
        matrix.merge([one, two])


def test_no_evidence_is_an_error():
    """Not an empty table."""
    with pytest.raises(ValueError, match="there is no evidence; pytest tests/claims --evidence"):
        matrix.merge([])


def test_neighbours_that_say_the_same_share_a_column():
    """A group has one backend; groups are named by their places and by the versions that they span."""
    records = [
        environment("a", "2.8.4", x="known gap"),
        environment("b", "3.4.1", x="holds"),
        environment("c", "3.5.0", x="holds"),
        environment("d", "3.10.0", x="fails"),
        environment("e", "3.15.1", x="holds"),
        environment("f", "3.16.0.dev2026112400", x="holds"),
        environment("g", "3.15.1", "jax", x="holds"),
    ]
    merged = matrix.merge(records)

    assert [[e.name for e in group] for group in merged.groups] == [["a"], ["b", "c"], ["d"], ["e", "f"], ["g"]]
    spans = [matrix.span(group, "keras") for group in merged.groups]
    assert spans == ["2.8", "3.4–3.5", "3.10", "3.15–3.16 nightly", "3.15"]
    assert [matrix.span(group, "jax") for group in merged.groups] == ["", "", "", "", "2.0"]
    assert merged.numbers(e for e in merged.environments if e.name in "agefc") == "1, 3, 5–7"


OLD = environment("old", "2.8.0", x="holds", y="known gap", z="declined")
NEW = environment("new", "3.15.1", x="holds", y="holds", z="fails")


def test_what_changed_is_said_line_by_line():
    """Libraries, outcomes with their cases, controls, and digits by one or more."""
    new = environment("new", "3.15.1", accepted=1, x="holds", y="holds", z="fails")
    new["cells"][0]["digits"] = 14.0
    told = list(matrix.changes(matrix.Environment(OLD), matrix.Environment(new)))

    assert told == [
        "keras: 2.8.0 -> 3.15.1",
        "a-claim: 1 holds, 1 known gap, 1 declined -> 2 holds, 1 fails (y, z)",
        "a-claim: 1 wrong answers are accepted, 0 were",
        "a-claim[x], Keras: 15.1 -> 14.0 digits",
    ]
    assert list(matrix.changes(matrix.Environment(OLD), matrix.Environment({**OLD, "environment": "twin"}))) == []


def test_the_terminal_says_environments_marks_gaps_and_the_count_of_cells():
    """A column for each environment, the oldest first."""
    lines = list(terminal.render(matrix.merge([NEW, OLD])))

    assert (
        " ".join(lines[0].split())
        == "1 old claims 1.0, keras 2.8.0, tensorflow 2.0, statsmodels 0.15.0, numpy 2.0, Python 3.12.1"
    )
    assert next(line.split() for line in lines if "  a-claim " in line) == ["a-claim", "g", "✗"]
    assert "g a-claim (1): It rounds |w|." in lines
    assert lines[-1] == "1 claims in 3 cases and 2 environments make 6 cells: 3 holds, 1 known gap, 1 declined, 1 fails."


def test_the_page_says_the_same(tmp_path):
    """docs/claims.md has the claims, the known gaps and the environments; it is written where it differs."""
    merged = matrix.merge([NEW, OLD])

    assert page.write(merged, tmp_path) == f"wrote {page.PAGE}"
    assert page.write(merged, tmp_path) == f"{page.PAGE} is up to date"
    text = (tmp_path / page.PAGE).read_text()
    assert "`a-claim` | S1 |  |  | 2 of 3 | 9 | 15.1 | 0 of 2, 1 known gap, 1 fails |" in text
    assert r"| `a-claim` |  | 1 | It rounds \|w\|. |  |" in text
    assert re.search(r"\| 1 \| `old` \| keras 2.8.0, .* \| 1.0 \| 0 of 1 \| 1 \| 1 \|", text)


def test_a_page_without_known_gaps_says_so(tmp_path):
    """In a word."""
    assert "## Known gaps\n\nNone.\n" in page.text(matrix.merge([environment("e", x="holds")]), tmp_path)


def test_the_command_says_its_faults_and_no_traceback(tmp_path, capsys):
    """A damaged file, evidence that does not match, an option that there is not."""
    path = tmp_path / "old.json"
    path.write_text("{")

    assert main(["table", str(path)]) == 2
    assert f"python -m spec.report: {path}: damaged" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["nonsense"])


def test_the_command_compares_two_files(tmp_path, capsys):
    """By their paths."""
    for each in (OLD, NEW):
        record.write(tmp_path / f"{each['environment']}.json", each)

    assert main(["changed", str(tmp_path / "old.json"), str(tmp_path / "new.json")]) == 0
    assert "keras: 2.8.0 -> 3.15.1" in capsys.readouterr().out
    assert main(["changed", str(tmp_path / "old.json"), str(tmp_path / "old.json")]) == 0
    assert "old and old say the same" in capsys.readouterr().out
    assert main(["table", str(tmp_path / "old.json")]) == 0
    assert "1 claims in 3 cases and 1 environments make 3 cells" in capsys.readouterr().out


# -- the evidence of the repository ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def committed():
    """The matrix of evidence/*.json."""
    return matrix.load(page.evidence(ROOT))


def test_the_committed_evidence_of_newest_is_of_the_claims_as_they_stand(committed):
    """Change a claim, raise `spec.__version__`, and run `tox -e newest`; the other environments may lag."""
    assert committed.outdated(__version__, [claim.slug for chapter in source.chapters() for claim in chapter.claims]) == ""


def test_the_committed_evidence_of_newest_has_every_case_that_there_is_now(committed):
    """As many as pytest collects."""
    command = [sys.executable, "-m", "pytest", "tests/claims", "-m", "claim", "--collect-only", "-q", "-p", "no:cacheprovider"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=True).stdout

    assert committed.newest.record["expected"] == sum("::" in line for line in said.splitlines())


def test_the_page_of_the_claims_is_that_of_the_evidence(committed):
    """`python -m spec.report write` writes it again."""
    up_to_date = (ROOT / page.PAGE).read_text(encoding="utf-8") == page.text(committed, ROOT)

    assert up_to_date, f"{page.PAGE} is not what the claims and evidence/ say: python -m spec.report write"


def test_the_readme_says_which_versions_the_evidence_spans(committed):
    """From the oldest to the newest of each library."""
    keras, statsmodels, numpy, python = (
        matrix.span(committed.environments, library) for library in ("keras", "statsmodels", "numpy", "Python")
    )
    on = ", ".join(f"{name} {matrix.span(committed.environments, name)}" for name in ("tensorflow", "jax", "torch"))

    assert f"| {keras} | {on} | {statsmodels} | {numpy} | {python} |" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_no_claim_fails_in_the_committed_evidence(committed):
    """What departs is a known gap, and stands in the list."""
    found = {(e.name, claim, e.verdict(claim)) for e in committed.environments for claim in e.cases}

    assert {each for each in found if each[2] not in ("holds", "known gap", "declined")} == set()


def test_the_readme_has_the_numbers_of_newest(committed):
    """`python -m spec.report write` writes them again; a row whose sentence is no claim's is left alone."""
    text, other = (ROOT / page.README).read_text(encoding="utf-8"), "| ✓ | S1 | No claim says so. | 1/1 |\n"
    old = re.sub(r"\d+ cases; \d+ answers", "1 cases; 2 answers", text).replace("| ✓ | S1 |", "| ✗ | S1 |")

    assert page.readme(committed, text) == text, "python -m spec.report write"
    assert old != text
    assert page.readme(committed, old) == text
    assert page.readme(committed, other) == other
