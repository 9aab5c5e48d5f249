"""
Keras behind the contract: one Dense layer, brought to the zero of its own back-propagated gradient.

The network is in `spec.engines.keras.network`. Only this folder imports Keras; only `backend` and `derivatives` its backends.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from spec import existence, likelihood, scoring
from spec.compat import Recent
from spec.engines import answers
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
        """A new network for the problem, with the recipe's additions. Its weights are zero, but in hidden layers."""
        return KerasNetwork(problem, recipe)

    def _network(self, problem: Problem) -> KerasNetwork:
        """The network without additions; each method sets its weights. Problems of the same model and shape share its layers."""
        if problem not in self._networks:
            shape = problem.model, problem.p, problem.k, problem.intercept, problem.offset is None
            if shape not in self._layers:
                self._layers[shape] = KerasNetwork(problem)
            self._networks[problem] = self._layers[shape].on(problem)
        return self._networks[problem]

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        return answers.evaluation(problem, self._network(problem), params)

    def fit(self, problem: Problem) -> Fit:
        """The zero of the back-propagated gradient, found by Fisher scoring."""
        network = self._network(problem)

        def value_and_score(params: Params) -> tuple[float, np.ndarray]:
            network.params = params
            objective, gradient = network.backpropagate()
            score = answers.score(problem, network, gradient)
            return -problem.n / network.loss_scale * objective, score[1 - problem.intercept :, problem.k - problem.free_outputs :]

        ascent = scoring.ascend(problem, value_and_score, likelihood.start_params(problem), self.max_iterations)
        network.params = ascent.params
        standard_errors = scoring.White.of(problem).standard_errors(problem, ascent.params)
        converged = ascent.converged and bool(np.isfinite(standard_errors).all())
        return Fit(
            params=ascent.params,
            converged=converged,
            iterations=ascent.iterations,
            reason=ascent.reason
            if converged or ascent.reason == existence.NONE_INSIDE
            else existence.why_not(problem, ascent.edge, f"{ascent.iterations} iterations", ascent.distance),
            standard_errors=standard_errors,
            deviance=likelihood.deviance(problem, network.predict()),
            log_likelihood=answers.log_likelihood(problem, network, network.objective()),
        )
