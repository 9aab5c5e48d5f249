"""
Heads beyond one linear predictor: ordered thresholds, a neuron shared by alternatives, an output for the dispersion.

The likelihood of each is accurate because of how it is parametrised; nothing is clipped.
"""

from __future__ import annotations

from typing import Any, Union

from spec.engines.contract import Recipe
from spec.engines.keras.backend import BACKEND, Function
from spec.engines.keras.derivatives import Tensor
from spec.engines.keras.versions import keras, unrounded
from spec.problems import Problem


def _logistic_between(upper: Tensor, lower: Tensor, gap: Tensor) -> Tensor:
    """F(upper) - F(lower) of the logistic distribution, where ``gap`` is upper - lower."""
    return BACKEND.sigmoid(upper) * BACKEND.sigmoid(-lower) * -BACKEND.expm1(-gap)


def _normal_between(upper: Tensor, lower: Tensor, gap: Tensor) -> Tensor:
    """F(upper) - F(lower) of the normal distribution, from the tail that holds the interval: 1 - F would lose its digits."""
    above = upper + lower > 0
    larger, smaller = BACKEND.where(above, -lower, upper), BACKEND.where(above, -upper, lower)
    return BACKEND.ndtr(larger) - BACKEND.ndtr(smaller)


CUMULATIVE: dict[str, tuple[Function, Function]] = {  # the distribution function F, symmetric about 0, and F(upper) - F(lower)
    "cumulative-logit": (BACKEND.sigmoid, _logistic_between),
    "cumulative-probit": (BACKEND.ndtr, _normal_between),
}
Activation = Union[str, Function, None]  # a name that Keras knows, or a function of eta
HEADS = ("", *CUMULATIVE, "location-scale")


class Thresholds(keras.layers.Layer):
    """
    A layer from eta (n, 1) to the probabilities of K ordered classes, F(theta_j - eta) - F(theta_(j-1) - eta).

    The weights (K - 1,) are the first threshold and the logs of the increments to the next. So the thresholds are ordered
    whatever the weights are.
    """

    def __init__(self, classes: int, head: str) -> None:
        super().__init__()
        self.classes, (self.below, self.between) = classes, CUMULATIVE[head]

    def build(self, input_shape: object) -> None:
        self.thresholds = self.add_weight(name="thresholds", shape=(self.classes - 1,), initializer="zeros")

    def call(self, eta: Tensor) -> Tensor:
        first, gaps = self.thresholds[:1], BACKEND.exp(self.thresholds[1:])
        distance = BACKEND.running_sums(BACKEND.concatenate([first, gaps], axis=0)) - eta
        inner = self.between(distance[:, 1:], distance[:, :-1], gaps)
        return BACKEND.concatenate([self.below(distance[:, :1]), inner, self.below(-distance[:, -1:])], axis=1)


@unrounded
class LocationScale(keras.losses.Loss):
    """Minus the normal log-likelihood of the outputs mu and log phi, less its constant log(2 pi) / 2."""

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        mean, log_dispersion = y_pred[:, :1], y_pred[:, 1:]
        return BACKEND.row_sums(log_dispersion + (y_true - mean) ** 2 * BACKEND.exp(-log_dispersion)) / 2


def outputs(problem: Problem, recipe: Recipe, features: Tensor, last: Activation, **dense: Any) -> Tensor:
    """
    The outputs of a network with a head: one Dense layer, with the arguments ``dense``, on ``features``.

    ``last`` is the activation of the alternatives.
    """
    if recipe.head not in HEADS:
        raise ValueError(f"unknown head {recipe.head!r}: expected {', '.join(map(repr, HEADS))}.")
    if problem.offset is not None or (recipe.head and recipe.alternatives):
        raise ValueError(f"{problem}: a head takes neither an offset nor alternatives.")
    if recipe.alternatives:
        rows = keras.layers.Reshape((recipe.alternatives, problem.p // recipe.alternatives))(features)
        eta = keras.layers.Dense(1, use_bias=problem.intercept, **dense)(rows)
        return keras.layers.Activation(last)(keras.layers.Flatten()(eta))
    if recipe.head == "location-scale":
        return keras.layers.Dense(2, use_bias=problem.intercept, **dense)(features)
    return Thresholds(problem.k, recipe.head)(keras.layers.Dense(1, use_bias=False, **dense)(features))
