"""The wheel as a stranger uses it: a new environment, a small project with engines in it, and no repository near."""

import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from spec import __version__

ROOT = Path(__file__).parents[2]
BRINGS = {  # what pip install glm-spec may bring
    *("glm-spec", "numpy", "scipy", "python-flint", "pytest", "rich", "packaging", "threadpoolctl", "tomli"),
    *("iniconfig", "pluggy", "pygments", "markdown-it-py", "mdurl", "exceptiongroup", "typing-extensions", "colorama"),
}
ENGINES = '''
"""Two engines of a stranger's, under one name: a right one, and one whose coefficients are a hundredth too small."""
from dataclasses import replace
from spec.engines.contract import Description
from spec.engines.formulas import Formulas
from spec.model import Params


class Right(Formulas):
    def describe(self):
        return Description("Mine", {"mine": "1.0"})


class Wrong(Right):
    def fit(self, problem):
        fit = super().fit(problem)
        return replace(fit, params=Params(0.99 * fit.params.intercept, 0.99 * fit.params.coef))
'''
GAPS = """
[[gap]]
claims = ["softmax-optimum"]
cases = ["by-hand-multinomial-*"]
engine = "Mine"
versions = "mine>=1"
cause = "The coefficients are a hundredth too small."
shown_by = "glm-spec test_03*"
"""
FITS = ["test_03*", "-k", "maximum_likelihood and by-hand"]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """The files of the repository that the wheel is made of."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("spec", "tests/claims"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE", "conftest.py", "tests/__init__.py"):
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def wheel(source):
    """The wheel, built by setuptools without a network."""
    code = "from setuptools import build_meta; build_meta.build_wheel('dist')"
    subprocess.run([sys.executable, "-c", code], cwd=source, check=True, capture_output=True)
    return next((source / "dist").glob("*.whl"))


@pytest.fixture(scope="module")
def site(wheel, tmp_path_factory):
    """A new environment with the wheel and what it brings: its folder."""
    folder = tmp_path_factory.mktemp("stranger") / "environment"
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "-q", "-p", sys.executable, folder], check=True)
    install = [
        uv,
        "pip",
        "install",
        "-q",
        "--compile-bytecode",
        "-p",
        folder / "bin" / "python",
        "-c",
        ROOT / "constraints.txt",
        wheel,
    ]
    subprocess.run(install, check=True)
    return folder


@pytest.fixture
def stranger(site, tmp_path):
    """Run a command of the environment in a project of two engines; returns its exit status and its words."""
    (tmp_path / "engines.py").write_text(ENGINES)
    (tmp_path / "gaps.toml").write_text(GAPS)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -k nothing_of_this_name\n")  # of the stranger's own tests
    (tmp_path / "conftest.py").write_text("raise RuntimeError('the stranger has tests of their own')\n")

    def run(command, *options):
        done = subprocess.run(
            [site / "bin" / command, *options],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def files(site):
    return {path for path in site.rglob("*") if path.is_file()}


def test_the_wheel_has_the_claims_as_they_are(wheel):
    """File for file, and nothing else of the folder tests."""
    claims = ROOT / "tests" / "claims"
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        read = {name: packed.read(name) for name in names if name.startswith("spec/claims/")}

    assert read == {f"spec/claims/{path.relative_to(claims).as_posix()}": path.read_bytes() for path in claims.rglob("*.py")}
    assert {name.partition("/")[0] for name in names} == {"spec", f"glm_spec-{__version__}.dist-info"}


def test_pip_brings_what_the_judge_needs(site):
    """No Keras, no statsmodels, no Hypothesis; and a plug-in that pytest loads only when it is told to."""
    found = {
        re.sub(r"[-_.]+", "-", path.name.split("-")[0]).lower(): path.joinpath("entry_points.txt")
        for path in site.rglob("*.dist-info")
    }

    assert set(found) <= BRINGS
    assert "pytest11" not in found["glm-spec"].read_text()


def test_a_right_engine_passes_and_nothing_is_written_beside_the_claims(site, stranger):
    """With the proof and formulas for judges; data that come with statsmodels are declined."""
    before = files(site)
    status, said = stranger("glm-spec", "--subject", "engines:Right", "-rs", "test_03*")

    assert status == 0, said
    assert "reference: none; the proof and the specification's own formulas judge" in said
    assert "the data of anes96 come with statsmodels, which is not installed: pip install statsmodels" in said
    assert "5 of 5 claims hold." in said
    assert "30 hold, 0 known gaps, 5 declined" in said
    assert files(site) == before


def test_a_wrong_engine_fails_and_its_failure_can_be_run_again(stranger):
    """The line that a failure prints is a command that fails again."""
    status, said = stranger("glm-spec", "--subject", "engines:Wrong", *FITS)
    again = re.search(r"^glm-spec '(.*)' --subject engines:Wrong$", said, re.MULTILINE)

    assert status == 1, said
    assert "0 of 1 claims hold." in said
    assert again, said
    status, said = stranger("glm-spec", again[1], "--subject", "engines:Wrong", "-q")
    assert status == 1, said
    assert "1 failed" in said


def test_the_adapter_of_the_book_passes_and_gets_a_badge(site, stranger, tmp_path):
    """docs/your_engine.py as it stands; the evidence of a chapter is none, so the badge is refused without its reader."""
    shutil.copy(ROOT / "docs" / "your_engine.py", tmp_path / "adapter.py")
    asked = ["--subject", "adapter:Mine", "-k", "poisson", "test_05*", "test_06*", "test_12*"]
    status, said = stranger("glm-spec", *asked, "--report", "report.md")

    assert status == 0, said
    assert re.search(r"Of (\d\d+) cases that ask Mine and it can express: \1 held, 0 failed, 0 broke\.", said), said
    assert f"`glm-spec {shlex.join(asked)} --report report.md`" in (tmp_path / "report.md").read_text()
    (tmp_path / "mine.json").write_text("{}")
    status, said = stranger("python", "-m", "spec.report", "badge", "mine.json")
    assert status == 2
    assert "pip install 'glm-spec[report]'" in said


def test_gaps_are_strict_both_ways(stranger):
    """What is listed and departs is a known gap; what is listed and holds is a failure."""
    options = ["--gaps", "gaps.toml", *FITS]
    (departs, first), (holds, second) = (stranger("glm-spec", "--subject", f"engines:{e}", *options) for e in ("Wrong", "Right"))

    assert departs == 0, first
    assert holds == 1, second
    assert "is closed: this case holds" in second


def test_pytest_itself_does_the_same(stranger, tmp_path):
    """With -p and --pyargs, under the stranger's own configuration."""
    (tmp_path / "conftest.py").unlink()
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -m claim\n")
    claims = ["--pyargs", "spec.claims.test_03_softmax_is_multinomial_logistic_regression", "-k", "means or class_probabilities"]
    status, said = stranger("pytest", "-p", "spec.plugin", *claims, "--subject", "engines:Wrong")

    assert status == 0, said
    assert "6/6  Softmax outputs are the class probabilities" in said
    assert "glm-spec" not in said


def test_the_numbers_are_those_of_the_repository(source, site, stranger):
    """The same random problems and points: the closing table of a copy of the repository is the same, digit for digit."""
    options = ["--subject", "spec.engines.formulas:Formulas", "--reference", "none", "-q"]
    here = [site / "bin" / "python", "-m", "pytest", "-c", "/dev/null", "--rootdir", ".", *options]
    chapter = "tests/claims/test_01_neurons_are_columns.py"
    repository = subprocess.run([*here, chapter], cwd=source, capture_output=True, text=True, check=False)
    status, said = stranger("glm-spec", *options, "test_01*")

    def table(words):
        return [line for line in words.splitlines() if not re.search(r"\d+ passed", line)]

    assert status == 0, said
    assert table(said) == table(repository.stdout)


def test_without_keras_and_without_a_subject_it_says_what_to_do(stranger):
    """A usage error that names the option and the extra."""
    status, said = stranger("glm-spec", "test_03*")

    assert status == pytest.ExitCode.USAGE_ERROR
    assert "--subject package.module:Engine" in said
    assert "pip install 'glm-spec[keras]'" in said


def test_a_chapter_that_does_not_exist_is_refused_with_those_that_do(stranger):
    """Before anything runs."""
    status, said = stranger("glm-spec", "--subject", "engines:Right", "test_99*")

    assert status == pytest.ExitCode.USAGE_ERROR
    assert "glm-spec: no chapter is called test_99*; the chapters are\n  test_01_neurons_are_columns\n" in said


def test_the_version_is_that_of_the_specification(stranger):
    """Pytest takes the same option, for its own."""
    assert stranger("glm-spec", "--version") == (0, f"glm-spec {__version__}\n")


def test_the_help_begins_with_the_options_of_the_specification(stranger):
    """The subject first; pytest's options in a few lines at the end."""
    status, said = stranger("glm-spec", "--help")

    assert status == 0
    assert said.index("--subject") < said.index("--gaps") < said.index("-k softmax")
    assert len(said.splitlines()) < 80
