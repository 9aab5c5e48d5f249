"""
The intercept.

A bias is an intercept, and a column of ones is a bias. Without either it is another model.
"""

from dataclasses import replace

import numpy as np
import pytest

from spec import problems
from spec.engines.wrong import RUNGS, NoBias
from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.evidence.rungs import assert_same, assert_same_optimum, fitted
from spec.links import Identity
from spec.problems import Said

from ..said import MANY, can_lose_its_bias, has_a_bias
from .coordinates import in_other_coordinates

WITH_BIAS = [problems.get("binomial-logit"), problems.get("poisson-log"), problems.get("softmax-3-to-3")]


def without_bias(problem):
    """The same rows, no intercept, no planted answer."""
    return replace(problem.with_data("no bias"), intercept=False, kind="given")


WITHOUT_BIAS = Said(map(without_bias, WITH_BIAS), can_lose_its_bias, lambda problem: [without_bias(problem)], MANY)
LOSING = Said(WITH_BIAS, can_lose_its_bias, most=MANY)
AT_ORIGIN = Said(WITH_BIAS, lambda problem: can_lose_its_bias(problem) and problem.offset is None)
LEARNED = Said(WITH_BIAS, lambda problem: AT_ORIGIN.admits(problem) and problem.model.link != Identity())
ONES = Said(WITH_BIAS, has_a_bias)
NEITHER = Said(WITH_BIAS, lambda problem: has_a_bias(problem) and NoBias.applies(problem) is None)


@pytest.mark.claim("no-bias-is-no-intercept", source="S6", symptom="With use_bias=False my coefficients are different ones.")
@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("problem", WITHOUT_BIAS, ids=str)
def test_a_layer_without_a_bias_is_the_model_without_an_intercept(problem, rung, params, subject, reference):
    r"""
    A layer without a bias is the model without an intercept, on every rung: another model, with another optimum.

    .. math:: \eta = \sum_j x_j w_j

    A formula adds an intercept, a design matrix does not, a layer does: each side has its own default.
    """
    assert_same(rung, problem, params, subject, reference)


@pytest.mark.control("no-bias-is-no-intercept")
@pytest.mark.parametrize("problem", LOSING, ids=str)
def test_the_slopes_of_a_fit_with_an_intercept_are_refused(problem, reference):
    """The intercept fitted, then thrown away."""
    with pytest.raises(AssertionError, match="not the same optimum"):
        assert_same_optimum(without_bias(problem), reference.fit(problem))


@pytest.mark.claim(
    "no-bias-fixes-the-origin", source="S6", symptom="I centred my inputs, dropped the bias, and the average case gets one half."
)
@pytest.mark.parametrize("problem", AT_ORIGIN, ids=str)
def test_without_a_bias_the_prediction_at_the_origin_is_known_before_training(problem, subject):
    r"""
    Without a bias the prediction where all inputs are zero is h(0), whatever the data: 1/2 of a sigmoid, 1/K of a softmax.

    .. math:: \mu(0) = h(0 \cdot w) = h(0)

    Centring the inputs makes that the prediction of the average case. It is no substitute for a bias.
    """
    assert_fixed_at_the_origin(problem, fitted(without_bias(problem), subject).params, subject)


@pytest.mark.control("no-bias-fixes-the-origin")
@pytest.mark.parametrize("problem", LEARNED, ids=str)
def test_with_a_bias_the_prediction_at_the_origin_is_learned(problem, reference):
    """The same with a bias: h(intercept)."""
    with pytest.raises(AssertionError, match="not the same mean at the origin"):
        assert_fixed_at_the_origin(problem, reference.fit(problem).params, reference)


def assert_fixed_at_the_origin(problem, params, engine):
    """Where all inputs are zero the mean is h(0), within the units in the last place that a mean is allowed."""
    origin = problem.with_data(X=0 * problem.X, planted=problem.data.planted)
    mean, h0 = engine.evaluate(origin, params).mean, problem.model.link.inverse(np.zeros((1, problem.k)))
    allowed = tolerances.mean_of_zero(problem.k)
    assert_same_values("mean at the origin", problem, mean, np.broadcast_to(h0, mean.shape), allowed)


@pytest.mark.claim(
    "ones-are-a-bias",
    source="S6",
    level="proven for this problem",
    symptom="My design matrix has a column of ones already. Do I keep the bias?",
)
@pytest.mark.parametrize("problem", ONES, ids=str)
def test_a_column_of_ones_is_a_bias(problem, params, subject, reference):
    r"""
    A layer without a bias on the columns [1 X] is the layer with a bias on X, on every rung of the ladder.

    .. math:: b + \sum_j x_j w_j = 1 \cdot w_0 + \sum_j x_j w_j, \qquad w_0 = b

    One of the two, not both: ones beside a bias are collinear with it.
    """
    ones = in_other_coordinates(subject, problem, intercept=False)

    for rung in RUNGS:
        assert_same(rung, problem, params, ones, reference)


@pytest.mark.control("ones-are-a-bias")
@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("problem", NEITHER, ids=str)
def test_neither_ones_nor_a_bias_is_refused(problem, rung, params, reference):
    """Both forgotten."""
    with pytest.raises(AssertionError, match=f"not the same {rung}"):
        assert_same(rung, problem, params, NoBias(reference), reference)
