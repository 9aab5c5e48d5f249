"""The record of a training that a network's optimizer keeps."""

from __future__ import annotations

from typing import Any

import numpy as np

from spec.diagnosis.answer import Record
from spec.engines.keras.backend import BACKEND
from spec.engines.keras.versions import keras


def record_of(model: keras.Model, dense: keras.layers.Dense, keep_means: bool) -> Record | None:
    """The record of a network's optimizer, if it has made steps, with its running means for the weights of ``dense``."""
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None or not hasattr(optimizer, "iterations"):
        return None
    steps = int(np.asarray(BACKEND.numpy(optimizer.iterations)))
    if not steps:
        return None
    decay = getattr(optimizer, "weight_decay", None)
    mean, square = _adam(model, dense, optimizer) if keep_means else (None, None)
    return Record(
        optimizer=type(optimizer).__name__,
        learning_rate=_learning_rate(optimizer, steps),
        steps=steps,
        weight_decay=float(np.asarray(decay)) if decay else 0.0,
        momentum=float(np.asarray(getattr(optimizer, "momentum", None) or 0.0)),
        mean=mean,
        square=square,
        init=_largest_drawn(dense),
    )


def _learning_rate(optimizer: Any, steps: int) -> float:
    """The rate of the last step that was made."""
    for name in ("_learning_rate", "learning_rate", "lr"):
        rate = getattr(optimizer, name, None)
        if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
            return float(np.asarray(BACKEND.numpy(rate(steps - 1))))
        if rate is not None:
            return float(np.asarray(BACKEND.numpy(rate)))
    return np.nan


def _adam(model: keras.Model, dense: keras.layers.Dense, optimizer: Any) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Adam's running means of the gradient and of its square, (1 + p, k); None of other optimizers."""
    if type(optimizer).__name__ not in ("Adam", "AdamW"):
        return None, None
    wanted = [dense.bias, dense.kernel] if dense.use_bias else [dense.kernel]
    trained = list(model.trainable_variables)
    found = []
    for plural, slot in (("_momentums", "m"), ("_velocities", "v")):
        parts = []
        for variable in wanted:
            index = next((i for i, one in enumerate(trained) if one is variable), None)
            kept = getattr(optimizer, plural, None)
            if kept is not None and index is not None and len(kept) == len(trained):
                parts.append(numbers(kept[index]))
            elif hasattr(optimizer, "get_slot"):
                parts.append(numbers(optimizer.get_slot(variable, slot)))
            else:
                return None, None
        bias = parts[0] if dense.use_bias else np.zeros(int(dense.units))
        found.append(np.vstack([bias, parts[-1]]))
    return found[0], found[1]


def _largest_drawn(dense: keras.layers.Dense) -> float:
    """The largest weight that the kernel's initializer draws, nearly always; NaN where that is not known."""
    initializer, (p, k) = dense.kernel_initializer, tuple(dense.kernel.shape)
    kind = type(initializer).__name__
    if kind.startswith("Zeros"):
        return 0.0
    if kind.startswith("Ones"):
        return 1.0
    if kind.startswith("Constant"):
        return float(np.abs(np.asarray(initializer.value)).max())
    if hasattr(initializer, "scale") and hasattr(initializer, "mode"):
        fan = {"fan_in": p, "fan_out": k}.get(initializer.mode, (p + k) / 2)
        if initializer.distribution == "uniform":
            return float(np.sqrt(3 * initializer.scale / fan))
        spread = np.sqrt(initializer.scale / fan)
        return float(4 * spread if initializer.distribution == "untruncated_normal" else 2 * spread / 0.87962566103423978)
    if hasattr(initializer, "maxval"):
        return float(max(abs(initializer.minval), abs(initializer.maxval)))
    if hasattr(initializer, "stddev"):
        return float(abs(initializer.mean) + (2 if kind.startswith("Truncated") else 4) * initializer.stddev)
    return np.nan


def numbers(variable: Any) -> np.ndarray:
    """The values of a variable of Keras, in float64."""
    return np.asarray(BACKEND.numpy(variable), dtype=float)
