"""
The namespace of SymPy symbols, in which the formulas of `spec` are proven, and the values that mpmath gives them.

`exactly` hands back a link or a family whose parameters are symbols or exact rationals. `value` turns what SymPy derived
into a function of floats that is right to far more digits than float64 has.
"""

from __future__ import annotations

import copy
from typing import Any

import mpmath
import numpy as np
import sympy as sp
from scipy import special

DIGITS = 50
# 1 - exp(-1e-300) agrees with 0 in 300 digits: what is left after the worst cancellation still has DIGITS digits
WORKING_DIGITS = 350 + DIGITS


class Symbols:
    """`spec.elementary.Elementary` on SymPy expressions: each name is its textbook definition, and nothing is tuned."""

    pi = sp.pi
    exp = staticmethod(sp.exp)
    log = staticmethod(sp.log)
    sqrt = staticmethod(sp.sqrt)
    sin = staticmethod(sp.sin)
    arctan2 = staticmethod(sp.atan2)

    def expm1(self, x: Any) -> Any:
        return sp.exp(x) - 1

    def log1p(self, x: Any) -> Any:
        return sp.log(1 + x)

    def log_of(self, number: Any) -> Any:
        return sp.log(sp.sympify(number))

    def softplus(self, x: Any) -> Any:
        return sp.log(1 + sp.exp(x))

    def log_softplus(self, x: Any) -> Any:
        return sp.log(sp.log(1 + sp.exp(x)))

    def log1mexp(self, x: Any) -> Any:
        return sp.log(1 - sp.exp(-x))

    def log1mexpexp(self, x: Any) -> Any:
        return sp.log(1 - sp.exp(-sp.exp(x)))

    def bernoulli(self, x: Any) -> Any:
        return x / (1 - sp.exp(-x)) - 1

    def exprel(self, x: Any) -> Any:
        return (sp.exp(x) - 1) / x

    def normal(self, x: Any) -> Any:
        return sp.exp(-x * x / 2) / sp.sqrt(2 * sp.pi)

    def log_ndtr(self, x: Any) -> Any:
        return sp.log(self.ndtr(x))

    def mills(self, x: Any) -> Any:
        return self.normal(x) / self.ndtr(x)

    def mills_excess(self, x: Any) -> Any:
        return self.mills(x) + x

    def log_share(self, share: Any, rest: Any) -> Any:
        return sp.log(share)

    def times(self, factor: Any, function: Any, eta: Any, inside: float) -> Any:
        return sp.S.Zero if factor == 0 else factor * function(eta, self)

    def at_most(self, x: Any, bound: float) -> Any:
        return x

    def sigmoid(self, x: Any) -> Any:
        return 1 / (1 + sp.exp(-x))

    def logit(self, x: Any) -> Any:
        return sp.log(x / (1 - x))

    def ndtr(self, x: Any) -> Any:
        return sp.erfc(-x / sp.sqrt(2)) / 2

    def ndtri(self, x: Any) -> Any:
        return -sp.sqrt(2) * sp.erfcinv(2 * x)

    def xlogy(self, x: Any, y: Any) -> Any:
        return sp.S.Zero if x == 0 else x * sp.log(y)

    def xlog1py(self, x: Any, y: Any) -> Any:
        return self.xlogy(x, 1 + y)


SYMBOLS: Any = Symbols()


def exactly(thing: Any, **parameters: Any) -> Any:
    """A copy of a link or family with these parameters, else with its own as exact rationals (range checks set aside)."""
    twin = copy.copy(thing)
    for name, number in {**vars(thing), **parameters}.items():
        object.__setattr__(twin, name, sp.Rational(number) if isinstance(number, float) else number)
    return twin


def erfcinv(x: Any) -> Any:
    """Newton's iteration, which squares the error of its start: SciPy's 15 digits, then 30, 60, ... (mpmath has erfinv only)."""
    z = mpmath.mpf(float(special.erfcinv(float(x))))
    with mpmath.workdps(2 * DIGITS):
        for _ in range(4):
            z += (mpmath.erfc(z) - x) * mpmath.exp(z * z) * mpmath.sqrt(mpmath.pi) / 2
        return z


def value(expression: Any, *symbols: sp.Symbol) -> Any:
    """The expression as a function from floats to an mpmath number with `DIGITS` digits right."""
    function = sp.lambdify(symbols, expression, modules=[{"erfcinv": erfcinv}, "mpmath"])

    def at(*numbers: float) -> Any:
        with mpmath.workdps(WORKING_DIGITS):
            return mpmath.mpf(function(*(mpmath.mpf(float(number)) for number in numbers)))

    return at


def ulp(number: Any) -> float:
    """The distance from the float64 nearest to the number to the next one."""
    return float(np.spacing(abs(float(number))))
