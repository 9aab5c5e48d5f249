"""Causes that change the rows and what they weigh: offset, weights, trials, and rows that are missing or counted twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from spec.diagnosis.causes.cause import Change, Ending, Reading
from spec.diagnosis.context import Context, design
from spec.diagnosis.hypothesis import Hypothesis
from spec.diagnosis.result import Finding
from spec.diagnosis.sums import Totals
from spec.families import Binomial, NegativeBinomial, Poisson, Tweedie
from spec.fit.rows import Batch
from spec.links import Log

SHARES = (0.1, 0.2, 0.25, 0.3, 1 / 3, 0.4, 0.5, 0.6, 2 / 3, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99)  # at which people split rows
OF_ZEROS = (Poisson, NegativeBinomial, Tweedie)  # families of which people drop the zeros
FORGOTTEN = 1e-5  # a coefficient of the offset below it means that the offset was left out

# -- offset and weights ---------------------------------------------------------------------------------------------------------


def offset_forgotten(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """Without the offset."""
    if context.facts.has_offset:
        yield Change(hypothesis.of_batch(lambda batch: replace(batch, offset=None)), "the offset is left out")


def exposure_not_logged(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """The exposure itself in place of its logarithm, or the logarithm where the question has the exposure itself."""
    if not context.facts.has_offset:
        return
    yield Change(_with_offset(hypothesis, np.exp), "the offset is the exposure itself, not its logarithm")
    if context.facts.has_positive_offset:
        yield Change(_with_offset(hypothesis, np.log), "the offset is the logarithm of yours")
    if _has_exposure(context, hypothesis):
        added = _with_offset(hypothesis, lambda offset: np.log1p(np.exp(offset)))
        yield Change(added, "the offset is the logarithm of 1 + the exposure")
    if context.k == 1 and hypothesis.extra is None and not hypothesis.codes:
        factor = _coefficient_of_offset(context, hypothesis, np.exp)
        if factor is not None and abs(factor) > FORGOTTEN and abs(factor - 1) > FORGOTTEN:
            other = _with_offset(replace(hypothesis, unknowns=1), lambda offset: factor * np.exp(offset))
            says = f"{factor:.6g} times the exposure itself is added, where your model adds the logarithm"
            yield Change(other, says, {"coefficient": factor})


def offset_reversed(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """The offset with the other sign."""
    if context.facts.has_offset:
        yield Change(_with_offset(hypothesis, np.negative), "the offset is subtracted, where your model adds it")


def _has_exposure(context: Context, hypothesis: Hypothesis) -> bool:
    """Whether the offset is the logarithm of an exposure: of a mean that it multiplies."""
    model = hypothesis.objective.model
    return context.facts.has_offset and model.link == Log() and not isinstance(model.family, Binomial)


def exposure_as_weight(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """The exposure weights the rows, and there is no offset."""

    def weighed(batch: Batch) -> Batch:
        return replace(batch, weights=batch.weights * np.exp(_offset(batch)), offset=None)

    if _has_exposure(context, hypothesis):
        yield Change(hypothesis.of_batch(weighed), "the exposure weights the rows, and there is no offset")


def rates_unweighted(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """The response is divided by the exposure, and no weight makes up for it."""

    def divided(batch: Batch) -> Batch:
        return replace(batch, y=batch.y / np.exp(_offset(batch))[:, None], offset=None)

    if _has_exposure(context, hypothesis):
        yield Change(
            hypothesis.of_batch(divided), "the response is divided by the exposure, and a rate of a day counts like one of a year"
        )


def _offset(batch: Batch) -> np.ndarray:
    """The offset of the rows (b,) of one output."""
    return np.zeros(len(batch)) if batch.offset is None else batch.offset[:, 0]


def _weighed(hypothesis: Hypothesis, weigh: Callable[[np.ndarray], np.ndarray]) -> Hypothesis:
    """The hypothesis with other weights of the rows than the question has, before all other changes."""
    return hypothesis.before(lambda batch, numbers: replace(batch, weights=weigh(batch.weights)))


def _with_prior(context: Context, hypothesis: Hypothesis, weigh: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Hypothesis:
    """The hypothesis with weights that are made of the trials and of the weights beside them, (n,) both."""
    weights = weigh(np.asarray(context.question.trials), _prior(context))
    return hypothesis.before(lambda batch, numbers: replace(batch, weights=weights[numbers]))


def _prior(context: Context) -> np.ndarray:
    """The weights (n,) that stand beside the trials."""
    trials = np.asarray(context.question.trials)
    return np.asarray(context.whole.weights / np.where(trials > 0, trials, 1))


def weights_forgotten(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """Every row counts the same, or as its trials."""
    if context.question.trials is None and context.facts.has_weights:
        yield Change(_weighed(hypothesis, np.ones_like), "the weights are left out")
        if context.facts.has_zero_weights:
            only = _weighed(hypothesis, lambda weights: (weights > 0).astype(float))
            yield Change(only, "the weights are left out, and so are the rows whose weight is 0")
    elif context.facts.has_weights and context.in_memory and (_prior(context) != 1).any():
        counted = _with_prior(context, hypothesis, lambda trials, prior: trials)
        yield Change(counted, "the weights are left out, but for the trials")


def trials_forgotten(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """A share of many trials counts as one; or the trials were given for failures, as R has two columns of counts."""
    trials = context.question.trials
    if trials is not None and (trials != 1).any() and context.in_memory:
        alike = _with_prior(context, hypothesis, lambda trials, prior: prior)
        yield Change(alike, "the trials are left out: every share counts the same")
        yield Change(hypothesis.of_batch(_failures), "the trials are taken for the failures, as the second of two columns")


def _failures(batch: Batch) -> Batch:
    """Shares of n trials as they are where n is the number of failures beside the successes."""
    return replace(batch, y=batch.y / (1 + batch.y), weights=batch.weights * (1 + batch.y[:, 0]))


def weights_squared(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """Weights used twice, as variances, or as standard deviations."""
    trials = context.question.trials
    if trials is not None and context.in_memory and (trials != 1).any() and (_prior(context) != 1).any():
        twice = _with_prior(context, hypothesis, lambda trials, prior: trials * prior**2)
        yield Change(twice, "the weights are squared, but for the trials")
    if context.facts.has_weights:
        yield Change(_weighed(hypothesis, np.square), "the weights are squared, as where they are applied twice")
        yield Change(_weighed(hypothesis, np.sqrt), "the roots of the weights are used in place of the weights", {"power": 0.5})
        inverse = _weighed(hypothesis, lambda w: np.where(w > 0, 1 / np.where(w > 0, w, 1), 0))
        yield Change(inverse, "the inverses of the weights are used in place of the weights, as variances are")


def weighing_classes(hypothesis: Hypothesis, weights: np.ndarray) -> Hypothesis:
    """The hypothesis with the weights of the classes too, (classes,); of one output the first is that of 0."""

    def step(batch: Batch, numbers: np.ndarray) -> Batch:
        shares = batch.y if batch.y.shape[1] > 1 else np.hstack([1 - batch.y, batch.y])
        return replace(batch, weights=batch.weights * (shares @ weights))

    return hypothesis.after(step)


def class_weights(context: Context, hypothesis: Hypothesis, totals: Totals) -> Iterator[Reading]:
    """The classes have weights of their own."""
    own = [name for name in totals.more if name.startswith("class ")]
    if len(own) < 2:
        return

    def says(factors: np.ndarray, rows: int) -> str | None:
        if not (factors > -0.999).all() or np.abs(factors).max() < 1e-9 or factors.max() > 1e3:
            return None  # a class that hardly counts would leave nothing to contradict it
        weights, is_balanced = _of_classes(context, factors)
        named = ", ".join(f"{weight:.6g}" for weight in weights)
        return f"the classes have the weights {named} {'(balanced)' if is_balanced else 'in proportion'}"

    def become(other: Hypothesis, factors: np.ndarray) -> Hypothesis:
        return weighing_classes(other, _of_classes(context, factors)[0])

    if isinstance(hypothesis.objective.model.family, Binomial) or hypothesis.objective.model.has_classes:
        yield Reading(
            [totals.more[name] for name in own[1:]],
            says,
            become,
            summed=(own[1], 1.0),
            times=lambda factors: float(_of_classes(context, factors)[0][0]),
        )


def _of_classes(context: Context, factors: np.ndarray) -> tuple[np.ndarray, bool]:
    """Return (weights, balanced): the weights of the classes, as n / (k n_c), or in proportion to a first 1."""
    weights, n = np.concatenate([[1.0], 1 + factors]), context.facts.n
    counts = context.facts.classes if context.k > 1 else np.array([n - context.facts.classes[0], context.facts.classes[0]])
    balanced = weights * counts
    if not np.allclose(balanced, balanced[0], rtol=1e-4):
        return weights, False
    return n / (len(weights) * counts), True


def has_free_scale(context: Context, found: Iterable[Finding]) -> bool:
    """Whether weights are known in proportion only, and standard errors with them."""
    read = [one.values["factors"] for one in found if one.code == "class-weights" and "factors" in one.values]
    return not all(_of_classes(context, factors)[1] for factors in read)


# -- rows that are missing or counted twice -------------------------------------------------------------------------------------


def rows_missing(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """A choice of the rows that the reader may have made without a word."""
    for what, kept in context.question.subsets.items():
        mask = np.asarray(kept, dtype=float)
        yield Change(_kept(hypothesis, mask), f"{what} are left out: {int(len(mask) - mask.sum())} of {len(mask)}")
    if context.in_memory and isinstance(hypothesis.objective.model.family, OF_ZEROS):
        positive = (context.whole.y[:, 0] > 0).astype(float)
        if 0 < positive.sum() < len(positive):
            zeros = int(len(positive) - positive.sum())
            yield Change(_kept(hypothesis, positive), f"the rows whose response is 0 are left out: {zeros} of {len(positive)}")


def duplicates_dropped(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """Only the first of rows that are the same."""
    if not context.in_memory or (first := context.first_of_same) is None:
        return
    dropped = int(len(first) - first.sum())
    yield Change(_kept(hypothesis, first), f"rows that are the same count once: {dropped} are dropped")


def _kept(hypothesis: Hypothesis, mask: np.ndarray) -> Hypothesis:
    def step(batch: Batch, numbers: np.ndarray) -> Batch:
        return replace(batch, weights=batch.weights * mask[numbers])

    return hypothesis.after(step)


def counted(times: tuple[float, float], place: int) -> Callable[[Hypothesis], Hypothesis]:
    """What makes the rows before a place count a number of times, and the others another number of times."""

    def step(batch: Batch, numbers: np.ndarray) -> Batch:
        return replace(batch, weights=batch.weights * np.where(numbers < place, *times))

    return lambda hypothesis: hypothesis.after(step)


def _cut(
    context: Context, hypothesis: Hypothesis, totals: Totals, target: float, kept: str, place: int | None = None
) -> tuple[int, np.ndarray] | None:
    """
    The place where the score of the rows so far is nearest to ``target`` times the whole, and the difference (q, m) there.

    Or a given ``place``, and the difference there.
    """
    if totals.prefixes is None or totals.places is None or not len(totals.places):
        return None
    goal, size = target * totals.score.T.ravel(), np.sqrt(np.maximum(totals.squares.T.ravel(), 1e-300))

    def away(places: np.ndarray, prefixes: np.ndarray) -> np.ndarray:
        return (((prefixes - goal) / size) ** 2).sum(axis=1) if place is None else np.abs(places - place)

    places, prefixes = totals.places, totals.prefixes[""]
    if context.stride > 1:
        places, prefixes = context.near_places(hypothesis, totals, away(places, prefixes))
    if not (usable := totals.cuts(places, kept)).any():
        return None
    places, prefixes = places[usable], prefixes[usable]
    at = int(np.argmin(away(places, prefixes)))
    if place not in (None, places[at]):
        return None
    return int(places[at]), (prefixes[at] - goal).reshape(totals.score.T.shape).T


def rows_first(context: Context, hypothesis: Hypothesis, totals: Totals) -> Iterator[Ending]:
    """Only the first rows, as after Keras's validation_split, which holds the last ones back."""
    yield from _one_sided(context, hypothesis, totals, "first")


def rows_last(context: Context, hypothesis: Hypothesis, totals: Totals) -> Iterator[Ending]:
    """Only the last rows."""
    yield from _one_sided(context, hypothesis, totals, "last")


def _one_sided(context: Context, hypothesis: Hypothesis, totals: Totals, which: str) -> Iterator[Ending]:
    """The rows on one side of the best place; of rounded answers, which are near to many, also of the usual ones."""
    n, target = context.facts.n, 0.0 if which == "first" else 1.0
    is_rounded = hypothesis.rounding is not None and hypothesis.rounding.any()
    usual = {int(n * share) for share in SHARES} | {round(n * share) for share in SHARES} if is_rounded else set()
    for place in (None, *sorted(usual)):
        if (found := _cut(context, hypothesis, totals, target, which, place)) is not None:
            yield _one_side(which, *found, n, n if place is None else len(usual))


def _one_side(which: str, place: int, residue: np.ndarray, n: int, tries: int) -> Ending:
    """The rows on one side of a place alone; the information is that of these rows."""
    kept, times = (place, (1.0, 0.0)) if which == "first" else (n - place, (0.0, 1.0))
    says = f"only the {which} {kept} of {n} rows are fitted, {kept / n:.4g} of them"
    return Ending(residue * np.sqrt(n / kept), says, unknowns=0, tries=tries, become=counted(times, place))


def row_left_out(context: Context, hypothesis: Hypothesis, totals: Totals) -> Iterator[Ending]:
    """A row is left out, such as an outlier, but not the first or the last, which is a cut."""
    if hypothesis.codes or not context.in_memory or len(context.whole) <= max(totals.score.size, 2):
        return
    if (found := context.scored(hypothesis)) is None:
        return
    scored, white = found
    assert scored.scores is not None
    left = totals.score - white[:, :, None] * scored.scores[:, None, :]
    n, away = len(left), (left**2 / np.maximum(totals.squares, 1e-300)).sum(axis=(1, 2))
    at = 1 + int(np.argmin(away[1:-1]))
    mask = (np.arange(n) != at).astype(float)
    says = f"row {at}, where the first is row 0, is left out"
    yield Ending(left[at], says, unknowns=0, tries=n, become=lambda other: _kept(other, mask))


def rows_twice(context: Context, hypothesis: Hypothesis, totals: Totals) -> Iterator[Ending]:
    """The first or the last rows count twice, or three times."""
    n = context.facts.n
    for extra in (1, 2):
        for which, target, times in (
            ("first", -1 / extra, (1.0 + extra, 1.0)),
            ("last", 1 + 1 / extra, (1.0, 1.0 + extra)),
        ):
            if (found := _cut(context, hypothesis, totals, target, "all")) is not None:
                place, residue = found
                count = place if which == "first" else n - place
                yield Ending(
                    extra * residue,
                    f"the {which} {count} rows count {'twice' if extra == 1 else f'{1 + extra} times'}",
                    unknowns=0,
                    tries=4 * n,
                    become=counted(times, place),
                )


def offset_free(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """The offset is one more column, the last or the first, with a coefficient of its own; or that was left out of a table."""
    if not context.facts.has_offset or context.k > 1 or "offset-free" in hypothesis.codes:
        return
    found: list[tuple[float, np.ndarray]] = []
    if hypothesis.extra is not None:
        found = [(float(hypothesis.extra[place, 0]), np.delete(hypothesis.extra, place, axis=0)) for place in (-1, 0)]
    elif not hypothesis.codes and (own := _coefficient_of_offset(context, hypothesis)) is not None and abs(own) > FORGOTTEN:
        found = [(own, hypothesis.matrix[1:])]
        hypothesis = replace(hypothesis, unknowns=1)
    for coefficient, kernel in found:
        other = replace(hypothesis, matrix=np.vstack([hypothesis.matrix[:1], kernel]), extra=None)
        base = next((base for base in (2, 10) if abs(coefficient * np.log(base) - 1) < 1e-4), None)
        of_log = "" if base is None else f": that of an offset whose logarithm is to base {base}, and not the natural one"
        says = f"the offset has a coefficient of its own, {coefficient:.6g} in place of 1{of_log}"
        yield Change(_with_offset(other, partial(np.multiply, coefficient)), says, {"coefficient": coefficient})


def _with_offset(hypothesis: Hypothesis, of_offset: Callable[[np.ndarray], np.ndarray]) -> Hypothesis:
    """The hypothesis with a function of the offset in its place."""

    def changed(batch: Batch) -> Batch:
        return replace(batch, offset=None if batch.offset is None else of_offset(batch.offset))

    return hypothesis.of_batch(changed)


def _coefficient_of_offset(
    context: Context, hypothesis: Hypothesis, of_offset: Callable[[np.ndarray], np.ndarray] = np.asarray
) -> float | None:
    """
    The coefficient of a function of the offset at which the score is nearest to zero, by Newton's steps.

    None where they lead nowhere.
    """
    if not context.in_memory:
        return None
    whole, basis = context.whole, context.basis(hypothesis.intercept)
    white, weight, objective = design(whole.X, hypothesis.intercept) @ basis, whole.weights[:, None], hypothesis.objective
    offset = of_offset(np.asarray(whole.offset))
    linear = whole.X @ hypothesis.matrix[1:] + hypothesis.matrix[0]

    def left(factor: float) -> float:
        score = white.T @ objective.score(whole.y, linear + factor * offset, weight)
        return float(np.nan_to_num(np.linalg.norm(score), nan=np.inf))

    tried = np.concatenate([[1.0], np.logspace(-8, 2, 41) / max(np.abs(offset).max(), 1e-300)])
    coefficient = float(min(tried, key=left))  # from where Newton's steps do not overflow
    for _ in range(25):
        eta = linear + coefficient * offset
        if not objective.model.eta_domain.contains(eta).all():
            return None
        score = white.T @ objective.score(whole.y, eta, weight)
        slope = -white.T @ (objective.information(eta, weight)[:, :, 0] * offset)
        step = -float((slope * score).sum() / (slope**2).sum())
        if not np.isfinite(step):
            return None
        coefficient += step
        if abs(step) <= 1e-12 * abs(coefficient) + 1e-300:
            return coefficient
    return None
