"""How a claim is known: the level of assurance that its mark names, the highest first. docs/believe.md says what each assumes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LEVELS = ("proven for all", "proven for this problem", "decided exactly", "measured")


def level(words: Mapping[str, Any]) -> str:
    """The level that the words of a claim's mark name: that of its weakest case. Raises ValueError for one of another name."""
    named = str(words.get("level", LEVELS[-1]))
    if named not in LEVELS:
        raise ValueError(f"the level {named!r} is none of {', '.join(LEVELS)}")
    return named
