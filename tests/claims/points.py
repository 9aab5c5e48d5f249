"""Parameters at which two engines are compared, nothing being fitted: "at any parameters" needs any."""

from __future__ import annotations

import numpy as np

from spec import likelihood
from spec.model import Params
from spec.problems import Problem
from spec.problems.by_construction import PARAMETER_GRID, snap


def anywhere(problem: Problem, rng: np.random.Generator) -> Params:
    """
    Parameters in the domain, away from the optimum, for every output neuron (softmax's baseline included).

    About the planted ones or else the null model; on the dyadic grid, where that is fine enough for the problem's units.
    """
    base = (problem.data.planted or likelihood.null_params(problem)).matrix
    reach = np.abs(problem.X).max(axis=0)
    unit = np.concatenate([[1.0 if problem.intercept else 0.0], 1 / np.maximum(reach, 1e-300)])[:, None]
    move = rng.uniform(0.5, 1.0, size=base.shape) * rng.choice([-1.0, 1.0], size=base.shape) * unit / (4 * (1 + problem.p))
    for halving in range(60):
        matrix = base + move / 2**halving
        if problem.data.planted is not None:
            matrix = snap(matrix, PARAMETER_GRID)
        params = Params.from_matrix(matrix)
        if likelihood.in_domain(problem, params):
            return params
    raise AssertionError(f"{problem}: no parameters in the domain about {base.tolist()}")
