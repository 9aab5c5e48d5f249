"""
Separated counts.

Zeros alone separate counts: often no single column shows it, and the fits that packages report are refused all the same.
"""

import pytest

from spec.engines.wrong import Nudged
from spec.evidence.rungs import assert_same_optimum, proven_optimum
from spec.existence import separating
from spec.problems.problem import name_rows

from ..points import anywhere
from .counts import CASES, NEARLY, POISSON, SHAPES
from .separated import assert_falls
from .test_1_separated_data import assert_no_optimum


@pytest.mark.claim(
    "separated-counts-are-named",
    source="S6",
    level="decided exactly",
    symptom="My Poisson regression does not converge. Which rows are to blame?",
)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_zeros_that_separated_counts_decide_are_named(case):
    r"""
    Counts whose zeros are separated have no optimum, and a linear program names the rows that are decided, and only these.

    .. math:: \exists\, d: \quad d \cdot x_i = 0 \text{ where } y_i > 0, \quad d \cdot x_i \le 0 \text{ where } y_i = 0,
              \quad < 0 \text{ for some } i

    A level of zeros is the simplest shape. A difference of columns, a combination of four, two factors with empty cells, columns
    that are collinear but for zeros, and columns of which one separates only once the other is gone, are others.
    """
    assert_names(case.problem, case.rows)


@pytest.mark.control("separated-counts-are-named")
@pytest.mark.parametrize("problem", NEARLY, ids=str)
def test_one_count_against_the_direction_leaves_nothing_to_name(problem):
    """One count of 1 among the zeros; a weight of a millionth on it; and zeros on either side."""
    with pytest.raises(AssertionError, match="no rows are decided"):
        assert_names(problem, [8])


def assert_names(problem, rows):
    """The linear program finds these rows, and the proof of an optimum fails with their numbers."""
    found = separating(problem)
    assert found is not None, f"{problem}: no rows are decided; {proven_optimum(problem)}"
    assert found.rows.tolist() == list(rows), f"{problem}: the rows that are decided are {found.rows.tolist()}"
    assert name_rows(rows) in str(found)
    assert_no_optimum(proven_optimum, problem)


@pytest.mark.claim(
    "separated-counts-fall", source="S6", symptom="The deviance still falls in the last decimal, however long I train."
)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_along_the_direction_of_separated_counts_the_loss_falls_for_ever(case, subject, rng):
    r"""
    Along the direction that separates counts the loss falls from every point, by what the decided means still have.

    .. math:: \ell(w + s d) = \ell(w) + \sum_{i \text{ decided}} w_i \left( e^{\eta_i} - e^{\eta_i + s\, d \cdot x_i} \right)

    So it is of Poisson counts; a negative binomial loses a logarithm of such terms.
    """
    assert_falls(subject.evaluate, case, anywhere(case.problem, rng))


@pytest.mark.control("separated-counts-fall")
@pytest.mark.parametrize("case", [case for case in CASES if case.one_direction], ids=str)
def test_where_one_count_is_against_the_direction_the_loss_rises_in_the_end(case, reference, rng):
    """A count of 1 in the first of the decided rows: sixteen steps on it is held for impossible."""
    with pytest.raises(AssertionError, match="does not fall"):
        assert_falls(reference.evaluate, case.overlapping(), anywhere(case.problem, rng))


EASY = [problem for problem in NEARLY if problem.model == POISSON and "unit" not in str(problem) and "weight" not in str(problem)]


@pytest.mark.claim(
    "no-fit-of-separated-counts",
    source="S6",
    level="decided exactly",
    symptom="The Poisson fit converged, with a coefficient of -22 and no warning.",
)
@pytest.mark.parametrize("case", SHAPES, ids=str)
def test_no_fit_of_separated_counts_is_an_optimum(case, subject):
    """No fit of separated counts counts as an optimum, in whatever units, weights and offsets: the precondition fails by name."""
    assert_no_optimum(lambda problem: assert_same_optimum(problem, subject.fit(problem)), case.problem)


@pytest.mark.control("no-fit-of-separated-counts")
@pytest.mark.parametrize("problem", EASY, ids=str)
def test_a_fit_of_counts_that_are_nearly_separated_is_an_optimum(problem, reference):
    """Zeros on either side, or one count against the direction, in units and weights of like size."""
    with pytest.raises(AssertionError, match="an optimum exists"):
        assert_no_optimum(lambda problem: assert_same_optimum(problem, reference.fit(problem)), problem)


@pytest.mark.claim(
    "nearly-separated-counts",
    source="S6",
    level="proven for this problem",
    symptom="A coefficient of -14 with a standard error of 1000: is that separation?",
)
@pytest.mark.parametrize("problem", NEARLY, ids=str)
def test_counts_that_are_nearly_separated_have_an_optimum_and_the_network_finds_it(problem, subject):
    """One row against each direction is enough for an optimum, however far away and flat, and the network finds it."""
    assert_same_optimum(problem, subject.fit(problem))


@pytest.mark.control("nearly-separated-counts")
@pytest.mark.parametrize("problem", NEARLY, ids=str)
def test_a_millionth_of_a_standard_error_off_is_refused(problem, reference):
    """The last coefficient moved by a millionth of its standard error."""
    with pytest.raises(AssertionError, match="not the same optimum"):
        assert_same_optimum(problem, Nudged(reference).fit(problem))


@pytest.mark.claim(
    "undecided-counts-have-an-optimum",
    source="S6",
    level="proven for this problem",
    symptom="May I drop the rows that are separated, and which columns with them?",
)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_without_the_decided_rows_counts_have_an_optimum(case):
    """Without the decided rows, and without the columns that are redundant then, separated counts have an optimum."""
    assert_optimum(case.rest)


@pytest.mark.control("undecided-counts-have-an-optimum")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_with_one_decided_row_left_there_is_no_optimum(case):
    """All decided rows dropped but the last; of the columns that are redundant without it, one stays."""
    with pytest.raises(AssertionError, match="no optimum: precondition failed: separated"):
        assert_optimum(case.without(case.rows[:-1], case.redundant_but_for(case.rows[-1])))


def assert_optimum(problem):
    """An optimum is proven."""
    try:
        proven_optimum(problem)
    except Exception as failed:
        raise AssertionError(f"no optimum: {failed}") from failed


@pytest.mark.claim(
    "undecided-counts-are-the-limit",
    source="S6",
    level="proven for this problem",
    symptom="One Poisson coefficient runs away; the others differ by program.",
)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_fit_without_the_decided_rows_is_the_limit(case, subject):
    r"""
    Trained without the decided rows the network holds what the other coefficients of separated counts tend to.

    .. math:: \lim_{t \to \infty} \arg\max_b\, \ell(b + t d) = \arg\max_b\, \sum_{i \text{ undecided}} \ell_i(b)

    The distance shrinks like the decided means, by a factor of e for each unit that the predictors fall.
    """
    fit = subject.fit(case.rest)

    assert_same_optimum(case.rest, fit)
    assert_same_optimum(case.held(64), fit)


@pytest.mark.control("undecided-counts-are-the-limit")
@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_short_of_the_limit_the_others_are_elsewhere(case, step, reference):
    """The redundant columns dropped, as is often advised, and the rows kept; and one unit along the direction."""
    with pytest.raises(AssertionError, match="not the same optimum"):
        assert_same_optimum(case.held(step), reference.fit(case.rest))
