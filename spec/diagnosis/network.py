"""A reader's own network as an answer: its weights in the units of the data, and the causes that are read in it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spec.diagnosis.answer import Answer
from spec.diagnosis.optimizer_record import numbers, record_of
from spec.diagnosis.tables.names import first_big
from spec.domains import UNIT
from spec.engines.keras.backend import BACKEND
from spec.engines.keras.network import NegativeLogLikelihood, precision
from spec.engines.keras.versions import Normalization, keras
from spec.families import FAMILIES, Binomial, Gaussian, Multinomial, Poisson
from spec.fit.reading import NotRead, build, read
from spec.fit.reading.asked import Asked, ask, contrast, eta_at, inside
from spec.fit.reading.loss import OwnLoss, setting
from spec.fit.reading.mean import mean_rung, proposed_links
from spec.fit.reading.objective import Candidate, objective_rung
from spec.fit.reading.read import trainable_layer
from spec.fit.reading.twin import Twin, leaves
from spec.fit.reading.units import units_of
from spec.fit.responses import usable
from spec.fit.rows import Batch, Rows, of_arrays
from spec.links import Identity, Link, Logit, Softmax, Softplus
from spec.model import Model, Params

SHOWN = 64  # rows that a network is asked of
SAME = 1e-9  # relative: how near to the data a layer's inputs are the data
MANTISSA = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}  # bits, the hidden one included
NOISE = ("Dropout", "AlphaDropout", "GaussianDropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianNoise")


# -- what a network computes ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Opened:
    """
    A network that is watched: its last trained Dense layer, and what it makes of what that gives.

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


def _open(model: keras.Model, rows: Rows | None) -> _Opened:
    """A network that is watched, on some of the rows; without rows on numbers of its inputs' shape."""
    build(model, None, lambda: rows or _any_rows(model))
    dense = _last_dense(model)
    shown, beside = _fed(model, usable(rows or _any_rows(model), SHOWN)[:SHOWN])
    twin = Twin(model, dense)
    asked = ask(twin, shown.X)
    k = asked[0].z.shape[1]
    opened = _Opened(model, dense, twin, shown, beside, asked, Identity(), np.ones(k), np.zeros((len(shown), k)))
    if asked[0].seen.outputs.shape != asked[0].z.shape:
        raise NotRead(
            f"the layer {dense.name} has {k} units, but the network gives {asked[0].seen.outputs.shape[1]} outputs: they are no "
            "function of one linear predictor each."
        )
    links = proposed_links([getattr(layer, "activation", None) for layer in leaves(model)])
    if any(_is_batch_normalization(layer) for layer in opened.layers[opened.layers.index(dense) :]):
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


def _last_dense(model: keras.Model) -> keras.layers.Dense:
    """The last Dense layer that is trained; of a network that is frozen the last of all."""
    layers = list(leaves(model))
    weighted = [layer for layer in layers if layer.trainable_weights] or [layer for layer in layers if layer.weights]
    dense = [layer for layer in weighted if type(layer) is keras.layers.Dense]
    return dense[-1] if dense else trainable_layer(model)


def _widths(model: keras.Model) -> list[int]:
    return [int(np.prod([size or 1 for size in tensor.shape[1:]])) for tensor in model.inputs]


def _any_rows(model: keras.Model) -> Rows:
    if not model.built or not model.inputs:
        raise NotRead(
            "the network is not built, so its inputs are not known: say which model is meant, such as family='poisson'."
        )
    return of_arrays(np.random.default_rng(0).normal(size=(SHOWN, sum(_widths(model)))), np.zeros(SHOWN))


def _fed(model: keras.Model, batch: Batch) -> tuple[Batch, int]:
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


def _is_batch_normalization(layer: Any) -> bool:
    return type(layer).__name__ in ("BatchNormalization", "SyncBatchNormalization")


def _behind_a_layer(opened: _Opened, links: list[Link]) -> _Opened:
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
    with _quietly():
        opened = _open(model, rows)
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
def _quietly() -> Iterator[None]:
    """A context in which Keras computes in float64 and says nothing."""
    BACKEND.enable_float64()
    with warnings.catch_warnings(), precision("float64"):
        warnings.simplefilter("ignore")
        yield


# -- the answer ----------------------------------------------------------------------------------------------------------------


def answer_of_model(
    model: keras.Model,
    rows: Rows,
    columns: tuple[str, ...],
    name: str = "your network",
    *,
    stated: Model | None = None,
    intercept: bool | None = None,
) -> Answer:
    """
    The weights of a network's trained Dense layer as an answer, in the units and the order of the columns of the data.

    What stands before the layer is undone where it is affine: a Normalization, a Rescaling, a batch normalisation in
    prediction, a hidden layer without an activation. A network with a nonlinear hidden layer has no coefficients: its params
    are NaN, and ``program`` says so under "hidden-layer". With 1 - sigmoid for its mean the weights are as the network has
    them, and so have the other sign. ``stated`` is the model that is meant: what the network computes is held to it, and its
    bias to ``intercept``. Where the layer takes the offset for a column, params have a row for it, in the layer's order.

    Adam's means are given where the layer's inputs are the data themselves. Raises NotRead where the network's mean is no
    function of one linear predictor, and where it cannot be read for a reason that is no cause; ValueError for weights that
    are NaN.
    """
    with _quietly():
        opened = _open(model, rows)
        program, notes = _of_layers(opened), []
        params, rounding, plain, more = _weights(opened)
        program.update(more)
        found, said, batch = _of_loss(opened, stated)
        program.update(said)
        if not opened.is_compiled:
            notes.append(
                f"{first_big(name)} is not compiled, or its loss is of code that the file does not hold: the loss that it was "
                "trained with, its optimizer and the number of its steps are not known."
            )
        program.update(_other_model(opened, found, stated, rows))
        if intercept and not opened.dense.use_bias and not params.intercept.any():
            program["no-intercept"] = f"The layer {opened.dense.name} has use_bias=False, and the model has an intercept."
        if intercept is False and opened.dense.use_bias:
            program["extra-intercept"] = f"The layer {opened.dense.name} has a bias, and the model has no intercept."
        if opened.is_compiled and not program:
            read(model, batch)  # refuses, with its own sentence, what is left: a constraint, a loss that a layer adds
    params, rounding, note = _as_outputs(params, rounding, opened, rows)
    same = plain and len(params.coef) == len(columns) and bool((opened.factor == 1).all()) and not note
    record = record_of(opened.model, opened.dense, keep_means=same)
    unknown = found is None and "loss" in said
    return Answer(
        params,
        name,
        rounding,
        record=record,
        program=program,
        has_unknown_loss=unknown,
        notes=(*notes, *note),
        link=None if "activation-twice" in program else opened.link,
    )


def _half_ulp(variable: Any) -> np.ndarray:
    """Half a unit of the last digit that each weight is held with."""
    kind = str(getattr(variable.dtype, "name", variable.dtype))
    return np.abs(numbers(variable)) * 2.0 ** -MANTISSA.get(kind, 24)


def _weights(opened: _Opened) -> tuple[Params, np.ndarray, bool, dict[str, str]]:
    """Return (params, rounding, plain, program): the weights in the units of the data; whether they were so all along."""
    dense, beside = opened.dense, opened.beside
    kernel, rounded = numbers(dense.kernel), _half_ulp(dense.kernel)
    k = kernel.shape[1]
    bias, its = (numbers(dense.bias), _half_ulp(dense.bias)) if dense.use_bias else (np.zeros(k), np.zeros(k))
    p = opened.shown.X.shape[1] - beside
    program: dict[str, str] = {}
    if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
        raise ValueError(
            f"weights of the layer {dense.name} are NaN or infinite: the training diverged. Take a smaller learning rate, or "
            "standardise the columns."
        )
    matrix, start, plain = _map(opened, p)
    hidden = _hidden(opened)
    if matrix is None:
        if not hidden:
            raise NotRead(
                f"what the layer {dense.name} gets is no affine map of the columns of the data, so that its weights are "
                "coefficients of other columns: give the data as that layer gets them."
            )
        program["hidden-layer"] = (
            f"The network has {_listed_layers(hidden)} before {dense.name}, and what {dense.name} gets is no affine map of the "
            "data: the network is no generalized linear model of these columns and has no coefficients."
        )
        return Params(np.full(k, np.nan), np.full((p, k), np.nan)), np.zeros((1 + p, k)), False, program
    if hidden:
        program["hidden-layer"] = _linear_hidden(hidden, dense, p)
    noise = 0.0 if plain else 2.0**-51
    coef = matrix @ kernel
    coef_rounding = np.abs(matrix) @ (rounded + noise * np.abs(kernel))
    intercept = bias + start @ kernel
    intercept_rounding = its + np.abs(start) @ (rounded + noise * np.abs(kernel))
    factor, shift, kept = opened.factor, _shift(opened, p), p
    if beside and coef[p:].any():
        kept = p + beside
        program["offset-free"] = (
            f"The layer {dense.name} takes {len(kernel)} columns, one more than the design has: the offset is one of them and "
            "has a coefficient of its own."
        )
    params = Params(intercept * factor + shift, coef[:kept] * factor)
    rounding = np.vstack([intercept_rounding, coef_rounding[:kept]]) * np.abs(factor)
    return params, rounding, plain, program


def _map(opened: _Opened, p: int) -> tuple[np.ndarray | None, np.ndarray, bool]:
    """Return (matrix, start, plain): the affine map of the network's inputs to those of the Dense layer; None for no map."""
    twin, X = opened.twin, opened.shown.X
    features = twin(X).features
    d, h = X.shape[1], features.shape[1]
    for width in {p, d}:
        if h == width and np.array_equal(features, X[:, :width]):
            return np.eye(d)[:, :width], np.zeros(h), True
    units = units_of(twin, X)
    return (None, np.zeros(h), False) if units is None else (units.matrix, units.shift, False)


def _shift(opened: _Opened, p: int) -> np.ndarray:
    """The constant (k,) that a network adds to eta; an offset among its inputs has to be added as it is."""
    shift, offset = opened.shift, opened.shown.X[:, p:]
    if opened.beside and shift.any() and np.ptp(offset) > 0:
        if offset.shape[1] != shift.shape[1]:
            offset = np.broadcast_to(offset, shift.shape)
        shift = shift - contrast(opened.link, offset)
    if np.abs(shift - shift[:1]).max(initial=0.0) > 1e-6 * (1 + np.abs(opened.shift).max(initial=0.0)):
        raise NotRead(
            "the network adds to its linear predictor something of the data that is not the offset: give the offset as the "
            "network takes it, or leave that part out."
        )
    return np.median(shift, axis=0) if np.abs(shift).max(initial=0.0) > 1e-6 else np.zeros(shift.shape[1])


def _as_outputs(params: Params, rounding: np.ndarray, opened: _Opened, rows: Rows) -> tuple[Params, np.ndarray, tuple[str, ...]]:
    """The weights for as many outputs as the responses have: two classes are one probability, or the other way round."""
    wanted, k = rows.sample(1).y.shape[1], params.coef.shape[1]
    if wanted == k:
        return params, rounding, ()
    if k == 2 and wanted == 1 and isinstance(opened.link, Softmax):
        matrix = params.matrix[:, 1:] - params.matrix[:, :1]
        note = "The softmax of two units is the sigmoid of their difference: the coefficients are those of unit 1 less unit 0."
        return Params.from_matrix(matrix), rounding.sum(axis=1, keepdims=True), (note,)
    if k == 1 and wanted == 2 and isinstance(opened.link, Logit):
        zeros = np.zeros_like(params.matrix)
        return Params.from_matrix(np.hstack([zeros, params.matrix])), np.hstack([zeros, rounding]), ()
    raise ValueError(f"the network gives {k} outputs, but y has {wanted}.")


# -- causes that are read in the network ---------------------------------------------------------------------------------------


def _hidden(opened: _Opened) -> list[Any]:
    """The trained layers beside the Dense layer that gives the answer."""
    layers = opened.layers
    weighted = [layer for layer in layers if layer.trainable_weights] or [layer for layer in layers if layer.weights]
    others = [layer for layer in weighted if layer is not opened.dense and not isinstance(layer, Normalization)]
    return [layer for layer in others if not _is_batch_normalization(layer)]


def _listed_layers(layers: list[Any]) -> str:
    """The layers in words, with their units and activations."""

    def said(layer: Any) -> str:
        units, activation = getattr(layer, "units", None), getattr(layer, "activation", None)
        word = getattr(activation, "__name__", "")
        parts = [type(layer).__name__, *([f"{units} units"] if units else []), *([word] if word else [])]
        return f"{layer.name} ({', '.join(parts)})"

    return f"the hidden layer{'s' * (len(layers) > 1)} {', '.join(map(said, layers))}"


def _linear_hidden(hidden: list[Any], dense: keras.layers.Dense, p: int) -> str:
    full = min(p, max(int(dense.units) - 1, 1))
    least = min(int(getattr(layer, "units", None) or p) for layer in hidden)
    says = f"The network has {_listed_layers(hidden)} before {dense.name}, without an activation that bends"
    if least < full:
        return (
            f"{says}: the product of the kernels has a rank of at most {least}, where that of the model is {full}. The "
            "coefficients here are that product."
        )
    return f"{says}: the product of the kernels is one kernel, and the coefficients here are that product."


def _of_layers(opened: _Opened) -> dict[str, str]:
    """The causes that stand in the layers of a network, each with a sentence."""
    program: dict[str, str] = {}
    for layer in opened.layers:
        kind, layer_name = type(layer).__name__, layer.name
        if kind in NOISE and (amount := float(getattr(layer, "rate", None) or getattr(layer, "stddev", None) or 0.0)):
            does = "adds noise" if kind == "GaussianNoise" else "drops inputs by chance"
            program.setdefault("dropout", f"The layer {layer_name} ({kind}({amount:g})) {does} in training.")
        if _is_batch_normalization(layer):
            mean, variance = (numbers(getattr(layer, part)).ravel()[0] for part in ("moving_mean", "moving_variance"))
            program.setdefault(
                "batch-normalization",
                f"The layer {layer_name} ({kind}) takes mean and variance of each batch in training, and in prediction running "
                f"averages, of its first column {mean:.6g} and {variance:.6g}: the coefficients here are those of prediction.",
            )
    for layer in opened.before:
        if isinstance(layer, Normalization) and getattr(layer, "mean", None) is not None:
            mean, variance = (float(np.ravel(BACKEND.numpy(getattr(layer, part)))[0]) for part in ("mean", "variance"))
            program.setdefault("standardised", _standardised(layer, opened.dense, mean, float(np.sqrt(variance))))
        elif type(layer).__name__ == "Rescaling":
            scale, shift = (float(np.ravel(np.asarray(getattr(layer, part)))[0]) for part in ("scale", "offset"))
            program.setdefault("standardised", _standardised(layer, opened.dense, -shift / scale, 1 / scale))
    if opened.flipped:
        program["labels-flipped"] = (
            f"The network's mean is 1 - sigmoid of what the layer {opened.dense.name} gives: it is the probability of the other "
            "label."
        )
    if opened.twice:
        word = "softmax" if isinstance(opened.link, Softmax) else "sigmoid"
        program["activation-twice"] = f"The network applies {word} twice: its outputs are the {word} of a {word}."
    return {**program, **_of_penalties(opened.dense)}


def _standardised(layer: Any, dense: Any, mean: float, deviation: float) -> str:
    return (
        f"The layer {layer.name} ({type(layer).__name__}) before {dense.name} takes {mean:.6g} from the first column and divides "
        f"it by {deviation:.6g}: the coefficients here are those of the data's units."
    )


def _of_penalties(dense: keras.layers.Dense) -> dict[str, str]:
    program = {}
    for of in ("kernel", "bias"):
        regularizer = getattr(dense, f"{of}_regularizer", None)
        for norm, code in (("l2", "ridge" if of == "kernel" else "ridge-bias"), ("l1", "lasso")):
            strength = float(np.ravel(np.asarray(getattr(regularizer, norm, 0.0) or 0.0))[0])
            if strength:
                program[code] = f"The layer {dense.name} has a penalty on its {of}: {norm}={strength:g} of {of}_regularizer."
    if type(getattr(dense, "kernel_constraint", None)).__name__.lower() == "nonneg":
        program["nonnegative"] = f"The layer {dense.name} has kernel_constraint=NonNeg(): no weight may be negative."
    return program


def _of_loss(opened: _Opened, stated: Model | None) -> tuple[Candidate | None, dict[str, str], Batch]:
    """Return (candidate, program, batch): the model that the loss makes of the network, or the cause that it makes none."""
    batch = opened.shown
    if not opened.is_compiled:
        return None, {}, batch
    loss = OwnLoss(opened.model)
    if smoothing := setting(loss.loss, "label_smoothing"):
        says = f"The loss {loss.name} has label_smoothing={smoothing:g}: it is that of other labels."
        return None, {"label-smoothing": says}, batch
    if opened.twice:
        return None, {}, batch
    coded = replace(batch, y=batch.y.argmax(axis=1)[:, None].astype(float)) if batch.y.shape[1] > 1 else batch
    proposed = [*(getattr(layer, "activation", None) for layer in opened.layers), loss.loss]
    batches = [coded, batch] if "sparse" in loss.name.lower() else [batch, coded]
    factor = -1.0 if opened.flipped else float(opened.factor[0])
    if not (opened.factor == opened.factor[0]).all():  # a batch normalisation with a factor for each output
        return None, {}, batch
    failures: list[NotRead] = []
    for rows in batches:
        try:
            arguments = (loss, rows, opened.asked, opened.link, factor, opened.shift, proposed)
            return objective_rung(*arguments), {}, rows
        except NotRead as error:
            failures.append(error)
    if "cannot be computed" in str(failures[0]):
        raise failures[0]
    if setting(loss.loss, "from_logits") and isinstance(opened.link, (Logit, Softmax)):
        word = "softmax" if isinstance(opened.link, Softmax) else "sigmoid"
        says = f"The network's outputs are a {word}, and its loss {loss.name} has from_logits=True: it applies the {word} again."
        return None, {"activation-twice": says}, batch
    of_shares = "crossentropy" in loss.name
    if of_shares and isinstance(opened.link, Identity) and stated is not None and isinstance(stated.link, (Logit, Softmax)):
        says = (
            f"The network's outputs are linear predictors, and its loss {loss.name} takes them for probabilities: it lacks "
            "from_logits=True, or the network its last activation."
        )
        return None, {"loss": says}, batch
    return None, {"loss": first_big(str(failures[0]))}, batch


def _other_model(opened: _Opened, found: Candidate | None, stated: Model | None, rows: Rows) -> dict[str, str]:
    """Where the network computes another model than the one that is stated: its link, its loss, or both."""
    if stated is None or opened.twice:
        return {}
    k, own = opened.asked[0].z.shape[1], None if found is None else found.model
    link = opened.link if own is None else own.link
    if {type(link), type(stated.link)} == {Softmax, Logit} and {k, rows.sample(1).y.shape[1]} == {1, 2}:
        return {}  # a softmax of two classes is a sigmoid
    program = {}
    if stated.has_classes and isinstance(link, Logit) and k > 1:
        return {"one-vs-rest": f"The {k} outputs of the network are sigmoids, each a model of its own; {stated} has one softmax."}
    if link != stated.link and not (own is None and isinstance(link, Identity)):
        program["link"] = f"The network's mean is the inverse of the {link} link, and the model has the {stated.link} link."
    if own is not None and own.family != stated.family:
        loss = OwnLoss(opened.model).name
        if isinstance(own.family, Gaussian):
            program["squared-error"] = (
                f"The network's loss, {loss}, is the squared error, and that of {stated} is minus the {stated.family} "
                "log-likelihood."
            )
        else:
            program["loss"] = (
                f"The network's loss, {loss}, is minus the log-likelihood of the {own.family} family; the model is {stated}."
            )
    return program
