"""Sums over batches are the sums over all rows, and the steps that they make end at the optimum."""

import numpy as np
import pytest

from spec import likelihood, problems, scoring
from spec.fit.convergence import Convergence, Kind
from spec.fit.maximise import maximise
from spec.fit.sums import Sums, summed_information
from spec.fit.task import PLAIN

KINDS = {"canonical": Kind(False, True, False), "another link": Kind(False, False, False), "quadratic": Kind(True, True, True)}
PROBLEMS = [problems.get(name) for name in ("binomial-logit", "poisson-sqrt", "gamma-log", "gaussian-identity", "softmax-8-to-5")]


def of_whole(problem):
    """Passes over a problem in one batch, by the formulas of `spec.scoring`."""

    def one_pass(free, wanted):
        params = problem.params(free)
        with np.errstate(over="ignore"):
            mu = problem.model.link.inverse(problem.eta(params))
        if not (np.abs(mu) < 1e100).all():
            return Sums(problem.n, np.nan, free, None, np.nan)
        pearson = likelihood.dispersion(problem, mu) * (problem.n - problem.q)
        full = None if wanted == "none" else likelihood.expected_information(problem, params)
        return Sums(problem.n, likelihood.kernel(problem, params), likelihood.score(problem, params), full, pearson)

    return one_pass


def kind(problem):
    return Kind(problem.name == "gaussian-identity", problem.model.is_canonical, problem.has_dispersion)


def maximum(problem, one_pass=None, start=None, **options):
    start = problem.free(likelihood.null_params(problem)) if start is None else start
    return maximise(one_pass or of_whole(problem), start, np.eye(problem.q), kind(problem), **options)


class TestSums:
    @pytest.mark.parametrize("problem", PROBLEMS, ids=str)
    @pytest.mark.parametrize("basis", [False, True], ids=["own columns", "in a basis"])
    def test_the_information_is_that_of_the_formula(self, problem, basis):
        """It is summed from the working weights of the rows, or for a softmax from its means."""
        params = problem.params(
            np.random.default_rng(1).normal(scale=0.02, size=(problem.q, problem.free_outputs))
            + 0.5 * problem.free(likelihood.null_params(problem))
        )
        weights = likelihood.expected_weights(problem, params)
        if problem.k > 1:
            about_eta = np.hstack([problem.row_weights, problem.model.link.inverse(problem.eta(params))[:, 1:]])
        else:
            about_eta = weights[:, 0]
        made = np.linalg.qr(problem.design, mode="r") if basis else None
        expected = likelihood.gram(problem.design @ made if basis else problem.design, weights)

        found = summed_information(problem.X, about_eta, problem.intercept, made)
        rough = summed_information(problem.X, about_eta, problem.intercept, made, rough=True)

        size = np.abs(expected).max()
        assert np.abs(found - expected).max() < 1e-13 * size
        assert np.abs(rough - expected).max() < 1e-5 * size


class TestMaximise:
    @pytest.mark.parametrize("problem", PROBLEMS, ids=str)
    def test_ends_at_the_optimum_in_few_passes(self, problem):
        """What is left is what was expected to be left, or less than rounding."""
        found = maximum(problem)

        params = problem.params(found.free)
        _, decrement = scoring.White.of(problem).direction(problem, params, likelihood.score(problem, params))
        assert found.converged, found.reason
        assert len(found.passes) <= 9
        assert np.sqrt(decrement / found.dispersion) <= 1e-6

    def test_an_interrupt_leaves_the_best_so_far_and_a_start_goes_on(self):
        """No pass is lost."""
        problem = problems.get("softmax-8-to-5")

        def impatient(state):
            if state.number == 3:
                raise KeyboardInterrupt

        first = maximum(problem, on_pass=impatient)
        rest = maximum(problem, start=first.free)

        assert not first.converged
        assert first.reason == "interrupted after 3 passes"
        assert likelihood.kernel(problem, problem.params(first.free)) == first.sums.value
        assert rest.converged
        assert rest.passes[0].distance == pytest.approx(first.distance)

    def test_a_step_too_long_is_halved(self):
        """The start is far off, so that a step overshoots."""
        problem = problems.get("poisson-log")
        start = problem.free(likelihood.null_params(problem)) - 6 * np.eye(problem.q)[:, :1]

        found = maximum(problem, start=start)

        assert found.converged
        assert max(state.halvings for state in found.passes) > 0

    def test_collinear_columns_have_no_optimum_to_end_at(self):
        """The information is singular, and the reason says so."""
        problem = problems.get("binomial-logit")
        doubled = problems.Problem.of("twice", problem.model, np.hstack([problem.X, problem.X]), problem.y)

        found = maximum(doubled)

        assert not found.converged
        assert found.ending == "singular"

    def test_too_few_passes_are_said_to_be_too_few(self):
        """And the distance is that of the last one."""
        found = maximum(problems.get("binomial-logit"), max_passes=2)

        assert not found.converged
        assert (found.ending, found.reason) == ("passes", "not reached after 2 passes")
        assert found.distance == found.passes[-1].distance

    def test_what_is_not_finite_at_the_start_is_an_error(self):
        """There is nothing to return to."""
        problem = problems.get("binomial-logit")

        with pytest.raises(FloatingPointError, match="not finite at the start"):
            maximum(problem, start=np.full((problem.q, 1), np.nan))


class TestConvergence:
    @pytest.mark.parametrize("name", KINDS)
    def test_the_first_information_is_at_the_start(self, name):
        """There is no other to steer by."""
        assert Convergence(KINDS[name], 5).wanted(1e-6) != "none"

    def test_newtons_method_is_believed_to_square_the_distance(self):
        """Two distances with the information of their own tell the constant."""
        convergence = Convergence(KINDS["canonical"], 5)
        convergence.learn(1.0, fresh=True, halved=False)
        assert convergence.passes_left(1e-6) is None
        convergence.learn(0.01, fresh=True, halved=False)

        assert convergence.after(0.01) == pytest.approx(1e-6)
        assert convergence.passes_left(1e-6) == 1

    def test_a_pass_without_information_is_not_believed_to_be_the_last(self):
        """Its standard errors would be those of another place."""
        convergence = Convergence(KINDS["canonical"], 5)
        convergence.learn(1.0, fresh=True, halved=False)
        convergence.learn(1e-7, fresh=False, halved=False)

        assert convergence.wanted(1e-6) == "exact"

    def test_steps_that_do_not_contract_are_not_believed_to_be_near(self):
        """Separated data: each step is nearly as long as the last, in ever larger standard errors."""
        convergence = Convergence(KINDS["canonical"], 5)
        for distance in 10.0 * 0.6 ** np.arange(40):
            convergence.learn(distance, fresh=True, halved=False)

        assert convergence.after(convergence.last) < 1e-6
        assert not convergence.enough(1e-6)


@pytest.mark.parametrize("model", PLAIN, ids=str)
def test_a_plain_row_is_its_residual_and_its_variance(model):
    """What the guess by means takes for a row's score and information."""
    eta, y = np.linspace(-4, 4, 9)[:, None], np.tile([[0.0], [1.0], [1.0]], (3, 1))
    mean = model.link.inverse(eta)
    assert model.row_score(y, eta) == pytest.approx(y - mean, rel=1e-12)
    assert model.working_weight(eta) == pytest.approx(model.family.variance(mean), rel=1e-12)
