"""Causes in the way to the optimum: an answer that is on its way there, or that float32 keeps away from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from spec.diagnosis.causes.penalty import loss_scale
from spec.diagnosis.hypothesis import Context, Hypothesis, Totals
from spec.diagnosis.proof import Metric, at, penalised, problem_of
from spec.families import Binomial, Multinomial, Poisson
from spec.fit.rows import Batch
from spec.likelihood import gram, null_params
from spec.problems import ProblemError

RATES = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 1e-4)
REPLAYED = 2**27  # numbers of a design that are multiplied in a replay of a descent
BATCH = 16  # rows of a batch; Keras takes 32 by default
EPS32 = 2.0**-24


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
        basis = self.context.basis(self.here.intercept)
        root = np.kron(np.eye(self.here.free.shape[1]), np.linalg.inv(basis))
        return root.T @ (self.at_best.lower @ self.at_best.lower.T) @ root

    @cached_property
    def across(self) -> np.ndarray:
        """How a step of each output moves the free ones, (m, m): of classes class 0 moves too."""
        m = self.here.free.shape[1]
        return np.eye(m) + (1.0 if self.here.objective.has_gauge else 0.0) * np.ones((m, m))

    def length(self, difference: np.ndarray) -> float:
        """The length in standard errors of a difference of free parameters (q, m)."""
        return self.at_best.length(np.linalg.solve(self.context.basis(self.here.intercept), difference))

    def near(self, free: np.ndarray) -> bool:
        """Whether the answer is at these parameters (q, m), to the precision that it was brought in, which tells them apart."""
        gone = self.length(self.here.free - self.best.free)
        allowed = max(1e-6, 1e-5 * gone) + 3 * rounded_away(self.context, self.here, self.metric)
        return allowed <= 0.02 * gone and self.length(self.here.free - free) <= allowed


def rounded_away(context: Context, hypothesis: Hypothesis, metric: Metric) -> float:
    """The most that the last digits of an answer move it, in standard errors."""
    if hypothesis.rounding is None or not hypothesis.rounding.any():
        return 0.0
    free = np.abs(hypothesis.rounding[0 if hypothesis.intercept else 1 :])
    free = free[:, 1:] + free[:, :1] if hypothesis.objective.has_gauge else free
    root = np.kron(np.eye(free.shape[1]), np.linalg.inv(context.basis(hypothesis.intercept)))
    lengths = np.linalg.norm(metric.lower.T @ root, axis=0) / np.sqrt(metric.dispersion)
    return float(lengths @ free.T.ravel())


def newton_steps(way: Way) -> str | None:
    """The answer is an iterate of scoring from a usual start."""
    if (
        not way.context.in_memory
        or not way.here.objective.is_likelihood
        or way.here.penalty is not None
        or way.here.pull is not None
    ):
        return None
    rows = way.here.rows(*way.context.all)
    gone = way.length(way.here.free - way.best.free)
    for name, eta in _starts(way, rows):
        for step in range(1, 26):
            free = _weighted(way, rows, eta)
            if free is None:
                break
            if way.near(free):
                return f"it is iterate {step} of scoring from {name}"
            if way.length(free - way.best.free) < gone / 4:
                break  # later ones are nearer still
            here = at(way.here, free)
            eta = rows.X @ here.matrix[1:] + here.matrix[0] + (0 if rows.offset is None else rows.offset)
    return None


def _starts(way: Way, rows: Batch) -> Iterator[tuple[str, np.ndarray]]:
    """Linear predictors (n, k) that programs start from: R's and statsmodels' own means, and weights of zero."""
    model = way.here.objective.model
    yield "zero", np.zeros_like(rows.y) + (0 if rows.offset is None else rows.offset)
    with suppress(ProblemError):  # the responses may be outside the domain of another family's loss
        problem = problem_of(way.context, way.here)
        yield "the null model", problem.eta(null_params(problem))
    if model.has_classes:
        return
    weight, plain = rows.weights[:, None], rows.y.mean(axis=0)
    family = model.family
    mean = (weight * rows.y).sum(axis=0) / weight.sum()
    starts = {
        "the mean": np.broadcast_to(mean, rows.y.shape),
        "R's start": (weight * rows.y + 0.5) / (weight + 1)
        if isinstance(family, Binomial)
        else (rows.y + 0.1 if isinstance(family, Poisson) else rows.y),
        "statsmodels' start": (rows.y + 0.5) / 2 if isinstance(family, Binomial) else (rows.y + plain) / 2,
    }
    for name, mu in starts.items():
        eta = model.link(mu)
        if np.isfinite(eta).all() and model.eta_domain.contains(eta).all():
            yield name, eta


def _weighted(way: Way, rows: Batch, eta: np.ndarray) -> np.ndarray | None:
    """The weighted least squares of one step of scoring at linear predictors (n, k): the free parameters (q, m)."""
    objective, weight = way.here.objective, rows.weights[:, None]
    design = np.hstack([np.ones((len(rows), 1)), rows.X]) if way.here.intercept else rows.X
    white = design @ way.context.basis(way.here.intercept)
    working = objective.information(eta, weight)
    score = objective.score(rows.y, eta, weight)
    offset = np.zeros_like(eta) if rows.offset is None else rows.offset
    linear = objective.free(eta - offset)
    m = linear.shape[1]
    total = white.T @ (score + (working @ linear[:, :, None])[:, :, 0])
    try:
        found = np.linalg.solve(gram(white, working), total.T.ravel()).reshape(m, -1).T
    except np.linalg.LinAlgError:
        return None
    return way.context.basis(way.here.intercept) @ found if np.isfinite(found).all() else None


def descent_path(way: Way) -> str | None:
    """The answer lies on the path of gradient descent from zero: replayed at usual rates."""
    context = way.context
    if not context.in_memory or context.k > 1 or len(way.here.matrix) < 2:
        return None
    rows = way.here.rows(*context.all)
    design = np.hstack([np.ones((len(rows), 1)), rows.X]) if way.here.intercept else rows.X
    record = context.answer.record
    rates = (record.learning_rate,) if record is not None and record.steps else RATES
    most = min(5000, REPLAYED // (len(rates) * design.size))
    if record is not None and record.steps:
        most = min(most, record.steps)
    goal, scale = way.here.free, loss_scale(way.here)
    size = np.maximum(np.abs(goal).max(), 1e-300)
    objective, weight = way.here.objective, rows.weights[:, None]
    offset = 0 if rows.offset is None else rows.offset
    pull = way.here.penalty
    if way.here.pull is not None:
        return None
    for rate in rates:
        free, last = np.zeros_like(goal), np.inf
        for step in range(1, most + 1):
            score = design.T @ objective.score(rows.y, design @ free + offset, weight)
            if pull is not None:
                score = score - (pull @ free.T.ravel()).reshape(score.T.shape).T
            move = rate * scale / len(rows) * score
            free = free + move
            gap = float(np.abs(free - goal).max())
            if step > 8 and np.abs(move).max() * (most - step) < gap:
                break  # it is too slow to come there
            if gap <= 1e-6 * size and way.near(free):
                return f"it is step {step} of gradient descent from zero with the rate {rate:g}"
            if not np.isfinite(gap) or gap > 4 * size + last or (gap > last and gap > 0.5 * size):
                break
            last = gap
    return None


def float32(way: Way) -> str | None:
    """What is left of the gradient is lost in single precision: a step no longer changes a weight, or rounding hides it."""
    record = way.context.answer.record
    if record is None or not record.steps or way.here.rounding is None or not way.here.rounding.any():
        return None
    n, scale = way.context.facts.n, loss_scale(way.here)
    basis = way.context.basis(way.here.intercept)
    spread = np.abs(np.linalg.inv(basis).T) @ np.sqrt(way.totals.squares * n)
    stalled = EPS32 * np.abs(way.here.free) * n / (scale * max(record.learning_rate, 1e-12))
    if (np.abs(way.score) <= 2 * (stalled + EPS32 * spread)).all():
        return "what is left of its gradient is below the rounding of float32, in which it was trained"
    return None


def _modes(way: Way) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (curvatures, away, whole): of each axis of the descent, with the answer's and zero's distance from the optimum."""
    q = len(way.here.free)
    values, vectors = np.linalg.eigh(way.across)
    root = np.kron(vectors * np.sqrt(values) @ vectors.T, np.eye(q))
    back = np.linalg.inv(root)
    curvatures, axes = np.linalg.eigh(root @ way.information @ root)
    along = axes.T @ back
    away = np.abs(along @ (way.here.free - way.best.free).T.ravel())
    whole = np.abs(along @ way.best.free.T.ravel())
    return curvatures, away, whole


def _descent(way: Way) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return (away, left, noise) along each axis: the answer's distance, what the steps leave, what batches add."""
    record = way.context.answer.record
    if record is None or not record.steps or "sgd" not in record.optimizer.lower():
        return None
    n, scale = way.context.facts.n, loss_scale(way.here)
    curvatures, away, whole = _modes(way)
    share = np.abs(1 - record.learning_rate * scale * curvatures / n)
    left = np.minimum(share, 1.0) ** record.steps * (whole + 4 * record.init)
    noise = np.full_like(left, np.sqrt(record.learning_rate * scale * way.at_best.dispersion / (2 * min(BATCH, n))))
    return away, left, noise


def stopped(way: Way) -> str | None:
    """The training ended too early: what is left of the way is what so many steps leave, or what the optimizer still sees."""
    record = way.context.answer.record
    if record is None or not record.steps:
        return None
    told = f"training ended after {record.steps} steps of {record.optimizer} at the rate {record.learning_rate:g}"
    if (found := _descent(way)) is not None:
        away, left, noise = found
        worst = int(np.argmax(away))
        if (away <= 4 * (left + noise)).all() and left[worst] > noise[worst] and away[worst] > left[worst] / 30:
            return f"{told}: the way that is left lies along the flattest directions, as it does after so few steps"
        return None
    if record.mean is None or record.square is None:
        return None
    gradient = -way.score * loss_scale(way.here) / way.context.facts.n
    seen = way.here.objective.free(record.mean[0 if way.here.intercept else 1 :]) / (1 - 0.9**record.steps)
    wide = np.sqrt(np.abs(record.square[0 if way.here.intercept else 1 :]) / (1 - 0.999**record.steps))
    wide = wide[:, 1:] + wide[:, :1] if way.here.objective.has_gauge else wide
    wide = wide + np.abs(seen)
    if (np.abs(gradient - seen) <= wide).all():
        return f"{told}: its running mean of the gradient is the gradient at your weights, so it was still on its way"
    return None


def minibatch_noise(way: Way) -> str | None:
    """The answer wanders around the optimum, as steps of a few rows each do."""
    if (found := _descent(way)) is None:
        return None
    away, left, noise = found
    if (away <= 4 * (left + noise)).all():
        record = way.context.answer.record
        assert record is not None
        return f"steps of few rows each wander around the optimum: at the rate {record.learning_rate:g} by about this much"
    return None


def undersampled(way: Way) -> str | None:
    """The intercept is far off, the rest no more than a sample of the rows makes it: it is likely, and cannot be proven."""
    objective = way.here.objective
    if not way.here.intercept or not isinstance(objective.model.family, (Binomial, Multinomial)):
        return None
    gone = np.linalg.solve(way.context.basis(True), way.here.free - way.best.free)
    axes = np.linalg.solve(way.context.basis(True), np.eye(len(gone))[:, :1])  # the intercept, in white coordinates
    m = gone.shape[1]
    along = np.column_stack([(way.at_best.lower.T @ np.kron(np.eye(m)[:, [j]], axes)).ravel() for j in range(m)])
    whole = way.at_best.lower.T @ gone.T.ravel()
    shift, *_ = np.linalg.lstsq(along, whole, rcond=None)
    rest, total = float(np.linalg.norm(whole - along @ shift)), float(np.linalg.norm(whole))
    equations = gone.size - m
    if equations < 1 or not 0.2 * np.sqrt(equations) <= rest <= 2 * np.sqrt(equations):
        return None
    if equations * np.log10(rest / total) > -5:
        return None
    shares = ", ".join(f"{np.exp(-abs(value)):.3g}" for value in shift)
    off = ", ".join(f"{value:.4g}" for value in shift)
    return f"the intercept is off by {off}, as if {shares} of the rows of one class were kept"


VERDICTS: dict[str, Callable[[Way], str | None]] = {
    "newton-steps": newton_steps,
    "descent-path": descent_path,
    "float32": float32,
    "stopped": stopped,
    "minibatch-noise": minibatch_noise,
    "undersampled": undersampled,
}
