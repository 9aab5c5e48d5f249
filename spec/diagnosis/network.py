"""A reader's own network as an answer: its weights in the units of the data, and the causes that are read in it."""

from __future__ import annotations

from typing import Any

import numpy as np

from spec.diagnosis.answer import Answer
from spec.diagnosis.network_causes import hidden_layers, linear_hidden, listed_layers, of_layers, of_loss, other_model
from spec.diagnosis.network_opened import (
    Opened,
    opened_network,
    quietly_in_float64,
)
from spec.diagnosis.optimizer_record import numbers, record_of
from spec.diagnosis.tables.names import first_big
from spec.engines.keras.versions import keras
from spec.fit.reading import NotRead, read
from spec.fit.reading.asked import contrast
from spec.fit.reading.units import units_of
from spec.fit.rows import Rows
from spec.links import Logit, Softmax
from spec.model import Model, Params

MANTISSA = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}  # bits, the hidden one included


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
    with quietly_in_float64():
        opened = opened_network(model, rows)
        program, notes = of_layers(opened), []
        params, rounding, plain, more = _weights(opened)
        program.update(more)
        found, said, batch = of_loss(opened, stated)
        program.update(said)
        if not opened.is_compiled:
            notes.append(
                f"{first_big(name)} is not compiled, or its loss is of code that the file does not hold: the loss that it was "
                "trained with, its optimizer and the number of its steps are not known."
            )
        program.update(other_model(opened, found, stated, rows))
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


def _weights(opened: Opened) -> tuple[Params, np.ndarray, bool, dict[str, str]]:
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
    hidden = hidden_layers(opened)
    if matrix is None:
        if not hidden:
            raise NotRead(
                f"what the layer {dense.name} gets is no affine map of the columns of the data, so that its weights are "
                "coefficients of other columns: give the data as that layer gets them."
            )
        program["hidden-layer"] = (
            f"The network has {listed_layers(hidden)} before {dense.name}, and what {dense.name} gets is no affine map of the "
            "data: the network is no generalized linear model of these columns and has no coefficients."
        )
        return Params(np.full(k, np.nan), np.full((p, k), np.nan)), np.zeros((1 + p, k)), False, program
    if hidden:
        program["hidden-layer"] = linear_hidden(hidden, dense, p)
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


def _map(opened: Opened, p: int) -> tuple[np.ndarray | None, np.ndarray, bool]:
    """Return (matrix, start, plain): the affine map of the network's inputs to those of the Dense layer; None for no map."""
    twin, X = opened.twin, opened.shown.X
    features = twin(X).features
    d, h = X.shape[1], features.shape[1]
    for width in {p, d}:
        if h == width and np.array_equal(features, X[:, :width]):
            return np.eye(d)[:, :width], np.zeros(h), True
    units = units_of(twin, X)
    return (None, np.zeros(h), False) if units is None or not units.affine.all() else (units.matrix, units.shift, False)


def _shift(opened: Opened, p: int) -> np.ndarray:
    """The constant (k,) that a network adds to eta; an offset among its inputs has to be added as it is."""
    shift, offset = opened.shift, opened.shown.X[:, p:]
    if opened.beside and shift.any() and np.ptp(offset) > 0:
        if offset.shape[1] != shift.shape[1]:
            offset = np.broadcast_to(offset, shift.shape)
        shift = shift - contrast(opened.link, offset)
    if np.abs(shift - shift[:1]).max(initial=0.0) > 1e-6 * (1 + np.abs(opened.shift).max(initial=0.0)):
        if added := [layer.name for layer in opened.layers if layer.trainable_weights and layer is not opened.dense]:
            raise NotRead(
                f"the network adds what {', '.join(added)} gives to what {opened.dense.name} gives: give its coefficients in its "
                "place, or join the inputs of these layers (Concatenate) before one Dense."
            )
        raise NotRead(
            "the network adds to its linear predictor something of the data that is not the offset: give the offset as the "
            "network takes it, or leave that part out."
        )
    return np.median(shift, axis=0) if np.abs(shift).max(initial=0.0) > 1e-6 else np.zeros(shift.shape[1])


def _as_outputs(params: Params, rounding: np.ndarray, opened: Opened, rows: Rows) -> tuple[Params, np.ndarray, tuple[str, ...]]:
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
