"""
The backends of Keras: TensorFlow, JAX and torch, each difference between them in one place.

The environment variable ``KERAS_BACKEND`` chooses one; TensorFlow if it is not set. Keras layers, losses and optimisers are the
same on each. Three things differ: the elementary functions of a tensor, how a loss is differentiated, and whether a
cross-entropy finds the logits behind the probabilities that it is given.
"""

from __future__ import annotations

import abc
import math
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from spec.elementary import Rounded
from spec.engines.keras.derivatives import Compiled, Data, Derivatives, Loss, Recorded, Taped, Tensor, Variable
from spec.engines.keras.versions import keras

Function = Callable[..., Tensor]  # of tensors
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def restore_float64() -> None:
    """
    Make Keras's operations keep float64 where they promote their arguments. Lasts for the process.

    On JAX and torch Keras's table of promotions has float32 for float64, whatever its ``floatx``, and no setting changes it:
    see docs/findings.md.
    """
    from keras.src.backend.common import dtypes

    before_3_12 = "BIT64_TO_BIT16_DTYPE"
    table = getattr(dtypes, before_3_12, None) or dtypes.BIT64_TO_BIT32_DTYPE
    table["float64"] = "float64"


class Backend(Rounded, abc.ABC):
    """
    A namespace `spec.elementary.Elementary` of tensors, and the derivatives of a loss in Keras's variables.

    ``finds_logits`` says whether Keras's cross-entropies, given the output of its own sigmoid or softmax, compute from the
    logits; where they do not, they clip the probabilities to [1e-7, 1 - 1e-7].
    """

    pi = math.pi
    name: str
    version: str
    finds_logits = False
    compiles = True  # whether `Derivatives.program` is compiled at its first call
    compiles_training = False  # whether compiling Keras's training step gains more than it costs
    dtype = "float64 restored"  # from Keras's float32: see `restore_float64`

    # the elementary functions of tensors
    exp: Function
    expm1: Function
    log: Function
    log1p: Function
    sin: Function
    arctan2: Function
    sigmoid: Function
    erfc: Function
    ndtri: Function
    where: Function
    floor: Function
    sqrt: Function
    einsum: Function  # of an equation, and tensors

    def logit(self, x: Tensor) -> Tensor:
        return self.log(x) - self.log1p(-x)

    def xlogy(self, x: Tensor, y: Tensor) -> Tensor:
        return x * self.log(self.where(x == 0, 1.0, y))  # the slope is 0 too where x is 0: on JAX and torch it would be 0 / 0

    def xlog1py(self, x: Tensor, y: Tensor) -> Tensor:
        return x * self.log1p(self.where(x == 0, 0.0, y))

    def enable_float64(self) -> None:
        """Make the backend and Keras's operations on it compute in float64. Lasts for the process; TensorFlow needs nothing."""

    @property
    def on_gpu(self) -> bool:
        """Whether a GPU computes."""
        return False

    @property
    def threads(self) -> int | None:
        """How many threads share one operation, which its last bits may depend on; None where there is no choice."""
        return None

    def share_among(self, threads: int | None) -> None:
        """Let so many threads share one operation, where the process has not begun to compute. Lasts for the process."""

    @abc.abstractmethod
    def constants(self, numbers: tuple[float, ...], like: Tensor) -> Tensor:
        """The numbers as a tensor (m,), of the dtype of another."""

    @abc.abstractmethod
    def row_sums(self, x: Tensor) -> Tensor:
        """The sum over the last axis, which is dropped."""

    @abc.abstractmethod
    def total(self, x: Tensor) -> Tensor:
        """The sum over the last axis, which is kept."""

    @abc.abstractmethod
    def largest(self, x: Tensor) -> Tensor:
        """The largest over the last axis, which is kept."""

    @abc.abstractmethod
    def running_sums(self, x: Tensor) -> Tensor:
        """The cumulative sums along the first axis."""

    @abc.abstractmethod
    def concatenate(self, parts: list[Tensor], axis: int) -> Tensor:
        """The tensors joined along an axis."""

    @abc.abstractmethod
    def tensor(self, array: np.ndarray, dtype: str) -> Tensor:
        """The array as a tensor of the dtype."""

    @abc.abstractmethod
    def numpy(self, x: Tensor) -> np.ndarray:
        """The value of a tensor or of a Keras variable."""

    def one_batch(self, data: Data) -> Any:
        """The data as a stream of one batch, where that spares what Keras does with arrays in each epoch; else None."""
        return None

    @abc.abstractmethod
    def derivatives(self, loss: Loss, variables: list[Variable], data: Data) -> Derivatives:
        """The derivatives of a loss of the data in Keras's variables."""


class TensorFlow(Backend):
    """TensorFlow, which is the backend of Keras 2 as well."""

    name, dtype, finds_logits = "tensorflow", "float64", True

    def __init__(self) -> None:
        import tensorflow as tf

        self.tf, self.version = tf, tf.__version__
        self.exp, self.expm1, self.log, self.log1p, self.sqrt = tf.exp, tf.math.expm1, tf.math.log, tf.math.log1p, tf.sqrt
        self.sin, self.arctan2, self.sigmoid, self.erfc = tf.sin, tf.math.atan2, tf.sigmoid, tf.math.erfc
        self.ndtri, self.floor, self.einsum = tf.math.ndtri, tf.floor, tf.einsum

    def where(self, condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """The entries of x where the condition holds, else those of y; of equal shapes by the operation whose slope is short."""
        if isinstance(x, self.tf.Tensor) and isinstance(y, self.tf.Tensor) and condition.shape == x.shape == y.shape:
            return self.tf.raw_ops.Select(condition=condition, x=x, y=y)
        return self.tf.where(condition, x, y)

    def filled(self, x: Tensor, number: float) -> Tensor:  # type: ignore[override]
        """A tensor of this shape: the slope of `where` is short where all shapes are equal, and this one has none."""
        return self.tf.zeros_like(x) + number

    @property
    def on_gpu(self) -> bool:
        return bool(self.tf.config.list_physical_devices("GPU"))

    @property
    def threads(self) -> int | None:
        return self.tf.config.threading.get_intra_op_parallelism_threads() or CORES

    def share_among(self, threads: int | None) -> None:
        with suppress(RuntimeError):  # it has begun to compute
            self.tf.config.threading.set_intra_op_parallelism_threads(threads)

    def xlogy(self, x: Tensor, y: Tensor) -> Tensor:
        return self.tf.math.xlogy(x, y)

    def xlog1py(self, x: Tensor, y: Tensor) -> Tensor:
        return self.tf.math.xlog1py(x, y)

    def constants(self, numbers: tuple[float, ...], like: Tensor) -> Tensor:
        return self.tf.constant(numbers, like.dtype)

    def row_sums(self, x: Tensor) -> Tensor:
        return self.tf.reduce_sum(x, axis=-1)

    def total(self, x: Tensor) -> Tensor:
        return self.tf.reduce_sum(x, axis=-1, keepdims=True)

    def largest(self, x: Tensor) -> Tensor:
        return self.tf.reduce_max(x, axis=-1, keepdims=True)

    def running_sums(self, x: Tensor) -> Tensor:
        return self.tf.cumsum(x)

    def concatenate(self, parts: list[Tensor], axis: int) -> Tensor:
        return self.tf.concat(parts, axis)

    def tensor(self, array: np.ndarray, dtype: str) -> Tensor:
        return self.tf.constant(array, dtype)

    def numpy(self, x: Tensor) -> np.ndarray:
        return x.numpy()

    def one_batch(self, data: Data) -> Any:
        """A data set: of arrays Keras makes one in each epoch, which takes as long as some ten steps."""
        return self.tf.data.Dataset.from_tensors(tuple(tuple(part) if isinstance(part, list) else part for part in data))

    def derivatives(self, loss: Loss, variables: list[Variable], data: Data) -> Derivatives:
        return Taped(loss, variables, data, self.tf)


class Jax(Backend):
    """JAX. It computes in float32 until `enable_float64` is called, which must happen before arrays are made."""

    name, compiles_training = "jax", True

    def __init__(self) -> None:
        import jax
        from jax.flatten_util import ravel_pytree

        self.ravel = ravel_pytree
        self.jax, self.version, jnp = jax, jax.__version__, jax.numpy
        self.exp, self.expm1, self.log, self.log1p, self.sqrt = jnp.exp, jnp.expm1, jnp.log, jnp.log1p, jnp.sqrt
        self.sin, self.arctan2, self.sigmoid, self.erfc = jnp.sin, jnp.arctan2, jax.nn.sigmoid, jax.lax.erfc
        self.ndtri, self.where, self.floor, self.einsum = jax.scipy.special.ndtri, jnp.where, jnp.floor, jnp.einsum

    @property
    def on_gpu(self) -> bool:
        return str(self.jax.default_backend()) == "gpu"

    def enable_float64(self) -> None:
        self.jax.config.update("jax_enable_x64", True)
        restore_float64()

    def symbolic_sizes(self, names: str) -> tuple[Any, ...]:
        """Lengths that a trace leaves open, by their names."""
        from jax import export

        return tuple(export.symbolic_shape(names))

    def constants(self, numbers: tuple[float, ...], like: Tensor) -> Tensor:
        return self.jax.numpy.asarray(numbers, like.dtype)

    def row_sums(self, x: Tensor) -> Tensor:
        return x.sum(axis=-1)

    def total(self, x: Tensor) -> Tensor:
        return x.sum(axis=-1, keepdims=True)

    def largest(self, x: Tensor) -> Tensor:
        return x.max(axis=-1, keepdims=True)

    def running_sums(self, x: Tensor) -> Tensor:
        return x.cumsum(axis=0)

    def concatenate(self, parts: list[Tensor], axis: int) -> Tensor:
        return self.jax.numpy.concatenate(parts, axis)

    def tensor(self, array: np.ndarray, dtype: str) -> Tensor:
        return self.jax.numpy.asarray(array, dtype)

    def numpy(self, x: Tensor) -> np.ndarray:
        return np.asarray(getattr(x, "value", x))

    def derivatives(self, loss: Loss, variables: list[Variable], data: Data) -> Derivatives:
        return Compiled(loss, variables, data, self)


class Torch(Backend):
    """torch. Its own ndtr is 1 + erf, which loses all digits in the lower tail."""

    name, compiles = "torch", False

    def __init__(self) -> None:
        import torch

        self.torch, self.version = torch, str(torch.__version__)
        self.exp, self.expm1, self.log, self.log1p, self.sqrt = torch.exp, torch.expm1, torch.log, torch.log1p, torch.sqrt
        self.sin, self.arctan2, self.sigmoid, self.erfc = torch.sin, torch.atan2, torch.sigmoid, torch.erfc
        self.ndtri, self.where, self.floor, self.einsum = torch.special.ndtri, torch.where, torch.floor, torch.einsum

    @property
    def on_gpu(self) -> bool:
        return bool(self.torch.cuda.is_available())  # then Keras's variables are there

    def enable_float64(self) -> None:
        restore_float64()

    @property
    def threads(self) -> int | None:
        return int(self.torch.get_num_threads())

    def share_among(self, threads: int | None) -> None:
        self.torch.set_num_threads(threads)

    def constants(self, numbers: tuple[float, ...], like: Tensor) -> Tensor:
        return self.torch.tensor(numbers, dtype=like.dtype, device=like.device)

    def row_sums(self, x: Tensor) -> Tensor:
        return x.sum(dim=-1)

    def total(self, x: Tensor) -> Tensor:
        return x.sum(dim=-1, keepdim=True)

    def largest(self, x: Tensor) -> Tensor:
        return x.amax(dim=-1, keepdim=True)

    def running_sums(self, x: Tensor) -> Tensor:
        return x.cumsum(dim=0)

    def concatenate(self, parts: list[Tensor], axis: int) -> Tensor:
        return self.torch.cat(parts, axis)

    def tensor(self, array: np.ndarray, dtype: str) -> Tensor:
        return self.torch.tensor(array, dtype=getattr(self.torch, dtype), device="cuda" if self.on_gpu else "cpu")

    def numpy(self, x: Tensor) -> np.ndarray:
        tensor: Tensor = getattr(x, "value", x)
        return tensor.detach().cpu().numpy().copy()

    def derivatives(self, loss: Loss, variables: list[Variable], data: Data) -> Derivatives:
        return Recorded(loss, variables, data, self.torch)


BACKENDS: dict[str, type[Backend]] = {backend.name: backend for backend in (TensorFlow, Jax, Torch)}
if keras.backend.backend() not in BACKENDS:
    raise ImportError(f"unsupported Keras backend {keras.backend.backend()!r}: set KERAS_BACKEND to one of {', '.join(BACKENDS)}")
BACKEND = BACKENDS[keras.backend.backend()]()
