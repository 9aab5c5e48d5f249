"""
Offsets, weights and counts: what a row stands for (S6).

A row may carry an exposure, stand for several others, or be known better than they are. The statistician says so with an
offset, a weight or a number of trials; the network has a second input and a sample weight. The same coefficients come out
of very different statements, and the standard errors and the likelihood are where the difference shows.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.special import gammaln, xlog1py, xlogy

from spec import likelihood, problems
from spec.engines.contract import Recipe, Training
from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.evidence.rungs import (
    assert_same_curvature,
    assert_same_gradient,
    assert_same_mean,
    assert_same_objective,
    assert_same_optimum,
)
from spec.families import Binomial
from spec.model import Params
from spec.problems.by_construction import draw, generator

PAIRS = problems.where(tag="pair")
CANONICAL = [p for p in PAIRS if p.model.is_canonical]
# every family with its canonical link, and every other link with one family
EACH = list({str(p.model.link): p for p in reversed(CANONICAL + PAIRS)}.values())
SOFTMAX = [problems.get("softmax-3-to-3")]
LINE, LOGISTIC, PROBIT, CLOGLOG = (
    problems.get(name) for name in ("gaussian-identity", "binomial-logit", "binomial-probit", "binomial-cloglog")
)
COUNTS, ROOTS, SIZES = (problems.get(name) for name in ("poisson-log", "poisson-sqrt", "gamma-log"))
QUASI = replace(COUNTS, name="quasi-poisson-log", quasi=True)


def variant(problem, what, quasi=False, **data):
    """The problem with other data, of which no optimum is known in advance."""
    load = cache(lambda: replace(problem.data, planted=None, exact=None, columns=(), **data))
    return replace(problem, name=f"{problem}, {what}", kind="given", quasi=quasi or problem.quasi, load=load)


# -- offsets ------------------------------------------------------------------------------------------------------------


@cache
def with_offset(problem):
    """The last column, at its planted weights, becomes an offset."""
    return variant(problem, "offset", X=problem.X[:, :-1], offset=problem.X[:, -1:] @ problem.data.planted.coef[-1:])


@cache
def with_inputs(problem):
    """The offset of each output as one more input."""
    offset = with_offset(problem)
    return variant(problem, "offset as input", X=np.hstack([offset.X, offset.offset]))


def others(params):
    """All weights but those of the last column."""
    return Params(params.intercept, params.coef[:-1])


def frozen(params, weight=1.0):
    """These weights, and one for the offset of each output."""
    return Params(params.intercept, np.vstack([params.coef, weight * np.eye(len(params.intercept))]))


@pytest.mark.claim(
    "offset-is-a-frozen-weight",
    source="S6",
    symptom="My network takes features and has no argument for an offset.",
)
@pytest.mark.parametrize("problem", [*EACH, *SOFTMAX], ids=str)
def test_an_offset_is_an_input_with_its_weight_frozen(problem, params, subject, reference):
    r"""
    An offset is an input whose weight is frozen at 1: the same mean and loss, and the same score of the other weights.

    .. math:: \eta_i = o_i + b + w \cdot x_i = 1 \cdot o_i + b + w \cdot x_i

    The model on the other side has no offset: it has one more column, of whose score no use is made.
    """
    offset, inputs = with_offset(problem), with_inputs(problem)
    here, there = others(params), others(problem.data.planted)
    network = subject.evaluate(offset, here), subject.evaluate(offset, there)
    model = reference.evaluate(inputs, frozen(here)), reference.evaluate(inputs, frozen(there))
    part = replace(model[0], score=model[0].score[: 1 + offset.p])

    assert_same_mean(inputs, frozen(here), network[0])
    assert_same_objective(offset, network, model)
    assert_same_gradient(offset, here, network[0], part)


@pytest.mark.control("offset-is-a-frozen-weight")
@pytest.mark.parametrize("problem", [*EACH, *SOFTMAX], ids=str)
def test_a_weight_frozen_elsewhere_is_refused(problem, params, reference):
    """A weight of 1 less a millionth."""
    inputs, here = with_inputs(problem), others(params)

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_same_mean(inputs, frozen(here), reference.evaluate(inputs, frozen(here, 1 - 2**-20)))


@pytest.mark.claim(
    "offset-optimum",
    source="S6",
    symptom="I passed log exposure as one more input, and all the coefficients changed.",
)
@pytest.mark.parametrize("problem", [COUNTS, SIZES, *SOFTMAX], ids=str)
def test_trained_beside_its_offset_a_network_is_the_model_with_the_offset(problem, subject):
    r"""
    Trained beside an offset, the network holds the estimates of the model whose offset has the weight 1.

    .. math:: \hat w = \arg\max_w\, \ell(w, 1) \ne \arg\max_w\, \max_v\, \ell(w, v)
    """
    assert_same_optimum(with_offset(problem), subject.fit(with_offset(problem)))


@pytest.mark.control("offset-optimum")
@pytest.mark.parametrize("problem", [COUNTS, SIZES], ids=str)
def test_a_weight_left_free_is_another_model(problem, reference):
    """The offset as one more input, whose weight is estimated with the others."""
    free = reference.fit(with_inputs(problem))

    with pytest.raises(AssertionError, match="not the same optimum"):
        assert_same_optimum(with_offset(problem), replace(free, params=others(free.params)))


# the families whose variance is a power of the mean
POWERS = {"gaussian-log": 0, "poisson-log": 1, "tweedie(1.5)-log": 1.5, "gamma-log": 2, "inverse-gaussian-log": 3}
SCALED = [problems.get(name) for name in POWERS]


@cache
def exposures(problem):
    return generator(f"{problem}, exposures").integers(1, 9, problem.n).astype(float)


@cache
def totals(problem):
    """Responses that grow with the exposure, its logarithm for an offset."""
    t = exposures(problem)[:, None]
    mu = problem.model.link.inverse(problem.eta(problem.data.planted))
    y = draw(problem.model.family, t * mu, generator(f"{problem}, totals"))
    return variant(problem, "totals", quasi=True, y=y, offset=np.log(t))


@cache
def rates(problem, weighted=True):
    """The same by unit of exposure, which is what the weight comes from."""
    t = exposures(problem)
    weights = t ** (2 - POWERS[str(problem)]) if weighted else None
    return variant(problem, "rates", quasi=True, y=totals(problem).y / t[:, None], weights=weights)


@pytest.mark.claim(
    "rates-are-totals-with-an-offset",
    source="S6",
    symptom="Modelling claims per year of exposure does not give me the coefficients of the offset model.",
)
@pytest.mark.parametrize("problem", SCALED, ids=str)
def test_totals_with_an_offset_are_rates_with_a_weight(problem, params, subject, reference):
    r"""
    With a log link, totals with log exposure as offset are rates with a power of the exposure as weight.

    .. math:: V(\mu) = \mu^p,\; y = t r,\; \mu = t \rho: \qquad
              \frac{y - \mu}{V(\mu)}\,\mu = t^{\,2 - p}\,\frac{r - \rho}{V(\rho)}\,\rho

    So rates of counts (p = 1) are weighted by their exposure, gamma's (p = 2) not at all. The score agrees at any weights,
    and so do the standard errors at Pearson's dispersion. The log-likelihoods differ by a term free of the weights: for a
    density that is stretched, and for counts,

    .. math:: \ell_{\text{rates}} - \ell_{\text{totals}} = \sum_{y_i > 0} \log t_i, \qquad
              \sum_i \log y_i! - t_i \log \Gamma(1 + r_i) - y_i \log t_i .
    """
    offset, weighted, t = totals(problem), rates(problem), exposures(problem)[:, None]
    network = subject.evaluate(offset, params), subject.evaluate(offset, problem.data.planted)
    model = reference.evaluate(weighted, params), reference.evaluate(weighted, problem.data.planted)
    stretched = np.log(t) * (offset.y > 0)
    counted = gammaln(offset.y + 1) - t * gammaln(offset.y / t + 1) - xlogy(offset.y, t)
    fit, fit_of_rates = subject.fit(offset), reference.fit(weighted)

    assert_same_objective(offset, network, model)
    assert_same_gradient(offset, params, network[0], model[0])
    assert_likelihoods_differ_by(stretched if problem.model.family.has_dispersion else counted, weighted, model[0], network[0])
    assert_same_optimum(offset, fit_of_rates)
    assert_same_standard_errors(offset, fit, fit_of_rates)


@pytest.mark.control("rates-are-totals-with-an-offset")
@pytest.mark.parametrize("problem", [p for p in SCALED if p is not SIZES], ids=str)
def test_rates_without_weights_are_refused(problem, params, reference):
    """Rates, each row for one (gamma's excepted, where that is right)."""
    offset, unweighted = totals(problem), rates(problem, weighted=False)
    other = reference.evaluate(offset, params)

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_same_gradient(offset, params, reference.evaluate(unweighted, params), other)
    with pytest.raises(AssertionError, match="not the same optimum"):
        assert_same_optimum(offset, reference.fit(unweighted))


# -- weights ------------------------------------------------------------------------------------------------------------


@cache
def copies(problem):
    return generator(f"{problem}, copies").integers(1, 4, problem.n)


@cache
def weighted(problem, factor=1):
    return variant(problem, f"weighted by 1 to 3 times {factor}", weights=factor * copies(problem))


@cache
def repeated(problem):
    X, y = (np.repeat(values, copies(problem), axis=0) for values in (problem.X, problem.y))
    return variant(problem, "repeated", X=X, y=y)


@pytest.mark.claim(
    "a-weight-repeats-its-row",
    source="S6",
    symptom="I duplicated rows to rebalance the classes, and wonder whether weights would have done.",
)
@pytest.mark.parametrize("problem", [*EACH, *SOFTMAX], ids=str)
def test_a_weight_of_two_is_a_row_that_stands_twice(problem, params, subject, reference):
    r"""
    A weight of 2 is a row that stands twice: n times the loss, the score and the information are the same.

    .. math:: -\frac{n}{c}\,L = \sum_i w_i\, k(y_i, \mu_i) = \sum_i \sum_{j=1}^{w_i} k(y_i, \mu_i)
    """
    planted = problem.data.planted
    network = subject.evaluate(weighted(problem), params), subject.evaluate(weighted(problem), planted)
    model = reference.evaluate(repeated(problem), params), reference.evaluate(repeated(problem), planted)

    assert_same_objective(weighted(problem), network, model)
    assert_same_gradient(repeated(problem), params, network[0], model[0])
    assert_same_curvature(repeated(problem), params, network[0], model[0])


@pytest.mark.control("a-weight-repeats-its-row")
@pytest.mark.parametrize("problem", EACH, ids=str)
def test_rows_that_stand_once_are_refused(problem, params, reference):
    """The same rows, each of them once."""
    truth = reference.evaluate(repeated(problem), params)

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_same_gradient(repeated(problem), params, reference.evaluate(problem, params), truth)
    with pytest.raises(AssertionError, match="not the same curvature"):
        assert_same_curvature(repeated(problem), params, reference.evaluate(problem, params), truth)


@pytest.mark.claim(
    "a-weight-of-zero-removes-its-row",
    source="S6",
    symptom="I masked the bad rows with a sample weight of zero, and am not sure that they are gone.",
)
@pytest.mark.parametrize("problem", [*EACH, *SOFTMAX], ids=str)
def test_a_weight_of_zero_is_a_row_removed(problem, params, network, reference):
    r"""
    A row of weight 0 is gone from loss and score, whatever it holds: all that is left of it is the n that divides them.

    .. math:: \nabla \sum_i w_i\, k(y_i, \mu_i) = \sum_{i : w_i > 0} w_i\, \nabla k(y_i, \mu_i)
    """
    masked, removed = without(problem, 0.0), removed_from(problem)
    planted = problem.data.planted
    model = reference.evaluate(removed, params), reference.evaluate(removed, planted)
    mine = tuple(answers(network(masked), masked, at, model[0]) for at in (params, planted))

    assert_same_objective(masked, mine, model)
    assert_same_gradient(removed, params, mine[0], model[0])


@pytest.mark.control("a-weight-of-zero-removes-its-row")
@pytest.mark.parametrize("problem", [LOGISTIC, COUNTS, SIZES], ids=str)
def test_a_weight_of_a_millionth_is_refused(problem, params, network, reference):
    """A weight that is small, and not zero."""
    masked, removed = without(problem, 1e-6), removed_from(problem)
    model = reference.evaluate(removed, params)

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_same_gradient(removed, params, answers(network(masked), masked, params, model), model)


@pytest.mark.claim(
    "a-weight-of-zero-counts-as-a-row",
    source="S6",
    symptom="I gave the bad rows a weight of zero, and all the standard errors shrank.",
)
@pytest.mark.parametrize("problem", [QUASI], ids=str)
def test_a_row_of_weight_zero_is_counted_among_the_rows(problem, subject, reference):
    r"""
    A row of weight 0 moves no coefficient, yet counts among the rows: it shrinks the dispersion, and the standard errors.

    .. math:: \hat\phi = \frac{1}{n - q} \sum_{i : w_i > 0} w_i\, \frac{(y_i - \hat\mu_i)^2}{V(\hat\mu_i)}

    That n has all rows in it is a convention, and not every program's.
    """
    masked, removed = without(problem, 0.0), removed_from(problem)
    ratio = np.sqrt((removed.n - removed.q) / (masked.n - masked.q))

    for engine in (subject, reference):
        assert_same_optimum(removed, engine.fit(masked))
        assert_same_standard_errors(removed, engine.fit(masked), reference.fit(removed), ratio)


@pytest.mark.control("a-weight-of-zero-counts-as-a-row")
@pytest.mark.parametrize("problem", [QUASI], ids=str)
def test_standard_errors_of_the_rows_that_are_left_are_refused(problem, reference):
    """The standard errors of the data without those rows."""
    removed, masked = removed_from(problem), without(problem, 0.0)

    with pytest.raises(AssertionError, match="not the same standard errors"):
        assert_same_standard_errors(removed, reference.fit(masked), reference.fit(removed))


def third(problem):
    return np.arange(problem.n) % 3 == 0


@cache
def without(problem, weight):
    """Each third row has this weight, and the response of the row before it."""
    y = np.where(third(problem)[:, None], np.roll(problem.y, 1, axis=0), problem.y)
    return variant(problem, f"a third weighted {weight:g}", y=y, weights=np.where(third(problem), weight, 1.0))


@cache
def removed_from(problem):
    return variant(problem, "a third removed", X=problem.X[~third(problem)], y=problem.y[~third(problem)])


def answers(network, problem, params, like):
    """What a network says at these weights, in the form of an `Evaluation`."""
    network.weights = [params.coef, params.intercept]
    kernel, bias = network.gradient()
    score = -problem.n / network.loss_scale * np.vstack([bias, kernel])
    return replace(like, mean=network.predict(), loss=network.objective(), loss_scale=network.loss_scale, score=score)


@pytest.mark.claim(
    "frequency-and-precision-weights",
    source="S6",
    symptom="Same weights, same coefficients, but the two programs print different standard errors.",
)
@pytest.mark.parametrize("problem", [*CANONICAL, QUASI], ids=str)
def test_frequency_and_precision_weights_differ_in_standard_errors_and_likelihood(problem, subject, reference):
    r"""
    Precision weights have the coefficients of repeated rows, and other standard errors where a dispersion is estimated.

    .. math:: \frac{\mathrm{SE}_{\text{precision}}}{\mathrm{SE}_{\text{frequency}}} = \sqrt{\frac{\sum_i w_i - q}{n - q}},
              \qquad \ell_{\text{precision}} - \ell_{\text{frequency}} = \sum_i c(y_i, 1 / w_i) - w_i\, c(y_i, 1)

    Both have Pearson's X^2 in common, and divide it by what they take for the number of rows. Where the family has no
    dispersion, the weight can only count rows: ratio 1, difference 0. (c is the log-likelihood's term free of the mean.)
    """
    precision, frequency = weighted(problem), repeated(problem)
    family, y, w = problem.model.family, problem.y, copies(problem)[:, None]
    ratio = np.sqrt((w.sum() - problem.q) / (problem.n - problem.q)) if problem.has_dispersion else 1.0
    constant = family.normaliser(y, 1 / w) - w * family.normaliser(y) if family.has_dispersion else 0 * y
    truth = reference.fit(frequency)

    assert_same_optimum(precision, truth)
    for engine in (subject, reference):
        fit = engine.fit(precision)
        assert_same_optimum(precision, fit)
        assert_same_standard_errors(frequency, fit, truth, ratio)
        assert_likelihoods_differ_by(constant, frequency, fit, truth)


@pytest.mark.control("frequency-and-precision-weights")
@pytest.mark.parametrize("problem", [p for p in CANONICAL if p.has_dispersion], ids=str)
def test_precision_taken_for_frequency_is_refused(problem, reference):
    """Neither the standard errors nor the likelihood of equal rows."""
    precision, frequency = reference.fit(weighted(problem)), reference.fit(repeated(problem))

    with pytest.raises(AssertionError, match="not the same standard errors"):
        assert_same_standard_errors(repeated(problem), precision, frequency)
    with pytest.raises(AssertionError, match="not the same likelihood"):
        assert_likelihoods_differ_by(np.zeros(1), repeated(problem), precision, frequency)


@pytest.mark.claim(
    "weights-have-no-unit",
    source="S6",
    symptom="My survey weights sum to a million, and every p-value is zero.",
)
@pytest.mark.parametrize("problem", [LINE, LOGISTIC, COUNTS, problems.get("gamma-inverse")], ids=str)
def test_the_scale_of_the_weights_moves_no_coefficient(problem, params, network, subject, reference):
    r"""
    All weights times a constant move no coefficient, and no standard error but where the dispersion is known.

    .. math:: \frac{\mathrm{SE}(a w)}{\mathrm{SE}(w)} = \sqrt{\frac{\hat\phi(a w)}{a\, \hat\phi(w)}}
              = \begin{cases} 1 & \text{Pearson's } \hat\phi(a w) = a\, \hat\phi(w) \\ 1 / \sqrt a & \phi = 1 \end{cases}

    Where the dispersion is known, a weight of a thousand is a thousand rows, and they are believed.
    """
    once, scaled = weighted(problem), weighted(problem, 1000)
    model = reference.evaluate(once, params)
    ratio = 1.0 if problem.has_dispersion else 1000**-0.5

    assert_same_gradient(scaled, params, answers(network(scaled), scaled, params, model), times(1000, model))
    for engine in (subject, reference):
        assert_same_optimum(once, engine.fit(scaled))
        assert_same_standard_errors(once, engine.fit(scaled), engine.fit(once), ratio)


@pytest.mark.control("weights-have-no-unit")
@pytest.mark.parametrize("problem", [LINE, LOGISTIC, COUNTS], ids=str)
def test_beside_a_penalty_the_scale_of_the_weights_matters(problem, params, network, reference):
    """Beside a ridge penalty, weights a thousand times as large are a penalty of a thousandth."""
    once, scaled = weighted(problem), weighted(problem, 1000)
    like = reference.evaluate(once, params)
    few, many = (answers(network(p, Recipe(l2=2.0**-10)), p, params, like) for p in (once, scaled))

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_same_gradient(scaled, params, many, times(1000, few))


def times(factor, evaluation):
    return replace(evaluation, score=factor * evaluation.score)


@pytest.mark.claim(
    "the-loss-is-divided-by-rows",
    source="S6",
    symptom="With sample weights, my loss is not the weighted mean of the rows' losses.",
)
@pytest.mark.parametrize("problem", [*EACH, *SOFTMAX], ids=str)
def test_a_weighted_loss_is_divided_by_the_rows(problem, params, network):
    r"""
    A loss with sample weights is divided by the number of rows, whatever the weights sum to.

    .. math:: L = \frac{1}{n} \sum_i w_i\, l_i = \bar w \cdot \frac{\sum_i w_i\, l_i}{\sum_i w_i},
              \qquad l_i = -c\, k(y_i, \mu_i)
    """
    problem = weighted(problem)
    trained = network(problem)
    trained.weights = [params.coef, params.intercept]

    assert_is_loss_over(problem.n, problem, params, trained)


@pytest.mark.control("the-loss-is-divided-by-rows")
@pytest.mark.parametrize("problem", [*EACH, *SOFTMAX], ids=str)
def test_a_weighted_mean_is_refused(problem, params, network):
    """The weighted mean of the rows' losses, which divides by the sum of the weights."""
    problem = weighted(problem)
    trained = network(problem)
    trained.weights = [params.coef, params.intercept]

    with pytest.raises(AssertionError, match="not the same loss"):
        assert_is_loss_over(problem.row_weights.sum(), problem, params, trained)


def assert_is_loss_over(divisor, problem, params, network):
    """The loss is minus c times the sum of the weighted kernels, over this."""
    __tracebackhide__ = True
    mu = problem.model.link.inverse(problem.eta(params))
    terms = -network.loss_scale / divisor * problem.row_weights * problem.model.family.kernel(problem.y, mu)
    size = np.abs(terms).sum()
    assert_same_values("loss", problem, network.objective(), terms.sum(), tolerances.loss(problem.n), size=size)


RATE, EPOCHS = 2.0**-7, 8


@cache
def descent(network, problem):
    """The weights after each epoch of the library's own gradient descent."""
    return network(weighted(problem)).train(Training("sgd", learning_rate=RATE, epochs=EPOCHS))


def steps(network, problem, rate):
    """The weights after each step down the gradient."""
    walking = network(problem)
    for _ in range(EPOCHS):
        walking.weights = [weight - rate * slope for weight, slope in zip(walking.weights, walking.gradient())]
        yield walking.weights


@pytest.mark.claim(
    "mean-weight-is-a-learning-rate",
    source="S6",
    symptom="I normalised my sample weights to sum to one, and the network no longer learns.",
)
@pytest.mark.parametrize("problem", [LINE], ids=str)
def test_the_mean_weight_multiplies_the_learning_rate(problem, network):
    r"""
    In gradient descent the mean weight multiplies the learning rate, step for step.

    .. math:: \lambda\, \nabla L = \frac{\lambda}{n} \sum_i w_i \nabla l_i
              = \lambda \bar w \cdot \frac{1}{n} \sum_i \frac{w_i}{\bar w} \nabla l_i
    """
    normalised, mean = weighted(problem, 1 / copies(problem).mean()), copies(problem).mean()

    assert_same_descent(problem, descent(network, problem), steps(network, normalised, mean * RATE))


@pytest.mark.control("mean-weight-is-a-learning-rate")
@pytest.mark.parametrize("problem", [LINE], ids=str)
def test_the_same_learning_rate_is_refused(problem, network):
    """Weights with a mean of 1, the learning rate as it was."""
    normalised = weighted(problem, 1 / copies(problem).mean())

    with pytest.raises(AssertionError, match="not the same descent"):
        assert_same_descent(problem, descent(network, problem), steps(network, normalised, RATE))


def assert_same_descent(problem, mine, other):
    """The same weights after each epoch, relative to the largest on the way: each step adds sums over the rows."""
    __tracebackhide__ = True
    mine, other = (np.array([np.vstack(weights[::-1]) for weights in path]) for path in (mine, other))
    assert_same_values("descent", problem, mine, other, tolerances.gradient(problem.n), size=np.abs(other).max())


# -- rows together ------------------------------------------------------------------------------------------------------


@cache
def drawn(problem):
    """One to three rows with the same inputs, each with a response of its own."""
    X, random = np.repeat(problem.X, copies(problem), axis=0), generator(f"{problem}, drawn")
    mu, family = problem.model.link.inverse(problem.data.planted.linear_predictor(X)), problem.model.family
    y = random.binomial(1, mu) if isinstance(family, Binomial) else draw(family, mu, random)
    return variant(problem, "drawn", X=X, y=y)


def together(problem, rows):
    """The sums of the rows with the same inputs."""
    return np.add.reduceat(rows, np.cumsum(copies(problem)) - copies(problem))


@cache
def merged(problem, weighted=True):
    """Their mean, which need not be a count: of the family no more is asked than mean and variance."""
    mean = together(problem, drawn(problem).y) / copies(problem)[:, None]
    return variant(problem, "merged", quasi=True, y=mean, weights=copies(problem) if weighted else None)


@pytest.mark.claim(
    "rows-merge-into-their-mean",
    source="S6",
    symptom="I averaged the rows of each cell before the fit, and the coefficients changed.",
)
@pytest.mark.parametrize("problem", EACH, ids=str)
def test_rows_with_the_same_inputs_merge_into_their_mean(problem, params, subject, reference):
    r"""
    Rows with the same inputs merge into their mean, weighted by their number: score and, up to a constant, loss stay.

    .. math:: \sum_{j=1}^{w} k(y_j, \mu) = w\, k(\bar y, \mu) + \text{a term free of } \mu

    Every family's kernel is linear in y but for terms free of mu, so the mean is all that the rows say of the weights.
    What is lost is their spread about it, and with that its part of the evidence on the dispersion.
    """
    planted = problem.data.planted
    network = subject.evaluate(merged(problem), params), subject.evaluate(merged(problem), planted)
    model = reference.evaluate(drawn(problem), params), reference.evaluate(drawn(problem), planted)

    assert_same_objective(merged(problem), network, model)
    assert_same_gradient(drawn(problem), params, network[0], model[0])


@pytest.mark.control("rows-merge-into-their-mean")
@pytest.mark.parametrize("problem", EACH, ids=str)
def test_means_without_weights_are_refused(problem, params, reference):
    """Each mean counts once, of however many rows it is."""
    unweighted = reference.evaluate(merged(problem, weighted=False), params)

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_same_gradient(drawn(problem), params, unweighted, reference.evaluate(drawn(problem), params))


@pytest.mark.claim(
    "counts-add-up",
    source="S6",
    symptom="The table of counts and the single events give one fit and two AICs.",
)
@pytest.mark.parametrize("problem", [COUNTS], ids=str)
def test_counts_add_up_with_the_number_of_rows_for_exposure(problem, params, subject, reference):
    r"""
    Counts add up over rows with the same inputs, the log of their number for offset: one fit, and two likelihoods.

    .. math:: \ell_{\text{rows}} - \ell_{\text{sums}} = \sum_g \log \Bigl( \frac{s_g!}{\prod_j y_{gj}!}\, m_g^{-s_g} \Bigr),
              \qquad D_{\text{rows}} - D_{\text{sums}} = 2 \sum_{g, j} y_{gj} \log \frac{y_{gj}}{s_g / m_g}

    The first is the log-probability of m counts given their sum s, a multinomial that knows nothing of the weights.
    """
    rows, sums, counts = drawn(problem), added(problem), drawn(problem).y
    m, s = copies(problem)[:, None], added(problem).y
    likelihood = gammaln(s + 1) - together(problem, gammaln(counts + 1)) - xlogy(s, m)
    deviance = 2 * (together(problem, xlogy(counts, counts)) - xlogy(s, s / m))
    fit, truth = subject.fit(sums), reference.fit(rows)

    assert_same_gradient(rows, params, subject.evaluate(sums, params), reference.evaluate(rows, params))
    assert_same_optimum(rows, fit)
    assert_same_standard_errors(rows, fit, truth)
    assert_likelihoods_differ_by(likelihood, rows, truth, fit)
    assert_deviances_differ_by(deviance, rows, truth, fit)


@pytest.mark.control("counts-add-up")
@pytest.mark.parametrize("problem", [COUNTS], ids=str)
def test_sums_without_an_offset_are_refused(problem, params, reference):
    """Sums as if each were of one row; and with the offset, their likelihood and deviance for those of the rows."""
    rows, sums, forgotten = drawn(problem), added(problem), variant(problem, "forgotten", y=added(problem).y)
    mine, other = reference.evaluate(forgotten, params), reference.evaluate(rows, params)

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_same_gradient(rows, params, mine, other)
    with pytest.raises(AssertionError, match="not the same likelihood"):
        assert_likelihoods_differ_by(np.zeros(1), rows, reference.fit(rows), reference.fit(sums))
    with pytest.raises(AssertionError, match="not the same deviance"):
        assert_deviances_differ_by(np.zeros(1), rows, reference.fit(rows), reference.fit(sums))


@cache
def added(problem):
    return variant(problem, "added", y=together(problem, drawn(problem).y), offset=np.log(copies(problem))[:, None])


@cache
def faces(problem):
    """Successes in trials, told three ways: as a share of trials, as a share with a weight, and as rows of 0 and 1."""
    random = generator(f"{problem}, trials")
    m = random.integers(1, 6, problem.n)
    s = random.binomial(m, problem.model.link.inverse(problem.eta(problem.data.planted))[:, 0])
    ones = np.concatenate([np.arange(trials) < successes for trials, successes in zip(m, s)])
    return (
        variant(problem, "counts", y=(s / m)[:, None], trials=m),
        variant(problem, "shares", y=(s / m)[:, None], weights=m),
        variant(problem, "rows", X=np.repeat(problem.X, m, axis=0), y=ones[:, None]),
    )


@pytest.mark.claim(
    "counts-shares-and-rows",
    source="S6",
    symptom="Three programs fit the same successes and failures, and print three AICs.",
)
@pytest.mark.parametrize("problem", [LOGISTIC, PROBIT], ids=str)
def test_counts_shares_and_rows_have_one_fit_and_three_likelihoods(problem, params, subject, reference):
    r"""
    Counts, shares with weights, and rows of 0 and 1 have the same coefficients and standard errors, and three likelihoods.

    .. math:: \ell_{\text{counts}} - \ell_{\text{rows}} = \sum_i \log \binom{m_i}{s_i}, \qquad
              \ell_{\text{shares}} - \ell_{\text{rows}} = \sum_i m_i \log \binom{1}{y_i}, \qquad y_i = \frac{s_i}{m_i}

    The deviances of counts and shares are one; rows have, over that, what is left between them and the share of their cell:

    .. math:: D_{\text{rows}} - D_{\text{counts}} = -2 \sum_i m_i \bigl( y_i \log y_i + (1 - y_i) \log(1 - y_i) \bigr)

    A weight repeats one trial's coefficient, :math:`1 / (\Gamma(1 + y)\, \Gamma(2 - y))`, continued to shares of a success.
    """
    counts, shares, rows = faces(problem)
    y, m = counts.y, counts.trials
    to_counts = gammaln(m + 1) - gammaln(m * y + 1) - gammaln(m * (1 - y) + 1)
    to_shares = -m * (gammaln(1 + y) + gammaln(2 - y))
    to_rows = -2 * m * (xlogy(y, y) + xlog1py(1 - y, -y))
    truth, score = reference.fit(rows), reference.evaluate(rows, params)

    assert_same_optimum(counts, truth)
    for engine in (subject, reference):
        for face, terms in ((counts, to_counts), (shares, to_shares)):
            fit = engine.fit(face)
            assert_same_gradient(rows, params, engine.evaluate(face, params), score)
            assert_same_optimum(counts, fit)
            assert_same_standard_errors(rows, fit, truth)
            assert_likelihoods_differ_by(terms, rows, fit, truth)
            assert_deviances_differ_by(to_rows, rows, truth, fit)


@pytest.mark.control("counts-shares-and-rows")
@pytest.mark.parametrize("problem", [LOGISTIC, PROBIT], ids=str)
def test_one_likelihood_for_all_three_is_refused(problem, reference):
    """The log-likelihood of the rows, asked of counts and of shares, and their deviance."""
    *aggregated, rows = faces(problem)
    truth = reference.fit(rows)

    for face in aggregated:
        with pytest.raises(AssertionError, match="not the same likelihood"):
            assert_likelihoods_differ_by(np.zeros(1), rows, reference.fit(face), truth)
        with pytest.raises(AssertionError, match="not the same deviance"):
            assert_deviances_differ_by(np.zeros(1), rows, truth, reference.fit(face))


@pytest.mark.control("counts-shares-and-rows")
@pytest.mark.parametrize("problem", [LOGISTIC, PROBIT], ids=str)
def test_shares_without_weights_are_refused(problem, params, reference):
    """Shares, each of them for one trial."""
    _, shares, rows = faces(problem)
    unweighted = reference.evaluate(variant(shares, "unweighted", weights=None), params)

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_same_gradient(rows, params, unweighted, reference.evaluate(rows, params))


# -- balance ------------------------------------------------------------------------------------------------------------


def groups(problem):
    """Every other row, and the rest."""
    odd = np.arange(problem.n) % 2
    return odd, 1 - odd


@cache
def with_groups(problem):
    """A column more that tells the groups apart, and weights."""
    X = np.hstack([problem.X, groups(problem)[0][:, None]])
    return variant(problem, "two groups", X=X, weights=copies(problem))


@pytest.mark.claim(
    "balance",
    source="S6",
    symptom="The predictions of one model add up to the observed total, those of another do not.",
)
@pytest.mark.parametrize("problem", CANONICAL + SOFTMAX, ids=str)
def test_with_a_canonical_link_the_means_sum_to_the_responses(problem, subject):
    r"""
    With a canonical link and a bias, fitted means sum to the responses: over all rows, and in each group with a column.

    .. math:: h' \propto V \implies \sum_i w_i\, x_{ij}\, (y_i - \hat\mu_i) = 0, \qquad x_{ij} = 1 \text{ in the group, else } 0
    """
    grouped = with_groups(problem)
    mean = subject.evaluate(grouped, subject.fit(grouped).params).mean

    assert_balanced(grouped, mean, groups(problem))


@pytest.mark.control("balance")
@pytest.mark.parametrize("problem", [PROBIT, SIZES, problems.get("poisson-identity")], ids=str)
def test_other_links_are_not_balanced(problem, reference):
    """Links that are not canonical (the identity balances counts over all rows, and not in the groups)."""
    grouped = with_groups(problem)
    fitted = reference.evaluate(grouped, reference.fit(grouped).params)

    with pytest.raises(AssertionError, match="not the same balance"):
        assert_balanced(grouped, fitted.mean, groups(problem))


@pytest.mark.control("balance")
@pytest.mark.parametrize("problem", [LOGISTIC, COUNTS], ids=str)
def test_without_a_bias_the_means_are_not_balanced(problem, reference):
    """A canonical link without a bias: only the group that has a column is in balance."""
    grouped = replace(with_groups(problem), intercept=False)
    fitted = reference.evaluate(grouped, reference.fit(grouped).params)

    with pytest.raises(AssertionError, match="not the same balance"):
        assert_balanced(grouped, fitted.mean, groups(problem))


def assert_balanced(problem, mean, groups):
    """Weighted sums of means and responses agree, over all rows and in the groups; n terms, each good to 64 roundings."""
    __tracebackhide__ = True
    member = np.stack([np.ones(problem.n), *groups])
    mine, other, size = (member @ (problem.row_weights * v) for v in (mean, problem.y, np.abs(problem.y) + np.abs(mean)))
    assert_same_values("balance", problem, mine, other, tolerances.gradient(problem.n), size=size)


@pytest.mark.claim(
    "balance-of-any-link",
    source="S6",
    symptom="My gamma model with a log link does not reproduce the total claim amount.",
)
@pytest.mark.parametrize("problem", [PROBIT, CLOGLOG, SIZES, ROOTS], ids=str)
def test_with_any_link_some_weighted_residuals_are_balanced(problem, subject):
    r"""
    With any link it is residuals times h' / V that sum to zero, and the same times eta: for a log-gamma, y / mu sum to n.

    .. math:: \sum_i w_i\, (y_i - \hat\mu_i)\, \frac{h'(\hat\eta_i)}{V(\hat\mu_i)} = 0, \qquad
              \sum_i w_i\, (y_i - \hat\mu_i)\, \frac{h'(\hat\eta_i)}{V(\hat\mu_i)}\, \hat\eta_i = 0

    The first is the bias's score, the second the score along the fit itself. Counts with a power link are balanced after
    all: eta h' / V is constant there, with or without a bias.
    """
    params = subject.fit(problem).params
    eta, mean = problem.eta(params), subject.evaluate(problem, params).mean
    factor = problem.model.link.inverse_derivative(eta) / problem.model.family.variance(mean)

    assert_balance_out(problem, mean, factor)
    assert_balance_out(problem, mean, factor * eta)


@pytest.mark.control("balance-of-any-link")
@pytest.mark.parametrize("problem", [PROBIT, CLOGLOG, SIZES], ids=str)
def test_plain_residuals_are_refused(problem, reference):
    """The residuals, with no factor."""
    with pytest.raises(AssertionError, match="not the same balance"):
        assert_balance_out(problem, reference.evaluate(problem, reference.fit(problem).params).mean, np.ones((problem.n, 1)))


def assert_balance_out(problem, mean, factor):
    """The residuals times the factor sum to zero; n terms, each good to 64 roundings."""
    __tracebackhide__ = True
    terms = problem.row_weights * factor * np.stack([problem.y, mean])
    found, expected = terms.sum(axis=1)
    assert_same_values("balance", problem, found, expected, tolerances.gradient(problem.n), size=np.abs(terms).sum())


@pytest.mark.claim(
    "early-stopping-unbalances",
    source="S6",
    symptom="After early stopping the average prediction is off, though the loss is almost the best.",
)
@pytest.mark.parametrize("problem", [LINE], ids=str)
def test_stopped_early_the_means_miss_by_the_gradient_of_the_bias(problem, network):
    r"""
    Stopped early, the means miss the responses by the gradient of the bias, times n / c, after every epoch.

    .. math:: \sum_i w_i\, (\mu_i - y_i) = \frac{n}{c}\, \frac{\partial L}{\partial b}, \qquad h' = V

    The balance is what the bias is trained for. (As ever, c is 2 for squared error and else 1.)
    """
    stopped = network(weighted(problem))

    for weights in descent(network, problem):
        stopped.weights = weights
        assert_misses_by_gradient(weighted(problem), stopped, problem.n / stopped.loss_scale)


@pytest.mark.control("early-stopping-unbalances")
@pytest.mark.parametrize("problem", [LINE], ids=str)
def test_the_sum_of_the_weights_in_place_of_the_rows_is_refused(problem, network):
    """The gradient times what the weights sum to, as if the loss were a weighted mean."""
    stopped = network(weighted(problem))
    stopped.weights = descent(network, problem)[-1]

    with pytest.raises(AssertionError, match="not the same balance"):
        assert_misses_by_gradient(weighted(problem), stopped, copies(problem).sum() / stopped.loss_scale)


@pytest.mark.control("balance")
@pytest.mark.parametrize("problem", [LINE], ids=str)
def test_stopped_early_the_means_are_not_balanced(problem, network):
    """A canonical link and a bias, after eight epochs."""
    stopped = network(weighted(problem))
    stopped.weights = descent(network, problem)[-1]

    with pytest.raises(AssertionError, match="not the same balance"):
        assert_balanced(weighted(problem), stopped.predict(), groups=[])


def assert_misses_by_gradient(problem, network, factor):
    """Weighted sums of means and of responses differ by the bias's gradient times this; n terms, each good to 64 roundings."""
    __tracebackhide__ = True
    terms = problem.row_weights * np.stack([network.predict(), -problem.y])
    missing, (_, bias) = terms.sum(), network.gradient()
    assert_same_values("balance", problem, missing, factor * bias, tolerances.gradient(problem.n), size=np.abs(terms).sum())


def assert_same_standard_errors(problem, mine, other, ratio=1.0):
    """My standard errors are ``ratio`` times the other's."""
    __tracebackhide__ = True
    condition = np.linalg.cond(likelihood.expected_information(problem, other.params))
    tolerance = tolerances.standard_errors(problem.n, condition)
    assert_same_values("standard errors", problem, mine.standard_errors, ratio * other.standard_errors, tolerance)


def assert_likelihoods_differ_by(terms, problem, mine, other):
    """My log-likelihood is the other's and the sum of these terms, relative to the sizes of all three."""
    __tracebackhide__ = True
    found, expected = mine.log_likelihood, other.log_likelihood + terms.sum()
    size = abs(mine.log_likelihood) + abs(other.log_likelihood) + np.abs(terms).sum()
    assert_same_values("likelihood", problem, found, expected, tolerances.loss(problem.n), size=size)


def assert_deviances_differ_by(terms, problem, mine, other):
    """My deviance is the other's and the sum of these terms, relative to the sizes of all three."""
    __tracebackhide__ = True
    size = abs(mine.deviance) + abs(other.deviance) + np.abs(terms).sum()
    assert_same_values("deviance", problem, mine.deviance, other.deviance + terms.sum(), tolerances.loss(problem.n), size=size)
