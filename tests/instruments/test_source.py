"""Chapters are read from their source, be they files or folders of sections."""

from textwrap import dedent

import pytest

from spec.report import source

CLAIM = '''
    @pytest.mark.claim("{slug}", source="S1 S2", symptom="What is seen.")
    def test_{name}():
        """
        The sentence of the claim {slug}.

        The rest of it.
        """
        assert {name}
'''
CONTROL = '''
    @pytest.mark.control("{slug}")
    def test_{name}():
        """What is wrong is refused."""
'''


def write(path, docstring, *parts):
    path.parent.mkdir(exist_ok=True)
    path.write_text(f'"""{docstring}"""\n' + "\n".join(map(dedent, parts)), encoding="utf-8")


@pytest.fixture
def folder(tmp_path):
    """Two chapters that are files, and between them one that is a folder of eleven sections."""
    write(tmp_path / "test_01_first.py", "\nThe first (S1, S2).\n\nIts text.\n", CLAIM.format(slug="one", name="one"))
    write(tmp_path / "test_12_last.py", "The last.", CLAIM.format(slug="last", name="last"))
    write(tmp_path / "points.py", "A module of all chapters.")
    chapter = tmp_path / "test_11_middle"
    write(chapter / "__init__.py", "\nThe middle (S1).\n\nIts introduction.\n")
    write(chapter / "helpers.py", "A module of this chapter.")
    for number in range(1, 12):
        slug = f"claim-{number}"
        write(
            chapter / f"test_{number}_part.py",
            f"\nSection {number}.\n\nWhat it is about.\n",
            CONTROL.format(slug="claim-1", name=f"of_the_first_{number}"),
            CLAIM.format(slug=slug, name=f"claim_{number}"),
            CONTROL.format(slug=slug, name=f"wrong_{number}"),
        )
    (tmp_path / "__pycache__").mkdir()
    return tmp_path


def test_chapters_are_files_and_folders_in_reading_order(folder):
    """A module without ``test_`` in front is no chapter."""
    found = source.chapters(folder)

    assert [chapter.name for chapter in found] == ["test_01_first", "test_11_middle", "test_12_last"]
    assert [chapter.number for chapter in found] == [1, 11, 12]
    assert [(chapter.title, chapter.text) for chapter in found] == [
        ("The first", "Its text."),
        ("The middle", "Its introduction."),
        ("The last", ""),
    ]


def test_a_file_is_one_section_without_a_title(folder):
    """Its claims are the chapter's."""
    chapter = source.chapters(folder)[0]

    (section,) = chapter.sections
    assert (section.title, section.text, section.path) == ("", "", folder / "test_01_first.py")
    assert section.claims == chapter.claims
    (claim,) = chapter.claims
    assert claim.source == ("S1", "S2")
    assert claim.symptom == "What is seen."
    assert claim.sentence == "The sentence of the claim one."
    assert claim.test.body == "The rest of it."
    assert claim.test.path == section.path
    assert claim.test.lines == "7-8,14-14"


def test_the_sections_of_a_folder_follow_their_numbers(folder):
    """The tenth comes after the ninth; each has its title, its text and its claims."""
    chapter = source.chapters(folder)[1]

    numbers = range(1, 12)
    assert [section.title for section in chapter.sections] == [f"Section {number}" for number in numbers]
    assert {section.text for section in chapter.sections} == {"What it is about."}
    assert [section.path.name for section in chapter.sections] == [f"test_{number}_part.py" for number in numbers]
    assert [claim.slug for claim in chapter.claims] == [f"claim-{number}" for number in numbers]
    assert all(claim.test.path == section.path for section in chapter.sections for claim in section.claims)


def test_a_control_counts_for_every_claim_of_its_chapter(folder):
    """Those in the claim's own file come first."""
    first, *others = source.chapters(folder)[1].claims

    assert [control.name for control in first.controls[:3]] == ["test_of_the_first_1", "test_wrong_1", "test_of_the_first_2"]
    assert len(first.controls) == 12
    assert first.controls[-1].path.name == "test_11_part.py"
    assert [[control.name for control in claim.controls] for claim in others] == [[f"test_wrong_{n}"] for n in range(2, 12)]


def test_a_control_whose_slug_has_a_star_counts_for_each_claim_that_fits(folder):
    """The star stands for the rung of a case."""
    claims = [CLAIM.format(slug=slug, name=slug.replace("-", "_")) for slug in ("model-mean", "model-optimum", "other-mean")]
    write(folder / "test_12_last.py", "The last.", *claims, CONTROL.format(slug="model-*", name="wrong"))

    controls = {claim.slug: [control.name for control in claim.controls] for claim in source.chapters(folder)[2].claims}
    assert controls == {"model-mean": ["test_wrong"], "model-optimum": ["test_wrong"], "other-mean": []}


@pytest.mark.parametrize("name", ["__init__.py", "test_3_part.py"])
def test_a_chapter_or_section_without_a_title_is_refused(folder, name):
    """The message names the file."""
    (folder / "test_11_middle" / name).write_text("")

    with pytest.raises(ValueError, match=f"test_11_middle/{name} has no docstring"):
        _ = [(chapter.title, chapter.sections) for chapter in source.chapters(folder)]


def test_a_claim_without_a_sentence_is_refused(folder):
    """The message names the file and the function."""
    write(folder / "test_12_last.py", "The last.", CLAIM.format(slug="one", name="one").replace("The sentence", "no sentence"))

    with pytest.raises(ValueError, match=r"test_12_last.py: the docstring of test_one does not begin with a sentence"):
        _ = source.chapters(folder)[2].claims


def test_a_changed_file_is_read_again(folder):
    """The syntax tree that is kept belongs to the text of the file, not to its path."""
    before = source.chapters(folder)[2].claims
    write(folder / "test_12_last.py", "The last.", CLAIM.format(slug="newer", name="newer"))

    assert [claim.slug for claim in before + source.chapters(folder)[2].claims] == ["last", "newer"]


USER = '''
    import numpy as np
    import pytest
    from spec.evidence.rungs import assert_same
    from tests.claims import points as places
    from tests.claims.test_11_middle.data import CASES, unused
    from .data import compare

    LEFT, RIGHT = (name for name in ("left", "right"))
    FURTHEST = 3


    @pytest.mark.claim("used", source="S1")
    @pytest.mark.parametrize("case", CASES)
    def test_used(case, unused):
        """The sentence of the claim that uses others."""
        LATER = places.anywhere(case)
        assert_far(LATER, LEFT, RIGHT, np.array)
        assert_same(case)


    @wraps(None)
    def assert_far(compared, *names):
        return compare(compared) and assert_far


    def compared():
        return None


    def test_another():
        return FURTHEST
'''


POINTS = """
    FURTHEST = 8


    def anywhere(case):
        return within(FURTHEST)


    def within(far):
        return further(far)


    def further(far):
        return far
"""


def test_what_a_claim_uses_is_found_where_it_is_defined(folder):
    """In its file, its folder, the modules of all chapters and the judges; two steps far, but one step into a judge."""
    root = folder / "root"
    claims = root / "tests" / "claims"
    claims.mkdir(parents=True)
    write(claims / "points.py", "Points.", POINTS)
    write(claims / "test_11_middle" / "__init__.py", "The middle.")
    write(claims / "test_11_middle" / "data.py", "Data.", "SIZE = 3", "CASES = [SIZE, *range(SIZE)]", "def compare(x): return x")
    write(claims / "test_11_middle" / "test_1_part.py", "Section 1.", USER)
    (root / "spec" / "evidence").mkdir(parents=True)
    write(root / "spec" / "evidence" / "rungs.py", "Rungs.", "def assert_same(case): return judge(case)", "def judge(case): ...")
    (claim,) = source.chapters(claims)[0].claims

    found = source.helpers(claim.test, root)

    assert [(helper.path.name, helper.name) for helper in found] == [
        ("data.py", "CASES"),
        ("points.py", "anywhere"),
        ("test_1_part.py", "assert_far"),
        ("test_1_part.py", "LEFT"),
        ("test_1_part.py", "RIGHT"),
        ("rungs.py", "assert_same"),
        ("data.py", "SIZE"),
        ("points.py", "within"),
        ("points.py", "FURTHEST"),
        ("data.py", "compare"),
    ]
    assert [helper.name for helper in found if helper.is_data] == ["CASES", "LEFT", "RIGHT", "SIZE", "FURTHEST"]
    lines = (claims / "test_11_middle" / "test_1_part.py").read_text().splitlines()
    first, last = next(helper.lines for helper in found if helper.name == "assert_far")
    assert lines[first - 1] == "@wraps(None)"
    assert lines[last - 1] == "    return compare(compared) and assert_far"
