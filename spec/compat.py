"""What some Python lacks: `zip` with strict lengths, `tomllib`, a dictionary that stays small, the first line of an error."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Iterator
from functools import partial
from itertools import zip_longest
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["Recent", "first_line", "strict_zip", "tomllib"]


def zip_or_raise(*columns: Any) -> Iterator[tuple[Any, ...]]:
    """`zip`, but columns of different lengths are a ValueError and not cut to the shortest."""
    end = object()
    for row in zip_longest(*columns, fillvalue=end):
        if any(entry is end for entry in row):
            raise ValueError("zip() has columns of different lengths")
        yield row


strict_zip: Any = partial(zip, strict=True) if sys.version_info >= (3, 10) else zip_or_raise


class Recent(OrderedDict[Any, Any]):
    """A dictionary of at most ``size`` entries: a new one beyond that drops the oldest."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        if len(self) > self.size:
            self.popitem(last=False)


def first_line(error: BaseException) -> str:
    """What an error says, without the lines that follow; its type where it says nothing."""
    return next(iter(str(error).splitlines()), "") or type(error).__name__
