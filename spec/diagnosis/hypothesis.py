"""
Hypotheses: other problems at whose optimum an answer may lie, and what the rows say of many of them in one pass.

At the optimum of the right hypothesis the score vanishes, so none needs a fit: its score at the answer, in standard errors, is
the answer's distance from it. Scores are summed in *white* coordinates, in which the columns of the design are nearly
orthonormal, so that badly scaled columns cost no digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from scipy import linalg

from spec.diagnosis.answer import Answer
from spec.diagnosis.objective import Objective
from spec.diagnosis.question import Question
from spec.diagnosis.result import Finding
from spec.fit.rows import Batch, joined
from spec.likelihood import gram

PIECE = 2**14  # rows that are summed at a time
SMALL = 2**17  # numbers of a design, times outputs: of fewer the sums of the rows so far are kept of everything
PLACES = 2**14  # of the sums so far that are noted, of many rows
ANCHORS = 4  # of those places, about which each row is tried
FEW_COLUMNS = 40  # among which products of others are looked for
KEPT = 2**25  # numbers of a design that are kept in memory
Step = Callable[[Batch, np.ndarray], Batch]  # of a batch and the numbers of its rows


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """
    An objective, what is done with the rows before, and the answer as it then reads: ``matrix`` (1 + p, k), the bias first.

    ``found`` are the causes that it supposes. ``penalty`` (q m, q m) and ``pull`` (q, m) are P and c of a penalty b'Pb / 2 + c'b
    that is taken off.
    """

    objective: Objective
    matrix: np.ndarray
    intercept: bool
    steps: tuple[Step, ...] = ()
    found: tuple[Finding, ...] = ()
    penalty: np.ndarray | None = None
    pull: np.ndarray | None = None
    back: np.ndarray | None = None  # (1 + p, 1 + p): its product with the matrix is the weights as they were brought
    rounding: np.ndarray | None = None  # (1 + p, k): half a unit of the last digit of each
    unknowns: int = 0  # numbers that were chosen such that little is left of the score
    is_flat: bool = False  # every row has one response: nothing else can be said, and the dispersion is that of the question
    extra: np.ndarray | None = None  # the kernel (p + 1, k) of an answer that has a column more than the question

    def after(self, step: Step) -> Hypothesis:
        """The same, with a further step for the rows."""
        return replace(self, steps=(*self.steps, step))

    def before(self, step: Step) -> Hypothesis:
        """The same, with a step for the rows as the question has them."""
        return replace(self, steps=(step, *self.steps))

    def of_batch(self, function: Callable[[Batch], Batch]) -> Hypothesis:
        """The same, with a step that does not ask for the numbers of the rows."""
        return self.after(lambda batch, numbers: function(batch))

    def mapped(self, function: Callable[[np.ndarray], np.ndarray]) -> Hypothesis:
        """The same, with a linear function of the parameters (1 + p, k) that puts them into other units or another coding."""
        matrix = function(np.eye(len(self.matrix)))
        back, rounding = np.linalg.inv(matrix), self.rounding
        return replace(
            self,
            matrix=function(self.matrix),
            back=back if self.back is None else self.back @ back,
            rounding=None if rounding is None else np.abs(matrix) @ rounding,
        )

    @property
    def of_brought(self) -> np.ndarray:
        """(q, q), which maps the parameters to the units of the answer as it was brought, in which a penalty acts."""
        first = 0 if self.intercept else 1
        return np.eye(len(self.matrix) - first) if self.back is None else self.back[first:, first:]

    def rows(self, batch: Batch, numbers: np.ndarray) -> Batch:
        """The batch as the hypothesis has it."""
        for step in self.steps:
            batch = step(batch, numbers)
        return batch

    @property
    def free(self) -> np.ndarray:
        """The free parameters (q, m)."""
        return self.objective.free(self.matrix[0 if self.intercept else 1 :])

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(one.code for one in self.found)


@dataclass(frozen=True, eq=False)
class Totals:
    """
    Sums over the rows of a hypothesis, in white coordinates.

    ``score`` (q, m); ``squares`` (q, m) of the rows' own scores; ``information`` (q m, q m); ``pearson`` X^2 and ``rows`` the
    number of rows with weight. ``more`` are further scores (q, m), by their names (`further_scores`). ``prefixes`` are the sums
    of the rows before each of the ``places``, (places, q m) output after output: of the score (by the name "") and of the further
    ones.
    """

    score: np.ndarray
    squares: np.ndarray
    information: np.ndarray
    pearson: float
    rows: int
    more: dict[str, np.ndarray] = field(default_factory=dict)
    prefixes: dict[str, np.ndarray] | None = None
    places: np.ndarray | None = None
    all_rows: int = 0  # those without weight too

    def cuts(self, places: np.ndarray, kept: str) -> np.ndarray:
        """The places of a cut, as a mask, that leave rows enough to contradict it: "first", "last" or "all" are kept."""
        rows = {"first": places, "last": self.all_rows - places, "all": np.full_like(places, self.all_rows)}
        return (rows[kept] > self.score.size) & (places < self.all_rows)

    @property
    def is_finite(self) -> bool:
        return bool(np.isfinite(self.score).all() and np.isfinite(self.information).all())


class Context:
    """
    A question and an answer, and what is known of both: facts of the rows, the white coordinates, the best answer.

    ``best`` (q, m) are the free parameters at the optimum of the question, where there is one. ``part`` are rows that stand for
    all: of many rows the information is that of these, times ``grows``, until an explanation is held to all of them.
    """

    def __init__(self, question: Question, answer: Answer, on_rows: Callable[[int], None] = lambda rows: None) -> None:
        self.question, self.answer, self.on_rows = question, answer, on_rows
        self.best: np.ndarray | None = None
        self.dispersion = 0.0  # of the question at its optimum
        sample = question.rows.sample(PIECE)
        self.k = sample.y.shape[1]
        self._bases = {intercept: _basis(design(sample.X, intercept)) for intercept in (True, False)}
        self._kept: list[tuple[Batch, np.ndarray]] = []
        size = self.facts.n * (sample.X.shape[1] + 1)
        self.in_memory, self.is_small = size <= KEPT, size * self.k <= SMALL
        # rows between the places that are noted in their order: a number of places that does not grow with the rows
        self.stride = 1 if self.is_small else max(64, self.facts.n // PLACES)
        self._kept = list(self._read()) if self.in_memory else []
        self.part, self.grows = self._part(sample)

    def take_all(self) -> None:
        """Let all rows stand for themselves, where a part of them lacks what is rare."""
        if self.in_memory:
            self.part, self.grows = self.all, 1.0

    def _read(self) -> Iterator[tuple[Batch, np.ndarray]]:
        first = 0
        for batch in self.question.rows.read(PIECE):
            yield batch, np.arange(first, first + len(batch))
            first += len(batch)

    def _part(self, sample: Batch) -> tuple[tuple[Batch, np.ndarray], float]:
        if not self.in_memory:
            return (sample, np.arange(len(sample))), self.facts.n / len(sample)
        n = self.facts.n
        if n <= PIECE:
            return (self.whole, np.arange(n)), 1.0
        numbers = np.sort(np.random.default_rng(0).choice(n, PIECE // 2, replace=False))
        return (self.whole.each(lambda part: part[numbers]), numbers), n / len(numbers)

    @cached_property
    def facts(self) -> Facts:
        """What one pass says of the columns."""
        return Facts.of(batch for batch, _ in self.batches())

    @cached_property
    def quartiles(self) -> np.ndarray:
        """The quartiles of each column, (3, p); NaN of more rows than are in memory."""
        if not self.in_memory:
            return np.full((3, len(self.facts.mean)), np.nan)
        return np.quantile(self.whole.X, (0.25, 0.5, 0.75), axis=0)

    @cached_property
    def products(self) -> tuple[tuple[int, int, int], ...]:
        """The columns that are products of two others, or the square of one, by their numbers (product, one, other)."""
        if not self.in_memory or self.facts.binary.all() or not 1 < len(self.facts.mean) <= FEW_COLUMNS:
            return ()
        X, varies = self.whole.X, self.facts.deviation > 0
        triples = [(j, a, b) for j, a, b in product(np.flatnonzero(varies).tolist(), repeat=3) if a <= b and j not in (a, b)]
        for rows in (slice(64), slice(None)):
            triples = [(j, a, b) for j, a, b in triples if np.allclose(X[rows, j], X[rows, a] * X[rows, b], rtol=1e-12, atol=0)]
        return tuple(triples)

    @cached_property
    def whole(self) -> Batch:
        """All rows, which are in memory."""
        return joined([batch for batch, _ in self._kept])

    @cached_property
    def first_of_same(self) -> np.ndarray | None:
        """1 for the first of rows that are the same, 0 for the others, (n,); None where no two rows are the same."""
        whole = self.whole
        table = np.column_stack([whole.X, whole.y, *([] if whole.offset is None else [whole.offset])])
        _, first = np.unique(table, axis=0, return_index=True)
        if len(first) == len(table):
            return None
        mask = np.zeros(len(table))
        mask[first] = 1
        return mask

    @property
    def all(self) -> tuple[Batch, np.ndarray]:
        """All rows, which are in memory, and their numbers."""
        return self.whole, np.arange(len(self.whole))

    def scored(self, hypothesis: Hypothesis) -> tuple[Scored, np.ndarray] | None:
        """Return (scored, white): all rows, which are in memory, each with its scores, and their white design (n, q)."""
        scored = Scored.of(hypothesis, hypothesis.rows(*self.all))
        if scored.scores is None:
            return None
        return scored, design(scored.rows.X, hypothesis.intercept) @ self.basis(hypothesis.intercept)

    def batches(self) -> Iterator[tuple[Batch, np.ndarray]]:
        """The rows, in pieces, each with the numbers of its rows."""
        for batch, numbers in self._kept or self._read():
            yield batch, numbers
            self.on_rows(len(batch))

    def basis(self, intercept: bool) -> np.ndarray:
        """(q, q), whose product with the design has nearly orthonormal columns."""
        return self._bases[intercept]

    def totals(self, hypotheses: Sequence[Hypothesis], more: Sequence[str] = (), exact: bool = False) -> list[Totals | None]:
        """
        What the rows say of each hypothesis, in one pass; None where eta leaves its domain.

        Without ``exact`` the information of many rows is that of a part of them.
        """
        known = [_Spread() for _ in hypotheses]
        own = self.batches() if exact else [self.part]
        self._each(own, [(h, spread) for h, spread in zip(hypotheses, known)])
        usable = [(h, _Sum(more, self.stride)) for h, spread in zip(hypotheses, known) if not spread.is_out]
        self._each(self.batches(), usable)
        sums = iter(usable)
        found: list[Totals | None] = []
        for spread in known:
            total = None if spread.is_out else next(sums)[1]
            found.append(None if total is None or total.is_out else _totals(spread, total, 1.0 if exact else self.grows))
        return found

    def near_places(self, hypothesis: Hypothesis, totals: Totals, away: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (places, prefixes): each row about the noted places that are least ``away``, and the score of those before."""
        assert totals.prefixes is not None
        assert totals.places is not None
        windows = [(int(totals.places[at]), _Sum(["prefixes"])) for at in np.argsort(away)[:ANCHORS]]
        for batch, numbers in self.batches():
            for place, since in windows:
                low, high = (max(end - int(numbers[0]), 0) for end in (place - self.stride, place + self.stride))
                if len(part := batch[low:high]):
                    self._each([(part, numbers[low:high])], [(hypothesis, since)])
        before = {int(place): prefix for place, prefix in zip(totals.places, totals.prefixes[""])}
        places = [np.concatenate(since.places) for _, since in windows]
        prefixes = [np.concatenate(since.prefixes[""]) + before.get(place - self.stride, 0.0) for place, since in windows]
        return np.concatenate(places), np.concatenate(prefixes)

    def refuted(self, hypotheses: Sequence[Hypothesis], most: float) -> list[bool]:
        """Which hypotheses a part of the rows refutes: that is farther from them than chance and ``most`` standard errors are."""
        sums = [(h, _Sum(())) for h in hypotheses]
        spreads = [(h, _Spread()) for h in hypotheses]
        self._each([self.part], [*sums, *spreads])
        found = []
        for (_, total), (_, spread) in zip(sums, spreads):
            if total.is_out or spread.is_out:
                found.append(True)
                continue
            away = float(np.sqrt(np.where(total.score == 0, 0.0, total.score**2 / spread.squares).sum()))
            by_chance = 0.0 if self.grows == 1 else 4 * np.sqrt(total.score.size)
            found.append(not away <= most + by_chance)
        return found

    def _each(self, batches: Iterable[tuple[Batch, np.ndarray]], asked: Sequence[tuple[Hypothesis, Any]]) -> None:
        """Add each batch to the sums of each hypothesis."""
        for batch, numbers in batches:
            shared: dict[bool, np.ndarray] = {}  # the white designs of the rows as they are, which most hypotheses have
            for hypothesis, sums in asked:
                if sums.is_out:
                    continue
                rows = hypothesis.rows(batch, numbers)
                whites = shared if rows.X is batch.X else {}
                if hypothesis.intercept not in whites:
                    whites[hypothesis.intercept] = design(rows.X, hypothesis.intercept) @ self.basis(hypothesis.intercept)
                sums.add(hypothesis.objective, Scored.of(hypothesis, rows), whites[hypothesis.intercept], numbers)


def design(X: np.ndarray, intercept: bool) -> np.ndarray:
    """X (n, p) with a column of ones before it, where there is an intercept."""
    return np.hstack([np.ones((len(X), 1)), X]) if intercept else X


def _basis(inputs: np.ndarray) -> np.ndarray:
    """A basis in which the columns of a design are nearly orthonormal; where it is singular, the columns scaled to length 1."""
    scale = np.sqrt((inputs**2).mean(axis=0))
    scale[scale == 0] = 1
    if len(inputs) >= inputs.shape[1]:
        triangle = np.linalg.qr(inputs / scale / np.sqrt(len(inputs)), mode="r")
        size = np.abs(np.diag(triangle))
        if size.size and size.min() > 1e-13 * size.max():
            return linalg.solve_triangular(triangle, np.eye(len(scale))) / scale[:, None]
    return np.diag(1 / scale)


@dataclass(frozen=True, eq=False)
class Scored:
    """Rows with eta (b, k), ``weight`` (b, 1) and ``scores`` (b, m), which are None where eta leaves its domain."""

    rows: Batch
    eta: np.ndarray
    weight: np.ndarray
    scores: np.ndarray | None

    @classmethod
    def of(cls, hypothesis: Hypothesis, rows: Batch) -> Scored:
        eta = rows.X @ hypothesis.matrix[1:] + hypothesis.matrix[0]
        if rows.offset is not None:
            eta = eta + rows.offset
        weight = rows.weights[:, None]
        inside = hypothesis.objective.model.eta_domain.contains(eta) & np.isfinite(eta)
        is_biased = not hypothesis.intercept and hypothesis.objective.free(hypothesis.matrix[:1]).any()
        if is_biased or not (inside | (weight == 0)).all():
            return cls(rows, eta, weight, None)
        return cls(rows, eta, weight, np.where(weight > 0, hypothesis.objective.score(rows.y, eta, weight), 0.0))


class _Sum:
    """The running sums of the scores of one hypothesis, and of what is asked for besides."""

    def __init__(self, more: Sequence[str], stride: int = 1) -> None:
        self.is_out, self.asked, self.stride = False, more, stride
        self.rows = 0
        self.score: Any = 0.0
        self.more: dict[str, Any] = {}
        self.prefixes: dict[str, list[np.ndarray]] = {}
        self.places: list[np.ndarray] = []
        self.last: dict[str, np.ndarray] = {}

    def add(self, objective: Objective, scored: Scored, white: np.ndarray, numbers: np.ndarray) -> None:
        if scored.scores is None:
            self.is_out = True
            return
        self.rows += len(numbers)
        self.score = self.score + white.T @ scored.scores
        noted = "prefixes" in self.asked
        thin = (numbers + 1) % self.stride == 0
        if noted:
            self._note("", white, scored.scores, thin)
            self.places.append(numbers[thin] + 1)
        for name in self.asked:
            if (further := further_scores(name)) is not None:
                scores = further(objective, scored)
                self.more[name] = self.more.get(name, 0.0) + white.T @ scores
                if noted and "all prefixes" in self.asked:
                    self._note(name, white, scores, thin)

    def _note(self, name: str, white: np.ndarray, scores: np.ndarray, thin: np.ndarray) -> None:
        """Note the sum of the rows up to each row, or up to the last of many."""
        so_far = np.cumsum((white[:, None, :] * scores[:, :, None]).reshape(len(white), -1), axis=0)
        before = self.prefixes.setdefault(name, [])
        if before:
            so_far += self.last[name]
        self.last[name] = so_far[-1]
        before.append(so_far[thin])


class _Spread:
    """The running sums of how the scores of one hypothesis spread: the rows' squares, the information, Pearson's X^2."""

    def __init__(self) -> None:
        self.is_out = False
        self.squares: Any = 0.0
        self.information: Any = 0.0
        self.pearson = 0.0
        self.rows = 0

    def add(self, objective: Objective, scored: Scored, white: np.ndarray, numbers: np.ndarray) -> None:
        if scored.scores is None:
            self.is_out = True
            return
        self.squares = self.squares + (white**2).T @ scored.scores**2
        self.information = self.information + gram(white, objective.information(scored.eta, scored.weight))
        self.pearson += _pearson(objective, scored)
        self.rows += int((scored.weight > 0).sum())


def _totals(spread: _Spread, total: _Sum, grows: float) -> Totals | None:
    found = Totals(
        total.score,
        grows * spread.squares,
        grows * spread.information,
        grows * spread.pearson,
        round(grows * spread.rows),
        more=total.more,
        prefixes={name: np.concatenate(parts) for name, parts in total.prefixes.items()} or None,
        places=np.concatenate(total.places) if total.places else None,
        all_rows=total.rows,
    )
    return found if found.is_finite else None


def _pearson(objective: Objective, scored: Scored) -> float:
    model = objective.model
    return float(model.pearson(scored.rows.y, model.link.inverse(scored.eta), scored.weight).sum())


def _as_if(y: Callable[[Batch], np.ndarray]) -> Callable[[Objective, Scored], np.ndarray]:
    """How the rows' scores change where y is something else: the score is linear in y."""

    def changed(objective: Objective, scored: Scored) -> np.ndarray:
        other = objective.score(y(scored.rows), scored.eta, scored.weight) - scored.scores
        return np.where(scored.weight > 0, other, 0.0)

    return changed


def _of_class(number: int) -> Callable[[Objective, Scored], np.ndarray]:
    """The scores of the rows of one class; without classes y is 0 or 1."""

    def own(objective: Objective, scored: Scored) -> np.ndarray:
        y = scored.rows.y
        return (y[:, [number]] if y.shape[1] > 1 else (y if number else 1 - y)) * scored.scores

    return own


FURTHER: dict[str, Callable[[Objective, Scored], np.ndarray]] = {
    "even": _as_if(lambda rows: np.full_like(rows.y, 1 / max(rows.y.shape[1], 2))),
    "zero": _as_if(lambda rows: np.zeros_like(rows.y)),
    "one more": _as_if(lambda rows: rows.y + 1),
}


def further_scores(name: str) -> Callable[[Objective, Scored], np.ndarray] | None:
    """What makes a further sum of the rows' scores, by its name; None for a name that is none."""
    number = name.partition("class ")[2]
    return _of_class(int(number)) if number else FURTHER.get(name)


@dataclass(frozen=True, eq=False)
class Facts:
    """
    What one pass says of n rows: of the columns of X (p,) the ``mean``, the ``deviation`` (divided by n), ``low`` and ``high``.

    ``binary`` says which hold 0 and 1 only, ``apart`` (p, p) which pairs are never other than 0 in one row. ``y_mean`` (k,) is
    weighted, ``y_size`` the root of the mean square of y; ``y_values`` are the values of y, if they are few; ``classes`` (k,)
    the sums of y. Then whether there are an offset and one that is positive throughout, weights other than 1, weights of 0, and
    columns that float32 does not hold.
    """

    n: int
    mean: np.ndarray
    deviation: np.ndarray
    low: np.ndarray
    high: np.ndarray
    binary: np.ndarray
    apart: np.ndarray
    y_mean: np.ndarray
    y_size: float
    y_values: tuple[float, ...]
    classes: np.ndarray
    has_offset: bool
    has_positive_offset: bool
    has_weights: bool
    has_zero_weights: bool
    has_fine_columns: bool

    @classmethod
    def of(cls, batches: Iterable[Batch]) -> Facts:
        n, weight, y_squares = 0, 0.0, 0.0
        total: Any = 0.0
        squares: Any = 0.0
        cross: Any = 0.0
        classes: Any = 0.0
        weighted: Any = 0.0
        low: Any = np.inf
        high: Any = -np.inf
        binary: Any = True
        values: set[float] = set()
        shift: Any = None
        has_offset, positive, has_weights, has_zeros, fine = False, True, False, False, False
        for batch in batches:
            X, y = batch.X, batch.y
            shift = X.mean(axis=0) if shift is None else shift
            n, total, squares = n + len(X), total + (X - shift).sum(axis=0), squares + ((X - shift) ** 2).sum(axis=0)
            cross = cross + np.abs(X.T) @ np.abs(X)
            low, high = np.minimum(low, X.min(axis=0)), np.maximum(high, X.max(axis=0))
            binary = binary & ((X == 0) | (X == 1)).all(axis=0)
            classes, weighted = classes + y.sum(axis=0), weighted + (batch.weights[:, None] * y).sum(axis=0)
            weight += float(batch.weights.sum())
            y_squares += float((y**2).sum())
            if len(values) < 16:
                values.update(np.unique(y)[:16].tolist())
            has_offset = batch.offset is not None
            positive = positive and batch.offset is not None and bool((batch.offset > 0).all())
            has_weights = has_weights or bool((batch.weights != 1).any())
            has_zeros = has_zeros or bool((batch.weights == 0).any())
            fine = fine or bool((X.astype(np.float32) != X).any())
        away = total / n
        deviation = np.sqrt(np.maximum(squares / n - away**2, 0))
        few = tuple(sorted(values)) if len(values) < 16 else ()
        return cls(
            n,
            shift + away,
            deviation,
            low,
            high,
            np.atleast_1d(binary),
            cross == 0,
            weighted / weight,
            float(np.sqrt(y_squares / n)),
            few,
            np.atleast_1d(classes),
            has_offset,
            positive,
            has_weights,
            has_zeros,
            fine,
        )
