"""
The units of the inputs.

A change of units moves no prediction, but it decides how fast gradient descent is.
"""

from dataclasses import replace

import numpy as np
import pytest

from spec import problems, scoring
from spec.engines import answers
from spec.engines.contract import Recipe
from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.evidence.rungs import assert_same_gradient, assert_same_optimum
from spec.model import Params
from spec.problems import Said

from ..descent import descend
from ..said import has_a_bias, has_one_output
from .axes import CANONICAL, LONGLEY, ONE_EACH, assert_contracts, spectrum

CENTRE, MIX = np.array([1.0, -0.5, 2.0]), np.array([[4, 0, 0], [-2, 0.5, 0], [0, 1, 0.25]])


def units(problem):
    """A zero and units: of planted inputs binary fractions, which round nothing; of others the first row, and powers of 2."""
    if problem.kind != "given":
        return CENTRE, MIX
    reach = np.abs(problem.X - problem.X[0]).max(axis=0)
    return problem.X[0], np.diag(2.0 ** -np.ceil(np.log2(np.where(reach > 0, reach, 1))))


def remeasured(problem):
    """Inputs from another zero, in other units, and mixed."""
    centre, mix = units(problem)
    return problem.with_data("remeasured", X=lambda data: (data.X - centre) @ mix)


@pytest.mark.claim(
    "units-move-weights-not-means", source="S6", symptom="I standardised my inputs and every coefficient is different."
)
@pytest.mark.parametrize("problem", CANONICAL + ONE_EACH, ids=str)
def test_other_units_and_zeros_of_the_inputs_change_no_mean(problem, params, subject):
    r"""
    Inputs from another zero and in other units have other weights, by a linear map, and exactly the same means.

    .. math:: \tilde x = A^\top (x - c), \quad \tilde w = A^{-1} w, \quad \tilde b = b + c \cdot w
              \implies \tilde b + \tilde x \cdot \tilde w = b + x \cdot w
    """
    moved = Params(params.intercept + CENTRE @ params.coef, np.linalg.solve(MIX, params.coef))

    assert_unchanged(problem, subject.evaluate(remeasured(problem), moved).mean, subject.evaluate(problem, params).mean)


@pytest.mark.control("units-move-weights-not-means")
@pytest.mark.parametrize("problem", CANONICAL + ONE_EACH, ids=str)
def test_a_bias_that_stays_when_the_zero_moves_is_refused(problem, params, reference):
    """The zero of one input moved by 2^-16, the smallest step of the data, and the bias left as it was."""
    nudged = problem.with_data("nudged", X=lambda data: data.X + 2.0**-16 * (np.arange(problem.p) == 0))

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_unchanged(problem, reference.evaluate(nudged, params).mean, reference.evaluate(problem, params).mean)


def assert_unchanged(problem, mine, other):
    """The means are the same to the last bit: eta is exact either way, and the rest is one computation."""
    __tracebackhide__ = True
    assert_same_values("mean", problem, mine, other, tolerances.unchanged())


REMEASURED = Said(ONE_EACH, has_a_bias)


@pytest.mark.claim(
    "units-and-the-optimum",
    source="S6",
    level="proven for this problem",
    symptom="Does scaling the inputs change what the model has learned?",
)
@pytest.mark.parametrize("problem", REMEASURED, ids=str)
def test_the_optimum_moves_with_the_units(problem, subject):
    r"""
    The optimum for inputs in other units is the optimum, in other units.

    .. math:: \hat w = A\,\hat{\tilde w}, \qquad \hat b = \hat{\tilde b} - c \cdot \hat w
    """
    fit, (centre, mix) = subject.fit(remeasured(problem)), units(problem)
    coef = mix @ fit.params.coef

    assert_same_optimum(problem, replace(fit, params=Params(fit.params.intercept - centre @ coef, coef)))


@pytest.mark.control("units-and-the-optimum")
@pytest.mark.parametrize("problem", REMEASURED, ids=str)
def test_an_intercept_at_another_zero_is_refused(problem, reference):
    """The intercept belongs to inputs of zero, wherever their zero is."""
    fit = reference.fit(problem)
    elsewhere = Params(fit.params.intercept + units(problem)[0] @ fit.params.coef, fit.params.coef)

    with pytest.raises(AssertionError, match="not the same optimum"):
        assert_same_optimum(problem, replace(fit, params=elsewhere))


def can_be_normalised(problem):
    """The inputs vary, and there is no other one."""
    plain = has_one_output(problem) and has_a_bias(problem) and problem.offset is None
    return plain and (problem.X.std(axis=0) > 0).all()


NORMALISED = Said([LONGLEY, problems.get("star98"), *ONE_EACH], can_be_normalised)


@pytest.mark.claim(
    "normalising-layer", source="S6", symptom="With a normalisation layer, the weights no longer match the regression's."
)
@pytest.mark.parametrize("problem", NORMALISED, ids=str)
def test_a_normalising_layer_is_a_change_of_units(problem, params, network, subject):
    r"""
    A layer that centres and scales its inputs changes the units of the weights, and neither the mean nor the score.

    .. math:: \tilde w_j = s_j w_j, \quad \tilde b = b + \sum_j m_j w_j, \qquad
              \partial_{w_j} L = s_j\,\partial_{\tilde w_j} L + m_j\,\partial_{\tilde b} L
    """
    assert_normalises(problem, params, network(problem, Recipe(normalised=True)), subject.evaluate(problem, params))


@pytest.mark.control("normalising-layer")
@pytest.mark.parametrize("problem", NORMALISED, ids=str)
def test_a_normalising_layer_in_float32_is_refused(problem, params, network, reference):
    """Means and scales with 24 bits are other means and scales."""
    single = network(problem, Recipe(normalised=True, dtype="float32"))

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_normalises(problem, params, single, reference.evaluate(problem, params))


def assert_normalises(problem, params, layered, bare):
    """The layered network at the mapped weights has the bare one's means, and its gradient mapped back is the score."""
    __tracebackhide__ = True
    middle, scale = problem.X.mean(axis=0), problem.X.std(axis=0)
    layered.weights = [scale[:, None] * params.coef, params.intercept + middle @ params.coef]
    terms = np.abs(params.intercept) + (np.abs(problem.X) + 2 * np.abs(middle)) @ np.abs(params.coef)
    size = np.abs(bare.mean) + np.abs(problem.model.link.inverse_derivative(problem.eta(params))) * terms
    kernel, bias = layered.gradient()
    score = answers.score(problem, layered, [scale[:, None] * kernel + middle[:, None] * bias, bias])

    assert_same_values("mean", problem, layered.predict(), bare.mean, tolerances.normalised(problem.n), size)
    assert_same_gradient(problem, params, replace(bare, score=score), bare)


NORMALISED_LONGLEY = LONGLEY.with_data("normalised", X=lambda data: (data.X - data.X.mean(axis=0)) / data.X.std(axis=0))


def white(data):
    """Columns that are orthogonal and of one length, one of them in place of the intercept's."""
    return np.sqrt(len(data.X)) * scoring.White.of(LONGLEY).design


WHITENED_LONGLEY = replace(LONGLEY.with_data("whitened", X=white), intercept=False)


@pytest.mark.claim(
    "epochs-for-a-digit", source="S6", symptom="Gradient descent on unscaled data gets nowhere, however long I wait."
)
@pytest.mark.parametrize(
    ("problem", "quoted"),
    [
        pytest.param(LONGLEY, 2.7e19, id="longley"),
        pytest.param(NORMALISED_LONGLEY, 1.4e4, id="longley-normalised"),
        pytest.param(WHITENED_LONGLEY, 0, id="longley-whitened"),
    ],
)
def test_epochs_grow_with_the_square_of_the_condition_number(problem, quoted, network):
    r"""
    Descent needs some kappa squared epochs for a digit: 3e19 for Longley as it comes, 1.4e4 normalised, 1 whitened.

    .. math:: w_t - \hat w = (I - \eta H)^t (w_0 - \hat w), \qquad
              \min_\eta \|I - \eta H\| = 1 - \frac{2}{\kappa^2 + 1} \quad\text{at}\quad \eta = \frac{2}{\lambda_1 + \lambda_p}

    for squared error, whose Hessian H has the square of the design's condition number kappa for its own. A digit takes
    log(10) / -log(1 - 2 / (kappa^2 + 1)) epochs, about 1.15 kappa^2. Steps that small are lost to rounding in float64.
    """
    assert_descends(problem, network(problem), epochs=30)
    assert_quoted(epochs_for_a_digit(problem), quoted)


@pytest.mark.control("epochs-for-a-digit")
@pytest.mark.parametrize("problem", [NORMALISED_LONGLEY, WHITENED_LONGLEY], ids=["normalised", "whitened"])
def test_steps_of_another_length_are_refused(problem, network):
    """A step one hundredth shorter than the one that the law is told of."""
    with pytest.raises(AssertionError, match="not the same distance"):
        assert_descends(problem, network(problem), epochs=5, shortened=0.99)


def assert_descends(problem, plain, epochs, shortened=1.0):
    """Down its gradient at the best rate, a network nears the optimum as the law says; ``shortened`` alters the steps alone."""
    __tracebackhide__ = True
    rates, _ = spectrum(problem, plain.loss_scale)
    rate = 2 / (rates.max() + rates.min())
    assert_contracts(problem, plain.loss_scale, rate, [plain.weights, *descend(plain, shortened * rate, epochs)])


def epochs_for_a_digit(problem):
    """log(10) / -log(1 - 2 / (kappa^2 + 1)); where 1 - 2 / (kappa^2 + 1) rounds to 1, its limit log(10) kappa^2 / 2."""
    rates, _ = spectrum(problem, 1.0)
    square = rates.max() / rates.min()
    fallen = -np.log1p(-2 / (square + 1)) if square > 1 else np.inf
    return np.log(10) * square / 2 if square > 2**53 else np.log(10) / fallen


def assert_quoted(found, quoted):
    """The figure is the quoted one, to two digits; zero stands for descent that one epoch ends."""
    allowed = max(tolerances.quoted().value * quoted, tolerances.at_once().value)
    assert abs(found - quoted) <= allowed, f"{found:.3g}, and not {quoted:.2g}"
