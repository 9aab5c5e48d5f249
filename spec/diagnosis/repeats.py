"""Columns that repeat each other: the same question and the same predictions by fewer columns, of which an optimum is one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spec.diagnosis.answer import Answer
from spec.diagnosis.context import Context, design
from spec.diagnosis.question import Question
from spec.fit.rows import Batch
from spec.model import Params


def without_repeats(context: Context) -> tuple[Question, Answer] | None:
    """
    The question without columns that repeat others, and the answer with their coefficients moved to the columns that are kept.

    None if the rows are not in memory, if all columns are kept or none, or if the answer has another shape than the question.
    """
    question, answer = context.question, context.answer
    if not context.in_memory:
        return None
    whole = context.whole
    every = design(whole.X, question.intercept)
    own = answer.params.matrix
    if len(own) != 1 + len(question.columns):
        return None
    first = 0 if question.intercept else 1
    used = np.abs(own[first:]).max(axis=1) > 0
    used[: int(question.intercept)] = True  # the intercept goes first, and what a lasso has left out comes last
    kept = _independent(every[whole.weights > 0], np.argsort(~used, kind="stable"))
    columns = [place - question.intercept for place in kept if place >= question.intercept]
    if len(kept) == every.shape[1] or not columns:
        return None
    of_kept = np.linalg.lstsq(every[:, kept], every, rcond=None)[0]
    of_kept[:, kept] = np.eye(len(kept))
    matrix, rounding = (np.zeros((1 + len(columns), own.shape[1])) for _ in range(2))
    matrix[first:] = of_kept @ own[first:]
    rounding[first:] = np.abs(of_kept) @ np.broadcast_to(answer.rounding, own.shape)[first:] + np.abs(matrix[first:]) * ROUNDED

    def taken(batch: Batch) -> Batch:
        return replace(batch, X=batch.X[:, columns])

    record, rows_of = answer.record, [0, *(1 + column for column in columns)]
    if record is not None and record.mean is not None and record.square is not None:
        record = replace(record, mean=record.mean[rows_of], square=record.square[rows_of])
    names = tuple(question.columns[column] for column in columns)
    rows = replace(question.rows.map(taken), columns=names)
    return (
        replace(question, rows=rows, columns=names),
        replace(answer, params=Params.from_matrix(matrix), rounding=rounding, standard_errors=None, record=record, coded=None),
    )


REPEATED = 1e-9  # of a column's length: what is left of one that others make
ROUNDED = 1e-12  # of a coefficient: what solving for it leaves


def _independent(every: np.ndarray, order: np.ndarray) -> list[int]:
    """The columns of (n, q), sorted, that those before them in an order do not make."""
    kept: list[int] = []
    axes = np.empty((len(every), 0))
    for place in order.tolist():
        rest, length = every[:, place], np.linalg.norm(every[:, place])
        for _ in range(2):  # twice is enough
            rest = rest - axes @ (axes.T @ rest)
        if (left := np.linalg.norm(rest)) > REPEATED * length:
            kept.append(place)
            axes = np.column_stack([axes, rest / left])
    return sorted(kept)
