"""The derivatives of a loss in Keras's variables: by TensorFlow's tapes, JAX's transformations, or torch's graph."""

from __future__ import annotations

import abc
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from spec.compat import Recent, strict_zip
from spec.engines.keras.versions import keras

Tensor = Any  # a tensor of the backend: TensorFlow's, JAX's or torch's
Variable = Any  # a variable of Keras
Data = Any  # a list of tensors or arrays, the first of which may be a list itself: inputs, y and weights
Loss = Callable[..., Tensor]  # a function of the data, at the present values of the variables
Statistics = Callable[..., "list[Tensor]"]  # of the data, too
Program = Callable[..., "tuple[float, list[np.ndarray], list[np.ndarray]]"]  # of values and data: loss, gradient, statistics


class Derivatives(abc.ABC):
    """
    The derivatives of a loss of some data in Keras's variables, at the values of the variables at the time of the call.

    ``backend`` is the module `tensorflow` or `torch`, or for JAX the `spec.engines.keras.backend.Backend`. ``takes_values`` says
    whether a `program` takes the values of the variables from its arguments; if not, the variables have to be set before.
    """

    takes_values: ClassVar[bool]

    def __init__(self, loss: Loss, variables: list[Variable], data: Data, backend: Any) -> None:
        self.loss, self.variables, self.data, self.backend = loss, variables, data, backend

    def on(self, data: Data) -> Derivatives:
        """The derivatives of the same loss on other data with as many columns."""
        return type(self)(self.loss, self.variables, data, self.backend)

    @abc.abstractmethod
    def gradient(self) -> tuple[float, list[np.ndarray]]:
        """The loss, and its gradient by back-propagation, shaped like the variables."""

    @abc.abstractmethod
    def hessian(self) -> np.ndarray:
        """The Hessian, by differentiating the gradient: all variables in their order, each row after row, (size, size)."""

    @abc.abstractmethod
    def program(self, statistics: Statistics, valued: bool = True, fused: bool = True) -> Program:
        """
        A function of the variables' values and of data that returns the data's loss, its gradient, and the tensors of
        ``statistics``.

        TensorFlow and JAX compile it, once for each shape of the data. Unless ``valued`` these leave the loss out, and it is NaN.
        Unless ``fused`` TensorFlow runs its operations one by one: of few rows that costs no more, and needs no compiler.
        """

    @contextmanager
    def _having(self, values: list[Tensor]) -> Iterator[None]:
        """A context in which the variables have these values."""
        with keras.StatelessScope(state_mapping=list(strict_zip(self.variables, values))):
            yield


class Taped(Derivatives):
    """Derivatives by TensorFlow's tapes."""

    takes_values = hasattr(keras, "StatelessScope")  # from Keras 3 on

    def __init__(self, loss: Loss, variables: list[Variable], data: Data, backend: Any) -> None:
        super().__init__(loss, variables, data, backend)
        self._often = Traced(backend, self._gradient)

    def on(self, data: Data) -> Derivatives:
        other = type(self)(self.loss, self.variables, data, self.backend)
        other._often = self._often
        return other

    def _gradient(self, data: Data) -> tuple[Tensor, list[Tensor]]:
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

    def program(self, statistics: Statistics, valued: bool = True, fused: bool = True) -> Program:
        @self.backend.function(jit_compile=fused, autograph=False)
        def compiled(values: list[Tensor], data: list[Data]) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
            if not self.takes_values:
                loss, gradient = self._gradient(data)
                return [loss] if valued else [], gradient, statistics(*data)
            with self.backend.GradientTape() as tape:
                tape.watch(values)
                with self._having(values):
                    loss = self.loss(*data)
                    more = statistics(*data)
            return [loss] if valued else [], tape.gradient(loss, values, unconnected_gradients="zero"), more

        staged, of_shapes = Staging(self.backend), {}

        def run(values: list[np.ndarray], *data: Data) -> tuple[float, list[np.ndarray], list[np.ndarray]]:
            tensors, shapes = staged([values if self.takes_values else [], list(data)]), _shapes(data)
            if shapes not in of_shapes:  # asked for once: TensorFlow looks a program up for longer than a small one takes
                of_shapes[shapes] = compiled.get_concrete_function(*tensors)
            loss, gradient, more = of_shapes[shapes](*tensors)
            return (
                float(*loss) if valued else np.nan,
                [np.asarray(part) for part in gradient],
                [np.asarray(part) for part in more],
            )

        return run


def _shapes(data: Data) -> Any:
    """The shapes of the arrays of nested lists."""
    return tuple(map(_shapes, data)) if isinstance(data, (list, tuple)) else data.shape


class Traced:
    """
    A function of data that becomes a TensorFlow graph at its 25th call, for any number of rows.

    Tracing costs as much as some twenty calls, so a function that is called a few times is never traced.

    The graph gives the same bits as the function: `as_written`.
    """

    AFTER = 24

    def __init__(self, tf: Any, function: Callable[[Data], tuple[Tensor, list[Tensor]]]) -> None:
        self.tf, self.function, self.calls = tf, function, 0

    @cached_property
    def _graph(self) -> Callable[..., tuple[Tensor, list[Tensor]]]:
        return self.tf.function(lambda *data: self.function(data), autograph=False, input_signature=self._rows)

    def __call__(self, data: Data) -> tuple[Tensor, list[Tensor]]:
        self.calls += 1
        if self.calls <= self.AFTER:
            return self.function(data)
        if self.calls == self.AFTER + 1:
            self._rows = self.tf.nest.map_structure(lambda part: self.tf.TensorSpec([None, *part.shape[1:]], part.dtype), data)
        with as_written(self.tf):
            return self._graph(*data)


@contextmanager
def as_written(tf: Any) -> Iterator[None]:
    """
    A context in which TensorFlow computes the operations of a graph as they are: its optimiser (grappler) may reorder sums.

    TensorFlow has no public setting for a single graph, so this **switches grappler off for the whole process**
    (`tf.config.optimizer.set_experimental_options`), and restores the options at the end. Graphs that other threads run in the
    meantime are not optimised either: they are slower, and may differ in the last bits.
    """
    options = tf.config.optimizer.get_experimental_options()
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False, **options})


class Staging(threading.local):
    """
    Copies arrays into reusable 64-byte-aligned tensors, one for each shape and thread.

    TensorFlow needs this alignment, and NumPy rarely has it, so a copy cannot be avoided; new memory for each batch would cost
    more than the copy.
    """

    def __init__(self, tf: Any) -> None:
        self.tf = tf
        self.places: dict[tuple[int, tuple[int, ...]], tuple[np.ndarray, Tensor]] = {}

    def __call__(self, data: Data) -> Data:
        if not hasattr(np.ndarray, "__dlpack__"):  # before NumPy 1.22
            return self.tf.nest.map_structure(self.tf.constant, data)
        return self._each(data, itertools.count())

    def _each(self, data: Data, numbers: Iterator[int]) -> Data:
        """The arrays of nested lists as tensors."""
        if isinstance(data, (list, tuple)):
            return [self._each(part, numbers) for part in data]
        return self._copied(next(numbers), data)

    def _copied(self, number: int, array: np.ndarray) -> Tensor:
        key = number, array.shape
        if key not in self.places:
            if len(self.places) >= 16:  # few shapes are in use at a time: forget the old ones
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
    Derivatives by JAX's transformations of one compiled function: uncompiled, JAX would compile each operation apart.

    The data are arguments of the function, so that problems of the same model and shape share one program.
    """

    takes_values = True
    programs: ClassVar[Recent] = Recent(256)

    def _compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        lowered = self.backend.jax.jit(function).lower(self._values, self.data)
        key = lowered.as_text(), self.backend.jax.tree_util.tree_structure(self.data)  # one program may take data in two forms
        if key not in self.programs:
            self.programs[key] = lowered.compile()
        return self.programs[key]

    @cached_property
    def _value_and_gradient(self) -> Callable[..., tuple[Tensor, list[Tensor]]]:
        return self._compiled(self.backend.jax.value_and_grad(self.loss_at))

    @cached_property
    def _hessian(self) -> Callable[..., Tensor]:
        return self._compiled(self._differentiated_again)

    @property
    def _values(self) -> list[Tensor]:
        return [variable.value for variable in self.variables]

    def loss_at(self, values: list[Tensor], data: Data) -> Tensor:
        """The loss as a function of the variables' values and the data."""
        with self._having(values):
            return self.loss(*data)

    def _differentiated_again(self, values: list[Tensor], data: Data) -> Tensor:
        jax, ravel = self.backend.jax, self.backend.ravel
        flat, back = ravel(values)

        def gradient(flat: Tensor) -> Tensor:
            return ravel(jax.grad(self.loss_at)(back(flat), data))[0]

        def row(direction: Tensor) -> Tensor:
            return jax.jvp(gradient, (flat,), (direction,))[1]

        # all rows at once would not fit in cache
        return jax.lax.map(row, jax.numpy.eye(flat.size, dtype=flat.dtype), batch_size=16)

    def gradient(self) -> tuple[float, list[np.ndarray]]:
        loss, gradient = self._value_and_gradient(self._values, self.data)
        return float(loss), [np.asarray(part) for part in gradient]

    def hessian(self) -> np.ndarray:
        return np.asarray(self._hessian(self._values, self.data))

    def program(self, statistics: Statistics, valued: bool = True, fused: bool = True) -> Program:
        def at(values: list[Tensor], data: Data) -> list[Tensor]:
            with self._having(values):
                return statistics(*data)

        def loss_and_gradient(values: list[Tensor], data: Data) -> tuple[Tensor, list[Tensor]]:
            loss, gradient = self.backend.jax.value_and_grad(self.loss_at)(values, data)
            return loss if valued else np.nan, gradient

        compiled = self.backend.jax.jit(lambda values, data: (loss_and_gradient(values, data), at(values, data)))

        def run(values: list[np.ndarray], *data: Data) -> tuple[float, list[np.ndarray], list[np.ndarray]]:
            (loss, gradient), more = compiled(values, list(data))
            return float(loss), [np.asarray(part) for part in gradient], [np.asarray(part) for part in more]

        return run


class Recorded(Derivatives):
    """Derivatives by the graph that torch records."""

    takes_values = False

    def _gradient(self, data: Data, again: bool) -> tuple[Tensor, tuple[Tensor, ...]]:
        loss = self.loss(*data)
        return loss, self.backend.autograd.grad(loss, self._values, create_graph=again)

    @property
    def _values(self) -> list[Tensor]:
        return [variable.value for variable in self.variables]

    def gradient(self) -> tuple[float, list[np.ndarray]]:
        loss, gradient = self._gradient(self.data, again=False)
        return loss.item(), [part.cpu().numpy() for part in gradient]

    def hessian(self) -> np.ndarray:
        torch, values = self.backend, self._values
        gradient = torch.cat([part.ravel() for part in self._gradient(self.data, again=True)[1]])
        rows = [torch.autograd.grad(entry, values, retain_graph=True, materialize_grads=True) for entry in gradient]
        return torch.stack([torch.cat([part.ravel() for part in row]) for row in rows]).cpu().numpy()

    def program(self, statistics: Statistics, valued: bool = True, fused: bool = True) -> Program:
        def run(values: list[np.ndarray], *data: Data) -> tuple[float, list[np.ndarray], list[np.ndarray]]:
            tensors = [[self._tensor(one) for one in part] if isinstance(part, list) else self._tensor(part) for part in data]
            loss, gradient = self._gradient(tensors, again=False)
            more = [part.detach().cpu().numpy() for part in statistics(*tensors)]
            return loss.item(), [part.cpu().numpy() for part in gradient], more

        return run

    def _tensor(self, array: np.ndarray) -> Tensor:
        return self.backend.tensor(array, device=self._values[0].device)
