"""How each claim is known: its mark decides, and evidence, page and marks say the same."""

import ast
import re

import pytest

from spec.files import ROOT
from spec.report import record
from spec.report.levels import LEVELS, level
from spec.report.source import chapters

CLAIMS = {claim.slug: claim for chapter in chapters() for claim in chapter.claims}
FOR_ALL, BY_BALLS, EXACTLY, MEASURED = LEVELS


def test_a_mark_that_names_no_level_says_measured_and_another_word_is_refused():
    """A level that no page explains cannot be told."""
    assert level({"source": "S1"}) == MEASURED
    assert level({"level": EXACTLY}) == EXACTLY
    with pytest.raises(ValueError, match="'certain' is none of proven for all"):
        level({"level": "certain"})


def test_the_page_explains_the_levels_and_the_schema_allows_them():
    """In one order: the highest first."""
    page = (ROOT / "docs" / "believe.md").read_text(encoding="utf-8")
    allowed = record.schema()["properties"]["claims"]["items"]["properties"]["level"]["enum"]

    assert re.findall(r"^\| \*\*(.+?)\*\* ", page, re.MULTILINE) == list(LEVELS)
    assert allowed == list(LEVELS)


@pytest.mark.parametrize("slug", CLAIMS)
def test_the_mark_of_a_claim_is_borne_out_by_its_evidence(slug):
    """Every case held to a ball about the optimum: proven for its problem. What is proven or decided has no digits to lose."""
    found = [cell for cell in NEWEST["cells"] if cell["claim"] == slug and cell["outcome"] != "declined"]
    claim = CLAIMS[slug]

    if found and all("radius" in cell for cell in found):
        assert claim.level == BY_BALLS
    if claim.level in (FOR_ALL, EXACTLY):
        assert not [cell for cell in found if "digits" in cell]
    assert (claim.level == FOR_ALL) == ("proven" in _arguments(claim))


NEWEST = record.read(ROOT / "evidence" / "newest.json")


def _arguments(claim):
    """The fixtures and parameters of a claim's test."""
    functions = [node for node in ast.walk(ast.parse(claim.test.path.read_text(encoding="utf-8"))) if hasattr(node, "args")]
    (test,) = [node for node in functions if getattr(node, "name", "") == claim.test.name]
    return {argument.arg for argument in test.args.args}
