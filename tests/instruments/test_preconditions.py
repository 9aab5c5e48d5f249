"""Tests of what is said of separated data: the direction, the rows that it decides, and the sentence about them."""

import numpy as np
import pytest
from scipy import optimize

from spec import existence
from spec.existence import separating, separation
from spec.families import Binomial, Multinomial, NegativeBinomial, Poisson, Tweedie
from spec.links import Log, Logit, Probit, Softmax
from spec.model import Model
from spec.problems import Problem
from tests.instruments.columns import HALVES, LADDER, OVERLAP, column

LOGISTIC, PROBIT, SOFTMAX = Model(Binomial(), Logit()), Model(Binomial(), Probit()), Model(Multinomial(), Softmax())
COUNTS = Model(Poisson(), Log())
OF_ZEROS = [COUNTS, Model(NegativeBinomial(0.5), Log()), Model(Tweedie(1.5), Log())]


CLASSES = np.eye(3)


class TestRows:
    """The rows are all those that any direction decides, by their numbers in the problem."""

    @pytest.mark.parametrize(
        ("problem", "rows", "complete"),
        [
            (Problem.of("a step", LOGISTIC, LADDER, HALVES), [0, 1, 2, 3, 4, 5], True),
            (Problem.of("backwards", PROBIT, LADDER[::-1], HALVES), [0, 1, 2, 3, 4, 5], True),
            (Problem.of("a tie", LOGISTIC, column(0, 1, 1, 2), column(1, 1, 0, 0)), [0, 3], False),
            (Problem.of("ones first", LOGISTIC, column(1, 1, 0, 0), column(1, 1, 1, 0)), [0, 1], False),
            (Problem.of("all ones", LOGISTIC, LADDER, np.ones((6, 1))), [0, 1, 2, 3, 4, 5], True),
            (Problem.of("shares", LOGISTIC, HALVES, column(0.5, 0.25, 0.5, 1, 1, 1), trials=[4.0] * 6), [3, 4, 5], False),
            (Problem.of("three classes", SOFTMAX, LADDER, CLASSES[[0, 0, 1, 1, 2, 2]]), [0, 1, 2, 3, 4, 5], True),
            (Problem.of("a class apart", SOFTMAX, LADDER, CLASSES[[0, 1, 0, 1, 2, 2]]), [0, 1, 2, 3, 4, 5], False),
            (Problem.of("an empty class", SOFTMAX, LADDER, CLASSES[[0, 2, 0, 2, 0, 2]]), [0, 1, 2, 3, 4, 5], False),
            (Problem.of("a group", SOFTMAX, HALVES, CLASSES[[0, 1, 2, 2, 2, 2]]), [3, 4, 5], False),
            *((Problem.of(f"{m}", m, HALVES, column(2, 0, 1, 0, 0, 0)), [3, 4, 5], False) for m in OF_ZEROS),
            (Problem.of("no counts", COUNTS, LADDER, 0 * LADDER), [0, 1, 2, 3, 4, 5], True),
        ],
        ids=str,
    )
    def test_they_are_named_and_the_direction_decides_them(self, problem, rows, complete):
        found = separating(problem)

        assert found.rows.tolist() == rows
        assert found.complete == complete
        assert_decides(found)

    def test_rows_of_weight_0_are_none_of_them(self):
        against, weights = column(0, 3, 0, 0, 1, 2), [1.0, 0, 1, 0, 1, 1]
        problem = Problem.of("weights", COUNTS, HALVES, against[::-1], weights=weights[::-1])

        assert separating(problem).rows.tolist() == [3, 5]
        assert separating(Problem.of("no weights", COUNTS, HALVES, against[::-1])) is None

    def test_a_row_that_one_direction_decides_and_another_does_not_is_one_of_them(self):
        """Three columns that are each zero but for one row, of which the third is seen both ways."""
        X = np.vstack([np.zeros((2, 3)), np.eye(3), -np.eye(3)[2:]])
        problem = Problem.of("three", COUNTS, X, column(1, 2, 0, 0, 0, 0))

        found = separating(problem)
        assert found.rows.tolist() == [2, 3]
        assert_decides(found)

    @pytest.mark.parametrize("unit", [1e-300, 1e-8, 1.0, 1e8, 1e200])
    def test_units_do_not_count(self, unit):
        problem = Problem.of("units", COUNTS, np.hstack([OVERLAP, HALVES * unit]), column(1, 2, 3, 0, 0, 0))

        found = separating(problem)
        assert found.rows.tolist() == [3, 4, 5]
        assert found.direction[:, 0] * [1, 1, unit] == pytest.approx([0, 0, -1], abs=1e-12)

    @pytest.mark.parametrize("little", [1e-3, 1e-9, 1e-15])
    def test_a_positive_count_that_overlaps_by_a_little_is_seen(self, little):
        problem = Problem.of(
            "overlap", COUNTS, HALVES + little * LADDER * (HALVES == 0), column(1, 2, 3, 0, 0, 0), intercept=False
        )
        shares = Problem.of(
            "share", LOGISTIC, HALVES + little * LADDER * (HALVES == 0), column(1, 1, 0, 1, 1, 1), intercept=False
        )

        assert separating(problem) is None
        assert separating(shares) is None

    def test_the_program_is_not_taken_at_its_word(self, monkeypatch):
        """An answer of the linear program that rounding makes, not the data, is no separation."""
        program = optimize.linprog

        def careless(cost, **arguments):
            answer = program(cost, **arguments)
            answer.x[:] = 1.0
            return answer

        monkeypatch.setattr(optimize, "linprog", careless)
        assert separating(Problem.of("overlap", COUNTS, LADDER, column(1, 0, 0, 2, 0, 1))) is None


class TestDirection:
    """The direction is shaped like the free parameters, and it moves what is undecided by nothing but rounding."""

    @pytest.mark.parametrize(
        ("problem", "direction"),
        [
            (Problem.of("down", COUNTS, HALVES, column(2, 0, 1, 0, 0, 0)), [[0], [-1]]),
            (Problem.of("up", LOGISTIC, HALVES, column(1, 0, 1, 1, 1, 1)), [[0], [1]]),
            (Problem.of("level", COUNTS, HALVES, column(0, 0, 0, 3, 2, 0)), [[-1], [1]]),
            (Problem.of("no intercept", COUNTS, HALVES, column(0, 0, 0, 0, 0, 0), intercept=False), [[-1]]),
        ],
        ids=str,
    )
    def test_it_is_known_where_there_is_one_only(self, problem, direction):
        found = separating(problem).direction

        assert found == pytest.approx(np.array(direction, dtype=float), abs=1e-15)
        assert not np.signbit(found[found == 0]).any()

    def test_of_classes_it_has_a_column_for_each_but_the_first(self):
        found = separating(Problem.of("an empty class", SOFTMAX, LADDER, CLASSES[[0, 2, 0, 2, 0, 2]])).direction

        assert found.shape == (2, 2)
        assert found[:, 1].tolist() == [0, 0]


class TestSentence:
    """The sentence names rows, columns with their signs, and what the response never is."""

    @pytest.mark.parametrize(
        ("problem", "said"),
        [
            (
                Problem.of("a level", COUNTS, HALVES, column(2, 0, 1, 0, 0, 0), columns=("level",)),
                "the data are quasi-completely separated: along one direction of the parameters (level down) rows 3, 4 and 5 "
                "gain likelihood for ever and none loses, so no finite optimum exists. Drop those rows and the columns that are "
                "redundant without them, add data, or fit with a penalty.",
            ),
            (
                Problem.of("a row", COUNTS, column(0, 0, 0, 1), column(2, 0, 1, 0)),
                "the data are quasi-completely separated: along one direction of the parameters (x1 down) row 3 gains "
                "likelihood for ever and no other loses, so no finite optimum exists. Drop that row and the columns that are "
                "redundant without it, add data, or fit with a penalty.",
            ),
            (
                Problem.of("ones", LOGISTIC, LADDER, np.ones((6, 1))),
                "the data are completely separated: along one direction of the parameters (the intercept up) rows 0, 1, 2, 3, 4 "
                "and 1 more gain likelihood for ever and none loses, so no finite optimum exists. y is 1 in every row. Add data, "
                "or fit with a penalty.",
            ),
            (
                Problem.of("an empty class", SOFTMAX, LADDER[:4], CLASSES[[0, 2, 0, 2]]),
                "the data are quasi-completely separated: along one direction of the parameters (the intercept of class 1 down) "
                "rows 0, 1, 2 and 3 gain likelihood for ever and none loses, so no finite optimum exists. Class 1 never occurs "
                "in y. Add data, or fit with a penalty.",
            ),
        ],
        ids=str,
    )
    def test_it_says_all_there_is(self, problem, said):
        assert str(separating(problem)) == separation(problem) == said

    @pytest.mark.parametrize(
        ("problem", "never"),
        [
            (Problem.of("zeros", LOGISTIC, LADDER, 0 * LADDER), "y is 0 in every row."),
            (Problem.of("no counts", COUNTS, LADDER, 0 * LADDER), "y is 0 in every row."),
            (Problem.of("one class", SOFTMAX, LADDER, CLASSES[[1] * 6]), "Class 0 never occurs in y. Class 2 never occurs in y."),
            (
                Problem.of("but for weights", LOGISTIC, LADDER, column(1, 0, 0, 0, 0, 0), weights=[0.0, 1, 1, 1, 1, 1]),
                "y is 0 in every row that has weight.",
            ),
        ],
        ids=str,
    )
    def test_it_says_what_never_occurs(self, problem, never):
        assert f" {never} Add data" in separation(problem)

    def test_it_says_so_only_where_it_is_so(self):
        for problem in (
            Problem.of("step", LOGISTIC, LADDER, HALVES),
            Problem.of("three classes", SOFTMAX, LADDER, CLASSES[[0, 0, 1, 1, 2, 2]]),
        ):
            assert "never" not in separation(problem)
            assert "every row" not in separation(problem)

    def test_it_names_the_first_columns_only(self):
        """Seven columns that each decide a row of their own."""
        X = np.vstack([np.zeros((2, 7)), np.eye(7)])
        y = np.concatenate([[1, 2], np.zeros(7)])[:, None]

        said = separation(Problem.of("seven", COUNTS, X, y))
        assert "(x1 down, x2 down, x3 down, x4 down, x5 down, 2 more)" in said
        assert "rows 2, 3, 4, 5, 6 and 2 more gain" in said

    def test_data_that_overlap_have_none(self):
        assert separation(Problem.of("overlap", LOGISTIC, LADDER, OVERLAP)) is None
        assert separating(Problem.of("overlap", LOGISTIC, LADDER, OVERLAP)) is None


def test_what_is_undecided_is_left_to_the_last_digit():
    rows = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 0.0]])

    left = existence._orthogonal(np.array([1.0, 5.0, -2.0]), rows)
    assert np.abs(rows @ left).max() < 1e-13
    assert left == pytest.approx([0, 57 / 13, -38 / 13])
    assert existence._orthogonal(np.array([1.0, 5.0]), np.empty((0, 2))).tolist() == [1, 5]


def assert_decides(found):
    """No comparison of a row in use loses, each decided row gains somewhere, and no other moves by more than rounding."""
    problem, used = found.problem, found.problem.row_weights[:, 0] > 0
    assert found.direction.shape == (problem.q, problem.free_outputs)
    moves = problem.design @ found.direction
    if problem.model.has_classes:
        moves = np.hstack([np.zeros((problem.n, 1)), moves])
        seen = np.where(problem.y > 0, moves, np.inf).min(axis=1)
        unseen = np.where(problem.y > 0, np.inf, seen[:, None] - moves)
        least, most = unseen.min(axis=1), np.where(np.isfinite(unseen), unseen, -np.inf).max(axis=1)
    else:
        ones = isinstance(problem.model.family, Binomial) & (problem.y[:, 0] == 1)
        least = most = np.where(ones, 1, -1) * moves[:, 0]
    undecided = ~np.isin(np.arange(problem.n), found.rows)
    assert (least[used] >= -1e-14).all()
    assert (most[found.rows] > 1e-9).all()
    assert (np.abs(most[undecided & used]) <= 1e-14).all()
