"""
Activation and loss together make the model; how models meet (S6).

The source names an activation and no loss, one layer and no second, and each link as if it stood alone. Which model a
network is depends on all three: the loss completes it, linear layers add nothing to it, and many models are one another's
special cases, limits or mirror images.
"""

from dataclasses import replace

import flint
import numpy as np
import pytest

from spec import problems
from spec.compat import strict_zip
from spec.engines.contract import Recipe
from spec.evidence import tolerances
from spec.evidence.balls import working_precision
from spec.evidence.judge import assert_same_values
from spec.evidence.rungs import (
    assert_same,
    assert_same_gradient,
    assert_same_mean,
    assert_same_optimum,
    proven_optimum,
    standard_errors_away,
)
from spec.families import Gamma, Gaussian, InverseGaussian, Multinomial, NegativeBinomial, Poisson, Tweedie
from spec.links import Cauchit, CLogLog, Log, Logit, LogLog, Power, Probit, Softmax, Sqrt
from spec.model import Model, Params
from spec.problems import Problem

RUNGS = ["mean", "objective", "gradient", "curvature", "optimum"]


def as_model(problem, family=None, link=None):
    """The same data under another family or another link."""
    model = Model(family or problem.model.family, link or problem.model.link)
    return replace(problem, name=f"{problem} as {model}", model=model, published=None)


class Instead:
    """An engine that answers for one problem by another, whose weights, and so the score, may have the other sign."""

    def __init__(self, engine, problem, sign=1):
        self.engine, self.problem, self.sign = engine, problem, sign

    def evaluate(self, problem, params):
        answer = self.engine.evaluate(self.problem, Params.from_matrix(self.sign * params.matrix))
        return replace(answer, score=self.sign * answer.score)

    def fit(self, problem):
        answer = self.engine.fit(self.problem)
        return replace(answer, params=Params.from_matrix(self.sign * answer.params.matrix))


# -- the loss completes the model ------------------------------------------------------------------------------------------

EXECUTIONS = problems.get("cpunish")  # counts in 17 states, none of them zero: six families admit them
LOSSES = (Gaussian(), Poisson(), NegativeBinomial(0.5), Tweedie(1.5), Gamma(), InverseGaussian())
SIX = [as_model(EXECUTIONS, family) for family in LOSSES]


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
    "the-loss-completes-the-model", source="S6", symptom="My two networks have the same layers, and different weights."
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
    doubled = replace(EXECUTIONS, load=lambda: replace(EXECUTIONS.data, weights=np.full(EXECUTIONS.n, 2.0)))

    with pytest.raises(AssertionError, match="the same optimum"):
        assert_another_optimum(EXECUTIONS, reference.fit(doubled))


def assert_another_optimum(problem, fit):
    """In some coefficient more than a tenth of its standard error from the proven optimum."""
    away = standard_errors_away(proven_optimum(problem), fit.params)
    assert away > 0.1, f"the same optimum of {problem}, but for {away:.2g} standard errors"


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
    "squared-error-is-not-logistic-regression", source="S6", symptom="My sigmoid network's weights are not those of Logit."
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
    """Cross-entropy, held to be another model than logistic regression."""
    with pytest.raises(AssertionError, match="the same optimum"):
        assert_another_optimum(SIGMOIDS[0], reference.fit(SIGMOIDS[0]))


# -- more layers -----------------------------------------------------------------------------------------------------------

LINEAR = Recipe(hidden=(5, 4))
STACKED = [problems.get(name) for name in ("gaussian-identity", "binomial-logit", "poisson-log", "softmax-3-to-3")]


def on_a_grid(weights, rng):
    """Sixteenths up to one half: with the data on a grid too, float64 adds and multiplies them through three layers exactly."""
    return [rng.choice([-1, 1], size=w.shape) * rng.integers(1, 9, size=w.shape) / 16 for w in weights]


def affine(weights):
    """Each layer as one matrix on [1 x]: the bias above the kernel; but for the last with a column that keeps the 1."""
    layers = [np.vstack([bias, kernel]) for kernel, bias in strict_zip(weights[::2], weights[1::2])]
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
    """Relative to the sizes of loss and log-likelihood, as on the second rung of the ladder."""
    size = abs(flat.loss) + flat.loss_scale / problem.n * abs(flat.log_likelihood)
    assert_same_values("objective", problem, deep.objective(), flat.loss, tolerances.loss(problem.n), size)


@pytest.mark.claim(
    "stacked-gradients-are-the-score", source="S6", symptom="My deep linear network learns at another pace than one layer."
)
@pytest.mark.parametrize("problem", STACKED, ids=str)
def test_linear_layers_share_the_score_of_one_layer(problem, subject, network, rng):
    r"""
    Each of several linear layers is taught the score of the one layer, seen through the other layers.

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
    """Within (n + 64) u of the rows' |y| + |mu| (the links are canonical), passed through the layers without sign."""
    contributions = np.hstack([np.ones((problem.n, 1)), np.abs(problem.X)]).T @ (np.abs(problem.y) + np.abs(flat.mean))
    sizes = seen_through(contributions, *map(np.abs, layers))
    gradient = deep.gradient()
    taught = [-problem.n / deep.loss_scale * np.vstack(pair) for pair in strict_zip(gradient[1::2], gradient[::2])]
    for mine, other, size in strict_zip(taught, seen_through(flat.score, *layers), sizes):
        assert_same_values("gradient", problem, mine, other, tolerances.gradient(problem.n), size)


def seen_through(score, first, second, last):
    """What each layer is taught; the columns that keep the 1 are no weights."""
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
    for _ in range(10):
        narrow.weights = [weight - slope / 4 for weight, slope in strict_zip(narrow.weights, narrow.gradient())]
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

    An eta is off by (p + r + 1) u of what it is the sum of, taken without sign; the logarithm of a mean by the mean's units in
    the last place, 2 u each, and u of itself. A singular value moves by at most the norm of all errors, and is computed to n u
    of the largest. Each factor 2 is for the two rows, or the two classes, of a difference.
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
    """In least squares g(mu) keeps residuals on [1 X], of more than a thousandth of its own about its average."""
    eta = problem.model.link(mean)
    residual = eta - problem.design @ np.linalg.lstsq(problem.design, eta, rcond=None)[0]
    share = np.linalg.norm(residual) / np.linalg.norm(eta - eta.mean(axis=0))
    assert share > 1e-3, f"linear in the inputs, but for a share of {share:.2g}"


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
    last = as_answered(deep, glm)

    assert_same_mean(features, head, last)
    assert_same_gradient(features, head, last, glm)


@pytest.mark.control("the-last-layer-is-a-glm")
@pytest.mark.parametrize("problem", STACKED, ids=str)
def test_the_inputs_are_not_what_the_last_layer_sees(problem, network, reference, rng):
    """The weights of the last layer, put to the inputs as they are."""
    deep, _, head = with_features(problem, network, rng)
    raw = reference.evaluate(problem, head)

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_same_mean(problem, head, as_answered(deep, raw))
    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_same_gradient(problem, head, as_answered(deep, raw), raw)


def as_answered(deep, answer):
    """The answer, with the means of a network and the score that its last layer is taught."""
    *_, kernel, bias = deep.gradient()
    score = -len(answer.mean) / deep.loss_scale * np.vstack([bias, kernel])
    return replace(answer, mean=deep.predict(), score=score)


def with_features(problem, network, rng):
    """A network with as many hidden neurons as inputs, which rectify; their outputs as a problem; the last layer's weights."""
    deep = network(problem, Recipe(hidden=(problem.p,), activation="relu"))
    deep.weights = on_a_grid(deep.weights, rng)
    U, a, w, b = deep.weights
    data = replace(problem.data, X=np.maximum(0, a + problem.X @ U), columns=(), planted=None)
    return deep, replace(problem, name=f"{problem}, last layer", load=lambda: data), Params(b, w)


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
    """Twice the same predictions, to the last bit; and the same loss and gradient."""
    for _ in range(2):
        assert np.array_equal(mine.predict(), other.predict()), "another prediction"
    assert mine.objective() == other.objective(), "another loss"
    for a, b in strict_zip(mine.gradient(), other.gradient()):
        assert np.array_equal(a, b), "another gradient"


# -- special cases, limits and mirror images ------------------------------------------------------------------------------

EXPONENTS = {"poisson-sqrt": 1 / 2, "poisson-identity": 1, "gamma-inverse": -1, "inverse-gaussian-inverse-squared": -2}
POWERS = [
    pytest.param(problem, as_model(problem, link=Power(exponent)), id=f"{exponent:g} is {problem}")
    for problem, exponent in ((problems.get(name), exponent) for name, exponent in EXPONENTS.items())
]


@pytest.mark.claim("named-links-are-powers", source="S6", symptom="I do not know whether sqrt is a link of its own or a power.")
@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize(("problem", "power"), POWERS)
def test_four_links_are_the_power_link_at_four_exponents(problem, power, rung, params, subject, reference):
    r"""
    The power link at 1/2, 1, -1 and -2 is the square root, the identity, the inverse and the inverse square.

    .. math:: g(\mu) = \mu^{\lambda}: \qquad \sqrt{\mu},\quad \mu,\quad 1 / \mu,\quad 1 / \mu^2
    """
    assert_same(rung, problem, params, Instead(subject, power), reference)


@pytest.mark.control("named-links-are-powers")
@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize(("problem", "power"), POWERS)
def test_a_millionth_of_an_exponent_is_refused(problem, power, rung, params, reference):
    """An exponent that is off by 2^-20 of itself."""
    near = as_model(problem, link=Power(power.model.link.exponent * (1 + 2.0**-20)))

    with pytest.raises(AssertionError, match=f"not the same {rung}"):
        assert_same(rung, problem, params, Instead(reference, near), reference)


@pytest.mark.claim(
    "the-power-link-passes-into-the-log", source="S6", symptom="The power link refuses the power 0, where I expected the log."
)
@pytest.mark.parametrize("exponent", [2.0**-6, 2.0**-12, -(2.0**-12)])
@pytest.mark.parametrize("problem", [problems.get("poisson-log")], ids=str)
def test_a_power_link_near_zero_is_the_log(problem, exponent, params, subject):
    r"""
    As its exponent nears 0 the power link passes into the log, at the rate of the exponent.

    .. math:: \frac{\mu^{\lambda} - 1}{\lambda} = b + x w \implies
              \log \mu = \frac{\log(1 + \lambda \eta)}{\lambda} = \eta - \lambda \frac{\eta^2}{2} + O(\lambda^2)

    The weights of the power link are those of the log times the exponent, and 1 more for the bias (Box and Cox 1964).
    """
    assert_near_the_log(problem, exponent, params, subject, rate=1 / 2)


@pytest.mark.control("the-power-link-passes-into-the-log")
@pytest.mark.parametrize("problem", [problems.get("poisson-log")], ids=str)
def test_another_rate_is_refused(problem, params, reference):
    """A power link that is the log already (rate 0), or goes there twice as slowly (rate 1)."""
    for rate in (0, 1):
        with pytest.raises(AssertionError, match="rate"):
            assert_near_the_log(problem, 2.0**-12, params, reference, rate)


def assert_near_the_log(problem, exponent, params, engine, rate):
    """
    log mu is eta - rate * exponent * eta^2, up to the rest of the series and rounding.

    With t = exponent * eta, |log(1 + t) - t + t^2 / 2| <= |t|^3 / (3 (1 - |t|)). The exponent is a power of 2 and the weights
    are on a grid: 1 + t is exact, and what rounds is mu (4 units in the last place, 2 u each), its logarithm and the sums.
    """
    matrix = exponent * params.matrix + np.eye(1 + problem.p)[:, :1]
    eta, mean = problem.eta(params), engine.evaluate(as_model(problem, link=Power(exponent)), Params.from_matrix(matrix)).mean
    t = np.abs(exponent * eta)
    rest = t**3 / (3 * (1 - t)) / abs(exponent)
    error = np.abs(np.log(mean) - (eta - rate * exponent * eta**2))
    allowed = rest + (2 * tolerances.MEAN_ULPS + 4 * (np.abs(eta) + 1)) * tolerances.UNIT
    assert (error <= allowed).all(), f"another rate: {(error / allowed).max():.3g} times what the series leaves"


POWER_OF = {Gaussian(): 0, Poisson(): 1, Tweedie(1.5): 1.5, Gamma(): 2, InverseGaussian(): 3}


@pytest.mark.claim(
    "five-losses-differ-in-a-power", source="S6", symptom="I cannot tell what a Tweedie loss changes against Poisson or Gamma."
)
@pytest.mark.parametrize("problem", [p for p in SIX if p.model.family in POWER_OF], ids=str)
def test_five_losses_differ_in_one_power_of_the_mean(problem, params, subject):
    r"""
    Five losses differ in one power of the mean: 0 Gaussian, 1 Poisson, 1 to 2 Tweedie, 2 Gamma, 3 inverse Gaussian.

    .. math:: V(\mu) = \mu^p, \qquad -n\,\frac{\partial L}{\partial w}
              = c \sum_i x_i\,(y_i - \mu_i)\,\mu_i^{1 - p} \quad \text{with an exponential activation}
    """
    network = subject.evaluate(problem, params)

    assert_power(problem, params, network, POWER_OF[problem.model.family])


@pytest.mark.control("five-losses-differ-in-a-power")
@pytest.mark.parametrize("problem", SIX, ids=str)
def test_no_other_power_serves(problem, params, reference):
    """The powers of the others; and for the negative binomial, whose variance is no power, each of the five."""
    network = reference.evaluate(problem, params)

    for family, power in POWER_OF.items():
        if family != problem.model.family:
            with pytest.raises(AssertionError, match="not the same gradient"):
                assert_power(problem, params, network, power)


def assert_power(problem, params, network, power):
    """The score is that of the power."""
    mean = np.exp(problem.eta(params))
    score = problem.params(problem.design.T @ ((problem.y - mean) * mean ** (1 - power))).matrix
    assert_same_gradient(problem, params, network, replace(network, score=score))


LIMITS = [  # a family, one with a parameter that becomes it, and how fast the logarithm of its variance does
    pytest.param(problems.get(name), near, rate, id=f"{near(0.25)} to {name}")
    for name, near, rate in (
        ("poisson-log", NegativeBinomial, lambda mu: mu),
        ("poisson-identity", NegativeBinomial, lambda mu: mu),
        ("poisson-log", lambda small: Tweedie(1 + small), np.log),
        ("gamma-log", lambda small: Tweedie(2 - small), lambda mu: -np.log(mu)),
        ("gamma-inverse", lambda small: Tweedie(2 - small), lambda mu: -np.log(mu)),
    )
]


@pytest.mark.claim(
    "families-pass-into-one-another", source="S6", symptom="My negative binomial with a tiny alpha repeats the Poisson."
)
@pytest.mark.parametrize("small", [2.0**-9, 2.0**-11])
@pytest.mark.parametrize(("problem", "near", "rate"), LIMITS)
def test_a_family_passes_into_its_limit_at_a_known_rate(problem, near, rate, small, params, subject):
    r"""
    The negative binomial passes into the Poisson, and the Tweedie into Poisson and Gamma, at the rate of its parameter.

    .. math:: V_\epsilon = V_0\,(1 + \epsilon r + O(\epsilon^2)) \implies
              s_0 - s_\epsilon = \epsilon \sum_i x_i\,(y_i - \mu_i)\,\frac{h'(\eta_i)}{V_0(\mu_i)}\,r(\mu_i) + O(\epsilon^2)

    s is the score; r is mu for a negative binomial of alpha = epsilon, log mu for a Tweedie of power 1 + epsilon, and
    -log mu for one of 2 - epsilon.
    """
    assert_limit(problem, params, subject, as_model(problem, near(small)), small, rate)


@pytest.mark.control("families-pass-into-one-another")
@pytest.mark.parametrize(("problem", "near", "rate"), LIMITS)
def test_a_family_that_is_elsewhere_is_refused(problem, near, rate, params, subject):
    """The parameter at twice its value; and the limit itself, as if it were its own neighbour."""
    small = 2.0**-11

    for wrong in (near(2 * small), problem.model.family):
        with pytest.raises(AssertionError, match="another rate"):
            assert_limit(problem, params, subject, as_model(problem, wrong), small, rate)


def assert_limit(problem, params, engine, near, small, rate):
    """
    The scores differ by ``small`` times the sum above, up to the rest of the series and rounding.

    With t = small * rate, 1 - V_0/V is t - t^2 / (1 + t) or 1 - exp(-t): t up to t^2 exp|t|. Each score is known to
    (n + 64) u of its rows' contributions without sign.
    """
    mu, V0 = (mean := engine.evaluate(problem, params).mean), problem.model.family.variance(mean)
    slope = problem.model.link.inverse_derivative(problem.eta(params))
    t = small * rate(mu)
    design, rows = np.abs(problem.design), (problem.y - mu) * slope / V0
    gap = engine.evaluate(problem, params).score - engine.evaluate(near, params).score
    rest = design.T @ (np.abs(rows) * t**2 * np.exp(np.abs(t)))
    rounding = 4 * tolerances.gradient(problem.n).value * design.T @ ((problem.y + mu) * np.abs(slope) / V0)
    error = np.abs(gap - problem.design.T @ (rows * t))
    assert (error <= rest + rounding).all(), f"another rate: {(error / (rest + rounding)).max():.3g} times what the series leaves"


DOSES = np.arange(5.0)[:, None]
COUNTS = np.array([[12, 5, 3], [10, 8, 4], [6, 9, 8], [5, 7, 14], [2, 6, 17]])  # of people with no, some, marked improvement
PEOPLE = Problem.of(
    "doses",
    Model(Multinomial(), Softmax()),
    np.repeat(DOSES, COUNTS.sum(axis=1), axis=0),
    np.repeat(np.tile(np.eye(3), (5, 1)), COUNTS.ravel(), axis=0),
)
EFFECTS, CONTRASTS = np.kron(np.eye(5), np.ones((3, 1))), np.kron(np.hstack([DOSES**0, DOSES]), np.eye(3)[:, 1:])
CELLS = Problem.of("cells", Model(Poisson(), Log()), np.hstack([EFFECTS, CONTRASTS]), COUNTS.reshape(-1, 1), intercept=False)


def contrasts(column):
    """The last four of a column for the cells, in the shape of softmax's free parameters."""
    return column[-4:].reshape(2, 2)


@pytest.mark.claim(
    "softmax-is-poisson-with-row-effects", source="S6", symptom="A Poisson model of my table prints the softmax weights."
)
@pytest.mark.parametrize("problem", [PEOPLE], ids=str)
def test_softmax_is_the_poisson_model_of_its_cells(problem, params, subject):
    r"""
    Softmax is the Poisson model of the table's cells with an effect for each row: the contrasts have one score.

    .. math:: m_{ik} = e^{a_i + x_i w_k},\quad a_i = \log \frac{N_i}{\sum_k e^{x_i w_k}}
              \implies m_{ik} = N_i\,\mu_k(x_i), \quad \sum_i x_i\,(n_{ik} - m_{ik}) = \sum_i x_i\,(n_{ik} - N_i\,\mu_k(x_i))

    The effect of a row makes its fitted total the one that was seen: Poisson counts, given their total, are multinomial.
    """
    softmax, odds = subject.evaluate(problem, params), np.exp(params.contrast().linear_predictor(DOSES))
    effects = np.log(COUNTS.sum(axis=1) / odds.sum(axis=1))

    assert_same_gradient(problem, params, replace(softmax, score=in_cells(subject, effects, problem.free(params))), softmax)


@pytest.mark.control("softmax-is-poisson-with-row-effects")
@pytest.mark.parametrize("problem", [PEOPLE], ids=str)
def test_one_effect_for_all_rows_is_refused(problem, params, reference):
    """Poisson counts whose rows share one effect, which gives the right total of all."""
    softmax, odds = reference.evaluate(problem, params), np.exp(params.contrast().linear_predictor(DOSES))
    effects = np.full(5, np.log(COUNTS.sum() / odds.sum()))

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_same_gradient(problem, params, replace(softmax, score=in_cells(reference, effects, problem.free(params))), softmax)


def in_cells(engine, effects, free):
    """The cells' score for the contrasts, and minus their sum for class 0: (1 + p, 3)."""
    weights = Params(np.zeros(1), np.concatenate([effects, free.ravel()])[:, None])
    score = contrasts(engine.evaluate(CELLS, weights).score)
    return np.hstack([-score.sum(axis=1, keepdims=True), score])


@pytest.mark.claim(
    "softmax-fits-as-poisson", source="S6", symptom="My log-linear model has a parameter for each row that nobody wants."
)
@pytest.mark.parametrize("problem", [PEOPLE], ids=str)
def test_fitted_to_a_table_softmax_and_poisson_have_the_same_contrasts(problem, subject, reference):
    r"""
    Fitted to one table, softmax and the Poisson model with row effects have the same contrasts and standard errors.

    .. math:: \hat w_k^{\text{softmax}} - \hat w_0^{\text{softmax}} = \hat w_k^{\text{Poisson}}
    """
    softmax = subject.fit(problem)
    assert_same_optimum(problem, softmax)

    for engine in (subject, reference):
        cells = engine.fit(CELLS)
        tolerance = tolerances.standard_errors(CELLS.n, np.linalg.cond(engine.evaluate(CELLS, cells.params).information))
        assert_same_optimum(problem, replace(cells, params=problem.params(contrasts(cells.params.coef))))
        assert_same_values("standard errors", problem, contrasts(cells.standard_errors), softmax.standard_errors, tolerance)


@pytest.mark.control("softmax-fits-as-poisson")
@pytest.mark.parametrize("problem", [PEOPLE], ids=str)
def test_poisson_without_row_effects_is_refused(problem, reference):
    """A Poisson model of the same cells with an intercept and a slope for all rows, in place of an effect for each."""
    line = np.hstack([np.kron(np.hstack([DOSES**0, DOSES]), np.ones((3, 1))), CONTRASTS])
    cells = reference.fit(replace(CELLS, name="cells on a line", load=lambda: replace(CELLS.data, X=line, columns=())))

    with pytest.raises(AssertionError, match="not the same optimum"):
        assert_same_optimum(problem, replace(cells, params=problem.params(contrasts(cells.params.coef))))


MIRROR = {Logit(): Logit(), Probit(): Probit(), Cauchit(): Cauchit(), CLogLog(): LogLog(), LogLog(): CLogLog()}


def failures(problem, link):
    """The failures of a problem in place of its successes, under another link; what was planted changes its sign."""

    def load():
        return replace(problem.data, y=1 - problem.y, planted=Params.from_matrix(-problem.data.planted.matrix))

    return replace(as_model(problem, link=link), name=f"failures of {problem} as {link}", load=load)


SHARES = [problems.get(f"binomial-{link}") for link in MIRROR]
MIRRORED = [pytest.param(problem, failures(problem, MIRROR[problem.model.link]), id=str(problem)) for problem in SHARES]
KEPT = [pytest.param(problem, failures(problem, problem.model.link), id=str(problem)) for problem in SHARES[-2:]]


@pytest.mark.claim(
    "failures-mirror-successes", source="S6", symptom="I swapped my zeros and ones, and cloglog fits another model."
)
@pytest.mark.parametrize("rung", RUNGS[1:])
@pytest.mark.parametrize(("problem", "mirrored"), MIRRORED)
def test_the_failures_are_fitted_by_the_mirrored_link(problem, mirrored, rung, params, subject, reference):
    r"""
    The failures have the successes' fit with weights negated: logit, probit and cauchit as they are, cloglog as loglog.

    .. math:: 1 - h(\eta) = h(-\eta) \quad \text{for logit, probit and cauchit}, \qquad
              1 - h_{\text{cloglog}}(\eta) = h_{\text{loglog}}(-\eta)
    """
    assert_same(rung, problem, params, Instead(subject, mirrored, sign=-1), reference)


@pytest.mark.control("failures-mirror-successes")
@pytest.mark.parametrize("rung", RUNGS[1:])
@pytest.mark.parametrize(("problem", "kept"), KEPT)
def test_a_skewed_link_does_not_mirror_itself(problem, kept, rung, params, reference):
    """Complementary log-log of the failures for complementary log-log of the successes, and log-log likewise."""
    with pytest.raises(AssertionError, match=f"not the same {rung}"):
        assert_same(rung, problem, params, Instead(reference, kept, sign=-1), reference)


# -- thresholds -------------------------------------------------------------------------------------------------------------

NOISE = {  # the density of the noise, over complex balls, and a point beyond which less than 2^-90 of it lies
    Logit(): (lambda t: (-t).exp() / (1 + (-t).exp()) ** 2, 2**6),  # logistic
    Probit(): (lambda t: (-t * t / 2).exp() / (2 * flint.acb.pi()).sqrt(), 2**6),  # Gaussian
    Cauchit(): (lambda t: 1 / (flint.acb.pi() * (1 + t * t)), 2**100),  # Cauchy
    CLogLog(): (lambda t: (-t - (-t).exp()).exp(), 2**6),  # Gumbel, of maxima
    LogLog(): (lambda t: (t - t.exp()).exp(), 2**6),  # Gumbel, of minima
}


@pytest.mark.claim(
    "a-unit-is-a-threshold-in-noise", source="S6", symptom="I do not see why an output would be the normal distribution function."
)
@pytest.mark.parametrize("problem", SHARES, ids=str)
def test_an_output_is_the_chance_that_noise_lifts_its_predictor_above_zero(problem, params, subject):
    r"""
    An output is the chance that eta and noise exceed 0: logistic noise for a sigmoid, Gaussian for a probit, and so on.

    .. math:: \mu = \Pr(b + x w + \varepsilon > 0) = \int_{-(b + x w)}^{\infty} f_\varepsilon(t)\,dt

    Cauchy noise makes a cauchit, a Gumbel of maxima the complementary log-log, one of minima the log-log. The integral is
    enclosed in balls, from the density alone; no distribution function is asked.
    """
    assert_threshold(problem, params, subject, problem.model.link)


@pytest.mark.control("a-unit-is-a-threshold-in-noise")
@pytest.mark.parametrize("problem", SHARES, ids=str)
def test_other_noise_is_refused(problem, params, reference):
    """The noise of each of the other links."""
    for link in MIRROR:
        if link != problem.model.link:
            with pytest.raises(AssertionError, match="not the same mean"):
                assert_threshold(problem, params, reference, link, rows=2)


def assert_threshold(problem, params, engine, link, rows=16):
    """The means of some rows are the integrals, to 4 units in the last place (2 u each); eta is exact on the grid."""
    thresholds = -problem.eta(params)[:rows]
    chance = np.array([[chance_above(threshold, link) for (threshold,) in thresholds.tolist()]]).T
    units = tolerances.Tolerance(
        (2 * tolerances.MEAN_ULPS + 1) * tolerances.UNIT, "4 units in the last place, and u for the integral"
    )
    assert_same_values("mean", problem, engine.evaluate(problem, params).mean[:rows], chance, units)


def chance_above(threshold, link):
    """The nearest float64 to the integral of the noise's density from a threshold up, by way of a ball around it."""
    density, far = NOISE[link]
    with working_precision(96):
        ball = flint.acb.integral(lambda t, _: density(t), threshold, far).real + flint.arb(0, 2.0**-90)
        assert ball.rel_accuracy_bits() > 60
        return float(ball)
