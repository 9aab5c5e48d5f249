"""The same problem in other coordinates: another basis of the columns, ones in place of a bias, other labels of the classes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from spec.engines.contract import Engine, Evaluation, Fit
from spec.model import Params
from spec.problems import Problem

from .factors import LEVELS


def in_other_coordinates(
    engine: Engine,
    problem: Problem,
    change: np.ndarray | None = None,
    intercept: bool = True,
    order: np.ndarray | None = None,
) -> InOtherCoordinates:
    """The engine, asked about the problem whose design is [1 X] ``change``, and whose classes are in another ``order``."""
    change = np.eye(problem.q) if change is None else change
    order = np.arange(problem.k) if order is None else order
    X = (problem.design @ change)[:, int(intercept) :]
    other = problem.with_data("in other coordinates", X=X, y=problem.y[:, order])
    return InOtherCoordinates(engine, replace(other, intercept=intercept, kind="given"), change, order)


@dataclass(frozen=True)
class InOtherCoordinates:
    """
    What an engine says of a problem by way of ``other``, mapped back.

    The other's design is [1 X] ``change``: parameters go there by its inverse, gradients come back by the inverse's
    transpose, curvature by both. Its classes are those in ``order``.
    """

    engine: Engine
    other: Problem
    change: np.ndarray
    order: np.ndarray

    @property
    def inverse(self) -> np.ndarray:
        """The inverse of ``change``, exact: its entries are whole numbers and quarters."""
        return np.round(LEVELS * np.linalg.inv(self.change)) / LEVELS

    def there(self, params: Params) -> Params:
        """The parameters of the other problem that make the same predictor."""
        rows = self.inverse @ params.matrix[:, self.order]
        return Params.from_matrix(rows if self.other.intercept else np.vstack([0 * rows[:1], rows]))

    def back(self, matrix: np.ndarray) -> np.ndarray:
        """A matrix (1 + p, k), its classes in the old order; without its first row where the other problem has no intercept."""
        return matrix[1 - self.other.intercept :, np.argsort(self.order)]

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        answer = self.engine.evaluate(self.other, self.there(params))
        units = np.eye(problem.q * problem.free_outputs).reshape(-1, problem.free_outputs, problem.q)
        columns = [self.other.free(self.there(problem.params(unit.T))).T.ravel() for unit in units]
        return replace(
            answer,
            mean=answer.mean[:, np.argsort(self.order)],
            score=self.inverse.T @ self.back(answer.score),
            curvature=lambda: np.array(columns) @ answer.information @ np.array(columns).T,
        )

    def fit(self, problem: Problem) -> Fit:
        fit = self.engine.fit(self.other)
        return replace(fit, params=Params.from_matrix(self.change @ self.back(fit.params.matrix)))
