"""
Keras behind the contract: one Dense layer, brought to the zero of its own back-propagated gradient.

The network is `spec.engines.keras.network`; only this folder knows Keras, only `backend` and `derivatives` what is beneath it.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from spec import likelihood, scoring
from spec.compat import Recent
from spec.engines.contract import PLAIN, Description, Evaluation, Fit, Recipe
from spec.engines.keras.backend import BACKEND
from spec.engines.keras.network import KerasNetwork, use_float64
from spec.engines.keras.versions import VERSION
from spec.model import Params
from spec.problems import Problem


class KerasEngine:
    """The subject of the specification. Making one switches Keras to float64 for the process: `use_float64`."""

    max_iterations = 100

    def __init__(self) -> None:
        use_float64()
        self._networks: WeakKeyDictionary[Problem, KerasNetwork] = WeakKeyDictionary()
        self._layers = Recent(256)

    def describe(self) -> Description:
        versions = {"keras": VERSION, BACKEND.name: BACKEND.version}
        return Description("Keras", versions, BACKEND.name, BACKEND.dtype, "https://keras.io")

    def declines(self, problem: Problem) -> str | None:
        return None

    def network(self, problem: Problem, recipe: Recipe = PLAIN) -> KerasNetwork:
        """A network of the problem's own, with what the recipe adds; weights of zero but in hidden layers."""
        return KerasNetwork(problem, recipe)

    def _network(self, problem: Problem) -> KerasNetwork:
        """The plain one, whose weights each method sets; its layers are built once for all problems of a model and a shape."""
        if problem not in self._networks:
            shape = problem.model, problem.p, problem.k, problem.intercept, problem.offset is None
            if shape not in self._layers:
                self._layers[shape] = KerasNetwork(problem)
            self._networks[problem] = self._layers[shape].on(problem)
        return self._networks[problem]

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        network = self._network(problem)
        network.params = params
        objective, score = self._score(network)
        return Evaluation(
            mean=network.predict(),
            loss=objective,
            loss_scale=network.loss_scale,
            log_likelihood=self._log_likelihood(network, objective),
            score=score,
            curvature=lambda: self._curvature(network, params),
        )

    def fit(self, problem: Problem) -> Fit:
        """To the zero of the back-propagated gradient, by Fisher scoring."""
        network = self._network(problem)

        def value_and_score(params: Params) -> tuple[float, np.ndarray]:
            network.params = params
            objective, score = self._score(network)
            return -problem.n / network.loss_scale * objective, score[1 - problem.intercept :, problem.k - problem.free_outputs :]

        ascent = scoring.ascend(problem, value_and_score, likelihood.null_params(problem), self.max_iterations)
        network.params = ascent.params
        standard_errors = scoring.White.of(problem).standard_errors(problem, ascent.params)
        return Fit(
            params=ascent.params,
            converged=ascent.converged and bool(np.isfinite(standard_errors).all()),
            iterations=ascent.iterations,
            reason=ascent.reason,
            standard_errors=standard_errors,
            deviance=likelihood.deviance(problem, network.predict()),
            log_likelihood=self._log_likelihood(network, network.objective()),
        )

    def _score(self, network: KerasNetwork) -> tuple[float, np.ndarray]:
        """The loss and the score of the log-likelihood, (1 + p, k): minus n / c times the gradient of the loss."""
        problem = network.problem
        objective, (kernel, *bias) = network.backpropagate()
        gradient = np.vstack([bias[0] if bias else np.zeros(problem.k), kernel])
        return objective, -problem.n / network.loss_scale * gradient

    def _curvature(self, network: KerasNetwork, params: Params) -> np.ndarray:
        """Minus the Hessian of the log-likelihood in the free parameters."""
        problem, network.params = network.problem, params
        places = np.arange((problem.p + problem.intercept) * problem.k).reshape(-1, problem.k)  # kernel above bias
        free = np.roll(places, problem.intercept, axis=0)[:, problem.k - problem.free_outputs :].ravel(order="F")
        return problem.n / network.loss_scale * network.hessian()[np.ix_(free, free)]

    @staticmethod
    def _log_likelihood(network: KerasNetwork, objective: float) -> float:
        """From the loss: undo its scale and its 1/n, and add the constants that it left out."""
        return -network.problem.n / network.loss_scale * objective + likelihood.normaliser(network.problem)
