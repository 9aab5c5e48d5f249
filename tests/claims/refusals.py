"""The negative controls of a ladder: which wrong engine is held to which rung, on which problem."""

import pytest

from spec.engines.control import RUNGS, controls


def refusals(chapter, outputs, problems):
    """A case for each rung, each control that spoils it for models with "one" or "many" outputs, and each problem."""
    return [
        pytest.param(rung, wrong, problem, marks=pytest.mark.control(f"{chapter}-{rung}"), id=f"{rung}-{wrong.__name__}-{problem}")
        for rung in RUNGS
        for wrong in controls(rung, outputs)
        for problem in problems
    ]
