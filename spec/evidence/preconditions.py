"""
The preconditions of judging a fit: full rank, no separation, convergence.

(The response's domain is a precondition too; `Problem` itself refuses data that break it.) A precondition that fails is
an outcome of its own, "precondition failed: ...": neither a claim that holds nor one that is broken.
"""

from __future__ import annotations

import numpy as np

from spec.compat import strict_zip
from spec.domains import REAL, UNIT
from spec.engines.contract import Fit
from spec.families import Binomial, NegativeBinomial, Poisson, Tweedie
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
    """A sentence that names the linearly dependent columns, judged on columns scaled to length 1; None where there are none."""
    design = problem.design[problem.row_weights[:, 0] > 0]
    names = (["the intercept"] if problem.intercept else []) + list(problem.data.columns)
    lengths = np.linalg.norm(design, axis=0)
    if not lengths.all():
        return f"column {names[int(np.argmin(lengths))]} is all zeros. Drop it."
    if len(design) < problem.q:
        return f"{len(design)} rows cannot determine {problem.q} coefficients. Add rows or drop columns."
    _, singular, axes = np.linalg.svd(design / lengths, full_matrices=False)
    if singular[-1] > len(design) * np.finfo(float).eps * singular[0]:
        return None
    involved = [name for name, share in strict_zip(names, np.abs(axes[-1])) if share > 1e-6]
    condition = singular[0] / max(singular[-1], np.finfo(float).tiny)
    return f"the columns {', '.join(involved)} are linearly dependent (condition number {condition:.1g}). Drop one of them."


def separation(problem: Problem) -> str | None:
    """
    Whether a direction exists along which the likelihood never falls, so that no finite optimum exists; else None.

    A linear program (Albert and Anderson 1984, Biometrika 71; for counts Santos Silva and Tenreyro 2010, Economics
    Letters 107): look for a direction d of the parameters with a'd >= 0 for each comparison a that was decided one way,
    a'd = 0 for each that was seen both ways, and a'd > 0 for as many as can be. Other models answer None.
    """
    from scipy.optimize import linprog  # needed only where something went wrong

    comparisons = _comparisons(problem)
    if comparisons is None or not len(comparisons[0]):
        return None
    scale = np.abs(np.vstack(comparisons)).max(axis=0)
    decided, both = (part / np.where(scale > 0, scale, 1.0) for part in comparisons)
    rows, columns = decided.shape
    gains = linprog(  # maximise the sum of s, where 0 <= s <= 1, s <= decided @ d, both @ d = 0
        np.concatenate([np.zeros(columns), -np.ones(rows)]),
        A_ub=np.hstack([-decided, np.eye(rows)]),
        b_ub=np.zeros(rows),
        A_eq=np.hstack([both, np.zeros((len(both), rows))]) if len(both) else None,
        b_eq=np.zeros(len(both)) if len(both) else None,
        bounds=[(None, None)] * columns + [(0, 1)] * rows,
        method="highs",  # before SciPy 1.9 the default is another, a hundred times slower
    )
    separated = 0 if gains.status != 0 else round(-gains.fun)
    if not separated:
        return None
    kind = "completely" if separated == rows and not len(both) else "quasi-completely"
    return (
        f"the data are {kind} separated: along one direction of the parameters {separated} rows (or comparisons) gain "
        "likelihood for ever and none loses, so no finite optimum exists. Drop the separating column, add data, or fit with "
        "a penalty."
    )


def _comparisons(problem: Problem) -> tuple[np.ndarray, np.ndarray] | None:
    """The rows' comparisons that were decided one way, as vectors of the free parameters, and those seen both ways."""
    family, link = problem.model.family, problem.model.link
    used = problem.row_weights[:, 0] > 0
    X, y = problem.design[used], problem.y[used]
    if problem.model.has_classes:  # each class that was seen against each that was not, and the seen with each other
        decided, both = [], []
        for row, shares in strict_zip(X, y):
            seen, unseen = np.flatnonzero(shares > 0).tolist(), np.flatnonzero(shares == 0).tolist()
            decided += [_contrast(row, a, b, problem.k) for a in seen for b in unseen]
            both += [_contrast(row, a, b, problem.k) for a, b in strict_zip(seen[1:], seen[:-1])]
        size = X.shape[1] * problem.free_outputs
        return np.array(decided).reshape(-1, size), np.array(both).reshape(-1, size)
    response = y[:, 0]
    if isinstance(family, Binomial) and link.eta_domain == REAL and link.mu_domain == UNIT:
        return np.vstack([X[response == 1], -X[response == 0]]), X[(response > 0) & (response < 1)]
    if isinstance(family, (Poisson, NegativeBinomial, Tweedie)) and isinstance(link, Log):
        return -X[response == 0], X[response > 0]
    return None


def _contrast(row: np.ndarray, seen: int, other: int, classes: int) -> np.ndarray:
    """The coefficients of eta_seen - eta_other in the free parameters, class after class."""
    move = np.zeros((classes, len(row)))
    move[seen] += row
    move[other] -= row
    return move[1:].ravel()
