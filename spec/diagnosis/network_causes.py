"""The causes that stand in a network itself, each with a sentence: in its layers, its penalties and its loss."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from spec.diagnosis.network_opened import Opened, is_batch_normalization
from spec.diagnosis.optimizer_record import numbers
from spec.diagnosis.tables.names import first_big
from spec.engines.keras.backend import BACKEND
from spec.engines.keras.versions import Normalization, keras
from spec.families import Gaussian
from spec.fit.reading import NotRead
from spec.fit.reading.loss import OwnLoss, setting
from spec.fit.reading.objective import Candidate, objective_rung
from spec.fit.rows import Batch, Rows
from spec.links import Identity, Logit, Softmax
from spec.model import Model

NOISE = ("Dropout", "AlphaDropout", "GaussianDropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianNoise")


def hidden_layers(opened: Opened) -> list[Any]:
    """The trained layers beside the Dense layer that gives the answer."""
    layers = opened.layers
    weighted = [layer for layer in layers if layer.trainable_weights] or [layer for layer in layers if layer.weights]
    others = [layer for layer in weighted if layer is not opened.dense and not isinstance(layer, Normalization)]
    return [layer for layer in others if not is_batch_normalization(layer)]


def listed_layers(layers: list[Any]) -> str:
    """The layers in words, with their units and activations."""

    def said(layer: Any) -> str:
        units, activation = getattr(layer, "units", None), getattr(layer, "activation", None)
        word = getattr(activation, "__name__", "")
        parts = [type(layer).__name__, *([f"{units} units"] if units else []), *([word] if word else [])]
        return f"{layer.name} ({', '.join(parts)})"

    return f"the hidden layer{'s' * (len(layers) > 1)} {', '.join(map(said, layers))}"


def linear_hidden(hidden: list[Any], dense: keras.layers.Dense, p: int) -> str:
    full = min(p, max(int(dense.units) - 1, 1))
    least = min(int(getattr(layer, "units", None) or p) for layer in hidden)
    says = f"The network has {listed_layers(hidden)} before {dense.name}, without an activation that bends"
    if least < full:
        return (
            f"{says}: the product of the kernels has a rank of at most {least}, where that of the model is {full}. The "
            "coefficients here are that product."
        )
    return f"{says}: the product of the kernels is one kernel, and the coefficients here are that product."


def of_layers(opened: Opened) -> dict[str, str]:
    """The causes that stand in the layers of a network, each with a sentence."""
    program: dict[str, str] = {}
    for layer in opened.layers:
        kind, layer_name = type(layer).__name__, layer.name
        if kind in NOISE and (amount := float(getattr(layer, "rate", None) or getattr(layer, "stddev", None) or 0.0)):
            does = "adds noise" if kind == "GaussianNoise" else "drops inputs by chance"
            program.setdefault("dropout", f"The layer {layer_name} ({kind}({amount:g})) {does} in training.")
        if is_batch_normalization(layer):
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
    return {**program, **of_penalties(opened.dense)}


def _standardised(layer: Any, dense: Any, mean: float, deviation: float) -> str:
    return (
        f"The layer {layer.name} ({type(layer).__name__}) before {dense.name} takes {mean:.6g} from the first column and divides "
        f"it by {deviation:.6g}: the coefficients here are those of the data's units."
    )


def of_penalties(dense: keras.layers.Dense) -> dict[str, str]:
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


def of_loss(opened: Opened, stated: Model | None) -> tuple[Candidate | None, dict[str, str], Batch]:
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


def other_model(opened: Opened, found: Candidate | None, stated: Model | None, rows: Rows) -> dict[str, str]:
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
