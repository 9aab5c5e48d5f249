"""The page of a run: what stands on it, that it stands alone, and when it is written."""

import re

import pytest

from tests.instruments.conftest import CHAPTER, GAPS
from tests.instruments.pages import Page


def test_a_run_is_a_page(project, tmp_path):
    """Claims, answers, failures with what was said and the line that runs them again, the environment; nothing left open."""
    path = tmp_path / "pages" / "report.html"
    status, said = project("--report", str(path))
    page = Page(path.read_text(encoding="utf-8"))

    assert status == 1
    assert f"report written to {path}" in said
    assert not page.open
    assert "1 of 3 claims hold; 1 claim was not asked" in page.words  # a control of another is accepted
    assert "Cases: 3 held, 2 failed, 1 failed a precondition, 1 broke, 1 declined." in page.words
    for text in (
        "A fit is the optimum.",
        "one is not two",
        "no such thing",
        "the rank is short",
        "declined by Formulas: it cannot",
    ):
        assert text in page.words
    assert "pytest 'tests/claims/test_01_a.py::test_wrong[assertion]' --subject tests.instruments.outside:Formulas" in page.words
    assert re.search(r"specification \d.*Python 3.*libraries numpy", page.words)
    assert sum(tag == "svg" for tag, _ in page.tags) == 2
    assert all(attributes["aria-label"] for tag, attributes in page.tags if tag == "svg")


def test_it_stands_alone(project, tmp_path):
    """No script, and nothing that is fetched: a link to a library is followed by the reader, or not."""
    path = tmp_path / "report.html"
    project("--report", str(path))
    page = Page(path.read_text(encoding="utf-8"))

    assert not re.search(r"@import|url\((?!#)", path.read_text())
    assert not [tag for tag, _ in page.tags if tag in ("script", "link", "iframe", "img")]
    for tag, attributes in page.tags:
        for name in ("src", "href", "xlink:href"):
            if tag != "a" and name in attributes:
                assert attributes[name].startswith(("#", "data:")), (tag, attributes)


def test_the_words_of_tests_and_libraries_are_words(project, tmp_path):
    """Whatever they contain."""
    path = tmp_path / "report.html"
    project("--report", str(path), chapter=CHAPTER.replace("one is not two", "<script>alert('<b>')</script> & so on"))

    assert "<script>" not in path.read_text()
    assert "<script>alert('<b>')</script> & so on" in Page(path.read_text(encoding="utf-8")).words


def test_known_gaps_are_on_it_with_their_cause(project, tmp_path):
    path = tmp_path / "report.html"
    status, _ = project("--report", str(path), gaps=GAPS)
    page = Page(path.read_text(encoding="utf-8"))

    assert status == 0
    assert "One is not two." in page.words
    assert "wrong[assertion]" in page.words
    assert "a control of fits[accepted]" in page.words
    assert "What does not hold" not in page.words


def test_two_processes_write_what_one_writes(project, tmp_path):
    """But for the time and the command."""
    pages = [tmp_path / f"{name}.html" for name in "ab"]
    project("--report", str(pages[0]))
    project("--report", str(pages[1]), "-n", "2")
    one, two = (re.findall(r'<tr class="claim".*?</tr>|<svg.*?</svg>', path.read_text(), re.DOTALL) for path in pages)

    assert len(one) > 4
    assert one == two


def test_a_part_is_a_report(project, tmp_path):
    """The page has pictures of what ran, and no others."""
    path = tmp_path / "report.html"
    status, _ = project("--report", str(path), "-k", "fits or mathematics", "-m", "claim")

    assert status == 0
    assert "2 of 2 claims hold" in Page(path.read_text(encoding="utf-8")).words


@pytest.mark.parametrize(
    ("fault", "options"),
    [("raise KeyboardInterrupt", []), ("pytest.exit('enough')", []), ("import os; os._exit(3)", ["-n", "2"])],
    ids=["interrupted", "ended", "a process dies"],
)
def test_a_run_that_is_cut_off_says_so(project, tmp_path, fault, options):
    """Or that a process died, as a failure."""
    path = tmp_path / "report.html"
    project(
        "--report",
        str(path),
        *options,
        chapter=CHAPTER.replace("one is not two", "x").replace("    assert 1 == 1", f"    {fault}"),
    )
    words = Page(path.read_text(encoding="utf-8")).words

    assert ("crashed" in words) if options else ("The run was broken off: 1 of its tests never came to an end" in words)
    assert "A fit is the optimum." in words


def test_the_form_to_paste_into_an_issue(project, tmp_path):
    """What does not hold, what was said, the line that runs it again, and where."""
    path = tmp_path / "report.md"
    status, said = project("--report", str(path))
    text = path.read_text(encoding="utf-8")

    assert status == 1
    assert f"report written to {path}" in said
    assert "1 of 3 claims hold; 1 claim was not asked." in text
    assert "| All goes wrong. (`wrong`) | 0/4, 2 fails, 1 precondition failed, 1 error | - |  |" in text
    assert "**5 tests do not hold**, of each claim the first:" in text
    assert "`wrong[assertion]`: fails\n```text\nAssertionError: one is not two" in text
    assert "again: pytest 'tests/claims/test_01_a.py::test_wrong[assertion]' --subject" in text
    assert re.search(r"Claims \d.*, seed 0, Python 3.*, numpy \d", text)


def test_the_form_is_short_whatever_happened(project, tmp_path):
    """Also of 20 claims that fail, with words that are Markdown, and of known gaps of 20 causes."""
    path = tmp_path / "report.md"
    failing = [
        f"""
@pytest.mark.claim("claim-{i}", source="S1")
def test_{i}(subject):
    \"\"\"A pipe | and `code` in number {i}.\"\"\"
    assert {i} == -1, "```\\n" * 9


@pytest.mark.claim("gap-{i}", source="S1")
def test_gap_{i}(subject):
    \"\"\"A gap.\"\"\"
    assert {i} == -1
"""
        for i in range(20)
    ]
    gap = '[[gap]]\nclaims = ["gap-{0}"]\nengine = "Formulas"\nversions = "numpy>1"\ncause = "Cause {0}."\nshown_by = "pytest"\n'
    project("--report", str(path), chapter=CHAPTER + "".join(failing), gaps="".join(gap.format(i) for i in range(20)))
    lines = path.read_text(encoding="utf-8").splitlines()

    assert len(lines) < 60
    assert "and 12 more claims" in lines
    assert "and 19 more claims" in lines
    assert "- and 15 more causes" in lines
    assert sum(line.startswith("````") for line in lines) == 2  # a fence that the words of claim-0 cannot close
    assert any(line.startswith("| A pipe \\| and `code` in number 0.") for line in lines)


def test_a_file_that_cannot_be_read_is_a_fault(project, tmp_path):
    path = tmp_path / "report.html"
    _, said = project("--report", str(path), chapter="import no_such_module")

    assert path.exists(), said
    assert "could not be collected" in Page(path.read_text(encoding="utf-8")).words
    assert "no_such_module" in Page(path.read_text(encoding="utf-8")).words


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("report.txt", "name a file that ends in .html, .htm, .md or .markdown"),
        ("report", "name a file that ends in .html, .htm, .md or .markdown"),
        ("folder.html", "that is a folder: name a file in it"),
        ("file/report.html", "is a file, and no folder to write in"),
    ],
)
def test_a_place_where_no_page_can_be_is_refused_before_the_run(project, tmp_path, name, why):
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "file").touch()
    status, said = project("--report", str(tmp_path / name))

    assert status == 4
    assert why in said
    assert "passed" not in said


def test_a_place_that_is_lost_during_the_run_costs_the_page_alone(project, tmp_path):
    """The run is told in the terminal, and does not pass."""
    taken = CHAPTER.replace("    assert 1 == 1", "    open('pages', 'w').close()")
    status, said = project("--report", str(tmp_path / "pages" / "report.html"), "-k", "mathematics", chapter=taken)

    assert status == 1
    assert "no report written to" in said
    assert "File exists" in said
    assert "1 of 1 claims hold" in said


def test_where_nothing_runs_no_page_is_written(project, tmp_path):
    _, said = project("--report", str(tmp_path / "report.html"), "--collect-only")

    assert "no report written: no test ran" in said
    assert not (tmp_path / "report.html").exists()
