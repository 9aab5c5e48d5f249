"""Log-likelihood, score and information, summed over rows batch after batch, in as many threads as there are cores."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

PIECE = 2**19  # bytes of the rows that are multiplied at a time: they fit in cache
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

Item = TypeVar("Item")  # a batch


class Summable(Protocol):
    """What a batch contributes: numbers that add up, of so many ``rows``."""

    @property
    def rows(self) -> int: ...

    def __add__(self: Part, other: Part) -> Part: ...


Part = TypeVar("Part", bound=Summable)


@dataclass(frozen=True, eq=False)
class Sums:
    """
    The sums over some rows: their number, the log-likelihood without the terms free of the parameters, its ``score`` (q, m),
    the expected ``information`` (q m, q m) output after output if it was asked for, and Pearson's X^2. ``observed`` is the
    observed information if that was asked for too; ``outside`` counts the rows whose eta is outside the model's domain.
    """

    rows: int
    value: float
    score: np.ndarray
    information: np.ndarray | None
    pearson: float
    observed: np.ndarray | None = None
    outside: int = 0

    @property
    def is_finite(self) -> bool:
        """Whether the parameters are in the domain, and the log-likelihood and the score are numbers there."""
        return bool(not self.outside and np.isfinite(self.value) and np.isfinite(self.score).all())

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.rows + other.rows,
            self.value + other.value,
            self.score + other.score,
            _both(self.information, other.information),
            self.pearson + other.pearson,
            _both(self.observed, other.observed),
            self.outside + other.outside,
        )


def _both(one: np.ndarray | None, other: np.ndarray | None) -> np.ndarray | None:
    return None if one is None or other is None else one + other


def add_up(
    contribution: Callable[[Item], Part],
    batches: Iterable[Item],
    pool: Executor | None = None,
    on_rows: Callable[[int], None] = lambda rows: None,
) -> Part:
    """
    The sum of the contributions of all batches, computed one after another, or by the threads of the pool.

    They are added in the batches' order, so that the same rows have the same sum whichever batch was ready first. ``on_rows`` is
    called with the number of rows that are done.
    """
    total: Part | None = None
    for sums in map(contribution, batches) if pool is None else _at_work(pool, contribution, batches):
        total = sums if total is None else total + sums
        on_rows(total.rows)
    if total is None:
        raise ValueError("there are no rows.")
    return total


def _at_work(pool: Executor, contribution: Callable[[Item], Part], batches: Iterable[Item]) -> Iterator[Part]:
    """Yield the batches' contributions in their order, with at most 2 x CORES + 1 batches in memory."""
    waiting: deque[Future[Part]] = deque()
    try:
        for batch in batches:
            waiting.append(pool.submit(contribution, batch))
            if len(waiting) > 2 * CORES:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def summed_information(
    X: np.ndarray, weights: np.ndarray, intercept: bool, basis: np.ndarray | None = None, rough: bool = False
) -> np.ndarray:
    """
    The expected information of some rows, in the columns [1 X], or in those that ``basis`` makes of them.

    ``weights`` (b, 1) are the working weights of the rows; for a softmax (b, 1 + m): prior weights, and means but class 0's.
    Where ``rough``, products are taken in float32 and added in float64.
    """
    q, m = X.shape[1] + intercept, max(weights.shape[1] - 1, 1)
    if m == 1 and basis is None and weights.shape[1] == 1:
        return _bordered(X, weights, intercept)
    total = np.zeros((q * m, q * m))
    for rows in _pieces(len(X), q * m):
        own, means = weights[rows, :1], weights[rows, 1:]
        design = np.hstack([np.ones_like(own), X[rows]]) if intercept else X[rows]
        design = np.sqrt(own) * (design if basis is None else design @ basis)
        if rough:
            design, means = design.astype(np.float32), means.astype(np.float32)
        if not means.shape[1]:
            total += design.T @ design
            continue
        spread = (means[:, :, None] * design[:, None, :]).reshape(-1, q * m)
        total -= spread.T @ spread
        own_class = design.T @ spread
        for a in range(m):
            block = slice(a * q, (a + 1) * q)
            total[block, block] += own_class[:, block]
    return total


def _bordered(X: np.ndarray, own: np.ndarray, intercept: bool) -> np.ndarray:
    """Weighted Gram matrix of [1 X], without building [1 X]."""
    p = X.shape[1]
    total = np.zeros((p + intercept, p + intercept))
    square = total[intercept:, intercept:]
    if own.min() == own.max():  # as in least squares
        square += own[0] * (X.T @ X)  # NumPy uses the symmetry, and computes one half
    else:
        weighted = np.empty((next(_pieces(len(X), p)).stop, p))
        for rows in _pieces(len(X), p):
            piece = X[rows]
            square += piece.T @ np.multiply(own[rows], piece, out=weighted[: len(piece)])
    if intercept:
        total[0, 0] = own.sum()
        total[0, 1:] = total[1:, 0] = own[:, 0] @ X
    return total


def _pieces(rows: int, width: int) -> Iterator[slice]:
    """Slices of the rows, small enough that ``width`` float64 numbers a row fit in the processor's cache."""
    size = max(PIECE // (8 * max(width, 1)), min(1024, 4 * width))
    return (slice(start, start + size) for start in range(0, rows, size))
