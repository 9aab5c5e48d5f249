"""
Hypotheses: other problems at whose optimum an answer may lie, and what the rows say of many of them in one pass.

At the optimum of the right hypothesis the score vanishes, so none needs a fit: its score at the answer, in standard errors, is
the answer's distance from it. Scores are summed in *white* coordinates, in which the columns of the design are nearly
orthonormal, so that badly scaled columns cost no digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy import linalg

from spec.diagnosis.answer import Answer
from spec.diagnosis.objective import Objective
from spec.diagnosis.question import Question
from spec.diagnosis.result import Finding
from spec.domains import Domain
from spec.fit.rows import Batch
from spec.likelihood import gram

PIECE = 2**14  # rows that are summed at a time
KEPT = 2**25  # numbers of a design that are kept in memory
Step = Callable[[Batch, int], Batch]  # of a batch and the number of its first row


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """
    An objective, what is done with the rows before, and the answer as it then reads: ``matrix`` (1 + p, k), the bias first.

    ``found`` are the causes that it supposes. ``penalty`` (q m, q m) is the matrix P of a penalty b'Pb / 2 that is taken off.
    """

    objective: Objective
    matrix: np.ndarray
    intercept: bool
    steps: tuple[Step, ...] = ()
    found: tuple[Finding, ...] = ()
    penalty: np.ndarray | None = None
    extra: np.ndarray | None = None  # the kernel (p + 1, k) of an answer that has a column more than the question

    def after(self, step: Step) -> Hypothesis:
        """The same, with a further step for the rows."""
        return replace(self, steps=(*self.steps, step))

    def of_batch(self, function: Callable[[Batch], Batch]) -> Hypothesis:
        """The same, with a step that does not ask for the numbers of the rows."""
        return self.after(lambda batch, first: function(batch))

    def rows(self, batch: Batch, first: int) -> Batch:
        """The batch as the hypothesis has it."""
        for step in self.steps:
            batch = step(batch, first)
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
    number of rows with weight. ``more`` are further scores (q, m), by their names in `FURTHER`. ``prefixes`` are the sums of the
    rows before each of the ``places``, (places, q m) output after output: of the score (by the name "") and of the further ones.
    """

    score: np.ndarray
    squares: np.ndarray
    information: np.ndarray
    pearson: float
    rows: int
    more: dict[str, np.ndarray] = field(default_factory=dict)
    prefixes: dict[str, np.ndarray] | None = None
    places: np.ndarray | None = None

    @property
    def cuts(self) -> np.ndarray:
        """The places that leave enough rows on both sides to tell a cut from chance, as a mask."""
        assert self.places is not None
        least = 3 * self.score.size
        return (self.places >= least) & (self.places <= self.places[-1] - least)

    @property
    def is_finite(self) -> bool:
        return bool(np.isfinite(self.score).all() and np.isfinite(self.information).all())

    @cached_property
    def rough(self) -> float:
        """A distance that needs no information: each score in units of the root of its rows' squares."""
        with np.errstate(all="ignore"):
            found = self.score**2 / self.squares
        return float(np.sqrt(np.where(self.score == 0, 0.0, found).sum()))


class Context:
    """
    A question and an answer, and what is known of both: moments of the columns, the white coordinates, the best answer.

    ``best`` (q, m) are the free parameters at the optimum of the question, where there is one.
    """

    def __init__(self, question: Question, answer: Answer, on_rows: Callable[[int], None] = lambda rows: None) -> None:
        self.question, self.answer, self.on_rows = question, answer, on_rows
        self.best: np.ndarray | None = None
        sample = question.rows.sample(PIECE)
        self.k = sample.y.shape[1]
        self._bases = {intercept: _basis(_design(sample.X, intercept)) for intercept in (True, False)}
        total = question.rows.total
        self.in_memory = total is not None and total * (sample.X.shape[1] + 1) <= KEPT
        self._kept: list[tuple[Batch, int]] = list(self._read()) if self.in_memory else []

    def _read(self) -> Iterator[tuple[Batch, int]]:
        first = 0
        for batch in self.question.rows.read(PIECE):
            yield batch, first
            first += len(batch)

    @cached_property
    def moments(self) -> Moments:
        """The moments of the columns of X and of y."""
        return Moments.of(self)

    @cached_property
    def whole(self) -> Batch:
        """All rows, which are in memory."""
        parts = [batch.parts for batch, _ in self._kept]
        X, y, weights, offset = zip(*parts)
        return Batch(*(np.concatenate(part) for part in (X, y, weights)), None if offset[0] is None else np.concatenate(offset))

    def batches(self) -> Iterator[tuple[Batch, int]]:
        """The rows, in pieces, each with the number of its first row."""
        for batch, first in self._kept or self._read():
            yield batch, first
            self.on_rows(len(batch))

    def basis(self, intercept: bool) -> np.ndarray:
        """(q, q), whose product with the design has nearly orthonormal columns."""
        return self._bases[intercept]

    def totals(self, hypotheses: Sequence[Hypothesis], more: Sequence[str] = (), informed: bool = True) -> list[Totals | None]:
        """What the rows say of each hypothesis, in one pass; None where eta leaves its domain, or y that of the family."""
        found: list[Any] = [_Sum() for _ in hypotheses]
        for batch, first in self.batches():
            shared: dict[bool, np.ndarray] = {}  # the white designs of the rows as they are, which most hypotheses have
            for hypothesis, own in zip(hypotheses, found):
                if own.is_out:
                    continue
                rows = hypothesis.rows(batch, first)
                whites = shared if rows.X is batch.X else {}
                if hypothesis.intercept not in whites:
                    whites[hypothesis.intercept] = _design(rows.X, hypothesis.intercept) @ self.basis(hypothesis.intercept)
                own.add(hypothesis, rows, whites[hypothesis.intercept], first, more, informed)
        return [None if own.is_out else own.totals() for own in found]


def _design(X: np.ndarray, intercept: bool) -> np.ndarray:
    return np.hstack([np.ones((len(X), 1)), X]) if intercept else X


def _basis(design: np.ndarray) -> np.ndarray:
    """A basis in which the columns of a design are nearly orthonormal; where it is singular, the columns scaled to length 1."""
    scale = np.sqrt((design**2).mean(axis=0))
    scale[scale == 0] = 1
    if len(design) >= design.shape[1]:
        triangle = np.linalg.qr(design / scale / np.sqrt(len(design)), mode="r")
        size = np.abs(np.diag(triangle))
        if size.size and size.min() > 1e-13 * size.max():
            return linalg.solve_triangular(triangle, np.eye(len(scale))) / scale[:, None]
    return np.diag(1 / scale)


class _Sum:
    """The running sums of one hypothesis."""

    def __init__(self) -> None:
        self.is_out = False
        self.parts: list[Any] | None = None
        self.more: dict[str, Any] = {}
        self.prefixes: dict[str, list[np.ndarray]] = {}
        self.places: list[np.ndarray] = []

    def add(
        self, hypothesis: Hypothesis, rows: Batch, white: np.ndarray, first: int, more: Sequence[str], informed: bool
    ) -> None:
        objective, weight = hypothesis.objective, rows.weights[:, None]
        eta = rows.X @ hypothesis.matrix[1:] + hypothesis.matrix[0]
        if rows.offset is not None:
            eta = eta + rows.offset
        counts = rows.weights > 0
        if not (_contains(objective, eta[counts]) and np.isfinite(eta).all()):
            self.is_out = True
            return
        with np.errstate(all="ignore"):
            scores = objective.score(rows.y, eta, weight)
            scores = np.where(weight > 0, scores, 0.0)
            score, squares = white.T @ scores, (white**2).T @ scores**2
            information = gram(white, objective.information(eta, weight)) if informed else np.zeros((0, 0))
            pearson = _pearson(objective, rows, eta, weight) if informed else 0.0
        parts = [score, squares, information, pearson, int(counts.sum())]
        noted = "prefixes" in more
        if noted:
            thin = slice(None) if first + len(white) <= 2**18 else slice(-1, None)
            self._note("", white, scores, thin)
            self.places.append(np.arange(first + 1, first + len(white) + 1)[thin])
        for name in more:
            if name != "prefixes":
                further = FURTHER[name](objective, rows, eta, weight, scores)
                self.more[name] = self.more.get(name, 0) + white.T @ further
                if noted and white.size * scores.shape[1] <= 2**18:
                    self._note(name, white, further, thin)
        self.parts = parts if self.parts is None else [a + b for a, b in zip(self.parts, parts)]

    def _note(self, name: str, white: np.ndarray, scores: np.ndarray, thin: slice) -> None:
        """Note the sum of the rows up to each row, or up to the last of many."""
        so_far = np.cumsum((white[:, None, :] * scores[:, :, None]).reshape(len(white), -1), axis=0)
        before = self.prefixes.setdefault(name, [])
        if before:
            so_far += before[-1][-1]
        before.append(so_far[thin])

    def totals(self) -> Totals | None:
        if self.parts is None:
            return None
        prefixes = {name: np.concatenate(parts) for name, parts in self.prefixes.items()} or None
        places = np.concatenate(self.places) if self.places else None
        found = Totals(*self.parts, more=self.more, prefixes=prefixes, places=places)
        return found if found.is_finite else None


def _contains(objective: Objective, eta: np.ndarray) -> bool:
    domain: Domain = objective.model.eta_domain
    return bool(domain.contains(eta).all())


def _pearson(objective: Objective, rows: Batch, eta: np.ndarray, weight: np.ndarray) -> float:
    model = objective.model
    if model.has_classes:
        return 0.0
    mu = model.link.inverse(eta)
    return float(np.where(rows.y == mu, 0.0, weight * (rows.y - mu) ** 2 / model.family.variance(mu)).sum())


def _as_if(y: Callable[[Batch], np.ndarray]) -> Callable[..., np.ndarray]:
    """How the rows' scores change where y is something else: the score is linear in y."""

    def changed(objective: Objective, rows: Batch, eta: np.ndarray, weight: np.ndarray, scores: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.where(weight > 0, objective.score(y(rows), eta, weight) - scores, 0.0)

    return changed


def _of_class(number: int) -> Callable[..., np.ndarray]:
    """The scores of the rows of one class; without classes y is 0 or 1."""

    def own(objective: Objective, rows: Batch, eta: np.ndarray, weight: np.ndarray, scores: np.ndarray) -> np.ndarray:
        share = rows.y[:, [number]] if rows.y.shape[1] > 1 else (rows.y if number else 1 - rows.y)
        return share * scores

    return own


FURTHER: dict[str, Callable[..., np.ndarray]] = {
    "even": _as_if(lambda rows: np.full_like(rows.y, 1 / max(rows.y.shape[1], 2))),
    "zero": _as_if(lambda rows: np.zeros_like(rows.y)),
    "one more": _as_if(lambda rows: rows.y + 1),
    **{f"class {number}": _of_class(number) for number in range(64)},
}


@dataclass(frozen=True, eq=False)
class Moments:
    """
    Moments of the columns of X (p,): ``mean``, ``deviation`` (divided by n), ``low`` and ``high``; ``n`` rows.

    ``binary`` says which hold 0 and 1 only, ``apart`` (p, p) which pairs of them are never 1 in one row. ``y_mean`` (k,) is
    weighted, ``y_plain`` is not; ``y_deviation`` (k,). ``y_values`` are the values of y, if they are few.
    """

    n: int
    mean: np.ndarray
    deviation: np.ndarray
    low: np.ndarray
    high: np.ndarray
    binary: np.ndarray
    apart: np.ndarray
    y_mean: np.ndarray
    y_plain: np.ndarray
    y_deviation: np.ndarray
    y_values: tuple[float, ...]
    classes: np.ndarray  # rows of each class

    @classmethod
    def of(cls, context: Context) -> Moments:
        n, total, squares, cross = 0, 0.0, 0.0, 0.0
        y_total, y_weighted, y_squares, weight = 0.0, 0.0, 0.0, 0.0
        low, high, binary = np.inf, -np.inf, True
        values: set[float] = set()
        shift = None
        for batch, _ in context.batches():
            X, y = batch.X, batch.y
            shift = X.mean(axis=0) if shift is None else shift
            n, total, squares = n + len(X), total + (X - shift).sum(axis=0), squares + ((X - shift) ** 2).sum(axis=0)
            cross = cross + np.abs(X.T) @ np.abs(X)
            low, high = np.minimum(low, X.min(axis=0)), np.maximum(high, X.max(axis=0))
            binary = binary & ((X == 0) | (X == 1)).all(axis=0)
            y_total, y_squares = y_total + y.sum(axis=0), y_squares + (y**2).sum(axis=0)
            y_weighted, weight = y_weighted + (batch.weights[:, None] * y).sum(axis=0), weight + batch.weights.sum()
            if len(values) < 16:
                values.update(np.unique(y)[:16].tolist())
        centred = total / n
        y_mean = y_total / n
        return cls(
            n,
            shift + centred,
            np.sqrt(np.maximum(squares / n - centred**2, 0)),
            low,
            high,
            binary,
            cross == 0,
            y_weighted / weight,
            y_mean,
            np.sqrt(np.maximum(y_squares / n - y_mean**2, 0)),
            tuple(sorted(values)) if len(values) < 16 else (),
            np.atleast_1d(y_total),
        )
