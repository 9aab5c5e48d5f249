"""
What lies beneath Keras: TensorFlow, JAX or torch, each difference between them once.

The environment variable ``KERAS_BACKEND`` chooses one; TensorFlow if it is not set. Keras layers, losses and optimisers are the
same on each. What is not: the elementary functions of a tensor, how a loss is differentiated, and whether a cross-entropy
finds the logits behind the probabilities that it is given.
"""

from __future__ import annotations

import abc
import math
from typing import Any

import numpy as np

from spec.engines.keras.derivatives import Compiled, Derivatives, Loss, Recorded, Taped
from spec.engines.keras.versions import keras


def restore_float64() -> None:
    """
    Undo that Keras computes in float32 wherever an operation promotes its arguments, whatever its ``floatx``.

    On JAX and torch its table of promotions has float32 for float64, and no setting says otherwise: see docs/findings.md.
    """
    from keras.src.backend.common import dtypes

    before_3_12 = "BIT64_TO_BIT16_DTYPE"
    table = getattr(dtypes, before_3_12, None) or dtypes.BIT64_TO_BIT32_DTYPE
    table["float64"] = "float64"


class Backend(abc.ABC):
    """
    A namespace `spec.elementary.Elementary` of tensors, and the derivatives of a loss in Keras's variables.

    ``finds_logits``: given the output of Keras's own sigmoid or softmax, its cross-entropies compute from the logits; where
    they do not, they clip the probabilities to within 1e-7 of 0 and 1.
    """

    pi = math.pi
    name: str
    version: str
    finds_logits = False
    compiles_training = False  # whether compiling Keras's training step gains more than it costs
    dtype = "float64 restored"  # from Keras's float32: see `restore_float64`

    # elementary functions, and those of more than one element that heads are made of
    exp: Any
    expm1: Any
    log: Any
    log1p: Any
    sin: Any
    arctan2: Any
    sigmoid: Any
    erfc: Any
    ndtri: Any
    where: Any
    _sqrt: Any

    def sqrt(self, x: Any) -> Any:
        return math.sqrt(x) if isinstance(x, float) else self._sqrt(x)  # of a tensor, or of 2 pi

    def logit(self, x: Any) -> Any:
        return self.log(x) - self.log1p(-x)

    def ndtr(self, x: Any) -> Any:
        return self.erfc(-x / math.sqrt(2)) / 2

    def xlogy(self, x: Any, y: Any) -> Any:
        return x * self.log(self.where(x == 0, 1.0, y))  # where x is 0 the slope is 0 too: JAX and torch have 0 / 0 for it

    def xlog1py(self, x: Any, y: Any) -> Any:
        return x * self.log1p(self.where(x == 0, 0.0, y))

    def enable_float64(self) -> None:  # noqa: B027 (nothing to do on TensorFlow)
        """Make the backend and Keras's operations on it compute in float64. Lasts for the process; nothing on TensorFlow."""

    @abc.abstractmethod
    def row_sums(self, x: Any) -> Any:
        """Over the last axis."""

    @abc.abstractmethod
    def total(self, x: Any) -> Any:
        """The sum over the last axis, which is kept."""

    @abc.abstractmethod
    def largest(self, x: Any) -> Any:
        """The largest over the last axis, which is kept."""

    def spread(self, x: Any) -> Any:
        """x (1 - x) of shares that sum to 1 over the last axis, as a share times the others."""
        return self.total(x[..., :, None] * x[..., None, :] * (1 - np.eye(x.shape[-1])))[..., 0]

    @abc.abstractmethod
    def running_sums(self, x: Any) -> Any:
        """Along the first axis."""

    @abc.abstractmethod
    def concatenate(self, parts: list[Any], axis: int) -> Any: ...

    @abc.abstractmethod
    def tensor(self, array: np.ndarray, dtype: str) -> Any: ...

    @abc.abstractmethod
    def numpy(self, x: Any) -> np.ndarray:
        """Of a tensor, or of a variable of Keras's."""

    @abc.abstractmethod
    def derivatives(self, loss: Loss, variables: list[Any], data: list[Any]) -> Derivatives: ...


class TensorFlow(Backend):
    """Also beneath Keras 2."""

    name, dtype, finds_logits = "tensorflow", "float64", True

    def __init__(self) -> None:
        import tensorflow as tf

        self.tf, self.version = tf, tf.__version__
        self.exp, self.expm1, self.log, self.log1p, self._sqrt = tf.exp, tf.math.expm1, tf.math.log, tf.math.log1p, tf.sqrt
        self.sin, self.arctan2, self.sigmoid, self.erfc = tf.sin, tf.math.atan2, tf.sigmoid, tf.math.erfc
        self.ndtri, self.where = tf.math.ndtri, tf.where

    def xlogy(self, x: Any, y: Any) -> Any:
        return self.tf.math.xlogy(x, y)

    def xlog1py(self, x: Any, y: Any) -> Any:
        return self.tf.math.xlog1py(x, y)

    def row_sums(self, x: Any) -> Any:
        return self.tf.reduce_sum(x, axis=-1)

    def total(self, x: Any) -> Any:
        return self.tf.reduce_sum(x, axis=-1, keepdims=True)

    def largest(self, x: Any) -> Any:
        return self.tf.reduce_max(x, axis=-1, keepdims=True)

    def running_sums(self, x: Any) -> Any:
        return self.tf.cumsum(x)

    def concatenate(self, parts: list[Any], axis: int) -> Any:
        return self.tf.concat(parts, axis)

    def tensor(self, array: np.ndarray, dtype: str) -> Any:
        return self.tf.constant(array, dtype)

    def numpy(self, x: Any) -> np.ndarray:
        return x.numpy()

    def derivatives(self, loss: Loss, variables: list[Any], data: list[Any]) -> Derivatives:
        return Taped(loss, variables, data, self.tf)


class Jax(Backend):
    """JAX computes in float32 until float64 is switched on: `enable_float64`, before the arrays that need it."""

    name, compiles_training = "jax", True

    def __init__(self) -> None:
        import jax
        from jax.flatten_util import ravel_pytree

        self.ravel = ravel_pytree
        self.jax, self.version, jnp = jax, jax.__version__, jax.numpy
        self.exp, self.expm1, self.log, self.log1p, self._sqrt = jnp.exp, jnp.expm1, jnp.log, jnp.log1p, jnp.sqrt
        self.sin, self.arctan2, self.sigmoid, self.erfc = jnp.sin, jnp.arctan2, jax.nn.sigmoid, jax.lax.erfc
        self.ndtri, self.where = jax.scipy.special.ndtri, jnp.where

    def enable_float64(self) -> None:
        self.jax.config.update("jax_enable_x64", True)
        restore_float64()

    def row_sums(self, x: Any) -> Any:
        return x.sum(axis=-1)

    def total(self, x: Any) -> Any:
        return x.sum(axis=-1, keepdims=True)

    def largest(self, x: Any) -> Any:
        return x.max(axis=-1, keepdims=True)

    def running_sums(self, x: Any) -> Any:
        return x.cumsum(axis=0)

    def concatenate(self, parts: list[Any], axis: int) -> Any:
        return self.jax.numpy.concatenate(parts, axis)

    def tensor(self, array: np.ndarray, dtype: str) -> Any:
        return self.jax.numpy.asarray(array, dtype)

    def numpy(self, x: Any) -> np.ndarray:
        return np.asarray(getattr(x, "value", x))

    def derivatives(self, loss: Loss, variables: list[Any], data: list[Any]) -> Derivatives:
        return Compiled(loss, variables, data, self)


class Torch(Backend):
    """Its own ndtr is one plus erf, which has no digits left in the lower tail: here as elsewhere it comes from erfc."""

    name = "torch"

    def __init__(self) -> None:
        import torch

        self.torch, self.version = torch, str(torch.__version__)
        self.exp, self.expm1, self.log, self.log1p, self._sqrt = torch.exp, torch.expm1, torch.log, torch.log1p, torch.sqrt
        self.sin, self.arctan2, self.sigmoid, self.erfc = torch.sin, torch.atan2, torch.sigmoid, torch.erfc
        self.ndtri, self.where = torch.special.ndtri, torch.where

    def enable_float64(self) -> None:
        restore_float64()

    def row_sums(self, x: Any) -> Any:
        return x.sum(dim=-1)

    def total(self, x: Any) -> Any:
        return x.sum(dim=-1, keepdim=True)

    def largest(self, x: Any) -> Any:
        return x.amax(dim=-1, keepdim=True)

    def running_sums(self, x: Any) -> Any:
        return x.cumsum(dim=0)

    def concatenate(self, parts: list[Any], axis: int) -> Any:
        return self.torch.cat(parts, axis)

    def tensor(self, array: np.ndarray, dtype: str) -> Any:
        return self.torch.tensor(array, dtype=getattr(self.torch, dtype))

    def numpy(self, x: Any) -> np.ndarray:
        return getattr(x, "value", x).detach().numpy().copy()

    def derivatives(self, loss: Loss, variables: list[Any], data: list[Any]) -> Derivatives:
        return Recorded(loss, variables, data, self.torch)


BACKENDS: dict[str, type[Backend]] = {backend.name: backend for backend in (TensorFlow, Jax, Torch)}
if keras.backend.backend() not in BACKENDS:
    raise ImportError(
        f"no derivatives on Keras's backend {keras.backend.backend()!r}: set KERAS_BACKEND to {', '.join(BACKENDS)}"
    )
BACKEND = BACKENDS[keras.backend.backend()]()
