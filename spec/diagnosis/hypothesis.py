"""
Hypotheses: other problems at whose optimum an answer may lie.

At the optimum of the right hypothesis the score vanishes, so none needs a fit: its score at the answer, in standard errors, is
the answer's distance from it (`spec.diagnosis.context` sums it). Scores are summed in *white* coordinates, in which the columns
of the design are nearly orthonormal, so that badly scaled columns cost no digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from spec.diagnosis.objective import Objective
from spec.diagnosis.result import Finding
from spec.fit.rows import Batch
from spec.model import Params

Step = Callable[[Batch, np.ndarray], Batch]  # a function of a batch and the numbers of its rows


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """
    A supposed problem: its objective, the changes it makes to the rows, and the answer's coefficients as this problem would
    state them, ``matrix`` (1 + p, k) with the bias first.

    ``found`` are the causes that it supposes. ``penalty`` (q m, q m) and ``pull`` (q, m) are P and c of a penalty b'Pb / 2 + c'b,
    which is subtracted from the objective.
    """

    objective: Objective
    matrix: np.ndarray
    intercept: bool
    steps: tuple[Step, ...] = ()
    found: tuple[Finding, ...] = ()
    penalty: np.ndarray | None = None
    pull: np.ndarray | None = None
    back: np.ndarray | None = None  # (1 + p, 1 + p): its product with the matrix is the weights as they were brought
    rounding: np.ndarray | None = None  # (1 + p, k): half a unit of the last digit of each
    unknowns: int = 0  # numbers that were chosen such that little is left of the score
    is_flat: bool = False  # every row has one response: nothing else can be said, and the dispersion is that of the question
    has_other_response: bool = False  # such as its logarithm, of which the dispersion of the question says nothing
    extra: np.ndarray | None = None  # the kernel (p + 1, k) of an answer that has a column more than the question

    def after(self, step: Step) -> Hypothesis:
        """This hypothesis, with a further step for the rows."""
        return replace(self, steps=(*self.steps, step))

    def before(self, step: Step) -> Hypothesis:
        """This hypothesis, with a step that goes before all others: on the rows as the question has them."""
        return replace(self, steps=(step, *self.steps))

    def of_batch(self, function: Callable[[Batch], Batch]) -> Hypothesis:
        """This hypothesis, with a further step that needs no numbers of the rows."""
        return self.after(lambda batch, numbers: function(batch))

    def mapped(self, function: Callable[[np.ndarray], np.ndarray]) -> Hypothesis:
        """This hypothesis, with its parameters (1 + p, k) put into other units or another coding by a linear function."""
        matrix = function(np.eye(len(self.matrix)))
        back, rounding = np.linalg.inv(matrix), self.rounding
        return replace(
            self,
            matrix=function(self.matrix),
            back=back if self.back is None else self.back @ back,
            rounding=None if rounding is None else np.abs(matrix) @ rounding,
        )

    @property
    def of_brought(self) -> np.ndarray:
        """The matrix (q, q) from the parameters to the units of the answer as it was brought: a penalty acts in those."""
        first = self.first
        return np.eye(len(self.matrix) - first) if self.back is None else self.back[first:, first:]

    def rows(self, batch: Batch, numbers: np.ndarray) -> Batch:
        """The batch as the hypothesis has it."""
        for step in self.steps:
            batch = step(batch, numbers)
        return batch

    def eta(self, rows: Batch) -> np.ndarray:
        """The linear predictors (n, k) of rows that are as the hypothesis has them."""
        return rows.eta(Params.from_matrix(self.matrix))

    @property
    def first(self) -> int:
        """The row of the matrix with which the q coefficients begin: 0, or 1 where there is no intercept."""
        return 0 if self.intercept else 1

    @property
    def free(self) -> np.ndarray:
        """The free parameters (q, m)."""
        return self.objective.free(self.matrix[self.first :])

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(one.code for one in self.found)

    @property
    def is_alone(self) -> bool:
        """Whether no cause is supposed yet but that the numbers are exponentials: those are written so, and it is one problem."""
        return set(self.codes) <= {"exponentiated"}
