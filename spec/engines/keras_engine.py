"""
Keras behind the contract: one Dense layer, brought to the zero of its own back-propagated gradient.

The network is `spec.engines.keras_network`; only the files ``keras_*.py`` know Keras, only `keras_backend` what is beneath it.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from spec import scoring
from spec.engines.engine import PLAIN, Description, Evaluation, Fit, Recipe
from spec.engines.keras_backend import BACKEND
from spec.engines.keras_network import Network
from spec.engines.keras_versions import VERSION
from spec.model import Params
from spec.problems import Problem


class KerasEngine:
    """The subject of the specification."""

    max_iterations = 100

    def __init__(self) -> None:
        self._networks: WeakKeyDictionary[Problem, Network] = WeakKeyDictionary()
        self._layers: dict[tuple[object, ...], Network] = {}

    def describe(self) -> Description:
        versions = {"keras": VERSION, BACKEND.name: BACKEND.version}
        return Description("Keras", versions, BACKEND.name, BACKEND.dtype, "https://keras.io")

    def declines(self, problem: Problem) -> str | None:
        return None

    def network(self, problem: Problem, recipe: Recipe = PLAIN) -> Network:
        """A network of the problem's own, with what the recipe adds; weights of zero but in hidden layers."""
        return Network(problem, recipe)

    def _network(self, problem: Problem) -> Network:
        """The plain one, whose weights each method sets; its layers are built once for all problems of a model and a shape."""
        if problem not in self._networks:
            shape = problem.model, problem.p, problem.k, problem.intercept, problem.offset is None
            if shape not in self._layers:
                self._layers[shape] = Network(problem)
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

        ascent = scoring.ascend(problem, value_and_score, scoring.start(problem), self.max_iterations)
        network.params = ascent.params
        standard_errors = scoring.White.of(problem).standard_errors(problem, ascent.params)
        return Fit(
            params=ascent.params,
            converged=ascent.converged and bool(np.isfinite(standard_errors).all()),
            iterations=ascent.iterations,
            reason=ascent.reason,
            standard_errors=standard_errors,
            deviance=scoring.deviance(problem, network.predict()),
            log_likelihood=self._log_likelihood(network, network.objective()),
        )

    def _score(self, network: Network) -> tuple[float, np.ndarray]:
        """The loss and the score of the log-likelihood, (1 + p, k): minus n / c times the gradient of the loss."""
        problem = network.problem
        objective, (kernel, *bias) = network.backpropagate()
        gradient = np.vstack([bias[0] if bias else np.zeros(problem.k), kernel])
        return objective, -problem.n / network.loss_scale * gradient

    def _curvature(self, network: Network, params: Params) -> np.ndarray:
        """Minus the Hessian of the log-likelihood in the free parameters."""
        problem, network.params = network.problem, params
        places = np.arange((problem.p + problem.intercept) * problem.k).reshape(-1, problem.k)  # kernel above bias
        free = np.roll(places, problem.intercept, axis=0)[:, problem.k - problem.free_outputs :].ravel(order="F")
        return problem.n / network.loss_scale * network.hessian()[np.ix_(free, free)]

    @staticmethod
    def _log_likelihood(network: Network, objective: float) -> float:
        """From the loss: undo its scale and its 1/n, and add the constants that it left out."""
        return -network.problem.n / network.loss_scale * objective + scoring.normaliser(network.problem)
