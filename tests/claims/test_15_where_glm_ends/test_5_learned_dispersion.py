"""
A learned dispersion.

A dispersion that is learned as a weight counts no coefficients, and may fall without end.
"""

import numpy as np
import pytest

from spec import problems
from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.families import Gaussian
from spec.links import Identity

from .weights import (
    HEADS,
    LOCATION_SCALE,
    flat,
    put,
)

ONE_DISPERSION = [p for p in problems.where(family=Gaussian, link=Identity) if p.kind in ("by-hand", "by-construction")]


@pytest.mark.claim(
    "dispersion-without-degrees-of-freedom",
    source="S6",
    symptom="The variance that my network learns is smaller than the residual variance of the regression.",
)
@pytest.mark.parametrize("problem", ONE_DISPERSION, ids=str)
def test_a_learned_dispersion_does_not_count_the_coefficients(problem, network, reference):
    r"""
    A dispersion that is learned as a bias comes to rest at RSS / n, where a regression divides by n less its coefficients.

    .. math:: -n\,\frac{\partial L}{\partial \log\varphi} = \frac{1}{2} \Bigl( \frac{\mathrm{RSS}}{\varphi} - n \Bigr) = 0
              \iff \varphi = \frac{\mathrm{RSS}}{n}
    """
    assert_dispersion_at_rest(problem, network, reference, problem.n)


@pytest.mark.control("dispersion-without-degrees-of-freedom")
@pytest.mark.parametrize("problem", ONE_DISPERSION, ids=str)
def test_the_residual_variance_is_refused(problem, network, reference):
    """RSS / (n - q), which has no bias."""
    with pytest.raises(AssertionError, match="not the same slope"):
        assert_dispersion_at_rest(problem, network, reference, problem.n - problem.q)


def assert_dispersion_at_rest(problem, network, reference, degrees):
    """At the least-squares mean, and RSS by so many degrees of freedom, the log dispersion's slope is nothing against n."""
    heads, fit = network(problem, HEADS), reference.fit(problem)
    coef, intercept = fit.params.coef, fit.params.intercept
    put(heads, flat([np.hstack([coef, 0 * coef]), [intercept[0], np.log(fit.deviance / degrees)]]))
    slope = problem.n * heads.gradient()[1][1:]
    assert_same_values("slope", problem, slope, 0 * slope, tolerances.gradient(problem.n), np.array([float(problem.n)]))


@pytest.mark.claim(
    "loss-without-a-floor",
    source="S6",
    symptom="The loss of my mean-and-variance network falls for ever, and one row is to blame.",
)
def test_a_row_that_both_heads_single_out_leaves_the_loss_no_floor(network, rng):
    r"""
    Where a column singles out one row, the loss of two heads has no floor: its dispersion falls, and the loss with it.

    .. math:: \mu_1 = y_1, \quad \log\varphi_1 = -t \implies L(t) = L(0) - \frac{t}{2n}

    A GLM's dispersion is one number for all rows, and no row can have it to itself.
    """
    assert_no_floor(SINGLED_OUT, network(SINGLED_OUT, HEADS), SINGLED_OUT.y[0, 0], rng)


@pytest.mark.control("loss-without-a-floor")
def test_a_row_that_is_missed_by_a_millionth_has_a_floor(network, rng):
    """The row's mean is off by a millionth: below that the squared residual outweighs the logarithm."""
    with pytest.raises(AssertionError, match="not the same objective"):
        assert_no_floor(SINGLED_OUT, network(SINGLED_OUT, HEADS), SINGLED_OUT.y[0, 0] + 1e-6, rng)


def singled_out(data):
    """The inputs, and a column that is one in the first row and zero in the others."""
    return np.hstack([data.X, np.eye(len(data.X))[:, :1]])


SINGLED_OUT = LOCATION_SCALE.with_data("one row singled out", X=singled_out)


def assert_no_floor(problem, heads, first, rng):
    """The first row's weight makes its mean exactly ``first``: the other weights of the mean are zero."""
    n, log_dispersions = problem.n, -rng.uniform(10, 600, 5)
    losses = []
    for log_dispersion in (0.0, *log_dispersions):
        kernel = np.zeros((problem.p, 2))
        kernel[-1] = first, log_dispersion
        put(heads, flat([kernel, np.zeros(2)]))
        losses.append(n * heads.objective())
    expected = losses[0] + log_dispersions / 2
    size = losses[0] + np.abs(log_dispersions) / 2
    assert_same_values("objective", problem, np.array(losses[1:]), expected, tolerances.loss(n), size)
