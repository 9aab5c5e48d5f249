"""Numbers of what people have: what each library calls an array or a table, known without importing it."""

from __future__ import annotations

import datetime
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

Column = Any  # whatever is sliced like an array: an array, a memory map, an HDF5 dataset
IN_CACHE = 2**15  # numbers that stay in a processor's cache, while they are put side by side
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
        if isinstance(values, np.ndarray) and values.dtype.names is None:
            return None
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
        refuse_twins(name for name, _ in pairs)
        return cls(pairs)

    def sliced(self, part: str, first: int, rows: int | None) -> Column:
        """The columns side by side, with their names."""
        columns = [numbers(column, f"column {name} of {part}", first) for name, column in self.items()]
        for name, column in zip(self, columns):
            if (count := math.prod(column.shape[1:])) != 1:
                raise ValueError(f"column {name} of {part} has {count} numbers in a row: make each a column.")
        if not columns:
            return np.zeros((rows or 0, 0))

        return Sliced((len(columns[0]), len(columns)), partial(_side_by_side, columns), tuple(self))


def _side_by_side(columns: Sequence[Column], rows: Any) -> np.ndarray:
    """Some rows of columns as one array."""
    pieces = [column[rows] for column in columns]
    X = np.empty((len(pieces[0]), len(pieces)))
    step = max(IN_CACHE // len(pieces), 1)
    for start in range(0, len(X), step):
        for j, piece in enumerate(pieces):
            X[start : start + step, j] = piece[start : start + step]
    return X


def refuse_twins(names: Iterable[Any], error: type[ValueError] = ValueError) -> None:
    """Raise an error where two columns have one name."""
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise error(f"two columns are called {twice[0]}: give each a name of its own.")


def library(values: Any) -> str:
    """The name of the library that a value's type is from."""
    return type(values).__module__.partition(".")[0]


def numbers(values: Any, part: str, first: int = 0, rows: int | None = None) -> Column:
    """
    Values of any kind as numbers that are sliced like an array and have a shape. Missing values become NaN.

    Numbers on disk are not read, and numbers in memory are not copied. ``part`` and ``first``, the number of the first row, are
    for the messages about what is no number; ``rows`` is the number of rows of a table that may have no columns.
    """
    if type(values) is np.ndarray and values.ndim and values.dtype.kind in NUMERIC:
        return values
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


def objects(values: Any) -> np.ndarray:
    """Values of any kind as an array, whatever they are."""
    return np.asarray(next(convert(values) for knows, convert in KINDS if knows(values)), dtype=object)


def _lazy(values: Any) -> Sliced:
    """Numbers on disk or compressed."""
    values = values.tocsr() if hasattr(values, "tocsr") else values
    return Sliced(tuple(values.shape), partial(_dense_rows, values))


def _dense_rows(values: Any, rows: Any) -> np.ndarray:
    """Some rows as an array. Some libraries take slices only, and not the numbers of the rows of a sample."""
    try:
        return _dense(values[rows])
    except (TypeError, ValueError, IndexError, NotImplementedError):
        if isinstance(rows, slice):
            raise
        return np.concatenate([_dense(values[row : row + 1]) for row in rows.tolist()])


def _dense(piece: Any) -> np.ndarray:
    return piece.toarray() if hasattr(piece, "toarray") else np.asarray(piece)


def _counted(array: np.ndarray, part: str, first: int, coded: bool) -> np.ndarray:
    """The numbers in an array of objects, with NaN for missing ones. Categories (``coded``) never count as numbers."""
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
            column = flat[i % width :: width]
            if not coded and isinstance(value, str) and _are_mostly_numbers(column, labels=part == "y"):
                raise ValueError(_numbers_as_text(where, column, first)) from None
            raise ValueError(_no_number(value, flat, part, where, first + i // width, coded)) from None
    return found.reshape(array.shape)


def reads_as_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _are_mostly_numbers(column: list[Any], labels: bool) -> bool:
    """Whether at least half of the values that are there read as numbers; for ``labels`` at least three different ones."""
    there = [value for value in column if type(value).__name__ not in MISSING and value == value]
    read = {float(value) for value in there if _is_odd(value) is None}
    return 2 * sum(_is_odd(value) is None for value in there) >= len(there) and not (labels and len(read) < 3)


def _is_odd(value: Any) -> str | None:
    """A text that is no number; None of anything else."""
    return value if isinstance(value, str) and not reads_as_number(value) else None


def _numbers_as_text(where: str, column: list[Any], first: int) -> str:
    """The advice on numbers that are written as text, if one of them may be no number."""
    odd = next((row for row, value in enumerate(column) if _is_odd(value) is not None), None)
    if odd is None:
        return f"{where} holds numbers that are text, such as {_shown(column[0])}: convert it, as by pandas.to_numeric."
    return (
        f"{where} is text, since {_shown(column[odd])} in row {first + odd} is no number: mend or drop such rows, then "
        "convert it, as by pandas.to_numeric."
    )


def _no_number(value: Any, flat: list[Any], part: str, where: str, row: int, coded: bool) -> str:
    """The advice on a value that is no number."""
    what, advice = next((what, advice) for types, what, advice in NO_NUMBERS if isinstance(value, types))
    what, advice = ("a category", ENCODE) if coded else (what, advice)
    if part != "y" or advice != ENCODE:
        return f"{where} is {what} ({_shown(value)} in row {row}): {advice}."
    labels = sorted({_shown(label) for label in flat if type(label).__name__ not in MISSING and label == label})
    if len(labels) == 2:
        return f"y has the labels {listed(labels)}: give numbers, such as (y == {labels[1]})."
    more = [f"{len(labels) - 5} more"] if len(labels) > 5 else []
    return f"y has the labels {listed([*labels[:5], *more])}: give codes, such as pandas.factorize(y, sort=True)[0]."


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


def _of_sparse_tensor(values: Any) -> Any:
    """TensorFlow's sparse matrix as SciPy's."""
    from scipy import sparse

    entries, places, shape = (np.asarray(part) for part in (values.values, values.indices, values.dense_shape))
    return sparse.csr_matrix((entries, places.T), shape=shape.tolist())


KINDS: tuple[tuple[Callable[[Any], bool], Callable[[Any], Any]], ...] = (
    (lambda values: isinstance(values, np.ma.MaskedArray), _of_masked),
    (lambda values: isinstance(values, np.ndarray), lambda values: values),
    (lambda values: library(values) == "pandas", _of_pandas),
    (lambda values: library(values) == "polars", lambda values: values.to_numpy()),
    (lambda values: library(values) == "pyarrow" and hasattr(values, "to_pylist"), _of_arrow),
    (lambda values: hasattr(values, "detach") and hasattr(values, "cpu"), lambda values: np.asarray(values.detach().cpu())),
    (lambda values: hasattr(values, "dense_shape") and hasattr(values, "indices"), _of_sparse_tensor),
    (lambda values: library(values) in TENSORS, np.asarray),
    (lambda values: isinstance(values, Sequence) and not isinstance(values, (str, bytes)), _of_list),
    (lambda values: hasattr(values, "shape") and hasattr(values, "dtype"), lambda values: values),  # HDF5, zarr, SciPy's sparse
    (lambda values: True, np.asarray),
)
