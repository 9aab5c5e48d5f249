"""
Where descent ends.

Of all weights that make the same predictions, gradient descent picks those nearest to where it began.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.evidence.rungs import proven_optimum
from spec.problems import Problem

from .collinear import COLLINEAR, with_a_column_more
from .rest import TINY, resting_place


@dataclass(frozen=True)
class Redundant:
    """A layer with more weights than the problem has free parameters: those are ``rows`` @ weights @ ``classes``."""

    problem: Problem
    layer: Problem
    rows: np.ndarray
    classes: np.ndarray

    @property
    def zeros(self):
        """Weights of zero, in the shape of the layer's."""
        return np.zeros((self.rows.shape[1], len(self.classes)))

    def nearest(self, start):
        """The weights nearest to the start among all that make the proven optimum: least squares by the pseudoinverse."""
        missing = proven_optimum(self.problem).centre - self.rows @ start @ self.classes
        return start + np.linalg.pinv(self.rows) @ missing @ np.linalg.pinv(self.classes)


def softmax_classes():
    """A softmax: its layer has one class more than the problem has free columns."""
    return Redundant(TINY, TINY, np.eye(TINY.q), np.vstack([-np.ones(TINY.k - 1), np.eye(TINY.k - 1)]))


def one_column_more(problem, what, combination):
    """A problem with one more column: its layer has one more row of weights."""
    rows = np.hstack([np.eye(problem.q), combination[:, None]])
    return Redundant(problem, with_a_column_more(problem, what, combination), rows, np.eye(1))


REDUNDANT = [  # made in the test: collecting loads no data
    pytest.param(softmax_classes, id="softmax"),
    *(pytest.param(partial(one_column_more, *case.values), id=case.id) for case in COLLINEAR),
]


@pytest.mark.claim(
    "descent-ends-at-the-shortest",
    source="S6",
    symptom="With redundant columns, which of the many solutions does gradient descent find?",
)
@pytest.mark.parametrize("make", REDUNDANT)
def test_gradient_descent_from_zero_ends_at_the_shortest_of_the_optima(make, network):
    r"""
    Gradient descent from zero ends at the optimum of least norm, for it never leaves the row space of the data.

    .. math:: \nabla L(w) = X^\top r(w) \in \operatorname{row}(X) \implies \hat w = A^{+} \hat\beta, \qquad \beta = A w

    A copy of a column gets half its coefficient, ones beside a bias half the intercept, and softmax classes sum to zero.
    """
    case = make()

    assert_ends_nearest(case, case.zeros, resting_place(network(case.layer)))


@pytest.mark.control("descent-ends-at-the-shortest")
@pytest.mark.parametrize("make", REDUNDANT)
def test_an_optimum_with_zeros_in_the_redundant_places_is_refused(make):
    """The statistician's answer: zeros for class 0, or for the extra column. The same predictions from longer weights."""
    case = make()
    optimum = case.problem.params(proven_optimum(case.problem).centre).matrix
    dropped = np.vstack([optimum, case.zeros[len(optimum) :]])

    with pytest.raises(AssertionError, match="not the same weights"):
        assert_ends_nearest(case, case.zeros, dropped)


@pytest.mark.claim(
    "descent-ends-nearest-to-its-start",
    source="S6",
    symptom="I restarted from other weights: the predictions came back, the coefficients did not.",
)
@pytest.mark.parametrize("make", REDUNDANT[:2])
def test_gradient_descent_ends_at_the_optimum_that_is_nearest_to_its_start(make, network, rng):
    r"""
    Of the optima, gradient descent ends at the nearest to its start: what the data cannot see stays as it was.

    .. math:: \hat w = w_0 + A^{+} (\hat\beta - A w_0)
    """
    case = make()
    start = rng.uniform(-1, 1, size=case.zeros.shape)

    assert_ends_nearest(case, start, resting_place(network(case.layer), start))


@pytest.mark.control("descent-ends-nearest-to-its-start")
@pytest.mark.parametrize("make", REDUNDANT)
def test_the_shortest_optimum_is_refused_of_another_start(make, rng):
    """Where descent from zero ends, held to another start."""
    case = make()
    start = rng.uniform(-1, 1, size=case.zeros.shape)

    with pytest.raises(AssertionError, match="not the same weights"):
        assert_ends_nearest(case, start, case.nearest(case.zeros))


def assert_ends_nearest(case, start, end):
    """
    The weights are the nearest to the start, to 13 digits of the largest.

    The problems are planted, and well conditioned in all directions that are not flat.
    """
    nearest = case.nearest(start)
    assert_same_values("weights", case.layer, end, nearest, tolerances.planted_optimum(), size=np.abs(nearest).max())
