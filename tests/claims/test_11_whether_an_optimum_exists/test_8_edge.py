"""
An optimum on the edge of the domain.

Some links can leave the means that a family admits. A maximum may then lie at a risk of exactly 1, or at a mean of 0.
"""

import numpy as np
import pytest

from spec import likelihood
from spec.engines.contract import Fit
from spec.evidence import tolerances
from spec.evidence.edge import edge
from spec.evidence.judge import assert_same_values
from spec.evidence.sizes import eta_terms
from spec.model import Params
from spec.problems.problem import name_rows

from .at_the_edge import AT_THE_EDGE, INSIDE, THREE_LEVELS

NEAR = 2.0**-48  # of the way inside: the score changes by less than an engine rounds it


@pytest.mark.claim(
    "an-optimum-on-the-edge",
    source="S6",
    level="proven for this problem",
    symptom="My relative-risk model does not converge, and its largest fitted risk is almost 1.",
)
@pytest.mark.parametrize("problem", AT_THE_EDGE, ids=str)
def test_a_maximum_may_lie_on_the_edge_of_the_domain(problem, subject):
    r"""
    A maximum may lie on the edge of the domain, at a risk of 1 or a mean of 0: there the score is not zero, but points outwards.

    .. math:: F(b) = \sum_{a\ \text{at the edge}} \lambda_a x_a, \qquad \lambda_a > 0,
              \qquad x_a \cdot (b' - b) \le 0 \text{ for all } b' \text{ in the domain}

    The place and the multipliers are proven in balls; the network's own score, a hair inside, is their sum.
    """
    assert_held_at_the_edge(problem, subject)


@pytest.mark.control("an-optimum-on-the-edge")
@pytest.mark.parametrize("problem", INSIDE, ids=str)
def test_nothing_holds_a_maximum_that_is_inside(problem, reference):
    """The same models, of data whose maximum is inside."""
    with pytest.raises(AssertionError, match="no row at the edge"):
        assert_held_at_the_edge(problem, reference)


def assert_held_at_the_edge(problem, engine):
    """The maximum is proven on the edge; a hair inside the engine's score is that of the proof, and it points outwards."""
    optimum = edge(problem)
    assert optimum is not None, f"the maximum of {problem} has no row at the edge"
    inwards = likelihood.null_params(problem).matrix - optimum.params.matrix
    hair = Params.from_matrix(optimum.params.matrix + NEAR * inwards)
    assert likelihood.in_domain(problem, hair)
    found = engine.evaluate(problem, hair)

    bends = np.abs(problem.model.row_bend(problem.y, problem.eta(hair)))
    terms = problem.model.sizes(problem.y, problem.eta(hair))[1] + bends * eta_terms(problem, hair)
    size = np.abs(problem.design).T @ (problem.row_weights * terms)
    assert_same_values("gradient", problem, found.score, optimum.score, tolerances.gradient(problem.n), size)
    assert (found.score * inwards).sum() < 0


@pytest.mark.claim(
    "no-fit-beyond-the-edge", source="S6", symptom="The fit says converged, yet it predicts a probability of 1.03."
)
@pytest.mark.parametrize("problem", AT_THE_EDGE, ids=str)
def test_no_fit_at_the_edge_or_beyond_it_is_called_converged(problem, subject):
    """Where the likelihood rises to the edge of the domain no fit is called converged, be it inside, at the edge or beyond."""
    assert_not_called_converged(problem, subject.fit(problem))


@pytest.mark.control("no-fit-beyond-the-edge")
@pytest.mark.parametrize("problem", [problem for problem in AT_THE_EDGE if problem is not THREE_LEVELS], ids=str)
def test_a_fit_that_steps_over_the_edge_is_refused(problem):
    """An engine that maximises the formula of the likelihood wherever that is finite, at risks above 1 too."""
    with pytest.raises(AssertionError, match=r"called converged, with .* at the edge of the domain or beyond"):
        assert_not_called_converged(problem, OverTheEdge.fit(problem))


def assert_not_called_converged(problem, fit):
    """The fit does not call itself converged: there is no zero of the score inside."""
    mean = problem.model.link.inverse(problem.eta(fit.params))
    outside = np.flatnonzero(~problem.model.eta_domain.contains(problem.eta(fit.params)).all(axis=1))
    where = f"{name_rows(outside)} at the edge of the domain or beyond" if len(outside) else "every row inside"
    assert not fit.converged, f"{problem} is called converged, with {where}: means from {mean.min()} to {mean.max()}"


class OverTheEdge:
    """Takes Newton's steps on the formula, and halves one only where that is not finite or does not gain."""

    @staticmethod
    def fit(problem):
        params = likelihood.null_params(problem)
        for _ in range(60):
            bends = problem.model.row_bend(problem.y, problem.eta(params), problem.row_weights)
            information = likelihood.gram(problem.design, -bends[:, :, None])
            step = np.linalg.solve(information, likelihood.score(problem, params))
            here, length = likelihood.kernel(problem, params), 1.0
            while length > 2.0**-30:
                trial = problem.params(problem.free(params) + length * step)
                if likelihood.kernel(problem, trial) >= here:
                    params = trial
                    break
                length /= 2
        errors, value = np.ones_like(step), likelihood.kernel(problem, params)
        return Fit(params, True, 60, "the steps no longer change the coefficients", errors, -2 * value, value)
