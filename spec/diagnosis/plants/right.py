"""Answers without a mistake: in full, in single precision, as a network, as a printed table; and answers moved at random."""

from __future__ import annotations

import numpy as np

from spec import scoring
from spec.diagnosis.answer import Answer
from spec.diagnosis.plants.mistake import Mistake, Plant
from spec.diagnosis.plants.networks import fitted, network_of
from spec.diagnosis.plants.optima import optimum, stated_optimum
from spec.diagnosis.plants.training import asked
from spec.model import Params
from spec.problems import Problem

DIGITS = 6
SMALLEST, LARGEST = -5.5, 1.0  # powers of ten of a random move, in standard errors


def exact(problem: Problem, rng: np.random.Generator) -> Params | None:
    return optimum(problem, rng)


def in_float32(problem: Problem, rng: np.random.Generator) -> Answer | None:
    """The optimum as a network in single precision holds it."""
    found = optimum(problem, rng)
    if found is None:
        return None
    held = found.matrix.astype(np.float32)
    return Answer(Params.from_matrix(held), rounding=np.abs(np.spacing(held)).astype(float) / 2)


def network(problem: Problem, rng: np.random.Generator) -> Answer | None:
    """A Keras network that `spec.fit.fit` brought to its optimum, and that was read again."""
    made = network_of(problem, near=False)
    return asked(made.trained, problem) if fitted(made).converged else None


def table(problem: Problem, rng: np.random.Generator) -> Answer | None:
    """Coefficients and standard errors with six digits, as programs print them."""
    found = optimum(problem, rng)
    if found is None:
        return None
    matrix = problem.params(problem.free(found)).matrix
    errors = scoring.White.of(problem).standard_errors(problem, found)
    return Answer(Params.from_matrix(_printed(matrix)), rounding=_half_a_unit(matrix), standard_errors=_printed(errors))


def _printed(numbers: np.ndarray) -> np.ndarray:
    return np.array([float(f"{number:.{DIGITS}g}") for number in numbers.ravel()]).reshape(numbers.shape)


def _half_a_unit(numbers: np.ndarray) -> np.ndarray:
    size = np.where(numbers == 0, 1.0, np.abs(numbers))
    return np.where(numbers == 0, 0.0, 0.5 * 10.0 ** (np.floor(np.log10(size)) - DIGITS + 1))


RIGHT: dict[str, Plant] = {
    "exact": Mistake(fit=exact, far=-1.0),
    "float32": Mistake(fit=in_float32, far=-1.0),
    "network": Mistake(fit=network, far=-1.0),
    "table": Mistake(fit=table, far=-1.0),
}


def _moved(problem: Problem, rng: np.random.Generator) -> Params | None:
    """The optimum and a random direction, as long as 10^-5.5 to 10 standard errors."""
    best = stated_optimum(problem)
    if best is None:
        return None
    steer = scoring.White.of(problem).fisher(problem, best)
    size = 10 ** rng.uniform(SMALLEST, LARGEST) * np.sqrt(scoring.White.scale(problem, best))
    direction = rng.normal(size=len(steer.lower))
    white = np.linalg.solve(steer.lower.T, size * direction / np.linalg.norm(direction))
    return problem.params(problem.free(best) + steer.basis @ white.reshape(problem.free_outputs, -1).T)


moved: Plant = Mistake(fit=_moved, far=0.0)
