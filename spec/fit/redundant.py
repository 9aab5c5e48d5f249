"""
Redundant columns of a design: columns that are 0 in every row, or linear combinations of other columns.

Their coefficients are not determined. The means of the rows do not need them; the means of other rows do, where these columns are
no such combinations. The products of the columns find columns that may be redundant; whether they are is then computed from each
row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
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
FAINT = 1e-9  # a coefficient in columns of length 1 that is rounding
BROKEN = 1e-6  # of the size of what made a column in the fit: how far it may be from that in other rows, which may be rounded


def there_of(rows: Rows) -> np.ndarray:
    """Which columns (p,) are not 0 in each row."""
    found = (rows.sample(SAMPLE).X != 0).any(axis=0)
    return found if found.all() else np.any([found, *rows.each(_there, PIECE)], axis=0)


@dataclass(frozen=True, eq=False)
class Made:
    """
    Which of the columns (p,) are ``free``, and how the others are made in each row: [1, X] @ ``of`` (1 + p, p).

    ``of`` is 0 for the columns that are free.
    """

    free: np.ndarray
    of: np.ndarray

    @classmethod
    def nothing(cls, p: int) -> Made:
        """All columns are free."""
        return cls(np.ones(p, dtype=bool), np.zeros((1 + p, p)))

    def only(self, made: np.ndarray) -> Made:
        """Only some of these columns (p,) are made of others, which do not need them."""
        return Made(self.free | ~made, np.where(made, self.of, 0.0))

    def made_of(self, some: np.ndarray) -> np.ndarray:
        """Which columns (p,) are made of some columns (p,) alone, and the intercept."""
        return ~self.free & ~self.of[1:][~some].any(axis=0)

    def taken(self, batch: Batch, first: int, names: tuple[str, ...]) -> Batch:
        """
        A batch of other rows with the free columns alone, whose first row has the number ``first``.

        Raises ValueError for a row in which the others are not what the free ones make: the fit tells no mean of it. ``names``
        are those of all columns (p,).
        """
        made = np.flatnonzero(~self.free)
        design, of = batch.design(True), self.of[:, made]
        own, expected, size = batch.X[:, made], design @ of, np.abs(design) @ np.abs(of)
        if (broken := np.abs(own - expected) > BROKEN * (np.abs(own) + size)).any():
            row, column = np.argwhere(broken)[0].tolist()
            expected = np.where(np.abs(expected) > EXACT * size, expected, 0.0)
            raise ValueError(
                f"the fit tells no mean of row {first + row}: {names[made[column]]} is {own[row, column]:.6g} in it, and the "
                f"other columns make {expected[row, column]:.6g}, as they made this column in each row of the fit. Fit rows that "
                "tell them apart."
            )
        return replace(batch, X=batch.X[:, self.free])


def made_of(rows: Rows, intercept: bool, as_r: np.ndarray) -> Made:
    """
    Which columns to keep so that no column is a combination of the others and the intercept.

    Of the columns ``as_r`` (p,) the last is left out, as R's glm does; of others the first, as the first level of a factor.
    """
    first = rows.sample(SAMPLE)
    p = first.X.shape[1]
    columns = np.arange(p) + intercept
    order = [*range(int(intercept)), *columns[as_r].tolist(), *reversed(columns[~as_r].tolist())]
    scale = np.ones(len(order))
    if not _made(_product([first], intercept, scale), order)[1]:
        return Made.nothing(p)
    gram = sum(rows.each(partial(_product, intercept=intercept, scale=scale), PIECE))
    scale = np.sqrt(np.diag(gram))
    if not np.isfinite(scale).all() or not scale.all():  # numbers that no fit takes: it names their row
        return Made.nothing(p)
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
    done, place = np.array(made, dtype=int)[exact], 1 - intercept
    free, whole = np.ones(p, dtype=bool), np.zeros((1 + p, p))
    free[done - intercept] = False
    of = np.where(np.abs(of) <= FAINT, 0.0, of)[:, exact]
    whole[np.ix_(np.array(kept) + place, done - intercept)] = of * scale[done] / scale[kept][:, None]
    return Made(free, whole)


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
