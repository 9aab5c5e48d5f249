"""Log-likelihood, score and information, summed over rows: batch after batch of a block, and block after block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, TypeVar

import numpy as np

from spec.fit.batch import Batch, batches_of
from spec.fit.rows import Rows
from spec.fit.workers import HERE

PIECE = 2**19  # bytes of the rows that are multiplied at a time: they fit in cache
NARROW = 32  # columns: with fewer, the roots of the weights cost more than a symmetric product saves


class Summable(Protocol):
    """The contribution of a batch: numbers that add up, with the number of ``rows``."""

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
    contribution: Callable[[Batch], Part], rows: Rows, size: int, on_rows: Callable[[int], None] = lambda rows: None
) -> Part:
    """
    The sum of the contributions of all batches of ``size`` rows: of a block's batches, and then of all blocks.

    Each sum is made by a `tree`, so the same rows have the same sum to the last bit, on any workers and in any order of the
    results. ``on_rows`` is called with the number of rows that are done.
    """
    if rows.total is not None and rows.total <= size:
        rows = replace(rows, workers=HERE)
    done = 0

    def heard(part: Part | None) -> Part | None:
        nonlocal done
        if part is not None:
            done += part.rows
            on_rows(done)
        return part

    if rows.are_few:
        sums = tree(tree(map(heard, some)) for some in rows.each_batch(contribution, size))
    else:
        sums = tree(map(heard, rows.each(partial(_of_block, contribution, size), size)))
    if sums is None:
        raise ValueError("there are no rows.")
    return sums


def _of_block(contribution: Callable[[Batch], Part], size: int, pieces: Iterable[Batch]) -> Part | None:
    return tree(map(contribution, batches_of(pieces, size)))


def tree(parts: Iterable[Part | None]) -> Part | None:
    """
    The sum of the parts, two neighbours at a time, then two of these sums, and so on; None where there are none.

    Its shape depends on their number alone, and no more parts are kept than it has levels.

    >>> tree(["a", "b", "c", "d", "e"])  # (ab)(cd), and e
    'abcde'
    """
    waiting: list[tuple[int, Part]] = []  # sums of 2^level parts, the largest first
    for part in parts:
        if part is None:
            continue
        level = 0
        while waiting and waiting[-1][0] == level:
            part = waiting.pop()[1] + part
            level += 1
        waiting.append((level, part))
    total: Part | None = None
    for _, part in reversed(waiting):
        total = part if total is None else part + total
    return total


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
        halves = p >= NARROW and own.min() >= 0  # observed information may have negative weights
        factor, weighted = np.sqrt(own) if halves else own, np.empty((next(_pieces(len(X), p)).stop, p))
        for rows in _pieces(len(X), p):
            some = np.multiply(factor[rows], X[rows], out=weighted[: len(own[rows])])
            square += (some if halves else X[rows]).T @ some
    if intercept:
        total[0, 0] = own.sum()
        total[0, 1:] = total[1:, 0] = own[:, 0] @ X
    return total


def _pieces(rows: int, width: int) -> Iterator[slice]:
    """Slices of the rows, small enough that ``width`` float64 numbers a row fit in the processor's cache."""
    size = max(PIECE // (8 * max(width, 1)), min(1024, 4 * width))
    return (slice(start, start + size) for start in range(0, rows, size))
