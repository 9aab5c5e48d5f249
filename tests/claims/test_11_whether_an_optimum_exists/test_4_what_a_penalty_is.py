"""
What a penalty is.

A regularizer of the loss is a penalty of the likelihood, and that is a prior of the weights: only the factors differ.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from spec import problems
from spec.engines.answers import evaluation
from spec.evidence.rungs import assert_same_gradient, assert_same_objective
from spec.model import Params

from ..points import anywhere
from .penalised import ELASTIC, PENALISED, lambdas


@pytest.mark.claim("weight-decay-is-a-penalty", source="S6", symptom="Which lambda of ridge is my kernel regularizer's l2?")
@pytest.mark.parametrize("problem", PENALISED, ids=str)
def test_a_kernel_regularizer_is_a_penalised_likelihood(problem, params, network, reference):
    r"""
    With L1 and L2 regularizers the network descends a penalised log-likelihood, the bias unpenalised.

    .. math:: -\frac{n}{c}\,\nabla\left(L + l_1 |w|_1 + l_2 |w|_2^2\right)
              = \nabla\left(\ell - \lambda_1 |w|_1 - \tfrac{1}{2} \lambda_2 |w|_2^2\right), \qquad
              \lambda_1 = \frac{n\,l_1}{c}, \quad \lambda_2 = \frac{2 n\,l_2}{c}
    """
    penalised, model = network(problem, ELASTIC), reference.evaluate(problem, params)
    expected = model.score - pull(params, *lambdas(problem, ELASTIC, penalised))

    assert_same_gradient(problem, params, evaluation(problem, penalised, params), replace(model, score=expected))


@pytest.mark.control("weight-decay-is-a-penalty")
@pytest.mark.parametrize("slip", ["the factor 2", "the factor n / c", "the bias"])
def test_a_slip_in_the_penalty_is_refused(slip, network, reference, rng):
    """Half of lambda, lambda without n, and a penalty that includes the bias."""
    problem = problems.get("poisson-log")
    params, penalised = anywhere(problem, rng), network(problem, ELASTIC)
    l1, l2 = lambdas(problem, ELASTIC, penalised)
    wrong = {
        "the factor 2": pull(params, l1, l2 / 2),
        "the factor n / c": pull(params, l1, l2) / problem.n,
        "the bias": l1 * np.sign(params.matrix) + l2 * params.matrix,
    }[slip]
    model = reference.evaluate(problem, params)

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_same_gradient(problem, params, evaluation(problem, penalised, params), replace(model, score=model.score - wrong))


def pull(params, l1, l2):
    """What the penalties take from the score, (1 + p, k): nothing from that of the bias."""
    return np.vstack([0 * params.intercept, l2 * params.coef + l1 * np.sign(params.coef)])


@pytest.mark.claim("penalties-are-priors", source="S6", symptom="Is weight decay not a Bayesian prior in disguise?")
@pytest.mark.parametrize("problem", PENALISED, ids=str)
def test_a_regularised_loss_is_a_log_posterior(problem, params, network, reference):
    r"""
    A regularised loss is minus a log-posterior: L2 is a normal prior of the weights, L1 a Laplace prior, the bias's is flat.

    .. math:: w_j \sim N(0, 1 / \lambda_2) \quad\text{or}\quad p(w_j) \propto e^{-\lambda_1 |w_j|}

    Up to the factor c / n and a constant, at dispersion 1; both penalties at once multiply the two densities. So training
    seeks the posterior's mode (MAP).
    """
    penalised, origin = network(problem, ELASTIC), Params(params.intercept, 0 * params.coef)
    l1, l2 = lambdas(problem, ELASTIC, penalised)

    mine = evaluation(problem, penalised, params), evaluation(problem, penalised, origin)
    assert_same_objective(problem, mine, tuple(posterior(problem, reference, (params, origin), l1, l2)))


@pytest.mark.control("penalties-are-priors")
@pytest.mark.parametrize("problem", PENALISED, ids=str)
def test_a_prior_of_another_width_is_refused(problem, params, network, reference):
    """lambda for the standard deviation, where it is the inverse variance."""
    penalised, origin = network(problem, ELASTIC), Params(params.intercept, 0 * params.coef)
    l1, l2 = lambdas(problem, ELASTIC, penalised)

    mine = evaluation(problem, penalised, params), evaluation(problem, penalised, origin)
    with pytest.raises(AssertionError, match="not the same objective"):
        assert_same_objective(problem, mine, tuple(posterior(problem, reference, (params, origin), l1, l2**-2)))


def posterior(problem, engine, points, l1, l2):
    """An engine's answer at each of the points, with the log-densities of the priors added to its log-likelihood."""
    for params in points:
        prior = stats.norm(scale=l2**-0.5).logpdf(params.coef) + stats.laplace(scale=1 / l1).logpdf(params.coef)
        answer = engine.evaluate(problem, params)
        yield replace(answer, log_likelihood=answer.log_likelihood + prior.sum())
