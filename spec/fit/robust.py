"""
Sandwich covariance: standard errors that hold also where the variance is not the family's, or where rows depend on each other.

.. math:: J^{-1} \\Big(\\sum_g u_g u_g^\\top\\Big) J^{-1}

with the observed information J and the scores u of the rows, or of groups of rows. The dispersion cancels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg

from spec.fit.rows import Batch, Rows
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

    labels = np.asarray(groups)
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
    lower = _expected(model, params, rows, basis, intercept, size) if kind in ("HC2", "HC3") else None
    summed = np.zeros((0 if codes is None else int(codes.max()) + 1, m * q))
    information, meat, first = np.zeros((m * q, m * q)), np.zeros((m * q, m * q)), 0
    for batch, design, eta in _designed(params, rows, basis, intercept, size):
        scores = _scores(model, batch, eta)
        if lower is not None:
            rest = 1 - _leverage(model, batch, eta, design, lower, first)[:, None]
            scores = scores / (np.sqrt(rest) if kind == "HC2" else rest)
        by_row = (scores[:, :, None] * design[:, None, :]).reshape(len(batch), m * q)
        information += gram(design, _observed(model, batch, eta))
        if codes is None:
            meat += by_row.T @ by_row
        else:
            _add_by_group(summed, codes[first : first + len(batch)], by_row)
        first += len(batch)
    with np.errstate(divide="ignore", invalid="ignore"):
        if codes is not None:
            groups = len(summed)
            meat = summed.T @ summed * groups / (groups - 1) * (np.float64(first - 1) / (first - m * q))
        elif kind == "HC1":
            meat *= np.float64(first) / (first - m * q)
    try:
        if first <= m * q and kind != "HC0":
            raise np.linalg.LinAlgError("no degrees of freedom are left")
        sizes, axes = np.linalg.eigh(meat)
        half = np.linalg.solve(information, axes * np.sqrt(np.maximum(sizes, 0)))
    except np.linalg.LinAlgError:
        return np.full((1, m, q), np.inf)
    return np.einsum("tq,mqs->smt", basis, half.reshape(m, q, -1))


def _add_by_group(summed: np.ndarray, codes: np.ndarray, by_row: np.ndarray) -> None:
    """Add each row to the sum of its group."""
    order = np.argsort(codes, kind="stable")
    groups, starts = np.unique(codes[order], return_index=True)
    summed[groups] += np.add.reduceat(by_row[order], starts, axis=0)


def _designed(
    params: Params, rows: Rows, basis: np.ndarray, intercept: bool, size: int
) -> Iterator[tuple[Batch, np.ndarray, np.ndarray]]:
    """Yield the batches with their design in the basis, and their linear predictors (b, k)."""
    for batch in rows.batches(size):
        design = np.hstack([np.ones((len(batch), int(intercept))), batch.X]) @ basis
        eta = params.linear_predictor(batch.X)
        yield batch, design, eta if batch.offset is None else eta + batch.offset


def _weighed(batch: Batch, values: np.ndarray) -> np.ndarray:
    """The values, and 0 for the rows without weight, whatever they hold."""
    there = batch.weights > 0
    return values if there.all() else np.where(there.reshape(-1, *[1] * (values.ndim - 1)), values, 0.0)


@quietly
def _scores(model: Model, batch: Batch, eta: np.ndarray) -> np.ndarray:
    return _weighed(batch, model.row_score(batch.y, eta, batch.weights[:, None]))


@quietly
def _observed(model: Model, batch: Batch, eta: np.ndarray) -> np.ndarray:
    """The observed information (b, m, m) of the rows about their free eta."""
    if model.has_classes:
        return _weighed(batch, model.row_information(eta, batch.weights[:, None]))
    return _weighed(batch, -model.row_bend(batch.y, eta, batch.weights[:, None])[:, :, None])


def _working(model: Model, batch: Batch, eta: np.ndarray) -> np.ndarray:
    """The expected information (b, 1) of the rows about their eta."""
    return _weighed(batch, model.working_weight(eta, batch.weights[:, None]))


@quietly
def _expected(model: Model, params: Params, rows: Rows, basis: np.ndarray, intercept: bool, size: int) -> np.ndarray:
    """The Cholesky factor of the expected information in the basis; infinite where it is singular. It takes a pass."""
    information = np.zeros((len(basis), len(basis)))
    for batch, design, eta in _designed(params, rows, basis, intercept, size):
        information += gram(design, _working(model, batch, eta)[:, :, None])
    try:
        return linalg.cholesky(information, lower=True)
    except np.linalg.LinAlgError:
        return np.diag(np.full(len(basis), np.inf))


@quietly
def _leverage(model: Model, batch: Batch, eta: np.ndarray, design: np.ndarray, lower: np.ndarray, first: int) -> np.ndarray:
    """The diagonal (b,) of the hat matrix. Raises ValueError for a row that alone determines a coefficient."""
    found = _working(model, batch, eta)[:, 0] * (linalg.solve_triangular(lower, design.T, lower=True) ** 2).sum(axis=0)
    if (found > 1 - ALONE).any():
        raise ValueError(
            f"row {first + int(np.argmax(found > 1 - ALONE))} alone determines a coefficient: its leverage is 1, and HC2 and HC3 "
            "are not defined. Take HC0 or HC1."
        )
    return found
