"""A diagnosis is read: the first sentence, what it claims and what it does not, and the page that stands alone."""

import importlib.util
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spec.diagnosis import page, picture, terminal, words
from spec.diagnosis.answer import Answer
from spec.diagnosis.result import Compared, Diagnosis, Finding
from spec.model import Params
from tests.instruments.pages import Page

ROOT = Path(__file__).parents[2]
NAMES = ("Intercept", "age", "C(region)[T.north]", "<b>income & rent</b>")
PENALTY = "Your network was trained with a penalty on its weights that your model does not have."
RIDGE = Finding("ridge", "an L2 penalty of 0.5 on the kernel", "Dense(1)  # no kernel_regularizer", "weight-decay-is-a-penalty")
OFFSET = Finding(
    "offset-forgotten", "the offset is left out: log(exposure)", "fit(model, X, y, offset=offset)", "offset-is-a-frozen-weight"
)
STOPPED = Finding("descent-path", "It is where descent is after 340 steps", "model.fit(X, y, epochs=20000)")
ERRORS = Finding("errors-n", "Each standard error is 0.95 of the model's", "", "mse-is-not-the-variance")


def compared(apart, distance, digits, proven=True, names=NAMES, scale=1.0):
    """An answer that lies so many standard errors from the optimum."""
    optimum, error = scale * np.linspace(-1, 2, len(names)), np.full(len(names), 0.2 * scale)
    return Compared(tuple(names), optimum + np.broadcast_to(apart, len(names)) * error, optimum, error, distance, digits, proven)


OFF, AT = compared([0.4, -3.1, 1.2, 2.2], 3.1, 1.2), compared(1e-9, 1e-9, 9.4)


def answer(name="your network", **more):
    return Answer(Params(np.zeros(1), np.zeros((3, 1))), name, **more)


def diagnosis(verdict, name="your network", **more):
    return Diagnosis("binomial-logit", 1234, more.pop("answer", answer(name)), verdict, **more)


FOUND = diagnosis(
    "found",
    found=(RIDGE,),
    stated=OFF,
    mended=AT,
    ruled_out={"lasso": 2.9, "link": np.inf, "stopped": 3.04, "dropout": 7, "clip": 8, "baseline": 9, "units": 10, "ridge": 0},
    untested={"weight-decay": "no record of an optimizer", "minibatch-noise": "no record of an optimizer", "units": "no column"},
)
NONE = diagnosis("none", stated=AT, mended=AT)
EITHER = diagnosis("either", found=(RIDGE,), others=((STOPPED,),), stated=OFF, mended=replace(AT, proven=False))
UNEXPLAINED = diagnosis("unexplained", stated=OFF, why="lasso leaves 2.9 standard errors")
SEPARATED = diagnosis("no optimum", found=(Finding("separated", "Rows 3 and 17 decide"),), why="no weights are finite")
EVERY = {
    "found": FOUND,
    "none": NONE,
    "either": EITHER,
    "unexplained": UNEXPLAINED,
    "coarse": replace(UNEXPLAINED, why="", coarse=12.0),
    "no optimum": SEPARATED,
    "nothing said": diagnosis("no optimum"),
    "two": replace(FOUND, found=(RIDGE, OFFSET)),
    "in part": replace(FOUND, verdict="unexplained"),
    "errors": replace(NONE, errors=(ERRORS,)),
    "errors found": replace(NONE, verdict="found", errors=(ERRORS,)),
    "errors elsewhere": diagnosis("found", stated=OFF, mended=AT, errors=(ERRORS,)),
    "found at the optimum": replace(NONE, verdict="found", found=(STOPPED,)),
    "not proven": replace(FOUND, mended=replace(AT, proven=False)),
    "not there": replace(FOUND, mended=None),
    "other columns": replace(FOUND, mended=compared(1e-9, 1e-9, 9.4, names=NAMES[1:])),
    "other units": replace(FOUND, mended=compared(1e-9, 1e-9, 9.4, scale=7.0)),
    "far away": replace(FOUND, stated=compared([np.inf, 1e9, np.nan, -1e300], np.inf, -3.0)),
    "unknown": replace(FOUND, stated=compared(np.nan, np.nan, np.nan)),
    "many": replace(FOUND, stated=compared(np.arange(64.0), 63.0, 0.0, names=[f"x{i}" for i in range(64)]), mended=None),
    "a reference": replace(NONE, reference=replace(FOUND, answer=answer("coefficients.csv"))),
    "two references": replace(NONE, reference=replace(NONE, answer=answer("a.csv"))),
    "a coarse reference": replace(NONE, reference=replace(UNEXPLAINED, why="", coarse=12.0, answer=answer("a.csv"))),
    "coarse beside a wrong one": replace(UNEXPLAINED, why="", coarse=12.0, reference=replace(FOUND, answer=answer("a.csv"))),
    "two coarse ones": replace(
        UNEXPLAINED, why="", coarse=12.0, reference=replace(UNEXPLAINED, why="", coarse=3.0, answer=answer("a.csv"))
    ),
}


def said(diagnosis, **options):
    return " ".join(" ".join(terminal.render(diagnosis, **options)).split())


class TestSentences:
    def test_each_cause_has_one(self):
        """A predicate of the answer, without a full stop, so that two are joined to one sentence."""
        for code, text in words.PLAIN.items():
            assert re.fullmatch(r"\{it\} [a-z].*[^.:;?!]", text), code
            assert ". " not in text, code

    def test_an_unknown_code_is_shown(self):
        assert words.plain("new-cause") == "The network has the cause new-cause"

    @pytest.mark.parametrize(
        ("name", "subject"),
        [
            ("your network", "Your network was trained"),
            ("coefficients.csv", "coefficients.csv was fitted"),
            ("your coefficients", "The regression behind your coefficients was fitted"),
        ],
    )
    def test_the_answer_is_its_subject(self, name, subject):
        """A file keeps its name as it is."""
        assert words.plain("ridge", answer(name)).startswith(subject)

    @pytest.mark.parametrize(
        ("name", "begin"),
        [
            ("found", f"{PENALTY} With an L2 penalty of 0.5 on the kernel the coefficients are the optimum to 9.4 digits, "
             "1e-9 standard errors away; without it to 1.2 digits, 3.1 standard errors away."),
            ("none", "Your network is the maximum-likelihood estimate: its coefficients are the optimum of your model to 9.4 d"),
            ("two", f"{PENALTY[:-1]}; and it leaves out the offset that your model has."),
            ("either", f"Either y{PENALTY[1:-1]}, or it took too few steps of gradient descent and is still on its way to the "
             "optimum: these data cannot tell which."),
            ("unexplained", "Your network is not the optimum of your model, and that is unexplained: it lies 3.1 standard errors "
             "away, and no cause that was tested leads there."),
            ("coarse", "Your network may be the optimum of your model, but its coefficients have too few digits to tell: they "
             "stand for all answers within 12 standard errors."),
            ("no optimum", "Your network has no optimum to reach, "),
            ("nothing said", "Your model has no optimum on these data, so no answer can be it."),
            ("in part", f"{PENALTY[:-1]}; but the rest is unexplained, for with that it lies 1e-9 standard errors away"),
            ("errors", "Your network is the maximum-likelihood estimate; but it divides by the number of rows in its standard "),
            ("errors found", "Your network is the maximum-likelihood estimate; but it divides by the number of rows"),
            ("errors elsewhere", "Your network divides by the number of rows in its standard errors"),
            ("a reference", "Your network is the maximum-likelihood estimate, and coefficients.csv is not: it was fitted with "),
            ("two references", "Your network and a.csv are both the maximum-likelihood estimate"),
            ("a coarse reference", "Your network is the maximum-likelihood estimate; a.csv may be it, but its coefficients "),
            ("coarse beside a wrong one", "a.csv is not the maximum-likelihood estimate; your network may be it, but its"),
            ("two coarse ones", "Neither your network nor a.csv has digits enough to tell whether it is the optimum."),
        ],
    )  # fmt: skip
    def test_it_is_the_first_thing(self, name, begin):
        assert said(EVERY[name]).startswith(begin)

    def test_sizes_of_two_causes_come_before_the_digits(self):
        """A clause with a capital, and each with its full stop."""
        text = said(EVERY["two"])

        assert (
            "An L2 penalty of 0.5 on the kernel. The offset is left out: log(exposure). With that applied to your model, " in text
        )
        assert "the coefficients are the optimum to 9.4 digits, 1e-9 standard errors away; without that to 1.2 digits" in text

    def test_two_wrong_answers(self):
        """Neither is the optimum, and each has its own cause."""
        text = said(replace(FOUND, reference=replace(FOUND, found=(OFFSET,), answer=answer("b.csv"))))

        assert text.startswith("Neither your network nor b.csv is the maximum-likelihood estimate of your model.")
        assert "The other answer: b.csv b.csv leaves out the offset" in text

    def test_the_right_one_may_be_the_second(self):
        for wrong, why in ((UNEXPLAINED, "why is unexplained."), (EITHER, "either it was trained with a penalty")):
            text = said(replace(wrong, reference=replace(NONE, answer=answer("b.csv"))))

            assert text.startswith(f"b.csv is the maximum-likelihood estimate, and your network is not: {why}")


class TestTerminal:
    def test_order(self):
        """The sentence, the verdict, the evidence, what to do, what was ruled out, and what was not tested."""
        text = terminal.text(FOUND)
        sections = ("Evidence: binomial-logit, 1,234 rows", "What to do", "What was ruled out", "What was not tested")
        verdict = "verdict found: ridge (claim weight-decay-is-a-penalty); proven"
        order = [text.index(each) for each in ("Your network", verdict, *sections)]

        assert order == sorted(order)
        assert "      Dense(1)  # no kernel_regularizer" in text
        assert "7 other causes, by the standard errors that each leaves, the nearest first:" in text
        assert "lasso 2.9, stopped 3, dropout 7, clip 8, baseline 9, and 2 that leave more." in text
        assert "weight-decay, minibatch-noise: no record of an optimizer." in text

    @pytest.mark.parametrize("name", EVERY)
    def test_proven_is_what_the_diagnosis_calls_so(self, name):
        """And nothing else, in the words and on the page."""
        for text in (re.sub("not proven", "", said(EVERY[name])), page.fragment(EVERY[name])):
            shown = re.search("; proven|stamp proven", text) is not None
            each = [one for one in (EVERY[name], EVERY[name].reference) if one]
            assert shown == any(one.proven and one.verdict not in ("no optimum", "unexplained") for one in each)

    @pytest.mark.parametrize("name", EVERY)
    @pytest.mark.parametrize("width", [60, 80, 100])
    def test_no_line_is_wider(self, name, width):
        for line in terminal.render(EVERY[name], width):
            assert len(line) <= width

    def test_both_sides_stand_in_standard_errors(self):
        """The far coefficient before the cause is applied, and after."""
        (line,) = (line for line in terminal.text(FOUND).splitlines() if line.startswith("  age"))

        assert line.split() == ["age", "-0.62", "0", "-3.1", "2e-10", "0", "1e-9"]

    def test_the_farthest_are_shown(self):
        text = terminal.text(EVERY["many"])

        assert "x63" in text
        assert "x53" not in text
        assert "and 54 more coefficients, which are nearer." in text

    def test_what_came_with_the_data_commands_no_terminal(self):
        """Nor does it leave its line."""
        name = "\x1b[31mred\n[bold]"
        found = replace(FOUND, answer=answer(name), found=(replace(RIDGE, mend="a\n\x1b[2Jb"),))
        text = terminal.text(replace(found, stated=compared(1, 1, 1, names=(name,)), mended=None))

        assert "\x1b" not in text
        assert "\\x1b[31mred\\n[bold] was fitted" in text
        assert "      a\n      \\x1b[2Jb" in text

    def test_colours_are_asked_for(self):
        """The words are the same."""
        plain, colours = terminal.text(FOUND), "\n".join(terminal.render(FOUND, colour=True))

        assert "\x1b[" not in plain
        assert "\x1b[" in colours
        assert "".join(re.sub(r"\x1b\[[\d;]*m", "", colours).split()) == "".join(plain.split())

    @pytest.mark.parametrize(
        ("half", "text"), [(5e-5, "was written with 4 digits"), (0.4, "with 1 digit,"), (5e-17, ""), (0.0, "")]
    )
    def test_rounded_coefficients_have_no_more_digits(self, half, text):
        """Which is said unless they were written in full."""
        found = said(replace(FOUND, answer=Answer(Params(np.zeros(1), np.array([[0.5], [1.5], [7.0]])), rounding=half)))

        assert ("was written" in found) is bool(text)
        assert text in found


class TestPage:
    @pytest.mark.parametrize("name", EVERY)
    def test_it_says_what_the_terminal_says(self, name, tmp_path):
        """With a picture for each answer that has coefficients; nothing is left open, scripted or fetched."""
        path = tmp_path / "pages" / "why.html"
        page.write(path, EVERY[name])
        text = path.read_text(encoding="utf-8")
        found, reading = Page(text), words.read(EVERY[name])

        assert not found.open
        assert [file.name for file in path.parent.iterdir()] == ["why.html"]
        for part in (reading.sentence, *reading.details, reading.stamp, *(each.mend for each in reading.advice)):
            assert " ".join(part.split()) in found.words
        assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in found.tags}
        assert not re.search(r"(src|href)=\"(?!#)|url\((?!#)|@import", text)
        ids = re.findall(r'\bid="([^"]+)"', text)
        assert len(ids) == len(set(ids))
        assert all(attributes["aria-label"] for tag, attributes in found.tags if tag == "svg")

    def test_names_are_escaped(self):
        text = page.fragment(replace(FOUND, found=(replace(RIDGE, says="<script>x</script>", mend="<i>"),)))

        assert "<script" not in text
        assert "<b>" not in text
        assert "&lt;b&gt;income &amp; rent&lt;/b&gt;" in text

    def test_a_picture_has_at_most_twenty_coefficients(self):
        text = picture.svg(words.read(EVERY["many"]))

        assert "x44" in text
        assert "x43" not in text
        assert "63 standard errors" in text

    def test_a_picture_is_the_same_each_time(self):
        assert picture.svg(words.read(FOUND)) == picture.svg(words.read(FOUND))

    def test_nothing_known_is_not_drawn(self):
        assert not picture.svg(words.read(replace(EVERY["unknown"], mended=None)))

    def test_without_libraries_it_is_still_read(self, monkeypatch, tmp_path):
        """The fragment is the text where Jinja lacks, and has no picture where matplotlib does; a page is refused."""
        monkeypatch.setattr(page, "find_spec", lambda name: None if name == "matplotlib" else name)
        assert "<svg" not in page.fragment(FOUND)

        monkeypatch.setattr(page, "find_spec", lambda name: None)
        assert page.fragment(FOUND).startswith(f"<pre>{PENALTY}")
        with pytest.raises(ImportError, match="pip install jinja2 matplotlib"):
            page.write(tmp_path / "why.html", FOUND)

    def test_another_kind_of_file_is_refused(self, tmp_path):
        with pytest.raises(ValueError, match=r"name a file that ends in \.html"):
            page.write(tmp_path / "why.txt", FOUND)

    def test_a_page_that_could_not_be_written_leaves_nothing(self, monkeypatch, tmp_path):
        """The one that was there before is whole."""
        path = tmp_path / "why.html"
        path.write_text("before")

        def fails(*_):
            raise OSError("no space")

        monkeypatch.setattr("os.replace", fails)
        with pytest.raises(OSError, match="no space"):
            page.write(path, FOUND)
        assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("why.html", "before")]


@pytest.fixture(scope="module")
def book():
    """The module of the book that shows causes and confusion; it is no package's, for Sphinx loads it by its folder."""
    made = importlib.util.spec_from_file_location("diagnosed", ROOT / "docs" / "_ext" / "diagnosed.py")
    module = importlib.util.module_from_spec(made)
    sys.modules["diagnosed"] = module
    made.loader.exec_module(module)
    yield module
    del sys.modules["diagnosed"]


def cell(planted, named, verdict="found", proven=True, seed=0):
    return {
        "planted": planted,
        "problem": "wine & <b>",
        "seed": seed,
        "verdict": verdict,
        "named": named,
        "proven": proven,
        "distance": None if verdict == "no optimum" else 1e-9,
        "seconds": 0.4,
    }


CELLS = [
    *(cell(["ridge"], ["ridge"], seed=seed) for seed in range(2)),
    cell(["ridge"], ["lasso"], seed=2),
    cell(["ridge"], ["ridge", "stopped"], "either", seed=3),
    cell(["separated"], ["separated"], "no optimum", proven=False),
    cell(["ridge", "offset-forgotten"], ["offset-forgotten", "ridge"]),
    cell(["ridge", "offset-forgotten"], ["ridge"]),
    cell([], [], "none"),
    cell([], ["float32"], proven=False),
    cell(["moved"], [], "unexplained", proven=False),
]


class TestBook:
    def test_each_cause_of_the_registry_has_its_own_sentence(self, book):
        """And a group with a question, and a claim of the book or none."""
        entries, groups = book.registry(ROOT)
        page = Page(book.causes(ROOT, lambda slug: f"chapters/01.html#{slug}"))

        assert not page.open
        assert len({one.code for one in entries}) == len(entries)
        for one in entries:
            assert one.plain == f"{words.plain(one.code)}.", one.code
            assert one.plain in page.words
            assert one.code in words.PLAIN
            assert not groups or one.group in groups, one.code

    def test_a_registry_is_read_and_not_run(self, book, tmp_path):
        """Entries that are written out, and those of a table."""
        path = tmp_path / book.REGISTRY
        path.parent.mkdir(parents=True)
        path.write_text(
            "import nothing\nGROUPS: dict[str, str] = {'penalty': 'Is there one?'}\n"
            "CAUSES = (Cause('ridge', 'penalty', '{it} has <words>', claim='a-claim', mend='a\\nb', changes=nothing),\n"
            "    *(Cause(f'errors-{code}', 'errors', plain) for code, plain in (('n', '{it} has n'), ('ml', '{it} has ml'))))\n"
        )
        entries, groups = book.registry(tmp_path)
        found = book.causes(tmp_path, lambda slug: "")

        assert [(one.code, one.group, one.plain) for one in entries] == [
            ("ridge", "penalty", "The network has <words>."),
            ("errors-n", "errors", "The network has n."),
            ("errors-ml", "errors", "The network has ml."),
        ]
        assert groups == {"penalty": "Is there one?"}
        assert "The network has &lt;words&gt;.</td><td><code>a</code><br><code>b</code>" in found
        assert "<caption>errors</caption>" in found

    def test_confusion(self, book, tmp_path):
        """Shares by what was planted, the matrix, the pairs, and each misnamed case."""
        path = tmp_path / book.RECORD
        path.parent.mkdir()
        path.write_text(json.dumps({"made": {"keras": "3.12"}, "cells": CELLS}))
        text = book.confusion(tmp_path)
        page = Page(text)

        assert not page.open
        assert "<b>" not in text
        for part in (
            "3 of 5 single causes are named first (60.0 %).",
            "1 of 2 pairs of causes are both named (50.0 %).",
            "1 of 2 right answers are called so (50.0 %).",
            "1 of 1 answers that were moved at random are called unexplained (100 %).",
            "In 1 cases the diagnosis says “either”; what was planted is among what it names in 1.",
            "In 1 of 10 cases a cause that was not planted is called proven.",
            "ridge 4 50.0 25.0 25.0",
            "offset-forgotten 2 1 1 0",
            "4 misnamed cases",
            "ridge wine & <b> 2 found: lasso yes 1.0e-09",
            "Made with keras 3.12.",
        ):
            assert part in page.words

    def test_without_a_file_it_says_so(self, book, tmp_path):
        assert "There is no confusion matrix yet" in book.confusion(tmp_path)

    def test_a_damaged_file_is_named(self, book, tmp_path):
        path = tmp_path / book.RECORD
        path.parent.mkdir()
        for text in ("{", '{"cells": [{}]}', "[]"):
            path.write_text(text)
            with pytest.raises(ValueError, match=r"docs/diagnosis\.json: damaged"):
                book.confusion(tmp_path)
