"""The examples in docstrings run as they are written."""

import doctest
import importlib
import pkgutil

import pytest

import spec

MODULES = sorted(module.name for module in pkgutil.walk_packages(spec.__path__, "spec.") if not module.name.endswith("__main__"))


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name):
    """What an example prints is what its docstring says. An engine needs its library, which may be absent."""
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if name.split(".")[:3] != ["spec", "engines", error.name]:
            raise
        pytest.skip(f"{error.name} is not installed")
    found = doctest.testmod(module)

    assert found.failed == 0


def test_there_are_examples():
    """Each part that a reader tries has one: the vocabulary, problems, engines and the fit."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    parts = ["spec.links", "spec.families", "spec.model", "spec.problems.problem", "spec.likelihood", "spec.domains"]

    assert [name for name in parts if any(test.examples for test in finder.find(importlib.import_module(name)))] == parts
