"""
What training and rounding leave (S6).

A likelihood has its optimum; a program reports where it stopped. Between the two lie the units of the inputs, the
information that steers the steps, the rule that stops them, the batches, and the bits of a number. Each leaves a distance,
which follows from its cause, and is measured here in standard errors or in digits.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import linalg

from spec import likelihood, problems, scoring
from spec.engines.contract import Recipe, Training
from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.evidence.published import half_unit
from spec.evidence.rungs import (
    assert_same_curvature,
    assert_same_gradient,
    assert_same_mean,
    assert_same_optimum,
    proven_optimum,
    relative_errors,
    standard_errors_away,
)
from spec.model import Params
from spec.problems import Problem
from spec.problems.by_construction import design, generator

PAIRS = problems.where(tag="pair")
CANONICAL = [p for p in PAIRS if p.model.is_canonical]
OTHERS = [p for p in PAIRS if not p.model.is_canonical]
ONE_EACH = list({type(p.model.family): p for p in OTHERS}.values())  # of each family a link that is not canonical
LINE, LONGLEY, SPECTOR = (problems.get(name) for name in ("gaussian-identity", "longley", "spector-probit"))


def variant(problem, what, intercept=None, **data):
    """The problem with other data; they are made from a function when they are asked for."""
    load = cache(lambda: replace(problem.data, planted=None, columns=(), **{name: make() for name, make in data.items()}))
    kept = problem.intercept if intercept is None else intercept
    return replace(problem, name=f"{problem}, {what}", intercept=kept, load=load)


# -- the units of the inputs --------------------------------------------------------------------------------------------

CENTRE, MIX = np.array([1.0, -0.5, 2.0]), np.array([[4, 0, 0], [-2, 0.5, 0], [0, 1, 0.25]])


def remeasured(problem):
    """Inputs from another zero, in other units, and mixed; binary fractions all, so that nothing is rounded."""
    return variant(problem, "remeasured", X=lambda: (problem.X - CENTRE) @ MIX)


@pytest.mark.claim(
    "units-move-weights-not-means", source="S6", symptom="I standardised my inputs and every coefficient is different."
)
@pytest.mark.parametrize("problem", CANONICAL + ONE_EACH, ids=str)
def test_other_units_and_zeros_of_the_inputs_change_no_mean(problem, params, subject):
    r"""
    Inputs from another zero and in other units have other weights, by a linear map, and exactly the same means.

    .. math:: \tilde x = A^\top (x - c), \quad \tilde w = A^{-1} w, \quad \tilde b = b + c \cdot w
              \implies \tilde b + \tilde x \cdot \tilde w = b + x \cdot w
    """
    moved = Params(params.intercept + CENTRE @ params.coef, np.linalg.solve(MIX, params.coef))

    assert_unchanged(problem, subject.evaluate(remeasured(problem), moved).mean, subject.evaluate(problem, params).mean)


@pytest.mark.control("units-move-weights-not-means")
@pytest.mark.parametrize("problem", CANONICAL + ONE_EACH, ids=str)
def test_a_bias_that_stays_when_the_zero_moves_is_refused(problem, params, reference):
    """The zero of one input moved by 2^-16, the smallest step of the data, and the bias left as it was."""
    nudged = variant(problem, "nudged", X=lambda: problem.X + 2.0**-16 * (np.arange(problem.p) == 0))

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_unchanged(problem, reference.evaluate(nudged, params).mean, reference.evaluate(problem, params).mean)


def assert_unchanged(problem, mine, other):
    """The means are the same to the last bit: eta is exact either way, and the rest is one computation."""
    __tracebackhide__ = True
    assert_same_values("mean", problem, mine, other, tolerances.unchanged())


@pytest.mark.claim("units-and-the-optimum", source="S6", symptom="Does scaling the inputs change what the model has learned?")
@pytest.mark.parametrize("problem", ONE_EACH, ids=str)
def test_the_optimum_moves_with_the_units(problem, subject):
    r"""
    The optimum for inputs in other units is the optimum, in other units.

    .. math:: \hat w = A\,\hat{\tilde w}, \qquad \hat b = \hat{\tilde b} - c \cdot \hat w
    """
    fit = subject.fit(remeasured(problem))
    coef = MIX @ fit.params.coef

    assert_same_optimum(problem, replace(fit, params=Params(fit.params.intercept - CENTRE @ coef, coef)))


@pytest.mark.control("units-and-the-optimum")
@pytest.mark.parametrize("problem", ONE_EACH, ids=str)
def test_an_intercept_at_another_zero_is_refused(problem, reference):
    """The intercept belongs to inputs of zero, wherever their zero is."""
    fit = reference.fit(problem)
    elsewhere = Params(fit.params.intercept + CENTRE @ fit.params.coef, fit.params.coef)

    with pytest.raises(AssertionError, match="not the same optimum"):
        assert_same_optimum(problem, replace(fit, params=elsewhere))


NORMALISED = [LONGLEY, problems.get("star98"), *ONE_EACH]


@pytest.mark.claim(
    "normalising-layer", source="S6", symptom="With a normalisation layer, the weights no longer match the regression's."
)
@pytest.mark.parametrize("problem", NORMALISED, ids=str)
def test_a_normalising_layer_is_a_change_of_units(problem, params, network, subject):
    r"""
    A layer that centres and scales its inputs changes the units of the weights, and neither the mean nor the score.

    .. math:: \tilde w_j = s_j w_j, \quad \tilde b = b + \sum_j m_j w_j, \qquad
              \partial_{w_j} L = s_j\,\partial_{\tilde w_j} L + m_j\,\partial_{\tilde b} L
    """
    assert_normalises(problem, params, network(problem, Recipe(normalised=True)), subject.evaluate(problem, params))


@pytest.mark.control("normalising-layer")
@pytest.mark.parametrize("problem", NORMALISED, ids=str)
def test_a_normalising_layer_in_float32_is_refused(problem, params, network, reference):
    """Means and scales with 24 bits are other means and scales."""
    single = network(problem, Recipe(normalised=True, dtype="float32"))

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_normalises(problem, params, single, reference.evaluate(problem, params))


def assert_normalises(problem, params, layered, bare):
    """The layered network at the mapped weights has the bare one's means, and its gradient mapped back is the score."""
    __tracebackhide__ = True
    middle, scale = problem.X.mean(axis=0), problem.X.std(axis=0)
    layered.weights = [scale[:, None] * params.coef, params.intercept + middle @ params.coef]
    terms = np.abs(params.intercept) + (np.abs(problem.X) + 2 * np.abs(middle)) @ np.abs(params.coef)
    size = np.abs(bare.mean) + np.abs(problem.model.link.inverse_derivative(problem.eta(params))) * terms
    kernel, bias = layered.gradient()
    score = -problem.n / layered.loss_scale * np.vstack([bias, scale[:, None] * kernel + middle[:, None] * bias])

    assert_same_values("mean", problem, layered.predict(), bare.mean, tolerances.normalised(problem.n), size)
    assert_same_gradient(problem, params, replace(bare, score=score), bare)


def normalised(problem):
    """Each column with mean 0 and standard deviation 1."""
    return variant(problem, "normalised", X=lambda: (problem.X - problem.X.mean(axis=0)) / problem.X.std(axis=0))


def whitened(problem):
    """Columns that are orthogonal and of one length, the intercept's among them."""
    return variant(problem, "whitened", False, X=lambda: np.sqrt(problem.n) * scoring.White.of(problem).design)


@pytest.mark.claim(
    "epochs-for-a-digit", source="S6", symptom="Gradient descent on unscaled data gets nowhere, however long I wait."
)
@pytest.mark.parametrize(
    ("inputs", "epochs_for_a_digit"),
    [
        pytest.param(lambda problem: problem, 2.7e19, id="longley"),
        pytest.param(normalised, 1.4e4, id="longley-normalised"),
        pytest.param(whitened, 0, id="longley-whitened"),
    ],
)
def test_epochs_grow_with_the_square_of_the_condition_number(inputs, epochs_for_a_digit, network):
    r"""
    Descent needs some kappa squared epochs for a digit: 3e19 for Longley as it comes, 1.4e4 normalised, 1 whitened.

    .. math:: w_t - \hat w = (I - \eta H)^t (w_0 - \hat w), \qquad
              \min_\eta \|I - \eta H\| = 1 - \frac{2}{\kappa^2 + 1} \quad\text{at}\quad \eta = \frac{2}{\lambda_1 + \lambda_p}

    for squared error, whose Hessian H has the square of the design's condition number kappa for its own. A digit takes
    log(10) / -log(1 - 2 / (kappa^2 + 1)) epochs, about 1.15 kappa^2. Float64 has no memory of steps that small.
    """
    problem = inputs(LONGLEY)
    plain = network(problem)
    rates = spectrum(problem, plain.loss_scale)[0]
    contraction = 1 - 2 / (rates.max() / rates.min() + 1)
    rate = 2 / (rates.max() + rates.min())

    assert_contracts(problem, plain.loss_scale, rate, descend(plain, rate, 30))
    with np.errstate(divide="ignore"):
        found = np.log(10) / -np.log1p(contraction - 1) if contraction < 1 else np.log(10) * rates.max() / rates.min() / 2
    assert found == pytest.approx(epochs_for_a_digit, rel=0.04, abs=0.1)


@pytest.mark.control("epochs-for-a-digit")
@pytest.mark.parametrize("inputs", [normalised, whitened])
def test_steps_of_another_length_are_refused(inputs, network):
    """A step one hundredth shorter than the one that the law is told of."""
    problem = inputs(LONGLEY)
    plain = network(problem)
    rates = spectrum(problem, plain.loss_scale)[0]
    rate = 2 / (rates.max() + rates.min())

    with pytest.raises(AssertionError, match="not the same distance"):
        assert_contracts(problem, plain.loss_scale, rate, descend(plain, 0.99 * rate, 5))


def spectrum(problem, scale):
    """Eigenvalues and axes (columns) of the Hessian of scale / (2 n) |y - design w|^2."""
    _, singular, axes = np.linalg.svd(problem.design, full_matrices=False)
    return scale / problem.n * singular**2, axes.T


def descend(network, rate, epochs):
    """Gradient descent along the network's own gradient: the weights at the start and after each epoch."""
    path = [network.weights]
    for _ in range(epochs):
        network.weights = [w - rate * g for w, g in zip(network.weights, network.gradient())]
        path.append(network.weights)
    return path


def free(weights):
    """The bias above the kernel, as in the design."""
    return np.concatenate([part.ravel() for part in reversed(weights)])


def optimum_of(problem):
    """The proven one, as float64."""
    return problem.free(proven_optimum(problem).params).ravel()


def assert_contracts(problem, scale, rate, path):
    """Along each axis of the Hessian the distance to the optimum is (1 - rate lambda)^t of what it was, at each epoch t."""
    __tracebackhide__ = True
    rates, axes = spectrum(problem, scale)
    distance = np.array([axes.T @ (free(weights) - optimum_of(problem)) for weights in path])
    law = (1 - rate * rates) ** np.arange(len(path))[:, None] * distance[0]
    tolerance = tolerances.descent(problem.n, np.sqrt(rates.max() / rates.min()))

    assert_same_values("distance", problem, distance, law, tolerance, np.abs(distance[0]).max())


# -- the information that steers ----------------------------------------------------------------------------------------


@pytest.mark.claim(
    "expected-is-the-hessian-at-the-mean", source="S6", symptom="My Hessian is not the information that the textbook writes."
)
@pytest.mark.parametrize("problem", ONE_EACH, ids=str)
def test_the_expected_information_is_the_hessian_for_a_response_at_its_mean(problem, params, subject):
    r"""
    Fisher's expected information is the network's own Hessian, once the response is replaced by its prediction.

    .. math:: \mathrm E\left[-\nabla^2 \ell(Y)\right] = -\nabla^2 \ell(\mathrm E\,Y)
              = \sum_i \frac{h'(\eta_i)^2}{V(\mu_i)}\, x_i x_i^\top

    because the log-likelihood is linear in the response, but for terms free of the weights.
    """
    mean = subject.evaluate(problem, params).mean
    at_its_mean = subject.evaluate(replace(variant(problem, "at its mean", y=lambda: mean), quasi=True), params)

    assert_expected(problem, params, at_its_mean)


@pytest.mark.claim(
    "canonical-informations-are-one", source="S6", symptom="Two programs differ in standard errors for probit, not for logit."
)
@pytest.mark.parametrize("problem", [*CANONICAL, problems.get("softmax-3-to-3")], ids=str)
def test_with_the_canonical_link_observed_and_expected_information_are_one(problem, params, subject):
    r"""
    With the canonical link the Hessian is the expected information, whatever the response.

    .. math:: \frac{h'}{V} = \text{const} \implies
              \sum_i (y_i - \mu_i)\,\frac{d}{d\eta_i}\frac{h'(\eta_i)}{V(\mu_i)}\, x_i x_i^\top = 0

    So Fisher's scoring is Newton's method there, step by step.
    """
    assert_expected(problem, params, subject.evaluate(problem, params))


@pytest.mark.control("expected-is-the-hessian-at-the-mean")
@pytest.mark.parametrize("problem", ONE_EACH, ids=str)
def test_the_hessian_for_the_response_observed_is_refused(problem, params, reference):
    """With another link than the canonical, the Hessian follows the response."""
    with pytest.raises(AssertionError, match="not the same curvature"):
        assert_expected(problem, params, reference.evaluate(problem, params))


@pytest.mark.control("canonical-informations-are-one")
@pytest.mark.parametrize("problem", OTHERS, ids=str)
def test_the_hessian_at_a_response_of_twice_the_mean_is_refused(problem, params, reference):
    """With another link the two informations part as soon as one response leaves its mean, here by an eighth of it."""
    mean = problem.model.link.inverse(problem.eta(params))
    moved = replace(
        variant(problem, "off its mean", y=lambda: np.where(np.arange(problem.n)[:, None] == 0, 0.875, 1) * mean), quasi=True
    )

    with pytest.raises(AssertionError, match="not the same curvature"):
        assert_expected(problem, params, reference.evaluate(moved, params))


def assert_expected(problem, params, mine):
    """The Hessian is Fisher's information."""
    __tracebackhide__ = True
    expected = likelihood.expected_information(problem, params)
    assert_same_curvature(problem, params, mine, replace(mine, curvature=lambda: expected))


@pytest.mark.claim(
    "two-standard-errors-at-one-optimum", source="S6", symptom="Same probit coefficients, yet standard errors of .694 and .690."
)
def test_one_optimum_has_two_standard_errors(subject, reference):
    r"""
    One probit optimum has two standard errors: .69388 by the network's Hessian, as printed, and .68973 by Fisher's information.

    .. math:: \left(\left[-\nabla^2 \ell\right]^{-1}\right)_{jj} \ne \left(\left[\mathrm E(-\nabla^2 \ell)\right]^{-1}\right)_{jj}

    Newton's programs print the first, scoring's the second. Both are right, and the second is the first at another response.
    """
    assert_standard_errors(by_hessian(subject), *printed())
    assert_standard_errors(by_hessian(subject, "its mean"), reference.fit(SPECTOR).standard_errors, 0)


@pytest.mark.control("two-standard-errors-at-one-optimum")
def test_the_other_information_is_refused(subject, reference):
    """Each information held to the other's standard errors."""
    with pytest.raises(AssertionError, match="not the same standard errors"):
        assert_standard_errors(by_hessian(subject, "its mean"), *printed())
    with pytest.raises(AssertionError, match="not the same standard errors"):
        assert_standard_errors(by_hessian(subject), reference.fit(SPECTOR).standard_errors, 0)


def printed():
    """The published standard errors, and half a unit of their last digit, relatively."""
    rows = SPECTOR.published.true_standard_errors
    values = np.array([[float(entry) for entry in row] for row in rows])
    return values, max(half_unit(entry) / float(entry) for row in rows for entry in row)


def by_hessian(subject, response="it is"):
    """The information of Spector's probit at the optimum, with the response as it is or at its mean."""
    params = proven_optimum(SPECTOR).params
    at = SPECTOR if response == "it is" else variant(SPECTOR, "its mean", y=lambda: subject.evaluate(SPECTOR, params).mean)
    return subject.evaluate(at, params).information


def assert_standard_errors(information, expected, half):
    """The roots of the inverse's diagonal are the expected ones, to half a printed unit and what an inverse loses."""
    __tracebackhide__ = True
    tolerance = tolerances.standard_errors(SPECTOR.n, np.linalg.cond(information))
    mine = np.sqrt(np.diag(np.linalg.inv(information)))[:, None]
    assert_same_values("standard errors", SPECTOR, mine, expected, replace(tolerance, value=tolerance.value + half))


@pytest.mark.claim(
    "scoring-is-linear-newton-quadratic", source="S6", symptom="IRLS creeps to the answer that Newton's method reaches at once."
)
@pytest.mark.parametrize("problem", ONE_EACH, ids=str)
def test_scoring_leaves_a_share_of_the_error_and_newton_its_square(problem, subject):
    r"""
    Near the optimum a scoring step leaves a fixed share of the error, a step of Newton's the square of the error.

    .. math:: \beta_{t+1} - \hat\beta \approx (I - E^{-1} O)\,(\beta_t - \hat\beta), \qquad E = \mathrm E\,O

    with O the observed and E the expected information at the optimum. With the canonical link they are one, and so are the
    two methods. Else both end at one optimum: the score decides where, the information only how soon.
    """
    axis, share = slowest(problem, subject)

    assert_leaves(problem, axis, share**2, steps(problem, subject, axis, 2, "expected"))
    assert abs(along(problem, axis, steps(problem, subject, axis, 1, "observed"))) <= AWAY**2


@pytest.mark.control("scoring-is-linear-newton-quadratic")
@pytest.mark.parametrize("problem", ONE_EACH, ids=str)
def test_the_steps_of_newton_are_refused_as_scoring(problem, reference):
    """Newton's steps, held to the share that scoring leaves."""
    axis, share = slowest(problem, reference)

    with pytest.raises(AssertionError, match="not the same error left"):
        assert_leaves(problem, axis, share**2, steps(problem, reference, axis, 2, "observed"))


AWAY = 1e-4  # standard errors at dispersion 1


def slowest(problem, engine):
    """The axis, one standard error long, along which scoring leaves the largest share of the error, and that share."""
    params = proven_optimum(problem).params
    kept, axes = linalg.eigh(engine.evaluate(problem, params).information, likelihood.expected_information(problem, params))
    worst = np.argmax(np.abs(1 - kept))
    return axes[:, worst], 1 - kept[worst]


def steps(problem, engine, axis, count, information):
    """So many steps by the engine's own score, from `AWAY` along the axis."""
    at = optimum_of(problem) + AWAY * axis
    for _ in range(count):
        params = problem.params(at[:, None])
        answer = engine.evaluate(problem, params)
        matrix = likelihood.expected_information(problem, params) if information == "expected" else answer.information
        at = at + np.linalg.solve(matrix, problem.free(Params.from_matrix(answer.score)).ravel())
    return at


def along(problem, axis, at):
    """The distance to the optimum along the axis, in standard errors."""
    return axis @ likelihood.expected_information(problem, proven_optimum(problem).params) @ (at - optimum_of(problem))


def assert_leaves(problem, axis, share, at):
    """Of the error along the axis, that share is left."""
    __tracebackhide__ = True
    tolerance = tolerances.second_order(AWAY, np.sqrt(share))
    assert_same_values("error left", problem, along(problem, axis, at), share * AWAY, tolerance)


# -- the rule that stops ------------------------------------------------------------------------------------------------


# A step of IRLS is never halved: for these two links it leaves the domain on some samples, and ends in an error, not in a fit
SETTLING = [p for p in PAIRS if str(p) not in ("binomial-log", "binomial-log-complement")]


@pytest.mark.claim(
    "default-stopping", source="S6", symptom="My network and the package agree to six digits only. Which of them is off?"
)
@pytest.mark.parametrize("problem", SETTLING, ids=str)
def test_a_settled_deviance_leaves_the_likelihood_right_and_half_the_digits(problem, by_default, reference):
    r"""
    Stopped once the deviance settles to 1e-8, a fit has its likelihood to 1e-8, and its coefficients to half those digits.

    .. math:: D(\beta_{t-1}) - D(\beta_t) < \tau \implies
              D(\beta_t) - D(\hat\beta) \le \frac{\rho^2}{1 - \rho^2}\,\tau, \qquad \rho = \|I - E^{-1} O\|

    A scoring step keeps at most the share rho of an error, so at most rho squared of the deviance that is left; a distance in
    standard errors is a root of it. With the canonical link rho is zero, and the last step squares the error. (Where there
    is a dispersion, the deviance in its units is watched, and settles later.)
    """
    fit = by_default(problem)

    assert fit.converged
    assert_stopped(problem, fit.params, reference)


@pytest.mark.control("default-stopping")
@pytest.mark.parametrize("problem", SETTLING, ids=str)
def test_an_iteration_cut_short_is_refused(problem, reference):
    """A thousandth of a standard error from the optimum: the deviance still changes by 1e-6."""
    optimum = proven_optimum(problem)
    params = problem.params(optimum.centre + optimum.shift + 1e-3 * optimum.standard_errors)

    with pytest.raises(AssertionError, match="not the same deviance"):
        assert_stopped(problem, params, reference)


def assert_stopped(problem, params, reference):
    """The deviance left, in units of the dispersion, is what the rule leaves; the coefficients are its root away."""
    __tracebackhide__ = True
    optimum = proven_optimum(problem)
    expected, observed = (
        likelihood.expected_information(problem, optimum.params),
        reference.evaluate(problem, optimum.params).information,
    )
    share = np.abs(1 - linalg.eigh(observed, expected, eigvals_only=True)).max()
    tolerance = tolerances.stopped(share)
    mean = problem.model.link.inverse(problem.eta(optimum.params))
    left = 2 * optimum.likelihood_gap(params) / likelihood.dispersion(problem, mean)
    assert_same_values("deviance", problem, left, 0.0, tolerance, 1.0)

    root = replace(tolerance, value=np.sqrt(tolerance.value), reason=f"the root of {tolerance.reason}, in standard errors")
    nearest = problem.free(optimum.params)
    relative = (optimum.standard_errors / np.abs(nearest)).max()
    assert_same_values("coefficient", problem, problem.free(params), nearest, replace(root, value=root.value * relative))


COUNTS_AND_SHARES = [p for p in SETTLING if not p.model.is_canonical and not p.model.family.has_dispersion]


@pytest.mark.claim(
    "default-fit-is-not-the-optimum",
    source="S6",
    symptom="The package says converged, yet more iterations move its coefficients.",
)
@pytest.mark.parametrize("problem", COUNTS_AND_SHARES, ids=str)
def test_a_fit_by_default_is_not_yet_the_optimum(problem, by_default, subject):
    r"""
    Of counts or shares with another link than the canonical, the fit by default stops short of the optimum.

    .. math:: \|\beta_t - \hat\beta\| \approx \rho^t\,\|\beta_0 - \hat\beta\|

    What creeps has digits left to gain when it stops. The network at the zero of its gradient has them.
    """
    assert_same_optimum(problem, subject.fit(problem))
    assert_short_of_optimum(problem, by_default(problem))


@pytest.mark.control("default-fit-is-not-the-optimum")
@pytest.mark.parametrize("problem", COUNTS_AND_SHARES, ids=str)
def test_a_fit_to_the_end_does_not_stop_short(problem, reference):
    """Iterated until the coefficients rest, the same library is at the optimum."""
    with pytest.raises(AssertionError, match="is at the optimum"):
        assert_short_of_optimum(problem, reference.fit(problem))


def assert_short_of_optimum(problem, fit):
    """Further from the optimum than any fit of the specification may be."""
    __tracebackhide__ = True
    optimum = proven_optimum(problem)
    error = relative_errors(optimum, fit.params).max()
    assert error > tolerances.planted_optimum().value, (
        f"{problem} is at the optimum: the worst coefficient is off by {error:.1g}, "
        f"{standard_errors_away(optimum, fit.params):.1g} standard errors"
    )


# -- an optimum is not a training run -----------------------------------------------------------------------------------
#
# Least squares, the response centred and no intercept, and four ways to train it.

EPOCHS = 32
SMALL_UNITS = np.array([2.0**-10, 1, 1])
ADAM_REACH = (1 - 0.9) / np.sqrt((1 - 0.999) * (1 - 0.9**2 / 0.999))  # in learning rates, with Adam's published decays


@cache
def centred():
    return variant(LINE, "centred", False, y=lambda: LINE.y - LINE.y.mean())


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
        "full batches": lambda: (centred(), Training("sgd", 0.25, EPOCHS)),
        "rows held out": lambda: (centred(), Training("sgd", 0.25, 8, held_out=0.25, patience=3)),
        "minibatches": lambda: (noise(), Training("sgd", 0.1, 3, batch_size=128)),
        "adam": lambda: (variant(centred(), "small units", X=lambda: LINE.X * SMALL_UNITS), Training("adam", 0.01, 8)),
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
    kept = variant(problem, f"the first {m} rows", X=lambda: problem.X[:m], y=lambda: problem.y[:m])

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
    ratio = np.array([axes.T @ free(weights) for weights in path]) / ridge
    assert ((ratio >= 1 - 1e-9) & (ratio <= 2 + 1e-9)).all(), f"{ratio.min():.3g} to {ratio.max():.3g} times ridge"

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
        assert_wanders(problem, trained.loss_scale, training, descend(still, training.learning_rate, 3))


def assert_wanders(problem, scale, training, path):
    """The mean squared distance, in standard errors, is the predicted floor up to a factor of two."""
    __tracebackhide__ = True
    rates, axes = spectrum(problem, scale)
    away = np.array([axes.T @ (free(weights) - optimum_of(problem)) for weights in path])
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
    at least w / 7.27 eta steps: the units of an input, which change no mean, decide whether training ends.
    """
    problem, _, training, path = run(network, "adam")

    assert_keeps_to_limit(training, path)
    assert np.abs(optimum_of(problem)[0]) > 10 * ADAM_REACH * training.learning_rate * len(path)


@pytest.mark.control("adam-has-a-speed-limit")
def test_plain_descent_knows_no_limit(network):
    """Descent moves in proportion to the slope: a response in other units moves it as much further."""
    _, _, training, _ = run(network, "adam")
    larger = network(variant(centred(), "larger units", y=lambda: 1024 * centred().y))

    with pytest.raises(AssertionError, match="rates in a step"):
        assert_keeps_to_limit(training, descend(larger, 0.25, 2))


def assert_keeps_to_limit(training, path):
    """No step moves a weight further than Adam's decays allow."""
    __tracebackhide__ = True
    steps = np.diff([free(weights) for weights in path], axis=0)
    reach = np.abs(steps).max() / training.learning_rate
    assert reach <= ADAM_REACH * (1 + 1e-12), f"a weight moved by {reach:.3g} rates in a step; {ADAM_REACH:.3g} is the limit"


@pytest.mark.claim(
    "a-run-is-not-a-fit",
    source="S6",
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
    assert_misses(problem, problem.params(free(path[-1])[:, None]))


@pytest.mark.control("a-run-is-not-a-fit")
@pytest.mark.parametrize("how", ["full batches", "rows held out", "minibatches", "adam"])
def test_a_fit_to_the_end_does_not_miss(how, network, subject):
    """The same network, brought to the zero of its gradient."""
    problem, *_ = run(network, how)

    with pytest.raises(AssertionError, match="standard errors away"):
        assert_misses(problem, subject.fit(problem).params)


def assert_misses(problem, params):
    """A tenth of a standard error or more from the proven optimum."""
    __tracebackhide__ = True
    away = standard_errors_away(proven_optimum(problem), params)
    assert away > 0.1, f"only {away:.2g} standard errors away"


# -- the bits of a number -----------------------------------------------------------------------------------------------


@pytest.mark.claim(
    "float32-means", source="S6", symptom="My predictions agree with the regression's to seven digits, no further."
)
@pytest.mark.parametrize("problem", PAIRS, ids=str)
def test_a_mean_in_float32_is_good_to_24_bits(problem, params, network, subject):
    r"""
    In float32 a mean has 24 bits: nine digits fewer than in float64, whatever the link.

    .. math:: |\tilde\mu - \mu| \le 8u\,|\mu| + (q + 1)\,u\,|h'(\eta)| \textstyle\sum_j |x_j w_j|, \qquad u = 2^{-24}
    """
    single = network(problem, Recipe(dtype="float32"))
    single.weights = [params.coef, params.intercept]

    assert_single(problem, params, single.predict(), subject.evaluate(problem, params).mean)


@pytest.mark.control("float32-means")
@pytest.mark.parametrize("problem", PAIRS, ids=str)
def test_a_mean_with_16_bits_is_refused(problem, params, reference):
    """The means with eight bits fewer."""
    mean = reference.evaluate(problem, params).mean
    fraction, exponent = np.frexp(mean)

    with pytest.raises(AssertionError, match="not the same mean"):
        assert_single(problem, params, np.ldexp(np.round(fraction * 2**16) / 2**16, exponent), mean)


def assert_single(problem, params, mine, mean):
    """The means have the bits of float32."""
    __tracebackhide__ = True
    terms = np.abs(problem.design) @ np.abs(params.matrix)
    slope = np.abs(problem.model.link.inverse_derivative(problem.eta(params)))
    size = np.abs(mean) + (problem.q + 1) / 8 * slope * terms
    assert_same_values("mean", problem, mine, mean, tolerances.single_mean(), size)


DECIMAL = [problems.get(name) for name in ("spector-logit", "spector-probit", "longley")]  # inputs with more than 24 bits
AT_REST = [("float64", p) for p in ONE_EACH + CANONICAL + DECIMAL]
AT_REST_IN_PART = [("float32", p) for p in ONE_EACH + CANONICAL] + [("float64 by policy", p) for p in DECIMAL]


@pytest.mark.claim("gradient-at-the-optimum", source="S6", symptom="At the optimum my gradient is 1e-6 and falls no further.")
@pytest.mark.parametrize(("dtype", "problem"), AT_REST + AT_REST_IN_PART, ids=str)
def test_the_gradient_at_the_optimum_is_zero_to_the_bits_of_the_network(dtype, problem, network):
    r"""
    At the optimum the gradient is zero to 53 bits, or to 24 where layers are float32, or float64 by a policy alone.

    .. math:: \Bigl|\sum_i x_{ij}\,\frac{y_i - \hat\mu_i}{V(\hat\mu_i)}\,h'(\hat\eta_i)\Bigr|
              \le (n + 64)\,u \sum_i |\cdot|, \qquad u = 2^{-53} \text{ or } 2^{-24}

    Nothing trained by it comes nearer to the optimum than this: 2^29, or nine digits, less near in float32.
    """
    tolerance = tolerances.gradient(problem.n) if dtype == "float64" else tolerances.single_gradient(problem.n)

    assert_at_rest(problem, network(problem, Recipe(dtype=dtype)), tolerance)


@pytest.mark.control("gradient-at-the-optimum")
@pytest.mark.parametrize(("dtype", "problem"), AT_REST_IN_PART, ids=str)
def test_float32_anywhere_is_refused_as_float64(dtype, problem, network):
    """Layers or inputs in float32, held to 53 bits."""
    with pytest.raises(AssertionError, match="not the same score"):
        assert_at_rest(problem, network(problem, Recipe(dtype=dtype)), tolerances.gradient(problem.n))


def assert_at_rest(problem, trained, tolerance):
    """The gradient at the proven optimum is zero, relative to the rows' contributions taken without sign."""
    __tracebackhide__ = True
    params = proven_optimum(problem).params
    trained.weights = [params.coef, params.intercept]
    kernel, bias = trained.gradient()
    score = problem.n / trained.loss_scale * np.vstack([bias, kernel])
    assert_same_values("score", problem, score, 0 * score, tolerance, contributions(problem, params))


def contributions(problem, params):
    """What each entry of the score is made of, without signs: residuals, and the terms of eta through the curvature."""
    eta = problem.eta(params)
    mean = problem.model.link.inverse(eta)
    slope, variance = np.abs(problem.model.link.inverse_derivative(eta)), problem.model.family.variance(mean)
    terms = np.abs(problem.design) @ np.abs(params.matrix)
    return np.abs(problem.design).T @ (((np.abs(problem.y) + np.abs(mean)) * slope + slope**2 * terms) / variance)


@pytest.mark.claim(
    "float64-policy-rounds-the-inputs", source="S6", symptom="My layers are float64, yet the predictions agree to seven digits."
)
@pytest.mark.parametrize("problem", DECIMAL, ids=str)
def test_a_float64_policy_alone_rounds_the_inputs_to_float32(problem, params, network, subject):
    r"""
    A policy of float64 for layers alone answers exactly, but about inputs that were rounded to float32 on their way in.

    .. math:: \mu = h\bigl(b + \mathrm{fl}_{24}(x) \cdot w\bigr)
    """
    rounded = in_float32(problem)

    assert_same_mean(rounded, params, by_policy(problem, params, network, subject.evaluate(rounded, params)))


@pytest.mark.control("float64-policy-rounds-the-inputs")
@pytest.mark.parametrize("problem", DECIMAL, ids=str)
def test_the_inputs_as_they_are_are_refused(problem, params, network, reference):
    """The same predictions, held to the inputs that were given."""
    with pytest.raises(AssertionError, match="not the same mean"):
        assert_same_mean(problem, params, by_policy(problem, params, network, reference.evaluate(problem, params)))


@cache
def in_float32(problem):
    return variant(problem, "in float32", X=lambda: problem.X.astype("float32"))


def by_policy(problem, params, network, evaluation):
    """The evaluation, with the means that float64 by policy predicts."""
    layers = network(problem, Recipe(dtype="float64 by policy"))
    layers.weights = [params.coef, params.intercept]
    return replace(evaluation, mean=layers.predict())


BEYOND = {"binomial-probit": 6.0, "binomial-cauchit": 1e7}  # how far out the mean is within 1e-7 of 0 or 1


@pytest.mark.claim(
    "clipped-cross-entropy", source="S6", symptom="Rows that are surely wrong cost 16, and teach my network nothing."
)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("link", BEYOND)
def test_a_clipped_cross_entropy_ends_at_sixteen_and_teaches_nothing_beyond(link, dtype, network):
    r"""
    A cross-entropy that keeps 1e-7 from 0 and 1 never exceeds 16.118, and beyond that its gradient is exactly zero.

    .. math:: -\log \max(\mu, 10^{-7}) \le 7 \log 10 = 16.118, \qquad \frac{\partial}{\partial\mu} \log \max(\mu, 10^{-7}) = 0
              \text{ for } \mu < 10^{-7}

    The likelihood goes on for ever, and pulls hardest on just those rows. (Of the upper clip float32 makes 1 - 2^-23, and a
    library may add the 1e-7 once more to the logarithm's argument: then the end comes one log 2 earlier.)
    """
    assert_ends_at_clip(network(beyond(link), Recipe(built_in_loss=True, dtype=dtype)))


@pytest.mark.control("clipped-cross-entropy")
@pytest.mark.parametrize("link", [*BEYOND, "binomial-logit"])
def test_the_likelihood_is_refused_as_clipped(link, network):
    """The likelihood itself: its loss is larger, or its gradient not zero, on the same rows."""
    with pytest.raises(AssertionError, match="a gradient of"):
        assert_ends_at_clip(network(beyond(link), Recipe()))


def beyond(link):
    """Two rows that the weights one and zero predict for certain, and wrongly."""
    eta = BEYOND.get(link, 20.0)
    return Problem.of(f"{link}, beyond the clip", problems.get(link).model, [[-eta], [eta]], [[1.0], [0.0]])


def assert_ends_at_clip(trained):
    """The loss of rows beyond the clip is the clip's, and nothing pulls on them."""
    __tracebackhide__ = True
    trained.weights = [np.ones((1, 1)), np.zeros(1)]
    loss, gradient = trained.objective(), free(trained.gradient())
    assert 22 * np.log(2) < loss < 7 * np.log(10) + 2.0**-20, f"a loss of {loss:.6g}, a gradient of {gradient}"
    assert (gradient == 0).all(), f"a loss of {loss:.6g}, a gradient of {gradient}"


POISSON = problems.get("poisson-log")
ADDED = 1e-7  # by the loss to the mean, inside the logarithm


@pytest.mark.claim(
    "built-in-poisson-shrinks-counts", source="S6", symptom="My Poisson network is off from the eighth digit, in float64."
)
@pytest.mark.parametrize("problem", [POISSON], ids=str)
def test_a_poisson_loss_with_a_constant_in_its_logarithm_shrinks_the_counts(problem, params, network, subject):
    r"""
    A Poisson loss that adds 1e-7 inside its logarithm has the score of counts shrunk by mu / (mu + 1e-7).

    .. math:: \frac{\partial}{\partial\eta}\bigl(\mu - y \log(\mu + \varepsilon)\bigr)
              = \mu - y\,\frac{\mu}{\mu + \varepsilon}, \qquad \varepsilon = 10^{-7}
    """
    mean = POISSON.model.link.inverse(problem.eta(params))
    shrunk = replace(variant(problem, "shrunk", y=lambda: problem.y * mean / (mean + ADDED)), quasi=True)

    assert_same_gradient(problem, params, built_in(problem, params, network, subject), subject.evaluate(shrunk, params))


@pytest.mark.control("built-in-poisson-shrinks-counts")
@pytest.mark.parametrize("problem", [POISSON], ids=str)
def test_the_score_of_the_counts_themselves_is_refused(problem, params, network, subject):
    """The likelihood of the counts as they were observed."""
    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_same_gradient(problem, params, built_in(problem, params, network, subject), subject.evaluate(problem, params))


def built_in(problem, params, network, engine):
    """The evaluation, with the score of the built-in loss."""
    trained = network(problem, Recipe(built_in_loss=True))
    trained.weights = [params.coef, params.intercept]
    kernel, bias = trained.gradient()
    return replace(engine.evaluate(problem, params), score=-problem.n * np.vstack([bias, kernel]))


RARE = [
    Problem.of(f"one in {rows}", POISSON.model, np.empty((2, 0)), [[0], [1]], weights=[rows - 1, 1]) for rows in (100, 100000)
]
MEANS = [problems.get("by-hand-poisson-log-intercept-only"), *RARE]


@pytest.mark.claim(
    "built-in-poisson-loses-1e-7", source="S6", symptom="My Poisson network misses the intercept of rare events by one percent."
)
@pytest.mark.parametrize("problem", MEANS, ids=str)
def test_a_constant_in_the_logarithm_lowers_each_fitted_mean_by_as_much(problem, network):
    r"""
    A Poisson loss that adds 1e-7 inside its logarithm fits a mean 1e-7 too low: 1 percent of a mean of 1e-5.

    .. math:: \hat\mu - \bar y\,\frac{\hat\mu}{\hat\mu + \varepsilon} = 0 \implies \hat\mu = \bar y - \varepsilon, \qquad
              \hat b = \log \bar y - \frac{\varepsilon}{\bar y} - \ldots
    """
    assert_rests(problem, network, Recipe(built_in_loss=True), ADDED)


@pytest.mark.control("built-in-poisson-loses-1e-7")
@pytest.mark.parametrize(("recipe", "below"), [(Recipe(built_in_loss=True), 0.0), (Recipe(), ADDED)], ids=["built-in", "exact"])
@pytest.mark.parametrize("problem", MEANS, ids=str)
def test_each_loss_at_the_mean_of_the_other_is_refused(problem, recipe, below, network):
    """The built-in loss does not rest at the mean, nor the likelihood below it."""
    with pytest.raises(AssertionError, match="not the same slope"):
        assert_rests(problem, network, recipe, below)


def assert_rests(problem, network, recipe, below):
    """With that loss the gradient of a lone bias is zero at the mean less so much."""
    __tracebackhide__ = True
    mean = np.average(problem.y, weights=problem.row_weights)
    trained = network(problem, recipe)
    trained.weights = [np.empty((0, 1)), np.log([mean - below])]
    slope = trained.gradient()[-1]
    size = 2 * mean * problem.row_weights.mean()
    assert_same_values("slope", problem, slope, 0.0 * slope, tolerances.gradient(problem.n), size)
