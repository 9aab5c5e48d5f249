"""Why a fit ended without an optimum: asked of all rows, and of a part of them first where they are many."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from spec import existence, scoring
from spec.fit.maximise import EDGE, SINGULAR, Maximum
from spec.fit.rows import Batch, Rows, joined
from spec.fit.task import Task
from spec.model import Params
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
        edge = scoring.at_edge(whole.model, whole.y, whole.eta(params)).tolist() if maximum.ending == EDGE else []
        none = existence.no_optimum(whole, edge)
        return (none, np.nan) if none else (existence.not_reached(steps, maximum.distance), maximum.distance)
    if maximum.ending == SINGULAR and (collinear := existence.rank_deficiency(task.known)):
        return collinear, np.nan
    if (separated := _separation(task, rows)) is not None:
        return separated, np.nan
    if maximum.ending == EDGE:
        return existence.at_the_edge(task.known, _at_edge(task, rows, maximum.free)), np.nan
    return existence.not_reached(steps, maximum.distance), maximum.distance


def _problem(task: Task, batch: Batch) -> Problem:
    known = task.known
    data = {"weights": batch.weights, "offset": batch.offset, "columns": known.data.columns}
    return replace(Problem.of(known.name, known.model, batch.X, batch.y, known.intercept, **data), quasi=known.quasi)


def _whole(task: Task, rows: Rows) -> Problem | None:
    """The problem of all rows; None where they are many."""
    pieces: list[Batch] = []
    for piece in rows.read(2**14):
        pieces.append(piece)
        if sum(batch.X.size for batch in pieces) > MANY:
            return None
    return _problem(task, joined(pieces))


def _separation(task: Task, rows: Rows) -> str | None:
    """
    A sentence about a direction that separates all rows; None where there is none, or none was found in `ROUNDS`.

    If all rows are separated so is each part of them. A direction for a part is held to all, and the rows that it contradicts
    join the part.
    """
    part = task.known
    batch = Batch(part.X, part.y, part.row_weights[:, 0], part.offset)
    for _ in range(ROUNDS):
        found = existence.separating(_problem(task, batch))
        if found is None:
            return None
        decided, against = 0, []
        for piece in rows.read(2**14):
            gains = existence.gains(_problem(task, piece), found.direction)
            decided += int((gains > 0).sum())
            if (lost := np.flatnonzero(gains < 0)[:ADDED]).size:
                against.append(piece.each(partial(np.take, indices=lost, axis=0)))
        if not against:
            return existence.separated_by(found, decided)
        batch = joined([batch, joined(against)[:ADDED]])
    return None


def _at_edge(task: Task, rows: Rows, free: np.ndarray) -> list[int]:
    """The rows at the edge of their domain, by their numbers."""
    found, first = [], 0
    for piece in rows.read(2**14):
        problem = _problem(task, piece)
        at: Params = problem.params(free)
        found += [first + row for row in scoring.at_edge(problem.model, problem.y, problem.eta(at)).tolist()]
        first += len(piece)
    return found
