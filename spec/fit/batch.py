"""Some rows in memory: `Batch`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from spec.fit.numeric import Column
from spec.model import Params

NAMES = ("X", "y", "weights", "offset")


@dataclass(frozen=True, eq=False)
class Batch:
    """Some rows: ``X`` (b, p), ``y`` (b, k), ``weights`` (b,), and ``offset`` (b, k) or None."""

    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray
    offset: np.ndarray | None = None

    @classmethod
    def of(cls, X: Column, y: Column | None, weights: Column | None = None, offset: Column | None = None) -> Batch:
        """A batch in float64; arrays in float64 are not copied. A vector becomes one column, and no y becomes a y of zeros."""
        X = _table(X)
        y = np.zeros((len(X), 1)) if y is None else _table(y)
        weights = _ones(len(y)) if weights is None else _table(weights).reshape(-1)
        batch = cls(X, y, weights, None if offset is None else _table(offset))
        if len({len(part) for part in batch.parts if part is not None}) > 1:
            rows = ", ".join(f"{name} {len(part)}" for name, part in zip(NAMES, batch.parts) if part is not None)
            raise ValueError(f"X, y, weights and offset need a row for each observation, but the numbers of rows differ: {rows}.")
        return batch

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, rows: slice) -> Batch:
        return self.each(lambda part: part[rows])

    @property
    def parts(self) -> tuple[np.ndarray | None, ...]:
        return self.X, self.y, self.weights, self.offset

    def each(self, function: Callable[[np.ndarray], np.ndarray]) -> Batch:
        """The batch with a function applied to each part."""
        offset = None if self.offset is None else function(self.offset)
        return Batch(function(self.X), function(self.y), function(self.weights), offset)

    def design(self, intercept: bool) -> np.ndarray:
        """The design (b, q): X, after a column of ones where there is an intercept."""
        return np.hstack([np.ones((len(self), int(intercept))), self.X])

    def eta(self, params: Params) -> np.ndarray:
        """The linear predictors (b, k), with the offset."""
        eta = params.linear_predictor(self.X)
        return eta if self.offset is None else eta + self.offset

    def padded(self, size: int) -> Batch:
        """The batch with its last row repeated, at weight 0, up to ``size`` rows: programs are compiled for one shape."""
        missing = size - len(self)
        if not missing:
            return self
        longer = self.each(lambda part: _longer(part, missing))
        longer.weights[len(self) :] = 0
        return longer


def _longer(part: np.ndarray, missing: int) -> np.ndarray:
    """The rows of a part, and ``missing`` times the last of them."""
    longer = np.empty((len(part) + missing, *part.shape[1:]))
    longer[: len(part)], longer[len(part) :] = part, part[-1]
    return longer


@lru_cache(maxsize=4)
def _ones(size: int) -> np.ndarray:
    """Weights of 1, shared by all batches of a size."""
    ones = np.ones(size)
    ones.flags.writeable = False
    return ones


def _table(values: Any) -> np.ndarray:
    """The values as a float64 array of two dimensions, a row for each observation."""
    array = np.ascontiguousarray(values, dtype=float)
    return array.reshape(len(array), math.prod(array.shape[1:]))


def joined(batches: list[Batch]) -> Batch:
    """The batches one after another, as one batch."""
    if len(batches) == 1:
        return batches[0]
    X, y, weights, offset = zip(*(batch.parts for batch in batches))
    return Batch(
        np.concatenate(X), np.concatenate(y), np.concatenate(weights), None if offset[0] is None else np.concatenate(offset)
    )


def batches_of(pieces: Iterable[Batch], size: int) -> Iterator[Batch]:
    """Yield the rows of the pieces in batches of exactly ``size`` rows, but for the last."""
    waiting: list[Batch] = []
    for piece in pieces:
        while len(piece):
            missing = size - sum(map(len, waiting))
            waiting.append(piece[:missing] if len(piece) > missing else piece)
            piece = piece[missing:]
            if sum(map(len, waiting)) == size:
                yield joined(waiting)
                waiting = []
    if waiting:
        yield joined(waiting)


def beginning(pieces: Iterable[Batch], size: int) -> list[Batch]:
    """Pieces with the first ``size`` rows, or with all if there are fewer."""
    taken: list[Batch] = []
    for piece in pieces:
        taken.append(piece[: size - sum(map(len, taken))])
        if sum(map(len, taken)) >= size:
            break
    return taken
