"""
The diagnosis: first the answer as it is, then each cause alone, then pairs, then the way to the optimum.

`spec.diagnosis.search` makes the explanations, `spec.diagnosis.accepted` says which of them count, and
`spec.diagnosis.conclusion` says what follows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from spec.diagnosis.accepted import SMALL, accepted, nearly, precision
from spec.diagnosis.answer import Answer
from spec.diagnosis.causes import named
from spec.diagnosis.causes.training import REPLAYED, VERDICTS
from spec.diagnosis.causes.way import EXACT, Way, digits_kept, is_vague, keeps_digits, rounded_away
from spec.diagnosis.conclusion import about_errors, concluded, ruled_out
from spec.diagnosis.context import Context
from spec.diagnosis.hypothesis import Hypothesis
from spec.diagnosis.objective import Likelihood
from spec.diagnosis.proof import at, compared, likelihood_lost, nearest_optimum, stated_optimum, summed
from spec.diagnosis.question import Question
from spec.diagnosis.repeats import without_repeats
from spec.diagnosis.result import EITHER, FOUND, NO_OPTIMUM, NONE, UNEXPLAINED, Compared, Diagnosis, Finding
from spec.diagnosis.search import Explained, Search
from spec.diagnosis.told import by_its_settings, by_its_solver
from spec.fit.workers import one_blas_thread

NEAR_ITS_END = 0.01  # standard errors: how far from the optimum the usual rules stop scoring
NOISY = {"dropout", "batch-normalization", "hidden-layer"}  # what a network shows, and what no other optimum explains
CONVERTED = {"baseline", "coding", "column-left-out"}  # what a table's names show: it was taken into account
COARSE = 0.5  # standard errors: an answer whose rounding is more says too little
OTHERWISE = 3  # readings of a table that are asked where the likeliest explains nothing
MANY = 40  # hypotheses that go on to the pairs, where a pass is long
ORDERS = 24  # orders of the columns that go on to the pairs
ROUGH = 3.0  # standard errors, without the information: pairs beyond are not looked at
LONG = 2e6  # numbers of the design times outputs: where a pass is long


def explain(question: Question, answer: Answer, *, progress: Callable[[int], None] | None = None) -> Diagnosis:
    """Why an answer is not the optimum of a question, or that it is. ``progress`` hears the number of rows of each piece read."""
    # the products are small, so that several threads wait for one another; what overflows is not finite, and no explanation
    with one_blas_thread, np.errstate(all="ignore"):
        return _explained(Context(question, answer, progress or (lambda rows: None)))


def with_reference(found: Diagnosis, reference: Diagnosis) -> Diagnosis:
    """A diagnosis with another answer's as its reference; two right answers may differ in the gauge of a softmax."""
    mine, other = found.answer.params.matrix, reference.answer.params.matrix
    if found.verdict == reference.verdict == NONE and mine.shape == other.shape and mine.shape[1] > 1:
        shift = mine - other
        if np.abs(shift).max() > 1e-6 * np.abs(mine).max():
            says = "all classes have weights that are larger by the same numbers, which no prediction shows"
            found = replace(found, verdict=FOUND, found=(named("softmax-gauge").finding(says, shift=shift[:, 0]),))
    return replace(found, reference=reference)


def _explained(context: Context) -> Diagnosis:
    search, why = _begun(context)
    answer = context.answer
    if not np.isfinite(search.root.matrix).all():
        return search.diagnosis(FOUND if answer.program else UNEXPLAINED, found=_program(answer))
    if search.stated is None:
        return _without_optimum(search, why)
    if (local := _at_another_optimum(search)) is not None:
        return local
    if search.before <= search.exact and _is_written_so(search, search.root):
        return _agreed(search, search.stated)
    if (other := _read_otherwise(search)) is not None:
        return _explained(Context(context.question, other, context.on_rows))
    if answer.settings is not None and (told := by_its_settings(search, answer.settings)) is not None:
        return told
    found = _searched(search)
    for other in answer.readings[:OTHERWISE] if found.verdict == UNEXPLAINED else ():
        again = _explained(Context(context.question, replace(other, readings=()), context.on_rows))
        is_proven = again.mended is not None and again.mended.proven
        if again.verdict in (FOUND, EITHER) and (is_proven or "newton-steps" in again.codes):
            return again
    return found


def _begun(context: Context) -> tuple[Search, str]:
    """Return (search, why): the answer compared with the stated optimum; and why there is no such optimum."""
    root = _root(context, context.answer)
    best, why = stated_optimum(context, root)
    context.best = best
    search = Search(context, root)
    if best is None:
        return search, why
    optimum = at(root, best)
    if (sums := summed(context, optimum)) is None:
        return search, why or "the information is singular at the optimum"
    totals, metric = sums
    context.dispersion = metric.dispersion
    if summed(context, optimum, exact=False) is None:
        context.take_all()
    stated = compared(context, root, optimum, metric)
    if not root.intercept and root.objective.free(root.matrix[:1]).any():
        stated = replace(stated, distance=max(stated.distance, _by_its_bias(context, root, optimum)))
    search.stated, search.metric, search.precision = stated, metric, precision(totals, metric)
    search.exact = EXACT + 3 * rounded_away(context, root, metric)
    return search, why


def _read_otherwise(search: Search) -> Answer | None:
    """The reading of a table by which its numbers are the optimum; None where no reading is, or none is needed."""
    context = search.context
    readings = (one for one in context.answer.readings if _is_written_so(search, _root(context, one)))
    found = next(readings, None)
    return None if found is None else replace(found, readings=())


def _by_its_bias(context: Context, root: Hypothesis, optimum: Hypothesis) -> float:
    """The distance of an answer that has a bias from the optimum of a question that has none."""
    there, here = (replace(one, intercept=True) for one in (optimum, root))
    sums = summed(context, there)
    return np.inf if sums is None else sums[1].length(np.linalg.solve(context.basis(True), here.free - there.free))


def _root(context: Context, answer: Answer) -> Hypothesis:
    """The question as it was stated, and the answer as it was brought."""
    question, matrix, extra = context.question, answer.params.matrix, None
    rounding = np.broadcast_to(np.asarray(answer.rounding, dtype=float), matrix.shape)
    p = len(question.columns)
    if len(matrix) == p + 2:
        matrix, extra, rounding = matrix[:-1], matrix[1:], rounding[:-1]
    if matrix.shape[1] == 2 and context.k == 1:
        matrix, rounding = matrix[:, 1:] - matrix[:, :1], rounding.sum(axis=1, keepdims=True)
    elif matrix.shape[1] == 1 and context.k == 2:
        matrix, rounding = (np.hstack([np.zeros_like(one), one]) for one in (matrix, rounding))
    if matrix.shape != (p + 1, context.k):
        raise ValueError(
            f"{answer.name} has coefficients {matrix.shape} with the intercept, but the model has {(p + 1, context.k)}: "
            f"an intercept and {p} columns ({', '.join(question.columns[:8])}), of {context.k} outputs."
        )
    return Hypothesis(
        Likelihood(question.model), np.asarray(matrix, dtype=float), question.intercept, extra=extra, rounding=np.array(rounding)
    )


def _program(answer: Answer) -> tuple[Finding, ...]:
    return tuple(named(code).finding(says) for code, says in answer.program.items())


def _is_written_so(search: Search, root: Hypothesis) -> bool:
    """Whether the digits of an answer are those of the stated optimum."""
    best, metric = search.context.best, search.metric
    return best is not None and metric is not None and keeps_digits(search.context, root, best, metric)


def _agreed(search: Search, stated: Compared) -> Diagnosis:
    """The diagnosis of an answer that is the optimum: its standard errors may follow another convention."""
    context = search.context
    if search.exact > COARSE and stated.distance > EXACT and search.metric and is_vague(context, search.root, search.metric):
        return search.diagnosis(UNEXPLAINED, coarse=search.exact)
    of_errors = about_errors(context, at(search.root, context.best), context.answer) if context.best is not None else ()
    found = _program(context.answer)
    sure = replace(stated, proven=stated.proven and not any(one.code == "errors-unexplained" for one in of_errors))
    return search.diagnosis(FOUND if of_errors or found else NONE, found=found, errors=of_errors, mended=sure)


def _at_another_optimum(search: Search) -> Diagnosis | None:
    """The diagnosis of an answer at which the stated score vanishes, and which is not the best; None where it does not."""
    context, root = search.context, search.root
    is_hidden = search.exact > COARSE and context.question.model.is_log_concave  # rounding hides the score of the one optimum
    sums = summed(context, root) if search.before > 1e-3 + search.exact and not is_hidden else None
    if sums is None or not sums[1].distance(sums[0].score) <= search.exact:  # where sums overflow it is NaN
        return None
    near = nearest_optimum(context, root)
    mended = None if near is None else compared(context, root, near[0], near[2])
    lost = likelihood_lost(context, root)
    if lost is None or lost > 0:
        lower = "" if lost is None else f", where the log-likelihood is lower by {lost:.6g}"
        found = named("local-optimum").finding(f"the score vanishes at its coefficients too{lower}")
        return search.diagnosis(FOUND, found=(found,), mended=mended)
    search.stated = mended  # it is the better of the two
    return search.diagnosis(NONE, mended=mended)


def _near_its_end(search: Search) -> Diagnosis | None:
    """The diagnosis of an answer so near the optimum that a solver may have stopped there: after how many of Newton's steps."""
    brought = search.context.answer
    if search.before > NEAR_ITS_END + search.exact or brought.record is not None or not CONVERTED.issuperset(brought.program):
        return None
    if (steps := _trained(search, [search.root], ["newton-steps"])) is None:
        return None
    told = concluded(search, [steps], proven=False)
    return replace(told, found=(*_program(brought), *told.found))


def _by_other_problems(search: Search) -> Diagnosis | None:
    """The diagnosis by one cause or two, whose problem has its optimum at the answer."""
    search.found = _alone(search)
    likely = accepted(search, [one for one in search.found if len(one.codes) == 1])
    if not likely:
        search.found += _pairs(search)
        likely = accepted(search, search.found)
        chosen = bool(likely) and likely[0].unknowns > 1  # as many numbers as a descent has, its steps and its rate
        if chosen and (path := _trained(search, [search.root], REPLAYED)) is not None:  # one cause goes before two
            return concluded(search, [path], proven=False)
    if likely and likely[0].unknowns and (path := _trained(search, [search.root], ["float32"])) is not None:
        return concluded(search, [path], proven=False)  # of a step that rounds to nothing, no number is to be chosen
    return concluded(search, likely, proven=True) if likely else None


def _by_a_slip(search: Search) -> Diagnosis | None:
    """The diagnosis of a table in which one coefficient alone is not the optimum's."""
    answer = search.context.answer
    if answer.record is not None or answer.program or not (why := _all_but_one(search)):
        return None
    return search.diagnosis(UNEXPLAINED, why=why, ruled_out=ruled_out(search))


def _by_what_is_near(search: Search) -> Diagnosis | None:
    """The diagnosis by the way to the optimum, by what the network itself shows, or by a cause that leaves a small part."""
    answer = search.context.answer
    program = _program(answer)
    measured = None if program else nearly(search, search.found)
    has_no_optimum = bool(NOISY & set(answer.program)) or answer.has_unknown_loss  # that is known, to be on the way to
    trained = None if has_no_optimum else _trained(search, _on_their_way(search, measured), tuple(VERDICTS))
    if trained is not None:
        return concluded(search, [trained], proven=False)
    if program and not CONVERTED.issuperset(answer.program):
        return search.diagnosis(FOUND, found=program, ruled_out=ruled_out(search))
    return None if measured is None else concluded(search, [measured], proven=False)


def _unexplained(search: Search) -> Diagnosis:
    why = ""
    if search.before <= SMALL and search.context.answer.record is None and not search.context.question.model.is_least_squares:
        why = (
            f"{search.before:.2g} standard errors may be what a solver whose tolerance is loose leaves, or what data do that are "
            "rounded: fit again with a smaller tolerance, such as tol=1e-10, and compare the data if that changes nothing"
        )
    return search.diagnosis(UNEXPLAINED, why=why, ruled_out=ruled_out(search))


STEPS = (_near_its_end, _by_other_problems, by_its_solver, _by_a_slip, _by_what_is_near, _unexplained)


def _searched(search: Search) -> Diagnosis:
    """The diagnosis of an answer that is not the optimum as it was stated: by the first step that explains it."""
    return next(told for told in (step(search) for step in STEPS) if told is not None)


def _all_but_one(search: Search) -> str:
    """A sentence about the only coefficient that differs from the stated optimum; empty if there is no such coefficient."""
    root, context = search.root, search.context
    if search.stated is None or search.metric is None or context.best is None:
        return ""
    differs = ~digits_kept(context, root, context.best, search.metric, units=0.5).T.ravel()
    if differs.sum() != 1 or differs.size < 3:
        return ""
    place = int(np.argmax(differs))
    own, best = search.stated.answer[place], search.stated.optimum[place]
    if not abs(own - best) > SMALL * search.stated.standard_errors[place]:  # a slip of the pen is not so near
        return ""
    return (
        f"all coefficients but that of {search.stated.names[place]} are those of the optimum to their last digit, as if it were "
        f"mistyped or missing: it is {own:.6g}, and at the optimum {best:.6g}"
    )


def _without_optimum(search: Search, why: str) -> Diagnosis:
    """
    The diagnosis where the stated model has no optimum; a penalty makes one.

    If columns repeat each other, the predictions still have an optimum, and the answer's predictions are compared with it.
    """
    code = getattr(why, "code", "")
    found = (named(code).finding(why),) if code else ()
    fewer = without_repeats(search.context) if code == "collinear" else None
    if fewer is None:
        found = (*found, *(one for other in _penalised(search) for one in other.hypothesis.found))
        return search.diagnosis(NO_OPTIMUM, found=found, why=why, ruled_out=ruled_out(search))
    inner = _with_repeats(search, Context(*fewer))
    outer = search.diagnosis(NO_OPTIMUM)
    return replace(
        inner,
        answer=outer.answer,
        untested=outer.untested,
        verdict=NO_OPTIMUM,
        why=inner.why or why,
        found=(*found, *inner.found),
    )


def _penalised(search: Search) -> list[Explained]:
    """The explanation by a penalty alone, if there is one; it makes an optimum where the stated model has none."""
    alone = [one for one in _alone(search) if len(one.codes) == 1 and named(one.codes[0]).group == "penalty"]
    return accepted(search, alone)[:1]


def _with_repeats(search: Search, fewer: Context) -> Diagnosis:
    """The diagnosis of predictions: by a penalty, which is on all columns, else in the ``fewer`` that are independent."""
    inner, _ = _begun(fewer)
    search.stated = inner.stated
    settings, told = search.context.answer.settings, None
    if search.stated is not None and settings is not None:
        told = by_its_settings(search, settings)
    elif search.stated is not None and search.before > EXACT:
        if penalised := _penalised(search):
            return concluded(search, penalised, proven=True)
        told = by_its_solver(search)
    return told or _explained(fewer)


def _alone(search: Search) -> list[Explained]:
    """The explanations by one cause."""
    more = [*search.further(), "prefixes", *["all prefixes"] * search.context.is_small]
    _, at_root = search.explained([search.root], more)
    found, search.informed = search.explained(search.changed(search.root), more)
    own = [one for one in found if one.codes]
    for hypothesis, totals, metric in at_root:
        own += search.read_off(hypothesis, totals, metric)
    return own


def _pairs(search: Search) -> list[Explained]:
    """The explanations by two causes: a change and what can be read off its sums, and two changes."""
    found: list[Explained] = []
    for hypothesis, totals, metric in search.informed:
        found += [one for one in search.read_off(hypothesis, totals, metric) if len(one.codes) == 2]
    size = search.context.facts.n * search.root.matrix.size
    firsts = [one for one, *_ in sorted(search.informed, key=lambda one: one[2].distance(one[1].score)) if not _of_a_column(one)]
    far = [one for one in firsts if one.codes == ("columns-permuted",)][ORDERS:]
    firsts = firsts[:MANY] if size > LONG else [one for one in firsts if one not in far]
    written = list(named("exponentiated").applied(search.context, search.root))  # in other units its means may overflow
    firsts = [*written, *(one for one in firsts if one.codes != ("exponentiated",))]
    unique: dict[Any, Hypothesis] = {}
    for pair in (other for one in firsts for other in search.changed(one)):
        said = [(one.code, one.says) for one in pair.found]
        moves = {named(code).group for code in pair.codes} == {"columns", "units"}  # which do not commute
        unique.setdefault(tuple(said) if moves else frozenset(said), pair)
    several = list(unique.values())
    near = [pair for pair, is_far in zip(several, search.context.refuted(several, ROUGH)) if not is_far]
    return found + search.explained(near)[0]


def _of_a_column(hypothesis: Hypothesis) -> bool:
    """Whether a hypothesis supposes another unit of one column, or of some rows: there are many such hypotheses."""
    return any({"column", "rows"} & set(one.values) for one in hypothesis.found)


def _on_their_way(search: Search, measured: Explained | None) -> list[Hypothesis]:
    """The hypotheses whose way to the optimum is looked at: the answer as it is, or what another cause leaves."""
    program = set(search.context.answer.program)
    if program:  # what the network itself shows goes first
        return [one for one, *_ in search.informed if program & set(one.codes)]
    return [search.root, *([] if measured is None else [measured.hypothesis])]


def _trained(search: Search, hypotheses: Sequence[Hypothesis], asked: Sequence[str]) -> Explained | None:
    """An explanation by the way to a hypothesis's optimum: by the first of the causes ``asked`` that holds."""
    context = search.context
    for hypothesis in hypotheses:
        sums = summed(context, hypothesis)
        start = at(hypothesis, context.best) if not hypothesis.codes and context.best is not None else hypothesis
        near = nearest_optimum(context, start)
        if sums is None or near is None:
            continue
        optimum, _, at_best = near
        way = Way(context, hypothesis, *sums, optimum, at_best)
        for code in asked:
            if (says := VERDICTS[code](way)) is not None:
                found = (*hypothesis.found, named(code).finding(says))
                return Explained(replace(hypothesis, found=found), search.before, -9, search.exact)
    return None
