"""
The namespace of ball arithmetic: each formula of `spec.links` and `spec.families`, enclosed.

A ball is a midpoint and a radius; a result's ball holds the exact value for every point of the arguments' balls
(`flint.arb`), and the same is true of a truncated power series of balls (`flint.arb_series`), which carries derivatives:
at ``arb_series([eta, 1], 3)`` a formula yields its value, its first derivative and half its second.
The working precision is python-flint's own (``flint.ctx.prec``); what cancels there widens a ball and never spoils it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import flint
import numpy as np

from spec.elementary import Number

TERMS = 3  # of a series: the value, the slope, and half the curvature


@contextmanager
def working_precision(bits: int) -> Iterator[None]:
    """Balls that are computed inside have midpoints of so many bits."""
    before = flint.ctx.prec
    flint.ctx.prec = bits
    try:
        yield
    finally:
        flint.ctx.prec = before


class Balls:
    """`spec.elementary.Elementary` on balls and series of balls; `exp`, `total`, `largest`, `log_total` also on their arrays."""

    @property
    def pi(self) -> Number:
        return flint.arb.pi()  # at the precision of this moment

    def exp(self, x: Number) -> Number:
        return _EXP(x) if isinstance(x, np.ndarray) else x.exp()

    def expm1(self, x: Number) -> Number:
        return x.expm1() if isinstance(x, flint.arb) else _with_value(x.exp(), x[0].expm1())

    def log(self, x: Number) -> Number:
        return x.log()

    def log_of(self, number: float) -> Number:
        return flint.arb(number).log()

    def log1p(self, x: Number) -> Number:
        return x.log1p() if isinstance(x, flint.arb) else _with_value((1 + x).log(), x[0].log1p())

    def softplus(self, x: Number) -> Number:
        return x + self.log1p((-x).exp()) if _value(x) > 0 else self.log1p(x.exp())

    def log1mexp(self, x: Number) -> Number:
        return self.log1p(-(-x).exp()) if _value(x) > 1 else (-self.expm1(-x)).log()

    def log_softplus(self, x: Number) -> Number:
        with self._bits_of_a_square(x):
            return self.softplus(x).log()

    def log1mexpexp(self, x: Number) -> Number:
        with self._bits_of_a_square(x):
            return self.log1mexp(x.exp())

    @staticmethod
    def _bits_of_a_square(x: Number) -> AbstractContextManager[None]:
        """More bits, for the square of exp(x): the curvature of a logarithm consists of it."""
        return working_precision(flint.ctx.prec + min(max(0, int(-3 * float(_value(x)))), 2**14))

    def bernoulli(self, x: Number) -> Number:
        return -x / self.expm1(-x) - 1

    def exprel(self, x: Number) -> Number:
        return self.expm1(x) / x

    def sqrt(self, x: Number) -> Number:
        return x.sqrt()

    def sin(self, x: Number) -> Number:
        return x.sin()

    def arctan2(self, y: Number, x: Number) -> Number:
        """The angle for y > 0, the only case that is needed."""
        if _value(x) > 0:
            return (y / x).atan()
        return self.pi + (y / x).atan() if _value(x) < 0 else self.pi / 2 - (x / y).atan()

    def sigmoid(self, x: Number) -> Number:
        return 1 / (1 + (-x).exp())

    def logit(self, x: Number) -> Number:
        return (x / (1 - x)).log()

    def ndtr(self, x: Number) -> Number:
        return (-x / flint.arb(2).sqrt()).erfc() / 2

    def normal(self, x: Number) -> Number:
        return (-x * x / 2).exp() / (2 * self.pi).sqrt()

    def log_ndtr(self, x: Number) -> Number:
        return self.log1p(-self.ndtr(-x)) if _value(x) > 0 else self.ndtr(x).log()

    def mills(self, x: Number) -> Number:
        return self.normal(x) / self.ndtr(x)

    def mills_excess(self, x: Number) -> Number:
        return self.mills(x) + x

    def ndtri(self, x: Number) -> Number:
        raise NotImplementedError("python-flint has no enclosure of the normal quantile; compare with ndtr instead")

    def xlogy(self, x: Number, y: Number) -> Number:
        return 0 * y if x == 0 else x * y.log()

    def xlog1py(self, x: Number, y: Number) -> Number:
        return 0 * y if x == 0 else x * self.log1p(y)

    def total(self, x: np.ndarray) -> np.ndarray:
        return x.sum(axis=-1, keepdims=True)

    def largest(self, x: np.ndarray) -> np.ndarray:
        """Midpoints, as exact numbers: a shift that is itself a ball would widen what it shifts."""
        largest = np.vectorize(float, otypes=[float])(x).max(axis=-1, keepdims=True)
        return np.vectorize(flint.arb, otypes=[object])(largest)

    def log_total(self, x: np.ndarray) -> np.ndarray:
        return _LOG(self.total(_EXP(x)))

    def log_share(self, share: Number, rest: Number) -> Number:
        return self.log1p(-rest) if _value(share) > 0.5 else share.log()

    def times(self, factor: Number, function: Callable[[Number, Any], Number], eta: Number, inside: float) -> Number:
        return 0 * eta if factor == 0 else factor * function(eta, self)

    def at_most(self, x: Number, bound: float) -> Number:
        return x


def _value(x: Number) -> Number:
    """The ball itself, or that of a series' value."""
    return x if isinstance(x, flint.arb) else x[0]


def _with_value(series: Number, value: Number) -> Number:
    """The series with another ball for its value, a narrower one."""
    return flint.arb_series([value, *series.coeffs()[1:]], TERMS)


_EXP, _LOG = np.frompyfunc(lambda ball: ball.exp(), 1, 1), np.frompyfunc(lambda ball: ball.log(), 1, 1)
BALLS: Any = Balls()
