"""Penalties of a network's loss, and what they are to its log-likelihood."""

from __future__ import annotations

from spec import problems
from spec.engines.contract import Network, Recipe
from spec.problems import Problem

# powers of two, which single precision has exactly: a library may round its penalties to that, whatever its weights are kept in
ELASTIC = Recipe(l1=2.0**-5, l2=2.0**-6)
PENALISED = [
    problems.get(name) for name in ("gaussian-identity", "logistic-4-colours", "poisson-log", "gamma-log", "softmax-3-to-3")
]


def lambdas(problem: Problem, recipe: Recipe, network: Network) -> tuple[float, float]:
    """lambda_1 and lambda_2 of the log-likelihood, from the l1 and l2 of the loss: n l1 / c and 2 n l2 / c."""
    return problem.n * recipe.l1 / network.loss_scale, 2 * problem.n * recipe.l2 / network.loss_scale
