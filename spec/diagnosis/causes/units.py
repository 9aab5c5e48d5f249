"""Causes that put the columns into other units, and with them the coefficients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from spec.diagnosis.answer import Coded
from spec.diagnosis.causes.cause import ALONE, Change
from spec.diagnosis.context import Context
from spec.diagnosis.hypothesis import Hypothesis
from spec.diagnosis.proof import at, nearest_optimum
from spec.fit.rows import Batch
from spec.links import Log

BASES = {float(np.log(base)): f"a logarithm to base {base} beside a natural one" for base in (2, 10)}
BASES |= {1 / unit: f"a natural logarithm beside one to base {base}" for unit, base in zip(BASES, (2, 10))}
UNITS = (*BASES, 2.0, 7.0, 10.0, 12.0, 24.0, 60.0, 100.0, 255.0, 256.0, 365.0, 365.25, 1000.0, 3600.0, 1e4, 1e5, 1e6, 1e9)
# rarer ones: degrees, inches, km/h, weeks, five years, miles, pounds, feet, gallons; looked for where the ratio is near one
OTHERS = (*UNITS, 1.8, 2.54, 3.6, 4.0, 5.0, 20.0, 25.0, 30.0, 50.0, 52.0, 1.609344, 2.20462262, 0.3048, 3.785411784)
FREEZING = {1.8: 32.0, 1 / 1.8: -32 / 1.8}  # where degrees of one kind are 0 in those of the other
SHARES = (0.9, 0.8, 0.75, 0.7, 2 / 3, 0.6, 0.5)  # of the rows: what people train on
USUAL = 1e-6  # how near, of a number, it is to a usual one that is no accident
NEAR = (0.02, 0.1, 0.3)  # how near the logarithm of a ratio is to that of a unit: alone, and beside another cause


Products = Sequence[tuple[int, int, int]]  # see `Context.products`


def rescaled(hypothesis: Hypothesis, shift: np.ndarray, scale: np.ndarray, products: Products = ()) -> Hypothesis:
    """
    The hypothesis whose coefficients are those of (x - shift) / scale, in the units of x.

    Of two columns in such units (a - s) (b - t) is a b - t a - s b + s t, divided by both scales: so are the ``products``.
    """

    def in_units(matrix: np.ndarray) -> np.ndarray:
        kernel = matrix[1:] / scale[:, None]
        for j, a, b in products:
            kernel[j] /= scale[a] * scale[b]
        intercept, own = matrix[:1] - shift @ kernel, kernel.copy()
        for j, a, b in products:
            kernel[a] -= shift[b] * own[j]
            kernel[b] -= shift[a] * own[j]
            intercept = intercept + shift[a] * shift[b] * own[j]
        return np.vstack([intercept, kernel])

    return hypothesis.mapped(in_units)


def _moved(hypothesis: Hypothesis, shift: np.ndarray, scale: np.ndarray) -> Hypothesis:
    """The hypothesis of a model without an intercept, whose columns are (x - shift) / scale."""
    return hypothesis.of_batch(lambda batch: replace(batch, X=(batch.X - shift) / scale))


def _numeric(context: Context, hypothesis: Hypothesis) -> Iterator[tuple[str, np.ndarray, dict[str, Any]]]:
    """
    Yield (subject and verb, mask, values): all columns, those that are more than 0 and 1, some, and each of these alone.

    Some, whose coefficients are not the best ones, and one alone are asked about without another cause.
    """
    varies = context.facts.deviation > 1e-12 * np.abs(context.facts.mean)
    yield "the columns are", varies, {}
    numeric = varies & ~context.facts.binary
    if numeric.any() and (numeric != varies).any():
        yield "the columns that are not 0 and 1 only are", numeric, {}
    best, own = context.best, hypothesis.free
    if best is not None and best.shape == own.shape and hypothesis.is_alone:
        first = int(hypothesis.intercept)
        some = varies & (np.abs(own - best) > NEAR[0] * np.abs(best))[first:].any(axis=1)
        others = (varies, numeric, np.zeros_like(varies))
        if some.sum() > 1 and not any((some == one).all() for one in others):
            names = ", ".join(context.question.columns[j] for j in np.flatnonzero(some))
            yield f"the columns {names} are", some, {"column": names}
    if varies.sum() > 1 and numeric.sum() <= ALONE and hypothesis.is_alone:
        for j in np.flatnonzero(numeric):
            name = context.question.columns[j]
            yield f"the column {name} is", np.arange(len(varies)) == j, {"column": name}


Part = Callable[[Context], Any]  # of each column: (p,), or one number for all


def _none(context: Context) -> float:
    return 0.0


def _one(context: Context) -> float:
    return 1.0


def _mean(context: Context) -> np.ndarray:
    return context.facts.mean


def _deviations(number: int, ddof: int, context: Context) -> np.ndarray:
    n = context.facts.n
    return number * context.facts.deviation * np.sqrt(n / max(n - ddof, 1))


def _reach(context: Context) -> np.ndarray:
    return context.facts.high - context.facts.low


SCALINGS: dict[str, tuple[tuple[str, Part, Part], ...]] = {  # by cause: the words, what is subtracted, what it is divided by
    "standardised": tuple(
        (f"{says}{how}", less, partial(_deviations, number, ddof))
        for ddof, how in enumerate(("", ", whose variance is divided by n - 1"))
        for says, less, number in (
            ("standardised: less the mean, divided by the standard deviation", _mean, 1),
            ("divided by the standard deviation", _none, 1),
            ("centred at the mean and divided by two standard deviations", _mean, 2),
        )
    ),
    "centred": (
        ("centred at the mean", _mean, _one),
        ("centred at the median", lambda context: context.quartiles[1], _one),
    ),
    "min-max": (
        ("scaled to run from 0 to 1", lambda context: context.facts.low, _reach),
        (
            "scaled to run from -1 to 1",
            lambda context: (context.facts.low + context.facts.high) / 2,
            lambda context: _reach(context) / 2,
        ),
        (
            "divided by the largest absolute value",
            _none,
            lambda context: np.maximum(np.abs(context.facts.low), np.abs(context.facts.high)),
        ),
    ),
    "middle-half": (
        (
            "centred at the median and divided by the range of the middle half",
            lambda context: context.quartiles[1],
            lambda context: context.quartiles[2] - context.quartiles[0],
        ),
    ),
}


def _same(numbers: np.ndarray, context: Context) -> np.ndarray:
    return numbers


def _of_first_rows(context: Context) -> Iterator[tuple[str, Part, Part]]:
    """The numbers of the first rows alone, of shares that are usual for a training part."""
    if not context.in_memory:
        return
    X, n = context.whole.X, context.facts.n
    for rows in sorted({int(n * share) for share in SHARES} - {0, 1, n}):
        mean, deviation = X[:rows].mean(axis=0), X[:rows].std(axis=0)
        says = f"standardised: less the mean, divided by the standard deviation, of the first {rows} rows"
        yield says, partial(_same, mean), partial(_same, deviation)


def scaled(code: str) -> Callable[[Context, Hypothesis], Iterator[Change]]:
    """The changes of a cause of `SCALINGS`: the columns less one number, divided by another."""

    def changes(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
        for which, used, alone in _numeric(context, hypothesis):
            parts = () if code != "standardised" or alone or hypothesis.codes else _of_first_rows(context)
            for says, less, by in (*SCALINGS[code], *parts):
                shift, divisor = np.where(used, less(context), 0.0), by(context)
                scale = np.where(used & (divisor != 0), divisor, 1.0)
                if not (np.isfinite(shift) & np.isfinite(scale)).all() or not (shift.any() or (scale != 1).any()):
                    continue
                values = {"shift": shift, "scale": scale, **alone, **({"rows": says} if "rows" in says else {})}
                if hypothesis.intercept or not shift.any():
                    yield Change(rescaled(hypothesis, shift, scale), f"{which} {says}", values)
                    yield from _before_products(context, hypothesis, shift, scale, f"{which} {says}")
                else:
                    yield Change(_moved(hypothesis, shift, scale), f"{which} {says}, and there is no intercept", values)

    return changes


def _before_products(
    context: Context, hypothesis: Hypothesis, shift: np.ndarray, scale: np.ndarray, says: str
) -> Iterator[Change]:
    """The columns in other units, before products and squares are made of them."""
    made = np.isin(np.arange(len(shift)), [j for j, *_ in context.products])
    shift, scale = np.where(made, 0.0, shift), np.where(made, 1.0, scale)
    moved = (shift != 0) | (scale != 1)
    if any(moved[a] or moved[b] for _, a, b in context.products):
        changed = rescaled(hypothesis, shift, scale, context.products)
        yield Change(changed, f"{says}, before products or squares were made of columns", {"column": "products"})


def centred(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """Columns less their mean or median, or less any numbers before products were made of them."""
    yield from scaled("centred")(context, hypothesis)
    shift = _shift_before_products(context, hypothesis)
    if shift is None:
        return
    names, same = context.question.columns, np.ones_like(shift)
    usual = _usual(context, shift)
    is_usual = np.allclose(usual, shift, rtol=USUAL, atol=0)
    for less in (usual, shift):
        named = ", ".join(f"{names[j]} less {less[j]:.6g}" for j in np.flatnonzero(less))
        starts = [("columns and products", hypothesis)]
        if is_usual:  # where one coefficient alone is another, some number always makes it so
            starts.append(("products or squares", rescaled(hypothesis, -less, same)))
        for what, start in starts:
            changed = replace(rescaled(start, less, same, context.products), unknowns=int((less != 0).sum()))
            yield Change(changed, f"{what} are made of {named}", {"column": "products", "shift": less})


def _usual(context: Context, shift: np.ndarray) -> np.ndarray:
    """The usual numbers that are nearest to those (p,): of each column its mean, its median, or three digits in its range."""
    facts = context.facts
    rounded = np.clip([float(f"{one:.3g}") for one in shift], facts.low, facts.high)
    near = np.stack([rounded, facts.mean, context.quartiles[1]])
    return np.where(shift == 0, 0.0, near[np.abs(near - shift).argmin(axis=0), np.arange(len(shift))])


def _shift_before_products(context: Context, hypothesis: Hypothesis) -> np.ndarray | None:
    """The numbers (p,) by which columns are less in their products, as the other columns of these show; None where none is."""
    best, own = context.best, hypothesis.objective.free(hypothesis.matrix[1:])
    if best is None or not (context.products and hypothesis.intercept and hypothesis.is_alone) or best[1:].shape != own.shape:
        return None
    slopes = np.zeros((*own.shape, len(own)))  # of each coefficient, by the shift of each column
    for j, a, b in context.products:
        slopes[b, :, a] += own[j]
        slopes[a, :, b] += own[j]
    slopes[..., context.facts.binary] = 0
    shifts, used = np.zeros(len(own)), slopes.any(axis=(0, 1))
    size = np.abs(best[1:]) + np.abs(own) + 1e-300
    relative = (slopes / size[..., None]).reshape(-1, len(own))[:, used]
    shifts[used], _, rank, _ = np.linalg.lstsq(relative, ((own - best[1:]) / size).ravel(), rcond=1e-12)
    shifts[np.abs(shifts) <= 1e-9 * (np.abs(context.facts.mean) + context.facts.deviation)] = 0
    return shifts if rank == used.sum() and shifts.any() and np.isfinite(shifts).all() else None


def another_intercept(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """All slopes of the optimum beside another intercept; under a log link that is another unit of y, unless none was given."""
    was_given = bool(hypothesis.matrix[0].any())
    if not hypothesis.intercept or not hypothesis.is_alone or (was_given and hypothesis.objective.model.link == Log()):
        return
    if (other := _with_its_intercept(context, hypothesis)) is not None:
        best, own = other.matrix[0, 0], hypothesis.matrix[0, 0]
        says = f"beside its slopes the best intercept is {best:.6g}, and it has {own:.6g}, as of a column less some number"
        if not was_given:
            says = f"it has no intercept, or one of 0, and beside its slopes the best one is {best:.6g}"
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


def units(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """A few columns in other units: the ratio to the best coefficient is a number such as 100 or 1/60, or near one."""
    yield from _exposure(context, hypothesis)
    own = hypothesis.objective.free(hypothesis.matrix[1:])
    best = _best(context, hypothesis)
    if best is None or best.shape != own.shape:
        return
    ratios = np.median(np.log(np.abs(own / best)), axis=1)
    told = set()
    usual = [np.array([_unit(ratio, of, near) for ratio in ratios]) for of, near in zip((OTHERS, UNITS, UNITS), NEAR)]
    for scale in (*usual, _far(ratios)):
        if (scale != 1).any() and tuple(scale) not in told:
            told.add(tuple(scale))
            named = ", ".join(_in_units(context.question.columns[j], scale[j]) for j in np.flatnonzero(scale != 1))
            yield Change(rescaled(hypothesis, np.zeros_like(scale), scale), named, {"scale": scale})
            shift = np.array([FREEZING.get(one, 0.0) for one in scale])
            if shift.any() and hypothesis.intercept:
                degrees = ", as degrees Celsius and Fahrenheit are, whose zeros differ"
                yield Change(rescaled(hypothesis, shift, scale), named + degrees, {"scale": scale, "shift": shift})


def _exposure(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """The exposure, whose logarithm is the offset, in other units: they move the intercept alone, by their logarithm."""
    best, link = context.best, hypothesis.objective.model.link
    if best is None or not (hypothesis.intercept and hypothesis.is_alone and context.facts.has_offset and link == Log()):
        return
    ratio = float((hypothesis.free - best)[0, 0])
    if (unit := _unit(ratio, UNITS, NEAR[0])) == 1:
        return

    def measured(batch: Batch) -> Batch:
        return replace(batch, offset=None if batch.offset is None else batch.offset - np.log(unit))

    says = f"the exposure is in units of {unit:g}, or the response is {unit:g} y"
    yield Change(replace(hypothesis.of_batch(measured), unknowns=1), says, {"column": "exposure", "scale": unit})


def _in_units(name: str, scale: float) -> str:
    """The sentence about one column."""
    beside = f", as {BASES[scale]}" if scale in BASES else ""
    return f"{name} is in units of {scale:g}{beside}"


EXPONENTIALS = (  # each with its unit, and with what is taken from the exponentials
    ("exponentials", 1.0, 0.0),
    ("exponentials less 1", 1.0, 1.0),
    ("exponentials less 1 in percent", 100.0, 1.0),
)


def exponentiated(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """
    The exponentials of the coefficients, as tables of odds ratios and of ratios of rates have them.

    The intercept, if there is one, may be left as it is. All other causes act on the coefficients, and so come after this one.
    """
    if hypothesis.codes:
        return
    numbers, halves, into, _ = coded = context.answer.coded or _as_brought(hypothesis)
    # of a column that was left out, and of a class that the others are compared with, all are 0
    rows, outputs = (np.flatnonzero(numbers.any(axis=axis)) for axis in (1, 0))
    has_intercept = coded.has_intercept and 0 in rows
    for (what, scale, less), first in product(EXPONENTIALS, (0, 1) if has_intercept else (0,)):
        free = np.ix_(rows[first:], outputs)
        ratios = numbers / scale + less
        if not (ratios[free] > 0).all() or not len(rows[first:]):
            continue
        matrix, rounding = numbers.copy(), halves.copy()
        matrix[free] = np.log(ratios[free])
        rounding[free] /= scale * ratios[free]
        but = ", but for the intercept" if first else ""
        other = replace(hypothesis, matrix=into @ matrix, rounding=np.abs(into) @ rounding)
        yield Change(other, f"the numbers are {what} of the coefficients{but}")


def _as_brought(hypothesis: Hypothesis) -> Coded:
    """The numbers of an answer whose coding needed no conversion; the first is the bias, even where it is 0."""
    halves = np.zeros_like(hypothesis.matrix) if hypothesis.rounding is None else hypothesis.rounding
    return Coded(hypothesis.matrix, halves, np.eye(len(hypothesis.matrix)), True)


def _best(context: Context, hypothesis: Hypothesis) -> np.ndarray | None:
    """The coefficients (p, m) at the optimum: of the question, or of a hypothesis of few rows that changes rows or model."""
    is_same = not hypothesis.steps and hypothesis.objective.model == context.question.model
    if context.best is None or is_same or not context.is_small:
        return None if context.best is None else context.best[int(context.question.intercept) :]
    if hypothesis.intercept != context.question.intercept or hypothesis.free.shape != context.best.shape:
        return None
    found = nearest_optimum(context, at(hypothesis, context.best), within=1e-4)  # a ratio is wanted, and no digits
    return None if found is None else found[0].free[int(hypothesis.intercept) :]


def _far(ratios: np.ndarray) -> np.ndarray:
    """The nearest power of ten, from 100 on, where a ratio is far: another cause, too, changes it. Elsewhere 1."""
    powers = np.round(np.nan_to_num(ratios, posinf=0, neginf=0) / np.log(10))
    return 10.0 ** np.where((np.abs(powers) >= 2) & (np.abs(powers) <= 9), powers, 0.0)


def _unit(ratio: float, units: Sequence[float], near: float) -> float:
    """The one of some units, or their inverses, whose logarithm is nearest to the logarithm of a ratio; 1 if none is near."""
    usual = np.array([1.0, *units, *(1 / unit for unit in units)])
    away = np.abs(np.log(usual) - ratio)
    nearest = int(np.argmin(np.nan_to_num(away, nan=np.inf)))
    return float(usual[nearest]) if away[nearest] < near else 1.0


def float32_inputs(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """Columns rounded to single precision."""

    def rounded(batch: Batch) -> Batch:
        return replace(batch, X=batch.X.astype(np.float32).astype(float))

    if context.facts.has_fine_columns:
        yield Change(hypothesis.of_batch(rounded), "the columns are rounded to float32")
