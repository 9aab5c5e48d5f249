"""
The labels of the classes.

Which class is the baseline, and in which order the others stand, is a choice of the table, not of the model.
"""

import numpy as np
import pytest

from spec import problems
from spec.engines.wrong import RUNGS, ClassesPermuted
from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.evidence.rungs import assert_same
from spec.problems import Said

from ..said import has_a_bias
from .coordinates import in_other_coordinates

SMALL = Said(problems.where(tag="small"), lambda problem: problem.model.has_classes and has_a_bias(problem))
TWO = Said(SMALL[:2], SMALL.admits)


@pytest.mark.claim(
    "baseline-is-a-label",
    source="S6",
    level="proven for this problem",
    symptom="I changed the reference class and every coefficient changed.",
)
@pytest.mark.parametrize("problem", SMALL, ids=str)
def test_another_baseline_class_relabels_the_coefficients_and_does_nothing_else(problem, params, subject, reference):
    r"""
    Another baseline class, or another order of the classes, relabels the coefficients and does nothing else.

    .. math:: \beta'_k = \beta_{\pi(k)} - \beta_{\pi(0)}

    The network is asked about the classes in reverse; its answers, the labels put back, are those to the classes as they were.
    """
    relabelled = in_other_coordinates(subject, problem, order=np.arange(problem.k)[::-1])

    for rung in RUNGS:
        assert_same(rung, problem, params, relabelled, reference)


@pytest.mark.control("baseline-is-a-label")
@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("problem", TWO, ids=str)
def test_another_baseline_under_the_old_labels_is_refused(problem, rung, params, reference):
    """Two labels not put back."""
    relabelled = in_other_coordinates(ClassesPermuted(reference), problem, order=np.arange(problem.k)[::-1])

    with pytest.raises(AssertionError, match=f"not the same {rung}"):
        assert_same(rung, problem, params, relabelled, reference)


@pytest.mark.claim(
    "contrasts-keep-their-standard-errors", source="S6", symptom="A class is significant against one baseline and not another."
)
@pytest.mark.parametrize("problem", SMALL, ids=str)
def test_the_standard_error_of_a_contrast_does_not_depend_on_the_baseline(problem, params, subject, reference):
    r"""
    The standard error of a difference between two classes is the same whatever the baseline.

    .. math:: \operatorname{var}(\hat w_a - \hat w_b) = V_{aa} + V_{bb} - 2 V_{ab}, \qquad V_{0\cdot} = V_{\cdot 0} = 0

    A table of coefficients holds K - 1 of the K (K - 1) / 2 differences; another baseline shows others of them.
    """
    relabelled = in_other_coordinates(subject, problem, order=np.arange(problem.k)[::-1])
    information = subject.evaluate(relabelled.other, relabelled.there(params)).information
    mine = contrast_errors(problem, information, relabelled.order)

    assert_same_contrasts(problem, mine, reference.evaluate(problem, params).information)


@pytest.mark.control("contrasts-keep-their-standard-errors")
@pytest.mark.parametrize("problem", TWO, ids=str)
def test_standard_errors_under_the_wrong_labels_are_refused(problem, params, reference):
    """The information as it is, its classes taken to be in another order."""
    information = reference.evaluate(problem, params).information

    with pytest.raises(AssertionError, match="not the same standard error"):
        assert_same_contrasts(problem, contrast_errors(problem, information, np.arange(problem.k)[::-1]), information)


def contrast_errors(problem, information, order):
    """The standard error of each coefficient's difference between each two classes, (q, K, K); ``order`` are their labels."""
    V = np.zeros((problem.k, problem.q, problem.k, problem.q))
    V[1:, :, 1:, :] = np.linalg.inv(information).reshape(problem.k - 1, problem.q, problem.k - 1, problem.q)
    V = np.einsum("ajbj->jab", V)
    own = np.einsum("jaa->ja", V)
    variance = own[:, :, None] + own[:, None, :] - 2 * V
    back = np.argsort(order)
    return np.sqrt(variance)[:, back][:, :, back]


def assert_same_contrasts(problem, mine, information):
    """The standard errors of all contrasts are those that the information of the classes in their own order gives."""
    tolerance = tolerances.standard_errors(problem.n, np.linalg.cond(information))
    assert_same_values("standard error", problem, mine, contrast_errors(problem, information, np.arange(problem.k)), tolerance)
