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
    """Bound on |mu - exact| over `mean_ulps` of mu plus what the rounding of eta makes: at most 1."""
    rounding = "plus h' times the rounding of eta (none on a dyadic grid, but for probit, which scales eta)"
    return Tolerance(1.0, f"{MEAN_ULPS} units in the last place of the mean, {rounding}")


def loss(n: int) -> Tolerance:
    """Bound on the difference, relative to the sizes of the two losses and log-likelihoods."""
    return Tolerance((n + 64) * UNIT, "(n + 64) u: a sum of n terms in any order, each good to 64 roundings")


def gradient(n: int) -> Tolerance:
    """Bound on the difference, relative to the sum of the rows' contributions without their signs."""
    return Tolerance((n + 64) * UNIT, "(n + 64) u, relative to the sum of the rows' contributions taken without sign")


def curvature(n: int) -> Tolerance:
    """Bound on the difference, relative to the sum of the rows' contributions without their signs, like `gradient`."""
    return Tolerance((n + 64) * UNIT, "(n + 64) u, relative to the sum of the rows' contributions taken without sign")


def planted_optimum() -> Tolerance:
    """Bound on the worst coefficient, or of its standard error where that is larger, on problems built to be well conditioned."""
    reason = f"{FULL_DIGITS:g} digits in the worst coefficient of a planted problem, or in its standard error if that is larger"
    return Tolerance(10**-FULL_DIGITS, reason)


INFERENCE_DIGITS = 10.0  # asked of every number about a fit: formulas of the mean and of the inverse information


def inference(attainable: float = INFERENCE_DIGITS) -> Tolerance:
    """Bound on each number about a fit, relative to its size; ``attainable`` as for `optimum`, where that limits the number."""
    limit = ", or what float64 can know of the worst coefficient" if attainable < INFERENCE_DIGITS else ""
    return Tolerance(10 ** -min(attainable, INFERENCE_DIGITS), f"{INFERENCE_DIGITS:g} digits of each number{limit}")


def optimum(attainable: float) -> Tolerance:
    """Bound on the worst coefficient on data as they come; ``attainable`` in digits, see `sizes.attainable_errors`."""
    return Tolerance(
        10 ** -min(attainable, FULL_DIGITS), "what a backward stable fit in float64 can know of the worst coefficient"
    )


def standard_errors(n: int, condition: float, half_unit: float = 0.0) -> Tolerance:
    """Bound on each standard error; ``condition`` is the information's, ``half_unit`` of the last digit, where it is printed."""
    reason = "(n + 64) u for the sums over the rows, and u times the condition for the inverse of them"
    printed = ", and half a unit of the last digit printed" if half_unit else ""
    return Tolerance((n + 64 + condition) * UNIT + half_unit, reason + printed)


SINGLE = 2.0**-24  # float32's unit of rounding


def single_mean() -> Tolerance:
    """Bound on a mean computed in float32, relative to itself and (q + 1) / 8 of what eta is summed from."""
    return Tolerance(2 * MEAN_ULPS * SINGLE, f"float32: {MEAN_ULPS} units in the last place, each of two u = 2^-24")


def single_gradient(n: int) -> Tolerance:
    """Bound like `gradient`, for a loss that is computed in float32."""
    return Tolerance((n + 64) * SINGLE, "float32: (n + 64) u, u = 2^-24, relative to the rows' contributions without sign")


def normalised(n: int) -> Tolerance:
    """Bound on eta, relative to the terms it is summed from with each column's mean among them."""
    return Tolerance((n + 64) * UNIT, "(n + 64) u: the mean and the scale of a column are sums over its rows")


def descent(n: int, condition: float) -> Tolerance:
    """Bound on the distance along an axis of the information, relative to the largest; ``condition`` is the design's."""
    return Tolerance(
        2 * (n + 64) * condition * UNIT, "2 (n + 64) kappa u: a gradient of y and mu, along axes that float64 knows to kappa u"
    )


def second_order(distance: float, factor: float) -> Tolerance:
    """Bound on an error to which a step leaves the share ``factor``, relative to that, ``distance`` standard errors off."""
    return Tolerance(
        distance / factor, "the information changes by less than itself over a standard error: d of d, relative to the factor"
    )


STOPPING = 1e-8  # the change of the deviance at which iterations are commonly stopped


def stopped(factor: float) -> Tolerance:
    """
    Bound on the deviance left, where an iteration that keeps at most ``factor`` of an error changed it by `STOPPING` or less.

    g' <= r^2 g and g - g' <= STOPPING give g' <= STOPPING r^2 / (1 - r^2). The root of `STOPPING` is added to the factor:
    that many standard errors off, the information is not quite that of the optimum.
    """
    square = (factor + STOPPING**0.5) ** 2
    return Tolerance(STOPPING * square / (1 - square), "1e-8 r^2 / (1 - r^2), r the share of an error that a step leaves")


def stopped_coefficient(factor: float, relative: float) -> Tolerance:
    """Bound on a coefficient where the deviance is within `stopped`; ``relative`` is the largest standard error over its own."""
    rule = stopped(factor)
    return Tolerance(math.sqrt(rule.value) * relative, f"the root of {rule.reason}, in standard errors")


def cut(q: int) -> Tolerance:
    """Bound on a sum of probabilities, relative to itself times the terms that eta is summed from."""
    return Tolerance((q + 64) * UNIT, "(q + 64) u of the terms of eta, whose error a log-probability takes over")


def differenced(n: int, k: int) -> Tolerance:
    """Bound on a singular value of log-probabilities less those of a row and of a class, relative to their largest entry."""
    return Tolerance(32 * math.sqrt(n * k) * UNIT, "32 u for each of n k entries, in the Frobenius norm")


def two_zeros(n: int, amplification: float) -> Tolerance:
    """Bound on the worst weight; ``amplification`` is |inverse information| times the rows' absolute scores, at its largest."""
    return Tolerance(
        2 * (n + 64) * UNIT * amplification,
        "2 (n + 64) u of the rows' scores, one for either side, carried to the weights by the inverse information",
    )


def unchanged() -> Tolerance:
    """Bound on two results of one computation on the same numbers."""
    return Tolerance(UNIT, "u: no two numbers of float64 are nearer, so the same to the last bit")


def within_a_factor_of_two() -> Tolerance:
    """Bound on the logarithm to base 2 of a mean of 100 squares of standard normal variables."""
    return Tolerance(0.99, "a chi-squared of 100 degrees is off its mean by a factor of two once in 1e5 times")


def mean_of_zero(outputs: int) -> Tolerance:
    """Bound on a mean where eta is zero, relative to itself: `mean_ulps`, and nothing for an eta that has no rounding."""
    return Tolerance(mean_ulps(outputs) * 2 * UNIT, "units in the last place of the mean")


def rounded_step() -> Tolerance:
    """Bound on what rounding adds to a sum of weights in a step of training, relative to the sum of their sizes."""
    return Tolerance(2 * UNIT, "2 u: the step rounds each weight by u of itself, and the sum adds them with u of itself")


def vanishing_residual(a: float) -> Tolerance:
    """Bound on numbers made of the residual 1 - sigma(a), relative to themselves: float64 knows it to u of 1, not of itself."""
    return Tolerance(64 * (1 + math.exp(a)) * UNIT, "64 u over the residual e^-a that is left")


def balanced_slope() -> Tolerance:
    """Bound on the slope of a loss where a penalty balances the residuals, relative to the input that multiplies them."""
    return Tolerance(64 * UNIT, "64 u of the input: sigma - y is good to 64 roundings of 1, and the penalty's pull is no larger")


def step_length() -> Tolerance:
    """Bound on what rounding takes from the length of a step between two weights, relative to 1, which neither exceeds."""
    return Tolerance(8 * UNIT, "8 u of 1: the two weights, the slope and the step are each rounded by u at most")


def log_odds() -> Tolerance:
    """Bound on log-odds of a mean p, or on the difference of two, relative to 1 / (1 - p) + |eta| + 1."""
    reason = f"16 u: two means, each good to {MEAN_ULPS} units in the last place of two u, and log(p / (1 - p)) divides by 1 - p"
    return Tolerance(2 * MEAN_ULPS * 2 * UNIT, reason)


def orthogonality(q: int) -> Tolerance:
    """Bound on the sum of inputs times residuals, relative to the sum of |x| (|y| + |x| |w|) over the rows."""
    return Tolerance(64 * q * UNIT, "64 q u: 32 q u of a backward stable least-squares fit, and as much of these sums")


def likelihood_ratio(n: int, lost: float) -> Tolerance:
    """Bound on a likelihood ratio made of two losses, relative to itself; ``lost`` is the size of the losses relative to it."""
    return Tolerance(10**-INFERENCE_DIGITS + loss(n).value * lost, "10 digits, and (n + 64) u of the losses subtracted")


def integrated_mean() -> Tolerance:
    """Bound on a mean that is held to an integral rounded to float64, relative to itself."""
    return Tolerance((2 * MEAN_ULPS + 1) * UNIT, "4 units in the last place, and u for the integral")


ANOTHER_OPTIMUM = 0.1  # standard errors: further from the optimum than any rounding, and more than a reader would overlook
NOT_LINEAR = 1e-3  # share of a predictor's length: rounding leaves 1e-14 of it to a linear one, a layer that bends 1e-2 or more
NOT_ONE = 1e-2  # of a sum of shares: rounding leaves 1e-15 of it to a softmax, sigmoids on three classes or more a tenth
INTEGRAL_BITS = 60  # of a ball around an integral: its middle, off by 2^-60 of itself, is then good to a hundredth of u


def quoted() -> Tolerance:
    """Bound on a figure that is quoted with two digits, relative to itself: half a unit of the second digit of 1.4 is 0.036."""
    return Tolerance(0.04, "half a unit in the second digit of the smallest figure that is quoted so, 1.4e4: 0.036")


def at_once() -> Tolerance:
    """Bound on the epochs for a digit where one epoch ends a descent, in epochs."""
    return Tolerance(0.1, "ten digits at least in one epoch: of float64's sixteen, rounding may leave six to the next")


def speed_limit() -> Tolerance:
    """Bound on what rounding adds to a step of Adam, relative to the longest that its decays allow."""
    return Tolerance(1e-12, "1e-12, a hundred times what ten roundings in each of eight steps, and of weights 20 steps long, add")


def clipped() -> Tolerance:
    """Bound on what rounding adds to a loss that ends at the clip, in nats."""
    return Tolerance(16 * SINGLE, "16 u of float32: a logarithm of at most 16.2, rounded to u of itself")
