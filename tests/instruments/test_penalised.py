"""The penalised optimum is the one that algebra, other minimisers and Keras's own gradient know."""

import importlib
import re

import keras
import numpy as np
import pytest
import statsmodels.api as sm
from scipy import optimize, special

from spec import likelihood
from spec.compat import strict_zip
from spec.engines.keras.backend import BACKEND
from spec.engines.keras.network import loss, precision
from spec.families import Binomial, Gamma, Gaussian, InverseGaussian, Multinomial, Poisson, Tweedie
from spec.fit.convergence import Kind
from spec.fit.penalised import maximise_penalised, optimum
from spec.fit.penalty import Penalty
from spec.fit.sums import Sums
from spec.links import Cauchit, Identity, Inverse, Log, Logit, Probit, Softmax, Sqrt
from spec.model import Model
from spec.problems import Problem

GAUSSIAN, LOGISTIC, COUNTS = Model(Gaussian(), Identity()), Model(Binomial(), Logit()), Model(Poisson(), Log())
GAMMA, CLASSES = Model(Gamma(), Log()), Model(Multinomial(), Softmax())


def of_whole(problem, basis=None):
    """Passes over a problem in one batch, by the formulas of `spec.likelihood`."""

    def one_pass(free, wanted):
        params = problem.params(free)
        eta = problem.eta(params)
        design = problem.design if basis is None else problem.design @ basis
        outside = int((~problem.model.eta_domain.contains(eta)).sum())
        with np.errstate(all="ignore"):
            residual = problem.y - problem.model.link.inverse(eta)
            pearson = (problem.row_weights * residual**2 / problem.model.family.variance(problem.y - residual)).sum()
            expected = likelihood.gram(design, likelihood.expected_weights(problem, params))
            observed = None
            if wanted == "both":
                observed = likelihood.gram(design, -problem.model.row_bend(problem.y, eta, problem.row_weights)[:, :, None])
        score = likelihood.score(problem, params)
        return Sums(problem.n, likelihood.kernel(problem, params), score, expected, float(pearson), observed, outside)

    return one_pass


def optimum_of(problem, penalty, basis=None, start=None, **options):
    start = likelihood.start_params(problem).matrix[0 if problem.intercept else 1 :] if start is None else start
    kind = Kind(problem.model.is_least_squares, problem.model.is_canonical, problem.has_dispersion)
    one_pass = options.pop("one_pass", of_whole(problem, basis))
    return maximise_penalised(one_pass, start, penalty, kind, intercept=problem.intercept, basis=basis, **options)


def planted(model, seed=0, n=120, p=4, k=3, spread=1.0, intercept=True, **data):
    """A problem whose responses are drawn from the model; half of the coefficients are zero."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, p)) * spread
    b = random.normal(size=(p, k if model.has_classes else 1)) * (random.uniform(size=(p, 1)) < 0.5)
    eta = X @ b / spread
    eta = eta / max(1.0, np.abs(eta).max() / 3)
    if isinstance(model.link, (Identity, Sqrt, Inverse)) and not model.is_least_squares:
        eta = eta + 5
    mu = model.link.inverse(eta)
    draw = {
        "gaussian": lambda: random.normal(mu),
        "binomial": lambda: random.binomial(1, mu).astype(float),
        "poisson": lambda: random.poisson(mu).astype(float),
        "gamma": lambda: random.gamma(3, mu / 3),
        "inverse-gaussian": lambda: random.wald(mu, 3),
        "multinomial": lambda: np.array([random.multinomial(1, row) for row in mu], dtype=float),
        "tweedie(1.5)": lambda: random.poisson(1, mu.shape) * random.gamma(2, mu / 2),
    }
    return Problem.of("planted", model, X, draw[str(model.family)](), intercept, **data)


def slopes(problem, weights):
    """The gradient of the log-likelihood in all weights (q, k): X'w (y - mu) h' / V; of a softmax X'w (y - mu)."""
    design = np.hstack([np.ones((problem.n, 1)), problem.X]) if problem.intercept else problem.X
    eta = design @ weights + (0 if problem.offset is None else problem.offset)
    weight = np.ones((problem.n, 1)) if problem.data.weights is None else problem.data.weights[:, None]
    if problem.model.has_classes:
        return design.T @ (weight * (problem.y - special.softmax(eta, axis=1)))
    mu = problem.model.link.inverse(eta)
    if problem.model == LOGISTIC:  # h' / V is 1, and 0 / 0 where a mean rounds to 1
        return design.T @ (weight * (problem.y - mu))
    slope = problem.model.link.inverse_derivative(eta)
    return design.T @ (weight * (problem.y - mu) * slope / problem.model.family.variance(mu))


def assert_optimal(problem, weights, penalty, within=1e-9):
    """The KKT conditions, from the data, of Keras's own objective: the gradient relative to the size of its terms."""
    gradient = -penalty.scale / problem.n * slopes(problem, weights)
    l1, l2 = np.full(weights.shape, penalty.kernel_l1), np.full(weights.shape, penalty.kernel_l2)
    if problem.intercept:
        l1[0], l2[0] = penalty.bias_l1, penalty.bias_l2
    gradient = gradient + 2 * l2 * weights
    size = 1 + np.abs(gradient)
    on = (weights != 0) | (l1 == 0)
    assert (np.abs(gradient + l1 * np.sign(weights)) <= within * size)[on].all()
    assert (np.abs(gradient) <= l1 + within * size)[~on].all()


class TestClosedForms:
    @pytest.mark.parametrize("intercept", [True, False])
    def test_ridge_is_least_squares_with_rows_for_the_penalty(self, intercept):
        """Each is sqrt(n l2) times a unit vector; the bias has none."""
        problem = planted(GAUSSIAN, intercept=intercept)
        rows = np.sqrt(problem.n * 0.3) * np.eye(problem.q)[int(intercept) :]
        expected = np.linalg.lstsq(np.vstack([problem.design, rows]), np.vstack([problem.y, np.zeros((4, 1))]), rcond=None)[0]

        found = optimum_of(problem, Penalty(kernel_l2=0.3, scale=2.0))

        assert found.converged, found.reason
        assert len(found.passes) <= 3
        np.testing.assert_allclose(found.weights, expected, rtol=1e-12)

    def test_orthonormal_columns_are_thresholded(self):
        """Without the l2 part it is the lasso: soft thresholding of X'y, with exact zeros."""
        random = np.random.default_rng(1)
        X, n = np.linalg.qr(random.normal(size=(40, 6)))[0], 40
        y = X @ [[3.0], [-2.0], [0.1], [0.0], [1.0], [-0.2]] + 0.1 * random.normal(size=(n, 1))
        problem = Problem.of("orthonormal", GAUSSIAN, X, y, intercept=False)
        for l1, l2 in ((0.05, 0.0), (0.03, 0.02)):
            inner = X.T @ y
            expected = np.sign(inner) * np.maximum(np.abs(inner) - n * l1 / 2, 0) / (1 + n * l2)

            found = optimum_of(problem, Penalty(kernel_l1=l1, kernel_l2=l2, scale=2.0))

            assert found.converged, found.reason
            assert ((found.weights == 0) == (expected == 0)).all()
            assert 0 < (expected == 0).sum() < 6
            np.testing.assert_allclose(found.weights, expected, rtol=1e-12)
            assert f"{(expected == 0).sum()} of 6 coefficients are zero" in found.reason

    def test_ridge_logistic_has_the_digits_of_mpmath(self):
        """The root of the penalised score in 40 digits."""
        mpmath = importlib.import_module("mpmath")
        problem, n = planted(LOGISTIC, n=30, p=2), 30
        found = optimum_of(problem, Penalty(kernel_l2=0.05))
        with mpmath.workdps(40):
            rows = [[mpmath.mpf(float(x)) for x in row] for row in problem.design]

            def score(*b):
                rest = [y - 1 / (1 + mpmath.exp(-mpmath.fdot(row, b))) for row, y in strict_zip(rows, problem.y[:, 0])]
                total = [mpmath.fdot([row[j] for row in rows], rest) for j in range(3)]
                return [total[j] - (2 * n * mpmath.mpf(0.05) * b[j] if j else 0) for j in range(3)]

            root = mpmath.findroot(score, [float(b) for b in found.weights[:, 0]])

        np.testing.assert_allclose(found.weights[:, 0], [float(b) for b in root], rtol=1e-13)

    def test_two_classes_are_a_logistic_regression_with_half_the_l2(self):
        """The columns are minus and plus half of its coefficients."""
        logistic = planted(LOGISTIC)
        classes = Problem.of("two classes", CLASSES, logistic.X, np.hstack([1 - logistic.y, logistic.y]))
        one = optimum_of(logistic, Penalty(kernel_l2=0.01)).weights
        two = optimum_of(classes, Penalty(kernel_l2=0.02)).weights

        np.testing.assert_allclose(two, one * [-0.5, 0.5], rtol=1e-11)

    def test_a_column_given_twice_shares_its_coefficient(self):
        """With an l2 penalty collinear columns have an optimum: that of the sum, with half the penalty."""
        problem = planted(COUNTS, p=2)
        doubled = Problem.of("doubled", COUNTS, problem.X[:, [0, 0, 1, 1]], problem.y)
        once = optimum_of(problem, Penalty(kernel_l2=0.05)).weights[:, 0]
        found = optimum_of(doubled, Penalty(kernel_l2=0.1))

        assert found.converged, found.reason
        np.testing.assert_allclose(found.weights[:, 0], [once[0], *once[[1, 1, 2, 2]] / 2], rtol=1e-10)

    def test_a_weight_of_two_is_the_row_twice_with_the_rows_as_they_were(self):
        """Keras divides by the number of rows, whatever they weigh."""
        problem = planted(GAMMA)
        weights = np.where(np.arange(problem.n) < 30, 2.0, 1.0)
        weighted = problem.with_data(weights=weights)
        twice = Problem.of("twice", GAMMA, np.vstack([problem.X, problem.X[:30]]), np.vstack([problem.y, problem.y[:30]]))
        share = problem.n / twice.n

        one = optimum_of(weighted, Penalty(kernel_l1=0.02, kernel_l2=0.03))
        two = optimum_of(twice, Penalty(kernel_l1=0.02 * share, kernel_l2=0.03 * share))

        np.testing.assert_allclose(one.weights, two.weights, rtol=1e-10, atol=0)

    def test_a_quadratic_with_absolute_values(self):
        """Against all supports and signs."""
        random = np.random.default_rng(3)
        for _ in range(50):
            root = random.normal(size=(4, 3)) / 2
            matrix = np.corrcoef(np.vstack([root.T, random.normal(size=4)])) + 1e-2 * np.eye(4)
            gradient, absolute, start = 3 * random.normal(size=4), random.uniform(0, 2, 4), random.normal(size=4)

            def value(x, matrix=matrix, gradient=gradient, absolute=absolute, start=start):
                return gradient @ (x - start) + (x - start) @ matrix @ (x - start) / 2 + absolute @ np.abs(x)

            x = optimum(matrix, gradient, absolute, start)

            slope = gradient + matrix @ (x - start)
            assert np.where(x == 0, np.abs(slope) <= absolute + 1e-12, np.abs(slope + absolute * np.sign(x)) < 1e-12).all()
            assert all(value(x) <= value(x + 1e-3 * random.normal(size=4)) for _ in range(20))


class TestSoftmax:
    def test_with_l2_all_columns_are_penalised_and_sum_to_zero(self):
        """The unpenalised biases too. SciPy minimises the same over all columns."""
        problem = planted(CLASSES, k=4)
        l2 = 0.02

        def objective(flat):
            weights = flat.reshape(problem.q, 4)
            eta = problem.design @ weights
            value = (special.logsumexp(eta, axis=1) - (problem.y * eta).sum(axis=1)).mean() + l2 * (weights[1:] ** 2).sum()
            gradient = -slopes(problem, weights) / problem.n
            gradient[1:] += 2 * l2 * weights[1:]
            return value, gradient.ravel()

        found = optimum_of(problem, Penalty(kernel_l2=l2))
        other = optimize.minimize(objective, np.zeros(problem.q * 4), jac=True, method="BFGS", options={"gtol": 1e-10})

        assert found.converged, found.reason
        np.testing.assert_allclose(found.weights, other.x.reshape(-1, 4), atol=1e-7)
        np.testing.assert_allclose(found.weights.sum(axis=1), 0, atol=1e-13)
        assert_optimal(problem, found.weights, Penalty(kernel_l2=l2))

    @pytest.mark.parametrize("k", [2, 3, 4, 5])
    @pytest.mark.parametrize("l1", [1e-4, 0.02])
    def test_with_l1_alone_each_row_has_a_zero(self, k, l1):
        """Its median: a shift of a row changes no mean, and no other has a smaller norm."""
        problem = planted(CLASSES, seed=k, k=k)
        found = optimum_of(problem, Penalty(kernel_l1=l1))

        assert found.converged, found.reason
        assert (found.weights[1:] == 0).any(axis=1).all()
        assert abs(found.weights[0].sum()) < 1e-13
        assert_optimal(problem, found.weights, Penalty(kernel_l1=l1))

    def test_a_penalty_on_the_bias_alone(self):
        """The kernel is free of it: maximum likelihood, whose rows sum to zero."""
        problem = planted(CLASSES)
        found = optimum_of(problem, Penalty(bias_l1=0.5))

        assert found.converged, found.reason
        assert (found.weights[0] == 0).all()
        assert_optimal(problem, found.weights, Penalty(bias_l1=0.5))


MODELS = (
    GAUSSIAN,
    Model(Gaussian(), Log()),
    LOGISTIC,
    Model(Binomial(), Probit()),
    Model(Binomial(), Cauchit()),
    COUNTS,
    Model(Poisson(), Sqrt()),
    Model(Poisson(), Identity()),
    GAMMA,
    Model(Gamma(), Inverse()),
    Model(InverseGaussian(), Log()),
    Model(Tweedie(1.5), Log()),
    CLASSES,
)


class TestRandomProblems:
    @pytest.mark.parametrize("model", MODELS, ids=str)
    @pytest.mark.parametrize("seed", range(8))
    def test_the_conditions_hold_by_independent_formulas(self, model, seed):
        """Any shape, weights, an offset, no intercept, and each kind of penalty."""
        random = np.random.default_rng(1000 + seed)
        n, p, k = int(random.integers(30, 200)), int(random.integers(1, 9)), int(random.integers(2, 5))
        data = {"weights": random.uniform(0, 2, n)} if seed % 2 else {}
        if seed % 3 == 0:
            data["offset"] = random.uniform(0, 0.3, (n, k if model.has_classes else 1))
        needs_bias = not model.eta_domain.contains(0.0)
        problem = planted(model, seed, n, p, k, 10.0 ** random.integers(-1, 2), needs_bias or seed % 4 != 0, **data)
        l1, l2, of_bias = 10 ** random.uniform(-4, -1, 3) * (random.uniform(size=3) < 0.7)
        penalty = Penalty(l1, l2, of_bias / 10, of_bias / 20, scale=2.0 if model == GAUSSIAN else 1.0)

        found = optimum_of(problem, penalty)

        assert found.converged, found.reason
        assert max(found.kkt, found.distance) <= 1e-8
        assert_optimal(problem, found.weights, penalty)

    def test_more_columns_than_rows(self):
        """The support of a lasso is no larger than the rows; two columns are the same."""
        random = np.random.default_rng(5)
        X = random.normal(size=(40, 150))
        X[:, 7] = X[:, 8]
        y = (X[:, :1] + X[:, 1:2] > 0).astype(float)
        problem = Problem.of("wide", LOGISTIC, X, y)
        for penalty in (Penalty(kernel_l1=0.01), Penalty(kernel_l1=0.001, kernel_l2=0.001), Penalty(kernel_l2=1e-4)):
            found = optimum_of(problem, penalty)

            assert found.converged, found.reason
            assert_optimal(problem, found.weights, penalty)
            assert penalty.kernel_l2 or np.count_nonzero(found.weights) <= 41

    @pytest.mark.parametrize("penalty", [Penalty(kernel_l2=1e-2), Penalty(kernel_l2=1e-10), Penalty(kernel_l1=1e-8)])
    def test_separated_data_have_a_penalised_optimum(self, penalty):
        """Far off where the penalty is small."""
        problem = planted(LOGISTIC, n=60)
        separated = problem.with_data(y=lambda data: (data.X[:, :1] - data.X[:, 1:2] > 0).astype(float))
        found = optimum_of(separated, penalty)

        assert found.converged, found.reason
        assert_optimal(separated, found.weights, penalty, within=1e-15)

    @pytest.mark.parametrize("scale", [1e-6, 1e6])
    def test_the_units_of_the_columns_and_of_the_response_do_not_matter(self, scale):
        """The conditions are held to in standard errors."""
        problem = planted(GAUSSIAN)
        penalty = Penalty(kernel_l1=0.1, kernel_l2=0.1, scale=2.0)
        other = Problem.of("rescaled", GAUSSIAN, problem.X * scale, problem.y * scale)
        rescaled = Penalty(kernel_l1=0.1 * scale**2, kernel_l2=0.1 * scale**2, scale=2.0)

        start = np.zeros((5, 1))
        one, two = optimum_of(problem, penalty, start=start), optimum_of(other, rescaled, start=start)

        assert one.converged
        assert two.converged
        np.testing.assert_allclose(two.weights[1:], one.weights[1:], rtol=1e-11)
        assert two.passes[0].distance == pytest.approx(one.passes[0].distance)

    def test_a_perfect_fit_converges(self):
        """Its residuals are rounding, and are no scale."""
        X = np.arange(-2.0, 3.0)[:, None]
        found = optimum_of(Problem.of("line", GAUSSIAN, X, 2 * X + 1), Penalty(kernel_l2=1e-14, scale=2.0))

        assert found.converged, found.reason
        np.testing.assert_allclose(found.weights[:, 0], [1, 2], rtol=1e-12)


class TestEnds:
    def test_the_information_may_be_that_of_a_basis(self):
        """As `spec.fit.task.Task.sums` gives it."""
        for model in (COUNTS, CLASSES):
            problem = planted(model, spread=100.0)
            basis = np.linalg.inv(np.linalg.qr(problem.design, mode="r"))
            penalty = Penalty(kernel_l1=0.01, kernel_l2=0.001)

            one, two = optimum_of(problem, penalty), optimum_of(problem, penalty, basis=basis)

            assert two.converged, two.reason
            np.testing.assert_allclose(one.weights, two.weights, rtol=1e-9, atol=1e-13)

    def test_an_interrupt_ends_at_the_best_so_far(self):
        """And from there a fit goes on."""
        problem, heard = planted(LOGISTIC), []

        def impatient(state):
            heard.append(state)
            if state.number == 3:
                raise KeyboardInterrupt

        first = optimum_of(problem, Penalty(kernel_l1=0.01), on_pass=impatient)
        rest = optimum_of(problem, Penalty(kernel_l1=0.01), start=first.weights)

        assert (first.converged, first.reason) == (False, "interrupted after 3 passes")
        assert first.passes == tuple(heard)
        assert rest.passes[0].distance == first.passes[-1].distance
        assert rest.converged

    def test_too_few_passes_are_said_to_be_too_few(self):
        """There are no more than were allowed."""
        found = optimum_of(planted(LOGISTIC), Penalty(kernel_l1=0.01), max_passes=2)

        assert (found.converged, found.reason, len(found.passes)) == (False, "not reached after 2 passes", 2)

    def test_a_domain_that_ends_before_the_optimum_is_named(self):
        """A mean of zero counts may fall to the edge."""
        X = np.linspace(0, 1, 20)[:, None]
        problem = Problem.of("falling", Model(Poisson(), Identity()), X, np.round(20 * np.maximum(0, 0.7 - X)))
        found = optimum_of(problem, Penalty(kernel_l2=1e-6))

        assert (found.converged, found.reason) == (False, "the likelihood rises to the edge of the domain")

    def test_a_start_outside_the_domain_is_an_error(self):
        """There is nothing to return to."""
        problem = planted(Model(Poisson(), Identity()))

        with pytest.raises(FloatingPointError, match="not finite at the start"):
            optimum_of(problem, Penalty(kernel_l2=0.1), start=np.full((problem.q, 1), -1.0))

    def test_there_is_a_penalty_or_there_is_none(self):
        """As a truth value."""
        assert not Penalty(scale=2.0)
        assert all(Penalty(**{name: 0.1}) for name in ("kernel_l1", "kernel_l2", "bias_l1", "bias_l2"))


# -- what others call it ---------------------------------------------------------------------------------------------------------
def minimised(problem, half_deviance, l1, l2):
    """
    The minimum of a loss plus l1 sum|b| + l2 sum b^2 of all weights but the bias, by SciPy: (q, k).

    ``half_deviance(eta)`` answers the loss of the linear predictors and its gradient. Weights are differences of two that are at
    least 0, so that the norm is a sum.
    """
    free, shape = problem.design, (problem.q, problem.k)
    penalised = np.ones(shape)
    penalised[0] = 0

    def objective(flat):
        up, down = flat.reshape(2, *shape)
        value, slope = half_deviance(free @ (up - down))
        gradient = free.T @ slope + 2 * l2 * penalised * (up - down)
        value = value + (penalised * (l1 * (up + down) + l2 * (up - down) ** 2)).sum()
        return value, np.array([gradient + l1 * penalised, -gradient + l1 * penalised]).ravel()

    start = np.array([np.maximum(s * likelihood.null_params(problem).matrix, 0) for s in (1, -1)]).ravel()
    options = {"ftol": 1e-16, "gtol": 1e-11, "maxiter": 20000, "maxfun": 100000, "maxcor": 50}
    found = optimize.minimize(objective, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * start.size, options=options)
    up, down = found.x.reshape(2, *shape)
    return up - down


def summed_loss(problem, factor=1.0):
    """The sum of a textbook's losses, and its gradient in eta, times a factor."""
    y, weights = problem.y, problem.row_weights
    formulas = {
        "gaussian-identity": lambda eta: ((y - eta) ** 2 / 2, eta - y),
        "binomial-logit": lambda eta: (np.logaddexp(0, eta) - y * eta, special.expit(eta) - y),
        "poisson-log": lambda eta: (np.exp(eta) - y * eta, np.exp(eta) - y),
        "gamma-log": lambda eta: (y * np.exp(-eta) + eta, 1 - y * np.exp(-eta)),
        "multinomial-softmax": lambda eta: (
            (special.logsumexp(eta, axis=1)[:, None] - eta) * y,
            special.softmax(eta, axis=1) - y,
        ),
    }

    def of(eta):
        value, slope = formulas[str(problem.model)](eta)
        return factor * (weights * value).sum(), factor * weights * slope

    return of


def numbers(sentence):
    return {name: float(value) for name, value in re.findall(r"(\w+)=([-+.\de]+)", sentence)}


PENALTIES = {"ridge": (0.0, 0.04), "lasso": (0.06, 0.0), "elastic net": (0.04, 0.03)}


class TestOtherTerms:
    @pytest.mark.parametrize("model", [GAUSSIAN, LOGISTIC, COUNTS, GAMMA, CLASSES], ids=str)
    @pytest.mark.parametrize("kind", PENALTIES)
    def test_their_documented_objectives_have_the_same_minimum(self, model, kind):
        """At the numbers that the sentences name."""
        problem, (l1, l2) = planted(model), PENALTIES[kind]
        n, total = problem.n, summed_loss(problem)
        penalty = Penalty(l1, l2, scale=2.0 if model == GAUSSIAN else 1.0)
        ours = optimum_of(problem, penalty).weights
        said = penalty.terms(model, n)
        scikit = next((numbers(one) for one in said if "scikit-learn" in one), None)
        glmnet = numbers(next(one for one in said if "glmnet" in one))

        strength, share = glmnet["lambda"], glmnet["alpha"]
        others = [minimised(problem, summed_loss(problem, 1 / n), strength * share, strength * (1 - share) / 2)]
        if scikit and "C" in scikit and model != CLASSES:
            c, share = scikit["C"], scikit["l1_ratio"]
            others.append(minimised(problem, summed_loss(problem, c), share, (1 - share) / 2))
        elif scikit and model == GAUSSIAN and kind == "ridge":  # the sum of squares, and alpha times theirs
            others.append(minimised(problem, summed_loss(problem, 2.0), 0.0, scikit["alpha"]))
        elif scikit and model != CLASSES:  # half the mean deviance, or the mean of squares by two
            share = scikit.get("l1_ratio", float("Lasso" in str(said)))
            others.append(
                minimised(problem, summed_loss(problem, 1 / n), scikit["alpha"] * share, scikit["alpha"] * (1 - share) / 2)
            )

        assert (scikit is None) == (model in (COUNTS, GAMMA) and l1 > 0)
        assert total(problem.design @ ours)[0] > 0
        for other in others:
            other = other - other[0].mean() * (np.arange(problem.q) == 0)[:, None]
            shift = ours[0].mean() * (np.arange(problem.q) == 0)[:, None]
            np.testing.assert_allclose(other + shift, ours, atol=2e-5)

    @pytest.mark.parametrize("kind", PENALTIES)
    def test_the_classes_of_scikit_learn(self, kind):
        """Three or more have a column each; two share one, the difference of those here."""
        l1, l2 = PENALTIES[kind]
        problem, two = planted(CLASSES, k=3), planted(CLASSES, k=2)
        pattern = r"C=([-+.\de]+), l1_ratio=([-+.\de]+)"
        many, of_two = re.findall(pattern, Penalty(l1, l2).terms(CLASSES, problem.n)[0])
        c, share = map(float, many)
        ours = optimum_of(problem, Penalty(l1, l2)).weights
        theirs = minimised(problem, summed_loss(problem, c), share, (1 - share) / 2)
        np.testing.assert_allclose(theirs[1:], ours[1:], atol=2e-5)

        c, share = map(float, of_two)
        ours = optimum_of(two, Penalty(l1, l2)).weights
        logistic = Problem.of("logistic", LOGISTIC, two.X, two.y[:, 1:])
        theirs = minimised(logistic, summed_loss(logistic, c), share, (1 - share) / 2)
        np.testing.assert_allclose(theirs[1:], ours[1:, 1:] - ours[1:, :1], atol=2e-5)

    @pytest.mark.parametrize("model", [GAUSSIAN, LOGISTIC, COUNTS, GAMMA], ids=str)
    @pytest.mark.parametrize("kind", PENALTIES)
    @pytest.mark.parametrize("bias", [False, True], ids=["free bias", "penalised bias"])
    def test_statsmodels_finds_the_same(self, model, kind, bias):
        """As closely as it converges, and nothing better by its own objective."""
        problem, (l1, l2) = planted(model), PENALTIES[kind]
        penalty = Penalty(l1, l2, l1 / 2 * bias, l2 / 2 * bias, scale=2.0 if model == GAUSSIAN else 1.0)
        sentence = next(one for one in penalty.terms(model, problem.n) if "statsmodels" in one)
        constant, others, share = (
            float(found) for found in re.search(r"alpha=\[(.+), (.+), \.\.\.\], L1_wt=(.+)\),", sentence).groups()
        )
        family = {"binomial": sm.families.Binomial(), "poisson": sm.families.Poisson()}.get(
            str(model.family), sm.families.Gamma(sm.families.links.Log())
        )
        alpha = np.array([constant, *[others] * problem.p])
        theirs = sm.OLS(problem.y[:, 0], problem.design) if model == GAUSSIAN else sm.GLM(problem.y[:, 0], problem.design, family)
        options = {} if share == 0 else {"maxiter": 5000, "cnvrg_tol": 1e-12}

        found = theirs.fit_regularized(alpha=alpha, L1_wt=share, **options).params
        ours = optimum_of(problem, penalty).weights[:, 0]

        def objective(params):
            eta = (problem.design @ params)[:, None]
            return summed_loss(problem, 1 / problem.n)(eta)[0] + alpha @ ((1 - share) * params**2 / 2 + share * np.abs(params))

        assert ("OLS" in sentence) == (model == GAUSSIAN)
        assert objective(ours) <= objective(found) + 1e-15
        np.testing.assert_allclose(found, ours, atol=1e-2 if model == GAMMA else 1e-4)

    def test_only_those_are_named_that_have_it(self):
        """And a penalty on the bias is said to be one that they lack."""
        l2 = Penalty(kernel_l2=0.5)
        assert l2.terms(Model(Tweedie(1.5), Log()), 10)[0] == (
            "In scikit-learn it is TweedieRegressor(power=1.5, link='log', alpha=1) (with weights, divided by their mean)."
        )
        assert l2.terms(Model(Gamma(), Inverse()), 10)[0].startswith("In glmnet")
        assert not any("statsmodels" in one for one in l2.terms(CLASSES, 10))
        assert "family=gaussian()" in l2.terms(GAUSSIAN, 10)[1]  # family = "gaussian" divides l2 by the sd of y
        both = Penalty(kernel_l2=0.5, bias_l1=0.5).terms(LOGISTIC, 10)
        assert "has no name for it" in both[2]
        assert both[3].startswith("The bias is penalised too")
        assert Penalty(bias_l2=0.5).terms(LOGISTIC, 10)[0].startswith("The bias is penalised too")


class TestKeras:
    @pytest.mark.parametrize("model", [GAUSSIAN, LOGISTIC, COUNTS, CLASSES], ids=str)
    def test_its_own_gradient_vanishes_on_the_support(self, model):
        """
        The slope of its compiled loss and its regularizers, in float64; elsewhere it is within l1.

        The factors are powers of 2: Keras rounds them to float32, whatever the weights are.
        """
        problem = planted(model, weights=np.random.default_rng(2).uniform(0.5, 2, 120))
        BACKEND.enable_float64()
        with precision("float64"):
            own, scale = loss(model)
            penalty = Penalty(2**-4, 2**-7, 2**-10, 2**-6, scale=scale)
            dense = keras.layers.Dense(
                problem.k,
                activation={"multinomial": "softmax", "binomial": "sigmoid", "poisson": "exponential"}.get(str(model.family)),
                kernel_regularizer=keras.regularizers.L1L2(2**-4, 2**-7),
                bias_regularizer=keras.regularizers.L1L2(2**-10, 2**-6),
            )
            network = keras.Sequential([keras.Input((problem.p,)), dense])
            found = optimum_of(problem, penalty)
            dense.set_weights([found.weights[1:], found.weights[0]])

            def objective(X, y, weights):
                return sum(network.losses, own(y, network(X), sample_weight=weights))

            data = [BACKEND.tensor(part, "float64") for part in (problem.X, problem.y, problem.row_weights[:, 0])]
            kernel, bias = BACKEND.derivatives(objective, dense.trainable_variables, data).gradient()[1]

        assert found.converged, found.reason
        assert (found.weights == 0).any()
        for gradient, weights, l1 in ((kernel, found.weights[1:], 2**-4), (bias, found.weights[0], 2**-10)):
            assert np.abs(gradient[weights != 0]).max(initial=0) < 1e-12
            there = gradient[weights == 0]  # the derivative of |b| at 0 is 0, and on JAX 1
            assert np.minimum(np.abs(there), np.abs(there - l1)).max(initial=0) <= l1
