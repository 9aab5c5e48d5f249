"""
All together.

Offsets, weights and trials act each in its own place, and so they do not disturb each other.
"""

from dataclasses import replace

import numpy as np
import pytest

from spec import likelihood, problems
from spec.engines.wrong import forgets
from spec.evidence.rungs import (
    TEXTBOOK,
    assert_proven_inference,
    assert_same_curvature,
    assert_same_gradient,
    assert_same_inference,
    assert_same_likelihood,
    assert_same_mean,
    assert_same_numbers,
    assert_same_objective,
    assert_same_optimum,
    inferred,
)
from spec.problems import Said

from ..said import MANY
from .rows import elsewhere

PARTS = ("offset", "weights", "trials")
TOGETHER = Said(problems.COMBINED, lambda problem: any(getattr(problem.data, part) is not None for part in PARTS), most=MANY)
EACH_PART = [(part, problem) for problem in problems.COMBINED for part in PARTS if part in problem.tags]
FORGOTTEN = [pytest.param(part, problem, id=f"{part}-{problem}") for part, problem in EACH_PART]


@pytest.mark.claim(
    "parts-act-together", source="S6", symptom="My model has an offset, weights and trials at once: does the network have all?"
)
@pytest.mark.parametrize("problem", TOGETHER, ids=str)
def test_with_offsets_weights_and_trials_the_network_is_still_the_model(problem, params, subject):
    r"""
    With offsets, weights and trials, one or all, a network has the mean, likelihood, score and information of its model.

    .. math:: \ell = \sum_i w_i m_i\, k\bigl( y_i,\, h(o_i + b + w \cdot x_i) \bigr) + \sum_i c(y_i, w_i, m_i)

    A class of a softmax has an offset of its own, the first one too, and shares of trials in place of a single class.
    """
    assert_same_answers(problem, params, subject)


@pytest.mark.control("parts-act-together")
@pytest.mark.parametrize(("part", "problem"), FORGOTTEN)
def test_a_part_that_is_forgotten_is_refused(part, problem, params):
    """Each part is left out of what is evaluated."""
    with pytest.raises(AssertionError, match="not the same"):
        assert_same_answers(problem, params, forgets(part)(TEXTBOOK))


def assert_same_answers(problem, params, mine):
    """The first four rungs, and the likelihood with its constants."""
    __tracebackhide__ = True
    places = params, elsewhere(problem)
    found, expected = (tuple(engine.evaluate(problem, place) for place in places) for engine in (mine, TEXTBOOK))
    assert_same_mean(problem, params, found[0])
    assert_same_objective(problem, found, expected)
    assert_same_likelihood(problem, params, found[0])
    assert_same_gradient(problem, params, found[0], expected[0])
    assert_same_curvature(problem, params, found[0], expected[0])


@pytest.mark.claim(
    "parts-are-fitted-together",
    source="S6",
    level="proven for this problem",
    symptom="I set weights on data with an offset, and nobody's coefficients agree.",
)
@pytest.mark.parametrize("problem", TOGETHER, ids=str)
def test_trained_beside_all_of_them_the_network_holds_the_optimum(problem, subject):
    r"""
    Trained with offsets, weights and trials, one or all, a network holds the model's optimum, deviance and standard errors.

    .. math:: \sum_i w_i m_i\, \frac{y_i - \hat\mu_i}{V(\hat\mu_i)}\,h'(\hat\eta_i)\,x_{ij} = 0, \qquad j = 0, \ldots, p
    """
    fit = subject.fit(problem)

    assert_same_optimum(problem, fit)
    assert_same_numbers(problem, fit)


@pytest.mark.control("parts-are-fitted-together")
@pytest.mark.parametrize(("part", "problem"), FORGOTTEN)
def test_a_fit_without_a_part_is_refused(part, problem):
    """The optimum of the data without an offset, weights or trials; and its deviance beside the right coefficients."""
    right, wrong = TEXTBOOK.fit(problem), TEXTBOOK.fit(problem.with_data(**{part: None}))

    with pytest.raises(AssertionError, match="not the same optimum"):
        assert_same_optimum(problem, wrong)
    with pytest.raises(AssertionError, match="not the same deviance"):
        assert_same_numbers(problem, replace(right, deviance=wrong.deviance))


@pytest.mark.claim(
    "inference-of-parts-together", source="S6", symptom="With an offset my null deviance is not the one that R prints."
)
@pytest.mark.parametrize("problem", TOGETHER, ids=str)
def test_inference_keeps_offsets_weights_and_trials(problem, subject):
    r"""
    The null model keeps the offset, a residual the root of its weight: inference has all that a row brings.

    .. math:: D_0 = \min_b\, D\bigl( h(o + b) \bigr), \qquad
              r_i = \sqrt{\frac{w_i m_i}{V(\hat\mu_i)}}\,(y_i - \hat\mu_i), \qquad
              h_{ii} = \frac{w_i m_i\, h'^2}{V(\hat\mu_i)}\; x_i^\top I^{-1} x_i
    """
    mine = inferred(problem, subject)

    assert_proven_inference(problem, mine)
    assert_same_inference(problem, mine, inferred(problem, TEXTBOOK))


def null_without_offset(problem, right):
    """The deviance of the weighted mean, whatever the offset."""
    mean = np.average(problem.y, axis=0, weights=problem.row_weights[:, 0])
    return likelihood.deviance(problem, np.broadcast_to(mean, problem.y.shape))


SLIPS = {  # of the entry in front: what a row brings is left out, or counted by another rule
    "null without offset": ("null_deviance", "offset", null_without_offset),
    "residuals of rows alike": (
        "pearson_residuals",
        "weights",
        lambda p, i: i.pearson_residuals / np.sqrt(p.row_weights),
    ),
    "deviances of rows alike": (
        "deviance_residuals",
        "weights",
        lambda p, i: i.deviance_residuals / np.sqrt(p.row_weights),
    ),
    "leverage of rows alike": ("leverage", "weights", lambda p, i: i.leverage / p.row_weights[:, 0]),
    "residuals of counts": ("response_residuals", "trials", lambda p, i: i.response_residuals * p.trials),
    "rows by weight": ("bic", "weights", lambda p, i: i.bic + i.standard_errors.size * np.log(p.row_weights.sum() / p.n)),
    "constants without weights": (
        "log_likelihood",
        "weights",
        lambda p, i: (
            i.log_likelihood
            - likelihood.normaliser(p, i.dispersion)
            + likelihood.normaliser(p.with_data(weights=None), i.dispersion)
        ),
    ),
}
MISSED = [
    pytest.param(how, problem, id=f"{how}-{problem}")
    for how, (_, part, _) in SLIPS.items()
    for problem in [p for p in problems.COMBINED if part in p.tags]
    if not (problem.model.has_classes or problem.quasi)
    if how != "constants without weights" or problem.model.family.has_dispersion
]


@pytest.mark.control("inference-of-parts-together")
@pytest.mark.parametrize(("how", "problem"), MISSED)
def test_inference_that_forgets_what_a_row_brings_is_refused(how, problem):
    """One number at a time is made without the offset, the weights or the trials."""
    right, (entry, _, slip) = inferred(problem, TEXTBOOK), SLIPS[how]

    with pytest.raises(AssertionError, match=rf"not the same inference \({entry}\)"):
        assert_same_inference(problem, replace(right, **{entry: slip(problem, right)}), right)
