"""The namespace of balls encloses: what it answers holds the exact value, for every formula in which models are written."""

import flint
import mpmath
import numpy as np
import pytest
import sympy as sp
from flint import arb, arb_series

from spec.evidence.balls import BALLS
from spec.families import Gaussian, InverseGaussian
from spec.links import Logit, Probit
from spec.model import PAIRS
from tests.instruments.symbols import DIGITS, SYMBOLS, exactly, value

EPS = np.finfo(float).eps
x = sp.Symbol("x", positive=True)

UNARY = {
    "exp": -0.75,
    "expm1": -0.75,
    "log": 0.75,
    "log1p": -0.75,
    "sqrt": 0.75,
    "sin": 0.75,
    "sigmoid": -0.75,
    "logit": 0.75,
    "ndtr": -0.75,
}


@pytest.fixture(autouse=True)
def precision():
    """128 bits, whatever other tests leave behind."""
    with flint.ctx.workprec(128):
        yield


def encloses(ball, number):
    """Whether the ball holds the number that mpmath gives in 50 digits, and is itself right to 30."""
    digits = arb(mpmath.nstr(number, DIGITS), 1e-45)
    return ball.overlaps(digits) and ball.rad() < 1e-30


@pytest.mark.parametrize(("name", "at"), UNARY.items(), ids=UNARY)
def test_functions_enclose_their_values(name, at):
    """Each function of the namespace holds its exact value, and as a series its derivatives."""
    expression = getattr(SYMBOLS, name)(x)
    ball, series = getattr(BALLS, name)(arb(at)), getattr(BALLS, name)(arb_series([at, 1], 3))

    assert encloses(ball, value(expression, x)(at))
    for order in range(3):
        assert encloses(series[order], value(sp.diff(expression, x, order) / sp.factorial(order), x)(at))


@pytest.mark.parametrize("at", [-30.0, -1.0, 0.0, 0.75, 30.0])
def test_arctan2_encloses_its_value_above_the_axis(at):
    """arctan2(y, x) holds the angle for y > 0 and every x, the argument's sign included, and as a series its derivative."""
    angle = np.arctan2(2.0, at)

    assert abs(BALLS.arctan2(arb(2), arb(at)) - angle) < 4 * EPS
    series = BALLS.arctan2(arb_series([2], 2), arb_series([at, 1], 2))
    assert abs(series[0] - angle) < 4 * EPS
    assert abs(series[1] - -2 / (4 + at * at)) < EPS


def test_pi_is_of_the_present_precision():
    """pi is evaluated when it is asked for: more bits make a narrower ball."""
    with flint.ctx.workprec(64):
        coarse = BALLS.pi
    with flint.ctx.workprec(256):
        fine = BALLS.pi

    assert fine.rad() < 1e-70 < 1e-25 < coarse.rad()
    assert coarse.overlaps(fine)


@pytest.mark.parametrize("zero", [0, 0.0, arb(0)], ids=["int", "float", "ball"])
def test_logarithms_of_zero_drop_out_with_their_factor(zero):
    """xlogy and xlog1py are exactly 0 where the factor is, at log 0 too, and series stay series."""
    assert (BALLS.xlogy(zero, arb(0)), BALLS.xlog1py(zero, arb(-1))) == (0, 0)
    assert BALLS.xlogy(zero, arb_series([0, 1], 3))[1] == 0
    assert isinstance(BALLS.xlogy(zero, arb_series([2, 1], 3)), arb_series)


def test_logarithms_keep_their_factor():
    """xlogy is x log y and xlog1py is x log(1 + y), for a float factor and a ball's, a ball around 0 included."""
    assert encloses(BALLS.xlogy(0.75, arb(3)), value(sp.Rational(3, 4) * sp.log(3) + 0 * x, x)(1))
    assert encloses(BALLS.xlog1py(arb(0.75), arb(2)), value(sp.Rational(3, 4) * sp.log(3) + 0 * x, x)(1))
    assert BALLS.xlogy(arb(0, 1), arb(3)).contains(arb(3).log())


def test_quantile_is_declined():
    """python-flint cannot enclose the normal quantile, and the namespace says so rather than answer."""
    with pytest.raises(NotImplementedError, match="normal quantile"):
        BALLS.ndtri(arb(0.5))


@pytest.mark.parametrize("response", [0.0, 0.25, 1.0, 3.0])
@pytest.mark.parametrize("model", PAIRS, ids=str)
def test_every_model_is_enclosed(model, response):
    """k(y, h(eta)) and its two derivatives in eta hold SymPy's, and the value is NumPy's, for each pair and a float y."""
    mean = 0.3
    at = float(model.link(np.float64(mean)))
    symbol, family, link = (
        sp.Symbol("eta", **{"positive" if at > 0 else "negative": True}),
        exactly(model.family),
        exactly(model.link),
    )
    expression = family.kernel(sp.Rational(response), link.inverse(symbol, SYMBOLS), SYMBOLS)

    series = model.family.kernel(response, model.link.inverse(arb_series([at, 1], 3), BALLS), BALLS)
    for order in range(3):
        assert encloses(series[order], value(sp.diff(expression, symbol, order) / sp.factorial(order), symbol)(at))
    ball = model.family.kernel(response, model.link.inverse(arb(at), BALLS), BALLS)
    assert ball.overlaps(series[0])
    assert abs(ball - float(model.family.kernel(response, model.link.inverse(at)))) < 64 * EPS


@pytest.mark.parametrize("link", [Logit(), Probit()], ids=str)
def test_wide_balls_hold_every_point(link):
    """A ball's image holds the image of each of its points: that is what a proof rests on."""
    image = link.inverse(arb(0, 3), BALLS)

    assert all(image.contains(link.inverse(arb(point), BALLS)) for point in np.linspace(-3, 3, 13))


@pytest.mark.parametrize("family", [Gaussian(), InverseGaussian()], ids=str)
def test_a_row_that_may_be_fitted_exactly_has_a_deviance(family):
    """Where the ball of mu holds y: the power of a ball about 0 would be NaN."""
    deviance = family.unit_deviance(arb(3), arb(3, 1e-20), BALLS)

    assert deviance.overlaps(arb(0))
    assert deviance.rad() < 1e-19
