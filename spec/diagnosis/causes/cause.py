"""A cause: one entry of the registry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from spec.diagnosis.context import Context
from spec.diagnosis.hypothesis import Hypothesis
from spec.diagnosis.result import Finding
from spec.diagnosis.sums import Totals

ALONE = 16  # numeric columns, of which each is tried alone
AT_ZERO = 0.02  # tries of a condition on coefficients that are exactly 0, which is no accident
NEEDS: dict[str, tuple[Callable[[Context], bool], str]] = {  # whether it is there, and why a cause is untested without
    "offset": (lambda context: context.facts.has_offset, "your model has no offset"),
    "weights": (lambda context: context.facts.has_weights, "your model has no weights"),
    "trials": (lambda context: context.question.trials is not None, "your model has no trials"),
    "subsets": (
        lambda context: bool(context.question.subsets),
        "no missing values are known in columns that the model leaves out",
    ),
    "clusters": (lambda context: context.question.clusters is not None, "no clusters of rows were given"),
    "memory": (lambda context: context.in_memory, "the rows are more than are kept in memory"),
    "record": (
        lambda context: context.answer.record is not None and context.answer.record.steps > 0,
        "no optimizer's record of the training was given",
    ),
    "settings": (lambda context: context.answer.settings is not None, "no estimator was given that tells its settings"),
    "errors": (lambda context: context.answer.standard_errors is not None, "no standard errors were given"),
}


class Change(NamedTuple):
    """Another hypothesis: the sentence that says what it supposes, and its numbers by name."""

    hypothesis: Hypothesis
    says: str
    values: dict[str, Any] = {}  # noqa: RUF012


@dataclass(frozen=True, eq=False)
class Reading:
    """
    Hypotheses that one pass can test together: each adds unknown multiples of known ``vectors`` to the score.

    The vectors are (q, m), in white coordinates. The score plus the sum of factor times vector vanishes at the optimum. ``says``
    turns the factors, and the number of rows that count, into a sentence, or into None if they make no sense, such as a negative
    penalty. ``become`` gives the hypothesis with its factors; ``times`` is the number that multiplies its whole sum, and with it
    the factors of another reading. ``summed`` is the name and the factor of a sum over rows, which is then the only vector;
    without it the vector does not grow with the rows.
    """

    vectors: list[np.ndarray]
    says: Callable[[np.ndarray, int], str | None]
    become: Callable[[Hypothesis, np.ndarray], Hypothesis] | None = None
    summed: tuple[str, float] | None = None
    times: Callable[[np.ndarray], float] = lambda factors: 1.0


@dataclass(frozen=True, eq=False)
class Ending:
    """What a condition that is no sum over rows leaves of the score, (q, m): on the support of a lasso, for example."""

    residue: np.ndarray
    says: str
    unknowns: int
    tries: float  # how many such conditions are tried; below 1 where the answer itself points to this one
    become: Callable[[Hypothesis], Hypothesis] | None = None


@dataclass(frozen=True, eq=False)
class Cause:
    """
    A cause of a disagreement: its stable ``code``, its ``group``, whose causes mostly exclude each other, and a ``plain``
    first sentence, in which {it} is the answer and {trained} says how it came about.

    ``claim`` is the slug of the book's claim about this cause, ``mend`` the line of code that removes it. ``changes`` makes other
    hypotheses; ``readings`` and ``endings`` need only the sums of one hypothesis. A cause without these three is found in the
    network's program, on the way to the optimum, or in the standard errors. ``needs`` names one of `NEEDS`: without it the cause
    is not tested.
    """

    code: str
    group: str
    plain: str
    claim: str = ""
    mend: str = ""
    changes: Callable[[Context, Hypothesis], Iterable[Change]] | None = None
    readings: Callable[[Context, Hypothesis, Totals], Iterable[Reading]] | None = None
    endings: Callable[[Context, Hypothesis, Totals], Iterable[Ending]] | None = None
    needs: str = ""

    def finding(self, says: str, **values: Any) -> Finding:
        """The finding of this cause."""
        return Finding(self.code, says, self.mend, self.claim, values)

    def applied(self, context: Context, hypothesis: Hypothesis) -> Iterator[Hypothesis]:
        """The hypotheses that suppose this cause too."""
        if self.changes is None:
            return
        for other, says, values in self.changes(context, hypothesis):
            yield replace(other, found=(*hypothesis.found, self.finding(says, **values)))
