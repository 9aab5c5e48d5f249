"""
The scale of the weights.

The unit of the weights moves no coefficient; it moves the loss, and with it the learning rate.
"""

from dataclasses import replace

import numpy as np
import pytest

from spec import problems
from spec.engines import answers
from spec.engines.contract import Recipe
from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.evidence.rungs import assert_same_gradient, assert_same_optimum
from spec.problems import Said

from ..descent import descend
from ..said import MANY, has_a_bias, has_one_output
from .rows import (
    COUNTS,
    EACH,
    EPOCHS,
    LINE,
    LOGISTIC,
    RATE,
    SOFTMAX,
    assert_same_standard_errors,
    copies,
    named_as,
    trained_weights,
    weighted,
)

UNITS = Said([LINE, LOGISTIC, COUNTS, problems.get("gamma-inverse")], has_one_output, most=MANY)
WITH_BIAS = Said([*EACH, *SOFTMAX], has_a_bias)


@pytest.mark.claim(
    "weights-have-no-unit",
    source="S6",
    level="proven for this problem",
    symptom="My survey weights sum to a million, and every p-value is zero.",
)
@pytest.mark.parametrize("problem", UNITS, ids=str)
def test_the_scale_of_the_weights_moves_no_coefficient(problem, params, network, subject, reference):
    r"""
    All weights times a constant move no coefficient, and no standard error but where the dispersion is known.

    .. math:: \frac{\mathrm{SE}(a w)}{\mathrm{SE}(w)} = \sqrt{\frac{\hat\phi(a w)}{a\, \hat\phi(w)}}
              = \begin{cases} 1 & \text{Pearson's } \hat\phi(a w) = a\, \hat\phi(w) \\ 1 / \sqrt a & \phi = 1 \end{cases}

    Where the dispersion is known, a weight of a thousand is a thousand rows, and they are believed.
    """
    once, scaled = weighted(problem), weighted(problem, 1000)
    model = reference.evaluate(once, params)
    ratio = 1.0 if problem.has_dispersion else 1000**-0.5

    mine = named_as(model, answers.evaluation(scaled, network(scaled), params))
    assert_same_gradient(scaled, params, mine, times(1000, model))
    for engine in (subject, reference):
        assert_same_optimum(once, engine.fit(scaled))
        assert_same_standard_errors(once, engine.fit(scaled), engine.fit(once), ratio)


@pytest.mark.control("weights-have-no-unit")
@pytest.mark.parametrize("problem", [LINE, LOGISTIC, COUNTS], ids=str)
def test_beside_a_penalty_the_scale_of_the_weights_matters(problem, params, network, reference):
    """Beside a ridge penalty, weights a thousand times as large are a penalty of a thousandth."""
    once, scaled = weighted(problem), weighted(problem, 1000)
    few, many = (answers.evaluation(p, network(p, Recipe(l2=2.0**-10)), params) for p in (once, scaled))

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_same_gradient(scaled, params, many, times(1000, few))


def times(factor, evaluation):
    """The evaluation with its score multiplied by the factor."""
    return replace(evaluation, score=factor * evaluation.score)


@pytest.mark.claim(
    "the-loss-is-divided-by-rows",
    source="S6",
    symptom="With sample weights, my loss is not the weighted mean of the rows' losses.",
)
@pytest.mark.parametrize("problem", WITH_BIAS, ids=str)
def test_a_weighted_loss_is_divided_by_the_rows(problem, params, network):
    r"""
    A loss with sample weights is divided by the number of rows, whatever the weights sum to.

    .. math:: L = \frac{1}{n} \sum_i w_i\, l_i = \bar w \cdot \frac{\sum_i w_i\, l_i}{\sum_i w_i},
              \qquad l_i = -c\, k(y_i, \mu_i)
    """
    problem = weighted(problem)
    trained = network(problem)
    trained.weights = [params.coef, params.intercept]

    assert_is_loss_over(problem.n, problem, params, trained)


@pytest.mark.control("the-loss-is-divided-by-rows")
@pytest.mark.parametrize("problem", WITH_BIAS, ids=str)
def test_a_weighted_mean_is_refused(problem, params, network):
    """The weighted mean of the rows' losses, which divides by the sum of the weights."""
    problem = weighted(problem)
    trained = network(problem)
    trained.weights = [params.coef, params.intercept]

    with pytest.raises(AssertionError, match="not the same loss"):
        assert_is_loss_over(problem.row_weights.sum(), problem, params, trained)


def assert_is_loss_over(divisor, problem, params, network):
    """The loss is minus c times the sum of the weighted kernels, over ``divisor``."""
    __tracebackhide__ = True
    mu = problem.model.link.inverse(problem.eta(params))
    terms = -network.loss_scale / divisor * problem.row_weights * problem.model.family.kernel(problem.y, mu)
    size = np.abs(terms).sum()
    assert_same_values("loss", problem, network.objective(), terms.sum(), tolerances.loss(problem.n), size=size)


@pytest.mark.claim(
    "mean-weight-is-a-learning-rate",
    source="S6",
    symptom="I normalised my sample weights to sum to one, and the network no longer learns.",
)
@pytest.mark.parametrize("problem", [LINE], ids=str)
def test_the_mean_weight_multiplies_the_learning_rate(problem, network):
    r"""
    In gradient descent the mean weight multiplies the learning rate, step for step.

    .. math:: \lambda\, \nabla L = \frac{\lambda}{n} \sum_i w_i \nabla l_i
              = \lambda \bar w \cdot \frac{1}{n} \sum_i \frac{w_i}{\bar w} \nabla l_i
    """
    normalised, mean = weighted(problem, 1 / copies(problem).mean()), copies(problem).mean()

    assert_same_descent(problem, trained_weights(network, problem), descend(network(normalised), mean * RATE, EPOCHS))


@pytest.mark.control("mean-weight-is-a-learning-rate")
@pytest.mark.parametrize("problem", [LINE], ids=str)
def test_the_same_learning_rate_is_refused(problem, network):
    """Weights with a mean of 1, the learning rate as it was."""
    normalised = weighted(problem, 1 / copies(problem).mean())

    with pytest.raises(AssertionError, match="not the same descent"):
        assert_same_descent(problem, trained_weights(network, problem), descend(network(normalised), RATE, EPOCHS))


def assert_same_descent(problem, mine, other):
    """The same weights after each epoch, relative to the largest on the way: each step adds sums over the rows."""
    __tracebackhide__ = True
    mine, other = (np.array([np.vstack(weights[::-1]) for weights in path]) for path in (mine, other))
    assert_same_values("descent", problem, mine, other, tolerances.gradient(problem.n), size=np.abs(other).max())
