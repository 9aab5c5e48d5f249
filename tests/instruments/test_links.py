"""
The links are what they say: proven by SymPy, evaluated to the last digits, and the same as statsmodels' own.

How exact is exact? A float64 formula is as good as its argument: where moving x by one unit in the last place (ulp) moves
f(x) by |x f'(x) / f(x)| ulp - the condition number - no formula can promise less. So the bound is the same for every
function and every argument:

    |computed - exact| <= ULPS * (ulp(f(x)) + eps * |x f'(x)|)

that is, the value rounded, of an argument rounded, ULPS times over. ULPS counts the roundings of the longest formula and
the ulp or two that a library's exp, log or erfc is itself off (the worst seen is 1.6, the tails' h' of the log-logs); it
leaves no room for cancellation, which costs by the power of ten.
The far tails of SciPy's ndtr (off by 1270 ulp at -37) and of exp(-x*x/2) pass because their condition number there is x^2.
"""

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp
from scipy import special

from spec.domains import NEGATIVE, POSITIVE, REAL, UNIT, Simplex
from spec.elementary import SQUARES, WEIGHTS
from spec.links import (
    ELEMENTWISE,
    LINKS,
    Cauchit,
    CLogLog,
    Identity,
    Inverse,
    InverseSquared,
    Link,
    Log,
    LogComplement,
    Logit,
    LogLog,
    NegativeBinomialLink,
    Power,
    PowerLink,
    Probit,
    Softmax,
    Softplus,
    Sqrt,
)
from tests.instruments.symbols import SYMBOLS, exactly, ulp, value

ULPS = 4
EPS = np.finfo(float).eps

TINY, HUGE = 1e-300, 1e300
SMALL = [10.0**-k for k in (1, 2, 5, 10, 16, 30, 100)]
LARGE = [1.0, 1.5, 2.0, 7.0, 31.0, 1e3, 1e10, 1e100]

# Arguments over each whole domain, as far as float64 (and a square or a cube of the argument) goes
REALS = [
    0.0,
    *(
        sign * x
        for sign in (-1, 1)
        for x in (TINY, 1e-20, 1e-8, 0.01, 0.3, 0.5, 1.0, 1.7, 3.0, 8.0, 20.0, 36.7, 37.3, 100.0, 700.0)
    ),
]
POSITIVES = [TINY, *SMALL, 0.3, *LARGE, HUGE]
UNITS = [TINY, *SMALL, 0.25, 1 / math.e, 0.4999, 0.5, math.nextafter(0.5, 1), 0.51, 0.75, 0.9, 0.999, 1 - 1e-10, 1 - 2**-53]
GRID = {
    REAL: REALS,
    POSITIVE: POSITIVES,
    NEGATIVE: [-x for x in (TINY, *SMALL, 0.3, 1.0, math.log(2), 7.0, 36.7, 100.0, 700.0)],
    UNIT: UNITS,
}

# Arguments at which the exact mean is well inside its domain, and not a float64 of its end
MODERATE = {
    REAL: np.linspace(-3, 3, 25),
    POSITIVE: np.geomspace(0.05, 20, 25),
    NEGATIVE: -np.geomspace(0.05, 20, 25),
    UNIT: np.linspace(0.02, 0.98, 25),
}

ASSUMED = {REAL: {"real": True}, POSITIVE: {"positive": True}, NEGATIVE: {"negative": True}, UNIT: {"positive": True}}


def symbolic(link):
    """The link with its parameter a symbol, so that a proof holds for every value of it."""
    if isinstance(link, Power):
        return exactly(link, exponent=sp.Symbol("exponent", real=True, nonzero=True))
    if isinstance(link, NegativeBinomialLink):
        return exactly(link, alpha=sp.Symbol("alpha", positive=True))
    return link


def eta_of(link):
    return sp.Symbol("eta", **ASSUMED[link.eta_domain])


def mu_of(link):
    return sp.Symbol("mu", **ASSUMED[link.mu_domain])


def assert_last_digits(computed, expression, symbol, arguments):
    exact, slope = value(expression, symbol), value(sp.diff(expression, symbol), symbol)
    for argument, result in zip(arguments, computed, strict=True):
        allowed = ULPS * (ulp(exact(argument)) + EPS * abs(argument * slope(argument)))
        error = abs(float(result) - exact(argument))
        assert error <= allowed, f"at {argument!r}: {result!r}, which is off by {float(error / ulp(exact(argument))):.3g} ulp"


def in_range(expression, symbol, arguments):
    """The arguments at which the exact result is 0 or a normal float64."""
    exact = value(expression, symbol)
    return np.array([x for x in arguments if exact(x) == 0 or np.finfo(float).tiny <= abs(exact(x)) <= np.finfo(float).max])


# --- proven ---------------------------------------------------------------------------------------------------------


# SymPy has no rule for erfcinv(erfc(.)); it follows: h(g(h(eta))) = h(eta) by the test below, and h is injective
@pytest.mark.parametrize("link", [link for link in ELEMENTWISE if link != Probit()], ids=str)
def test_g_undoes_h(link):
    """g(h(eta)) = eta, for every eta of the domain and every parameter of the link."""
    link, eta = symbolic(link), eta_of(link)

    assert sp.simplify(link(link.inverse(eta, SYMBOLS), SYMBOLS)) == eta


# SymPy has no rule for atan2(1, cot(.)); it follows: g(h(g(mu))) = g(mu) by the test above, and g is injective on (0, 1)
@pytest.mark.parametrize("link", [link for link in ELEMENTWISE if link != Cauchit()], ids=str)
def test_h_undoes_g(link):
    """h(g(mu)) = mu, for every mu of the domain and every parameter of the link."""
    link, mu = symbolic(link), mu_of(link)

    assert sp.simplify(link.inverse(link(mu, SYMBOLS), SYMBOLS)) == mu


def test_h_undoes_g_for_the_cauchit():
    """h(g(mu)) = mu for the cauchit: it is so at mu = 1/2, and both sides have the derivative 1."""
    mu = sp.Symbol("mu", real=True)
    there_and_back = Cauchit().inverse(Cauchit()(mu, SYMBOLS), SYMBOLS)

    assert there_and_back.subs(mu, sp.Rational(1, 2)) == sp.Rational(1, 2)
    assert sp.simplify(sp.diff(there_and_back, mu)) == 1


@pytest.mark.parametrize("link", ELEMENTWISE, ids=str)
def test_inverse_derivative_is_the_derivative_of_h(link):
    """h' is d h / d eta, for every eta of the domain and every parameter of the link."""
    link, eta = symbolic(link), eta_of(link)

    assert sp.simplify(sp.diff(link.inverse(eta, SYMBOLS), eta) - link.inverse_derivative(eta, SYMBOLS)) == 0


@pytest.mark.parametrize("link", ELEMENTWISE, ids=str)
def test_h_is_strictly_monotone(link):
    """h' has one sign on the whole domain: negative for the complement's and the inverses' links, else positive."""
    falls = isinstance(link, (LogComplement, Inverse, InverseSquared)) or link == Power(-0.5)
    # SymPy reads no sign off exp(eta) - 1 for eta < 0: name the same eta by t > 0
    eta = -sp.log(1 + sp.Symbol("t", positive=True)) if link.eta_domain == NEGATIVE else eta_of(link)
    slope = sp.simplify(exactly(link).inverse_derivative(eta, SYMBOLS))

    assert (slope.is_negative, slope.is_positive) == (falls, not falls)


# --- evaluated ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("link", ELEMENTWISE, ids=str)
def test_link_is_right_to_the_last_digits(link):
    """g in float64 is g of an argument within rounding, from the smallest mean to the largest."""
    mu = mu_of(link)
    expression = exactly(link)(mu, SYMBOLS)
    arguments = in_range(expression, mu, GRID[link.mu_domain])

    assert_last_digits(link(arguments), expression, mu, arguments)


@pytest.mark.parametrize("link", ELEMENTWISE, ids=str)
def test_inverse_is_right_to_the_last_digits(link):
    """h in float64 is h of an argument within rounding, from tail to tail."""
    eta = eta_of(link)
    expression = exactly(link).inverse(eta, SYMBOLS)
    arguments = in_range(expression, eta, GRID[link.eta_domain])

    assert_last_digits(link.inverse(arguments), expression, eta, arguments)


@pytest.mark.parametrize("link", ELEMENTWISE, ids=str)
def test_inverse_derivative_is_right_to_the_last_digits(link):
    """h' in float64 is h' of an argument within rounding, from tail to tail."""
    eta = eta_of(link)
    expression = exactly(link).inverse_derivative(eta, SYMBOLS)
    arguments = in_range(expression, eta, GRID[link.eta_domain])

    assert_last_digits(link.inverse_derivative(arguments), expression, eta, arguments)


@pytest.mark.parametrize(
    ("link", "low", "high"),
    [
        (Logit(), math.exp(-700), 1.0),
        (Probit(), 0.0, 1.0),
        (Cauchit(), math.atan(1 / 700) / math.pi, 1 - math.atan(1 / 700) / math.pi),
        (CLogLog(), math.exp(-700), 1.0),
        (LogLog(), 0.0, 1.0),
    ],
    ids=lambda x: str(x) if not isinstance(x, float) else "",
)
def test_tails_end_where_they_end(link, low, high):
    """At eta = -700 and 700 each distribution function is at its tail's value: nothing overflows and nothing is clipped."""
    assert link.inverse(np.array([-700.0, 700.0])).tolist() == [pytest.approx(low, rel=1e-12, abs=0), high]
    assert np.isfinite(link.inverse_derivative(np.array([-700.0, 700.0]))).all()


@pytest.mark.parametrize(("link", "mirror"), [(x, x) for x in (Logit(), Probit(), Cauchit())] + [(CLogLog(), LogLog())], ids=str)
def test_upper_tail_mirrors_the_lower(link, mirror):
    """g(1 - mu) = -g(mu), and of cloglog and loglog crosswise, to the last digits: where 1 - mu is exact, no tail is worse."""
    mu = 2.0 ** -np.arange(2, 54)

    np.testing.assert_allclose(link(1 - mu), -mirror(mu), rtol=2 * ULPS * EPS)
    np.testing.assert_allclose(mirror(1 - mu), -link(mu), rtol=2 * ULPS * EPS)


@pytest.mark.parametrize(
    ("link", "about_half"),
    [
        (Logit(), lambda d: 2 * np.arctanh(2 * d)),
        (Probit(), lambda d: np.sqrt(2) * special.erfinv(2 * d)),
        (Cauchit(), lambda d: np.tan(np.pi * d)),
    ],
    ids=lambda x: str(x) if isinstance(x, Link) else "",
)
def test_middle_keeps_its_digits(link, about_half):
    """g(1/2 + d) is right relative to d, however small d is: where mu - 1/2 is exact, the middle is no worse than the tails."""
    d = np.concatenate([-(2.0 ** -np.arange(2, 54)), 2.0 ** -np.arange(3, 53)])

    np.testing.assert_allclose(link(0.5 + d), about_half(d), rtol=2 * ULPS * EPS)


@pytest.mark.parametrize("link", ELEMENTWISE, ids=str)
def test_shape_is_kept(link):
    """g, h and h' work element by element: the result has the argument's shape, and is float64."""
    mu, eta = MODERATE[link.mu_domain].reshape(5, 5), MODERATE[link.eta_domain].reshape(5, 5)

    for result in (link(mu), link.inverse(eta), link.inverse_derivative(eta)):
        assert (result.shape, result.dtype) == ((5, 5), np.float64)


@pytest.fixture(scope="module")
def theirs():
    """The link of statsmodels that has the same g."""
    # The ruler is held against an implementation by other hands; imported here, so that the other tests do not wait for it
    from statsmodels.genmod.families import links

    from spec.engines.statsmodels import own_links

    names = {
        Identity: links.Identity,
        Log: links.Log,
        Logit: links.Logit,
        Probit: links.Probit,
        Cauchit: links.Cauchy,
        CLogLog: links.CLogLog,
        LogLog: links.LogLog,
        LogComplement: links.LogC,
        Inverse: links.InversePower,
        InverseSquared: links.InverseSquared,
        Sqrt: links.Sqrt,
        Power: links.Power,
        NegativeBinomialLink: links.NegativeBinomial,
        Softplus: own_links.Softplus,  # statsmodels has none
    }
    spelt = {"exponent": "power", "alpha": "alpha"}
    return lambda link: names[type(link)](**{spelt[name]: number for name, number in vars(link).items()})


@pytest.mark.parametrize("link", ELEMENTWISE, ids=str)
def test_statsmodels_has_the_same_link(link, theirs):
    """
    g, h and h' are statsmodels' own at moderate arguments.

    The tolerance is statsmodels' cancellation: it computes CLogLog's h as 1 - exp(-exp(eta)) and the negative binomial's as
    1 / (alpha (exp(-eta) - 1)), without expm1. A difference of numbers near 1 is off by eps, and here never below 1/50.
    """
    mu, eta, other = MODERATE[link.mu_domain], MODERATE[link.eta_domain], theirs(link)

    for ours, their in (
        (link(mu), other(mu)),
        (link.inverse(eta), other.inverse(eta)),
        (link.inverse_derivative(eta), other.inverse_deriv(eta)),
    ):
        np.testing.assert_allclose(ours, their, rtol=50 * EPS, atol=50 * EPS)


# --- described ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("link", ELEMENTWISE, ids=str)
def test_h_maps_its_domain_into_the_means(link):
    """h takes each eta of its domain to a mean of its domain, and g takes each mean back to an eta of its."""
    means, predictors = link.inverse(MODERATE[link.eta_domain]), link(MODERATE[link.mu_domain])

    assert link.mu_domain.contains(means).all()
    assert link.eta_domain.contains(predictors).all()


@pytest.mark.parametrize(
    ("link", "eta_domain", "mu_domain"),
    [
        (Identity(), REAL, REAL),
        (Log(), REAL, POSITIVE),
        (Logit(), REAL, UNIT),
        (Probit(), REAL, UNIT),
        (Cauchit(), REAL, UNIT),
        (CLogLog(), REAL, UNIT),
        (LogLog(), REAL, UNIT),
        (LogComplement(), NEGATIVE, UNIT),
        (Inverse(), POSITIVE, POSITIVE),
        (InverseSquared(), POSITIVE, POSITIVE),
        (Sqrt(), POSITIVE, POSITIVE),
        (Power(0.5), POSITIVE, POSITIVE),
        (Power(-0.5), POSITIVE, POSITIVE),
        (NegativeBinomialLink(0.5), NEGATIVE, POSITIVE),
        (Softplus(), REAL, POSITIVE),
        (Softmax(), REAL, Simplex(interior=True)),
    ],
    ids=str,
)
def test_domains_are_these(link, eta_domain, mu_domain):
    """Each link is defined on the whole set on which its g is one to one, and not beyond: NaN and infinity never belong."""
    assert (link.eta_domain, link.mu_domain) == (eta_domain, mu_domain)


@pytest.mark.parametrize("link", ELEMENTWISE, ids=str)
def test_outside_is_outside(link):
    """No domain of a link contains NaN, an infinity, or a number beyond an end of it."""
    beyond = {REAL: [], POSITIVE: [0.0, -1.0], NEGATIVE: [0.0, 1.0], UNIT: [0.0, 1.0, -0.5, 1.5]}

    for domain in (link.eta_domain, link.mu_domain):
        assert not domain.contains(np.array([np.nan, np.inf, -np.inf, *beyond[domain]])).any()


def test_names_are_these():
    """Each link says its name, and its parameter if it has one; no two of the registry have the same."""
    assert [str(link) for link in LINKS] == [
        "identity",
        "log",
        "logit",
        "probit",
        "cauchit",
        "cloglog",
        "loglog",
        "log-complement",
        "inverse",
        "inverse-squared",
        "sqrt",
        "power(0.5)",
        "power(-0.5)",
        "negative-binomial-link(0.5)",
        "softplus",
        "softmax",
    ]


@pytest.mark.parametrize("link", LINKS, ids=str)
def test_equality_is_by_kind_and_parameter(link):
    """A link equals its own copy and no other link of the registry, and hashes alike: links can be keys and be compared."""
    twin = type(link)(**vars(link))

    assert (twin == link, hash(twin) == hash(link), twin is link) == (True, True, False)
    assert [other for other in LINKS if other == link] == [link]


def test_same_function_is_not_the_same_link():
    """Power(0.5) and Sqrt are one function and two links: equality is of names, and never of formulas."""
    assert Power(0.5) != Sqrt()
    assert Power(0.5) != Power(0.25)
    assert NegativeBinomialLink(0.5) != NegativeBinomialLink(1.0)


@pytest.mark.parametrize("exponent", [0, 0.0, np.nan, np.inf, -np.inf], ids=str)
def test_power_refuses_what_is_no_power(exponent):
    """An exponent that is 0, infinite or NaN is refused by name, and the way out is said."""
    with pytest.raises(ValueError) as refusal:
        Power(exponent)

    assert str(refusal.value) == (
        f"Power(exponent={exponent}): a power link needs a finite exponent other than 0; at 0 use Log()."
    )


@pytest.mark.parametrize("alpha", [0, -1, np.inf, np.nan], ids=str)
def test_negative_binomial_link_refuses_what_is_no_alpha(alpha):
    """An alpha that is not positive and finite is refused by name."""
    with pytest.raises(ValueError) as refusal:
        NegativeBinomialLink(alpha)

    assert str(refusal.value) == f"NegativeBinomialLink(alpha={alpha}): alpha must be positive and finite."


@pytest.mark.parametrize("parameter", [1e-300, 0.25, 1, 2.5, 1e300], ids=str)
def test_any_other_parameter_is_accepted(parameter):
    """Every positive finite number is an exponent and an alpha; an exponent may be negative too."""
    assert Power(parameter).exponent == parameter
    assert Power(-parameter).exponent == -parameter
    assert NegativeBinomialLink(parameter).alpha == parameter


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# --- softmax --------------------------------------------------------------------------------------------------------

ETA = np.array(
    [[0.0, 0.0, 0.0], [0.3, -1.2, 2.5], [800.0, -800.0, 799.0], [-745.0, 0.0, 5.5], [1e6, 1e6 + 1, 1e6 - 30], [0.0, -40.0, -41.0]]
)


def test_softmax_is_right_to_the_last_digits():
    """Each share is exp(eta_k) / sum exp(eta_j) to the roundings of a difference, an exp, a sum and a quotient."""
    symbols = sp.symbols("eta:3", real=True)
    for row, shares in zip(ETA, Softmax().inverse(ETA), strict=True):
        for k, share in enumerate(shares):
            exact = value(sp.exp(symbols[k]) / sum(sp.exp(s) for s in symbols), *symbols)(*row)
            # the rounding of eta_k - max eta is all there is of a condition number: the differences of eta count, not eta
            assert abs(share - exact) <= ULPS * (ulp(exact) + EPS * float(exact) * abs(row[k] - row.max()))


def test_softmax_at_eta_800_is_finite():
    """Rows of 800 and -800 give 1 and 0 and no overflow: the largest predictor is subtracted first."""
    assert Softmax().inverse(np.array([[800.0, -800.0], [-800.0, 800.0]])).tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert Softmax().inverse(np.array([[800.0, 800.0], [-800.0, -800.0]])).tolist() == [[0.5, 0.5], [0.5, 0.5]]


def test_softmax_rows_sum_to_one(rng):
    """The shares of a row sum to 1 within the rounding of K quotients and K - 1 sums, along the last axis of any shape."""
    eta = rng.normal(scale=5, size=(4, 50, 7))
    shares = Softmax().inverse(eta)

    assert shares.shape == eta.shape
    assert np.abs(shares.sum(axis=-1) - 1).max() <= 7 * EPS
    assert Softmax().mu_domain.contains(shares).all()


def test_softmax_is_unchanged_by_a_shift(rng):
    """Adding the same number to all predictors of a row changes nothing; whole numbers shift without rounding, so to the bit."""
    eta = rng.integers(-20, 20, size=(50, 4)).astype(float)
    shift = rng.integers(-(10**6), 10**6, size=(50, 1))

    assert (Softmax().inverse(eta + shift) == Softmax().inverse(eta)).all()


def test_softmax_link_subtracts_class_zero(rng):
    """g(h(eta)) = eta - eta_0: of all predictors with the same shares, g answers with those whose class 0 is zero."""
    eta = rng.normal(scale=5, size=(3, 50, 4))
    back = Softmax()(Softmax().inverse(eta))

    assert (back[..., 0] == 0).all()
    # each of the two logarithms rounds, and turns its share's relative error into an absolute one
    spread = np.abs(eta).max() * 2
    np.testing.assert_allclose(back, eta - eta[..., :1], rtol=0, atol=2 * ULPS * EPS * (1 + spread))


def test_softmax_undoes_its_link(rng):
    """h(g(mu)) = mu for every row of positive shares."""
    mu = rng.dirichlet(np.ones(5), size=40)

    # log turns a rounding of size eps |log mu| into a relative error of mu
    np.testing.assert_allclose(Softmax().inverse(Softmax()(mu)), mu, rtol=2 * ULPS * EPS * (1 + np.abs(np.log(mu)).max()))


def test_softmax_of_two_is_the_sigmoid():
    """With two classes the second share is the sigmoid of the predictors' difference."""
    difference = np.linspace(-30, 30, 41)
    eta = np.column_stack([np.zeros(41), difference])

    np.testing.assert_allclose(Softmax().inverse(eta)[:, 1], Logit().inverse(difference), rtol=2 * ULPS * EPS)


def test_softmax_jacobian_is_the_derivative():
    """d mu_a / d eta_b is SymPy's derivative of the shares at every (a, b), one matrix for each row."""
    symbols = sp.symbols("eta:3", real=True)
    shares = [sp.exp(s) / sum(sp.exp(t) for t in symbols) for s in symbols]
    jacobian = Softmax().inverse_derivative(ETA)

    assert jacobian.shape == (6, 3, 3)
    for (n, a, b), entry in np.ndenumerate(jacobian):
        exact = value(sp.diff(shares[a], symbols[b]), *symbols)(*ETA[n])
        # relative to the entry itself, however small: 1 - mu_a is the sum of the other shares and never a difference
        assert abs(entry - exact) <= 2 * ULPS * (ulp(exact) + EPS * abs(float(exact)) * np.ptp(ETA[n]))


@pytest.mark.parametrize("shape", [(3,), (1, 3), (2, 3, 3), (2, 6, 3)], ids=str)
def test_softmax_takes_any_number_of_leading_axes(shape):
    """The classes are the last axis, whatever stands before it: each row gets what it gets alone."""
    rows = np.resize(ETA, shape)
    jacobian = Softmax().inverse_derivative(rows)

    assert jacobian.shape == (*shape, 3)
    for index in np.ndindex(shape[:-1]):
        assert (jacobian[index] == Softmax().inverse_derivative(rows[index])).all()
        assert (Softmax().inverse(rows)[index] == Softmax().inverse(rows[index])).all()


def test_softmax_jacobian_is_symmetric_and_loses_one_rank():
    """The Jacobian is symmetric and sends a shift of all predictors to 0: K predictors make K - 1 shares."""
    jacobian = Softmax().inverse_derivative(ETA)

    np.testing.assert_allclose(jacobian, jacobian.swapaxes(-1, -2), rtol=2 * EPS)
    assert np.abs(jacobian.sum(axis=-1)).max() <= 4 * EPS


def test_registry_is_complete():
    """Every link class stands in the registry: a class that is not is tested by nobody."""
    assert {type(link) for link in LINKS} == {
        link
        for base in (Link, PowerLink)
        for link in base.__subclasses__()
        if link.__module__ == "spec.links" and link is not PowerLink
    }
    assert (*ELEMENTWISE, Softmax()) == LINKS


@pytest.mark.parametrize("z", [4, 5, 8, 20, 1000])
def test_the_constants_of_the_lower_tail_are_laplace_s_continued_fraction(z):
    """Its partial fractions with 40 terms, which 400 terms of it do not change, each to some units of float64."""

    def fraction(terms):
        rest = Fraction(0)
        for k in range(terms, 0, -1):
            rest = k / (z + rest)
        return rest

    parts = sum(Fraction(w) * z / (z * z + Fraction(s)) for w, s in zip(WEIGHTS, SQUARES, strict=True))

    assert abs(fraction(40) / fraction(400) - 1) < 2**-55
    assert abs(parts / fraction(40) - 1) < 2**-53
