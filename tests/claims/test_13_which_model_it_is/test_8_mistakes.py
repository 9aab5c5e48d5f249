"""
What people write by mistake.

A network that nobody meant is a model all the same: each mistake makes another one, and here is which.
"""

from dataclasses import replace

import numpy as np
import pytest

from spec import likelihood, problems, scoring
from spec.engines.answers import evaluation
from spec.engines.contract import PLAIN, Fit, Recipe
from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.evidence.rungs import (
    assert_same_gradient,
    assert_same_objective,
    assert_same_optimum,
    proven_optimum,
    standard_errors_away,
)
from spec.families import Binomial, Multinomial
from spec.links import Logit, Softmax
from spec.model import Model, Params
from spec.problems import Problem

TWICE = Recipe(mistake="softmax twice")
SEPARATED = [  # each class at an input of its own: here softmax reaches every loss above 0
    Problem.of(f"{k} separated classes", Model(Multinomial(), Softmax()), np.eye(k), np.eye(k), intercept=False)
    for k in (2, 3, 10)
]
SOFTMAX = [problems.get(name) for name in ("softmax-3-to-3", "softmax-8-to-5", "softmax-4-to-2")]


@pytest.mark.claim("softmax-twice", source="S6", symptom="My softmax network trains, and its loss never falls below 1.46.")
@pytest.mark.parametrize("problem", SEPARATED, ids=str)
def test_a_softmax_of_a_softmax_loses_at_least_a_known_amount(problem, network, rng):
    r"""
    Softmax taken twice, as by a loss for logits that is given a softmax, loses at least log(1 + (K - 1) / e) in every row.

    .. math:: \mu = \mathrm{softmax}(\mathrm{softmax}(b + x w)), \qquad
              \frac{1}{e + K - 1} < \mu_k < \frac{e}{e + K - 1}, \qquad L > \log\left(1 + \frac{K - 1}{e}\right)

    This is 0.31 for 2 classes, 0.55 for 3 and 1.46 for 10. No weights reach it: the loss falls to it as the first softmax goes
    to one-hot.
    """
    assert_bounded(problem, network(problem, TWICE), rng)


@pytest.mark.control("softmax-twice")
@pytest.mark.parametrize("problem", SEPARATED, ids=str)
def test_one_softmax_goes_below_that_bound(problem, network, rng):
    """The same network and the same weights, with one softmax."""
    with pytest.raises(AssertionError, match="below the bound"):
        assert_bounded(problem, network(problem, PLAIN), rng)


def assert_bounded(problem, network, rng):
    """
    The loss is above the bound for weights of any size, and falls to it as the weights of the right classes grow.

    With weights t, the first softmax is one-hot up to (K - 1) exp(-t). For t = 16 this is 1e-7 or more, which the loss shows;
    for t = 64 it is below the rounding of 1.
    """
    lowest, tolerance = np.log1p((problem.k - 1) / np.e), tolerances.loss(problem.k)

    def loss(weights):
        network.weights = [weights]
        return network.objective()

    for size in 2.0 ** np.arange(-2, 11):
        lost = loss(size * rng.normal(size=(problem.k, problem.k)))
        assert lost >= lowest * (1 - tolerance.value), f"below the bound: {lost!r} < {lowest!r}"
    falling = np.array([loss(size * np.eye(problem.k)) for size in (1, 2, 4, 8, 16, 64)])
    assert (falling[:-1] > lowest * (1 + tolerance.value)).all(), f"below the bound: {falling.min()!r} < {lowest!r}"
    assert (np.diff(falling) < 0).all()
    assert_same_values("loss", problem, falling[-1], lowest, tolerance)


@pytest.mark.claim(
    "softmax-twice-is-not-multinomial", source="S6", symptom="My softmax network's weights are many times those of MNLogit."
)
@pytest.mark.parametrize("problem", SOFTMAX, ids=str)
def test_a_softmax_of_a_softmax_drives_the_weights_beyond_the_multinomial_optimum(problem, network):
    r"""
    Softmax taken twice has not the multinomial optimum: at twice the weights of that optimum it loses less than there.

    .. math:: L_2(2 \hat w) < L_2(\hat w), \qquad \hat w = \arg\min_w L_1(w)

    The second softmax pulls all shares to one another; larger weights make up for a part of it.
    """
    assert_driven(problem, network(problem, TWICE))


@pytest.mark.control("softmax-twice-is-not-multinomial")
@pytest.mark.parametrize("problem", SOFTMAX, ids=str)
def test_one_softmax_is_not_driven(problem, network):
    """One softmax: its optimum is the multinomial one."""
    with pytest.raises(AssertionError, match="loses no less"):
        assert_driven(problem, network(problem, PLAIN))


def assert_driven(problem, network):
    """The loss at twice the multinomial optimum is smaller than at the optimum, by more than rounding."""
    optimum = proven_optimum(problem).params
    there = evaluation(problem, network, optimum).loss
    beyond = evaluation(problem, network, Params.from_matrix(2 * optimum.matrix)).loss
    assert beyond < there * (1 - 2 * tolerances.loss(problem.n).value), (
        f"loses no less at twice the weights: {beyond!r}, {there!r}"
    )


FLAT = Recipe(mistake="flat targets")
COLUMNS = [problems.get(name) for name in ("gaussian-identity", "binomial-logit", "poisson-log", "gamma-log")]


@pytest.mark.claim(
    "targets-without-their-column",
    source="S6",
    level="proven for this problem",
    symptom="My regression network predicts the mean for every row, whatever I do.",
)
@pytest.mark.parametrize("problem", COLUMNS, ids=str)
def test_targets_without_their_column_fit_the_null_model(problem, params, network, reference):
    r"""
    Targets (n,) against outputs (n, 1) in a loss written by hand make the null model: slopes 0, and the mean in every row.

    .. math:: \sum_j \sum_i (y_i - \mu_j)^2 = n \sum_j (\bar y - \mu_j)^2 + \text{const}

    The difference is (n, n): each output is compared with every target. So this is the model whose responses are all the
    mean. It is so in each family, since the log-likelihood is linear in y but for terms free of mu.
    """
    flat, averaged = network(problem, FLAT), all_the_mean(problem)

    assert_same_model(averaged, params, flat, reference)
    assert_same_optimum(averaged, ascended(problem, flat, params))
    assert_same_values("mean", problem, flat.predict(), averaged.y, tolerances.planted_optimum())


@pytest.mark.control("targets-without-their-column")
@pytest.mark.parametrize("problem", COLUMNS, ids=str)
def test_targets_with_their_column_are_refused(problem, params, network, reference):
    """The same network and targets (n, 1): each output is compared with its own target."""
    averaged, right = all_the_mean(problem), network(problem, PLAIN)

    with pytest.raises(AssertionError, match="not the same objective"):
        assert_same_model(averaged, params, right, reference)
    with pytest.raises(AssertionError, match="not the same optimum"):
        assert_same_optimum(averaged, ascended(problem, right, params))


def all_the_mean(problem):
    """The problem with the mean of the responses in place of each. (The mean of counts is no count: hence quasi.)"""
    averaged = problem.with_data("all of them the mean", y=lambda data: np.full_like(data.y, data.y.mean()))
    return replace(averaged, quasi=True)


def assert_same_model(problem, params, network, engine):
    """The network has the objective and the gradient that the engine has of the problem."""
    points = params, likelihood.null_params(problem)
    mine, other = zip(*[(evaluation(problem, network, point), engine.evaluate(problem, point)) for point in points])
    assert_same_objective(problem, mine, other)
    for point, ours, theirs in zip(points, mine, other):
        assert_same_gradient(problem, point, ours, theirs)


def ascended(problem, network, start):
    """
    The fit of a network by scoring, at whose weights it is left.

    The problem's information steers, the network's own gradient decides where it ends.
    """

    def value_and_score(params):
        answer = evaluation(problem, network, params)
        return answer.log_likelihood, answer.score[1 - problem.intercept :, problem.k - problem.free_outputs :]

    ascent = scoring.ascend(problem, value_and_score, start)
    answer = evaluation(problem, network, ascent.params)
    return Fit(
        params=ascent.params,
        converged=ascent.converged,
        iterations=ascent.iterations,
        reason=ascent.reason,
        standard_errors=scoring.White.of(problem).standard_errors(problem, ascent.params),
        deviance=likelihood.deviance(problem, answer.mean),
        log_likelihood=answer.log_likelihood,
    )


SIGMOIDS = Recipe(mistake="sigmoids")
LOGISTIC = Model(Binomial(), Logit())


@pytest.mark.claim(
    "one-vs-rest-is-not-multinomial",
    source="S6",
    level="proven for this problem",
    symptom="My class probabilities from sigmoid outputs do not add up to one.",
)
@pytest.mark.parametrize("problem", [p for p in SOFTMAX if p.k > 2], ids=str)
def test_sigmoids_for_three_classes_or_more_are_not_softmax(problem, params, network, subject, reference):
    r"""
    K sigmoids on K > 2 classes are K logistic regressions, each class against the rest; their shares do not sum to one.

    .. math:: \sum_i x_i\,(y_{ik} - \sigma(b_k + x_i w_k)) = 0 \;\forall k, \qquad
              \sum_k \sigma(\hat b_k + x_i \hat w_k) \neq 1, \qquad \frac{1}{n} \sum_i \sum_k \sigma(\hat b_k + x_i \hat w_k) = 1

    The sums are one on average only, by the biases. The weights are not those of softmax, which weighs the classes against
    one another.
    """
    sigmoids, regressions = network(problem, SIGMOIDS), list(one_vs_rest(problem))
    fits = [subject.fit(regression) for regression in regressions]

    assert_regressions(regressions, params, evaluation(problem, sigmoids, params), reference)
    for regression, fit in zip(regressions, fits):
        assert_same_optimum(regression, fit)

    fitted = Params.from_matrix(np.hstack([fit.params.matrix for fit in fits]))
    away = standard_errors_away(proven_optimum(problem), fitted)
    assert away > tolerances.ANOTHER_OPTIMUM, f"the optimum of softmax, but for {away:.2g} standard errors"
    assert_not_one(problem, evaluation(problem, sigmoids, fitted).mean)


@pytest.mark.control("one-vs-rest-is-not-multinomial")
@pytest.mark.parametrize("problem", SOFTMAX, ids=str)
def test_softmax_is_no_one_vs_rest(problem, params, network, reference):
    """The same layer with a softmax: its score is not that of the regressions, and its shares sum to one."""
    softmax = network(problem, PLAIN)

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_regressions(one_vs_rest(problem), params, evaluation(problem, softmax, params), reference)
    with pytest.raises(AssertionError, match="sum to one"):
        assert_not_one(problem, evaluation(problem, softmax, proven_optimum(problem).params).mean)


@pytest.mark.control("one-vs-rest-is-not-multinomial")
@pytest.mark.parametrize("problem", [p for p in SOFTMAX if p.k == 2], ids=str)
def test_two_sigmoids_on_two_classes_sum_to_one(problem, network, reference):
    """Two classes: the one against the rest is the mirror image of the other."""
    fitted = Params.from_matrix(np.hstack([reference.fit(one).params.matrix for one in one_vs_rest(problem)]))

    with pytest.raises(AssertionError, match="sum to one"):
        assert_not_one(problem, evaluation(problem, network(problem, SIGMOIDS), fitted).mean)


def one_vs_rest(problem):
    """A logistic regression for each class, whose successes are the rows of the class."""
    for k in range(problem.k):
        yield replace(problem.with_data(f"class {k} or not", y=lambda data, k=k: data.y[:, k : k + 1]), model=LOGISTIC)


def assert_regressions(regressions, params, answer, engine):
    """Each column of the score is that of one of the regressions."""
    for k, regression in enumerate(regressions):
        point, column = Params.from_matrix(params.matrix[:, k : k + 1]), answer.score[:, k : k + 1]
        assert_same_gradient(regression, point, replace(answer, score=column), engine.evaluate(regression, point))


def assert_not_one(problem, shares):
    """The shares of some row are far from one in sum, and the mean of the sums is one."""
    sums = shares.sum(axis=1)
    assert_same_values("mean of the sums", problem, sums.mean(), 1.0, tolerances.gradient(problem.n))
    assert np.abs(sums - 1).max() > tolerances.NOT_ONE, f"the shares sum to one, but for {np.abs(sums - 1).max():.2g}"


SMOOTHED = [problems.get(name) for name in ("binomial-logit", "logistic-4-colours", "softmax-3-to-3", "softmax-8-to-5")]
SMOOTHING = 0.1
SMOOTH = Recipe(label_smoothing=SMOOTHING)


@pytest.mark.claim(
    "label-smoothing-is-a-response",
    source="S6",
    level="proven for this problem",
    symptom="What model do I fit when I set label_smoothing in my loss?",
)
@pytest.mark.parametrize("problem", SMOOTHED, ids=str)
def test_label_smoothing_is_a_response(problem, params, network, subject):
    r"""
    Cross-entropy with label smoothing a is the GLM of another response, a share a of which is spread over the classes.

    .. math:: y^\ast = (1 - a)\,y + \frac{a}{K} \quad \text{(K classes)}, \qquad
              y^\ast = (1 - a)\,y + \frac{a}{2} \quad \text{(a sigmoid)}

    Loss, gradient and optimum are that model's. So the fitted shares are those of the smoothed responses: the mean of a class's
    is (1 - a) times its share of the rows, plus a / K.
    """
    assert_response(smoothed(problem, SMOOTHING), params, network(problem, SMOOTH), subject)


@pytest.mark.control("label-smoothing-is-a-response")
@pytest.mark.parametrize("problem", SMOOTHED, ids=str)
def test_another_response_is_refused(problem, params, network, subject):
    """The response without smoothing, and one that is smoothed twice as much."""
    smooth = network(problem, SMOOTH)
    fit = ascended(smoothed(problem, SMOOTHING), smooth, params)

    for share in (0.0, 2 * SMOOTHING):
        wrong = smoothed(problem, share)
        with pytest.raises(AssertionError, match="not the same objective"):
            assert_response(wrong, params, smooth, subject)
        with pytest.raises(AssertionError, match="not the same optimum"):
            assert_same_optimum(wrong, fit)


def smoothed(problem, share):
    """The problem with a share of each response spread evenly over the classes; a sigmoid has two."""
    return problem.with_data(f"smoothed by {share:g}", y=lambda data: (1 - share) * data.y + share / max(data.y.shape[1], 2))


def assert_response(problem, params, network, engine):
    """A network that was made for other responses has the problem's objective, gradient and optimum, and its mean shares."""
    assert_same_model(problem, params, network, engine)
    assert_same_optimum(problem, ascended(problem, network, params))
    fitted, there = (shares.mean(axis=0) for shares in (network.predict(), problem.y))
    assert_same_values("mean share", problem, fitted, there, tolerances.gradient(problem.n))


KEPT = [1 / 2, 1 / 10]


@pytest.mark.claim(
    "undersampling-moves-the-intercept",
    source="S6",
    level="proven for this problem",
    symptom="I dropped most of the zeros, and the probabilities are too high.",
)
@pytest.mark.parametrize("kept", KEPT)
@pytest.mark.parametrize("problem", [problems.get("binomial-logit")], ids=str)
def test_undersampling_moves_the_intercept_alone(problem, kept, subject, reference):
    r"""
    Under the logit, keeping the rows of class 0 with chance r moves the intercept by -log r, and leaves the slopes.

    .. math:: \frac{\Pr(y = 1 \mid x, \text{kept})}{\Pr(y = 0 \mid x, \text{kept})} = \frac{\mu}{r\,(1 - \mu)}
              = e^{b - \log r + x w}

    This is exact of the population: each input has both responses, with their shares mu and 1 - mu for weights, and what is
    kept of class 0 has the weight r (1 - mu). A sample's intercept and slopes scatter about these.
    """
    before, after = population(problem), population(problem, kept)

    for engine in (subject, reference):
        assert_same_optimum(after, engine.fit(after))
        assert_moved(problem, engine.fit(before), 0.0)
        assert_moved(problem, engine.fit(after), -np.log(kept))


@pytest.mark.control("undersampling-moves-the-intercept")
@pytest.mark.parametrize("kept", KEPT)
def test_under_the_probit_the_slopes_move_too(kept, reference):
    """The same for the probit; and the logit with an intercept that stays, or goes the other way."""
    probit, logit = problems.get("binomial-probit"), problems.get("binomial-logit")

    assert_moved(probit, reference.fit(population(probit)), 0.0)
    with pytest.raises(AssertionError, match="not the same slopes"):
        assert_moved(probit, reference.fit(population(probit, kept)), -np.log(kept))
    for wrong in (0.0, np.log(kept)):
        with pytest.raises(AssertionError, match="not the same intercept"):
            assert_moved(logit, reference.fit(population(logit, kept)), wrong)


def population(problem, kept=1.0):
    """Each input with both responses, whose weights are their planted shares; of class 0 the part ``kept`` is left."""

    def share(data):
        return problem.model.link.inverse(data.planted.linear_predictor(data.X))

    return problem.with_data(
        f"{kept:g} of class 0 kept",
        X=lambda data: np.vstack([data.X, data.X]),
        y=lambda data: np.vstack([np.ones_like(data.y), np.zeros_like(data.y)]),
        weights=lambda data: np.vstack([share(data), kept * (1 - share(data))])[:, 0],
    )


def assert_moved(problem, fit, step):
    """The fit's slopes are the planted ones, and its intercept is the planted one and a step, to 13 digits each."""
    planted, tolerance = problem.data.planted, tolerances.planted_optimum()
    assert_same_values("slopes", problem, fit.params.coef, planted.coef, tolerance)
    assert_same_values("intercept", problem, fit.params.intercept, planted.intercept + step, tolerance)
