"""Evidence may lag: what an earlier version of the claims counts for, what is shown instead, and what is refused."""

import pytest

from spec.report import matrix, page, record, run_pictures, source, terminal
from spec.report.__main__ import ROOT, main
from tests.instruments.test_evidence import CELL, CLAIM, CONTROLS, sample


def environment(name, suite, numpy="2.0", **claims):
    """A record in which each claim has these cases, as "xy", with their outcomes, and nine controls or so many as are named."""
    found, cells = [], []
    for slug, (cases, *controls) in claims.items():
        refused = controls[0] if controls else 9
        found.append({**CLAIM, "claim": slug, "cases": len(cases), "controls": {**CONTROLS, "refused": refused}})
        cells += [{**CELL, "claim": slug, "case": case, "outcome": OUTCOMES[case]} for case in cases]
    libraries = {"numpy": numpy}
    return sample(environment=name, suite=suite, claims=found, cells=cells, expected=len(cells), libraries=libraries)


OUTCOMES = {"x": "holds", "y": "holds", "z": "fails"}
NEWEST = environment("newest", "1.10", "2.5", first=("xy",), added=("x",), wider=("xy",), refused=("x", 8))
OLD = environment("old", "1.9", "1.9", first=("xy",), wider=("x",), refused=("x", 7), gone=("z",))


def by_name(merged):
    return {e.name: e for e in merged.environments}


def test_an_environment_that_ran_an_earlier_version_counts_for_the_claims_that_are_the_same():
    """With the same cases and as many controls; the others are not run yet, however they came out there."""
    merged = matrix.merge([OLD, NEWEST])
    old = by_name(merged)["old"]

    assert {claim["claim"]: old.verdict(claim["claim"]) for claim in merged.claims} == {
        "first": "holds",
        "added": "not run yet",
        "wider": "not run yet",
        "refused": "not run yet",
    }
    assert merged.not_run(old) == ["added", "wider", "refused"]
    assert old.outcomes("wider") == {}
    assert [cell["case"] for cell in old.record["cells"]] == ["x", "y"]
    assert merged.not_run(merged.newest) == []


@pytest.mark.parametrize("cases", ["xy", "xz", "x"])
def test_a_case_that_newest_does_not_have_makes_the_claim_not_run(cases):
    """Names count, and not numbers alone."""
    merged = matrix.merge([environment("old", "1.9", first=(cases,)), environment("newest", "1.10", first=("xy",))])

    assert by_name(merged)["old"].verdict("first") == ("holds" if cases == "xy" else "not run yet")


def test_a_claim_that_newest_lacks_is_left_out_and_said():
    """Its cells are nowhere, and the sentence on stale evidence names it."""
    merged = matrix.merge([OLD, NEWEST])

    assert "gone" not in by_name(merged)["old"].cases
    assert "gone" not in [claim["claim"] for claim in merged.claims]
    assert merged.stale == {
        "old": "old ran version 1.9 of the claims, and newest 1.10; 3 not run yet: added, wider, refused; "
        "left out, since newest does not have them: gone. Refresh: tox -e old"
    }


def test_many_claims_are_named_in_part():
    """Five, and how many more."""
    many = {f"claim-{number}": ("x",) for number in range(7)}
    merged = matrix.merge([environment("old", "1.9", kept=("x",)), environment("newest", "1.10", kept=("x",), **many)])

    assert "7 not run yet: claim-0, claim-1, claim-2, claim-3, claim-4 and 2 more. Refresh" in merged.stale["old"]


def test_an_earlier_version_with_nothing_new_is_stale_all_the_same():
    """What a claim demands may have changed."""
    merged = matrix.merge([environment("old", "1.9", first=("x",)), environment("newest", "1.10", first=("x",))])

    assert merged.stale == {
        "old": "old ran version 1.9 of the claims, and newest 1.10; every claim has the same cases there. Refresh: tox -e old"
    }
    assert matrix.merge([environment(name, "1.10", first=("x",)) for name in ("old", "newest")]).stale == {}


def test_a_column_has_one_version_of_the_claims():
    """Environments that say the same, but of different versions, stand apart."""
    records = [environment(name, suite, numpy, first=("x",)) for name, suite, numpy in VERSIONS]
    merged = matrix.merge(records)

    assert [[e.name for e in group] for group in merged.groups] == [["a", "b"], ["c"], ["newest"]]
    assert merged.suites == {"1.10": 1, "1.9": 1, "1.2": 2}


VERSIONS = [("a", "1.2", "1.1"), ("b", "1.2", "1.2"), ("c", "1.9", "1.3"), ("newest", "1.10", "1.4")]


def test_the_claims_are_those_of_newest_wherever_it_stands():
    """Newer libraries do not make an environment the newest of claims; without that name the latest version counts."""
    later = environment("torch", "1.9", "3.0", first=("xy",))

    assert [e.name for e in matrix.merge([later, NEWEST]).environments] == ["newest", "torch"]
    assert len(matrix.merge([later, NEWEST]).claims) == 4
    assert matrix.merge([later, {**NEWEST, "environment": "other"}]).newest.name == "other"


def test_a_version_later_than_that_of_newest_is_an_error():
    """As numbers: 1.10 is later than 1.9."""
    with pytest.raises(ValueError, match=r"old ran version 1.10 of the claims, later than newest, which ran 1.9: tox -e newest"):
        matrix.merge([{**OLD, "suite": "1.10"}, {**NEWEST, "suite": "1.9"}])


def test_within_an_earlier_version_nothing_may_differ_either():
    """Two environments of it that differ in a case are an error, whatever newest has."""
    other = environment("other", "1.9", first=("xy",), wider=("x",), refused=("x", 7))

    with pytest.raises(ValueError, match=r"other lacks 1 of 5 cases that others of version 1.9 have, gone\[z\].*__version__"):
        matrix.merge([OLD, other, NEWEST])
    with pytest.raises(ValueError, match=r"more than one seed is not mixed: .*newest has 1"):
        matrix.merge([OLD, {**NEWEST, "seed": 1}])


@pytest.mark.parametrize(
    ("changed", "version", "claims", "said"),
    [
        ({}, "1.10", ("first", "added", "wider", "refused"), ""),
        (
            {},
            "1.11",
            ("first", "added", "wider", "refused"),
            "newest ran version 1.10 of the claims, and they are of version 1.11. Refresh: tox -e newest",
        ),
        (
            {},
            "1.10",
            ("first", "added", "wider", "more"),
            "claims and evidence differ in more, refused. Refresh: tox -e newest",
        ),
        (
            {"environment": "other"},
            "1.10",
            ("first", "added", "wider", "refused"),
            "there is no evidence of newest. Refresh: tox -e newest",
        ),
    ],
)
def test_newest_has_to_be_current(changed, version, claims, said):
    """Its version is that of the specification, and its claims are those of the source."""
    assert matrix.merge([OLD, {**NEWEST, **changed}]).outdated(version, claims) == said


def test_the_terminal_shows_what_is_not_run_and_each_version():
    """A mark of its own, a version over each column, a line on what is stale, and a count that leaves nothing out."""
    lines = list(terminal.render(matrix.merge([OLD, NEWEST])))

    assert [line.split()[1:4] for line in lines[:2]] == [["old", "claims", "1.9,"], ["newest", "claims", "1.10,"]]
    assert next(line.split() for line in lines if "1.9" in line and "claims" not in line) == ["claim", "1.9", "1.10"]
    assert next(line.split() for line in lines if "  added " in line) == ["added", "·", "✓"]
    assert "· not run yet" in next(line for line in lines if line.startswith("✓ holds"))
    assert any(line.startswith("stale: old ran version 1.9 of the claims") for line in lines)
    assert lines[-1] == (
        "4 claims in 6 cases and 2 environments make 12 cells: 8 holds, 4 not run yet. "
        "Versions of the claims: 1.10 in 1 environment, 1.9 in 1 environment."
    )


def test_without_a_lag_no_version_is_repeated():
    """One version is said of each environment, and nowhere else."""
    lines = list(terminal.render(matrix.merge([NEWEST])))

    assert not any("stale" in line or "Versions" in line for line in lines)
    assert lines[-1] == "4 claims in 6 cases and 1 environments make 6 cells: 6 holds."


def test_the_page_says_what_is_not_run(tmp_path):
    """In the row of the claim and in that of the environment."""
    text = page.text(matrix.merge([OLD, NEWEST]), tmp_path)

    assert "`added` | S1 |  |  | 1 of 1 | 9 | 15.1 | 1 of 2, 1 not run yet |" in text
    assert "| 1.9 | 1 of 1, 3 not run yet |" in text
    assert "\n- old ran version 1.9 of the claims, and newest 1.10; 3 not run yet: added, wider, refused;" in text


def test_what_changed_between_two_versions_is_said_of_the_claims_that_both_have():
    """In either order; the claims that only one of them has in this form come first."""
    old, new = (matrix.Environment({**each, "libraries": {}}) for each in (OLD, NEWEST))

    assert list(matrix.changes(old, new)) == [
        "version of the claims: 1.9 -> 1.10",
        "wider: has other cases or controls",
        "refused: has other cases or controls",
        "gone: removed",
        "added: new",
    ]
    assert next(iter(matrix.changes(new, old))) == "version of the claims: 1.10 -> 1.9"
    assert "gone: new" in list(matrix.changes(new, old))


def test_the_command_says_what_is_stale(tmp_path, capsys, monkeypatch):
    """`newest` against the claims as they stand, then each environment that lags."""
    for each in (OLD, NEWEST):
        record.write(tmp_path / f"{each['environment']}.json", each)
    monkeypatch.setattr(page, "evidence", lambda root: sorted(tmp_path.glob("*.json")))

    assert main(["stale"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("stale: newest ran version 1.10 of the claims, and they are of version ")
    assert first.endswith("Refresh: tox -e newest")
    assert second.startswith("stale: old ran version 1.9")
    assert main([]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == first
    assert main(["table", str(tmp_path / "newest.json")]) == 0
    assert "stale" not in capsys.readouterr().out


def test_the_command_says_that_nothing_is_stale(tmp_path, capsys, monkeypatch):
    """In words, and not by silence."""
    monkeypatch.setattr(page, "evidence", lambda root: [tmp_path / "newest.json"])
    monkeypatch.setattr("spec.report.__main__.__version__", "1.10")
    slugs = {claim.slug: ("x",) for chapter in source.chapters() for claim in chapter.claims}
    record.write(tmp_path / "newest.json", environment("newest", "1.10", **slugs))

    assert main(["stale"]) == 0
    assert capsys.readouterr().out == "nothing is stale\n"


# -- perfect fits ----------------------------------------------------------------------------------------------------------

FIT = {**CELL, "standard_errors": 7e296, "radius": 0.0, "required": 6.5, "digits": 10.7}


@pytest.mark.parametrize(
    ("cell", "perfect"),
    [
        (FIT, True),
        ({**FIT, "digits": 6.5}, True),
        ({**FIT, "digits": 6.4}, False),
        ({**FIT, "standard_errors": 1e99}, False),
        ({**FIT, "standard_errors": 3e-12}, False),
        (CELL, False),
        ({**CELL, "standard_errors": 7e296}, False),
    ],
    ids=["perfect", "just enough digits", "wrong", "far", "near", "no distance", "no requirement"],
)
def test_a_perfect_fit_has_no_standard_error_to_measure_by(cell, perfect):
    """An answer with its digits is not 1e100 standard errors away; one without them is shown as it is."""
    assert record.fits_perfectly(cell) is perfect
    assert (record.shown(cell, "standard_errors") == "no standard error: the fit is perfect") is perfect
    assert record.shown(cell, "digits") == cell["digits"]
    assert record.shown(cell, "required") == cell.get("required", "")


def test_the_committed_evidence_of_newest_has_few_perfect_fits():
    """Wampler1, by both engines, and responses that are all their mean: the line to distances lies in a wide gap."""
    cells = [cell for cell in record.read(ROOT / "evidence" / "newest.json")["cells"] if "standard_errors" in cell]

    perfect = {(cell["claim"], cell["case"]) for cell in cells if record.fits_perfectly(cell)}
    constant = {("targets-without-their-column", name) for name in ("gaussian-identity", "binomial-logit", "gamma-log")}
    assert perfect == {("least-squares-optimum", "wampler1")} | constant
    assert max(cell["standard_errors"] for cell in cells if not record.fits_perfectly(cell)) < 1e3


def test_the_picture_of_a_run_leaves_perfect_fits_out_and_says_so():
    """The furthest of the others is the furthest."""
    near = {**FIT, "case": "near", "standard_errors": 2e-9}
    drawn = {picture.name: picture for picture in run_pictures.of([FIT, near], {FIT["claim"]: "a chapter"})}

    assert "The distance of 1 fits" in drawn["run-distances"].alt()
    assert "furthest is 2e-09" in drawn["run-distances"].alt()
    assert "Left out, no standard error: the fit is perfect: 1 answers." in drawn["run-distances"].alt()
    assert [picture.name for picture in run_pictures.of([FIT], {FIT["claim"]: "a chapter"})] == ["run-digits"]
