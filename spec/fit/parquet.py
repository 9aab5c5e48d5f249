"""The row groups of Parquet files, each a block that is read by itself, in the columns that are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from spec.fit.batch import Batch
from spec.fit.blocks import taken
from spec.fit.numeric import Column

NUMBERS = 2**20  # that are read at a time: of fewer, the calls of Python would take the time
Made = Callable[[Any, "dict[str, Any]", int], Batch]  # of a record batch, the arrays beside it, and the number of its first row


@dataclass(frozen=True, eq=False)
class RowGroup:
    """
    The row group with the number ``group`` of a Parquet file, with ``rows`` rows, of which the first has the number ``first``.

    ``beside`` are arrays with as many rows as the data. Another process gets the path, and only the rows of this group of them.
    """

    path: str
    filesystem: Any
    group: int
    within: tuple[Any, Any] | None  # what the path says of columns, and the data set's schema, where the file's is another
    columns: list[str]
    made: Made
    beside: dict[str, Column]
    first: int
    rows: int
    least: int  # rows that are read at a time
    elsewhere: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return f"row group {self.group} of {self.path}"

    def read(self, size: int) -> Iterator[Batch]:
        done = 0
        for record in self._records(max(size, self.least)):
            own = slice(self.first + done, self.first + done + record.num_rows)
            beside = {part: values[own] for part, values in self.beside.items()}
            yield self.made(record, beside, own.start)
            done += record.num_rows

    def _records(self, size: int) -> Iterator[Any]:
        from pyarrow import ArrowException

        done = 0
        try:
            for record in self._opened(size):
                done += record.num_rows
                if record.num_rows:
                    yield record
        except (OSError, ArrowException) as error:
            raise OSError(f"{self.name} cannot be read any more: {error}") from error
        if done != self.rows:
            raise OSError(f"{self.name} had {self.rows} rows, and has {done} now: the file was changed during the fit.")

    def _opened(self, size: int) -> Iterator[Any]:
        """The record batches: by ParquetFile, which takes half the time, unless the data set has another schema."""
        from pyarrow.dataset import ParquetFileFormat
        from pyarrow.parquet import ParquetFile

        if self.within is None:
            with self.filesystem.open_input_file(self.path) as file:
                yield from ParquetFile(file).iter_batches(size, [self.group], self.columns, use_threads=False)
            return
        partition, schema = self.within
        fragment = ParquetFileFormat().make_fragment(self.path, self.filesystem, partition, [self.group])
        yield from fragment.to_batches(schema, columns=self.columns, batch_size=size, use_threads=False)

    def __reduce__(self) -> tuple[Any, ...]:
        own = slice(self.first, self.first + self.rows)
        beside = {part: _From(taken(values, own), self.first) for part, values in self.beside.items()}
        place = self.path, self.filesystem, self.group, self.within
        return RowGroup, (*place, self.columns, self.made, beside, self.first, self.rows, self.least)


@dataclass(frozen=True)
class _From:
    """Some rows of an array, called by their numbers in the whole."""

    rows: Any
    first: int

    def __getitem__(self, rows: slice) -> Any:
        return self.rows[rows.start - self.first : rows.stop - self.first]


def refuse_no_file(path: Path) -> None:
    """Raise FileNotFoundError where there is no file, and ValueError where it is empty."""
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}.")
    if path.is_file() and not path.stat().st_size:
        raise ValueError(f"{path} is empty.")


def data_set(path: str, form: str) -> Any:
    """
    The pyarrow Dataset of a file, or of a folder of files, with the types that hold the values of all.

    A file in which all amounts are whole has another type than the next.
    """
    if "://" not in path:
        refuse_no_file(Path(path))
    from pyarrow import ArrowException, ArrowInvalid, schema, unify_schemas
    from pyarrow.dataset import dataset

    try:
        found = dataset(path, format=form)
    except ArrowInvalid as error:
        raise ValueError(f"{path} cannot be read as a {form} file.") from error
    if not found.files:
        raise ValueError(f"there are no files in the folder {path}.")
    try:
        schemas = [fragment.physical_schema for fragment in found.get_fragments()]
        if all(one.equals(found.schema) for one in schemas):
            return found
        whole = unify_schemas([found.schema, *schemas], promote_options="permissive")
        return dataset(path, format=form, schema=schema([whole.field(name) for name in found.schema.names]))
    except (ArrowException, TypeError):  # types that have nothing in common, which the reading names; or an old pyarrow
        return found


def row_groups(data: Any, columns: list[str], made: Made, beside: dict[str, Column], least: int | None = None) -> list[RowGroup]:
    """The row groups of a pyarrow Dataset, read at least so many rows at a time; none where it is no Parquet."""
    from pyarrow.dataset import ParquetFileFragment

    least = least or max(2**10, min(NUMBERS // max(len(columns), 1), 2**16))
    groups, first = [], 0
    for fragment in data.get_fragments():
        if not isinstance(fragment, ParquetFileFragment):
            return []
        own = fragment.physical_schema.equals(data.schema)
        place = fragment.path, fragment.filesystem
        for one in fragment.row_groups:
            within = None if own else (fragment.partition_expression, data.schema)
            groups.append(RowGroup(*place, one.id, within, columns, made, beside, first, one.num_rows, least))
            first += one.num_rows
    return groups
