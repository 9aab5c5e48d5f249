"""
The penalised optimum.

Ridge, lasso and elastic net are where a regularised network rests; only weights of exactly zero need a step of their own.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import hadamard

from spec import likelihood, problems
from spec.engines.answers import evaluation
from spec.engines.contract import Recipe
from spec.evidence import tolerances
from spec.evidence.rungs import assert_same_gradient, assert_same_optimum, proven_optimum
from spec.evidence.tolerances import UNIT
from spec.families import Gaussian
from spec.links import Identity
from spec.model import Model, Params
from spec.problems import Problem

from ..descent import descend
from .penalised import ELASTIC, PENALISED, lambdas
from .separated import COMPLETE, QUASI

DECAY = 2.0**-6  # a power of two, like those of `ELASTIC`
LEAST_SQUARES = [problems.get("gaussian-identity"), problems.get("longley")]


@pytest.mark.claim("ridge-is-least-squares", source="S6", symptom="Can ordinary least squares do my ridge regression?")
@pytest.mark.parametrize("problem", LEAST_SQUARES, ids=str)
def test_ridge_is_least_squares_with_a_row_more_for_each_column(problem, params, network, reference):
    r"""
    Weight decay on a linear network is least squares with one more row for each column, which says that its weight is 0.

    .. math:: \Big\| y - b - X w \Big\|^2 + \lambda \|w\|^2
              = \left\| \begin{pmatrix} y \\ 0 \end{pmatrix}
              - \begin{pmatrix} 1 & X \\ 0 & \sqrt{\lambda} I \end{pmatrix} \begin{pmatrix} b \\ w \end{pmatrix} \right\|^2

    The gradients agree at any weights; the longer problem's optimum is proven, and the decaying network rests there.
    """
    longer = with_rows_of_zeros(problem, np.sqrt(problem.n * DECAY))
    penalised = network(problem, Recipe(l2=DECAY))
    optimum = proven_optimum(longer).params
    anywhere_else = Params([0], params.matrix)
    model = reference.evaluate(longer, anywhere_else)

    assert_same_gradient(longer, anywhere_else, of_longer(problem, penalised, anywhere_else), model)
    assert_same_gradient(longer, optimum, of_longer(problem, penalised, optimum), replace(model, score=0 * model.score))
    assert_same_optimum(longer, reference.fit(longer))


@pytest.mark.control("ridge-is-least-squares")
@pytest.mark.parametrize("problem", LEAST_SQUARES, ids=str)
def test_rows_of_the_wrong_length_are_refused(problem, params, network, reference):
    """lambda in the new rows in place of its root."""
    longer, penalised = with_rows_of_zeros(problem, problem.n * DECAY), network(problem, Recipe(l2=DECAY))
    same = Params([0], params.matrix)

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_same_gradient(longer, same, of_longer(problem, penalised, same), reference.evaluate(longer, same))


def with_rows_of_zeros(problem, factor):
    """The problem with its intercept as a column, and below it a row for each other column: ``factor`` there, response 0."""
    X = np.vstack([problem.design, factor * np.eye(problem.q)[1:]])
    return Problem.of(f"{problem}, longer", problem.model, X, np.vstack([problem.y, np.zeros((problem.p, 1))]), intercept=False)


def of_longer(problem, network, params):
    """A network's answer on the shorter problem, its score shaped as if it were one on the longer."""
    short = evaluation(problem, network, Params.from_matrix(params.coef))
    return replace(short, score=np.vstack([[[0]], short.score]))


BALANCED = [*PENALISED[1:], *(case.problem for case in (COMPLETE[0], *QUASI[:3]))]
PENALTIES = [Recipe(l2=2.0**-5), Recipe(l1=2.0**-4), ELASTIC]
by_pull = "l1={0.l1:.2g} l2={0.l2:.2g}".format


@pytest.mark.claim("penalised-optimum", source="S6", symptom="Is my regularised network an elastic net?")
@pytest.mark.parametrize("recipe", PENALTIES, ids=by_pull)
@pytest.mark.parametrize("problem", BALANCED, ids=str)
def test_the_penalised_estimate_is_where_the_network_rests(problem, recipe, network, reference):
    r"""
    At the penalised estimate the network rests: each weight's score balances its pull, or is too weak to move it from zero.

    .. math:: \frac{\partial \ell}{\partial w_j} = \lambda_2 w_j + \lambda_1 \operatorname{sign}(w_j)
              \quad\text{or}\quad w_j = 0, \; \left| \frac{\partial \ell}{\partial w_j} \right| \le \lambda_1

    The estimate comes of coordinate descent on the reference's score, the balance is that of the network's own gradient.
    """
    penalised = network(problem, recipe)
    l1, l2 = lambdas(problem, recipe, penalised)

    assert_rests(problem, elastic_net(problem, l1, l2, reference), penalised, l1)


@pytest.mark.control("penalised-optimum")
@pytest.mark.parametrize("recipe", [PENALTIES[0], Recipe(l1=2.0**-8), Recipe(l1=2.0**-8, l2=2.0**-5)], ids=by_pull)
def test_the_estimate_of_a_slightly_larger_penalty_is_refused(recipe, network, reference):
    """The estimate where the penalties, which leave weights to shrink, are larger by a millionth."""
    problem = problems.get("logistic-4-colours")
    penalised = network(problem, recipe)
    l1, l2 = (larger * (1 + 1e-6) for larger in lambdas(problem, recipe, penalised))

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_rests(problem, elastic_net(problem, l1, l2, reference), penalised, l1)


def assert_rests(problem, params, network, l1):
    """
    The network rests at ``params``, by the conditions of Karush, Kuhn and Tucker.

    Its score, penalties included, is zero; for a weight of zero, where the L1 penalty has no slope, it is within l1 of zero.
    """
    mine = evaluation(problem, network, params)
    held = np.vstack([np.zeros((1, problem.k), dtype=bool), params.coef == 0])
    expected = np.where(held, np.clip(mine.score, -l1, l1), 0)
    assert_same_gradient(problem, params, mine, replace(mine, score=expected))


def elastic_net(problem, l1, l2, engine):
    """
    The parameters at which the log-likelihood less l1 |w| + l2 |w|^2 / 2 is highest, found as glmnet does.

    It takes scoring steps, each by coordinate descent. Both loops end where no weight moves by more than rounding, which is a
    few u of the largest, or else at the ends of their ranges.
    """
    rows = 1 + problem.p - problem.q  # the first row of the matrix that is free
    penalised = np.repeat(np.arange(1 + problem.p) > 0, problem.k).reshape(-1, problem.k)[rows:].T.ravel()
    l1, l2 = l1 * penalised, l2 * penalised
    params = Params.from_matrix(np.zeros((1 + problem.p, problem.k)))
    for _ in range(50):
        now = params.matrix[rows:].T.ravel()
        H = likelihood.gram(problem.design, weights_of_all_outputs(problem, params))
        target = engine.evaluate(problem, params).score[rows:].T.ravel() + H @ now
        new = now.copy()
        for _ in range(200):
            last = new.copy()
            for j in range(len(new)):
                push = target[j] - H[j] @ new + H[j, j] * new[j]
                new[j] = np.sign(push) * max(abs(push) - l1[j], 0) / (H[j, j] + l2[j])
            if np.abs(new - last).max() <= 4 * UNIT * np.abs(new).max():
                break
        params = Params.from_matrix(np.vstack([np.zeros((rows, problem.k)), new.reshape(problem.k, -1).T]))
        if np.abs(new - now).max() <= 8 * UNIT * np.abs(new).max():
            break
    return params


def weights_of_all_outputs(problem, params):
    """The expected information of each row about its eta, (n, k, k), class 0 of a softmax included."""
    if problem.k == 1:
        return likelihood.expected_weights(problem, params)
    return problem.row_weights[:, :, None] * problem.model.link.inverse_derivative(problem.eta(params))


@pytest.mark.claim("l1-threshold", source="S6", symptom="From which l1 on are all my weights zero?")
@pytest.mark.parametrize("problem", PENALISED, ids=str)
def test_beyond_a_threshold_of_l1_all_weights_are_zero(problem, params, subject, network, reference):
    r"""
    All weights are zero as soon as l1 reaches the steepest slope of the null model's loss, and not before.

    .. math:: l_1^{\max} = \frac{c}{n} \max_j \left| \frac{\partial \ell}{\partial w_j} \right|
              \quad\text{at } w = 0,\; b = g(\bar y)

    Where the loss is convex, as it is in all of these, the balance at the null model makes that the lowest point there is.
    """
    null = null_optimum(problem)
    steepest = np.abs(reference.evaluate(problem, null).score[1:]).max()
    c = subject.evaluate(problem, null).loss_scale
    above = network(problem, Recipe(l1=9 / 8 * steepest * c / problem.n))

    assert_rests(problem, null, above, 9 / 8 * steepest)
    assert evaluation(problem, above, params).loss > evaluation(problem, above, null).loss


@pytest.mark.control("l1-threshold")
@pytest.mark.parametrize("problem", PENALISED, ids=str)
def test_short_of_the_threshold_a_weight_moves(problem, subject, network, reference):
    """l1 at seven eighths of the threshold."""
    null = null_optimum(problem)
    steepest = np.abs(reference.evaluate(problem, null).score[1:]).max()
    c = subject.evaluate(problem, null).loss_scale
    below = network(problem, Recipe(l1=7 / 8 * steepest * c / problem.n))

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_rests(problem, null, below, 7 / 8 * steepest)


def null_optimum(problem):
    """The parameters at the optimum of the null model: all weights zero, and the bias g of the mean."""
    return Params(problem.model.link(problem.y.mean(axis=0)), np.zeros((problem.p, problem.k)))


SIGNS = hadamard(8)  # columns of 1 and -1, orthogonal to each other; the first is the intercept's
SLOPES = np.array([[4.0], [-2.0], [0.5]])
ORTHOGONAL = Problem.of("orthogonal", Model(Gaussian(), Identity()), SIGNS[:, 1:4], 3 + SIGNS[:, 1:4] @ SLOPES + SIGNS[:, 5:6])


@pytest.mark.claim(
    "soft-threshold",
    source="S6",
    level="decided exactly",
    symptom="L1 makes zeros and L2 does not: what does each do to a weight?",
)
@pytest.mark.parametrize("recipe", [Recipe(l1=2), Recipe(l2=1), Recipe(l1=2, l2=1)], ids="l1={0.l1:g} l2={0.l2:g}".format)
def test_orthogonal_columns_shrink_one_by_one(recipe, network):
    r"""
    On orthogonal columns L2 divides each least-squares weight, and L1 moves it towards zero and no further.

    .. math:: \hat w_j = \frac{\operatorname{sign}(b_j)\, \max(|b_j| - l_1 / 2,\, 0)}{1 + l_2}, \qquad b = X^\top y / n

    All these numbers are binary fractions, so there the network's gradient is zero to the last bit.
    """
    w = np.sign(SLOPES) * np.maximum(np.abs(SLOPES) - recipe.l1 / 2, 0) / (1 + recipe.l2)

    assert_exactly_balanced(network(ORTHOGONAL, recipe), w, recipe.l1)


@pytest.mark.control("soft-threshold")
@pytest.mark.parametrize("w", [SLOPES / 2, SLOPES - np.sign(SLOPES), 0 * SLOPES], ids=["halved", "beyond zero", "all zero"])
def test_another_shrinkage_is_refused(w, network):
    """For L1: what L2 would do; the smallest weight moved through zero to the other side; and zeros short of the threshold."""
    with pytest.raises(AssertionError, match="out of balance"):
        assert_exactly_balanced(network(ORTHOGONAL, Recipe(l1=2)), w, 2)


def assert_exactly_balanced(network, w, l1):
    """The network rests at ``w`` exactly: the same conditions without any tolerance."""
    score = evaluation(ORTHOGONAL, network, Params([3], w)).score
    assert score[0, 0] == 0, f"out of balance: {score.tolist()}"
    assert (np.abs(score[1:]) <= np.where(w == 0, ORTHOGONAL.n * l1 / 2, 0)).all(), f"out of balance: {score.tolist()}"


@pytest.mark.claim("l1-zeros-need-their-own-step", source="S6", symptom="I train with l1, and not one weight is exactly zero.")
def test_gradient_steps_circle_the_zeros_of_l1(network):
    r"""
    Gradient steps of an L1 penalty circle its zeros and do not come to rest: there the slope jumps, it does not vanish.

    .. math:: \Delta w = -r\,(2 (w - b) + l_1 \operatorname{sign} w), \quad 2 |b| < l_1
              \quad\Rightarrow\quad |\Delta w| \ge r\,(l_1 - 2 |b|), \quad |w| \le r\,(l_1 + 2 |b|)

    So it is on orthogonal columns, once w is as near as that. A step that thresholds softly lands on the zero and stays.
    """
    rate, recipe = 2.0**-4, Recipe(l1=2)
    path = descend(network(ORTHOGONAL, recipe), rate, 32, [np.zeros((3, 1)), np.zeros(1)])

    assert_circles_zero(np.array([kernel[2, 0] for kernel, _ in path]), rate, recipe.l1, SLOPES[2, 0])


@pytest.mark.control("l1-zeros-need-their-own-step")
def test_a_step_that_thresholds_softly_lands_on_zero(network):
    """The proximal step: the loss's own gradient, then each weight moved by r l1 towards zero and no further."""
    plain, rate, path = network(ORTHOGONAL), 2.0**-4, []
    plain.weights = [np.ones((3, 1)), np.zeros(1)]
    for _ in range(16):
        kernel, bias = (weight - rate * slope for weight, slope in zip(plain.weights, plain.gradient()))
        plain.weights = [np.sign(kernel) * np.maximum(np.abs(kernel) - 2 * rate, 0), bias]
        path.append(plain.weights[0][2, 0])

    with pytest.raises(AssertionError, match="exactly zero"):
        assert_circles_zero(np.array(path), rate, 2, SLOPES[2, 0])


def assert_circles_zero(w, rate, l1, b):
    """The weight is never exactly zero, never further than r (l1 + 2 |b|) from it, and no step is shorter than r (l1 - 2 |b|)."""
    assert (w != 0).all(), f"exactly zero at step {np.argmin(np.abs(w)) + 1}"
    assert (np.abs(w) <= rate * (l1 + 2 * abs(b))).all(), f"too far from zero: {w.tolist()}"
    assert (np.abs(np.diff(w)) >= rate * (l1 - 2 * abs(b)) - tolerances.step_length().value).all(), (
        f"coming to rest: {w.tolist()}"
    )
