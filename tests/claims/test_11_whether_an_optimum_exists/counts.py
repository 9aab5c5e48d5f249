"""
Counts that are separated: each in another shape, with the rows that are decided and the problem of those that are not.

The shapes are those on which packages fail (Correia, Guimaraes and Zylkin 2019, "Verifying the existence of maximum likelihood
estimates for generalized linear models"); the data are made here. A zero is decided by a direction of the coefficients which
lowers its predictor and moves that of no positive count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from spec.evidence.rungs import proven_optimum
from spec.families import NegativeBinomial, Poisson
from spec.links import Log
from spec.model import ALPHA, Model, Params
from spec.problems import Problem

TINY = 2.0**-27  # a unit
POISSON, NEGATIVE_BINOMIAL = Model(Poisson(), Log()), Model(NegativeBinomial(ALPHA), Log())


@dataclass(frozen=True, eq=False)
class SeparatedCounts:
    """
    A problem, a direction that decides rows of it, all the rows that any direction decides, and what they leave behind.

    ``way`` (q,) is the direction, the intercept first where there is one; ``rows`` are numbered as in the problem; ``redundant``
    are the columns of X that depend on those before them where the rows are dropped.
    """

    problem: Problem
    way: tuple[float, ...]
    rows: tuple[int, ...]
    redundant: tuple[int, ...]

    def direction(self) -> Params:
        """The direction as parameters."""
        return self.problem.params(np.array(self.way)[:, None])

    @cached_property
    def rest(self) -> Problem:
        """The problem without the decided rows and without the columns that are then redundant."""
        return self.without(self.rows, self.redundant)

    def without(self, rows: Sequence[int], columns: Sequence[int]) -> Problem:
        """The problem without some of its rows and some of its columns."""
        parts = {
            part: np.delete(value, rows, axis=0)
            for part, value in vars(self.problem.data).items()
            if part in ("y", "offset", "weights") and value is not None
        }
        X = np.delete(np.delete(self.problem.X, rows, axis=0), columns, axis=1)
        return self.problem.with_data(f"without {len(rows)} rows and {len(columns)} columns", X=X, **parts)

    def redundant_but_for(self, row: int) -> tuple[int, ...]:
        """The redundant columns but for the first that is not redundant where this row stays."""
        kept = np.append(np.delete(np.arange(self.problem.n), self.rows), row)
        kept = kept[self.problem.row_weights[kept, 0] > 0]
        for column in self.redundant:
            others = tuple(other for other in self.redundant if other != column)
            design = np.delete(self.problem.design[kept], np.array(others, dtype=int) + self.problem.intercept, axis=1)
            if np.linalg.matrix_rank(design / np.abs(design).max(axis=0).clip(TINY)) == design.shape[1]:
                return others
        raise AssertionError(f"{self}: row {row} makes no column count")

    def held(self, step: float) -> Problem:
        """All rows, each predictor moved by ``step`` times the direction for good: the redundant columns are free no more."""
        offset = np.zeros_like(self.problem.y) if self.problem.offset is None else self.problem.offset
        moved = offset + step * self.problem.design @ np.array(self.way)[:, None]
        X = np.delete(self.problem.X, self.redundant, axis=1)
        near = proven_optimum(self.rest).params  # where to look for the optimum to prove
        return self.problem.with_data(f"held at {step:g}", X=X, offset=moved, planted=near)

    @property
    def one_direction(self) -> bool:
        """True where one column is redundant, so that the direction is the only one."""
        return len(self.redundant) == 1

    def along(self, params: Params, step: float) -> Params:
        """The parameters moved by ``step`` times the direction."""
        return Params.from_matrix(params.matrix + step * self.direction().matrix)

    def overlapping(self) -> SeparatedCounts:
        """The same with a count of 1 in the first of the decided rows: that is one against the direction."""
        first = np.arange(self.problem.n)[:, None] == self.rows[0]
        return replace(self, problem=self.problem.with_data("but for one", y=lambda data: data.y + first))

    def as_negative_binomial(self) -> SeparatedCounts:
        """The same counts, as of a negative binomial."""
        return replace(self, problem=replace(self.problem, name=f"{self}, negative binomial", model=NEGATIVE_BINOMIAL))

    def __str__(self) -> str:
        return str(self.problem)


# -- the rows that are not decided: eight of a covariate, with zeros among their counts -----------------------------------
COVARIATE = (-3, -2, -1, 0, 1, 2, 3, 4)
UNDECIDED = (1, 0, 2, 0, 3, 1, 4, 2)


def beside(
    name: str,
    columns: Sequence[Sequence[float]],
    zeros: Sequence[Sequence[float]],
    way: Sequence[float],
    redundant: Sequence[int],
    undecided: Sequence[float] = UNDECIDED,
    rows: Sequence[int] = (),
    **data: Any,
) -> SeparatedCounts:
    """
    Zeros that are decided, beside the eight rows that are not.

    ``columns`` hold the eight rows, a column after the other and behind the covariate; ``zeros`` hold all columns, a row after
    the other. ``rows`` are the decided ones, where some of the zeros are not.
    """
    above = np.column_stack([COVARIATE, *columns])
    X = np.vstack([above, zeros])
    y = np.pad(np.array(undecided, dtype=float), (0, len(X) - len(undecided)))[:, None]
    decided = tuple(rows or range(len(above), len(X)))
    return SeparatedCounts(Problem.of(name, POISSON, X, y, **data), tuple(way), decided, tuple(redundant))


LARGE = (1e6, 4e5, 3e6, 2e6, 5e6, 0, 9e6, 4e6)
NONE = (0,) * 8
OTHER = (1, 3, 2, 2, 5, 1, 4, 3)  # a column of the eight rows
THIRD = (2, 0, 1, 3, 1, 0, 2, 4)

POSITIVE = [(-1, 1), (0, 2), (2, 1), (3, 3)]  # the covariate, and a column that is 0 elsewhere
DIFFERENCE = [(1, 4, 3), (0, 2, 0), (-2, 5, 4), (3, 1, 0)]  # the covariate, and two columns that are the same elsewhere


def sums(columns: Sequence[Sequence[float]], weights: Sequence[float]) -> tuple[float, ...]:
    """The sum of the columns, each times its weight."""
    return tuple(np.dot(weights, columns).tolist())


def table(name: str, cells: Sequence[tuple[int, int, int]], way: Sequence[float], redundant: Sequence[int]) -> SeparatedCounts:
    """Counts of two factors, (row, column, count) of each cell that was seen: a column of X for each level but the first."""
    row, column, count = np.array(cells).T
    levels = [row == level for level in range(1, row.max() + 1)] + [column == level for level in range(1, column.max() + 1)]
    X, y = np.column_stack(levels).astype(float), count[:, None]
    decided = np.flatnonzero(X @ np.array(way[1:]) + way[0] < 0)
    return SeparatedCounts(Problem.of(name, POISSON, X, y), tuple(way), tuple(decided.tolist()), tuple(redundant))


LEVEL = [(level, 0, count) for level, counts in enumerate([(2, 0, 1, 3), (4, 1, 0), (0, 0, 0, 0), (1, 5, 2)]) for count in counts]
FIRMS = [  # firms 0 and 1 in years 0 to 3, with zeros in years 2 and 3; firms 2 and 3 in years 2 and 3 only
    *((0, 0, 2), (0, 1, 3), (0, 2, 0), (0, 3, 0), (1, 0, 6), (1, 1, 1), (1, 2, 0), (1, 3, 0)),
    *((2, 2, 3), (2, 3, 1), (3, 2, 2), (3, 3, 6)),
]
SIMPLEX = [OTHER, THIRD, (3, 1, 4, 1, 5, 9, 2, 6)]  # and a fourth column that makes 2 a - b + 3 c - d = 0

SHAPES = [
    beside("positive-only-at-zeros", [NONE], POSITIVE, (0, 0, -1), (1,)),
    beside("one-zero-alone", [NONE], POSITIVE[:1], (0, 0, -1), (1,)),
    beside("a-difference", [OTHER, OTHER], DIFFERENCE, (0, 0, -1, 1), (2,)),
    beside(
        "three-columns",
        [OTHER, THIRD, sums([OTHER, THIRD], [1, 1])],
        [(1, 2, 1, 4), (0, 1, 1, 5), (-2, 3, 0, 4), (2, 0, 2, 3)],
        (0, 0, 1, 1, -1),
        (3,),
    ),
    beside("constant-where-positive", [(5,) * 8], [(1, 6), (-2, 7), (0, 9), (3, 6)], (5, 0, -1), (1,)),
    beside(
        "collinear-where-positive",
        [sums([COVARIATE], [2])],
        [(1, 3), (0, 1), (-2, -2), (3, 7)],
        (0, 2, -1),
        (1,),
    ),
    table("a-level-of-zeros", LEVEL, (0, 0, -1, 0), (1,)),
    beside("a-group-and-its-slope", [NONE, NONE], [(z, 1, z) for z in (-2, 0, 1, 3)], (0, 0, -1, 0), (1, 2)),
    table("firms-and-years", FIRMS, (0, 0, 1, 1, 0, -1, -1), (5,)),
    beside(
        "one-behind-the-other",
        [NONE, NONE],
        [(1, 2, -1), (-1, 1, 2), (2, 0, 1), (0, 0, 3)],
        (0, 0, -2, -1),
        (1, 2),
    ),
    beside(
        "three-in-a-chain",
        [NONE, NONE, NONE],
        [(1, 1, -1, 1), (-1, 1, 1, -2), (2, 0, 1, -1), (0, 0, 2, -3), (3, 0, 0, 1), (-2, 0, 0, 2)],
        (0, 0, -4, -2, -1),
        (1, 2, 3),
    ),
    beside("signs-mixed-but-in-the-sum", [NONE, NONE], [(1, 2, -1), (0, -1, 2), (2, 3, -2), (-2, 1, 1)], (0, 0, -1, -1), (1, 2)),
    beside(
        "signs-mixed-in-part",
        [NONE, NONE],
        [(1, 1, 0), (0, -1, 0), (2, 1, 1), (-2, -1, 1)],
        (0, 0, 0, -1),
        (2,),
        rows=(10, 11),
    ),
    beside(
        "seen-by-a-simplex-only",
        [*SIMPLEX, sums(SIMPLEX, [2, -1, 3])],
        [(1, 2, 1, 0, 1), (0, 1, 4, 2, 3), (-2, 3, 1, 1, 5), (3, 0, 2, 1, 0), (2, 1, 1, 1, 3)],
        (0, 0, -2, 1, -3, 1),
        (4,),
    ),
    beside("in-units-of-1e8", [NONE], [(z, x * 1e8) for z, x in POSITIVE], (0, 0, -1e-8), (1,)),
    beside("in-units-of-1e-8", [NONE], [(z, x * 1e-8) for z, x in POSITIVE], (0, 0, -1e8), (1,)),
    beside(
        "a-difference-in-two-units",
        [OTHER, sums([OTHER], [TINY])],
        [(z, a, b * TINY) for z, a, b in DIFFERENCE],
        (0, 0, -1, 1 / TINY),
        (2,),
    ),
    beside("with-an-offset", [OTHER, OTHER], DIFFERENCE, (0, 0, -1, 1), (2,), offset=[[0.5], [1], [1.5], [0]] * 3),
    beside(
        "with-weights", [OTHER, OTHER], DIFFERENCE, (0, 0, -1, 1), (2,), weights=[0.5, 2, 1, 3, 1.5, 1, 0.25, 2, 4, 1, 0.5, 2]
    ),
    beside(
        "mixed-but-for-weights-of-0",
        [NONE],
        [(1, 1), (0, -2), (2, 2), (-2, -1)],
        (0, 0, -1),
        (1,),
        rows=(8, 10),
        weights=[1] * 9 + [0, 1, 0],
    ),
    beside(
        "overlapping-but-for-a-weight-of-0",
        [NONE],
        POSITIVE,
        (0, 0, -1),
        (1,),
        (*UNDECIDED, 3),
        rows=(9, 10, 11),
        weights=[1] * 8 + [0, 1, 1, 1],
    ),
    beside("large-counts", [NONE], POSITIVE, (0, 0, -1), (1,), LARGE),
    beside("without-an-intercept", [OTHER, OTHER], DIFFERENCE, (0, -1, 1), (2,), intercept=False),
]
CASES = [*SHAPES, *(case.as_negative_binomial() for case in SHAPES)]

# -- counts that are nearly separated -------------------------------------------------------------------------------------
MIXED = beside("signs-mixed-at-zeros", [NONE], [(1, 1), (0, -2), (2, 2), (-2, -1)], (0, 0, -1), (1,))
LIGHT = beside("a-count-of-small-weight", [NONE], POSITIVE, (0, 0, -1), (1,), weights=[1] * 8 + [2.0**-20, 1, 1, 1])
NEARLY = [
    MIXED.problem,
    *(case.overlapping().problem for case in [*CASES, LIGHT] if case.one_direction),
]
