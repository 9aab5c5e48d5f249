"""
Problems whose answer is in print: real data sets with the coefficients that other programs or institutes published.

One TOML file a problem, read by `spec.problems.published.loader`, which says what stands in it.
"""

from __future__ import annotations

from pathlib import Path

from spec.problems.problem import Problem
from spec.problems.published.loader import read

FOLDER = Path(__file__).parent

PUBLISHED: tuple[Problem, ...] = tuple(
    read(FOLDER / f"{name}.toml")
    for name in (
        "longley",
        "spector-logit",
        "spector-probit",
        "star98",
        "anes96",
        "scotland",
        "cpunish",
        "cpunish-weights",
        "cpunish-exposure",
        "committee",
        "randhie",
        "fair",
        "wampler1",
        "wampler2",
        "wampler3",
        "wampler4",
        "wampler5",
        "noint1",
        "noint2",
    )
)

# A conditional logit: the weights printed are shared by the ways, which a network says and a `Model` does not
MODECHOICE = read(FOLDER / "modechoice.toml")
