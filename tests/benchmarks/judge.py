"""How good an answer is, what it took, and what it could have taken: the optimum by NumPy's formulas, memory, the floor."""

from __future__ import annotations

import ctypes
import gc
import time
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from scipy import linalg

from spec import likelihood
from spec.problems import Problem
from tests.benchmarks.cases import Case

STATUS, PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True, eq=False)
class Judge:
    """The data of one case, its optimum refined to rounding, and the standard errors there."""

    case: Case
    problem: Problem

    @cached_property
    def optimum(self) -> tuple[np.ndarray, np.ndarray]:
        """
        The free parameters (q, m) at which the score of `spec.scoring` is zero, and their standard errors.

        By Fisher scoring that starts where the network ended: which engine was used to get near is of no account, since the
        formulas decide where it ends.
        """
        from spec.fit import optimise, source

        problem = self.problem
        free = problem.free(optimise(problem.model, source(problem.X, problem.y, offset=problem.offset)).params)
        for _ in range(20):
            params = problem.params(free)
            lower = linalg.cholesky(likelihood.expected_information(problem, params), lower=True)
            step = linalg.cho_solve((lower, True), likelihood.score(problem, params).T.ravel()).reshape(free.shape[::-1]).T
            errors = np.sqrt(self.dispersion(params) * np.diag(linalg.cho_solve((lower, True), np.eye(len(lower)))))
            errors = errors.reshape(free.shape[::-1]).T
            free = free + step
            if np.abs(step / errors).max() < 1e-9:
                return free, errors
        raise AssertionError(f"{self.case}: scoring did not settle")

    def dispersion(self, params) -> float:
        return likelihood.dispersion(self.problem, self.problem.model.link.inverse(self.problem.eta(params)))

    def distance(self, free: np.ndarray) -> float:
        """From the optimum, of the worst parameter, in standard errors."""
        optimum, errors = self.optimum
        return float(np.abs((free - optimum) / errors).max())

    @cached_property
    def floor(self) -> float:
        """Seconds of one X'WX by BLAS, on all cores: of a softmax one for each pair of its free classes."""
        design, pairs = self.problem.design, self.problem.free_outputs * (self.problem.free_outputs + 1) // 2
        weights = np.random.default_rng(0).random((len(design), 1))

        def once(rows: int, symmetric: bool) -> float:
            weighted = np.empty((rows, design.shape[1]))
            start = time.perf_counter()
            factor = np.sqrt(weights) if symmetric else weights
            for first in range(0, len(design), rows):
                part = design[first : first + rows]
                some = np.multiply(factor[first : first + rows], part, out=weighted[: len(part)])
                (some if symmetric else part).T @ some
            return time.perf_counter() - start

        sizes = (2**12, 2**14, len(design))
        return pairs * min(once(rows, symmetric) for rows in sizes for symmetric in (False, True) for _ in range(3))


@lru_cache(maxsize=1)
def judge(case: Case) -> Judge:
    """Drawn once for all peers; the tests come case after case."""
    return Judge(case, case.problem())


class Memory:
    """By how much the process has grown at most since the start, in bytes; None where the system does not tell."""

    before: int | None = None

    def start(self) -> None:
        gc.collect()
        try:
            ctypes.CDLL(None).malloc_trim(0)  # what was freed goes back, so that its use again is seen
            PEAK.write_text("5")
            self.before = _status("VmRSS")
        except (OSError, AttributeError):
            self.before = None

    def grown(self) -> int | None:
        return None if self.before is None else max(0, _status("VmHWM") - self.before)


def _status(name: str) -> int:
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith(name))
    return 1024 * int(line.split()[1])
