"""
Ordered thresholds.

One output meets ordered thresholds: the cumulative model.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from spec import problems
from spec.engines import answers
from spec.evidence.rungs import assert_same_gradient, assert_same_objective, assert_same_optimum
from spec.families import Multinomial
from spec.links import Softmax
from spec.model import Model, Params

from .weights import (
    LINKS,
    ORDERED,
    PARTIES,
    answer,
    as_fit,
    assert_cuts,
    assert_same_likelihood,
    assert_same_zero,
    cumulative,
    drawn_thresholds,
    drawn_weights,
    flat,
    null_thresholds,
    put,
    to_the_end,
)

GRADES = [problems.get(name) for name in ("binomial-logit", "binomial-probit", "spector-probit")]


@pytest.mark.claim(
    "thresholds-score",
    source="S6",
    symptom="My ratings are one to five, and softmax has no idea that four lies near five.",
)
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("problem", ORDERED, ids=str)
def test_ordered_thresholds_have_the_score_of_the_cumulative_model(problem, link, network, beyond, rng):
    r"""
    One weight vector under ordered thresholds has the likelihood and the score of the cumulative model.

    .. math:: \Pr(y \le j) = F(\theta_j - w \cdot x), \qquad \theta_j = \theta_1 + e^{\delta_2} + \dots + e^{\delta_j}
    """
    ordered = network(problem, cumulative(link))
    put(ordered, np.append(drawn_weights(problem, rng), drawn_thresholds(problem, rng)))

    assert_same_likelihood(problem, ordered, beyond(problem, cumulative(link)), flat(ordered.weights))


@pytest.mark.control("thresholds-score")
@pytest.mark.parametrize("problem", ORDERED, ids=str)
def test_weights_with_their_sign_turned_are_refused(problem, network, beyond, rng):
    """Programs that write theta + w x have the other sign."""
    ordered = network(problem, cumulative("logit"))
    put(ordered, np.append(drawn_weights(problem, rng), drawn_thresholds(problem, rng)))
    turned = flat([-ordered.weights[0], ordered.weights[1]])

    with pytest.raises(AssertionError, match="not the same"):
        assert_same_likelihood(problem, ordered, beyond(problem, cumulative("logit")), turned)


@pytest.mark.claim(
    "thresholds-optimum",
    source="S6",
    symptom="Which network is the ordered logit or probit of my statistics program?",
)
@pytest.mark.parametrize("link", LINKS)
def test_the_trained_thresholds_are_the_estimates_of_the_cumulative_model(link, network, beyond):
    r"""
    Trained to the end, weights and thresholds are the maximum-likelihood estimates of the cumulative model.

    .. math:: \sum_i \nabla \log\bigl( F(\theta_{y_i} - w \cdot x_i) - F(\theta_{y_i - 1} - w \cdot x_i) \bigr) = 0
    """
    ordered = trained_parties(network, link)

    assert_same_zero(PARTIES, ordered, beyond(PARTIES, cumulative(link)))


@pytest.mark.control("thresholds-optimum")
def test_the_other_link_is_refused(network, beyond):
    """Estimates of the logit, asked of the probit."""
    ordered = trained_parties(network, "logit")

    with pytest.raises(AssertionError, match="not the same weights"):
        assert_same_zero(PARTIES, ordered, beyond(PARTIES, cumulative("probit")))


@cache
def trained_parties(network, link):
    """The ordered network, trained to the end from weights of zero, once."""
    ordered = network(PARTIES, cumulative(link))
    to_the_end(ordered, np.append(np.zeros(PARTIES.p), null_thresholds(PARTIES, LINKS[link])))
    return ordered


@pytest.mark.claim(
    "two-ordered-classes",
    source="S6",
    level="proven for this problem",
    symptom="My ordered model of yes and no has the intercept of my logit with the sign turned.",
)
@pytest.mark.parametrize("problem", GRADES, ids=str)
def test_two_ordered_classes_are_a_binary_glm(problem, params, network, subject, reference):
    r"""
    With two classes the threshold is minus the bias, and the cumulative model is the binary GLM.

    .. math:: \Pr(y = 1) = 1 - F(\theta - w \cdot x) = F(w \cdot x + b), \qquad b = -\theta
    """
    ordered = network(graded(problem), cumulative(problem.model.link))
    here, null = (as_binary(subject, problem, p, ordered) for p in (params, Params.from_matrix(0 * params.matrix)))
    there = [reference.evaluate(problem, p) for p in (params, Params.from_matrix(0 * params.matrix))]
    found = to_the_end(ordered, np.append(np.zeros(problem.p), null_thresholds(graded(problem), problem.model.link)))

    assert_cuts(graded(problem), np.hstack([1 - here.mean, here.mean]), problem.model.link, *as_ordered(params), reference)
    assert_same_objective(problem, (here, null), tuple(there))
    assert_same_gradient(problem, params, here, there[0])
    assert_same_optimum(problem, as_fit(Params(-found[-1:], found[:-1, None])))


@pytest.mark.control("two-ordered-classes")
@pytest.mark.parametrize("problem", GRADES, ids=str)
def test_the_threshold_in_place_of_the_bias_is_refused(problem, params, network, reference):
    """The threshold with its own sign."""
    ordered, turned = network(graded(problem), cumulative(problem.model.link)), Params(-params.intercept, params.coef)
    put(ordered, flat(as_ordered(turned)))

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_cuts(graded(problem), ordered.predict(), problem.model.link, *as_ordered(params), reference)


def graded(problem):
    """The same rows, with a column for no and one for yes."""
    both = problem.with_data("ordered", y=lambda data: np.hstack([1 - data.y, data.y]))
    return replace(both, model=Model(Multinomial(), Softmax()), published=None)


def as_ordered(params):
    """The weights (p,) and the one threshold (1,), which is minus the bias."""
    return params.coef[:, 0], -params.intercept


def as_binary(subject, problem, params, ordered):
    """What the ordered network says of yes, as the answer to the binary problem: the bias slopes against the threshold."""
    put(ordered, flat(as_ordered(params)))
    coef, threshold = ordered.gradient()
    score = -problem.n * answers.stacked([coef, -threshold])
    return answer(subject, problem, params, ordered, mean=ordered.predict()[:, 1:], score=score)
