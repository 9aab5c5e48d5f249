"""
Balance.

With a canonical link and a bias the fitted means sum to the responses.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from spec import problems
from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.evidence.rungs import fitted
from spec.families import Binomial
from spec.problems import Said

from ..said import has_one_output
from .rows import (
    CANONICAL,
    CLOGLOG,
    COUNTS,
    LINE,
    LOGISTIC,
    PROBIT,
    ROOTS,
    SIZES,
    SOFTMAX,
    copies,
    trained_weights,
    variant,
    weighted,
)


def groups(problem):
    """Two indicators, (n,) each: of every other row, and of the rest."""
    odd = np.arange(problem.n) % 2
    return odd, 1 - odd


@cache
def with_groups(problem):
    """The problem with weights, and with a column more that tells the groups apart."""
    X = np.hstack([problem.X, groups(problem)[0][:, None]])
    return variant(problem, "two groups", X=X, weights=copies(problem))


@pytest.mark.claim(
    "balance",
    source="S6",
    symptom="The predictions of one model add up to the observed total, those of another do not.",
)
@pytest.mark.parametrize("problem", CANONICAL + SOFTMAX, ids=str)
def test_with_a_canonical_link_the_means_sum_to_the_responses(problem, subject):
    r"""
    With a canonical link and a bias, fitted means sum to the responses: over all rows, and in each group with a column.

    .. math:: h' \propto V \implies \sum_i w_i\, x_{ij}\, (y_i - \hat\mu_i) = 0, \qquad x_{ij} = 1 \text{ in the group, else } 0
    """
    grouped = with_groups(problem)
    mean = subject.evaluate(grouped, fitted(grouped, subject).params).mean

    assert_balanced(grouped, mean, groups(problem))


@pytest.mark.control("balance")
@pytest.mark.parametrize("problem", [PROBIT, SIZES, problems.get("poisson-identity")], ids=str)
def test_other_links_are_not_balanced(problem, reference):
    """Links that are not canonical (the identity balances counts over all rows, and not in the groups)."""
    grouped = with_groups(problem)
    right = reference.evaluate(grouped, reference.fit(grouped).params)

    with pytest.raises(AssertionError, match="not the same balance"):
        assert_balanced(grouped, right.mean, groups(problem))


@pytest.mark.control("balance")
@pytest.mark.parametrize("problem", [LOGISTIC, COUNTS], ids=str)
def test_without_a_bias_the_means_are_not_balanced(problem, reference):
    """A canonical link without a bias: only the group that has a column is in balance."""
    grouped = replace(with_groups(problem), intercept=False)
    right = reference.evaluate(grouped, reference.fit(grouped).params)

    with pytest.raises(AssertionError, match="not the same balance"):
        assert_balanced(grouped, right.mean, groups(problem))


def assert_balanced(problem, mean, groups):
    """Weighted sums of means and responses agree, over all rows and in the groups; n terms, each good to 64 roundings."""
    __tracebackhide__ = True
    member = np.stack([np.ones(problem.n), *groups])
    mine, other, size = (member @ (problem.row_weights * v) for v in (mean, problem.y, np.abs(problem.y) + np.abs(mean)))
    assert_same_values("balance", problem, mine, other, tolerances.gradient(problem.n), size=size)


def can_be_balanced(problem):
    """A bias and no offset; the mean of a share may be next to 0 or 1, where h' / V is no number."""
    share = isinstance(problem.model.family, Binomial)
    return has_one_output(problem) and problem.intercept and problem.offset is None and not share


FITTED = Said([PROBIT, CLOGLOG, SIZES, ROOTS], can_be_balanced)
PLAIN = Said([PROBIT, CLOGLOG, SIZES], lambda problem: can_be_balanced(problem) and not problem.model.is_canonical)


@pytest.mark.claim(
    "balance-of-any-link",
    source="S6",
    symptom="My gamma model with a log link does not reproduce the total claim amount.",
)
@pytest.mark.parametrize("problem", FITTED, ids=str)
def test_with_any_link_some_weighted_residuals_are_balanced(problem, subject):
    r"""
    With any link it is residuals times h' / V that sum to zero, and the same times eta: for a log-gamma, y / mu sum to n.

    .. math:: \sum_i w_i\, (y_i - \hat\mu_i)\, \frac{h'(\hat\eta_i)}{V(\hat\mu_i)} = 0, \qquad
              \sum_i w_i\, (y_i - \hat\mu_i)\, \frac{h'(\hat\eta_i)}{V(\hat\mu_i)}\, \hat\eta_i = 0

    The first is the bias's score, the second the score along the fit itself. Counts with a power link are balanced after
    all: eta h' / V is constant there, with or without a bias.
    """
    params = fitted(problem, subject).params
    eta, mean = problem.eta(params), subject.evaluate(problem, params).mean
    factor = problem.model.link.inverse_derivative(eta) / problem.model.family.variance(mean)

    assert_balance_out(problem, mean, factor)
    assert_balance_out(problem, mean, factor * eta)


@pytest.mark.control("balance-of-any-link")
@pytest.mark.parametrize("problem", PLAIN, ids=str)
def test_plain_residuals_are_refused(problem, reference):
    """The residuals, with no factor."""
    with pytest.raises(AssertionError, match="not the same balance"):
        assert_balance_out(problem, reference.evaluate(problem, reference.fit(problem).params).mean, np.ones((problem.n, 1)))


def assert_balance_out(problem, mean, factor):
    """The residuals times the factor sum to zero; n terms, each good to 64 roundings."""
    __tracebackhide__ = True
    terms = problem.row_weights * factor * np.stack([problem.y, mean])
    found, expected = terms.sum(axis=1)
    assert_same_values("balance", problem, found, expected, tolerances.gradient(problem.n), size=np.abs(terms).sum())


@pytest.mark.claim(
    "early-stopping-unbalances",
    source="S6",
    symptom="After early stopping the average prediction is off, though the loss is almost the best.",
)
@pytest.mark.parametrize("problem", [LINE], ids=str)
def test_stopped_early_the_means_miss_by_the_gradient_of_the_bias(problem, network):
    r"""
    Stopped early, the means miss the responses by the gradient of the bias, times n / c, after every epoch.

    .. math:: \sum_i w_i\, (\mu_i - y_i) = \frac{n}{c}\, \frac{\partial L}{\partial b}, \qquad h' = V

    The balance is what the bias is trained for. (As ever, c is 2 for squared error and else 1.)
    """
    stopped = network(weighted(problem))

    for weights in trained_weights(network, problem):
        stopped.weights = weights
        assert_misses_by_gradient(weighted(problem), stopped, problem.n / stopped.loss_scale)


@pytest.mark.control("early-stopping-unbalances")
@pytest.mark.parametrize("problem", [LINE], ids=str)
def test_the_sum_of_the_weights_in_place_of_the_rows_is_refused(problem, network):
    """The gradient times what the weights sum to, as if the loss were a weighted mean."""
    stopped = network(weighted(problem))
    stopped.weights = trained_weights(network, problem)[-1]

    with pytest.raises(AssertionError, match="not the same balance"):
        assert_misses_by_gradient(weighted(problem), stopped, copies(problem).sum() / stopped.loss_scale)


@pytest.mark.control("balance")
@pytest.mark.parametrize("problem", [LINE], ids=str)
def test_stopped_early_the_means_are_not_balanced(problem, network):
    """A canonical link and a bias, after eight epochs."""
    stopped = network(weighted(problem))
    stopped.weights = trained_weights(network, problem)[-1]

    with pytest.raises(AssertionError, match="not the same balance"):
        assert_balanced(weighted(problem), stopped.predict(), groups=[])


def assert_misses_by_gradient(problem, network, factor):
    """Weighted sums of means and responses differ by the bias's gradient times ``factor``; n terms, each good to 64 roundings."""
    __tracebackhide__ = True
    terms = problem.row_weights * np.stack([network.predict(), -problem.y])
    missing, (_, bias) = terms.sum(), network.gradient()
    assert_same_values("balance", problem, missing, factor * bias, tolerances.gradient(problem.n), size=np.abs(terms).sum())
