"""
The last layer.

The last layer is a generalized linear model of what the hidden layers make.
"""

from dataclasses import replace

import numpy as np
import pytest

from spec.compat import strict_zip
from spec.engines import answers
from spec.engines.contract import Recipe
from spec.evidence.rungs import assert_same_gradient, assert_same_mean
from spec.model import Params

from .models import STACKED, on_a_grid


@pytest.mark.claim(
    "the-last-layer-is-a-glm", source="S6", symptom="I froze the hidden layers and train the head, and wonder what I fit."
)
@pytest.mark.parametrize("problem", STACKED, ids=str)
def test_the_last_layer_is_a_glm_of_what_the_hidden_layers_make(problem, subject, network, rng):
    r"""
    Whatever the hidden layers, the last layer is the GLM of their outputs: its mean, and its gradient the score.

    .. math:: \mu = h(b + z w), \qquad
              -\frac{n}{c} \frac{\partial L}{\partial w} = \sum_i z_i\,\frac{y_i - \mu_i}{V(\mu_i)}\,h'(\eta_i),
              \qquad z = \max(0, a + x U)
    """
    deep, features, head = with_features(problem, network, rng)
    glm = subject.evaluate(features, head)
    last = as_answered(features, deep, glm)

    assert_same_mean(features, head, last)
    assert_same_gradient(features, head, last, glm)


@pytest.mark.control("the-last-layer-is-a-glm")
@pytest.mark.parametrize("problem", STACKED, ids=str)
def test_the_inputs_are_not_what_the_last_layer_sees(problem, network, reference, rng):
    """The weights of the last layer, applied to the inputs as they are."""
    deep, _, head = with_features(problem, network, rng)
    raw = reference.evaluate(problem, head)

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_same_mean(problem, head, as_answered(problem, deep, raw))
    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_same_gradient(problem, head, as_answered(problem, deep, raw), raw)


def as_answered(problem, deep, answer):
    """The answer, with the means of a network and the score that its last layer is taught."""
    return replace(answer, mean=deep.predict(), score=answers.score(problem, deep, deep.gradient()[-2:]))


def with_features(problem, network, rng):
    """A network with p hidden neurons that rectify, the problem with their outputs for X, and the last layer's weights."""
    deep = network(problem, Recipe(hidden=(problem.p,), activation="relu"))
    deep.weights = on_a_grid(deep.weights, rng)
    U, a, w, b = deep.weights
    return deep, problem.with_data("last layer", X=np.maximum(0, a + problem.X @ U)), Params(b, w)


@pytest.mark.claim(
    "dropout-is-off-in-prediction", source="S6", symptom="My network has dropout, and still predicts the same each time."
)
@pytest.mark.parametrize("problem", STACKED, ids=str)
def test_dropout_takes_no_part_in_prediction(problem, network, rng):
    r"""
    Dropout acts in training alone: predictions, loss and gradient outside it are those of the network without it.

    .. math:: \mu_{\text{dropout}}(x) = \mu(x)

    In training the neurons that stay count for 1 / (1 - rate), so that nothing is left to scale in prediction.
    """
    dropout, plain = (network(problem, Recipe(hidden=(4,), activation="relu", dropout=rate)) for rate in (0.5, 0.0))
    dropout.weights = plain.weights = on_a_grid(plain.weights, rng)

    assert_same_bits(dropout, plain)


@pytest.mark.control("dropout-is-off-in-prediction")
@pytest.mark.parametrize("problem", STACKED, ids=str)
def test_a_neuron_that_is_dropped_is_noticed(problem, network, rng):
    """One of four hidden neurons silenced and the others scaled up, as in a step of training."""
    dropped, plain = (network(problem, Recipe(hidden=(4,), activation="relu")) for _ in range(2))
    kernel, bias, head, last = plain.weights = on_a_grid(plain.weights, rng)
    dropped.weights = [kernel, bias, np.diag([0, 2, 2, 2]) @ head, last]

    with pytest.raises(AssertionError, match="another"):
        assert_same_bits(dropped, plain)


def assert_same_bits(mine, other):
    """Predictions, asked for twice, loss and gradient are the same to the last bit."""
    for _ in range(2):
        assert np.array_equal(mine.predict(), other.predict()), "another prediction"
    assert mine.objective() == other.objective(), "another loss"
    for a, b in strict_zip(mine.gradient(), other.gradient()):
        assert np.array_equal(a, b), "another gradient"
