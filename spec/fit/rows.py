"""Sources of rows that are read in batches: a few are in memory at a time, the others may be on disk or not made yet."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from spec.fit.numeric import Column

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
        """A batch in float64, without a copy of what is float64 already; a vector becomes one column. No y is a y of zeros."""
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

    def padded(self, size: int) -> Batch:
        """The batch with its last row repeated, at weight 0, up to ``size`` rows: programs are compiled for one shape."""
        missing = size - len(self)
        if not missing:
            return self
        longer = self.each(lambda part: np.concatenate([part, np.repeat(part[-1:], missing, axis=0)]))
        longer.weights[len(self) :] = 0
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


@dataclass(frozen=True, eq=False)
class Rows:
    """
    A source of rows. ``read(size)`` reads them anew, always in the same order, in pieces of about that size or of any other.

    ``sample(size)`` returns about ``size`` of them, to represent all. ``total`` is their number, if it is known before they are
    read. ``columns`` names those of X, if they have names.
    """

    read: Callable[[int], Iterable[Batch]]
    sample: Callable[[int], Batch]
    total: int | None = None
    columns: tuple[str, ...] = ()

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield batches of exactly ``size`` rows, but for the last."""
        waiting: list[Batch] = []
        for piece in self.read(size):
            while len(piece):
                missing = size - sum(map(len, waiting))
                waiting.append(piece[:missing] if len(piece) > missing else piece)
                piece = piece[missing:]
                if sum(map(len, waiting)) == size:
                    yield joined(waiting)
                    waiting = []
        if waiting:
            yield joined(waiting)

    def map(self, function: Callable[[Batch], Batch]) -> Rows:
        """The same rows, with a function applied to each piece."""
        return replace(
            self,
            read=lambda size: (function(piece) for piece in self.read(size)),
            sample=lambda size: function(self.sample(size)),
        )

    def map_numbered(self, function: Callable[[Batch, int], Batch]) -> Rows:
        """
        As `map`, but the function is also given the number of a piece's first row, so that it can name a wrong row.

        The rows of a sample have other numbers: where the function refuses them, all rows are read, to name the right one.
        """

        def read(size: int) -> Iterator[Batch]:
            first = 0
            for piece in self.read(size):
                yield function(piece, first)
                first += len(piece)

        def sample(size: int) -> Batch:
            try:
                return function(self.sample(size), 0)
            except ValueError:
                for _ in read(2**14):
                    pass
                raise

        return replace(self, read=read, sample=sample)

    def checked(self, check: Callable[[Batch, int], None]) -> Rows:
        """The same rows; ``check`` is called with each piece, and the number of its first row, before the piece is used."""

        def read(size: int) -> Iterator[Batch]:
            first = 0
            for piece in self.read(size):
                check(piece, first)
                first += len(piece)
                yield piece

        return replace(self, read=read)


# -- sources ------------------------------------------------------------------------------------------------------------------


def of_arrays(X: Column, y: Column | None, weights: Column | None = None, offset: Column | None = None) -> Rows:
    """The rows of numbers that are sliced like an array: NumPy arrays and memory maps, HDF5. They are read slice by slice."""
    columns = [X, y, weights, offset]
    against, total = ("X", len(X)) if y is None else ("y", len(y))
    for name, column in zip(NAMES, columns):
        if column is not None and len(column) != total:
            raise ValueError(f"{name} has {len(column)} rows, but {against} has {total}.")

    def taken(rows: slice | np.ndarray) -> Batch:
        return Batch.of(*(None if column is None else column[rows] for column in columns))

    def read(size: int) -> Iterator[Batch]:
        return (taken(slice(start, start + size)) for start in range(0, total, size))

    def sample(size: int) -> Batch:
        if size >= total:
            return taken(slice(None))
        return taken(np.unique(np.random.default_rng(0).integers(total, size=size)))  # sorted, to read a file page after page

    return Rows(read, sample, total)


def of_pieces(
    pieces: Callable[[int], Iterable[Any]],
    made: Callable[[Any, int], Batch],
    total: int | None = None,
    columns: tuple[str, ...] = (),
) -> Rows:
    """
    The rows of pieces that are read anew for each pass; ``made`` makes a batch of a piece and of the number of its first row.

    A sample is the first rows, so shuffle rows that are sorted.
    """
    whole: set[int] = set()  # the numbers of rows of the passes that were not broken off

    def read(size: int) -> Iterator[Batch]:
        first = 0
        for piece in pieces(size):
            batch = made(piece, first)
            first += len(batch)
            yield batch
        whole.add(first)
        if len(whole) > 1:
            less, more = min(whole), max(whole)
            raise ValueError(f"the rows were {more} in one pass and {less} in another: each pass needs the same rows.")

    return Rows(read, lambda size: beginning(read, size), total, columns)


def beginning(read: Callable[[int], Iterable[Batch]], size: int) -> Batch:
    """The first ``size`` rows, or all if there are fewer."""
    pieces: list[Batch] = []
    for piece in read(size):
        pieces.append(piece[: size - sum(map(len, pieces))])
        if sum(map(len, pieces)) >= size:
            break
    if not pieces:
        raise ValueError("there are no rows.")
    return joined(pieces)
