"""The way of an answer to the optimum of its hypothesis: what is known of both ends."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spec.diagnosis.hypothesis import Context, Hypothesis, Totals
from spec.diagnosis.proof import Metric, penalised

CHANCE = -3.0  # the logarithm to base 10 of the chance that an explanation fits by accident


@dataclass(frozen=True, eq=False)
class Way:
    """An answer away from the optimum of its hypothesis, (q, m) both, and what is known there and here."""

    context: Context
    here: Hypothesis
    totals: Totals
    metric: Metric
    best: Hypothesis
    at_best: Metric

    @cached_property
    def score(self) -> np.ndarray:
        """The score (q, m) in the design's own columns."""
        basis = self.context.basis(self.here.intercept)
        return np.linalg.solve(basis.T, penalised(self.context, self.here, self.totals.score))

    @cached_property
    def information(self) -> np.ndarray:
        """The information at the optimum in the design's own columns, (q m, q m)."""
        return self._information(self.at_best)

    @property
    def information_here(self) -> np.ndarray:
        """The same at the answer."""
        return self._information(self.metric)

    def _information(self, metric: Metric) -> np.ndarray:
        basis = self.context.basis(self.here.intercept)
        root = np.kron(np.eye(self.here.free.shape[1]), np.linalg.inv(basis))
        return root.T @ (metric.lower @ metric.lower.T) @ root

    @cached_property
    def across(self) -> np.ndarray:
        """How a step of each output moves the free ones, (m, m): of classes class 0 moves too."""
        m = self.here.free.shape[1]
        return np.eye(m) + (1.0 if self.here.objective.has_gauge else 0.0) * np.ones((m, m))

    def length(self, difference: np.ndarray) -> float:
        """The length in standard errors of a difference of free parameters (q, m)."""
        return self.at_best.length(np.linalg.solve(self.context.basis(self.here.intercept), difference))

    @cached_property
    def gone(self) -> float:
        """The distance of the answer from the optimum, in standard errors."""
        return self.length(self.here.free - self.best.free)

    @cached_property
    def allowed(self) -> float:
        """The distance, in standard errors, that the precision of the answer leaves between it and where it was made."""
        return max(1e-6, 1e-5 * self.gone) + 3 * rounded_away(self.context, self.here, self.metric)

    @property
    def tells(self) -> bool:
        """Whether the precision of the answer tells it from the optimum."""
        return self.allowed <= 0.02 * self.gone

    def near(self, free: np.ndarray) -> bool:
        """Whether the answer is at these parameters (q, m), and not at the optimum."""
        return self.tells and self.length(self.here.free - free) <= self.allowed


def rounded_away(context: Context, hypothesis: Hypothesis, metric: Metric) -> float:
    """The most that the last digits of an answer move it, in standard errors."""
    if hypothesis.rounding is None or not hypothesis.rounding.any():
        return 0.0
    free = np.abs(hypothesis.rounding[0 if hypothesis.intercept else 1 :])
    free = free[:, 1:] + free[:, :1] if hypothesis.objective.has_gauge else free
    root = np.kron(np.eye(free.shape[1]), np.linalg.inv(context.basis(hypothesis.intercept)))
    lengths = np.linalg.norm(metric.lower.T @ root, axis=0) / np.sqrt(metric.dispersion)
    return float(lengths @ free.T.ravel())
