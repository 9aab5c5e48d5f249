"""The answer that a reader brings by --network or --coefficients to the data of --data, and what is said of it at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from spec.compat import first_line
from spec.plugin.own_data import BROUGHT, GIVEN, OWN, path_of_data, unfit

if TYPE_CHECKING:
    from spec.diagnosis.answer import Answer
    from spec.diagnosis.question import Question

ASKED: pytest.StashKey[tuple[Question, Answer] | None] = pytest.StashKey()


def asked(config: pytest.Config) -> tuple[Question, Answer] | None:
    """The question of --data and the answer that was brought to it, loaded once; None where none was brought."""
    if ASKED not in config.stash:
        brought = next((config.getoption(option) for option in BROUGHT if config.getoption(option) is not None), None)
        config.stash[ASKED] = None if brought is None or GIVEN not in config.stash else _asked(config, brought)
    return config.stash[ASKED]


def _asked(config: pytest.Config, brought: str) -> tuple[Question, Answer]:
    from spec.diagnosis.brought import asked

    options = {option.lstrip("-"): config.getoption(option) for option in OWN}
    try:
        return asked(path_of_data(config), brought, **options)
    except (ValueError, TypeError, ImportError) as error:
        raise pytest.UsageError(f"{brought}: {first_line(error)}") from error


def diagnosed(config: pytest.Config, width: int, colour: bool) -> Iterator[str]:
    """The lines of the diagnosis of what was brought; none where nothing was, or where the data are no problem."""
    if GIVEN not in config.stash or unfit(config.stash[GIVEN]) or (found := asked(config)) is None:
        return
    from spec.diagnosis.explain import explain
    from spec.diagnosis.terminal import render

    yield from render(explain(*found), width, colour)
