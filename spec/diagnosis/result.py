"""What a diagnosis found: the causes in their order, what was measured before and after, and what was ruled out."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np

from spec.diagnosis.answer import Answer

NONE, FOUND, EITHER, UNEXPLAINED, NO_OPTIMUM = "none", "found", "either", "unexplained", "no optimum"


@dataclass(frozen=True, eq=False)
class Finding:
    """
    A cause that was found: its ``code``, and a sentence ``says`` with its size.

    ``mend`` is the line of code that removes it, ``claim`` the slug of the claim in the book, ``values`` its numbers by name.
    """

    code: str
    says: str
    mend: str = ""
    claim: str = ""
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Compared:
    """
    Coefficients beside the optimum that they were held to: names, both sides and the standard errors, each (c,).

    ``distance`` is that of the whole answer in standard errors (the root of the Newton decrement), ``digits`` the fewest
    digits in which a coefficient agrees with the optimum. ``proven`` says that the optimum is enclosed in ball arithmetic.
    """

    names: tuple[str, ...]
    answer: np.ndarray
    optimum: np.ndarray
    standard_errors: np.ndarray
    distance: float
    digits: float
    proven: bool


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """
    Why an answer is not the optimum of the model that was stated, or that it is.

    ``verdict`` is "none" (the answer is the optimum), "found", "either" (more than one explanation, and the data cannot tell
    them apart: ``others`` are the rest), "unexplained", or "no optimum". ``stated`` holds the answer to the optimum of the model
    as it was stated, ``mended`` to that after the causes in ``found`` were applied; either is None where there is no optimum.
    ``ruled_out`` are the causes that were tested, with the distance in standard errors that each leaves; ``untested`` are those
    that were not, with the reason. ``errors`` are findings about the standard errors alone. ``reference`` is the diagnosis of
    another program's answer to the same question, where one was given.
    """

    model: str
    rows: int
    answer: Answer
    verdict: str
    found: tuple[Finding, ...] = ()
    others: tuple[tuple[Finding, ...], ...] = ()
    errors: tuple[Finding, ...] = ()
    stated: Compared | None = None
    mended: Compared | None = None
    why: str = ""  # of "no optimum" and "unexplained"
    ruled_out: dict[str, float] = field(default_factory=dict)
    untested: dict[str, str] = field(default_factory=dict)
    coarse: float = 0.0  # standard errors within which its digits do not tell an answer from others, where that is too many
    reference: Diagnosis | None = None  # of another answer to the same question

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the causes that were found, in the order in which they were applied."""
        return tuple(one.code for one in (*self.found, *self.errors))

    def __str__(self) -> str:
        return str(import_module("spec.diagnosis.terminal").text(self))  # which knows this class

    def _repr_html_(self) -> str:
        return str(import_module("spec.diagnosis.page").fragment(self))

    @property
    def proven(self) -> bool:
        """Whether the answer lies at the proven optimum of what the findings say, to the precision that it was brought in."""
        return self.mended is not None and self.mended.proven
