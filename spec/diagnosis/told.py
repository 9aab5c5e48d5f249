"""What an estimator was told to do, applied to a hypothesis, and whether its solver's own rule holds at the answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spec.diagnosis.causes import named
from spec.diagnosis.causes.penalty import quadratic
from spec.diagnosis.causes.rows import weighing_classes
from spec.diagnosis.hypothesis import Context, Hypothesis, Totals
from spec.diagnosis.proof import penalised


def as_told(context: Context, hypothesis: Hypothesis) -> Hypothesis:
    """The hypothesis with the weights of the classes and the penalty that the estimator was told, each a finding."""
    settings = context.answer.settings
    if settings is None:
        return hypothesis
    found = list(hypothesis.found)
    classes = context.facts.classes
    counts = classes if context.k > 1 else np.array([context.facts.n - classes[0], classes[0]])
    if (weights := settings.weights(counts)) is not None:
        says = f"it was told class_weight={settings.class_weight!r}: {', '.join(f'{weight:.6g}' for weight in weights)}"
        found.append(named("class-weights").finding(says, weights=weights))
        hypothesis = weighing_classes(hypothesis, weights)
    strength = settings.strength * (_weight(context, hypothesis) if settings.per_row else 1.0)
    if strength:
        reading = quadratic(context, hypothesis, of_bias=settings.of_bias and hypothesis.intercept)
        factors = np.array([strength])
        assert reading.become is not None
        penalty = reading.says(factors, context.facts.n)
        code = "ridge-bias" if settings.of_bias else "ridge"
        found.append(named(code).finding(f"it was told {penalty}", factors=factors))
        hypothesis = reading.become(hypothesis, factors)
    return replace(hypothesis, found=tuple(found))


def _weight(context: Context, hypothesis: Hypothesis) -> float:
    """What the rows of a hypothesis weigh together."""
    return float(sum(hypothesis.rows(*piece).weights.sum() for piece in context.batches()))


def keeps_its_rule(context: Context, hypothesis: Hypothesis, totals: Totals) -> bool:
    """Whether no slope of the mean loss, in the columns as the solver had them, is larger than it stops at."""
    settings = context.answer.settings
    if settings is None or settings.slope is None:
        return False
    basis = context.basis(hypothesis.intercept)
    score = np.linalg.solve(basis.T, penalised(context, hypothesis, totals.score))
    slopes = np.linalg.solve(hypothesis.of_brought.T, score) / _weight(context, hypothesis)
    if hypothesis.objective.has_gauge:
        slopes = np.hstack([-slopes.sum(axis=1, keepdims=True), slopes])
    return bool(np.abs(slopes).max(initial=0.0) <= settings.slope * (1 + 1e-6))
