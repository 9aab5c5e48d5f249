"""
The rungs that license a fit: mean, objective and gradient of a user's model against those of a generalized linear model.

They are asked at several random weights. Far from the ends of their domains every link and family differs from the others, so
what agrees there is that model; the gradient shows what a value cannot, such as a part of the model that stops it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spec.compat import first_line
from spec.engines.keras.versions import keras
from spec.fit.reading.asked import Asked, ask, contrast, eta_at, inside, numbers, usable
from spec.fit.reading.graph import graph_of
from spec.fit.reading.leaves import NotRead
from spec.fit.reading.loss import OwnLoss
from spec.fit.reading.mean import mean_rung, proposed_links
from spec.fit.reading.objective import Candidate, objective_rung, responses
from spec.fit.reading.twin import Twin
from spec.fit.rows import Batch
from spec.links import Log

RESHAPING = (keras.layers.Flatten, keras.layers.Reshape)
GRADIENT = 1e-5  # how much a slope may differ, relative to the sum of what its rows' slopes are made of, without sign


def license_model(twin: Twin, loss: OwnLoss, rows: Batch, proposed: list[Any]) -> Candidate:
    """The generalized linear model that a twin is. Raises `NotRead` with the rung that broke where it is none."""
    asked = ask(twin, rows.X)
    if asked[0].seen.outputs.shape != asked[0].z.shape:
        units, outputs, layers = asked[0].z.shape[1], asked[0].seen.outputs.shape[1], twin.linear.layers
        if len(layers) > 1 and units < outputs:
            names = ", ".join(layer.name for layer in layers)
            raise NotRead(f"the outputs of {names} stand beside one another: make one Dense layer of {outputs} units of them.")
        raise NotRead(
            f"the layer {twin.linear.name} has {units} units, but the model gives {outputs} outputs: a generalized linear model "
            "has one output for each unit."
            + ("" if units != outputs - 1 else " A class whose eta is 0 may have a unit too: a softmax of all is the same model.")
        )
    try:
        link, factor = mean_rung(asked, proposed_links(proposed))
    except NotRead as error:
        if (product := _product(twin)) is not None:
            raise NotRead(
                f"the output of the layer {product} is multiplied by what is made of the inputs, so its weights are those of "
                "products of columns: give it these products, as in Dense(1, use_bias=False)(Multiply()([X, u])), and u itself "
                "for a bias."
            ) from None
        if len(twin.linear.parts) == 1:
            raise
        raise NotRead(
            f"{error} Are the outputs of its layers ({twin.linear.name}) added, without activations of their own?"
        ) from None
    offset = np.median(
        [eta_at(link, one) - factor * one.z for one in asked if inside(link, one).all()] or [0.0 * asked[0].z], axis=0
    )
    offset = contrast(link, offset)
    nowhere = np.all([~inside(link, one).all(axis=1) for one in asked], axis=0)
    if isinstance(link, Log) and nowhere.any() and not nowhere.all():
        row = int(np.argmax(nowhere))
        raise NotRead(
            f"whatever its weights are, the model's mean is {numbers(asked[0].seen.outputs[row])} in a row whose inputs are "
            f"{numbers(rows.X[row])}: is an exposure 0 or below?"
        )
    candidate = objective_rung(loss, rows, asked, link, factor, offset, proposed)
    gradient_rung(twin, loss, rows, asked, candidate, offset)
    return candidate


def _product(twin: Twin) -> str | None:
    """The name of a layer of the linear part whose output is multiplied by what is made of the inputs, if there is one."""
    layers = twin.linear.layers
    for call in graph_of(twin.model).all():
        kind = f"{type(call.operation).__name__} {getattr(call.operation, 'name', '')}".lower()
        if "multiply" not in kind and "divide" not in kind:
            continue
        given = [one.through(RESHAPING) for one in call.given]
        weighed = [one for one in given if any(one.operation is layer for layer in layers)]
        if weighed and any(one.reaches_inputs(without=layers) for one in given):
            return str(weighed[0].operation.name)
    return None


def gradient_rung(twin: Twin, loss: OwnLoss, rows: Batch, asked: list[Asked], candidate: Candidate, offset: np.ndarray) -> None:
    """Raise `NotRead` where back-propagation through the model's own loss gives another gradient than the score."""
    model, k = candidate.model, asked[0].z.shape[1]
    y_true, y, _ = next(responses(model, rows, k, np.random.default_rng(2)))
    one = max(asked, key=lambda one: int(usable(model, candidate.factor * one.z + offset).sum()))
    eta = candidate.factor * one.z + offset
    used = np.flatnonzero(usable(model, eta))
    twin.set(one.kernel, one.bias)
    try:
        found = twin.gradient(loss.total, rows.X[used], y_true[used], np.ones(len(used)))
    except (TypeError, ValueError) as error:
        raise NotRead(
            "back-propagation gives no slope of its loss, which breaks the third rung: a part of the model or of its loss stops "
            f"the gradient. ({type(error).__name__}: {first_line(error)})"
        ) from error
    score = candidate.score(y[used], eta[used])
    design = Batch.of(one.seen.features[used], None).design(twin.linear.use_bias)
    # Keras's Poisson loss adds 1e-7 to the mean: much of a row's score where y is near the mean, little of what it is made of
    made_of = model.sizes(y[used], eta[used])[1]
    expected, size = candidate.slope(design, score), np.abs(candidate.slope(np.abs(design), made_of))
    if not (np.abs(found - expected) <= GRADIENT * size + 1e-12).all():
        if (np.abs(found - len(used) * expected) <= len(used) * (GRADIENT * size + 1e-12)).all():
            raise NotRead(
                f"the loss {loss.name} sums over the rows of a batch, where Keras takes a mean: let it return one number for "
                "each row, such as keras.ops.mean(..., axis=-1)."
            )
        worst = np.unravel_index(np.argmax(np.abs(found - expected) - GRADIENT * size), found.shape)
        raise NotRead(
            f"back-propagation gives {found[worst]:.6g} for a slope of its loss, and calculus {expected[worst]:.6g}, which "
            "breaks the third rung: a part of the model or of its loss stops the gradient, or changes it."
        )
