"""
Which explanations count.

An explanation counts if it leaves no more of the distance than the rounding of the answer. If none does, an explanation that
leaves a small part of the distance counts, and is marked as not proven. An explanation that would fit by chance does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from spec.diagnosis.causes.way import CHANCE, EXACT, is_vague, keeps_digits, rounded_away
from spec.diagnosis.hypothesis import Hypothesis
from spec.diagnosis.proof import Metric, at, compared, nearest_optimum, penalised, summed
from spec.diagnosis.search import Explained, Search
from spec.diagnosis.sums import Totals

NEARLY = 0.02  # of the distance: what a cause may leave that is not proven
SMALL = 0.3  # standard errors: the most that such a cause may leave
OF_TWO = 1e-3  # standard errors, and of the distance: what two causes may leave that are not proven
LEAST = 1e-8  # of the precision of the stated model: standard errors ten thousand times as large say nothing
FAINT = 1e-2  # of the size of the coefficients in standard errors: where it is less, their standard errors say nothing
FAR_OFF = 1e3  # of the dispersion of the stated model: a model with more fits nothing
GAINED = {1: 0.7, 2: 2.0}  # digits of the coefficients that so many causes gain at least, where nothing else proves them
MANY = 40  # explanations that are looked at closely


def accepted(search: Search, found: Sequence[Explained]) -> list[Explained]:
    """
    The explanations that leave nothing, if they have the fewest causes, and then the fewest numbers that were chosen.

    Explanations that the network itself shows go first. A vague explanation, which has too few digits for a proof, goes before
    explanations with more causes or numbers, since those fit anything.
    """
    sure = [one for one in found if one.left <= one.allowed and one.chance <= CHANCE and _holds(search, one, one.allowed)]
    program = set(search.context.answer.program)
    shown = [one for one in sure if program & set(one.codes)] or sure
    ranked = sorted(shown, key=lambda one: (len(one.codes), one.unknowns, one.chance))
    for _, alike in groupby(ranked[:MANY], key=lambda one: (len(one.codes), one.unknowns)):
        unique: dict[tuple[str, ...], Explained] = {}
        for one in alike:
            if tuple(sorted(one.codes)) not in unique and (reached := _reached(search, one)) is not None:
                unique[tuple(sorted(one.codes))] = reached
        if unique:
            proven = [one for one in unique.values() if not one.is_vague]
            return proven or list(unique.values())
    return []


def _reached(search: Search, one: Explained) -> Explained | None:
    """
    An explanation whose optimum is the answer, to each digit that was written; None if it is not.

    The score alone is not enough: few rows contradict little, a flat objective has a small score everywhere, and rounding is
    known of each coefficient, not of all together. If the digits are too few for a proof, the explanation is vague, and its fit
    has to be less likely by chance.
    """
    if one.residue is not None:
        return one
    context, few = search.context, bool({"rows-first", "rows-last"} & set(one.codes))
    is_rounded = one.allowed > 10 * EXACT
    if not few and not is_rounded:
        return one
    found = nearest_optimum(context, one.hypothesis)
    if found is None:
        return None
    optimum, _, metric = found
    if _is_faint(search, optimum, metric):
        return None
    step = np.linalg.solve(context.basis(optimum.intercept), optimum.free - one.hypothesis.free)
    if few and (metric.length(step) > max(10 * one.allowed, OF_TWO) or _gained(search, one, optimum, metric) < 0):
        return None
    if not is_rounded:
        return one
    is_known = one.unknowns == len(one.vectors)  # how the optimum moves with the numbers that were chosen
    if is_known and not keeps_digits(context, one.hypothesis, optimum.free, metric, one.vectors):
        return None
    if not is_known and _gained(search, one, optimum, metric) < GAINED[1]:
        return None
    if not is_vague(context, one.hypothesis, metric):
        return one
    return replace(one, is_vague=True) if one.roughly <= CHANCE else None


def _holds(search: Search, one: Explained, allowed: float) -> bool:
    """Whether an explanation holds on all rows: in standard errors, and in units of the rows' own scores."""
    if one.residue is not None:  # where the numbers have few digits much is allowed, also what is no nearer
        return one.left <= search.before * 10 ** -GAINED[1]
    if (sums := summed(search.context, one.hypothesis)) is None:
        return False
    totals, metric = sums
    allowed = max(allowed, EXACT + 3 * rounded_away(search.context, one.hypothesis, metric))  # in its own standard errors
    score = penalised(search.context, one.hypothesis, totals.score)
    usual = np.diag(totals.information).reshape(score.T.shape).T * metric.dispersion
    rough = np.sqrt((score**2 / (totals.squares + 1e-4 * usual)).sum())  # where means saturate both are small
    if metric.dispersion > FAR_OFF * search.context.dispersion and (totals.squares < 1e-4 * usual).all():
        return False  # a few rows that are impossible make a dispersion that is no yardstick
    if precision(totals, metric) < LEAST * search.precision or _is_faint(search, one.hypothesis, metric):
        return False  # rows that say next to nothing contradict nothing
    return bool(metric.distance(score) <= 2 * allowed and rough <= 10 * allowed)


def _stated(search: Search) -> Hypothesis:
    """The stated model at its optimum, if it has one; else at the answer."""
    best = search.context.best
    return search.root if best is None else at(search.root, best)


def _is_faint(search: Search, hypothesis: Hypothesis, metric: Metric) -> bool:
    """Whether the coefficients are next to nothing in standard errors, beside what they are at the stated optimum."""
    return _size(search, hypothesis, metric) < FAINT * _size(search, _stated(search), search.metric)


def _size(search: Search, hypothesis: Hypothesis, metric: Metric | None) -> float:
    """How far the coefficients of a hypothesis are from 0, all together, in its standard errors: no unit changes that."""
    if metric is None:
        return 0.0
    return metric.length(np.linalg.solve(search.context.basis(hypothesis.intercept), hypothesis.free))


def precision(totals: Totals, metric: Metric) -> float:
    """The median of the inverse squares of the standard errors, in white coordinates."""
    return float(np.median(np.diag(totals.information))) / metric.dispersion


def nearly(search: Search, found: list[Explained]) -> Explained | None:
    """
    The explanation that leaves a small part of the distance, if there is one.

    Two causes may leave hardly anything, and much less than one cause.
    """
    most = min(SMALL, NEARLY * search.before)
    of_two = min(OF_TWO, OF_TWO * search.before)
    near = [one for one in found if one.chance <= CHANCE and one.left <= (most if len(one.codes) == 1 else of_two)]
    near = [one for one in sorted(near, key=lambda one: one.left)[:MANY] if _holds(search, one, most) and _is_near(search, one)]
    if not near:
        return None
    alone = min((one for one in near if len(one.codes) == 1), key=lambda one: one.chance, default=None)
    both = min(near, key=lambda one: one.left)
    return both if alone is None or both.left < alone.left / 100 else alone


def _is_near(search: Search, one: Explained) -> bool:
    """
    Whether an explanation has an optimum nearby, in standard errors that are not those of a model that fits nothing.

    Where they are much larger than those of the stated model, an optimum is near that has hardly a digit of the answer.
    """
    if one.residue is not None:
        return True
    if (found := nearest_optimum(search.context, one.hypothesis)) is None:
        return False
    optimum, _, metric = found
    is_usual = metric.dispersion == 1 or metric.dispersion <= FAR_OFF * search.context.dispersion
    return (
        is_usual
        and not _is_faint(search, optimum, metric)
        and _gained(search, one, optimum, metric) >= GAINED[min(len(one.codes), 2)]
    )


def _gained(search: Search, one: Explained, optimum: Hypothesis, metric: Metric) -> float:
    """How many more digits an answer has of the optimum of an explanation than of the stated one."""
    if search.stated is None:
        return np.inf
    return compared(search.context, one.hypothesis, optimum, metric, prove=False).digits - search.stated.digits
