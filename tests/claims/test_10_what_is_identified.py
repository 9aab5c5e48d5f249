"""
What is identified (S6).

The same function can be written with different weights: a vector added to every class of a softmax, a coefficient shared
between two copies of a column, a factor in another coding, a column of ones in place of a bias. The likelihood sees the
function only. What the weights then are is a matter of the labels, of the start, and of the way downhill.
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from spec import likelihood, problems
from spec.engines.contract import Evaluation, Fit, Recipe, Training
from spec.engines.wrong import RUNGS, ClassesPermuted, NoBias
from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.evidence.preconditions import PreconditionFailed
from spec.evidence.rungs import assert_same, assert_same_gradient, assert_same_mean, assert_same_optimum, proven_optimum
from spec.families import Binomial, Multinomial
from spec.model import Params
from spec.problems import Data, Problem
from spec.problems.by_construction import (
    GRID,
    PARAMETER_GRID,
    balanced,
    coefficients,
    draw,
    elementwise,
    generator,
    snap,
    softmax,
)

UNTRAINED = [rung for rung in RUNGS if rung != "optimum"]
UNIT = tolerances.UNIT


# -- softmax: one vector for all classes ----------------------------------------------------------------------------------

SMALL = problems.where(tag="small")
THREE = problems.get("softmax-3-to-3")
TINY = Problem("softmax-2-to-3, 128 rows", THREE.model, partial(softmax, "what is identified", 128, 2, 3, 1.0, 1.5))


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
    """What an engine says at parameters that are ``by`` away from those it is asked about."""

    engine: Any
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

    Its entries are sums over the rows of at most |x_a x_b|, good to (n + 64) u; so no eigenvalue is off by more than that
    times K sum |x|^2 (Weyl), and an eigenvalue beyond it is not zero.
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
    symptom="My network's weights differ from the multinomial logit's by the same vector in every class.",
)
@pytest.mark.parametrize("problem", [TINY], ids=str)
def test_weights_less_those_of_class_0_are_the_coefficients_in_the_tables(problem, network, reference, rng):
    r"""
    Wherever training starts, softmax weights less those of class 0 end at the coefficients of the multinomial logit.

    .. math:: \hat\beta_k = \hat w_k - \hat w_0, \qquad k = 1, \ldots, K - 1
    """
    layer = network(problem)
    start = rng.uniform(-1, 1, size=(1 + problem.p, problem.k))
    end = stacked(descend(layer, unstacked(start)))

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
    At zero within rounding: an entry of the gradient is good to (n + 64) u of its rows' contributions, which over the
    classes are at most |x| (y + mu) and so 2 mean |x|; each step rounds each weight by u of itself, and adds both.
    """
    path = [stacked(weights) for weights in layer.train(training)]
    slope = 2 * tolerances.gradient(problem.n).value * np.abs(problem.design).mean(axis=0)
    for epoch, weights in enumerate(path, start=1):
        moved = np.abs(weights.sum(axis=1))
        largest = max(np.abs(earlier).sum(axis=1).max() for earlier in path[:epoch])
        allowed = epoch * (training.learning_rate * slope + 2 * UNIT * largest)
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
    """Every common vector adds K times its squared length, to the rounding of a sum of so many squares."""
    for size in (1e-3, 1.0, 1e3):
        common = size * rng.normal(size=(1 + problem.p, 1))
        longer = (matrix**2).sum() + problem.k * (common**2).sum()
        assert_same_values("squared length", problem, ((matrix + common) ** 2).sum(), longer, tolerances.loss(matrix.size))


# -- the classes' labels ------------------------------------------------------------------------------------------------


@pytest.mark.claim("baseline-is-a-label", source="S6", symptom="I changed the reference class and every coefficient changed.")
@pytest.mark.parametrize("problem", SMALL, ids=str)
def test_another_baseline_class_relabels_the_coefficients_and_does_nothing_else(problem, params, subject, reference):
    r"""
    Another baseline class, or another order of the classes, relabels the coefficients and does nothing else.

    .. math:: \beta'_k = \beta_{\pi(k)} - \beta_{\pi(0)}

    The network is asked about the classes in reverse; its answers, the labels put back, are those to the classes as they were.
    """
    relabelled = in_other_coordinates(subject, problem, order=np.arange(problem.k)[::-1])

    climb_all(RUNGS, problem, params, relabelled, reference)


@pytest.mark.control("baseline-is-a-label")
@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("problem", SMALL[:2], ids=str)
def test_another_baseline_under_the_old_labels_is_refused(problem, rung, params, reference):
    """Two labels not put back."""
    relabelled = in_other_coordinates(ClassesPermuted(reference), problem, order=np.arange(problem.k)[::-1])

    with pytest.raises(AssertionError, match=f"not the same {rung}"):
        assert_same(rung, problem, params, relabelled, reference)


@pytest.mark.claim(
    "contrasts-keep-their-standard-errors", source="S6", symptom="A class is significant against one baseline and not another."
)
@pytest.mark.parametrize("problem", SMALL, ids=str)
def test_the_standard_error_of_a_contrast_does_not_depend_on_the_baseline(problem, params, subject, reference):
    r"""
    The standard error of a difference between two classes is the same whatever the baseline.

    .. math:: \operatorname{var}(\hat w_a - \hat w_b) = V_{aa} + V_{bb} - 2 V_{ab}, \qquad V_{0\cdot} = V_{\cdot 0} = 0

    A table of coefficients holds K - 1 of the K (K - 1) / 2 differences; another baseline shows others of them.
    """
    relabelled = in_other_coordinates(subject, problem, order=np.arange(problem.k)[::-1])
    information = subject.evaluate(relabelled.other, relabelled.there(params)).information
    mine = contrast_errors(problem, information, relabelled.order)

    assert_same_contrasts(problem, mine, reference.evaluate(problem, params).information)


@pytest.mark.control("contrasts-keep-their-standard-errors")
@pytest.mark.parametrize("problem", SMALL[:2], ids=str)
def test_standard_errors_under_the_wrong_labels_are_refused(problem, params, reference):
    """The information as it is, its classes taken to be in another order."""
    information = reference.evaluate(problem, params).information

    with pytest.raises(AssertionError, match="not the same standard error"):
        assert_same_contrasts(problem, contrast_errors(problem, information, np.arange(problem.k)[::-1]), information)


def contrast_errors(problem, information, order):
    """The standard error of each coefficient's difference between each two classes, (q, K, K); ``order`` are their labels."""
    V = np.zeros((problem.k, problem.q, problem.k, problem.q))
    V[1:, :, 1:, :] = np.linalg.inv(information).reshape(problem.k - 1, problem.q, problem.k - 1, problem.q)
    V = np.einsum("ajbj->jab", V)
    own = np.einsum("jaa->ja", V)
    variance = own[:, :, None] + own[:, None, :] - 2 * V
    back = np.argsort(order)
    return np.sqrt(variance)[:, back][:, :, back]


def assert_same_contrasts(problem, mine, information):
    tolerance = tolerances.standard_errors(problem.n, np.linalg.cond(information))
    assert_same_values("standard error", problem, mine, contrast_errors(problem, information, np.arange(problem.k)), tolerance)


# -- collinear columns --------------------------------------------------------------------------------------------------


def with_a_column_more(problem, what, combination):
    """The problem with one more column, a combination of those of [1 X]."""
    more = problem.design @ combination[:, None]
    columns = (*problem.data.columns, what)
    data = replace(problem.data, X=np.hstack([problem.X, more]), columns=columns, planted=None)
    return replace(problem, name=f"{problem}, {what}", load=lambda: data)


def planted(model):
    """128 rows, three columns of like size that are orthogonal to each other: nothing is collinear yet."""
    pair = problems.get(model)
    return replace(
        pair, name=f"{model}, 128 rows", kind="given", load=partial(elementwise, f"10 {model}", pair.model, 128, 3, 1.0)
    )


LEVELS = 4
TREATMENT = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1]])  # a row for each level, the intercept first


def factor(model, eta, covariate):
    """A factor of 4 levels in treatment coding, some more frequent than others, beside a covariate or alone."""
    pair = THREE if model == "multinomial-softmax" else problems.get(model)
    name = f"{model}, a factor{' and a covariate' if covariate else ''}"

    def load():
        X = np.repeat(TREATMENT, (48, 56, 72, 80), axis=0)[:, 1:].astype(float)
        if covariate:
            X = np.hstack([X, snap(generator(name).uniform(-1, 1, size=(len(X), 1)), GRID)])
        return drawn(name, pair.model, eta, X)

    return Problem(name, pair.model, load)


def drawn(name, model, eta, X):
    """Responses to X about planted parameters for which every eta is within 1 of ``eta``; on the dyadic grid."""
    rng = generator(name)
    k = 3 if isinstance(model.family, Multinomial) else 1
    planted = Params(np.full(k, eta), coefficients(X, 1.0, k, rng))
    mu = model.link.inverse(planted.linear_predictor(X))
    if isinstance(model.family, Multinomial):
        y = balanced(X, mu)
    elif isinstance(model.family, Binomial):
        y = balanced(X, np.hstack([1 - mu, mu]))[:, 1:]
    else:
        y = draw(model.family, mu, rng)
    return Data(X, y, planted=planted)


LOGISTIC, LINEAR, ONE_WAY = planted("binomial-logit"), planted("gaussian-identity"), factor("gaussian-identity", 0.25, False)
COLLINEAR = [  # a problem, its extra column in words, and of what columns of [1 X] it is made
    pytest.param(problem, what, np.array(combination, dtype=float), id=f"{problem}, {what}")
    for problem, what, combination in (
        (LINEAR, "a column twice", (0, 1, 0, 0)),
        (LOGISTIC, "a sum of two columns", (0, 1, 1, 0)),
        (LINEAR, "ones beside the bias", (1, 0, 0, 0)),
        (ONE_WAY, "a column for every level", (1, -1, -1, -1)),
    )
]


@pytest.mark.claim(
    "collinear-weights-are-not-identified",
    source="S6",
    symptom="I fed a column twice and the two weights came out different each time.",
)
@pytest.mark.parametrize(("problem", "what", "combination"), COLLINEAR)
def test_a_combination_of_columns_takes_any_share_of_their_weights(problem, what, combination, params, subject):
    r"""
    A column that is a combination of others takes any share of their weights: same predictions, loss and gradient.

    .. math:: z = X a \implies X (\beta - t a) + z\, t = X \beta \quad \text{for every } t

    One column twice, a sum of two, ones beside the bias, a column for every level: the data cannot say what t is.
    """
    collinear = with_a_column_more(problem, what, combination)
    for t in (-2.0, 0.25, 1.0, 8.0):
        free = problem.free(params)
        shared = collinear.params(np.vstack([free - t * combination[:, None], [[t]]]))
        assert_same_through(problem, collinear, combination, subject, params, shared)


@pytest.mark.control("collinear-weights-are-not-identified")
@pytest.mark.parametrize(("problem", "what", "combination"), COLLINEAR)
def test_a_weight_given_to_the_extra_column_and_not_taken_from_the_others_is_refused(
    problem, what, combination, params, reference
):
    """A quarter given, nothing taken: the sum is another."""
    collinear = with_a_column_more(problem, what, combination)
    given = collinear.params(np.vstack([problem.free(params), [[0.25]]]))

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_same_through(problem, collinear, combination, reference, params, given)


def assert_same_through(problem, collinear, combination, engine, params, shared):
    """The collinear problem at ``shared`` has the mean and loss of the other at ``params``, and its score times [I a]."""
    less, more = engine.evaluate(problem, params), engine.evaluate(collinear, shared)
    assert_same_mean(problem, params, more)
    assert_same_values("loss", problem, more.loss, less.loss, tolerances.loss(problem.n))
    wide = np.vstack([less.score, combination @ less.score])
    assert_same_gradient(collinear, shared, more, replace(more, score=wide))


@pytest.mark.claim(
    "collinear-columns-are-named", source="S6", symptom="Nothing warned me, and yet two of my columns say the same thing."
)
@pytest.mark.parametrize(("problem", "what", "combination"), COLLINEAR)
def test_columns_that_depend_on_each_other_are_named_before_a_fit_is_judged(problem, what, combination):
    r"""
    Collinear columns are named, and no others with them: no fit of theirs is ever called the optimum.

    .. math:: X v = 0, \quad |v| = 1 \implies \text{column } j \text{ is involved where } v_j \ne 0
    """
    names = np.array(["the intercept", *problem.data.columns])
    involved = [*names[combination != 0], what]

    assert_refused_by_name(with_a_column_more(problem, what, combination), involved)


@pytest.mark.control("collinear-columns-are-named")
@pytest.mark.parametrize(("problem", "what", "combination"), COLLINEAR)
def test_columns_that_nearly_depend_on_each_other_have_an_optimum(problem, what, combination, rng):
    """Noise of a thousandth in the extra column makes the columns independent: one optimum, and it is proven."""
    exact = with_a_column_more(problem, what, combination)
    noise = np.outer(rng.normal(size=problem.n), np.arange(exact.p) == problem.p) / 1024
    nearly = replace(exact, load=lambda: replace(exact.data, X=exact.X + noise))

    with pytest.raises(AssertionError, match="an optimum was proven"):
        assert_refused_by_name(nearly, [what])


def assert_refused_by_name(problem, columns):
    try:
        proven_optimum(problem)
        said = "an optimum was proven"
    except PreconditionFailed as failure:
        said = str(failure)
    assert "precondition failed: rank" in said, said
    assert f"the columns {', '.join(columns)} are linearly dependent" in said, said


# -- where descent ends --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Redundant:
    """A layer with more weights than the problem has free parameters: those are ``rows`` @ weights @ ``classes``."""

    problem: Problem
    layer: Problem
    rows: np.ndarray
    classes: np.ndarray

    @property
    def zeros(self):
        return np.zeros((self.rows.shape[1], len(self.classes)))

    def nearest(self, start):
        """Of all weights that make the proven optimum, the nearest to the start: least squares by the pseudoinverse."""
        missing = proven_optimum(self.problem).centre - self.rows @ start @ self.classes
        return start + np.linalg.pinv(self.rows) @ missing @ np.linalg.pinv(self.classes)


def softmax_classes():
    return Redundant(TINY, TINY, np.eye(TINY.q), np.vstack([-np.ones(TINY.k - 1), np.eye(TINY.k - 1)]))


def one_column_more(problem, what, combination):
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

    assert_ends_nearest(case, case.zeros, stacked(descend(network(case.layer))))


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

    assert_ends_nearest(case, start, stacked(descend(network(case.layer), unstacked(start))))


@pytest.mark.control("descent-ends-nearest-to-its-start")
@pytest.mark.parametrize("make", REDUNDANT)
def test_the_shortest_optimum_is_refused_of_another_start(make, rng):
    """Where descent from zero ends, held to another start."""
    case = make()
    start = rng.uniform(-1, 1, size=case.zeros.shape)

    with pytest.raises(AssertionError, match="not the same weights"):
        assert_ends_nearest(case, start, case.nearest(case.zeros))


def assert_ends_nearest(case, start, end):
    """To 13 digits of the largest weight: the problems are planted, and well conditioned where they are conditioned at all."""
    nearest = case.nearest(start)
    assert_same_values("weights", case.layer, end, nearest, tolerances.planted_optimum(), size=np.abs(nearest).max())


def descend(layer, start=None):
    """Plain gradient descent until no slope exceeds 1e-15, by the constant step that is best for the curvature at zero."""
    curvatures = np.linalg.eigvalsh(layer.hessian())
    rate = 2 / (curvatures[-1] + curvatures[curvatures > 1e-9 * curvatures[-1]][0])
    layer.weights = layer.weights if start is None else start
    for _ in range(1000):
        gradient = layer.gradient()
        layer.weights = [weight - rate * slope for weight, slope in zip(layer.weights, gradient)]
        if max(np.abs(slope).max() for slope in gradient) < 1e-15:
            break
    return layer.weights


def stacked(weights):
    """The bias above the kernel, (1 + p, k)."""
    kernel, bias = weights
    return np.vstack([bias, kernel])


def unstacked(matrix):
    return [matrix[1:], matrix[0]]


def ended_at(problem, matrix):
    """A fit that ended at these weights."""
    params = Params.from_matrix(matrix)
    mean = problem.model.link.inverse(problem.eta(params))
    unknown = np.full((problem.q, problem.free_outputs), np.nan)
    deviance, log_likelihood = likelihood.deviance(problem, mean), likelihood.log_likelihood(problem, params)
    return Fit(params, True, 0, "descent came to rest", unknown, deviance, log_likelihood)


# -- an input that never speaks --------------------------------------------------------------------------------------------


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


@pytest.mark.control("a-silent-input-keeps-its-first-weight")
def test_an_input_that_speaks_once_is_refused(network):
    """One row in a thousand is not zero."""
    with pytest.raises(AssertionError, match="has a slope"):
        assert_never_moves(network(muted(THREE, 1, rows=THREE.n - 1)), 1)


@pytest.mark.control("an-unseen-level-keeps-its-first-weights")
def test_a_level_that_occurs_once_is_refused(network, rng):
    """Level 1 in one row."""
    codes = np.concatenate([np.tile([0, 2, 3], 8), [1]])
    with pytest.raises(AssertionError, match="has a slope"):
        assert_never_moves(network(one_factor(codes, rng), Recipe(embedding=True)), 1)


def muted(problem, column, rows):
    """The column is zero in the first so many rows."""
    silent = np.outer(np.arange(problem.n) < rows, np.arange(problem.p) == column)
    return replace(problem, load=lambda: replace(problem.data, X=np.where(silent, 0, problem.X)))


def one_factor(codes, rng):
    return Problem.of("one factor", LOGISTIC.model, codes[:, None], rng.integers(0, 2, size=(len(codes), 1)))


def assert_never_moves(layer, row):
    """The slope is zero, not merely small, and two steps of Adam, which take a slope of any size, leave the weights alone."""
    before, slopes = layer.weights[0], layer.gradient()[0]
    assert not slopes[row].any(), f"input {row} has a slope of {np.abs(slopes[row]).max():.2g}"
    (*_, after) = layer.train(Training("adam", epochs=2))
    moved = (after[0] != before).all(axis=1)
    assert moved.tolist() == [j != row for j in range(len(moved))], f"the rows of weights that moved: {moved}"


# -- the intercept -------------------------------------------------------------------------------------------------------

WITH_BIAS = [problems.get("binomial-logit"), problems.get("poisson-log"), THREE]


def without_bias(problem):
    """The same rows, no intercept, no planted answer."""

    def load():
        return replace(problem.data, planted=None)

    return replace(problem, name=f"{problem}, no bias", intercept=False, kind="given", load=load)


@pytest.mark.claim("no-bias-is-no-intercept", source="S6", symptom="With use_bias=False my coefficients are different ones.")
@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("problem", [without_bias(problem) for problem in WITH_BIAS], ids=str)
def test_a_layer_without_a_bias_is_the_model_without_an_intercept(problem, rung, params, subject, reference):
    r"""
    A layer without a bias is the model without an intercept, on every rung: another model, with another optimum.

    .. math:: \eta = \sum_j x_j w_j

    A formula adds an intercept, a design matrix does not, a layer does: each side has its own default.
    """
    assert_same(rung, problem, params, subject, reference)


@pytest.mark.control("no-bias-is-no-intercept")
@pytest.mark.parametrize("problem", WITH_BIAS, ids=str)
def test_the_slopes_of_a_fit_with_an_intercept_are_refused(problem, reference):
    """The intercept fitted, then thrown away."""
    with pytest.raises(AssertionError, match="not the same optimum"):
        assert_same_optimum(without_bias(problem), reference.fit(problem))


@pytest.mark.claim(
    "no-bias-fixes-the-origin", source="S6", symptom="I centred my inputs, dropped the bias, and the average case gets one half."
)
@pytest.mark.parametrize("problem", WITH_BIAS, ids=str)
def test_without_a_bias_the_prediction_at_the_origin_is_known_before_training(problem, subject):
    r"""
    Without a bias the prediction where all inputs are zero is h(0), whatever the data: 1/2 of a sigmoid, 1/K of a softmax.

    .. math:: \mu(0) = h(0 \cdot w) = h(0)

    Centring the inputs makes that the prediction of the average case. It is no substitute for a bias.
    """
    assert_fixed_at_the_origin(problem, subject.fit(without_bias(problem)).params, subject)


@pytest.mark.control("no-bias-fixes-the-origin")
@pytest.mark.parametrize("problem", WITH_BIAS, ids=str)
def test_with_a_bias_the_prediction_at_the_origin_is_learned(problem, reference):
    """The same with a bias: h(intercept)."""
    with pytest.raises(AssertionError, match="not the same mean at the origin"):
        assert_fixed_at_the_origin(problem, reference.fit(problem).params, reference)


def assert_fixed_at_the_origin(problem, params, engine):
    """Within the units in the last place that a mean is allowed."""
    origin = replace(problem, load=lambda: replace(problem.data, X=0 * problem.X))
    mean, h0 = engine.evaluate(origin, params).mean, problem.model.link.inverse(np.zeros((1, problem.k)))
    ulps = tolerances.Tolerance(tolerances.mean_ulps(problem.k) * 2 * UNIT, "units in the last place of the mean")
    assert_same_values("mean at the origin", problem, mean, np.broadcast_to(h0, mean.shape), ulps)


@pytest.mark.claim("ones-are-a-bias", source="S6", symptom="My design matrix has a column of ones already. Do I keep the bias?")
@pytest.mark.parametrize("problem", WITH_BIAS, ids=str)
def test_a_column_of_ones_is_a_bias(problem, params, subject, reference):
    r"""
    A layer without a bias on the columns [1 X] is the layer with a bias on X, on every rung of the ladder.

    .. math:: b + \sum_j x_j w_j = 1 \cdot w_0 + \sum_j x_j w_j, \qquad w_0 = b

    One of the two, not both: ones beside a bias are collinear with it.
    """
    ones = in_other_coordinates(subject, problem, intercept=False)

    climb_all(RUNGS, problem, params, ones, reference)


@pytest.mark.control("ones-are-a-bias")
@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("problem", WITH_BIAS, ids=str)
def test_neither_ones_nor_a_bias_is_refused(problem, rung, params, reference):
    """Both forgotten."""
    with pytest.raises(AssertionError, match=f"not the same {rung}"):
        assert_same(rung, problem, params, NoBias(reference), reference)


# -- a factor and its codings ----------------------------------------------------------------------------------------------

CODINGS = {  # a row for each level; the first column is the intercept's, where there is one
    "the last level for a baseline": [[1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1], [1, 0, 0, 0]],
    "sum to zero": [[1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1], [1, -1, -1, -1]],
    "one-hot, no intercept": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
}
TWO_WAY = [factor(model, 0.25, covariate=True) for model in ("binomial-logit", "poisson-log", "multinomial-softmax")]
FACTORS = [factor(model, 0.25, covariate=False) for model in ("binomial-logit", "multinomial-softmax")]
TRANSFORMED = ["mean", "objective", "gradient", "optimum"]  # the gradient at every point has the curvature in it


def change(problem, coding):
    """The matrix that makes the other coding's design of [1 X] in treatment coding: whole numbers."""
    matrix = np.eye(problem.q)
    matrix[:LEVELS, :LEVELS] = np.round(np.linalg.solve(TREATMENT, CODINGS[coding]))
    return matrix


@pytest.mark.claim(
    "a-coding-is-a-change-of-coordinates", source="S6", symptom="Another coding of my factor gave other coefficients."
)
@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("problem", TWO_WAY, ids=str)
def test_another_coding_of_a_factor_maps_the_coefficients_and_does_nothing_else(problem, coding, params, subject, reference):
    r"""
    Another coding of a factor maps its coefficients by a known matrix; predictions and deviance stay as they are.

    .. math:: X' = X G \implies \beta' = G^{-1} \beta, \quad s' = G^\top s, \quad J' = G^\top J G

    Treatment, sum-to-zero and one-hot coding ask different questions of one model. The network is trained in the one, its
    answers are mapped to the other.
    """
    coded = in_other_coordinates(subject, problem, change(problem, coding), coding != "one-hot, no intercept")

    climb_all(TRANSFORMED, problem, params, coded, reference)


@pytest.mark.control("a-coding-is-a-change-of-coordinates")
@pytest.mark.parametrize("rung", TRANSFORMED)
@pytest.mark.parametrize("problem", TWO_WAY, ids=str)
def test_coefficients_of_another_coding_are_refused_as_those_of_treatment_coding(problem, rung, params, reference):
    """Sum-to-zero coefficients, read as differences from the first level."""
    coded = in_other_coordinates(reference, problem, change(problem, "sum to zero"))

    with pytest.raises(AssertionError, match=f"not the same {rung}"):
        assert_same(rung, problem, params, replace(coded, change=np.eye(problem.q)), reference)


@pytest.mark.claim("an-embedding-is-a-factor", source="S6", symptom="What does an Embedding of a category have to do with a GLM?")
@pytest.mark.parametrize("problem", FACTORS, ids=str)
def test_an_embedding_is_a_factor(problem, params, network, reference):
    r"""
    An embedding of codes is a factor: a row of weights for each level is that level's linear predictor.

    .. math:: \eta_i = w_{\ell_i}, \qquad \beta_0 = w_0, \quad \beta_\ell = w_\ell - w_0

    The second line is treatment coding. Held to it on every rung, the last by the embedding's own gradient.
    """
    embedding = Embedded(network, problem)
    one_hot = in_other_coordinates(embedding, problem, change(problem, "one-hot, no intercept"), intercept=False)

    climb_all(RUNGS, problem, params, one_hot, reference)


@pytest.mark.control("an-embedding-is-a-factor")
@pytest.mark.parametrize("problem", FACTORS[:1], ids=str)
def test_an_embedding_whose_codes_are_in_another_order_is_refused(problem, params, network, reference):
    """The levels numbered from the last to the first, the rows of weights as they were."""
    backwards = Embedded(network, problem, codes=range(LEVELS)[::-1])
    one_hot = in_other_coordinates(backwards, problem, change(problem, "one-hot, no intercept"), intercept=False)

    for rung in RUNGS:
        with pytest.raises(AssertionError, match=f"not the same {rung}"):
            assert_same(rung, problem, params, one_hot, reference)


class Embedded:
    """An engine that answers about a one-hot factor without intercept by an embedding; ``codes`` are those of the levels."""

    def __init__(self, network, problem, codes=range(LEVELS)):
        level = (problem.X @ np.arange(1, LEVELS)).astype(int)
        coded = replace(problem.data, X=np.array(codes)[level][:, None], columns=("level",), planted=None)
        self.layer = network(replace(problem, load=lambda: coded), Recipe(embedding=True))
        self.scale = problem.n / self.layer.loss_scale

    def evaluate(self, problem, params):
        self.layer.weights = [params.coef]
        score = np.vstack([np.zeros((1, problem.k)), -self.scale * self.layer.gradient()[0]])
        unasked, information = float("nan"), partial(self.information, problem, params)
        return Evaluation(self.layer.predict(), self.layer.objective(), self.layer.loss_scale, unasked, score, information)

    def information(self, problem, params):
        """Of the classes but the first, class after class."""
        self.layer.weights = [params.coef]
        size, m = problem.q * problem.free_outputs, problem.k - problem.free_outputs
        hessian = self.layer.hessian().reshape(problem.q, problem.k, problem.q, problem.k)[:, m:, :, m:]
        return self.scale * hessian.transpose(1, 0, 3, 2).reshape(size, size)

    def fit(self, problem):
        """Newton's method: the layer's own gradient decides, its Hessian steers."""
        rows = np.zeros((problem.q, problem.k))
        for _ in range(8):
            self.layer.weights = [rows]
            (slopes,) = self.layer.gradient()
            rows = rows - (np.linalg.pinv(self.layer.hessian()) @ slopes.ravel()).reshape(rows.shape)
        return ended_at(problem, np.vstack([0 * rows[:1], rows]))


# -- the same problem in other coordinates --------------------------------------------------------------------------------


def climb_all(rungs, problem, params, mine, other):
    for rung in rungs:
        assert_same(rung, problem, params, mine, other)


def in_other_coordinates(engine, problem, change=None, intercept=True, order=None):
    """The engine, asked about the problem whose design is [1 X] ``change``, and whose classes are in another ``order``."""
    change = np.eye(problem.q) if change is None else change
    order = np.arange(problem.k) if order is None else order
    X = (problem.design @ change)[:, int(intercept) :]
    data = replace(problem.data, X=X, y=problem.y[:, order], columns=(), planted=None)
    other = replace(problem, name=f"{problem}, in other coordinates", load=lambda: data, intercept=intercept, kind="given")
    return InOtherCoordinates(engine, other, change, order)


@dataclass(frozen=True)
class InOtherCoordinates:
    """
    What an engine says of a problem by way of ``other``, mapped back.

    The other's design is [1 X] ``change``: parameters go there by its inverse, gradients come back by the inverse's
    transpose, curvature by both. Its classes are those in ``order``.
    """

    engine: Any
    other: Problem
    change: np.ndarray
    order: np.ndarray

    @property
    def inverse(self):
        return np.round(LEVELS * np.linalg.inv(self.change)) / LEVELS  # whole numbers and quarters: exact

    def there(self, params):
        rows = self.inverse @ params.matrix[:, self.order]
        return Params.from_matrix(rows if self.other.intercept else np.vstack([0 * rows[:1], rows]))

    def back(self, matrix):
        """The rows that are not there for want of an intercept dropped, the classes in the old order."""
        return matrix[1 - self.other.intercept :, np.argsort(self.order)]

    def evaluate(self, problem, params):
        answer = self.engine.evaluate(self.other, self.there(params))
        units = np.eye(problem.q * problem.free_outputs).reshape(-1, problem.free_outputs, problem.q)
        columns = [self.other.free(self.there(problem.params(unit.T))).T.ravel() for unit in units]
        return replace(
            answer,
            mean=answer.mean[:, np.argsort(self.order)],
            score=self.inverse.T @ self.back(answer.score),
            curvature=lambda: np.array(columns) @ answer.information @ np.array(columns).T,
        )

    def fit(self, problem):
        fit = self.engine.fit(self.other)
        return replace(fit, params=Params.from_matrix(self.change @ self.back(fit.params.matrix)))
