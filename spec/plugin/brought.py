"""The answer that a reader brings by --network or --coefficients, on the data of --data, and what is said of it at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from spec.diagnosis.answer import Answer

ANSWER: pytest.StashKey[Answer | None] = pytest.StashKey()


def answer(config: pytest.Config) -> Answer | None:
    """The answer of --network or --coefficients, loaded once; None without them."""
    return config.stash.get(ANSWER, None)
