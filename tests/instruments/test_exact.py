"""
The balls of the exact inference hold the exact values, and are narrow.

The exact values are fractions and roots worked out by hand, computed in balls of their own; where there is no closed
form, formulas in float64 at the enclosed optimum.
"""

from dataclasses import FrozenInstanceError, replace
from math import log

import flint
import numpy as np
import pytest
from flint import arb

from spec import likelihood, problems, scoring
from spec.evidence.exact import exact_inference
from spec.evidence.rungs import proven_optimum
from spec.families import Binomial, Gamma, Gaussian, Multinomial, Poisson, Tweedie
from spec.links import Identity, Log, Logit, Probit, Softmax
from spec.model import Model, Params
from spec.problems import Problem
from tests.instruments.columns import column, groups
from tests.instruments.outside import Formulas
from tests.instruments.test_scoring import small

OLS, COUNTS, LOGISTIC = Model(Gaussian(), Identity()), Model(Poisson(), Log()), Model(Binomial(), Logit())
SOFTMAX, CURVED = Model(Multinomial(), Softmax()), Model(Gaussian(), Log())
WIDTH = 1e-13  # an optimum is enclosed to 1e-15 or better of its size, and its errors follow


@pytest.fixture(autouse=True)
def precise():
    """The precision of the values by hand, and not that of the module, which has its own."""
    with flint.ctx.workprec(128):
        yield


def assert_holds(ball: arb, exact: arb) -> None:
    """The ball overlaps that of the exact value, and neither is wide."""
    assert ball.overlaps(exact), f"{ball} and not {exact}"
    for one in (ball, exact):
        assert one.rad() <= WIDTH * max(abs(exact.mid()), arb(1)), f"{one} is wide"


def assert_exact(problem: Problem, errors, observed=None, dispersion=1, deviance=None) -> None:
    """Everything that is given: the squares of the standard errors, which are fractions."""
    found = exact_inference(problem, proven_optimum(problem))
    for balls, squares in ((found.standard_errors, errors), (found.observed_standard_errors, observed or errors)):
        assert np.shape(np.array(balls, dtype=object)) == np.shape(np.array(squares, dtype=object))
        for row, expected in zip(balls, squares, strict=True):
            for ball, square in zip(row, expected, strict=True):
                assert_holds(ball, arb(square).sqrt())
    assert_holds(found.dispersion, arb(dispersion))
    if deviance is not None:
        assert_holds(found.deviance, deviance)


def gain(*rows: tuple[float, float]) -> arb:
    """2 sum y log(y / mu), zero where y is."""
    return sum((2 * arb(y) * (arb(y) / arb(mu)).log() for y, mu in rows if y), arb(0))


class TestByHand:
    def test_two_groups_with_normal_errors(self):
        problem = Problem.of("two groups", OLS, groups(4, 2), column(1.0, 2.0, 3.0, 6.0, 4.0, 6.0))

        assert_exact(problem, [[1], [3]], dispersion=4, deviance=arb(16))

    def test_weights_and_a_row_of_none(self):
        problem = Problem.of("weights", OLS, np.empty((3, 0)), column(1.0, 4.0, 100.0), weights=[1.0, 2.0, 0.0])

        assert_exact(problem, [[1]], dispersion=3, deviance=arb(6))

    def test_shares_of_counts(self):
        """2 of 8, and 3 of 4 counted twice: sums of reciprocal counts."""
        problem = Problem.of("shares", LOGISTIC, groups(1, 1), column(0.25, 0.75), trials=[8.0, 4.0], weights=[1.0, 2.0])

        assert_exact(problem, [[arb(2) / 3], [arb(4) / 3]], deviance=arb(0))

    def test_successes_and_failures_one_by_one(self):
        """One of four and two of three; with y at 0 and at 1 the deviance is minus twice the log-likelihood."""
        y = column(0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0)
        problem = Problem.of("one by one", LOGISTIC, groups(4, 3), y)
        deviance = -2 * (arb(0.25).log() + 3 * arb(0.75).log() + 2 * (arb(2) / 3).log() + (arb(1) / 3).log())

        assert_exact(problem, [[arb(4) / 3], [arb(4) / 3 + arb(3) / 2]], deviance=deviance)

    def test_counts_with_zeros_and_an_exposure(self):
        """0 and 6 in exposures of 1 and e: the second mean is e / (1 + e) of the 6."""
        problem = Problem.of("exposure", COUNTS, np.empty((2, 0)), column(0.0, 6.0), offset=column(0.0, 1.0))

        assert_exact(problem, [[arb(1) / 6]], deviance=gain((6, 6 / (1 + arb(-1).exp()))))

    def test_means_that_are_the_response_have_a_deviance_about_zero(self):
        problem = Problem.of("saturated", COUNTS, groups(1, 1), column(2.0, 5.0))

        assert_exact(problem, [[arb(1) / 2], [arb(7) / 10]], deviance=arb(0))

    def test_quasi_likelihood_has_the_dispersion_of_pearson(self):
        """0, 1 and 5 about 2: X^2 = (4 + 1 + 9) / 2 over 2 degrees."""
        problem = replace(Problem.of("rates", COUNTS, np.empty((3, 0)), column(0.0, 1.0, 5.0)), quasi=True)

        assert_exact(problem, [[arb(7) / 2 / 6]], dispersion=arb(7) / 2, deviance=gain((1, 2), (5, 2)))

    def test_gamma_and_tweedie(self):
        """1, 3 and 8 about 4: X^2 = 26 / 16; amounts 0, 1 and 8 about 3: X^2 = (9 + 4 + 25) / sqrt(27)."""
        gamma = Problem.of("gamma", Model(Gamma(), Log()), np.empty((3, 0)), column(1.0, 3.0, 8.0))
        assert_exact(gamma, [[arb(13) / 16 / 3]], dispersion=arb(13) / 16, deviance=-2 * (arb(24) / 64).log())

        tweedie = Problem.of("tweedie", Model(Tweedie(1.5), Log()), np.empty((3, 0)), column(0.0, 1.0, 8.0))
        phi = 19 / arb(27).sqrt()
        amounts = 12 * arb(3).sqrt() - 8 * (1 + arb(8).sqrt()) + 4 * 9 / arb(3).sqrt()
        assert_exact(tweedie, [[phi / arb(27).sqrt()]], dispersion=phi, deviance=amounts)

    def test_expected_and_observed_information_part_where_the_link_is_not_canonical(self):
        """
        mu = 1, 2, 4 at b = (0, log 2); residuals (1, -1, 1/4) are orthogonal to mu and to x mu.

        Rows weigh mu^2 = 1, 4, 16 in the expected information and mu^2 - r mu = 0, 6, 15 in the observed.
        """
        problem = Problem.of("curved", CURVED, column(0.0, 1.0, 2.0), column(2.0, 1.0, 4.25))
        phi = arb(33) / 16

        assert_exact(
            problem,
            [[phi * 68 / 132], [phi * 21 / 132]],
            [[phi * 66 / 90], [phi * 21 / 90]],
            dispersion=phi,
            deviance=phi,
        )

    def test_two_groups_of_three_classes(self):
        """Sums of reciprocal counts, a row for each parameter and a column for each class but the first."""
        counted = np.array([[2.0, 4.0, 2.0], [1.0, 8.0, 7.0]])
        trials, y = [4.0, 16.0], counted / counted.sum(axis=1, keepdims=True)
        problem = Problem.of("classes", SOFTMAX, groups(1, 1), y, trials=trials, weights=[2.0, 1.0])
        first = [arb(1) / 4 + arb(1) / 2, arb(1) / 2 + arb(1) / 2]
        second = [first[0] + arb(1) / 8 + 1, first[1] + arb(1) / 7 + 1]

        assert_exact(problem, [first, second], deviance=arb(0))

    def test_classes_that_never_occur_in_a_row_say_nothing(self):
        """Rows one-hot, no column: the deviance is minus twice the log-likelihood of the shares."""
        problem = Problem.of("one-hot", SOFTMAX, np.empty((4, 0)), np.eye(3)[[0, 1, 1, 2]])

        assert_exact(problem, [[arb(3) / 2, arb(2)]], deviance=4 * arb(4).log() + 4 * arb(2).log())


MODELS = (COUNTS, LOGISTIC, OLS, SOFTMAX, Model(Binomial(), Probit()), Model(Gamma(), Log()))
CASES = [small(model, *has)[0] for model in MODELS for has in ((True, True, True), (False, True, False))]
PLANTED = [problems.get(name) for name in ("binomial-cauchit", "gamma-log", "inverse-gaussian-log", "softmax-3-to-3")]


@pytest.mark.parametrize("problem", [*CASES, *PLANTED], ids=str)
def test_formulas_in_float64_agree(problem):
    """At the optimum, to the digits that these have."""
    optimum = proven_optimum(problem)
    found, mu = exact_inference(problem, optimum), problem.model.link.inverse(problem.eta(optimum.params))
    expected = scoring.White.of(problem).standard_errors(problem, optimum.params)
    phi = likelihood.dispersion(problem, mu)
    observed = expected
    if not problem.model.is_canonical:
        observed = np.sqrt(phi * np.diag(np.linalg.inv(Formulas().evaluate(problem, optimum.params).information)))[:, None]

    for balls, errors in ((found.standard_errors, expected), (found.observed_standard_errors, observed)):
        np.testing.assert_allclose([[float(ball) for ball in row] for row in balls], errors, rtol=1e-11)
    assert (found.observed_standard_errors is found.standard_errors) == problem.model.is_canonical
    assert float(found.dispersion) == pytest.approx(phi, rel=1e-12)
    assert float(found.deviance) == pytest.approx(likelihood.deviance(problem, mu), rel=1e-12)


class TestBalls:
    PROBLEM = Problem.of("moved", COUNTS, groups(2, 2), column(1.0, 2.0, 3.0, 6.0))

    def test_a_wide_optimum_has_wide_errors_that_hold_those_of_each_of_its_points(self):
        """The optimum widened by 1/64 of a parameter's unit: balls hold the value at its centre and at its corners."""
        optimum = proven_optimum(self.PROBLEM)
        wide = replace(optimum, radius=np.full_like(optimum.radius, 2.0**-6))
        found = exact_inference(self.PROBLEM, wide)

        for corner in ((0, 0), (1, 1), (1, -1), (-1, 1), (-1, -1)):
            params = self.PROBLEM.params(optimum.centre + optimum.shift + 2.0**-6 * column(*corner))
            errors = scoring.White.of(self.PROBLEM).standard_errors(self.PROBLEM, params)
            deviance = likelihood.deviance(self.PROBLEM, np.exp(self.PROBLEM.eta(params)))
            for balls, values in ((found.standard_errors, errors), ([[found.deviance]], [[deviance]])):
                for row, expected in zip(balls, values, strict=True):
                    assert all(ball.overlaps(arb(value, 1e-12)) for ball, value in zip(row, expected, strict=True))
        assert all(float(row[0].rad()) > 1e-3 for row in found.standard_errors)

    def test_where_the_optimum_is_not_known_nothing_is(self):
        optimum = proven_optimum(self.PROBLEM)
        found = exact_inference(self.PROBLEM, replace(optimum, radius=np.full_like(optimum.radius, 1e3)))

        assert not any(row[0].is_finite() for row in found.standard_errors)

    def test_the_shift_is_part_of_the_optimum(self):
        optimum = proven_optimum(self.PROBLEM)
        moved = replace(optimum, centre=optimum.centre - 0.5, shift=optimum.shift + 0.5)
        one, other = (exact_inference(self.PROBLEM, o) for o in (optimum, moved))

        assert one.deviance.overlaps(other.deviance)
        assert abs(float(one.deviance - other.deviance)) < 1e-12

    @pytest.mark.parametrize("name", ["free_offset", "row_weights"])
    @pytest.mark.parametrize("model", [COUNTS, SOFTMAX], ids=str)
    def test_what_does_not_belong_together_is_an_error_and_not_cut(self, model, name):
        y = np.eye(2)[[0, 1, 1, 0]] if model == SOFTMAX else column(1.0, 2.0, 3.0, 6.0)
        problem = Problem.of("cut", model, groups(2, 2), y)
        optimum = proven_optimum(problem)
        for cut in (getattr(problem, name)[1:], getattr(problem, name)[:, :0]):
            vars(problem)[name] = cut
            with pytest.raises(ValueError, match=r"zip\(\)|to unpack"):
                exact_inference(problem, optimum)
            del vars(problem)[name]
        for radius in (optimum.radius[1:], optimum.radius[:, :0]):
            with pytest.raises(ValueError, match=r"zip\(\)"):
                exact_inference(problem, replace(optimum, radius=radius))
        wider = replace(problem.data, y=np.hstack([y, 0 * y[:, :1]]))  # one more class than there are means
        vars(problem).update(free_offset=problem.free_offset, data=wider)
        with pytest.raises(ValueError, match=r"zip\(\)|to unpack"):
            exact_inference(problem, optimum)

    def test_working_precision_is_that_of_the_proof_whatever_it_was(self):
        with flint.ctx.workprec(20):
            rough = exact_inference(self.PROBLEM, proven_optimum(self.PROBLEM))
            assert flint.ctx.prec == 20

        assert rough.deviance.rad() < 1e-12

    def test_an_exact_inference_does_not_change(self):
        with pytest.raises(FrozenInstanceError):
            exact_inference(self.PROBLEM, proven_optimum(self.PROBLEM)).deviance = arb(0)
        assert Params([log(1.5)], [[log(3)]]).matrix == pytest.approx(proven_optimum(self.PROBLEM).params.matrix)


@pytest.mark.parametrize("counts", [(4, 6), (2, 3, 5)])
def test_classes_have_the_dispersion_of_their_counts(counts):
    """With the intercept alone X^2 is n (k - 1), over (n - 1) (k - 1): n / (n - 1), as by formula."""
    n, k = sum(counts), len(counts)
    y = np.repeat(np.eye(k), counts, axis=0)
    problem = replace(Problem.of("quasi classes", SOFTMAX, np.zeros((n, 0)), y), quasi=True)
    phi = arb(n) / (n - 1)

    assert_exact(problem, [[phi * (arb(1) / counts[0] + arb(1) / count) for count in counts[1:]]], dispersion=phi)
    assert likelihood.dispersion(problem, np.tile(np.array(counts) / n, (n, 1))) == pytest.approx(n / (n - 1), rel=1e-14)


def test_two_classes_have_the_standard_errors_of_their_shares():
    """A softmax of two is a sigmoid, under quasi-likelihood too."""
    X, y = np.array([[-1.0], [0.0], [1.0], [2.0], [0.5]]), np.array([[0.25], [0.5], [0.375], [0.875], [0.75]])
    shares = replace(Problem.of("shares", LOGISTIC, X, y), quasi=True)
    classes = replace(Problem.of("classes", SOFTMAX, X, np.hstack([1 - y, y])), quasi=True)
    one, two = (exact_inference(problem, proven_optimum(problem)) for problem in (shares, classes))

    assert_holds(one.dispersion, two.dispersion)
    for (a,), (b,) in zip(one.standard_errors, two.standard_errors, strict=True):
        assert_holds(a, b)
