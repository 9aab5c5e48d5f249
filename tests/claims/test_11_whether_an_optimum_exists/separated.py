"""Data that a plane separates: problems whose loss has no minimum, and the direction in which it falls for ever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from spec import problems
from spec.engines.contract import Evaluation
from spec.existence import rank_deficiency, separating
from spec.families import Binomial, Multinomial
from spec.links import Logit, Softmax
from spec.model import Model, Params
from spec.problems import Problem, Said

from ..said import MANY

LOGISTIC = Model(Binomial(), Logit())


def column(*values: float) -> np.ndarray:
    """The values as a column, (n, 1)."""
    return np.array(values, dtype=float)[:, None]


@dataclass(frozen=True, eq=False)
class Separated:
    """A problem, the direction that decides rows of it, and the problem of the rows (or classes) left undecided, if any."""

    problem: Problem
    direction: Callable[[], Params]
    rest: Problem | None = None

    def along(self, params: Params, step: float) -> Params:
        """The parameters moved by ``step`` times the direction."""
        return Params.from_matrix(params.matrix + step * self.direction().matrix)

    def of_rest(self, matrix: np.ndarray) -> np.ndarray:
        """The part of (1 + p, k) that belongs to the undecided problem: without the added column, or class, which is the last."""
        return matrix[: 1 + self.rest.p, : self.rest.k]

    def __str__(self) -> str:
        return str(self.problem)


def assert_falls(evaluate: Callable[[Problem, Params], Evaluation], case: Separated, params: Params) -> None:
    """The loss falls from point to point along the direction, and slopes downwards at each: sum_i r_i d . x_i > 0."""
    points = [case.along(params, step) for step in (0, 1, 4, 16)]
    answers = [evaluate(case.problem, point) for point in points]
    losses = [each.loss for each in answers]
    slopes = [-float((each.score * case.direction().matrix).sum()) for each in answers]

    assert max(slopes) < 0, f"the loss of {case} does not fall: its slopes are {slopes}"
    assert (np.diff(losses) < 0).all(), f"the loss of {case} does not fall: it is {losses}"


def decided(name: str) -> Separated:
    """A planted problem in which each row gives the answer that its planted predictor favours: no row is a surprise."""
    planted = problems.get(name)
    problem = planted.with_data("no surprises", y=lambda data: data.X @ data.planted.coef > 0)
    return Separated(problem, lambda: Params([0], planted.data.planted.coef))


def unanimous_cell(name: str, answer: int) -> Separated:
    """A planted problem with one more column, the indicator of a cell of the table in which all rows answer the same."""
    planted = problems.get(name)
    problem = planted.with_data(
        f"a cell of {answer}s",
        X=lambda data: np.hstack([data.X, data.X[:, :1] > 0]),
        y=lambda data: np.where(data.X[:, :1] > 0, answer, data.y),
    )
    rest = planted.with_data(
        "outside the cell", X=lambda data: data.X[data.X[:, 0] <= 0], y=lambda data: data.y[data.X[:, 0] <= 0]
    )
    return Separated(problem, lambda: Params([0], np.eye(planted.p + 1)[:, -1:] * (1 if answer else -1)), rest)


def class_without_rows(name: str) -> Separated:
    """A problem with one more class, which no row belongs to."""
    seen = problems.get(name)
    problem = seen.with_data("a class without rows", y=lambda data: np.hstack([data.y, np.zeros((len(data.y), 1))]), columns=())
    return Separated(problem, lambda: Params(-np.eye(seen.k + 1)[-1], np.zeros((seen.p, seen.k + 1))), seen)


LADDER = column(-3, -2, -1, 1, 2, 4)
COMPLETE = [
    Separated(Problem.of("two-steps", LOGISTIC, LADDER, LADDER > 0), lambda: Params([0], [[1]])),
    Separated(
        Problem.of("three-steps", Model(Multinomial(), Softmax()), LADDER, np.eye(3)[[0, 0, 1, 1, 2, 2]]),
        lambda: Params([0, 1.5, 0], [[0, 1, 2]]),  # class 1 leads between -1.5 and 1.5
    ),
    *(decided(name) for name in ("logistic-4-colours", "binomial-probit", "binomial-cauchit")),
]
QUASI = [
    unanimous_cell("binomial-logit", 1),
    unanimous_cell("poisson-log", 0),
    unanimous_cell("negative-binomial(0.5)-log", 0),
    unanimous_cell("tweedie(1.5)-log", 0),
    class_without_rows("by-hand-multinomial-softmax-two-groups"),
]


def seen(problem: Problem) -> list[Separated]:
    """The case of a problem that a linear program finds to be separated; none where it is not, or too large to ask."""
    found = None if problem.n > MANY or rank_deficiency(problem) else separating(problem)
    return [] if found is None else [Separated(problem, lambda: problem.params(found.direction))]


EACH = Said(COMPLETE + QUASI, cases=seen)
FITTED = Said([COMPLETE[0], QUASI[0]], cases=seen)
RUNAWAY = Said(COMPLETE[:3] + QUASI, cases=seen)
MARGIN = 2.0
ONE_MARGIN = Problem.of("one-margin", LOGISTIC, MARGIN * column(-1, -1, 1, 1), column(0, 0, 1, 1), intercept=False)
