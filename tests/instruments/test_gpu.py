"""Where a GPU computes, the program sums the information too. Here it does so without one: the sums are the same."""

from dataclasses import replace

import numpy as np
import pytest

from spec import problems
from spec.fit.contribution import Contribution
from spec.fit.optimise import optimise
from spec.fit.rows import Batch, of_arrays
from spec.fit.task import Task
from tests.benchmarks import gpu

NAMES = ("binomial-probit", "poisson-log-offset", "gamma-log", "softmax-3-to-3", "gamma-log-offset-weights")
PROBLEMS = [problems.get(name) for name in NAMES]


def fitted(problem):
    data = problem.data
    return optimise(problem.model, of_arrays(data.X, data.y, data.weights, data.offset), problem.intercept)


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_the_information_of_the_program_is_that_of_numpy(problem):
    data = problem.data
    task = Task.of(problem.model, of_arrays(data.X, data.y, data.weights, data.offset), problem.intercept)
    free = np.zeros((problem.q, problem.free_outputs)) + (0.1 if problem.model.has_classes else 0.0)
    of_numpy = task.contribution(free, "both")
    weights = np.ones(problem.n) if data.weights is None else data.weights.reshape(-1)
    batch = Batch(data.X, data.y, weights, data.offset)
    of_program = Contribution(replace(of_numpy.shape, summed=2), of_numpy.params, 2, None, False, of_numpy.threads)

    expected, found = task.in_basis(of_numpy(batch)), of_program(batch)

    basis = np.kron(np.eye(problem.free_outputs), task.basis)
    for one, other in ((expected.information, found.information), (expected.observed, found.observed)):
        assert (one is None) == (other is None)
        if one is not None:
            assert np.abs(one - basis.T @ other @ basis).max() < 1e-12 * np.abs(one).max()


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_the_fit_ends_at_the_same_optimum(problem, monkeypatch):
    expected = fitted(problem)
    monkeypatch.setattr(Task, "on_gpu", True)
    found = fitted(problem)

    # the passes are the same but for the rounding of some hundred rows' sums, and both end far below the fit's tolerance
    assert found.converged, found.reason
    assert np.abs((found.coefficients - expected.coefficients) / expected.standard_errors).max() < 1e-9
    assert np.allclose(found.standard_errors, expected.standard_errors, rtol=1e-7)


def test_the_measurements_run_without_a_gpu(capsys):
    gpu.main(["--rows", "4096", "--megabytes", "1"])

    printed = capsys.readouterr().out
    assert "GB/s" in printed
    assert "standard errors" in printed
