"""A question: the model that a reader states, and the rows that it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spec.fit.rows import Rows, of_arrays
from spec.model import Model
from spec.problems import Problem


def name_of_offset(offset: Any) -> str | None:
    """What an offset is called: an expression or a column, the name of a series, else "offset"; None where there is none."""
    if offset is None or isinstance(offset, str):
        return offset
    name = getattr(offset, "name", None)
    return name if isinstance(name, str) else "offset"


@dataclass(frozen=True, eq=False)
class Question:
    """
    A stated model and its rows, which may be larger than memory.

    ``columns`` name those of X, ``outputs`` the response or its classes; ``trials`` says that the weights of the rows have the
    trials as a factor, and which;
    ``subsets`` are other choices of the rows that a reader may have made without a word, by what was done, each a mask (n,).
    ``offset`` is what the offset is called, where it has a name; None where there is none.
    ``clusters`` (n,) number the groups of rows that go together, such as those of one person, where the reader says so.
    """

    model: Model
    rows: Rows
    intercept: bool
    columns: tuple[str, ...]
    outputs: tuple[str, ...] = ()
    quasi: bool = False
    trials: np.ndarray | None = None
    subsets: Mapping[str, np.ndarray] = field(default_factory=dict)
    clusters: np.ndarray | None = None
    offset: str | None = None

    @classmethod
    def of(cls, problem: Problem) -> Question:
        """The question that a problem asks."""
        rows = of_arrays(problem.X, problem.y, problem.row_weights[:, 0], problem.offset)
        return cls(problem.model, rows, problem.intercept, problem.data.columns, (), problem.quasi, problem.data.trials)
