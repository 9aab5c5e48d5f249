"""Causes that put the columns into other units, and with them the coefficients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from spec.diagnosis.causes.cause import Change
from spec.diagnosis.hypothesis import Context, Hypothesis
from spec.diagnosis.proof import at, nearest_optimum
from spec.fit.rows import Batch

UNITS = (2.0, 7.0, 10.0, 12.0, 24.0, 60.0, 100.0, 255.0, 256.0, 365.0, 365.25, 1000.0, 3600.0, 1e4, 1e5, 1e6, 1e9)
NEAR = (0.02, 0.1, 0.3)  # how near the logarithm of a ratio is to that of a unit: alone, and beside another cause


def _rescaled(hypothesis: Hypothesis, shift: np.ndarray, scale: np.ndarray) -> Hypothesis:
    """The hypothesis whose coefficients are those of (x - shift) / scale, in the units of x."""

    def in_units(matrix: np.ndarray) -> np.ndarray:
        kernel = matrix[1:] / scale[:, None]
        return np.vstack([matrix[:1] - shift @ kernel, kernel])

    return hypothesis.mapped(in_units)


def _moved(hypothesis: Hypothesis, shift: np.ndarray, scale: np.ndarray) -> Hypothesis:
    """The hypothesis of a model without an intercept, whose columns are (x - shift) / scale."""
    return hypothesis.of_batch(lambda batch: replace(batch, X=(batch.X - shift) / scale))


def _numeric(context: Context) -> Iterator[tuple[str, np.ndarray]]:
    """Which columns are meant: all, and those that are more than 0 and 1 if that is another choice."""
    varies = context.facts.deviation > 1e-12 * np.abs(context.facts.mean)
    yield "the columns", varies
    numeric = varies & ~context.facts.binary
    if numeric.any() and (numeric != varies).any():
        yield "the columns that are not 0 and 1 only", numeric


def standardised(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """Columns less their means, divided by their standard deviations."""
    facts = context.facts
    for which, used in _numeric(context):
        for ddof in (0, 1):
            scale = np.where(used, facts.deviation * np.sqrt(facts.n / max(facts.n - ddof, 1)), 1.0)
            by = "" if ddof == 0 else ", which are divided by n - 1"
            if hypothesis.intercept:
                shift = np.where(used, facts.mean, 0.0)
                says = f"{which} are standardised: less the mean, divided by the standard deviation{by}"
                yield Change(_rescaled(hypothesis, shift, scale), says, {"mean": shift, "deviation": scale})
            else:
                shift = np.where(used, facts.mean, 0.0)
                says = f"{which} are standardised, and there is no intercept{by}"
                yield Change(_moved(hypothesis, shift, scale), says, {"mean": shift, "deviation": scale})
            says = f"{which} are divided by their standard deviations{by}"
            yield Change(_rescaled(hypothesis, np.zeros_like(scale), scale), says, {"deviation": scale})


def centred(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """Columns less their means."""
    if not hypothesis.intercept:
        return
    for which, used in _numeric(context):
        shift = np.where(used, context.facts.mean, 0.0)
        if shift.any():
            yield Change(
                _rescaled(hypothesis, shift, np.ones_like(shift)), f"{which} are centred at their means", {"mean": shift}
            )


def min_max(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """Columns from 0 to 1, or from -1 to 1."""
    facts = context.facts
    reach = facts.high - facts.low
    for which, used in _numeric(context):
        used = used & (reach > 0)
        if not hypothesis.intercept or ((facts.low[used] == 0) & (facts.high[used] == 1)).all():
            continue
        scale, shift = np.where(used, reach, 1.0), np.where(used, facts.low, 0.0)
        yield Change(_rescaled(hypothesis, shift, scale), f"{which} are scaled to run from 0 to 1")
        middle = np.where(used, (facts.low + facts.high) / 2, 0.0)
        yield Change(_rescaled(hypothesis, middle, np.where(used, reach / 2, 1.0)), f"{which} are scaled to run from -1 to 1")


def units(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """A few columns in other units: the ratio to the best coefficient is a number such as 100 or 1/60, or near one."""
    own = hypothesis.objective.free(hypothesis.matrix[1:])
    best = _best(context, hypothesis)
    if best is None or best.shape != own.shape:
        return
    ratios = np.median(np.log(np.abs(own / best)), axis=1)
    told = set()
    for near in NEAR:
        scale = np.array([_unit(ratio, near) for ratio in ratios])
        if (scale != 1).any() and tuple(scale) not in told:
            told.add(tuple(scale))
            named = ", ".join(f"{context.question.columns[j]} is in units of {scale[j]:g}" for j in np.flatnonzero(scale != 1))
            yield Change(_rescaled(hypothesis, np.zeros_like(scale), scale), named, {"scale": scale})


def _best(context: Context, hypothesis: Hypothesis) -> np.ndarray | None:
    """The coefficients (p, m) at the optimum: of the question, or of a hypothesis of few rows that changes rows or model."""
    is_same = not hypothesis.steps and hypothesis.objective.model == context.question.model
    if context.best is None or is_same or not context.is_small:
        return None if context.best is None else context.best[int(context.question.intercept) :]
    if hypothesis.intercept != context.question.intercept or hypothesis.free.shape != context.best.shape:
        return None
    found = nearest_optimum(context, at(hypothesis, context.best))
    return None if found is None else found[0].free[int(hypothesis.intercept) :]


def _unit(ratio: float, near: float) -> float:
    """The unit, or 1, whose logarithm is nearest to that of a ratio; 1 where none is near."""
    usual = np.array([1.0, *UNITS, *(1 / unit for unit in UNITS)])
    away = np.abs(np.log(usual) - ratio)
    nearest = int(np.argmin(np.nan_to_num(away, nan=np.inf)))
    return float(usual[nearest]) if away[nearest] < near else 1.0


def float32_inputs(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """Columns rounded to single precision."""

    def rounded(batch: Batch) -> Batch:
        return replace(batch, X=batch.X.astype(np.float32).astype(float))

    if context.facts.has_fine_columns:
        yield Change(hypothesis.of_batch(rounded), "the columns are rounded to float32")
