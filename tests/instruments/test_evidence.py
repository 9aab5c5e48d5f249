"""Evidence as a file: what stands in it, when it is written, and what is refused."""

import json

import jsonschema_rs
import pytest

from spec.report import record
from tests.instruments.conftest import CHAPTER, GAPS


def outcomes(read):
    """By claim and case."""
    return {(cell["claim"], cell["case"]): cell["outcome"] for cell in read["cells"]}


def test_a_run_writes_what_came_of_each_case(project, tmp_path):
    """Each case under its outcome, each control counted; with the figures of a proven optimum; valid under the schema."""
    path = tmp_path / "evidence" / "here.json"
    status, said = project("--evidence", str(path))

    assert status == 1
    assert f"evidence written to {path}" in said
    read = record.read(path)
    assert outcomes(read) == {
        ("fits", "binomial-logit"): "holds",
        ("fits", "poisson-log"): "holds",
        ("declined", ""): "declined",
        ("wrong", "assertion"): "fails",
        ("wrong", "precondition"): "precondition failed",
        ("wrong", "exception"): "error",
        ("wrong", "no-exception"): "fails",
        ("mathematics", ""): "holds",
    }
    assert {c["claim"]: c["cases"] for c in read["claims"]} == {"fits": 2, "declined": 1, "wrong": 4, "mathematics": 1}
    assert [c["controls"] for c in read["claims"]] == [
        {"refused": 1, "accepted": 1, "known gap": 0, "declined": 1},
        {"refused": 0, "accepted": 0, "known gap": 0, "declined": 0},
        {"refused": 0, "accepted": 0, "known gap": 0, "declined": 0},
        {"refused": 0, "accepted": 0, "known gap": 0, "declined": 0},
    ]
    assert (read["environment"], read["expected"], read["seed"]) == ("here", 8, 0)
    fit = read["cells"][0]
    assert fit["engine"] == "Formulas"
    assert fit["digits"] >= fit["required"] > 10
    assert 0 < fit["radius"] < fit["standard_errors"] < 1e-9
    assert {cell["engine"] for cell in read["cells"] if cell["claim"] == "mathematics"} == {""}
    assert {cell["why"] for cell in read["cells"] if cell["outcome"] == "declined"} == {"declined by Formulas: it cannot"}


LADDER = '''
"""A chapter (S1)."""
import pytest


@pytest.mark.claim("model-mean", source="S1")
def test_mean(subject, reference):
    """The mean is the mean."""


@pytest.mark.claim("model-optimum", source="S1")
def test_optimum(subject):
    """The optimum is the optimum."""


@pytest.mark.control("model-*")
@pytest.mark.parametrize(("rung", "wrong"), [("mean", 1), ("optimum", 2), ("optimum", 3)])
def test_refused(rung, wrong):
    """Whatever is wrong."""
'''


def test_a_case_of_a_control_counts_for_the_claim_of_its_rung(project, tmp_path):
    """The star in the mark's slug stands for the rung."""
    path = tmp_path / "here.json"
    status, said = project("--evidence", str(path), chapter=LADDER)

    assert status == 0, said
    assert {c["claim"]: c["controls"]["refused"] for c in record.read(path)["claims"]} == {"model-mean": 1, "model-optimum": 2}


def test_the_same_run_writes_the_same_file(project, tmp_path):
    """To the last byte, in one process or in two."""
    one, two = tmp_path / "one" / "e.json", tmp_path / "two" / "e.json"
    project("--evidence", str(one))
    project("--evidence", str(two), "-n", "2")

    assert one.read_bytes() == two.read_bytes()


def test_known_gaps_are_expected(project, tmp_path):
    """A case that departs as it is listed ends no run with a failure, and stands as a known gap with its cause."""
    path = tmp_path / "here.json"
    status, said = project("--evidence", str(path), gaps=GAPS)

    assert status == 0, said
    assert "5 known gap" in said
    assert record.read(path)["claims"][0]["controls"] == {"refused": 1, "accepted": 0, "known gap": 1, "declined": 1}
    whys = {c["case"]: c["why"] for c in record.read(path)["cells"] if c["outcome"] == "known gap"}
    assert whys == {
        "assertion": "One is not two.",
        "no-exception": "One is not two.",
        "exception": "There is no such thing.",
        "precondition": "The rank is short.",
    }


def test_a_gap_that_departs_otherwise_is_no_known_gap(project):
    """One that is listed as an error and fails, say."""
    status, said = project(gaps=GAPS.replace('cases = ["exception"]', 'cases = ["exce*"]').replace('outcome = "error"', ""))

    assert status == 1
    assert "1 error" in said


def test_a_gap_that_is_closed_is_a_failure(project):
    """A case that holds although it is listed."""
    status, said = project(
        gaps=GAPS.replace('claims = ["wrong"]', 'claims = ["fits"]', 1).replace(
            '["assertion", "no-exception"]', '["poisson-log"]'
        )
    )

    assert status == 1
    assert "the known gap fits[poisson-log] (Formulas, numpy>1) is closed: this case holds" in said


def test_the_data_of_another_seed_may_escape_a_gap(project, tmp_path):
    """Cases are listed as they come out at seed 0; at another seed one that holds, or that is not there, is no failure."""
    gaps = GAPS.replace('"assertion"', '"assertion", "nobody"') + GAPS[: GAPS.index("[[gap]]", 5)].replace("wrong", "fits")
    gaps = gaps.replace('claims = ["fits"]\ncases = ["assertion", "no-exception"]', 'claims = ["fits"]\ncases = ["poisson-log"]')
    path = tmp_path / "here.json"
    status, said = project("--evidence", str(path), "--seed", "1", gaps=gaps)

    assert status == 0, said
    assert outcomes(record.read(path))["fits", "poisson-log"] == "holds"
    assert project("--evidence", str(path), gaps=gaps)[0] == 1


@pytest.mark.parametrize(
    ("old", "new", "unmet"),
    [
        ('"assertion", ', '"assertion", "nobody", ', "wrong[nobody] (Formulas, numpy>1)"),
        ('claims = ["wrong"]', 'claims = ["wrong", "mathematics"]', "mathematics[assertion] (Formulas, numpy>1)"),
        ('["accepted"]', '["accepted", "declined"]', "controls of fits[declined] (Formulas, numpy>1)"),
    ],
)
def test_a_gap_that_meets_no_case_is_an_error(project, tmp_path, old, new, unmet):
    """Any pattern of any claim: in a complete run, which is what evidence is of."""
    path = tmp_path / "here.json"
    status, said = project("--evidence", str(path), gaps=GAPS.replace(old, new, 1))

    assert status == 1
    assert f"no evidence written: no case departs as it is listed: {unmet}" in said
    assert not path.exists()


def test_a_faulty_list_is_a_usage_error(project):
    """Before anything runs."""
    status, said = project(gaps="[[gap]]\ncause = 'x'")

    assert status == 4
    assert "gaps.toml, gap 1 (x): engine, versions, shown_by: missing" in said


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["-k", "fits"], "--evidence needs all claims, and -k leaves some out"),
        (["-m", "claim"], "--evidence needs all claims, and -m leaves some out"),
        (["--deselect", "tests/claims/test_01_a.py::test_refused"], "--deselect leaves some out"),
    ],
)
def test_a_part_is_no_evidence(project, tmp_path, options, why):
    """Said before the run."""
    status, said = project("--evidence", str(tmp_path / "here.json"), *options)

    assert status == 4
    assert why in said


@pytest.mark.parametrize("name", ["here.txt", "here"])
def test_evidence_has_a_name(project, tmp_path, name):
    """A JSON file called after the environment."""
    status, said = project("--evidence", str(tmp_path / name))

    assert status == 4
    assert "name a file, the environment's name and .json" in said


def test_a_case_in_which_a_process_dies_is_an_error_in_the_evidence(project, tmp_path):
    """With -n the run goes on to its end."""
    path = tmp_path / "here.json"
    status, said = project(
        "--evidence", str(path), "-n", "2", chapter=CHAPTER.replace("    assert 1 == 1", "    import os; os._exit(3)")
    )

    assert status == 1
    assert f"evidence written to {path}" in said
    assert outcomes(record.read(path))["mathematics", ""] == "error"
    assert outcomes(record.read(path))["fits", "poisson-log"] == "holds"


@pytest.mark.parametrize("fault", ["raise KeyboardInterrupt", "pytest.exit('enough')"], ids=["interrupted", "ended"])
def test_a_run_that_is_cut_off_leaves_the_old_file(project, tmp_path, fault):
    """Whole, whatever it was."""
    path = tmp_path / "here.json"
    path.write_text("the old one")
    status, said = project("--evidence", str(path), chapter=CHAPTER.replace("    assert 1 == 1", f"    {fault}"))

    assert status != 0
    assert "evidence written" not in said.replace("no evidence written", "")
    assert path.read_text() == "the old one"
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".json") or ".json." in p.name] == ["here.json"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    """And nothing half-written beside it."""
    path = tmp_path / "here.json"
    path.write_text("the old one")
    with pytest.raises(ValueError, match="Out of range float"):
        record.write(path, {"claims": [{"digits": float("nan")}], "cells": []})

    assert [p.name for p in tmp_path.iterdir()] == ["here.json"]
    assert path.read_text() == "the old one"


# -- reading ---------------------------------------------------------------------------------------------------------------


CELL = {"claim": "a-claim", "case": "x", "engine": "Keras", "outcome": "holds", "digits": 15.1}
CONTROLS = {"refused": 9, "accepted": 0, "known gap": 0, "declined": 0}
CLAIM = {"claim": "a-claim", "chapter": "test_01_a", "source": "S1", "sentence": "It is.", "cases": 1, "controls": CONTROLS}
ENGINE = {"name": "Keras", "versions": {"keras": "3.15.1"}, "backend": "jax", "dtype": "float64", "homepage": ""}


def sample(**changed):
    """A record with one cell."""
    whole = {
        "format": record.FORMAT,
        "suite": "1.0",
        "environment": "sample",
        "seed": 0,
        "python": "3.12.1",
        "platform": "Linux x86_64",
        "libraries": {"numpy": "2.0"},
        "engines": {"subject": ENGINE, "reference": {**ENGINE, "name": "statsmodels"}},
        "expected": 1,
        "claims": [CLAIM],
        "cells": [CELL],
    }
    return {**whole, **changed}


def test_what_is_written_is_read(tmp_path):
    """The same record, a line for each cell."""
    path = tmp_path / "sample.json"
    record.write(path, sample(cells=[CELL, {**CELL, "engine": "statsmodels"}]))

    assert record.read(path)["cells"][1]["engine"] == "statsmodels"
    assert sum('"case"' in line for line in path.read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "damaged, not JSON"),
        ("\x00\x01", "damaged, not JSON"),
        ("[]", "not evidence of this specification"),
        ('{"format": "coverage"}', "not evidence of this specification: its format is not"),
        (json.dumps(sample(expected=2)), "has 1 cases, and 2 were expected"),
        (json.dumps(sample(seed="zero")), r"damaged at \$.seed"),
        (json.dumps(sample(cells=[{**CELL, "outcome": "shrugs"}])), r"damaged at \$.cells\[0\].outcome"),
        (json.dumps(sample(cells=[{**CELL, "time": 3}])), "'time' was unexpected"),
        (json.dumps(sample(cells=[{**CELL, "outcome": "known gap"}])), '"why" is a required property'),
        (json.dumps(sample(environment="elsewhere")), "is the evidence of elsewhere, and not of sample"),
    ],
)
def test_a_damaged_or_foreign_file_is_refused_by_name(tmp_path, text, fault):
    """With what is wrong with it."""
    path = tmp_path / "sample.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=fault) as refused:
        record.read(path)

    assert str(path) in str(refused.value)


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path):
    """With the system's reason."""
    with pytest.raises(ValueError, match=r"absent.json: No such file"):
        record.read(tmp_path / "absent.json")


def test_the_schema_is_a_schema():
    """Valid under its own, and each property is described or named for what it is."""
    jsonschema_rs.meta.validate(record.schema())
