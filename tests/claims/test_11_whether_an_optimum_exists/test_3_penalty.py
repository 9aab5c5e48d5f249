"""
A penalty makes an optimum, where it reaches.

It reaches the weights that it is put on and that the data move: not the bias, not a column without data.
"""

import numpy as np
import pytest
from scipy.optimize import brentq

from spec.engines.answers import evaluation
from spec.engines.contract import Recipe
from spec.evidence import tolerances
from spec.evidence.preconditions import PreconditionFailed
from spec.evidence.rungs import proven_optimum
from spec.model import Params
from spec.problems import Problem

from ..points import anywhere
from .separated import (
    COMPLETE,
    LADDER,
    LOGISTIC,
    MARGIN,
    ONE_MARGIN,
    QUASI,
    Separated,
    assert_falls,
    column,
)


@pytest.mark.claim("penalty-restores-an-optimum", source="S6", symptom="With a little weight decay my fit suddenly settles.")
@pytest.mark.parametrize("l2", [1.0, 2.0**-6, 2.0**-20], ids="l2={:.1g}".format)
def test_any_penalty_gives_separated_data_one_optimum(l2, network):
    r"""
    Any L2 penalty gives data that the weights separate one optimum, where its pull balances what the residuals push.

    .. math:: m\,\sigma(-m w) = 2\,l_2\,w

    The left side falls and the right side rises, so they meet once; the smaller the penalty, the further out.
    """
    root = brentq(lambda w: MARGIN / (1 + np.exp(MARGIN * w)) - 2 * l2 * w, 0, 64, xtol=1e-15, rtol=4 * np.finfo(float).eps)

    assert_crosses_zero(network(ONE_MARGIN, Recipe(l2=l2)), root)


@pytest.mark.control("penalty-restores-an-optimum")
def test_without_a_penalty_nothing_balances(network):
    """The same place without the penalty."""
    with pytest.raises(AssertionError, match="the slope is"):
        assert_crosses_zero(network(ONE_MARGIN), 1.0)


def assert_crosses_zero(network, w):
    """The slope of the loss falls below zero at w / 2, is zero at w to the rounding of sigma - y, and above zero at 2 w."""
    slopes = []
    for place in (w / 2, w, 2 * w):
        network.weights = [np.array([[place]])]
        slopes.append(float(network.gradient()[0][0, 0]))
    rounding = tolerances.balanced_slope().value * MARGIN
    assert slopes[0] < -rounding, f"the slope is {slopes}"
    assert abs(slopes[1]) <= rounding, f"the slope is {slopes}"
    assert slopes[2] > rounding, f"the slope is {slopes}"


ONE_ANSWER = Separated(Problem.of("one-answer", LOGISTIC, LADDER, np.ones((6, 1))), lambda: Params([1], [[0]]))


@pytest.mark.claim("penalty-spares-the-bias", source="S6", symptom="I penalise the kernel, and the bias still runs away.")
@pytest.mark.parametrize("case", [ONE_ANSWER, QUASI[-1]], ids=str)
def test_a_penalty_on_the_kernel_does_not_hold_the_bias(case, network, rng):
    r"""
    A penalty on the kernel leaves the bias free: where a class never occurs there is no optimum, penalty or not.

    .. math:: \frac{\partial}{\partial b_k} \left(\ell - \tfrac{\lambda}{2} \|w\|^2\right) = -\sum_i \mu_{ik} < 0
    """
    penalised = network(case.problem, Recipe(l1=0.25, l2=0.25))

    assert_falls(lambda problem, params: evaluation(problem, penalised, params), case, anywhere(case.problem, rng))


@pytest.mark.control("penalty-spares-the-bias")
def test_a_penalty_on_the_kernel_holds_the_kernel(network, rng):
    """Data that a weight separates, not the bias."""
    penalised = network(COMPLETE[0].problem, Recipe(l1=0.25, l2=0.25))

    with pytest.raises(AssertionError, match="does not fall"):
        assert_falls(
            lambda problem, params: evaluation(problem, penalised, params), COMPLETE[0], anywhere(COMPLETE[0].problem, rng)
        )


@pytest.mark.claim("level-without-rows", source="S6", symptom="A weight stays where it was initialised, whatever I train.")
def test_a_level_that_never_occurs_leaves_its_weight_where_it_was(network, rng):
    r"""
    A level that never occurs has a weight without a slope: every value is as good, and the optima are infinitely many.

    .. math:: x_{ij} = 0 \text{ for all } i \quad\Rightarrow\quad \frac{\partial \ell}{\partial w_j} = 0

    To training that is a weight that stays at its initial value; to a statistician it is a failed precondition, the rank.
    """
    problem = Problem.of("level", LOGISTIC, np.column_stack([LADDER, 0 * LADDER]), column(0, 1, 0, 1, 1, 0))

    assert_no_slope(network(problem), rng)
    with pytest.raises(PreconditionFailed, match=r"rank: level: column x2 is all zeros"):
        proven_optimum(problem)


@pytest.mark.control("level-without-rows")
def test_a_level_of_one_row_has_a_slope(network, rng):
    """A level that occurs once."""
    once = np.column_stack([LADDER, np.eye(6)[:, :1]])

    with pytest.raises(AssertionError, match="has a slope"):
        assert_no_slope(network(Problem.of("level", LOGISTIC, once, column(0, 1, 0, 1, 1, 0))), rng)


def assert_no_slope(network, rng):
    """Wherever the weights are, the last weight's slope is 0.0, and another value of it changes no bit of the loss."""
    for _ in range(3):
        weights = [rng.normal(size=weight.shape) for weight in network.weights]
        network.weights = weights
        slope, before = network.gradient()[0][-1, 0], network.objective()
        network.weights = [weights[0] + np.eye(2)[:, 1:], weights[1]]
        assert slope == 0, f"the last weight has a slope, {slope}"
        assert network.objective() == before, f"the last weight has a slope: {before} became {network.objective()}"
