"""The pictures are what the code draws today, and what they show of engines is what the engines say."""

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest

from spec import problems
from spec.engines.checked import load
from spec.model import PAIRS
from spec.report import measure, pictures, run_pictures
from spec.report.source import ROOT

SAID = json.loads(pictures.MEASURED.read_text())


@pytest.mark.parametrize("picture", pictures.PICTURES.values(), ids=lambda picture: picture.name)
def test_a_picture_is_well_formed_and_says_what_is_on_it(picture):
    """For those who do not see it; its ids are its own, and its ink is the reader's. It is that of the repository."""
    text = picture.svg()
    root = ElementTree.fromstring(text)

    assert root.get("role") == "img"
    assert len(picture.alt()) > 80
    assert picture.alt() in (root.get("aria-label"), root.findtext("{http://www.w3.org/2000/svg}desc"))
    assert all(element.get("id", picture.name).startswith(picture.name) for element in root.iter())
    assert pictures.INK not in text
    assert "currentColor" in text
    assert (ROOT / "docs" / "pictures" / f"{picture.name}.svg").read_text() == text + "\n"


def test_the_pictures_of_the_repository_are_up_to_date(tmp_path):
    """`python -m spec.report pictures` writes them again."""
    pictures.write(tmp_path)

    for name in pictures.PICTURES:
        assert (ROOT / "docs" / "pictures" / f"{name}.svg").read_text() == (tmp_path / f"{name}.svg").read_text(), name


CELL = {"claim": "glm-optimum", "case": "poisson-log", "engine": "Keras", "outcome": "holds", "digits": 14.2}


@pytest.mark.parametrize(
    ("cells", "drawn"),
    [
        ([], []),
        ([{**CELL, "digits": 13.1}], ["run-digits", "digits-over-pairs"]),
        ([{**CELL, "case": "scotland"}], ["run-digits"]),
        ([{**CELL, "case": "scotland", "standard_errors": 2e-9, "radius": 0.0}], ["run-digits", "run-distances"]),
        (
            [{**CELL, "outcome": "fails", "standard_errors": far, "radius": 1e-24} for far in (0.0, 3e-12, 1e300)],
            ["run-digits", "run-distances", "digits-over-pairs"],
        ),
    ],
    ids=["nothing", "without a fit", "of no pair", "known exactly", "near and far"],
)
def test_the_pictures_of_a_run_show_what_it_has(cells, drawn):
    """Those alone, whatever the sizes; each says its numbers."""
    found = {picture.name: picture for picture in run_pictures.of(cells, {"glm-optimum": "06 every inverse link"})}

    assert list(found) == drawn
    for picture in found.values():
        assert ElementTree.fromstring(picture.svg()).get("aria-label") == picture.alt()
    if cells:
        assert f"from {cells[0]['digits']} digits (glm-optimum, {cells[0]['case']})" in found["run-digits"].alt()
    if "run-distances" in found:
        assert f"furthest is {cells[-1]['standard_errors']:.0e} (Keras" in found["run-distances"].alt()


def test_what_is_shown_of_engines_is_what_they_say():
    """To nine digits: the last ones hang on the processor."""
    keras, statsmodels = load(measure.SUBJECT), load(measure.REFERENCE)
    fit = keras.fit(problems.get("logistic-4-colours"))
    shown = [SAID["four-colours"]["intercept"], *SAID["four-colours"]["coefficients"]]
    agreed = [row for pair in PAIRS for row in measure.agreement(problems.get(str(pair)), keras, statsmodels)]

    assert np.array(shown)[:, 0] == pytest.approx(problems.get("logistic-4-colours").free(fit.params)[:, 0], rel=1e-5)
    assert np.array(shown)[:, 1] == pytest.approx(fit.standard_errors[:, 0], rel=1e-5)
    for said, found in zip(SAID["agreement"], agreed, strict=True):
        assert said["network"] == pytest.approx(found["network"], rel=1e-9)
        assert said["model"] == pytest.approx(found["model"], rel=1e-9)


def test_the_softmax_weights_shown_are_those_of_both():
    """Less class 0 they are MNLogit's."""
    problem = problems.get("softmax-32-to-16")
    found = measure.softmax(problem, load(measure.SUBJECT).fit(problem).params, load(measure.REFERENCE).fit(problem).params)

    for name, values in found.items():
        assert np.array(SAID["softmax"][name]) == pytest.approx(np.array(values), abs=1e-9)


def test_the_lengths_of_the_proof_are_those_shown():
    """But for the network's own distance, which hangs on the processor."""
    found = measure.enclosure(problems.get("logistic-1-column"), load(measure.SUBJECT))

    assert np.array(SAID["enclosure"]["lost"]) == pytest.approx(np.array(found["lost"]), rel=1e-3, abs=1e-9)
    assert found["lengths"].pop("answer") < 1e-12
    for name, length in found["lengths"].items():
        assert SAID["enclosure"]["lengths"][name] == pytest.approx(length, rel=0.5), name


def test_training_falls_as_it_is_shown(monkeypatch):
    """The first epochs of Adam, and every pass of the fit."""
    monkeypatch.setattr(measure, "EPOCHS", (1, 2, 5))
    monkeypatch.setattr(measure, "ADAM", replace(measure.ADAM, epochs=5))
    found = measure.training(problems.get("logistic-4-colours"), load(measure.SUBJECT))

    for name in ("Adam, float32", "Adam, float64"):
        assert np.array(SAID["training"]["paths"][name][:3]) == pytest.approx(np.array(found["paths"][name]), rel=0.02)
    said, now = SAID["training"]["paths"]["gradient and information"], found["paths"]["gradient and information"]
    assert [distance for _, distance in said[:-1]] == pytest.approx([distance for _, distance in now[:-1]], rel=0.02)
    assert now[-1][1] < 1e-6
