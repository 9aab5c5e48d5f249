"""
Thresholds in noise.

A share is the chance that noise lifts the linear predictor above a threshold.
"""

import flint
import numpy as np
import pytest

from spec.evidence import tolerances
from spec.evidence.balls import working_precision
from spec.evidence.judge import assert_same_values
from spec.links import Cauchit, CLogLog, Logit, LogLog, Probit

from .models import MIRROR, SHARES

NOISE = {  # the density of the noise, over complex balls, and a point beyond which less than 2^-90 of it lies
    Logit(): (lambda t: (-t).exp() / (1 + (-t).exp()) ** 2, 2**6),  # logistic
    Probit(): (lambda t: (-t * t / 2).exp() / (2 * flint.acb.pi()).sqrt(), 2**6),  # Gaussian
    Cauchit(): (lambda t: 1 / (flint.acb.pi() * (1 + t * t)), 2**100),  # Cauchy
    CLogLog(): (lambda t: (-t - (-t).exp()).exp(), 2**6),  # Gumbel, of maxima
    LogLog(): (lambda t: (t - t.exp()).exp(), 2**6),  # Gumbel, of minima
}


@pytest.mark.claim(
    "a-unit-is-a-threshold-in-noise", source="S6", symptom="I do not see why an output would be the normal distribution function."
)
@pytest.mark.parametrize("problem", SHARES, ids=str)
def test_an_output_is_the_chance_that_noise_lifts_its_predictor_above_zero(problem, params, subject):
    r"""
    An output is the chance that eta and noise exceed 0: logistic noise for a sigmoid, Gaussian for a probit, and so on.

    .. math:: \mu = \Pr(b + x w + \varepsilon > 0) = \int_{-(b + x w)}^{\infty} f_\varepsilon(t)\,dt

    Cauchy noise makes a cauchit, a Gumbel of maxima the complementary log-log, one of minima the log-log. The integral is
    enclosed in balls, from the density alone; no distribution function is asked.
    """
    assert_threshold(problem, params, subject, problem.model.link)


@pytest.mark.control("a-unit-is-a-threshold-in-noise")
@pytest.mark.parametrize("problem", SHARES, ids=str)
def test_other_noise_is_refused(problem, params, reference):
    """The noise of each of the other links."""
    for link in MIRROR:
        if link != problem.model.link:
            with pytest.raises(AssertionError, match="not the same mean"):
                assert_threshold(problem, params, reference, link, rows=2)


def assert_threshold(problem, params, engine, link, rows=16):
    """The means of some rows are the integrals, to 4 units in the last place (2 u each); eta is exact on the grid."""
    thresholds = -problem.eta(params)[:rows]
    chance = np.array([[chance_above(threshold, link) for (threshold,) in thresholds.tolist()]]).T
    assert_same_values("mean", problem, engine.evaluate(problem, params).mean[:rows], chance, tolerances.integrated_mean())


def chance_above(threshold, link):
    """The integral of the noise's density from a threshold up: the float64 nearest to the middle of a ball around it."""
    density, far = NOISE[link]
    with working_precision(96):
        ball = flint.acb.integral(lambda t, _: density(t), threshold, far).real + flint.arb(0, 2.0**-90)
        assert ball.rel_accuracy_bits() > tolerances.INTEGRAL_BITS
        return float(ball)
