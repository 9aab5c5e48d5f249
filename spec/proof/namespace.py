"""The namespace of expressions: each formula of `spec.links` and `spec.families`, each name by its textbook definition."""

from __future__ import annotations

from typing import Any

import numpy as np

from spec.elementary import Number
from spec.proof import functions
from spec.proof.field import Expr, Field


class Expressions:
    """`spec.elementary.Elementary` on expressions of a field, as far as the means, kernels and variances of the families go."""

    def __init__(self, field: Field) -> None:
        self.field = field

    @property
    def pi(self) -> Expr:
        return self.field.pi

    def exp(self, x: Number) -> Number:
        return EXP(x) if isinstance(x, np.ndarray) else functions.exp(x)

    def expm1(self, x: Expr) -> Expr:
        return functions.exp(x) - 1

    def log(self, x: Number) -> Number:
        return LOG(x) if isinstance(x, np.ndarray) else functions.log(x)

    def log1p(self, x: Expr) -> Expr:
        return functions.log(1 + x)

    def softplus(self, x: Expr) -> Expr:
        return functions.log(1 + functions.exp(x))

    def sqrt(self, x: Expr) -> Expr:
        return x.root()

    def arctan2(self, y: Expr, x: Expr) -> Expr:
        return functions.arctan2(y, x)

    def sigmoid(self, x: Expr) -> Expr:
        return 1 / (1 + functions.exp(-x))

    def ndtr(self, x: Expr) -> Expr:
        return functions.erfc(-x / self.field.number(2).root()) / 2

    def normal(self, x: Expr) -> Expr:
        return functions.exp(-x * x / 2) / (2 * self.pi).root()

    def xlogy(self, x: Number, y: Number) -> Number:
        return XLOGY(x, y) if isinstance(y, np.ndarray) else xlogy(x, y)

    def xlog1py(self, x: Expr, y: Expr) -> Expr:
        return xlogy(x, 1 + y)

    def total(self, x: np.ndarray) -> np.ndarray:
        return x.sum(axis=-1, keepdims=True)

    def largest(self, x: np.ndarray) -> Any:
        return 0  # any number will do: it cancels


def xlogy(x: Expr, y: Expr) -> Expr:
    """x log(y), and 0 where x is 0."""
    return x if x.is_zero else x * functions.log(y)


EXP, LOG = np.frompyfunc(functions.exp, 1, 1), np.frompyfunc(functions.log, 1, 1)
XLOGY = np.frompyfunc(xlogy, 2, 1)
