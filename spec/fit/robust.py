"""
Sandwich covariance: standard errors that hold also where the variance is not the family's, or where rows depend on each other.

.. math:: J^{-1} \\Big(\\sum_g u_g u_g^\\top\\Big) J^{-1}

with the observed information J and the scores u of the rows, or of groups of rows. The dispersion cancels.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg

from spec.fit.rows import Batch, Rows
from spec.likelihood import gram
from spec.model import Model, Params, quietly

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
    leverage = _leverage(model, params, rows, basis, intercept, size) if kind in ("HC2", "HC3") else None
    summed = np.zeros((0 if codes is None else int(codes.max()) + 1, m * q))
    information, meat, first = np.zeros((m * q, m * q)), np.zeros((m * q, m * q)), 0
    for batch, design, eta in _designed(params, rows, basis, intercept, size):
        scores = _scores(model, batch, eta)
        if leverage is not None:
            rest = 1 - leverage[first : first + len(batch), None]
            scores = scores / (np.sqrt(rest) if kind == "HC2" else rest)
        by_row = (scores[:, :, None] * design[:, None, :]).reshape(len(batch), m * q)
        information += gram(design, _observed(model, batch, eta))
        if codes is None:
            meat += by_row.T @ by_row
        else:
            np.add.at(summed, codes[first : first + len(batch)], by_row)
        first += len(batch)
    if codes is not None:
        meat, groups = summed.T @ summed, len(summed)
        meat *= groups / (groups - 1) * (first - 1) / (first - m * q)
    elif kind == "HC1":
        meat *= first / (first - m * q)
    sizes, axes = np.linalg.eigh(meat)
    try:
        half = np.linalg.solve(information, axes * np.sqrt(np.maximum(sizes, 0)))
    except np.linalg.LinAlgError:
        return np.full((1, m, q), np.inf)
    return np.einsum("tq,mqs->smt", basis, half.reshape(m, q, -1))


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


@quietly
def _leverage(model: Model, params: Params, rows: Rows, basis: np.ndarray, intercept: bool, size: int) -> np.ndarray:
    """The diagonal (n,) of the hat matrix. Raises ValueError for a row that alone determines a coefficient."""

    def weights(batch: Batch, eta: np.ndarray) -> Any:
        return _weighed(batch, model.working_weight(eta, batch.weights[:, None]))

    information = np.zeros((len(basis), len(basis)))
    for batch, design, eta in _designed(params, rows, basis, intercept, size):
        information += gram(design, weights(batch, eta)[:, :, None])
    try:
        lower = linalg.cholesky(information, lower=True)
    except np.linalg.LinAlgError:
        lower = np.full_like(information, np.inf)
    found = np.concatenate(
        [
            weights(batch, eta)[:, 0] * (linalg.solve_triangular(lower, design.T, lower=True) ** 2).sum(axis=0)
            for batch, design, eta in _designed(params, rows, basis, intercept, size)
        ]
    )
    if (found > 1 - ALONE).any():
        raise ValueError(
            f"row {int(np.argmax(found > 1 - ALONE))} alone determines a coefficient, so that its leverage is 1, and HC2 and HC3 "
            "are not defined: take HC0 or HC1."
        )
    return found
