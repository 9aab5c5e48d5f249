"""The book, built once for all its tests; and built of altered copies of the repository."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def build(root: Path, out: Path) -> subprocess.CompletedProcess:
    """As `tox -e docs` does."""
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-E", "-b", "html", root / "docs", out]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def book(tmp_path_factory):
    """The folder of the book as it is."""
    out = tmp_path_factory.mktemp("book")
    made = build(ROOT, out)
    assert made.returncode == 0, made.stderr
    return out


@pytest.fixture
def copy(tmp_path):
    """A copy of what the book is made of, to be altered."""
    for part in ("docs", "evidence", "spec", "tests/claims"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("CHANGELOG.md", "CONTRIBUTING.md", "README.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path
