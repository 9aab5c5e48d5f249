"""The project keeps its own rules: who imports what, and how a claim is written."""

import ast
import re
from pathlib import Path

import pytest

from spec.report import technicalities

ROOT = Path(__file__).parents[2]
STAGES = ["problems", "engines", "evidence", "report"]
ONLY_IN = {
    "keras": "spec/engines/keras_*.py",
    "tensorflow": "spec/engines/keras_[bv]*.py",
    "jax": "spec/engines/keras_backend.py",
    "torch": "spec/engines/keras_backend.py",
    "statsmodels": "spec/engines/statsmodels_*.py",
}
SOURCES = sorted(ROOT.glob("spec/**/*.py"))
CLAIMS = sorted(ROOT.glob("tests/claims/test_*.py"))


def imports(path):
    """The modules that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ([f"{node.module}.{a.name}" for a in node.names] if node.module == "spec" else [node.module or ""])


def name(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES + CLAIMS, ids=name)
def test_a_library_is_known_in_its_own_file_only(path):
    """Only an engine's own file imports its library; the data sets of statsmodels are the one exception."""
    for module in imports(path):
        library = module.partition(".")[0]
        if not path.match(ONLY_IN.get(library, "*")):
            assert (library, name(path)) == ("statsmodels", "spec/problems/published.py"), f"{name(path)} imports {module}"


@pytest.mark.parametrize("path", [p for p in SOURCES if p.parent.name in STAGES], ids=name)
def test_a_stage_imports_only_stages_before_it(path):
    """problems -> engines -> evidence -> report, and nothing of the package imports the tests."""
    later = STAGES[STAGES.index(path.parent.name) + 1 :]
    for module in imports(path):
        assert not module.startswith(("tests", *(f"spec.{stage}" for stage in later))), f"{name(path)} imports {module}"


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if p.parent.name == "spec" and p.name not in ("scoring.py", "inference.py")], ids=name
)
def test_the_vocabulary_imports_no_stage(path):
    """Links, families and models know of no problem, engine or evidence; scoring and inference know of problems."""
    for module in imports(path):
        assert not module.startswith(tuple(f"spec.{stage}" for stage in STAGES)), f"{name(path)} imports {module}"


def marked(kind):
    """(slug, file, function) of every test with the mark, and (slug template, ...) of `refusals`."""
    for path in CLAIMS:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                for decorator in node.decorator_list:
                    text = ast.unparse(decorator)
                    if (found := re.match(rf"pytest\.mark\.{kind}\('([^']+)'", text)) or (
                        kind == "control" and (found := re.search(r"refusals\('([^']+)'", text))
                    ):
                        yield found[1], path, node, text


CONTROLS = list(marked("control"))


def slug(case):
    return case[0]


@pytest.mark.parametrize("case", list(marked("claim")), ids=slug)
def test_a_claim_is_a_sentence(case):
    """The first line of a claim's docstring is a sentence in the present tense, true of every case, with a source."""
    _, _, node, text = case
    first = (ast.get_docstring(node) or "").partition("\n")[0]

    assert re.fullmatch(r"[A-Z].{20,125}\.", first), first
    assert not re.search(r"\b(should|must|test|tests|check|verify|will)\b", first, re.IGNORECASE), first
    assert re.search(r"source='S[1-9]( S[1-9])*'", text), text


@pytest.mark.parametrize("case", [c for c in marked("claim") if "S6" in c[3]], ids=slug)
def test_a_technicality_has_a_symptom(case):
    """What a person sees who trips over it, in a short sentence of theirs."""
    assert re.search(r"symptom=(['\"])[A-Z].{15,110}[.?]\1", case[3]), case[3]


def test_the_page_of_the_technicalities_is_that_of_the_claims():
    """docs/technicalities.md is what the claims say: `python -m spec.report.technicalities` writes it again."""
    assert technicalities.PAGE.read_text() == technicalities.page()


def test_slugs_and_sentences_are_unique():
    """No two claims share a slug or a sentence."""
    claims = list(marked("claim"))
    sentences = [(ast.get_docstring(node) or "").partition("\n")[0] for _, _, node, _ in claims]

    assert len({slug for slug, *_ in claims}) == len(claims) == len(set(sentences))


@pytest.mark.parametrize("case", list(marked("claim")), ids=slug)
def test_a_claim_has_a_control_beside_it(case):
    """In the same file something wrong is held to the same claim, and refused."""
    claimed, path, *_ = case
    controls = [found for found, where, *_ in CONTROLS if where == path]

    assert any(
        claimed == control or re.fullmatch(rf"{control}-(mean|objective|gradient|curvature|optimum)", claimed)
        for control in controls
    )


def test_every_sentence_of_the_source_is_claimed():
    """S1 to S9 each have a claim."""
    cited = {source for *_, text in marked("claim") for source in re.findall(r"S[1-9]", text.partition("source=")[2])}

    assert cited == {f"S{number}" for number in range(1, 10)}
