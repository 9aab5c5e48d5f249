"""
Whether an optimum exists: full rank, no separation, and inside the domain; and why a fit did not reach one.

Nothing here asks an engine. Both the engines and `spec.fit` say by `why_not` why they ended without an optimum; a proof says it
as a failed precondition (`spec.evidence.preconditions`).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spec.compat import strict_zip
from spec.domains import REAL, UNIT
from spec.families import Binomial, NegativeBinomial, Poisson, Tweedie
from spec.links import CLogLog, Identity, Log, LogComplement, Softplus
from spec.model import Model
from spec.problems import Problem
from spec.problems.problem import name_rows

SHOWN = 5  # columns that a message names
NONE_INSIDE = "no parameters give each row a mean inside its domain. Another link keeps means inside."


class Reason(str):
    """A sentence that says why there is no optimum, and its ``code``: "collinear", "separated" or "class-without-rows"."""

    code = ""

    @classmethod
    def of(cls, code: str, says: str) -> Reason:
        """The reason of a code."""
        found = cls(says)
        found.code = code
        return found


def why_not(problem: Problem, edge: Sequence[int], steps: str, distance: float) -> str:
    """
    The one reason why a fit of a problem ended without an optimum, in the order in which they rule each other out.

    Collinear columns; separated data; ``edge``, the rows at the edge of the domain that stopped it; else that ``steps``, such as
    "100 iterations", were not enough, ``distance`` standard errors away where that is known.
    """
    return no_optimum(problem, edge) or not_reached(steps, distance)


def no_optimum(problem: Problem, edge: Sequence[int]) -> str | None:
    """Why a problem has no optimum inside its domain; None where nothing says so."""
    return rank_deficiency(problem) or separation(problem) or (at_the_edge(problem, edge) if len(edge) else None)


def not_reached(steps: str, distance: float) -> str:
    """A sentence about an optimum that may exist."""
    away = f", about {distance:.1g} standard errors away" if np.isfinite(distance) else ""
    return f"not reached after {steps}{away}. Go on from there, or standardise the columns."


def at_the_edge(problem: Problem, rows: Sequence[int]) -> str:
    """A sentence about rows at the edge of their domain, at which the log-likelihood still rises."""
    model, domain = problem.model, problem.model.family.mu_domain
    forgotten = (
        " If a sigmoid was meant, add it, or compile the loss with from_logits=True."
        if (isinstance(model.family, Binomial) and isinstance(model.link, Identity))
        else ""
    )
    return (
        f"the likelihood rises to the edge of the domain, where the mean of {name_rows(list(rows))} leaves {domain}: no optimum "
        f"lies inside. Another link keeps means inside.{forgotten}"
    )


def rank_deficiency(problem: Problem) -> str | None:
    """A sentence that names the linearly dependent columns, judged on columns scaled to length 1; None where there are none."""
    design = problem.design[problem.row_weights[:, 0] > 0]
    names = _names(problem)
    largest = np.abs(design).max(axis=0, initial=0.0)  # by which a column of tiny numbers has a length
    if not largest.all():
        at = int(np.argmin(largest))
        where = " in the rows that count, whose weight is not 0" if problem.design[:, at].any() else ""
        return Reason.of("collinear", f"column {names[at]} is all zeros{where}. Drop it.")
    lengths = largest * np.linalg.norm(design / largest, axis=0)
    if len(design) < problem.q:
        rows = f"{len(design)} row{'s' * (len(design) != 1)}"
        return Reason.of("collinear", f"{rows} cannot determine {problem.q} coefficients. Add rows or drop columns.")
    _, singular, axes = np.linalg.svd(design / lengths, full_matrices=False)
    if singular[-1] > len(design) * np.finfo(float).eps * singular[0]:
        return None
    involved = [name for name, share in strict_zip(names, np.abs(axes[-1])) if share > 1e-6]
    condition = singular[0] / max(singular[-1], np.finfo(float).tiny)
    says = f"the columns {', '.join(involved)} are linearly dependent (condition number {condition:.1g}). Drop one of them."
    return Reason.of("collinear", says)


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
            f"the data are {kind} separated: along one direction of the parameters ({self.moves()}) "
            f"{name_rows(self.rows.tolist())} {gain} likelihood for ever and {lost}, so no finite optimum exists.",
            self.never(),
            remedy[0].upper() + remedy[1:],
        )
        return " ".join(filter(None, sentences))

    @property
    def code(self) -> str:
        """The code of the reason: a class of which there are no rows, or rows that are separated."""
        return "class-without-rows" if self.problem.model.has_classes and self.never() else "separated"

    def moves(self) -> str:
        """The coefficients that move and which way, the first few of them."""
        size = np.abs(self.direction) * np.abs(self.problem.design).max(axis=0)[:, None]
        moving = size > 1e-9 * size.max()
        moves = []
        for output, column in np.argwhere(moving.T).tolist():
            of_class = f" of class {self.problem.data.outputs[output + 1]}" if self.problem.model.has_classes else ""
            way = "up" if self.direction[column, output] > 0 else "down"
            moves.append(f"{_names(self.problem)[column]}{of_class} {way}")
        return ", ".join([*moves[:SHOWN], *([f"{len(moves) - SHOWN} more"] if len(moves) > SHOWN else [])])

    def never(self) -> str:
        """What the response never is, where there is such a thing: a class, or another value than one."""
        counts = self.problem.row_weights[:, 0] > 0
        y = self.problem.y[counts]
        if self.problem.model.has_classes:
            absent = np.flatnonzero(~(y > 0).any(axis=0))
            where = "in y" if counts.all() else "in a row that has weight"
            return " ".join(f"Class {self.problem.data.outputs[k]} never occurs {where}." for k in absent)
        every = "every row" if counts.all() else "every row that has weight"
        return f"{self.problem.data.outputs[0]} is {y[0, 0]:g} in {every}." if (y == y[0]).all() else ""


def separated_by(found: Separation, rows: int) -> str:
    """The sentence of a separation of a part of the rows that all of them bear out, ``rows`` of them gaining."""
    sentences = (
        f"the data are separated: along one direction of the parameters ({found.moves()}) {rows} rows gain likelihood for ever "
        "and none loses, so no finite optimum exists.",
        found.never(),
        "Add data, or fit with a penalty.",
    )
    return Reason.of(found.code, " ".join(filter(None, sentences)))


def gains(problem: Problem, direction: np.ndarray) -> np.ndarray:
    """For each row 1 if it gains along a direction of the parameters, -1 if it loses, and 0 if it does neither, to rounding."""
    comparisons = _comparisons(problem)
    result = np.zeros(problem.n, dtype=int)
    if comparisons is None:
        return result
    size = 1e-9 * np.abs(np.abs(problem.design) @ np.abs(direction)).max(initial=0)
    decided, both, of_row, of_both = comparisons
    moves = decided @ direction.T.ravel()
    np.maximum.at(result, of_row[moves > size], 1)
    result[of_row[moves < -size]] = -1
    result[of_both[np.abs(both @ direction.T.ravel()) > size]] = -1
    return result


def separation(problem: Problem) -> str | None:
    """A sentence that says by which rows and columns the data are `separating`; None where they are not."""
    found = separating(problem)
    return None if found is None else Reason.of(found.code, str(found))


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
    from scipy.optimize import OptimizeWarning, linprog

    comparisons = _comparisons(problem)
    if comparisons is None or not len(comparisons[0]):
        return None
    of_row = comparisons[2]
    scale = np.abs(np.vstack(comparisons[:2])).max(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    decided, both = (_of_size_one(part / scale) for part in comparisons[:2])
    count, columns = decided.shape
    equal = sparse.hstack([sparse.csc_matrix(both), sparse.csc_matrix((len(both), count))], format="csc") if len(both) else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OptimizeWarning)  # SciPy 1.6 warns that it takes a sparse matrix as sparse
        found = linprog(  # maximise the sum of s, where 0 <= s <= 1, s <= decided @ d, both @ d = 0
            np.concatenate([np.zeros(columns), -np.ones(count)]),
            A_ub=sparse.hstack([sparse.csc_matrix(-decided), sparse.identity(count)], format="csc"),
            b_ub=np.zeros(count),
            A_eq=equal,
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
    direction = direction / np.abs(direction).max()
    direction = np.where(np.abs(direction) < 2.0**-46, 0.0, direction) / scale  # what rounding left of zeros
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


def may_separate(model: Model) -> bool:
    """Whether there are data of the model that are separated."""
    y = np.eye(1, 2) if model.has_classes else np.ones((1, 1))
    return _comparisons(Problem.of("one row", model, np.zeros((1, 1)), y)) is not None


def _comparisons(problem: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
    """
    Vectors of the free parameters: the rows' comparisons that were decided one way, and those seen both ways.

    The third is the row of each that was decided, the fourth of each that was not.
    """
    family, link = problem.model.family, problem.model.link
    used = np.flatnonzero(problem.row_weights[:, 0] > 0)
    X, y = problem.design[used], problem.y[used]
    if problem.model.has_classes:  # each class that was seen against each that was not, and the seen with each other
        decided, both, of_row, of_both = [], [], [], []
        for row, number, shares in strict_zip(X, used.tolist(), y):
            seen, unseen = np.flatnonzero(shares > 0).tolist(), np.flatnonzero(shares == 0).tolist()
            decided += [_contrast(row, a, b, problem.k) for a in seen for b in unseen]
            of_row += [number] * (len(seen) * len(unseen))
            both += [_contrast(row, a, b, problem.k) for a, b in strict_zip(seen[1:], seen[:-1])]
            of_both += [number] * (len(seen) - 1)
        size = X.shape[1] * problem.free_outputs
        one, two = np.array(of_row, dtype=int), np.array(of_both, dtype=int)
        return np.array(decided).reshape(-1, size), np.array(both).reshape(-1, size), one, two
    response = y[:, 0]
    if isinstance(family, Binomial) and link.eta_domain == REAL and link.mu_domain == UNIT:
        ones, zeros, between = response == 1, response == 0, (response > 0) & (response < 1)
        return np.vstack([X[ones], -X[zeros]]), X[between], np.concatenate([used[ones], used[zeros]]), used[between]
    if isinstance(family, NegativeBinomial) and isinstance(link, CLogLog):  # means below 1: a count of 1 or more is above them
        ones, zeros, between = response >= 1, response == 0, (response > 0) & (response < 1)
        return np.vstack([X[ones], -X[zeros]]), X[between], np.concatenate([used[ones], used[zeros]]), used[between]
    if isinstance(family, (Binomial, Poisson, NegativeBinomial, Tweedie)) and isinstance(link, (Log, Softplus)):
        return -X[response == 0], X[response > 0], used[response == 0], used[response > 0]
    if isinstance(family, Binomial) and isinstance(link, LogComplement):
        return -X[response == 1], X[response < 1], used[response == 1], used[response < 1]
    return None


def _contrast(row: np.ndarray, seen: int, other: int, classes: int) -> np.ndarray:
    """The coefficients of eta_seen - eta_other in the free parameters, class after class."""
    move = np.zeros((classes, len(row)))
    move[seen] += row
    move[other] -= row
    return move[1:].ravel()
