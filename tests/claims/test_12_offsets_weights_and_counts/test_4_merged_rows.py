"""
Rows taken together.

Rows with the same inputs merge into one, as a mean, a count or a share.
"""

from functools import cache

import numpy as np
import pytest
from scipy.special import gammaln, xlog1py, xlogy

from spec.compat import strict_zip
from spec.evidence.rungs import assert_same_gradient, assert_same_objective, assert_same_optimum
from spec.families import Binomial
from spec.problems.by_construction import draw, generator

from .rows import (
    COUNTS,
    EACH,
    LOGISTIC,
    PROBIT,
    assert_deviances_differ_by,
    assert_likelihoods_differ_by,
    assert_same_standard_errors,
    copies,
    variant,
)


@cache
def drawn(problem):
    """The problem with each row one to three times, each time with a response of its own."""
    X, random = np.repeat(problem.X, copies(problem), axis=0), generator(f"{problem}, drawn")
    mu, family = problem.model.link.inverse(problem.data.planted.linear_predictor(X)), problem.model.family
    y = random.binomial(1, mu) if isinstance(family, Binomial) else draw(family, mu, random)
    return variant(problem, "drawn", X=X, y=y)


def together(problem, rows):
    """The sums over the rows that have the same inputs."""
    return np.add.reduceat(rows, np.cumsum(copies(problem)) - copies(problem))


@cache
def merged(problem, weighted=True):
    """The drawn rows merged into means, which need not be counts: the family gives its mean and its variance only."""
    mean = together(problem, drawn(problem).y) / copies(problem)[:, None]
    return variant(problem, "merged", quasi=True, y=mean, weights=copies(problem) if weighted else None)


@pytest.mark.claim(
    "rows-merge-into-their-mean",
    source="S6",
    symptom="I averaged the rows of each cell before the fit, and the coefficients changed.",
)
@pytest.mark.parametrize("problem", EACH, ids=str)
def test_rows_with_the_same_inputs_merge_into_their_mean(problem, params, subject, reference):
    r"""
    Rows with the same inputs merge into their mean, weighted by their number: score and, up to a constant, loss stay.

    .. math:: \sum_{j=1}^{w} k(y_j, \mu) = w\, k(\bar y, \mu) + \text{a term free of } \mu

    Every family's kernel is linear in y but for terms free of mu, so the mean is all that the rows say about the weights.
    Their spread about it is lost, and so is what it says about the dispersion.
    """
    planted = problem.data.planted
    network = subject.evaluate(merged(problem), params), subject.evaluate(merged(problem), planted)
    model = reference.evaluate(drawn(problem), params), reference.evaluate(drawn(problem), planted)

    assert_same_objective(merged(problem), network, model)
    assert_same_gradient(drawn(problem), params, network[0], model[0])


@pytest.mark.control("rows-merge-into-their-mean")
@pytest.mark.parametrize("problem", EACH, ids=str)
def test_means_without_weights_are_refused(problem, params, reference):
    """Each mean counts once, however many rows it is made of."""
    unweighted = reference.evaluate(merged(problem, weighted=False), params)

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_same_gradient(drawn(problem), params, unweighted, reference.evaluate(drawn(problem), params))


@pytest.mark.claim(
    "counts-add-up",
    source="S6",
    level="proven for this problem",
    symptom="The table of counts and the single events give one fit and two AICs.",
)
@pytest.mark.parametrize("problem", [COUNTS], ids=str)
def test_counts_add_up_with_the_number_of_rows_for_exposure(problem, params, subject, reference):
    r"""
    Counts add up over rows with the same inputs, the log of their number for offset: one fit, and two likelihoods.

    .. math:: \ell_{\text{rows}} - \ell_{\text{sums}} = \sum_g \log \Bigl( \frac{s_g!}{\prod_j y_{gj}!}\, m_g^{-s_g} \Bigr),
              \qquad D_{\text{rows}} - D_{\text{sums}} = 2 \sum_{g, j} y_{gj} \log \frac{y_{gj}}{s_g / m_g}

    The first is the log-probability of m counts given their sum s: a multinomial probability, free of the weights.
    """
    rows, sums, counts = drawn(problem), added(problem), drawn(problem).y
    m, s = copies(problem)[:, None], added(problem).y
    likelihood = gammaln(s + 1) - together(problem, gammaln(counts + 1)) - xlogy(s, m)
    deviance = 2 * (together(problem, xlogy(counts, counts)) - xlogy(s, s / m))
    fit, truth = subject.fit(sums), reference.fit(rows)

    assert_same_gradient(rows, params, subject.evaluate(sums, params), reference.evaluate(rows, params))
    assert_same_optimum(rows, fit)
    assert_same_standard_errors(rows, fit, truth)
    assert_likelihoods_differ_by(likelihood, rows, truth, fit)
    assert_deviances_differ_by(deviance, rows, truth, fit)


@pytest.mark.control("counts-add-up")
@pytest.mark.parametrize("problem", [COUNTS], ids=str)
def test_sums_without_an_offset_are_refused(problem, params, reference):
    """Sums as if each were of one row; and with the offset, their likelihood and deviance for those of the rows."""
    rows, sums, forgotten = drawn(problem), added(problem), variant(problem, "forgotten", y=added(problem).y)
    mine, other = reference.evaluate(forgotten, params), reference.evaluate(rows, params)

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_same_gradient(rows, params, mine, other)
    with pytest.raises(AssertionError, match="not the same likelihood"):
        assert_likelihoods_differ_by(np.zeros(1), rows, reference.fit(rows), reference.fit(sums))
    with pytest.raises(AssertionError, match="not the same deviance"):
        assert_deviances_differ_by(np.zeros(1), rows, reference.fit(rows), reference.fit(sums))


@cache
def added(problem):
    """The drawn counts added up over rows with the same inputs, the log of their number for an offset."""
    return variant(problem, "added", y=together(problem, drawn(problem).y), offset=np.log(copies(problem))[:, None])


@cache
def faces(problem):
    """Three problems with the same successes: shares of trials, shares with weights, and rows of 0 and 1."""
    random = generator(f"{problem}, trials")
    m = random.integers(1, 6, problem.n)
    s = random.binomial(m, problem.model.link.inverse(problem.eta(problem.data.planted))[:, 0])
    ones = np.concatenate([np.arange(trials) < successes for trials, successes in strict_zip(m, s)])
    return (
        variant(problem, "counts", y=(s / m)[:, None], trials=m),
        variant(problem, "shares", y=(s / m)[:, None], weights=m),
        variant(problem, "rows", X=np.repeat(problem.X, m, axis=0), y=ones[:, None]),
    )


@pytest.mark.claim(
    "counts-shares-and-rows",
    source="S6",
    level="proven for this problem",
    symptom="Three programs fit the same successes and failures, and print three AICs.",
)
@pytest.mark.parametrize("problem", [LOGISTIC, PROBIT], ids=str)
def test_counts_shares_and_rows_have_one_fit_and_three_likelihoods(problem, params, subject, reference):
    r"""
    Counts, shares with weights, and rows of 0 and 1 have the same coefficients and standard errors, and three likelihoods.

    .. math:: \ell_{\text{counts}} - \ell_{\text{rows}} = \sum_i \log \binom{m_i}{s_i}, \qquad
              \ell_{\text{shares}} - \ell_{\text{rows}} = \sum_i m_i \log \binom{1}{y_i}, \qquad y_i = \frac{s_i}{m_i}

    The deviances of counts and shares are one; that of rows adds how far they are from the share of their cell:

    .. math:: D_{\text{rows}} - D_{\text{counts}} = -2 \sum_i m_i \bigl( y_i \log y_i + (1 - y_i) \log(1 - y_i) \bigr)

    A weight repeats one trial's coefficient, :math:`1 / (\Gamma(1 + y)\, \Gamma(2 - y))`, continued to shares of a success.
    """
    counts, shares, rows = faces(problem)
    y, m = counts.y, counts.trials
    to_counts = gammaln(m + 1) - gammaln(m * y + 1) - gammaln(m * (1 - y) + 1)
    to_shares = -m * (gammaln(1 + y) + gammaln(2 - y))
    to_rows = -2 * m * (xlogy(y, y) + xlog1py(1 - y, -y))
    truth, score = reference.fit(rows), reference.evaluate(rows, params)

    assert_same_optimum(counts, truth)
    for engine in (subject, reference):
        for face, terms in ((counts, to_counts), (shares, to_shares)):
            fit = engine.fit(face)
            assert_same_gradient(rows, params, engine.evaluate(face, params), score)
            assert_same_optimum(counts, fit)
            assert_same_standard_errors(rows, fit, truth)
            assert_likelihoods_differ_by(terms, rows, fit, truth)
            assert_deviances_differ_by(to_rows, rows, truth, fit)


@pytest.mark.control("counts-shares-and-rows")
@pytest.mark.parametrize("problem", [LOGISTIC, PROBIT], ids=str)
def test_one_likelihood_for_all_three_is_refused(problem, reference):
    """The likelihood and the deviance of the rows, in place of those of counts and of shares."""
    *aggregated, rows = faces(problem)
    truth = reference.fit(rows)

    for face in aggregated:
        with pytest.raises(AssertionError, match="not the same likelihood"):
            assert_likelihoods_differ_by(np.zeros(1), rows, reference.fit(face), truth)
        with pytest.raises(AssertionError, match="not the same deviance"):
            assert_deviances_differ_by(np.zeros(1), rows, truth, reference.fit(face))


@pytest.mark.control("counts-shares-and-rows")
@pytest.mark.parametrize("problem", [LOGISTIC, PROBIT], ids=str)
def test_shares_without_weights_are_refused(problem, params, reference):
    """Shares, each as if it were of one trial."""
    _, shares, rows = faces(problem)
    unweighted = reference.evaluate(variant(shares, "unweighted", weights=None), params)

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_same_gradient(rows, params, unweighted, reference.evaluate(rows, params))
