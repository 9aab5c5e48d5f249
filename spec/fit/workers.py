"""
Workers that compute functions of blocks: this thread, the threads of this process, any executor, or the workers of Dask.

A function of a block goes to a worker, and the results come back in the blocks' order. Only a few more blocks than workers are in
work at a time, so memory does not grow with the data.
"""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, ClassVar, Protocol, TypeVar

from threadpoolctl import ThreadpoolController

from spec.engines.keras.backend import CORES

UNKNOWN = 8  # workers of an executor that does not say how many it has
DIED = (
    "a process of the executor died in the middle of a pass ({}): was it killed, or out of memory? Give a new executor. A client "
    "of Dask recomputes what a worker lost."
)

Item = TypeVar("Item")
Result = TypeVar("Result")


class Workers(Protocol):
    """Workers that compute functions of items in any order, and yield the results in the order of the items."""

    @property
    def shares(self) -> bool:
        """Whether they share the memory of this process."""
        ...

    def run(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]: ...


class Here:
    """The calling thread."""

    shares = True

    def run(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        return map(function, items)


@dataclass(frozen=True, eq=False)
class Pool:
    """An executor of `concurrent.futures`, or another that has ``submit``."""

    executor: Executor
    number: int
    shares: bool = False
    ahead: ClassVar[int] = 2  # blocks for each worker that are at work, or next

    def run(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        waiting: deque[Any] = deque()
        if not self.shares:
            self._check(function)
        try:
            for item in items:
                waiting.append(self._submit(function, item))
                if len(waiting) > self.ahead * self.number:
                    yield self._result(waiting.popleft())
            while waiting:
                yield self._result(waiting.popleft())
        finally:
            for future in waiting:
                future.cancel()

    def _check(self, function: Callable[[Any], Any]) -> None:
        """Raise TypeError for a function that cannot be sent to another process."""
        try:
            self._dumps(function)
        except Exception as error:
            raise TypeError(
                f"what is asked of each block cannot be sent to another process ({type(error).__name__}: {error}): give no "
                "executor, or one of threads."
            ) from error

    @staticmethod
    def _dumps(function: Callable[[Any], Any]) -> bytes:
        return pickle.dumps(function)

    def _submit(self, function: Callable[[Any], Any], item: Any) -> Any:
        try:
            return self.executor.submit(function, item)
        except BrokenExecutor as error:
            raise RuntimeError(DIED.format(error)) from error
        except RuntimeError as error:
            if "shutdown" not in str(error):
                raise
            # what is asked of a fit after its executor was shut down is computed here
            done: Future[Any] = Future()
            done.set_result(function(item))
            return done

    def _result(self, future: Any) -> Any:
        try:
            return future.result()
        except BrokenExecutor as error:
            raise RuntimeError(DIED.format(error)) from error


class Shared(AbstractContextManager[None]):
    """A context of the whole process, which the first thread to come makes, and the last to go ends."""

    def __init__(self, make: Callable[[], AbstractContextManager[Any]]) -> None:
        self.make, self.users, self.lock, self.held = make, 0, Lock(), ExitStack()

    def __enter__(self) -> None:
        with self.lock:
            if not self.users:
                self.held.enter_context(self.make())
            self.users += 1

    def __exit__(self, *raised: object) -> None:
        with self.lock:
            self.users -= 1
            if not self.users:
                self.held.close()


HERE = Here()
_controller = ThreadpoolController()
one_blas_thread = Shared(lambda: _controller.limit(limits=1, user_api="blas"))  # the cores are for the blocks


@contextmanager
def threads() -> Iterator[Pool]:
    """The threads of this process, one for each core."""
    with ThreadPoolExecutor(CORES, "rows") as executor:
        yield Pool(executor, CORES, shares=True)
