"""Problems whose columns depend on each other: one column more, which is a combination of those that are there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from spec import problems
from spec.existence import rank_deficiency
from spec.problems import Problem, Said
from spec.problems.by_construction import elementwise

from ..said import has_a_bias
from .factors import factor


def with_a_column_more(problem: Problem, what: str, combination: np.ndarray) -> Problem:
    """The problem with one more column, a combination of those of [1 X]; ``what`` names the problem and the column."""
    return problem.with_data(
        what,
        X=lambda data: np.hstack([data.X, problem.design @ combination[:, None]]),
        columns=lambda data: (*data.columns, what),
    )


def of_128_rows(name: str) -> Problem:
    """The planted problem of that name made of 128 rows: three columns of like size, orthogonal to each other."""
    pair = problems.get(name)
    load = partial(elementwise, f"10 {name}", pair.model, 128, 3, 1.0)
    return replace(pair, name=f"{name}, 128 rows", kind="given", load=load)


LOGISTIC, LINEAR = of_128_rows("binomial-logit"), of_128_rows("gaussian-identity")
ONE_WAY = factor("gaussian-identity", 0.25, covariate=False)
COLLINEAR = [  # a problem, its extra column in words, and of what columns of [1 X] it is made
    pytest.param(problem, what, np.array(combination, dtype=float), id=f"{problem}, {what}")
    for problem, what, combination in (
        (LINEAR, "a column twice", (0, 1, 0, 0)),
        (LOGISTIC, "a sum of two columns", (0, 1, 1, 0)),
        (LINEAR, "ones beside the bias", (1, 0, 0, 0)),
        (ONE_WAY, "a column for every level", (1, -1, -1, -1)),
    )
]


def in_short(problem: Problem) -> Iterator[Any]:
    """The same of a problem whose columns are independent, in whatever units: its last column twice, and ones."""
    for what, column in (("a column twice", problem.p), ("ones beside the bias", 0)):
        yield pytest.param(problem, what, np.eye(problem.q)[column], id=f"{problem}, {what}")


NAMED = Said(COLLINEAR, lambda problem: has_a_bias(problem) and rank_deficiency(problem) is None, in_short)
