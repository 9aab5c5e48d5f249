"""The negative controls of a ladder: which wrong engine is held to which rung, on which problem."""

import pytest

from spec.engines.wrong import RUNGS, controls


def refusals(problems, rungs=RUNGS):
    """A case for each problem, each rung, and each control that spoils the rung for that problem."""
    return [
        pytest.param(rung, wrong, problem, id=f"{rung}-{wrong.__name__}-{problem}")
        for problem in problems
        for rung in rungs
        for wrong in controls(rung, problem)
    ]
