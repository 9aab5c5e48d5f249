"""Where a layer comes to rest: its weights as a matrix, gradient descent to the end, and that end as a fit."""

from __future__ import annotations

from functools import partial

import numpy as np

from spec import likelihood, problems
from spec.engines.answers import stacked
from spec.engines.contract import Fit, Network
from spec.model import Params
from spec.problems import Problem
from spec.problems.by_construction import softmax

from ..descent import descend

# a softmax small enough for descent to come to rest
TINY = Problem(
    "softmax-2-to-3, 128 rows",
    problems.get("softmax-3-to-3").model,
    partial(softmax, "what is identified", 128, 2, 3, 1.0, 1.5),
)


def unstacked(matrix: np.ndarray) -> list[np.ndarray]:
    """[kernel, bias] from (1 + p, k), the bias in the first row: the inverse of `stacked`."""
    return [matrix[1:], matrix[0]]


def resting_place(layer: Network, start: np.ndarray | None = None) -> np.ndarray:
    """
    The weights (1 + p, k) at which plain gradient descent comes to rest: in its last step no slope exceeded 1e-15.

    The step is constant, and the best for the curvature at the layer's first weights; directions whose curvature is rounding
    (1e-9 of the largest) are flat. ``start`` is (1 + p, k); without it descent starts from the layer's first weights.
    """
    curvatures = np.linalg.eigvalsh(layer.hessian())
    rate = 2 / (curvatures[-1] + curvatures[curvatures > 1e-9 * curvatures[-1]][0])
    return stacked(descend(layer, rate, 1000, None if start is None else unstacked(start), rest=1e-15)[-1])


def ended_at(problem: Problem, matrix: np.ndarray) -> Fit:
    """A fit that ended at the weights (1 + p, k); its standard errors are not known."""
    params = Params.from_matrix(matrix)
    mean = problem.model.link.inverse(problem.eta(params))
    unknown = np.full((problem.q, problem.free_outputs), np.nan)
    deviance, log_likelihood = likelihood.deviance(problem, mean), likelihood.log_likelihood(problem, params)
    return Fit(params, True, 0, "descent came to rest", unknown, deviance, log_likelihood)
