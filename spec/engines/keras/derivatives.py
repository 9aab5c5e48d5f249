"""The derivatives of a loss in Keras's variables: by TensorFlow's tapes, by JAX's transformations, by the graph of torch."""

from __future__ import annotations

import abc
import threading
from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from spec.compat import Recent, strict_zip
from spec.engines.keras.versions import keras

Loss = Callable[..., Any]  # of the data, and of the variables as they are


class Derivatives(abc.ABC):
    """Of a loss of some data in Keras's variables, at their values when it is asked."""

    def __init__(self, loss: Loss, variables: list[Any], data: list[Any], backend: Any) -> None:
        self.loss, self.variables, self.data, self.backend = loss, variables, data, backend

    def on(self, data: list[Any]) -> Derivatives:
        """The same loss on other data with as many columns."""
        return type(self)(self.loss, self.variables, data, self.backend)

    @abc.abstractmethod
    def gradient(self) -> tuple[float, list[np.ndarray]]:
        """The loss and its gradient by back-propagation, shaped like the variables."""

    @abc.abstractmethod
    def hessian(self) -> np.ndarray:
        """The gradient differentiated again; all variables in their order and each row after row, (size, size)."""

    @abc.abstractmethod
    def program(self, statistics: Callable[..., Any]) -> Callable[..., tuple[float, list[np.ndarray], list[np.ndarray]]]:
        """
        Of any data their loss, its gradient, and the tensors that ``statistics`` makes; compiled where the backend compiles.

        For data of one shape: for each other shape it is compiled anew.
        """


class Taped(Derivatives):
    """By TensorFlow's tapes."""

    def __init__(self, loss: Loss, variables: list[Any], data: list[Any], backend: Any) -> None:
        super().__init__(loss, variables, data, backend)
        self._often = Traced(backend, self._gradient)

    def on(self, data: list[Any]) -> Derivatives:
        other = type(self)(self.loss, self.variables, data, self.backend)
        other._often = self._often
        return other

    def _gradient(self, data: Any) -> tuple[Any, list[Any]]:
        with self.backend.GradientTape() as tape:
            loss = self.loss(*data)
        return loss, [self.backend.convert_to_tensor(part) for part in tape.gradient(loss, self.variables)]

    def gradient(self) -> tuple[float, list[np.ndarray]]:
        loss, gradient = self._often(self.data)
        return float(loss), [part.numpy() for part in gradient]

    def hessian(self) -> np.ndarray:
        tf = self.backend
        with tf.GradientTape(persistent=True) as tape:
            gradient = tf.concat([tf.reshape(part, [-1]) for part in self._gradient(self.data)[1]], axis=0)
        size = gradient.shape[0]
        rows = tape.jacobian(gradient, self.variables, experimental_use_pfor=size > 64)  # tracing costs more than 64 passes
        return tf.concat([tf.reshape(part, (size, -1)) for part in rows], axis=1).numpy()

    def program(self, statistics: Callable[..., Any]) -> Callable[..., tuple[float, list[np.ndarray], list[np.ndarray]]]:
        @self.backend.function(jit_compile=True, autograph=False)
        def compiled(*data: Any) -> Any:
            return *self._gradient(data), statistics(*data)

        staged = Staging(self.backend)

        def run(*data: Any) -> tuple[float, list[np.ndarray], list[np.ndarray]]:
            loss, gradient, found = compiled(*staged(data))
            return float(loss), [part.numpy() for part in gradient], [part.numpy() for part in found]

        return run


class Traced:
    """
    A function of data that is traced, for any number of rows, once it has been called often: tracing costs about ten calls.

    The graph is executed as it is written, so that it has the very bits of the function: rewritten by TensorFlow it may not.
    """

    AFTER = 6

    def __init__(self, tf: Any, function: Callable[[Any], Any]) -> None:
        self.tf, self.function, self.calls = tf, function, 0

    @cached_property
    def _graph(self) -> Any:
        return self.tf.function(lambda *data: self.function(data), autograph=False, input_signature=self._rows)

    def __call__(self, data: list[Any]) -> Any:
        self.calls += 1
        if self.calls <= self.AFTER:
            return self.function(data)
        if self.calls == self.AFTER + 1:
            self._rows = self.tf.nest.map_structure(lambda part: self.tf.TensorSpec([None, *part.shape[1:]], part.dtype), data)
        options = self.tf.config.optimizer.get_experimental_options()
        self.tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
        try:
            return self._graph(*data)
        finally:
            self.tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False, **options})


class Staging(threading.local):
    """
    Arrays as tensors, copied to where the last ones of their shapes were: in each thread its own.

    A tensor starts at a multiple of 64 bytes, where an array rarely does, so that some copy must be; and new memory for each
    batch costs more than the copy.
    """

    def __init__(self, tf: Any) -> None:
        self.tf = tf
        self.places: dict[tuple[int, tuple[int, ...]], tuple[np.ndarray, Any]] = {}

    def __call__(self, data: Any) -> Any:
        if not hasattr(np.ndarray, "__dlpack__"):  # before NumPy 1.22
            return self.tf.nest.map_structure(self.tf.constant, data)
        numbered = iter(range(8))
        return self.tf.nest.map_structure(lambda array: self._copied(next(numbered), array), data)

    def _copied(self, number: int, array: np.ndarray) -> Any:
        key = number, array.shape
        if key not in self.places:
            if len(self.places) >= 16:  # shapes come and go
                self.places.clear()
            memory = np.empty(array.nbytes + 64, np.uint8)
            start = -memory.ctypes.data % 64
            place = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
            self.places[key] = place, self.tf.experimental.dlpack.from_dlpack(place.__dlpack__())
        place, tensor = self.places[key]
        np.copyto(place, array)
        return tensor


class Compiled(Derivatives):
    """
    By JAX's transformations of a function, compiled: operation after operation would be a compilation each.

    The data are arguments: programs for problems of the same model and shape are the same, and compiled once.
    """

    programs: ClassVar[Recent] = Recent(256)

    def _compiled(self, function: Callable[..., Any]) -> Any:
        lowered = self.backend.jax.jit(function).lower(self._values, self.data)
        program = lowered.as_text()
        if program not in self.programs:
            self.programs[program] = lowered.compile()
        return self.programs[program]

    @cached_property
    def _value_and_gradient(self) -> Any:
        return self._compiled(self.backend.jax.value_and_grad(self._of))

    @cached_property
    def _hessian(self) -> Any:
        return self._compiled(self._differentiated_again)

    @property
    def _values(self) -> list[Any]:
        return [variable.value for variable in self.variables]

    def _of(self, values: list[Any], data: list[Any]) -> Any:
        """The loss as a function."""
        with keras.StatelessScope(state_mapping=list(strict_zip(self.variables, values))):
            return self.loss(*data)

    def _differentiated_again(self, values: list[Any], data: list[Any]) -> Any:
        jax, ravel = self.backend.jax, self.backend.ravel
        flat, back = ravel(values)

        def gradient(flat: Any) -> Any:
            return ravel(jax.grad(self._of)(back(flat), data))[0]

        def row(direction: Any) -> Any:
            return jax.jvp(gradient, (flat,), (direction,))[1]

        return jax.lax.map(row, jax.numpy.eye(flat.size, dtype=flat.dtype), batch_size=16)  # all at once would not fit the cache

    def gradient(self) -> tuple[float, list[np.ndarray]]:
        loss, gradient = self._value_and_gradient(self._values, self.data)
        return float(loss), [np.asarray(part) for part in gradient]

    def hessian(self) -> np.ndarray:
        return np.asarray(self._hessian(self._values, self.data))

    def program(self, statistics: Callable[..., Any]) -> Callable[..., tuple[float, list[np.ndarray], list[np.ndarray]]]:
        def at(values: list[Any], data: list[Any]) -> Any:
            with keras.StatelessScope(state_mapping=list(strict_zip(self.variables, values))):
                return statistics(*data)

        gradient = self.backend.jax.value_and_grad(self._of)
        compiled = self.backend.jax.jit(lambda values, data: (gradient(values, data), at(values, data)))

        def run(*data: Any) -> tuple[float, list[np.ndarray], list[np.ndarray]]:
            (loss, found), more = compiled(self._values, list(data))
            return float(loss), [np.asarray(part) for part in found], [np.asarray(part) for part in more]

        return run


class Recorded(Derivatives):
    """By the graph that torch records."""

    def _gradient(self, data: Any, again: bool) -> tuple[Any, tuple[Any, ...]]:
        loss = self.loss(*data)
        return loss, self.backend.autograd.grad(loss, self._values, create_graph=again)

    @property
    def _values(self) -> list[Any]:
        return [variable.value for variable in self.variables]

    def gradient(self) -> tuple[float, list[np.ndarray]]:
        loss, gradient = self._gradient(self.data, again=False)
        return loss.item(), [part.numpy() for part in gradient]

    def hessian(self) -> np.ndarray:
        torch, values = self.backend, self._values
        gradient = torch.cat([part.ravel() for part in self._gradient(self.data, again=True)[1]])
        rows = [torch.autograd.grad(entry, values, retain_graph=True, materialize_grads=True) for entry in gradient]
        return torch.stack([torch.cat([part.ravel() for part in row]) for row in rows]).numpy()

    def program(self, statistics: Callable[..., Any]) -> Callable[..., tuple[float, list[np.ndarray], list[np.ndarray]]]:
        def run(*data: Any) -> tuple[float, list[np.ndarray], list[np.ndarray]]:
            loss, gradient = self._gradient(data, again=False)
            return loss.item(), [part.numpy() for part in gradient], [part.detach().numpy() for part in statistics(*data)]

        return run
