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

Number = Any  # whatever a namespace computes with: an array, a ball, a series of balls, a tensor, a symbol


class Elementary(Protocol):
    """The functions that a namespace must offer."""

    pi: Number

    def exp(self, x: Number) -> Number: ...
    def expm1(self, x: Number) -> Number: ...
    def log(self, x: Number) -> Number: ...
    def log1p(self, x: Number) -> Number: ...
    def sqrt(self, x: Number) -> Number: ...
    def sin(self, x: Number) -> Number: ...
    def arctan2(self, y: Number, x: Number) -> Number: ...

    def sigmoid(self, x: Number) -> Number:
        """1 / (1 + exp(-x))."""

    def logit(self, x: Number) -> Number:
        """log(x / (1 - x)), accurate near one half."""

    def ndtr(self, x: Number) -> Number:
        """The standard normal distribution function, erfc(-x / sqrt 2) / 2."""

    def ndtri(self, x: Number) -> Number:
        """The standard normal quantile."""

    def xlogy(self, x: Number, y: Number) -> Number:
        """x log(y), and 0 where x is 0 whatever y is."""

    def xlog1py(self, x: Number, y: Number) -> Number:
        """x log(1 + y), and 0 where x is 0 whatever y is."""

    def total(self, x: Number) -> Number:
        """The sum over the last axis, which is kept: only a link that mixes its outputs needs it."""

    def largest(self, x: Number) -> Number:
        """The largest over the last axis, which is kept; any number near it will do."""

    def spread(self, x: Number) -> Number:
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
