"""
The fit where a GPU computes: its time beside the time that its data need to get there, and beside what the memory allows.

``KERAS_BACKEND=jax python -m tests.benchmarks.gpu`` prints the bandwidths of this machine and a table; without a GPU it measures
the processor. ``tox -e gpu`` installs JAX for CUDA, tests the fit there, and measures.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from spec.engines.keras.backend import BACKEND
from spec.fit.optimise import optimise
from spec.fit.rows import of_arrays
from tests.benchmarks.cases import CASES
from tests.benchmarks.judge import judge

NAMES = ("logistic", "Poisson with exposure", "gamma-log", "softmax", "logistic, wide")
BEST_OF = 3


def fastest(function: Callable[[], object]) -> float:
    """The least seconds of a few calls, after one that is not counted."""
    function()
    times = []
    for _ in range(BEST_OF):
        since = time.perf_counter()
        function()
        times.append(time.perf_counter() - since)
    return min(times)


def bandwidths(megabytes: int) -> tuple[float, float]:
    """Return (to, inside), in GB/s: of the way of an array to the memory that computes, and of that memory."""
    array = np.ones(megabytes * 2**17)
    there = BACKEND.tensor(array, "float64")
    to = fastest(lambda: BACKEND.numpy(BACKEND.tensor(array, "float64")[:1]))
    inside = fastest(lambda: BACKEND.numpy((there + 1.0)[:1]))  # each number is read and written
    return array.nbytes / to / 1e9, 2 * array.nbytes / inside / 1e9


def row(case_name: str, rows: int | None, to: float) -> str:
    """A line of the table: a case's fit, its passes, and its time beside that of the way of its data."""
    case = next(case for case in CASES if case.name == case_name)
    case = replace(case, n=min(case.n, rows)) if rows else case
    judged = judge(case)
    problem, data = judged.problem, judged.problem.data
    given = of_arrays(data.X, data.y, data.weights, data.offset)
    seconds = fastest(lambda: optimise(problem.model, given).standard_errors)
    fit = optimise(problem.model, given)
    sent = sum(part.nbytes for part in (data.X, data.y, data.offset) if part is not None) * len(fit.passes)
    limit = sent / to / 1e9
    off = judged.distance(fit.coefficients)
    return f"| {case} | {seconds:.3f} | {len(fit.passes)} | {sent / seconds / 1e9:.2f} | {seconds / limit:.1f} | {off:.0e} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the bandwidths and the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, help="of a case at most")
    parser.add_argument("--megabytes", type=int, default=512, help="of the arrays that the bandwidths are measured with")
    chosen = parser.parse_args(arguments)
    BACKEND.enable_float64()
    to, inside = bandwidths(chosen.megabytes)
    print(
        f"{BACKEND.name} {BACKEND.version} on {'a GPU' if BACKEND.on_gpu else 'the processor'} ({platform.machine()}), float64\n"
    )
    print(f"An array gets there at {to:.1f} GB/s; the memory there is read and written at {inside:.1f} GB/s.\n")
    print("| case | seconds | passes | GB/s | times the way of the data | standard errors from the optimum |")
    print("|---|---|---|---|---|---|")
    for name in NAMES:
        print(row(name, chosen.rows, to))


if __name__ == "__main__":
    main()
