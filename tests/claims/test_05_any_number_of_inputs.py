"""
There is no limit to the number of input neurons (S7).

The answer draws four and says that there may be any number. The claims hold from one column to 512, on each rung.
"""

import pytest

from spec import problems
from spec.engines.wrong import RUNGS
from spec.evidence.rungs import assert_same
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
