"""
The diagnosis: first the answer as it is, then each cause alone, then pairs, then the way to the optimum.

An explanation (`spec.diagnosis.search`) counts if what it leaves is no more than the rounding of the answer; else, marked as not
proven, if it leaves a small part of what was there. One that would fit by chance does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np

from spec.diagnosis import errors
from spec.diagnosis.answer import Answer
from spec.diagnosis.causes import named
from spec.diagnosis.causes.rows import has_free_scale
from spec.diagnosis.causes.training import REPLAYED, VERDICTS
from spec.diagnosis.causes.units import SCALINGS
from spec.diagnosis.causes.way import CHANCE, EXACT, Way, digits_kept, is_vague, keeps_digits, rounded_away
from spec.diagnosis.estimator import Settings, defaults
from spec.diagnosis.hypothesis import Context, Hypothesis, Totals
from spec.diagnosis.objective import Likelihood
from spec.diagnosis.proof import Metric, at, compared, likelihood_lost, nearest_optimum, penalised, stated_optimum, summed
from spec.diagnosis.question import Question
from spec.diagnosis.repeats import without_repeats
from spec.diagnosis.result import EITHER, FOUND, NO_OPTIMUM, NONE, UNEXPLAINED, Compared, Diagnosis, Finding
from spec.diagnosis.search import Explained, Search
from spec.diagnosis.told import as_told, keeps_its_rule
from spec.fit.workers import one_blas_thread

NEARLY = 0.02  # of the distance: what a cause may leave that is not proven
SMALL = 0.3  # standard errors: the most that it may leave
OF_TWO = 1e-3  # standard errors, and of the distance: what two causes may leave that are not proven
FLAT = 1e-4  # standard errors: so near the optimum float64 hardly shows the loss fall, and a solver ends whatever its rule is
NEAR_ITS_END = 0.01  # standard errors: how far from the optimum the usual rules stop scoring
NOISY = {"dropout", "batch-normalization", "hidden-layer"}  # what a network shows, and what no other optimum explains
CONVERTED = {"baseline", "coding"}  # what a table's names show: it was taken into account, and explains nothing further
LEAST = 1e-8  # of the precision of the stated model: standard errors ten thousand times as large say nothing
FAR_OFF = 1e3  # of the dispersion of the stated model: a model with more fits nothing
COARSE = 0.5  # standard errors: an answer whose rounding is more says too little
MANY = 40  # hypotheses that go on to the pairs, where a pass is long
OTHERWISE = 3  # readings of a table that are asked where the likeliest explains nothing
ORDERS = 24  # orders of the columns that go on to the pairs
ROUGH = 3.0  # standard errors, without the information: pairs beyond are not looked at
LONG = 2e6  # numbers of the design times outputs: where a pass is long


def explain(question: Question, answer: Answer, *, progress: Callable[[int], None] | None = None) -> Diagnosis:
    """Why an answer is not the optimum of a question, or that it is. ``progress`` hears the number of rows of each piece read."""
    # the products are small, so that several threads wait for one another; what overflows is not finite, and no explanation
    with one_blas_thread, np.errstate(all="ignore"):
        return _explained(Context(question, answer, progress or (lambda rows: None)))


def with_reference(found: Diagnosis, reference: Diagnosis) -> Diagnosis:
    """A diagnosis with that of another answer to the same question; two that are right may differ in the gauge of a softmax."""
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
    if answer.settings is not None and (told := _as_told(search, answer.settings)) is not None:
        return told
    found = _searched(search)
    for other in answer.readings[:OTHERWISE] if found.verdict == UNEXPLAINED else ():
        again = _explained(Context(context.question, replace(other, readings=()), context.on_rows))
        is_proven = again.mended is not None and again.mended.proven
        if again.verdict in (FOUND, EITHER) and (is_proven or "newton-steps" in again.codes):
            return again
    return found


def _begun(context: Context) -> tuple[Search, str]:
    """Return (search, why): the answer as it is, held to the stated optimum; and why there is no such optimum."""
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
    search.stated, search.metric, search.precision = stated, metric, _precision(totals, metric)
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
    about_errors = _errors(context, at(search.root, context.best), context.answer) if context.best is not None else ()
    found = _program(context.answer)
    sure = replace(stated, proven=stated.proven and not any(one.code == "errors-unexplained" for one in about_errors))
    return search.diagnosis(FOUND if about_errors or found else NONE, found=found, errors=about_errors, mended=sure)


def _at_another_optimum(search: Search) -> Diagnosis | None:
    """The diagnosis of an answer at which the stated score vanishes, and which is not the best; None where it does not."""
    context, root = search.context, search.root
    sums = summed(context, root) if search.before > 1e-3 + search.exact else None
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


def _errors(context: Context, optimum: Hypothesis, answer: Answer) -> tuple[Finding, ...]:
    given = answer.standard_errors
    if given is None or not context.in_memory or not np.isfinite(given).any():
        return ()
    mine, half = (_of_intercept(context, optimum, one) for one in (given, np.broadcast_to(answer.error_rounding, given.shape)))
    if mine.shape != optimum.free.shape:
        return ()
    told = errors.convention(context, optimum, mine, half)
    if told is None:
        return ()
    code, says = told
    return (named(code).finding(says),) if code != "unexplained" else (Finding("errors-unexplained", says),)


def _of_intercept(context: Context, optimum: Hypothesis, given: np.ndarray) -> np.ndarray:
    """Numbers of the question's free parameters (q, m) as those of a hypothesis, which may have another intercept or none."""
    given = np.asarray(given, dtype=float)
    if optimum.intercept == context.question.intercept:
        return given
    return np.vstack([np.full((1, given.shape[1]), np.nan), given]) if optimum.intercept else given[1:]


def _as_told(search: Search, settings: Settings) -> Diagnosis | None:
    """The diagnosis by what an estimator was told, alone or beside one change; None where that is not enough."""
    context = search.context
    if not context.in_memory:
        return None
    is_fact = settings is context.answer.settings

    def tried(hypotheses: Sequence[Hypothesis]) -> list[tuple[Explained, bool]]:
        found, informed = search.explained([as_told(context, one, settings) for one in hypotheses])
        return [(one, keeps_its_rule(context, *sums[:2], settings)) for one, sums in zip(found, informed)]

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
    diagnosis = _told(search, [ended], proven=is_there)
    return diagnosis if is_there or may_end else replace(diagnosis, verdict=UNEXPLAINED)


def _end(settings: Settings) -> Finding:
    """What an estimator's own solver leaves."""
    code = "minibatch-noise" if settings.steps_of_rows else "stopped" if settings.was_cut_off else "solver-tolerance"
    return named(code).finding(settings.ended)


def _by_its_solver(search: Search) -> Diagnosis | None:
    """The diagnosis of what nothing explains to all digits: by an estimator's own solver, or by what is set by default."""
    answer, context = search.context.answer, search.context
    if (settings := answer.settings) is not None:
        is_near = search.before <= SMALL and settings.slope is None  # a rule that is known was not kept, or it was told before
        if not (is_near or settings.was_cut_off or settings.steps_of_rows):
            return None
        found, _ = search.explained([as_told(context, search.root, settings)])
        if not found:  # so far away that no row says anything
            return search.diagnosis(FOUND, found=(_end(settings),))
        return _ended(search, found[0], False, settings)
    if answer.record is not None or answer.program:
        return None
    guesses = (_as_told(search, one) for one in defaults(context.question.model))
    return next((one for one in guesses if one is not None), None)


def _searched(search: Search) -> Diagnosis:
    """The diagnosis of an answer that is not the optimum as it was stated."""
    brought = search.context.answer
    is_near = search.before <= NEAR_ITS_END + search.exact and brought.record is None and CONVERTED.issuperset(brought.program)
    if is_near and (steps := _trained(search, [search.root], ["newton-steps"])) is not None:
        told = _told(search, [steps], proven=False)
        return replace(told, found=(*_program(brought), *told.found))
    found = _alone(search)
    likely = _best_of(search, [one for one in found if len(one.codes) == 1])
    if not likely:
        found += _pairs(search)
        likely = _best_of(search, found)
        chosen = bool(likely) and likely[0].unknowns > 1  # as many numbers as a descent has, its steps and its rate
        if chosen and (path := _trained(search, [search.root], REPLAYED)) is not None:  # one cause goes before two
            return _told(search, [path], proven=False)
    if likely and likely[0].unknowns and (path := _trained(search, [search.root], ["float32"])) is not None:
        return _told(search, [path], proven=False)  # of a step that rounds to nothing, no number is to be chosen
    if likely:
        return _told(search, likely, proven=True)
    if (ended := _by_its_solver(search)) is not None:
        return ended
    answer = search.context.answer
    program = _program(answer)
    if answer.record is None and not program and (why := _all_but_one(search)):
        return search.diagnosis(UNEXPLAINED, why=why, ruled_out=_ruled_out(search))
    measured = None if program else _measured(search, found)
    has_no_optimum = bool(NOISY & set(answer.program)) or answer.has_unknown_loss  # that is known, to be on the way to
    trained = None if has_no_optimum else _trained(search, _on_their_way(search, measured), tuple(VERDICTS))
    if trained is not None:
        return _told(search, [trained], proven=False)
    if program and not CONVERTED.issuperset(answer.program):
        return search.diagnosis(FOUND, found=program, ruled_out=_ruled_out(search))
    if measured is not None:
        return _told(search, [measured], proven=False)
    why = f"{search.before:.2g} standard errors"
    if search.before <= SMALL and answer.record is None:
        why = f"{why}, which a solver whose tolerance is loose may leave: fit again with a smaller one, such as tol=1e-10"
    return search.diagnosis(UNEXPLAINED, why=why, ruled_out=_ruled_out(search))


def _all_but_one(search: Search) -> str:
    """A sentence about the one coefficient that is not that of the stated optimum, where all others are; else nothing."""
    root, context = search.root, search.context
    if search.stated is None or search.metric is None or context.best is None:
        return ""
    differs = ~digits_kept(context, root, context.best, search.metric).T.ravel()
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

    Where columns repeat each other, the predictions have an optimum: those of an answer are held to it.
    """
    code = getattr(why, "code", "")
    found = (named(code).finding(why),) if code else ()
    fewer = without_repeats(search.context) if code == "collinear" else None
    if fewer is None:
        found = (*found, *(one for other in _penalised(search) for one in other.hypothesis.found))
        return search.diagnosis(NO_OPTIMUM, found=found, why=why, ruled_out=_ruled_out(search))
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
    return _best_of(search, alone)[:1]


def _with_repeats(search: Search, fewer: Context) -> Diagnosis:
    """The diagnosis of predictions: by a penalty, which is on all columns, else in the ``fewer`` that are independent."""
    inner, _ = _begun(fewer)
    search.stated = inner.stated
    settings, told = search.context.answer.settings, None
    if search.stated is not None and settings is not None:
        told = _as_told(search, settings)
    elif search.stated is not None and search.before > EXACT:
        if penalised := _penalised(search):
            return _told(search, penalised, proven=True)
        told = _by_its_solver(search)
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
    unique: dict[Any, Hypothesis] = {}
    for pair in (other for one in firsts for other in search.changed(one)):
        said = [(one.code, one.says) for one in pair.found]
        moves = {named(code).group for code in pair.codes} == {"columns", "units"}  # which do not commute
        unique.setdefault(tuple(said) if moves else frozenset(said), pair)
    several = list(unique.values())
    near = [pair for pair, is_far in zip(several, search.context.refuted(several, ROUGH)) if not is_far]
    return found + search.explained(near)[0]


def _of_a_column(hypothesis: Hypothesis) -> bool:
    """Whether it supposes another unit of one column alone, or of some rows: there are many of these."""
    return any({"column", "rows"} & set(one.values) for one in hypothesis.found)


def _best_of(search: Search, found: Sequence[Explained]) -> list[Explained]:
    """
    The explanations that leave nothing: those with the fewest causes, and of these those with the fewest numbers to choose.

    What the network itself shows goes first. Those that the digits are too few to prove are vague; they go before others with
    more causes or numbers, which fit whatever they fit.
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
    An explanation that has its optimum at the answer, to each digit that was written; None where it has not.

    Few rows contradict little, and what is flat is not at rest; and digits say more of each coefficient than of all together.
    Where they are too few to prove it, it is vague, and has to fit less by chance.
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
    step = np.linalg.solve(context.basis(optimum.intercept), optimum.free - one.hypothesis.free)
    if few and metric.length(step) > max(10 * one.allowed, OF_TWO):
        return None
    if not is_rounded:
        return one
    is_known = one.unknowns == len(one.vectors)  # how the optimum moves with the numbers that were chosen
    if is_known and not keeps_digits(context, one.hypothesis, optimum.free, metric, one.vectors):
        return None
    if not is_vague(context, one.hypothesis, metric):
        return one
    return replace(one, is_vague=True) if one.roughly <= CHANCE else None


def _holds(search: Search, one: Explained, allowed: float) -> bool:
    """Whether an explanation holds on all rows, where these have an optimum, and in units of the rows' own scores too."""
    if one.residue is not None:
        return True
    if (sums := summed(search.context, one.hypothesis)) is None:
        return False
    totals, metric = sums
    allowed = max(allowed, EXACT + 3 * rounded_away(search.context, one.hypothesis, metric))  # in its own standard errors
    score = penalised(search.context, one.hypothesis, totals.score)
    usual = np.diag(totals.information).reshape(score.T.shape).T * metric.dispersion
    rough = np.sqrt((score**2 / (totals.squares + 1e-4 * usual)).sum())  # where means saturate both are small
    if metric.dispersion > FAR_OFF * search.context.dispersion and (totals.squares < 1e-4 * usual).all():
        return False  # a few rows that are impossible make a dispersion that is no yardstick
    if _precision(totals, metric) < LEAST * search.precision:
        return False  # rows that say next to nothing contradict nothing
    return bool(metric.distance(score) <= 2 * allowed and rough <= 10 * allowed)


def _precision(totals: Totals, metric: Metric) -> float:
    """The middle one of the inverse squares of the standard errors, in white coordinates."""
    return float(np.median(np.diag(totals.information))) / metric.dispersion


def _measured(search: Search, found: list[Explained]) -> Explained | None:
    """The explanation that leaves a small part, where there is one; of two causes hardly anything, and much less than of one."""
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
    """Whether an explanation has an optimum nearby, in standard errors that are not those of a model that fits nothing."""
    if one.residue is not None:
        return True
    found = nearest_optimum(search.context, one.hypothesis)
    return found is not None and (found[2].dispersion == 1 or found[2].dispersion <= FAR_OFF * search.context.dispersion)


def _on_their_way(search: Search, measured: Explained | None) -> list[Hypothesis]:
    """The hypotheses whose way to the optimum is looked at: the answer as it is, or what another cause leaves."""
    program = set(search.context.answer.program)
    if program:  # what the network itself shows goes first
        return [one for one, *_ in search.informed if program & set(one.codes)]
    return [search.root, *([] if measured is None else [measured.hypothesis])]


def _trained(search: Search, hypotheses: Sequence[Hypothesis], asked: Sequence[str]) -> Explained | None:
    """An explanation by the way to the optimum of one of these hypotheses, by the first cause of those asked that says so."""
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


def _ruled_out(search: Search, found: Sequence[str] = ()) -> dict[str, float]:
    """The causes that were tried alone, by the distance that each leaves."""
    rest = {code: left for code, left in search.ruled_out.items() if code not in found}
    return dict(sorted(rest.items(), key=lambda pair: pair[1]))


def _told(search: Search, likely: list[Explained], proven: bool) -> Diagnosis:
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
        ruled_out=_ruled_out(search, first.codes),
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
    told = [_errors(context, where, replace(answer, standard_errors=errors)) for where, errors in tried]
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
