"""
Heads beyond one linear predictor: ordered thresholds, a neuron shared by alternatives, an output for the dispersion.

Each ends in a likelihood that is accurate by its parametrisation and clipped nowhere.
"""

from __future__ import annotations

from typing import Any

from spec.engines.contract import Recipe
from spec.engines.keras.backend import BACKEND
from spec.engines.keras.versions import keras, unrounded
from spec.problems import Problem


def _logistic_between(upper: Any, lower: Any, gap: Any) -> Any:
    return BACKEND.sigmoid(upper) * BACKEND.sigmoid(-lower) * -BACKEND.expm1(-gap)


def _normal_between(upper: Any, lower: Any, gap: Any) -> Any:
    """In the tail on which the interval lies: differences from one would lose its digits."""
    return BACKEND.where(
        upper + lower > 0, BACKEND.ndtr(-lower) - BACKEND.ndtr(-upper), BACKEND.ndtr(upper) - BACKEND.ndtr(lower)
    )


CUMULATIVE: dict[str, Any] = {  # the distribution function F, symmetric about 0, and F(upper) - F(lower), upper = lower + gap
    "cumulative-logit": (BACKEND.sigmoid, _logistic_between),
    "cumulative-probit": (BACKEND.ndtr, _normal_between),
}
HEADS = ("", *CUMULATIVE, "location-scale")


class Thresholds(keras.layers.Layer):
    """
    From eta (n, 1) the probabilities of K ordered classes, F(theta_j - eta) - F(theta_(j-1) - eta).

    The weights (K - 1,) are the first threshold and the logs of the increments to the next: any weights make them ordered.
    """

    def __init__(self, classes: int, head: str) -> None:
        super().__init__()
        self.classes, (self.below, self.between) = classes, CUMULATIVE[head]

    def build(self, input_shape: Any) -> None:
        self.thresholds = self.add_weight(name="thresholds", shape=(self.classes - 1,), initializer="zeros")

    def call(self, eta: Any) -> Any:
        first, gaps = self.thresholds[:1], BACKEND.exp(self.thresholds[1:])
        distance = BACKEND.running_sums(BACKEND.concatenate([first, gaps], axis=0)) - eta
        inner = self.between(distance[:, 1:], distance[:, :-1], gaps)
        return BACKEND.concatenate([self.below(distance[:, :1]), inner, self.below(-distance[:, -1:])], axis=1)


@unrounded
class LocationScale(keras.losses.Loss):
    """Minus the normal log-likelihood of the outputs mu and log phi, less its constant log(2 pi) / 2."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        mean, log_dispersion = y_pred[:, :1], y_pred[:, 1:]
        return BACKEND.row_sums(log_dispersion + (y_true - mean) ** 2 * BACKEND.exp(-log_dispersion)) / 2


def outputs(problem: Problem, recipe: Recipe, features: Any, last: Any, **dense: Any) -> Any:
    """Of a network with one Dense layer on its last features; ``last`` is the alternatives' activation, the rest the layer's."""
    if recipe.head not in HEADS:
        raise ValueError(f"no head is called {recipe.head!r}; the heads are {', '.join(map(repr, HEADS))}.")
    if problem.offset is not None or (recipe.head and recipe.alternatives):
        raise ValueError(f"{problem}: a head takes neither an offset nor alternatives.")
    if recipe.alternatives:
        rows = keras.layers.Reshape((recipe.alternatives, problem.p // recipe.alternatives))(features)
        eta = keras.layers.Dense(1, use_bias=problem.intercept, **dense)(rows)
        return keras.layers.Activation(last)(keras.layers.Flatten()(eta))
    if recipe.head == "location-scale":
        return keras.layers.Dense(2, use_bias=problem.intercept, **dense)(features)
    return Thresholds(problem.k, recipe.head)(keras.layers.Dense(1, use_bias=False, **dense)(features))
