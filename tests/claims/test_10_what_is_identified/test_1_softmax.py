"""
Softmax: one vector for all classes.

The means of a softmax are ratios, and a factor that all classes share cancels: p + 1 directions of its weights are flat.
"""

from dataclasses import dataclass

import numpy as np
import pytest

from spec import problems
from spec.engines.answers import stacked
from spec.engines.contract import Engine, Recipe, Training
from spec.engines.wrong import RUNGS
from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.evidence.rungs import assert_same, assert_same_optimum
from spec.model import Params
from spec.problems.by_construction import PARAMETER_GRID, snap

from .collinear import with_a_column_more
from .rest import TINY, ended_at, resting_place

UNTRAINED = [rung for rung in RUNGS if rung != "optimum"]

SMALL = problems.where(tag="small")
THREE = problems.get("softmax-3-to-3")


@pytest.mark.claim(
    "softmax-is-blind-to-a-common-vector", source="S6", symptom="Two runs predict the same with different weights."
)
@pytest.mark.parametrize("rung", UNTRAINED)
@pytest.mark.parametrize("problem", SMALL, ids=str)
def test_one_vector_added_to_every_class_moves_nothing(problem, rung, params, subject, reference, rng):
    r"""
    One vector added to the weights of every class moves no prediction, no loss, no gradient and no curvature.

    .. math:: \mu_k = \frac{e^{\eta_k + x \cdot c}}{\sum_j e^{\eta_j + x \cdot c}} = \frac{e^{\eta_k}}{\sum_j e^{\eta_j}}

    A person who compares two softmax fits compares the classes' differences, never the weights.
    """
    common = snap(rng.uniform(-1, 1, size=(1 + problem.p, 1)), PARAMETER_GRID)

    assert_same(rung, problem, params, Moved(subject, common), reference)


@pytest.mark.control("softmax-is-blind-to-a-common-vector")
@pytest.mark.parametrize("rung", UNTRAINED)
@pytest.mark.parametrize("problem", SMALL, ids=str)
def test_a_vector_added_to_one_class_is_refused(problem, rung, params, reference):
    """The last class alone gets it."""
    one = np.eye(problem.k)[-1:] / 4

    with pytest.raises(AssertionError, match=f"not the same {rung}"):
        assert_same(rung, problem, params, Moved(reference, one), reference)


@dataclass(frozen=True)
class Moved:
    """An engine that answers as another one does at parameters that are ``by`` away from those it is asked about."""

    engine: Engine
    by: np.ndarray

    def evaluate(self, problem, params):
        return self.engine.evaluate(problem, Params.from_matrix(params.matrix + self.by))


@pytest.mark.claim("softmax-has-p-plus-1-flat-directions", source="S6", symptom="The Hessian of my softmax layer is singular.")
@pytest.mark.parametrize("problem", SMALL, ids=str)
def test_the_softmax_loss_is_flat_along_p_plus_1_directions(problem, params, network):
    r"""
    The Hessian of a softmax layer has exactly p + 1 null directions, and is positive on all others.

    .. math:: H\,(c \otimes 1_K) = 0 \quad (c \in \mathbb{R}^{p+1}), \qquad \operatorname{rank} H = (p + 1)(K - 1)

    Its inverse does not exist, and so a standard error belongs to a difference of classes, never to a weight.
    """
    layer = network(problem)
    layer.weights = [params.coef, params.intercept]

    assert_flat_along(problem, layer, np.kron(np.eye(1 + problem.p), np.ones((problem.k, 1))))


@pytest.mark.control("softmax-has-p-plus-1-flat-directions")
@pytest.mark.parametrize("problem", SMALL[:1], ids=str)
def test_a_penalty_that_leaves_no_direction_flat_is_refused(problem, network):
    """A factor of 1e-6 on the sum of squares bends the loss along every direction of the kernel."""
    with pytest.raises(AssertionError, match="the Hessian does not vanish"):
        assert_flat_along(problem, network(problem, Recipe(l2=1e-6)), np.kron(np.eye(1 + problem.p), np.ones((problem.k, 1))))


@pytest.mark.control("softmax-has-p-plus-1-flat-directions")
@pytest.mark.parametrize("problem", SMALL[:1], ids=str)
def test_a_column_twice_has_more_flat_directions_and_is_refused(problem, network):
    """K - 1 more, one for each free class."""
    twice = with_a_column_more(problem, "a column twice", np.eye(problem.q)[1])

    with pytest.raises(AssertionError, match=f"{problem.p + 2 + problem.k - 1} directions are flat, expected {problem.p + 2}"):
        assert_flat_along(twice, network(twice), np.kron(np.eye(1 + twice.p), np.ones((problem.k, 1))))


def assert_flat_along(problem, layer, directions):
    """
    The Hessian vanishes along ``directions`` and nowhere else.

    The entries of the Hessian are sums over the rows of at most |x_a x_b|, good to (n + 64) u. So no eigenvalue is off by more
    than that times K sum |x|^2 (Weyl), and an eigenvalue beyond it is not zero.
    """
    hessian = problem.n / layer.loss_scale * layer.hessian()
    noise = tolerances.curvature(problem.n).value * problem.k * (problem.design**2).sum()
    # the weights are kernel, then bias: the directions' rows may stand in any order of inputs, being the same for each
    assert np.linalg.norm(hessian @ directions, 2) <= noise * np.linalg.norm(directions, 2), "the Hessian does not vanish there"
    flat = int((np.linalg.eigvalsh(hessian) <= noise).sum())
    assert flat == directions.shape[1], f"{flat} directions are flat, expected {directions.shape[1]}"


@pytest.mark.claim(
    "minus-class-0-is-the-reference",
    source="S6",
    level="proven for this problem",
    symptom="My network's weights differ from the multinomial logit's by the same vector in every class.",
)
@pytest.mark.parametrize("problem", [TINY], ids=str)
def test_weights_less_those_of_class_0_are_the_coefficients_in_the_tables(problem, network, reference, rng):
    r"""
    Wherever training starts, softmax weights less those of class 0 end at the coefficients of the multinomial logit.

    .. math:: \hat\beta_k = \hat w_k - \hat w_0, \qquad k = 1, \ldots, K - 1
    """
    start = rng.uniform(-1, 1, size=(1 + problem.p, problem.k))
    end = resting_place(network(problem), start)

    assert_same_optimum(problem, ended_at(problem, end))
    assert_same_optimum(problem, reference.fit(problem))


@pytest.mark.control("minus-class-0-is-the-reference")
@pytest.mark.parametrize("problem", [TINY], ids=str)
def test_weights_less_the_mean_of_all_classes_are_refused(problem, reference):
    """The mean of the classes subtracted in place of class 0, and read as if class 0 had been."""
    matrix = reference.fit(problem).params.matrix
    centred = (matrix - matrix.mean(axis=1, keepdims=True)) * (np.arange(problem.k) > 0)

    with pytest.raises(AssertionError, match="not the same optimum"):
        assert_same_optimum(problem, ended_at(problem, centred))


@pytest.mark.claim(
    "descent-keeps-the-sum-of-the-classes",
    source="S6",
    symptom="Adam and plain gradient descent end at other softmax weights, from the same start.",
)
def test_plain_gradient_descent_keeps_the_sum_over_the_classes_at_zero(network):
    r"""
    Plain gradient descent from zero keeps the sum of the weights over the classes at zero, in every epoch.

    .. math:: \sum_k \frac{\partial L}{\partial w_{jk}} = -\frac{1}{n} \sum_i x_{ij} \sum_k (y_{ik} - \mu_{ik}) = 0

    Adam divides each entry of the gradient by its own size. Its first step is the learning rate times the signs, and the
    signs of three numbers do not sum to zero, though the numbers do.
    """
    assert_sums_stay(THREE, network(THREE), Training("sgd", learning_rate=0.5, epochs=10))


@pytest.mark.control("descent-keeps-the-sum-of-the-classes")
def test_adam_does_not_keep_the_sum_and_is_refused(network):
    """The same layer, data and start."""
    with pytest.raises(AssertionError, match="the classes' sum moved"):
        assert_sums_stay(THREE, network(THREE), Training("adam", learning_rate=0.01, epochs=2))


def assert_sums_stay(problem, layer, training):
    """
    After each epoch the weights' sum over the classes is zero within rounding.

    An entry of the gradient is good to (n + 64) u of its rows' contributions, which over the classes are at most
    |x| (y + mu) and so 2 mean |x|. Each step adds that, times the learning rate, and a `rounded_step` of the weights.
    """
    path = [stacked(weights) for weights in layer.train(training)]
    slope = 2 * tolerances.gradient(problem.n).value * np.abs(problem.design).mean(axis=0)
    for epoch, weights in enumerate(path, start=1):
        moved = np.abs(weights.sum(axis=1))
        largest = max(np.abs(earlier).sum(axis=1).max() for earlier in path[:epoch])
        allowed = epoch * (training.learning_rate * slope + tolerances.rounded_step().value * largest)
        assert (moved <= allowed).all(), f"the classes' sum moved by {moved.max():.2g} after {epoch} epochs"


@pytest.mark.claim(
    "weights-that-sum-to-zero-are-the-shortest", source="S6", symptom="Which of all the equivalent softmax weights do I report?"
)
@pytest.mark.parametrize("problem", SMALL, ids=str)
def test_weights_that_sum_to_zero_over_the_classes_are_the_shortest(problem, params, rng):
    r"""
    Of all softmax weights with the same predictions, those that sum to zero over the classes have the least norm.

    .. math:: \sum_k w_k = 0 \implies \sum_k |w_k + c|^2 = \sum_k |w_k|^2 + K |c|^2

    The cross term is twice c times the sum. The shortest is what a vanishing penalty picks, and where gradient descent from
    zero ends.
    """
    centred = params.matrix - params.matrix.mean(axis=1, keepdims=True)

    assert_shortest(problem, centred, rng)


@pytest.mark.control("weights-that-sum-to-zero-are-the-shortest")
@pytest.mark.parametrize("problem", SMALL, ids=str)
def test_weights_with_a_baseline_of_zero_are_not_the_shortest(problem, params, rng):
    """The statistician's parametrisation, minus class 0: longer, and so refused."""
    with pytest.raises(AssertionError, match="not the same squared length"):
        assert_shortest(problem, params.contrast().matrix, rng)


def assert_shortest(problem, matrix, rng):
    """Every common vector adds K times its squared length to that of the weights, to the rounding of a sum of so many squares."""
    for size in (1e-3, 1.0, 1e3):
        common = size * rng.normal(size=(1 + problem.p, 1))
        longer = (matrix**2).sum() + problem.k * (common**2).sum()
        assert_same_values("squared length", problem, ((matrix + common) ** 2).sum(), longer, tolerances.loss(matrix.size))
