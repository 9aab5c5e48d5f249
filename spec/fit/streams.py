"""Rows of streams that give batches and can be read again: tf.data, PyDataset, a DataLoader, a list of batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from spec.fit.endless import until_it_repeats
from spec.fit.inputs import Input, as_fitted, batch_of, names_of, shape_of
from spec.fit.numeric import library
from spec.fit.rows import Batch, Rows, of_pieces

INFINITE = -1  # the cardinality of a tf.data that repeats


def is_stream(X: Any) -> bool:
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


def of_stream(stream: Any, inputs: Sequence[Input], labelled: bool) -> Rows:
    """The rows of a stream of batches that can be read again: tf.data, PyDataset, a DataLoader, a list."""
    if hasattr(stream, "cardinality") and int(stream.cardinality()) == INFINITE:
        raise ValueError("the stream repeats for ever: leave .repeat() out.")
    if (times := _times(stream)) > 1:
        raise ValueError(f"the stream gives its rows {times} times, which would count as so many more: leave .repeat() out.")
    count = stream.num_batches if hasattr(stream, "num_batches") else None if hasattr(stream, "__iter__") else len(stream)
    if count is None and hasattr(stream, "num_batches"):
        raise ValueError("the stream does not say how many batches it has, so it never ends: give it a method __len__.")
    batches = _Batches(inputs, labelled)
    if isinstance(stream, (list, tuple)) and stream:
        batches.made((0, stream[0]), 0)
    elif inputs and not any(put.width is None for put in inputs):
        batches.columns.append(names_of(inputs, [np.empty((0, put.width or 0)) for put in inputs]))
    columns = batches.columns[0] if batches.columns else ()
    return of_pieces(partial(_numbered, stream, count), batches.made, columns=columns)


def _numbered(stream: Any, count: int | None, size: int) -> Iterator[tuple[int, Any]]:
    """The batches of a stream with their numbers; their size is the stream's own. ``count`` where they are taken by number."""
    return enumerate(until_it_repeats(stream) if count is None else (stream[i] for i in range(count)))


@dataclass(frozen=True, eq=False)
class _Batches:
    """Makes batches of a stream's pieces: the first fixes the widths of X, y and offset, and the names of the columns."""

    inputs: Sequence[Input]
    labelled: bool
    widths: list[int] = field(default_factory=list)
    columns: list[tuple[str, ...]] = field(default_factory=list)

    def made(self, piece: tuple[int, Any], first: int) -> Batch:
        number, item = piece
        try:
            X, y, weights = _triple(item, self.labelled)
            if self.labelled and _is_row(X, y, self.inputs):
                raise ValueError("the stream gives single rows, not batches: add .batch(1024).")
            inputs = as_fitted(self.inputs, self.columns[0]) if self.columns else self.inputs
            batch, names = batch_of(X, [y, weights, None], inputs, first)
            self.columns.extend([] if self.columns else [names])
            found = [0 if part is None else part.shape[-1] for part in (batch.X, batch.y, batch.offset)]
            self.widths.extend([] if self.widths else found)
            if found != self.widths:
                raise ValueError(f"X, y and offset have {found} columns, but {self.widths} in the first batch.")
        except ValueError as error:
            raise ValueError(f"batch {number}: {error}") from error
        return batch


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
    x, width = shape_of(first), inputs[0].width if inputs else None
    return len(x) == 1 and x != (1,) and (x == (width,) or shape_of(y) == (1,))
