"""
The preconditions of judging a fit: full rank, no separation, convergence.

(The response's domain is a precondition too; `Problem` itself refuses data that break it.) A precondition that fails is
an outcome of its own, "precondition failed: ...": neither a claim that holds nor one that is broken.
"""

from __future__ import annotations

from contextlib import suppress

from spec.engines.contract import Declined, Fit
from spec.existence import rank_deficiency
from spec.problems import Problem


class PreconditionFailed(Exception):
    """``which`` names the precondition; the message says what is wrong with which problem, and what to do."""

    def __init__(self, which: str, message: str) -> None:
        super().__init__(f"precondition failed: {which}: {message}")
        self.which = which


def check(problem: Problem) -> None:
    """Raise PreconditionFailed where the data leave the parameters undetermined."""
    if (why := rank_deficiency(problem)) is not None:
        raise PreconditionFailed("rank", f"{problem}: {why}")


def check_fit(problem: Problem, fit: Fit) -> None:
    """Raise PreconditionFailed for a fit that its own engine does not call converged."""
    if not fit.converged:
        raise PreconditionFailed("convergence", f"{problem}: the fit did not converge{ended(fit)}")


def ended(fit: Fit) -> str:
    """How a fit ended, to follow a word about it: its iterations, where the engine counts them, and its reason."""
    count = ""
    with suppress(Declined):
        count = f" after {fit.iterations} iterations" if fit.iterations is not None else ""
    return f"{count}: {fit.reason}"
