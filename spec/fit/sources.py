"""
Rows from what people have: arrays, tables, files, tensors, sparse matrices and streams, for a model of one input or of several.

Each part of the data (X, y, weights, offset) becomes numbers that are sliced like an array (`spec.fit.numeric.numbers`). What is
missing (None, NaN, NA, a masked value) becomes NaN, which `spec.fit.checks` names if its row counts.
"""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from spec.fit.cluster import is_dask, partitions, present_workers, rows_of
from spec.fit.endless import until_it_repeats
from spec.fit.labels import labels_of, refuse_reordered
from spec.fit.numeric import Column, Sliced, Table, is_number, library, listed, numbers
from spec.fit.parquet import data_set, row_groups
from spec.fit.rows import Batch, Rows, of_arrays, of_pieces

INFINITE = -1  # the cardinality of a tf.data that repeats
INDEX = "__index_level_"  # what pandas calls its index in a file
FILES = {
    ".feather": "feather",
    ".arrow": "ipc",
    ".csv": "csv",
    ".csv.gz": "csv",  # pandas and pyarrow unpack them
    ".csv.bz2": "csv",
    ".parquet": "parquet",
    ".parq": "parquet",
    ".pq": "parquet",
}


@dataclass(frozen=True)
class Input:
    """
    One input of a model: its name, and its shape without the axis of rows.

    ``columns`` are the names of its columns in a fit, if they had names: other data are taken by them, in this order.
    """

    name: str
    shape: tuple[int | None, ...]
    columns: tuple[str, ...] = ()

    @property
    def width(self) -> int | None:
        """The number of columns that it takes; None if it takes any."""
        return None if None in self.shape else math.prod(self.shape)  # type: ignore[arg-type]

    def names(self, shape: tuple[int, ...] = ()) -> tuple[str, ...]:
        """Names for its columns where they have none, of this shape where its own is open."""
        lengths: Any = shape if None in self.shape else self.shape
        each = [f"{self.name}[{', '.join(map(str, index))}]" for index in np.ndindex(*lengths)]
        return (self.name,) if len(each) == 1 else tuple(each)

    def chosen(self, values: Any) -> Any:
        """The columns of a table that the fit had; what is no table as it is. Raises ValueError where one is absent."""
        if not self.columns or (table := Table.of(values)) is None:
            return values
        _refuse_absent(self.columns, list(table))
        return Table({name: table[name] for name in self.columns})

    def __str__(self) -> str:
        return f"{self.name} ({_columns_in_words(self.width)})"


def form_of(path: str | os.PathLike[str]) -> str:
    """How a file is read, by its ending; a folder is one of Parquet files. Raises ValueError for other endings."""
    name, suffix = Path(path).name.lower(), Path(path).suffix.lower()
    form = next((form for ending, form in FILES.items() if name.endswith(ending)), None)
    if form is None and suffix and not Path(path).is_dir():
        raise ValueError(f"{path}: files that end in {suffix} are not read, but {', '.join(FILES)}. Read it, and give the table.")
    return form or "parquet"


def source(X: Any, y: Any = None, weights: Any = None, offset: Any = None, *, inputs: Sequence[Input] = ()) -> Rows:
    """
    The rows of data, in any of the forms that people have; y, weights and offset may be names of columns of X.

    Their X is the model's ``inputs``, flattened and side by side; without ``inputs`` it is one table, of any width. Raises
    ValueError with the one thing that is wrong.
    """
    if isinstance(X, (list, tuple)) and isinstance(y, (list, tuple)) and len(X) == len(y) == 1 and _shape(X[0]) and _shape(y[0]):
        X, y = X[0], y[0]  # as Keras takes them: a list of one array for each input and output
    y, weights = _of_the_output(y), _of_the_output(weights)
    return _rows(X, {"y": y, "weights": weights, "offset": offset}, inputs, labelled=True)


def _of_the_output(given: Any) -> Any:
    """What is given by the name of a model's one output, as Keras takes it; anything else as it is."""
    return next(iter(given.values())) if isinstance(given, Mapping) and len(given) == 1 else given


def inputs_only(X: Any, offset: Any = None, *, inputs: Sequence[Input] = (), columns: Sequence[str] = ()) -> Rows:
    """
    Rows without responses, for predictions: `source` of X and an offset, with zeros for y. A stream's y is left out.

    Of a table or a file the ``columns`` are taken, in their order, if they have names.
    """
    return _rows(X, {"y": None, "weights": None, "offset": offset}, as_fitted(inputs, columns), labelled=False)


def as_fitted(inputs: Sequence[Input], columns: Sequence[str]) -> Sequence[Input]:
    """The inputs with the names that their columns had in a fit, of the names of all of its columns; none where they had none."""
    if not columns or [put.width for put in inputs].count(None) > 1:
        return inputs
    inputs = inputs or [Input("X", (None,))]
    left, found = len(columns) - sum(put.width or 0 for put in inputs), []
    for put in inputs:
        width = left if put.width is None else put.width
        own, columns = tuple(columns[:width]), columns[width:]
        is_named = own != put.names((width,)) or len(inputs) == 1 == len(own)  # one plain input has no names of our making
        found.append(replace(put, columns=own) if is_named else put)
    return found


def _refuse_absent(names: Iterable[str], there: Sequence[str]) -> None:
    if missing := [name for name in names if name not in there]:
        raise ValueError(f"X has no column {missing[0]}, which the fit had: its columns are {', '.join(there)}.")


def _rows(X: Any, rest: dict[str, Any], inputs: Sequence[Input], labelled: bool) -> Rows:
    if any(map(is_dask, (X, *rest.values()))):
        return _of_dask(X, rest, inputs, labelled)
    refuse_reordered({"X": X, **rest})
    labels, X = labels_of(X), _opened(X)
    for part, values in {"X": X, **rest}.items():
        if hasattr(values, "__next__") or hasattr(values, "read_next_batch") or inspect.isroutine(values):
            raise ValueError(
                f"{part} is a {type(values).__name__}, but a fit needs several passes over the rows: "
                "give arrays, or a list of batches, tf.data or a PyDataset."
            )
    if _is_stream(X) or (labelled and rest["y"] is None and isinstance(X, (list, tuple))):
        if any(values is not None for values in rest.values()):
            raise ValueError(
                "a stream brings its y, weights and offset itself: make its batches (x, y), (x, y, weights) or ((X, offset), y)."
            )
        return _of_stream(X, inputs, labelled)
    if labelled and rest["y"] is None:
        raise ValueError("y is missing: give the responses, or the name of their column if X is a table.")
    if library(X) == "pyarrow" and hasattr(X, "to_batches"):
        return _of_dataset(X, rest, inputs)
    named = {part: values for part, values in rest.items() if isinstance(values, str)}
    if (table := Table.of(X)) is not None:
        _refuse_unknown(named.values(), table)
        rest = {**rest, **{part: table[name] for part, name in named.items()}}
        X = Table({name: column for name, column in table.items() if name not in named.values()})
    elif named:
        wrong = " and ".join(f"{part} is the name {name!r}" for part, name in named.items())
        raise ValueError(f"{wrong}, but X is a {type(X).__name__}, whose columns have no names: give an array.")
    return replace(_of_parts(X, rest, inputs), labels=labels)


def _of_parts(X: Any, rest: dict[str, Any], inputs: Sequence[Input]) -> Rows:
    """The rows of parts that are all there from the beginning, in memory or on disk."""
    y, weights = (None if rest[part] is None else numbers(rest[part], part) for part in ("y", "weights"))
    if isinstance(rest["y"], list) and len(rest["y"]) == 1 and _shape(X)[:1] == _shape(rest["y"][0])[:1] != (1,):
        y = numbers(rest["y"][0], "y")  # as Keras takes it: a list of one array for each output
    X, offset, names = design(X, rest["offset"], inputs, None if y is None else len(y))
    rows = of_arrays(X, y, _single(weights), None if offset is None else numbers(offset, "offset"))
    if y is not None:
        _refuse_none(rows.total)
    return replace(rows, columns=names)


def _refuse_none(rows: int | None) -> None:
    """A fit needs rows; of none the predictions are none."""
    if not rows:
        raise ValueError("there are no rows: X is empty.")


def _single(weights: Any) -> Any:
    """The weights, if there is one for each row."""
    if weights is not None and math.prod(weights.shape[1:]) != 1:
        raise ValueError(f"weights is one number for each row, but it has {math.prod(weights.shape[1:])} columns.")
    return weights


# -- the inputs of a model ------------------------------------------------------------------------------------------------------


def design(
    X: Any, offset: Any, inputs: Sequence[Input], rows: int | None = None, first: int = 0
) -> tuple[Column, Any, tuple[str, ...]]:
    """
    Return (X, offset, names): the model's inputs side by side, the offset unless it is one of them, the names of the columns.

    ``rows`` is the number of rows that y has, ``first`` the number of the first of them in the data.
    """
    if not inputs and isinstance(X, dict) and not isinstance(X, Table):
        inputs = [Input(name, (None,)) for name in X]
    inputs = inputs or [Input("X", (None,))]
    given = _given(X, offset is not None, inputs, rows)
    if len(inputs) > 1 and len(given) == len(inputs) - 1 and offset is not None:
        given, offset = [*given, offset], None
    if len(inputs) == 1 and len(given) == 2:
        if offset is not None:
            raise ValueError("the offset is given twice: as the second entry of X, and as offset.")
        given, offset = given[:1], given[1]
    labels = [put.name for put in inputs] if len(inputs) == len(given) > 1 else ["X"] * len(given)
    parts = [numbers(values, label, first, rows) for values, label in zip(given, labels)]
    widths = [math.prod(part.shape[1:]) for part in parts]
    if len(parts) != len(inputs) or any(put.width not in (None, width) for put, width in zip(inputs, widths)):
        raise ValueError(_misfit(inputs, widths, [name for part in parts for name in getattr(part, "names", ())]))
    for label, part in zip(labels, parts):
        if len(part) != (rows or len(parts[0])):
            raise ValueError(f"{label} has {len(part)} rows, but {'y' if rows else labels[0]} has {rows or len(parts[0])}.")
    return _beside(parts, widths), offset, _names(inputs, parts)


def _given(X: Any, has_offset: bool, inputs: Sequence[Input], rows: int | None) -> list[Any]:
    """What X brings, input by input."""
    names = [put.name for put in inputs]
    if (table := Table.of(X)) is not None:
        if any(put.columns for put in inputs):
            inputs = inputs[:-1] if has_offset and len(inputs) > 1 and names[-1] not in table else inputs
            return [replace(put, columns=put.columns or put.names()).chosen(table) for put in inputs]
        groups = _groups(list(table), inputs)
        return [table] if groups is None else [Table({name: table[name] for name in group}) for group in groups]
    if isinstance(X, Mapping) and not hasattr(X, "tocsr"):  # SciPy's matrix of keys is a dict
        wanted = names[:-1] if has_offset and len(names) > 1 and names[-1] not in X else names
        if set(X) != set(wanted):
            frame = " Columns of one input are a data frame: pandas.DataFrame(X)." if len(inputs) == 1 and len(X) > 1 else ""
            raise ValueError(f"the inputs of the model are {listed(names)}, but X brings the names {listed(map(str, X))}.{frame}")
        return [put.chosen(X[put.name]) for put in inputs if put.name in wanted]
    if isinstance(X, (list, tuple)) and _are_inputs(X, inputs, rows):
        return [inputs[place].chosen(values) if place < len(inputs) else values for place, values in enumerate(X)]
    return [X]


def _groups(names: Sequence[str], inputs: Sequence[Input]) -> list[list[str]] | None:
    """
    The columns of each input, where inputs are called as columns are; None if that does not tell them all.

    One input may be called otherwise: it takes the columns that are left, as does the only input of a model.
    """
    called = [put.name if put.name in names and put.width in (1, None) else None for put in inputs]
    if called.count(None) > 1:
        return None
    return [[other for other in names if other not in called] if name is None else [name] for name in called]


def _are_inputs(X: Sequence[Any], inputs: Sequence[Input], rows: int | None) -> bool:
    """Whether a list is one of the inputs, (X, offset) for one; else it is a list of rows."""
    if not 0 < len(X) <= max(len(inputs), 2):
        return False
    each_has_all = all(_shape(values)[:1] == (rows,) for values in X)
    if len(inputs) == 1:
        return np.ndim(X[0]) == 1 + max(len(inputs[0].shape), 1) or (each_has_all and rows != len(X))
    return each_has_all or len(X) != rows


def _misfit(inputs: Sequence[Input], widths: Sequence[int], names: Sequence[str]) -> str:
    """What is wrong where X does not bring the inputs of a model."""
    brings = " and ".join(map(str, widths))
    shown = f" ({', '.join(names)})" if names else ""
    if len(inputs) == 1:
        return f"the model takes {_columns_in_words(inputs[0].width)} of X, but X has {brings}{shown}."
    only = "only " if len(widths) < len(inputs) and sum(widths) < sum(put.width or 0 for put in inputs) else ""
    asked = ", ".join(["X", *(put.name for put in inputs[1:])])
    return (
        f"the model has the inputs {listed(map(str, inputs))}, but X brings {only}{brings} column{'s' * (brings != '1')}{shown}: "
        f"give [{asked}], or a dict by their names."
    )


def _names(inputs: Sequence[Input], parts: Sequence[Column]) -> tuple[str, ...]:
    """Names for the columns of X: those of a table, else those of the inputs; none for one plain table."""
    if len(inputs) == 1 and len(inputs[0].shape) <= 1:
        return tuple(getattr(parts[0], "names", ()))
    names: list[str] = []
    for put, part in zip(inputs, parts):
        names += getattr(part, "names", ()) or put.names(part.shape[1:])
    return tuple(names)


def _beside(parts: Sequence[Column], widths: Sequence[int]) -> Column:
    """The parts as one table."""

    def take(rows: Any) -> np.ndarray:
        pieces = [np.asarray(part[rows], dtype=float) for part in parts]
        return np.hstack([piece.reshape(len(piece), width) for piece, width in zip(pieces, widths)])

    return parts[0] if len(parts) == 1 else Sliced((len(parts[0]), sum(widths)), take)


def _columns_in_words(width: int | None) -> str:
    return "any columns" if width is None else f"{width} column{'s' * (width != 1)}"


def _opened(X: Any) -> Any:
    """What a path leads to, or a query asks for."""
    if isinstance(X, (str, os.PathLike)):
        return _file(os.fspath(X))
    if library(X) == "polars" and hasattr(X, "collect"):
        return X.collect()
    if library(X) == "pyarrow" and hasattr(X, "num_columns") and not hasattr(X, "to_batches"):  # a RecordBatch
        from pyarrow import Table as ArrowTable

        return ArrowTable.from_batches([X])
    return X


def _file(path: str) -> Any:
    """The data set of a file, or of a folder of Parquet files."""
    from pyarrow import csv, dataset, types

    form = form_of(path)
    found = data_set(path, form)
    if form != "csv":
        return found
    small = {column.name: "float64" for column in found.schema if types.is_integer(column.type) or types.is_null(column.type)}
    reading = csv.ConvertOptions(column_types=small)  # its beginning may hold whole numbers only
    return dataset.dataset(path, format=dataset.CsvFileFormat(convert_options=reading))


def _refuse_unknown(names: Iterable[str], columns: Iterable[str]) -> None:
    if missing := [name for name in names if name not in columns]:
        raise ValueError(f"there is no column {', '.join(missing)}: the columns are {', '.join(columns)}.")


# -- sources that are read in pieces --------------------------------------------------------------------------------------------


def _batch(
    X: Any, rest: Sequence[Any], inputs: Sequence[Input], first: int, rows: int | None = None
) -> tuple[Batch, tuple[str, ...]]:
    """Return (batch, names): a batch of a piece of X and of its y, weights and offset, and the names of the columns of X."""
    y, weights = (None if values is None else numbers(values, part, first) for values, part in zip(rest, ("y", "weights")))
    X, offset, names = design(X, rest[2], inputs, rows if y is None else len(y), first)
    offset = None if offset is None else numbers(offset, "offset", first)
    return Batch.of(X[:], *(None if part is None else part[:] for part in (y, _single(weights), offset))), names


@dataclass(frozen=True, eq=False)
class _Records:
    """Which columns of a table are the inputs, in order, and which the other parts; makes batches of pieces of it."""

    names: tuple[str, ...]
    named: dict[str, str]  # y, weights, offset
    inputs: Sequence[Input]

    @property
    def all(self) -> list[str]:
        return [*self.names, *self.named.values()]

    def parts(self, record: Any, beside: dict[str, Any]) -> tuple[Table, list[Any]]:
        """X, and y, weights and offset; ``beside`` are those that are no columns."""
        taken = {**beside, **{part: record.column(name) for part, name in self.named.items()}}
        return Table({name: record.column(name) for name in self.names}), [taken.get(part) for part in ("y", "weights", "offset")]

    def batch(self, record: Any, beside: dict[str, Any], first: int) -> Batch:
        return _batch(*self.parts(record, beside), self.inputs, first, record.num_rows)[0]


def _of_dataset(data: Any, rest: dict[str, Any], inputs: Sequence[Input]) -> Rows:
    """
    The rows of a pyarrow Table or Dataset; y, weights and offset are names of its columns, or arrays of as many rows.

    Of its other columns X has those that the inputs had in a fit, in their order, or all.
    """
    from pyarrow import dataset

    found = data if isinstance(data, dataset.Dataset) else dataset.dataset(data)
    named = {part: values for part, values in rest.items() if isinstance(values, str)}
    _refuse_unknown(named.values(), found.schema.names)
    arrays = {part: numbers(values, part) for part, values in rest.items() if part not in named and values is not None}
    if twice := [name for name in found.schema.names if found.schema.names.count(name) > 1]:
        raise ValueError(f"two columns are called {twice[0]}: give each a name of its own.")
    wanted = [name for put in inputs for name in put.columns or put.names()] if any(put.columns for put in inputs) else []
    _refuse_absent(wanted, found.schema.names)
    others = wanted or [name for name in found.schema.names if name not in named.values() and not name.startswith(INDEX)]
    names = [name for group in _groups(others, inputs) or [others] for name in group] if inputs else others
    records = _Records(tuple(names), named, inputs)
    for name in records.all:
        if not is_number(found.schema.field(name).type):  # y whole, to name all of its labels
            is_y = name == named.get("y")
            part = "y" if is_y else f"column {name} of X"
            if not is_y:
                try:
                    numbers(found.head(1024, columns=[name]).column(0), part)
                    continue
                except ValueError:  # what the first rows say is not all
                    pass
            numbers(found.to_table(columns=[name]).column(0), part)
    total = found.count_rows()
    for part, values in arrays.items():
        if len(values) != total:
            raise ValueError(f"{part} has {len(values)} rows, but X has {total}.")
    if rest["y"] is not None:
        _refuse_none(total)
    X, (*_, offset) = records.parts(found.schema.empty_table(), {part: values[:0] for part, values in arrays.items()})
    columns = design(X, offset, inputs)[2]
    if groups := row_groups(found, records.all, records.batch, arrays):
        return Rows(groups, None, total, columns)

    def pieces(size: int) -> Iterator[Any]:
        pieces = found.to_batches(columns=records.all, batch_size=max(size, 1024))
        return (piece for piece in pieces if piece.num_rows)

    def made(record: Any, first: int) -> Batch:
        beside = {part: values[first : first + record.num_rows] for part, values in arrays.items()}
        return records.batch(record, beside, first)

    return of_pieces(pieces, made, total, columns)


def _of_dask(X: Any, rest: dict[str, Any], inputs: Sequence[Input], labelled: bool) -> Rows:
    """The rows of collections of Dask, each partition by itself: a data frame, or an array; others divided alike beside it."""
    if not is_dask(X):
        raise ValueError("y, weights or offset are of Dask, but X is not: make X a data frame or an array of Dask too.")
    if labelled and rest["y"] is None:
        raise ValueError("y is missing: give the responses, or the name of their column if X is a table.")
    names = [str(name) for name in getattr(X, "columns", ())]
    named = [values for values in rest.values() if isinstance(values, str)]
    _refuse_unknown(named, names)
    blocks = partitions({"X": X, **rest}, partial(_of_partition, tuple(names), inputs, labelled))
    columns: tuple[str, ...] = ()
    if names:
        others = {name: np.empty(0) for name in names if name not in named}
        offset = np.empty(0) if rest["offset"] is not None else None
        columns = design(Table(others), offset, inputs)[2]
    return Rows(blocks, None, rows_of(X), columns, workers=present_workers(blocks))


def _of_partition(
    names: tuple[str, ...], inputs: Sequence[Input], labelled: bool, parts: dict[str, Any], size: int
) -> Iterator[Batch]:
    X = parts["X"]
    there = tuple(str(name) for name in getattr(X, "columns", ()))
    if there != names:
        raise ValueError(f"it has the columns {', '.join(there)}, but the data frame says {', '.join(names)}.")
    if len(X):
        rest = {part: values for part, values in parts.items() if part != "X"}
        yield from _rows(X, rest, inputs, labelled).read(size)


def _is_stream(X: Any) -> bool:
    """Whether X gives batches, and is no part of the data itself."""
    is_data = hasattr(X, "shape") or isinstance(X, (Mapping, Sequence)) or library(X) == "pyarrow"
    return not is_data and any(hasattr(X, name) for name in ("__iter__", "num_batches", "__getitem__"))


def _times(stream: Any) -> int:
    """How often a tf.data repeats its rows, by the steps that it is made of; 1 of another stream."""
    times, inputs = 1, list[Any](getattr(stream, "_inputs", tuple)())
    while len(inputs) == 1:  # where several streams meet, one may be repeated on purpose
        if "Repeat" in type(stream).__name__:
            times *= max(int(getattr(stream, "_count", 1)), 1)
        stream = inputs[0]
        inputs = list(getattr(stream, "_inputs", tuple)())
    return times


def _of_stream(stream: Any, inputs: Sequence[Input], labelled: bool) -> Rows:
    """The rows of a stream of batches that can be read again: tf.data, PyDataset, a DataLoader, a list."""
    if hasattr(stream, "cardinality") and int(stream.cardinality()) == INFINITE:
        raise ValueError("the stream repeats for ever: leave .repeat() out.")
    if (times := _times(stream)) > 1:
        raise ValueError(f"the stream gives its rows {times} times, which would count as so many more: leave .repeat() out.")
    count = stream.num_batches if hasattr(stream, "num_batches") else None if hasattr(stream, "__iter__") else len(stream)
    if count is None and hasattr(stream, "num_batches"):
        raise ValueError("the stream does not say how many batches it has, so it never ends: give it a method __len__.")
    widths: list[int] = []
    columns: list[tuple[str, ...]] = []  # of the first batch, which the others follow

    def pieces(size: int) -> Iterator[tuple[int, Any]]:
        return enumerate(until_it_repeats(stream) if count is None else (stream[i] for i in range(count)))

    def made(piece: tuple[int, Any], first: int) -> Batch:
        number, item = piece
        try:
            X, y, weights = _triple(item, labelled)
            if labelled and _is_row(X, y, inputs):
                raise ValueError("the stream gives single rows, not batches: add .batch(1024).")
            batch, names = _batch(X, [y, weights, None], as_fitted(inputs, columns[0]) if columns else inputs, first)
            columns.extend([] if columns else [names])
            found = [0 if part is None else part.shape[-1] for part in (batch.X, batch.y, batch.offset)]
            widths.extend([] if widths else found)
            if found != widths:
                raise ValueError(f"X, y and offset have {found} columns, but {widths} in the first batch.")
        except ValueError as error:
            raise ValueError(f"batch {number}: {error}") from error
        return batch

    if isinstance(stream, (list, tuple)) and stream:
        made((0, stream[0]), 0)
    elif inputs and not any(put.width is None for put in inputs):
        columns.append(_names(inputs, [np.empty((0, put.width or 0)) for put in inputs]))
    return of_pieces(pieces, made, columns=columns[0] if columns else ())


def _triple(item: Any, labelled: bool) -> list[Any]:
    """The x, y and weights of a batch; None for what it does not have, and for all but x where the rows are not labelled."""
    parts = list(item) if isinstance(item, (tuple, list)) else [item]
    if not labelled:
        return [parts[0], None, None]
    if not 2 <= len(parts) <= 3:
        kind = f"a {type(item).__name__} of {len(parts)}" if isinstance(item, (tuple, list)) else f"one {type(item).__name__}"
        raise ValueError(f"expected a pair (x, y), or (x, y, weights), but found {kind}. If it is no batch, give y too.")
    return [*parts, None][:3]


def _is_row(X: Any, y: Any, inputs: Sequence[Input]) -> bool:
    """Whether x and y are one row, and no batch."""
    first = next(iter(X.values()), 0) if isinstance(X, Mapping) else X[0] if isinstance(X, (tuple, list)) else X
    if np.ndim(y) == 0:
        return True
    x, width = _shape(first), inputs[0].width if inputs else None
    return len(x) == 1 and x != (1,) and (x == (width,) or _shape(y) == (1,))


def _shape(values: Any) -> tuple[int, ...]:
    return tuple(np.shape(values))
