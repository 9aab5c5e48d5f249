"""
The elementary functions in which links and families are written.

Each formula of this package is written **once**, over a namespace ``xp``. NumPy evaluates it in float64, an engine
differentiates it, ball arithmetic encloses it, and SymPy proves it: the same line of code each time, so the formula that
is proven is the formula that is fitted. A namespace offers the names below; arithmetic is the operators' own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from scipy import special

Function = Callable[..., Any]
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

    def softplus(self, x: Number) -> Number:
        """log(1 + exp(x))."""

    def log_softplus(self, x: Number) -> Number:
        """log(log(1 + exp(x)))."""

    def log1mexp(self, x: Number) -> Number:
        """log(1 - exp(-x)), x > 0."""

    def log1mexpexp(self, x: Number) -> Number:
        """log(1 - exp(-exp(x)))."""

    def exprel(self, x: Number) -> Number:
        """(exp(x) - 1) / x, and 1 where x is 0."""

    def bernoulli(self, x: Number) -> Number:
        """x / (1 - exp(-x)) - 1, which is x / 2 where x is small."""

    def sigmoid(self, x: Number) -> Number:
        """1 / (1 + exp(-x))."""

    def logit(self, x: Number) -> Number:
        """log(x / (1 - x)), accurate near one half."""

    def ndtr(self, x: Number) -> Number:
        """The standard normal distribution function, erfc(-x / sqrt 2) / 2."""

    def log_ndtr(self, x: Number) -> Number:
        """The logarithm of `ndtr`."""

    def mills(self, x: Number) -> Number:
        """The slope of `log_ndtr`, phi(x) / ndtr(x) with the normal density phi: the inverse of Mills' ratio at -x."""

    def mills_excess(self, x: Number) -> Number:
        """mills(x) + x, positive, which nears 0 as x falls."""

    def normal(self, x: Number) -> Number:
        """The standard normal density."""

    def ndtri(self, x: Number) -> Number:
        """The standard normal quantile."""

    def log_of(self, number: float) -> Number:
        """The logarithm of a number that is no array."""

    def log_share(self, share: Number, rest: Number) -> Number:
        """log(share), where share + rest = 1."""

    def times(self, factor: Number, function: Callable[[Number, Any], Number], eta: Number, inside: float) -> Number:
        """factor * function(eta), and 0 where the factor is 0 whatever eta is; the function is finite ``inside``."""

    def at_most(self, x: Number, bound: float) -> Number:
        """x, or the bound where x is beyond it and no float64 tells the two apart in what follows."""

    def xlogy(self, x: Number, y: Number) -> Number:
        """x log(y), and 0 where x is 0 whatever y is."""

    def xlog1py(self, x: Number, y: Number) -> Number:
        """x log(1 + y), and 0 where x is 0 whatever y is."""

    def total(self, x: Number) -> Number:
        """The sum over the last axis, which is kept: only a link that mixes its outputs needs it."""

    def largest(self, x: Number) -> Number:
        """The largest over the last axis, which is kept; any number near it will do."""

    def log_total(self, x: Number) -> Number:
        """log(sum of exp(x)) over the last axis, which is kept, for x whose `largest` is 0."""


LOWER_TAIL = -4.0  # below it the normal distribution function is computed from Mills' ratio: erfc would lose digits
# Laplace's continued fraction 1 / (z + 2 / (z + 3 / (z + ...))), 40 terms of it, as partial fractions: the sum of
# weight / (z + square / z). The other three weights are below 1e-19.
SQUARES = (
    *(0.07738357221161035, 0.6919467569662814, 1.898043223255631, 3.655467050171027, 5.921928847255907, 8.675763221297226),
    *(11.92899419225978, 15.716426692393986, 20.077927542698003, 25.053959275420056, 30.69031684957014, 37.04364601327012),
    *(44.18670990028965, 52.21540353666959, 61.260081905380844, 71.5056117060694, 83.23040454597182),
)
WEIGHTS = (
    *(0.27938478131180877, 0.25322516448492993, 0.20409185994217405, 0.14050731160338936, 0.07786662215907787),
    *(0.03259141965159604, 0.009853407214821185, 0.0021179830656336187, 0.0003235728620928558, 3.506649156275313e-05),
    *(2.666817711871794e-06, 1.3942641430054056e-07, 4.859224358828033e-09, 1.0810732596635698e-10, 1.4450277784303532e-12),
    *(1.0635710816326145e-14, 3.7776665751488364e-17),
)

NORMAL_AT_0 = 1 / math.sqrt(2 * math.pi)
ROOT_HALF, ROOT_TWO = math.sqrt(0.5), math.sqrt(2.0)
ROOT_HALF_HIGH = math.floor(ROOT_HALF * 2**26) / 2**26  # its first 26 bits, and the rest to twice the digits of float64
ROOT_HALF_LOW = (0.5 - ROOT_HALF_HIGH**2) / (ROOT_HALF + ROOT_HALF_HIGH)

# the sizes of the coefficients of (exp(-t) - 1 + t) / t^2 and of (t - log(1 + t)) / t^2, the last first
FACTORIALS = tuple(1 / math.factorial(k) for k in range(18, 1, -1))
HARMONIC = tuple(1 / k for k in range(19, 1, -1))

# the coefficients of x^2, x^4, ... in x / (1 - exp(-x)): Bernoulli's numbers over factorials
BERNOULLI = tuple(
    number / math.factorial(2 * k)
    for k, number in enumerate((1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510), start=1)
)


class Rounded:
    """
    The functions that need care in floating point, made of those that a library of arrays or tensors offers.

    Each has full digits wherever its value is a number of the library, and so have its derivatives where a library makes
    them of the parts: the branch that is not taken is given an argument at which it is harmless.

    Numbers that are no arrays stand on the right of a sign, as in x * 0.5: there TensorFlow's slope is one operation, where it
    is eight on the left.
    """

    if TYPE_CHECKING:
        exp: Function
        expm1: Function
        log: Function
        log1p: Function
        erfc: Function
        floor: Function
        where: Function
        total: Function
        constants: Function  # numbers as an array of the library, in the precision of another

    @staticmethod
    def filled(x: Number, number: float) -> Number:
        """The number in the place of each entry of x, for `where`: most libraries take it as it is."""
        return number

    def softplus(self, x: Number) -> Number:
        positive = x >= 0
        return self.where(positive, x, self.filled(x, 0.0)) + self.log1p(self.exp(self.where(positive, -x, x)))

    def log1mexp(self, x: Number) -> Number:
        small = x < 0.6875
        return self.where(
            small,
            self.log(-self.expm1(-self.where(small, x, self.filled(x, 0.5)))),
            self.log1p(-self.exp(-self.where(small, self.filled(x, 1.0), x))),
        )

    def log_softplus(self, x: Number) -> Number:
        return self._log_of_small(x, -2.0, HARMONIC, lambda other: self.log(self.softplus(other)))

    def log1mexpexp(self, x: Number) -> Number:
        """The logarithm has long been 0 where the bound is."""
        return self._log_of_small(x, -0.7, FACTORIALS, lambda other: self.log1mexp(self.exp(self.at_most(other, 80.0))))

    def _log_of_small(self, x: Number, end: float, coefficients: tuple[float, ...], other: Function) -> Number:
        """x + log of a series in exp(x) below the end: log(exp(x)) would lose the slope's own slope; above it the other form."""
        small = x < end
        t = -self.exp(self.where(small, x, self.filled(x, end - 0.5)))
        series = self._horner(t, coefficients)
        return self.where(small, x + self.log1p(t * series), other(self.where(small, self.filled(x, 0.0), x)))

    def bernoulli(self, x: Number) -> Number:
        small = (x < 0.5) & (x > -0.5)
        t, other = self.where(small, x, self.filled(x, 0.0)), self.where(small, self.filled(x, 1.0), x)
        square = t * t
        series = self._horner(square, BERNOULLI[::-1])
        return self.where(small, t * 0.5 + square * series, other / -self.expm1(-other) - 1)

    @staticmethod
    def _horner(x: Number, coefficients: tuple[float, ...]) -> Number:
        """The polynomial of these coefficients, that of the highest power first."""
        first, second, *others = coefficients
        series = x * first + second
        for number in others:
            series = x * series + number
        return series

    def exprel(self, x: Number) -> Number:
        zero, one = x == 0, self.filled(x, 1.0)
        return self.where(zero, one, self.expm1(x) / self.where(zero, one, x))

    def normal(self, x: Number) -> Number:
        """exp(-x^2 / 2) / sqrt(2 pi), with x in two parts, the first of few bits: its square is exact."""
        coarse = self._coarse(x)
        return self.exp(coarse * coarse * -0.5) * self.exp((x - coarse) * (x + coarse) * -0.5) * NORMAL_AT_0

    def _coarse(self, x: Number) -> Number:
        """The largest multiple of 2^-16 up to x; a factor of 2 is exact, and has a shorter slope than a quotient."""
        return self.floor(x * 2.0**16) * 2.0**-16

    def mills_excess(self, x: Number) -> Number:
        tail, far, near = self._parted(x)
        return self.where(tail, self._excess(far), self.normal(near) / self._ndtr(near) + near)

    def mills(self, x: Number) -> Number:
        tail, far, near = self._parted(x)
        return self.where(tail, self._excess(far) - far, self.normal(near) / self._ndtr(near))

    def ndtr(self, x: Number) -> Number:
        tail, far, near = self._parted(x)
        return self.where(tail, self.normal(far) / (self._excess(far) - far), self._ndtr(near))

    def log_ndtr(self, x: Number) -> Number:
        """By the lower tail on both sides: above 0 it is log(1 - ndtr(-x))."""
        above = x > 0
        tail, far, near = self._parted(self.where(above, -x, x))
        quotient, share = self._excess(far) - far, self._ndtr(near)
        below = self.where(tail, far * far * -0.5 - math.log(2 * math.pi) / 2 - self.log(quotient), self.log(share))
        return self.where(above, self.log1p(-self.where(tail, self.normal(far) / quotient, share)), below)

    def _parted(self, x: Number) -> tuple[Number, Number, Number]:
        """Which x lie in the lower tail; and x there and elsewhere, with the tail's end where it does not lie."""
        tail, end = x < LOWER_TAIL, self.filled(x, LOWER_TAIL)
        return tail, self.where(tail, x, end), self.where(tail, end, x)

    def _excess(self, x: Number) -> Number:
        """`mills_excess` in the lower tail, by the partial fractions of Laplace's continued fraction at z = -x."""
        z = -x[..., None]
        return self.total(self.constants(WEIGHTS, z) / (z + self.constants(SQUARES, z) / z))[..., 0]

    def _ndtr(self, x: Number) -> Number:
        """`ndtr` but for the lower tail: erfc(-x / sqrt 2) / 2, corrected by what the quotient was rounded by."""
        quotient, coarse = -x * ROOT_HALF, self._coarse(x)
        lost = ((-coarse * ROOT_HALF_HIGH - quotient) - (x - coarse) * ROOT_HALF) - coarse * ROOT_HALF_LOW
        return self.erfc(quotient) * 0.5 - self.normal(x) * (lost * ROOT_TWO)

    def log_share(self, share: Number, rest: Number) -> Number:
        low, half = share < 0.5, self.filled(share, 0.5)
        return self.where(low, self.log(self.where(low, share, half)), self.log1p(-self.where(low, half, rest)))

    def times(self, factor: Number, function: Callable[[Number, Any], Number], eta: Number, inside: float) -> Number:
        if isinstance(factor, (int, float)):
            return function(eta, self) * factor if factor else eta * 0
        absent = factor == 0
        product = factor * function(self.where(absent, self.filled(eta, inside), eta), self)
        return self.where(absent, self.filled(product, 0.0), product)

    def log_of(self, number: float) -> float:
        return math.log(number)

    def at_most(self, x: Number, bound: float) -> Number:
        return self.where(x < bound, x, self.filled(x, bound))

    def log_total(self, x: Number) -> Number:
        """By log1p of all but one of the terms that are 1: a sum that one term dominates would lose the others."""
        one = x == 0
        others = self.total(self.where(one, self.filled(x, 0.0), self.exp(x)))
        return self.log1p(others + (self.total(self.where(one, self.filled(x, 1.0), self.filled(x, 0.0))) - 1))


class Float64(Rounded):
    """The namespace of NumPy arrays."""

    pi = math.pi
    exp = staticmethod(np.exp)
    expm1 = staticmethod(np.expm1)
    log = staticmethod(np.log)
    log1p = staticmethod(np.log1p)
    sqrt = staticmethod(np.sqrt)
    sin = staticmethod(np.sin)
    arctan2 = staticmethod(np.arctan2)
    sigmoid = staticmethod(special.expit)
    logit = staticmethod(special.logit)
    erfc = staticmethod(special.erfc)
    floor = staticmethod(np.floor)
    where = staticmethod(np.where)
    ndtri = staticmethod(special.ndtri)

    @staticmethod
    def xlogy(x: Number, y: Number) -> np.ndarray:
        return special.xlogy(x, np.where(x == 0, 1.0, y))  # SciPy's is NaN where y is, 0 / 0 for one

    @staticmethod
    def xlog1py(x: Number, y: Number) -> np.ndarray:
        return special.xlog1py(x, np.where(x == 0, 1.0, y))

    def times(self, factor: Number, function: Callable[[Number, Any], Number], eta: Number, inside: float) -> Number:
        """The same numbers with fewer arrays; where no factor is 0 nothing is masked."""
        if not isinstance(factor, np.ndarray):
            return super().times(factor, function, eta, inside)
        absent = factor == 0
        if not absent.any():
            return factor * function(eta, self)
        return np.where(absent, 0.0, factor * function(np.where(absent, inside, eta), self))

    @staticmethod
    def constants(numbers: tuple[float, ...], like: np.ndarray) -> np.ndarray:
        return np.array(numbers)

    @staticmethod
    def total(x: np.ndarray) -> np.ndarray:
        return x.sum(axis=-1, keepdims=True)

    @staticmethod
    def largest(x: np.ndarray) -> np.ndarray:
        return x.max(axis=-1, keepdims=True)


FLOAT64: Any = Float64()
