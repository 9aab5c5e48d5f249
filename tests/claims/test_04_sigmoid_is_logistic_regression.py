"""
Softmax over two groups is a sigmoid, and a sigmoid is logistic regression (S4, S5).

The second comment calls softmax the generalisation of the sigmoid; the answer writes one sigmoid output on four inputs
(blue, red, purple and grey in its drawing) as log(p / (1 - p)) = b + w x, the textbook's logistic regression.
"""

from dataclasses import replace

import numpy as np
import pytest

from spec import problems
from spec.evidence import tolerances
from spec.evidence.rungs import assert_same, assert_same_mean, assert_same_optimum
from spec.families import Binomial
from spec.links import Logit
from spec.model import Model, Params
from spec.problems import Said

from .refusals import refusals
from .said import is_logistic

COLOURS = problems.get("logistic-4-colours")
LOGISTIC = Said([COLOURS] + [p for p in problems.where(family=Binomial, link=Logit) if "width" not in p.tags], is_logistic)
TWO_CLASSES = Said(problems.where(tag="two-classes"), lambda problem: problem.k == 2)


def one_output(problem):
    """The same rows with one output for the second class, in place of two."""
    return replace(problem.with_data("one output", y=lambda data: data.y[:, 1:]), model=Model(Binomial(), Logit()))


def difference(params):
    """The one column that is class 1 less class 0."""
    return Params(np.diff(params.intercept), np.diff(params.coef, axis=1))


@pytest.mark.claim("softmax-of-two-is-sigmoid", source="S4")
@pytest.mark.parametrize("rung", ["mean", "gradient", "curvature"])
@pytest.mark.parametrize("problem", TWO_CLASSES, ids=str)
def test_softmax_over_two_groups_is_the_sigmoid_of_their_difference(problem, rung, params, subject):
    r"""
    A softmax over two groups is the sigmoid of the difference of their predictors, with its gradient and curvature.

    .. math:: \frac{e^{\eta_1}}{e^{\eta_0} + e^{\eta_1}} = \frac{1}{1 + e^{-(\eta_1 - \eta_0)}}
    """
    two = subject.evaluate(problem, params)
    second = replace(two, mean=two.mean[:, 1:], score=two.score[:, 1:])
    single, weights = one_output(problem), difference(params)

    assert_same(rung, single, weights, _Answering(second), subject)


@pytest.mark.claim("two-classes-fit-as-one-output", source="S4", level="proven for this problem")
@pytest.mark.parametrize("problem", TWO_CLASSES, ids=str)
def test_fitted_to_two_groups_softmax_and_sigmoid_have_the_same_weights(problem, subject):
    r"""
    Fitted to two groups, softmax weights differ by exactly the weights of the sigmoid.

    .. math:: \hat w_1 - \hat w_0 = \hat w_{\text{sigmoid}}
    """
    two = subject.fit(problem)

    assert_same_optimum(one_output(problem), replace(two, params=difference(two.params)))


@pytest.mark.control("softmax-of-two-is-sigmoid")
@pytest.mark.parametrize("problem", TWO_CLASSES, ids=str)
def test_the_first_group_in_place_of_the_second_is_refused(problem, params, reference):
    """The probability of class 0 is not the sigmoid of class 1 less class 0."""
    two = reference.evaluate(problem, params)

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_same_mean(one_output(problem), difference(params), replace(two, mean=two.mean[:, :1]))


@pytest.mark.control("two-classes-fit-as-one-output")
@pytest.mark.parametrize("problem", TWO_CLASSES, ids=str)
def test_half_the_difference_is_refused(problem, reference):
    """Weights whose sum is zero, w and -w: one of them is half the sigmoid's."""
    two = reference.fit(problem)
    half = difference(two.params)

    with pytest.raises(AssertionError, match="not the same optimum"):
        assert_same_optimum(one_output(problem), replace(two, params=Params(half.intercept / 2, half.coef / 2)))


@pytest.mark.claim("log-odds-are-linear", source="S5")
@pytest.mark.parametrize("problem", problems.where(tag="width"), ids=str)
def test_the_log_odds_of_a_sigmoid_output_are_linear_in_the_inputs(problem, params, subject):
    r"""
    The log-odds of a sigmoid output are linear in the inputs: one unit more multiplies the odds by exp(w).

    .. math:: p = \frac{1}{1 + e^{-(b + w \cdot x)}} \iff \log\frac{p}{1 - p} = b + w \cdot x
    """
    more = problem.with_data(X=lambda data: data.X + np.eye(problem.p)[0])
    p, q = (subject.evaluate(at, params).mean for at in (problem, more))

    assert_log_odds(np.log(p / (1 - p)), problem.eta(params), p)
    assert_log_odds(np.log(q / (1 - q)) - np.log(p / (1 - p)), params.coef[0] + 0 * p, np.maximum(p, q))


@pytest.mark.control("log-odds-are-linear")
def test_the_log_odds_of_a_probit_output_are_not_linear(reference):
    """A probit's log-odds, asked of the same weights."""
    problem = replace(COLOURS, model=problems.get("binomial-probit").model)
    p = reference.evaluate(problem, COLOURS.data.planted).mean

    with pytest.raises(AssertionError):
        assert_log_odds(np.log(p / (1 - p)), problem.eta(COLOURS.data.planted), p)


def assert_log_odds(found, expected, p):
    """Within what the rounding of p and of the logarithm makes of log-odds."""
    allowed = tolerances.log_odds().value * (1 / (1 - p) + np.abs(expected) + 1)
    assert (np.abs(found - expected) <= allowed).all()


@pytest.mark.claim("sigmoid-mean", source="S5")
@pytest.mark.parametrize("problem", LOGISTIC, ids=str)
def test_a_sigmoid_output_is_the_probability_of_logistic_regression(problem, params, subject):
    r"""
    A sigmoid output is the probability that logistic regression predicts.

    .. math:: \mu = \frac{1}{1 + e^{-(b + w \cdot x)}} = \Pr(Y = 1 \mid x)
    """
    assert_same_mean(problem, params, subject.evaluate(problem, params))


@pytest.mark.claim("sigmoid-objective", source="S5")
@pytest.mark.parametrize("problem", LOGISTIC, ids=str)
def test_binary_cross_entropy_is_minus_the_log_likelihood(problem, params, subject, reference):
    r"""
    Binary cross-entropy is minus the Bernoulli log-likelihood, divided by the number of rows.

    .. math:: L = -\frac{1}{n} \sum_i w_i \bigl( y_i \log \mu_i + (1 - y_i) \log(1 - \mu_i) \bigr)
                = -\frac{1}{n}\,\ell + \text{const}

    With counts, y is the share and w the number of trials; the constant holds the binomial coefficients.
    """
    assert_same("objective", problem, params, subject, reference)


@pytest.mark.claim("sigmoid-gradient", source="S5")
@pytest.mark.parametrize("problem", LOGISTIC, ids=str)
def test_the_back_propagated_gradient_of_a_sigmoid_is_the_score(problem, params, subject, reference):
    r"""
    What a sigmoid network back-propagates is the logistic score: inputs times residuals.

    .. math:: -n\,\frac{\partial L}{\partial w_j} = \sum_i w_i\, x_{ij}\,(y_i - \mu_i) = \frac{\partial \ell}{\partial w_j}
    """
    assert_same("gradient", problem, params, subject, reference)


@pytest.mark.claim("sigmoid-curvature", source="S5")
@pytest.mark.parametrize("problem", LOGISTIC, ids=str)
def test_the_hessian_of_a_sigmoid_network_is_the_information(problem, params, subject, reference):
    r"""
    The Hessian of a sigmoid network is the information of logistic regression.

    .. math:: n\,\frac{\partial^2 L}{\partial w\,\partial w^\top} = \sum_i w_i\,\mu_i (1 - \mu_i)\, x_i x_i^\top
    """
    assert_same("curvature", problem, params, subject, reference)


@pytest.mark.claim("sigmoid-optimum", source="S5", level="proven for this problem")
@pytest.mark.parametrize("problem", LOGISTIC, ids=str)
def test_the_trained_sigmoid_network_is_the_logistic_regression(problem, subject, reference):
    r"""
    Trained to the end, a sigmoid network holds the maximum-likelihood estimates of logistic regression.

    .. math:: \hat w = \arg\max_\beta \ell(\beta)
    """
    assert_same_optimum(problem, subject.fit(problem))
    assert_same_optimum(problem, reference.fit(problem))


@pytest.mark.control("sigmoid-*")
@pytest.mark.parametrize(("rung", "wrong", "problem"), refusals([COLOURS, problems.get("star98")], admits=is_logistic))
def test_what_is_wrong_is_refused(rung, wrong, problem, params, reference):
    """The same assertions refuse each engine that is wrong on purpose, on every rung that it spoils."""
    with pytest.raises(AssertionError, match=f"not the same {rung}"):
        assert_same(rung, problem, params, wrong(reference), reference)


class _Answering:
    """An engine that has one answer."""

    def __init__(self, answer):
        self.answer = answer

    def evaluate(self, problem, params):
        return self.answer
