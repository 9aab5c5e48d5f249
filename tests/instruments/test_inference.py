"""
What is said about a fit is what a statistician works out by hand.

Groups have means, and their standard errors, deviances and leverages are fractions of small numbers. Student's t has a
closed form with 1, 2 and 4 degrees of freedom. The engine is `outside.Formulas`, in NumPy.
"""

from dataclasses import FrozenInstanceError, replace
from math import asin, erfc, exp, lgamma, log, pi, sin, sqrt, tan

import numpy as np
import pytest

from spec import inference, likelihood
from spec.engines.checked import Checked
from spec.families import Binomial, Gamma, Gaussian, InverseGaussian, Multinomial, Poisson
from spec.inference import CONFIDENCE, Inference, Whitened, derive, expecting, infer, likelihood_dispersion, null_model
from spec.links import Identity, Inverse, InverseSquared, Log, Logit, Softmax
from spec.model import Model, Params
from spec.problems import Problem
from tests.instruments.columns import column, groups
from tests.instruments.outside import Formulas

OLS, COUNTS, LOGISTIC = Model(Gaussian(), Identity()), Model(Poisson(), Log()), Model(Binomial(), Logit())
SOFTMAX, GAMMA, CURVED = Model(Multinomial(), Softmax()), Model(Gamma(), Inverse()), Model(Gaussian(), Log())
NORMAL = 1.959963984540054  # leaves 2.5% of the normal distribution above it
BY_NULL = ("null_deviance", "likelihood_ratio", "wald")
BY_ROW = ("mean_interval", "pearson_residuals", "deviance_residuals", "leverage")


class Engine(Formulas):
    """With classes too; keeps the names of what it is asked."""

    def __init__(self):
        self.asked = []

    def evaluate(self, problem, params):
        self.asked.append(problem.name)
        right = super().evaluate(problem, params)
        if isinstance(problem.model.family, Multinomial):
            return replace(right, curvature=lambda: likelihood.expected_information(problem, params))
        return right


def empty(n: int) -> np.ndarray:
    return np.empty((n, 0))


def two_sided(z: float) -> float:
    return erfc(abs(z) / sqrt(2))


def logit(p: float) -> float:
    return log(p / (1 - p))


def expit(eta: float) -> float:
    return 1 / (1 + exp(-eta))


def assert_says(found: Inference, rtol: float = 1e-12, **expected) -> None:
    """Entry by entry, shapes included; None where None is due, and where nothing is said of an entry it is not asked."""
    for entry, value in expected.items():
        mine = getattr(found, entry)
        if value is None:
            assert mine is None, entry
        else:
            assert np.shape(mine) == np.shape(value), entry
            np.testing.assert_allclose(mine, value, rtol=rtol, atol=rtol / 10, err_msg=entry)


class TestByHand:
    def test_two_groups_with_normal_errors(self):
        """Means 3 and 5 of four rows and two, RSS 14 + 2, so phi = 16 / 4; with 4 degrees p = 1 - (3u - u^3) / 2."""
        problem = Problem.of("two groups", OLS, groups(4, 2), column(1.0, 2.0, 3.0, 6.0, 4.0, 6.0))
        u, quantile = 3 / sqrt(13), 2 * sin(asin(0.95) / 3)
        quantile = 2 * quantile / sqrt(1 - quantile**2)
        log_likelihood = -3 * (log(2 * pi * 16 / 6) + 1)
        residuals = column(-2.0, -1.0, 0.0, 3.0, -1.0, 1.0)

        assert_says(
            infer(Engine(), problem),
            dispersion=4.0,
            standard_errors=column(1.0, sqrt(3)),
            observed_standard_errors=column(1.0, sqrt(3)),
            statistics=column(3.0, 2 / sqrt(3)),
            p_values=column(1 - (3 * u - u**3) / 2, 0.3125),
            deviance=16.0,
            log_likelihood=log_likelihood,
            aic=4 - 2 * log_likelihood,
            bic=2 * log(6) - 2 * log_likelihood,
            null_deviance=16 + 16 / 3,
            likelihood_ratio=4 / 3,
            wald=4 / 3,
            response_residuals=residuals,
            pearson_residuals=residuals,
            deviance_residuals=residuals,
            leverage=np.array([1 / 4] * 4 + [1 / 2] * 2),
            mean_interval=np.array([[3 - quantile, 3 + quantile]] * 4 + [[5 - sqrt(2) * quantile, 5 + sqrt(2) * quantile]] * 2),
        )

    def test_weights_divide_the_variance_and_a_row_without_weight_is_there_and_says_nothing(self):
        """The weighted mean of 1, 4 and 100 with weights 1, 2 and 0 is 3: RSS 4 + 2, over 3 - 1 degrees."""
        problem = Problem.of("weights", OLS, empty(3), column(1.0, 4.0, 100.0), weights=[1.0, 2.0, 0.0])
        log_likelihood = (log(1 / (2 * pi * 2)) + log(2 / (2 * pi * 2)) - 6 / 2) / 2

        assert_says(
            infer(Engine(), problem),
            dispersion=3.0,
            standard_errors=column(1.0),
            p_values=column(1 - 3 / sqrt(2 + 9)),
            deviance=6.0,
            log_likelihood=log_likelihood,
            aic=2 - 2 * log_likelihood,
            bic=log(3) - 2 * log_likelihood,
            response_residuals=column(-2.0, 1.0, 97.0),
            pearson_residuals=column(-2.0, sqrt(2), 0.0),
            deviance_residuals=column(-2.0, sqrt(2), 0.0),
            leverage=np.array([1 / 3, 2 / 3, 0.0]),
            **dict.fromkeys(BY_NULL),
        )

    def test_two_shares_of_counts(self):
        """2 of 8 and 6 of 10: the errors of a log odds are the roots of sums of reciprocal counts."""
        problem = Problem.of("two shares", LOGISTIC, groups(1, 1), column(0.25, 0.6), trials=[8.0, 10.0])
        errors = column(sqrt(1 / 2 + 1 / 6), sqrt(1 / 2 + 1 / 6 + 1 / 6 + 1 / 4))
        b = column(log(1 / 3), log(1.5) - log(1 / 3))
        z = (b / errors)[:, 0]
        log_likelihood = log(28) + 2 * log(0.25) + 6 * log(0.75) + log(210) + 6 * log(0.6) + 4 * log(0.4)
        null = 2 * sum(y * log(y / mu) for y, mu in ((2, 64 / 18), (6, 80 / 18), (6, 80 / 18), (4, 100 / 18)))
        spread = NORMAL * np.array([sqrt(1 / 2 + 1 / 6), sqrt(1 / 6 + 1 / 4)])

        assert_says(
            infer(Engine(), problem),
            dispersion=1.0,
            standard_errors=errors,
            observed_standard_errors=errors,
            statistics=b / errors,
            p_values=column(two_sided(z[0]), two_sided(z[1])),
            deviance=0.0,
            log_likelihood=log_likelihood,
            aic=4 - 2 * log_likelihood,
            bic=2 * log(2) - 2 * log_likelihood,
            null_deviance=null,
            likelihood_ratio=null,
            wald=z[1] ** 2,
            response_residuals=column(0.0, 0.0),
            leverage=np.array([1.0, 1.0]),
            mean_interval=np.array(
                [[expit(logit(p) - s), expit(logit(p) + s)] for p, s in zip((0.25, 0.6), spread, strict=True)]
            ),
        )

    def test_residuals_of_shares_have_the_root_of_trials_and_weights(self):
        """1 of 4, and 4 of 6 counted twice, about their common share 9 of 16."""
        problem = Problem.of("shares", LOGISTIC, empty(2), column(1 / 4, 4 / 6), trials=[4.0, 6.0], weights=[1.0, 2.0])
        rows, mu = ((4, 1 / 4, -1), (12, 2 / 3, 1)), 9 / 16
        residuals = [sign * sqrt(2 * w * (y * log(y / mu) + (1 - y) * log((1 - y) / (1 - mu)))) for w, y, sign in rows]

        assert_says(
            infer(Engine(), problem),
            standard_errors=column(sqrt(1 / (16 * mu * (1 - mu)))),
            log_likelihood=log(4) + 2 * log(15) + 9 * log(mu) + 7 * log(1 - mu),
            response_residuals=column(1 / 4 - mu, 2 / 3 - mu),
            pearson_residuals=column(*((y - mu) * sqrt(w / (mu * (1 - mu))) for w, y, _ in rows)),
            deviance_residuals=column(*residuals),
            deviance=sum(r * r for r in residuals),
            leverage=np.array([1 / 4, 3 / 4]),
        )

    def test_counts_with_an_exposure(self):
        """3 in one year and 3 in two are two a year; there is nothing but the intercept to test."""
        problem = Problem.of("exposure", COUNTS, empty(2), column(3.0, 3.0), offset=column(0.0, log(2)))
        log_likelihood = 3 * log(2) + 3 * log(4) - 6 - 2 * log(6)
        low, high = (exp(sign * NORMAL / sqrt(6)) for sign in (-1, 1))

        assert_says(
            infer(Engine(), problem),
            dispersion=1.0,
            standard_errors=column(1 / sqrt(6)),
            statistics=column(log(2) * sqrt(6)),
            p_values=column(two_sided(log(2) * sqrt(6))),
            deviance=6 * log(3 / 2) + 6 * log(3 / 4),
            log_likelihood=log_likelihood,
            aic=2 - 2 * log_likelihood,
            bic=log(2) - 2 * log_likelihood,
            response_residuals=column(1.0, -1.0),
            pearson_residuals=column(1 / sqrt(2), -1 / 2),
            deviance_residuals=column(sqrt(6 * log(3 / 2) - 2), -sqrt(6 * log(3 / 4) + 2)),
            leverage=np.array([1 / 3, 2 / 3]),
            mean_interval=np.array([[2 * low, 2 * high], [4 * low, 4 * high]]),
            **dict.fromkeys(BY_NULL),
        )

    def test_the_null_model_keeps_the_offset(self):
        """Rates 2 and 5, in exposures of 1, 2 and 1: together 11 in 4 years."""
        problem = Problem.of("exposure", COUNTS, groups(2, 1), column(3.0, 3.0, 5.0), offset=column(0.0, log(2), 0.0))
        null = 2 * sum(y * log(y / mu) for y, mu in ((3, 11 / 4), (3, 22 / 4), (5, 11 / 4)))

        assert_says(
            infer(Engine(), problem),
            null_deviance=null,
            likelihood_ratio=null - 6 * log(3 / 2) - 6 * log(3 / 4),
            wald=log(5 / 2) ** 2 / (1 / 6 + 1 / 5),
        )

    def test_quasi_likelihood_has_a_dispersion_and_no_criterion(self):
        """Rates 0.5, 1.5 and 2 about 4/3, and 4 alone; with 2 degrees p = 1 - t / sqrt(2 + t^2)."""
        problem = replace(Problem.of("rates", COUNTS, groups(3, 1), column(0.5, 1.5, 2.0, 4.0)), quasi=True)
        mu, last = 4 / 3, 4.0
        phi = ((0.5 - mu) ** 2 + (1.5 - mu) ** 2 + (2 - mu) ** 2) / mu / 2
        errors = column(sqrt(phi / 4), sqrt(phi / 4 + phi / 4))
        t = column(log(mu), log(last / mu)) / errors
        quantile = 0.95 * sqrt(2 / (1 - 0.95**2))
        kernels = sum(y * log(m) - m - lgamma(y + 1) for y, m in ((0.5, mu), (1.5, mu), (2, mu), (4, last)))
        deviance = 2 * sum(y * log(y / mu) for y in (0.5, 1.5, 2))

        found = infer(Engine(), problem)

        assert_says(
            found,
            dispersion=phi,
            standard_errors=errors,
            observed_standard_errors=errors,
            statistics=t,
            p_values=1 - t / np.sqrt(2 + t**2),
            log_likelihood=kernels,
            deviance=deviance,
            aic=None,
            bic=None,
            null_deviance=2 * sum(y * log(y / 2) for y in (0.5, 1.5, 2, 4)),
            likelihood_ratio=(2 * sum(y * log(y / 2) for y in (0.5, 1.5, 2, 4)) - deviance) / phi,
            wald=log(last / mu) ** 2 / (phi / 2),
            leverage=np.array([1 / 3] * 3 + [1.0]),
        )
        assert found.mean_interval[:, 0] == pytest.approx(
            [mu * exp(-quantile * errors[0, 0])] * 3 + [last * exp(-quantile * sqrt(phi / 4))]
        )
        assert found.mean_interval[:, 1] == pytest.approx(
            [mu * exp(quantile * errors[0, 0])] * 3 + [last * exp(quantile * sqrt(phi / 4))]
        )

    def test_a_line_through_the_origin_has_no_null_model(self):
        """Slope 8/11 as NIST's NoInt2, on half of its rows' scale; nothing is less than it but nothing."""
        problem = Problem.of("origin", OLS, column(4.0, 5.0, 6.0), column(3.0, 4.0, 4.0), intercept=False)

        assert_says(
            infer(Engine(), problem),
            dispersion=3 / 22,
            standard_errors=column(sqrt(3 / 22 / 77)),
            deviance=3 / 11,
            leverage=np.array([16, 25, 36]) / 77,
            **dict.fromkeys(BY_NULL),
        )

    def test_expected_and_observed_information_part_where_the_link_is_not_canonical(self):
        """
        mu = 1, 2, 4 at b = (0, log 2); residuals (1, -1, 1/4) are orthogonal to mu and to x mu.

        Rows weigh mu^2 = 1, 4, 16 in the expected information and mu^2 - r mu = 0, 6, 15 in the observed.
        """
        problem = Problem.of("curved", CURVED, column(0.0, 1.0, 2.0), column(2.0, 1.0, 4.25))
        phi, engine = 33 / 16, Engine()

        found = infer(engine, problem)

        assert_says(
            found,
            rtol=1e-9,
            dispersion=phi,
            standard_errors=np.sqrt(phi * column(68, 21) / 132),
            observed_standard_errors=np.sqrt(phi * column(66, 21) / 90),
            statistics=column(0.0, log(2) / sqrt(phi * 21 / 132)),
            deviance=phi,
            log_likelihood=-1.5 * log(2 * pi * phi) - 1 / 2,
            wald=log(2) ** 2 / (phi * 21 / 132),
            leverage=np.array([68, 4 * (68 - 72 + 21), 16 * (68 - 144 + 84)]) / 132,
        )
        assert "curved, white, expected" in engine.asked
        assert likelihood_dispersion(problem, column(1.0, 2.0, 4.0)) == phi

    def test_what_is_canonical_is_evaluated_once(self):
        problem, engine = Problem.of("two groups", COUNTS, groups(2, 2), column(1.0, 2.0, 3.0, 6.0)), Engine()
        infer(engine, problem)

        assert engine.asked == ["two groups, white", "two groups, null"]

    def test_the_shape_of_a_gamma_is_pearson_s(self):
        """Mean 4 of 1, 3, 8: X^2 = (9 + 1 + 16) / 16 over 2 degrees, and the likelihood is told at that."""
        problem = Problem.of("gamma", Model(Gamma(), Log()), empty(3), column(1.0, 3.0, 8.0), weights=[1.0, 1.0, 1.0])
        phi = 26 / 32
        shape = 1 / phi
        terms = sum(shape * log(shape * y / 4) - shape * y / 4 - log(y) - lgamma(shape) for y in (1, 3, 8))

        assert_says(
            infer(Engine(), problem),
            dispersion=phi,
            standard_errors=column(sqrt(phi / 3)),
            observed_standard_errors=column(sqrt(phi / 3)),
            log_likelihood=terms,
            aic=2 - 2 * terms,
            bic=log(3) - 2 * terms,
            leverage=np.full(3, 1 / 3),
        )

    def test_an_end_of_an_interval_without_a_mean_is_nan(self):
        """1 and 7 about 4: eta = 1/4 is less than tan(0.475 pi) = 12.7 errors of 3/16 above 0, where 1 / eta ends."""
        problem = Problem.of("far", GAMMA, empty(2), column(1.0, 7.0))
        end = 1 / (1 / 4 + tan(0.475 * pi) * 3 / 16)

        assert_says(infer(Engine(), problem), mean_interval=np.array([[np.nan, end]] * 2), dispersion=9 / 8)

        further = Problem.of("further", Model(InverseGaussian(), InverseSquared()), empty(2), column(1.0, 7.0))
        end = 1 / sqrt(1 / 16 + tan(0.475 * pi) * 3 / 32)
        assert_says(infer(Engine(), further), mean_interval=np.array([[np.nan, end]] * 2), dispersion=18 / 64)


class TestClasses:
    COUNTED = np.array([[2.0, 3.0, 1.0], [1.0, 4.0, 5.0]])

    def problem(self, X=None, **more):
        trials = self.COUNTED.sum(axis=1)
        X = groups(1, 1) if X is None else X
        return Problem.of("classes", SOFTMAX, X, self.COUNTED / trials[:, None], trials=trials, **more)

    def test_two_groups_of_three_classes(self):
        """A table of counts: errors are roots of sums of reciprocal counts, deviances are those of the table."""
        counted, total = self.COUNTED, self.COUNTED.sum()
        reciprocal = 1 / counted
        intercepts = reciprocal[0, 1:] + reciprocal[0, 0]
        errors = np.sqrt([intercepts, intercepts + reciprocal[1, 1:] + reciprocal[1, 0]])
        logs = np.log(counted[:, 1:] / counted[:, :1])
        b = np.array([logs[0], logs[1] - logs[0]])
        margins = np.outer(counted.sum(axis=1), counted.sum(axis=0)) / total
        null = 2 * (counted * np.log(counted / margins)).sum()
        covariance = reciprocal[:, 0].sum() + np.diag(reciprocal[:, 1:].sum(axis=0))
        orders = log(60) + log(1260)  # 6! / (2! 3! 1!) and 10! / (1! 4! 5!)
        log_likelihood = orders + (counted * np.log(counted / counted.sum(axis=1, keepdims=True))).sum()

        assert_says(
            infer(Engine(), self.problem()),
            rtol=1e-11,
            dispersion=1.0,
            standard_errors=errors,
            observed_standard_errors=errors,
            statistics=b / errors,
            p_values=np.vectorize(two_sided)(b / errors),
            deviance=0.0,
            log_likelihood=log_likelihood,
            aic=8 - 2 * log_likelihood,
            bic=4 * log(2) - 2 * log_likelihood,
            response_residuals=np.zeros((2, 3)),
            null_deviance=null,
            likelihood_ratio=null,
            wald=b[1] @ np.linalg.solve(covariance, b[1]),
            **dict.fromkeys(BY_ROW),
        )

    def test_classes_through_the_origin_have_no_null_model(self):
        """One indicator for each group in place of the intercept."""
        problem = self.problem(np.eye(2), intercept=False)
        reciprocal = 1 / self.COUNTED

        assert_says(
            infer(Engine(), problem),
            rtol=1e-11,
            standard_errors=np.sqrt(reciprocal[:, 1:] + reciprocal[:, :1]),
            **dict.fromkeys((*BY_NULL, *BY_ROW)),
        )


GENERAL = [
    Problem.of("line", OLS, column(0.0, 1.0, 2.0, 5.0), column(1.0, 3.0, 2.0, 7.0), weights=[1.0, 2.0, 1.0, 0.5]),
    Problem.of("exposed", COUNTS, column(0.0, 1.0, 2.0, 5.0), column(1.0, 3.0, 2.0, 7.0), offset=column(0.1, 0.2, -0.3, 0.4)),
    Problem.of("origin", LOGISTIC, column(1.0, 1.0, 2.0, 5.0), column(1.0, 0.0, 1.0, 1.0), intercept=False),
    Problem.of("classes", SOFTMAX, column(0.0, 1.0, 2.0, 5.0), np.eye(3)[[0, 1, 2, 1]], offset=np.arange(12).reshape(4, 3) / 8),
]
each = pytest.mark.parametrize("problem", GENERAL, ids=str)


class TestParts:
    @each
    def test_a_white_problem_has_the_same_eta_on_orthonormal_columns(self, problem, rng):
        white, free = Whitened(problem), rng.normal(size=(problem.q, problem.free_outputs))

        params = white.params(free)

        assert (white.problem.name, white.problem.intercept) == (f"{problem}, white", False)
        assert white.problem.model is problem.model
        assert white.problem.data.columns == tuple(f"x{j + 1}" for j in range(problem.q))
        np.testing.assert_allclose(white.problem.X.T @ white.problem.X, np.eye(problem.q), atol=1e-14)
        np.testing.assert_allclose(white.problem.eta(params), problem.eta(problem.params(free)), rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(white.basis @ white.problem.free(params), free, rtol=1e-12)
        assert np.array_equal(white.problem.row_weights, problem.row_weights)

    @each
    def test_a_root_s_products_are_the_inverse_of_the_information_in_the_problem_s_own_coordinates(self, problem, rng):
        white, m, q = Whitened(problem), problem.free_outputs, problem.q
        half = rng.normal(size=(q * m, q * m))
        information = half @ half.T + np.eye(q * m)
        carry = np.kron(np.eye(m), white.basis)

        root = white.root(information)

        assert root.shape == (q, m, q * m)
        covariance = np.einsum("ias,jbs->aibj", root, root).reshape(q * m, q * m)
        np.testing.assert_allclose(covariance, carry @ np.linalg.inv(information) @ carry.T, rtol=1e-10, atol=1e-12)

    def test_a_root_of_singular_information_is_none(self):
        with pytest.raises(np.linalg.LinAlgError):
            Whitened(GENERAL[0]).root(np.ones((2, 2)))

        class Flat(Engine):
            def evaluate(self, problem, params):
                return replace(super().evaluate(problem, params), curvature=lambda: np.zeros((problem.q, problem.q)))

        with pytest.raises(np.linalg.LinAlgError):
            infer(Flat(), GENERAL[0])

    @each
    def test_a_null_model_has_the_same_rows_and_no_columns(self, problem):
        problem = replace(problem, intercept=True)
        null = null_model(problem)

        assert (null.name, null.p, null.q, null.data.columns) == (f"{problem}, null", 0, 1, ())
        assert null.model is problem.model
        for name in ("y", "offset", "weights"):
            assert np.array_equal(getattr(null.data, name), getattr(problem.data, name))

    def test_planted_and_exact_parameters_are_not_those_of_another_problem(self):
        known = Params([0.0], [[1.0]])
        problem = Problem.of("known", OLS, column(0.0, 1.0, 3.0), column(0.0, 1.0, 4.0), planted=known, exact=known)

        for other in (null_model(problem), Whitened(problem).problem):
            assert (other.data.planted, other.data.exact) == (None, None)

    @each
    def test_the_response_of_what_is_expected_is_the_mean(self, problem):
        mean = problem.model.link.inverse(problem.eta(problem.params(np.full((problem.q, problem.free_outputs), 0.25))))
        other = expecting(problem, mean)

        assert (other.name, other.quasi) == (f"{problem}, expected", True)
        assert np.array_equal(other.y, mean)
        assert np.array_equal(other.design, problem.design)
        assert np.array_equal(other.free_offset, problem.free_offset)

    def test_the_dispersion_of_a_likelihood(self):
        """RSS / n for least squares, Pearson's for the others that have one, 1 for quasi-likelihood whatever the model."""
        X, y, mean = empty(4), column(1.0, 2.0, 4.0, 9.0), np.full((4, 1), 4.0)
        for model, expected in ((OLS, 38 / 4), (CURVED, 38 / 3), (GAMMA, 38 / 16 / 3), (COUNTS, 1.0)):
            problem = Problem.of("dispersed", model, X, y)
            assert likelihood_dispersion(problem, mean) == pytest.approx(expected, rel=1e-15)
            assert likelihood_dispersion(replace(problem, quasi=True), mean) == 1.0

    def test_a_deviance_that_rounds_below_zero_has_the_root_zero(self):
        """In float64, 2 (y log(y / mu) - (y - mu)) may come out as a negative number next to nothing."""
        y = np.linspace(1, 9, 999)[:, None]
        mean = y * (1 + 1e-9)
        problem = replace(Problem.of("near", COUNTS, empty(999), y), quasi=True)
        assert (problem.model.family.unit_deviance(y, mean) < 0).any()
        root = np.full((1, 1, 1), 1 / sqrt(mean.sum()))

        found = derive(problem, column(0.0), mean, 0.0, root, root, None)

        assert np.isfinite(found.deviance_residuals).all()
        assert (found.deviance_residuals <= 0).all()

    def test_the_confidence_is_that_of_custom(self):
        assert CONFIDENCE == inference.CONFIDENCE == 0.95

    def test_an_inference_does_not_change_and_optional_entries_are_none(self):
        needed = [name for name in vars(infer(Engine(), GENERAL[0])) if name not in (*BY_NULL, *BY_ROW)]
        plain = Inference(**dict.fromkeys(needed, 1.0))

        assert [getattr(plain, name) for name in (*BY_NULL, *BY_ROW)] == [None] * 7
        with pytest.raises(FrozenInstanceError):
            plain.deviance = 2.0

    def test_numbers_are_python_s_and_an_engine_s_own_inference_comes_first(self):
        found = Checked(Engine()).infer(GENERAL[0])

        for entry in ("dispersion", "deviance", "log_likelihood", "aic", "bic", "null_deviance", "likelihood_ratio", "wald"):
            assert type(getattr(found, entry)) is float, entry


def test_a_perfect_fit_has_no_inference():
    """Points on a line exactly: nothing is left from which the dispersion could be estimated, and that is said."""
    problem = Problem.of("line", Model(Gaussian(), Identity()), [[0.0], [1.0], [2.0]], [[1.0], [3.0], [5.0]])
    free, mean = np.array([[1.0], [2.0]]), np.array([[1.0], [3.0], [5.0]])
    root = np.ones((2, 1, 2))

    with pytest.raises(np.linalg.LinAlgError, match="the fit is perfect"):
        derive(problem, free, mean, 0.0, root, root, None)
