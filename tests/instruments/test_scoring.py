"""
Scoring computes the likelihood, its score and its information, and its steps lead to the optimum.

The likelihoods are held against SciPy's distributions, the score against differences of those, the information against
the covariance that the slopes of the means make. Each of these knows the rows one by one and nothing of matrices.
"""

import itertools
import re
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from scipy import stats

from spec import likelihood, scoring
from spec.families import Binomial, Gamma, Gaussian, InverseGaussian, Multinomial, NegativeBinomial, Poisson, Tweedie
from spec.links import CLogLog, Identity, Inverse, InverseSquared, Log, Logit, Probit, Softmax, Sqrt
from spec.model import PAIRS, Model, Params
from spec.problems import Problem
from spec.problems.by_construction import ETA_RANGE
from spec.scoring import White

OLS, COUNTS, LOGISTIC = Model(Gaussian(), Identity()), Model(Poisson(), Log()), Model(Binomial(), Logit())
SOFTMAX = Model(Multinomial(), Softmax())

X = np.array([[-0.75, 0.5], [0.25, -1.0], [1.0, 0.75], [-0.5, -0.25], [0.5, 1.0], [-1.0, -0.5], [0.125, 0.25]])
WEIGHTS = np.array([1.0, 2.0, 0.5, 3.0, 1.5, 0.75, 2.5])
TRIALS = np.array([4.0, 7.0, 3.0, 9.0, 5.0, 2.0, 6.0])
SUCCESSES = np.array([1.0, 5.0, 1.0, 4.0, 4.0, 1.0, 2.0])
SHIFT = np.array([0.25, -0.5, 0.75, 1.0, -1.0, 0.5, -0.25])  # in units of the half width that eta may use
CLASSES = np.array([[1, 1, 2], [3, 3, 1], [1, 1, 1], [2, 4, 3], [1, 3, 1], [0, 1, 1], [2, 3, 1]], dtype=float)


def small(model: Model, intercept: bool, weights: bool, offset: bool) -> tuple[Problem, Params]:
    """Seven rows with everything that a problem can have, and parameters that keep eta inside ETA_RANGE."""
    low, high = ETA_RANGE.get(str(model), (-1, 1))
    middle, half = (low + high) / 2, (high - low) / 2
    k = 3 if model == SOFTMAX else 1
    columns = X if intercept else np.hstack([1 + X[:, :1] / 8, X[:, 1:]])
    first = np.array([[0.0, 0.5, -0.25]]) if model == SOFTMAX else np.full((1, 1), middle)
    slopes = half / 4 * np.array([[1.0, -0.5, 0.25], [-0.75, 0.5, 1.0]])[:, :k]
    matrix = np.vstack([first, slopes]) if intercept else np.vstack([0 * first, first, slopes[1:]])
    data = {}
    if isinstance(model.family, Multinomial):
        data["trials"] = CLASSES.sum(axis=1)
        y = CLASSES / data["trials"][:, None]
    elif isinstance(model.family, Binomial):
        data["trials"] = TRIALS
        y = (SUCCESSES / TRIALS)[:, None]
    elif isinstance(model.family, Poisson | NegativeBinomial):
        y = SUCCESSES[:, None]
    else:
        y = model.link.inverse(middle + half * SHIFT[::-1, None] / 2)
    if weights:
        data["weights"] = WEIGHTS
    if offset:
        data["offset"] = half / 8 * np.hstack([SHIFT[:, None], SHIFT[::-1, None], -SHIFT[:, None]])[:, :k]
    what = [word for word, has in (("intercept", intercept), ("weights", weights), ("offset", offset)) if has]
    return Problem.of(
        f"{model} with {' and '.join(what) or 'nothing'}", model, columns, y, intercept, **data
    ), Params.from_matrix(matrix)


CASES = [
    small(model, *has) for model in (*PAIRS, SOFTMAX) for has in ((True, False, False), (True, True, True), (False, True, False))
]
CONCAVE = [case for case in CASES if case[0].model.is_log_concave]
each_concave = pytest.mark.parametrize(("problem", "params"), CONCAVE, ids=[str(problem) for problem, _ in CONCAVE])
each_case = pytest.mark.parametrize(("problem", "params"), CASES, ids=[str(problem) for problem, _ in CASES])


def log_density(model: Model, y: np.ndarray, mu: np.ndarray, weight: float, trials: float) -> float:
    """One row's log-likelihood by SciPy: the weight divides the dispersion where there is one, else counts the row."""
    family = model.family
    match family:
        case Multinomial():
            return weight * stats.multinomial.logpmf(np.rint(y * trials), int(trials), mu / mu.sum())
        case Binomial():
            return weight * stats.binom.logpmf(round(y[0] * trials), trials, mu[0])
        case Poisson():
            return weight * stats.poisson.logpmf(y[0], mu[0])
        case NegativeBinomial(alpha):
            return weight * stats.nbinom.logpmf(y[0], 1 / alpha, 1 / (1 + alpha * mu[0]))
        case Gaussian():
            return stats.norm.logpdf(y[0], mu[0], np.sqrt(1 / weight))
        case Gamma():
            return stats.gamma.logpdf(y[0], weight, scale=mu[0] / weight)
        case InverseGaussian():
            return stats.invgauss.logpdf(y[0], mu[0] / weight, scale=weight)
        case Tweedie(p):
            number = np.arange(1, 60)  # of gamma amounts
            rate, shape = weight * mu[0] ** (2 - p) / (2 - p), (2 - p) / (p - 1)
            amounts = stats.gamma.pdf(y[0], number * shape, scale=(p - 1) * mu[0] ** (p - 1) / weight)
            return np.log((stats.poisson.pmf(number, rate) * amounts).sum())
    raise AssertionError(family)


def log_likelihood(problem: Problem, mu: np.ndarray) -> float:
    weights = np.ones(problem.n) if problem.data.weights is None else problem.data.weights
    rows = zip(problem.y, mu, weights, problem.trials[:, 0], strict=True)
    return float(sum(log_density(problem.model, *row) for row in rows))


def mean(problem: Problem, free: np.ndarray) -> np.ndarray:
    return problem.model.link.inverse(problem.eta(problem.params(free)))


def slopes(function, free: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """Central differences in each free parameter, output after output, along the first axis."""
    result = []
    for a, j in itertools.product(range(free.shape[1]), range(free.shape[0])):
        move = np.zeros_like(free)
        move[j, a] = step
        result.append((function(free + move) - function(free - move)) / (2 * step))
    return np.array(result)


def fisher(problem: Problem, free: np.ndarray) -> np.ndarray:
    """sum_i w_i (d mu_i)' (d mu_i) / V_i; over the classes, each with its mean in place of the variance, for the multinomial."""
    mu, slope = mean(problem, free), slopes(lambda at: mean(problem, at), free)
    variance = mu if isinstance(problem.model.family, Multinomial) else problem.model.family.variance(mu)
    return np.einsum("ank,nk,bnk->ab", slope, problem.row_weights / variance, slope)


def close(a, b, rtol: float = 1e-12) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=rtol, atol=rtol * np.abs(b).max(initial=0)))


class TestLikelihood:
    @each_case
    def test_log_likelihood_is_the_sum_of_the_log_densities(self, problem, params):
        assert close(likelihood.log_likelihood(problem, params), log_likelihood(problem, mean(problem, problem.free(params))))

    @each_case
    def test_normaliser_is_what_the_kernel_leaves_of_the_log_likelihood(self, problem, params):
        mu = mean(problem, problem.free(params))
        kernel = (problem.row_weights * problem.model.family.kernel(problem.y, mu)).sum()

        assert close(likelihood.normaliser(problem), log_likelihood(problem, mu) - kernel, 1e-11)

    @each_case
    def test_a_dispersion_divides_the_kernel_and_is_in_the_normaliser_where_the_family_has_one(self, problem, params):
        mu, weights = mean(problem, problem.free(params)), problem.row_weights / problem.trials
        phi = 0.5 if problem.model.family.has_dispersion else 1.0
        rows = zip(problem.y, mu, weights[:, 0] / phi, problem.trials[:, 0], strict=True)
        expected = sum(log_density(problem.model, *row) for row in rows) - likelihood.kernel(problem, params) / phi

        assert close(likelihood.normaliser(problem, 0.5), expected, 1e-11)

    @pytest.mark.parametrize("model", [*PAIRS, SOFTMAX], ids=str)
    def test_a_row_without_weight_says_nothing(self, model):
        problem, params = small(model, intercept=True, weights=True, offset=False)
        rows, data = np.arange(7) != 3, problem.data
        without = replace(problem, load=lambda: replace(data, weights=np.where(rows, WEIGHTS, 0.0)))
        kept = {name: None if getattr(data, name) is None else getattr(data, name)[rows] for name in ("weights", "trials")}
        fewer = replace(problem, load=lambda: replace(data, X=data.X[rows], y=data.y[rows], **kept))

        for function in (
            likelihood.normaliser,
            lambda p: likelihood.normaliser(p, 0.5),
            lambda p: likelihood.log_likelihood(p, params),
        ):
            assert close(function(without), function(fewer))

    @each_case
    def test_score_is_the_gradient_of_the_log_likelihood(self, problem, params):
        free = problem.free(params)
        numeric = slopes(lambda at: log_likelihood(problem, mean(problem, at)), free)

        assert close(likelihood.score(problem, params), numeric.reshape(free.T.shape).T, 1e-7)

    @each_case
    def test_expected_information_is_what_the_slopes_of_the_means_make(self, problem, params):
        assert close(likelihood.expected_information(problem, params), fisher(problem, problem.free(params)), 1e-7)

    @each_case
    def test_expected_weights_are_each_row_s_information_about_its_eta(self, problem, params):
        def at(eta):
            return problem.model.link.inverse(np.hstack([base, eta]) if problem.k > 1 else eta)

        eta = problem.eta(params)
        base, free = eta[:, : problem.k - problem.free_outputs], eta[:, problem.k - problem.free_outputs :]
        moves = 1e-5 * np.eye(problem.free_outputs)
        slope = np.array([(at(free + move) - at(free - move)) / 2e-5 for move in moves])
        variance = at(free) if problem.k > 1 else problem.model.family.variance(at(free))

        weights = likelihood.expected_weights(problem, params)

        assert weights.shape == (problem.n, problem.free_outputs, problem.free_outputs)
        assert close(weights, np.einsum("ank,nk,bnk->nab", slope, problem.row_weights / variance, slope), 1e-7)

    @each_case
    def test_deviance_is_twice_what_the_saturated_model_gains(self, problem, params):
        mu = mean(problem, problem.free(params))
        gain = (
            problem.row_weights * (problem.model.family.kernel(problem.y, problem.y) - problem.model.family.kernel(problem.y, mu))
        ).sum()

        assert close(likelihood.deviance(problem, mu), 2 * gain, 1e-11)

    def test_deviance_of_the_saturated_model_is_zero(self):
        for problem, _ in CASES:
            if not isinstance(problem.model.family, Multinomial):
                assert likelihood.deviance(problem, problem.y) == pytest.approx(0, abs=1e-13)

    def test_a_weight_counts_a_row_that_many_times_where_the_family_has_no_dispersion(self):
        for model, y, trials in ((COUNTS, SUCCESSES, None), (LOGISTIC, SUCCESSES / TRIALS, TRIALS)):
            copies = np.array([1, 2, 1, 3, 1, 1, 2])
            weighted = Problem.of("weighted", model, X, y[:, None], weights=copies, trials=trials)
            rows = np.repeat(np.arange(7), copies)
            repeated = Problem.of("repeated", model, X[rows], y[rows][:, None], trials=None if trials is None else trials[rows])
            params = Params([0.25], [[0.5], [-0.25]])

            for function in (likelihood.log_likelihood, likelihood.score, likelihood.expected_information):
                assert close(function(weighted, params), function(repeated, params))
            assert close(likelihood.normaliser(weighted), likelihood.normaliser(repeated))
            mu = mean(repeated, repeated.free(params))
            assert close(likelihood.deviance(weighted, mean(weighted, weighted.free(params))), likelihood.deviance(repeated, mu))

    def test_a_weight_divides_the_dispersion_of_its_row_where_the_family_has_one(self):
        problem = Problem.of("one row", OLS, np.empty((1, 0)), [[3.0]], weights=[4.0])

        value = likelihood.log_likelihood(problem, Params([1.0], np.empty((0, 1))))

        assert value == pytest.approx(stats.norm.logpdf(3, 1, 1 / 2), rel=1e-15)
        assert likelihood.normaliser(problem) == pytest.approx(-np.log(2 * np.pi / 4) / 2, rel=1e-15)

    def test_trials_of_binomial_responses_put_the_number_of_orders_in_the_normaliser(self):
        problem = Problem.of("one row", LOGISTIC, np.empty((1, 0)), [[0.4]], trials=[5.0], weights=[3.0])

        assert likelihood.normaliser(problem) == pytest.approx(3 * np.log(10), rel=1e-14)

    def test_results_that_are_numbers_are_python_s(self):
        problem, params = CASES[0]
        mu = mean(problem, problem.free(params))

        for value in (
            likelihood.normaliser(problem),
            likelihood.log_likelihood(problem, params),
            likelihood.deviance(problem, mu),
            likelihood.dispersion(problem, mu),
        ):
            assert type(value) is float
        assert type(likelihood.in_domain(problem, params)) is bool

    @each_case
    def test_kernel_is_the_log_likelihood_less_the_normaliser(self, problem, params):
        kernel = likelihood.kernel(problem, params)

        assert type(kernel) is float
        assert kernel + likelihood.normaliser(problem) == likelihood.log_likelihood(problem, params)


class TestGram:
    @pytest.mark.parametrize("m", [1, 2, 3])
    def test_gram_is_the_sum_of_the_rows_products_output_after_output(self, m, rng):
        design, half = rng.normal(size=(7, 2)), rng.normal(size=(7, m, m))
        weights = half + half.transpose(0, 2, 1)

        result = likelihood.gram(design, weights)

        assert close(result, np.einsum("nab,ni,nj->aibj", weights, design, design).reshape(2 * m, 2 * m))
        assert close(result, result.T, 1e-15)

    def test_gram_orders_the_columns_within_each_output(self):
        weights = np.array([[[2.0, 3.0], [3.0, 5.0]]])

        assert likelihood.gram(np.array([[1.0, 10.0]]), weights).tolist() == [
            [2, 20, 3, 30],
            [20, 200, 30, 300],
            [3, 30, 5, 50],
            [30, 300, 50, 500],
        ]


class TestDispersion:
    def test_dispersion_is_pearson_s_over_the_degrees_of_freedom(self):
        y, mu = np.array([[1.0], [2.0], [6.0], [4.0]]), np.array([[2.0], [4.0], [3.0], [4.0]])
        problem = Problem.of("gamma", Model(Gamma(), Log()), [[0.0], [1.0], [2.0], [5.0]], y, weights=[1.0, 2.0, 3.0, 7.0])

        assert likelihood.dispersion(problem, mu) == pytest.approx((1 / 4 + 2 * 4 / 16 + 3 * 9 / 9) / 2, rel=1e-15)

    def test_dispersion_of_a_saturated_model_divides_by_one(self):
        for n in (2, 3):
            problem = Problem.of("saturated", OLS, np.eye(3)[:n, 1:], np.arange(n)[:, None] * 1.0)
            assert likelihood.dispersion(problem, problem.y + 2) == 4 * n

    def test_quasi_likelihood_has_a_dispersion_whatever_the_family(self):
        y, mu = np.array([[0.5], [2.0], [6.0]]), np.array([[2.0], [4.0], [3.0]])
        problem = replace(Problem.of("rates", COUNTS, np.empty((3, 0)), y), quasi=True)

        assert likelihood.dispersion(problem, mu) == pytest.approx((1.5**2 / 2 + 4 / 4 + 9 / 3) / 2, rel=1e-15)

    def test_dispersion_is_one_where_the_family_has_none(self):
        for problem, params in CASES:
            if not problem.has_dispersion:
                assert likelihood.dispersion(problem, mean(problem, problem.free(params)) / 2) == 1.0


class TestDomain:
    @pytest.mark.parametrize(
        ("model", "y", "intercept", "inside"),
        [
            (COUNTS, 1.0, 700.0, True),
            (COUNTS, 1.0, -800.0, True),  # the mean underflows to 0, and eta is an eta all the same
            (Model(Gamma(), Inverse()), 1.0, 0.5, True),
            (Model(Gamma(), Inverse()), 1.0, -0.5, False),
            (Model(Gaussian(), Inverse()), 1.0, -0.5, False),  # the mean is one that the family admits; eta is not
            (Model(Poisson(), Sqrt()), 1.0, -0.5, False),
            (Model(Binomial(), Log()), 1.0, -0.5, True),
            (Model(Binomial(), Log()), 1.0, 0.5, False),  # eta is one that the link admits; the mean is above 1
            (OLS, 1.0, float("nan"), False),
        ],
        ids=str,
    )
    def test_in_domain_asks_for_both_eta_and_the_mean(self, model, y, intercept, inside):
        problem = Problem.of("one", model, [[0.0], [1.0]], [[y], [y]])

        assert likelihood.in_domain(problem, Params([intercept], [[0.0]])) is inside

    def test_in_domain_asks_it_of_each_row(self):
        problem = Problem.of("two", Model(Gamma(), Inverse()), [[0.0], [1.0]], [[1.0], [1.0]])
        other = Problem.of("two", Model(Binomial(), Log()), [[0.0], [1.0]], [[1.0], [1.0]])

        assert likelihood.in_domain(problem, Params([1.0], [[-0.5]]))
        assert not likelihood.in_domain(problem, Params([1.0], [[-1.5]]))
        assert not likelihood.in_domain(other, Params([-1.0], [[1.5]]))


class TestStart:
    @pytest.mark.parametrize("model", PAIRS, ids=str)
    def test_start_is_the_null_model_of_the_weighted_mean(self, model):
        problem, _ = small(model, intercept=True, weights=True, offset=False)
        overall = (problem.row_weights * problem.y).sum() / problem.row_weights.sum()
        if isinstance(model.link, CLogLog) and not isinstance(model.family, Binomial):  # its means stay below 1
            problem = replace(problem, load=lambda: replace(small(model, True, True, False)[0].data, y=(SUCCESSES == 5)[:, None]))
            overall = 2 / 11.25

        params = likelihood.null_params(problem)

        assert close(params.intercept, model.link(np.array([overall])))
        assert np.abs(params.coef).max() < 1e-14

    def test_start_of_an_overall_mean_that_has_no_eta_is_one_half(self):
        for model, y in (
            (COUNTS, np.zeros(7)),
            (LOGISTIC, np.zeros(7)),
            (LOGISTIC, np.ones(7)),
            (Model(Gaussian(), Log()), -np.ones(7)),
            (Model(NegativeBinomial(0.5), CLogLog()), SUCCESSES),
            (Model(Binomial(), Log()), np.ones(7)),
        ):
            problem = Problem.of("no mean", model, X, y[:, None])
            assert close(mean(problem, problem.free(likelihood.null_params(problem))), np.full((7, 1), 0.5))

    def test_start_leaves_to_the_columns_what_the_offset_does_not_say(self):
        counts = Problem.of("exposed", COUNTS, X, SUCCESSES[:, None], offset=2.0 + X[:, :1])
        assert close(mean(counts, counts.free(likelihood.null_params(counts))), np.full((7, 1), SUCCESSES.mean()))

        offset = np.hstack([0.25 + X[:, :1], 1.0 - X[:, 1:], X[:, :1] + X[:, 1:]])
        classes = Problem.of("exposed classes", SOFTMAX, X, np.eye(3)[[0, 1, 2, 1, 1, 2, 0]], offset=offset)
        shares = (np.array([2, 3, 2]) / 7 + 1 / 7) / (10 / 7)
        assert close(mean(classes, classes.free(likelihood.null_params(classes))), np.tile(shares, (7, 1)))

    def test_start_without_an_intercept_is_as_near_as_the_columns_allow(self):
        problem = Problem.of("through the origin", COUNTS, [[1.0], [2.0], [3.0]], [[1.0], [2.0], [6.0]], intercept=False)

        params = likelihood.null_params(problem)

        assert params.intercept.tolist() == [0]
        assert params.coef[0, 0] == pytest.approx(np.log(3) * 6 / 14, rel=1e-14)

    def test_start_of_softmax_gives_a_class_that_never_occurs_a_share(self):
        y = np.eye(3)[[0, 0, 2, 0, 2]]
        problem = Problem.of("an empty class", SOFTMAX, np.arange(5.0)[:, None], y, weights=[1.0, 1.0, 2.0, 4.0, 2.0])
        shares = (np.array([0.6, 0.0, 0.4]) + 1 / 5) / (1 + 3 / 5)

        params = likelihood.null_params(problem)

        assert shares.sum() == pytest.approx(1)
        assert close(params.intercept, np.log(shares / shares[0]))
        assert np.abs(params.coef).max() < 1e-14
        assert likelihood.in_domain(problem, params)

    def test_start_of_softmax_without_an_intercept(self):
        problem = Problem.of("classes", SOFTMAX, [[1.0], [2.0], [3.0], [4.0]], np.eye(3)[[0, 1, 1, 2]], intercept=False)
        shares = (np.array([1, 2, 1]) / 4 + 1 / 4) / (7 / 4)

        params = likelihood.null_params(problem)

        assert (params.intercept == 0).all()
        assert close(params.coef, np.log(shares / shares[0])[None] / 3)


class TestWhite:
    @each_case
    def test_white_design_is_orthonormal_and_the_design_times_the_basis(self, problem, params):
        white = White.of(problem)

        assert close(white.design.T @ white.design, np.eye(problem.q), 1e-13)
        assert np.array_equal(white.design, problem.design @ white.basis)
        assert np.array_equal(white.basis, np.triu(white.basis))

    @each_case
    def test_direction_solves_the_information_for_the_score(self, problem, params):
        score, information = likelihood.score(problem, params), likelihood.expected_information(problem, params)
        step = np.linalg.solve(information, score.T.ravel())
        phi = likelihood.dispersion(problem, mean(problem, problem.free(params)))

        found, decrement = White.of(problem).direction(problem, params, score)

        assert close(found, step.reshape(problem.free_outputs, problem.q).T, 1e-10)
        assert type(decrement) is float
        assert decrement == pytest.approx(score.T.ravel() @ step / phi, rel=1e-10)

    @each_case
    def test_standard_errors_are_the_roots_of_the_inverse_information(self, problem, params):
        inverse = np.linalg.inv(likelihood.expected_information(problem, params))
        phi = likelihood.dispersion(problem, mean(problem, problem.free(params)))

        found = White.of(problem).standard_errors(problem, params)

        assert close(found, np.sqrt(phi * np.diag(inverse)).reshape(problem.free_outputs, problem.q).T, 1e-10)

    def test_direction_follows_the_score_it_is_given(self):
        problem, params = CASES[1]
        white, score = White.of(problem), np.array([[1.0], [-2.0], [3.0]])

        step, decrement = white.direction(problem, params, score)
        twice, fourfold = white.direction(problem, params, 2 * score)

        assert close(twice, 2 * step)
        assert fourfold == pytest.approx(4 * decrement)

    def test_decrement_of_a_perfect_fit_is_judged_by_a_millionth_of_the_mean(self):
        problem = Problem.of("a line", OLS, [[0.0], [1.0], [2.0], [3.0]], [[1.0], [3.0], [5.0], [-7.0]], weights=[1, 1, 1, 0])
        exact, score = Params([1.0], [[2.0]]), np.array([[1.0], [0.0]])
        inverse = np.linalg.inv(likelihood.expected_information(problem, exact))

        _, decrement = White.of(problem).direction(problem, exact, score)

        assert likelihood.dispersion(problem, mean(problem, problem.free(exact))) == 0
        assert decrement == pytest.approx(inverse[0, 0] / (1e-12 * 21), rel=1e-9)
        mirrored = Problem.of("a line", OLS, problem.X, -problem.y, weights=[1, 1, 1, 0])
        _, again = White.of(mirrored).direction(mirrored, Params([-1.0], [[-2.0]]), score)
        assert again == pytest.approx(decrement)

    def test_decrement_has_no_units(self):
        y = np.array([[1.0], [2.0], [4.0], [1.5]])
        for model in (Model(Gamma(), Log()), Model(InverseGaussian(), Log())):
            found = []
            for unit in (1.0, 2.0**40):
                problem = Problem.of("units", model, [[0.0], [1.0], [2.0], [5.0]], unit * y)
                params = Params([0.5 + np.log(unit)], [[0.0]])
                found.append(White.of(problem).direction(problem, params, likelihood.score(problem, params))[1])
            assert found[1] == pytest.approx(found[0], rel=1e-9)

    def test_decrement_of_large_counts_is_at_dispersion_one(self):
        problem = Problem.of("large", COUNTS, np.empty((2, 0)), [[1e9], [2e9]])
        params = Params([np.log(1e9)], np.empty((0, 1)))

        _, decrement = White.of(problem).direction(problem, params, likelihood.score(problem, params))

        assert decrement == pytest.approx(1e18 / 2e9, rel=1e-9)

    def test_steps_lead_to_the_least_squares_solution_at_once_and_to_others_soon(self):
        problem, params = small(OLS, intercept=True, weights=True, offset=True)
        white, free = White.of(problem), problem.free(params)
        step, _ = white.direction(problem, params, likelihood.score(problem, params))
        root = np.sqrt(problem.row_weights)
        solution, *_ = np.linalg.lstsq(root * problem.design, root * (problem.y - problem.offset), rcond=None)
        assert close(free + step, solution)

        problem, params = small(Model(Binomial(), Probit()), intercept=True, weights=True, offset=True)
        white, decrements = White.of(problem), []
        for _ in range(12):
            step, decrement = white.direction(problem, params, likelihood.score(problem, params))
            params = problem.params(problem.free(params) + step)
            decrements.append(decrement)
        assert decrements[0] > 1e-3 > 1e-16 > decrements[-1] >= 0

    @pytest.mark.parametrize(
        "X", [[[1.0, 0.0], [2.0, 0.0], [4.0, 0.0]], [[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]], [[3.0, 6.0], [4.0, 8.0], [0.0, 0.0]]]
    )
    def test_columns_that_are_combinations_of_others_raise_linalgerror(self, X):
        with pytest.raises(np.linalg.LinAlgError):
            White.of(Problem.of("collinear", OLS, X, [[1.0], [2.0], [4.0]], intercept=False))

    def test_singular_information_raises_linalgerror(self):
        problem = Problem.of(
            "two rows in use", OLS, [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]], np.ones((4, 1)), weights=[1, 1, 0, 0]
        )
        params = Params([0.0], [[0.0], [0.0]])

        with pytest.raises(np.linalg.LinAlgError):
            White.of(problem).direction(problem, params, np.ones((3, 1)))
        assert White.of(problem).standard_errors(problem, params).tolist() == [[np.inf]] * 3
        classes = Problem.of("three classes", SOFTMAX, problem.X, np.eye(3)[[0, 1, 2, 0]], weights=[1, 1, 0, 0])
        assert White.of(classes).standard_errors(classes, Params.from_matrix(np.zeros((3, 3)))).tolist() == [[np.inf] * 2] * 3

    def test_records_do_not_change_and_are_equal_to_themselves_only(self):
        white, ascent = White.of(CASES[0][0]), scoring.Ascent(CASES[0][1], 1.0, True, 1, "")

        for record, name in ((white, "design"), (ascent, "value")):
            with pytest.raises(FrozenInstanceError):
                setattr(record, name, 1.0)
            assert record != replace(record)
            assert len({record, replace(record)}) == 2

    def test_badly_scaled_columns_cost_no_digits(self):
        problem, params = small(COUNTS, intercept=True, weights=False, offset=False)
        units = np.array([2.0**-30, 2.0**40])
        scaled = replace(problem, load=lambda: replace(problem.data, X=problem.X * units))
        params_scaled = Params(params.intercept, params.coef / units[:, None])

        step, decrement = White.of(problem).direction(problem, params, likelihood.score(problem, params))
        found, again = White.of(scaled).direction(scaled, params_scaled, likelihood.score(scaled, params_scaled))

        assert close(found[1:] * units[:, None], step[1:], 1e-13)
        assert again == pytest.approx(decrement, rel=1e-13)


class TestAscent:
    """Scoring ends where the score is zero, whoever supplies it, and says why it ended."""

    @staticmethod
    def ascend(problem, params, **more):
        def value_and_score(at):
            asked.append(at)
            return likelihood.kernel(problem, at), likelihood.score(problem, at)

        asked = []
        return scoring.ascend(problem, value_and_score, params, **more), asked

    @each_concave
    def test_ascent_ends_where_the_score_is_zero(self, problem, params):
        ascent, _ = self.ascend(problem, params)
        sizes = np.abs(problem.design).T @ (problem.row_weights * (1 + np.abs(problem.y)))

        assert ascent.converged
        assert re.fullmatch(r"the Newton decrement came to rest at (\d\.\de-\d\d|0\.0e\+00)", ascent.reason)
        assert 1 < ascent.iterations < 60
        assert np.abs(likelihood.score(problem, ascent.params)).max() < 1e-7 * sizes.max()
        assert ascent.value == likelihood.kernel(problem, ascent.params)

    def test_ascent_goes_to_the_zero_of_the_score_it_is_given(self):
        problem, params = small(OLS, intercept=True, weights=False, offset=False)
        target = np.array([[3.0], [-1.0], [0.5]])

        def value_and_score(at):
            gap = target - problem.free(at)
            return -float((gap**2).sum()), problem.design.T @ problem.design @ gap

        ascent = scoring.ascend(problem, value_and_score, params)

        assert np.allclose(problem.free(ascent.params), target, rtol=1e-14, atol=0)
        assert ascent.value > -1e-25

    def test_ascent_at_the_optimum_stays_there(self):
        problem = Problem.of("mean", OLS, np.empty((3, 0)), [[1.0], [2.0], [3.0]])
        params = Params([2.0], np.empty((0, 1)))

        ascent, asked = self.ascend(problem, params)

        assert ascent.params is params
        assert asked == [params]
        assert (ascent.converged, ascent.iterations) == (True, 0)
        assert ascent.reason == "the Newton decrement came to rest at 0.0e+00"

    def test_ascent_that_runs_out_of_iterations_says_so(self):
        problem, params = small(COUNTS, intercept=True, weights=False, offset=False)

        ascent, asked = self.ascend(problem, params, max_iterations=2)

        assert (ascent.converged, ascent.iterations, ascent.reason) == (False, 2, "2 iterations were not enough")
        assert len(asked) == 3
        assert ascent.params is asked[-1]
        assert ascent.value == likelihood.kernel(problem, ascent.params)

    def test_ascent_that_never_rests_takes_two_hundred_iterations(self):
        problem, params = small(OLS, intercept=True, weights=False, offset=False)
        values, score = itertools.count(), np.ones((3, 1))

        ascent = scoring.ascend(problem, lambda at: (float(next(values)), score), params)

        assert (ascent.converged, ascent.iterations, ascent.reason) == (False, 200, "200 iterations were not enough")

    def test_ascent_halves_a_step_that_leaves_the_domain_or_lowers_the_value(self):
        problem = Problem.of("identity", Model(Poisson(), Identity()), [[0.0], [1.0]], [[1.0], [2.0]])
        params = Params([0.5], [[8.0]])
        ascent, asked = self.ascend(problem, params)
        assert ascent.converged
        assert np.allclose(ascent.params.matrix, [[1.0], [1.0]])
        assert all(likelihood.in_domain(problem, at) for at in asked)

        far = Problem.of("far", COUNTS, np.empty((3, 0)), [[1.0], [2.0], [3.0]])
        start = Params([-4.0], np.empty((0, 1)))  # a whole step from here has means of e^100
        free = far.free(start)
        step, _ = White.of(far).direction(far, start, likelihood.score(far, start))
        ascent, asked = self.ascend(far, start)
        tried = [float(far.free(at)[0, 0] - free[0, 0]) / float(step[0, 0]) for at in asked[1:]]
        assert tried[:3] == pytest.approx([1.0, 0.5, 0.25])
        values = [likelihood.kernel(far, at) for at in asked]
        kept = next(i for i, value in enumerate(values) if i and value >= values[0])
        assert kept > 2
        assert tried[kept - 1] == pytest.approx(0.5 ** (kept - 1))
        assert ascent.converged
        assert ascent.params.intercept[0] == pytest.approx(np.log(2))

    def test_ascent_that_no_step_gains_anything_says_so(self):
        problem, params = small(COUNTS, intercept=True, weights=False, offset=False)
        score, tried = likelihood.score(problem, params), []
        ascent = scoring.ascend(problem, lambda at: (tried.append(at) or -float(len(tried)), score), params)

        assert ascent.params is params
        assert (ascent.converged, ascent.iterations, ascent.value) == (False, 1, -1.0)
        assert ascent.reason == "no step along the scoring direction gains likelihood"
        assert len(tried) == 81

    def test_ascent_that_was_led_too_far_begins_anew_nearer(self, monkeypatch):
        """A quarter of the way to where the information was singular is tried, then a sixteenth, until one converges."""
        problem, params = small(COUNTS, intercept=True, weights=False, offset=False)
        right, _ = self.ascend(problem, params)
        begin, far = problem.free(params), problem.free(params) + 16.0
        climb, starts = scoring._ascend, []

        def led_too_far(problem, value_and_score, start, max_iterations):
            starts.append(problem.free(start))
            if len(starts) < 3:
                return scoring.Ascent(problem.params(far), 0.0, False, 1, scoring.SINGULAR)
            return climb(problem, value_and_score, start, max_iterations)

        monkeypatch.setattr(scoring, "_ascend", led_too_far)
        ascent, _ = self.ascend(problem, params)

        assert [float((start - begin).max()) for start in starts] == pytest.approx([0.0, 4.0, 1.0])
        assert ascent.converged
        assert np.allclose(ascent.params.matrix, right.params.matrix)

    def test_data_that_are_separated_are_found_out_where_rounding_hides_their_score(self):
        """A group of zeros at eta = -50: its score, 1e-11, is lost in a sum of 1e-9, and nothing moves."""
        X, y = [[0.0], [0.0], [1.0], [1.0]], [[1.0], [3.0], [0.0], [0.0]]
        problem = Problem.of("a group of zeros", Model(Tweedie(1.5), Log()), X, y)

        def rounded(params):
            score = likelihood.score(problem, params)
            return likelihood.log_likelihood(problem, params), np.where(np.abs(score) < 1e-9, 0.0, score)

        ascent = scoring.ascend(problem, rounded, Params(np.array([np.log(2.0)]), np.array([[-50.0]])))

        assert not ascent.converged
        assert "separated" in ascent.reason

    def test_ascent_without_information_or_score_says_so(self):
        rows = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]
        problem = Problem.of("two rows in use", OLS, rows, np.ones((4, 1)), weights=[1, 1, 0, 0])
        ascent, _ = self.ascend(problem, Params([0.0], [[0.0], [0.0]]))
        assert (ascent.converged, ascent.iterations, ascent.reason) == (False, 0, "the information is singular")

        problem, params = small(COUNTS, intercept=True, weights=False, offset=False)
        ascent = scoring.ascend(problem, lambda at: (1.5, np.full((3, 1), np.nan)), params)
        assert (ascent.converged, ascent.iterations, ascent.reason) == (False, 0, "the score is not finite")
        assert (ascent.params, ascent.value) == (params, 1.5)

    def test_a_loss_below_the_rounding_of_the_value_is_no_loss(self):
        problem, params = small(COUNTS, intercept=True, weights=False, offset=False)
        score = 1e-9 * likelihood.score(problem, params)  # which promises a gain of 1e-18
        for lost, admitted in ((50, True), (90, False)):
            values = iter([1.0, 1.0 - lost * 2.0**-52, *[-1.0] * 100])
            ascent = scoring.ascend(problem, lambda at, values=values: (next(values), score), params, max_iterations=1)
            assert (ascent.params is not params) is admitted


@pytest.mark.parametrize(
    ("decrement", "last", "rests"),
    [
        (9e-17, 9e-17, True),
        (9e-17, 1e-16, True),  # exactly nine tenths
        (8.9e-17, 1e-16, False),  # still falling
        (1e-16, 1e-16, False),  # just too far
        (1e-15, 1e-20, False),
        (1e-30, 1e-20, False),
        (1e-30, 1e-30, True),
        (1e-30, 0.0, True),
        (0.0, 1.0, True),
        (0.0, float("inf"), True),
        (1e-17, float("inf"), False),
        (float("nan"), 1.0, False),
    ],
)
def test_at_rest_is_near_and_no_nearer_than_a_step_ago_or_exactly_there(decrement, last, rests):
    assert scoring.at_rest(decrement, last) is rests


def test_models_of_the_cases_are_all_that_are_known():
    assert {problem.model for problem, _ in CASES} == {*PAIRS, SOFTMAX}
    assert Model(InverseGaussian(), InverseSquared()) in PAIRS
    for problem, params in CASES:
        assert likelihood.in_domain(problem, params)
