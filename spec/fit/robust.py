"""
Sandwich covariance: standard errors that hold also where the variance is not the family's, or where rows depend on each other.

.. math:: J^{-1} \\Big(\\sum_g u_g u_g^\\top\\Big) J^{-1}

with the observed information J and the scores u of the rows, or of groups of rows. The dispersion cancels.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg

from spec.fit.rows import Batch, Rows
from spec.fit.sums import add_up
from spec.likelihood import gram
from spec.model import Model, Params, quietly

if TYPE_CHECKING:
    from numpy.typing import ArrayLike  # which NumPy has from 1.20 on

KINDS = ("HC0", "HC1", "HC2", "HC3")
PIECE = 2**22  # numbers of the scores of the rows that are in memory at a time
ALONE = 1e-9  # what is left of a leverage of 1 by rounding


def cluster_codes(groups: ArrayLike, rows: int) -> np.ndarray:
    """
    The numbers (n,) of the groups of the rows, from 0 on, by labels of any kind.

    Raises ValueError for another number of labels than ``rows``, missing labels, or a single group.

    >>> cluster_codes(["b", "a", "b"], 3).tolist()
    [0, 1, 0]
    """
    import pandas

    if isinstance(groups, str):
        raise ValueError(
            f"groups is the name {groups!r}: give the labels themselves, one for each row, such as data[{groups!r}]."
        )
    labels = np.asarray(groups, dtype=object if isinstance(groups, (list, tuple)) else None)  # which would become text
    if labels.shape not in ((rows,), (rows, 1)):
        raise ValueError(f"groups has the shape {labels.shape}, but the fit has {rows} rows: give one label for each.")
    codes, distinct = pandas.factorize(labels.reshape(-1))
    if (codes < 0).any():
        raise ValueError(f"the group is missing in row {int(np.argmax(codes < 0))}: each row needs a label.")
    if len(distinct) < 2:
        raise ValueError("all rows are in one group: clustered errors need two or more.")
    return codes


def sandwich_root(
    model: Model,
    params: Params,
    rows: Rows,
    basis: np.ndarray,
    intercept: bool,
    kind: str,
    codes: np.ndarray | None = None,
) -> np.ndarray:
    """
    A root (s, m, q) of the sandwich: the products of its parts, summed over s, are the covariance of the free parameters.

    It is computed in a ``basis`` (q, q) in which the design is nearly orthonormal. ``codes`` (n,) are the groups of the rows; the
    correction for few groups is then made, whatever ``kind``. Infinite where the information is singular.
    """
    m, q = max(len(params.intercept) - 1, 1), len(basis)
    if m > 1 and kind in ("HC2", "HC3"):
        raise ValueError(f"a row of a softmax has a matrix for its leverage, so {kind} is not defined: take HC0 or HC1.")
    size = int(np.clip(PIECE // (m * q), 256, 2**14))
    of = Design(model, params, basis, intercept)
    lower = _expected(of, rows, size) if kind in ("HC2", "HC3") else None
    found = add_up(partial(_bread_and_meat, of, kind, lower), rows, size)
    if lower is not None and found.alone:
        _name_the_one_alone(of, rows, size, lower)
    information, meat, n = found.information, found.meat, np.float64(found.rows)
    with np.errstate(divide="ignore", invalid="ignore"):
        if codes is not None:
            summed = _by_group(of, rows, size, codes)
            meat = summed.T @ summed * len(summed) / (len(summed) - 1) * ((n - 1) / (n - m * q))
        elif kind == "HC1":
            meat = meat * (n / (n - m * q))
    try:
        if n <= m * q and kind != "HC0":
            raise np.linalg.LinAlgError("no degrees of freedom are left")
        sizes, axes = np.linalg.eigh(meat)
        half = np.linalg.solve(information, axes * np.sqrt(np.maximum(sizes, 0)))
    except np.linalg.LinAlgError:
        return np.full((1, m, q), np.inf)
    return np.einsum("tq,mqs->smt", basis, half.reshape(m, q, -1))


@dataclass(frozen=True, eq=False)
class Design:
    """Makes the design and the scores of a batch: of a model at its parameters, in a ``basis`` (q, q) of [1 X]."""

    model: Model
    params: Params
    basis: np.ndarray
    intercept: bool

    def __call__(self, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        """The design (b, q) in the basis, and the linear predictors (b, k)."""
        return batch.design(self.intercept) @ self.basis, batch.eta(self.params)

    @quietly
    def scores(self, batch: Batch) -> np.ndarray:
        """The scores (b, m q) of the rows about the parameters."""
        design, eta = self(batch)
        scores = _weighed(batch, self.model.row_score(batch.y, eta, batch.weights[:, None]))
        return (scores[:, :, None] * design[:, None, :]).reshape(len(batch), -1)


@dataclass(frozen=True, eq=False)
class _Part:
    """Sums over some rows: the observed ``information``, and the products of the scores; whether a row is ``alone``."""

    rows: int
    information: np.ndarray
    meat: np.ndarray
    alone: bool = False

    def __add__(self, other: _Part) -> _Part:
        alone = self.alone or other.alone
        return _Part(self.rows + other.rows, self.information + other.information, self.meat + other.meat, alone)


def _bread_and_meat(of: Design, kind: str, lower: np.ndarray | None, batch: Batch) -> _Part:
    (design, eta), by_row, alone = of(batch), of.scores(batch), False
    if lower is not None:
        rest = 1 - _leverage(of, batch, lower)
        alone = bool((rest < ALONE).any())
        with np.errstate(all="ignore"):
            by_row = by_row / (np.sqrt(rest) if kind == "HC2" else rest)[:, None]
    return _Part(len(batch), gram(design, _observed(of.model, batch, eta)), by_row.T @ by_row, alone)


def _by_group(of: Design, rows: Rows, size: int, codes: np.ndarray) -> np.ndarray:
    """The sums (G, m q) of the scores of the groups. The rows are read here, since they are told apart by their numbers."""
    summed, first = np.zeros((int(codes.max()) + 1, 0)), 0
    for batch in rows.batches(size):
        by_row = of.scores(batch)
        summed = summed if summed.size else np.zeros((len(summed), by_row.shape[1]))
        here = codes[first : first + len(batch)]
        order = np.argsort(here, kind="stable")
        groups, starts = np.unique(here[order], return_index=True)
        summed[groups] += np.add.reduceat(by_row[order], starts, axis=0)
        first += len(batch)
    return summed


def _expected(of: Design, rows: Rows, size: int) -> np.ndarray:
    """The Cholesky factor of the expected information in the basis; infinite where it is singular. It takes a pass."""
    try:
        return linalg.cholesky(add_up(partial(_bread, of), rows, size).information, lower=True)
    except np.linalg.LinAlgError:
        return np.diag(np.full(len(of.basis), np.inf))


@quietly
def _bread(of: Design, batch: Batch) -> _Part:
    design, eta = of(batch)
    return _Part(len(batch), gram(design, _working(of.model, batch, eta)[:, :, None]), np.zeros(0))


@quietly
def _leverage(of: Design, batch: Batch, lower: np.ndarray) -> np.ndarray:
    """The diagonal (b,) of the hat matrix."""
    design, eta = of(batch)
    return _working(of.model, batch, eta)[:, 0] * (linalg.solve_triangular(lower, design.T, lower=True) ** 2).sum(axis=0)


def _name_the_one_alone(of: Design, rows: Rows, size: int, lower: np.ndarray) -> None:
    first = 0
    for batch in rows.batches(size):
        found = _leverage(of, batch, lower)
        if (found > 1 - ALONE).any():
            raise ValueError(
                f"row {first + int(np.argmax(found > 1 - ALONE))} alone determines a coefficient: its leverage is 1, and HC2 and "
                "HC3 are not defined. Take HC0 or HC1."
            )
        first += len(batch)


def _weighed(batch: Batch, values: np.ndarray) -> np.ndarray:
    """The values, with 0 in place of all values of rows without weight."""
    there = batch.weights > 0
    return values if there.all() else np.where(there.reshape(-1, *[1] * (values.ndim - 1)), values, 0.0)


@quietly
def _observed(model: Model, batch: Batch, eta: np.ndarray) -> np.ndarray:
    """The observed information (b, m, m) of the rows about their free eta."""
    if model.has_classes:
        return _weighed(batch, model.row_information(eta, batch.weights[:, None]))
    return _weighed(batch, -model.row_bend(batch.y, eta, batch.weights[:, None])[:, :, None])


def _working(model: Model, batch: Batch, eta: np.ndarray) -> np.ndarray:
    """The expected information (b, 1) of the rows about their eta."""
    return _weighed(batch, model.working_weight(eta, batch.weights[:, None]))
