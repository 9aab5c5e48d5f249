"""Streams without an end: a stream that gives the same batches again and again, as those for `keras.Model.fit` may."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

CYCLES = 8  # how often all batches come again until a stream is called endless


def until_it_repeats(stream: Iterable[Any]) -> Iterator[Any]:
    """
    The batches of a stream.

    Raises ValueError when it has given the same batches, in the same order, `CYCLES` times. Batches whose rows are all alike
    say nothing, since sorted data have many of them.
    """
    first: list[int] = []
    again = 0  # batches since the first came again
    is_watched = not _has_an_end(stream)
    for batch in stream:
        if is_watched:
            mark = _mark(batch)
            if mark is None or (again and mark != first[again % len(first)]):
                is_watched = False
            elif again or first[:1] == [mark]:
                again += 1
            else:
                first.append(mark)
            if first and again >= (CYCLES - 1) * len(first):
                batches = "batch" if len(first) == 1 else f"{len(first)} batches"
                raise ValueError(
                    f"the stream gives the same {batches} again and again, so it seems to have no end: let it end when each row "
                    "was given once."
                )
        yield batch


def _has_an_end(stream: Any) -> bool:
    """Whether a stream knows how many batches it has."""
    try:
        return len(stream) >= 0
    except TypeError:  # it has no length, or tf.data does not know it
        return False


def _mark(batch: Any) -> int | None:
    """A number that two batches share if they are the same; None where rows are alike, or no arrays."""
    parts = list(_arrays(batch))
    if not parts or any(part.dtype == object or part.ndim == 0 for part in parts):
        return None
    if all(len(part) < 2 or (part == part[:1]).all() for part in parts):
        return None
    return hash(tuple(part.tobytes() for part in parts))


def _arrays(batch: Any) -> Iterator[np.ndarray]:
    if isinstance(batch, Mapping):
        batch = list(batch.values())
    if isinstance(batch, (tuple, list)):
        for part in batch:
            yield from _arrays(part)
    elif batch is not None:
        yield np.asarray(batch)
