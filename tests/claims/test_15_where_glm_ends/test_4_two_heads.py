"""
A second output for the dispersion.

Each of two heads is a generalized linear model, given the other.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import optimize

from spec.engines import answers
from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.evidence.rungs import assert_same_gradient, assert_same_objective, assert_same_optimum
from spec.families import Gamma
from spec.links import Log
from spec.model import Model, Params

from .weights import (
    HEADS,
    LOCATION_SCALE,
    answer,
    as_fit,
    flat,
    put,
    to_the_end,
)


def given_dispersion(problem, log_dispersion):
    """The mean alone: least squares, each row weighted by one over its dispersion."""
    return problem.with_data("mean", weights=np.exp(-log_dispersion))


def given_mean(problem, mean):
    """The dispersion alone: squared residuals, gamma with shape one half, log link."""
    squares = problem.with_data("dispersion", y=(problem.y - mean) ** 2, weights=np.full(problem.n, 0.5))
    return replace(squares, model=Model(Gamma(), Log()))


def two_heads(rng):
    """Parameters of the mean and of the log dispersion, (q, 2), drawn at random."""
    both = rng.uniform(-1, 1, (4, 2))
    both[0] += 0.5, -2
    return both


def head(subject, problem, network, both, column):
    """What the network says about one of its outputs, as the answer to the ordinary problem of that output."""
    put(network, flat([both[1:], both[0]]))
    score = -problem.n * answers.stacked(network.gradient())
    params = Params.from_matrix(both[:, [column]])
    outputs = network.predict()
    mean = outputs[:, :1] if column == 0 else np.exp(outputs[:, 1:])
    return params, answer(subject, problem, params, network, mean=mean, score=score[:, [column]])


@pytest.mark.claim(
    "mean-head-is-weighted",
    source="S6",
    symptom="My network predicts a variance too. Is its mean still a regression?",
)
def test_given_the_dispersion_the_mean_head_is_weighted_least_squares(network, subject, reference, rng):
    r"""
    Given the dispersion head, the mean head has the loss and the score of least squares with weights one over the dispersion.

    .. math:: L = \frac{1}{2n} \sum_i \Bigl( \log\varphi_i + \frac{(y_i - \mu_i)^2}{\varphi_i} \Bigr), \qquad
              -n\,\frac{\partial L}{\partial w_\mu} = \sum_i x_i\,\frac{y_i - \mu_i}{\varphi_i}
    """
    both, other = two_heads(rng), two_heads(rng)
    other[:, 1] = both[:, 1]
    alone = given_dispersion(LOCATION_SCALE, LOCATION_SCALE.design @ both[:, 1])

    assert_head(alone, network(LOCATION_SCALE, HEADS), (both, other), 0, subject, reference)


@pytest.mark.control("mean-head-is-weighted")
def test_weights_that_grow_with_the_dispersion_are_refused(network, subject, reference, rng):
    """The dispersion itself for a weight."""
    both, other = two_heads(rng), two_heads(rng)
    other[:, 1] = both[:, 1]
    alone = given_dispersion(LOCATION_SCALE, -LOCATION_SCALE.design @ both[:, 1])

    with pytest.raises(AssertionError, match="not the same objective"):
        assert_head(alone, network(LOCATION_SCALE, HEADS), (both, other), 0, subject, reference)


@pytest.mark.claim(
    "dispersion-head-is-gamma",
    source="S6",
    symptom="What does the variance output of my network regress on, and with which loss?",
)
def test_given_the_mean_the_dispersion_head_is_a_gamma_glm(network, subject, reference, rng):
    r"""
    Given the mean head, the dispersion head is a Gamma GLM with log link of the squared residuals, its shape one half.

    .. math:: -n\,\frac{\partial L}{\partial w_\varphi}
              = \sum_i x_i\,\frac{1}{2}\,\frac{(y_i - \mu_i)^2 - \varphi_i}{\varphi_i}, \qquad
              \frac{(y - \mu)^2}{\varphi} \sim \chi^2_1 = \Gamma\bigl(\tfrac{1}{2}, 2\bigr)
    """
    both, other = two_heads(rng), two_heads(rng)
    other[:, 0] = both[:, 0]
    alone = given_mean(LOCATION_SCALE, LOCATION_SCALE.design @ both[:, :1])

    assert_head(alone, network(LOCATION_SCALE, HEADS), (both, other), 1, subject, reference)


@pytest.mark.control("dispersion-head-is-gamma")
def test_residuals_that_are_not_squared_are_refused(network, subject, reference, rng):
    """The absolute residuals in their place."""
    both, other = two_heads(rng), two_heads(rng)
    other[:, 0] = both[:, 0]
    squared = given_mean(LOCATION_SCALE, LOCATION_SCALE.design @ both[:, :1])
    absolute = squared.with_data(y=lambda data: np.sqrt(data.y))

    with pytest.raises(AssertionError, match="not the same objective"):
        assert_head(absolute, network(LOCATION_SCALE, HEADS), (both, other), 1, subject, reference)


def assert_head(alone, heads, points, column, subject, reference):
    """The head's loss changes between two points as the ordinary problem's does, and has its score at the first."""
    (params, here), (other, elsewhere) = (head(subject, alone, heads, both, column) for both in reversed(points))
    there = tuple(reference.evaluate(alone, p) for p in (params, other))
    assert_same_objective(alone, (here, elsewhere), there)
    params, here = head(subject, alone, heads, points[0], column)
    assert_same_gradient(alone, params, here, reference.evaluate(alone, params))


@cache
def both_trained(network):
    """Both heads trained to the end, from least squares and its dispersion: the network, and the parameters (q, 2)."""
    problem, heads = LOCATION_SCALE, network(LOCATION_SCALE, HEADS)

    def loss(values):
        put(heads, values)
        return heads.objective(), flat(heads.gradient())

    least, rss, *_ = np.linalg.lstsq(problem.design, problem.y, rcond=None)
    start = np.hstack([least, np.append(np.log(rss / problem.n), np.zeros(problem.p))[:, None]])
    to_the_end(heads, optimize.minimize(loss, flat([start[1:], start[0]]), jac=True).x)
    return heads, answers.stacked(heads.weights)


@pytest.mark.claim(
    "two-glms-in-one",
    source="S6",
    level="proven for this problem",
    symptom="Must the two outputs of a mean-and-variance network be trained together?",
)
def test_trained_together_each_head_is_the_optimum_of_its_own_glm(network):
    r"""
    Trained together, each head holds the proven optimum of the GLM that the other head makes of it.

    .. math:: \hat w_\mu = \arg\max \ell_{\text{WLS}}(\,\cdot \mid \hat\varphi), \qquad
              \hat w_\varphi = \arg\max \ell_\Gamma(\,\cdot \mid \hat\mu)

    A double GLM, fitted in turns elsewhere, is where the two agree.
    """
    heads, both = both_trained(network)
    mean, log_dispersion = np.split(heads.predict(), 2, axis=1)

    assert_same_optimum(given_dispersion(LOCATION_SCALE, log_dispersion[:, 0]), as_fit(Params.from_matrix(both[:, :1])))
    assert_same_optimum(given_mean(LOCATION_SCALE, mean), as_fit(Params.from_matrix(both[:, 1:])))


@pytest.mark.control("two-glms-in-one")
def test_least_squares_without_weights_is_refused(network, reference):
    """The mean head as it would be with one dispersion for all rows."""
    heads, _ = both_trained(network)

    with pytest.raises(AssertionError, match="not the same optimum"):
        assert_same_optimum(given_dispersion(LOCATION_SCALE, heads.predict()[:, 1]), reference.fit(LOCATION_SCALE))


@pytest.mark.claim(
    "heads-share-information",
    source="S6",
    symptom="The Hessian of my mean-and-variance network is not block diagonal, as the textbook says it is.",
)
@pytest.mark.parametrize("at", ["anywhere", "the optimum"])
def test_the_residuals_couple_the_information_of_the_two_heads(at, network, rng):
    r"""
    The residuals couple the observed information of the two heads, and at their optimum too.

    .. math:: n H = \sum_i x_i x_i^\top \otimes \frac{1}{\varphi_i}
              \begin{pmatrix} 1 & r_i \\ r_i & r_i^2 / 2 \end{pmatrix}, \quad r = y - \mu, \qquad
              \mathbb{E}\, n H = \sum_i x_i x_i^\top \otimes \begin{pmatrix} 1 / \varphi_i & 0 \\ 0 & 1/2 \end{pmatrix}

    With one dispersion for all rows, as in a GLM, the sum of x r is the score: at the optimum nothing couples.
    """
    heads, both = both_trained(network)
    both = both if at == "the optimum" else two_heads(rng)
    put(heads, flat([both[1:], both[0]]))
    mean, log_dispersion = heads.predict().T
    r = LOCATION_SCALE.y[:, 0] - mean

    assert_information(heads, np.exp(-log_dispersion) * np.array([[r**0, r], [r, r**2 / 2]]))


@pytest.mark.control("heads-share-information")
def test_the_expected_information_is_refused(network):
    """The block diagonal matrix of the textbook, at the very optimum."""
    heads, both = both_trained(network)
    put(heads, flat([both[1:], both[0]]))
    n, weight = LOCATION_SCALE.n, np.exp(-heads.predict()[:, 1])

    with pytest.raises(AssertionError, match="not the same information"):
        assert_information(heads, np.array([[weight, np.zeros(n)], [np.zeros(n), np.full(n, 0.5)]]))


def assert_information(heads, weights):
    """n H is the sum over the rows of (2, 2, n) weights of x x'; relative to the rows' contributions without sign."""
    problem, found = LOCATION_SCALE, LOCATION_SCALE.n * heads.hessian()
    x = np.hstack([problem.X, np.ones((problem.n, 1))])  # the order of the weights: the kernel, then the bias
    mean, log_dispersion = heads.predict().T
    r = np.abs(problem.y[:, 0]) + np.abs(mean)
    without_sign = np.exp(-log_dispersion) * np.array([[r**0, r], [r, r**2 / 2]])
    expected, size = (
        np.einsum("ij,ik,abi->jakb", rows, rows, w).reshape(found.shape) for rows, w in ((x, weights), (np.abs(x), without_sign))
    )
    assert_same_values("information", problem, found, expected, tolerances.curvature(problem.n), size)
