"""The engine of the specification's own formulas, beside statsmodels and beside differences."""

import numpy as np
import pytest

from spec import problems
from spec.engines.checked import load
from spec.engines.formulas import Formulas
from spec.links import Sqrt
from spec.model import Model, Params

OURS, THEIRS = load("spec.engines.formulas:Formulas"), load("spec.engines.statsmodels:StatsmodelsEngine")


@pytest.mark.parametrize("name", ["softmax-3-to-3", "binomial-probit", "gamma-log", "poisson-identity", "noint1"])
def test_it_fits_and_infers_as_statsmodels_does(name):
    """Coefficients, standard errors, deviance, log-likelihood and the information there, with an intercept and without."""
    problem = problems.get(name)
    ours, theirs = OURS.fit(problem), THEIRS.fit(problem)
    here, there = OURS.evaluate(problem, ours.params), THEIRS.evaluate(problem, ours.params)

    assert ours.converged
    assert problem.free(ours.params) == pytest.approx(problem.free(theirs.params), rel=1e-7)
    assert ours.standard_errors == pytest.approx(theirs.standard_errors, rel=1e-6)
    assert ours.log_likelihood == pytest.approx(theirs.log_likelihood, rel=1e-9)
    assert here.information == pytest.approx(there.information, rel=1e-8, abs=1e-8 * np.abs(there.information).max())


@pytest.mark.parametrize("name", ["softmax-3-to-3", "binomial-cloglog", "noint1"])
def test_its_score_is_the_slope_of_its_log_likelihood(name):
    """Along each weight, those of class 0 too; that of an intercept which is not there is zero."""
    problem = problems.get(name)
    params = Params.from_matrix(np.linspace(-0.2, 0.3, (1 + problem.p) * problem.k).reshape(-1, problem.k) - 0.1)
    slopes = np.zeros_like(params.matrix)
    for row, column in np.ndindex(*slopes.shape):
        step = np.zeros_like(slopes)
        step[row, column] = 1e-5
        ends = [OURS.evaluate(problem, Params.from_matrix(params.matrix + sign * step)) for sign in (1, -1)]
        slopes[row, column] = (ends[0].log_likelihood - ends[1].log_likelihood) / 2e-5
    slopes[: 1 - problem.intercept] = 0

    assert OURS.evaluate(problem, params).score == pytest.approx(slopes, rel=1e-6, abs=1e-6 * np.abs(slopes).max())


def test_outside_the_domain_of_eta_the_log_likelihood_is_that_of_the_mean():
    """With the root for a link an eta below zero has a mean: what is wrong on purpose asks for it."""
    problem = problems.get("poisson-sqrt")
    params = Params(-np.ones(1), np.zeros((problem.p, 1)))
    mirrored = Params(np.ones(1), np.zeros((problem.p, 1)))

    assert problem.model == Model(problem.model.family, Sqrt())
    assert OURS.evaluate(problem, params).log_likelihood == OURS.evaluate(problem, mirrored).log_likelihood


def test_it_declines_nothing():
    """Whatever the model."""
    assert not [problem for problem in problems.ALL if Formulas().declines(problem)]
