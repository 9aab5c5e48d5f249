"""
One neuron shared by alternatives.

A choice among alternatives: the conditional logit.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import special

from spec.compat import strict_zip
from spec.engines.contract import Recipe
from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.evidence.published import half_unit
from spec.evidence.rungs import assert_same_gradient, assert_same_mean, assert_same_objective, assert_same_optimum
from spec.families import Poisson
from spec.links import Log
from spec.model import Model, Params
from spec.problems import Problem
from spec.problems.published import MODECHOICE

from .weights import (
    SMALL,
    answer,
    as_fit,
    assert_same_likelihood,
    assert_same_zero,
    flat,
    put,
    to_the_end,
)

SHARED = Recipe(alternatives=4)


def tastes(rng):
    """A weight for each of the six columns of an alternative; eta stays within 3."""
    return rng.uniform(0.5, 1, 6) * rng.choice([-1, 1], 6) / np.array([200, 70, 70, 2, 2, 2])


@pytest.mark.claim(
    "shared-neuron-score",
    source="S6",
    symptom="Each alternative has a price of its own, and softmax gives each price a weight of its own.",
)
def test_a_neuron_shared_by_alternatives_has_the_score_of_a_conditional_logit(network, beyond, rng):
    r"""
    One neuron shared by the alternatives under one softmax has the likelihood and the score of a conditional logit.

    .. math:: \Pr(i \text{ takes } k) = \frac{e^{w \cdot x_{ik}}}{\sum_j e^{w \cdot x_{ij}}}
    """
    shared = network(MODECHOICE, SHARED)
    put(shared, tastes(rng))

    assert_same_likelihood(MODECHOICE, shared, beyond(MODECHOICE, SHARED), flat(shared.weights))


@pytest.mark.control("shared-neuron-score")
def test_columns_in_another_order_are_refused(network, beyond, rng):
    """All prices first, then all waiting times, where the layer reads one alternative after another."""
    X = MODECHOICE.X.reshape(-1, 4, 6).transpose(0, 2, 1).reshape(-1, 24)
    shared = network(MODECHOICE.with_data(X=X, columns=MODECHOICE.data.columns), SHARED)
    put(shared, tastes(rng))

    with pytest.raises(AssertionError, match="not the same objective"):
        assert_same_likelihood(MODECHOICE, shared, beyond(MODECHOICE, SHARED), flat(shared.weights))


@cache
def chosen(network):
    """The shared neuron, trained to the end once."""
    shared = network(MODECHOICE, SHARED)
    to_the_end(shared, np.zeros(6))
    return shared


@pytest.mark.claim(
    "shared-neuron-optimum",
    source="S6",
    symptom="I want the estimates of a conditional logit out of a network.",
)
def test_the_trained_shared_neuron_has_the_printed_estimates(network, beyond):
    r"""
    Trained to the end, the shared neuron has the printed estimates and standard errors of a conditional logit.

    .. math:: \sum_i \sum_k x_{ik}\,(y_{ik} - \hat\mu_{ik}) = 0, \qquad
              \widehat{\mathrm{se}} = \sqrt{\operatorname{diag} (n H)^{-1}}
    """
    shared = chosen(network)

    assert_same_zero(MODECHOICE, shared, beyond(MODECHOICE, SHARED))
    assert_printed(shared, flat(shared.weights))


@pytest.mark.control("shared-neuron-optimum")
def test_a_unit_in_the_last_printed_place_is_refused(network):
    """Weights that are off by one in the seventh digit."""
    shared = chosen(network)

    with pytest.raises(AssertionError, match="as printed"):
        assert_printed(shared, flat(shared.weights) * (1 + 2e-6))


def assert_printed(network, weights):
    """Every digit of the weights, of their standard errors and of the log-likelihood."""
    published, n = MODECHOICE.published, MODECHOICE.n
    errors = np.sqrt(np.diag(np.linalg.inv(n * network.hessian())))
    printed = [*published.true_coefficients, *published.true_standard_errors, [published.true_statistics["log_likelihood"]]]
    for value, (text,) in strict_zip([*weights, *errors, -n * network.objective()], printed):
        assert abs(value - float(text)) <= half_unit(text), f"{value!r} is not {text}, as printed"


@pytest.mark.claim(
    "sharing-ties-weights",
    source="S6",
    symptom="Is a scoring network over alternatives still a multinomial logit?",
)
def test_sharing_a_neuron_is_a_linear_constraint_on_the_multinomial_logit(network, subject, rng):
    r"""
    A shared neuron is a multinomial logit on the columns of all alternatives, its weights tied and most of them zero.

    .. math:: W = \begin{pmatrix} w & & 0 \\ & \ddots & \\ 0 & & w \end{pmatrix}, \qquad
              \frac{\partial\ell}{\partial w} = \sum_k \frac{\partial\ell}{\partial W_{kk}}
    """
    shared, w = network(MODECHOICE, SHARED), tastes(rng)
    put(shared, w)

    assert_tied(shared, np.kron(np.eye(4), w[:, None]), subject)


@pytest.mark.control("sharing-ties-weights")
def test_a_weight_of_its_own_for_one_alternative_is_refused(network, subject, rng):
    """The bus has half the weights of the others."""
    shared, w = network(MODECHOICE, SHARED), tastes(rng)
    put(shared, w)

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_tied(shared, np.kron(np.diag([1, 1, 0.5, 1]), w[:, None]), subject)


def assert_tied(shared, coef, subject):
    """The means of the multinomial logit with these weights, and the sum of its score's blocks."""
    tied = Params(np.zeros(4), coef)
    plain = subject.evaluate(MODECHOICE, tied)
    assert_same_mean(MODECHOICE, tied, replace(plain, mean=shared.predict()))
    blocks = np.einsum("kjk->j", plain.score[1:].reshape(4, 6, 4))
    size = np.einsum("ikj,ik->j", np.abs(MODECHOICE.X).reshape(-1, 4, 6), MODECHOICE.y + plain.mean)
    gradient = -MODECHOICE.n * flat(shared.gradient())
    assert_same_values("gradient", MODECHOICE, gradient, blocks, tolerances.gradient(MODECHOICE.n), size)


@pytest.mark.claim(
    "blocks-undo-sharing",
    source="S6",
    symptom="How do I give income, which belongs to the traveller, to a shared neuron?",
)
@pytest.mark.parametrize("problem", SMALL, ids=str)
def test_blocks_of_columns_give_the_multinomial_logit_back(problem, params, network, subject, reference):
    r"""
    Where each alternative has the row's columns in a block of its own, the shared neuron is the multinomial logit.

    .. math:: x_{ik} = e_k \otimes (1, x_i) \implies w \cdot x_{ik} = b_k + w_k \cdot x_i
    """
    shared = network(in_blocks(problem), Recipe(alternatives=problem.k))
    put(shared, flat(params.matrix.T))
    score = -problem.n * shared.gradient()[0].reshape(problem.k, problem.q).T

    network_says = answer(subject, problem, params, shared, mean=shared.predict(), score=score)
    assert_same_mean(problem, params, network_says)
    assert_same_gradient(problem, params, network_says, reference.evaluate(problem, params))


@pytest.mark.control("blocks-undo-sharing")
@pytest.mark.parametrize("problem", SMALL, ids=str)
def test_blocks_of_another_class_are_refused(problem, params, network, subject):
    """The weights of class 0 in the block of class 1, and the other way round."""
    shared = network(in_blocks(problem), Recipe(alternatives=problem.k))
    put(shared, flat(params.matrix.T[[1, 0, *range(2, problem.k)]]))

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_same_mean(problem, params, answer(subject, problem, params, shared, mean=shared.predict()))


def in_blocks(problem):
    """A block of columns for each class: the row's own in the block of its class, and zeros in the others."""
    X = np.einsum("kl,ij->iklj", np.eye(problem.k), problem.design).reshape(problem.n, -1)
    return Problem.of(f"{problem}, in blocks", problem.model, X, problem.y, intercept=False)


@cache
def as_counts():
    """A row for each traveller and way, the choice as a count, and a column that singles out the traveller."""
    X = np.hstack([MODECHOICE.X.reshape(-1, 6), np.repeat(np.eye(MODECHOICE.n), 4, axis=0)])
    return Problem.of("modechoice, counts", Model(Poisson(), Log()), X, MODECHOICE.y.reshape(-1, 1), intercept=False)


def with_travellers(w):
    """The shared weights, and for each traveller the intercept at which the four means sum to one."""
    travellers = -special.logsumexp(MODECHOICE.X.reshape(-1, 4, 6) @ w, axis=1)
    return Params(np.zeros(1), np.append(w, travellers)[:, None])


@pytest.mark.claim(
    "choice-is-poisson",
    source="S6",
    symptom="My software has no conditional logit, but it has Poisson regression.",
)
def test_a_conditional_logit_is_a_poisson_glm_with_an_intercept_for_each_chooser(network, subject, reference, rng):
    r"""
    A conditional logit is a Poisson GLM of the choices with an intercept for each chooser, set so that the means sum to one.

    .. math:: \mu_{ik} = e^{\alpha_i + w \cdot x_{ik}}, \quad \alpha_i = -\log \sum_k e^{w \cdot x_{ik}}
              \implies \ell_{\text{Poisson}} = \ell_{\text{choice}} - n, \quad \frac{\partial\ell}{\partial\alpha_i} = 0
    """
    counts, points, shared = as_counts(), [with_travellers(tastes(rng)) for _ in range(2)], network(MODECHOICE, SHARED)
    here, elsewhere = (choices(subject, counts, params, shared) for params in points)
    there = tuple(reference.evaluate(counts, params) for params in points)

    assert_same_mean(counts, points[0], here)
    assert_same_objective(counts, (here, elsewhere), there)
    assert_same_gradient(counts, points[0], here, there[0])


@pytest.mark.claim(
    "choice-is-poisson-optimum",
    source="S6",
    level="proven for this problem",
    symptom="Are the estimates of the Poisson trick exactly those of the conditional logit?",
)
def test_the_trained_shared_neuron_is_the_optimum_of_a_poisson_glm(network):
    r"""
    Trained to the end, a shared neuron holds the proven optimum of that Poisson GLM, intercepts and all.

    .. math:: (\hat w, \hat\alpha) = \arg\max \sum_{ik} (y_{ik} \log \mu_{ik} - \mu_{ik})
    """
    assert_same_optimum(as_counts(), as_fit(with_travellers(flat(chosen(network).weights))))


@pytest.mark.control("choice-is-poisson")
def test_one_intercept_for_all_choosers_is_refused(network, subject, rng):
    """The mean of the travellers' intercepts, for each of them."""
    counts, params, shared = as_counts(), with_travellers(tastes(rng)), network(MODECHOICE, SHARED)
    mine = choices(subject, counts, params, shared)
    coef = np.vstack([params.coef[:6], np.full((MODECHOICE.n, 1), params.coef[6:].mean())])

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_same_mean(counts, Params(params.intercept, coef), mine)


@pytest.mark.control("choice-is-poisson-optimum")
def test_a_millionth_more_of_a_weight_is_refused(network):
    """Shared weights a millionth too large, with the intercepts that go with them."""
    moved = with_travellers(flat(chosen(network).weights) * (1 + 1e-6))

    with pytest.raises(AssertionError, match="not the same optimum"):
        assert_same_optimum(as_counts(), as_fit(moved))


def choices(subject, counts, params, shared):
    """What the shared neuron says, per row of counts: n L is minus the log-likelihood, over four times as many rows."""
    put(shared, params.coef[:6, 0])
    n = MODECHOICE.n
    score = np.concatenate([[0], -n * flat(shared.gradient()), np.zeros(n)])[:, None]
    mine = answer(subject, counts, params, shared, mean=shared.predict().reshape(-1, 1), score=score)
    return replace(mine, loss=mine.loss * n / counts.n)


@pytest.mark.claim(
    "what-alternatives-have-in-common",
    source="S6",
    symptom="The bias of my scoring network never moves, and neither does the weight of income.",
)
def test_what_is_the_same_for_all_alternatives_has_no_slope(network, rng):
    r"""
    A bias of the shared neuron, or a column that is the same for all alternatives, cancels and has no slope.

    .. math:: \frac{e^{\eta_k + c_i}}{\sum_j e^{\eta_j + c_i}} = \frac{e^{\eta_k}}{\sum_j e^{\eta_j}}
    """
    assert_no_slope(network, rng, same=[6])


@pytest.mark.control("what-alternatives-have-in-common")
def test_income_for_one_alternative_has_a_slope(network, rng):
    """Income times whether the way is by air."""
    with pytest.raises(AssertionError, match="not the same slope"):
        assert_no_slope(network, rng, same=[2])


def assert_no_slope(network, rng, same):
    """With the traveller's income as a seventh column of each way, and a bias; relative to the contributions without sign."""
    income = np.repeat(MODECHOICE.X[:, 2], 4)[:, None]
    X = np.hstack([MODECHOICE.X.reshape(-1, 6), income])
    problem = Problem.of("modechoice with income", MODECHOICE.model, X.reshape(-1, 28), MODECHOICE.y)
    shared = network(problem, SHARED)
    put(shared, np.concatenate([tastes(rng), rng.uniform(-1, 1, 2) / [70, 1]]))
    size = (MODECHOICE.y + shared.predict()).reshape(1, -1) @ np.hstack([np.abs(X), np.ones((len(X), 1))])
    slope = MODECHOICE.n * flat(shared.gradient())[[*same, 7]]
    assert_same_values("slope", problem, slope, 0 * slope, tolerances.gradient(problem.n), size[0, [*same, 7]])
