"""
No hidden layer: the prediction is the activation of a linear predictor (S2).

"With the right activation a network with no hidden layer is a logistic regression", says the first comment. Before any
loss or data: such a network *is* the function x -> h(b + x w), to the last digits of float64.
"""

import numpy as np
import pytest

from spec import problems
from spec.evidence.rungs import assert_same, assert_same_mean
from spec.problems import Said

from .refusals import refusals

ONE = problems.where(tag="pair")
MANY = problems.where(tag="small")
ANY = Said(problems.ALL)


@pytest.mark.claim("prediction-is-activation-of-linear-predictor", source="S2")
@pytest.mark.parametrize("problem", ANY, ids=str)
def test_the_prediction_is_the_activation_of_the_linear_predictor(problem, params, subject):
    r"""
    Without a hidden layer a prediction is the activation of a linear predictor, correct to 4 units in the last place.

    .. math:: \mu = h(\eta), \qquad \eta = b + \sum_j x_j w_j \;(+\;\text{offset})

    The right side is computed in ball arithmetic. The planted problems have data and weights on a dyadic grid, where
    float64 sums eta without rounding: what is left is the activation. (Softmax divides by a sum; each of its terms but one may
    round by half a unit more. Probit scales eta by the root of 2, which rounds it.)
    """
    assert_same_mean(problem, params, subject.evaluate(problem, params))


@pytest.mark.control("prediction-is-activation-of-linear-predictor")
@pytest.mark.parametrize(("rung", "wrong", "problem"), refusals(ONE + MANY, ["mean"], ANY.admits))
def test_another_function_is_refused(rung, wrong, problem, params, reference):
    """Another link, no bias, classes exchanged, single precision, zeros."""
    with pytest.raises(AssertionError, match="not the same mean"):
        assert_same(rung, problem, params, wrong(reference), reference)


@pytest.mark.claim("only-the-linear-predictor-counts", source="S2")
@pytest.mark.parametrize("problem", ONE, ids=str)
def test_inputs_with_the_same_linear_predictor_get_the_same_prediction(problem, params, subject):
    r"""
    The inputs act through their weighted sum alone: a move that leaves the sum unchanged changes no prediction.

    .. math:: x \cdot w = x' \cdot w \implies \mu(x) = \mu(x')

    A hidden layer breaks this: there, two inputs can have the same sum and different predictions.
    """
    (first, second), along = params.coef[:2, 0], np.zeros(problem.p)
    along[:2] = second, -first
    moved = problem.with_data(X=lambda data: data.X + along / 16)

    assert_same_mean(problem, params, subject.evaluate(moved, params))


@pytest.mark.control("only-the-linear-predictor-counts")
@pytest.mark.parametrize("problem", ONE, ids=str)
def test_a_move_that_changes_the_sum_is_refused(problem, params, reference):
    """The same length of move, across instead of along."""
    (first, second), across = params.coef[:2, 0], np.zeros(problem.p)
    across[:2] = first, second
    moved = problem.with_data(X=lambda data: data.X + across / 256)

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_same_mean(problem, params, reference.evaluate(moved, params))
