"""
statsmodels' models beyond the generalized linear ones, each as a `spec.engines.contract.Likelihood` of a network's weights.

Their own fits stop at a gradient of about 1e-5; `optimum` goes on from there to the zero of the scores.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import optimize

from spec.engines.contract import Likelihood


class Ordered:
    """OrderedModel. Its weights are those of the network's head: the first threshold and the logs of the increments."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def log_likelihood(self, weights: np.ndarray) -> float:
        return float(self.model.loglike(weights))

    def scores(self, weights: np.ndarray) -> np.ndarray:
        """The scores, from its densities: its ``score`` takes differences, and ``score_obs_`` leaves the thresholds out."""
        model, y, inner = self.model, self.model.endog, self.model.k_levels - 1
        low, high = model._bounds(weights)
        probability = model.prob(low, high)
        above, below = model.pdf(high) / probability, model.pdf(low) / probability
        ends = np.arange(inner)  # a threshold is the upper end of its class's interval, and the lower end of the next one's
        moved = above[:, None] * (y[:, None] == ends) - below[:, None] * (y[:, None] == ends + 1)
        carried = np.cumsum(moved[:, ::-1], axis=1)[:, ::-1]  # an increment moves all thresholds above it
        carried[:, 1:] *= np.exp(weights[1 - inner :]) if inner > 1 else 1
        return np.hstack([(below - above)[:, None] * model.exog, carried])

    def optimum(self) -> np.ndarray:
        start = self.model.fit(method="bfgs", maxiter=1000, disp=0, skip_hessian=True).params
        return _zero(self, start)


class Conditional:
    """ConditionalLogit. It has a row for each alternative, and a group for each row of the problem."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def log_likelihood(self, weights: np.ndarray) -> float:
        return float(self.model.loglike(weights))

    def scores(self, weights: np.ndarray) -> np.ndarray:
        return np.array([self.model.score_grp(group, weights) for group in range(self.model._n_groups)])

    def optimum(self) -> np.ndarray:
        return _zero(self, self.model.fit(method="bfgs", maxiter=1000).params)  # before 0.15 skip_hessian=True raises


def _zero(model: Likelihood, start: np.ndarray) -> np.ndarray:
    """The weights near ``start`` at which the scores sum to zero."""
    return optimize.root(lambda weights: model.scores(weights).sum(axis=0), start, tol=1e-15).x
