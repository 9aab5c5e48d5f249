"""
The elementary functions in which links and families are written.

Each formula of this package is written **once**, over a namespace ``xp``. NumPy evaluates it in float64, an engine
differentiates it, ball arithmetic encloses it, and SymPy proves it: the same line of code each time, so the formula that
is proven is the formula that is fitted. A namespace offers the names below; arithmetic is the operators' own.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
from scipy import special


class Elementary(Protocol):
    """What a namespace must offer. ``x`` and ``y`` are whatever the namespace computes with: arrays, balls, symbols."""

    pi: Any

    def exp(self, x: Any) -> Any: ...
    def expm1(self, x: Any) -> Any: ...
    def log(self, x: Any) -> Any: ...
    def log1p(self, x: Any) -> Any: ...
    def sqrt(self, x: Any) -> Any: ...
    def sin(self, x: Any) -> Any: ...
    def arctan2(self, y: Any, x: Any) -> Any: ...

    def sigmoid(self, x: Any) -> Any:
        """1 / (1 + exp(-x))."""

    def logit(self, x: Any) -> Any:
        """log(x / (1 - x)), accurate near one half."""

    def ndtr(self, x: Any) -> Any:
        """The standard normal distribution function, erfc(-x / sqrt 2) / 2."""

    def ndtri(self, x: Any) -> Any:
        """The standard normal quantile."""

    def xlogy(self, x: Any, y: Any) -> Any:
        """x log(y), and 0 where x is 0 whatever y is."""

    def xlog1py(self, x: Any, y: Any) -> Any:
        """x log(1 + y), and 0 where x is 0 whatever y is."""

    def total(self, x: Any) -> Any:
        """The sum over the last axis, which is kept: only a link that mixes its outputs needs it."""

    def largest(self, x: Any) -> Any:
        """The largest over the last axis, which is kept; any number near it will do."""

    def spread(self, x: Any) -> Any:
        """x (1 - x), accurately, of shares that sum to 1 over the last axis."""


class Float64:
    """The namespace of NumPy arrays."""

    pi = math.pi
    exp = np.exp
    expm1 = np.expm1
    log = np.log
    log1p = np.log1p
    sqrt = np.sqrt
    sin = np.sin
    arctan2 = np.arctan2
    sigmoid = special.expit
    logit = special.logit
    ndtr = special.ndtr
    ndtri = special.ndtri
    xlogy = special.xlogy
    xlog1py = special.xlog1py

    @staticmethod
    def total(x: np.ndarray) -> np.ndarray:
        return x.sum(axis=-1, keepdims=True)

    @staticmethod
    def largest(x: np.ndarray) -> np.ndarray:
        return x.max(axis=-1, keepdims=True)

    @staticmethod
    def spread(x: np.ndarray) -> np.ndarray:
        """A share times the sum of the others: 1 - x would lose the digits of a small rest."""
        pairs = x[..., :, None] * x[..., None, :] * (1 - np.eye(x.shape[-1]))
        return pairs.sum(axis=-1)


FLOAT64: Any = Float64()
