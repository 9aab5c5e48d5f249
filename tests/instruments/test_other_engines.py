"""Engines of scikit-learn, glum, JAX, NeMoS and torch: they know no other; and what each does where it is installed."""

import ast
import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spec import problems
from spec.engines.checked import load
from spec.evidence.rungs import assert_same_optimum, proven_optimum, standard_errors_away
from spec.report import engines
from spec.report.gaps import load as gaps

ROOT = Path(__file__).parents[2]
ENGINES = {  # the library, the module, and its engines
    "sklearn": ("scikit_learn", ["Lbfgs", "NewtonCholesky", "ByDefault"]),
    "glum": ("glum", ["Glum"]),
    "jax": ("jax", ["Jax"]),
    "nemos": ("nemos", ["Nemos", "ByDefault"]),
}
SNIPPETS = sorted((ROOT / "docs" / "departures").glob("*.py"))


def with_library(name):
    """Skip where a library is not installed: the environments engine-* of tox have it."""
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed here; tox -e engine-{name} has it")


def source(library):
    return ROOT / "spec" / "engines" / f"{ENGINES[library][0]}.py"


# -- without the libraries -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", ENGINES)
def test_an_engine_is_one_short_file(library):
    """150 lines at most."""
    assert len(source(library).read_text().splitlines()) <= 150


@pytest.mark.parametrize("library", ENGINES)
def test_an_engine_knows_no_other_and_imports_its_library_late(library):
    """At the top it imports the specification alone, and of spec.engines the contract alone. NeMoS is made on JAX."""
    tree = ast.parse(source(library).read_text())
    top = [name for node in tree.body for name in modules(node)]
    late = {name.partition(".")[0] for node in ast.walk(tree) for name in modules(node)} - {
        name.partition(".")[0] for name in top
    }

    assert {name for name in top if name.startswith("spec.engines")} == {"spec.engines.contract"}
    assert late == {library, "jax"} if library == "nemos" else late == {library}


def modules(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


@pytest.mark.parametrize("library", ["sklearn", "glum"])
def test_what_an_engine_declines_it_declines_with_a_reason(library):
    """Without its library, since problems are declined by their model and data."""
    module, names = ENGINES[library]
    engine = getattr(importlib.import_module(f"spec.engines.{module}"), names[0])()
    reasons = {str(problem): engine.declines(problem) for problem in problems.ALL}

    assert reasons["poisson-log"] is None
    assert reasons["binomial-logit"] is None
    assert "link" in reasons["binomial-cauchit"]
    assert all(reason is None or len(reason) > 10 for reason in reasons.values())


@pytest.mark.parametrize("path", SNIPPETS, ids=lambda path: path.stem)
def test_a_snippet_shows_a_departure_without_this_project(path):
    """It imports nothing of spec, and the list of gaps or the page names it."""
    said = (ROOT / "docs" / "engines.md").read_text() + "".join(gap.shown_by for gap in gaps())

    assert not any(name.startswith("spec") for node in ast.walk(ast.parse(path.read_text())) for name in modules(node))
    assert f"python docs/departures/{path.name}" in said


def test_every_departure_in_the_evidence_is_a_known_gap():
    """No engine's evidence has a case that fails, or an engine that breaks."""
    for record in engines.records(ROOT):
        assert {cell["outcome"] for cell in record["cells"]} <= set(engines.OUTCOMES), engines.name(record)


def test_the_table_counts_every_case_once():
    """Held, departed and declined cases add up to the cases of the claims."""
    for record in engines.records(ROOT):
        counts = engines.by_chapter(record)
        assert sum(sum(count.values()) for count in counts.values()) == sum(claim["cases"] for claim in record["claims"])


def test_a_departure_opens_to_its_cases_and_its_snippet():
    """The cause once, with each case, and the code."""
    text = engines.departures(ROOT, engines.records(ROOT))

    assert text.count("<summary>jax.nn.softplus, of which") == 1
    assert "to-the-ends-of-float64[binomial-logit-low]" in text
    assert "jax.grad(jax.grad(jax.nn.softplus))" in text


# -- with them -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SNIPPETS, ids=lambda path: path.stem)
def test_a_snippet_runs(path):
    """With the library alone."""
    with_library(path.stem.partition("_")[0])
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False, timeout=300)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("library", "engine"), [(library, each) for library, (_, names) in ENGINES.items() for each in names if each != "ByDefault"]
)
def test_an_engine_tells_its_version_and_what_it_never_computes(library, engine):
    """The fields by their names."""
    with_library(library)
    described = load(f"spec.engines.{ENGINES[library][0]}:{engine}").describe()

    assert described.versions
    assert set(described.declines) <= {
        *("loss", "log_likelihood", "score", "curvature", "standard_errors", "deviance"),
    }


@pytest.mark.parametrize("name", ["binomial-logit", "poisson-log", "gamma-log"])
def test_the_default_penalty_of_scikit_learn_is_no_maximum_likelihood(name):
    """A fit by default is refused, more than a tenth of a standard error away; without the penalty it is the optimum."""
    with_library("sklearn")
    problem = problems.get(name)
    by_default = load("spec.engines.scikit_learn:ByDefault").fit(problem)

    assert by_default.converged
    assert standard_errors_away(proven_optimum(problem), by_default.params) > 0.1
    with pytest.raises(AssertionError, match="not the same optimum"):
        assert_same_optimum(problem, by_default)
    assert_same_optimum(problem, load("spec.engines.scikit_learn:NewtonCholesky").fit(problem))


def test_lbfgs_of_scikit_learn_stops_near_the_optimum():
    """Within a hundredth of a standard error, and not within 1e-10 of it."""
    with_library("sklearn")
    problem = problems.get("softmax-32-to-16")
    away = standard_errors_away(proven_optimum(problem), load("spec.engines.scikit_learn:Lbfgs").fit(problem).params)

    assert 1e-10 < away < 1e-2


def test_the_standard_errors_of_glum_have_a_factor():
    """The root of n / (n - q), beside those of Pearson's dispersion."""
    with_library("glum")
    problem = problems.get("longley")
    glum, textbook = (load(path).fit(problem) for path in ("spec.engines.glum:Glum", "spec.engines.formulas:Formulas"))

    factor = np.sqrt(problem.n / (problem.n - problem.q))
    np.testing.assert_allclose(glum.standard_errors, factor * textbook.standard_errors, rtol=1e-6)


def test_newtons_steps_give_the_digits_that_the_lbfgs_of_torch_leaves():
    """The optimum with them; without them some digits, at 1e-12 of a standard error or more."""
    with_library("torch")
    problem = problems.get("spector-logit")
    polished, alone = (load(f"spec.engines.torch:{name}").fit(problem) for name in ("Torch", "LineSearch"))

    assert_same_optimum(problem, polished)
    assert 1e-12 < standard_errors_away(proven_optimum(problem), alone.params) < 1e-2


@pytest.mark.parametrize("name", ["scotland", "longley"])
def test_nemos_ends_by_shares_of_its_coefficients(name):
    """Those of 1e-4 and those of 1e6 are the optimum's."""
    with_library("nemos")
    assert_same_optimum(problems.get(name), load("spec.engines.nemos:Nemos").fit(problems.get(name)))
