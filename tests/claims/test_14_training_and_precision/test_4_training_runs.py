"""
An optimum is not a training run.

Early stopping, batches and momentum each leave a distance from the optimum.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from spec import likelihood
from spec.engines.contract import Recipe, Training
from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.evidence.rungs import assert_same_optimum, fitted, proven_optimum, standard_errors_away
from spec.problems import Problem
from spec.problems.by_construction import design, generator

from ..descent import descend
from .axes import LINE, assert_contracts, optimum_of, spectrum, vector

# Least squares, the response centred and no intercept, and four ways to train it.
EPOCHS = 32
SMALL_UNITS = np.array([2.0**-10, 1, 1])
ADAM_REACH = (1 - 0.9) / np.sqrt((1 - 0.999) * (1 - 0.9**2 / 0.999))  # in learning rates, with Adam's published decays


CENTRED = replace(LINE.with_data("centred", y=lambda data: data.y - data.y.mean()), intercept=False)


@cache
def noise():
    """100 inputs, orthogonal and of one length, and a response that none of them explains."""
    rng = generator("100 inputs")
    X = design(4096, 100, 1.0, rng)
    return Problem.of("100 inputs", LINE.model, X, rng.normal(size=(len(X), 1)), intercept=False)


@cache
def run(network, how):
    """Problem, network, training, and the weights at the start and after each epoch. Trained once for all claims."""
    problem, training = {
        "full batches": lambda: (CENTRED, Training("sgd", 0.25, EPOCHS)),
        "rows held out": lambda: (CENTRED, Training("sgd", 0.25, 8, held_out=0.25, patience=3)),
        "minibatches": lambda: (noise(), Training("sgd", 0.1, 3, batch_size=128)),
        "adam": lambda: (CENTRED.with_data("small units", X=lambda data: data.X * SMALL_UNITS), Training("adam", 0.01, 8)),
    }[how]()
    trained = network(problem)
    if how == "minibatches":  # from the optimum itself
        trained.weights = [optimum_of(problem)[:, None]]
    return problem, trained, training, [trained.weights, *trained.train(training)]


@pytest.mark.claim(
    "training-falls-geometrically", source="S6", symptom="Some weights arrive in a few epochs, others crawl for ever."
)
def test_full_batches_fall_geometrically_along_each_axis(network):
    r"""
    Trained in full batches, squared error falls along each axis of the information at a rate of its own, from the first epoch.

    .. math:: v_j \cdot (w_t - \hat w) = (1 - \eta \lambda_j)^t\; v_j \cdot (w_0 - \hat w), \qquad
              \tfrac{2}{n} X^\top X v_j = \lambda_j v_j
    """
    problem, trained, training, path = run(network, "full batches")

    assert_contracts(problem, trained.loss_scale, training.learning_rate, path)


@pytest.mark.claim(
    "held-out-rows-are-lost", source="S6", symptom="With a validation split my weights settle, but not at the fit of my data."
)
def test_rows_held_out_for_early_stopping_are_lost_to_the_fit(network):
    r"""
    With the last rows held out to stop by, training heads for the optimum of the rows before them.

    .. math:: w_t - \hat w_{1..m} = (I - \eta H_{1..m})^t\,(w_0 - \hat w_{1..m}), \qquad m = n\,(1 - \text{share held out})
    """
    problem, trained, training, path = run(network, "rows held out")
    m = int(problem.n * (1 - training.held_out))
    kept = problem.with_data(f"the first {m} rows", X=problem.X[:m], y=problem.y[:m])

    assert_contracts(kept, trained.loss_scale, training.learning_rate, path)


@pytest.mark.control("training-falls-geometrically")
def test_another_rate_is_refused(network):
    """One hundredth more than the rate of the run."""
    problem, trained, training, path = run(network, "full batches")

    with pytest.raises(AssertionError, match="not the same distance"):
        assert_contracts(problem, trained.loss_scale, 1.01 * training.learning_rate, path)


@pytest.mark.control("held-out-rows-are-lost")
def test_the_optimum_of_all_rows_is_refused(network):
    """All rows, for a run that never saw the last."""
    problem, trained, training, path = run(network, "rows held out")

    with pytest.raises(AssertionError, match="not the same distance"):
        assert_contracts(problem, trained.loss_scale, training.learning_rate, path)


@pytest.mark.claim(
    "early-stopping-is-a-penalty", source="S6", symptom="I added no penalty, yet after a few epochs my weights are shrunken."
)
def test_stopping_early_shrinks_like_a_ridge_penalty(network):
    r"""
    Stopped after t epochs from zero, squared error is shrunk along each axis as by ridge, between once and twice its weight.

    .. math:: \frac{v_j \cdot w_t}{v_j \cdot \hat w} = 1 - (1 - \eta \lambda_j)^t, \qquad
              \frac{x}{1 + x} \le 1 - (1 - \eta \lambda_j)^t \le \min(1, x) \le \frac{2x}{1 + x}, \quad x = \eta t \lambda_j

    where x / (1 + x) is what a ridge penalty of 1 / (eta t) leaves: the more epochs, the less of a penalty. The first bound is
    (1 - a)^t <= exp(-at) <= 1 / (1 + at), the second Bernoulli's.
    """
    problem, _, training, path = run(network, "full batches")
    penalty = 1 / (training.learning_rate * np.arange(1, EPOCHS + 1))

    assert_shrinks_like_ridge(problem, network, path[1:], penalty)


@pytest.mark.control("early-stopping-is-a-penalty")
@pytest.mark.parametrize("factor", [4, 0.25])
def test_another_penalty_is_refused(factor, network):
    """A penalty four times as large leaves less than half, one of a quarter leaves more."""
    problem, _, training, path = run(network, "full batches")
    penalty = factor / (training.learning_rate * np.arange(1, EPOCHS + 1))

    with pytest.raises(AssertionError, match="times ridge"):
        assert_shrinks_like_ridge(problem, network, path[1:], penalty)


def assert_shrinks_like_ridge(problem, network, path, penalty):
    """The weights of each epoch are once to twice those of the ridge penalty, axis by axis; the last ridge is the network's."""
    __tracebackhide__ = True
    penalised = network(problem, Recipe(l2=penalty[-1] / 2))  # a power of two: factors are rounded to float32 by some
    rates, axes = spectrum(problem, penalised.loss_scale)
    ridge = rates / (rates + penalty[:, None]) * (axes.T @ optimum_of(problem))
    ratio = np.array([axes.T @ vector(weights) for weights in path]) / ridge
    law = tolerances.descent(problem.n, np.sqrt(rates.max() / rates.min())).value  # of the longest distance along an axis
    rounding = law * np.abs(axes.T @ optimum_of(problem)).max() / np.abs(ridge)
    assert ((ratio >= 1 - rounding) & (ratio <= 2 + rounding)).all(), f"{ratio.min():.3g} to {ratio.max():.3g} times ridge"

    penalised.weights = [(axes @ ridge[-1])[:, None]]
    (gradient,) = penalised.gradient()
    assert_same_values(
        "ridge", problem, gradient[:, 0], 0 * ridge[-1], tolerances.gradient(problem.n), np.abs(optimum_of(problem))
    )


@pytest.mark.claim("minibatches-stall", source="S6", symptom="Minibatches come near the fit, and then wander about it for ever.")
def test_minibatches_at_a_constant_rate_stall_at_a_floor(network):
    r"""
    Minibatches at a constant rate wander about the optimum, at a distance in standard errors that rate and size fix.

    .. math:: \mathrm E \left(\frac{v_j \cdot (w_t - \hat w)}{\mathrm{se}_j}\right)^2 \to
              \frac{n}{B}\,\frac{\eta \lambda_j}{2 - \eta \lambda_j} - 1

    at the end of an epoch that is long enough to forget how it began: a batch of B rows moves a weight by chance, a step
    forgets the share eta lambda of that, and the batches of an epoch make up for one another (the 1). The mean over 100 axes
    is within a factor of 2 of that: it is a chi-squared of 100 degrees, which is further off once in 1e5 times.
    """
    problem, trained, training, path = run(network, "minibatches")

    assert_wanders(problem, trained.loss_scale, training, path[2:])


@pytest.mark.control("minibatches-stall")
def test_full_batches_from_the_optimum_are_refused_as_wandering(network):
    """Full batches from the same start: the score is zero there, and nothing moves."""
    problem, trained, training, path = run(network, "minibatches")
    still = network(problem)
    still.weights = path[0]

    with pytest.raises(AssertionError, match="not the same floor"):
        assert_wanders(problem, trained.loss_scale, training, [still.weights, *descend(still, training.learning_rate, 3)])


def assert_wanders(problem, scale, training, path):
    """The mean squared distance, in standard errors, is the predicted floor up to a factor of two."""
    __tracebackhide__ = True
    rates, axes = spectrum(problem, scale)
    away = np.array([axes.T @ (vector(weights) - optimum_of(problem)) for weights in path])
    variance = likelihood.dispersion(problem, problem.eta(proven_optimum(problem).params)) * scale / (problem.n * rates)
    damped = training.learning_rate * rates
    floor = problem.n / training.batch_size * damped / (2 - damped) - 1
    ratio = max(float((away**2 / variance / floor).mean()), np.finfo(float).tiny)
    assert_same_values("floor", problem, np.log2(ratio), 0.0, tolerances.within_a_factor_of_two(), 1.0)


@pytest.mark.claim(
    "adam-has-a-speed-limit", source="S6", symptom="Adam never arrives at the coefficient of an input in small units."
)
def test_adam_moves_no_weight_faster_than_its_rate_allows(network):
    r"""
    Adam moves no weight by more than 7.3 times its rate in a step, so inputs in small units keep it from the optimum.

    .. math:: \frac{|\hat m_t|}{\sqrt{\hat v_t}} \le
              \frac{1 - \beta_1}{\sqrt{(1 - \beta_2)(1 - \beta_1^2 / \beta_2)}} = 7.27

    by Cauchy and Schwarz, whatever the gradients were; the corrections for bias only make it less. A weight of size w takes
    at least w / 7.27 eta steps, here more than ten times those of the run: the units of an input, which change no mean,
    decide whether training ends.
    """
    problem, _, training, path = run(network, "adam")

    assert_keeps_to_limit(training, path)
    assert np.abs(optimum_of(problem)[0]) > 10 * ADAM_REACH * training.learning_rate * len(path)


@pytest.mark.control("adam-has-a-speed-limit")
def test_plain_descent_knows_no_limit(network):
    """Descent moves in proportion to the slope: a response in other units moves it as much further."""
    _, _, training, _ = run(network, "adam")
    larger = network(CENTRED.with_data("larger units", y=lambda data: 1024 * data.y))

    with pytest.raises(AssertionError, match="rates in a step"):
        assert_keeps_to_limit(training, [larger.weights, *descend(larger, 0.25, 2)])


def assert_keeps_to_limit(training, path):
    """No step moves a weight further than Adam's decays allow."""
    __tracebackhide__ = True
    moves = np.diff([vector(weights) for weights in path], axis=0)
    reach = np.abs(moves).max() / training.learning_rate
    rounding = tolerances.speed_limit().value
    assert reach <= ADAM_REACH * (1 + rounding), f"a weight moved by {reach:.3g} rates in a step; {ADAM_REACH:.3g} is the limit"


@pytest.mark.claim(
    "a-run-is-not-a-fit",
    source="S6",
    level="proven for this problem",
    symptom="Training ended without a complaint. Is the result the maximum-likelihood estimate?",
)
@pytest.mark.parametrize("how", ["full batches", "rows held out", "minibatches", "adam"])
def test_where_training_ends_is_not_the_optimum(how, network, subject):
    r"""
    A run that its number of epochs ends is standard errors from the optimum, whether by descent, minibatches or Adam.

    .. math:: \max_j |w_{T,j} - \hat w_j| / \mathrm{se}_j > 0.1

    The same network, brought to the zero of its gradient, is at the optimum to the last digits.
    """
    problem, _, _, path = run(network, how)

    assert_same_optimum(problem, subject.fit(problem))
    assert_misses(problem, problem.params(vector(path[-1])[:, None]))


@pytest.mark.control("a-run-is-not-a-fit")
@pytest.mark.parametrize("how", ["full batches", "rows held out", "minibatches", "adam"])
def test_a_fit_to_the_end_does_not_miss(how, network, subject):
    """The same network, brought to the zero of its gradient."""
    problem, *_ = run(network, how)

    with pytest.raises(AssertionError, match="standard errors away"):
        assert_misses(problem, fitted(problem, subject).params)


def assert_misses(problem, params):
    """A tenth of a standard error or more from the proven optimum."""
    __tracebackhide__ = True
    away = standard_errors_away(proven_optimum(problem), params)
    assert away > tolerances.ANOTHER_OPTIMUM, f"only {away:.2g} standard errors away"
