"""
``glm-spec --subject package.module:Engine``: pytest on the claims that are installed with this package, from any folder.

All options of pytest are taken. ``test_03*`` is a chapter, as is the name of a single test that a failure prints. Of the folder
in which it is called it takes the modules, and nothing else: no configuration and no conftest.py. There it keeps pytest's cache.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spec import __version__
from spec.compat import strict_zip
from spec.files import CLAIMS, ROOT

USAGE = "glm-spec [--subject PACKAGE.MODULE:ENGINE] [other options] [options of pytest] [test_03* ...]"
PYTEST = """
of pytest, which `pytest --help` describes:
  -k softmax            the tests with this word in their name
  -m claim, -m control  only what must hold, only what must be refused
  -x                    stop at the first failure
  -n auto               a process for each core (pip install pytest-xdist)
  --lf                  what failed the last time
  -rs                   say why cases are declined

  test_03*              the claims of chapter 3

The same by pytest itself: pytest -p spec.plugin --pyargs spec.claims --subject PACKAGE.MODULE:ENGINE
"""


class _Described(argparse.ArgumentParser):
    """A parser that takes the plug-in's options as pytest's own parser does, to describe them."""

    def getgroup(self, name: str) -> Any:
        group: Any = self.add_argument_group(name)
        group.addoption = group.add_argument
        return group


def described() -> str:
    """The help: the plug-in's options, and the most used ones of pytest."""
    from spec.plugin import options

    parser = _Described("glm-spec", USAGE, epilog=PYTEST, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.pytest_addoption(parser)  # type: ignore[arg-type]
    return parser.format_help()


def arguments(given: list[str]) -> list[str]:
    """
    The arguments of pytest: what is said of the chapters as paths, and all the claims where nothing is said of them.

    Raises ValueError for a chapter that does not exist.
    """
    words = [list(_chapters(word)) if word.startswith("test_") else [] for word in given]
    if lost := [word for word, found in strict_zip(given, words) if re.match(r"test_\d", word) and not found]:
        there = "".join(f"\n  {path.name.removesuffix('.py')}" for path in sorted(CLAIMS.glob("test_*")))
        raise ValueError(f"no chapter is called {lost[0]}; the chapters are{there}")
    rest = [word for word, found in strict_zip(given, words) if not found]
    named = [path for found in words for path in found]
    alone = ["-c", os.devnull, "--rootdir", str(ROOT), "--confcutdir", str(CLAIMS)]
    cache = ["-o", f"cache_dir={Path.cwd() / '.pytest_cache'}"]
    return ["-p", "spec.plugin", *alone, *cache, *rest, *(named or [str(CLAIMS)])]


def _chapters(word: str) -> Iterator[str]:
    """The paths of the files that a word names, each with the test that it names there."""
    pattern, *test = word.split("::", 1)
    for path in sorted(CLAIMS.glob(pattern)):
        yield "::".join([str(path), *test])


def main() -> int:
    """Run pytest, and return its exit status."""
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(described())
        return 0
    if "--version" in sys.argv[1:]:
        print(f"glm-spec {__version__}")
        return 0
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as spec.plugin says, which comes after NumPy here
    import pytest

    from spec.engines import wrong  # noqa: F401 (libraries that are not yet compiled are compiled once, and not at each run)
    from spec.evidence import rungs  # noqa: F401

    sys.dont_write_bytecode = True  # else pytest writes the claims, as it prepares them, into the folder where they lie
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # in the processes of -n, too

    try:
        asked = arguments(sys.argv[1:])
    except ValueError as error:
        print(f"glm-spec: {error}", file=sys.stderr)
        return int(pytest.ExitCode.USAGE_ERROR)
    return int(pytest.main(asked))


if __name__ == "__main__":
    sys.exit(main())
