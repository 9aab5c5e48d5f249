"""Each formula of each pair is good to a few units in the last place, on NumPy and on the backend of this process."""

from functools import cache

import flint
import numpy as np
import pytest
from flint import arb, arb_series

from spec.evidence.balls import BALLS
from spec.families import Binomial, Gamma, Gaussian, InverseGaussian
from spec.links import CLogLog
from spec.model import PAIRS
from spec.report import accuracy

U = 2.0**-53
PAGE = accuracy.read((accuracy.Path(__file__).parents[2] / accuracy.PAGE).read_text())
COARSE = accuracy.Accuracy(step=5)


@cache
def machine(kind):
    """One of a kind for the process."""
    return kind()


@cache
def errors(model, kind):
    """The largest error of each formula, in ulp."""
    return dict(COARSE.errors(model, machine(kind)))


@pytest.mark.parametrize("kind", [accuracy.NumPy, accuracy.Backend], ids=["numpy", "backend"])
@pytest.mark.parametrize("model", [*PAIRS, accuracy.SOFTMAX], ids=str)
def test_each_formula_is_within_its_bound(model, kind):
    """8 ulp, or the bound that the module gives a reason for."""
    assert {
        formula: error
        for formula, error in errors(model, kind).items()
        if not error <= accuracy.reason(str(model), formula).bound
    } == {}


def test_a_logarithm_taken_through_the_mean_is_refused():
    """log1p(-mu) for log(1 - mu) of the complementary log-log at eta = 3, where 1 - mu is 2e-9."""
    link, bound = CLogLog(), accuracy.reason("binomial-cloglog", "log(1 - mu)").bound
    exact = accuracy.narrow(lambda: link.log_rest.value(arb(3), accuracy.EXACT))

    assert accuracy.worst(link.log_rest.value(np.array([3.0]), accuracy.FLOAT64), [exact]) <= 1 < bound
    assert accuracy.worst(np.log1p(-link.inverse(np.array([3.0]))), [exact]) > 1e5 * bound


def test_no_number_is_no_small_error():
    """NaN and infinity are infinitely far; where the exact value is out of the range of float64, nothing is asked."""
    one = arb(1)

    assert accuracy.worst(np.array([1.0, np.nan]), [one, one]) == np.inf
    assert accuracy.worst(np.array([1 + 4 * U, np.inf]), [one, None]) == 2


def test_every_reason_is_needed():
    """Each is about a formula of the page; its bound is above the usual one, or it sets ends."""
    named = {accuracy.reason(*row) for row in PAGE} - {accuracy.USUAL}

    assert named == set(accuracy.REASONS)
    assert all(r.bound > accuracy.BOUND or r.low > 0 or r.high < np.inf for r in accuracy.REASONS)


def test_the_page_has_each_formula_within_its_bound():
    """The rows of the page are the formulas of today, and no number on it is above its bound."""
    rows = {(str(model), formula) for model in (*PAIRS, accuracy.SOFTMAX) for formula in errors(model, accuracy.Backend)}
    found = [(row, float(cell)) for row, cells in PAGE.items() for cell in cells.values() if cell]

    assert set(PAGE) == rows
    assert [(row, error) for row, error in found if error > accuracy.reason(*row).bound] == []
    assert {column.partition(" ")[0] for column in next(iter(PAGE.values()))} >= {"numpy", "tensorflow", "jax"}


def test_a_page_is_read_as_it_was_written():
    """Other backends' columns are kept."""
    assert accuracy.read(accuracy.text(PAGE)) == PAGE


# --- a row: its score, its curvature, its information ---------------------------------------------------------------


def etas(model, outermost=600.0, innermost=1e-6):
    """20 eta over the domain of a model."""
    domain = model.eta_domain
    if np.isfinite([domain.low, domain.high]).all():
        return np.concatenate([np.geomspace(innermost, 0.5, 10), 1 - np.geomspace(0.4, innermost, 10)])
    sizes = np.geomspace(innermost, outermost, 20 if 0 in (domain.low, domain.high) else 10)
    if domain.low == 0:
        return sizes
    return -sizes if domain.high == 0 else np.concatenate([-sizes[::-1], sizes])


def response(model):
    """One that makes every term of the kernel count."""
    return {Gaussian: -1.5, Binomial: 0.25, Gamma: 0.75, InverseGaussian: 0.75}.get(type(model.family), 3.0)


@pytest.mark.parametrize("model", PAIRS, ids=str)
def test_score_and_curvature_are_the_derivatives_of_the_kernel(model):
    """To 64 roundings of what they are summed from: the derivatives of the kernel as a series of balls."""
    eta, y = etas(model), response(model)
    scores, bends, sizes = model.row_score(y, eta), model.row_bend(y, eta), model.sizes(y, eta)
    compared = 0
    with flint.ctx.workprec(2048):
        for at, *mine, slope_size, bend_size in zip(eta, scores, bends, *sizes[1:], strict=True):
            series = model.kernel(y, arb_series([at, 1], 3), BALLS)
            for found, size, exact in zip(mine, (slope_size, bend_size), (series[1], 2 * series[2]), strict=True):
                if np.isfinite(size) and size > accuracy.SMALLEST:
                    compared += 1
                    assert exact.rad() < abs(size) * U, at
                    assert abs(arb(found) - exact) <= 64 * U * arb(size), f"at {at!r}: {found!r}, not {exact}"
    assert compared >= 20


@pytest.mark.parametrize("model", PAIRS, ids=str)
def test_the_kernel_of_eta_is_that_of_the_mean(model):
    """Its value and both derivatives, and the information is h'^2 / V: the curves are the functions that they are said to be."""
    y = response(model)
    factor, *pair = model.family.information(model.link)
    with flint.ctx.workprec(512):
        for at in etas(model, 4.0, 0.01):
            eta = arb_series([at, 1], 3)
            mean = model.link.inverse(eta, BALLS)
            of_eta, of_mean = model.kernel(y, eta, BALLS), model.family.kernel(y, mean, BALLS)
            assert all(abs(of_eta[k] - of_mean[k]) < 1e-60 * (1 + abs(of_mean[k])) for k in range(3)), at
            one, other = (curve.value(eta, BALLS)[1] for curve in pair)
            expected = mean[1] * mean[1] / model.family.variance(mean[0], BALLS)
            assert abs(factor * one * other - expected) < 1e-60 * (1 + expected), at
