"""
Blocks of rows: parts of the data that have names before they are read; each can be read alone, and again.

The data alone decide where a block begins and ends. What is summed over a block, and then over all blocks in their order, is
therefore the same number to the last bit, on any worker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Optional, Protocol

import numpy as np

from spec.fit.batch import Batch
from spec.fit.numeric import Column

FEWEST = 2**8  # rows of a batch
SMALL, LARGE = (2**23, 2**14), (2**25, 2**16)  # bytes and rows of a batch at most, of few rows and of many
MANY = 64  # blocks of an array at least, where each has a full batch
MOST = 2**26  # bytes of a block
SAME = 1e-7  # the share by which sums of two passes may differ: n rows in another order do by n 2^-53, a billion by this

Columns = tuple[Optional[Column], ...]  # X, y, weights, offset


class Block(Protocol):
    """
    Some rows: ``first`` is the number of the first of them in the data, or None where it is not known before they are read.

    ``elsewhere`` says whether another process may read it; a stream is read in this one alone.
    """

    elsewhere: ClassVar[bool]

    @property
    def first(self) -> int | None: ...

    @property
    def name(self) -> str:
        """The name of the block in messages."""
        ...

    def read(self, size: int) -> Iterable[Batch]:
        """Yield its rows, always in the same order, in pieces of about ``size`` rows or of any other number."""
        ...


def batch_sizes(total: int | None, width: int) -> tuple[int, int]:
    """
    Return (least, size): powers of two, the rows of a small batch and of one for data of so many rows of ``width`` numbers.

    A call of a compiled program costs as much as some thousand rows, so batches are large where there are enough rows for many of
    them; a block's last rows go in small ones.

    >>> batch_sizes(10**5, width=8), batch_sizes(10**7, width=8), batch_sizes(10**7, width=1000)
    ((16384, 16384), (16384, 65536), (1024, 4096))
    """
    least, most = (1 << max(FEWEST, min(size // (8 * max(width, 1)), rows)).bit_length() - 1 for size, rows in (SMALL, LARGE))
    return least, most if total is None else min(most, max(least, 1 << max(total // 16, 1).bit_length() - 1))


def in_blocks(total: int, width: int) -> Iterator[slice]:
    """
    Slices of rows of ``width`` float64 numbers: `MANY` or more where that leaves each a full batch, none above `MOST` bytes.

    Each but the last has a power of two of rows, so that smaller powers of two, as batches are, divide it.

    >>> [rows.stop for rows in in_blocks(40_000, width=8)]
    [16384, 32768, 40000]
    """
    _, batch = batch_sizes(total, width)
    size = max(batch, 1 << max(1, min(total // MANY, MOST // (8 * max(width, 1)))).bit_length() - 1)
    return (slice(start, min(start + size, total)) for start in range(0, total, size))


@dataclass(frozen=True, eq=False)
class Slices:
    """
    A range of the rows of numbers that are sliced like an array: arrays, memory maps, HDF5.

    Another process is sent these rows alone; of a memory map it is sent the path.
    """

    columns: Columns
    rows: slice
    first: int = 0
    elsewhere: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return f"rows {self.first} to {self.first + self.rows.stop - self.rows.start - 1}"

    def read(self, size: int) -> Iterator[Batch]:
        for start in range(self.rows.start, self.rows.stop, size):
            some = slice(start, min(start + size, self.rows.stop))
            yield Batch.of(*(None if column is None else column[some] for column in self.columns))

    def __reduce__(self) -> tuple[Any, ...]:
        own = tuple(None if column is None else taken(column, self.rows) for column in self.columns)
        return Slices, (own, slice(0, self.rows.stop - self.rows.start), self.first)


def taken(column: Column, rows: slice) -> Any:
    """The rows of a column, in a form that another process can read."""
    if isinstance(column, np.memmap) and column.filename is not None and column.base is not None and column.flags.c_contiguous:
        start = column.offset + rows.start * column.strides[0] if type(column.base).__name__ == "mmap" else None
        if start is not None:
            return _Mapped(str(column.filename), column.dtype, start, (rows.stop - rows.start, *column.shape[1:]))
    return np.asarray(column[rows])


@dataclass(frozen=True)
class _Mapped:
    """Rows of a memory map, by the path of its file."""

    path: str
    dtype: np.dtype[Any]
    offset: int
    shape: tuple[int, ...]

    def __getitem__(self, rows: Any) -> np.ndarray:
        return np.memmap(self.path, self.dtype, "r", self.offset, self.shape)[rows]


@dataclass(frozen=True, eq=False)
class Pieces:
    """
    All rows of a stream, read anew for each pass in this process: ``pieces(size)``.

    ``made`` makes a batch of a piece and of the number of its first row.
    """

    pieces: Callable[[int], Iterable[Any]]
    made: Callable[[Any, int], Batch]
    whole: list[np.ndarray]  # of the first pass that was not broken off: its rows, and their sums with signs and without
    first: int = 0
    name: str = ""
    elsewhere: ClassVar[bool] = False

    def read(self, size: int) -> Iterator[Batch]:
        first, sums = 0, np.zeros(3)
        for piece in self.pieces(size):
            batch = self.made(piece, first)
            first += len(batch)
            sums += [len(batch), batch.X.sum() + batch.y.sum(), np.abs(batch.X).sum() + np.abs(batch.y).sum()]
            yield batch
        if not self.whole:
            self.whole.append(sums)
        rows, signed, size_of_all = self.whole[0]
        if rows != sums[0]:
            less, more = sorted((int(rows), int(sums[0])))
            raise ValueError(f"the rows were {more} in one pass and {less} in another: each pass needs the same rows.")
        if max(abs(signed - sums[1]), abs(size_of_all - sums[2])) > SAME * size_of_all:
            raise ValueError(
                "the stream gave other numbers in one pass than in another: each pass needs the same rows, in whatever order. "
                "Leave out what is drawn anew, such as augmentation, or keep it by cache()."
            )
