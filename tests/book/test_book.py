"""The book says what the claims and the evidence say, leads nowhere that is not there, and is not built of what is malformed."""

import json
import re
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest

from spec.report import source
from spec.report.matrix import Environment
from spec.report.record import COLUMNS
from tests.book.conftest import ROOT, build

NEWEST = ROOT / "evidence" / "newest.json"
EVIDENCE = json.loads(NEWEST.read_text())
VERSION = EVIDENCE["suite"]


class Page(HTMLParser):
    """The links, the anchors and the pictures of a page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors, self.mute = [], {""}, []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.anchors |= {found[name] for name in ("id", "name") if found.get(name)}
        self.links += [found[name] for name in ("href", "src") if found.get(name)]
        if tag == "img" and "alt" not in found:
            self.mute.append(found.get("src"))


@pytest.fixture(scope="module")
def pages(book):
    return {path: Page(path) for path in book.rglob("*.html")}


def test_every_link_inside_leads_somewhere(pages):
    """To a file of the book, and to an anchor in it."""
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.exists(), f"{path.name}: {link}"
            if target in pages and parts.fragment:
                assert unquote(parts.fragment) in pages[target].anchors, f"{path.name}: {link}"


def test_nothing_is_fetched_from_elsewhere(book):
    """The book is read without a network: scripts, styles and pictures are its own."""
    for path in book.rglob("*.html"):
        for tag in path.read_text(encoding="utf-8").split("<"):
            if tag.startswith(("script", "img", 'link rel="stylesheet"')):
                assert "//" not in tag.partition(">")[0].replace("http://www.w3.org", ""), f"{path.name}: <{tag[:100]}"


def test_every_picture_has_a_text(pages):
    """For those who do not see it."""
    assert not [(path.name, page.mute) for path, page in pages.items() if page.mute]


def test_every_claim_is_in_the_book_once_with_its_mathematics_and_its_evidence(book):
    """Its sentence as a heading, and as many rows as there are measurements."""
    for chapter in source.chapters():
        text = (book / "chapters" / f"{chapter.number:02d}.html").read_text(encoding="utf-8")
        sections = {part.split('"')[0]: part for part in text.split('<section id="')}
        for claim in chapter.claims:
            section = next(
                part for anchor, part in sections.items() if anchor == claim.slug or f'<span id="{claim.slug}"' in part
            )
            cells = [cell for cell in EVIDENCE["cells"] if cell["claim"] == claim.slug]
            assert section.count("<tr>") == len(cells) + 1, claim.slug
            assert section.count("<math ") >= claim.test.body.count(".. math::"), claim.slug


def test_what_a_claim_calls_is_beside_it(book):
    """The definition of each helper of a claim stands, folded, in the claim's own part of the page."""
    for chapter in source.chapters():
        text = (book / "chapters" / f"{chapter.number:02d}.html").read_text(encoding="utf-8")
        for claim in chapter.claims:
            helpers = source.helpers(claim.test)
            part = text.partition(f'id="{claim.slug}"')[2].partition("<details class='evidence'>")[0]
            says = part.partition("<details class='helpers'><summary>")[2].partition("</summary>")[0]
            assert {helper.name for helper in helpers} == set(re.findall(r"\w+", says)) - WORDS, claim.slug
            for helper in helpers:
                assert re.search(rf'<span class="n[a-z]?">{helper.name}</span>', part), f"{claim.slug}: {helper.name}"


WORDS = {"What", "Its", "its", "it", "calls", "data"}


def test_a_changed_evidence_file_changes_the_page(book, copy, tmp_path):
    """One digit of one case."""
    evidence = json.loads(NEWEST.read_text())
    cell = next(cell for cell in evidence["cells"] if cell["claim"] == "softmax-mean" and "digits" in cell)
    cell["digits"] = 3.7
    (copy / "evidence" / "newest.json").write_text(json.dumps(evidence))

    made = build(copy, tmp_path / "out")

    assert made.returncode == 0, made.stderr
    assert f"to 3.7 digits or more (worst: {cell['case']})" in (tmp_path / "out" / "chapters" / "03.html").read_text()
    assert "to 3.7 digits" not in (book / "chapters" / "03.html").read_text()


def test_a_cell_of_the_matrix_opens_with_the_evidence(book):
    """The answers that it loads are the cells of the file, each of them; a perfect fit has no distance."""
    said = (book / "_static" / "evidence" / "newest.js").read_text(encoding="utf-8")
    answers = json.loads(said[said.index("= {", said.index("] ")) + 2 : said.rindex(";")])

    assert answers["columns"] == list(COLUMNS.values())
    assert [(claim, *row) for claim, rows in answers["claims"].items() for row in rows] == [
        (cell["claim"], *(_shown(cell, column) for column in COLUMNS)) for cell in EVIDENCE["cells"]
    ]


def _shown(cell, column):
    perfect = column == "standard_errors" and cell.get(column, 0.0) > 1e100
    return PERFECT if perfect else cell.get(column, "")


PERFECT = "no standard error: the fit is perfect"


def test_a_perfect_fit_has_no_distance(book):
    """The page of distances and the chapter say so of Wampler1, and no page shows what was divided by the smallest float."""
    distances, chapter = ((book / name).read_text(encoding="utf-8") for name in ("distances.html", "chapters/07.html"))

    assert distances.count(f"wampler1: {PERFECT}") == 2
    assert chapter.count(f"<td>{PERFECT}</td>") == 2
    for page in (distances, chapter):
        assert not re.search(r"\de\+\d{3}", page)


def test_an_environment_may_lag(copy, tmp_path):
    """Where an earlier version of the claims ran, a claim is shown as not run yet, and each environment says its version."""
    newest = json.loads((copy / "evidence" / "newest.json").read_text())
    lacking = 0
    for path in (copy / "evidence").glob("*.json"):
        evidence = json.loads(path.read_text())
        if path.name == "newest.json":
            evidence["suite"] = "99.0"
        else:
            everything_but(evidence, newest, "softmax-mean")
            lacking += 1
        path.write_text(json.dumps(evidence))
    spoil(copy, "spec/__init__.py", f'__version__ = "{VERSION}"', '__version__ = "99.0"')

    made = build(copy, tmp_path / "out")

    assert made.returncode == 0, made.stderr
    matrix = (tmp_path / "out" / "matrix.html").read_text(encoding="utf-8")
    assert matrix.count("<td class='not-run-yet'><abbr title='not run yet'>·</abbr></td>") == lacking > 30
    assert f"Versions of the claims: 99.0 in 1 environment, {VERSION} in {lacking} environments." in matrix
    assert matrix.count(f"; claims {VERSION}'>") == lacking
    assert f"oldest ran version {VERSION} of the claims, and newest 99.0; 1 not run yet: softmax-mean" in matrix
    assert f"Not run yet: oldest ran version {VERSION} of the claims. Refresh: tox -e oldest." in matrix
    chapter = (tmp_path / "out" / "chapters" / "03.html").read_text(encoding="utf-8")
    assert f"{lacking + 1} environments: 1 holds, {lacking} not run yet" in chapter


def everything_but(evidence, newest, gone):
    """Make evidence that of this version of the claims: the newest's answers join its own, but for one claim."""
    counts = Environment(evidence).within(Environment(newest)).record
    has = {claim["claim"] for claim in counts["claims"]}
    for part in ("claims", "cells"):
        lacks = [entry for entry in newest[part] if entry["claim"] not in has]
        evidence[part] = [entry for entry in counts[part] + lacks if entry["claim"] != gone]
    evidence["expected"] = sum(claim["cases"] for claim in evidence["claims"])
    evidence["suite"] = VERSION


def spoil(copy, name, old, new):
    path = copy / name
    assert old in path.read_text(encoding="utf-8")
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


CHAPTER = "tests/claims/test_03_softmax_is_multinomial_logistic_regression.py"


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (
            CHAPTER,
            '"softmax-mean"',
            '"softmax-means"',
            "claims and evidence differ in softmax-mean, softmax-means. Refresh: tox -e newest",
        ),
        (
            "spec/__init__.py",
            f'__version__ = "{VERSION}"',
            '__version__ = "99.0"',
            f"newest ran version {VERSION} of the claims, and they are of version 99.0. Refresh: tox -e newest",
        ),
        (
            CHAPTER,
            "Softmax outputs are the class probabilities of the multinomial logit.",
            "maybe",
            "does not begin with a sentence",
        ),
        (CHAPTER, r"\mu_k = \frac", r"\mu_k = \nonsense", "nonsense has no MathML"),
        (CHAPTER, '"softmax-objective"', '"softmax-mean"', "the claim softmax-mean is there twice"),
        ("docs/chapters/03.rst", ".. chapter:: test_03", ".. chapter:: test_33", "there is no chapter test_33"),
        ("docs/chapters/03.rst", ".. chapter:: test_03", ".. comment: test_03", "is there 0 times, not once"),
        ("docs/argument.rst", ".. cited:: S3", ".. cited:: S10", "no claim makes S10 executable"),
        ("docs/index.md", "[the argument](argument.rst)", "[the argument](arguments.rst)", "arguments.rst"),
    ],
)
def test_what_is_malformed_builds_no_book(copy, tmp_path, name, old, new, message):
    """And the message says what is wrong."""
    spoil(copy, name, old, new)

    made = build(copy, tmp_path / "out")

    assert made.returncode != 0
    assert message in made.stderr


def test_a_chapter_without_an_example_builds_no_book(copy, tmp_path):
    """Each has one to try."""
    (copy / "docs" / "try_it" / "02_no_hidden_layer.py").unlink()

    made = build(copy, tmp_path / "out")

    assert made.returncode != 0
    assert "the chapter has no example: docs/try_it/02_no_hidden_layer.py" in made.stderr


def test_the_build_needs_neither_keras_nor_statsmodels(book, copy, tmp_path):
    """It reads claims, and imports none: one that cannot be imported is in the book all the same."""
    spoil(copy, CHAPTER, "import pytest\n", "import pytest\nimport no_such_module\n")

    assert build(copy, tmp_path / "out").returncode == 0
