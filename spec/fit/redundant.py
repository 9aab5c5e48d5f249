"""
Redundant columns of a design: columns that are 0 in every row, or linear combinations of other columns.

Their coefficients are not determined, and the means do not need them. The products of the columns find columns that may be
redundant; whether they are is then computed from each row.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import numpy as np
from scipy import linalg

from spec.fit.rows import Batch, Rows

SAMPLE = 2048  # rows of a sample: where its columns are independent, those of all rows are
NEAR = 1e-8  # of its squared length: how little of a column the others may leave, by the product, for it to be looked at
EXACT = 1e-11  # of the size of what makes it, in each row: how far a column may be from what others make of it
ROUNDED = 1e-14  # of the largest number of the row, in units of each column: what is left by rounding where nothing makes it
REFINED = 3  # passes at most: the product knows what makes a column to half of the digits, and each pass the rest to as many more
PIECE = 2**12  # rows that are read at a time


def there_of(rows: Rows) -> np.ndarray:
    """Which columns (p,) are not 0 in each row."""
    found = (rows.sample(SAMPLE).X != 0).any(axis=0)
    return found if found.all() else np.any([found, *rows.each(_there, PIECE)], axis=0)


def free_of(rows: Rows, intercept: bool, keep_first: bool = False) -> np.ndarray:
    """
    Which columns (p,) to keep so that no column is a combination of the others and the intercept.

    The first of such columns are left out, as the first level of a factor is; with ``keep_first`` the last, as R's glm does.
    """
    first = rows.sample(SAMPLE)
    columns = range(int(intercept), first.X.shape[1] + intercept)
    order = [*range(int(intercept)), *(columns if keep_first else reversed(columns))]
    scale = np.ones(len(order))
    if not _made(_product([first], intercept, scale), order)[1]:
        return np.ones(first.X.shape[1], dtype=bool)
    gram = sum(rows.each(partial(_product, intercept=intercept, scale=scale), PIECE))
    scale = np.sqrt(np.diag(gram))
    if not np.isfinite(scale).all() or not scale.all():  # numbers that no fit takes: it names their row
        return np.ones(first.X.shape[1], dtype=bool)
    gram = gram / np.outer(scale, scale)
    kept, made = _made(gram, order)
    of, exact = np.zeros((len(kept), len(made))), np.zeros(len(made), dtype=bool)
    for _ in range(REFINED):
        left = partial(_left, intercept=intercept, scale=scale, kept=kept, made=made, of=of)
        found = list(rows.each(left, PIECE))
        exact = np.all([own for _, own in found], axis=0)
        if exact.all():
            break
        of = of + linalg.solve(gram[np.ix_(kept, kept)], sum(products for products, _ in found), assume_a="pos")
    free = np.ones(len(order), dtype=bool)
    free[np.array(made, dtype=int)[exact]] = False
    return free[intercept:]


def _design(batch: Batch, intercept: bool, scale: np.ndarray) -> np.ndarray:
    return batch.design(intercept) / scale


def _there(pieces: Iterable[Batch]) -> np.ndarray:
    return np.any([(batch.X != 0).any(axis=0) for batch in pieces], axis=0)


def _product(pieces: Iterable[Batch], intercept: bool, scale: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.sum([design.T @ design for design in (_design(batch, intercept, scale) for batch in pieces)], axis=0)


def _made(gram: np.ndarray, order: list[int]) -> tuple[list[int], list[int]]:
    """Return (kept, made): the columns that earlier columns do not make, in this order, and those that they nearly make."""
    size = np.sqrt(np.diag(gram))
    if not np.isfinite(size).all():
        return order, []
    size = np.where(size > 0, size, 1.0)
    scaled, lower = gram / np.outer(size, size), np.zeros_like(gram)
    kept: list[int] = []
    made: list[int] = []
    for column in order:
        m = len(kept)
        row = linalg.solve_triangular(lower[:m, :m], scaled[kept, column], lower=True) if m else np.zeros(0)
        left = scaled[column, column] - row @ row
        if left <= NEAR:
            made.append(column)
        else:
            lower[m, :m], lower[m, m] = row, np.sqrt(left)
            kept.append(column)
    return kept, made


def _left(
    pieces: Iterable[Batch], intercept: bool, scale: np.ndarray, kept: list[int], made: list[int], of: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """
    Subtract from the columns ``made`` (m) what the kept columns predict with the coefficients ``of`` (kept, m).

    Return (products, exact): the products of the kept columns with the rest, (kept, m); in which columns nothing is left.
    """
    products, exact = np.zeros(of.shape), np.ones(len(made), dtype=bool)
    for batch in pieces:
        design = _design(batch, intercept, scale)
        left = design[:, made] - design[:, kept] @ of
        size = np.abs(design[:, made]) + np.abs(design[:, kept]) @ np.abs(of)
        products += design[:, kept].T @ left
        rounded = ROUNDED * np.abs(design).max(axis=1, keepdims=True)
        exact &= (np.abs(left) <= EXACT * size + rounded).all(axis=0)
    return products, exact
