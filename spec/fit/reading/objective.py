"""
The second rung: the family whose likelihood a model's own loss is.

From one set of weights to another the loss of each row must change as minus the log-likelihood does, but for one factor. So terms
that are free of the weights are free.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from spec.domains import UNIT
from spec.engines.keras.network import NegativeLogLikelihood
from spec.families import FAMILIES, Binomial, Gamma, Gaussian, Multinomial, Poisson
from spec.fit.reading.asked import Asked, contrast, eta_of
from spec.fit.reading.compared import OBJECTIVE, Compared, compare
from spec.fit.reading.leaves import NotRead
from spec.fit.reading.loss import OwnLoss
from spec.fit.reading.mean import MEAN
from spec.fit.reading.no_likelihood import why_no_likelihood
from spec.fit.reading.twin import Seen
from spec.fit.rows import Batch
from spec.links import Identity, Link, Log, Logit, Softmax
from spec.model import Model

OF_ETA = (Model(Binomial(), Logit()), Model(Poisson(), Log()), Model(Gamma(), Log()))  # losses that take the linear predictor


@dataclass(frozen=True, eq=False)
class Candidate:
    """A generalized linear model that a user's model may be, with how it is written."""

    model: Model
    link: Link  # whose inverse the outputs are: the identity where the loss takes the linear predictor
    factor: float
    codes: bool
    scale: float  # the compiled loss is -scale times the mean log-likelihood, plus terms free of the weights
    from_activation: bool  # whether what goes into the last activation is eta
    is_free_of_offset: bool

    def offset(self, seen: Seen) -> np.ndarray:
        """The model's own offset of rows that were seen at weights of zero, (b, k)."""
        if self.from_activation and seen.before is not None:
            return seen.before
        with np.errstate(all="ignore"):
            return eta_of(self.link, seen.outputs)

    def score(self, y: np.ndarray, eta: np.ndarray, weights: Any = 1.0) -> np.ndarray:
        """The rows' scores in each eta, (b, k), of responses as the model takes them."""
        score = self.model.row_score(y, eta, weights)
        return np.hstack([-score.sum(axis=1, keepdims=True), score]) if self.model.has_classes else score

    def slope(self, design: np.ndarray, score: np.ndarray) -> np.ndarray:
        """The slope of the sum of the rows' own losses in the Dense layer's weights, (q, k), by the formula."""
        return -self.scale * self.factor * (design.T @ score)


def _models(link: Link, outputs: int, proposed: list[Any]) -> Iterator[Model]:
    """Yield the models that outputs of a link may be the means or the linear predictors of."""
    if isinstance(link, Softmax):
        yield Model(Multinomial(), Softmax())
        return
    named = [one for one in proposed if isinstance(one, NegativeLogLikelihood)]
    if isinstance(link, Identity):
        yield from (Model(one.family, one.link) for one in named if one.link is not None)
    families = [one.family for one in named if one.link is None]
    yield from (Model(family, link) for family in (*families, *FAMILIES) if not isinstance(family, Multinomial))
    if isinstance(link, Identity):
        yield from OF_ETA
        if outputs > 1:
            yield Model(Multinomial(), Softmax())


def responses(model: Model, rows: Batch, k: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray, bool]]:
    """Yield (as the loss takes it, as the model takes it, codes): responses that the family can have, and the user's own."""
    n, family = len(rows), model.family
    if model.has_classes:
        drawn = rng.permutation(np.arange(n) % k)
        known = np.isin(rows.y, np.arange(k)).all(axis=1)
        if rows.y.shape[1] == 1:
            own = np.where(known, rows.y[:, 0], 0).astype(int)
            for codes in (drawn, own):
                yield codes[:, None].astype(float), np.eye(k)[codes], True
        else:
            yield np.eye(k)[drawn], np.eye(k)[drawn], False
            if rows.y.shape == (n, k):
                yield rows.y, rows.y, False
        return
    draw = {
        Gaussian: lambda: rng.normal(size=(n, k)),
        Binomial: lambda: rng.integers(2, size=(n, k)).astype(float),
        Poisson: lambda: rng.integers(6, size=(n, k)).astype(float),
    }.get(type(family), lambda: rng.integers(1, 6, size=(n, k)) / (8.0 if model.link.mu_domain == UNIT else 1.0))
    y = draw()
    yield y, y, False
    if rows.y.shape == (n, k):
        inside = np.where(family.quasi_domain.contains(rows.y), rows.y, y)
        yield inside, inside, False


def objective_rung(
    loss: OwnLoss,
    rows: Batch,
    asked: list[Asked],
    link: Link,
    factor: float,
    offset: np.ndarray,
    proposed: list[Any],
) -> Candidate:
    """The family whose likelihood the loss is."""
    rng = np.random.default_rng(1)
    k = asked[0].z.shape[1]
    near: list[Compared] = []
    failures: list[Exception] = []
    for model in _models(link, k, proposed):
        at = offset if model.link == link or not model.has_classes else contrast(Softmax(), offset)
        scale, codes = np.nan, False
        for y_true, y, codes in responses(model, rows, k, rng):  # noqa: B007
            try:
                found = compare(model, loss, asked, factor, at, y_true, y)
            except Exception as error:  # whatever the user's own loss raises
                failures.append(error)
                break
            if found is None:
                break
            is_first = np.isnan(scale)  # of responses of the family: the reader's own may be so large that nothing changes
            scale = found.scale if is_first else scale
            if not found.agrees(scale) or (is_first and found.is_constant):
                near.append(found)
                break
        else:
            exact = _from_activation(asked, link, factor, offset)
            free = bool(np.abs(offset).max(initial=0.0) <= 1e-9)
            return Candidate(model, link, factor, codes, _simple(scale), exact, free)
    raise NotRead(why_no_likelihood(loss, near, failures, k, link, rows))


def _from_activation(asked: list[Asked], link: Link, factor: float, offset: np.ndarray) -> bool:
    """Whether what goes into the last activation is eta, with the offset to all digits."""
    for one in asked:
        before = one.seen.before
        if before is None or before.shape != one.z.shape:
            return False
        size = 1 + np.abs(offset).max() + np.abs(one.z).max()
        if not np.abs(contrast(link, before - factor * one.z) - offset).max() <= MEAN * size:
            return False
    return True


def _simple(scale: float) -> float:
    """The scale as the fraction that it is but for rounding: 2 / k of squared errors, 1 of most losses."""
    simple = float(Fraction(scale).limit_denominator(1000))
    return simple if abs(scale - simple) <= OBJECTIVE * scale else scale
