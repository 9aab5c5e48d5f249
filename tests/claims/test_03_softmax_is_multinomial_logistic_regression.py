"""
Softmax is multinomial logistic regression (S1).

The documentation of Keras's `Input` builds a network of 32 inputs and one `Dense` layer of 16 units with softmax, and
remarks that it is a logistic regression. It names no loss; with cross-entropy for the loss, the remark is true on every
rung: same function, same objective, same gradient, same curvature, and therefore the same optimum.
"""

import pytest

from spec import problems
from spec.evidence.rungs import assert_same, assert_same_mean, assert_same_optimum
from spec.links import Softmax
from spec.problems import Said

from .refusals import refusals
from .said import has_classes

SENTENCE = problems.where(tag="keras-sentence")
SOFTMAX = Said(SENTENCE + [p for p in problems.where(link=Softmax) if p not in SENTENCE], has_classes)
CONTROLLED = [problems.get("softmax-3-to-3"), problems.get("softmax-8-to-5")]


@pytest.mark.claim("softmax-mean", source="S1")
@pytest.mark.parametrize("problem", SOFTMAX, ids=str)
def test_softmax_outputs_are_the_class_probabilities_of_the_multinomial_logit(problem, params, subject):
    r"""
    Softmax outputs are the class probabilities of the multinomial logit.

    .. math:: \mu_k = \frac{e^{\eta_k}}{\sum_j e^{\eta_j}} = \Pr(Y = k \mid x), \qquad \log\frac{\mu_k}{\mu_0} = \eta_k - \eta_0
    """
    assert_same_mean(problem, params, subject.evaluate(problem, params))


@pytest.mark.claim("softmax-objective", source="S1")
@pytest.mark.parametrize("problem", SOFTMAX, ids=str)
def test_categorical_cross_entropy_is_minus_the_log_likelihood(problem, params, subject, reference):
    r"""
    Categorical cross-entropy is minus the multinomial log-likelihood, divided by the number of rows.

    .. math:: L = -\frac{1}{n} \sum_i \sum_k y_{ik} \log \mu_{ik} = -\frac{1}{n}\,\ell
    """
    assert_same("objective", problem, params, subject, reference)


@pytest.mark.claim("softmax-gradient", source="S1")
@pytest.mark.parametrize("problem", SOFTMAX, ids=str)
def test_the_back_propagated_gradient_of_softmax_is_the_score(problem, params, subject, reference):
    r"""
    What a softmax network back-propagates is the multinomial score: inputs times residuals.

    .. math:: -n\,\frac{\partial L}{\partial w_{jk}} = \sum_i x_{ij}\,(y_{ik} - \mu_{ik}) = \frac{\partial \ell}{\partial w_{jk}}
    """
    assert_same("gradient", problem, params, subject, reference)


@pytest.mark.claim("softmax-curvature", source="S1")
@pytest.mark.parametrize("problem", SOFTMAX, ids=str)
def test_the_hessian_of_a_softmax_network_is_the_information(problem, params, subject, reference):
    r"""
    The Hessian of a softmax network is the information of the multinomial logit.

    .. math:: n\,\frac{\partial^2 L}{\partial w_a\,\partial w_b^\top} = \sum_i \mu_{ia}\,(\delta_{ab} - \mu_{ib})\, x_i x_i^\top

    No y stands in it: observed and expected information are one, and the loss is convex.
    """
    assert_same("curvature", problem, params, subject, reference)


@pytest.mark.claim("softmax-optimum", source="S1", level="proven for this problem")
@pytest.mark.parametrize("problem", SOFTMAX, ids=str)
def test_the_trained_softmax_network_is_the_maximum_likelihood_estimate(problem, subject, reference):
    r"""
    Trained to the end, a softmax network holds the maximum-likelihood estimates of multinomial logistic regression.

    .. math:: \hat w_k - \hat w_0 = \hat\beta_k, \qquad k = 1, \ldots, K - 1

    Network and model are each held to the optimum that ball arithmetic proves to exist and to be the only one.
    """
    assert_same_optimum(problem, subject.fit(problem))
    assert_same_optimum(problem, reference.fit(problem))


@pytest.mark.control("softmax-*")
@pytest.mark.parametrize(("rung", "wrong", "problem"), refusals(CONTROLLED, admits=has_classes))
def test_what_is_wrong_is_refused(rung, wrong, problem, params, reference):
    """The same assertions refuse each engine that is wrong on purpose, on every rung that it spoils."""
    with pytest.raises(AssertionError, match=f"not the same {rung}"):
        assert_same(rung, problem, params, wrong(reference), reference)
