"""Sums over the rows of a fit that its likelihood is stated with, and the same of the model with the intercept alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from spec.domains import Interval
from spec.families import Binomial, Multinomial
from spec.fit.convergence import Kind, Wanted
from spec.fit.maximise import maximise
from spec.fit.responses import are_whole
from spec.fit.rows import PIECE, Batch, Rows
from spec.fit.sums import Sums, add_up
from spec.model import Model, Params, quietly


@dataclass(frozen=True, eq=False)
class Totals:
    """
    Sums over the rows: the log-likelihood's ``kernel`` at dispersion 1, its ``normaliser``, the ``deviance``.

    For shares the normaliser is that of their counts, if each row's weight times its share is a count, and else 0.

    ``mean`` (k,) is the weighted mean of the response. ``offset`` are the weighted mean (k,) of the offset, and the least and the
    greatest of it; None where there is none.
    """

    kernel: float
    normaliser: float
    deviance: float
    mean: np.ndarray
    offset: tuple[np.ndarray, float, float] | None


def counted(batch: Batch) -> Batch:
    """The rows that count: their weight is not 0."""
    there = batch.weights > 0
    return batch if there.all() else batch.each(lambda part: part[there])


@dataclass(frozen=True, eq=False)
class _Part:
    """Sums over some ``rows``: the sums of `Totals`, the weight, and the weighted sums of y and of the offset."""

    rows: int
    sums: np.ndarray  # kernel, normaliser, deviance, weight
    responses: np.ndarray
    offsets: np.ndarray | None
    low: float
    high: float
    are_counted: bool  # whether shares are counts of as many trials as the rows weigh

    def __add__(self, other: _Part) -> _Part:
        offsets = None if self.offsets is None or other.offsets is None else self.offsets + other.offsets
        ends = min(self.low, other.low), max(self.high, other.high)
        counted = self.are_counted and other.are_counted
        return _Part(self.rows + other.rows, self.sums + other.sums, self.responses + other.responses, offsets, *ends, counted)


def total(model: Model, params: Params, rows: Rows, dispersion: float) -> Totals:
    """The totals at some parameters, with the normaliser at a ``dispersion``; in a pass over the rows."""
    part = add_up(partial(_part, model, params, dispersion), rows, PIECE)
    kernel, normaliser, deviance, weight = map(float, part.sums)
    offset = None if part.offsets is None else (part.offsets / weight, part.low, part.high)
    return Totals(kernel, normaliser if part.are_counted else 0.0, deviance, part.responses / weight, offset)


@quietly
def _part(model: Model, params: Params, dispersion: float, piece: Batch) -> _Part:
    batch, family = counted(piece), model.family
    y, weights, eta = batch.y, batch.weights[:, None], batch.eta(params)
    offsets, low, high = None, np.inf, -np.inf
    if batch.offset is not None:
        offsets = (weights * batch.offset).sum(axis=0)
        low, high = float(batch.offset.min(initial=np.inf)), float(batch.offset.max(initial=-np.inf))
    are_shares = isinstance(family, (Binomial, Multinomial))
    if are_shares:
        constants = family.normaliser(y, 1.0, weights)
    else:
        constants = family.normaliser(y, dispersion / weights) if family.has_dispersion else weights * family.normaliser(y)
    whole = not are_shares or bool((are_whole(y).all(axis=1) | are_whole(np.hstack([weights, weights * y])).all(axis=1)).all())
    deviance = (weights * family.unit_deviance(y, model.link.inverse(eta))).sum()
    sums = np.array([(weights * model.kernel(y, eta)).sum(), constants.sum(), deviance, weights.sum()])
    return _Part(len(piece), sums, (weights * y).sum(axis=0), offsets, low, high, whole)


def deviance_without_columns(model: Model, rows: Rows, totals: Totals, has_dispersion: bool) -> float:
    """
    The deviance of the model with the intercept alone and the same offset, whose rows have these totals.

    NaN where that model has no optimum.
    """
    if totals.offset is None:
        return float(add_up(partial(_null_deviance, model, totals.mean), rows, PIECE).value)
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


@quietly
def _null_deviance(model: Model, mean: np.ndarray, piece: Batch) -> Sums:
    batch = counted(piece)
    deviance = (batch.weights[:, None] * model.family.unit_deviance(batch.y, mean)).sum()
    return Sums(len(piece), float(deviance), np.zeros((0, 0)), None, 0.0)


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


def _sums(model: Model, rows: Rows, params: Params, wanted: Wanted) -> Sums:
    """The sums of the model with the intercept alone over the rows, at some parameters."""
    return add_up(partial(_sums_of, model, params, wanted == "both"), rows, PIECE)


@quietly
def _sums_of(model: Model, params: Params, both: bool, piece: Batch) -> Sums:
    batch = counted(piece)
    y, weights = batch.y, batch.weights[:, None]
    eta = params.intercept + (0 * y if batch.offset is None else batch.offset)
    mu = model.link.inverse(eta)
    return Sums(
        rows=len(piece),
        value=float((weights * model.kernel(y, eta)).sum()),
        score=model.row_score(y, eta, weights).sum(axis=0)[None],
        information=model.row_information(eta, weights).sum(axis=0),
        pearson=float(model.pearson(y, mu, weights).sum()),
        observed=-model.row_bend(y, eta, weights).sum(axis=0)[:, None] if both else None,
        outside=int((~model.eta_domain.contains(eta)).sum()),
    )
