"""
Beyond one linear predictor: where generalized linear models end (S6).

One layer does more than a GLM: ordered thresholds on its output, one neuron shared by several alternatives, a second
output for the dispersion. Each keeps a likelihood and a score. The claims say which identities tie it to ordinary GLMs,
with their proven optima, and at what point it is none of them.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import optimize, special, stats

from spec import problems
from spec.compat import strict_zip
from spec.engines.contract import Fit, Recipe
from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.evidence.published import half_unit
from spec.evidence.rungs import assert_same_gradient, assert_same_mean, assert_same_objective, assert_same_optimum
from spec.families import Binomial, Gamma, Gaussian, Multinomial, Poisson
from spec.links import Identity, Log, Logit, Probit, Softmax
from spec.model import Model, Params
from spec.problems import Problem
from spec.problems.by_construction import generator
from spec.problems.published import MODECHOICE

LINKS = {"logit": Logit(), "probit": Probit()}
SMALL = [problems.get(name) for name in ("softmax-3-to-3", "softmax-8-to-5")]
PARTIES = problems.get("anes96")
ORDERED = [*SMALL, PARTIES]  # their classes read as ordered: those of the last one are, from strong Democrat to strong Republican
GRADES = [problems.get(name) for name in ("binomial-logit", "binomial-probit", "spector-probit")]
SHARED = Recipe(alternatives=4)
HEADS = Recipe(head="location-scale")


def cumulative(link):
    return Recipe(head=f"cumulative-{link}")


def flat(arrays):
    return np.concatenate([np.ravel(array) for array in arrays])


def put(network, values):
    """Set all weights from one vector, in the order of `flat`."""
    ends = np.cumsum([weight.size for weight in network.weights])[:-1]
    network.weights = [part.reshape(w.shape) for part, w in strict_zip(np.split(values, ends), network.weights)]


def to_the_end(network, start):
    """The weights at which the network's own gradient is zero: Powell's method comes near, Newton's ends in the rounding."""

    def slope(values):
        put(network, values)
        return flat(network.gradient())

    values = optimize.root(slope, start, tol=1e-7).x
    put(network, values)
    hessian = network.hessian()
    for _ in range(3):
        values = values - np.linalg.solve(hessian, slope(values))
    put(network, values)
    return values


def trained(params):
    """What an optimum is judged by."""
    return Fit(params, True, 0, "the gradient is zero to rounding", np.full_like(params.matrix, np.nan), np.nan, np.nan)


def answer(subject, problem, params, network, **parts):
    """What a network says in place of the plain one, to be judged as the answer to an ordinary problem."""
    return replace(subject.evaluate(problem, params), loss=network.objective(), loss_scale=1.0, **parts)


# -- ordered thresholds -------------------------------------------------------------------------------------------------


def slopes(problem, rng):
    """A weight for each column; eta stays within 2."""
    return rng.uniform(0.5, 1, problem.p) * rng.choice([-2, 2], problem.p) / (problem.p * np.abs(problem.X).max(axis=0))


def steps(problem, rng):
    """The first threshold, and the logs of increments between 0.4 and 1."""
    return np.append(-0.35 * (problem.k - 1), rng.uniform(-0.9, 0, problem.k - 2))


@pytest.mark.claim(
    "thresholds-score",
    source="S6",
    symptom="My ratings are one to five, and softmax has no idea that four lies near five.",
)
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("problem", ORDERED, ids=str)
def test_ordered_thresholds_have_the_score_of_the_cumulative_model(problem, link, network, beyond, rng):
    r"""
    One weight vector under ordered thresholds has the likelihood and the score of the cumulative model.

    .. math:: \Pr(y \le j) = F(\theta_j - w \cdot x), \qquad \theta_j = \theta_1 + e^{\delta_2} + \dots + e^{\delta_j}
    """
    ordered = network(problem, cumulative(link))
    put(ordered, np.append(slopes(problem, rng), steps(problem, rng)))

    assert_same_likelihood(problem, ordered, beyond(problem, cumulative(link)), flat(ordered.weights))


@pytest.mark.control("thresholds-score")
@pytest.mark.parametrize("problem", ORDERED, ids=str)
def test_weights_with_their_sign_turned_are_refused(problem, network, beyond, rng):
    """Programs that write theta + w x have the other sign."""
    ordered = network(problem, cumulative("logit"))
    put(ordered, np.append(slopes(problem, rng), steps(problem, rng)))
    turned = flat([-ordered.weights[0], ordered.weights[1]])

    with pytest.raises(AssertionError, match="not the same"):
        assert_same_likelihood(problem, ordered, beyond(problem, cumulative("logit")), turned)


def assert_same_likelihood(problem, network, model, weights):
    """The loss is minus the log-likelihood by n, and its gradient the sum of the rows' scores."""
    scores = model.scores(weights)
    likelihood, gradient = -problem.n * network.objective(), -problem.n * flat(network.gradient())
    assert_same_values("objective", problem, likelihood, model.log_likelihood(weights), tolerances.loss(problem.n))
    size = np.abs(scores).sum(axis=0)
    assert_same_values("gradient", problem, gradient, scores.sum(axis=0), tolerances.gradient(problem.n), size)


@pytest.mark.claim(
    "thresholds-optimum",
    source="S6",
    symptom="Which network is the ordered logit or probit of my statistics program?",
)
@pytest.mark.parametrize("link", LINKS)
def test_the_trained_thresholds_are_the_estimates_of_the_cumulative_model(link, network, beyond):
    r"""
    Trained to the end, weights and thresholds are the maximum-likelihood estimates of the cumulative model.

    .. math:: \sum_i \nabla \log\bigl( F(\theta_{y_i} - w \cdot x_i) - F(\theta_{y_i - 1} - w \cdot x_i) \bigr) = 0
    """
    ordered = trained_parties(network, link)

    assert_same_zero(PARTIES, ordered, beyond(PARTIES, cumulative(link)))


@pytest.mark.control("thresholds-optimum")
def test_the_other_link_is_refused(network, beyond):
    """Estimates of the probit, asked of the logit."""
    ordered = trained_parties(network, "probit")

    with pytest.raises(AssertionError, match="not the same weights"):
        assert_same_zero(PARTIES, ordered, beyond(PARTIES, cumulative("logit")))


@cache
def trained_parties(network, link):
    """From weights of zero, once."""
    ordered = network(PARTIES, cumulative(link))
    to_the_end(ordered, np.append(np.zeros(PARTIES.p), null_thresholds(PARTIES, LINKS[link])))
    return ordered


def null_thresholds(problem, link):
    """At weights of zero the thresholds are g of the cumulated shares: the first of them, and the logs of the increments."""
    thresholds = link(np.cumsum(problem.y.mean(axis=0))[:-1])
    return np.append(thresholds[0], np.log(np.diff(thresholds)))


def assert_same_zero(problem, network, model):
    """Two zeros of one score, each known to what the inverse information makes of the score's own rounding."""
    other = model.optimum()
    spread = np.abs(np.linalg.inv(problem.n * network.hessian())) @ np.abs(model.scores(other)).sum(axis=0)
    tolerance = tolerances.two_zeros(problem.n, float((spread / np.abs(other)).max()))
    assert_same_values("weights", problem, flat(network.weights), other, tolerance)


@pytest.mark.claim(
    "two-ordered-classes",
    source="S6",
    symptom="My ordered model of yes and no has the intercept of my logit with the sign turned.",
)
@pytest.mark.parametrize("problem", GRADES, ids=str)
def test_two_ordered_classes_are_a_binary_glm(problem, params, network, subject, reference):
    r"""
    With two classes the threshold is minus the bias, and the cumulative model is the binary GLM.

    .. math:: \Pr(y = 1) = 1 - F(\theta - w \cdot x) = F(w \cdot x + b), \qquad b = -\theta
    """
    ordered = network(graded(problem), cumulative(problem.model.link))
    here, null = (as_binary(subject, problem, p, ordered) for p in (params, Params.from_matrix(0 * params.matrix)))
    there = [reference.evaluate(problem, p) for p in (params, Params.from_matrix(0 * params.matrix))]
    found = to_the_end(ordered, np.append(np.zeros(problem.p), null_thresholds(graded(problem), problem.model.link)))

    assert_cuts(graded(problem), np.hstack([1 - here.mean, here.mean]), problem.model.link, *as_ordered(params), reference)
    assert_same_objective(problem, (here, null), tuple(there))
    assert_same_gradient(problem, params, here, there[0])
    assert_same_optimum(problem, trained(Params(-found[-1:], found[:-1, None])))


@pytest.mark.control("two-ordered-classes")
@pytest.mark.parametrize("problem", GRADES, ids=str)
def test_the_threshold_in_place_of_the_bias_is_refused(problem, params, network, reference):
    """The threshold with its own sign."""
    ordered, turned = network(graded(problem), cumulative(problem.model.link)), Params(-params.intercept, params.coef)
    put(ordered, flat(as_ordered(turned)))

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_cuts(graded(problem), ordered.predict(), problem.model.link, *as_ordered(params), reference)


def graded(problem):
    """The same rows, with a column for no and one for yes."""
    load = cache(lambda: replace(problem.data, y=np.hstack([1 - problem.y, problem.y]), planted=None))
    return replace(problem, name=f"{problem}, ordered", model=Model(Multinomial(), Softmax()), load=load, published=None)


def as_ordered(params):
    """The weights, and the one threshold."""
    return params.coef[:, 0], -params.intercept


def as_binary(subject, problem, params, ordered):
    put(ordered, flat(as_ordered(params)))
    coef, threshold = (-problem.n * part for part in ordered.gradient())
    return answer(subject, problem, params, ordered, mean=ordered.predict()[:, 1:], score=np.vstack([-threshold, coef]))


@pytest.mark.claim(
    "every-cut-is-a-glm",
    source="S6",
    symptom="Could I not simply fit a yes-or-no model for every grade and above?",
)
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("problem", ORDERED, ids=str)
def test_each_threshold_cuts_ordered_classes_into_a_binary_glm(problem, link, network, reference, rng):
    r"""
    Each threshold cuts the ordered classes into the mean of a binary GLM, all with one weight vector.

    .. math:: \sum_{k > j} \Pr(y = k) = F(w \cdot x - \theta_j), \qquad j = 1, \dots, K - 1
    """
    ordered, w, d = network(problem, cumulative(link)), slopes(problem, rng), steps(problem, rng)
    put(ordered, np.append(w, d))

    assert_cuts(problem, ordered.predict(), LINKS[link], w, d, reference)


@pytest.mark.control("every-cut-is-a-glm")
@pytest.mark.parametrize("problem", ORDERED, ids=str)
def test_cuts_of_the_other_link_are_refused(problem, network, reference, rng):
    """The cuts of a logit, asked to be those of a probit."""
    ordered, w, d = network(problem, cumulative("logit")), slopes(problem, rng), steps(problem, rng)
    put(ordered, np.append(w, d))

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_cuts(problem, ordered.predict(), Probit(), w, d, reference)


def assert_cuts(problem, probabilities, link, w, d, reference):
    thresholds = np.cumsum(np.append(d[0], np.exp(d[1:])))
    for j, threshold in enumerate(thresholds, start=1):
        cut = replace(
            problem,
            name=f"{problem}, class {j} and above",
            model=Model(Binomial(), link),
            load=lambda above=j: replace(problem.data, y=problem.y[:, above:].sum(axis=1, keepdims=True), planted=None),
        )
        mean = reference.evaluate(cut, Params(np.array([-threshold]), w[:, None])).mean
        terms = 1 + np.abs(d[0]) + np.exp(d[1:]).sum() + np.abs(problem.X) @ np.abs(w)[:, None]
        found = probabilities[:, j:].sum(axis=1, keepdims=True)
        slope = link.inverse_derivative(link(mean)) / mean
        assert_same_values("mean", cut, found, mean, tolerances.cut(cut.q), mean * (1 + slope) * terms)


@pytest.mark.claim(
    "score-is-wilcoxon",
    source="S6",
    symptom="My ordered model and the rank-sum test give nearly the same p-value.",
)
@pytest.mark.parametrize("problem", ORDERED, ids=str)
def test_at_zero_weights_the_score_of_a_cumulative_logit_is_wilcoxons_rank_statistic(problem, network):
    r"""
    At zero weights the score of a cumulative logit is the rank statistic of Wilcoxon, and the thresholds are at rest.

    .. math:: \frac{\partial\ell}{\partial w} = \sum_i x_i \bigl( F(\theta_{y_i}) + F(\theta_{y_i - 1}) - 1 \bigr)
              = \frac{2}{n} \sum_i x_i \Bigl( R_i - \frac{n + 1}{2} \Bigr), \qquad \theta_j = g(\text{share of } y \le j)

    R are the ranks of the response, tied ones averaged. A GLM's score has the response itself in place of its ranks.
    """
    assert_rank_statistic(problem, network, stats.rankdata(problem.y.argmax(axis=1)))


@pytest.mark.control("score-is-wilcoxon")
@pytest.mark.parametrize("problem", ORDERED, ids=str)
def test_ranks_that_do_not_average_ties_are_refused(problem, network):
    """Each of the tied gets the lowest of their ranks."""
    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_rank_statistic(problem, network, stats.rankdata(problem.y.argmax(axis=1), method="min"))


def assert_rank_statistic(problem, network, ranks):
    """A row's score is made of F + F + 1 at most, that of an increment of 1 and the increment."""
    n, ordered, thresholds = problem.n, network(problem, cumulative("logit")), null_thresholds(problem, Logit())
    put(ordered, np.append(np.zeros(problem.p), thresholds))
    expected = np.append(2 / n * problem.X.T @ (ranks - (n + 1) / 2), 0 * thresholds)
    size = np.append(3 * np.abs(problem.X).sum(axis=0), n * (1 + np.exp(thresholds)))
    assert_same_values("gradient", problem, -n * flat(ordered.gradient()), expected, tolerances.gradient(n), size)


@pytest.mark.claim(
    "no-one-natural-parameter",
    source="S6",
    symptom="An ordered model has one linear predictor and a link. Why is it no GLM?",
)
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("problem", SMALL, ids=str)
def test_the_log_odds_of_ordered_classes_do_not_move_along_one_line(problem, link, network, rng):
    r"""
    One predictor moves the log-odds of K ordered classes in K - 1 directions, those of a GLM in one.

    .. math:: \log f(y; \eta) = T(y)\,\theta(\eta) - b(\eta) + c(y) \implies
              \operatorname{rank} \Bigl[ \log \frac{f(k; \eta_i)\, f(0; \eta_0)}{f(0; \eta_i)\, f(k; \eta_0)} \Bigr]_{ik} = 1
    """
    line = one_column(problem)
    ordered = network(line, cumulative(link))
    put(ordered, np.append(slopes(line, rng), steps(line, rng)))

    assert_directions(line, ordered, problem.k - 1)


@pytest.mark.control("no-one-natural-parameter")
@pytest.mark.parametrize("problem", SMALL, ids=str)
def test_softmax_of_one_column_moves_along_one_line(problem, network, rng):
    """Of one column the log-odds of all classes are multiples: a GLM, which the claim about thresholds refuses."""
    line = one_column(problem)
    plain = network(line, Recipe())
    put(plain, rng.uniform(-1, 1, 2 * line.k))

    with pytest.raises(AssertionError, match="1 direction"):
        assert_directions(line, plain, problem.k - 1)


def one_column(problem):
    load = cache(lambda: replace(problem.data, X=problem.X[:, :1], planted=None, columns=()))
    return replace(problem, name=f"{problem}, one column", load=load)


def assert_directions(problem, network, expected):
    """The rank of the log-probabilities less those of the first row and of the first class, against their rounding."""
    logs = np.log(network.predict())
    moves = (logs - logs[:, :1])[1:] - (logs - logs[:, :1])[0]
    rounding = tolerances.differenced(*logs.shape).value * (1 + np.abs(logs).max())
    found = np.linalg.matrix_rank(moves, tol=rounding)
    assert found == expected, f"{problem}: {found} direction(s), expected {expected}"


# -- one neuron shared by alternatives ----------------------------------------------------------------------------------


def tastes(rng):
    """A weight for each of the six columns of an alternative; eta stays within 3."""
    return rng.uniform(0.5, 1, 6) * rng.choice([-1, 1], 6) / np.array([200, 70, 70, 2, 2, 2])


@pytest.mark.claim(
    "shared-neuron-score",
    source="S6",
    symptom="Each alternative has a price of its own, and softmax gives each price a weight of its own.",
)
def test_a_neuron_shared_by_alternatives_has_the_score_of_a_conditional_logit(network, beyond, rng):
    r"""
    One neuron shared by the alternatives under one softmax has the likelihood and the score of a conditional logit.

    .. math:: \Pr(i \text{ takes } k) = \frac{e^{w \cdot x_{ik}}}{\sum_j e^{w \cdot x_{ij}}}
    """
    shared = network(MODECHOICE, SHARED)
    put(shared, tastes(rng))

    assert_same_likelihood(MODECHOICE, shared, beyond(MODECHOICE, SHARED), flat(shared.weights))


@pytest.mark.control("shared-neuron-score")
def test_columns_in_another_order_are_refused(network, beyond, rng):
    """All prices first, then all waiting times, where the layer reads one alternative after another."""
    X = MODECHOICE.X.reshape(-1, 4, 6).transpose(0, 2, 1).reshape(-1, 24)
    shared = network(replace(MODECHOICE, load=lambda: replace(MODECHOICE.data, X=X)), SHARED)
    put(shared, tastes(rng))

    with pytest.raises(AssertionError, match="not the same objective"):
        assert_same_likelihood(MODECHOICE, shared, beyond(MODECHOICE, SHARED), flat(shared.weights))


@cache
def chosen(network):
    """The shared neuron, trained to the end once."""
    shared = network(MODECHOICE, SHARED)
    to_the_end(shared, np.zeros(6))
    return shared


@pytest.mark.claim(
    "shared-neuron-optimum",
    source="S6",
    symptom="I want the estimates of a conditional logit out of a network.",
)
def test_the_trained_shared_neuron_has_the_printed_estimates(network, beyond):
    r"""
    Trained to the end, the shared neuron has the printed estimates and standard errors of a conditional logit.

    .. math:: \sum_i \sum_k x_{ik}\,(y_{ik} - \hat\mu_{ik}) = 0, \qquad
              \widehat{\mathrm{se}} = \sqrt{\operatorname{diag} (n H)^{-1}}
    """
    shared = chosen(network)

    assert_same_zero(MODECHOICE, shared, beyond(MODECHOICE, SHARED))
    assert_printed(shared, flat(shared.weights))


@pytest.mark.control("shared-neuron-optimum")
def test_a_unit_in_the_last_printed_place_is_refused(network):
    """Weights that are off by one in the seventh digit."""
    shared = chosen(network)

    with pytest.raises(AssertionError, match="as printed"):
        assert_printed(shared, flat(shared.weights) * (1 + 2e-6))


def assert_printed(network, weights):
    """Every digit of the weights, of their standard errors and of the log-likelihood."""
    published, n = MODECHOICE.published, MODECHOICE.n
    errors = np.sqrt(np.diag(np.linalg.inv(n * network.hessian())))
    printed = [*published.true_coefficients, *published.true_standard_errors, [published.true_statistics["log_likelihood"]]]
    for value, (text,) in strict_zip([*weights, *errors, -n * network.objective()], printed):
        assert abs(value - float(text)) <= half_unit(text), f"{value!r} is not {text}, as printed"


@pytest.mark.claim(
    "sharing-ties-weights",
    source="S6",
    symptom="Is a scoring network over alternatives still a multinomial logit?",
)
def test_sharing_a_neuron_is_a_linear_constraint_on_the_multinomial_logit(network, subject, rng):
    r"""
    A shared neuron is a multinomial logit on the columns of all alternatives, its weights tied and most of them zero.

    .. math:: W = \begin{pmatrix} w & & 0 \\ & \ddots & \\ 0 & & w \end{pmatrix}, \qquad
              \frac{\partial\ell}{\partial w} = \sum_k \frac{\partial\ell}{\partial W_{kk}}
    """
    shared, w = network(MODECHOICE, SHARED), tastes(rng)
    put(shared, w)

    assert_tied(shared, np.kron(np.eye(4), w[:, None]), subject)


@pytest.mark.control("sharing-ties-weights")
def test_a_weight_of_its_own_for_one_alternative_is_refused(network, subject, rng):
    """The bus has half the weights of the others."""
    shared, w = network(MODECHOICE, SHARED), tastes(rng)
    put(shared, w)

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_tied(shared, np.kron(np.diag([1, 1, 0.5, 1]), w[:, None]), subject)


def assert_tied(shared, coef, subject):
    tied = Params(np.zeros(4), coef)
    plain = subject.evaluate(MODECHOICE, tied)
    assert_same_mean(MODECHOICE, tied, replace(plain, mean=shared.predict()))
    blocks = np.einsum("kjk->j", plain.score[1:].reshape(4, 6, 4))
    size = np.einsum("ikj,ik->j", np.abs(MODECHOICE.X).reshape(-1, 4, 6), MODECHOICE.y + plain.mean)
    gradient = -MODECHOICE.n * flat(shared.gradient())
    assert_same_values("gradient", MODECHOICE, gradient, blocks, tolerances.gradient(MODECHOICE.n), size)


@pytest.mark.claim(
    "blocks-undo-sharing",
    source="S6",
    symptom="How do I give income, which belongs to the traveller, to a shared neuron?",
)
@pytest.mark.parametrize("problem", SMALL, ids=str)
def test_blocks_of_columns_give_the_multinomial_logit_back(problem, params, network, subject, reference):
    r"""
    Where each alternative has the row's columns in a block of its own, the shared neuron is the multinomial logit.

    .. math:: x_{ik} = e_k \otimes (1, x_i) \implies w \cdot x_{ik} = b_k + w_k \cdot x_i
    """
    shared = network(in_blocks(problem), Recipe(alternatives=problem.k))
    put(shared, flat(params.matrix.T))
    score = -problem.n * shared.gradient()[0].reshape(problem.k, problem.q).T

    network_says = answer(subject, problem, params, shared, mean=shared.predict(), score=score)
    assert_same_mean(problem, params, network_says)
    assert_same_gradient(problem, params, network_says, reference.evaluate(problem, params))


@pytest.mark.control("blocks-undo-sharing")
@pytest.mark.parametrize("problem", SMALL, ids=str)
def test_blocks_of_another_class_are_refused(problem, params, network, subject):
    """The weights of class 0 in the block of class 1, and the other way round."""
    shared = network(in_blocks(problem), Recipe(alternatives=problem.k))
    put(shared, flat(params.matrix.T[[1, 0, *range(2, problem.k)]]))

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_same_mean(problem, params, answer(subject, problem, params, shared, mean=shared.predict()))


def in_blocks(problem):
    X = np.einsum("kl,ij->iklj", np.eye(problem.k), problem.design).reshape(problem.n, -1)
    return Problem.of(f"{problem}, in blocks", problem.model, X, problem.y, intercept=False)


@cache
def as_counts():
    """A row for each traveller and way, the choice as a count, and a column that singles out the traveller."""
    X = np.hstack([MODECHOICE.X.reshape(-1, 6), np.repeat(np.eye(MODECHOICE.n), 4, axis=0)])
    return Problem.of("modechoice, counts", Model(Poisson(), Log()), X, MODECHOICE.y.reshape(-1, 1), intercept=False)


def with_travellers(w):
    """The shared weights, and for each traveller the intercept at which the four means sum to one."""
    travellers = -special.logsumexp(MODECHOICE.X.reshape(-1, 4, 6) @ w, axis=1)
    return Params(np.zeros(1), np.append(w, travellers)[:, None])


@pytest.mark.claim(
    "choice-is-poisson",
    source="S6",
    symptom="My software has no conditional logit, but it has Poisson regression.",
)
def test_a_conditional_logit_is_a_poisson_glm_with_an_intercept_for_each_chooser(network, subject, reference, rng):
    r"""
    A conditional logit is a Poisson GLM of the choices with an intercept for each chooser, set so that the means sum to one.

    .. math:: \mu_{ik} = e^{\alpha_i + w \cdot x_{ik}}, \quad \alpha_i = -\log \sum_k e^{w \cdot x_{ik}}
              \implies \ell_{\text{Poisson}} = \ell_{\text{choice}} - n, \quad \frac{\partial\ell}{\partial\alpha_i} = 0
    """
    counts, points, shared = as_counts(), [with_travellers(tastes(rng)) for _ in range(2)], network(MODECHOICE, SHARED)
    here, elsewhere = (choices(subject, counts, params, shared) for params in points)
    there = tuple(reference.evaluate(counts, params) for params in points)

    assert_same_mean(counts, points[0], here)
    assert_same_objective(counts, (here, elsewhere), there)
    assert_same_gradient(counts, points[0], here, there[0])


@pytest.mark.claim(
    "choice-is-poisson-optimum",
    source="S6",
    symptom="Are the estimates of the Poisson trick exactly those of the conditional logit?",
)
def test_the_trained_shared_neuron_is_the_optimum_of_a_poisson_glm(network):
    r"""
    Trained to the end, a shared neuron holds the proven optimum of that Poisson GLM, intercepts and all.

    .. math:: (\hat w, \hat\alpha) = \arg\max \sum_{ik} (y_{ik} \log \mu_{ik} - \mu_{ik})
    """
    assert_same_optimum(as_counts(), trained(with_travellers(flat(chosen(network).weights))))


@pytest.mark.control("choice-is-poisson")
def test_one_intercept_for_all_choosers_is_refused(network, subject, rng):
    """The mean of the travellers' intercepts, for each of them."""
    counts, params, shared = as_counts(), with_travellers(tastes(rng)), network(MODECHOICE, SHARED)
    mine = choices(subject, counts, params, shared)
    coef = np.vstack([params.coef[:6], np.full((MODECHOICE.n, 1), params.coef[6:].mean())])

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_same_mean(counts, Params(params.intercept, coef), mine)


@pytest.mark.control("choice-is-poisson-optimum")
def test_a_millionth_more_of_a_weight_is_refused(network):
    """Shared weights a millionth too large, with the intercepts that go with them."""
    moved = with_travellers(flat(chosen(network).weights) * (1 + 1e-6))

    with pytest.raises(AssertionError, match="not the same optimum"):
        assert_same_optimum(as_counts(), trained(moved))


def choices(subject, counts, params, shared):
    """What the shared neuron says, per row of counts: n L is minus the log-likelihood, over four times as many rows."""
    put(shared, params.coef[:6, 0])
    n = MODECHOICE.n
    score = np.concatenate([[0], -n * flat(shared.gradient()), np.zeros(n)])[:, None]
    mine = answer(subject, counts, params, shared, mean=shared.predict().reshape(-1, 1), score=score)
    return replace(mine, loss=mine.loss * n / counts.n)


@pytest.mark.claim(
    "what-alternatives-have-in-common",
    source="S6",
    symptom="The bias of my scoring network never moves, and neither does the weight of income.",
)
def test_what_is_the_same_for_all_alternatives_has_no_slope(network, rng):
    r"""
    A bias of the shared neuron, or a column that is the same for all alternatives, cancels and has no slope.

    .. math:: \frac{e^{\eta_k + c_i}}{\sum_j e^{\eta_j + c_i}} = \frac{e^{\eta_k}}{\sum_j e^{\eta_j}}
    """
    assert_no_slope(network, rng, same=[6])


@pytest.mark.control("what-alternatives-have-in-common")
def test_income_for_one_alternative_has_a_slope(network, rng):
    """Income times whether the way is by air."""
    with pytest.raises(AssertionError, match="not the same slope"):
        assert_no_slope(network, rng, same=[2])


def assert_no_slope(network, rng, same):
    """With the traveller's income as a seventh column of each way, and a bias; relative to the contributions without sign."""
    income = np.repeat(MODECHOICE.X[:, 2], 4)[:, None]
    X = np.hstack([MODECHOICE.X.reshape(-1, 6), income])
    problem = Problem.of("modechoice with income", MODECHOICE.model, X.reshape(-1, 28), MODECHOICE.y)
    shared = network(problem, SHARED)
    put(shared, np.concatenate([tastes(rng), rng.uniform(-1, 1, 2) / [70, 1]]))
    size = (MODECHOICE.y + shared.predict()).reshape(1, -1) @ np.hstack([np.abs(X), np.ones((len(X), 1))])
    slopes = MODECHOICE.n * flat(shared.gradient())[[*same, 7]]
    assert_same_values("slope", problem, slopes, 0 * slopes, tolerances.gradient(problem.n), size[0, [*same, 7]])


# -- a second output for the dispersion ---------------------------------------------------------------------------------


@cache
def spread():
    """The planted line, with noise whose log variance is linear too."""
    line = problems.get("gaussian-identity")

    def load():
        eta = np.array([[-2.0], [1.5], [-1.0], [2.0]])
        noise = generator("location-scale").normal(size=line.y.shape)
        y = line.eta(line.data.planted) + np.exp(line.design @ eta / 2) * noise
        return replace(line.data, y=y, planted=None)

    return replace(line, name="location-scale", kind="given", load=load)


def given_dispersion(problem, log_dispersion):
    """The mean alone: least squares, each row weighted by one over its dispersion."""
    load = cache(lambda: replace(problem.data, weights=np.exp(-log_dispersion)))
    return replace(problem, name=f"{problem}, mean", load=load)


def given_mean(problem, mean):
    """The dispersion alone: squared residuals, gamma with shape one half, log link."""
    load = cache(lambda: replace(problem.data, y=(problem.y - mean) ** 2, weights=np.full(problem.n, 0.5)))
    return replace(problem, name=f"{problem}, dispersion", model=Model(Gamma(), Log()), load=load)


def two_heads(rng):
    """Parameters of the mean and of the log dispersion, (q, 2)."""
    both = rng.uniform(-1, 1, (4, 2))
    both[0] += 0.5, -2
    return both


def head(subject, problem, network, both, column):
    """What the network says about one of its outputs, as the answer to the ordinary problem of that output."""
    put(network, flat([both[1:], both[0]]))
    kernel, bias = (-problem.n * part for part in network.gradient())
    params = Params.from_matrix(both[:, [column]])
    outputs = network.predict()
    mean = outputs[:, :1] if column == 0 else np.exp(outputs[:, 1:])
    return params, answer(subject, problem, params, network, mean=mean, score=np.vstack([bias, kernel])[:, [column]])


@pytest.mark.claim(
    "mean-head-is-weighted",
    source="S6",
    symptom="My network predicts a variance too. Is its mean still a regression?",
)
def test_given_the_dispersion_the_mean_head_is_weighted_least_squares(network, subject, reference, rng):
    r"""
    Given the dispersion head, the mean head has the loss and the score of least squares with weights one over the dispersion.

    .. math:: L = \frac{1}{2n} \sum_i \Bigl( \log\varphi_i + \frac{(y_i - \mu_i)^2}{\varphi_i} \Bigr), \qquad
              -n\,\frac{\partial L}{\partial w_\mu} = \sum_i x_i\,\frac{y_i - \mu_i}{\varphi_i}
    """
    both, other = two_heads(rng), two_heads(rng)
    other[:, 1] = both[:, 1]
    alone = given_dispersion(spread(), spread().design @ both[:, 1])

    assert_head(alone, network(spread(), HEADS), (both, other), 0, subject, reference)


@pytest.mark.control("mean-head-is-weighted")
def test_weights_that_grow_with_the_dispersion_are_refused(network, subject, reference, rng):
    """The dispersion itself for a weight."""
    both, other = two_heads(rng), two_heads(rng)
    other[:, 1] = both[:, 1]
    alone = given_dispersion(spread(), -spread().design @ both[:, 1])

    with pytest.raises(AssertionError, match="not the same objective"):
        assert_head(alone, network(spread(), HEADS), (both, other), 0, subject, reference)


@pytest.mark.claim(
    "dispersion-head-is-gamma",
    source="S6",
    symptom="What does the variance output of my network regress on, and with which loss?",
)
def test_given_the_mean_the_dispersion_head_is_a_gamma_glm(network, subject, reference, rng):
    r"""
    Given the mean head, the dispersion head is a Gamma GLM with log link of the squared residuals, its shape one half.

    .. math:: -n\,\frac{\partial L}{\partial w_\varphi}
              = \sum_i x_i\,\frac{1}{2}\,\frac{(y_i - \mu_i)^2 - \varphi_i}{\varphi_i}, \qquad
              \frac{(y - \mu)^2}{\varphi} \sim \chi^2_1 = \Gamma\bigl(\tfrac{1}{2}, 2\bigr)
    """
    both, other = two_heads(rng), two_heads(rng)
    other[:, 0] = both[:, 0]
    alone = given_mean(spread(), spread().design @ both[:, :1])

    assert_head(alone, network(spread(), HEADS), (both, other), 1, subject, reference)


@pytest.mark.control("dispersion-head-is-gamma")
def test_residuals_that_are_not_squared_are_refused(network, subject, reference, rng):
    """The absolute residuals in their place."""
    both, other = two_heads(rng), two_heads(rng)
    other[:, 0] = both[:, 0]
    squared = given_mean(spread(), spread().design @ both[:, :1])
    absolute = replace(squared, load=lambda: replace(squared.data, y=np.sqrt(squared.y)))

    with pytest.raises(AssertionError, match="not the same objective"):
        assert_head(absolute, network(spread(), HEADS), (both, other), 1, subject, reference)


def assert_head(alone, heads, points, column, subject, reference):
    """The head's loss changes between two points as the ordinary problem's does, and has its score at the first."""
    (params, here), (other, elsewhere) = (head(subject, alone, heads, both, column) for both in reversed(points))
    there = tuple(reference.evaluate(alone, p) for p in (params, other))
    assert_same_objective(alone, (here, elsewhere), there)
    params, here = head(subject, alone, heads, points[0], column)
    assert_same_gradient(alone, params, here, reference.evaluate(alone, params))


@cache
def both_trained(network):
    """Both heads trained to the end, from least squares and its dispersion: the network, and the parameters (q, 2)."""
    problem, heads = spread(), network(spread(), HEADS)

    def loss(values):
        put(heads, values)
        return heads.objective(), flat(heads.gradient())

    least, rss, *_ = np.linalg.lstsq(problem.design, problem.y, rcond=None)
    start = np.hstack([least, np.append(np.log(rss / problem.n), np.zeros(problem.p))[:, None]])
    to_the_end(heads, optimize.minimize(loss, flat([start[1:], start[0]]), jac=True).x)
    kernel, bias = heads.weights
    return heads, np.vstack([bias, kernel])


@pytest.mark.claim(
    "two-glms-in-one",
    source="S6",
    symptom="Must the two outputs of a mean-and-variance network be trained together?",
)
def test_trained_together_each_head_is_the_optimum_of_its_own_glm(network):
    r"""
    Trained together, each head holds the proven optimum of the GLM that the other head makes of it.

    .. math:: \hat w_\mu = \arg\max \ell_{\text{WLS}}(\,\cdot \mid \hat\varphi), \qquad
              \hat w_\varphi = \arg\max \ell_\Gamma(\,\cdot \mid \hat\mu)

    A double GLM, fitted in turns elsewhere, is where the two agree.
    """
    heads, both = both_trained(network)
    mean, log_dispersion = np.split(heads.predict(), 2, axis=1)

    assert_same_optimum(given_dispersion(spread(), log_dispersion[:, 0]), trained(Params.from_matrix(both[:, :1])))
    assert_same_optimum(given_mean(spread(), mean), trained(Params.from_matrix(both[:, 1:])))


@pytest.mark.control("two-glms-in-one")
def test_least_squares_without_weights_is_refused(network, reference):
    """The mean head as it would be with one dispersion for all rows."""
    heads, _ = both_trained(network)

    with pytest.raises(AssertionError, match="not the same optimum"):
        assert_same_optimum(given_dispersion(spread(), heads.predict()[:, 1]), reference.fit(spread()))


@pytest.mark.claim(
    "heads-share-information",
    source="S6",
    symptom="The Hessian of my mean-and-variance network is not block diagonal, as the textbook says it is.",
)
@pytest.mark.parametrize("at", ["anywhere", "the optimum"])
def test_the_residuals_couple_the_information_of_the_two_heads(at, network, rng):
    r"""
    The residuals couple the observed information of the two heads, and at their optimum too.

    .. math:: n H = \sum_i x_i x_i^\top \otimes \frac{1}{\varphi_i}
              \begin{pmatrix} 1 & r_i \\ r_i & r_i^2 / 2 \end{pmatrix}, \quad r = y - \mu, \qquad
              \mathbb{E}\, n H = \sum_i x_i x_i^\top \otimes \begin{pmatrix} 1 / \varphi_i & 0 \\ 0 & 1/2 \end{pmatrix}

    With one dispersion for all rows, as in a GLM, the sum of x r is the score: at the optimum nothing couples.
    """
    heads, both = both_trained(network)
    both = both if at == "the optimum" else two_heads(rng)
    put(heads, flat([both[1:], both[0]]))
    mean, log_dispersion = heads.predict().T
    r = spread().y[:, 0] - mean

    assert_information(heads, np.exp(-log_dispersion) * np.array([[r**0, r], [r, r**2 / 2]]))


@pytest.mark.control("heads-share-information")
def test_the_expected_information_is_refused(network):
    """The block diagonal matrix of the textbook, at the very optimum."""
    heads, both = both_trained(network)
    put(heads, flat([both[1:], both[0]]))
    n, weight = spread().n, np.exp(-heads.predict()[:, 1])

    with pytest.raises(AssertionError, match="not the same information"):
        assert_information(heads, np.array([[weight, np.zeros(n)], [np.zeros(n), np.full(n, 0.5)]]))


def assert_information(heads, weights):
    """n H is the sum over the rows of (2, 2, n) weights of x x'; relative to the rows' contributions without sign."""
    problem, found = spread(), spread().n * heads.hessian()
    x = np.hstack([problem.X, np.ones((problem.n, 1))])  # the order of the weights: the kernel, then the bias
    mean, log_dispersion = heads.predict().T
    r = np.abs(problem.y[:, 0]) + np.abs(mean)
    without_sign = np.exp(-log_dispersion) * np.array([[r**0, r], [r, r**2 / 2]])
    expected, size = (
        np.einsum("ij,ik,abi->jakb", rows, rows, w).reshape(found.shape) for rows, w in ((x, weights), (np.abs(x), without_sign))
    )
    assert_same_values("information", problem, found, expected, tolerances.curvature(problem.n), size)


ONE_DISPERSION = [p for p in problems.where(family=Gaussian, link=Identity) if p.kind in ("by-hand", "by-construction")]


@pytest.mark.claim(
    "dispersion-without-degrees-of-freedom",
    source="S6",
    symptom="The variance that my network learns is smaller than the residual variance of the regression.",
)
@pytest.mark.parametrize("problem", ONE_DISPERSION, ids=str)
def test_a_learned_dispersion_does_not_count_the_coefficients(problem, network, reference):
    r"""
    A dispersion that is learned as a bias comes to rest at RSS / n, where a regression divides by n less its coefficients.

    .. math:: -n\,\frac{\partial L}{\partial \log\varphi} = \frac{1}{2} \Bigl( \frac{\mathrm{RSS}}{\varphi} - n \Bigr) = 0
              \iff \varphi = \frac{\mathrm{RSS}}{n}
    """
    assert_dispersion_at_rest(problem, network, reference, problem.n)


@pytest.mark.control("dispersion-without-degrees-of-freedom")
@pytest.mark.parametrize("problem", ONE_DISPERSION, ids=str)
def test_the_residual_variance_is_refused(problem, network, reference):
    """RSS / (n - q), which has no bias."""
    with pytest.raises(AssertionError, match="not the same slope"):
        assert_dispersion_at_rest(problem, network, reference, problem.n - problem.q)


def assert_dispersion_at_rest(problem, network, reference, degrees):
    """At the least-squares mean, and RSS by so many degrees of freedom, the log dispersion's slope is nothing against n."""
    heads, fit = network(problem, HEADS), reference.fit(problem)
    coef, intercept = fit.params.coef, fit.params.intercept
    put(heads, flat([np.hstack([coef, 0 * coef]), [intercept[0], np.log(fit.deviance / degrees)]]))
    slope = problem.n * heads.gradient()[1][1:]
    assert_same_values("slope", problem, slope, 0 * slope, tolerances.gradient(problem.n), np.array([float(problem.n)]))


@pytest.mark.claim(
    "loss-without-a-floor",
    source="S6",
    symptom="The loss of my mean-and-variance network falls for ever, and one row is to blame.",
)
def test_a_row_that_both_heads_single_out_leaves_the_loss_no_floor(network, rng):
    r"""
    Where a column singles out one row, the loss of two heads has no floor: its dispersion falls, and the loss with it.

    .. math:: \mu_1 = y_1, \quad \log\varphi_1 = -t \implies L(t) = L(0) - \frac{t}{2n}

    A GLM's dispersion is one number for all rows, and no row can have it to itself.
    """
    problem = singled_out()

    assert_no_floor(problem, network(problem, HEADS), problem.y[0, 0], rng)


@pytest.mark.control("loss-without-a-floor")
def test_a_row_that_is_missed_by_a_millionth_has_a_floor(network, rng):
    """The row's mean is off by a millionth: below that the squared residual outweighs the logarithm."""
    problem = singled_out()

    with pytest.raises(AssertionError, match="not the same objective"):
        assert_no_floor(problem, network(problem, HEADS), problem.y[0, 0] + 1e-6, rng)


def singled_out():
    line = spread()
    X = np.hstack([line.X, np.eye(line.n)[:, :1]])
    return replace(line, name="location-scale, one row singled out", load=lambda: replace(line.data, X=X, columns=()))


def assert_no_floor(problem, heads, first, rng):
    """The first row's weight makes its mean exactly ``first``: the other weights of the mean are zero."""
    n, log_dispersions = problem.n, -rng.uniform(10, 600, 5)
    losses = []
    for log_dispersion in (0.0, *log_dispersions):
        kernel = np.zeros((problem.p, 2))
        kernel[-1] = first, log_dispersion
        put(heads, flat([kernel, np.zeros(2)]))
        losses.append(n * heads.objective())
    expected = losses[0] + log_dispersions / 2
    size = losses[0] + np.abs(log_dispersions) / 2
    assert_same_values("objective", problem, np.array(losses[1:]), expected, tolerances.loss(n), size)
