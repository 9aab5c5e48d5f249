"""What an estimator was told to do, applied to a hypothesis, and whether its solver's own rule holds at the answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spec.diagnosis.causes import named
from spec.diagnosis.causes.penalty import elastic, quadratic
from spec.diagnosis.causes.rows import weighing_classes
from spec.diagnosis.causes.way import EXACT
from spec.diagnosis.estimator import Settings
from spec.diagnosis.hypothesis import Context, Hypothesis, Totals
from spec.diagnosis.proof import penalised, summed


def as_told(context: Context, hypothesis: Hypothesis, settings: Settings) -> Hypothesis:
    """The hypothesis with the weights of the classes and the penalty that an estimator was told, each a finding."""
    penalty: str | None = None
    found = list(hypothesis.found)
    classes = context.facts.classes
    counts = classes if context.k > 1 else np.array([context.facts.n - classes[0], classes[0]])
    if (weights := settings.weights(counts)) is not None:
        says = f"{settings.how} class_weight={settings.class_weight!r}: {', '.join(f'{weight:.6g}' for weight in weights)}"
        found.append(named("class-weights").finding(says, weights=weights))
        hypothesis = weighing_classes(hypothesis, weights)
    per = _weight(context, hypothesis) if settings.per_row else 1.0
    strength, absolute, of_bias = settings.strength * per, settings.absolute * per, settings.of_bias and hypothesis.intercept
    reading, factors = quadratic(context, hypothesis, of_bias), np.array([absolute, strength])
    rows, code = context.facts.n, "ridge-bias" if of_bias else "ridge"
    plain = hypothesis
    if strength and reading.become is not None:
        penalty, hypothesis = reading.says(factors[1:], rows), reading.become(hypothesis, factors[1:])
    if absolute and not hypothesis.objective.has_gauge:
        which = " and the bias" if of_bias else ""
        code, penalty = "lasso", elastic(hypothesis, factors if strength else factors[:1], rows, which)
        hypothesis = _pulled(context, hypothesis, absolute, of_bias)
    if not _moves(context, plain, hypothesis):
        return replace(plain, found=tuple(found))
    if penalty:
        found.append(named(code).finding(f"{settings.how} {penalty}", factors=factors))
    return replace(hypothesis, found=tuple(found))


def _moves(context: Context, plain: Hypothesis, penalty: Hypothesis) -> bool:
    """Whether a penalty moves the optimum so far that a distance shows it; one of C=1e12 does not."""
    if (sums := summed(context, plain, exact=False)) is None:
        return True
    totals, metric = sums
    return metric.distance(penalised(context, penalty, totals.score) - penalised(context, plain, totals.score)) > EXACT


def _pulled(context: Context, hypothesis: Hypothesis, size: float, of_bias: bool) -> Hypothesis:
    """The hypothesis with the pull of absolute values: against the sign of a weight; at one of 0, as much as holds it there."""
    (totals,) = context.totals([hypothesis])
    if totals is None:
        return hypothesis
    weights = hypothesis.of_brought @ hypothesis.free
    score = _brought_score(context, hypothesis, totals)
    pull = np.where(weights == 0, np.clip(score, -size, size), size * np.sign(weights))
    pull[: int(hypothesis.intercept)] *= of_bias
    return replace(hypothesis, pull=hypothesis.of_brought.T @ pull)


def _brought_score(context: Context, hypothesis: Hypothesis, totals: Totals) -> np.ndarray:
    """The score (q, m) in the columns as the program had them."""
    own = np.linalg.solve(context.basis(hypothesis.intercept).T, penalised(context, hypothesis, totals.score))
    return np.linalg.solve(hypothesis.of_brought.T, own)


def _weight(context: Context, hypothesis: Hypothesis) -> float:
    """What the rows of a hypothesis weigh together."""
    return float(sum(hypothesis.rows(*piece).weights.sum() for piece in context.batches()))


def keeps_its_rule(context: Context, hypothesis: Hypothesis, totals: Totals, settings: Settings) -> bool:
    """Whether no slope of the mean loss, in the columns as the solver had them, is larger than it stops at."""
    if settings.slope is None:
        return False
    slopes = _brought_score(context, hypothesis, totals) / _weight(context, hypothesis)
    if hypothesis.objective.has_gauge:
        slopes = np.hstack([-slopes.sum(axis=1, keepdims=True), slopes])
    return bool(np.abs(slopes).max(initial=0.0) <= settings.slope * (1 + 1e-6))  # two sums of the same rows differ by less
