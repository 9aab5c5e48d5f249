"""A domain knows its members, and its own name."""

import dataclasses

import numpy as np
import pytest

from spec.domains import (
    CLOSED_UNIT,
    COUNTS,
    INFINITY,
    NEGATIVE,
    NON_NEGATIVE,
    POSITIVE,
    REAL,
    UNIT,
    Counts,
    Domain,
    Interval,
    Simplex,
)

SCALARS = (REAL, POSITIVE, NON_NEGATIVE, NEGATIVE, UNIT, CLOSED_UNIT, COUNTS)
EPS = np.finfo(float).eps
TINY = 5e-324  # the smallest float64 above 0
BELOW_ONE = 1 - EPS / 2


def members(domain, candidates):
    return {x for x in candidates if domain.contains(x)}


@pytest.mark.parametrize(
    ("domain", "inside"),
    [
        (REAL, {-1e308, -1.0, -TINY, 0.0, TINY, 0.5, BELOW_ONE, 1.0, 1 + EPS, 2.0, 1e308}),
        (POSITIVE, {TINY, 0.5, BELOW_ONE, 1.0, 1 + EPS, 2.0, 1e308}),
        (NON_NEGATIVE, {0.0, TINY, 0.5, BELOW_ONE, 1.0, 1 + EPS, 2.0, 1e308}),
        (NEGATIVE, {-1e308, -1.0, -TINY}),
        (UNIT, {TINY, 0.5, BELOW_ONE}),
        (CLOSED_UNIT, {0.0, TINY, 0.5, BELOW_ONE, 1.0}),
        (COUNTS, {0.0, 1.0, 2.0, 1e308}),
    ],
    ids=str,
)
def test_members_are_these(domain, inside):
    """Each domain holds its numbers to the last float64 before an end, and neither NaN nor an infinity."""
    candidates = [-INFINITY, -1e308, -1.0, -TINY, 0.0, TINY, 0.5, BELOW_ONE, 1.0, 1 + EPS, 2.0, 1e308, INFINITY, np.nan]

    assert members(domain, candidates) == inside


@pytest.mark.parametrize("closed", [(False, False), (False, True), (True, False), (True, True)], ids=str)
def test_interval_includes_an_end_where_it_says_so(closed):
    """``closed`` names the ends that belong, left then right; what lies between always does."""
    interval = Interval(low=-2.0, high=3.5, closed=closed)

    assert (interval.contains(-2.0), interval.contains(3.5)) == closed
    assert interval.contains([np.nextafter(-2.0, 0), 0.0, np.nextafter(3.5, 0)]).all()
    assert not interval.contains([np.nextafter(-2.0, -3), np.nextafter(3.5, 4), np.nan]).any()


def test_closed_ends_may_be_infinite():
    """An interval closed at an infinite end contains that infinity, and only then."""
    assert Interval(closed=(True, True)).contains([-np.inf, np.inf]).all()
    assert not Interval().contains([-np.inf, np.inf]).any()


@pytest.mark.parametrize("domain", SCALARS, ids=str)
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 4)], ids=str)
def test_answer_is_a_boolean_for_each_value(domain, shape):
    """``contains`` answers with as many booleans as there are values, in the same shape."""
    answer = domain.contains(np.full(shape, 0.25))

    assert (np.shape(answer), np.asarray(answer).dtype) == (shape, bool)


@pytest.mark.parametrize("domain", SCALARS, ids=str)
def test_lists_and_integers_are_values_too(domain):
    """What NumPy reads as numbers can be asked for: a list of integers as well as an array of floats."""
    whole = [-1, 0, 1, 2]

    assert (domain.contains(whole) == domain.contains(np.array(whole, dtype=float))).all()


@pytest.mark.parametrize(
    ("domain", "name"),
    [
        (REAL, "(-inf, inf)"),
        (POSITIVE, "(0, inf)"),
        (NON_NEGATIVE, "[0, inf)"),
        (NEGATIVE, "(-inf, 0)"),
        (UNIT, "(0, 1)"),
        (CLOSED_UNIT, "[0, 1]"),
        (Interval(low=-0.5, high=2.25, closed=(False, True)), "(-0.5, 2.25]"),
        (COUNTS, "{0, 1, 2, ...}"),
        (Simplex(), "shares >= 0 that sum to 1"),
        (Simplex(interior=True), "shares > 0 that sum to 1"),
    ],
    ids=str,
)
def test_names_are_these(domain, name):
    """A domain's name is the textbook's: brackets that include, parentheses that do not."""
    assert str(domain) == name


@pytest.mark.parametrize(
    ("row", "closed", "interior"),
    [
        ([0.2, 0.3, 0.5], True, True),
        ([1.0, 0.0, 0.0], True, False),
        ([1.0, TINY, TINY], True, True),
        ([0.5, 0.6, -0.1], False, False),
        ([0.2, 0.3, 0.4], False, False),
        ([0.2, 0.3, 0.6], False, False),
        ([np.nan, 0.5, 0.5], False, False),
        ([np.inf, 0.0, 0.0], False, False),
        ([1.0], True, True),
    ],
    ids=str,
)
def test_simplex_holds_rows_of_shares(row, closed, interior):
    """A row of shares sums to 1 and has none below 0; in the interior none is 0. A row is in or out as a whole."""
    assert Simplex().contains(row).tolist() == [closed] * len(row)
    assert Simplex(interior=True).contains(row).tolist() == [interior] * len(row)


@pytest.mark.parametrize("classes", [2, 5, 16])
def test_simplex_forgives_rounding_only(classes):
    """A sum is 1 up to 4 K eps, which K roundings make; a row off by twice that is none."""
    row = np.full(classes, 1 / classes)
    slack = 4 * classes * EPS

    for sign in (-1, 1):
        assert Simplex().contains([*row[1:], row[0] + sign * slack * 0.9]).all()
        assert not Simplex().contains([*row[1:], row[0] + sign * slack * 1.2]).any()


def test_simplex_judges_each_row_by_itself():
    """Each of many rows is in or out by itself, along the last axis, and the answer has the shape of the question."""
    rows = np.array([[[0.5, 0.5], [0.5, 0.6]], [[0.0, 1.0], [np.nan, 1.0]]])

    assert Simplex().contains(rows).tolist() == [[[True] * 2, [False] * 2], [[True] * 2, [False] * 2]]


@pytest.mark.parametrize("domain", [*SCALARS, Simplex(), Simplex(interior=True)], ids=str)
def test_equality_is_by_value(domain):
    """Equal domains are equal, hash alike and cannot be changed."""
    twin = dataclasses.replace(domain)

    assert (twin == domain, hash(twin) == hash(domain)) == (True, True)
    for field in dataclasses.fields(domain):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(domain, field.name, None)


def test_domains_differ():
    """No two of the named domains are equal: they are different sets."""
    named = [*SCALARS, Simplex(), Simplex(interior=True)]

    assert [a == b for a in named for b in named] == [i == j for i in range(len(named)) for j in range(len(named))]
    assert Counts() == COUNTS
    assert all(isinstance(domain, Domain) for domain in named)
