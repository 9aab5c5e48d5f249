"""What Python 3.9, the oldest that the claims run on, lacks of Python 3.10."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from itertools import zip_longest
from typing import Any


def zip_or_raise(*columns: Any) -> Iterator[tuple[Any, ...]]:
    """`zip`, but columns of different lengths are a ValueError and not cut to the shortest."""
    end = object()
    for row in zip_longest(*columns, fillvalue=end):
        if any(entry is end for entry in row):
            raise ValueError("zip() has columns of different lengths")
        yield row


strict_zip: Any = partial(zip, strict=True) if sys.version_info >= (3, 10) else zip_or_raise
