"""
Rows from arrays, tables, files, tensors, sparse matrices and streams, for a model of one input or of several.

Each part of the data (X, y, weights, offset) becomes numbers that are sliced like an array (`spec.fit.numeric.numbers`). Missing
values (None, NaN, NA, a masked value) become NaN, which `spec.fit.checks` names if its row counts.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from spec.fit.cluster import is_dask, partitions, present_workers, rows_of
from spec.fit.inputs import Input, as_fitted, batch_of, design, groups_of, refuse_absent, shape_of, single
from spec.fit.labels import labels_of, refuse_reordered
from spec.fit.numeric import Table, is_number, library, numbers, refuse_twins
from spec.fit.parquet import data_set, row_groups
from spec.fit.rows import Batch, Rows, of_arrays, of_pieces
from spec.fit.streams import is_stream, of_stream

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
    if all(isinstance(part, (list, tuple)) and len(part) == 1 and shape_of(part[0]) for part in (y, X)):
        X, y = X[0], y[0]  # as Keras takes them: a list of one array for each input and output
    y, weights = _of_the_output(y), _of_the_output(weights)
    return _rows(X, {"y": y, "weights": weights, "offset": offset}, inputs, labelled=True)


def _of_the_output(given: Any) -> Any:
    """The values given by the name of a model's one output, as Keras takes them; anything else as it is."""
    return next(iter(given.values())) if isinstance(given, Mapping) and len(given) == 1 else given


def inputs_only(X: Any, offset: Any = None, *, inputs: Sequence[Input] = (), columns: Sequence[str] = ()) -> Rows:
    """
    Rows without responses, for predictions: `source` of X and an offset, with zeros for y. A stream's y is left out.

    Of a table or a file the ``columns`` are taken, in their order, if they have names.
    """
    return _rows(X, {"y": None, "weights": None, "offset": offset}, as_fitted(inputs, columns), labelled=False)


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
    if is_stream(X) or _are_batches(X) or (labelled and rest["y"] is None and isinstance(X, (list, tuple))):
        if any(values is not None for values in rest.values()):
            raise ValueError(
                "a stream brings its y, weights and offset itself: make its batches (x, y), (x, y, weights) or ((X, offset), y)."
            )
        return of_stream(X, inputs, labelled)
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


def _are_batches(X: Any) -> bool:
    """Whether a list holds batches (x, y), and no rows that are tuples of numbers."""

    def has_rows(part: Any) -> bool:
        return isinstance(part, (list, tuple, Mapping)) or len(getattr(part, "shape", ())) > 0

    return isinstance(X, (list, tuple)) and bool(X) and all(isinstance(one, tuple) and one and has_rows(one[0]) for one in X)


def _of_parts(X: Any, rest: dict[str, Any], inputs: Sequence[Input]) -> Rows:
    """The rows of parts that are all there from the beginning, in memory or on disk."""
    y, weights = (None if rest[part] is None else numbers(rest[part], part) for part in ("y", "weights"))
    if isinstance(rest["y"], list) and len(rest["y"]) == 1 and shape_of(X)[:1] == shape_of(rest["y"][0])[:1] != (1,):
        y = numbers(rest["y"][0], "y")  # as Keras takes it: a list of one array for each output
    X, offset, names = design(X, rest["offset"], inputs, None if y is None else len(y))
    rows = of_arrays(X, y, single(weights), None if offset is None else numbers(offset, "offset"))
    if y is not None:
        _refuse_none(rows.total)
    return replace(rows, columns=names)


def _refuse_none(rows: int | None) -> None:
    """A fit needs rows; of none the predictions are none."""
    if not rows:
        raise ValueError("there are no rows: X is empty.")


def _opened(X: Any) -> Any:
    """The data that a path leads to, or a query asks for."""
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
        return batch_of(*self.parts(record, beside), self.inputs, first, record.num_rows)[0]

    def read(self, data: Any, size: int) -> Iterator[Any]:
        """Records of a pyarrow Table or Dataset, of about as many rows as ``size``."""
        return (one for one in _as_dataset(data).to_batches(columns=self.all, batch_size=max(size, 1024)) if one.num_rows)

    def beside(self, arrays: Mapping[str, Any], record: Any, first: int) -> Batch:
        """The batch of a record, with the rows of arrays of the whole data that belong to it."""
        return self.batch(record, {part: values[first : first + record.num_rows] for part, values in arrays.items()}, first)


def _as_dataset(data: Any) -> Any:
    from pyarrow import dataset

    return data if isinstance(data, dataset.Dataset) else dataset.dataset(data)


def _of_dataset(data: Any, rest: dict[str, Any], inputs: Sequence[Input]) -> Rows:
    """
    The rows of a pyarrow Table or Dataset; y, weights and offset are names of its columns, or arrays of as many rows.

    X has the columns that the inputs had in a fit, in their order, or all other columns.
    """
    found = _as_dataset(data)
    named = {part: values for part, values in rest.items() if isinstance(values, str)}
    _refuse_unknown(named.values(), found.schema.names)
    arrays = {part: numbers(values, part) for part, values in rest.items() if part not in named and values is not None}
    refuse_twins(found.schema.names)
    wanted = [name for put in inputs for name in put.columns or put.names()] if any(put.columns for put in inputs) else []
    refuse_absent(wanted, found.schema.names)
    others = wanted or [name for name in found.schema.names if name not in named.values() and not name.startswith(INDEX)]
    groups = (groups_of(others, inputs) if inputs else None) or [others]
    records = _Records(tuple(name for group in groups for name in group), named, inputs)
    texts = [name for put, group in zip(inputs, groups) for name in group if put.vocabulary is not None]
    for name in records.all:
        if name not in texts and not is_number(found.schema.field(name).type):  # y whole, to name all of its labels
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
    if blocks := row_groups(found, records.all, records.batch, arrays):
        return Rows(blocks, None, total, columns)
    return of_pieces(partial(records.read, data), partial(records.beside, arrays), total, columns)


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
