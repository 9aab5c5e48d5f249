"""
A diagnosis in words: one sentence first, then the evidence, what to do, what was ruled out, and what was not tested.

`read` makes the words, `spec.diagnosis.terminal` lays them out for a terminal, and `spec.diagnosis.page` shows them on a page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from spec.diagnosis.answer import Answer
from spec.diagnosis.causes import CAUSES
from spec.diagnosis.result import EITHER, NO_OPTIMUM, NONE, UNEXPLAINED, Compared, Diagnosis, Finding

PLAIN = {one.code: one.plain for one in CAUSES}  # {it} is the answer, {trained} says how it came about
PLAIN["errors-unexplained"] = "{it} has standard errors of no convention that was tested"
PROVEN = "proven"
_WORDS = "a all an beside each every if it no of one only residuals rows some steps the there they this training what where which"
_BEGINS = re.compile(f"({_WORDS.replace(' ', '|')}) ")  # a sentence, and no name of a column
FULL = 12  # digits, with which a coefficient counts as not rounded
NEAREST = 5  # causes that were ruled out, which are listed


# -- the words ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """
    A coefficient: the answer, the optimum of the model as stated, and how far apart they are in standard errors.

    ``there``, ``mended`` and ``after`` are the same for the model with the causes applied. NaN where there is no number.
    """

    name: str
    answer: float
    optimum: float
    before: float
    there: float
    mended: float
    after: float

    @property
    def far(self) -> float:
        """The larger of the two distances; 0 where neither is known."""
        known = [abs(one) for one in (self.before, self.after) if not np.isnan(one)]
        return max(known, default=0.0)


@dataclass(frozen=True)
class Advice:
    """A cause: its sentence, claim, size, and the code that mends it; ``choice`` numbers the explanations of an "either"."""

    code: str
    plain: str
    claim: str
    says: str
    mend: str
    choice: int = 0


@dataclass(frozen=True)
class Reading:
    """A diagnosis in words, in the order in which it is read. ``other`` reads another program's answer to the same question."""

    name: str
    sentence: str
    details: tuple[str, ...]
    stamp: str
    proven: bool
    verdict: str
    question: str
    rows: tuple[Row, ...]
    stated: bool
    applied: bool
    advice: tuple[Advice, ...]
    ruled_out: tuple[tuple[str, float], ...]
    untested: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    other: Reading | None

    def farthest(self, count: int) -> tuple[Row, ...]:
        """The ``count`` coefficients that are farthest from an optimum, in their own order."""
        chosen = sorted(range(len(self.rows)), key=lambda place: -self.rows[place].far)[:count]
        return tuple(self.rows[place] for place in sorted(chosen))

    @property
    def has_units(self) -> bool:
        """Whether the answer has other numbers after the causes are applied, as in other units."""
        pairs = [(row.answer, row.there) for row in self.rows if not np.isnan([row.answer, row.there]).any()]
        return self.stated and self.applied and any(one != other for one, other in pairs)


def read(diagnosis: Diagnosis) -> Reading:
    """The words of a diagnosis."""
    one, other = diagnosis, diagnosis.reference
    both_can_be_judged = other is not None and NO_OPTIMUM not in (one.verdict, other.verdict)
    applied = _is_applied(one)
    stated = one.stated if one.stated is not None or applied else one.mended
    return Reading(
        name=_it(one.answer, "it"),
        sentence=_of_two(one, other) if other is not None and both_can_be_judged else _sentence(one),
        details=tuple(_details(one)),
        stamp=_stamp(one),
        proven=one.proven and one.verdict not in (UNEXPLAINED, NO_OPTIMUM),
        verdict=one.verdict,
        question=f"{one.model}, {one.rows:,} row{'s' * (one.rows != 1)}",
        rows=tuple(_rows(stated, one.mended if applied else None)),
        stated=stated is not None,
        applied=applied,
        advice=tuple(_advice(one)),
        ruled_out=tuple(sorted(_ruled_out(one), key=lambda pair: (np.isnan(pair[1]), pair[1]))),
        untested=tuple(_by_reason(one.untested)),
        notes=one.answer.notes,
        other=read(other) if other is not None else None,
    )


def _is_applied(one: Diagnosis) -> bool:
    """Whether the answer was compared with the optimum of the causes' problem; a way to the optimum has no such problem."""
    if not one.found or one.verdict in (NONE, NO_OPTIMUM) or one.mended is None or one.mended is one.stated:
        return False
    return one.stated is None or abs(one.mended.distance - one.stated.distance) > 1e-6 * one.stated.distance


def plain(code: str, answer: Answer | None = None) -> str:
    """
    The sentence of a cause, without its full stop; of no answer in particular it speaks of a network.

    >>> plain("no-intercept")
    'The network has no bias, where your model has an intercept'
    """
    it, trained = ("The network", "trained") if answer is None else (_it(answer, "It"), _trained(answer))
    return PLAIN.get(code, f"{{it}} has the cause {code}").format(it=it, trained=trained)


def _it(answer: Answer, case: str) -> str:
    """The answer as a noun in the singular, with a capital for "It" where it is no file's name."""
    name = one_line(answer.name)
    name = f"the regression behind {name}" if name.endswith("coefficients") else name
    return name[:1].upper() + name[1:] if case == "It" and name.startswith(("your ", "the ", "a ", "an ")) else name


def _trained(answer: Answer) -> str:
    return "trained" if answer.record is not None or "network" in answer.name or "model" in answer.name else "fitted"


def _predicates(answer: Answer, found: Sequence[Finding], it: str) -> str:
    """The predicates of an answer, joined to one sentence: "{it} has no bias; and it leaves out the offset"."""
    said = [PLAIN.get(one.code, f"{{it}} has the cause {one.code}") for one in found]
    names = [it, *["it"] * len(said)]
    return "; and ".join(text.format(it=name, trained=_trained(answer)) for text, name in zip(said, names))


def _sentence(one: Diagnosis) -> str:
    """The first sentence, for those who know no statistics."""
    It, it = _it(one.answer, "It"), _it(one.answer, "it")
    causes = (*one.found, *one.errors)
    if one.verdict == NO_OPTIMUM:
        nothing = "Your model has no optimum on these data, so no answer can be it."
        return f"{_predicates(one.answer, causes, It)}." if causes else nothing
    if one.verdict == EITHER:
        said = [_predicates(one.answer, found, it if not place else "it") for place, found in enumerate((one.found, *one.others))]
        return f"Either {', or '.join(said)}: these data cannot tell which."
    if one.coarse:
        within = f"they stand for all answers within {errors(one.coarse)}"
        return f"{It} may be the optimum of your model, but its coefficients have too few digits to tell: {within}."
    if one.verdict == UNEXPLAINED:
        where = one.mended if one.found else one.stated
        far = errors(np.nan if where is None else where.distance)
        rest = f"it lies {far} away, and no cause that was tested leads there"
        if one.found:
            return f"{_predicates(one.answer, causes, It)}; but the rest is unexplained, for with that {rest}."
        return f"{It} is not the optimum of your model, and that is unexplained: {rest}."
    if one.errors and not one.found and (one.verdict == NONE or (one.stated is not None and one.mended is one.stated)):
        return f"{It} is the maximum-likelihood estimate; but {_predicates(one.answer, one.errors, 'it')}."
    if one.verdict == NONE or not causes:
        digits = _digits(one.stated or one.mended)
        return f"{It} is the maximum-likelihood estimate: its coefficients are the optimum of your model {digits}."
    return f"{_predicates(one.answer, causes, It)}."


def _of_two(one: Diagnosis, other: Diagnosis) -> str:
    """The first sentence on two answers: which of them is the optimum, and why the other is not."""
    if one.coarse and other.coarse:
        return (
            f"Neither {_it(one.answer, 'it')} nor {_it(other.answer, 'it')} has digits enough to tell whether it is the optimum."
        )
    if one.coarse or other.coarse:
        vague, clear = (one, other) if one.coarse else (other, one)
        head = f"{_it(clear.answer, 'It')} is {'' if clear.verdict == NONE else 'not '}the maximum-likelihood estimate"
        return f"{head}; {_it(vague.answer, 'it')} may be it, but its coefficients have too few digits to tell."
    optima = [each for each in (one, other) if each.verdict == NONE]
    if len(optima) == 2:
        return f"{_it(one.answer, 'It')} and {_it(other.answer, 'it')} are both the maximum-likelihood estimate: they agree."
    if not optima:
        return f"Neither {_it(one.answer, 'it')} nor {_it(other.answer, 'it')} is the maximum-likelihood estimate of your model."
    right, wrong = (one, other) if one.verdict == NONE else (other, one)
    head = f"{_it(right.answer, 'It')} is the maximum-likelihood estimate, and {_it(wrong.answer, 'it')} is not"
    if wrong.verdict == UNEXPLAINED:
        return f"{head}: why is unexplained."
    if wrong.verdict == EITHER:
        said = [_predicates(wrong.answer, found, "it") for found in (wrong.found, *wrong.others)]
        return f"{head}: either {', or '.join(said)}, and these data cannot tell which."
    return f"{head}: {_predicates(wrong.answer, (*wrong.found, *wrong.errors), 'it')}."


def _details(one: Diagnosis) -> Iterator[str]:
    """The sentences that follow the first: the sizes of the causes, then digits and distances."""
    if one.verdict == NO_OPTIMUM:
        yield from _says(one.found)
        if one.stated is not None:
            yield _of_predictions(one, one.stated)
        if one.why not in [each.says for each in one.found]:
            yield _stop(f"Why: {one.why}")
        return
    if one.reference is not None:
        yield _sentence(one)
    if not _is_applied(one) or one.mended is None:
        yield from _says((*(one.found if one.verdict != EITHER else ()), *one.errors))
        held = one.stated if one.stated is not None else one.mended
        if held is not None:
            agrees = "" if one.verdict == NONE and not one.errors else f" and agrees with it {_digits(held)}"
            if not np.isnan(held.distance):
                yield f"It lies {errors(held.distance)} from the optimum of your model{agrees}."
    else:
        yield from _before_and_after(one, one.mended)
        yield from _says(one.errors)
    if one.coarse:
        yield "Give more digits of them."
    if one.verdict == UNEXPLAINED and one.why:
        yield _stop(f"Why: {one.why}")
    if (digits := _written(one.answer)) < FULL:
        yield f"A coefficient was written with {digits:.0f} digit{'s' * (digits != 1)}, and no more than those can be compared."


def _of_predictions(one: Diagnosis, stated: Compared) -> str:
    """How far the predictions are from the best ones, where many coefficients give the same."""
    head = f"The predictions are the same if {', '.join(stated.names)} alone take the coefficients of all columns"
    if one.mended is not None and len(one.found) == 1:
        return f"{head}: so they are the optimum {_digits(stated)}, and the predictions those of every program that reaches it."
    away = f"{head}: so they lie {errors(stated.distance)} from the optimum"
    return f"{away}." if len(one.found) > 1 else f"{away}, and no cause that was tested leads there."


def _written(answer: Answer) -> float:
    """The digits of the coefficient that was written with the fewest; infinite where they were not rounded."""
    value = np.abs(answer.params.matrix)
    half = np.broadcast_to(answer.rounding, value.shape)
    rounded = (half > 0) & (value > 0)
    return max(float(np.round(np.log10(value[rounded] / half[rounded])).min()), 1.0) if rounded.any() else np.inf


def _before_and_after(one: Diagnosis, mended: Compared) -> Iterator[str]:
    """The sizes of the causes, and the digits with them and without."""
    says = one.found[0].says.strip().rstrip(".")
    if one.verdict == EITHER:
        cause, without = "With the first applied to your model,", "without either"
    elif len(one.found) == 1 and says.startswith(("a ", "an ")) and ":" not in says:
        cause, without = f"With {says}", "without it"
    else:
        yield from _says(one.found)
        cause, without = "With that applied to your model,", "without that"
    after = f"{cause} the coefficients are the optimum {_digits(mended)}, {errors(mended.distance)} away"
    before = f"; {without} {_digits(one.stated)}, {errors(one.stated.distance)} away" if one.stated is not None else ""
    yield f"{after}{before}."


def _says(found: Sequence[Finding]) -> list[str]:
    return [_sentence_of(one.says) for one in found if one.says]


def _stamp(one: Diagnosis) -> str:
    """The codes and the claims, and whether the optimum is proven."""
    sets = [one.found, *(one.others if one.verdict == EITHER else ())]
    named = [" and ".join(_named(each) for each in found) for found in sets if found]
    named += [_named(each) for each in one.errors]
    said = (" or " if one.verdict == EITHER else ", ").join(named)
    head = f"verdict {one.verdict}{': ' if said else ''}{said}"
    return head if one.verdict in (UNEXPLAINED, NO_OPTIMUM) else f"{head}; {PROVEN if one.proven else f'not {PROVEN}'}"


def _named(one: Finding) -> str:
    return f"{one.code} (claim {one.claim})" if one.claim else one.code


def _advice(one: Diagnosis) -> Iterator[Advice]:
    """What to do, for each cause that was found."""
    sets = [one.found, *(one.others if one.verdict == EITHER else ())]
    for number, found in enumerate(sets, 1):
        for each in found:
            yield _advised(one, each, number if one.verdict == EITHER else 0)
    for each in one.errors:
        yield _advised(one, each, 0)


def _advised(one: Diagnosis, each: Finding, choice: int) -> Advice:
    return Advice(
        each.code, f"{plain(each.code, one.answer)}.", each.claim, _sentence_of(each.says), each.mend.strip("\n"), choice
    )


def _ruled_out(one: Diagnosis) -> Iterator[tuple[str, float]]:
    """The causes that were tested and not found, with the standard errors that each leaves."""
    named = {each.code for found in (one.found, one.errors, *one.others) for each in found}
    yield from ((code, float(left)) for code, left in one.ruled_out.items() if code not in named)


def _by_reason(untested: dict[str, str]) -> Iterator[tuple[str, str]]:
    """(codes, reason): causes with the same reason are named together."""
    for reason in dict.fromkeys(untested.values()):
        yield ", ".join(code for code, why in untested.items() if why == reason), _stop(reason)


def _rows(stated: Compared | None, mended: Compared | None) -> Iterator[Row]:
    """The coefficients of both comparisons by name, in the order of the first."""
    first, second = _by_name(stated), _by_name(mended)
    nothing = (np.nan, np.nan, np.nan)
    for name in dict.fromkeys([*first, *second]):
        yield Row(one_line(name), *first.get(name, nothing), *second.get(name, nothing))


def _by_name(compared: Compared | None) -> dict[str, tuple[float, float, float]]:
    """(answer, optimum, distance in standard errors) by the name of the coefficient."""
    if compared is None:
        return {}
    with np.errstate(all="ignore"):
        apart = np.subtract(compared.answer, compared.optimum)
        far = np.where(apart == 0, 0.0, apart / np.asarray(compared.standard_errors))
    columns = (compared.answer, compared.optimum, far)
    return {name: (float(a), float(o), float(d)) for name, a, o, d in zip(compared.names, *columns)}


# -- numbers ------------------------------------------------------------------------------------------------------------------


def short(value: float, digits: int = 2) -> str:
    """
    A number with some significant ``digits``.

    >>> [short(x) for x in (3.14159, 12345.0, 1.234e-9, -0.5, 0.0)], short(123.456789, 6)
    (['3.1', '12000', '1.2e-9', '-0.5', '0'], '123.457')
    """
    if not np.isfinite(value):
        return "-" if np.isnan(value) else f"{value:g}"
    text = f"{value:.{digits}g}"
    size = abs(float(text))
    if size == 0 or 1e-4 <= size < 1e6:
        return np.format_float_positional(float(text) + 0.0, trim="-")
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}e{int(exponent)}"


def errors(distance: float) -> str:
    """
    A distance in words.

    >>> errors(3.14159), errors(1.0), errors(float("inf"))
    ('3.1 standard errors', '1 standard error', 'infinitely many standard errors')
    """
    if np.isnan(distance):
        return "an unknown number of standard errors"
    number = "infinitely many" if np.isinf(distance) else short(distance)
    return f"{number} standard error{'s' * (number != '1')}"


def _digits(compared: Compared | None) -> str:
    """The number of digits in which the coefficients agree, in words."""
    digits = np.nan if compared is None else compared.digits
    if np.isnan(digits):
        return "to a number of digits that is not known"
    if digits < 0.05:
        return "to 0 digits"
    return f"to {'16' if digits >= 16 else f'{digits:.1f}'} digits"


def _sentence_of(text: str) -> str:
    """The text with a capital and a full stop; a column's name at its beginning stays as it is."""
    text = text.strip()
    return _stop(text[:1].upper() + text[1:] if _BEGINS.match(text) else text)


def _stop(text: str) -> str:
    """The text with a full stop; empty where it is empty."""
    text = text.strip()
    return text if not text or text[-1] in ".?!:" else f"{text}."


def one_line(text: str) -> str:
    """The text with an escape for characters that are not printed, such as the end of a line or a terminal's commands."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
