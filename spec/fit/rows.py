"""Sources of rows that are read in batches: a few are in memory at a time, the others may be on disk or not made yet."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

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


# -- numbers: what each library calls an array, known without importing it ------------------------------------------------------

NUMERIC = "biuf"  # kinds of NumPy's dtypes
MISSING = {"NoneType", "NAType", "NaTType", "MaskedConstant"}
TENSORS = {"tensorflow", "keras", "jax", "jaxlib"}
ENCODE = "encode it as numbers first, such as with pandas.get_dummies(..., drop_first=True), or use the formula= argument"
NO_NUMBERS: tuple[tuple[Any, str, str], ...] = (
    ((str, bytes), "text", ENCODE),
    ((datetime.date, datetime.time, np.datetime64), "a date", "give a number, such as the days since the first date"),
    ((datetime.timedelta, np.timedelta64), "a span of time", "give a number, such as of days"),
    ((complex, np.complexfloating), "a complex number", "give its real and its imaginary part as two columns"),
    (object, "no number", "give numbers"),
)


@dataclass(frozen=True, eq=False)
class Sliced:
    """Numbers that are made when they are asked for: ``take`` gives some rows, by a slice or by their numbers in order."""

    shape: tuple[int, ...]
    take: Callable[[Any], Any]
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Any:
        return self.take(rows)


class Table(dict[str, Any]):
    """The columns of a table, by their names."""

    @classmethod
    def of(cls, values: Any) -> Table | None:
        """The columns of a table of any library; None if it is none."""
        if isinstance(values, Table):
            return values
        if hasattr(values, "iloc") and hasattr(values, "columns"):
            pairs = [(str(name), values.iloc[:, j]) for j, name in enumerate(values.columns)]
        elif library(values) == "polars" and hasattr(values, "columns"):
            pairs = [(name, values[name]) for name in values.columns]
        elif library(values) == "pyarrow" and hasattr(values, "columns"):
            pairs = list(zip(values.schema.names, values.columns))
        elif getattr(getattr(values, "dtype", None), "names", None):  # NumPy's own records
            pairs = [(name, values[name]) for name in values.dtype.names]
        else:
            return None
        found, names = cls(pairs), [name for name, _ in pairs]
        if len(found) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"two columns are called {twice}: give each a name of its own.")
        return found

    def sliced(self, part: str, first: int, rows: int | None) -> Column:
        """The columns side by side, with their names."""
        columns = [numbers(column, f"column {name} of {part}", first) for name, column in self.items()]
        if not columns:
            return np.zeros((rows or 0, 0))

        def take(chosen: Any) -> np.ndarray:
            pieces = [column[chosen] for column in columns]
            X = np.empty((len(pieces[0]), len(pieces)))
            for j, piece in enumerate(pieces):
                X[:, j] = piece
            return X

        return Sliced((len(columns[0]), len(columns)), take, tuple(self))


def library(values: Any) -> str:
    """The name of the library that a value's type is from."""
    return type(values).__module__.partition(".")[0]


def numbers(values: Any, part: str, first: int = 0, rows: int | None = None) -> Column:
    """
    Values of any kind as numbers that are sliced like an array and have a shape. What is missing becomes NaN.

    What is on disk is not read, and numbers in memory are not copied. ``part`` and ``first``, the number of the first row, are
    for the messages about what is no number; ``rows`` is the number of rows of a table that may have no columns.
    """
    if (table := Table.of(values)) is not None:
        return table.sliced(part, first, rows)
    coded = str(getattr(values, "dtype", getattr(values, "type", ""))).startswith(("category", "dictionary"))
    values = next(convert(values) for knows, convert in KINDS if knows(values))
    if not getattr(values, "shape", ()):
        raise ValueError(f"{part} is no array of numbers, but: {str(values)[:80]}.")
    kind = np.dtype(values.dtype).kind
    if kind in NUMERIC and not coded:
        return values if isinstance(values, np.ndarray) else _lazy(values)
    array = np.asarray(values)
    return array.astype(float) if kind == "V" else _counted(array, part, first, coded)  # V: such as bfloat16


def _lazy(values: Any) -> Sliced:
    """Numbers on disk or compressed. Some libraries take slices only, and not the numbers of the rows of a sample."""
    values = values.tocsr() if hasattr(values, "tocsr") else values

    def dense(rows: Any) -> np.ndarray:
        piece = values[rows]
        return piece.toarray() if hasattr(piece, "toarray") else np.asarray(piece)

    def take(rows: Any) -> np.ndarray:
        try:
            return dense(rows)
        except (TypeError, ValueError, IndexError, NotImplementedError):
            if isinstance(rows, slice):
                raise
            return np.concatenate([dense(slice(row, row + 1)) for row in rows.tolist()])

    return Sliced(tuple(values.shape), take)


def _counted(array: np.ndarray, part: str, first: int, coded: bool) -> np.ndarray:
    """The numbers among objects, NaN for those that are missing. Categories (``coded``) are no numbers, whatever they are."""
    flat = list(array.ravel())
    found = np.full(len(flat), np.nan)
    for i, value in enumerate(flat):
        if type(value).__name__ in MISSING or (coded and value != value):
            continue
        try:
            if coded or isinstance(value, (str, bytes, np.datetime64, np.timedelta64, np.complexfloating)):
                raise TypeError  # since NumPy would make a number of it
            found[i] = float(value)
        except (TypeError, ValueError):
            width = max(math.prod(array.shape[1:]), 1)
            where = f"column x{i % width + 1} of {part}" if width > 1 else part
            raise ValueError(_no_number(value, flat, part, where, first + i // width, coded)) from None
    return found.reshape(array.shape)


def _no_number(value: Any, flat: list[Any], part: str, where: str, row: int, coded: bool) -> str:
    """What to do about a value that is no number."""
    what, advice = next((what, advice) for types, what, advice in NO_NUMBERS if isinstance(value, types))
    what, advice = ("a category", ENCODE) if coded else (what, advice)
    if part != "y" or advice != ENCODE:
        return f"{where} is {what} ({_shown(value)} in row {row}): {advice}."
    labels = sorted({_shown(label) for label in flat if type(label).__name__ not in MISSING and label == label})
    if len(labels) == 2:
        return f"y has the labels {listed(labels)}: give numbers, such as (y == {labels[1]})."
    more = [f"{len(labels) - 5} more"] if len(labels) > 5 else []
    return f"y has the labels {listed([*labels[:5], *more])}: give codes, such as pandas.factorize(y)[0]."


def _shown(value: Any) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return repr(text) if isinstance(value, (str, bytes)) else text


def listed(names: Iterable[str]) -> str:
    """
    Names as they stand in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _of_pandas(values: Any) -> np.ndarray:
    if isinstance(values.dtype, np.dtype):
        return np.asarray(values)
    if getattr(values.dtype, "kind", "O") in NUMERIC:
        return values.to_numpy(dtype=float, na_value=np.nan)
    return np.asarray(values, dtype=object)


def is_number(arrow_type: Any) -> bool:
    """Whether a type of pyarrow is of numbers."""
    from pyarrow import types

    tests = (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal, types.is_null)
    return any(test(arrow_type) for test in tests)


def _of_arrow(values: Any) -> np.ndarray:
    from pyarrow import types

    if not is_number(values.type):
        return np.array([*values.to_pylist(), None], dtype=object)[:-1]
    return (values if types.is_floating(values.type) else values.cast("float64", safe=False)).to_numpy(zero_copy_only=False)


def _of_list(values: Sequence[Any]) -> np.ndarray:
    widths = [len(row) for row in values if hasattr(row, "__len__") and not isinstance(row, (str, bytes))]
    if odd := [row for row, width in enumerate(widths) if width != widths[0]]:
        raise ValueError(f"the rows differ in length: row {odd[0]} has {widths[odd[0]]} numbers, but row 0 has {widths[0]}.")
    array = np.asarray(values)
    return np.array(values, dtype=object) if array.dtype.kind in "US" else array  # one text among numbers makes all text


def _of_masked(values: Any) -> np.ndarray:
    return values.astype(float if values.dtype.kind in NUMERIC else object).filled(np.nan)


KINDS: tuple[tuple[Callable[[Any], bool], Callable[[Any], Any]], ...] = (
    (lambda values: isinstance(values, np.ma.MaskedArray), _of_masked),
    (lambda values: isinstance(values, np.ndarray), lambda values: values),
    (lambda values: library(values) == "pandas", _of_pandas),
    (lambda values: library(values) == "polars", lambda values: values.to_numpy()),
    (lambda values: library(values) == "pyarrow" and hasattr(values, "to_pylist"), _of_arrow),
    (lambda values: hasattr(values, "detach") and hasattr(values, "cpu"), lambda values: np.asarray(values.detach().cpu())),
    (lambda values: library(values) in TENSORS, np.asarray),
    (lambda values: isinstance(values, Sequence) and not isinstance(values, (str, bytes)), _of_list),
    (lambda values: hasattr(values, "shape") and hasattr(values, "dtype"), lambda values: values),  # HDF5, zarr, SciPy's sparse
    (lambda values: True, np.asarray),
)
