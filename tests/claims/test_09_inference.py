"""
Inference: what a statistician reads beside a coefficient comes out of the network alone (S6).

A network reports weights and a loss. Its curvature holds the standard errors, its loss the likelihood, its predictions the
residuals; so the sixth rung of the ladder, the same inference, asks nothing of a statistics library. Every problem of
every chapter is held to it.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from spec import likelihood, problems
from spec.engines.checked import Checked
from spec.engines.wrong import controls
from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.evidence.rungs import (
    TEXTBOOK,
    assert_proven_inference,
    assert_same,
    assert_same_inference,
    assert_same_likelihood,
    assert_same_numbers,
    given,
    inferred,
    proven_optimum,
)
from spec.families import Binomial, Gamma, Gaussian, Multinomial
from spec.inference import likelihood_dispersion, null_model
from spec.links import Identity, Log
from spec.problems import Said

from .said import has_a_bias, is_least_squares

EXACT_FIT = ("wampler1", "wampler2")  # their points lie on the curve: there is no error whose size could be told
EVERY = Said(problem for problem in problems.ALL if problem.name not in EXACT_FIT)
ENCLOSED = Said(  # those with up to 40 parameters
    (problem for problem in EVERY if not problem.tags & {"keras-sentence", "wide"}),
    lambda problem: problem.q * problem.free_outputs <= 40,
)
PAIRS = problems.where(tag="pair")
CANONICAL = [p for p in PAIRS if p.model.is_canonical]
OTHERS = [p for p in PAIRS if not p.model.is_canonical]
LEAST_SQUARES = Said((p for p in problems.where(family=Gaussian, link=Identity) if p in EVERY), is_least_squares)
FEW = [problems.get(n) for n in ("gaussian-identity", "binomial-probit", "gamma-log", "poisson-log", "softmax-3-to-3", "star98")]
NESTED = Said(FEW, has_a_bias)
FEW_OUTPUTS = [p for p in FEW if not isinstance(p.model.family, Multinomial)]
CARRIED = Said(  # other links may have lost the digits of an end that is next to 0 or 1
    FEW_OUTPUTS,
    lambda problem: (
        isinstance(problem.model.link, (Identity, Log)) and problem.model.link.mu_domain == problem.model.family.mu_domain
    ),
)


@pytest.mark.claim("same-inference", source="S6", symptom="Keras shows me no standard errors, no deviance and no AIC.")
@pytest.mark.parametrize("problem", EVERY, ids=str)
def test_inference_comes_out_of_the_network_alone(problem, subject, reference):
    r"""
    Standard errors, p-values, deviance, AIC, intervals, residuals, leverage: all come out of the network, and are the model's.

    .. math:: \widehat{\operatorname{cov}}(\hat w) = \phi \left( -\nabla^2 \ell \right)^{-1},
              \qquad -\ell = \frac{n}{c}\,L + \text{const}

    The Hessian is back-propagated, of the network on inputs with orthonormal columns; Fisher's is that of the network which
    has its own predictions for responses. The rest is arithmetic on means and loss.
    """
    assert_same_inference(problem, inferred(problem, subject), inferred(problem, reference))


SLIPS = {  # what is spoiled, and how: as other conventions have it, or as a slip would leave it
    "degrees of freedom forgotten": ("dispersion", lambda p, i: i.dispersion * (p.n - p.q) / p.n),
    "errors of RSS / n": ("standard_errors", lambda p, i: i.standard_errors * np.sqrt(1 - p.q / p.n)),
    "one-sided": ("p_values", lambda p, i: 1 - i.p_values / 2),  # the wrong side; half of a p-value that rounds to 0 is 0
    "constants left out": ("log_likelihood", lambda p, i: i.log_likelihood - likelihood.normaliser(p, i.dispersion)),
    "dispersion counted": ("aic", lambda p, i: i.aic + 2),
    "loss for deviance": ("deviance", lambda p, i: i.deviance / 2),
    "rows by coefficients": ("bic", lambda p, i: i.aic),
    "a null deviance of zero": ("null_deviance", lambda p, i: 0.0),
    "half the ratio": ("likelihood_ratio", lambda p, i: i.likelihood_ratio / 2),
    "Wald by the mean": ("wald", lambda p, i: i.wald / p.p),
    "residuals turned round": ("response_residuals", lambda p, i: -i.response_residuals),
    "a millionth narrower": ("mean_interval", lambda p, i: i.mean_interval * [1 + 1e-6, 1 - 1e-6]),
    "a millionth smaller": ("pearson_residuals", lambda p, i: i.pearson_residuals * (1 - 1e-6)),
    "unsigned": ("deviance_residuals", lambda p, i: np.abs(i.deviance_residuals)),
    "uniform": ("leverage", lambda p, i: np.full(p.n, p.q / p.n)),
}
BY_ROW = ("mean_interval", "pearson_residuals", "deviance_residuals", "leverage")


def can_slip(entry, problem):
    """What a problem has none of cannot be wrong: a dispersion, constants of single trials, what MNLogit has not by rows."""
    family = problem.model.family
    if entry == "log_likelihood":
        own = problem.kind == "given" and problem.data.trials is not None
        return not isinstance(family, (Binomial, Multinomial)) or "trials" in problem.tags or own
    return problem.has_dispersion if entry == "dispersion" else not (entry in BY_ROW and isinstance(family, Multinomial))


def spoiled(*those):
    """A case for each slip and each of those problems."""
    return [
        pytest.param(how, problem, id=f"{how}-{problem}")
        for how, (entry, _) in SLIPS.items()
        for problem in those
        if can_slip(entry, problem)
    ]


@pytest.mark.control("same-inference")
@pytest.mark.parametrize(
    ("how", "problem"),
    Said(spoiled(*FEW), has_a_bias, spoiled),
)
def test_each_number_is_looked_at(how, problem, reference):
    """One number at a time is spoiled, and it is this number that is refused."""
    right, (entry, slip) = inferred(problem, reference), SLIPS[how]

    with pytest.raises(AssertionError, match=rf"not the same inference \({entry}\)"):
        assert_same_inference(problem, replace(right, **{entry: slip(problem, right)}), right)


def mistaken(*those):
    """A case for each of those problems and each wrong engine whose inference is wrong."""
    return [
        pytest.param(wrong, problem, id=f"{wrong.__name__}-{problem}")
        for problem in those
        for wrong in controls("inference", problem)
    ]


@pytest.mark.control("same-inference")
@pytest.mark.parametrize(("wrong", "problem"), Said(mistaken(*FEW), cases=mistaken))
def test_wrong_engines_have_wrong_inference(wrong, problem, reference):
    """Another link or loss, a ridge, an early stop, exchanged classes, single precision."""
    with pytest.raises(AssertionError, match=r"not the same inference"):
        assert_same("inference", problem, None, Checked(wrong(reference)), reference)


@pytest.mark.claim(
    "proven-inference",
    source="S6",
    level="proven for this problem",
    symptom="Two programs print different standard errors: whose are right?",
)
@pytest.mark.parametrize("problem", ENCLOSED, ids=str)
def test_the_standard_errors_of_the_network_are_those_of_the_proven_optimum(problem, subject):
    r"""
    The network's standard errors, dispersion and deviance are those of the proven optimum, enclosed in ball arithmetic.

    .. math:: \operatorname{se}(\hat w_j)^2 = \phi \left[ \Bigl( \sum_i W_i\, x_i x_i^\top \Bigr)^{-1} \right]_{jj}

    On Longley's data too, where the inverse of :math:`X^\top X` in float64 has lost half of its digits.
    """
    assert_proven_inference(problem, inferred(problem, subject))


@pytest.mark.control("proven-inference")
@pytest.mark.parametrize("problem", Said([problems.get("longley"), *FEW], ENCLOSED.admits), ids=str)
def test_errors_off_by_a_billionth_are_refused(problem, reference):
    """The standard errors times 1 + 1e-9; on Longley's data, those of an inverted cross-product in float64."""
    right = inferred(problem, reference)
    errors = right.standard_errors * (1 + 1e-9)
    if problem.name == "longley":
        errors = np.sqrt(right.dispersion * np.diag(np.linalg.inv(problem.design.T @ problem.design)))[:, None]

    with pytest.raises(AssertionError, match="not the same proven standard_errors"):
        assert_proven_inference(problem, replace(right, standard_errors=errors))


# -- the numbers that come with an answer -------------------------------------------------------------------------------


@pytest.mark.claim(
    "numbers-of-a-fit",
    source="S6",
    level="proven for this problem",
    symptom="The summary prints a deviance and a log-likelihood: of which model are they?",
)
@pytest.mark.parametrize("problem", ENCLOSED, ids=str)
def test_a_fit_has_the_deviance_likelihood_and_errors_of_its_optimum(problem, subject):
    r"""
    The deviance, the log-likelihood and the standard errors of a fit are those of the model at its proven optimum.

    .. math:: D = 2 \left( \ell_{\text{saturated}} - \ell(\hat w) \right), \qquad
              \operatorname{se}^2(\hat w) = \operatorname{diag}\, \hat\phi \Bigl( \sum_i W_i\, x_i x_i^\top \Bigr)^{-1}

    The likelihood holds its constants and is at dispersion 1; the information is the expected, the dispersion Pearson's.
    """
    assert_same_numbers(problem, subject.fit(problem))


def by_observed_information(problem, fit):
    """The fit's standard errors from its observed information in place of the expected."""
    information = TEXTBOOK.evaluate(problem, fit.params).information
    mean = problem.model.link.inverse(problem.eta(fit.params))
    return np.sqrt(likelihood.dispersion(problem, mean) * np.diag(np.linalg.inv(information)))[:, None]


def has_constants(problem):
    """The log-likelihood has terms free of the parameters: not of single trials or classes, nor of gamma at dispersion 1."""
    return not isinstance(problem.model.family, (Binomial, Gamma, Multinomial))


FIT_SLIPS = {  # what is spoiled, how, and of which problems that is wrong
    "loss for deviance": ("deviance", lambda p, f: f.deviance / 2, lambda p: True),
    "deviance of minus twice the likelihood": ("deviance", lambda p, f: -2 * f.log_likelihood, has_constants),
    "constants left out": ("log_likelihood", lambda p, f: f.log_likelihood - likelihood.normaliser(p), has_constants),
    "likelihood at another dispersion": ("log_likelihood", lambda p, f: f.log_likelihood * 2, lambda p: True),
    "errors of RSS / n": (
        "standard_errors",
        lambda p, f: f.standard_errors * np.sqrt(1 - p.q / p.n),
        lambda p: p.has_dispersion,
    ),
    "errors of the sum of weights": (
        "standard_errors",
        lambda p, f: f.standard_errors * np.sqrt((p.n - p.q) / (p.row_weights.sum() - p.q)),
        lambda p: p.has_dispersion and "weights" in p.tags,
    ),
    "observed for expected": ("standard_errors", by_observed_information, lambda p: p in OTHERS),
    "less than no iterations": ("iterations", lambda p, f: -1, lambda p: True),
}


PLANTED = [*PAIRS, problems.get("softmax-3-to-3")]
SLIPPED = [
    pytest.param(how, problem, id=f"{how}-{problem}")
    for how, (_, _, can_be_wrong) in FIT_SLIPS.items()
    for problem in [*PLANTED, problems.get("by-hand-gamma-log-weights")]
    if can_be_wrong(problem)
]


@pytest.mark.control("numbers-of-a-fit")
@pytest.mark.parametrize(("how", "problem"), SLIPPED)
def test_each_number_of_a_fit_is_looked_at(how, problem):
    """One number of a right fit at a time is another convention's, or a slip's."""
    entry, slip, _ = FIT_SLIPS[how]
    right = TEXTBOOK.fit(problem)

    with pytest.raises(AssertionError, match=f"not the same {entry} of the fit"):
        assert_same_numbers(problem, replace(right, **{entry: slip(problem, right)}))


@pytest.mark.claim(
    "likelihood-has-its-constants", source="S6", symptom="My log-likelihood differs from theirs by a number that never changes."
)
@pytest.mark.parametrize("problem", ENCLOSED, ids=str)
def test_a_log_likelihood_has_its_constants(problem, params, subject):
    r"""
    The log-likelihood is the logarithm of a probability or a density, with all of its constants, at any parameters.

    .. math:: \ell = \sum_i w_i\, k(y_i, \mu_i) + \sum_i c(y_i, w_i), \qquad L = -\frac{c}{n}\,\ell + \text{const}

    A loss may leave out what is free of the parameters, and a comparison of two models of one family never needs it: of two
    families it does.
    """
    assert_same_likelihood(problem, params, subject.evaluate(problem, params))


@pytest.mark.control("likelihood-has-its-constants")
@pytest.mark.parametrize("problem", PLANTED, ids=str)
def test_a_log_likelihood_without_its_constants_is_refused(problem, params):
    """The kernel alone; where there are no constants, twice the kernel."""
    right, constants = TEXTBOOK.evaluate(problem, params), likelihood.normaliser(problem)

    with pytest.raises(AssertionError, match="not the same log-likelihood"):
        assert_same_likelihood(
            problem, params, replace(right, log_likelihood=right.log_likelihood - (constants or right.log_likelihood / 2))
        )


# -- expected and observed -----------------------------------------------------------------------------------------------


@pytest.mark.claim("other-links-have-two-errors", source="S6", symptom="My probit's standard errors depend on the optimizer.")
@pytest.mark.parametrize("problem", OTHERS, ids=str)
def test_with_any_other_link_there_are_two_sets_of_standard_errors(problem, subject):
    r"""
    With any link but the canonical there are two sets of standard errors, from expected and from observed information.

    .. math:: I_{\text{observed}} - I_{\text{expected}} = -\sum_i (y_i - \mu_i)\, \frac{d}{d\eta}\frac{h'}{V}\, x_i x_i^\top

    They differ here by more than a ten-thousandth: that is sampling error, not rounding. (Chapter 14 says what each is.)
    """
    inference = inferred(problem, subject)

    assert_two_sets(*given(inference, "standard_errors", "observed_standard_errors"))


@pytest.mark.control("other-links-have-two-errors")
@pytest.mark.parametrize("problem", CANONICAL, ids=str)
def test_a_canonical_link_has_one_set(problem, reference):
    """Expected and observed errors of a canonical link."""
    inference = inferred(problem, reference)

    with pytest.raises(AssertionError, match="one set"):
        assert_two_sets(inference.standard_errors, inference.observed_standard_errors)


def assert_two_sets(expected, observed):
    assert np.abs(observed / expected - 1).max() > 1e-4, "there is one set of standard errors, not two"


# -- the numbers that people ask for ---------------------------------------------------------------------------------------


@pytest.mark.claim("mse-is-not-the-variance", source="S6", symptom="The MSE that Keras prints is not my regression's s^2.")
@pytest.mark.parametrize("problem", LEAST_SQUARES, ids=str)
def test_the_mean_squared_error_divides_by_n_the_variance_by_n_less_q(problem, subject):
    r"""
    The loss of a linear network is RSS / n, the residual variance RSS / (n - q): a factor tells one from the other.

    .. math:: \hat\phi = \frac{\mathrm{RSS}}{n - q} = \frac{n}{n - q}\, L(\hat w), \qquad
              L = \frac{2}{n} \left( \ell_{\mathrm{saturated}} - \ell \right)

    The likelihood of least squares is told at RSS / n, its standard errors at RSS / (n - q). An engine may minimise the loss in
    other units, and with a term free of the parameters: its log-likelihood has neither.
    """
    inference = inferred(problem, subject)
    dispersion, residuals = given(inference, "dispersion", "response_residuals")
    loss = mean_squared_error(problem, subject)

    assert_dispersion(problem, dispersion, loss * problem.n / (problem.n - problem.q))
    assert_dispersion(problem, likelihood_dispersion(problem, problem.y - residuals), loss)


def mean_squared_error(problem, engine):
    """The loss at the fit in the units of squared error: what its log-likelihood lacks to the constants, by n / 2."""
    lacking = likelihood.normaliser(problem) - engine.evaluate(problem, engine.fit(problem).params).log_likelihood
    return 2 * lacking / problem.n


@pytest.mark.control("mse-is-not-the-variance")
@pytest.mark.parametrize("problem", LEAST_SQUARES, ids=str)
def test_the_loss_in_place_of_the_variance_is_refused(problem, reference):
    """RSS / n where RSS / (n - q) is asked for."""
    inference = inferred(problem, reference)

    with pytest.raises(AssertionError, match="not the same dispersion"):
        assert_dispersion(problem, inference.dispersion, inference.deviance / problem.n)


def assert_dispersion(problem, found, expected):
    assert_same_values("dispersion", problem, found, expected, tolerances.inference())


@pytest.mark.claim("nested-networks", source="S6", symptom="How do I test whether an input belongs in the network?")
@pytest.mark.parametrize("problem", NESTED, ids=str)
def test_inputs_are_tested_by_what_the_loss_rises_without_them(problem, subject, reference):
    r"""
    Twice n / c times the rise of the loss when inputs are left out is their likelihood-ratio statistic.

    .. math:: \frac{2}{\phi} \bigl( \hat\ell - \hat\ell_0 \bigr) = \frac{2n}{c\,\phi} \bigl( L_0 - L \bigr)
              = \frac{D_0 - D}{\phi} \sim \chi^2_p
    """
    small, right = null_model(problem), inferred(problem, reference)
    dispersion, *_ = given(right, "dispersion", "likelihood_ratio", "log_likelihood")
    losses = [subject.evaluate(p, subject.fit(p).params) for p in (problem, small)]
    rise = 2 * problem.n * (losses[1].loss - losses[0].loss) / losses[0].loss_scale / dispersion

    assert_tested(problem, rise, right)


@pytest.mark.control("nested-networks")
@pytest.mark.parametrize("problem", NESTED, ids=str)
def test_wald_is_another_statistic(problem, reference):
    """Wald's statistic tests the same inputs and is another number, but for least squares; there the half is refused."""
    right = inferred(problem, reference)
    other = right.likelihood_ratio / 2 if str(problem.model) == "gaussian-identity" else right.wald

    with pytest.raises(AssertionError, match="not the same likelihood ratio"):
        assert_tested(problem, other, right)


def assert_tested(problem, statistic, right):
    """The statistic and its p-value; differences of two losses lose the digits that these have in common."""
    lost = 2 * abs(right.log_likelihood) / right.likelihood_ratio
    tolerance = tolerances.likelihood_ratio(problem.n, lost)
    assert_same_values("likelihood ratio", problem, statistic, right.likelihood_ratio, tolerance)


@pytest.mark.claim("interval-of-the-mean", source="S6", symptom="How sure is the network of what it predicts?")
@pytest.mark.parametrize("problem", CARRIED, ids=str)
def test_an_interval_of_eta_carried_over_is_an_interval_of_the_mean(problem, subject):
    r"""
    The ends of an interval of eta, sent through the activation, are the ends of an interval of the mean.

    .. math:: h\left( \hat\eta_i \pm z \sqrt{x_i^\top \widehat{\operatorname{cov}}(\hat w)\, x_i} \right)

    The root is the leverage seen from the other side: the variance of eta, times the row's information, by the dispersion.
    """
    fit, inference = subject.fit(problem), inferred(problem, subject)

    assert_interval(problem, problem.eta(fit.params), inference)


@pytest.mark.control("interval-of-the-mean")
@pytest.mark.parametrize("problem", CARRIED, ids=str)
def test_an_interval_about_the_mean_itself_is_refused(problem, reference):
    """Ends at equal distance from the mean; for the identity, where these are the same, of 90% in place of 95%."""
    fit, inference = reference.fit(problem), inferred(problem, reference)
    mean = problem.y - inference.response_residuals
    half = np.diff(inference.mean_interval) / 2
    shift = 0.84 if str(problem.model) == "gaussian-identity" else 1.0
    wrong = replace(inference, mean_interval=mean + shift * half * [-1, 1])

    with pytest.raises(AssertionError, match="not the same interval"):
        assert_interval(problem, problem.eta(fit.params), wrong)


def assert_interval(problem, eta, inference):
    """The ends, seen through the link, are eta less and plus a quantile times the error that the leverage implies."""
    dispersion, leverage, interval = given(inference, "dispersion", "leverage", "mean_interval")
    tail = stats.t(problem.n - problem.q) if problem.has_dispersion else stats.norm()
    weight = likelihood.expected_weights(problem, problem.params(proven_optimum(problem).centre))[:, 0]
    error = np.sqrt(dispersion * leverage[:, None] / weight)
    expected = eta + tail.ppf(0.975) * error * [-1, 1]
    ends = problem.model.link(interval)
    assert_same_values("interval", problem, ends, expected, tolerances.inference(), np.abs(eta) + error)
