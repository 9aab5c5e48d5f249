"""
More layers.

Linear layers multiply to one; a layer that bends ends the generalized linear model.
"""

from dataclasses import replace

import numpy as np
import pytest

from spec import problems
from spec.compat import strict_zip
from spec.engines import answers
from spec.engines.contract import Recipe
from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.evidence.rungs import assert_same_mean
from spec.model import Params

from ..descent import descend
from .models import STACKED, on_a_grid

LINEAR = Recipe(hidden=(5, 4))


def affine(weights):
    """Each layer as one matrix on [1 x]: the bias above the kernel; all but the last have one column more, which keeps the 1."""
    layers = [answers.stacked([kernel, bias]) for kernel, bias in strict_zip(weights[::2], weights[1::2])]
    return [*(np.hstack([np.eye(len(layer))[:, :1], layer]) for layer in layers[:-1]), layers[-1]]


@pytest.mark.claim(
    "stacked-linear-layers-are-one", source="S6", symptom="I added two Dense layers, and the fit is the same as before."
)
@pytest.mark.parametrize("problem", STACKED, ids=str)
def test_linear_layers_multiply_to_one_layer(problem, subject, network, rng):
    r"""
    Linear layers, however many, are one layer whose weights are their product: the same mean and the same loss.

    .. math:: [1\ x]\,M_1 M_2 M_3 = [1\ x]\,M, \qquad M_l = \begin{pmatrix} 1 & b_l \\ 0 & W_l \end{pmatrix}
    """
    deep = network(problem, LINEAR)
    deep.weights = on_a_grid(deep.weights, rng)
    product = Params.from_matrix(np.linalg.multi_dot(affine(deep.weights)))
    flat = subject.evaluate(problem, product)

    assert_same_mean(problem, product, replace(flat, mean=deep.predict()))
    assert_same_loss(problem, deep, flat)


@pytest.mark.control("stacked-linear-layers-are-one")
@pytest.mark.parametrize("problem", STACKED, ids=str)
def test_a_layer_that_bends_is_no_factor(problem, subject, network, rng):
    """The same weights, but the hidden layers rectify."""
    deep = network(problem, replace(LINEAR, activation="relu"))
    deep.weights = on_a_grid(deep.weights, rng)
    product = Params.from_matrix(np.linalg.multi_dot(affine(deep.weights)))
    flat = subject.evaluate(problem, product)

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_same_mean(problem, product, replace(flat, mean=deep.predict()))
    with pytest.raises(AssertionError, match="not the same objective"):
        assert_same_loss(problem, deep, flat)


def assert_same_loss(problem, deep, flat):
    """The losses agree, relative to the sizes of loss and log-likelihood, as on the second rung of the ladder."""
    size = abs(flat.loss) + flat.loss_scale / problem.n * abs(flat.log_likelihood)
    assert_same_values("objective", problem, deep.objective(), flat.loss, tolerances.loss(problem.n), size)


@pytest.mark.claim(
    "stacked-gradients-are-the-score", source="S6", symptom="My deep linear network learns at another pace than one layer."
)
@pytest.mark.parametrize("problem", STACKED, ids=str)
def test_linear_layers_share_the_score_of_one_layer(problem, subject, network, rng):
    r"""
    Each of several linear layers gets for its gradient the score of the one layer, multiplied by the other layers' matrices.

    .. math:: -\frac{n}{c} \frac{\partial L}{\partial M_l}
              = (M_1 \cdots M_{l-1})^\top \frac{\partial \ell}{\partial M} (M_{l+1} \cdots M_3)^\top

    So the stack has every optimum of the one layer, and comes to it on another path.
    """
    deep = network(problem, LINEAR)
    deep.weights = on_a_grid(deep.weights, rng)
    layers = affine(deep.weights)
    flat = subject.evaluate(problem, Params.from_matrix(np.linalg.multi_dot(layers)))

    assert_shared(problem, layers, flat, deep)


@pytest.mark.control("stacked-gradients-are-the-score")
@pytest.mark.parametrize("problem", STACKED, ids=str)
def test_the_score_of_other_weights_is_not_shared(problem, params, reference, network, rng):
    """The score of a single layer whose weights are not the product."""
    deep = network(problem, LINEAR)
    deep.weights = on_a_grid(deep.weights, rng)

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_shared(problem, affine(deep.weights), reference.evaluate(problem, params), deep)


def assert_shared(problem, layers, flat, deep):
    """Each layer is taught the score: within (n + 64) u of the rows' |y| + |mu| (canonical links), passed through the layers."""
    contributions = np.hstack([np.ones((problem.n, 1)), np.abs(problem.X)]).T @ (np.abs(problem.y) + np.abs(flat.mean))
    sizes = seen_through(contributions, *map(np.abs, layers))
    gradient = deep.gradient()
    taught = [answers.score(problem, deep, [kernel, bias]) for kernel, bias in strict_zip(gradient[::2], gradient[1::2])]
    for mine, other, size in strict_zip(taught, seen_through(flat.score, *layers), sizes):
        assert_same_values("gradient", problem, mine, other, tolerances.gradient(problem.n), size)


def seen_through(score, first, second, last):
    """The score as each of the three layers is taught it; the columns that keep the 1 are no weights."""
    return [(score @ (second @ last).T)[:, 1:], (first.T @ score @ last.T)[:, 1:], (first @ second).T @ score]


MANY = problems.get("softmax-8-to-5")


@pytest.mark.claim(
    "a-bottleneck-limits-the-rank", source="S6", symptom="A narrow linear layer costs likelihood that training never regains."
)
@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_linear_bottleneck_is_a_model_of_reduced_rank(width, network, rng):
    r"""
    Behind a bottleneck of r linear neurons, softmax is reduced-rank regression: its log-odds on the inputs have rank r.

    .. math:: \log\frac{\mu_k(x)}{\mu_0(x)} - \log\frac{\mu_k(x')}{\mu_0(x')} = (x - x')\, U (v_k - v_0), \qquad
              U \in \mathbb{R}^{p \times r}

    With one neuron it is the stereotype model (Anderson 1984). It holds of any weights, and so along training.
    """
    narrow = network(MANY, Recipe(hidden=(width,), hidden_bias=False))
    narrow.weights = on_a_grid(narrow.weights, rng)

    assert_rank(width, narrow)
    descend(narrow, rate=1 / 4, steps=10)
    assert_rank(width, narrow)


@pytest.mark.control("a-bottleneck-limits-the-rank")
@pytest.mark.parametrize("width", [1, 2, 3])
def test_one_neuron_more_is_one_rank_more(width, network, rng):
    """A bottleneck that is one neuron wider."""
    wider = network(MANY, Recipe(hidden=(width + 1,), hidden_bias=False))
    wider.weights = on_a_grid(wider.weights, rng)

    with pytest.raises(AssertionError, match="rank"):
        assert_rank(width, wider)


def assert_rank(rank, narrow):
    """
    The singular values beyond the rank are rounding.

    An eta is off by (p + r + 1) u of the absolute terms that it sums; the logarithm of a mean by the mean's units in the last
    place, 2 u each, and by u of itself. A singular value moves by at most the norm of all errors, and is computed to n u of the
    largest. Each factor 2 is for the two rows, or the two classes, of a difference.
    """
    kernel, head, bias = map(np.abs, narrow.weights)
    sizes = np.abs(MANY.X) @ kernel @ head + bias
    mean = narrow.predict()
    log_odds = np.log(mean[:, 1:] / mean[:, :1])
    singular = np.linalg.svd(log_odds - log_odds[0], compute_uv=False)
    entry = 2 * 2 * ((MANY.p + rank + 2) * sizes.max() + 2 * tolerances.mean_ulps(MANY.k) + 2) * tolerances.UNIT
    allowed = entry * log_odds.size**0.5 + 2 * len(log_odds) * tolerances.UNIT * singular[0]
    assert singular[rank] <= allowed, f"beyond rank {rank} is {singular[rank]:.2g}, where rounding leaves {allowed:.2g}"


@pytest.mark.claim(
    "a-hidden-activation-ends-the-glm", source="S6", symptom="No weights of a GLM give the predictions of my hidden layer."
)
@pytest.mark.parametrize("activation", ["tanh", "relu", "sigmoid"])
@pytest.mark.parametrize("problem", STACKED, ids=str)
def test_one_hidden_layer_that_bends_is_no_glm(problem, activation, network, rng):
    r"""
    One hidden layer with a nonlinear activation is no generalized linear model of its inputs.

    .. math:: \nexists\, b, w: \quad g(\mu(x)) = b + x w

    The best b and w leave more than a thousandth of what g(mu) varies by.
    """
    deep = network(problem, Recipe(hidden=(4,), activation=activation))
    deep.weights = on_a_grid(deep.weights, rng)

    assert_no_glm(problem, deep.predict())


@pytest.mark.control("a-hidden-activation-ends-the-glm")
@pytest.mark.parametrize("problem", STACKED, ids=str)
def test_a_linear_hidden_layer_is_a_glm(problem, network, rng):
    """A hidden layer that does not bend."""
    deep = network(problem, Recipe(hidden=(4,)))
    deep.weights = on_a_grid(deep.weights, rng)

    with pytest.raises(AssertionError, match="linear in the inputs"):
        assert_no_glm(problem, deep.predict())


def assert_no_glm(problem, mean):
    """Least squares of g(mu) on [1 X] leaves residuals, longer than a thousandth of what g(mu) varies by."""
    eta = problem.model.link(mean)
    residual = eta - problem.design @ np.linalg.lstsq(problem.design, eta, rcond=None)[0]
    share = np.linalg.norm(residual) / np.linalg.norm(eta - eta.mean(axis=0))
    assert share > tolerances.NOT_LINEAR, f"linear in the inputs, but for a share of {share:.2g}"
