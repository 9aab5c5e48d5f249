"""The domains of eta, of mu and of the response: sets that know what they contain and how they are written."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import Any

import numpy as np

INFINITY = float("inf")


class Domain(abc.ABC):
    """A set of numbers, or of rows of numbers."""

    @abc.abstractmethod
    def contains(self, values: Any) -> np.ndarray:
        """
        An array of bools, True for each value in the set. NaN is in no set.

        >>> Interval(low=0, high=1).contains([0.0, 0.5, float("nan")]).tolist()
        [False, True, False]
        """

    @abc.abstractmethod
    def __str__(self) -> str: ...


@dataclass(frozen=True)
class Interval(Domain):
    """The numbers from ``low`` to ``high``, an end included where ``closed`` says so (left, right)."""

    low: float = -INFINITY
    high: float = INFINITY
    closed: tuple[bool, bool] = (False, False)

    def contains(self, values: Any) -> np.ndarray:
        values = np.asarray(values)
        above = values >= self.low if self.closed[0] else values > self.low
        below = values <= self.high if self.closed[1] else values < self.high
        return above & below

    def __str__(self) -> str:
        return f"{'[' if self.closed[0] else '('}{self.low:g}, {self.high:g}{']' if self.closed[1] else ')'}"


@dataclass(frozen=True)
class Counts(Domain):
    """The whole numbers 0, 1, 2, ..."""

    def contains(self, values: Any) -> np.ndarray:
        values = np.asarray(values, dtype=float)
        return np.isfinite(values) & (values >= 0) & (values == np.floor(values))

    def __str__(self) -> str:
        return "{0, 1, 2, ...}"


@dataclass(frozen=True)
class Simplex(Domain):
    """Rows of shares: each at least 0 (or, where ``interior``, above 0), together 1 up to rounding."""

    interior: bool = False

    def contains(self, values: Any) -> np.ndarray:
        values = np.asarray(values, dtype=float)
        each = values > 0 if self.interior else values >= 0
        slack = 4 * values.shape[-1] * np.finfo(float).eps
        inside = each.all(axis=-1) & (np.abs(values.sum(axis=-1) - 1) <= slack)
        return np.broadcast_to(inside[..., None], values.shape)

    def __str__(self) -> str:
        return f"shares {'> 0' if self.interior else '>= 0'} that sum to 1"


REAL = Interval()
POSITIVE = Interval(low=0)
NON_NEGATIVE = Interval(low=0, closed=(True, False))
NEGATIVE = Interval(high=0)
UNIT = Interval(low=0, high=1)
CLOSED_UNIT = Interval(low=0, high=1, closed=(True, True))
COUNTS = Counts()
