"""The result of a fit."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from spec.fit.maximise import Pass
from spec.fit.rows import Rows
from spec.model import Model, Params


@dataclass(frozen=True, eq=False)
class Fitted:
    """
    The result of a fit.

    ``standard_errors`` (q, m) are shaped like `Problem.free`: a row for the intercept, where there is one, and for each column
    of X; a column for each output but class 0 of a softmax. They are computed from the expected information and, where the
    family has a dispersion, Pearson's estimate of it. ``distance`` is the estimated distance from the optimum, in standard
    errors, extrapolated from the last steps. ``passes`` are the passes over the data, in order. ``reason`` says why the fit
    ended, and so why it has not ``converged`` if it has not.
    """

    model: Model
    params: Params
    standard_errors: np.ndarray
    dispersion: float
    distance: float
    converged: bool
    reason: str
    passes: tuple[Pass, ...]
    rows: int
    _value: float = field(repr=False)
    _rows: Rows = field(repr=False)

    @cached_property
    def _constants(self) -> tuple[float, float]:
        """The log-likelihood's terms free of the parameters, and the saturated model's kernel; in one pass over y."""
        family = self.model.family
        normaliser = saturated = 0.0
        for batch in self._rows.read(2**14):
            y, weights = batch.y, batch.weights[:, None]
            y, weights = y[weights[:, 0] > 0], weights[weights[:, 0] > 0]
            by_weight = family.normaliser(y, 1 / weights) if family.has_dispersion else weights * family.normaliser(y)
            inner = np.full_like(y, 1 / y.shape[1] if y.shape[1] > 1 else 0.5)
            normaliser += float(by_weight.sum())
            saturated += float((weights * (family.kernel(y, inner) + family.unit_deviance(y, inner) / 2)).sum())
        return normaliser, saturated

    @property
    def log_likelihood(self) -> float:
        """The log-likelihood with its constants, at dispersion 1. The first call makes a pass over y."""
        return self._value + self._constants[0]

    @property
    def deviance(self) -> float:
        """Twice the gain of the saturated model in log-likelihood, at dispersion 1. The first call makes a pass over y."""
        return 2 * (self._constants[1] - self._value)
