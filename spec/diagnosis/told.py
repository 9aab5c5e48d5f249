"""The settings of an estimator, whether its solver's own rule holds at the answer, and the diagnosis of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spec.diagnosis.accepted import NEARLY, SMALL
from spec.diagnosis.causes import named
from spec.diagnosis.causes.penalty import elastic, quadratic
from spec.diagnosis.causes.rows import weighing_classes
from spec.diagnosis.causes.units import SCALINGS
from spec.diagnosis.causes.way import CHANCE, EXACT
from spec.diagnosis.conclusion import concluded
from spec.diagnosis.context import Context
from spec.diagnosis.estimator import Settings, defaults
from spec.diagnosis.hypothesis import Hypothesis
from spec.diagnosis.proof import penalised, summed
from spec.diagnosis.result import FOUND, UNEXPLAINED, Diagnosis, Finding
from spec.diagnosis.search import Explained, Search
from spec.diagnosis.sums import Totals

FLAT = 1e-4  # standard errors: so near the optimum float64 hardly shows the loss fall, and a solver ends whatever its rule is


def _as_told(context: Context, hypothesis: Hypothesis, settings: Settings) -> Hypothesis:
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
    """
    The hypothesis with the slope of a penalty on absolute values.

    It has the sign of the weight; at a weight of 0 it is the part of the score that it can hold.
    """
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
    """The sum of the weights of a hypothesis's rows."""
    return float(sum(hypothesis.rows(*piece).weights.sum() for piece in context.batches()))


def _keeps_its_rule(context: Context, hypothesis: Hypothesis, totals: Totals, settings: Settings) -> bool:
    """Whether no slope of the mean loss, in the columns as the solver had them, is larger than it stops at."""
    if settings.slope is None:
        return False
    slopes = _brought_score(context, hypothesis, totals) / _weight(context, hypothesis)
    if hypothesis.objective.has_gauge:
        slopes = np.hstack([-slopes.sum(axis=1, keepdims=True), slopes])
    return bool(np.abs(slopes).max(initial=0.0) <= settings.slope * (1 + 1e-6))  # two sums of the same rows differ by less


# -- the diagnosis of an estimator -------------------------------------------------------------------------------------------
def by_its_settings(search: Search, settings: Settings) -> Diagnosis | None:
    """The diagnosis by what an estimator was told, alone or beside one change; None where that is not enough."""
    context = search.context
    if not context.in_memory:
        return None
    is_fact = settings is context.answer.settings

    def tried(hypotheses: Sequence[Hypothesis]) -> list[tuple[Explained, bool]]:
        found, informed = search.explained([_as_told(context, one, settings) for one in hypotheses])
        return [(one, _keeps_its_rule(context, *sums[:2], settings)) for one, sums in zip(found, informed)]

    most, alone = _most_left(search, settings), tried([search.root])
    scalings = tried([one for one in search.changed(search.root) if one.codes == (settings.scaling,)])
    nearest = min((one.left for one, _ in scalings), default=0.0)
    for one, keeps in [pair for pair in scalings if pair[0].left <= 2 * nearest][:1]:  # the usual form goes first
        is_near = keeps or one.left <= max(one.allowed, most)
        if is_near and all(one.left < own.left / 10 for own, _ in alone):
            return _ended(search, one, keeps, settings)
    for own, keeps in alone:
        outweighs = is_fact and bool(own.codes) and own.left <= search.before / 2  # what was done beside it
        if outweighs or (keeps and (is_fact or own.chance <= CHANCE)):
            return _ended(search, own, keeps, settings)
    scaled = [one for one, *_ in search.informed if one.codes[0] in SCALINGS]  # what people do beside a penalty
    changed = tried(search.changed(search.root) if is_fact else scaled)
    held = [(one, keeps) for one, keeps in changed if keeps or (is_fact and one.left <= max(one.allowed, most))]
    likely = [(one, keeps) for one, keeps in held if one.chance <= CHANCE]
    if not likely:
        return None
    return _ended(search, *min(likely, key=lambda pair: (len(pair[0].codes), pair[0].left)), settings)


def by_its_solver(search: Search) -> Diagnosis | None:
    """The diagnosis of an answer that nothing explains to all digits: by its estimator's own solver, or by a default."""
    answer, context = search.context.answer, search.context
    if (settings := answer.settings) is not None:
        is_near = search.before <= SMALL and settings.slope is None  # a rule that is known was not kept, or it was told before
        if not (is_near or settings.was_cut_off or settings.steps_of_rows):
            return None
        found, _ = search.explained([_as_told(context, search.root, settings)])
        if not found:  # so far away that no row says anything
            return search.diagnosis(FOUND, found=(_end(settings),))
        return _ended(search, found[0], False, settings)
    if answer.record is not None or answer.program:
        return None
    guesses = (by_its_settings(search, one) for one in defaults(context.question.model))
    return next((one for one in guesses if one is not None), None)


def _most_left(search: Search, settings: Settings) -> float:
    """The most that the end of an estimator's solver leaves, in standard errors; 0 where its rule says what it may leave."""
    if settings.steps_of_rows or settings.was_cut_off:
        return NEARLY * search.before
    return min(SMALL, NEARLY * search.before) if settings.slope is None else 0.0


def _ended(search: Search, one: Explained, keeps: bool, settings: Settings) -> Diagnosis:
    """
    The diagnosis of an estimator at what an explanation leaves: its solver ended there.

    A solver whose rule is known, and is not kept, did not end there: then the rest is unexplained.
    """
    found, is_there = one.hypothesis.found, one.left <= one.allowed
    may_end = keeps or settings.slope is None or settings.was_cut_off or one.left <= FLAT
    if not is_there and may_end:
        found = (*found, _end(settings))
    ended = replace(one, hypothesis=replace(one.hypothesis, found=found))
    diagnosis = concluded(search, [ended], proven=is_there)
    return diagnosis if is_there or may_end else replace(diagnosis, verdict=UNEXPLAINED)


def _end(settings: Settings) -> Finding:
    """What an estimator's own solver leaves."""
    code = "minibatch-noise" if settings.steps_of_rows else "stopped" if settings.was_cut_off else "solver-tolerance"
    return named(code).finding(settings.ended)
