"""
The bits of a number.

Float32, a policy, and a loss that is clipped: what rounding leaves.
"""

from dataclasses import replace

import numpy as np
import pytest

from spec import problems
from spec.engines import answers
from spec.engines.contract import Recipe
from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.evidence.rungs import assert_same_gradient, assert_same_mean, proven_optimum
from spec.evidence.sizes import contributions
from spec.families import Poisson
from spec.links import Log
from spec.problems import Problem, Said

from ..said import has_a_bias, has_one_output
from .axes import CANONICAL, ONE_EACH, PAIRS, vector


def is_plain(problem):
    """A layer with one output and a bias, and no other input."""
    return has_one_output(problem) and has_a_bias(problem) and problem.offset is None


MEANS = Said(PAIRS, is_plain)


@pytest.mark.claim(
    "float32-means", source="S6", symptom="My predictions agree with the regression's to seven digits, no further."
)
@pytest.mark.parametrize("problem", MEANS, ids=str)
def test_a_mean_in_float32_is_good_to_24_bits(problem, params, network, subject):
    r"""
    In float32 a mean has 24 bits: nine digits fewer than in float64, whatever the link.

    .. math:: |\tilde\mu - \mu| \le 8u\,|\mu| + (q + 1)\,u\,|h'(\eta)| \textstyle\sum_j |x_j w_j|, \qquad u = 2^{-24}
    """
    single = network(problem, Recipe(dtype="float32"))
    single.weights = [params.coef, params.intercept]

    assert_single(problem, params, single.predict(), subject.evaluate(problem, params).mean)


@pytest.mark.control("float32-means")
@pytest.mark.parametrize("problem", MEANS, ids=str)
def test_a_mean_with_16_bits_is_refused(problem, params, reference):
    """The means with eight bits fewer."""
    mean = reference.evaluate(problem, params).mean
    fraction, exponent = np.frexp(mean)

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_single(problem, params, np.ldexp(np.round(fraction * 2**16) / 2**16, exponent), mean)


def assert_single(problem, params, mine, mean):
    """The means have the bits of float32."""
    __tracebackhide__ = True
    terms = np.abs(problem.design) @ np.abs(params.matrix)
    slope = np.abs(problem.model.link.inverse_derivative(problem.eta(params)))
    size = np.abs(mean) + (problem.q + 1) / 8 * slope * terms
    assert_same_values("mean", problem, mine, mean, tolerances.single_mean(), size)


DECIMAL = Said(  # inputs with more than 24 bits
    [problems.get(name) for name in ("spector-logit", "spector-probit", "longley")],
    lambda problem: is_plain(problem) and (problem.X.astype("float32") != problem.X).any(),
)
AT_REST = [("float64", p) for p in ONE_EACH + CANONICAL + DECIMAL]
AT_REST_IN_PART = [("float32", p) for p in ONE_EACH + CANONICAL] + [("float64 by policy", p) for p in DECIMAL]
RESTING = Said(AT_REST + AT_REST_IN_PART, has_a_bias, lambda problem: [("float64", problem), ("float32", problem)])
RESTING_IN_PART = Said(AT_REST_IN_PART, has_a_bias, lambda problem: [("float32", problem)])


@pytest.mark.claim("gradient-at-the-optimum", source="S6", symptom="At the optimum my gradient is 1e-6 and falls no further.")
@pytest.mark.parametrize(("dtype", "problem"), RESTING, ids=str)
def test_the_gradient_at_the_optimum_is_zero_to_the_bits_of_the_network(dtype, problem, network):
    r"""
    At the optimum the gradient is zero to 53 bits, or to 24 where layers are float32, or float64 by a policy alone.

    .. math:: \Bigl|\sum_i x_{ij}\,\frac{y_i - \hat\mu_i}{V(\hat\mu_i)}\,h'(\hat\eta_i)\Bigr|
              \le (n + 64)\,u \sum_i |\cdot|, \qquad u = 2^{-53} \text{ or } 2^{-24}

    Nothing trained by it comes nearer to the optimum than this: 2^29, or nine digits, less near in float32.
    """
    tolerance = tolerances.gradient(problem.n) if dtype == "float64" else tolerances.single_gradient(problem.n)

    assert_at_rest(problem, network(problem, Recipe(dtype=dtype)), tolerance)


@pytest.mark.control("gradient-at-the-optimum")
@pytest.mark.parametrize(("dtype", "problem"), RESTING_IN_PART, ids=str)
def test_float32_anywhere_is_refused_as_float64(dtype, problem, network):
    """Layers or inputs in float32, held to 53 bits."""
    with pytest.raises(AssertionError, match="not the same score"):
        assert_at_rest(problem, network(problem, Recipe(dtype=dtype)), tolerances.gradient(problem.n))


def assert_at_rest(problem, trained, tolerance):
    """The gradient at the proven optimum is zero, relative to the rows' contributions taken without sign."""
    __tracebackhide__ = True
    params = proven_optimum(problem).params
    trained.weights = [params.coef, params.intercept]
    score = answers.score(problem, trained, trained.gradient())
    assert_same_values("score", problem, score, 0 * score, tolerance, contributions(problem, params))


@pytest.mark.claim(
    "float64-policy-rounds-the-inputs", source="S6", symptom="My layers are float64, yet the predictions agree to seven digits."
)
@pytest.mark.parametrize("problem", DECIMAL, ids=str)
def test_a_float64_policy_alone_rounds_the_inputs_to_float32(problem, params, network, subject):
    r"""
    A policy of float64 for layers alone answers exactly, but about inputs that were rounded to float32 on their way in.

    .. math:: \mu = h\bigl(b + \mathrm{fl}_{24}(x) \cdot w\bigr)
    """
    rounded = in_float32(problem)

    assert_same_mean(rounded, params, by_policy(problem, params, network, subject.evaluate(rounded, params)))


@pytest.mark.control("float64-policy-rounds-the-inputs")
@pytest.mark.parametrize("problem", DECIMAL, ids=str)
def test_the_inputs_as_they_are_are_refused(problem, params, network, reference):
    """The same predictions, held to the inputs that were given."""
    with pytest.raises(AssertionError, match="not the same mean"):
        assert_same_mean(problem, params, by_policy(problem, params, network, reference.evaluate(problem, params)))


def in_float32(problem):
    """The problem with inputs of 24 bits."""
    return problem.with_data("in float32", X=lambda data: data.X.astype("float32"))


def by_policy(problem, params, network, evaluation):
    """The evaluation, with the means that float64 by policy predicts."""
    layers = network(problem, Recipe(dtype="float64 by policy"))
    layers.weights = [params.coef, params.intercept]
    return replace(evaluation, mean=layers.predict())


BEYOND = {"binomial-probit": 6.0, "binomial-cauchit": 1e7}  # how far out the mean is within 1e-7 of 0 or 1


@pytest.mark.claim(
    "clipped-cross-entropy", source="S6", symptom="Rows that are surely wrong cost 16, and teach my network nothing."
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("link", BEYOND)
def test_a_clipped_cross_entropy_ends_at_sixteen_and_teaches_nothing_beyond(link, dtype, network):
    r"""
    A cross-entropy that keeps 1e-7 from 0 and 1 never exceeds 16.118, and beyond that its gradient is exactly zero.

    .. math:: -\log \max(\mu, 10^{-7}) \le 7 \log 10 = 16.118, \qquad \frac{\partial}{\partial\mu} \log \max(\mu, 10^{-7}) = 0
              \text{ for } \mu < 10^{-7}

    The likelihood goes on for ever, and pulls hardest on just those rows. (Float32 rounds the upper clip to 1 - 2^-23, where
    the end is 23 log 2. A library may add the 1e-7 once more to the logarithm's argument: then it comes one log 2 earlier.)
    """
    assert_ends_at_clip(network(beyond(link), Recipe(built_in_loss=True, dtype=dtype)))


@pytest.mark.control("clipped-cross-entropy")
@pytest.mark.parametrize("link", [*BEYOND, "binomial-logit"])
def test_the_likelihood_is_refused_as_clipped(link, network):
    """The likelihood itself: its loss is larger, or its gradient not zero, on the same rows."""
    with pytest.raises(AssertionError, match="a gradient of"):
        assert_ends_at_clip(network(beyond(link), Recipe()))


def beyond(link):
    """Two rows that the weights one and zero predict for certain, and wrongly."""
    eta = BEYOND.get(link, 20.0)
    return Problem.of(f"{link}, beyond the clip", problems.get(link).model, [[-eta], [eta]], [[1.0], [0.0]])


def assert_ends_at_clip(trained):
    """The loss of rows beyond the clip is the clip's, and nothing pulls on them."""
    __tracebackhide__ = True
    trained.weights = [np.ones((1, 1)), np.zeros(1)]
    loss, gradient = trained.objective(), vector(trained.gradient())
    lowest, highest = 22 * np.log(2), 7 * np.log(10) + tolerances.clipped().value
    assert lowest < loss < highest, f"a loss of {loss:.6g}, a gradient of {gradient}"
    assert (gradient == 0).all(), f"a loss of {loss:.6g}, a gradient of {gradient}"


POISSON = problems.get("poisson-log")
SHRUNK = Said(
    [POISSON],
    lambda problem: isinstance(problem.model.family, Poisson) and problem.model.link == Log() and has_a_bias(problem),
)
ADDED = 1e-7  # by the loss to the mean, inside the logarithm


@pytest.mark.claim(
    "built-in-poisson-shrinks-counts", source="S6", symptom="My Poisson network is off from the eighth digit, in float64."
)
@pytest.mark.parametrize("problem", SHRUNK, ids=str)
def test_a_poisson_loss_with_a_constant_in_its_logarithm_shrinks_the_counts(problem, params, network, subject):
    r"""
    A Poisson loss that adds 1e-7 inside its logarithm has the score of counts shrunk by mu / (mu + 1e-7).

    .. math:: \frac{\partial}{\partial\eta}\bigl(\mu - y \log(\mu + \varepsilon)\bigr)
              = \mu - y\,\frac{\mu}{\mu + \varepsilon}, \qquad \varepsilon = 10^{-7}
    """
    mean = POISSON.model.link.inverse(problem.eta(params))
    shrunk = replace(problem.with_data("shrunk", y=problem.y * mean / (mean + ADDED)), quasi=True)

    assert_same_gradient(problem, params, built_in(problem, params, network, subject), subject.evaluate(shrunk, params))


@pytest.mark.control("built-in-poisson-shrinks-counts")
@pytest.mark.parametrize("problem", SHRUNK, ids=str)
def test_the_score_of_the_counts_themselves_is_refused(problem, params, network, subject):
    """The likelihood of the counts as they were observed."""
    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_same_gradient(problem, params, built_in(problem, params, network, subject), subject.evaluate(problem, params))


def built_in(problem, params, network, engine):
    """The evaluation, with the score of the built-in loss."""
    trained = network(problem, Recipe(built_in_loss=True))
    trained.weights = [params.coef, params.intercept]
    return replace(engine.evaluate(problem, params), score=-problem.n * answers.stacked(trained.gradient()))


RARE = [
    Problem.of(f"one in {rows}", POISSON.model, np.empty((2, 0)), [[0], [1]], weights=[rows - 1, 1]) for rows in (100, 100000)
]
MEANS = [problems.get("by-hand-poisson-log-intercept-only"), *RARE]


@pytest.mark.claim(
    "built-in-poisson-loses-1e-7", source="S6", symptom="My Poisson network misses the intercept of rare events by one percent."
)
@pytest.mark.parametrize("problem", MEANS, ids=str)
def test_a_constant_in_the_logarithm_lowers_each_fitted_mean_by_as_much(problem, network):
    r"""
    A Poisson loss that adds 1e-7 inside its logarithm fits a mean 1e-7 too low: 1 percent of a mean of 1e-5.

    .. math:: \hat\mu - \bar y\,\frac{\hat\mu}{\hat\mu + \varepsilon} = 0 \implies \hat\mu = \bar y - \varepsilon, \qquad
              \hat b = \log \bar y - \frac{\varepsilon}{\bar y} - \ldots
    """
    assert_rests(problem, network, Recipe(built_in_loss=True), ADDED)


@pytest.mark.control("built-in-poisson-loses-1e-7")
@pytest.mark.parametrize(("recipe", "below"), [(Recipe(built_in_loss=True), 0.0), (Recipe(), ADDED)], ids=["built-in", "exact"])
@pytest.mark.parametrize("problem", MEANS, ids=str)
def test_each_loss_at_the_mean_of_the_other_is_refused(problem, recipe, below, network):
    """The built-in loss does not rest at the mean, nor the likelihood below it."""
    with pytest.raises(AssertionError, match="not the same slope"):
        assert_rests(problem, network, recipe, below)


def assert_rests(problem, network, recipe, below):
    """With that loss the gradient of a lone bias is zero at the mean less so much."""
    __tracebackhide__ = True
    mean = np.average(problem.y, weights=problem.row_weights)
    trained = network(problem, recipe)
    trained.weights = [np.empty((0, 1)), np.log([mean - below])]
    slope = trained.gradient()[-1]
    size = 2 * mean * problem.row_weights.mean()
    assert_same_values("slope", problem, slope, 0.0 * slope, tolerances.gradient(problem.n), size)
