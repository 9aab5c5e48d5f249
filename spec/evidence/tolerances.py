"""
Every tolerance, with its reason. Nothing is judged by a number that is not here.

u = 2^-53 is float64's unit of rounding. A tolerance is a bound on a *relative* error whose denominator is stated; in
digits it is -log10 of that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

UNIT = 2.0**-53


@dataclass(frozen=True)
class Tolerance:
    """``value`` is the largest relative error admitted, ``reason`` how it was derived."""

    value: float
    reason: str

    @property
    def digits(self) -> float:
        return -math.log10(self.value)


MEAN_ULPS = 4  # an inverse link is at most four roundings of functions that are good to about one ulp each
FULL_DIGITS = 13.0  # what both engines reach on planted problems: float64's 15.95 less three for the sums over the rows


def mean_ulps(outputs: int) -> float:
    """Four units in the last place; softmax sums its outputs, and each term after the first may round half a unit more."""
    return MEAN_ULPS + (outputs - 1) / 2


def mean() -> Tolerance:
    """Of |mu - exact| over `mean_ulps` of mu plus what the rounding of eta makes: at most 1."""
    return Tolerance(
        1.0, f"{MEAN_ULPS} units in the last place of the mean, plus h' times the rounding of eta (none on a dyadic grid)"
    )


def loss(n: int) -> Tolerance:
    """Of the difference, relative to the sizes of the two losses and log-likelihoods."""
    return Tolerance((n + 64) * UNIT, "(n + 64) u: a sum of n terms in any order, each good to 64 roundings")


def gradient(n: int) -> Tolerance:
    """Of the difference, relative to the sum of the rows' contributions without their signs."""
    return Tolerance((n + 64) * UNIT, "(n + 64) u, relative to the sum of the rows' contributions taken without sign")


def curvature(n: int) -> Tolerance:
    """As `gradient`."""
    return Tolerance((n + 64) * UNIT, "(n + 64) u, relative to the sum of the rows' contributions taken without sign")


def planted_optimum() -> Tolerance:
    """Of the worst coefficient, on problems that are built to be well conditioned with no coefficient near zero."""
    return Tolerance(10**-FULL_DIGITS, f"{FULL_DIGITS:g} digits in the worst coefficient of a planted problem")


def optimum(attainable: float) -> Tolerance:
    """Of the worst coefficient on data as they come; ``attainable`` in digits, see `agreement.attainable_errors`."""
    return Tolerance(
        10 ** -min(attainable, FULL_DIGITS), "what a backward stable fit in float64 can know of the worst coefficient"
    )
