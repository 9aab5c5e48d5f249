"""A network that is watched: its last trained Dense layer, and what it makes of what that layer gives."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spec.domains import UNIT
from spec.engines.keras.backend import BACKEND
from spec.engines.keras.network import NegativeLogLikelihood, precision
from spec.engines.keras.versions import keras
from spec.families import FAMILIES, Binomial, Multinomial, Poisson
from spec.fit.reading import NotRead, build
from spec.fit.reading.asked import Asked, ask, contrast, eta_at, inside
from spec.fit.reading.leaves import leaves
from spec.fit.reading.linear import Linear, linear_of
from spec.fit.reading.loss import setting
from spec.fit.reading.mean import mean_rung, proposed_links
from spec.fit.reading.twin import Twin
from spec.fit.responses import usable
from spec.fit.rows import Batch, Rows, of_arrays
from spec.links import Identity, Link, Logit, Softmax, Softplus
from spec.model import Model

SHOWN = 64  # rows that a network is asked of
SAME = 1e-9  # relative: how near to the data a layer's inputs are the data


@dataclass(frozen=True, eq=False)
class Opened:
    """
    A network that is watched: its last trained Dense layer, and the layers behind it.

    eta is ``factor`` (k,) times what the layer gives, plus ``shift`` (b, k), a row for each of those shown; ``shown`` are these,
    with the inputs of the network for X. ``beside`` is the number of columns that the offset has among them. ``twice`` says
    that an activation stands behind itself, ``flipped`` that the mean is 1 - sigmoid.
    """

    model: keras.Model
    dense: keras.layers.Dense
    twin: Twin
    shown: Batch
    beside: int
    asked: list[Asked]
    link: Link
    factor: np.ndarray
    shift: np.ndarray
    flipped: bool = False
    twice: bool = False

    @property
    def layers(self) -> list[Any]:
        return list(leaves(self.model))

    @property
    def before(self) -> list[Any]:
        """The layers before the Dense layer, as the network lists them."""
        return self.layers[: self.layers.index(self.dense)]

    @property
    def is_compiled(self) -> bool:
        return getattr(self.model, "loss", None) is not None


def opened_network(model: keras.Model, rows: Rows | None) -> Opened:
    """A network that is watched, on some of the rows; without rows on numbers of its inputs' shape."""
    inputs = build(model, None, lambda: rows or _any_rows(model))
    if texts := [one.name for one in inputs if one.vocabulary is not None]:
        raise NotRead(
            f"the network takes text at its input {texts[0]}, and a diagnosis gives a network the columns of the formula, which "
            "are numbers: give its coefficients in its place, which fit names."
        )
    dense = last_dense(model)
    _refuse_sums(model)
    shown, beside = fed(model, usable(rows or _any_rows(model), SHOWN)[:SHOWN])
    twin = Twin(model, Linear.of([dense]))
    asked = ask(twin, shown.X)
    k = asked[0].z.shape[1]
    opened = Opened(model, dense, twin, shown, beside, asked, Identity(), np.ones(k), np.zeros((len(shown), k)))
    if asked[0].seen.outputs.shape != asked[0].z.shape:
        raise NotRead(
            f"the layer {dense.name} has {k} units, but the network gives {asked[0].seen.outputs.shape[1]} outputs: they are no "
            "function of one linear predictor each."
        )
    links = proposed_links([getattr(layer, "activation", None) for layer in leaves(model)])
    if any(is_batch_normalization(layer) for layer in opened.layers[opened.layers.index(dense) :]):
        return _behind_a_layer(opened, links)
    try:
        link, factor = mean_rung(asked, links)
    except NotRead:
        if _is_flipped(asked):
            return replace(opened, link=Logit(), flipped=True)
        if (repeated := _twice(asked)) is not None:
            return replace(opened, link=repeated, twice=True)
        raise
    clear = [eta_at(link, one) - factor * one.z for one in asked if inside(link, one).all()]
    shift = contrast(link, np.median(clear or [opened.shift], axis=0))
    return replace(opened, link=link, factor=np.full(k, factor), shift=np.where(np.abs(shift) <= SAME, 0.0, shift))


def last_dense(model: keras.Model) -> keras.layers.Dense:
    """The last Dense layer that is trained; of a network that is frozen the last of all."""
    layers = list(leaves(model))
    weighted = [layer for layer in layers if layer.trainable_weights] or [layer for layer in layers if layer.weights]
    dense = [layer for layer in weighted if type(layer) is keras.layers.Dense]
    if not dense:
        raise NotRead(f"the network has no Dense layer, but {linear_of(model).name}: give its coefficients in its place.")
    return dense[-1]


def _refuse_sums(model: keras.Model) -> None:
    """Raise `NotRead` where a network adds an Embedding to what its Dense layer gives."""
    factors = [layer.name for layer in leaves(model) if type(layer) is keras.layers.Embedding and layer.trainable_weights]
    if factors:
        raise NotRead(
            f"the network looks codes up in {', '.join(factors)}, and a design has a column for each level: give its "
            "coefficients, by the columns' names, in its place; a level's is its weight less that of the reference. "
            "(spec.fit.fit takes such a network as it is.)"
        )


def _widths(model: keras.Model) -> list[int]:
    return [int(np.prod([size or 1 for size in tensor.shape[1:]])) for tensor in model.inputs]


def _any_rows(model: keras.Model) -> Rows:
    if not model.built or not model.inputs:
        raise NotRead(
            "the network is not built, so its inputs are not known: say which model is meant, such as family='poisson'."
        )
    return of_arrays(np.random.default_rng(0).normal(size=(SHOWN, sum(_widths(model)))), np.zeros(SHOWN))


def fed(model: keras.Model, batch: Batch) -> tuple[Batch, int]:
    """Return (batch, beside): the rows with the network's inputs for X, and the columns of the offset among them."""
    widths = _widths(model)
    p, own = batch.X.shape[1], 0 if batch.offset is None else batch.offset.shape[1]
    if sum(widths) == p:
        return batch, 0
    if batch.offset is not None and sum(widths) == p + own:
        return replace(batch, X=np.hstack([batch.X, batch.offset])), own
    if batch.offset is not None and sum(widths) == p + 1:
        return replace(batch, X=np.hstack([batch.X, batch.offset[:, -1:]])), 1
    beside = f" and the offset has {own}" if own else ""
    raise ValueError(
        f"the network takes {sum(widths)} columns, but the design has {p}{beside}: give it the columns that it was trained on, "
        "and no column for the intercept where a Dense layer has a bias."
    )


def is_batch_normalization(layer: Any) -> bool:
    return type(layer).__name__ in ("BatchNormalization", "SyncBatchNormalization")


def _behind_a_layer(opened: Opened, links: list[Link]) -> Opened:
    """A network whose Dense layer has a batch normalisation behind it: eta is what goes into the last activation."""
    asked, k = opened.asked, opened.asked[0].z.shape[1]
    last = [one.seen.outputs if one.seen.before is None else one.seen.before for one in asked]
    z, eta = np.vstack([one.z for one in asked]), np.vstack(last)
    if eta.shape != z.shape:
        raise NotRead(f"what follows the layer {opened.dense.name} has another shape: it is no linear predictor.")
    factor, shift = np.empty(k), np.empty(k)
    for j in range(k):
        design = np.column_stack([z[:, j], np.ones(len(z))])
        (factor[j], shift[j]), *_ = np.linalg.lstsq(design, eta[:, j], rcond=None)
    if np.abs(z * factor + shift - eta).max() > SAME * (1 + np.abs(eta).max()):
        raise NotRead(f"what follows the layer {opened.dense.name} is no affine map of what it gives.")
    link = next((one for one in [*([Softmax()] if k > 1 else []), *links] if _is_inverse(one, last, asked)), None)
    if link is None:
        raise NotRead("the network's outputs are the inverse of no link of what goes into the last activation.")
    return replace(opened, link=link, factor=factor, shift=np.tile(shift, (len(opened.shown), 1)))


def _is_inverse(link: Link, etas: list[np.ndarray], asked: list[Asked]) -> bool:
    with np.errstate(all="ignore"):
        return all(np.allclose(link.inverse(eta), one.seen.outputs, rtol=1e-6, atol=1e-9) for eta, one in zip(etas, asked))


def _is_flipped(asked: list[Asked]) -> bool:
    """Whether the outputs are 1 - sigmoid of what the Dense layer gives, and perhaps an offset."""
    logit = Logit()
    for one, other in zip(asked[::2], asked[1::2]):
        used = (inside(logit, one) & inside(logit, other)).all(axis=1)
        change, move = eta_at(logit, one) - eta_at(logit, other), one.z - other.z
        if not used.any() or np.abs((change + move)[used]).max() > 1e-6 * (1 + np.abs(move).max()):
            return False
    return True


def _twice(asked: list[Asked]) -> Link | None:
    """The link whose inverse was applied twice."""
    for link in (Softmax(), Logit()):
        if isinstance(link, Softmax) and asked[0].z.shape[1] == 1:
            continue
        if all(np.allclose(link.inverse(link.inverse(one.z)), one.seen.outputs, rtol=1e-6) for one in asked):
            return link
    return None


def meant_model(model: keras.Model, rows: Rows | None = None) -> Model:
    """
    The model that a network's last activation means, with the family whose canonical link it inverts.

    A sigmoid means the binomial family with the logit, an exponential Poisson with the log, a softplus Poisson too, a softmax the
    multinomial family, no activation the Gaussian; but where the loss takes linear predictors (``from_logits=True``), those of
    that loss. What else the loss is does not matter: a wrong loss is a cause to be found. Raises NotRead where the activation
    means none.
    """
    with quietly_in_float64():
        opened = opened_network(model, rows)
    link, loss = opened.link, getattr(model, "loss", None)
    if isinstance(link, Identity):
        if isinstance(loss, NegativeLogLikelihood) and loss.link is not None:
            return Model(loss.family, loss.link)
        if setting(loss, "from_logits"):
            return Model(Multinomial(), Softmax()) if opened.asked[0].z.shape[1] > 1 else Model(Binomial(), Logit())
    for family in FAMILIES:
        if family.canonical_link == link:
            return Model(family, link)
    if link.mu_domain == UNIT:
        return Model(Binomial(), link)
    if isinstance(link, Softplus):
        return Model(Poisson(), link)
    raise NotRead(f"the {link} link is canonical for no family: say which is meant, such as family='gamma'.")


@contextmanager
def quietly_in_float64() -> Iterator[None]:
    """A context in which Keras computes in float64 and says nothing."""
    BACKEND.enable_float64()
    with warnings.catch_warnings(), precision("float64"):
        warnings.simplefilter("ignore")
        yield
