"""What a question and an answer have in common for all hypotheses: the rows, facts about them, and one pass for many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from scipy import linalg

from spec.diagnosis.answer import Answer
from spec.diagnosis.hypothesis import Hypothesis
from spec.diagnosis.question import Question
from spec.diagnosis.sums import Scored, ScoreSum, SpreadSum, Totals, totals_of
from spec.fit.rows import Batch, joined

PIECE = 2**14  # rows that are summed at a time
SMALL = 2**17  # numbers of a design, times outputs: of fewer the sums of the rows so far are kept of everything
PLACES = 2**14  # of the sums so far that are noted, of many rows
ANCHORS = 4  # of those places, about which each row is tried
FEW_COLUMNS = 40  # among which products of others are looked for
KEPT = 2**25  # numbers of a design that are kept in memory


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
        asked = [(h, SpreadSum(), ScoreSum(more, self.stride)) for h in hypotheses]
        if exact or self.grows == 1:
            self._each(self.batches(), [(h, (spread, total)) for h, spread, total in asked])
            return [totals_of(spread, total, 1.0) for _, spread, total in asked]
        self._each([self.part], [(h, (spread,)) for h, spread, _ in asked])
        self._each(self.batches(), [(h, (total,)) for h, spread, total in asked if not spread.is_out])
        return [totals_of(spread, total, self.grows) for _, spread, total in asked]

    def near_places(self, hypothesis: Hypothesis, totals: Totals, away: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (places, prefixes): each row about the noted places that are least ``away``, and the score of those before."""
        assert totals.prefixes is not None
        assert totals.places is not None
        windows = [(int(totals.places[at]), ScoreSum(["prefixes"])) for at in np.argsort(away)[:ANCHORS]]
        for batch, numbers in self.batches():
            for place, since in windows:
                low, high = (max(end - int(numbers[0]), 0) for end in (place - self.stride, place + self.stride))
                if len(part := batch[low:high]):
                    self._each([(part, numbers[low:high])], [(hypothesis, (since,))])
        before = {int(place): prefix for place, prefix in zip(totals.places, totals.prefixes[""])}
        places = [np.concatenate(since.places) for _, since in windows]
        prefixes = [np.concatenate(since.prefixes[""]) + before.get(place - self.stride, 0.0) for place, since in windows]
        return np.concatenate(places), np.concatenate(prefixes)

    def refuted(self, hypotheses: Sequence[Hypothesis], most: float) -> list[bool]:
        """Which hypotheses a part of the rows refutes: that is farther from them than chance and ``most`` standard errors are."""
        sums = [(ScoreSum(()), SpreadSum()) for _ in hypotheses]
        self._each([self.part], list(zip(hypotheses, sums)))
        found = []
        for total, spread in sums:
            if total.is_out or spread.is_out:
                found.append(True)
                continue
            away = float(np.sqrt(np.where(total.score == 0, 0.0, total.score**2 / spread.squares).sum()))
            by_chance = 0.0 if self.grows == 1 else 4 * np.sqrt(total.score.size)
            found.append(not away <= most + by_chance)
        return found

    def _each(self, batches: Iterable[tuple[Batch, np.ndarray]], asked: Sequence[tuple[Hypothesis, Sequence[Any]]]) -> None:
        """Add each batch to the sums of each hypothesis."""
        for batch, numbers in batches:
            shared: dict[bool, np.ndarray] = {}  # the white designs of the rows as they are, which most hypotheses have
            for hypothesis, sums in asked:
                if sums[0].is_out:
                    continue
                rows = hypothesis.rows(batch, numbers)
                whites = shared if rows.X is batch.X else {}
                if hypothesis.intercept not in whites:
                    whites[hypothesis.intercept] = design(rows.X, hypothesis.intercept) @ self.basis(hypothesis.intercept)
                scored = Scored.of(hypothesis, rows)
                for one in sums:
                    one.add(hypothesis.objective, scored, whites[hypothesis.intercept], numbers)


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
