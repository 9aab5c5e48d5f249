"""
A bootstrap in one call beside a loop over the fastest peer: ``python -m tests.benchmarks.many [resamples]``.

The loop makes a part of the resamples, between two calls; times are medians, of the clock and of the processor.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable

import numpy as np

from spec.engines.keras.network import activation
from spec.engines.keras.versions import keras
from spec.fit import fit_many
from spec.problems import Problem
from tests.benchmarks.cases import SMALL
from tests.benchmarks.peers import NewtonCholesky, Statsmodels, StatsmodelsLogit

LOGISTIC = SMALL[1]
ROUNDS, PART = 7, 100  # the loop makes so many fits in a round


def timed(call: Callable[[], object]) -> np.ndarray:
    """Seconds of the clock, and of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    call()
    return np.array([time.perf_counter() - clock, time.process_time() - processor])


def main(resamples: int = 1000) -> None:
    """Print the times of one call, of each peer's loop, and their ratios."""
    warnings.simplefilter("ignore")
    problem = LOGISTIC.problem()
    rng = np.random.default_rng(0)
    drawn = [rng.integers(problem.n, size=problem.n) for _ in range(resamples)]
    counts = np.stack([np.bincount(rows, minlength=problem.n) for rows in drawn], axis=1)
    model = keras.Sequential([keras.Input((problem.p,)), keras.layers.Dense(1, activation=activation(problem.model.link))])
    model.compile(loss="binary_crossentropy")
    drawn_problems = [Problem.of("drawn", problem.model, problem.X[rows], problem.y[rows]) for rows in drawn[:PART]]

    def one_call() -> object:
        return fit_many(model, problem.X, problem.y, weights=counts)

    first = timed(one_call)[0]
    print(f"{LOGISTIC}, {resamples} resamples, the first call: {first:.2f} s")
    for peer in (StatsmodelsLogit(), NewtonCholesky(), Statsmodels()):

        def loop(peer: Statsmodels | NewtonCholesky = peer) -> None:
            for one in drawn_problems:
                peer.fit(one)

        loop()
        rounds = np.array([[timed(one_call), timed(loop) * resamples / len(drawn_problems)] for _ in range(ROUNDS)])
        (ours, ours_cpu), (theirs, theirs_cpu) = np.median(rounds, axis=0)
        print(
            f"{peer.name}: {theirs:.2f} s in a loop, {ours:.3f} s in one call, {theirs / ours:.1f} times; "
            f"of the processor {theirs_cpu:.2f} s and {ours_cpu:.3f} s, {theirs_cpu / ours_cpu:.1f} times"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
