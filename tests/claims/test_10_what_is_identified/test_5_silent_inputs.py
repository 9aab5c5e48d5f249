"""
An input that is always zero.

Its weights have no slope, so training leaves them where they were: a column of zeros, a level that never occurs.
"""

import numpy as np
import pytest

from spec import problems
from spec.engines.contract import Recipe, Training
from spec.problems import Problem

from .collinear import LOGISTIC
from .factors import LEVELS
from .rest import unstacked

THREE = problems.get("softmax-3-to-3")


@pytest.mark.claim(
    "a-silent-input-keeps-its-first-weight", source="S6", symptom="A column of zeros has a weight that is far from zero."
)
def test_the_weights_of_an_input_that_is_always_zero_never_move(network, rng):
    r"""
    The weights of an input that is always zero have a slope of exactly zero, and stay what they were at the start.

    .. math:: \frac{\partial L}{\partial w_{jk}} = -\frac{1}{n} \sum_i 0 \cdot (y_{ik} - \mu_{ik}) = 0

    A layer starts from random weights unless told otherwise: a random number is then reported as a coefficient.
    """
    layer = network(muted(THREE, 1, rows=THREE.n))
    layer.weights = unstacked(rng.normal(size=(1 + THREE.p, THREE.k)))

    assert_never_moves(layer, 1)


@pytest.mark.control("a-silent-input-keeps-its-first-weight")
def test_an_input_that_speaks_once_is_refused(network):
    """One row in a thousand is not zero."""
    with pytest.raises(AssertionError, match="has a slope"):
        assert_never_moves(network(muted(THREE, 1, rows=THREE.n - 1)), 1)


def muted(problem, column, rows):
    """The problem with a column that is zero in the first so many rows."""
    silent = np.outer(np.arange(problem.n) < rows, np.arange(problem.p) == column)
    return problem.with_data(X=lambda data: np.where(silent, 0, data.X), planted=problem.data.planted)


@pytest.mark.claim(
    "an-unseen-level-keeps-its-first-weights", source="S6", symptom="A category that never occurs got an embedding all the same."
)
def test_the_embedding_of_a_level_that_never_occurs_never_moves(network, rng):
    r"""
    The embedding of a level that never occurs has a slope of exactly zero, and stays what it was at the start.

    .. math:: \frac{\partial L}{\partial w_{\ell k}} = -\frac{1}{n} \sum_{i\,:\,\ell_i = \ell} (y_{ik} - \mu_{ik})
    """
    layer = network(one_factor(np.tile([0, 2, 3], 8), rng), Recipe(embedding=True))
    layer.weights = [rng.normal(size=(LEVELS, 1))]

    assert_never_moves(layer, 1)


@pytest.mark.control("an-unseen-level-keeps-its-first-weights")
def test_a_level_that_occurs_once_is_refused(network, rng):
    """Level 1 in one row."""
    codes = np.concatenate([np.tile([0, 2, 3], 8), [1]])
    with pytest.raises(AssertionError, match="has a slope"):
        assert_never_moves(network(one_factor(codes, rng), Recipe(embedding=True)), 1)


def one_factor(codes, rng):
    """Shares that are 0 or 1 at random, beside the codes of the levels."""
    return Problem.of("one factor", LOGISTIC.model, codes[:, None], rng.integers(0, 2, size=(len(codes), 1)))


def assert_never_moves(layer, row):
    """The slope of a row is zero, not merely small: two steps of Adam, which scales slopes of any size, leave that row alone."""
    before, slopes = layer.weights[0], layer.gradient()[0]
    assert not slopes[row].any(), f"input {row} has a slope of {np.abs(slopes[row]).max():.2g}"
    (*_, after) = layer.train(Training("adam", epochs=2))
    moved = (after[0] != before).all(axis=1)
    assert moved.tolist() == [j != row for j in range(len(moved))], f"the rows of weights that moved: {moved}"
