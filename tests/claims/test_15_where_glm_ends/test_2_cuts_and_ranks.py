"""
Cuts and ranks.

Each cut of ordered classes is a binary model; together they are no generalized linear model.
"""

import numpy as np
import pytest
from scipy import stats

from spec.engines.contract import Recipe
from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.links import Logit, Probit

from .weights import (
    LINKS,
    ORDERED,
    SMALL,
    assert_cuts,
    cumulative,
    drawn_thresholds,
    drawn_weights,
    flat,
    null_thresholds,
    put,
)


@pytest.mark.claim(
    "every-cut-is-a-glm",
    source="S6",
    symptom="Could I not simply fit a yes-or-no model for every grade and above?",
)
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("problem", ORDERED, ids=str)
def test_each_threshold_cuts_ordered_classes_into_a_binary_glm(problem, link, network, reference, rng):
    r"""
    Each threshold cuts the ordered classes into the mean of a binary GLM, all with one weight vector.

    .. math:: \sum_{k > j} \Pr(y = k) = F(w \cdot x - \theta_j), \qquad j = 1, \dots, K - 1
    """
    ordered, w, d = network(problem, cumulative(link)), drawn_weights(problem, rng), drawn_thresholds(problem, rng)
    put(ordered, np.append(w, d))

    assert_cuts(problem, ordered.predict(), LINKS[link], w, d, reference)


@pytest.mark.control("every-cut-is-a-glm")
@pytest.mark.parametrize("problem", ORDERED, ids=str)
def test_cuts_of_the_other_link_are_refused(problem, network, reference, rng):
    """The cuts of a logit, asked to be those of a probit."""
    ordered, w, d = network(problem, cumulative("logit")), drawn_weights(problem, rng), drawn_thresholds(problem, rng)
    put(ordered, np.append(w, d))

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_cuts(problem, ordered.predict(), Probit(), w, d, reference)


@pytest.mark.claim(
    "score-is-wilcoxon",
    source="S6",
    symptom="My ordered model and the rank-sum test give nearly the same p-value.",
)
@pytest.mark.parametrize("problem", ORDERED, ids=str)
def test_at_zero_weights_the_score_of_a_cumulative_logit_is_wilcoxons_rank_statistic(problem, network):
    r"""
    At zero weights the score of a cumulative logit is the rank statistic of Wilcoxon, and the thresholds are at rest.

    .. math:: \frac{\partial\ell}{\partial w} = \sum_i x_i \bigl( F(\theta_{y_i}) + F(\theta_{y_i - 1}) - 1 \bigr)
              = \frac{2}{n} \sum_i x_i \Bigl( R_i - \frac{n + 1}{2} \Bigr), \qquad \theta_j = g(\text{share of } y \le j)

    R are the ranks of the response, tied ones averaged. A GLM's score has the response itself in place of its ranks.
    """
    assert_rank_statistic(problem, network, stats.rankdata(problem.y.argmax(axis=1)))


@pytest.mark.control("score-is-wilcoxon")
@pytest.mark.parametrize("problem", ORDERED, ids=str)
def test_ranks_that_do_not_average_ties_are_refused(problem, network):
    """Each of the tied gets the lowest of their ranks."""
    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_rank_statistic(problem, network, stats.rankdata(problem.y.argmax(axis=1), method="min"))


def assert_rank_statistic(problem, network, ranks):
    """The score at zero weights is the statistic of these ranks; a row adds F + F + 1 at most, to an increment 1 and itself."""
    n, ordered, thresholds = problem.n, network(problem, cumulative("logit")), null_thresholds(problem, Logit())
    put(ordered, np.append(np.zeros(problem.p), thresholds))
    expected = np.append(2 / n * problem.X.T @ (ranks - (n + 1) / 2), 0 * thresholds)
    size = np.append(3 * np.abs(problem.X).sum(axis=0), n * (1 + np.exp(thresholds)))
    assert_same_values("gradient", problem, -n * flat(ordered.gradient()), expected, tolerances.gradient(n), size)


@pytest.mark.claim(
    "no-one-natural-parameter",
    source="S6",
    symptom="An ordered model has one linear predictor and a link. Why is it no GLM?",
)
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("problem", SMALL, ids=str)
def test_the_log_odds_of_ordered_classes_do_not_move_along_one_line(problem, link, network, rng):
    r"""
    One predictor moves the log-odds of K ordered classes in K - 1 directions, those of a GLM in one.

    .. math:: \log f(y; \eta) = T(y)\,\theta(\eta) - b(\eta) + c(y) \implies
              \operatorname{rank} \Bigl[ \log \frac{f(k; \eta_i)\, f(0; \eta_0)}{f(0; \eta_i)\, f(k; \eta_0)} \Bigr]_{ik} = 1
    """
    line = one_column(problem)
    ordered = network(line, cumulative(link))
    put(ordered, np.append(drawn_weights(line, rng), drawn_thresholds(line, rng)))

    assert_directions(line, ordered, problem.k - 1)


@pytest.mark.control("no-one-natural-parameter")
@pytest.mark.parametrize("problem", SMALL, ids=str)
def test_softmax_of_one_column_moves_along_one_line(problem, network, rng):
    """With one column the log-odds of all classes are multiples: a GLM, which the claim about thresholds refuses."""
    line = one_column(problem)
    plain = network(line, Recipe())
    put(plain, rng.uniform(-1, 1, 2 * line.k))

    with pytest.raises(AssertionError, match="1 direction"):
        assert_directions(line, plain, problem.k - 1)


def one_column(problem):
    """The problem with the first column of its inputs alone."""
    return problem.with_data("one column", X=lambda data: data.X[:, :1])


def assert_directions(problem, network, expected):
    """The rank of the log-probabilities less those of the first row and of the first class, against their rounding."""
    logs = np.log(network.predict())
    moves = (logs - logs[:, :1])[1:] - (logs - logs[:, :1])[0]
    rounding = tolerances.differenced(*logs.shape).value * (1 + np.abs(logs).max())
    found = np.linalg.matrix_rank(moves, tol=rounding)
    assert found == expected, f"{problem}: {found} direction(s), expected {expected}"
