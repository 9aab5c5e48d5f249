"""
There is no limit to the number of input neurons (S7).

The answer draws four and says that there may be any number. The claims hold from one column to 512, on each rung; and of other
models with many columns, with many rows, and with predictors far beyond what float64 can exponentiate.
"""

from dataclasses import replace

import numpy as np
import pytest

from spec import problems
from spec.engines.wrong import RUNGS
from spec.evidence.rungs import (
    TEXTBOOK,
    assert_same,
    assert_same_curvature,
    assert_same_gradient,
    assert_same_likelihood,
    assert_same_mean,
    assert_same_numbers,
    assert_same_optimum,
)
from spec.problems import Said

from .refusals import refusals
from .said import is_logistic

WIDTHS = Said(problems.where(tag="width"), is_logistic)


@pytest.mark.claim("any-width", source="S7")
@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("problem", WIDTHS, ids=str)
def test_network_and_logistic_regression_agree_at_any_width(problem, rung, params, subject, reference):
    r"""
    With 1, 4, 32 or 512 inputs alike, the sigmoid network is logistic regression on every rung of the ladder.

    .. math:: \eta = b + \sum_{j=1}^{p} w_j x_j, \qquad p = 1, 4, 32, 512
    """
    assert_same(rung, problem, params, subject, reference)


@pytest.mark.control("any-width")
@pytest.mark.parametrize(("rung", "wrong", "problem"), refusals(WIDTHS[:-1], admits=is_logistic))
def test_what_is_wrong_is_refused(rung, wrong, problem, params, reference):
    """The same assertions refuse each engine that is wrong on purpose, on every rung that it spoils."""
    with pytest.raises(AssertionError, match=f"not the same {rung}"):
        assert_same(rung, problem, params, wrong(reference), reference)


SIZED = list(problems.SIZED)
FAR = problems.where(tag="far", among=SIZED)


@pytest.mark.claim(
    "any-size",
    source="S7 S6",
    level="proven for this problem",
    symptom="With some hundred thousand rows, or one huge input, the fits no longer agree.",
)
@pytest.mark.parametrize("problem", SIZED, ids=str)
def test_a_network_of_any_size_is_its_model(problem, params, subject):
    r"""
    With 40 inputs of 256 rows, with 50,001 rows, or with eta beyond 37 and 709, the network is its model and finds its optimum.

    .. math:: 1 - \sigma(37) \approx 2^{-53}, \qquad e^{709} \approx 2^{1023}

    Rows far out have means of 0 and 1 to the last digit. Where their responses are no surprise they decide nothing.
    """
    assert_same_answers(problem, params, subject)
    fit = subject.fit(problem)
    assert_same_optimum(problem, fit)
    assert_same_numbers(problem, fit)


@pytest.mark.control("any-size")
@pytest.mark.parametrize("problem", SIZED, ids=str)
def test_a_row_that_is_lost_is_refused(problem, params):
    """The score without the first row, which is one of 50,001."""
    rest = problem.with_data(X=lambda data: data.X[1:], y=lambda data: data.y[1:])
    right, wrong = TEXTBOOK.evaluate(problem, params), TEXTBOOK.evaluate(rest, params)

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_same_gradient(problem, params, replace(right, score=wrong.score), right, of_eta=True)


@pytest.mark.control("any-size")
@pytest.mark.parametrize("problem", FAR, ids=str)
def test_a_predictor_that_is_kept_from_overflowing_is_refused(problem, params):
    """The means of an eta that is kept within 30 of zero."""
    mean = problem.model.link.inverse(np.clip(problem.eta(params), -30, 30))

    with pytest.raises(AssertionError, match="not the same mean"), np.errstate(over="ignore"):
        assert_same_mean(problem, params, replace(TEXTBOOK.evaluate(problem, params), mean=mean))


def assert_same_answers(problem, params, mine):
    """Mean, likelihood, score and information at the parameters; far out a score keeps the digits of a function of eta."""
    __tracebackhide__ = True
    found, expected = mine.evaluate(problem, params), TEXTBOOK.evaluate(problem, params)
    assert_same_mean(problem, params, found)
    assert_same_likelihood(problem, params, found)
    assert_same_gradient(problem, params, found, expected, of_eta=True)
    assert_same_curvature(problem, params, found, expected, of_eta=True)
