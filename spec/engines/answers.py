"""The score, information and log-likelihood of a generalized linear model, from a one-layer network's loss."""

from __future__ import annotations

import numpy as np

from spec import likelihood
from spec.engines.contract import Evaluation, Network
from spec.model import Params
from spec.problems import Problem


def stacked(weights: list[np.ndarray]) -> np.ndarray:
    """The bias above the kernel, (1 + p, k), from [kernel] or [kernel, bias]; zeros where there is no bias."""
    kernel, *bias = weights
    return np.vstack([bias[0] if bias else np.zeros(kernel.shape[1]), kernel])


def score(problem: Problem, network: Network, gradient: list[np.ndarray]) -> np.ndarray:
    """The score of the log-likelihood, (1 + p, k): minus n / c times the gradient of the network's loss."""
    return -problem.n / network.loss_scale * stacked(gradient)


def log_likelihood(problem: Problem, network: Network, objective: float) -> float:
    """The log-likelihood, from the loss: undo its scale and its 1/n, and add the constants that it leaves out."""
    return -problem.n / network.loss_scale * objective + likelihood.normaliser(problem)


def evaluation(problem: Problem, network: Network, params: Params | None = None) -> Evaluation:
    """The evaluation of a network at ``params``, or at its present weights. Penalties are a part of its loss."""
    if params is not None:
        network.weights = [params.coef, params.intercept][: 1 + problem.intercept]
    weights = network.weights
    objective, gradient = network.backpropagate()

    def curvature() -> np.ndarray:
        network.weights = weights
        return information(problem, network)

    return Evaluation(
        mean=network.predict(),
        loss=objective,
        loss_scale=network.loss_scale,
        log_likelihood=log_likelihood(problem, network, objective),
        score=score(problem, network, gradient),
        curvature=curvature,
    )


def information(problem: Problem, network: Network) -> np.ndarray:
    """The observed information: minus the Hessian of the log-likelihood in the free parameters, column after column."""
    places = np.arange((problem.p + problem.intercept) * problem.k).reshape(-1, problem.k)  # kernel above bias
    free = np.roll(places, problem.intercept, axis=0)[:, problem.k - problem.free_outputs :].ravel(order="F")
    return problem.n / network.loss_scale * network.hessian()[np.ix_(free, free)]
