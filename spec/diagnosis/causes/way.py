"""The way from an answer to the optimum of its hypothesis: sums and distances at both ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.optimize import linprog
from scipy.special import gammaln

from spec.diagnosis.context import Context
from spec.diagnosis.hypothesis import Hypothesis
from spec.diagnosis.proof import Metric, penalised
from spec.diagnosis.sums import Totals

EXACT = 1e-6  # standard errors: what an answer may be away from an optimum that it is at, beyond its rounding
VAGUE = 0.1  # standard errors: half a unit of the last digit of a coefficient that says too little of it
CHANCE = -3.0  # the logarithm to base 10 of the chance that an explanation fits by accident


def keeps_digits(
    context: Context, hypothesis: Hypothesis, best: np.ndarray, metric: Metric, vectors: Sequence[np.ndarray] = ()
) -> bool:
    """Whether all coefficients agree with an optimum (q, m), as `digits_kept` says."""
    return bool(digits_kept(context, hypothesis, best, metric, vectors).all())


def digits_kept(
    context: Context,
    hypothesis: Hypothesis,
    best: np.ndarray,
    metric: Metric,
    vectors: Sequence[np.ndarray] = (),
    units: float = 1.0,
) -> np.ndarray:
    """
    Which coefficients (q, m) agree with an optimum (q, m) to so many ``units`` of the last digit that was written.

    ``vectors``, each (q, m) in white coordinates, are how the score changes with numbers that were chosen from the answer: the
    optimum may move as they do.
    """
    half = _written(hypothesis)
    half = np.zeros_like(hypothesis.free) if half is None else half
    basis = context.basis(hypothesis.intercept)
    errors = metric.standard_errors(basis)
    exact = replace(hypothesis, rounding=np.abs(hypothesis.matrix) * 2.0**-52)
    away = hypothesis.free - best
    allowed = 2 * units * half + (EXACT + 3 * rounded_away(context, exact, metric)) * errors
    if len(vectors):
        moves = np.column_stack([(basis @ metric.step(vector)).ravel() for vector in vectors])
        away = _least(away.ravel(), moves, allowed.ravel()).reshape(away.shape)
    return np.asarray(np.abs(away) <= allowed)


def _least(away: np.ndarray, moves: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """What is left of differences (c,) by the combination of moves (c, u) whose largest remainder, in units allowed, is least."""
    size = np.abs(moves / allowed[:, None]).max(axis=0)
    ways, count = moves / allowed[:, None] / size, moves.shape[1]
    bounds = np.vstack([np.hstack([-ways, -np.ones((len(away), 1))]), np.hstack([ways, -np.ones((len(away), 1))])])
    right = np.concatenate([-away / allowed, away / allowed])
    found = linprog([0.0] * count + [1.0], A_ub=bounds, b_ub=right, bounds=[(None, None)] * count + [(0, None)])
    return away - moves @ (found.x[:count] / size) if found.status == 0 else away


def is_vague(context: Context, hypothesis: Hypothesis, metric: Metric) -> bool:
    """Whether some coefficient was written with too few digits for its standard error: then it fits too many optima."""
    half = _written(hypothesis)
    return half is not None and bool((half > VAGUE * metric.standard_errors(context.basis(hypothesis.intercept))).any())


def chance_of_digits(context: Context, hypothesis: Hypothesis, metric: Metric, before: float) -> float:
    """
    The logarithm to base 10 of the chance that an optimum drawn at random has the digits that were written, see `digits_kept`.

    It is drawn no more than ``before`` standard errors from the answer: the volume of the box of the digits, over that of the
    ellipsoid. 0, which says nothing, where all digits are known.
    """
    half = _written(hypothesis)
    if half is None or not (half > 0).all() or not np.isfinite(before):
        return 0.0
    basis, q = context.basis(hypothesis.intercept), half.size
    spread = half.shape[1] * np.linalg.slogdet(basis)[1] - np.log(np.diag(metric.lower)).sum() + q / 2 * np.log(metric.dispersion)
    ball = q / 2 * np.log(np.pi) - gammaln(q / 2 + 1) + q * np.log(before)
    return float(min(np.log(4 * half).sum() - spread - ball, 0.0) / np.log(10))


def _written(hypothesis: Hypothesis) -> np.ndarray | None:
    """Half a unit of the last digit of each free parameter (q, m); None where all digits are known."""
    if hypothesis.rounding is None or not hypothesis.rounding.any():
        return None
    free = np.abs(hypothesis.rounding[hypothesis.first :])
    return free[:, 1:] + free[:, :1] if hypothesis.objective.has_gauge else free


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
        """The information at the answer in the design's own columns, (q m, q m)."""
        return self._information(self.metric)

    def _information(self, metric: Metric) -> np.ndarray:
        basis = self.context.basis(self.here.intercept)
        root = np.kron(np.eye(self.here.free.shape[1]), np.linalg.inv(basis))
        return root.T @ (metric.lower @ metric.lower.T) @ root

    @cached_property
    def across(self) -> np.ndarray:
        """How a step of each output moves the free outputs, (m, m): in a softmax class 0 moves too."""
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
        return max(EXACT, 1e-5 * self.gone) + 3 * rounded_away(self.context, self.here, self.metric)

    @property
    def tells(self) -> bool:
        """Whether the precision of the answer tells it from the optimum."""
        return self.allowed <= 0.02 * self.gone

    def is_written(self, free: np.ndarray) -> bool:
        """Whether the answer has the digits of these parameters (q, m), each to half a unit of the last that was written."""
        half = _written(self.here)
        errors = self.at_best.standard_errors(self.context.basis(self.here.intercept))
        allowed = EXACT * errors + (0.0 if half is None else 1.001 * half)
        return bool((np.abs(self.here.free - free) <= allowed).all())

    def near(self, free: np.ndarray) -> bool:
        """Whether the answer is at these parameters (q, m), and not at the optimum."""
        return self.tells and self.length(self.here.free - free) <= self.allowed


def rounded_away(context: Context, hypothesis: Hypothesis, metric: Metric) -> float:
    """The most that the last digits of an answer move it, in standard errors."""
    if (free := _written(hypothesis)) is None:
        return 0.0
    root = np.kron(np.eye(free.shape[1]), np.linalg.inv(context.basis(hypothesis.intercept)))
    lengths = np.linalg.norm(metric.lower.T @ root, axis=0) / np.sqrt(metric.dispersion)
    return float(lengths @ free.T.ravel())
