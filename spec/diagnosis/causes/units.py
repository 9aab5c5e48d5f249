"""Causes that put the columns into other units, and with them the coefficients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from spec.diagnosis.causes.cause import Change
from spec.diagnosis.hypothesis import Context, Hypothesis
from spec.diagnosis.proof import at, nearest_optimum
from spec.fit.rows import Batch
from spec.links import Log

UNITS = (2.0, 7.0, 10.0, 12.0, 24.0, 60.0, 100.0, 255.0, 256.0, 365.0, 365.25, 1000.0, 3600.0, 1e4, 1e5, 1e6, 1e9)
ALONE = 16  # numeric columns, of which each is tried alone
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


def _numeric(context: Context, hypothesis: Hypothesis) -> Iterator[tuple[str, np.ndarray, dict[str, Any]]]:
    """
    Yield (subject and verb, mask, values): all columns, those that are more than 0 and 1, and each of these alone.

    One alone is asked about without another cause.
    """
    varies = context.facts.deviation > 1e-12 * np.abs(context.facts.mean)
    yield "the columns are", varies, {}
    numeric = varies & ~context.facts.binary
    if numeric.any() and (numeric != varies).any():
        yield "the columns that are not 0 and 1 only are", numeric, {}
    if varies.sum() > 1 and numeric.sum() <= ALONE and not hypothesis.codes:
        for j in np.flatnonzero(numeric):
            name = context.question.columns[j]
            yield f"the column {name} is", np.arange(len(varies)) == j, {"column": name}


def standardised(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """Columns less their means, divided by their standard deviations."""
    facts = context.facts
    for which, used, alone in _numeric(context, hypothesis):
        for ddof in (0, 1):
            scale = np.where(used, facts.deviation * np.sqrt(facts.n / max(facts.n - ddof, 1)), 1.0)
            by = "" if ddof == 0 else ", whose variance is divided by n - 1"
            shift, values = np.where(used, facts.mean, 0.0), {"deviation": scale, **alone}
            if hypothesis.intercept:
                says = f"{which} standardised: less the mean, divided by the standard deviation{by}"
                yield Change(_rescaled(hypothesis, shift, scale), says, {"mean": shift, **values})
            else:
                says = f"{which} standardised, and there is no intercept{by}"
                yield Change(_moved(hypothesis, shift, scale), says, {"mean": shift, **values})
            says = f"{which} divided by the standard deviation{by}"
            yield Change(_rescaled(hypothesis, np.zeros_like(scale), scale), says, values)


def centred(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """Columns less their means."""
    if not hypothesis.intercept:
        return
    for which, used, alone in _numeric(context, hypothesis):
        shift = np.where(used, context.facts.mean, 0.0)
        if shift.any():
            moved = _rescaled(hypothesis, shift, np.ones_like(shift))
            yield Change(moved, f"{which} centred at the mean", {"mean": shift, **alone})
    if not hypothesis.codes and hypothesis.objective.model.link != Log() and (other := _with_its_intercept(context, hypothesis)):
        says = "only the intercept is another, as where a column is centred at some other number than its mean"
        yield Change(other, says, {"column": ""})


def _with_its_intercept(context: Context, hypothesis: Hypothesis) -> Hypothesis | None:
    """The hypothesis with the intercept that is best beside its own kernel; None where no step leads there."""
    objective, whole = hypothesis.objective, context.whole if context.in_memory else None
    if whole is None or objective.has_gauge or len(hypothesis.matrix) < 2:
        return None
    eta, weight = whole.X @ hypothesis.matrix[1:] + (0.0 if whole.offset is None else whole.offset), whole.weights[:, None]
    link, average = objective.model.link, np.average(whole.y, axis=0, weights=whole.weights)
    intercept = hypothesis.matrix[0].copy()
    if objective.model.link.mu_domain.contains(average).all():  # from where means are those of the data, and not at their ends
        intercept = link(average) - np.average(eta, axis=0, weights=whole.weights)
    for _ in range(50):
        there = eta + intercept
        if not objective.model.eta_domain.contains(there).all():
            return None
        information = np.diagonal(objective.information(there, weight), axis1=1, axis2=2).sum(axis=0)
        step = np.where(weight > 0, objective.score(whole.y, there, weight), 0.0).sum(axis=0) / information
        if not np.isfinite(step).all():
            return None
        intercept = intercept + np.clip(step, -2, 2)
        if (np.abs(step) <= 1e-13 * np.maximum(np.abs(intercept), 1)).all():
            return replace(hypothesis, matrix=np.vstack([intercept[None], hypothesis.matrix[1:]]), unknowns=len(intercept))
    return None


def min_max(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """Columns from 0 to 1, or from -1 to 1."""
    facts = context.facts
    reach = facts.high - facts.low
    for which, used, alone in _numeric(context, hypothesis):
        used = used & (reach > 0)
        if not hypothesis.intercept or ((facts.low[used] == 0) & (facts.high[used] == 1)).all():
            continue
        scale, shift = np.where(used, reach, 1.0), np.where(used, facts.low, 0.0)
        yield Change(_rescaled(hypothesis, shift, scale), f"{which} scaled to run from 0 to 1", alone)
        middle = np.where(used, (facts.low + facts.high) / 2, 0.0)
        moved = _rescaled(hypothesis, middle, np.where(used, reach / 2, 1.0))
        yield Change(moved, f"{which} scaled to run from -1 to 1", alone)


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


def exponentiated(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """The exponentials of the coefficients, as tables of odds ratios and of ratios of rates have them."""
    first = 0 if hypothesis.intercept else 1
    if context.k > 1 or hypothesis.codes or not (hypothesis.matrix[first:] > 0).all():
        return
    matrix, rounding = hypothesis.matrix.copy(), hypothesis.rounding
    matrix[first:] = np.log(matrix[first:])
    if rounding is not None:
        rounding = rounding / np.maximum(hypothesis.matrix, 1e-300)
    yield Change(replace(hypothesis, matrix=matrix, rounding=rounding), "the numbers are exponentials of the coefficients")


def _best(context: Context, hypothesis: Hypothesis) -> np.ndarray | None:
    """The coefficients (p, m) at the optimum: of the question, or of a hypothesis of few rows that changes rows or model."""
    is_same = not hypothesis.steps and hypothesis.objective.model == context.question.model
    if context.best is None or is_same or not context.is_small:
        return None if context.best is None else context.best[int(context.question.intercept) :]
    if hypothesis.intercept != context.question.intercept or hypothesis.free.shape != context.best.shape:
        return None
    found = nearest_optimum(context, at(hypothesis, context.best), within=1e-4)  # a ratio is wanted, and no digits
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
