"""Why a fit ended without an optimum: asked of all rows, and of a part of them first where they are many."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from spec import existence, scoring
from spec.fit.maximise import EDGE, PASSES, SINGULAR, Maximum
from spec.fit.penalty import Penalty
from spec.fit.rows import Batch, Rows, joined
from spec.fit.task import Task
from spec.model import Model, Params
from spec.problems import Problem

MANY = 2**21  # numbers of X: of more, a part of the rows is asked first
ROUNDS = 8  # of asking a part, and adding rows that contradict the answer
ADDED = 4096  # rows in each round


def why_not(task: Task, rows: Rows, maximum: Maximum) -> tuple[str, float]:
    """The one reason why a fit did not converge, and how far from the optimum it ended: NaN if that is not known."""
    steps = f"{len(maximum.passes)} passes"
    whole = _whole(task, rows)
    if whole is not None:
        params = whole.params(maximum.free)
        edge = scoring.at_edge(whole.model, whole.y, whole.eta(params)).tolist() if maximum.ending != PASSES else []
        none = existence.no_optimum(whole, edge)
        return (none, np.nan) if none else (existence.not_reached(steps, maximum.distance), maximum.distance)
    if maximum.ending == SINGULAR and (collinear := existence.rank_deficiency(task.known)):
        return collinear, np.nan
    if (none := _separation(task, rows)) is not None:
        return none, np.nan
    if maximum.ending == EDGE:
        return existence.at_the_edge(task.known, _at_edge(task, rows, maximum.free)), np.nan
    return existence.not_reached(steps, maximum.distance), maximum.distance


def separated(task: Task, rows: Rows) -> str | None:
    """A sentence about a direction along which the rows are separated; None where there is none."""
    whole = _whole(task, rows)
    return _separation(task, rows) if whole is None else existence.separation(whole)


def left_free(task: Task, rows: Rows, penalty: Penalty) -> str | None:
    """Why the parameters that a penalty leaves free have no optimum, or not one alone; None where they have."""
    known = task.known
    of_kernel, of_bias = penalty.kernel_l1 + penalty.kernel_l2 > 0, penalty.bias_l1 + penalty.bias_l2 > 0
    if of_kernel:
        return None if of_bias or not known.intercept else _intercept_alone(known, rows)
    kernel = replace(known, intercept=known.intercept and not of_bias)
    why = existence.rank_deficiency(kernel) or separated(replace(task, known=kernel), rows)
    return f"the penalty leaves the kernel free: {why}" if why else None


def _intercept_alone(known: Problem, rows: Rows) -> str | None:
    """Why an intercept has no optimum beside a kernel that is held: each response is the same end of its domain."""
    distinct, found = known.y[:0], None
    for batch in rows.read():
        seen = np.unique(np.vstack([distinct, batch.y[batch.weights > 0]]), axis=0)  # rows of one response say the same
        if len(seen) == len(distinct):
            continue
        distinct, alone = seen, Problem.of("the data", known.model, np.zeros((len(seen), 0)), seen)
        if (found := existence.separating(replace(alone, quasi=known.quasi))) is None:
            return None
    never = "" if found is None else found.never()
    return f"the penalty leaves the bias free, which grows for ever: {never} Penalise it too, or add data." if found else None


@dataclass(frozen=True)
class _Like:
    """Makes problems like the problem of a task from other rows. It can be sent to another process."""

    model: Model
    intercept: bool
    quasi: bool
    columns: tuple[str, ...]
    outputs: tuple[str, ...]

    @classmethod
    def of(cls, task: Task) -> _Like:
        known = task.known
        return cls(known.model, known.intercept, known.quasi, known.data.columns, known.data.outputs)

    def __call__(self, batch: Batch) -> Problem:
        data = {"weights": batch.weights, "offset": batch.offset, "columns": self.columns, "outputs": self.outputs}
        return replace(Problem.of("the data", self.model, batch.X, batch.y, self.intercept, **data), quasi=self.quasi)


def _whole(task: Task, rows: Rows) -> Problem | None:
    """The problem of all rows; None where they are many."""
    pieces: list[Batch] = []
    for piece in rows.read():
        pieces.append(piece)
        if sum(batch.X.size for batch in pieces) > MANY:
            return None
    return _Like.of(task)(joined(pieces))


def _separation(task: Task, rows: Rows) -> str | None:
    """
    A sentence about a direction that separates all rows; None where there is none, or none was found in `ROUNDS`.

    If all rows are separated so is each part of them. A direction for a part is held to all, and the rows that it contradicts
    join the part.
    """
    part, like = task.known, _Like.of(task)
    batch = Batch(part.X, part.y, part.row_weights[:, 0], part.offset)
    for _ in range(ROUNDS):
        found = existence.separating(like(batch))
        if found is None:
            return None
        held = list(rows.each(partial(_held, like, found.direction)))
        against = [piece for _, lost in held for piece in lost]
        if not against:
            return existence.separated_by(found, sum(decided for decided, _ in held))
        batch = joined([batch, joined(against)[:ADDED]])
    return None


def _held(like: _Like, direction: np.ndarray, pieces: Iterable[Batch]) -> tuple[int, list[Batch]]:
    """A direction held to the rows of a block: how many gain along it, and those that lose, `ADDED` at most."""
    decided = 0
    lost: list[Batch] = []
    for piece in pieces:
        gains = existence.gains(like(piece), direction)
        decided += int((gains > 0).sum())
        if sum(map(len, lost)) < ADDED and (here := np.flatnonzero(gains < 0)[:ADDED]).size:
            lost.append(piece.each(partial(np.take, indices=here, axis=0)))
    return decided, lost


def _at_edge(task: Task, rows: Rows, free: np.ndarray) -> list[int]:
    """The rows at the edge of their domain, by their numbers."""
    found, first, like = [], 0, _Like.of(task)
    for piece in rows.read():
        problem = like(piece)
        at: Params = problem.params(free)
        found += [first + row for row in scoring.at_edge(problem.model, problem.y, problem.eta(at)).tolist()]
        first += len(piece)
    return found
