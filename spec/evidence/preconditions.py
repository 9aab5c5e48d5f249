"""
What must be so before a fit can be judged: full rank, no separation, a fit that converged.

(The response's domain is a precondition too; `Problem` itself refuses data that break it.) A precondition that fails is
an outcome of its own, "precondition failed: ...": neither a claim that holds nor one that is broken.
"""

from __future__ import annotations

import numpy as np

from spec.domains import REAL
from spec.engines.engine import Fit
from spec.families import Binomial, Multinomial, NegativeBinomial, Poisson
from spec.links import Log
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
        raise PreconditionFailed(
            "convergence", f"{problem}: the fit did not converge after {fit.iterations} iterations: {fit.reason}"
        )


def rank_deficiency(problem: Problem) -> str | None:
    """Which column is a combination of the others (with the intercept), judged on columns scaled to length 1; else None."""
    names = (["the intercept"] if problem.intercept else []) + list(problem.data.columns)
    lengths = np.linalg.norm(problem.design, axis=0)
    if not lengths.all():
        return f"column {names[int(np.argmin(lengths))]} is all zeros. Drop it."
    if problem.n < problem.q:
        return f"{problem.n} rows cannot determine {problem.q} coefficients. Add rows or drop columns."
    _, singular, axes = np.linalg.svd(problem.design / lengths, full_matrices=False)
    if singular[-1] > problem.n * np.finfo(float).eps * singular[0]:
        return None
    involved = [name for name, share in zip(names, np.abs(axes[-1]), strict=True) if share > 1e-6]
    condition = singular[0] / max(singular[-1], np.finfo(float).tiny)
    return f"the columns {', '.join(involved)} are linearly dependent (condition number {condition:.1g}). Drop one of them."


def separation(problem: Problem) -> str | None:
    """
    Whether a direction exists along which the likelihood never falls, so that no finite optimum exists; else None.

    A linear program (Albert and Anderson 1984, Biometrika 71; for counts Santos Silva and Tenreyro 2010, Economics
    Letters 107): look for d with x_i'd >= 0 wherever success was sure, <= 0 wherever failure was, = 0 where both were
    seen. Classes are compared with the class that was observed. Other models answer None.
    """
    from scipy.optimize import linprog  # needed only where something went wrong

    family, X = problem.model.family, problem.design
    used = problem.row_weights[:, 0] > 0
    X, y = X[used], problem.y[used]
    if isinstance(family, Multinomial):
        seen = y.argmax(axis=1)
        moves = [_contrast(row, int(a), b, problem.k) for row, a in zip(X, seen, strict=True) for b in range(problem.k) if b != a]
        above, equal = np.array(moves), np.empty((0, X.shape[1] * problem.free_outputs))
    elif isinstance(family, Binomial) and problem.model.link.eta_domain == REAL:
        response = y[:, 0]
        above = np.vstack([X[response == 1], -X[response == 0]])
        equal = X[(response > 0) & (response < 1)]
    elif isinstance(family, Poisson | NegativeBinomial) and isinstance(problem.model.link, Log):
        response = y[:, 0]
        above, equal = -X[response == 0], X[response > 0]
    else:
        return None
    if not len(above):
        return None
    scale = np.abs(X).max()
    result = linprog(
        -above.sum(axis=0) / scale,
        A_ub=-above / scale,
        b_ub=np.zeros(len(above)),
        A_eq=equal / scale if len(equal) else None,
        b_eq=np.zeros(len(equal)) if len(equal) else None,
        bounds=(-1, 1),
    )
    if result.status != 0 or -result.fun < 1e-6:
        return None
    separated = int(((above @ result.x) / scale > 1e-8).sum())
    kind = "completely" if separated == len(above) and not len(equal) else "quasi-completely"
    return (
        f"the data are {kind} separated: along one direction of the parameters {separated} rows (or comparisons) gain likelihood "
        "for ever and none loses, so no finite optimum exists. Drop the separating column, add data, or fit with a penalty."
    )


def _contrast(row: np.ndarray, seen: int, other: int, classes: int) -> np.ndarray:
    """The coefficients of eta_seen - eta_other in the free parameters, class after class."""
    move = np.zeros((classes, len(row)))
    move[seen] += row
    move[other] -= row
    return move[1:].ravel()
