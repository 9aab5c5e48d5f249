"""The project keeps its own rules: who imports what, and how a claim is written."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from spec.report.source import chapters

ROOT = Path(__file__).parents[2]
# Each room imports itself and the rooms before it
ORDER = [
    "spec.compat",
    "spec.files",
    "spec.domains",
    "spec.elementary",
    "spec.links",
    "spec.families",
    "spec.model",
    "spec.problems",
    "spec.existence",
    "spec.likelihood",
    "spec.scoring",
    "spec.inference",
    "spec.engines",
    "spec.evidence",
    "spec.fit",
    "spec.diagnosis",
    "spec.diagnose",
    "spec.proof",
    "spec.report",
    "spec.plugin",
    "spec.command",
]
MAY_IMPORT = {  # a library, and the folder or file that alone knows it
    "keras": ("spec/engines/keras/", "spec/fit/"),
    "tensorflow": ("spec/engines/keras/versions.py", "spec/engines/keras/backend.py"),
    "jax": ("spec/engines/keras/backend.py", "spec/engines/jax.py", "spec/engines/nemos.py"),
    "torch": ("spec/engines/keras/backend.py", "spec/engines/torch/"),
    "nemos": ("spec/engines/nemos.py",),
    "sklearn": ("spec/engines/scikit_learn.py",),
    "glum": ("spec/engines/glum.py",),
    "statsmodels": ("spec/engines/statsmodels/", "spec/problems/published/data.py"),
}
SOURCES = sorted(ROOT.glob("spec/**/*.py"))
CLAIMS = sorted(ROOT.glob("tests/claims/**/*.py"))
SENTENCES = {f"S{number}" for number in range(1, 10)}  # of the source
CLAIMED = [claim for chapter in chapters() for claim in chapter.claims]


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
def test_a_library_is_known_in_its_own_room_only(path):
    """Only an engine's own folder imports its library; statsmodels' data sets and a reader's Keras models are the exceptions."""
    for module in imports(path):
        allowed = MAY_IMPORT.get(module.partition(".")[0])
        assert allowed is None or name(path).startswith(allowed), f"{name(path)} imports {module}"


def room(module):
    """The entry of ORDER that a module belongs to; None for a module outside the package, and for `spec` itself."""
    return next((entry for entry in ORDER if module == entry or module.startswith(f"{entry}.")), None)


def module_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", [p for p in SOURCES if module_of(p) != "spec"], ids=name)
def test_a_room_imports_only_rooms_before_it(path):
    """Each module is in a room of the order, imports only that room and those before it, and never the tests."""
    own = room(module_of(path))

    assert own is not None, f"{name(path)} is in no room of ORDER"
    for module in imports(path):
        found = room(module)
        assert not module.startswith("tests"), f"{name(path)} imports {module}"
        assert found is None or ORDER.index(found) <= ORDER.index(own), f"{name(path)} imports {module}"


def test_no_module_imports_itself_in_a_circle():
    """The modules of spec can be put in an order in which each imports only earlier ones, within the rooms too."""
    modules = {module_of(path): path for path in SOURCES}
    graph = {}
    for module, path in modules.items():
        named = {name for name in imports(path) if name.startswith("spec")}
        found = {max((m for m in modules if name == m or name.startswith(f"{m}.")), key=len) for name in named}
        graph[module] = {other for other in found if other != module and not module.startswith(f"{other}.")}

    assert len(list(TopologicalSorter(graph).static_order())) >= len(modules)


def docstrings():
    """(place, first line) of every docstring of the package, the tests and the book's extension."""
    for path in [*SOURCES, *sorted(ROOT.glob("tests/**/*.py")), *sorted(ROOT.glob("docs/_ext/*.py"))]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and (text := ast.get_docstring(node)):
                yield f"{name(path)}:{getattr(node, 'lineno', 1)}", text.partition("\n")[0]


def test_a_docstring_says_what_it_is_about_first():
    """No docstring begins with "Of ..." or "That of ...": the reader would wait for the noun."""
    claimed = {claim.sentence for claim in CLAIMED}
    found = [f"{place}: {text}" for place, text in docstrings() if re.match(r"(Of|That of|In which)\b", text)]

    assert not [line for line in found if line.partition(": ")[2] not in claimed]


@pytest.mark.parametrize("path", CLAIMS, ids=name)
def test_no_claim_imports_the_fit_or_the_report(path):
    """The claims rest on problems, engines and evidence; the fit is a product beside them."""
    assert not [module for module in imports(path) if room(module) in ("spec.fit", "spec.report")]


def slug(claim):
    return claim.slug


@pytest.mark.parametrize("claim", CLAIMED, ids=slug)
def test_a_claim_is_a_sentence(claim):
    """The first line of a claim's docstring is a sentence in the present tense, true of every case, with a source."""
    assert re.fullmatch(r"[A-Z].{20,125}\.", claim.sentence), claim.sentence
    assert not re.search(r"\b(should|must|test|tests|check|verify|will)\b", claim.sentence, re.IGNORECASE), claim.sentence
    assert claim.source
    assert set(claim.source) <= SENTENCES


@pytest.mark.parametrize("claim", [claim for claim in CLAIMED if "S6" in claim.source], ids=slug)
def test_a_technicality_has_a_symptom(claim):
    """What a person sees who trips over it, in a short sentence of theirs."""
    assert re.fullmatch(r"[A-Z].{15,110}[.?]", claim.symptom), claim.symptom


def test_slugs_and_sentences_are_unique():
    """No two claims share a slug or a sentence."""
    assert len({claim.slug for claim in CLAIMED}) == len(CLAIMED) == len({claim.sentence for claim in CLAIMED})


@pytest.mark.parametrize("claim", CLAIMED, ids=slug)
def test_a_claim_has_a_control_beside_it(claim):
    """In the same file something wrong is held to the same claim, and refused."""
    assert any(control.path == claim.test.path for control in claim.controls)


def test_every_sentence_of_the_source_is_claimed():
    """S1 to S9 each have a claim."""
    assert {source for claim in CLAIMED for source in claim.source} == SENTENCES


def layout(text):
    """The folders of a drawn layout, which begins with spec/, and what is said of each."""
    drawn = re.search(r"^( *)spec/ .*\n(?:\1 *\S+/ .*\n)+", text, re.MULTILINE)
    folders, outer = {}, ""
    for line in drawn[0].splitlines():
        indent, folder, said = re.fullmatch(r"( *)(\S+/) +(\S.*)", line.removeprefix(drawn[1])).groups()
        outer = outer if indent else folder
        folders[outer + folder if indent else folder] = said
    return folders


def test_the_readme_and_the_package_show_the_layout_of_the_repository():
    """The same lines, a line for each folder of packages, and the modules of the vocabulary by name."""
    drawn = layout((ROOT / "README.md").read_text())
    packages = {
        f"{path.parent.relative_to(ROOT)}/" for path in [*ROOT.glob("spec/*/__init__.py"), *ROOT.glob("tests/*/__init__.py")]
    }
    vocabulary = {path.stem for path in ROOT.glob("spec/*.py")} - {"__init__", "diagnose", "command"}  # two commands

    assert drawn == layout((ROOT / "spec" / "__init__.py").read_text())
    assert packages - set(drawn) == set()
    assert [folder for folder in drawn if not (ROOT / folder).is_dir()] == []
    assert set(drawn["spec/"].partition(":")[0].split()) == vocabulary


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "tests/README.md", "docs/claims.md"])
def test_the_links_of_a_page_lead_to_files(page):
    """Those to files and folders of the repository, that is."""
    links = re.findall(r"\]\(([^)#\s]+)", (ROOT / page).read_text())

    assert [link for link in links if "://" not in link and not (ROOT / page).parent.joinpath(link).exists()] == []
