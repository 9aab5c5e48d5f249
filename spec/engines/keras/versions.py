"""The differences between versions of Keras, from 2.5 to 3, each in one place."""

from __future__ import annotations

import os
import random
from typing import Any

import numpy as np
from packaging.version import Version

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # CUDA and oneDNN notices on every import
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

try:
    import keras
except ImportError as error:
    chosen = os.environ["KERAS_BACKEND"]
    raise ImportError(f"{error}; KERAS_BACKEND is {chosen!r}: install that, or set it to tensorflow, jax or torch") from error

Tensor = Any  # a tensor of TensorFlow, where Keras rounds
VERSION: str = keras.__version__
RELEASE = Version(VERSION).release

if RELEASE < (3,):  # before 2.13 the module keras lacks some of the public API that tensorflow.keras has
    import tensorflow as tf
    from tensorflow import keras

try:
    Normalization = keras.layers.Normalization
except AttributeError:  # before 2.6
    Normalization = keras.layers.experimental.preprocessing.Normalization


def cast(x: Tensor, dtype: str) -> Tensor:
    """A tensor in another dtype."""
    return keras.ops.cast(x, dtype) if RELEASE >= (3,) else tf.cast(x, dtype)


def set_random_seed(seed: int) -> None:
    """Seed Python, NumPy and the backend, as `keras.utils.set_random_seed` does from 2.7 on."""
    if hasattr(keras.utils, "set_random_seed"):
        keras.utils.set_random_seed(seed)
    else:
        random.seed(seed)
        np.random.seed(seed)
        tf.random.set_seed(seed)


def compiled(by_xla: bool) -> dict[str, bool]:
    """The argument of `compile` that decides on XLA: Keras 3 compiles training unless told not to, Keras 2 only if told to."""
    return {"jit_compile": by_xla} if RELEASE >= (3,) else {}


class Unrounded(keras.losses.Loss):
    """A loss that is averaged in the precision of its rows: before 2.10 Keras rounds the rows' losses to float32."""

    def __call__(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        rows = self.call(y_true, y_pred)
        return tf.reduce_mean(rows if sample_weight is None else rows * tf.reshape(sample_weight, tf.shape(rows)))


def unrounded(loss: type) -> type:
    """The class of a loss itself, or in versions that round a class of it that is `Unrounded`."""
    return type(loss.__name__, (Unrounded, loss), {}) if RELEASE < (2, 10) else loss
