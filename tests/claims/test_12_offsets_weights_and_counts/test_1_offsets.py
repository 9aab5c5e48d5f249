"""
Offsets.

An offset is an input whose weight is frozen at 1.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.special import gammaln, xlogy

from spec import problems
from spec.evidence.rungs import assert_same_gradient, assert_same_mean, assert_same_objective, assert_same_optimum
from spec.model import Params
from spec.problems import Said
from spec.problems.by_construction import draw, generator

from .rows import (
    COUNTS,
    EACH,
    SIZES,
    SOFTMAX,
    assert_likelihoods_differ_by,
    assert_same_standard_errors,
    elsewhere,
    variant,
)


@cache
def with_offset(problem):
    """The problem with an offset in place of its last column: the column times its planted weights. Or with its own."""
    if problem.offset is not None:
        return problem
    return variant(problem, "offset", X=problem.X[:, :-1], offset=problem.X[:, -1:] @ problem.data.planted.coef[-1:])


@cache
def with_inputs(problem):
    """The problem with that offset as one more input for each output."""
    offset = with_offset(problem)
    return variant(problem, "offset as input", X=np.hstack([offset.X, offset.offset]), offset=None)


def others(problem, params):
    """The weights without those of the last column, where that is the offset."""
    return params if problem.offset is not None else Params(params.intercept, params.coef[:-1])


def frozen(params, weight=1.0):
    """The weights, and below them ``weight`` for the offset of each output."""
    return Params(params.intercept, np.vstack([params.coef, weight * np.eye(len(params.intercept))]))


OFFSETS = Said([*EACH, *SOFTMAX], lambda problem: problem.offset is not None)
FITTED = Said([COUNTS, SIZES, *SOFTMAX], OFFSETS.admits)
FREE = Said([COUNTS, SIZES], OFFSETS.admits)


@pytest.mark.claim(
    "offset-is-a-frozen-weight",
    source="S6",
    symptom="My network takes features and has no argument for an offset.",
)
@pytest.mark.parametrize("problem", OFFSETS, ids=str)
def test_an_offset_is_an_input_with_its_weight_frozen(problem, params, subject, reference):
    r"""
    An offset is an input whose weight is frozen at 1: the same mean and loss, and the same score of the other weights.

    .. math:: \eta_i = o_i + b + w \cdot x_i = 1 \cdot o_i + b + w \cdot x_i

    The model on the other side has no offset: it has one more column, whose score is not used.
    """
    offset, inputs = with_offset(problem), with_inputs(problem)
    here, there = others(problem, params), others(problem, elsewhere(problem))
    network = subject.evaluate(offset, here), subject.evaluate(offset, there)
    model = reference.evaluate(inputs, frozen(here)), reference.evaluate(inputs, frozen(there))
    part = replace(model[0], score=model[0].score[: 1 + offset.p])

    assert_same_mean(inputs, frozen(here), network[0])
    assert_same_objective(offset, network, model)
    assert_same_gradient(offset, here, network[0], part)


@pytest.mark.control("offset-is-a-frozen-weight")
@pytest.mark.parametrize("problem", OFFSETS, ids=str)
def test_a_weight_frozen_elsewhere_is_refused(problem, params, reference):
    """A weight of 1 less a millionth."""
    inputs, here = with_inputs(problem), others(problem, params)

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_same_mean(inputs, frozen(here), reference.evaluate(inputs, frozen(here, 1 - 2**-20)))


@pytest.mark.claim(
    "offset-optimum",
    source="S6",
    level="proven for this problem",
    symptom="I passed log exposure as one more input, and all the coefficients changed.",
)
@pytest.mark.parametrize("problem", FITTED, ids=str)
def test_trained_beside_its_offset_a_network_is_the_model_with_the_offset(problem, subject):
    r"""
    Trained beside an offset, the network holds the estimates of the model whose offset has the weight 1.

    .. math:: \hat w = \arg\max_w\, \ell(w, 1) \ne \arg\max_w\, \max_v\, \ell(w, v)
    """
    assert_same_optimum(with_offset(problem), subject.fit(with_offset(problem)))


@pytest.mark.control("offset-optimum")
@pytest.mark.parametrize("problem", FREE, ids=str)
def test_a_weight_left_free_is_another_model(problem, reference):
    """The offset as one more input, whose weight is estimated with the others."""
    free = reference.fit(with_inputs(problem))

    with pytest.raises(AssertionError, match="not the same optimum"):
        assert_same_optimum(with_offset(problem), replace(free, params=Params(free.params.intercept, free.params.coef[:-1])))


# the families whose variance is a power of the mean
POWERS = {"gaussian-log": 0, "poisson-log": 1, "tweedie(1.5)-log": 1.5, "gamma-log": 2, "inverse-gaussian-log": 3}
SCALED = [problems.get(name) for name in POWERS]


@cache
def exposures(problem):
    """The exposure of each row, 1 to 8, (n,)."""
    return generator(f"{problem}, exposures").integers(1, 9, problem.n).astype(float)


@cache
def totals(problem):
    """The problem with responses that grow with the exposure, and with its logarithm for an offset."""
    t = exposures(problem)[:, None]
    mu = problem.model.link.inverse(problem.eta(problem.data.planted))
    y = draw(problem.model.family, t * mu, generator(f"{problem}, totals"))
    return variant(problem, "totals", quasi=True, y=y, offset=np.log(t))


@cache
def rates(problem, weighted=True):
    """The totals per unit of exposure, with the weights that make up for the division, or without."""
    t = exposures(problem)
    weights = t ** (2 - POWERS[str(problem)]) if weighted else None
    return variant(problem, "rates", quasi=True, y=totals(problem).y / t[:, None], weights=weights)


@pytest.mark.claim(
    "rates-are-totals-with-an-offset",
    source="S6",
    symptom="Modelling claims per year of exposure does not give me the coefficients of the offset model.",
)
@pytest.mark.parametrize("problem", SCALED, ids=str)
def test_totals_with_an_offset_are_rates_with_a_weight(problem, params, subject, reference):
    r"""
    With a log link, totals with log exposure as offset are rates with a power of the exposure as weight.

    .. math:: V(\mu) = \mu^p,\; y = t r,\; \mu = t \rho: \qquad
              \frac{y - \mu}{V(\mu)}\,\mu = t^{\,2 - p}\,\frac{r - \rho}{V(\rho)}\,\rho

    Rates of counts (p = 1) are weighted by their exposure, and gamma's rates (p = 2) have no weights. The score is the same at
    any parameters, and so are the standard errors at Pearson's dispersion. The log-likelihoods differ by a term free of the
    parameters: for a density that is stretched, and for counts,

    .. math:: \ell_{\text{rates}} - \ell_{\text{totals}} = \sum_{y_i > 0} \log t_i, \qquad
              \sum_i \log y_i! - t_i \log \Gamma(1 + r_i) - y_i \log t_i .
    """
    offset, weighted, t = totals(problem), rates(problem), exposures(problem)[:, None]
    network = subject.evaluate(offset, params), subject.evaluate(offset, problem.data.planted)
    model = reference.evaluate(weighted, params), reference.evaluate(weighted, problem.data.planted)
    stretched = np.log(t) * (offset.y > 0)
    counted = gammaln(offset.y + 1) - t * gammaln(offset.y / t + 1) - xlogy(offset.y, t)
    fit, fit_of_rates = subject.fit(offset), reference.fit(weighted)

    assert_same_objective(offset, network, model)
    assert_same_gradient(offset, params, network[0], model[0])
    assert_likelihoods_differ_by(stretched if problem.model.family.has_dispersion else counted, weighted, model[0], network[0])
    assert_same_optimum(offset, fit_of_rates)
    assert_same_standard_errors(offset, fit, fit_of_rates)


@pytest.mark.control("rates-are-totals-with-an-offset")
@pytest.mark.parametrize("problem", [p for p in SCALED if p is not SIZES], ids=str)
def test_rates_without_weights_are_refused(problem, params, reference):
    """Rates without weights (but for gamma, where that is right)."""
    offset, unweighted = totals(problem), rates(problem, weighted=False)
    other = reference.evaluate(offset, params)

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_same_gradient(offset, params, reference.evaluate(unweighted, params), other)
    with pytest.raises(AssertionError, match="not the same optimum"):
        assert_same_optimum(offset, reference.fit(unweighted))
