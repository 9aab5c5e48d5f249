"""
Whether an optimum exists, and how many (S6).

The answer's "statistical technicalities" begin here: a network minimises its loss, and a loss need not have a minimum. On
separated data there is none, a penalty makes one, a column without data makes infinitely many, and a loss that is not
convex may have two that compete.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import hadamard
from scipy.optimize import brentq

from spec import likelihood, problems
from spec.engines.contract import Recipe
from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.evidence.preconditions import PreconditionFailed, separation
from spec.evidence.rungs import assert_same_gradient, assert_same_objective, assert_same_optimum, proven_optimum
from spec.evidence.tolerances import UNIT, Tolerance
from spec.families import Binomial, Gamma, Gaussian, InverseGaussian, Multinomial, NegativeBinomial, Poisson, Tweedie
from spec.links import Cauchit, CLogLog, Identity, Inverse, Log, Logit, Power, Softmax
from spec.model import ALPHA, PAIRS, Model, Params
from spec.problems import Problem
from tests.claims.points import anywhere

LOGISTIC = Model(Binomial(), Logit())


def column(*values):
    """(n, 1)."""
    return np.array(values, dtype=float)[:, None]


# -- separated data: no optimum -------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Separated:
    """A problem, the direction that decides rows of it, and the problem of the rows (or classes) left undecided, if any."""

    problem: Problem
    direction: Callable[[], Params]
    rest: Problem | None = None

    def along(self, params, step):
        """So far along the direction."""
        return Params.from_matrix(params.matrix + step * self.direction().matrix)

    def of_rest(self, matrix):
        """What of (1 + p, k) belongs to the undecided problem: the added column, or class, is the last."""
        return matrix[: 1 + self.rest.p, : self.rest.k]

    def __str__(self):
        return str(self.problem)


def decided(name):
    """A planted problem in which each row gives the answer that its planted predictor favours: no row is a surprise."""
    planted = problems.get(name)

    def load():
        return replace(planted.data, y=planted.X @ planted.data.planted.coef > 0, planted=None)

    problem = replace(planted, name=f"{name}, no surprises", load=load)
    return Separated(problem, lambda: Params([0], planted.data.planted.coef))


def unanimous_cell(name, answer):
    """A planted problem with one more column, the indicator of a cell of the table in which all rows answer the same."""
    planted = problems.get(name)

    def load():
        cell = planted.X[:, :1] > 0
        return problems.Data(np.hstack([planted.X, cell]), np.where(cell, answer, planted.y))

    def load_rest():
        outside = planted.X[:, 0] <= 0
        return problems.Data(planted.X[outside], planted.y[outside])

    problem = replace(planted, name=f"{name}, a cell of {answer}s", load=load)
    rest = replace(planted, name=f"{name}, outside the cell", load=load_rest)
    return Separated(problem, lambda: Params([0], np.eye(planted.p + 1)[:, -1:] * (1 if answer else -1)), rest)


def class_without_rows(name):
    """A problem with one more class, which no row belongs to."""
    seen = problems.get(name)

    def load():
        return problems.Data(seen.X, np.hstack([seen.y, np.zeros((seen.n, 1))]))

    problem = replace(seen, name=f"{name}, a class without rows", load=load)
    return Separated(problem, lambda: Params(-np.eye(seen.k + 1)[-1], np.zeros((seen.p, seen.k + 1))), seen)


LADDER = column(-3, -2, -1, 1, 2, 4)
COMPLETE = [
    Separated(Problem.of("two-steps", LOGISTIC, LADDER, LADDER > 0), lambda: Params([0], [[1]])),
    Separated(
        Problem.of("three-steps", Model(Multinomial(), Softmax()), LADDER, np.eye(3)[[0, 0, 1, 1, 2, 2]]),
        lambda: Params([0, 1.5, 0], [[0, 1, 2]]),  # class 1 leads between -1.5 and 1.5
    ),
    *(decided(name) for name in ("logistic-4-colours", "binomial-probit", "binomial-cauchit")),
]
QUASI = [
    unanimous_cell("binomial-logit", 1),
    unanimous_cell("poisson-log", 0),
    unanimous_cell("negative-binomial(0.5)-log", 0),
    unanimous_cell("tweedie(1.5)-log", 0),
    class_without_rows("by-hand-multinomial-softmax-two-groups"),
]
FITTED = [COMPLETE[0], QUASI[0]]


@pytest.mark.claim("separated-no-minimum", source="S6", symptom="My loss keeps falling and my weights keep growing.")
@pytest.mark.parametrize("case", COMPLETE + QUASI, ids=str)
def test_on_separated_data_the_loss_has_no_minimum(case, subject, rng):
    r"""
    On separated data the loss falls along one direction from every point, so no weights are its minimum.

    .. math:: \frac{d}{ds}\,\ell(w + s d) = \sum_i \frac{y_i - \mu_i}{V(\mu_i)}\,h'(\eta_i)\; d \cdot x_i > 0
              \quad \text{for all } w

    A plane separates the data if no row lies on the wrong side of it: then no term is negative, and not all are zero.
    """
    assert_falls(subject.evaluate, case, anywhere(case.problem, rng))


@pytest.mark.control("separated-no-minimum")
@pytest.mark.parametrize("case", COMPLETE[2:], ids=str)
def test_where_rows_surprise_the_loss_rises_in_the_end(case, reference, rng):
    """The responses as they were drawn, some of them on the wrong side of the plane."""
    drawn = problems.get(str(case).partition(",")[0])

    with pytest.raises(AssertionError, match="does not fall"):
        assert_falls(reference.evaluate, replace(case, problem=drawn), anywhere(drawn, rng))


@pytest.mark.claim("separated-is-proven", source="S6", symptom="The fit says converged, yet its coefficients are absurd.")
@pytest.mark.parametrize("case", COMPLETE + QUASI, ids=str)
def test_a_linear_program_proves_that_no_optimum_exists(case):
    r"""
    A linear program proves that no optimum exists, since it finds a direction along which no row loses and one gains.

    .. math:: \exists\, d: \quad (2 y_i - 1)\, d \cdot x_i \ge 0 \text{ for all } i, \quad > 0 \text{ for some } i

    So it is for two classes; of more, a row's own is held against each other one; of counts, the zeros decide.
    """
    assert separation(case.problem) is not None
    assert_no_optimum(proven_optimum, case.problem)


@pytest.mark.claim("separated-fits-are-refused", source="S6", symptom="One program says 9, one says 37, both without a warning.")
@pytest.mark.parametrize("case", FITTED, ids=str)
def test_a_fit_of_separated_data_is_refused_whatever_it_says_of_itself(case, subject, reference):
    """No fit of separated data counts as an optimum, whatever it says of itself: the precondition fails by name."""
    assert_no_optimum(lambda problem: assert_same_optimum(problem, subject.fit(problem)), case.problem)
    assert_no_optimum(lambda problem: assert_same_optimum(problem, reference.fit(problem)), case.problem)


@pytest.mark.control("separated-is-proven")
@pytest.mark.parametrize("problem", [case.rest for case in QUASI], ids=str)
def test_the_undecided_rows_have_an_optimum(problem):
    """The rows outside the cell, and the classes that occur."""
    with pytest.raises(AssertionError, match="an optimum exists"):
        assert_no_optimum(proven_optimum, problem)


@pytest.mark.control("separated-fits-are-refused")
def test_a_fit_of_data_that_overlap_is_an_optimum(reference):
    """The responses as they were drawn."""
    with pytest.raises(AssertionError, match="an optimum exists"):
        assert_no_optimum(
            lambda problem: assert_same_optimum(problem, reference.fit(problem)), problems.get("logistic-4-colours")
        )


@pytest.mark.claim("decided-rows-drop-out", source="S6", symptom="One coefficient explodes; may I trust the others?")
@pytest.mark.parametrize("case", QUASI, ids=str)
def test_what_is_decided_leaves_the_gradient_and_the_rest_stays(case, subject, reference, rng):
    r"""
    Far along the direction the decided rows leave the gradient: what stays is the score of the undecided rows.

    .. math:: \lim_{s \to \infty} \frac{\partial \ell}{\partial w}(w + s d)
              = \sum_{i:\, d \cdot x_i = 0} \frac{y_i - \mu_i}{V(\mu_i)}\,h'(\eta_i)\,x_i

    A class that no row belongs to leaves likewise: what stays is the score of the other classes.
    """
    rest = anywhere(case.rest, rng)
    whole = np.zeros((1 + case.problem.p, case.problem.k))
    case.of_rest(whole)[:] = rest.matrix
    network = subject.evaluate(case.problem, case.along(Params.from_matrix(whole), 128))

    theirs = replace(network, score=case.of_rest(network.score))
    assert_same_gradient(case.rest, rest, theirs, reference.evaluate(case.rest, rest))


@pytest.mark.claim("the-others-converge", source="S6", symptom="One coefficient is 40 with a standard error of 10000.")
@pytest.mark.parametrize("case", [case for case in FITTED if case.rest], ids=str)
def test_one_coefficient_diverges_and_the_others_converge(case, subject, reference):
    """Where data are quasi-separated, one coefficient diverges and the others converge to the fit of the undecided rows."""
    for engine in (subject, reference):
        fit = engine.fit(case.problem)

        others = Params.from_matrix(case.of_rest(fit.params.matrix))
        assert_same_optimum(case.rest, replace(engine.fit(case.rest), params=others))


@pytest.mark.control("decided-rows-drop-out")
@pytest.mark.parametrize("case", QUASI[:4], ids=str)
def test_one_step_along_the_direction_is_not_the_limit(case, reference, rng):
    """One unit along the direction in place of 128."""
    rest = anywhere(case.rest, rng)
    near = reference.evaluate(case.problem, case.along(Params.from_matrix(np.vstack([rest.matrix, [[0]]])), 1))

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_same_gradient(case.rest, rest, replace(near, score=near.score[:-1]), reference.evaluate(case.rest, rest))


@pytest.mark.control("the-others-converge")
@pytest.mark.parametrize("case", [case for case in FITTED if case.rest], ids=str)
def test_without_the_column_of_the_cell_the_others_go_elsewhere(case, reference):
    """The column dropped, as is often advised, and its rows kept."""
    without = replace(case.problem, load=lambda: replace(case.problem.data, X=case.problem.X[:, :-1], columns=()))

    with pytest.raises(AssertionError, match="not the same optimum"):
        assert_same_optimum(case.rest, reference.fit(without))


# -- how the weights grow -------------------------------------------------------------------------------------------------

MARGIN = 2.0
ONE_MARGIN = Problem.of("one-margin", LOGISTIC, MARGIN * column(-1, -1, 1, 1), column(0, 0, 1, 1), intercept=False)
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
    assert_grows_as_log(descend(network(ONE_MARGIN), [np.zeros((1, 1))], 1 / MARGIN**2, 64))


@pytest.mark.control("weights-grow-as-log-t")
def test_with_one_surprise_the_weights_settle(network):
    """One row of four on the wrong side: the weight settles at log(3) / m."""
    with pytest.raises(AssertionError, match="not as the logarithm"):
        assert_grows_as_log(descend(network(ONE_SURPRISE), [np.zeros((1, 1))], 1 / MARGIN**2, 8))


def at_margins(problem, engine, a):
    """What an engine knows at w = a / m: the loss, Newton's step, its decrement, and the standard error of w."""
    answer = engine.evaluate(problem, Params([0], [[a / MARGIN]]))
    score, information = answer.score[1, 0], answer.information[0, 0]
    return np.array([answer.loss, score / information, score**2 / information, information**-0.5])


def in_theory(n, a):
    """The same by algebra: all but the step vanish, or grow without end."""
    return np.array([np.log1p(np.exp(-a)), (1 + np.exp(-a)) / MARGIN, n * np.exp(-a), 2 * np.cosh(a / 2) / (MARGIN * np.sqrt(n))])


@pytest.mark.claim("newton-keeps-its-step", source="S6", symptom="Twenty-odd iterations, a huge standard error, and z near 0.")
@pytest.mark.parametrize("a", [1.0, 4.0, 16.0], ids="m w = {:g}".format)
def test_newton_steps_by_a_margin_for_ever_while_every_stopping_rule_is_met(a, subject):
    r"""
    On separated data each Newton step is 1 / margin at least, while loss and decrement vanish: any stopping rule is met.

    .. math:: \Delta w = \frac{1 + e^{-mw}}{m}, \quad L = \log(1 + e^{-mw}), \quad
              \Delta w^2\, \mathcal{I} = n e^{-mw}, \quad \mathrm{se}(w) = \frac{2\cosh(mw / 2)}{m \sqrt n}

    So the number of iterations is chosen by the tolerance, w is that number over m, and w / se(w) tends to zero.
    """
    assert_same_values("limit", ONE_MARGIN, at_margins(ONE_MARGIN, subject, a), in_theory(4, a), residuals(a))


@pytest.mark.control("newton-keeps-its-step")
def test_with_one_surprise_newton_comes_to_rest(reference):
    """The same numbers of the rows of which one is on the wrong side."""
    with pytest.raises(AssertionError, match="not the same limit"):
        assert_same_values("limit", ONE_SURPRISE, at_margins(ONE_SURPRISE, reference, 4.0), in_theory(4, 4.0), residuals(4.0))


# -- a penalty makes an optimum, where it reaches --------------------------------------------------------------------------


@pytest.mark.claim("penalty-restores-an-optimum", source="S6", symptom="With a little weight decay my fit suddenly settles.")
@pytest.mark.parametrize("l2", [1.0, 2.0**-6, 2.0**-20], ids="l2={:.1g}".format)
def test_any_penalty_gives_separated_data_one_optimum(l2, network):
    r"""
    Any L2 penalty gives data that the weights separate one optimum, where its pull balances what the residuals push.

    .. math:: m\,\sigma(-m w) = 2\,l_2\,w

    The left side falls and the right side rises, so they meet once; the smaller the penalty, the further out.
    """
    root = brentq(lambda w: MARGIN / (1 + np.exp(MARGIN * w)) - 2 * l2 * w, 0, 64, xtol=1e-15, rtol=4 * np.finfo(float).eps)

    assert_crosses_zero(network(ONE_MARGIN, Recipe(l2=l2)), root)


@pytest.mark.control("penalty-restores-an-optimum")
def test_without_a_penalty_nothing_balances(network):
    """The same place without the penalty."""
    with pytest.raises(AssertionError, match="the slope is"):
        assert_crosses_zero(network(ONE_MARGIN), 1.0)


ONE_ANSWER = Separated(Problem.of("one-answer", LOGISTIC, LADDER, np.ones((6, 1))), lambda: Params([1], [[0]]))


@pytest.mark.claim("penalty-spares-the-bias", source="S6", symptom="I penalise the kernel, and the bias still runs away.")
@pytest.mark.parametrize("case", [ONE_ANSWER, QUASI[-1]], ids=str)
def test_a_penalty_on_the_kernel_does_not_hold_the_bias(case, network, rng):
    r"""
    A penalty on the kernel leaves the bias free: where a class never occurs there is no optimum, penalty or not.

    .. math:: \frac{\partial}{\partial b_k} \left(\ell - \tfrac{\lambda}{2} \|w\|^2\right) = -\sum_i \mu_{ik} < 0
    """
    penalised = network(case.problem, Recipe(l1=0.25, l2=0.25))

    assert_falls(lambda problem, params: answer(problem, penalised, params), case, anywhere(case.problem, rng))


@pytest.mark.control("penalty-spares-the-bias")
def test_a_penalty_on_the_kernel_holds_the_kernel(network, rng):
    """Data that a weight separates, not the bias."""
    penalised = network(COMPLETE[0].problem, Recipe(l1=0.25, l2=0.25))

    with pytest.raises(AssertionError, match="does not fall"):
        assert_falls(lambda problem, params: answer(problem, penalised, params), COMPLETE[0], anywhere(COMPLETE[0].problem, rng))


@pytest.mark.claim("level-without-rows", source="S6", symptom="A weight stays where it was initialised, whatever I train.")
def test_a_level_that_never_occurs_leaves_its_weight_where_it_was(network, rng):
    r"""
    A level that never occurs has a weight without a slope: every value is as good, and the optima are infinitely many.

    .. math:: x_{ij} = 0 \text{ for all } i \quad\Rightarrow\quad \frac{\partial \ell}{\partial w_j} = 0

    To training that is a weight that stays at its initial value; to a statistician it is a failed precondition, the rank.
    """
    problem = Problem.of("level", LOGISTIC, np.column_stack([LADDER, 0 * LADDER]), column(0, 1, 0, 1, 1, 0))

    assert_no_slope(network(problem), rng)
    with pytest.raises(PreconditionFailed, match=r"rank: level: column x2 is all zeros"):
        proven_optimum(problem)


@pytest.mark.control("level-without-rows")
def test_a_level_of_one_row_has_a_slope(network, rng):
    """A level that occurs once."""
    once = np.column_stack([LADDER, np.eye(6)[:, :1]])

    with pytest.raises(AssertionError, match="has a slope"):
        assert_no_slope(network(Problem.of("level", LOGISTIC, once, column(0, 1, 0, 1, 1, 0))), rng)


# -- what a penalty is ----------------------------------------------------------------------------------------------------

# powers of two, which single precision has exactly: a library may round its penalties to that, whatever its weights are kept in
DECAY, ELASTIC = 2.0**-6, Recipe(l1=2.0**-5, l2=2.0**-6)
PENALISED = [
    problems.get(name) for name in ("gaussian-identity", "logistic-4-colours", "poisson-log", "gamma-log", "softmax-3-to-3")
]


def pulls(problem, recipe, network):
    """lambda_1 and lambda_2 of the log-likelihood, from the l1 and l2 of the loss."""
    return problem.n * recipe.l1 / network.loss_scale, 2 * problem.n * recipe.l2 / network.loss_scale


def pull(params, l1, l2):
    """What the penalties take from the score, (1 + p, k): nothing from the bias's."""
    return np.vstack([0 * params.intercept, l2 * params.coef + l1 * np.sign(params.coef)])


@pytest.mark.claim("weight-decay-is-a-penalty", source="S6", symptom="Which lambda of ridge is my kernel regularizer's l2?")
@pytest.mark.parametrize("problem", PENALISED, ids=str)
def test_a_kernel_regularizer_is_a_penalised_likelihood(problem, params, network, reference):
    r"""
    With L1 and L2 regularizers the network descends a penalised log-likelihood, the bias unpenalised.

    .. math:: -\frac{n}{c}\,\nabla\left(L + l_1 |w|_1 + l_2 |w|_2^2\right)
              = \nabla\left(\ell - \lambda_1 |w|_1 - \tfrac{1}{2} \lambda_2 |w|_2^2\right), \qquad
              \lambda_1 = \frac{n\,l_1}{c}, \quad \lambda_2 = \frac{2 n\,l_2}{c}
    """
    penalised, model = network(problem, ELASTIC), reference.evaluate(problem, params)
    expected = model.score - pull(params, *pulls(problem, ELASTIC, penalised))

    assert_same_gradient(problem, params, answer(problem, penalised, params), replace(model, score=expected))


@pytest.mark.control("weight-decay-is-a-penalty")
@pytest.mark.parametrize("slip", ["the factor 2", "the factor n / c", "the bias"])
def test_a_slip_in_the_penalty_is_refused(slip, network, reference, rng):
    """Half of lambda, lambda without n, and a penalty that includes the bias."""
    problem = problems.get("poisson-log")
    params, penalised = anywhere(problem, rng), network(problem, ELASTIC)
    l1, l2 = pulls(problem, ELASTIC, penalised)
    wrong = {
        "the factor 2": pull(params, l1, l2 / 2),
        "the factor n / c": pull(params, l1, l2) / problem.n,
        "the bias": l1 * np.sign(params.matrix) + l2 * params.matrix,
    }[slip]
    model = reference.evaluate(problem, params)

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_same_gradient(problem, params, answer(problem, penalised, params), replace(model, score=model.score - wrong))


@pytest.mark.claim("penalties-are-priors", source="S6", symptom="Is weight decay not a Bayesian prior in disguise?")
@pytest.mark.parametrize("problem", PENALISED, ids=str)
def test_a_regularised_loss_is_a_log_posterior(problem, params, network, reference):
    r"""
    A regularised loss is minus a log-posterior: L2 is a normal prior of the weights, L1 a Laplace prior, the bias's is flat.

    .. math:: w_j \sim N(0, 1 / \lambda_2) \quad\text{or}\quad p(w_j) \propto e^{-\lambda_1 |w_j|}

    Up to the factor c / n and a constant, at dispersion 1; both penalties at once multiply the two densities. So training
    seeks the posterior's mode (MAP).
    """
    penalised, origin = network(problem, ELASTIC), Params(params.intercept, 0 * params.coef)
    l1, l2 = pulls(problem, ELASTIC, penalised)

    mine = answer(problem, penalised, params), answer(problem, penalised, origin)
    assert_same_objective(problem, mine, tuple(posterior(problem, reference, (params, origin), l1, l2)))


@pytest.mark.control("penalties-are-priors")
@pytest.mark.parametrize("problem", PENALISED, ids=str)
def test_a_prior_of_another_width_is_refused(problem, params, network, reference):
    """lambda for the standard deviation, where it is the inverse variance."""
    penalised, origin = network(problem, ELASTIC), Params(params.intercept, 0 * params.coef)
    l1, l2 = pulls(problem, ELASTIC, penalised)

    mine = answer(problem, penalised, params), answer(problem, penalised, origin)
    with pytest.raises(AssertionError, match="not the same objective"):
        assert_same_objective(problem, mine, tuple(posterior(problem, reference, (params, origin), l1, l2**-2)))


# -- the penalised optimum -------------------------------------------------------------------------------------------------

GAUSSIAN = [problems.get("gaussian-identity"), problems.get("longley")]


@pytest.mark.claim("ridge-is-least-squares", source="S6", symptom="Can ordinary least squares do my ridge regression?")
@pytest.mark.parametrize("problem", GAUSSIAN, ids=str)
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
@pytest.mark.parametrize("problem", GAUSSIAN, ids=str)
def test_rows_of_the_wrong_length_are_refused(problem, params, network, reference):
    """lambda in the new rows in place of its root."""
    longer, penalised = with_rows_of_zeros(problem, problem.n * DECAY), network(problem, Recipe(l2=DECAY))
    same = Params([0], params.matrix)

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_same_gradient(longer, same, of_longer(problem, penalised, same), reference.evaluate(longer, same))


BALANCED = [*PENALISED[1:], *(case.problem for case in (COMPLETE[0], *QUASI[:3]))]
PULLS = [Recipe(l2=2.0**-5), Recipe(l1=2.0**-4), ELASTIC]
by_pull = "l1={0.l1:.2g} l2={0.l2:.2g}".format


@pytest.mark.claim("penalised-optimum", source="S6", symptom="Is my regularised network an elastic net?")
@pytest.mark.parametrize("recipe", PULLS, ids=by_pull)
@pytest.mark.parametrize("problem", BALANCED, ids=str)
def test_the_penalised_estimate_is_where_the_network_rests(problem, recipe, network, reference):
    r"""
    At the penalised estimate the network rests: each weight's score balances its pull, or is too weak to move it from zero.

    .. math:: \frac{\partial \ell}{\partial w_j} = \lambda_2 w_j + \lambda_1 \operatorname{sign}(w_j)
              \quad\text{or}\quad w_j = 0, \; \left| \frac{\partial \ell}{\partial w_j} \right| \le \lambda_1

    The estimate comes of coordinate descent on the reference's score, the balance is that of the network's own gradient.
    """
    penalised = network(problem, recipe)
    l1, l2 = pulls(problem, recipe, penalised)

    assert_rests(problem, elastic_net(problem, l1, l2, reference), penalised, l1)


@pytest.mark.control("penalised-optimum")
@pytest.mark.parametrize("recipe", [PULLS[0], Recipe(l1=2.0**-8), Recipe(l1=2.0**-8, l2=2.0**-5)], ids=by_pull)
def test_the_estimate_of_a_slightly_larger_penalty_is_refused(recipe, network, reference):
    """The estimate where the penalties, which leave weights to shrink, are larger by a millionth."""
    problem = problems.get("logistic-4-colours")
    penalised = network(problem, recipe)
    l1, l2 = (larger * (1 + 1e-6) for larger in pulls(problem, recipe, penalised))

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_rests(problem, elastic_net(problem, l1, l2, reference), penalised, l1)


def null_model(problem):
    """All weights zero, and the bias g of the mean."""
    return Params(problem.model.link(problem.y.mean(axis=0)), np.zeros((problem.p, problem.k)))


@pytest.mark.claim("l1-threshold", source="S6", symptom="From which l1 on are all my weights zero?")
@pytest.mark.parametrize("problem", PENALISED, ids=str)
def test_beyond_a_threshold_of_l1_all_weights_are_zero(problem, params, subject, network, reference):
    r"""
    All weights are zero as soon as l1 reaches the steepest slope of the null model's loss, and not before.

    .. math:: l_1^{\max} = \frac{c}{n} \max_j \left| \frac{\partial \ell}{\partial w_j} \right|
              \quad\text{at } w = 0,\; b = g(\bar y)

    Where the loss is convex, as it is in all of these, the balance at the null model makes that the lowest point there is.
    """
    null = null_model(problem)
    steepest = np.abs(reference.evaluate(problem, null).score[1:]).max()
    c = subject.evaluate(problem, null).loss_scale
    above = network(problem, Recipe(l1=9 / 8 * steepest * c / problem.n))

    assert_rests(problem, null, above, 9 / 8 * steepest)
    assert answer(problem, above, params).loss > answer(problem, above, null).loss


@pytest.mark.control("l1-threshold")
@pytest.mark.parametrize("problem", PENALISED, ids=str)
def test_short_of_the_threshold_a_weight_moves(problem, subject, network, reference):
    """l1 at seven eighths of the threshold."""
    null = null_model(problem)
    steepest = np.abs(reference.evaluate(problem, null).score[1:]).max()
    c = subject.evaluate(problem, null).loss_scale
    below = network(problem, Recipe(l1=7 / 8 * steepest * c / problem.n))

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_rests(problem, null, below, 7 / 8 * steepest)


SIGNS = hadamard(8)  # columns of 1 and -1, orthogonal to each other; the first is the intercept's
SLOPES = column(4, -2, 0.5)
ORTHOGONAL = Problem.of("orthogonal", Model(Gaussian(), Identity()), SIGNS[:, 1:4], 3 + SIGNS[:, 1:4] @ SLOPES + SIGNS[:, 5:6])


@pytest.mark.claim("soft-threshold", source="S6", symptom="L1 makes zeros and L2 does not: what does each do to a weight?")
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


@pytest.mark.claim("l1-zeros-need-their-own-step", source="S6", symptom="I train with l1, and not one weight is exactly zero.")
def test_gradient_steps_circle_the_zeros_of_l1(network):
    r"""
    Gradient steps of an L1 penalty circle its zeros and do not come to rest: there the slope jumps, it does not vanish.

    .. math:: \Delta w = -r\,(2 (w - b) + l_1 \operatorname{sign} w), \quad 2 |b| < l_1
              \quad\Rightarrow\quad |\Delta w| \ge r\,(l_1 - 2 |b|), \quad |w| \le r\,(l_1 + 2 |b|)

    So it is on orthogonal columns, once w is as near as that. A step that thresholds softly lands on the zero and stays.
    """
    rate, recipe = 2.0**-4, Recipe(l1=2)
    path = descend(network(ORTHOGONAL, recipe), [np.zeros((3, 1)), np.zeros(1)], rate, 32)

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


# -- convex, or not ---------------------------------------------------------------------------------------------------------

# eta and y at which the loss curves downwards: one for each pair of family and link whose loss is not convex
WITNESSES = {
    Model(Gaussian(), Log()): (0.0, 4.0),
    Model(Gaussian(), Inverse()): (0.5, 4.0),
    Model(Binomial(), Cauchit()): (-2.0, 1.0),
    Model(Gamma(), Identity()): (3.0, 1.0),
    Model(InverseGaussian(), Identity()): (4.0, 2.0),
    Model(InverseGaussian(), Log()): (2.0, 1.0),
    Model(NegativeBinomial(ALPHA), CLogLog()): (0.5, 0.0),
    Model(NegativeBinomial(ALPHA), Identity()): (2.0, 0.0),
    Model(NegativeBinomial(ALPHA), Power(0.5)): (4.0, 0.0),
}
CONVEX = [model for model in PAIRS if model not in WITNESSES]
RESPONSES = {
    Gaussian: (-64, 1, 64),
    Binomial: (0, 0.25, 1),
    Poisson: (0, 3, 1024),
    NegativeBinomial: (0, 3, 1024),
    Tweedie: (0, 0.25, 1024),
    Gamma: (2.0**-6, 1, 1024),
    InverseGaussian: (2.0**-6, 1, 1024),
}


def one_by_one(model):
    """Predictors and responses, extreme ones too, each row with a column of its own: its curvature stands on the diagonal."""
    eta = np.array([-4, -1, 2.0**-6, 0.5, 4])
    eta = eta[model.link.eta_domain.contains(eta)]
    eta = eta[model.family.mu_domain.contains(model.link.inverse(eta))]
    eta, y = (grid.reshape(-1, 1) for grid in np.meshgrid(eta, RESPONSES[type(model.family)]))
    return Problem.of(f"{model}, row by row", model, np.eye(len(y)), y, intercept=False), Params([0], eta)


@pytest.mark.claim("convex-losses", source="S6", symptom="Another initialisation, another network: may that be?")
@pytest.mark.parametrize("model", CONVEX, ids=str)
def test_the_loss_of_these_pairs_is_convex(model, subject):
    r"""
    For 19 of the 28 pairs of family and link the loss is convex, so that where training rests is the lowest point there is.

    .. math:: -\frac{\partial^2 k(y, h(\eta))}{\partial \eta^2} \ge 0 \text{ for all } \eta \text{ and } y
              \quad\Rightarrow\quad X^\top W X \succeq 0

    The instruments prove it for all; here it is the network's own curvature, of rows that span the predictors and responses.
    """
    assert model.is_log_concave
    assert_curves_upwards(*one_by_one(model), subject)


@pytest.mark.control("convex-losses")
@pytest.mark.parametrize("model", WITNESSES, ids=str)
def test_the_loss_of_the_other_pairs_is_not(model, reference):
    """The pairs that have a witness."""
    with pytest.raises(AssertionError, match="curves downwards"):
        assert_curves_upwards(*one_by_one(model), reference)


@pytest.mark.claim("losses-that-are-not-convex", source="S6", symptom="I thought that a GLM has but one optimum.")
@pytest.mark.parametrize(("model", "witness"), WITNESSES.items(), ids=str)
def test_each_other_pair_has_a_witness_against_convexity(model, witness, subject):
    r"""
    For the other 9 pairs a single row is witness that the loss is not convex: it curves downwards, and arches over a chord.

    .. math:: L(\eta) > \tfrac12 \left( L(\eta - \delta) + L(\eta + \delta) \right)
    """
    assert not model.is_log_concave
    assert_arches(model, *witness, subject)


@pytest.mark.control("losses-that-are-not-convex")
@pytest.mark.parametrize("model", CONVEX, ids=str)
def test_a_convex_loss_has_no_witness(model, reference):
    """The middle of the predictors and responses of each pair whose loss is convex."""
    problem, params = one_by_one(model)
    row = problem.n // 2

    with pytest.raises(AssertionError, match="does not arch"):
        assert_arches(model, params.coef[row, 0], problem.y[row, 0], reference)


def two_rows(model, responses, hint=None):
    """One weight, no bias, x = 1 and x = -1; ``hint`` is where to look for an optimum to prove."""
    planted = None if hint is None else Params([0], [[hint]])
    return Problem.of("two-rows", model, column(1, -1), column(*responses), intercept=False, planted=planted)


GAUSSIAN_LOG = Model(Gaussian(), Log())


def resting_places():
    """The logarithms of the positive roots of t^4 - 6 t^3 + 4 t - 1, in order."""
    roots = np.roots([1, -6, 0, 4, -1])
    return np.log(np.sort(roots[roots > 0]))


@pytest.mark.claim("two-optima", source="S6", symptom="Two trainings of one network end at different losses.")
def test_a_loss_that_is_not_convex_may_have_two_optima(network):
    r"""
    A loss that is not convex may have two optima, each proven, and where training starts decides in which it ends.

    .. math:: (6 - e^w)^2 + (4 - e^{-w})^2 \quad\text{rests where}\quad t^4 - 6 t^3 + 4 t - 1 = 0, \; t = e^w

    Of its positive roots the outer two are optima, the better and the worse, and the middle one is the ridge between them.
    """
    worse, ridge, better = resting_places()

    losses = [assert_ends_at(end, start, network) for start, end in ((ridge - 0.5, worse), (ridge + 0.5, better))]

    assert losses[0] > losses[1] + 1


@pytest.mark.control("two-optima")
def test_the_optimum_of_the_other_side_is_refused(network):
    """Held to the optimum on the other side of the ridge."""
    with pytest.raises(AssertionError, match="not the same optimum"):
        assert_ends_at(resting_places()[0], 0.0, network)


@pytest.mark.claim("a-zero-gradient-is-no-optimum", source="S6", symptom="The gradient is exactly zero, yet the fit is bad.")
def test_where_the_loss_is_not_convex_a_zero_gradient_may_be_its_top(subject):
    r"""
    Where the loss is not convex a zero gradient may be a top: at weights of zero this network rests between two optima.

    .. math:: L = \tfrac12 \left( (4 - e^w)^2 + (4 - e^{-w})^2 \right), \quad L'(0) = 0, \quad L''(0) = -4,
              \quad \hat w = \pm \operatorname{arcosh} 2
    """
    problem = two_rows(GAUSSIAN_LOG, (4, 4))

    assert_rests_on_a_top(problem, subject)
    with pytest.raises(PreconditionFailed, match="not positive definite"):
        proven_optimum(problem)
    for side in (-np.arccosh(2), np.arccosh(2)):
        found = proven_optimum(two_rows(GAUSSIAN_LOG, (4, 4), side)).params.coef
        assert_same_values("optimum", problem, found, [[side]], tolerances.planted_optimum())


@pytest.mark.control("a-zero-gradient-is-no-optimum")
def test_where_the_loss_is_convex_a_zero_gradient_is_the_bottom(reference):
    """Poisson responses of the same two rows: the weight of zero is the optimum."""
    with pytest.raises(AssertionError, match="no top"):
        assert_rests_on_a_top(two_rows(Model(Poisson(), Log()), (4, 4)), reference)


# -- the assertions ---------------------------------------------------------------------------------------------------------


def answer(problem, network, params):
    """What a network, its penalties included, says at weights: its loss, and minus n / c of its gradient, (1 + p, k)."""
    network.weights = [params.coef, params.intercept][: 1 + problem.intercept]
    kernel, *bias = network.gradient()
    gradient = np.vstack([*(bias or [np.zeros(problem.k)]), kernel])
    score = -problem.n / network.loss_scale * gradient
    return SimpleNamespace(loss=network.objective(), loss_scale=network.loss_scale, score=score)


def descend(network, start, rate, steps):
    """The weights after each step of gradient descent."""
    network.weights, path = start, []
    for _ in range(steps):
        network.weights = [weight - rate * slope for weight, slope in zip(network.weights, network.gradient())]
        path.append(network.weights)
    return path


def elastic_net(problem, l1, l2, engine):
    """
    The highest log-likelihood less l1 |w| + l2 |w|^2 / 2, as glmnet finds it: scoring steps, each by coordinate descent.

    Both loops end where nothing but rounding moves, or else at the ends of their ranges.
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
    """The expected information of each row's eta, (n, k, k): of every class, for softmax."""
    if problem.k == 1:
        return likelihood.expected_weights(problem, params)
    return problem.row_weights[:, :, None] * problem.model.link.inverse_derivative(problem.eta(params))


def with_rows_of_zeros(problem, factor):
    """The problem with its intercept as a column, and below it a row for each other column: ``factor`` there, response 0."""
    X = np.vstack([problem.design, factor * np.eye(problem.q)[1:]])
    return Problem.of(f"{problem}, longer", problem.model, X, np.vstack([problem.y, np.zeros((problem.p, 1))]), intercept=False)


def of_longer(problem, network, params):
    """A network's answer on the shorter problem, as if it were one on the longer."""
    short = answer(problem, network, Params.from_matrix(params.coef))
    return SimpleNamespace(score=np.vstack([[[0]], short.score]))


def posterior(problem, engine, points, l1, l2):
    """log-likelihood plus the log-densities of the priors, at each of two points."""
    for params in points:
        prior = stats.norm(scale=l2**-0.5).logpdf(params.coef) + stats.laplace(scale=1 / l1).logpdf(params.coef)
        yield SimpleNamespace(log_likelihood=engine.evaluate(problem, params).log_likelihood + prior.sum())


def residuals(a):
    """Of what is made of the residual 1 - sigma(a), about e^-a: float64 knows it to u."""
    return Tolerance(64 * (1 + np.exp(a)) * UNIT, "64 u over the residual e^-a that is left")


def assert_falls(evaluate, case, params):
    """The loss falls from point to point along the direction, and slopes downwards at each: sum_i r_i d . x_i > 0."""
    points = [case.along(params, step) for step in (0, 1, 4, 16)]
    answers = [evaluate(case.problem, point) for point in points]
    losses = [each.loss for each in answers]
    slopes = [-float((each.score * case.direction().matrix).sum()) for each in answers]

    assert max(slopes) < 0, f"the loss of {case} does not fall: its slopes are {slopes}"
    assert (np.diff(losses) < 0).all(), f"the loss of {case} does not fall: it is {losses}"


def assert_no_optimum(prove, problem):
    """The proof fails as a precondition, and by the name of separation."""
    try:
        proven = prove(problem)
    except PreconditionFailed as failed:
        which = failed.which
    else:
        which = f"none, an optimum exists: {proven}"
    assert which == "separated", f"{problem}: the precondition that failed is {which}"


def assert_grows_as_log(path):
    r"""
    After t steps a = m w keeps e^a + a within [1 + t, 1 + t + 1.2 (1 + log t)].

    A step d = sigma(-a) adds (1 + e^a) d + e^a (e^d - 1 - d): 1, and at most e^(1/2) / 2 sigma(-a). By the lower bound, and since
    a <= e^a / e, sigma(-a) is at most (1 + 1/e) / (1 + k) at step k. The product of the factors is 1.13, the sum 1 + log t.
    """
    a, t = MARGIN * np.array([weights[0][0, 0] for weights in path]), np.arange(1, len(path) + 1)
    excess = np.exp(a) + a - 1 - t
    assert ((excess >= 0) & (excess <= 1.2 * (1 + np.log(t)))).all(), f"not as the logarithm of time: m w is {a.tolist()}"


def assert_crosses_zero(network, w):
    """The slope of the loss falls below zero at w / 2, is zero at w to the rounding of sigma - y, and above zero at 2 w."""
    slopes = []
    for place in (w / 2, w, 2 * w):
        network.weights = [np.array([[place]])]
        slopes.append(float(network.gradient()[0][0, 0]))
    rounding = 64 * UNIT * MARGIN
    assert slopes[0] < -rounding, f"the slope is {slopes}"
    assert abs(slopes[1]) <= rounding, f"the slope is {slopes}"
    assert slopes[2] > rounding, f"the slope is {slopes}"


def assert_no_slope(network, rng):
    """Wherever the weights are, the last weight's slope is 0.0, and another value of it changes no bit of the loss."""
    for _ in range(3):
        weights = [rng.normal(size=weight.shape) for weight in network.weights]
        network.weights = weights
        slope, before = network.gradient()[0][-1, 0], network.objective()
        network.weights = [weights[0] + np.eye(2)[:, 1:], weights[1]]
        assert slope == 0, f"the last weight has a slope, {slope}"
        assert network.objective() == before, f"the last weight has a slope: {before} became {network.objective()}"


def assert_rests(problem, params, network, l1):
    """Karush, Kuhn and Tucker: the score with its pulls is zero, or within l1 of zero where a weight is zero (its pull: none)."""
    mine = answer(problem, network, params)
    held = np.vstack([np.zeros((1, problem.k), dtype=bool), params.coef == 0])
    expected = np.where(held, np.clip(mine.score, -l1, l1), 0)
    assert_same_gradient(problem, params, mine, SimpleNamespace(score=expected))


def assert_exactly_balanced(network, w, l1):
    """The same without any tolerance."""
    score = answer(ORTHOGONAL, network, Params([3], w)).score
    assert score[0, 0] == 0, f"out of balance: {score.tolist()}"
    assert (np.abs(score[1:]) <= np.where(w == 0, ORTHOGONAL.n * l1 / 2, 0)).all(), f"out of balance: {score.tolist()}"


def assert_circles_zero(w, rate, l1, b):
    """Never exactly zero, never further than r (l1 + 2 |b|) from it, and no step shorter than r (l1 - 2 |b|), to rounding."""
    assert (w != 0).all(), f"exactly zero at step {np.argmin(np.abs(w)) + 1}"
    assert (np.abs(w) <= rate * (l1 + 2 * abs(b))).all(), f"too far from zero: {w.tolist()}"
    assert (np.abs(np.diff(w)) >= rate * (l1 - 2 * abs(b)) - 8 * UNIT).all(), f"coming to rest: {w.tolist()}"


def assert_curves_upwards(problem, params, engine):
    """Each row's observed information is at least 0, to 65 u of what it is made of."""
    eta = problem.eta(params)
    mu, slope = problem.model.link.inverse(eta), np.abs(problem.model.link.inverse_derivative(eta))
    variance = problem.model.family.variance(mu)
    size = ((np.abs(problem.y) + np.abs(mu) + slope) * slope / variance * (1 + np.abs(eta)))[:, 0]
    relative = np.diag(engine.evaluate(problem, params).information) / size
    row = int(np.argmin(relative))
    assert relative[row] >= -tolerances.curvature(1).value, (
        f"the loss of {problem.model} curves downwards at eta = {eta[row, 0]}, y = {problem.y[row, 0]}: {relative[row]:.2g}"
    )


def assert_arches(model, eta, y, engine):
    """At eta the loss of one row curves downwards, and it lies above the chord from eta - 1/8 to eta + 1/8."""
    problem = Problem.of("witness", model, [[1]], [[y]], intercept=False)
    left, middle, right = (engine.evaluate(problem, Params([0], [[eta + move]])) for move in (-0.125, 0, 0.125))
    assert middle.information[0, 0] < 0, f"the loss of {model} does not arch: curvature {middle.information[0, 0]}"
    assert middle.loss > (left.loss + right.loss) / 2, f"the loss of {model} does not arch over its chord"


def assert_ends_at(end, start, network):
    """Gradient descent from ``start`` ends at the proven optimum near ``end``; answers the loss there."""
    problem = two_rows(GAUSSIAN_LOG, (6, 4), end)
    trained = network(problem)
    path = descend(trained, [np.array([[start]])], 2.0**-5, 96)
    assert_same_values("optimum", problem, path[-1][0], proven_optimum(problem).params.coef, tolerances.planted_optimum())
    return trained.objective()


def assert_rests_on_a_top(problem, engine):
    """At a weight of zero the slope is 0.0, the loss curves downwards, and it is lower on either side."""
    left, here, right = (engine.evaluate(problem, Params([0], [[w]])) for w in (-0.25, 0, 0.25))
    assert here.score[1, 0] == 0, here.score
    assert here.information[0, 0] < 0, f"no top: the information is {here.information[0, 0]}"
    assert max(left.loss, right.loss) < here.loss, f"no top: {left.loss}, {here.loss}, {right.loss}"
