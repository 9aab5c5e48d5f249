"""Plain gradient descent, by hand: no optimiser of a library, and no information."""

from __future__ import annotations

import numpy as np

from spec.engines.contract import Network

Weights = list[np.ndarray]


def descend(network: Network, rate: float, steps: int, start: Weights | None = None, rest: float = 0.0) -> list[Weights]:
    """
    The weights after each step down the network's own gradient, from ``start`` or from the weights that it has.

    Stops early after a step in which no slope exceeded ``rest``.
    """
    if start is not None:
        network.weights = start
    path = []
    for _ in range(steps):
        gradient = network.gradient()
        network.weights = [weight - rate * slope for weight, slope in zip(network.weights, gradient)]
        path.append(network.weights)
        if max(np.abs(slope).max() for slope in gradient) < rest:
            break
    return path
