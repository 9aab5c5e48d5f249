"""
Separated data have no optimum.

If a plane divides the rows by their answers, then any fit is beaten by one with larger weights.
"""

from dataclasses import replace

import numpy as np
import pytest

from spec import problems
from spec.evidence.preconditions import PreconditionFailed, ended
from spec.evidence.rungs import TEXTBOOK, assert_same_gradient, assert_same_optimum, proven_optimum
from spec.existence import separation
from spec.model import Params

from ..points import anywhere
from .separated import COMPLETE, EACH, FITTED, QUASI, RUNAWAY, assert_falls


@pytest.mark.claim(
    "separated-no-minimum", source="S6", symptom="Perfect separation: my loss keeps falling and my weights keep growing."
)
@pytest.mark.parametrize("case", EACH, ids=str)
def test_on_separated_data_the_loss_has_no_minimum(case, subject, rng):
    r"""
    On separated data the loss falls along one direction from every point, so no weights are its minimum.

    .. math:: \frac{d}{ds}\,\ell(w + s d) = \sum_i \frac{y_i - \mu_i}{V(\mu_i)}\,h'(\eta_i)\; d \cdot x_i > 0
              \quad \text{for all } w

    A plane separates the data if no row lies on the wrong side of it: then no term is negative, and not all are zero.
    """
    assert_falls(subject.evaluate, case, anywhere(case.problem, rng))


@pytest.mark.control("separated-no-minimum")
@pytest.mark.parametrize("case", COMPLETE[2:], ids=str)
def test_where_rows_surprise_the_loss_rises_in_the_end(case, reference, rng):
    """The responses as they were drawn, some of them on the wrong side of the plane."""
    drawn = problems.get(str(case).partition(",")[0])

    with pytest.raises(AssertionError, match="does not fall"):
        assert_falls(reference.evaluate, replace(case, problem=drawn), anywhere(drawn, rng))


@pytest.mark.claim(
    "separated-is-proven",
    source="S6",
    level="decided exactly",
    symptom="The fit says converged, yet its coefficients are absurd.",
)
@pytest.mark.parametrize("case", EACH, ids=str)
def test_a_linear_program_proves_that_no_optimum_exists(case):
    r"""
    A linear program proves that no optimum exists, since it finds a direction along which no row loses and one gains.

    .. math:: \exists\, d: \quad (2 y_i - 1)\, d \cdot x_i \ge 0 \text{ for all } i, \quad > 0 \text{ for some } i

    So it is for two classes; of more, a row's own is held against each other one; of counts, the zeros decide.
    """
    assert separation(case.problem) is not None
    assert_no_optimum(proven_optimum, case.problem)


@pytest.mark.control("separated-is-proven")
@pytest.mark.parametrize("problem", [case.rest for case in QUASI], ids=str)
def test_the_undecided_rows_have_an_optimum(problem):
    """The rows outside the cell, and the classes that occur."""
    with pytest.raises(AssertionError, match="an optimum exists"):
        assert_no_optimum(proven_optimum, problem)


@pytest.mark.claim(
    "separated-fits-are-refused",
    source="S6",
    level="decided exactly",
    symptom="One program says 9, one says 37, both without a warning.",
)
@pytest.mark.parametrize("case", FITTED, ids=str)
def test_a_fit_of_separated_data_is_refused_whatever_it_says_of_itself(case, subject, reference):
    """No fit of separated data counts as an optimum, whatever it says of itself: the precondition fails by name."""
    assert_no_optimum(lambda problem: assert_same_optimum(problem, subject.fit(problem)), case.problem)
    assert_no_optimum(lambda problem: assert_same_optimum(problem, reference.fit(problem)), case.problem)


@pytest.mark.control("separated-fits-are-refused")
def test_a_fit_of_data_that_overlap_is_an_optimum(reference):
    """The responses as they were drawn."""
    with pytest.raises(AssertionError, match="an optimum exists"):
        assert_no_optimum(
            lambda problem: assert_same_optimum(problem, reference.fit(problem)), problems.get("logistic-4-colours")
        )


@pytest.mark.claim(
    "separated-fits-never-converge", source="S6", symptom="The optimizer says that it converged, and the weights are enormous."
)
@pytest.mark.parametrize("case", RUNAWAY, ids=str)
def test_no_fit_of_separated_data_says_that_it_converged(case, subject):
    r"""
    No fit of separated data says of itself that it converged: loss and decrement come to rest there, the predictor does not.

    .. math:: \ell(w_t) \to \sup \ell, \qquad \max_i |x_i \cdot (w_{t+1} - w_t)| \not\to 0

    A step in units of its standard error vanishes too, since the standard errors grow without end.
    """
    assert_runs_away(subject.fit(case.problem))


@pytest.mark.control("separated-fits-never-converge")
@pytest.mark.parametrize("case", RUNAWAY, ids=str)
def test_a_runaway_fit_that_says_it_converged_is_refused(case):
    """The fit of such data, called converged."""
    with pytest.raises(AssertionError, match="says that it converged"):
        assert_runs_away(replace(TEXTBOOK.fit(case.problem), converged=True))


def assert_runs_away(fit):
    """The fit does not say that it converged."""
    assert not fit.converged, f"the fit says that it converged{ended(fit)}"


def assert_no_optimum(prove, problem):
    """The proof fails as a precondition, and by the name of separation."""
    try:
        proven = prove(problem)
    except PreconditionFailed as failed:
        which = failed.which
    else:
        which = f"none, an optimum exists: {proven}"
    assert which == "separated", f"{problem}: the precondition that failed is {which}"


@pytest.mark.claim("decided-rows-drop-out", source="S6", symptom="One coefficient explodes; may I trust the others?")
@pytest.mark.parametrize("case", QUASI, ids=str)
def test_what_is_decided_leaves_the_gradient_and_the_rest_stays(case, subject, reference, rng):
    r"""
    Far along the direction the decided rows leave the gradient: what stays is the score of the undecided rows.

    .. math:: \lim_{s \to \infty} \frac{\partial \ell}{\partial w}(w + s d)
              = \sum_{i:\, d \cdot x_i = 0} \frac{y_i - \mu_i}{V(\mu_i)}\,h'(\eta_i)\,x_i

    A class that no row belongs to leaves likewise: what stays is the score of the other classes.
    """
    rest = anywhere(case.rest, rng)
    whole = np.zeros((1 + case.problem.p, case.problem.k))
    case.of_rest(whole)[:] = rest.matrix
    network = subject.evaluate(case.problem, case.along(Params.from_matrix(whole), 128))

    theirs = replace(network, score=case.of_rest(network.score))
    assert_same_gradient(case.rest, rest, theirs, reference.evaluate(case.rest, rest))


@pytest.mark.control("decided-rows-drop-out")
@pytest.mark.parametrize("case", QUASI[:4], ids=str)
def test_one_step_along_the_direction_is_not_the_limit(case, reference, rng):
    """One unit along the direction in place of 128."""
    rest = anywhere(case.rest, rng)
    near = reference.evaluate(case.problem, case.along(Params.from_matrix(np.vstack([rest.matrix, [[0]]])), 1))

    with pytest.raises(AssertionError, match="not the same gradient"):
        assert_same_gradient(case.rest, rest, replace(near, score=near.score[:-1]), reference.evaluate(case.rest, rest))


@pytest.mark.claim(
    "the-others-converge",
    source="S6",
    level="proven for this problem",
    symptom="Quasi-complete separation: one coefficient is 40, with a standard error of 10000.",
)
@pytest.mark.parametrize("case", [case for case in FITTED if case.rest], ids=str)
def test_one_coefficient_diverges_and_the_others_converge(case, subject, reference):
    """Where data are quasi-separated, one coefficient diverges and the others converge to the fit of the undecided rows."""
    for engine in (subject, reference):
        fit = engine.fit(case.problem)

        others = Params.from_matrix(case.of_rest(fit.params.matrix))
        assert_same_optimum(case.rest, replace(engine.fit(case.rest), params=others))


@pytest.mark.control("the-others-converge")
@pytest.mark.parametrize("case", [case for case in FITTED if case.rest], ids=str)
def test_without_the_column_of_the_cell_the_others_go_elsewhere(case, reference):
    """The column dropped, as is often advised, and its rows kept."""
    without = case.problem.with_data(X=lambda data: data.X[:, :-1])

    with pytest.raises(AssertionError, match="not the same optimum"):
        assert_same_optimum(case.rest, reference.fit(without))
