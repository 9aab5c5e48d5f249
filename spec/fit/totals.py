"""Sums over the rows of a fit that its likelihood is stated with, and the same of the model with the intercept alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spec.domains import Interval
from spec.fit.maximise import Kind, Wanted, maximise
from spec.fit.rows import Batch, Rows
from spec.fit.sums import Sums
from spec.model import Model, Params, quietly

PIECE = 2**14  # rows that are read at a time


@dataclass(frozen=True, eq=False)
class Totals:
    """
    Sums over the rows: the log-likelihood's ``kernel`` at dispersion 1, its ``normaliser``, the ``deviance``.

    ``mean`` (k,) is the weighted mean of the response. ``offset`` are the weighted mean (k,) of the offset, and the least and the
    greatest of it; None where there is none.
    """

    kernel: float
    normaliser: float
    deviance: float
    mean: np.ndarray
    offset: tuple[np.ndarray, float, float] | None


def counted(batch: Batch) -> Batch:
    """The rows that count: those of some weight."""
    there = batch.weights > 0
    return batch if there.all() else batch.each(lambda part: part[there])


@quietly
def total(model: Model, params: Params, rows: Rows, dispersion: float) -> Totals:
    """The totals at some parameters, with the normaliser at a ``dispersion``; in a pass over the rows."""
    family = model.family
    kernel = normaliser = deviance = weight = 0.0
    responses: np.ndarray | float = 0.0
    offsets: np.ndarray | float = 0.0
    low, high, has_offset = np.inf, -np.inf, False
    for batch in map(counted, rows.read(PIECE)):
        y, weights, eta = batch.y, batch.weights[:, None], params.linear_predictor(batch.X)
        if batch.offset is not None:
            has_offset, eta = True, eta + batch.offset
            offsets = offsets + (weights * batch.offset).sum(axis=0)
            low, high = min(low, batch.offset.min(initial=np.inf)), max(high, batch.offset.max(initial=-np.inf))
        constants = family.normaliser(y, dispersion / weights) if family.has_dispersion else weights * family.normaliser(y)
        kernel += float((weights * model.kernel(y, eta)).sum())
        normaliser += float(constants.sum())
        deviance += float((weights * family.unit_deviance(y, model.link.inverse(eta))).sum())
        weight += float(weights.sum())
        responses = responses + (weights * y).sum(axis=0)
    offset = (np.asarray(offsets) / weight, low, high) if has_offset else None
    return Totals(kernel, normaliser, deviance, np.asarray(responses) / weight, offset)


def deviance_without_columns(model: Model, rows: Rows, totals: Totals, has_dispersion: bool) -> float:
    """
    The deviance of the model with the intercept alone and the same offset, whose rows have these totals.

    NaN where that model has no optimum.
    """
    if totals.offset is None:
        deviance = 0.0
        with np.errstate(all="ignore"):
            for batch in map(counted, rows.read(PIECE)):
                deviance += float((batch.weights[:, None] * model.family.unit_deviance(batch.y, totals.mean)).sum())
        return deviance
    k = len(totals.mean)
    kind = Kind(model.is_least_squares, model.is_canonical, has_dispersion)
    try:
        start = _start(model, totals)
        found = maximise(lambda free, wanted: _sums(model, rows, _params(free, k), wanted), start, np.eye(1), kind)
    except FloatingPointError:
        return np.nan
    if not found.converged:
        return np.nan
    without = rows.map(_without_columns)
    return total(model, _params(found.free, k), without, 1.0).deviance


def _without_columns(batch: Batch) -> Batch:
    return Batch(batch.X[:, :0], batch.y, batch.weights, batch.offset)


def _params(free: np.ndarray, k: int) -> Params:
    return Params(np.concatenate([np.zeros(k - free.shape[1]), free[0]]), np.zeros((0, k)))


@quietly
def _start(model: Model, totals: Totals) -> np.ndarray:
    """An intercept (1, m) in the domain of every row, near that of the mean response."""
    assert totals.offset is not None
    offset, least, greatest = totals.offset
    eta = model.link(totals.mean) - offset
    if model.has_classes:
        return (eta - eta[0])[None, 1:]
    domain = model.eta_domain
    if isinstance(domain, Interval):
        low, high = domain.low - least, domain.high - greatest
        if not low < eta[0] < high:
            eta[0] = (low + high) / 2 if np.isfinite(high - low) else low + 1 if np.isfinite(low) else high - 1
    return eta[None]


@quietly
def _sums(model: Model, rows: Rows, params: Params, wanted: Wanted) -> Sums:
    """The sums of the model with the intercept alone over the rows, at some parameters."""
    k = len(params.intercept)
    m = max(k - 1, 1)
    number = outside = 0
    value = pearson = 0.0
    score, information, observed = np.zeros((1, m)), np.zeros((m, m)), np.zeros((m, m))
    for piece in rows.read(PIECE):
        number += len(piece)
        batch = counted(piece)
        y, weights = batch.y, batch.weights[:, None]
        eta = params.intercept + (0 * y if batch.offset is None else batch.offset)
        mu = model.link.inverse(eta)
        value += float((weights * model.kernel(y, eta)).sum())
        score += model.row_score(y, eta, weights).sum(axis=0)
        information += model.row_information(eta, weights).sum(axis=0)
        outside += int((~model.eta_domain.contains(eta)).sum())
        pearson += float((weights * (y - mu) ** 2 / model.family.variance(mu)).sum())
        if wanted == "both":
            observed -= model.row_bend(y, eta, weights).sum(axis=0)
    return Sums(number, value, score, information, pearson, observed if wanted == "both" else None, outside)
