"""
What a fit costs beyond one machine, and that its bits are the same: ``python -m tests.benchmarks.cluster [--rows N] [--write]``.

Prints the tables of docs/cluster.md; ``--write`` puts them there. It makes Parquet files in a folder of its own, starts clusters
of processes on this machine, and kills some of their workers.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

P = 8  # columns
GROUP = 2**20  # rows of a row group
PAGE = Path(__file__).parents[2] / "docs" / "cluster.md"
MARK = "<!-- measured -->"
COMMAND = "python -m tests.benchmarks.cluster --write"
SLOPES = np.linspace(-1, 1, P)


def written(path: Path, rows: int, group: int = GROUP) -> Path:
    """A Parquet file of normal columns and a binary response, each row group by its own seed."""
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    writer = None
    for number, start in enumerate(range(0, rows, group)):
        rng, n = np.random.default_rng(number), min(group, rows - start)
        X = rng.normal(size=(n, P))
        y = (rng.random(n) < 1 / (1 + np.exp(-X @ SLOPES))).astype(float)
        table = pyarrow.table({**{f"x{j}": X[:, j] for j in range(P)}, "y": y})
        writer = writer or ParquetWriter(path, table.schema)
        writer.write_table(table, row_group_size=group)
    assert writer is not None
    writer.close()
    return path


def fitted(data: Any, executor: Any = None, progress: Any = False) -> Any:
    from spec.engines.keras.versions import keras
    from spec.fit import fit

    model = keras.Sequential([keras.Input((P,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile(loss="binary_crossentropy")
    found = fit(model, data, "y", executor=executor, progress=progress)
    assert found.converged, found.reason
    return found


def hashed(found: Any) -> str:
    return hashlib.sha256(found.params.matrix.tobytes() + found.standard_errors.tobytes()).hexdigest()[:16]


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    return function(), time.perf_counter() - start


@contextmanager
def cluster(workers: int) -> Iterator[tuple[Any, Any]]:
    import dask
    from distributed import Client, LocalCluster

    settings = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": ":0"}
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 10}),
        LocalCluster(**settings) as made,
        Client(made) as client,
    ):
        yield made, client


# -- the table of bits ---------------------------------------------------------------------------------------------------------


def bits(path: Path) -> Iterator[tuple[str, str, str, float]]:
    """Yield (executor, fault, hash, seconds of a second fit)."""
    for number in (1, 2, 4):
        with ThreadPoolExecutor(number) as threads:
            yield again(f"{number} thread{'s' * (number > 1)}", path, threads)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        yield again("2 processes", path, processes)
    for number in (1, 2, 4):
        with cluster(number) as (made, client):
            yield again(f"Dask, {number} worker{'s' * (number > 1)}", path, client)
            if number == 2:
                yield from faults(path, made, client)


def again(executor: str, data: Any, of: Any) -> tuple[str, str, str, float]:
    """A row of the table: the second of two fits, for which all processes have the network."""
    fitted(data, of)
    found, seconds = timed(lambda: fitted(data, of))
    return executor, "", hashed(found), seconds


def faults(path: Path, made: Any, client: Any) -> Iterator[tuple[str, str, str, float]]:
    import dask.dataframe

    yield again("Dask, 2 workers, its own data frame", dask.dataframe.read_parquet(path, split_row_groups=True), None)
    killed: list[int] = []

    def kill(state: Any) -> None:
        if state.number in (1, 3):
            killed.append(next(iter(made.workers.values())).pid)
            threading.Timer(0.3, os.kill, (killed[-1], signal.SIGKILL)).start()

    found, seconds = timed(lambda: fitted(path, client, kill))
    yield "Dask, 2 workers", f"{len(set(killed))} killed in a pass", hashed(found), seconds
    client.wait_for_workers(2)
    fitted(path, client)

    def stop(state: Any) -> None:
        if state.number == 1:
            still = next(iter(made.workers.values())).pid
            os.kill(still, signal.SIGSTOP)
            threading.Timer(3, os.kill, (still, signal.SIGCONT)).start()

    found, seconds = timed(lambda: fitted(path, client, stop))
    time.sleep(max(0.0, 4 - seconds))
    yield "Dask, 2 workers", "one stands still for 3 s", hashed(found), seconds


# -- growth and profile --------------------------------------------------------------------------------------------------------


def memory() -> float:
    """MB of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def growth(folder: Path, most: int) -> Iterator[tuple[int, int, float, float, float]]:
    """Yield (rows, passes, seconds, seconds of a pass without information, MB beyond those of before)."""
    fitted(written(folder / "warm.parquet", 10**5))
    for rows in (n for n in (10**6, 10**7, 4 * 10**7, 10**8) if n <= most):
        path = written(folder / "rows.parquet", rows)
        before, peak, end = memory(), [0.0], threading.Event()

        def watch(peak: list[float] = peak, end: threading.Event = end) -> None:
            while not end.wait(0.02):
                peak[0] = max(peak[0], memory())

        watcher = threading.Thread(target=watch)
        watcher.start()
        found, seconds = timed(lambda path=path: fitted(path))
        end.set()
        watcher.join()
        passes = [one.seconds for one in found.passes if not one.information]
        yield rows, len(found.passes), seconds, median(passes or [found.passes[-1].seconds]), peak[0] - before
        path.unlink()


def profile(path: Path) -> dict[str, float]:
    """The ns for a row of each part of a pass, in one thread, over the first four row groups."""
    from spec.families import Binomial
    from spec.fit.batch import batches_of
    from spec.fit.rows import pieces_of
    from spec.fit.sources import source
    from spec.fit.sums import tree
    from spec.fit.task import Task
    from spec.fit.workers import one_blas_thread
    from spec.links import Logit
    from spec.model import Model

    rows = source(path, "y")
    task = Task.of(Model(Binomial(), Logit()), rows, True)
    groups, size, free = rows.blocks[:4], task.size, np.zeros((P + 1, 1))

    def ns(function: Callable[[], Any]) -> float:
        return 1e9 * min(timed(function)[1] for _ in range(3)) / sum(group.rows for group in groups)

    def through(steps: Any) -> float:
        return ns(lambda: [len(one) for group in groups for one in pieces_of(group, steps, size)])

    with one_blas_thread:
        batches = [one for group in groups for one in batches_of(pieces_of(group, task.rows.steps, size), size)]
        parts = {"read": ns(lambda: [len(one) for group in groups for one in group._records(size)])}
        parts["convert"] = max(through(()) - parts["read"], 0.0)
        parts["check"] = max(through(task.rows.steps) - through(()), 0.0)
        for name, wanted in (("score", "none"), ("information", "exact")):
            contribution = task.contribution(free, wanted)
            parts[name] = ns(lambda of=contribution: list(map(of, batches)))
        sums = list(map(contribution, batches))
        parts["combine"] = ns(lambda: tree(sums))
    return parts


# -- a simulation --------------------------------------------------------------------------------------------------------------


FLOPS, NETWORK = 2e10, 1.25e9  # of a core, in products of matrices; bytes a second into one machine


def simulated(rows: float, columns: int, workers: int, ns: float) -> dict[str, float]:
    """
    Seconds of a pass, of workers of one core that take ``ns`` for a row and a column.

    A block's sums are q numbers, with the information q^2 more. They go to one machine, or from worker to worker in a tree.
    """
    share, blocks, information = rows / workers, rows / GROUP, 8.0 * columns**2
    return {
        "gradient alone: computing": share * columns * ns * 1e-9,
        "gradient alone: sending": blocks * 8 * columns / NETWORK,
        "with the information: computing": share * columns * (ns * 1e-9 + columns / FLOPS),
        "with the information: sending each block's": blocks * information / NETWORK,
        "with the information: sending each worker's": workers * information / NETWORK,
        "with the information: in a tree of workers": np.ceil(np.log2(workers)) * information / NETWORK,
    }


# -- the page ------------------------------------------------------------------------------------------------------------------


def table(*rows: tuple[Any, ...]) -> list[str]:
    head, *body = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return [head, "|" + "---|" * len(rows[0]), *body, ""]


PARTS = {
    "read": "read and decode the columns",
    "convert": "convert them to a table of float64",
    "check": "check responses and weights",
    "score": "loss and score, by the network",
    "information": "the same with the information",
    "combine": "combine the sums",
}


def sections(folder: Path, rows: int, most: int) -> Iterator[list[str]]:
    """Yield the parts of the page, each when it is measured."""
    path = written(folder / "bits.parquet", rows, rows // 40)
    found = [(executor, fault or "none", f"`{digest}`", f"{seconds:.1f}") for executor, fault, digest, seconds in bits(path)]
    assert len({row[2] for row in found}) == 1, "the bits differ"
    yield [f"Coefficients and standard errors of {rows:,} rows x {P} columns in a Parquet file of 40 row groups:", ""]
    yield table(("computed by", "fault", "hash of all bytes", "seconds"), *found)

    grown = [
        (f"{n:,}", passes, f"{seconds:.1f}", f"{of_pass:.2f}", f"{more:.0f}")
        for n, passes, seconds, of_pass, more in growth(folder, most)
    ]
    yield [
        f"A logistic regression of {P} columns in Parquet, by the threads of this machine; MB are what the process grew by:",
        "",
    ]
    yield table(("rows", "passes", "seconds", "seconds of a pass", "MB"), *grown)

    parts = profile(written(folder / "profile.parquet", 4 * GROUP))
    yield ["A pass over these, in one thread:", ""]
    yield table(("part of a pass", "ns for a row"), *((PARTS[name], f"{ns:.1f}") for name, ns in parts.items()))

    per = (parts["read"] + parts["convert"] + parts["check"] + parts["score"]) / P
    columns = (10, 100, 1000)
    estimates = [simulated(1e11, one, 100, per) for one in columns]
    yield [
        f"Computed, not measured: seconds of a pass of 100 workers of one core over 1e11 rows, at {per:.1f} ns for a row and a",
        f"column as above, {FLOPS:.0e} operations a second for the information, and 10 Gbit/s into one machine.",
        "",
    ]
    numbers = [
        (name, *(f"{one[name]:,.2g}" if one[name] < 10 else f"{one[name]:,.0f}" for one in estimates)) for name in estimates[0]
    ]
    yield table(("", *(f"{one} columns" for one in columns)), *numbers)

    versions = ", ".join(f"{name} {version(name)}" for name in ("keras", "dask", "pyarrow", "numpy"))
    yield [f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, {versions}. Made by `{COMMAND}`."]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.cluster", description="Fits beyond one machine, measured.")
    parser.add_argument("--rows", type=int, default=4_000_000, help="rows of the table of bits (%(default)s)")
    parser.add_argument("--most", type=int, default=10**8, help="rows of the largest file (%(default)s, of 7 GB)")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/cluster.md")
    options = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp())
    lines: list[str] = []
    try:
        for section in sections(folder, options.rows, options.most):
            print(*section, sep="\n", flush=True)
            lines += section
    finally:
        shutil.rmtree(folder)
    if options.write:
        head, _, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
        PAGE.write_text(head + MARK + "\n\n" + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
