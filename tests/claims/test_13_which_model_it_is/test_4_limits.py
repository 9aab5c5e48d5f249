"""
Special cases and limits.

Links and families pass into one another as a power or a parameter moves.
"""

from dataclasses import replace

import numpy as np
import pytest

from spec import problems
from spec.engines.wrong import RUNGS
from spec.evidence import tolerances
from spec.evidence.rungs import assert_same, assert_same_gradient
from spec.families import Gamma, Gaussian, InverseGaussian, NegativeBinomial, Poisson, Tweedie
from spec.links import Power
from spec.model import Params

from .models import SIX, Instead, as_model

EXPONENTS = {"poisson-sqrt": 1 / 2, "poisson-identity": 1, "gamma-inverse": -1, "inverse-gaussian-inverse-squared": -2}
POWERS = [
    pytest.param(problem, as_model(problem, link=Power(exponent)), id=f"{exponent:g} is {problem}")
    for problem, exponent in ((problems.get(name), exponent) for name, exponent in EXPONENTS.items())
]


@pytest.mark.claim("named-links-are-powers", source="S6", symptom="I do not know whether sqrt is a link of its own or a power.")
@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize(("problem", "power"), POWERS)
def test_four_links_are_the_power_link_at_four_exponents(problem, power, rung, params, subject, reference):
    r"""
    The power link at 1/2, 1, -1 and -2 is the square root, the identity, the inverse and the inverse square.

    .. math:: g(\mu) = \mu^{\lambda}: \qquad \sqrt{\mu},\quad \mu,\quad 1 / \mu,\quad 1 / \mu^2
    """
    assert_same(rung, problem, params, Instead(subject, power), reference)


@pytest.mark.control("named-links-are-powers")
@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize(("problem", "power"), POWERS)
def test_a_millionth_of_an_exponent_is_refused(problem, power, rung, params, reference):
    """An exponent that is off by 2^-20 of itself."""
    near = as_model(problem, link=Power(power.model.link.exponent * (1 + 2.0**-20)))

    with pytest.raises(AssertionError, match=f"not the same {rung}"):
        assert_same(rung, problem, params, Instead(reference, near), reference)


@pytest.mark.claim(
    "the-power-link-passes-into-the-log", source="S6", symptom="The power link refuses the power 0, where I expected the log."
)
@pytest.mark.parametrize("exponent", [2.0**-6, 2.0**-12, -(2.0**-12)])
@pytest.mark.parametrize("problem", [problems.get("poisson-log")], ids=str)
def test_a_power_link_near_zero_is_the_log(problem, exponent, params, subject):
    r"""
    As its exponent nears 0 the power link passes into the log, at the rate of the exponent.

    .. math:: \frac{\mu^{\lambda} - 1}{\lambda} = b + x w \implies
              \log \mu = \frac{\log(1 + \lambda \eta)}{\lambda} = \eta - \lambda \frac{\eta^2}{2} + O(\lambda^2)

    The weights of the power link are those of the log times the exponent, and 1 more for the bias (Box and Cox 1964).
    """
    assert_near_the_log(problem, exponent, params, subject, rate=1 / 2)


@pytest.mark.control("the-power-link-passes-into-the-log")
@pytest.mark.parametrize("problem", [problems.get("poisson-log")], ids=str)
def test_another_rate_is_refused(problem, params, reference):
    """A power link that is the log already (rate 0), or goes there twice as slowly (rate 1)."""
    for rate in (0, 1):
        with pytest.raises(AssertionError, match="rate"):
            assert_near_the_log(problem, 2.0**-12, params, reference, rate)


def assert_near_the_log(problem, exponent, params, engine, rate):
    """
    log mu is eta - rate * exponent * eta^2, up to the rest of the series and rounding.

    With t = exponent * eta, |log(1 + t) - t + t^2 / 2| <= |t|^3 / (3 (1 - |t|)). The exponent is a power of 2 and the weights
    are on a grid: 1 + t is exact, and what rounds is mu (4 units in the last place, 2 u each), its logarithm and the sums.
    """
    matrix = exponent * params.matrix + np.eye(1 + problem.p)[:, :1]
    eta, mean = problem.eta(params), engine.evaluate(as_model(problem, link=Power(exponent)), Params.from_matrix(matrix)).mean
    t = np.abs(exponent * eta)
    rest = t**3 / (3 * (1 - t)) / abs(exponent)
    error = np.abs(np.log(mean) - (eta - rate * exponent * eta**2))
    allowed = rest + (2 * tolerances.MEAN_ULPS + 4 * (np.abs(eta) + 1)) * tolerances.UNIT
    assert (error <= allowed).all(), f"another rate: {(error / allowed).max():.3g} times what the series leaves"


POWER_OF = {Gaussian(): 0, Poisson(): 1, Tweedie(1.5): 1.5, Gamma(): 2, InverseGaussian(): 3}


@pytest.mark.claim(
    "five-losses-differ-in-a-power", source="S6", symptom="I cannot tell what a Tweedie loss changes against Poisson or Gamma."
)
@pytest.mark.parametrize("problem", [p for p in SIX if p.model.family in POWER_OF], ids=str)
def test_five_losses_differ_in_one_power_of_the_mean(problem, params, subject):
    r"""
    Five losses differ in one power of the mean: 0 Gaussian, 1 Poisson, 1 to 2 Tweedie, 2 Gamma, 3 inverse Gaussian.

    .. math:: V(\mu) = \mu^p, \qquad -n\,\frac{\partial L}{\partial w}
              = c \sum_i x_i\,(y_i - \mu_i)\,\mu_i^{1 - p} \quad \text{with an exponential activation}
    """
    network = subject.evaluate(problem, params)

    assert_power(problem, params, network, POWER_OF[problem.model.family])


@pytest.mark.control("five-losses-differ-in-a-power")
@pytest.mark.parametrize("problem", SIX, ids=str)
def test_no_other_power_serves(problem, params, reference):
    """The powers of the other families; for the negative binomial, whose variance is no power, each of the five."""
    network = reference.evaluate(problem, params)

    for family, power in POWER_OF.items():
        if family != problem.model.family:
            with pytest.raises(AssertionError, match="not the same gradient"):
                assert_power(problem, params, network, power)


def assert_power(problem, params, network, power):
    """The score is that of a variance with this power of the mean."""
    mean = np.exp(problem.eta(params))
    score = problem.params(problem.design.T @ ((problem.y - mean) * mean ** (1 - power))).matrix
    assert_same_gradient(problem, params, network, replace(network, score=score))


LIMITS = [  # a family, one with a parameter that becomes it, and how fast the logarithm of its variance does
    pytest.param(problems.get(name), near, rate, id=f"{near(0.25)} to {name}")
    for name, near, rate in (
        ("poisson-log", NegativeBinomial, lambda mu: mu),
        ("poisson-identity", NegativeBinomial, lambda mu: mu),
        ("poisson-log", lambda small: Tweedie(1 + small), np.log),
        ("gamma-log", lambda small: Tweedie(2 - small), lambda mu: -np.log(mu)),
        ("gamma-inverse", lambda small: Tweedie(2 - small), lambda mu: -np.log(mu)),
    )
]


@pytest.mark.claim(
    "families-pass-into-one-another", source="S6", symptom="My negative binomial with a tiny alpha repeats the Poisson."
)
@pytest.mark.parametrize("small", [2.0**-9, 2.0**-11])
@pytest.mark.parametrize(("problem", "near", "rate"), LIMITS)
def test_a_family_passes_into_its_limit_at_a_known_rate(problem, near, rate, small, params, subject):
    r"""
    The negative binomial passes into the Poisson, and the Tweedie into Poisson and Gamma, at the rate of its parameter.

    .. math:: V_\epsilon = V_0\,(1 + \epsilon r + O(\epsilon^2)) \implies
              s_0 - s_\epsilon = \epsilon \sum_i x_i\,(y_i - \mu_i)\,\frac{h'(\eta_i)}{V_0(\mu_i)}\,r(\mu_i) + O(\epsilon^2)

    s is the score; r is mu for a negative binomial of alpha = epsilon, log mu for a Tweedie of power 1 + epsilon, and
    -log mu for one of 2 - epsilon.
    """
    assert_limit(problem, params, subject, as_model(problem, near(small)), small, rate)


@pytest.mark.control("families-pass-into-one-another")
@pytest.mark.parametrize(("problem", "near", "rate"), LIMITS)
def test_a_family_that_is_elsewhere_is_refused(problem, near, rate, params, subject):
    """The parameter at twice its value; and the limit itself, as if it were its own neighbour."""
    small = 2.0**-11

    for wrong in (near(2 * small), problem.model.family):
        with pytest.raises(AssertionError, match="another rate"):
            assert_limit(problem, params, subject, as_model(problem, wrong), small, rate)


def assert_limit(problem, params, engine, near, small, rate):
    """
    The scores differ by ``small`` times the sum above, up to the rest of the series and rounding.

    With t = small * rate, 1 - V_0/V is t - t^2 / (1 + t) or 1 - exp(-t): t up to t^2 exp|t|. Both scores and the sum are known
    to (n + 64) u of their rows' contributions without sign: 1, at most exp|t|, and |t| times those of the score at the limit,
    less than 4 times together for |t| < 1/2.
    """
    mu, V0 = (mean := engine.evaluate(problem, params).mean), problem.model.family.variance(mean)
    slope = problem.model.link.inverse_derivative(problem.eta(params))
    t = small * rate(mu)
    design, rows = np.abs(problem.design), (problem.y - mu) * slope / V0
    gap = engine.evaluate(problem, params).score - engine.evaluate(near, params).score
    rest = design.T @ (np.abs(rows) * t**2 * np.exp(np.abs(t)))
    rounding = 4 * tolerances.gradient(problem.n).value * design.T @ ((problem.y + mu) * np.abs(slope) / V0)
    error = np.abs(gap - problem.design.T @ (rows * t))
    assert (error <= rest + rounding).all(), f"another rate: {(error / (rest + rounding)).max():.3g} times what the series leaves"
