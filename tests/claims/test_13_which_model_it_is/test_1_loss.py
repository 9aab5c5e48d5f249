"""
The loss completes the model.

One activation has many losses, and each makes another model.
"""

from dataclasses import replace

import numpy as np
import pytest

from spec import problems
from spec.evidence import tolerances
from spec.evidence.rungs import assert_same_gradient, assert_same_mean, assert_same_optimum, proven_optimum, standard_errors_away
from spec.families import Gaussian
from spec.links import Sqrt

from .models import EXECUTIONS, SIX, as_model


@pytest.mark.claim(
    "the-loss-is-no-part-of-the-mean", source="S6", symptom="I changed the loss, and an untrained network predicts the same."
)
@pytest.mark.parametrize("problem", SIX, ids=str)
def test_networks_that_differ_in_the_loss_alone_have_one_mean(problem, params, subject):
    r"""
    At the same weights, networks with one exponential activation and six losses have one mean.

    .. math:: \mu = e^{b + x w}
    """
    assert_same_mean(EXECUTIONS, params, subject.evaluate(problem, params))


@pytest.mark.control("the-loss-is-no-part-of-the-mean")
@pytest.mark.parametrize("problem", [EXECUTIONS], ids=str)
def test_another_activation_has_another_mean(problem, params, reference):
    """The loss as it was, and the square in place of the exponential."""
    with pytest.raises(AssertionError, match="not the same mean"):
        assert_same_mean(problem, params, reference.evaluate(as_model(problem, link=Sqrt()), params))


@pytest.mark.claim(
    "the-loss-completes-the-model",
    source="S6",
    level="proven for this problem",
    symptom="My two networks have the same layers, and different weights.",
)
@pytest.mark.parametrize("problem", SIX, ids=str)
def test_six_losses_fit_the_same_counts_in_six_ways(problem, subject, reference):
    r"""
    Six losses on one exponential activation fit the same counts in six ways, each at the optimum of its own family.

    .. math:: \sum_i x_i\,(y_i - \hat\mu_i)\,\frac{\hat\mu_i}{V(\hat\mu_i)} = 0, \qquad
              V = 1,\ \mu,\ \mu + \mu^2/2,\ \mu^{3/2},\ \mu^2,\ \mu^3

    Any two of the six lie apart by more than a tenth of a standard error.
    """
    fit = subject.fit(problem)

    assert_same_optimum(problem, fit)
    assert_same_optimum(problem, reference.fit(problem))
    for other in SIX:
        if other is not problem:
            assert_another_optimum(other, fit)


@pytest.mark.control("the-loss-completes-the-model")
def test_a_multiple_of_a_loss_is_the_same_loss(reference):
    """Every row counted twice doubles the Poisson loss, and moves no weight."""
    doubled = EXECUTIONS.with_data(weights=lambda data: np.full(len(data.y), 2.0))

    with pytest.raises(AssertionError, match="the same optimum"):
        assert_another_optimum(EXECUTIONS, reference.fit(doubled))


def assert_another_optimum(problem, fit):
    """Some coefficient is further than a tenth of its standard error from the proven optimum."""
    away = standard_errors_away(proven_optimum(problem), fit.params)
    assert away > tolerances.ANOTHER_OPTIMUM, f"the same optimum of {problem}, but for {away:.2g} standard errors"


SIGMOIDS = [problems.get("spector-logit"), problems.get("logistic-4-colours")]


@pytest.mark.claim(
    "squared-error-scales-the-residuals", source="S6", symptom="My sigmoid with mean squared error stops learning."
)
@pytest.mark.parametrize("problem", SIGMOIDS, ids=str)
def test_squared_error_weighs_the_residuals_of_a_sigmoid_by_its_slope(problem, params, subject):
    r"""
    Squared error leaves a sigmoid the mean of logistic regression, and weighs each residual of its score by the slope.

    .. math:: \frac{\partial}{\partial w} \sum_i -\frac{(y_i - \mu_i)^2}{2} = \sum_i x_i\,(y_i - \mu_i)\,\mu_i (1 - \mu_i)

    The score of logistic regression has no last factor, which is nearly zero where the network is sure, and wrong.
    """
    network = subject.evaluate(squared := as_model(problem, Gaussian()), params)
    mean = network.mean
    score = problem.params(problem.design.T @ ((problem.y - mean) * mean * (1 - mean))).matrix

    assert_same_mean(problem, params, network)
    assert_same_gradient(squared, params, network, replace(network, score=score))


@pytest.mark.control("squared-error-scales-the-residuals")
@pytest.mark.parametrize("problem", SIGMOIDS, ids=str)
def test_the_score_of_logistic_regression_is_refused(problem, params, reference):
    """The score without the slope."""
    squared, network = as_model(problem, Gaussian()), reference.evaluate(problem, params)

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_same_gradient(squared, params, reference.evaluate(squared, params), network)


@pytest.mark.claim(
    "squared-error-is-not-logistic-regression",
    source="S6",
    level="proven for this problem",
    symptom="My sigmoid network's weights are not those of Logit.",
)
def test_a_sigmoid_with_squared_error_is_not_logistic_regression(subject, reference):
    r"""
    A sigmoid trained with squared error is nonlinear least squares, and not logistic regression.

    .. math:: \arg\min_w \sum_i (y_i - \mu_i)^2 \neq \arg\max_w \sum_i y_i \log \mu_i + (1 - y_i) \log (1 - \mu_i)
    """
    logistic = SIGMOIDS[0]
    squared = as_model(logistic, Gaussian())

    assert_same_optimum(squared, subject.fit(squared))
    assert_another_optimum(logistic, subject.fit(squared))
    assert_another_optimum(squared, reference.fit(logistic))


@pytest.mark.control("squared-error-is-not-logistic-regression")
def test_logistic_regression_is_logistic_regression(reference):
    """A sigmoid trained with cross-entropy, in place of one trained with squared error."""
    with pytest.raises(AssertionError, match="the same optimum"):
        assert_another_optimum(SIGMOIDS[0], reference.fit(SIGMOIDS[0]))
