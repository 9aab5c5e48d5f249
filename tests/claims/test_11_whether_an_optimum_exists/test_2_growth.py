"""
How the weights grow.

Without a minimum to reach, gradient descent grows the weights as the logarithm of time, and Newton's method a step at a time.
"""

import numpy as np
import pytest

from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.model import Params
from spec.problems import Problem

from ..descent import descend
from .separated import LOGISTIC, MARGIN, ONE_MARGIN, column

ONE_SURPRISE = Problem.of("one-surprise", LOGISTIC, MARGIN * column(-1, -1, 1, 1), column(0, 1, 1, 1), intercept=False)


@pytest.mark.claim("weights-grow-as-log-t", source="S6", symptom="Each tenfold of epochs adds the same to my weights.")
def test_gradient_descent_on_separated_data_grows_as_the_logarithm_of_time(network):
    r"""
    On separated data gradient descent never ends: its weights grow as the logarithm of time, divided by the margin.

    .. math:: \dot w = m\,\sigma(-m w) \quad\Rightarrow\quad e^{m w} + m w = 1 + m^2 t
              \quad\Rightarrow\quad w \sim \frac{\log t}{m}

    Here every row lies at the margin m from the plane; else the nearest rows decide in the end. Steps of rate 1 / m^2 run
    ahead of the flow, by a logarithm of t at most.
    """
    assert_grows_as_log(descend(network(ONE_MARGIN), 1 / MARGIN**2, 64, [np.zeros((1, 1))]))


@pytest.mark.control("weights-grow-as-log-t")
def test_with_one_surprise_the_weights_settle(network):
    """One row of four on the wrong side: the weight settles at log(3) / m."""
    with pytest.raises(AssertionError, match="not as the logarithm"):
        assert_grows_as_log(descend(network(ONE_SURPRISE), 1 / MARGIN**2, 8, [np.zeros((1, 1))]))


def assert_grows_as_log(path):
    r"""
    After t steps a = m w keeps e^a + a within [1 + t, 1 + t + 1.2 (1 + log t)].

    A step d = sigma(-a) adds (1 + e^a) d + e^a (e^d - 1 - d): 1, and at most e^(1/2) / 2 sigma(-a). By the lower bound, and since
    a <= e^a / e, sigma(-a) is at most (1 + 1/e) / (1 + k) at step k. The product of the factors is 1.13, the sum 1 + log t.
    """
    a, t = MARGIN * np.array([weights[0][0, 0] for weights in path]), np.arange(1, len(path) + 1)
    excess = np.exp(a) + a - 1 - t
    assert ((excess >= 0) & (excess <= 1.2 * (1 + np.log(t)))).all(), f"not as the logarithm of time: m w is {a.tolist()}"


@pytest.mark.claim(
    "newton-keeps-its-step",
    source="S6",
    symptom="ConvergenceWarning, or twenty-odd iterations, a huge standard error, and z near 0.",
)
@pytest.mark.parametrize("a", [1.0, 4.0, 16.0], ids="m w = {:g}".format)
def test_newton_steps_by_a_margin_for_ever_while_every_stopping_rule_is_met(a, subject):
    r"""
    On separated data each Newton step is 1 / margin at least, while loss and decrement vanish: any stopping rule is met.

    .. math:: \Delta w = \frac{1 + e^{-mw}}{m}, \quad L = \log(1 + e^{-mw}), \quad
              \Delta w^2\, \mathcal{I} = n e^{-mw}, \quad \mathrm{se}(w) = \frac{2\cosh(mw / 2)}{m \sqrt n}

    So the number of iterations is chosen by the tolerance, w is that number over m, and w / se(w) tends to zero.
    """
    found, tolerance = at_margins(ONE_MARGIN, subject, a), tolerances.vanishing_residual(a)
    assert_same_values("limit", ONE_MARGIN, found, in_theory(4, a), tolerance)


@pytest.mark.control("newton-keeps-its-step")
def test_with_one_surprise_newton_comes_to_rest(reference):
    """The same numbers of the rows of which one is on the wrong side."""
    found, tolerance = at_margins(ONE_SURPRISE, reference, 4.0), tolerances.vanishing_residual(4.0)
    with pytest.raises(AssertionError, match="not the same limit"):
        assert_same_values("limit", ONE_SURPRISE, found, in_theory(4, 4.0), tolerance)


def at_margins(problem, engine, a):
    """The loss, Newton's step, its decrement, and the standard error of w: what an engine says of them at w = a / m."""
    answer = engine.evaluate(problem, Params([0], [[a / MARGIN]]))
    score, information = answer.score[1, 0], answer.information[0, 0]
    loss = -answer.log_likelihood / problem.n  # in nats and without a constant, whatever the engine's own units
    return np.array([loss, score / information, score**2 / information, information**-0.5])


def in_theory(n, a):
    """The same four by algebra, of n rows: the loss and the decrement vanish, the standard error grows without end."""
    return np.array([np.log1p(np.exp(-a)), (1 + np.exp(-a)) / MARGIN, n * np.exp(-a), 2 * np.cosh(a / 2) / (MARGIN * np.sqrt(n))])
