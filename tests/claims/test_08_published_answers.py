"""
Published answers (S1, S5, S8, S9).

Real data sets whose coefficients others have printed: NIST, R, Stata. The proof is held to the print, so that a printed
digit which is not the optimum's is known by name; and the trained network is held to what remains.
"""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from spec import likelihood, problems
from spec.engines.wrong import Float32, StoppedEarly
from spec.evidence import tolerances
from spec.evidence.published import assert_as_published, assert_inference_as_published, assert_print_is_true
from spec.evidence.rungs import inferred, proven_optimum
from spec.model import Params
from spec.problems import Said

PUBLISHED = problems.where(kind="published")
CONCAVE = Said((p for p in problems.ALL if p.model.is_log_concave), lambda problem: problem.model.is_log_concave)


@pytest.mark.claim("print-is-the-optimum", source="S1 S5 S8 S9", level="proven for this problem")
@pytest.mark.parametrize("problem", PUBLISHED, ids=str)
def test_the_printed_coefficients_are_those_of_the_proven_optimum(problem):
    """The proven optimum has every printed digit, but for the departures that are listed with their cause."""
    assert_print_is_true(problem)


@pytest.mark.control("print-is-the-optimum")
@pytest.mark.parametrize("problem", PUBLISHED, ids=str)
def test_a_misprint_is_refused(problem):
    """The last digit of the last coefficient, off by one."""
    *rows, last = problem.published.true_coefficients
    digits, _, exponent = last[-1].upper().partition("E")
    misprint = f"{digits[:-1]}{(int(digits[-1]) + 5) % 10}" + (f"E{exponent}" if exponent else "")
    wrong = replace(problem, published=replace(problem.published, true_coefficients=(*rows, (*last[:-1], misprint))))

    with pytest.raises(AssertionError, match="not the same published digits"):
        assert_print_is_true(wrong)


@pytest.mark.claim("published-digits", source="S1 S5 S8 S9")
@pytest.mark.parametrize("problem", PUBLISHED, ids=str)
def test_the_trained_network_reproduces_the_published_digits(problem, subject, reference):
    """Trained on real data, the network reproduces every published digit of every coefficient."""
    assert_as_published(problem, subject.fit(problem))
    assert_as_published(problem, reference.fit(problem))


@pytest.mark.control("published-digits")
@pytest.mark.parametrize("wrong", [Float32, StoppedEarly], ids=lambda c: c.__name__)
@pytest.mark.parametrize("problem", [problems.get("longley"), problems.get("star98"), problems.get("scotland")], ids=str)
def test_single_precision_and_an_early_stop_are_refused(problem, reference, wrong):
    """Weights in single precision, or two half steps of the fit."""
    with pytest.raises(AssertionError, match="not the same published digits"):
        assert_as_published(problem, wrong(reference).fit(problem))


ERRORS = [p for p in PUBLISHED if p.name not in ("wampler1", "wampler2")]  # whose errors are zero: the points lie on the curve


@pytest.mark.claim("published-inference", source="S6", symptom="Can a network print what Stata prints?")
@pytest.mark.parametrize("problem", ERRORS, ids=str)
def test_the_network_reproduces_published_standard_errors_and_statistics(problem, subject):
    r"""
    The network alone reproduces every published digit of standard errors, deviances, log-likelihoods, AIC and BIC.

    .. math:: \operatorname{se}(\hat w_j)^2 = \phi \left[ I^{-1} \right]_{jj}, \qquad D = 2 (\ell_{\text{saturated}} - \hat\ell)

    Standard errors of spector-probit were printed from the observed information, all others from the expected.
    """
    assert_inference_as_published(problem, inferred(problem, subject))


@pytest.mark.control("published-inference")
@pytest.mark.parametrize("problem", ERRORS, ids=str)
def test_a_misprinted_error_or_statistic_is_refused(problem, reference):
    """The last standard error, then each statistic, with its fifth digit misprinted."""
    right, published = inferred(problem, reference), problem.published
    *rows, last = published.true_standard_errors
    wrong_errors = replace(published, true_standard_errors=(*rows, (*last[:-1], misprinted(last[-1]))))
    wrong = [wrong_errors] + [
        replace(published, true_statistics=published.true_statistics | {name: misprinted(printed)})
        for name, printed in published.true_statistics.items()
    ]

    for each in wrong:
        with pytest.raises(AssertionError, match="not the same published digits"):
            assert_inference_as_published(problem, right, each)


def misprinted(printed):
    """A decimal string with its fifth digit off by two, or its last where it has fewer."""
    number = Decimal(printed)
    place = max(number.adjusted() - 4, number.as_tuple().exponent)
    return str(number + Decimal(2).scaleb(place))


@pytest.mark.control("published-inference")
def test_expected_errors_are_refused_where_observed_were_printed(reference):
    """The probit of Spector and Mazzeo: .68973 from the expected information, .69388 in print."""
    problem = problems.get("spector-probit")
    right = inferred(problem, reference)

    with pytest.raises(AssertionError, match="not the same published digits"):
        assert_inference_as_published(problem, replace(right, observed_standard_errors=right.standard_errors))


@pytest.mark.claim("one-optimum-only", source="S8", level="proven for this problem")
@pytest.mark.parametrize("problem", CONCAVE, ids=str)
def test_where_the_likelihood_is_concave_there_is_one_optimum_anywhere(problem, params):
    r"""
    Where the log-likelihood is concave, the enclosed optimum is the only one: training cannot end in another.

    .. math:: \ell\left(\tfrac{1}{2}(a + b)\right) \ge \tfrac{1}{2}\left(\ell(a) + \ell(b)\right)
    """
    optimum = proven_optimum(problem)

    assert optimum.is_global
    assert_concave_between(problem, params, optimum.params)


@pytest.mark.control("one-optimum-only")
@pytest.mark.parametrize(("name", "ends"), [("gaussian-log", (-12.0, -8.0)), ("gamma-identity", (50.0, 100.0))])
def test_a_likelihood_that_is_not_concave_is_refused(name, ends):
    """Two networks with a bias alone, between which the log-likelihood sags: of this model no more is said than the box."""
    problem = problems.get(name)
    a, b = (Params([bias], np.zeros((problem.p, 1))) for bias in ends)

    assert not proven_optimum(problem).is_global
    with pytest.raises(AssertionError, match="not concave"):
        assert_concave_between(problem, a, b)


def assert_concave_between(problem, a, b):
    """The middle is no lower than the mean of the ends, within (n + 64) u of the sizes: the rounding of the sums."""
    middle = Params.from_matrix((a.matrix + b.matrix) / 2)
    left, centre, right = (likelihood.kernel(problem, at) for at in (a, middle, b))
    allowed = tolerances.loss(problem.n).value * (abs(left) + abs(centre) + abs(right))
    assert centre >= (left + right) / 2 - allowed, f"{problem} is not concave: {centre!r} between {left!r} and {right!r}"
