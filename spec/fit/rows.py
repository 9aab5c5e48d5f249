"""
Rows that are read in batches: a few are in memory at a time, other rows may be on disk, on other machines, or not yet made.

They lie in blocks (`spec.fit.blocks`), which the data fix. A question to all rows is asked of each block, by the
`spec.fit.workers` that there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

import numpy as np

from spec.fit.batch import NAMES, Batch, batches_of, beginning, joined
from spec.fit.blocks import Block, Pieces, Slices, in_blocks
from spec.fit.numeric import Column
from spec.fit.workers import HERE, Workers, one_blas_thread

__all__ = ["PIECE", "Batch", "Rows", "Step", "joined", "of_arrays", "of_pieces"]

PIECE = 2**14  # rows that are read at a time
SOME = 256  # rows whose numbers tell whether the data are those of the fit, where they are many
ALL = 2**17  # numbers of data all of whose rows tell it
FEW = 8  # blocks: fewer are not shared out among threads, but their batches are

Result = TypeVar("Result")


class Step(NamedTuple):
    """A change of each piece of rows: ``function(batch)``, or ``function(batch, first)`` if it is ``numbered``."""

    function: Callable[..., Batch | None]
    numbered: bool = False
    checks: bool = False  # whether it looks at a piece alone, and returns None; a sample is not looked at

    def of(self, batch: Batch, first: int) -> Batch:
        made = self.function(batch, first) if self.numbered else self.function(batch)
        return batch if made is None else made


def pieces_of(block: Block, steps: Sequence[Step], size: int) -> Iterator[Batch]:
    """The rows of a block after the steps. An error names the row in the data, or in the block if that is unknown."""
    first = block.first or 0
    try:
        for piece in block.read(size):
            rows = len(piece)
            for step in steps:
                piece = step.of(piece, first)
            first += rows
            if rows:
                yield piece
    except ValueError as error:
        raise error if block.first is not None else ValueError(f"{block.name}: {error}") from error


def _asked(function: Callable[[Iterator[Batch]], Result], steps: Sequence[Step], size: int, block: Block) -> Result:
    with one_blas_thread:
        return function(pieces_of(block, steps, size))


def _asked_of_one(function: Callable[[Batch], Result], numbered: tuple[int, Batch]) -> tuple[int, Result]:
    with one_blas_thread:
        return numbered[0], function(numbered[1])


@dataclass(frozen=True, eq=False)
class Rows:
    """
    Rows in blocks, with the steps that are taken with each piece when it is read.

    ``draw(size)`` gives about ``size`` of them, before the steps, to represent all; else the first rows do. ``total`` is their
    number, if it is known before they are read. ``columns`` names those of X and ``outputs`` those of y or the classes, if they
    have names; ``labels`` are pandas's row labels, ``seen`` is a digest of some rows, see `remembered`.
    """

    blocks: Sequence[Block]
    draw: Callable[[int], Batch] | None = None
    total: int | None = None
    columns: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    workers: Workers = HERE
    labels: Any = None
    seen: bytes = b""

    def read(self, size: int = PIECE) -> Iterator[Batch]:
        """Yield all rows, always in the same order, in pieces of about ``size`` rows or of any other number."""
        for block in self.blocks:
            yield from self._pieces(block, size)

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield batches of exactly ``size`` rows, but for the last."""
        return batches_of(self.read(size), size)

    def each(self, function: Callable[[Iterator[Batch]], Result], size: int = PIECE) -> Iterator[Result]:
        """The results of a function of a block's pieces, block after block. The function may be sent to other processes."""
        return self._workers.run(partial(_asked, function, self.steps, size), self.blocks)

    def each_batch(self, function: Callable[[Batch], Result], size: int) -> Iterator[Iterator[Result]]:
        """For each block the results of a function of its batches of ``size`` rows; they are read in this process."""
        batches = ((i, one) for i, block in enumerate(self.blocks) for one in batches_of(self._pieces(block, size), size))
        found = self.workers.run(partial(_asked_of_one, function), batches)
        for _, some in groupby(found, key=itemgetter(0)):
            yield map(itemgetter(1), some)

    def _pieces(self, block: Block, size: int) -> Iterator[Batch]:
        return pieces_of(block, self.steps, size)

    @property
    def are_few(self) -> bool:
        """Whether the batches of the blocks, and not the blocks, are to be shared out."""
        return self._workers is HERE or (self.workers.shares and len(self.blocks) < FEW)

    @property
    def _workers(self) -> Workers:
        return self.workers if all(block.elsewhere for block in self.blocks) else HERE

    def sample(self, size: int) -> Batch:
        """
        About ``size`` rows, to represent all.

        Drawn rows have other numbers: if a step refuses one, all rows are read, to name the right row.
        """
        batch = self.draw(size) if self.draw else self._beginning(size)
        try:
            for step in self.steps:
                if not step.checks:
                    batch = step.of(batch, 0)
        except ValueError:
            for _ in self.each(_read_through):
                pass
            raise
        return batch

    def _beginning(self, size: int) -> Batch:
        taken: list[Batch] = []
        for block in self.blocks:
            first = partial(beginning, size=size - sum(map(len, taken)))
            taken += next(iter(self._workers.run(partial(_asked, first, (), min(size, PIECE)), [block])))
            if sum(map(len, taken)) >= size:
                break
        if not taken:
            raise ValueError("there are no rows.")
        return joined(taken)

    def remembered(self) -> Rows:
        """These rows, which then know whether they `have_changed`; only if they are drawn at random, such as an array's."""
        return self if self.draw is None else replace(self, seen=self._digest())

    @property
    def have_changed(self) -> bool:
        return bool(self.seen) and self._digest() != self.seen

    def _digest(self) -> bytes:
        assert self.draw is not None
        some = self.draw(SOME)
        return _digest(self.draw(self.total) if self.total and self.total * some.X.shape[1] <= ALL else some)

    @property
    def keep_their_order(self) -> bool:
        """Whether the first rows of a pass are the first of the next one, too: where a stream shuffles they are not."""
        one, other = (next(self.read()) for _ in range(2))
        return _digest(one) == _digest(other)

    def map(self, function: Callable[[Batch], Batch]) -> Rows:
        """These rows, with a function applied to each piece."""
        return replace(self, steps=(*self.steps, Step(function)))

    def map_numbered(self, function: Callable[[Batch, int], Batch]) -> Rows:
        """As `map`, but the function is also given the number of a piece's first row, so that it can name a wrong row."""
        return replace(self, steps=(*self.steps, Step(function, numbered=True)))

    def checked(self, check: Callable[[Batch, int], None]) -> Rows:
        """These rows; ``check`` is called with each piece, and the number of its first row, before the piece is used."""
        return replace(self, steps=(*self.steps, Step(check, numbered=True, checks=True)))


def _digest(batch: Batch) -> bytes:
    """A digest of the numbers of a batch."""
    parts = (np.ascontiguousarray(part) for part in (batch.X, batch.y, batch.weights, batch.offset) if part is not None)
    return blake2b(b"".join(part.tobytes() for part in parts)).digest()


def _read_through(pieces: Iterable[Batch]) -> None:
    for _ in pieces:
        pass


# -- sources ------------------------------------------------------------------------------------------------------------------


def of_arrays(X: Column, y: Column | None, weights: Column | None = None, offset: Column | None = None) -> Rows:
    """The rows of numbers that are sliced like an array: NumPy arrays and memory maps, HDF5. They are read slice by slice."""
    columns = (X, y, weights, offset)
    against, total = ("X", len(X)) if y is None else ("y", len(y))
    for name, column in zip(NAMES, columns):
        if column is not None and len(column) != total:
            raise ValueError(f"{name} has {len(column)} rows, but {against} has {total}.")

    shape = getattr(X, "shape", ())
    blocks = [Slices(columns, rows, rows.start) for rows in in_blocks(total, int(np.prod(shape[1:], dtype=int)))]
    return Rows(blocks, partial(_drawn, columns, total), total)


def _drawn(columns: tuple[Column | None, ...], total: int, size: int) -> Batch:
    """About ``size`` rows of the columns, drawn at random, or all; sorted, to read a file page after page."""
    rows: Any = slice(None) if size >= total else _chosen(total, size)
    return Batch.of(*(None if column is None else column[rows] for column in columns))


@lru_cache(maxsize=8)
def _chosen(total: int, size: int) -> np.ndarray:
    """The numbers of about ``size`` rows, always the same: kept, since to draw them takes longer than to read a few."""
    rows = np.unique(np.random.default_rng(0).integers(total, size=size))
    rows.flags.writeable = False
    return rows


def of_pieces(
    pieces: Callable[[int], Iterable[Any]],
    made: Callable[[Any, int], Batch],
    total: int | None = None,
    columns: tuple[str, ...] = (),
) -> Rows:
    """
    The rows of pieces that are read anew for each pass, in this process; `spec.fit.blocks.Pieces`.

    A sample is the first rows, so shuffle rows that are sorted.
    """
    return Rows([Pieces(pieces, made, [])], None, total, columns)
