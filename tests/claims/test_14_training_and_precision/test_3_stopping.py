"""
The rule that stops.

Where an iteration stops decides how many digits it has.
"""

import numpy as np
import pytest
from scipy import linalg

from spec import likelihood
from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.evidence.rungs import assert_same_optimum, proven_optimum, relative_errors, standard_errors_away

from .axes import PAIRS

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
    expected = likelihood.expected_information(problem, optimum.params)
    observed = reference.evaluate(problem, optimum.params).information
    share = np.abs(1 - linalg.eigh(observed, expected, eigvals_only=True)).max()
    mean = problem.model.link.inverse(problem.eta(optimum.params))
    left = 2 * optimum.likelihood_gap(params) / likelihood.dispersion(problem, mean)
    assert_same_values("deviance", problem, left, 0.0, tolerances.stopped(share), 1.0)

    nearest = problem.free(optimum.params)
    relative = (optimum.standard_errors / np.abs(nearest)).max()
    tolerance = tolerances.stopped_coefficient(share, relative)
    assert_same_values("coefficient", problem, problem.free(params), nearest, tolerance)


COUNTS_AND_SHARES = [p for p in SETTLING if not p.model.is_canonical and not p.model.family.has_dispersion]


@pytest.mark.claim(
    "default-fit-is-not-the-optimum",
    source="S6",
    level="proven for this problem",
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
