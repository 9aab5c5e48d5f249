"""A case, by its name, fitted in this process on the backend that KERAS_BACKEND names; the answer as a line of JSON."""

import json
import sys
import time

from spec.fit import optimise, source
from tests.benchmarks.cases import GROUPS
from tests.benchmarks.judge import Memory


def main(name: str) -> None:
    case = next(case for cases in GROUPS.values() for case in cases if str(case) == name)
    problem = case.problem()
    memory = Memory()
    for _ in range(2):  # the first compiles
        memory.start()
        start = time.perf_counter()
        optimum = optimise(problem.model, source(problem.X, problem.y, offset=problem.offset))
        seconds = time.perf_counter() - start
    assert optimum.converged, optimum.reason
    answer = {
        "free": problem.free(optimum.params).tolist(),
        "standard_errors": optimum.standard_errors.tolist(),
        "iterations": len(optimum.passes),
        "seconds": seconds,
        "grown": memory.grown(),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
