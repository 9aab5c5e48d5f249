"""
Weights.

A weight repeats a row, removes it, or says how exactly it is known.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from spec.engines import answers
from spec.evidence.rungs import (
    TEXTBOOK,
    assert_same_curvature,
    assert_same_gradient,
    assert_same_objective,
    assert_same_optimum,
)
from spec.problems import Said

from .rows import (
    CANONICAL,
    COUNTS,
    EVERY,
    LOGISTIC,
    SINGLE,
    SIZES,
    assert_likelihoods_differ_by,
    assert_same_standard_errors,
    copies,
    elsewhere,
    named_as,
    variant,
    weighted,
)

QUASI = replace(COUNTS, name="quasi-poisson-log", quasi=True)
SCALED = [problem for problem in CANONICAL if problem.model.family.has_dispersion]
LIGHT = Said([LOGISTIC, COUNTS, SIZES])


@cache
def repeated(problem):
    """The problem with each row as often as its weight says."""
    return variant(problem, "repeated", **rows(problem, np.repeat(np.arange(problem.n), copies(problem))))


def rows(problem, numbers):
    """The parts of the data that have rows, with those of these numbers; without weights."""
    parts = {part: getattr(problem.data, part) for part in ("X", "y", "offset", "trials")}
    return {"weights": None, **{part: values[numbers] for part, values in parts.items() if values is not None}}


@pytest.mark.claim(
    "a-weight-repeats-its-row",
    source="S6",
    symptom="I duplicated rows to rebalance the classes, and wonder whether weights would have done.",
)
@pytest.mark.parametrize("problem", EVERY, ids=str)
def test_a_weight_of_two_is_a_row_that_stands_twice(problem, params, subject, reference):
    r"""
    A weight of 2 is a row that stands twice: n times the loss, the score and the information are the same.

    .. math:: -\frac{n}{c}\,L = \sum_i w_i\, k(y_i, \mu_i) = \sum_i \sum_{j=1}^{w_i} k(y_i, \mu_i)
    """
    planted = elsewhere(problem)
    network = subject.evaluate(weighted(problem), params), subject.evaluate(weighted(problem), planted)
    model = reference.evaluate(repeated(problem), params), reference.evaluate(repeated(problem), planted)

    assert_same_objective(weighted(problem), network, model)
    assert_same_gradient(repeated(problem), params, network[0], model[0])
    assert_same_curvature(repeated(problem), params, network[0], model[0])


@pytest.mark.control("a-weight-repeats-its-row")
@pytest.mark.parametrize("problem", SINGLE, ids=str)
def test_rows_that_stand_once_are_refused(problem, params, reference):
    """The same rows, each of them once."""
    truth = reference.evaluate(repeated(problem), params)
    once = problem if problem.data.weights is None else variant(problem, "once", weights=None)

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_same_gradient(repeated(problem), params, reference.evaluate(once, params), truth)
    with pytest.raises(AssertionError, match="not the same curvature"):
        assert_same_curvature(repeated(problem), params, reference.evaluate(once, params), truth)


@pytest.mark.claim(
    "a-weight-of-zero-removes-its-row",
    source="S6",
    symptom="I masked the bad rows with a sample weight of zero, and am not sure that they are gone.",
)
@pytest.mark.parametrize("problem", EVERY, ids=str)
def test_a_weight_of_zero_is_a_row_removed(problem, params, network, reference):
    r"""
    A row of weight 0 is gone from loss and score, whatever it holds: all that is left of it is the n that divides them.

    .. math:: \nabla \sum_i w_i\, k(y_i, \mu_i) = \sum_{i : w_i > 0} w_i\, \nabla k(y_i, \mu_i)
    """
    masked, removed = with_a_third_weighted(problem, 0.0), with_a_third_removed(problem)
    planted = elsewhere(problem)
    model = reference.evaluate(removed, params), reference.evaluate(removed, planted)
    mine = tuple(named_as(model[0], answers.evaluation(masked, network(masked), at)) for at in (params, planted))

    assert_same_objective(masked, mine, model)
    assert_same_gradient(removed, params, mine[0], model[0])


@pytest.mark.control("a-weight-of-zero-removes-its-row")
@pytest.mark.parametrize("problem", LIGHT, ids=str)
def test_a_weight_of_a_millionth_is_refused(problem, params, network, reference):
    """A weight that is small, and not zero."""
    masked, removed = with_a_third_weighted(problem, 1e-6), with_a_third_removed(problem)
    model = reference.evaluate(removed, params)

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_same_gradient(removed, params, answers.evaluation(masked, network(masked), params), model)


@cache
def with_a_third_weighted(problem, weight):
    """The problem in which each third row has this weight, and the response of the row before it."""
    y = np.where(third(problem)[:, None], np.roll(problem.y, 1, axis=0), problem.y)
    return variant(problem, f"a third weighted {weight:g}", y=y, weights=np.where(third(problem), weight, 1.0))


@cache
def with_a_third_removed(problem):
    """The problem without each third row."""
    return variant(problem, "a third removed", **rows(problem, np.flatnonzero(~third(problem))))


def third(problem):
    """True for each third row, (n,)."""
    return np.arange(problem.n) % 3 == 0


@pytest.mark.claim(
    "a-weight-of-zero-counts-as-a-row",
    source="S6",
    level="proven for this problem",
    symptom="I gave the bad rows a weight of zero, and all the standard errors shrank.",
)
@pytest.mark.parametrize("problem", [QUASI, *SCALED], ids=str)
def test_a_row_of_weight_zero_is_counted_among_the_rows(problem, subject, reference):
    r"""
    A row of weight 0 moves no coefficient, yet counts among the rows: it shrinks the dispersion, and the standard errors.

    .. math:: \hat\phi = \frac{1}{n - q} \sum_{i : w_i > 0} w_i\, \frac{(y_i - \hat\mu_i)^2}{V(\hat\mu_i)}

    That n has all rows in it is a convention, and not every program's.
    """
    masked, removed = with_a_third_weighted(problem, 0.0), with_a_third_removed(problem)
    ratio = np.sqrt((removed.n - removed.q) / (masked.n - masked.q))

    for engine in (subject, reference) if problem.quasi else (subject,):  # statsmodels has no log-likelihood of such rows there
        assert_same_optimum(removed, engine.fit(masked))
        assert_same_standard_errors(removed, engine.fit(masked), reference.fit(removed), ratio)


@pytest.mark.control("a-weight-of-zero-counts-as-a-row")
@pytest.mark.parametrize("problem", [QUASI, *SCALED], ids=str)
def test_standard_errors_of_the_rows_that_are_left_are_refused(problem):
    """The standard errors of the data without those rows."""
    removed, masked = with_a_third_removed(problem), with_a_third_weighted(problem, 0.0)

    with pytest.raises(AssertionError, match="not the same standard errors"):
        assert_same_standard_errors(removed, TEXTBOOK.fit(masked), TEXTBOOK.fit(removed))


@pytest.mark.claim(
    "frequency-and-precision-weights",
    source="S6",
    level="proven for this problem",
    symptom="Same weights, same coefficients, but the two programs print different standard errors.",
)
@pytest.mark.parametrize("problem", [*CANONICAL, QUASI], ids=str)
def test_frequency_and_precision_weights_differ_in_standard_errors_and_likelihood(problem, subject, reference):
    r"""
    Precision weights have the coefficients of repeated rows, and other standard errors where a dispersion is estimated.

    .. math:: \frac{\mathrm{SE}_{\text{precision}}}{\mathrm{SE}_{\text{frequency}}} = \sqrt{\frac{\sum_i w_i - q}{n - q}},
              \qquad \ell_{\text{precision}} - \ell_{\text{frequency}} = \sum_i c(y_i, 1 / w_i) - w_i\, c(y_i, 1)

    Both have Pearson's X^2 in common, and divide it by what they take for the number of rows. Where the family has no
    dispersion, the weight can only count rows: ratio 1, difference 0. (c is the log-likelihood's term free of the mean.)
    """
    precision, frequency = weighted(problem), repeated(problem)
    family, y, w = problem.model.family, problem.y, copies(problem)[:, None]
    ratio = np.sqrt((w.sum() - problem.q) / (problem.n - problem.q)) if problem.has_dispersion else 1.0
    constant = family.normaliser(y, 1 / w) - w * family.normaliser(y) if family.has_dispersion else 0 * y
    truth = reference.fit(frequency)

    assert_same_optimum(precision, truth)
    for engine in (subject, reference):
        fit = engine.fit(precision)
        assert_same_optimum(precision, fit)
        assert_same_standard_errors(frequency, fit, truth, ratio)
        assert_likelihoods_differ_by(constant, frequency, fit, truth)


@pytest.mark.control("frequency-and-precision-weights")
@pytest.mark.parametrize("problem", [p for p in CANONICAL if p.has_dispersion], ids=str)
def test_precision_taken_for_frequency_is_refused(problem, reference):
    """Precision weights have neither the standard errors nor the likelihood of repeated rows."""
    precision, frequency = reference.fit(weighted(problem)), reference.fit(repeated(problem))

    with pytest.raises(AssertionError, match="not the same standard errors"):
        assert_same_standard_errors(repeated(problem), precision, frequency)
    with pytest.raises(AssertionError, match="not the same likelihood"):
        assert_likelihoods_differ_by(np.zeros(1), repeated(problem), precision, frequency)
