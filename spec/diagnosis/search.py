"""
Explanations: causes, at most two, that put an answer at the optimum of another problem.

Each hypothesis costs a share of a pass, since at the optimum of the right one the score vanishes at the answer. What would fit
by chance, since few equations are left to contradict it, is told apart by `Explained.chance`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np

from spec.diagnosis.causes import CAUSES, Cause, named
from spec.diagnosis.causes.cause import NEEDS, Ending, Reading
from spec.diagnosis.causes.rows import counted
from spec.diagnosis.causes.way import EXACT, chance_of_digits, rounded_away
from spec.diagnosis.context import Context
from spec.diagnosis.hypothesis import Hypothesis
from spec.diagnosis.objective import SquaredHinge
from spec.diagnosis.proof import Metric, penalised
from spec.diagnosis.result import Compared, Diagnosis
from spec.diagnosis.sums import Totals
from spec.families import Binomial

TRIED = {0: 1, 1: 1e2, 2: 5e3, 3: 2.5e5}  # about how many explanations of so many causes there are
NOTICED = 1e-4  # standard errors that a second cause moves an answer by at least: less is where a solver ended


@dataclass(frozen=True, eq=False)
class Explained:
    """A hypothesis with its causes, the distance in standard errors that it leaves, and the chance that it fits by accident."""

    hypothesis: Hypothesis
    left: float
    chance: float
    allowed: float  # the distance that rounding may leave
    unknowns: int = 0  # numbers that were chosen such that little is left
    residue: np.ndarray | None = None  # (q, m) in white coordinates, of a condition that is no sum
    vectors: tuple[np.ndarray, ...] = ()  # (q, m) in white coordinates: how the score changes with the numbers that were chosen
    roughly: float = 0.0  # the chance if what rounding usually leaves were left
    is_vague: bool = False  # whether some coefficient was written with too few digits to prove it

    @property
    def codes(self) -> tuple[str, ...]:
        return self.hypothesis.codes


@dataclass(frozen=True, eq=False)
class Read:
    """A reading of a cause, and its vectors as columns (q m, r) whose lengths are distances."""

    cause: Cause
    reading: Reading
    white: np.ndarray


@dataclass(eq=False)
class Search:
    """The search of one question and answer: what was tried, with the distance that each cause leaves."""

    context: Context
    root: Hypothesis
    stated: Compared | None = None  # the answer beside the optimum as it was stated, where there is one
    metric: Metric | None = None  # at that optimum
    exact: float = EXACT
    precision: float = 0.0  # of the stated model at its optimum, see `spec.diagnosis.accepted.precision`
    ruled_out: dict[str, float] = field(default_factory=dict)
    informed: list[tuple[Hypothesis, Totals, Metric]] = field(default_factory=list)  # each cause that is a change, alone
    found: list[Explained] = field(default_factory=list)  # the explanations by one cause, and by two where they were tried

    @property
    def before(self) -> float:
        """The distance in standard errors of the answer from the optimum as it was stated; NaN where there is none."""
        return np.nan if self.stated is None else self.stated.distance

    def diagnosis(self, verdict: str, **said: Any) -> Diagnosis:
        """A diagnosis of this question and answer, with what it says."""
        found = [one.code for one in said.get("found", ())]
        lacking = [one for one in CAUSES if one.needs and not NEEDS[one.needs][0](self.context)]
        untested = {one.code: NEEDS[one.needs][1] for one in lacking if one.code not in found}
        model, answer = str(self.context.question.model), self.context.answer
        return Diagnosis(model, self.context.facts.n, answer, verdict, untested=untested, stated=self.stated, **said)

    def _used(self, hypothesis: Hypothesis) -> set[str]:
        """The groups of which a hypothesis has a cause; and that of other models, where an estimator shows which it takes."""
        settings = self.context.answer.settings
        is_meant = settings is not None and settings.model == self.context.question.model
        no_cut = isinstance(hypothesis.objective, SquaredHinge)  # a few rows whose margins are kept say nothing
        own = {named(code).group for code in hypothesis.codes}
        return own | ({"model"} if is_meant else set()) | ({"rows"} if no_cut else set())

    # -- hypotheses -------------------------------------------------------------------------------------------------------------
    def changed(self, hypothesis: Hypothesis) -> list[Hypothesis]:
        """The hypotheses that suppose one cause more, from a group of which the given one has no cause yet."""
        if hypothesis.is_flat:
            return []
        groups = {named(code).group for code in hypothesis.codes}
        used = self._used(hypothesis) - {"columns"}
        if groups and not groups & {"units", "columns", "numbers"} and self.context.is_small:
            used |= {"columns"}  # all orders were the first of a pair, and what commutes with them the second
        return [
            other
            for one in CAUSES
            if one.group not in used and one.code not in hypothesis.codes
            for other in one.applied(self.context, hypothesis)
        ]

    def explained(
        self, hypotheses: Sequence[Hypothesis], more: Sequence[str] = ()
    ) -> tuple[list[Explained], list[tuple[Hypothesis, Totals, Metric]]]:
        """Return (explained, informed): each hypothesis by itself, and the sums of those that have an information."""
        found: list[Explained] = []
        informed: list[tuple[Hypothesis, Totals, Metric]] = []
        for hypothesis, totals in zip(hypotheses, self.context.totals(hypotheses, more)):
            metric = None if totals is None else Metric.of(self.context, hypothesis, totals)
            if totals is None or metric is None:
                continue
            informed.append((hypothesis, totals, metric))
            score = penalised(self.context, hypothesis, totals.score)
            equations = score.size - hypothesis.unknowns
            found.append(self._judged(hypothesis, metric.distance(score), equations, 1, metric, hypothesis.unknowns))
        return found, informed

    def further(self) -> list[str]:
        """The further sums that readings ask for."""
        model = self.root.objective.model
        classes = range(max(self.context.k, 2)) if model.has_classes or isinstance(model.family, Binomial) else range(0)
        return ["even", "zero", "one more", *(f"class {number}" for number in classes)]

    def _judged(
        self, hypothesis: Hypothesis, left: float, equations: int, tries: float, metric: Metric, unknowns: int = 0
    ) -> Explained:
        """The explanation, with the chance that so little is left by accident: of so many equations, each less than before."""
        most = rounded_away(self.context, hypothesis, metric)

        of_digits = 0.0 if unknowns else chance_of_digits(self.context, hypothesis, metric, self.before)

        def chance(left: float) -> float:
            share = max(left, 1e-12) / max(self.before, 1e-300) if np.isfinite(self.before) else 1e-12
            by_accident = min(equations * np.log10(min(max(share, 1e-300), 1.0)), of_digits)
            return float(by_accident + np.log10(tries * TRIED[len(hypothesis.codes)]))

        if len(hypothesis.codes) == 1:
            (code,) = hypothesis.codes
            self.ruled_out[code] = min(self.ruled_out.get(code, np.inf), left)
        usual = most / np.sqrt(3)  # the root mean square of a number below the most
        return Explained(hypothesis, left, chance(left), EXACT + 3 * most, unknowns, roughly=chance(max(left, usual)))

    # -- what is read off the sums of one hypothesis ----------------------------------------------------------------------------
    def read_off(self, hypothesis: Hypothesis, totals: Totals, metric: Metric) -> Iterator[Explained]:
        """The explanations by one cause more, or by two readings, that need no further pass."""
        if hypothesis.is_flat:
            return
        goal = metric.whiten(penalised(self.context, hypothesis, totals.score))
        used = self._used(hypothesis)
        readings = [
            Read(one, reading, np.column_stack([metric.whiten(vector) for vector in reading.vectors]))
            for one in CAUSES
            if one.readings and one.group not in used
            for reading in one.readings(self.context, hypothesis, totals)
        ]
        room = 2 - len(hypothesis.codes)
        for count in range(1, 1 + min(room, 2)):
            for chosen in combinations(readings, count):
                groups = {read.cause.group for read in chosen}  # of two, one is a penalty, since others multiply each other
                if count == len(groups) and (count == 1 or "penalty" in groups):
                    yield from self._solved(hypothesis, goal, metric, chosen, totals.rows)
        for one in CAUSES:
            if one.endings and one.group not in used and goal.size > 1:
                for ending in one.endings(self.context, hypothesis, totals):
                    yield self._ended(hypothesis, metric, one, ending)
        if room > 1:
            yield from self._cut(hypothesis, totals, metric, readings)

    def _solved(
        self, hypothesis: Hypothesis, goal: np.ndarray, metric: Metric, chosen: Sequence[Read], rows: int
    ) -> Iterator[Explained]:
        """The explanation by the factors that leave least of the score, whose length in ``goal`` (q m,) is the distance."""
        white = np.column_stack([read.white for read in chosen])
        length = np.sqrt((white**2).sum(axis=0))
        if not (np.isfinite(length).all() and length.all()):
            return
        factors = np.linalg.lstsq(white / length, -goal, rcond=1e-12)[0] / length
        least = NOTICED if hypothesis.codes or len(chosen) > 1 else EXACT
        if (length * np.abs(factors) <= least).any():
            return  # what moves nothing explains nothing
        left = float(np.linalg.norm(goal + white @ factors))
        parts = np.split(factors, np.cumsum([read.white.shape[1] for read in chosen])[:-1])
        times = [read.reading.times(own) for read, own in zip(chosen, parts)]
        other = hypothesis
        for place, (one, reading) in enumerate((read.cause, read.reading) for read in chosen):
            own = parts[place] * math.prod(times[:place] + times[place + 1 :])
            if (says := reading.says(own, rows)) is None:
                return
            other = other if reading.become is None else reading.become(other, own)
            other = replace(other, found=(*other.found, one.finding(says, factors=own)))
        unknowns = hypothesis.unknowns + len(factors)
        is_bent = "link" in hypothesis.codes and any(read.cause.code == "response-units" for read in chosen)
        equations = goal.size - unknowns - is_bent  # in other units a link has any bend
        made = self._judged(other, left, equations, len(chosen), metric, unknowns)
        yield replace(made, vectors=tuple(vector for read in chosen for vector in read.reading.vectors))

    def _ended(self, hypothesis: Hypothesis, metric: Metric, one: Cause, ending: Ending) -> Explained:
        other = hypothesis if ending.become is None else ending.become(hypothesis)
        other = replace(other, found=(*hypothesis.found, one.finding(ending.says)))
        unknowns = hypothesis.unknowns + ending.unknowns
        made = self._judged(
            other, metric.distance(ending.residue), ending.residue.size - unknowns, ending.tries, metric, unknowns
        )
        return made if ending.become is not None else replace(made, residue=ending.residue)

    def _cut(self, hypothesis: Hypothesis, totals: Totals, metric: Metric, readings: Sequence[Read]) -> Iterator[Explained]:
        """Rows that are cut off, beside a reading of one factor."""
        for one, reading in ((read.cause, read.reading) for read in readings):
            name, factor = reading.summed or ("", 0.0)
            known = (
                totals.prefixes is not None and (not factor or name in totals.prefixes) and "rows" not in self._used(hypothesis)
            )
            if known and len(reading.vectors) == 1 and reading.become is not None:
                for code in ("rows-first", "rows-last"):
                    yield from self._cut_beside(hypothesis, totals, metric, one, reading, code)

    def _cut_beside(
        self, hypothesis: Hypothesis, totals: Totals, metric: Metric, one: Cause, reading: Reading, code: str
    ) -> Iterator[Explained]:
        """The place of a cut, with a factor of the reading, at which least is left of the score of the rows that are kept."""
        assert totals.prefixes is not None
        assert totals.places is not None
        assert reading.become is not None
        n, which = self.context.facts.n, code.removeprefix("rows-")
        name, factor = reading.summed or ("", 0.0)
        whole, vector = metric.whiten(totals.score), metric.whiten(reading.vectors[0])

        def kept(sums: Any, of_all: Any) -> Any:
            return sums if which == "first" else of_all - sums

        def left(prefixes: np.ndarray, places: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return _factors(kept(metric.whiten_rows(prefixes), whole), vectors, kept(places, n) / n)

        places, prefixes, vectors = totals.places, totals.prefixes[""], vector[None]
        if factor:
            vectors = kept(factor * metric.whiten_rows(totals.prefixes[name]), vector)
        elif self.context.stride > 1:
            places, prefixes = self.context.near_places(hypothesis, totals, left(prefixes, places, vectors)[1])
        factors, rest = left(prefixes, places, vectors)
        if not (usable := totals.cuts(places, which)).any():
            return
        at = int(np.argmin(np.where(usable, rest, np.inf)))
        place, own = int(places[at]), factors[at : at + 1]
        rows, moves = kept(place, n), np.linalg.norm(own * vectors[at % len(vectors)])
        if not EXACT < moves < np.inf or (says := reading.says(own, rows)) is None:
            return
        other = counted((1.0, 0.0) if which == "first" else (0.0, 1.0), place)(reading.become(hypothesis, own))
        cut = named(code).finding(f"only the {which} {rows} of {n} rows are fitted", share=rows / n)
        other = replace(other, found=(*hypothesis.found, cut, one.finding(says, factors=own)))
        made = self._judged(other, float(rest[at]), totals.score.size - 1, n, metric, 1)
        yield replace(made, vectors=tuple(reading.vectors))


def _factors(scores: np.ndarray, vectors: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (factors, left), (r,) both: the factor of a vector that takes most of scores (r, q m), and what it leaves."""
    factors = -(scores * vectors).sum(axis=1) / (vectors**2).sum(axis=1)
    left = np.linalg.norm(scores + factors[:, None] * vectors, axis=1) / np.sqrt(shares)  # in errors of a share of the rows
    return factors, np.nan_to_num(left, nan=np.inf)
