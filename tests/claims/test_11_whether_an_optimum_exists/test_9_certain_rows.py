"""
Rows that are predicted for certain.

A mean that float64 rounds to 0 or 1 looks like separation, and is not.
"""

import numpy as np
import pytest
from flint import arb

from spec.evidence.balls import BALLS, working_precision
from spec.evidence.exact import optimal_eta
from spec.evidence.preconditions import PreconditionFailed
from spec.evidence.rungs import assert_same_optimum, fitted, proven_optimum
from spec.families import Binomial, Multinomial, Poisson
from spec.links import CLogLog, Log, Logit, LogLog, Probit, Softmax
from spec.model import Model
from spec.problems import Problem

from .separated import COMPLETE, QUASI

FAR = {"poisson-log": -800.0, "multinomial-softmax": 800.0}  # of a predictor that float64 cannot tell from certainty; else:
SURE = 60.0
BITS = 512  # 1 - mu is exp(-101) of the sigmoid


def heavy(model):
    """
    A column with one value far out, and responses that overlap in its bulk: ten at 0, of either kind, ten at 1, of either kind.

    The row far out answers as predicted, and its mean rounds to the end of its domain.
    """
    x = np.repeat([0.0, 1.0], 10)
    seen = np.where(np.arange(20) % 10 < np.where(x == 0, 3, 7), 1.0, 0.0)
    if isinstance(model.family, Poisson):
        seen, last = np.where(x == 0, 4.0, 1.0) + np.arange(20) % 2, 0.0
    else:
        last = 1.0
    far = FAR.get(str(model), SURE)
    X = np.append(x, abs(far))[:, None]
    y = np.append(seen, last)
    return Problem.of(f"one row far out, {model}", model, X, np.eye(2)[y.astype(int)] if model.has_classes else y[:, None])


MODELS = [
    *(Model(Binomial(), link) for link in (Logit(), Probit(), CLogLog(), LogLog())),
    Model(Poisson(), Log()),
    Model(Multinomial(), Softmax()),
]
HEAVY = [heavy(model) for model in MODELS]


@pytest.mark.claim(
    "certain-is-not-separated",
    source="S6",
    level="proven for this problem",
    symptom="Fitted probabilities of exactly 0 or 1 occurred; my program says separated, or stops with NaN.",
)
@pytest.mark.parametrize("problem", HEAVY, ids=str)
def test_means_that_round_are_not_separation(problem, subject):
    r"""
    A fitted mean that rounds to 0 or 1 is no separation: the optimum is finite, proven, and reached.

    .. math:: \hat\eta_i = \hat b + \hat w\, x_i \text{ grows with } x_i \text{, and } 1 - h(\hat\eta_i) \text{ falls like }
              e^{-\hat\eta_i}

    One row far out is enough. Its score and its information vanish, each by its own formula and not as 0 / 0.
    """
    fit = subject.fit(problem)

    assert_same_optimum(problem, fit)
    assert_certain(problem, subject.evaluate(problem, fit.params).mean)


@pytest.mark.control("certain-is-not-separated")
@pytest.mark.parametrize("case", [COMPLETE[0], QUASI[0]], ids=str)
def test_separated_data_have_no_such_optimum(case, subject):
    """The same is asked of separated data, whose fitted means round as well."""
    with pytest.raises(PreconditionFailed, match="separated"):
        assert_same_optimum(case.problem, subject.fit(case.problem))


def assert_certain(problem, mean):
    """The mean of the last row is the end of its domain, as float64 has it."""
    assert np.isin(mean[-1], [0.0, 1.0]).all(), f"{problem}: the last mean is {mean[-1]}"


@pytest.mark.claim(
    "certain-but-for-rounding",
    source="S6",
    level="proven for this problem",
    symptom="My network says that the probability is exactly 1. Is that possible?",
)
@pytest.mark.parametrize("problem", HEAVY[:1] + HEAVY[4:5], ids=str)
def test_a_finite_optimum_predicts_no_row_for_certain(problem, subject):
    r"""
    At a finite optimum no mean is 0 or 1: what float64 prints as certain is proven to lie inside, by a distance that is known.

    .. math:: 0 < \mu_i < 1, \qquad 1 - \mu_i = \frac{1}{1 + e^{\hat\eta_i}}
    """
    assert_certain(problem, subject.evaluate(problem, fitted(problem, subject).params).mean)
    assert_inside(problem, proven_optimum(problem))


@pytest.mark.control("certain-but-for-rounding")
def test_a_mean_taken_from_float64_is_not_proven_to_lie_inside():
    """The link of the mean as float64 has it: 1 is not below 1."""
    problem = HEAVY[0]
    with pytest.raises(AssertionError, match="not proven to lie inside"):
        assert_inside(problem, proven_optimum(problem), rounded=True)


def assert_inside(problem, optimum, rounded=False):
    """The exact mean of the last row is above 0, and a share below 1."""
    with working_precision(BITS):
        (eta,) = optimal_eta(problem, optimum)[-1]
        mean = problem.model.link.inverse(eta, BALLS)
        mean = arb(float(mean)) if rounded else mean
        below = 1 if isinstance(problem.model.family, Binomial) else arb(float("inf"))
        assert 0 < mean < below, f"{problem}: the last mean is not proven to lie inside"
