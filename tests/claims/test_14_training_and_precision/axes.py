"""The axes of the information, and how far gradient descent is from the optimum along each."""

import numpy as np

from spec import problems
from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.evidence.rungs import proven_optimum

PAIRS = problems.where(tag="pair")
CANONICAL = [p for p in PAIRS if p.model.is_canonical]
OTHERS = [p for p in PAIRS if not p.model.is_canonical]
ONE_EACH = list({type(p.model.family): p for p in OTHERS}.values())  # of each family a link that is not canonical
LINE, LONGLEY, SPECTOR = (problems.get(name) for name in ("gaussian-identity", "longley", "spector-probit"))


def spectrum(problem, scale):
    """Eigenvalues and axes (columns) of the Hessian of scale / (2 n) |y - design w|^2."""
    _, singular, axes = np.linalg.svd(problem.design, full_matrices=False)
    return scale / problem.n * singular**2, axes.T


def vector(weights):
    """The weights as one vector (q,), the bias first, as in the design."""
    return np.concatenate([part.ravel() for part in reversed(weights)])


def optimum_of(problem):
    """The proven optimum as float64, (q,)."""
    return problem.free(proven_optimum(problem).params).ravel()


def assert_contracts(problem, scale, rate, path):
    """Along each axis of the Hessian the distance to the optimum is (1 - rate lambda)^t of what it was, at each epoch t."""
    __tracebackhide__ = True
    rates, axes = spectrum(problem, scale)
    distance = np.array([axes.T @ (vector(weights) - optimum_of(problem)) for weights in path])
    law = (1 - rate * rates) ** np.arange(len(path))[:, None] * distance[0]
    tolerance = tolerances.descent(problem.n, np.sqrt(rates.max() / rates.min()))

    assert_same_values("distance", problem, distance, law, tolerance, np.abs(distance[0]).max())
