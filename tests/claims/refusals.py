"""The negative controls of a ladder: which wrong engine is held to which rung, on which problem."""

import pytest

from spec.engines.wrong import RUNGS, NoBias, controls
from spec.problems import Said


def refusals(problems, rungs=RUNGS, admits=lambda problem: False):
    """A case for each problem, each rung, and each control that spoils the rung; ``admits`` tells of what other problems."""
    return Said(_cases(problems, rungs), admits, lambda problem: _cases([problem], rungs, () if problem.p else (NoBias,)))


def _cases(problems, rungs, without=()):
    """The cases without some of the controls: a layer that has no inputs is nothing without its bias."""
    return [
        pytest.param(rung, wrong, problem, id=f"{rung}-{wrong.__name__}-{problem}")
        for problem in problems
        for rung in rungs
        for wrong in controls(rung, problem)
        if wrong not in without
    ]
