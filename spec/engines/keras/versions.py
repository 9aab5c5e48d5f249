"""Keras from 2.5 to 3: what differs between its versions, each difference once."""

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

VERSION: str = keras.__version__
RELEASE = Version(VERSION).release

if RELEASE < (3,):  # before 2.13 the module of this name lacks some of the public API, which is TensorFlow's
    import tensorflow as tf
    from tensorflow import keras

try:
    Normalization = keras.layers.Normalization
except AttributeError:  # before 2.6
    Normalization = keras.layers.experimental.preprocessing.Normalization


def set_random_seed(seed: int) -> None:
    """Of Python, NumPy and the backend: `keras.utils` has it from 2.7 on."""
    if hasattr(keras.utils, "set_random_seed"):
        keras.utils.set_random_seed(seed)
    else:
        random.seed(seed)
        np.random.seed(seed)
        tf.random.set_seed(seed)


def compiled(by_xla: bool) -> dict[str, bool]:
    """What `compile` is told: Keras 3 has XLA compile the training unless it is told not to, Keras 2 if it is told to."""
    return {"jit_compile": by_xla} if RELEASE >= (3,) else {}


class Unrounded(keras.losses.Loss):
    """The mean over the rows in their own precision. Before 2.10 Keras rounds each row's loss to float32, in float64 too."""

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        rows = self.call(y_true, y_pred)
        return tf.reduce_mean(rows if sample_weight is None else rows * tf.reshape(sample_weight, tf.shape(rows)))


def unrounded(loss: type) -> type:
    """The class of a loss, with `Unrounded` for its reduction where Keras rounds."""
    return type(loss.__name__, (Unrounded, loss), {}) if RELEASE < (2, 10) else loss
