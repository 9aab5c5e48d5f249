"""The result of a fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from spec.fit.maximise import Pass
from spec.fit.rows import Rows
from spec.model import Model, Params
from spec.scoring import Steer


@dataclass(frozen=True, eq=False)
class Fitted:
    """
    The result of a fit.

    ``distance`` is the estimated distance from the optimum, in standard errors, extrapolated from the last steps. ``passes``
    are the passes over the data, in order. ``reason`` says why the fit ended, and so why it has not ``converged`` if it has
    not. ``columns`` name those of the design but the intercept, ``outputs`` the output neurons: the classes of a softmax.
    ``notes`` are sentences about what was fitted, such as that it is a quasi-likelihood.
    """

    model: Model
    params: Params
    dispersion: float
    distance: float
    converged: bool
    reason: str
    passes: tuple[Pass, ...]
    rows: int
    intercept: bool = True
    columns: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ("y",)
    notes: tuple[str, ...] = ()
    _value: float = field(default=np.nan, repr=False)  # the log-likelihood at dispersion 1, without its constants
    _rows: Rows | None = field(default=None, repr=False)  # those that were fitted
    _steer: Steer | None = field(default=None, repr=False)  # the information at the optimum, factored
    _prepared: Callable[[Any, Any], Rows] | None = field(default=None, repr=False)  # rows of other data: of their X and offset

    @cached_property
    def covariance(self) -> np.ndarray:
        """
        The covariance of the free parameters, (m q, m q), output after output; the intercept first.

        It is the inverse of the expected information times the dispersion; infinite where the information is singular.
        """
        if self._steer is None:
            size = (self.params.coef.shape[0] + self.intercept) * max(self.params.coef.shape[1] - 1, 1)
            return np.full((size, size), np.inf)
        return self._steer.covariance(self.dispersion)

    @cached_property
    def standard_errors(self) -> np.ndarray:
        """
        (q, m): a row for the intercept, where there is one, and for each column of X.

        A column for each output but class 0 of a softmax. They are computed from the expected information and, where the family
        has a dispersion, Pearson's estimate of it.
        """
        if self._steer is None:
            return np.full((self.params.coef.shape[0] + self.intercept, max(self.params.coef.shape[1] - 1, 1)), np.inf)
        return self._steer.standard_errors(self.dispersion)

    @cached_property
    def _constants(self) -> tuple[float, float]:
        """The log-likelihood's terms free of the parameters, and the saturated model's kernel; in one pass over y."""
        family = self.model.family
        normaliser = saturated = 0.0
        assert self._rows is not None
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
