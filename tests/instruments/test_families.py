"""
The families are what they say: proven by SymPy, evaluated to the last digits, and densities that SciPy knows.

Two identities carry the whole theory: the score of the mean is (y - mu) / V(mu), and the deviance is twice what the
kernel lacks of its value at mu = y. Both are proven for every y, mu and parameter. The float64 values are then held to

    |computed - exact| <= ULPS * (ulp(f) + eps * (|mu df/dmu| + the sum of f's terms in absolute value))

which is the rounding of the argument, of each term and of their sum: nothing else may cost digits.
"""

import dataclasses
import inspect

import mpmath
import numpy as np
import pytest
import sympy as sp
from scipy import special

from spec.domains import CLOSED_UNIT, COUNTS, NON_NEGATIVE, POSITIVE, REAL, UNIT, Simplex
from spec.families import (
    FAMILIES,
    Binomial,
    Family,
    Gamma,
    Gaussian,
    InverseGaussian,
    Multinomial,
    NegativeBinomial,
    Poisson,
    Tweedie,
    log_rising,
)
from spec.links import Identity, Inverse, InverseSquared, Log, Logit, NegativeBinomialLink, Power, Softmax
from spec.model import PAIRS
from tests.instruments.symbols import DIGITS, SYMBOLS, exactly, ulp, value

ULPS = 4
EPS = np.finfo(float).eps

ELEMENTWISE = [family for family in FAMILIES if family != Multinomial()]

RESPONSES = {
    REAL: [-3.0, 0.0, 0.1, 7.0],
    CLOSED_UNIT: [0.0, 1e-10, 0.25, 0.5, 1.0],
    COUNTS: [0.0, 1.0, 7.0, 1e5],
    POSITIVE: [1e-10, 0.1, 7.0, 1e5],
    NON_NEGATIVE: [0.0, 1e-10, 0.1, 7.0, 1e5],
    Simplex(): [0.0, 1e-10, 0.25, 1.0],
}
POSITIVE_MEANS = [1e-100, 1e-10, 0.1, 1.0, 6.9, 7.0, 7.0 * (1 + 1e-9), 1e5]
MEANS = {
    REAL: [-1e10, -3.0, 0.1, 1.0, 7.0 * (1 + 1e-9)],
    POSITIVE: POSITIVE_MEANS,
    UNIT: [1e-300, 1e-10, 0.1, 0.25, 0.5, 0.75, 1 - 1e-10, 1 - 2**-53],
    Simplex(interior=True): [1e-300, 1e-10, 0.25, 0.75, 1 - 2**-53],
}

y, mu, phi = sp.symbols("y mu phi", positive=True)
eta = sp.Symbol("eta")
ALPHA, EXCESS = sp.symbols("alpha excess", positive=True)  # the excess of the Tweedie power over 1


def symbolic(family):
    """The family with its parameter a symbol, so that a proof holds for every value of it."""
    if isinstance(family, NegativeBinomial):
        return exactly(family, alpha=ALPHA)
    if isinstance(family, Tweedie):
        return exactly(family, power=1 + EXCESS)
    return family


def same(expression):
    """Whether SymPy proves the expression to be 0."""
    return sp.simplify(expression) == 0


# --- proven ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ELEMENTWISE, ids=str)
def test_score_is_residual_over_variance(family):
    """dk/dmu = (y - mu) / V(mu), for every y, mu and parameter."""
    family = symbolic(family)

    assert same(sp.diff(family.kernel(y, mu, SYMBOLS), mu) - (y - mu) / family.variance(mu, SYMBOLS))


@pytest.mark.parametrize("family", ELEMENTWISE, ids=str)
def test_deviance_is_twice_the_missing_kernel(family):
    """d(y, mu) = 2 (k(y, y) - k(y, mu)): both are 0 at mu = y, and have one derivative, -2 (y - mu) / V(mu)."""
    family = symbolic(family)
    deviance = family.unit_deviance(y, mu, SYMBOLS)

    assert same(deviance.subs(mu, y))
    assert same(sp.diff(deviance, mu) + 2 * sp.diff(family.kernel(y, mu, SYMBOLS), mu))
    assert same(sp.diff(deviance, mu) + 2 * (y - mu) / family.variance(mu, SYMBOLS))


@pytest.mark.parametrize("family", ELEMENTWISE, ids=str)
def test_variance_is_positive(family):
    """V(mu) > 0 for every mean of the domain; so the deviance falls up to mu = y, rises from there, and is never negative."""
    share = 1 / (1 + sp.Symbol("t", positive=True))  # every number of (0, 1)
    inside = share if family.mu_domain == UNIT else mu

    assert sp.simplify(symbolic(family).variance(inside, SYMBOLS)).is_positive


def test_multinomial_score_is_the_share_over_the_mean():
    """dk/dmu_a = y_a / mu_a: the multinomial's kernel leaves the sum of the means to the simplex."""
    kernel = Multinomial().kernel(y, mu, SYMBOLS)

    assert same(sp.diff(kernel, mu) - y / mu)
    assert same(sp.diff(Multinomial().unit_deviance(y, mu, SYMBOLS), mu) + 2 * y / mu)
    assert same(Multinomial().unit_deviance(y, y, SYMBOLS))


def curvature_ratio(family, link, at):
    """h'(eta) / V(h(eta)), which is constant if and only if eta is the natural parameter up to a factor."""
    return link.inverse_derivative(at, SYMBOLS) / family.variance(link.inverse(at, SYMBOLS), SYMBOLS)


@pytest.mark.parametrize(
    ("family", "link", "constant"),
    [
        (Gaussian(), Identity(), 1),
        (Binomial(), Logit(), 1),
        (Poisson(), Log(), 1),
        (Gamma(), Inverse(), -1),
        (InverseGaussian(), InverseSquared(), -sp.Rational(1, 2)),
        (symbolic(NegativeBinomial(0.5)), exactly(NegativeBinomialLink(0.5), alpha=ALPHA), 1),
        (symbolic(Tweedie(1.5)), exactly(Power(-0.5), exponent=-EXCESS), -1 / EXCESS),
    ],
    ids=lambda x: "" if isinstance(x, (int, sp.Basic)) else type(x).__name__,
)
def test_canonical_link_makes_eta_the_natural_parameter(family, link, constant):
    """h' is a constant times V(h) for each canonical link, for every eta and parameter."""
    at = -mu if isinstance(link, NegativeBinomialLink) else mu  # any number of the link's eta domain

    assert same(curvature_ratio(family, link, at) - constant)


@pytest.mark.parametrize("model", PAIRS, ids=str)
def test_no_other_link_is_canonical(model):
    """h' / V(h) takes two values wherever the model says that its link is not canonical, and one where it is."""
    family, link = exactly(model.family), exactly(model.link)
    ratio = value(curvature_ratio(family, link, eta), eta)
    # means inside every domain that these links meet, and not each other's mirror image about 1/2
    one, other = (ratio(float(model.link(np.float64(mean)))) for mean in (0.25, 0.625))

    assert (abs(one - other) < mpmath.mpf(10) ** -DIGITS) == model.is_canonical
    assert abs(one - other) < mpmath.mpf(10) ** -DIGITS or abs(one - other) > 0.01


def test_softmax_jacobian_is_the_multinomial_covariance(rng):
    """The canonical link of the multinomial has diag(mu) - mu mu' for its Jacobian, and V on its diagonal."""
    predictors = rng.normal(size=(20, 4))
    shares = Softmax().inverse(predictors)
    jacobian = Softmax().inverse_derivative(predictors)

    covariance = np.eye(4) * shares[:, None, :] - shares[:, :, None] * shares[:, None, :]
    np.testing.assert_allclose(jacobian, covariance, rtol=0, atol=ULPS * EPS)
    np.testing.assert_allclose(np.diagonal(jacobian, axis1=1, axis2=2), Multinomial().variance(shares), rtol=0, atol=ULPS * EPS)


# --- evaluated ------------------------------------------------------------------------------------------------------


def assert_last_digits(computed, expression, means, where=""):
    exact, slope = value(expression, mu), value(sp.diff(expression, mu), mu)
    # log(y / mu) counts as log y - log mu: the quotient is rounded before its logarithm is taken
    terms = value(sum(abs(term) for term in sp.Add.make_args(sp.expand_log(expression, force=True))), mu)
    for mean, result in zip(means, computed, strict=True):
        allowed = ULPS * (ulp(exact(mean)) + EPS * (abs(mean * slope(mean)) + terms(mean)))
        error = abs(float(result) - exact(mean))
        assert error <= allowed, f"{where}mu = {mean!r}: {result!r} is off by {float(error / ulp(exact(mean))):.3g} ulp"


@pytest.mark.parametrize("family", [*FAMILIES, NegativeBinomial(1e-8), Tweedie(1.05), Tweedie(1.95)], ids=str)
@pytest.mark.parametrize("name", ["kernel", "unit_deviance"])
def test_kernel_and_deviance_are_right_to_the_last_digits(family, name):
    """k and d in float64 are off by the rounding of their terms, at small and large y and mu and at y near mu."""
    means = np.array(MEANS[family.mu_domain])
    for response in RESPONSES[family.response_domain]:
        expression = getattr(exactly(family), name)(sp.Rational(response), mu, SYMBOLS)

        assert_last_digits(getattr(family, name)(response, means), expression, means, f"y = {response}, ")


@pytest.mark.parametrize("family", [*FAMILIES, Tweedie(1.05)], ids=str)
def test_variance_is_right_to_the_last_digits(family):
    """V in float64 is V to a few roundings."""
    means = np.array(MEANS[family.mu_domain])

    assert_last_digits(family.variance(means), sp.S.One * exactly(family).variance(mu, SYMBOLS), means)


@pytest.mark.parametrize(
    ("family", "response", "mean", "kernel", "deviance"),
    [
        (Binomial(), 0.0, 0.5, -np.log(2), 2 * np.log(2)),
        (Binomial(), 1.0, 0.5, -np.log(2), 2 * np.log(2)),
        (Binomial(), 0.0, 1e-300, -1e-300, 2e-300),
        (Binomial(), 1.0, 1 - 2**-53, -(2**-53), None),  # 2 log(1 / mu) is as good as 1 / mu, which is rounded
        (Poisson(), 0.0, 3.0, -3.0, 6.0),
        (NegativeBinomial(0.5), 0.0, 2.0, -2 * np.log(2), 4 * np.log(2)),
        (NegativeBinomial(0.5), 0.0, 1e-300, -1e-300, 2e-300),
        (Tweedie(1.5), 0.0, 4.0, -4.0, 8.0),
        (Multinomial(), 0.0, 0.5, 0.0, 0.0),
        (Multinomial(), 1.0, 0.5, -np.log(2), 2 * np.log(2)),
        (Multinomial(), 0.0, 0.0, 0.0, None),  # a class without a share may have a mean that underflowed
    ],
    ids=str,
)
def test_ends_of_the_response_are_finite_and_exact(family, response, mean, kernel, deviance):
    """At y = 0 and y = 1 the logarithms of 0 drop out with their factor 0, and what is left is exact."""
    assert float(family.kernel(response, mean)) == pytest.approx(kernel, rel=EPS, abs=0)
    if deviance is not None:
        assert float(family.unit_deviance(response, mean)) == pytest.approx(deviance, rel=EPS, abs=0)


# --- the density ----------------------------------------------------------------------------------------------------


def stats(name):
    from scipy import stats  # here, so that the proofs do not wait for it

    return getattr(stats, name)


GRID = np.geomspace(0.05, 20, 30)
COUNT = np.arange(30.0)
POSITIVE_MEAN = GRID[::-1, None]
SHARE = np.linspace(0.01, 0.99, 30)[:, None]


def logarithmic_factorials(*arguments):
    """The size of the largest log Gamma that a normaliser adds up: its rounding is the density's."""
    return max(np.abs(special.gammaln(argument)).max() for argument in arguments)


def assert_same_density(family, response, mean, expected, dispersion=1.0, trials=1.0, factorials=1.0):
    result = family.log_likelihood(response, mean, dispersion, trials)
    kernel, normaliser = trials * family.kernel(response, mean) / dispersion, family.normaliser(response, dispersion, trials)

    assert result.shape == response.shape
    np.testing.assert_array_less(np.abs(result - expected), 2 * ULPS * EPS * (factorials + np.abs(kernel) + np.abs(normaliser)))


@pytest.mark.parametrize("dispersion", [0.1, 1.0, 7.0])
@pytest.mark.parametrize(
    ("family", "density"),
    [
        (Gaussian(), lambda y, mu, phi: stats("norm").logpdf(y, mu, np.sqrt(phi))),
        (Gamma(), lambda y, mu, phi: stats("gamma").logpdf(y, 1 / phi, scale=mu * phi)),
        (InverseGaussian(), lambda y, mu, phi: stats("invgauss").logpdf(y, mu * phi, scale=1 / phi)),
    ],
    ids=lambda x: str(x) if isinstance(x, Family) else "",
)
def test_density_with_dispersion_is_scipys(family, density, dispersion):
    """log f(y) is SciPy's, every constant included, at each dispersion."""
    response = GRID[:, None]

    assert_same_density(family, response, POSITIVE_MEAN, density(response, POSITIVE_MEAN, dispersion), dispersion)


def test_density_of_counts_is_scipys():
    """log f(y) of the Poisson is SciPy's, every constant included."""
    response = COUNT[:, None]
    expected = stats("poisson").logpmf(response, POSITIVE_MEAN)

    assert_same_density(Poisson(), response, POSITIVE_MEAN, expected, factorials=logarithmic_factorials(COUNT + 1))


@pytest.mark.parametrize("alpha", [0.1, 0.5, 1.0, 3.0])
def test_density_of_negative_binomial_counts_is_scipys(alpha):
    """log f(y) of the negative binomial is SciPy's with size 1/alpha and success 1 / (1 + alpha mu)."""
    response, size = COUNT[:, None], 1 / alpha
    expected = stats("nbinom").logpmf(response, size, 1 / (1 + alpha * POSITIVE_MEAN))
    # SciPy is told the probability p of a success, rounded: of 1 - p this leaves a relative error of eps / (1 - p), y times
    rounded_p = response * (1 + 1 / (alpha * POSITIVE_MEAN))
    factorials = logarithmic_factorials(COUNT + 1, COUNT + size) + rounded_p

    assert_same_density(NegativeBinomial(alpha), response, POSITIVE_MEAN, expected, factorials=factorials)


@pytest.mark.parametrize("trials", [1, 30, 400])
def test_density_of_shares_is_scipys(trials):
    """log f(y) of a share of trials is SciPy's of the successes: the trials weigh the kernel and count the orders."""
    successes = np.floor(np.linspace(0, trials, 30))[:, None]
    expected = stats("binom").logpmf(successes, trials, SHARE)
    factorials = logarithmic_factorials(trials + 1)

    assert_same_density(Binomial(), successes / trials, SHARE, expected, trials=float(trials), factorials=1 + factorials)


def test_density_of_many_shares_is_scipys(rng):
    """The entries of a multinomial row sum to SciPy's log mass of the row's counts, whatever the row's trials."""
    mean = rng.dirichlet(np.ones(4), size=20)
    trials = rng.integers(1, 50, size=(20, 1))
    counts = np.array([rng.multinomial(n, p) for (n,), p in zip(trials, mean, strict=True)])
    expected = stats("multinomial").logpmf(counts, trials[:, 0], mean)
    result = Multinomial().log_likelihood(counts / trials, mean, trials=trials)

    assert result.shape == (20, 4)
    np.testing.assert_allclose(result.sum(axis=1), expected, rtol=0, atol=2 * ULPS * EPS * logarithmic_factorials(trials + 1) * 4)
    # one trial is one class: the mass is that class's mean, and no order is to be counted
    assert (Multinomial().normaliser(np.eye(4)) == 0).all()


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_dispersion_and_trials_are_one_unless_said(family):
    """Dispersion 1 and one trial are what is meant where neither is named."""
    response = np.array([[1.0, 0.0]]) if family == Multinomial() else np.array([[1.0]])
    mean = np.full(response.shape, 0.5)

    assert (family.log_likelihood(response, mean) == family.log_likelihood(response, mean, 1.0, 1.0)).all()
    assert (family.normaliser(response) == family.normaliser(response, 1.0, 1.0)).all()
    assert family.normaliser(response).shape == response.shape


@pytest.mark.parametrize("kind", [Family, *map(type, FAMILIES)], ids=lambda kind: kind.__name__)
def test_dispersion_and_trials_default_to_one_everywhere(kind):
    """Each family's own normaliser names the same defaults, those that it has no use for too: callers need not know which."""
    parameters = inspect.signature(kind.normaliser).parameters

    assert (parameters["dispersion"].default, parameters["trials"].default) == (1.0, 1.0)


def test_gaussian_is_defined_at_zero():
    """At y = mu = 0 the variance is 1 and the log density -log(2 pi) / 2: zero is a number like any other."""
    zero = np.zeros((2, 1))

    assert Gaussian().variance(zero).tolist() == [[1.0], [1.0]]
    np.testing.assert_allclose(Gaussian().log_likelihood(zero, zero), -np.log(2 * np.pi) / 2, rtol=EPS)


def test_multinomial_orders_are_shared_among_the_last_axis():
    """The classes are the last axis of y: a batch of tables has the orders that each of its tables has."""
    table = np.array([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]])
    batch = np.stack([table, table, table, table])

    assert (Multinomial().normaliser(batch, trials=4.0) == Multinomial().normaliser(table, trials=4.0)).all()


@pytest.mark.parametrize("family", [Gaussian(), Gamma(), InverseGaussian(), Tweedie(1.5)], ids=str)
def test_dispersion_may_differ_from_row_to_row(family):
    """A column of dispersions (phi over a weight) gives each row what its own dispersion gives."""
    response, dispersion = GRID[:4, None], np.array([[0.1], [1.0], [3.0], [7.0]])
    together = family.log_likelihood(response, POSITIVE_MEAN[:4], dispersion)

    for row, own in enumerate(dispersion[:, 0]):
        alone = family.log_likelihood(response[row : row + 1], POSITIVE_MEAN[row : row + 1], own)
        np.testing.assert_allclose(together[row], alone[0], rtol=8 * EPS)


# --- the Tweedie density, which has no closed form -------------------------------------------------------------------


def compound_poisson_gamma(response, mean, dispersion, power):
    """log f(y) as it arises: a Poisson number N of gamma amounts, summed over N, in 50 digits."""
    with mpmath.workdps(50):
        response, mean, dispersion, power = map(mpmath.mpf, (response, mean, dispersion, power))
        rate = mean ** (2 - power) / (dispersion * (2 - power))
        shape, scale = (2 - power) / (power - 1), dispersion * (power - 1) * mean ** (power - 1)
        if response == 0:
            return -rate

        def term(n):
            poisson = -rate + n * mpmath.log(rate) - mpmath.loggamma(n + 1)
            k = n * shape
            return poisson + (k - 1) * mpmath.log(response) - response / scale - k * mpmath.log(scale) - mpmath.loggamma(k)

        peak = int(response ** (2 - power) / (dispersion * (2 - power))) + 1
        total, largest = mpmath.mpf(0), term(peak)
        for numbers in (range(peak, 0, -1), range(peak + 1, 100 * peak + 1000)):
            for n in numbers:
                part = mpmath.exp(term(n) - largest)
                total += part
                if part < mpmath.mpf(10) ** -30:
                    break
        return largest + mpmath.log(total)


@pytest.mark.parametrize("dispersion", [0.05, 0.3, 5.0])
@pytest.mark.parametrize("power", [1.05, 1.2, 1.5, 1.8, 1.95])
def test_tweedie_density_is_the_compound_poisson_gamma(power, dispersion):
    """The Tweedie density is that of a Poisson number of gamma amounts, to the rounding of the largest term of its series."""
    family = Tweedie(power)
    for response in (0.0, 1e-6, 0.5, 3.0, 40.0):
        for mean in (0.1, 20.0):
            exact = compound_poisson_gamma(response, mean, dispersion, power)
            result = family.log_likelihood(np.array([[response]]), mean, dispersion)[0, 0]
            terms = 1 + abs(family.kernel(response, mean)) / dispersion + abs(family.normaliser(response, dispersion))
            # the mode's number of amounts n, whose n log n the largest term subtracts from another of its size
            n = 1 + response ** (2 - power) / (dispersion * (2 - power))
            terms += n * np.log(n) * (2 - power) / (power - 1)

            assert abs(result - exact) <= 2 * ULPS * EPS * terms, f"y = {response}, mu = {mean}"


@pytest.mark.parametrize("dispersion", [0.5, 2.0])
@pytest.mark.parametrize("power", [1.2, 1.5, 1.8])
def test_tweedie_mass_and_density_make_a_distribution(power, dispersion):
    """The mass at 0 and the integral of the density are together 1; their mean is mu, their variance phi mu^p."""
    mean, family = 2.0, Tweedie(power)
    # over log y the density is analytic and falls off at both ends, where the trapezoidal rule converges geometrically
    step = 1 / 64
    amount = np.exp(np.arange(-160, 5.5, step))
    density = np.exp(family.log_likelihood(amount, mean, dispersion)) * amount * step
    zero = float(np.exp(family.log_likelihood(0.0, mean, dispersion)))

    assert zero == pytest.approx(np.exp(-(mean ** (2 - power)) / (dispersion * (2 - power))), rel=ULPS * EPS * 20)
    assert zero + density.sum() == pytest.approx(1, rel=1e-12)
    assert (density * amount).sum() == pytest.approx(mean, rel=1e-12)
    assert (density * (amount - mean) ** 2).sum() + zero * mean**2 == pytest.approx(dispersion * mean**power, rel=1e-12)


@pytest.mark.parametrize("number", [3e4, 1.01e5, 1e6])
@pytest.mark.parametrize("power", [1.2, 1.5, 1.95])
def test_tweedie_density_of_a_small_dispersion_needs_no_long_series(power, number):
    """Where the amounts behind a response are many, the sum is an expansion; here every twentieth of a deviation is a term."""
    response = 2.3
    with mpmath.workdps(30):
        dispersion = response ** (2 - power) / (number * (2 - power))
        a = mpmath.mpf(2 - power) / (power - 1)
        log_z = a * mpmath.log(response / (mpmath.mpf(power) - 1)) - (1 + a) * mpmath.log(dispersion) - mpmath.log(2 - power)
        deviation = mpmath.sqrt(number / (1 + a))
        step = max(1, int(deviation / 20))
        places = range(int(number - 12 * deviation), int(number + 12 * deviation), step)
        terms = [j * log_z - mpmath.loggamma(j + 1) - mpmath.loggamma(a * j) for j in places]
        exact = (
            max(terms) + mpmath.log(step * mpmath.fsum(mpmath.exp(term - max(terms)) for term in terms)) - mpmath.log(response)
        )

    assert Tweedie(power).normaliser(np.array([response]), dispersion)[0] == pytest.approx(float(exact), rel=1e-13)
    assert np.isfinite(Tweedie(power).normaliser(np.full(1000, response), 1e-20)).all()


def test_tweedie_density_takes_any_shape():
    """The series is summed entry by entry: a table of responses gives each what it gives alone, zeros and none included."""
    family, responses = Tweedie(1.5), np.array([[0.0, 1e-3, 500.0], [2.0, 0.0, 7.0]])
    alone = [[float(family.normaliser(response, 0.3)) for response in row] for row in responses]

    np.testing.assert_allclose(family.normaliser(responses, 0.3), alone, rtol=8 * EPS)
    assert family.normaliser(np.empty((0, 1))).shape == (0, 1)
    assert family.normaliser(np.array([1, 2])).tolist() == family.normaliser(np.array([1.0, 2.0])).tolist()
    assert (family.normaliser(np.zeros((3, 1)), 0.3) == 0).all()


# --- described ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "response_domain", "mu_domain", "canonical_link", "has_dispersion"),
    [
        (Gaussian(), REAL, REAL, Identity(), True),
        (Binomial(), CLOSED_UNIT, UNIT, Logit(), False),
        (Poisson(), COUNTS, POSITIVE, Log(), False),
        (Gamma(), POSITIVE, POSITIVE, Inverse(), True),
        (InverseGaussian(), POSITIVE, POSITIVE, InverseSquared(), True),
        (NegativeBinomial(0.5), COUNTS, POSITIVE, NegativeBinomialLink(0.5), False),
        (NegativeBinomial(2.0), COUNTS, POSITIVE, NegativeBinomialLink(2.0), False),
        (Tweedie(1.5), NON_NEGATIVE, POSITIVE, Power(-0.5), True),
        (Tweedie(1.25), NON_NEGATIVE, POSITIVE, Power(-0.25), True),
        (Multinomial(), Simplex(), Simplex(interior=True), Softmax(), False),
    ],
    ids=str,
)
def test_families_are_described_so(family, response_domain, mu_domain, canonical_link, has_dispersion):
    """Each family names its responses, its means, its canonical link, and whether it has a dispersion."""
    assert (family.response_domain, family.mu_domain) == (response_domain, mu_domain)
    assert (family.canonical_link, family.has_dispersion) == (canonical_link, has_dispersion)
    assert family.quasi_domain == (NON_NEGATIVE if response_domain == COUNTS else response_domain)


@pytest.mark.parametrize(
    ("family", "inside"),
    [
        (Gaussian(), {-1.0, 0.0, 0.5, 1.0, 2.0}),
        (Binomial(), {0.0, 0.5, 1.0}),
        (Poisson(), {0.0, 1.0, 2.0}),
        (Gamma(), {0.5, 1.0, 2.0}),
        (InverseGaussian(), {0.5, 1.0, 2.0}),
        (NegativeBinomial(0.5), {0.0, 1.0, 2.0}),
        (Tweedie(1.5), {0.0, 0.5, 1.0, 2.0}),
    ],
    ids=str,
)
def test_responses_are_these(family, inside):
    """A response is in the domain, or is not: negative counts, half counts, shares above 1, NaN and infinity are not."""
    candidates = [-np.inf, -1.0, 0.0, 0.5, 1.0, 2.0, np.inf, np.nan]

    assert {x for x in candidates if family.response_domain.contains(x)} == inside


def test_names_are_these():
    """Each family says its name, and its parameter if it has one."""
    assert [str(family) for family in FAMILIES] == [
        "gaussian",
        "binomial",
        "poisson",
        "gamma",
        "inverse-gaussian",
        "negative-binomial(0.5)",
        "tweedie(1.5)",
        "multinomial",
    ]
    assert (str(NegativeBinomial(2.0)), str(Tweedie(1.25))) == ("negative-binomial(2)", "tweedie(1.25)")


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_equality_is_by_kind_and_parameter(family):
    """A family equals its own copy and no other of the registry, hashes alike, and cannot be changed."""
    twin = dataclasses.replace(family)

    assert (twin == family, hash(twin) == hash(family), twin is family) == (True, True, False)
    assert [other for other in FAMILIES if other == family] == [family]
    for field in dataclasses.fields(family):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(family, field.name, 1.2)


def test_parameters_tell_families_apart():
    """Two alphas are two families, and so are two powers."""
    assert NegativeBinomial(0.5) != NegativeBinomial(1.0)
    assert Tweedie(1.5) != Tweedie(1.6)


@pytest.mark.parametrize("alpha", [0, -1, np.inf, np.nan], ids=str)
def test_negative_binomial_refuses_what_is_no_alpha(alpha):
    """An alpha that is not positive and finite is refused by name, and the way out is said."""
    with pytest.raises(ValueError) as refusal:
        NegativeBinomial(alpha)

    expected = f"NegativeBinomial(alpha={alpha}): alpha must be positive and finite; as it nears 0 use Poisson()."
    assert str(refusal.value) == expected


@pytest.mark.parametrize("size", [0.1, 2.0, 99.9, 100.0, 1e3, 1e6, 1e10, 1e14])
def test_log_gammas_that_nearly_cancel_keep_their_difference(size):
    """A small alpha has a large size: of log Gamma at 1e10 the last digit is 3e-5."""
    with mpmath.workdps(60):
        for y in (0.0, 1.0, 3.0, 40.0, 1e4, 1e7):
            expected = float(mpmath.loggamma(mpmath.mpf(size) + y) - mpmath.loggamma(mpmath.mpf(size)))
            terms = max(y, abs(expected), special.gammaln(min(size, 100.0)))  # below 100 by the two themselves
            assert abs(float(log_rising(size, y)) - expected) <= 8 * EPS * terms


@pytest.mark.parametrize("power", [0, 1, 2, 3, -1.5, np.inf, np.nan], ids=str)
def test_tweedie_refuses_what_is_no_power(power):
    """A power that is not strictly between 1 and 2 is refused by name, and the families of the whole powers are said."""
    with pytest.raises(ValueError) as refusal:
        Tweedie(power)

    assert str(refusal.value) == (
        f"Tweedie(power={power}): the power must lie strictly between 1 and 2; "
        "0, 1, 2 and 3 are Gaussian, Poisson, Gamma and InverseGaussian."
    )


def test_registry_is_complete():
    """Every family class stands in the registry once: a class that does not is tested by nobody."""
    assert {type(family) for family in FAMILIES} == {f for f in Family.__subclasses__() if f.__module__ == "spec.families"}
    assert len(FAMILIES) == len(set(FAMILIES)) == 8


@pytest.fixture
def rng():
    return np.random.default_rng(0)
