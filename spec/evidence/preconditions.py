"""
The preconditions of judging a fit: full rank, no separation, convergence.

(The response's domain is a precondition too; `Problem` itself refuses data that break it.) A precondition that fails is
an outcome of its own, "precondition failed: ...": neither a claim that holds nor one that is broken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spec.compat import strict_zip
from spec.domains import REAL, UNIT
from spec.engines.contract import Fit
from spec.families import Binomial, NegativeBinomial, Poisson, Tweedie
from spec.links import Log
from spec.problems import Problem
from spec.problems.problem import name_rows

SHOWN = 5  # columns that a message names


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
    names = _names(problem)
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


def _names(problem: Problem) -> list[str]:
    """The names of the design's columns."""
    return (["the intercept"] if problem.intercept else []) + list(problem.data.columns)


@dataclass(frozen=True, eq=False)
class Separation:
    """
    A direction along which the likelihood rises for ever and no row loses, and the rows that gain by it.

    ``direction`` is shaped like `Problem.free`, its largest entry 1 where each column is in units of its largest value. ``rows``
    are all those that any such direction decides, by their numbers in the problem; rows of weight 0 are none of them.
    ``complete`` says that nothing is left undecided. str() is a sentence about it.
    """

    problem: Problem
    direction: np.ndarray
    rows: np.ndarray
    complete: bool

    def __str__(self) -> str:
        kind = "completely" if self.complete else "quasi-completely"
        gain, lost = ("gains", "no other loses") if len(self.rows) == 1 else ("gain", "none loses")
        remedy = "add data, or fit with a penalty."
        if not (self.complete or self.problem.model.has_classes):  # of classes a row may be decided against some of them only
            rows, them = ("that row", "it") if len(self.rows) == 1 else ("those rows", "them")
            remedy = f"drop {rows} and the columns that are redundant without {them}, {remedy}"
        sentences = (
            f"the data are {kind} separated: along one direction of the parameters ({self._moves()}) "
            f"{name_rows(self.rows.tolist())} {gain} likelihood for ever and {lost}, so no finite optimum exists.",
            self._never(),
            remedy[0].upper() + remedy[1:],
        )
        return " ".join(filter(None, sentences))

    def _moves(self) -> str:
        """The coefficients that move and which way, the first few of them."""
        size = np.abs(self.direction) * np.abs(self.problem.design).max(axis=0)[:, None]
        moving = size > 1e-9 * size.max()
        moves = []
        for output, column in np.argwhere(moving.T).tolist():
            of_class = f" of class {output + 1}" if self.problem.model.has_classes else ""
            way = "up" if self.direction[column, output] > 0 else "down"
            moves.append(f"{_names(self.problem)[column]}{of_class} {way}")
        return ", ".join([*moves[:SHOWN], *([f"{len(moves) - SHOWN} more"] if len(moves) > SHOWN else [])])

    def _never(self) -> str:
        """What the response never is, where there is such a thing: a class, or another value than one."""
        y = self.problem.y[self.problem.row_weights[:, 0] > 0]
        if self.problem.model.has_classes:
            return " ".join(f"Class {k} never occurs in y." for k in np.flatnonzero(~(y > 0).any(axis=0)))
        return f"y is {y[0, 0]:g} in every row." if (y == y[0]).all() else ""


def separation(problem: Problem) -> str | None:
    """A sentence that says by which rows and columns the data are `separating`; None where they are not."""
    found = separating(problem)
    return None if found is None else str(found)


def separating(problem: Problem) -> Separation | None:
    """
    A direction along which the likelihood never falls and somewhere rises, so that no finite optimum exists; else None.

    A linear program (Albert and Anderson 1984, Biometrika 71; for counts Santos Silva and Tenreyro 2010, Economics
    Letters 107): look for a direction d of the parameters with a'd >= 0 for each comparison a that was decided one way,
    a'd = 0 for each that was seen both ways, and a'd > 0 for as many as can be. The sum of two directions decides what either
    does, so the rows are all that can be decided. Other models answer None.

    The program keeps a'd to 1e-7. So its direction is moved to where the undecided comparisons are zero to the last digit, and
    counts if the others still gain there: rows that overlap by a little are not called separated.
    """
    from scipy import sparse  # needed only where something went wrong
    from scipy.optimize import linprog

    comparisons = _comparisons(problem)
    if comparisons is None or not len(comparisons[0]):
        return None
    of_row = comparisons[2]
    scale = np.abs(np.vstack(comparisons[:2])).max(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    decided, both = (_of_size_one(part / scale) for part in comparisons[:2])
    count, columns = decided.shape
    found = linprog(  # maximise the sum of s, where 0 <= s <= 1, s <= decided @ d, both @ d = 0
        np.concatenate([np.zeros(columns), -np.ones(count)]),
        A_ub=sparse.hstack([sparse.csc_matrix(-decided), sparse.identity(count)], format="csc"),
        b_ub=np.zeros(count),
        A_eq=sparse.hstack([sparse.csc_matrix(both), sparse.csc_matrix((len(both), count))], format="csc") if len(both) else None,
        b_eq=np.zeros(len(both)) if len(both) else None,
        bounds=[(None, None)] * columns + [(0, 1)] * count,
        method="highs",  # before SciPy 1.9 the default is another, a hundred times slower
    )
    if found.status != 0:
        return None
    gains = found.x[columns:] > 0.5  # each is 0 or 1, since a direction may be as long as one likes
    undecided = np.vstack([both, decided[~gains]])
    direction = _orthogonal(found.x[:columns], undecided)
    if not gains.any() or not (decided[gains] @ direction > 0.5).all():
        return None
    direction = direction / np.abs(direction).max() / scale
    return Separation(
        problem,
        direction.reshape(problem.free_outputs, -1).T,
        np.unique(of_row[gains]),
        complete=bool(gains.all()) and not len(both),
    )


def _of_size_one(rows: np.ndarray) -> np.ndarray:
    """The rows, each divided by its largest entry."""
    size = np.abs(rows).max(axis=1, keepdims=True, initial=0)
    return rows / np.where(size > 0, size, 1.0)


def _orthogonal(direction: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The part of a direction that is orthogonal to the rows, to rounding."""
    if not len(rows):
        return direction
    _, singular, axes = np.linalg.svd(rows, full_matrices=False)
    axes = axes[singular > max(rows.shape) * np.finfo(float).eps * singular[0]]
    for _ in range(2):  # twice is enough
        direction = direction - axes.T @ (axes @ direction)
    return direction


def _comparisons(problem: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """
    Vectors of the free parameters: the rows' comparisons that were decided one way, and those seen both ways.

    The third is the row of each that was decided.
    """
    family, link = problem.model.family, problem.model.link
    used = np.flatnonzero(problem.row_weights[:, 0] > 0)
    X, y = problem.design[used], problem.y[used]
    if problem.model.has_classes:  # each class that was seen against each that was not, and the seen with each other
        decided, both, of_row = [], [], []
        for row, number, shares in strict_zip(X, used.tolist(), y):
            seen, unseen = np.flatnonzero(shares > 0).tolist(), np.flatnonzero(shares == 0).tolist()
            decided += [_contrast(row, a, b, problem.k) for a in seen for b in unseen]
            of_row += [number] * (len(seen) * len(unseen))
            both += [_contrast(row, a, b, problem.k) for a, b in strict_zip(seen[1:], seen[:-1])]
        size = X.shape[1] * problem.free_outputs
        return np.array(decided).reshape(-1, size), np.array(both).reshape(-1, size), np.array(of_row, dtype=int)
    response = y[:, 0]
    if isinstance(family, Binomial) and link.eta_domain == REAL and link.mu_domain == UNIT:
        ones, zeros, between = response == 1, response == 0, (response > 0) & (response < 1)
        return np.vstack([X[ones], -X[zeros]]), X[between], np.concatenate([used[ones], used[zeros]])
    if isinstance(family, (Poisson, NegativeBinomial, Tweedie)) and isinstance(link, Log):
        return -X[response == 0], X[response > 0], used[response == 0]
    return None


def _contrast(row: np.ndarray, seen: int, other: int, classes: int) -> np.ndarray:
    """The coefficients of eta_seen - eta_other in the free parameters, class after class."""
    move = np.zeros((classes, len(row)))
    move[seen] += row
    move[other] -= row
    return move[1:].ravel()
