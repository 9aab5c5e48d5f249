"""Sources of rows that are read in batches: a few are in memory at a time, the others may be on disk or not made yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    import pyarrow

Column = Any  # whatever is sliced like an array: an array, a memory map, an HDF5 dataset
NAMES = ("X", "y", "weights", "offset")


@dataclass(frozen=True, eq=False)
class Batch:
    """Some rows: ``X`` (b, p), ``y`` (b, k), ``weights`` (b,), and ``offset`` (b, k) or None."""

    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray
    offset: np.ndarray | None = None

    @classmethod
    def of(cls, X: Column, y: Column, weights: Column | None = None, offset: Column | None = None) -> Batch:
        """A batch in float64, without a copy of what is float64 already; a vector becomes one column."""
        X, y = _table(X), _table(y)
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


def _table(values: ArrayLike) -> np.ndarray:
    """The values as a float64 array of two dimensions."""
    try:
        array = np.ascontiguousarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"the data are not all numbers: {error}. Encode categories as columns of numbers first.") from error
    return array[:, None] if array.ndim == 1 else array


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


def of_arrays(X: Column, y: Column, weights: Column | None = None, offset: Column | None = None) -> Rows:
    """The rows of whatever is sliced like an array: NumPy arrays and memory maps, HDF5, zarr. They are read slice by slice."""
    columns = [X, y, weights, offset]
    total = len(y)
    for name, column in zip(NAMES, columns):
        if column is not None and len(column) != total:
            raise ValueError(f"{name} has {len(column)} rows, but y has {total}.")

    def taken(rows: slice | np.ndarray) -> Batch:
        return Batch.of(*(None if column is None else column[rows] for column in columns))

    def read(size: int) -> Iterator[Batch]:
        return (taken(slice(start, start + size)) for start in range(0, total, size))

    def sample(size: int) -> Batch:
        if size >= total:
            return taken(slice(None))
        return taken(np.unique(np.random.default_rng(0).integers(total, size=size)))  # sorted, to read a file page after page

    return Rows(read, sample, total)


def of_arrow(data: Any, y: str, weights: str | None = None, offset: str | None = None) -> Rows:
    """
    The rows of a pyarrow Table or Dataset, or of the Parquet file at a path: y, weights and offset by name, X all other columns.

    A sample is the first rows, so shuffle rows that are sorted.
    """
    from pyarrow import dataset, types

    source = data if isinstance(data, dataset.Dataset) else dataset.dataset(data)
    special = [name for name in (y, weights, offset) if name]
    names = source.schema.names
    if missing := [name for name in special if name not in names]:
        raise ValueError(f"there is no column {', '.join(missing)}: the columns are {', '.join(names)}.")
    for column in source.schema:
        if not (types.is_integer(column.type) or types.is_floating(column.type) or types.is_boolean(column.type)):
            raise ValueError(f"column {column.name} is of type {column.type}: encode it as columns of numbers first.")
    inputs = [name for name in names if name not in special]

    def piece(record: pyarrow.RecordBatch) -> Batch:
        columns = {name: record.column(name).to_numpy(zero_copy_only=False) for name in names}  # missing values become NaN
        X = np.empty((record.num_rows, len(inputs)))
        for j, name in enumerate(inputs):
            X[:, j] = columns[name]
        return Batch.of(X, *(columns[name] if name else None for name in (y, weights, offset)))

    def read(size: int) -> Iterator[Batch]:
        return (piece(record) for record in source.to_batches(batch_size=size) if record.num_rows)

    return Rows(read, lambda size: _first(read, size), source.count_rows(), tuple(inputs))


def of_stream(source: Any) -> Rows:
    """
    The rows of a stream of batches (x, y) or (x, y, weights) that can be read again: tf.data, PyDataset, a DataLoader, a list.

    With an offset x is the pair (X, offset). A sample is the first rows, so shuffle rows that are sorted.
    """
    if hasattr(source, "__next__"):
        raise TypeError("a generator gives its rows once, and a fit needs several passes: give a list, tf.data or a PyDataset.")

    def read(size: int) -> Iterator[Batch]:
        several = (source[i] for i in range(source.num_batches)) if hasattr(source, "num_batches") else source
        first: list[int | None] = []
        for number, (x, y, *weights) in enumerate(several):
            X, offset = x if isinstance(x, (tuple, list)) else (x, None)
            batch = Batch.of(X, y, weights[0] if weights else None, offset)
            columns = [None if part is None else part.shape[-1] for part in (batch.X, batch.y, batch.offset)]
            first = first or columns
            if columns != first:
                raise ValueError(f"batch {number} has other columns than the first: {columns} of X, y and offset, not {first}.")
            yield batch

    return Rows(read, lambda size: _first(read, size))


def _first(read: Callable[[int], Iterable[Batch]], size: int) -> Batch:
    """The first ``size`` rows, or all if there are fewer."""
    pieces: list[Batch] = []
    for piece in read(size):
        pieces.append(piece[: size - sum(map(len, pieces))])
        if sum(map(len, pieces)) >= size:
            break
    if not pieces:
        raise ValueError("there are no rows.")
    return joined(pieces)
