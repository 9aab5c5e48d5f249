"""The sums over the rows of a hypothesis: of scores, of their spread, and of further scores that causes ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spec.diagnosis.hypothesis import Hypothesis
from spec.diagnosis.objective import Objective
from spec.fit.rows import Batch
from spec.likelihood import gram


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


class ScoreSum:
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


class SpreadSum:
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


def totals_of(spread: SpreadSum, total: ScoreSum, grows: float) -> Totals | None:
    """The sums of one hypothesis, whose spread is that of a part of the rows; None where eta leaves its domain."""
    if spread.is_out or total.is_out:
        return None
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
