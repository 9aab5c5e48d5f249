"""The weights of a layer, as they are set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from spec.compat import strict_zip
from spec.engines.keras.backend import BACKEND
from spec.engines.keras.versions import keras
from spec.fit.batch import Batch
from spec.model import Model, Params

FAR = 1e-2  # of the spread of the means, or of a hundredth of their size where they hardly differ: what a reader would see


def refuse_unheld(layer: keras.layers.Layer, weights: Sequence[np.ndarray]) -> None:
    """Raise ValueError where a layer would keep a weight as infinite, or all weights as 0, which they are not."""
    sizes = np.abs(np.concatenate([np.ravel(weight) for weight in weights]))
    kept = layer.weights[0].dtype
    kept = getattr(kept, "name", str(kept))
    limits = np.finfo("float32" if kept == "bfloat16" else kept)  # which has the same exponents
    if sizes.max() > limits.max or 0 < sizes.max() < limits.tiny:
        raise ValueError(
            f"the largest weight is {sizes.max():.3g}, and {layer.name} keeps its weights in {kept}, which has no such number: "
            "give y or X in other units, or make the model in float64 (keras.config.set_dtype_policy)."
        )


def rounding(layers: Sequence[keras.layers.Layer], model: Model, params: Params, rows: Batch) -> str | None:
    """The remark if the least precision of some layers takes the means far from those of the fit, on some rows of the inputs."""
    kinds = {layer.compute_dtype for layer in layers}
    kind = next((one for one in ("float16", "float32") if one in kinds), None)
    if kind is None:
        return None
    with np.errstate(all="ignore"):
        offset = 0.0 if rows.offset is None else rows.offset
        product = rows.X.astype(kind) @ params.coef.astype(kind) + params.intercept.astype(kind)
        exact = model.link.inverse(rows.eta(params))
        off = np.abs(model.link.inverse(product.astype(float) + offset) - exact).max()
    if off <= FAR * max(np.ptp(exact), FAR * np.abs(exact).max()):
        return None
    if not np.isfinite(off):
        return f"The network computes in {kind}, which has no such numbers: give X in other units, or make the model in float64."
    return (
        f"The network computes in {kind}, and its means are off by up to {off:.2g}: numbers that are large beside their "
        "differences lose digits there. Centre and scale them, or make the model in float64."
    )


def set_weights(layer: keras.layers.Layer, weights: Sequence[np.ndarray]) -> None:
    """
    Set the weights of a layer, as its own `set_weights` does.

    Keras reads each variable of TensorFlow back after it has set it, which for a small model takes as long as a pass over its
    rows. So the variable that Keras's holds is set itself.
    """
    for variable, value in strict_zip(layer.weights, weights):
        held: Any = getattr(variable, "value", None)
        if hasattr(held, "assign"):
            held.assign(BACKEND.tensor(value, held.dtype.name), read_value=False)
        else:
            variable.assign(value)
