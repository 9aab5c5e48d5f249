"""
The information that steers.

Fisher scoring and Newton's method step by the expected and by the observed information.
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy import linalg

from spec import likelihood, problems
from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.evidence.published import half_unit
from spec.evidence.rungs import assert_same_curvature, assert_same_optimum, proven_optimum
from spec.families import Gaussian
from spec.links import Log
from spec.model import Model, Params
from spec.problems import Problem, Said

from ..said import is_not_canonical
from .axes import CANONICAL, ONE_EACH, OTHERS, SPECTOR, optimum_of

EXPECTED, PARTING = Said(ONE_EACH, is_not_canonical), Said(OTHERS, is_not_canonical)
ONE_INFORMATION = Said([*CANONICAL, problems.get("softmax-3-to-3")], lambda problem: problem.model.is_canonical)


@pytest.mark.claim(
    "expected-is-the-hessian-at-the-mean", source="S6", symptom="My Hessian is not the information that the textbook writes."
)
@pytest.mark.parametrize("problem", EXPECTED, ids=str)
def test_the_expected_information_is_the_hessian_for_a_response_at_its_mean(problem, params, subject):
    r"""
    Fisher's expected information is the network's own Hessian, once the response is replaced by its prediction.

    .. math:: \mathrm E\left[-\nabla^2 \ell(Y)\right] = -\nabla^2 \ell(\mathrm E\,Y)
              = \sum_i \frac{h'(\eta_i)^2}{V(\mu_i)}\, x_i x_i^\top

    because the log-likelihood is linear in the response, but for terms free of the weights.
    """
    mean = subject.evaluate(problem, params).mean
    at_its_mean = subject.evaluate(replace(problem.with_data("at its mean", y=mean), quasi=True), params)

    assert_expected(problem, params, at_its_mean)


@pytest.mark.claim(
    "canonical-informations-are-one", source="S6", symptom="Two programs differ in standard errors for probit, not for logit."
)
@pytest.mark.parametrize("problem", ONE_INFORMATION, ids=str)
def test_with_the_canonical_link_observed_and_expected_information_are_one(problem, params, subject):
    r"""
    With the canonical link the Hessian is the expected information, whatever the response.

    .. math:: \frac{h'}{V} = \text{const} \implies
              \sum_i (y_i - \mu_i)\,\frac{d}{d\eta_i}\frac{h'(\eta_i)}{V(\mu_i)}\, x_i x_i^\top = 0

    So Fisher's scoring is Newton's method there, step by step.
    """
    assert_expected(problem, params, subject.evaluate(problem, params))


@pytest.mark.control("expected-is-the-hessian-at-the-mean")
@pytest.mark.parametrize("problem", EXPECTED, ids=str)
def test_the_hessian_for_the_response_observed_is_refused(problem, params, reference):
    """With another link than the canonical, the Hessian follows the response."""
    with pytest.raises(AssertionError, match="not the same curvature"):
        assert_expected(problem, params, reference.evaluate(problem, params))


@pytest.mark.control("canonical-informations-are-one")
@pytest.mark.parametrize("problem", PARTING, ids=str)
def test_the_hessian_at_a_response_of_twice_the_mean_is_refused(problem, params, reference):
    """With another link the two informations part as soon as one response leaves its mean, here by an eighth of it."""
    mean = problem.model.link.inverse(problem.eta(params))
    off_its_mean = np.where(np.arange(problem.n)[:, None] == 0, 0.875, 1) * mean
    moved = replace(problem.with_data("off its mean", y=off_its_mean), quasi=True)

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
    at = SPECTOR if response == "it is" else SPECTOR.with_data("its mean", y=subject.evaluate(SPECTOR, params).mean)
    return subject.evaluate(at, params).information


def assert_standard_errors(information, expected, half_unit):
    """The roots of the inverse's diagonal are the expected ones, to half a printed unit and what an inverse loses."""
    __tracebackhide__ = True
    tolerance = tolerances.standard_errors(SPECTOR.n, np.linalg.cond(information), half_unit)
    mine = np.sqrt(np.diag(np.linalg.inv(information)))[:, None]
    assert_same_values("standard errors", SPECTOR, mine, expected, tolerance)


@pytest.mark.claim(
    "scoring-is-linear-newton-quadratic", source="S6", symptom="IRLS creeps to the answer that Newton's method reaches at once."
)
@pytest.mark.parametrize("problem", ONE_EACH, ids=str)
def test_scoring_leaves_a_share_of_the_error_and_newton_its_square(problem, subject):
    r"""
    Near the optimum a scoring step leaves a fixed share of the error, a step of Newton's the square of the error.

    .. math:: \beta_{t+1} - \hat\beta \approx (I - E^{-1} O)\,(\beta_t - \hat\beta), \qquad E = \mathrm E\,O

    with O the observed and E the expected information at the optimum. A step of Newton's leaves d^2 of d standard errors,
    or less, where O changes by less than itself over one. With the canonical link O and E are one, and so are the
    two methods. Else both end at one optimum: the score decides where, the information only how soon.
    """
    axis, share = slowest(problem, subject)

    assert_leaves(problem, axis, share**2, stepped(problem, subject, axis, 2, "expected"))
    assert abs(along(problem, axis, stepped(problem, subject, axis, 1, "observed"))) <= AWAY**2


@pytest.mark.control("scoring-is-linear-newton-quadratic")
@pytest.mark.parametrize("problem", ONE_EACH, ids=str)
def test_the_steps_of_newton_are_refused_as_scoring(problem, reference):
    """Newton's steps, held to the share that scoring leaves."""
    axis, share = slowest(problem, reference)

    with pytest.raises(AssertionError, match="not the same error left"):
        assert_leaves(problem, axis, share**2, stepped(problem, reference, axis, 2, "observed"))


def cycling():
    """Normal responses under a log link, some of them negative: at the optimum they curve the likelihood more than expected."""
    y = np.array([[-6.0], [-3.5], [0.4], [1.1], [2.3], [5.2]])
    return Problem.of("negative responses", Model(Gaussian(), Log()), np.arange(-2.0, 4.0)[:, None], y)


CYCLING = cycling()


@pytest.mark.claim(
    "scoring-may-cycle",
    source="S6",
    level="proven for this problem",
    symptom="IRLS does not converge, however many iterations: the deviance goes up and down.",
)
def test_a_scoring_step_may_leave_more_than_there_was(subject):
    r"""
    Where the observed information is more than twice the expected one, scoring steps away from an optimum that exists.

    .. math:: \beta_{t+1} - \hat\beta \approx (I - E^{-1} O)\,(\beta_t - \hat\beta), \qquad O > 2 E
              \implies \|I - E^{-1} O\| > 1

    Here normal responses have a log link and some are negative, which R's start refuses too. The optimum is proven; steps of
    Newton's reach it, and so does the fit.
    """
    axis, share = slowest(CYCLING, subject)

    assert_leaves_more(share)
    assert_leaves(CYCLING, axis, share**2, stepped(CYCLING, subject, axis, 2, "expected"))
    shorter = np.sqrt(1 - share)  # a standard error by the observed information is so many times shorter: O is 1 - share of E
    left = along(CYCLING, axis, stepped(CYCLING, subject, axis, 1, "observed"))
    assert abs(shorter * left) <= (shorter * AWAY) ** 2
    assert_same_optimum(CYCLING, subject.fit(CYCLING))


@pytest.mark.control("scoring-may-cycle")
@pytest.mark.parametrize("problem", ONE_EACH, ids=str)
def test_where_the_informations_are_nearly_one_scoring_does_not_cycle(problem, reference):
    """The planted problems, whose responses lie about means that fit them."""
    with pytest.raises(AssertionError, match="scoring leaves the share"):
        assert_leaves_more(slowest(problem, reference)[1])


def assert_leaves_more(share):
    """A scoring step goes to the other side of the optimum, and farther."""
    assert share < -1, f"scoring leaves the share {share:.3g} of the error"


AWAY = 1e-4  # where the steps begin, in standard errors at dispersion 1


def stepped(problem, engine, axis, steps, which):
    """The parameters (q,) after ``steps`` from `AWAY` along the axis, by the engine's score and an information of either kind."""
    at = optimum_of(problem) + AWAY * axis
    for _ in range(steps):
        params = problem.params(at[:, None])
        answer = engine.evaluate(problem, params)
        information = likelihood.expected_information(problem, params) if which == "expected" else answer.information
        at = at + np.linalg.solve(information, problem.free(Params.from_matrix(answer.score)).ravel())
    return at


def slowest(problem, engine):
    """The axis, one standard error long, along which scoring leaves the largest share of the error, and that share."""
    params = proven_optimum(problem).params
    kept, axes = linalg.eigh(engine.evaluate(problem, params).information, likelihood.expected_information(problem, params))
    worst = np.argmax(np.abs(1 - kept))
    return axes[:, worst], 1 - kept[worst]


def along(problem, axis, at):
    """The distance to the optimum along the axis, in standard errors."""
    return axis @ likelihood.expected_information(problem, proven_optimum(problem).params) @ (at - optimum_of(problem))


def assert_leaves(problem, axis, share, at):
    """The share of the error along the axis that is left."""
    __tracebackhide__ = True
    tolerance = tolerances.second_order(AWAY, np.sqrt(share))
    assert_same_values("error left", problem, along(problem, axis, at), share * AWAY, tolerance)
