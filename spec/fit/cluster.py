"""
Dask: its data frames and arrays, whose partitions are blocks; and its workers, who compute on them where they lie.

Nothing is gathered: a function goes to a partition, and its sums come back. If a worker dies, Dask recomputes what it lost.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, ClassVar

from spec.fit.batch import Batch
from spec.fit.blocks import Block
from spec.fit.numeric import library, numbers
from spec.fit.workers import HERE, UNKNOWN, Pool, Workers

LOOK = 2.0  # seconds between two looks at whether scheduler and workers are still there
PATIENCE = 60.0  # seconds without a worker that runs
LIBRARIES = ("dask", "dask_expr")
Read = Callable[["dict[str, Any]", int], Iterable[Batch]]  # batches of about so many rows of the parts of a partition


def is_dask(values: Any) -> bool:
    """Whether they are a collection of Dask."""
    return library(values) in LIBRARIES and hasattr(values, "to_delayed")


@dataclass(frozen=True, eq=False)
class Partition:
    """A partition: its ``parts`` X, y, weights and offset, each a Delayed of Dask, an array, the name of a column, or None."""

    parts: dict[str, Any]
    make: Read
    number: int
    first: int | None
    elsewhere: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return f"partition {self.number}"

    def read(self, size: int) -> Iterable[Batch]:
        import dask

        (parts,) = dask.compute(self.parts, scheduler="synchronous")
        return self.make(parts, size)


def partitions(parts: dict[str, Any], make: Read) -> list[Partition]:
    """
    The partitions of Dask's collections, and of what lies beside them.

    Raises ValueError where the parts are not divided alike.
    """
    collections = {part: values for part, values in parts.items() if is_dask(values)}
    sizes = _sizes(collections)
    for part, values in collections.items():
        own = _sizes({part: values})
        if own is not None and sizes is not None and sum(own) != sum(sizes):
            raise ValueError(f"{part} has {sum(own)} rows, but {next(iter(collections))} has {sum(sizes)}.")
    divided = {part: _delayed(values, sizes) for part, values in collections.items()}
    number = len(next(iter(divided.values())))
    for part, pieces in divided.items():
        if len(pieces) != number:
            known, other = next(iter(divided)), len(pieces)
            raise ValueError(f"{part} has {other} partitions, but {known} has {number}: make them of one data frame.")
    for part, values in parts.items():
        if part not in collections and values is not None and not isinstance(values, str):
            if sizes is None:
                raise ValueError(
                    f"{part} is a {type(values).__name__}, but the partitions of X do not say how many rows they have: make "
                    f"{part} a column of X, or divide it by Dask as X is."
                )
            array = numbers(values, part)
            if len(array) != sum(sizes):
                raise ValueError(f"{part} has {len(array)} rows, but X has {sum(sizes)}.")
            divided[part] = [array[start : start + size] for start, size in zip(_starts(sizes), sizes)]
    starts: Sequence[int | None] = [None] * number if sizes is None else _starts(sizes)
    return [
        Partition({part: divided[part][i] if part in divided else values for part, values in parts.items()}, make, i, starts[i])
        for i in range(number)
    ]


def rows_of(collection: Any) -> int | None:
    """The number of rows, where it is known."""
    sizes = _sizes({"X": collection})
    return None if sizes is None else sum(sizes)


def _sizes(collections: dict[str, Any]) -> list[int] | None:
    """The rows of each partition, where an array knows them."""
    for values in collections.values():
        sizes = list(getattr(values, "chunks", ((None,),))[0])
        if all(size == size and size is not None for size in sizes):
            return sizes
    return None


def _starts(sizes: Sequence[int]) -> list[int]:
    return [0, *accumulate(sizes)][: len(sizes)]


def _delayed(values: Any, sizes: list[int] | None) -> list[Any]:
    """A Delayed for each partition; an array is divided by rows alone."""
    if hasattr(values, "chunks"):
        rows = {0: tuple(sizes)} if sizes is not None and sum(sizes) == values.shape[0] else {}
        values = values.rechunk({**rows, **dict.fromkeys(range(1, values.ndim), -1)})
        return list(values.to_delayed().ravel())
    return list(values.to_delayed())


# -- workers ------------------------------------------------------------------------------------------------------------------


def workers_of(executor: Any) -> Workers:
    """The workers of an executor: of `concurrent.futures`, a client of Dask or its executor, or any object with ``submit``."""
    if (client := client_of(executor)) is not None:
        return Cluster.of(client)
    if not hasattr(executor, "submit"):
        kind = type(executor).__name__
        raise TypeError(f"executor is a {kind}, which has no submit: give one of concurrent.futures, or a client of Dask.")
    number = getattr(executor, "_max_workers", None) or UNKNOWN
    return Pool(executor, number, shares=isinstance(executor, ThreadPoolExecutor))


def client_of(executor: Any = None) -> Any:
    """The client of an executor of Dask, or the present one for None; None if there is no client."""
    if executor is not None:
        client = executor if hasattr(executor, "get_executor") else getattr(executor, "_client", None)
        return client if library(client) == "distributed" else None
    if "distributed" not in sys.modules:
        return None
    from distributed import default_client

    try:
        client = default_client()
    except ValueError:
        return None
    return client if client.status == "running" else None


def present_workers(blocks: Sequence[Block]) -> Workers:
    """The workers of the present client of Dask, if the blocks are partitions; else this thread."""
    client = client_of() if any(isinstance(block, Partition) for block in blocks) else None
    return HERE if client is None else Cluster.of(client)


class Cluster(Pool):
    """The workers of a client of Dask, who are told of their next blocks early: the scheduler is far away."""

    ahead = 8

    @classmethod
    def of(cls, client: Any) -> Cluster:
        if client.status != "running":
            raise RuntimeError(f"the client of Dask is {client.status}: make a new one, and give it as the executor.")
        return cls(client, max(1, sum(client.nthreads().values())))

    @staticmethod
    def _dumps(function: Callable[[Any], Any]) -> bytes:
        import cloudpickle

        return bytes(cloudpickle.dumps(function))

    def _submit(self, function: Callable[[Any], Any], item: Any) -> Any:
        import dask
        from distributed.client import ClosedClientError

        client: Any = self.executor
        try:
            if isinstance(item, Partition):
                return client.compute(dask.delayed(_of_parts, pure=False)(function, replace(item, parts={}), item.parts))
            return client.submit(function, item, pure=False)
        except ClosedClientError as error:
            raise RuntimeError(GONE.format(client.status)) from error

    def _result(self, future: Any) -> Any:
        from distributed import KilledWorker
        from distributed import TimeoutError as NotYet

        client: Any = self.executor
        still = 0.0
        while True:
            try:
                return future.result(timeout=LOOK)
            except NotYet:
                if future.done():  # between the two calls; what it raises itself is its own error
                    return future.result()
                if client.status != "running":
                    raise RuntimeError(GONE.format(client.status)) from None
                running, paused = client.run_on_scheduler(_at_work)
                still = 0.0 if running else still + LOOK
                if still >= PATIENCE:
                    raise RuntimeError(STILL.format(PATIENCE, f"{paused} paused" if paused else "there are none")) from None
            except CancelledError as error:
                raise RuntimeError(GONE.format(client.status)) from error
            except KilledWorker as error:
                raise RuntimeError(
                    f"{error} Was it out of memory? A worker holds TensorFlow and a few partitions: give it more memory, or make "
                    "smaller partitions."
                ) from error


GONE = "Dask's scheduler is gone in the middle of a pass (the client is {}): start the cluster again, and the fit with it."


STILL = (
    "for {:.0f} s no worker of Dask has run ({}): Dask pauses or kills workers that are short of memory. A worker holds "
    "TensorFlow and a few partitions: give it more memory, make smaller partitions, or start workers."
)


def _at_work(dask_scheduler: Any) -> tuple[int, int]:
    """The number of the workers that run, and of the other workers."""
    return len(dask_scheduler.running), len(dask_scheduler.workers) - len(dask_scheduler.running)


@dataclass(frozen=True, eq=False)
class _Loaded:
    """A partition whose parts are there."""

    partition: Partition
    parts: dict[str, Any]
    elsewhere: ClassVar[bool] = False

    @property
    def name(self) -> str:
        return self.partition.name

    @property
    def first(self) -> int | None:
        return self.partition.first

    def read(self, size: int) -> Iterable[Batch]:
        return self.partition.make(self.parts, size)


def _of_parts(function: Callable[[Block], Any], partition: Partition, parts: dict[str, Any]) -> Any:
    return function(_Loaded(partition, parts))
