"""
A network's loss, one linear predictor at a time: its slope by back-propagation, and the information about each.

The Dense layer before eta is a product of matrices forwards and another one backwards. So many fits of one design need nothing
else from the network, for any number of fits, columns and rows.
"""

from __future__ import annotations

from contextlib import nullcontext
from functools import lru_cache
from threading import Lock
from typing import NamedTuple

import numpy as np

from spec.engines.keras.backend import BACKEND
from spec.engines.keras.derivatives import Tensor
from spec.engines.keras.network import activation, loss, takes_eta
from spec.engines.keras.versions import keras
from spec.fit.contribution import in_float64
from spec.model import Model, quietly

SIZE = 2**17  # linear predictors of one call, for which the program is compiled once


class Told(NamedTuple):
    """
    Derivatives of a loss at linear predictors (r, f), for rows of weight 1. All arrays have the shape (r, f).

    ``slope`` is the derivative of the loss; times `Elements.to_score` it is that of the log-likelihood. ``expected`` and
    ``observed`` are the informations; a canonical link has only one. ``pearson`` is (y - mu)^2 / V if it was asked for.
    """

    slope: np.ndarray
    expected: np.ndarray
    observed: np.ndarray | None
    pearson: np.ndarray | None


class Formulas:
    """
    The same numbers as `Elements`, from the formulas of `spec.model`.

    They only start a fit; the network's own gradient decides where it ends.
    """

    to_score = 1.0

    def __init__(self, model: Model) -> None:
        self.model = model

    @quietly
    def __call__(self, eta: np.ndarray, y: np.ndarray) -> Told:
        """The numbers of `Told` at eta (r, f), for responses y (r, f) or (r, 1)."""
        model, mu = self.model, self.model.link.inverse(eta)
        observed = None if model.is_canonical else -model.row_bend(y, eta)
        return Told(model.row_score(y, eta), model.working_weight(eta), observed, model.pearson(y, mu))


class Elements(Formulas):
    """The compiled loss of a model as a function of eta itself; with Pearson's residuals where there is a ``dispersion``."""

    def __init__(self, model: Model, dispersion: bool) -> None:
        super().__init__(model)
        self.dispersion = dispersion
        self.turn, self.traces = Lock(), True
        of_eta = takes_eta(model)
        with in_float64:
            self.eta = keras.layers.Layer(dtype="float64").add_weight(name="eta", shape=(SIZE, 1), initializer="zeros")
            head = keras.layers.Activation(activation(model.link))
            own, scale = loss(model, of_eta)

            def objective(y: Tensor) -> Tensor:
                return own(y, self._now() if of_eta else head(self._now()))

            self.derivatives = BACKEND.derivatives(objective, [self.eta], [])
            self.program = self.derivatives.program(self._statistics, valued=False)
        self.to_score = -SIZE / scale
        self.spare = np.full((SIZE, 1), model._inside)

    def _now(self) -> Tensor:
        return self.eta + 0.0

    def _statistics(self, y: Tensor) -> list[Tensor]:
        model, eta = self.model, self._now()
        found = [model.working_weight(eta, 1.0, BACKEND)]
        if not model.is_canonical:
            found.append(-model.row_bend(y, eta, 1.0, BACKEND))
        if self.dispersion:
            found.append(model.pearson(y, model.link.inverse(eta, BACKEND), 1.0, BACKEND))
        return found

    def __call__(self, eta: np.ndarray, y: np.ndarray) -> Told:
        """The numbers of `Told` at eta (r, f), `SIZE` numbers at most, for responses y (r, f) or (r, 1)."""
        values, responses = self._filled(eta), self._filled(np.broadcast_to(y, eta.shape))
        takes_values = self.derivatives.takes_values
        with in_float64 if self.traces else nullcontext(), nullcontext() if takes_values else self.turn:
            if not takes_values:
                self.eta.assign(values)
            _, slope, statistics = self.program([values], responses)
        self.traces = self.traces and not BACKEND.compiles
        found = iter([part[: eta.size].reshape(eta.shape) for part in (*slope, *statistics)])
        return Told(
            next(found),
            next(found),
            None if self.model.is_canonical else next(found),
            next(found) if self.dispersion else None,
        )

    def _filled(self, values: np.ndarray) -> np.ndarray:
        flat = values.reshape(-1, 1)
        return flat if len(flat) == SIZE else np.concatenate([flat, self.spare[len(flat) :]])


@lru_cache(maxsize=16)
def elements(model: Model, dispersion: bool) -> Elements:
    """The elements of a model, compiled at their first call."""
    return Elements(model, dispersion)
