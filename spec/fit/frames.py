"""Tables for formulas: from what people have to frames of pandas, whole or batch after batch, without missing values."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from spec.fit.batch import Batch
from spec.fit.blocks import Block
from spec.fit.cluster import is_dask, partitions
from spec.fit.numeric import refuse_twins
from spec.fit.parquet import data_set, refuse_no_file, row_groups
from spec.fit.sources import form_of

Frame = Any  # a pandas.DataFrame, whose index is the numbers of its rows
SAMPLE = 2**14  # rows that a formula is fixed on, where the data are read in batches
KINDS = {"boolean": bool, "integer": "int64", "floating": float, "decimal": float, "mixed-integer-float": float, "string": object}


def pandas_module() -> Any:
    """The package pandas, imported when it is first needed."""
    return import_module("pandas")


Made = Callable[[Frame], Batch]


@dataclass(frozen=True, eq=False)
class Table:
    """
    Data in any form: ``read`` gives some columns as frames of at most as many rows as are asked for.

    ``blocks`` gives the blocks that they lie in, if they do, with batches made of frames of about as many rows as are asked for.
    """

    columns: tuple[str, ...]
    total: int
    whole: bool  # whether they are in memory: then there is one frame
    read: Callable[[list[str], int], Iterator[Frame]]
    blocks: Callable[[list[str], Made, int], Sequence[Block]] = lambda names, made, size: ()
    numbered: bool = True  # whether its blocks know the numbers of their rows


class TableError(ValueError):
    """A CSV file whose values are not separated by commas, or whose columns share a name."""


def csv_frame(path: Path) -> Frame:
    """A CSV file as a frame of pandas. Raises TableError where it has another separator than the comma, or a name twice."""
    refuse_no_file(path)
    pandas = pandas_module()
    try:
        names = pandas.read_csv(path, header=None, nrows=1, dtype=str).iloc[0]
    except pandas.errors.EmptyDataError as error:
        raise TableError(f"{path} is empty.") from error
    refuse_twins(names.dropna(), TableError)  # of which pandas would rename the second
    frame = pandas.read_csv(path)
    head = str(frame.columns[0])
    if len(frame.columns) == 1 and (signs := [sign for sign in ";\t|" if sign in head]):
        raise TableError(
            f"{path} has one column, {head!r}: is its separator {signs[0]!r}? Read it by pandas.read_csv(..., sep={signs[0]!r}), "
            "and give the frame."
        )
    return frame


def table_of(data: Any) -> Table:
    """The data as a table, opened but not read."""
    if isinstance(data, (str, os.PathLike)):
        path, form = Path(data), form_of(data)
        data = csv_frame(path) if form == "csv" else data_set(os.fspath(path), form)
    if is_dask(data) and hasattr(data, "columns"):
        names, read, blocks = tuple(map(str, data.columns)), partial(_partitions, data), partial(_by_partitions, data)
        return Table(names, len(data), False, read, blocks, numbered=False)
    root = type(data).__module__.partition(".")[0]
    if root == "polars":
        lazy, total = data.lazy(), data.lazy().select(import_module("polars").len()).collect().item()
        names = tuple(lazy.collect_schema().names())
        return Table(names, total, True, lambda names, size: iter([_of_polars(lazy.select(names).collect())]))
    if hasattr(data, "to_batches") and hasattr(data, "count_rows"):
        return Table(tuple(data.schema.names), data.count_rows(), False, partial(_batches, data), partial(_by_groups, data))
    if root == "pyarrow" and hasattr(data, "to_pandas"):
        names = tuple(data.schema.names)
        return Table(names, len(data), True, lambda names, size: iter([data.select(names).to_pandas(ignore_metadata=True)]))
    if isinstance(data, Mapping):
        if all(np.ndim(column) == 0 for column in data.values()):
            raise ValueError("the data have one number for each column: give lists, such as {'x': [0.0]}.")
        data = pandas_module().DataFrame(dict(data))
    if not isinstance(data, pandas_module().DataFrame):
        raise TypeError(f"a formula needs data with named columns: a data frame, a table or a file, not {type(data).__name__}.")
    refuse_twins(data.columns)
    names = tuple(name for name in data.columns if isinstance(name, str))
    return Table(names, len(data), True, lambda names, size: iter([data[names]]))


def _batches(data: Any, names: list[str], size: int) -> Iterator[Frame]:
    return (
        record.to_pandas(ignore_metadata=True) for record in data.to_batches(columns=names, batch_size=size) if record.num_rows
    )


def _by_groups(data: Any, names: list[str], made: Made, size: int) -> Sequence[Block]:
    return row_groups(data, names, partial(_of_record, names, made), {}, size) if hasattr(data, "get_fragments") else ()


def _of_record(names: list[str], made: Made, record: Any, beside: dict[str, Any], first: int) -> Batch:
    return made(_prepared(record.to_pandas(ignore_metadata=True), names, first))


def _partitions(data: Any, names: list[str], size: int) -> Iterator[Frame]:
    """The partitions of a data frame of Dask, one after another, through this process; one with a wrong value is named."""
    for number, partition in enumerate(data[names].to_delayed()):
        try:
            frame = partition.compute()
            _refuse_missing(frame, names)
        except KeyError as error:
            raise ValueError(f"partition {number}: it lacks what the data frame says it has: {error.args[0]}.") from error
        except ValueError as error:
            raise ValueError(f"partition {number}: {error}") from error
        yield from (frame[start : start + size] for start in range(0, len(frame), size))


def _by_partitions(data: Any, names: list[str], made: Made, size: int) -> Sequence[Block]:
    return partitions({"X": data[names]}, partial(_of_partition, names, made, size))


def _of_partition(names: list[str], made: Made, most: int, parts: dict[str, Any], size: int) -> Iterator[Batch]:
    frame = parts["X"]
    return (made(_prepared(frame[start : start + most], names, start)) for start in range(0, len(frame), most))


def _of_polars(data: Any) -> Frame:
    """A frame of pandas; a Categorical, whose order nobody chose, becomes text."""
    polars = import_module("polars")
    return data.with_columns(polars.col(polars.Categorical).cast(polars.String)).to_pandas()


def frames(table: Table, names: list[str], size: int = 2**16) -> Iterator[Frame]:
    """Yield the frames of a table, with the numbers of their rows for index. Raises ValueError for a missing value."""
    first = 0
    for frame in table.read(names or list(table.columns[:1]), size):
        yield _prepared(frame, names, first, partial(_missing, table))
        first += len(frame)


def _prepared(frame: Frame, names: list[str], first: int, missing: Callable[[str], Iterator[int]] | None = None) -> Frame:
    """A frame of plain columns, with the numbers of its rows for index; ``missing`` tells all rows where a column is missing."""
    frame = frame.set_axis(range(first, first + len(frame)), axis=0)
    _refuse_missing(frame, names, first, missing)
    return frame.assign(**{name: _plain(frame[name]) for name in names})


def _refuse_missing(
    frame: Frame, names: list[str], first: int = 0, missing: Callable[[str], Iterator[int]] | None = None
) -> None:
    for name in names:
        if (lost := frame[name].isna()).any():
            rows = list(missing(name)) if missing else []
            how_many = "missing values" if not rows else f"{len(rows)} missing value{'s' * (len(rows) > 1)}"
            row = first + int(np.argmax(lost))
            raise ValueError(f"column {name} has {how_many}, the first in row {row}: drop such rows, or impute the value.")


def _missing(table: Table, name: str) -> Iterator[int]:
    """The numbers of the rows where a column is missing."""
    first = 0
    for frame in table.read([name], 2**16):
        yield from (first + np.flatnonzero(frame[name].isna())).tolist()
        first += len(frame)


def _plain(column: Any) -> Any:
    """A column with a type of NumPy where it holds numbers, and of objects where it holds text."""
    kind = pandas_module().api.types.infer_dtype(column)
    return column.astype(KINDS[kind]) if kind in KINDS else column


def check_kind(column: Any, name: str) -> None:
    """Raise ValueError for a column that is neither numbers nor text."""
    kind = pandas_module().api.types.infer_dtype(column)
    if kind not in ("categorical", "boolean", "integer", "floating", "string"):
        raise ValueError(f"column {name} is neither numbers nor text, but {kind}: make a column of numbers of it first.")


def seen_levels(frame: Frame) -> tuple[Frame, tuple[str, ...]]:
    """The frame without the levels that no row has, and a note for each column that had such levels."""
    notes = []
    for name in frame.columns:
        if isinstance(frame[name].dtype, pandas_module().CategoricalDtype):
            kept = frame[name].cat.remove_unused_categories()
            if unused := [level for level in frame[name].cat.categories if level not in kept.cat.categories]:
                notes.append(f"levels of {name} that no row has are left out: {listed_levels(unused)}.")
            frame = frame.assign(**{name: kept})
    return frame, tuple(notes)


def sample_of(table: Table, names: list[str], groups: Sequence[list[str]]) -> tuple[Frame, np.ndarray]:
    """
    Return (sample, chosen): rows of a table that is read in batches, and the numbers of those that were drawn by chance.

    Other rows are added, so that the sample has every value of the ``groups`` of columns and of text, and all extremes.
    """
    pandas = pandas_module()
    chosen = np.sort(np.random.default_rng(0).choice(table.total, min(table.total, SAMPLE), replace=False))
    kept: list[Frame] = []
    seen: set[Any] = set()
    ends: dict[str, tuple[float, float]] = {}
    order: dict[str, list[Any]] = {}
    for frame in frames(table, names):
        rows = set(chosen[slice(*np.searchsorted(chosen, [frame.index[0], frame.index[-1] + 1]))].tolist())
        plain = [name for name in names if pandas.api.types.is_numeric_dtype(frame[name])]
        coded = [name for name in names if isinstance(frame[name].dtype, pandas.CategoricalDtype)]
        for name in coded:
            order[name] = list(dict.fromkeys([*order.get(name, []), *frame[name].cat.categories]))
        frame = frame.astype(dict.fromkeys(coded, object))
        for group in [*groups, *([name] for name in names if frame[name].dtype == object)]:
            distinct = frame[group].drop_duplicates()
            for row, values in zip(distinct.index, distinct.itertuples(index=False, name=None)):
                if (key := (*group, values)) not in seen:
                    seen.add(key)
                    rows.add(row)
        for name in plain:
            low, high = ends.get(name, (np.inf, -np.inf))
            column = frame[name].to_numpy(float)
            if column.min() < low or column.max() > high:
                rows |= {frame.index[column.argmin()], frame.index[column.argmax()]}
                ends[name] = min(low, column.min()), max(high, column.max())
        kept.append(frame.loc[sorted(rows)])
    sample = pandas.concat(kept)
    return sample.assign(**{name: pandas.Categorical(sample[name], categories=order[name]) for name in order}), chosen


def listed_levels(levels: Sequence[Any]) -> str:
    """The levels in words, the first ten of them."""
    more = [f"{len(levels) - 10} more"] if len(levels) > 10 else []
    return ", ".join([*map(str, levels[:10]), *more])
