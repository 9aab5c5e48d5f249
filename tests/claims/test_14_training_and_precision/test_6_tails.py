"""
Means that round to 0 or 1.

A mean that is nearly 1 has lost the digits of 1 - mu; the linear predictor has kept them.
"""

import numpy as np
import pytest
from flint import arb

from spec.engines.contract import Recipe
from spec.evidence import tolerances
from spec.evidence.balls import BALLS, working_precision
from spec.evidence.enclosure import PRECISION
from spec.evidence.judge import assert_same_values
from spec.families import Binomial, NegativeBinomial
from spec.links import Cauchit, CLogLog, Log, LogComplement, Logit, LogLog, Probit
from spec.model import Model, Params
from spec.problems import Problem

SURPRISED = {  # an eta at which the mean rounds, and the response that its loss then depends on
    Logit(): (40.0, 0.0),
    Probit(): (9.0, 0.0),
    Cauchit(): (1e17, 0.0),
    CLogLog(): (4.0, 0.0),
    LogLog(): (40.0, 0.0),
    Log(): (-1e-18, 0.0),
    LogComplement(): (-40.0, 0.0),
}
CONFIRMED = {link: (eta, 1.0) for link, (eta, _) in SURPRISED.items() if link not in (Log(), CLogLog())}


def one_row(model, eta, y):
    """A problem of one row and no column, with its parameters."""
    problem = Problem.of(f"{model}, y = {y:g} at eta = {eta:g}", model, np.zeros((1, 0)), [[y]])
    return pytest.param(problem, Params([eta], np.zeros((0, 1))), id=str(problem))


ROWS = [
    *(one_row(Model(Binomial(), link), eta, y) for rows in (SURPRISED, CONFIRMED) for link, (eta, y) in rows.items()),
    one_row(Model(NegativeBinomial(0.5), Log()), 40.0, 1e17),
]


@pytest.mark.claim(
    "a-loss-of-eta-keeps-the-tail",
    source="S6",
    symptom="My loss is infinite, or exactly 0, in rows that the network is sure about.",
)
@pytest.mark.parametrize(("problem", "params"), ROWS)
def test_a_loss_of_the_linear_predictor_keeps_the_digits_that_the_mean_has_lost(problem, params, network):
    r"""
    A loss that takes eta keeps its digits and its slope's where the mean rounds to 1, since log(1 - mu) is a function of eta.

    .. math:: \log(1 - \mu) = -\log(1 + e^{\eta}),\ \log \Phi(-\eta),\ -e^{\eta},\ \dots

    Keras's own ``from_logits`` is this for the sigmoid; each other link has such a form too. So it is for log mu at the other
    end, and for the share of a negative binomial.
    """
    assert_keeps_the_tail(problem, network(problem), params)


@pytest.mark.control("a-loss-of-eta-keeps-the-tail")
@pytest.mark.parametrize(("problem", "params"), ROWS)
def test_a_loss_of_the_mean_has_lost_them(problem, params, network):
    """The same network with the same likelihood, written on the mean: infinite, or 0, or off in the first digits."""
    with pytest.raises(AssertionError, match=r"not the same (loss|slope)"):
        assert_keeps_the_tail(problem, network(problem, Recipe(loss_of_mean=True)), params)


def assert_keeps_the_tail(problem, mine, params):
    """The loss of the one row and its slope in the bias are those of ball arithmetic, to 64 roundings of themselves."""
    __tracebackhide__ = True
    mine.weights = [params.coef, params.intercept]
    loss, (*_, slope) = mine.backpropagate()
    with working_precision(PRECISION):
        eta, y = arb(float(params.intercept[0])), arb(float(problem.y[0, 0]))
        exact = [-float(value) for value in value_and_slope(problem.model, eta, y)]
    tolerance = tolerances.loss(1)
    assert_same_values("loss", problem, loss, exact[0], tolerance)
    assert_same_values("slope", problem, slope, exact[1], tolerance)


def value_and_slope(model, eta, y):
    """The kernel of a row and its slope in eta, as balls."""
    terms = [(number, curve) for number, curve in model.family.terms(y, model.link) if number != 0]
    parts = [[number * part(eta, BALLS) for part in (curve.value, curve.slope)] for number, curve in terms]
    return [sum(each, arb(0)) for each in zip(*parts)]
