"""The examples in docstrings run as they are written."""

import doctest
import importlib
import pkgutil

import pytest

import spec

MODULES = sorted(module.name for module in pkgutil.walk_packages(spec.__path__, "spec.") if not module.name.endswith("__main__"))


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name):
    """What an example prints is what its docstring says."""
    found = doctest.testmod(importlib.import_module(name))

    assert found.failed == 0


def test_there_are_examples():
    """Each part that a reader tries has one: the vocabulary, problems, engines and the fit."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    having = {name for name in MODULES if any(test.examples for test in finder.find(importlib.import_module(name)))}

    assert {"spec.links", "spec.families", "spec.model", "spec.problems.problem", "spec.likelihood", "spec.domains"} <= having
