"""
Mirror images.

Failures are fitted by the mirrored link.
"""

from dataclasses import replace

import pytest

from spec.engines.wrong import RUNGS
from spec.evidence.rungs import assert_same
from spec.families import Binomial
from spec.model import Params
from spec.problems import Said

from .models import MIRROR, SHARES, Instead, as_model


def failures(problem, link):
    """The problem with failures in place of successes, under another link; what was planted changes its sign."""
    swapped = as_model(problem, link=link).with_data(
        y=lambda data: 1 - data.y, planted=lambda data: None if data.planted is None else Params.from_matrix(-data.planted.matrix)
    )
    return replace(swapped, name=f"failures of {problem} as {link}")


def mirrored_case(problem):
    return pytest.param(problem, failures(problem, MIRROR[problem.model.link]), id=str(problem))


MIRRORED = Said(
    map(mirrored_case, SHARES),
    lambda problem: isinstance(problem.model.family, Binomial) and problem.model.link in MIRROR,
    lambda problem: [mirrored_case(problem)],
)
KEPT = [pytest.param(problem, failures(problem, problem.model.link), id=str(problem)) for problem in SHARES[-2:]]


@pytest.mark.claim(
    "failures-mirror-successes", source="S6", symptom="I swapped my zeros and ones, and cloglog fits another model."
)
@pytest.mark.parametrize("rung", RUNGS[1:])
@pytest.mark.parametrize(("problem", "mirrored"), MIRRORED)
def test_the_failures_are_fitted_by_the_mirrored_link(problem, mirrored, rung, params, subject, reference):
    r"""
    The failures have the successes' fit with weights negated: logit, probit and cauchit as they are, cloglog as loglog.

    .. math:: 1 - h(\eta) = h(-\eta) \quad \text{for logit, probit and cauchit}, \qquad
              1 - h_{\text{cloglog}}(\eta) = h_{\text{loglog}}(-\eta)
    """
    assert_same(rung, problem, params, Instead(subject, mirrored, sign=-1), reference)


@pytest.mark.control("failures-mirror-successes")
@pytest.mark.parametrize("rung", RUNGS[1:])
@pytest.mark.parametrize(("problem", "kept"), KEPT)
def test_a_skewed_link_does_not_mirror_itself(problem, kept, rung, params, reference):
    """Complementary log-log of the failures for complementary log-log of the successes, and log-log likewise."""
    with pytest.raises(AssertionError, match=f"not the same {rung}"):
        assert_same(rung, problem, params, Instead(reference, kept, sign=-1), reference)
