"""
Collinear columns.

One column twice, the sum of two, ones beside the bias, a column for every level: their weights can be traded for each other.
"""

from dataclasses import replace

import numpy as np
import pytest

from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.evidence.preconditions import PreconditionFailed
from spec.evidence.rungs import assert_same_gradient, assert_same_mean, proven_optimum

from .collinear import COLLINEAR, NAMED, with_a_column_more


@pytest.mark.claim(
    "collinear-weights-are-not-identified",
    source="S6",
    symptom="I fed a column twice, or get_dummies without drop_first: the weights come out different each time.",
)
@pytest.mark.parametrize(("problem", "what", "combination"), COLLINEAR)
def test_a_combination_of_columns_takes_any_share_of_their_weights(problem, what, combination, params, subject):
    r"""
    A column that is a combination of others takes any share of their weights: same predictions, loss and gradient.

    .. math:: z = X a \implies X (\beta - t a) + z\, t = X \beta \quad \text{for every } t

    One column twice, a sum of two, ones beside the bias, a column for every level: the data cannot say what t is.
    """
    collinear = with_a_column_more(problem, what, combination)
    for t in (-2.0, 0.25, 1.0, 8.0):
        free = problem.free(params)
        shared = collinear.params(np.vstack([free - t * combination[:, None], [[t]]]))
        assert_same_through(problem, collinear, combination, subject, params, shared)


@pytest.mark.control("collinear-weights-are-not-identified")
@pytest.mark.parametrize(("problem", "what", "combination"), COLLINEAR)
def test_a_weight_given_to_the_extra_column_and_not_taken_from_the_others_is_refused(
    problem, what, combination, params, reference
):
    """A quarter given, nothing taken: the sum is another."""
    collinear = with_a_column_more(problem, what, combination)
    given = collinear.params(np.vstack([problem.free(params), [[0.25]]]))

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_same_through(problem, collinear, combination, reference, params, given)


def assert_same_through(problem, collinear, combination, engine, params, shared):
    """The collinear problem at ``shared`` has the mean and loss of the other at ``params``, and its score times [I a]."""
    less, more = engine.evaluate(problem, params), engine.evaluate(collinear, shared)
    assert_same_mean(problem, params, more)
    assert_same_values("loss", problem, more.loss, less.loss, tolerances.loss(problem.n))
    wide = np.vstack([less.score, combination @ less.score])
    assert_same_gradient(collinear, shared, more, replace(more, score=wide))


@pytest.mark.claim(
    "collinear-columns-are-named",
    source="S6",
    symptom="Perfect multicollinearity: nothing warned me, and yet two of my columns say the same thing.",
)
@pytest.mark.parametrize(("problem", "what", "combination"), NAMED)
def test_columns_that_depend_on_each_other_are_named_before_a_fit_is_judged(problem, what, combination):
    r"""
    Collinear columns are named, and no others with them: no fit of theirs is ever called the optimum.

    .. math:: X v = 0, \quad |v| = 1 \implies \text{column } j \text{ is involved where } v_j \ne 0
    """
    names = np.array(["the intercept", *problem.data.columns])
    involved = [*names[combination != 0], what]

    assert_refused_by_name(with_a_column_more(problem, what, combination), involved)


@pytest.mark.control("collinear-columns-are-named")
@pytest.mark.parametrize(("problem", "what", "combination"), COLLINEAR)
def test_columns_that_nearly_depend_on_each_other_have_an_optimum(problem, what, combination, rng):
    """Noise of a thousandth in the extra column makes the columns independent: one optimum, and it is proven."""
    exact = with_a_column_more(problem, what, combination)
    noise = np.outer(rng.normal(size=problem.n), np.arange(exact.p) == problem.p) / 1024
    nearly = exact.with_data(X=lambda data: data.X + noise, columns=lambda data: data.columns)

    with pytest.raises(AssertionError, match="an optimum was proven"):
        assert_refused_by_name(nearly, [what])


def assert_refused_by_name(problem, columns):
    """The proof of an optimum fails for want of rank, and the message names these columns."""
    try:
        proven_optimum(problem)
        said = "an optimum was proven"
    except PreconditionFailed as failure:
        said = str(failure)
    assert "precondition failed: rank" in said, said
    assert f"the columns {', '.join(columns)} are linearly dependent" in said, said
