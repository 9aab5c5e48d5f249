"""A fit of hundreds of columns takes few informations; without standard errors it takes one, and its answer is as near."""

import numpy as np
import pytest

from spec import problems
from spec.engines.formulas import Formulas
from spec.families import Binomial, Gamma, Multinomial, Poisson
from spec.fit.optimise import Settings, optimise
from spec.fit.result import NO_ERRORS
from spec.fit.rows import of_arrays
from spec.links import Log, Logit, Probit, Softmax
from spec.model import Model
from spec.problems.by_construction import draw

COLUMNS = 200
TOLERANCE = Settings.tolerance  # of a fit, in standard errors; errors change by such a share of themselves at most
MODELS = [Model(Binomial(), Logit()), Model(Binomial(), Probit()), Model(Poisson(), Log()), Model(Gamma(), Log())]
SOFTMAX = Model(Multinomial(), Softmax())


def wide(model, rows=4000, columns=COLUMNS, k=1):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(rows, columns)) + 0.5 * rng.normal(size=(rows, 1))
    mu = model.link.inverse(X @ rng.normal(scale=0.5 / np.sqrt(columns), size=(columns, k)) - (0.5 if k == 1 else 0))
    if isinstance(model.family, Multinomial):
        y = np.eye(k)[np.argmax(np.log(mu) + rng.gumbel(size=mu.shape), axis=1)]
    else:
        y = (rng.random(mu.shape) < mu) * 1.0 if isinstance(model.family, Binomial) else draw(model.family, mu, rng)
    return problems.Problem.of("wide", model, X, y)


def fitted(problem, **settings):
    return optimise(problem.model, of_arrays(problem.X, problem.y), **settings)


def informations(fit):
    return sum(one.information for one in fit.passes)


@pytest.mark.parametrize("problem", [*map(wide, MODELS), wide(SOFTMAX, columns=60, k=4)], ids=lambda problem: str(problem.model))
class TestWide:
    def test_is_at_the_optimum_with_and_without_standard_errors(self, problem):
        best = Formulas().fit(problem)

        for fit in fitted(problem), fitted(problem, standard_errors=False):
            assert fit.converged, fit.reason
            assert np.abs((fit.coefficients - problem.free(best.params)) / best.standard_errors).max() < TOLERANCE

    def test_without_standard_errors_it_says_that_there_are_none(self, problem):
        fit, full = fitted(problem, standard_errors=False), fitted(problem)

        assert informations(fit) < informations(full)
        assert fit.errors == NO_ERRORS
        assert np.isnan(fit.standard_errors).all()
        assert NO_ERRORS in str(fit.summary())
        assert np.allclose(fit.robust().standard_errors, full.robust().standard_errors, rtol=TOLERANCE)


@pytest.mark.parametrize("standard_errors", [True, False])
def test_separated_data_of_many_columns_do_not_converge(standard_errors):
    """Steps of one information contract there, too, but never well."""
    problem = wide(MODELS[0])
    y = (problem.X @ np.linspace(-1, 1, COLUMNS)[:, None] > 0) * 1.0
    found = optimise(problem.model, of_arrays(problem.X, y), standard_errors=standard_errors)

    assert not found.converged
    assert "separated" in found.reason
