"""The diagnosis that explanations lead to: the causes, the optimum they lead to, and what else the standard errors say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spec.diagnosis import standard_errors
from spec.diagnosis.answer import Answer
from spec.diagnosis.causes import named
from spec.diagnosis.causes.rows import has_free_scale
from spec.diagnosis.context import Context
from spec.diagnosis.hypothesis import Hypothesis
from spec.diagnosis.proof import at, compared, nearest_optimum, summed
from spec.diagnosis.result import EITHER, FOUND, Compared, Diagnosis, Finding
from spec.diagnosis.search import Explained, Search


def concluded(search: Search, likely: list[Explained], proven: bool) -> Diagnosis:
    """The diagnosis by one explanation, or by several that the data cannot tell apart."""
    context, first = search.context, likely[0]
    proven = proven and not first.is_vague
    near = nearest_optimum(context, first.hypothesis) if first.residue is None else None
    mended = None
    if near is not None:
        optimum, _, metric = near
        mended = compared(context, first.hypothesis, optimum, metric)
        if not proven or mended.distance > 2 * first.allowed:
            mended = replace(mended, proven=False)
    elif first.residue is not None:
        mended = _by_a_step(context, first)
    found = [tuple(one.hypothesis.found) for one in likely]
    is_likelihood = first.hypothesis.objective.is_likelihood and not has_free_scale(context, first.hypothesis.found)
    return search.diagnosis(
        FOUND if len(found) == 1 else EITHER,
        found=found[0],
        others=tuple(found[1:]),
        errors=_errors_beside(search, first, near[0]) if near is not None and is_likelihood else (),
        mended=mended,
        ruled_out=ruled_out(search, first.codes),
    )


def _errors_beside(search: Search, one: Explained, optimum: Hypothesis) -> tuple[Finding, ...]:
    """The finding about standard errors beside a cause of the coefficients, which may have left them as they are."""
    context, answer = search.context, search.context.answer
    if answer.standard_errors is None:
        return ()
    given = np.asarray(answer.standard_errors, dtype=float)
    tried = [(optimum, given)]
    if "response-units" in one.codes and context.best is not None:  # under a log link it may be the exposure's
        tried.append((at(search.root, context.best), given))
    if "exponentiated" in one.codes:  # by the delta method: those of a ratio are the ratio times those of its logarithm
        tried.append((optimum, given / np.abs(search.root.free)))
    if "another-intercept" in one.codes:  # that of another intercept is not known
        tried.append((optimum, np.vstack([np.full_like(given[:1], np.nan), given[1:]])))
    told = [about_errors(context, where, replace(answer, standard_errors=errors)) for where, errors in tried]
    known = (found for found in told if not any(each.code == "errors-unexplained" for each in found))
    return next((found for found in told if not found), next(known, told[0]))


def _by_a_step(context: Context, one: Explained) -> Compared | None:
    """An answer beside the optimum that one step leads to, of a condition that is no sum: it is not proven."""
    sums = summed(context, one.hypothesis)
    if sums is None or one.residue is None:
        return None
    _, metric = sums
    step = context.basis(one.hypothesis.intercept) @ metric.step(one.residue)
    return compared(context, one.hypothesis, at(one.hypothesis, one.hypothesis.free + step), metric, prove=False)


def ruled_out(search: Search, found: Sequence[str] = ()) -> dict[str, float]:
    """The causes that were tried alone, by the distance that each leaves; what leaves none is not ruled out."""
    rest = {code: left for code, left in search.ruled_out.items() if code not in found and left > search.exact}
    return dict(sorted(rest.items(), key=lambda pair: pair[1]))


def about_errors(context: Context, optimum: Hypothesis, answer: Answer) -> tuple[Finding, ...]:
    given = answer.standard_errors
    if given is None or not context.in_memory or not np.isfinite(given).any():
        return ()
    mine, half = (_of_intercept(context, optimum, one) for one in (given, np.broadcast_to(answer.error_rounding, given.shape)))
    if mine.shape != optimum.free.shape:
        return ()
    told = standard_errors.convention(context, optimum, mine, half)
    if told is None:
        return ()
    code, says = told
    return (named(code).finding(says),) if code != "unexplained" else (Finding("errors-unexplained", says),)


def _of_intercept(context: Context, optimum: Hypothesis, given: np.ndarray) -> np.ndarray:
    """Numbers for the question's free parameters (q, m), laid out for a hypothesis with or without an intercept."""
    given = np.asarray(given, dtype=float)
    if optimum.intercept == context.question.intercept:
        return given
    return np.vstack([np.full((1, given.shape[1]), np.nan), given]) if optimum.intercept else given[1:]
