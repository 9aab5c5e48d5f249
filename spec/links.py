"""
Links: the function g that takes the mean mu to the linear predictor eta, its inverse h, and the derivatives h' and h''.

In a network, h is the activation of the output layer. A likelihood is made of functions of the mean: log mu, log(1 - mu), powers
of mu. Taken through mu they lose their digits where mu rounds to the end of its domain; as functions of eta they keep them, and
so each link gives them as a `Curve`. Each link says where it is defined and is accurate there to the last digits; nothing is
ever clipped. Every formula takes the namespace ``xp`` that shall evaluate it (see `spec.elementary`).

Add a link by adding a class and an entry to `ELEMENTWISE`: tests, problems and tables follow.
"""

from __future__ import annotations

import abc
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from spec.domains import NEGATIVE, POSITIVE, REAL, UNIT, Domain, Simplex
from spec.elementary import FLOAT64, Elementary, Number

Formula = Callable[[Number, Elementary], Number]  # of eta and a namespace


@dataclass(frozen=True)
class Curve:
    """A function of eta that a log-likelihood is made of, with its first and its second derivative, ``slope`` and ``bend``."""

    value: Formula
    slope: Formula
    bend: Formula


class Link(abc.ABC):
    """
    A strictly monotone g from the means to the linear predictors, element by element (but for `Softmax`).

    ``mu`` and ``eta`` are in the response's units and in the link's; any shape, and the result has the same shape.
    """

    @property
    def eta_domain(self) -> Domain:
        return REAL

    @property
    def mu_domain(self) -> Domain:
        return REAL

    @abc.abstractmethod
    def __call__(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        """eta = g(mu)."""

    @abc.abstractmethod
    def inverse(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        """mu = h(eta)."""

    @abc.abstractmethod
    def inverse_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        """d mu / d eta = h'(eta)."""

    @abc.abstractmethod
    def inverse_second_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        """h''(eta)."""

    # -- functions of the mean, by eta; a link gives its own form of those that would lose digits through mu --------------------

    @property
    def mean(self) -> Curve:
        """mu."""
        return Curve(self.inverse, self.inverse_derivative, self.inverse_second_derivative)

    @property
    def log_mean(self) -> Curve:
        """log mu."""
        return logarithm(self.mean)

    @property
    def log_rest(self) -> Curve:
        """log(1 - mu), of means that are shares."""
        mean = self.mean
        rest = Curve(
            lambda eta, xp: 1 - mean.value(eta, xp), lambda eta, xp: -mean.slope(eta, xp), lambda eta, xp: -mean.bend(eta, xp)
        )
        return logarithm(rest, lambda eta, xp: xp.log1p(-mean.value(eta, xp)))

    def power(self, exponent: float) -> Curve:
        """mu^exponent."""
        mean, e = self.mean, exponent
        if e == 1:
            return mean

        def bend(eta: Number, xp: Elementary) -> Number:
            mu, slope = mean.value(eta, xp), mean.slope(eta, xp)
            return e * ((e - 1) * power(mu, e - 2, xp) * slope * slope + power(mu, e - 1, xp) * mean.bend(eta, xp))

        return Curve(
            lambda eta, xp: power(mean.value(eta, xp), e, xp),
            lambda eta, xp: e * power(mean.value(eta, xp), e - 1, xp) * mean.slope(eta, xp),
            bend,
        )

    def odds(self, alpha: float) -> tuple[Curve, Curve]:
        """The logarithms of the share alpha mu / (1 + alpha mu), and of its rest, 1 / (1 + alpha mu)."""

        def shares(eta: Number, xp: Elementary) -> tuple[Number, Number]:
            scaled = alpha * self.inverse(eta, xp)
            return scaled / (1 + scaled), 1 / (1 + scaled)

        return log_shares(
            self.log_mean,
            shares,
            lambda eta, xp: xp.log_share(*shares(eta, xp)),
            lambda eta, xp: -xp.log1p(alpha * self.inverse(eta, xp)),
        )

    def __str__(self) -> str:
        return type(self).__name__.lower()


# -- curves made of curves -----------------------------------------------------------------------------------------------------
def power(x: Number, exponent: float, xp: Elementary) -> Number:
    """x^exponent; by a product, a quotient or a root where that is as good."""
    simple = {
        -1: lambda: 1 / x,
        0: lambda: 0 * x + 1,
        -0.5: lambda: 1 / xp.sqrt(x),
        0.5: lambda: xp.sqrt(x),
        1: lambda: x,
        1.5: lambda: x * xp.sqrt(x),
        2: lambda: x * x,
    }  # not 1 / (x x): its derivatives are made of more powers than float64 has
    return simple[exponent]() if exponent in simple else x**exponent


def logarithm(curve: Curve, value: Formula | None = None) -> Curve:
    """The logarithm of a curve, by a formula of its own if there is a ``value``."""

    def slope(eta: Number, xp: Elementary) -> Number:
        return curve.slope(eta, xp) / curve.value(eta, xp)

    return Curve(
        value or (lambda eta, xp: xp.log(curve.value(eta, xp))),
        slope,
        lambda eta, xp: curve.bend(eta, xp) / curve.value(eta, xp) - slope(eta, xp) * slope(eta, xp),
    )


def mirrored(curve: Curve) -> Curve:
    """The curve at -eta."""
    return Curve(
        lambda eta, xp: curve.value(-eta, xp), lambda eta, xp: -curve.slope(-eta, xp), lambda eta, xp: curve.bend(-eta, xp)
    )


def log_shares(
    log_mean: Curve, shares: Callable[[Number, Elementary], tuple[Number, Number]], log_share: Formula, log_rest: Formula
) -> tuple[Curve, Curve]:
    """The curves of log s and log r, of shares s = alpha mu / (1 + alpha mu) and r = 1 - s: there s' = (log mu)' s r."""

    def bends(eta: Number, xp: Elementary) -> tuple[Number, Number]:
        (share, rest), slope = shares(eta, xp), log_mean.slope(eta, xp)
        own, square = log_mean.bend(eta, xp), slope * slope
        return rest * (own - square * share), -share * (own + square * rest)

    return (
        Curve(log_share, lambda eta, xp: log_mean.slope(eta, xp) * shares(eta, xp)[1], lambda eta, xp: bends(eta, xp)[0]),
        Curve(log_rest, lambda eta, xp: -log_mean.slope(eta, xp) * shares(eta, xp)[0], lambda eta, xp: bends(eta, xp)[1]),
    )


# eta and log(1 - exp(eta)), eta < 0: the logarithms of a share and of the rest where eta is the logarithm of the share
LINE = Curve(lambda eta, xp: eta, lambda eta, xp: 0 * eta + 1, lambda eta, xp: 0 * eta)
LOG_OF_REST = Curve(
    lambda eta, xp: xp.log1mexp(-eta),
    lambda eta, xp: -1 / xp.expm1(-eta),
    lambda eta, xp: -1 / (xp.expm1(-eta) * -xp.expm1(eta)),
)


class PowerLink(Link):
    """g(mu) = mu^exponent: every power of the mean is a power of eta."""

    if TYPE_CHECKING:  # a constant of the class, or a field

        @property
        def exponent(self) -> float: ...

    def __call__(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return power(mu, self.exponent, xp)

    def inverse(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return self.power(1).value(eta, xp)

    def inverse_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return self.power(1).slope(eta, xp)

    def inverse_second_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return self.power(1).bend(eta, xp)

    @property
    def log_mean(self) -> Curve:
        e = self.exponent
        return Curve(lambda eta, xp: xp.log(eta) / e, lambda eta, xp: 1 / (e * eta), lambda eta, xp: -1 / (e * eta * eta))

    def power(self, exponent: float) -> Curve:
        a = exponent / self.exponent
        return Curve(
            lambda eta, xp: power(eta, a, xp),
            lambda eta, xp: a * power(eta, a - 1, xp),
            lambda eta, xp: a * (a - 1) * power(eta, a - 2, xp),
        )


@dataclass(frozen=True)
class Identity(PowerLink):
    """g(mu) = mu."""

    exponent: ClassVar[int] = 1


@dataclass(frozen=True)
class Inverse(PowerLink):
    """g(mu) = 1 / mu."""

    eta_domain = POSITIVE
    mu_domain = POSITIVE
    exponent: ClassVar[int] = -1


@dataclass(frozen=True)
class InverseSquared(PowerLink):
    """g(mu) = 1 / mu^2."""

    eta_domain = POSITIVE
    mu_domain = POSITIVE
    exponent: ClassVar[int] = -2

    def __str__(self) -> str:
        return "inverse-squared"


@dataclass(frozen=True)
class Sqrt(PowerLink):
    """g(mu) = sqrt(mu)."""

    eta_domain = POSITIVE
    mu_domain = POSITIVE
    exponent: ClassVar[float] = 0.5


@dataclass(frozen=True)
class Power(PowerLink):
    """g(mu) = mu^exponent, the exponent any number but 0 (whose place the log takes)."""

    exponent: float
    eta_domain = POSITIVE
    mu_domain = POSITIVE

    def __post_init__(self) -> None:
        if not np.isfinite(self.exponent) or self.exponent == 0:
            raise ValueError(
                f"Power(exponent={self.exponent}): a power link needs a finite exponent other than 0; at 0 use Log()."
            )

    def __str__(self) -> str:
        return f"power({self.exponent:g})"


@dataclass(frozen=True)
class Log(Link):
    """g(mu) = log(mu)."""

    mu_domain = POSITIVE
    log_mean, log_rest = LINE, LOG_OF_REST

    def __call__(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.log(mu)

    def inverse(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.exp(eta)

    def inverse_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.exp(eta)

    def inverse_second_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.exp(eta)

    def power(self, exponent: float) -> Curve:
        a = exponent
        return Curve(
            lambda eta, xp: xp.exp(a * eta), lambda eta, xp: a * xp.exp(a * eta), lambda eta, xp: a * a * xp.exp(a * eta)
        )

    def odds(self, alpha: float) -> tuple[Curve, Curve]:
        """The share is the sigmoid of z = eta + log alpha; what the sum lost by rounding is made good by the slope there."""

        def sums(eta: Number, xp: Elementary) -> tuple[Number, Number]:
            log = xp.log_of(alpha)
            z = eta + log
            return z, (eta - (z - (z - eta))) + (log - (z - eta))

        def log_share(eta: Number, xp: Elementary) -> Number:
            z, lost = sums(eta, xp)
            return lost * xp.sigmoid(-z) - xp.softplus(-z)

        def log_rest(eta: Number, xp: Elementary) -> Number:
            z, lost = sums(eta, xp)
            return -lost * xp.sigmoid(z) - xp.softplus(z)

        def shares(eta: Number, xp: Elementary) -> tuple[Number, Number]:
            return 1 / (1 + xp.exp(-eta) / alpha), 1 / (1 + alpha * xp.exp(eta))

        return log_shares(self.log_mean, shares, log_share, log_rest)


@dataclass(frozen=True)
class Logit(Link):
    """
    g(mu) = log(mu / (1 - mu)); h is the sigmoid.

    >>> float(Logit()(0.5)), float(Logit().inverse(0.0)), float(Logit().inverse_derivative(0.0))
    (0.0, 0.5, 0.25)
    """

    mu_domain = UNIT

    def __call__(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.logit(mu)

    def inverse(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.sigmoid(eta)

    def inverse_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.sigmoid(eta) * xp.sigmoid(-eta)

    def inverse_second_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return self.inverse_derivative(eta, xp) * (xp.sigmoid(-eta) - xp.sigmoid(eta))

    @property
    def log_rest(self) -> Curve:
        return Curve(
            lambda eta, xp: -xp.softplus(eta),
            lambda eta, xp: -xp.sigmoid(eta),
            lambda eta, xp: -xp.sigmoid(eta) * xp.sigmoid(-eta),
        )

    @property
    def log_mean(self) -> Curve:
        return mirrored(self.log_rest)


@dataclass(frozen=True)
class Probit(Link):
    """g is the standard normal quantile; h its distribution function."""

    mu_domain = UNIT

    def __call__(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.ndtri(mu)

    def inverse(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.ndtr(eta)

    def inverse_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.normal(eta)

    def inverse_second_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return -eta * xp.normal(eta)

    @property
    def log_mean(self) -> Curve:
        return Curve(
            lambda eta, xp: xp.log_ndtr(eta),
            lambda eta, xp: xp.mills(eta),
            lambda eta, xp: -xp.mills(eta) * xp.mills_excess(eta),
        )

    @property
    def log_rest(self) -> Curve:
        return mirrored(self.log_mean)


@dataclass(frozen=True)
class Cauchit(Link):
    """g(mu) = tan(pi (mu - 1/2)), the Cauchy quantile; h its distribution function."""

    mu_domain = UNIT

    def __call__(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        # -cot(pi mu), as a quotient of sines whose arguments are exact differences near 0, 1/2 and 1 alike
        half = xp.pi / 2
        return xp.sin(half * (2 * mu - 1)) / (2 * xp.sin(half * mu) * xp.sin(half * (1 - mu)))

    def inverse(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.arctan2(1 + 0 * eta, -eta) / xp.pi  # 1/2 + arctan(eta)/pi would lose the lower tail

    def inverse_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return 1 / (xp.pi * (1 + eta * eta))

    def inverse_second_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return -2 * eta / (1 + eta * eta) * self.inverse_derivative(eta, xp)

    @property
    def log_mean(self) -> Curve:
        """Its slope is 1 / (pi mu (1 + eta^2)), without the square, which would overflow far out."""

        def slope(eta: Number, xp: Elementary) -> Number:
            angle = xp.arctan2(1 + 0 * eta, -eta)
            return 1 / (angle + eta * (eta * angle))

        curve = logarithm(self.mean, lambda eta, xp: xp.log_share(self.inverse(eta, xp), self.inverse(-eta, xp)))
        return replace(curve, slope=slope)

    @property
    def log_rest(self) -> Curve:
        return mirrored(self.log_mean)


@dataclass(frozen=True)
class CLogLog(Link):
    """g(mu) = log(-log(1 - mu)), the complementary log-log."""

    mu_domain = UNIT

    def __call__(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.log(-xp.log1p(-mu))

    def inverse(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return -xp.expm1(-xp.exp(eta))

    def inverse_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.exp(eta - xp.exp(eta))

    def inverse_second_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return self.inverse_derivative(eta, xp) * (1 - xp.exp(eta))

    @property
    def log_rest(self) -> Curve:
        def slope(eta: Number, xp: Elementary) -> Number:
            return -xp.exp(xp.at_most(eta, 709.78))  # the largest of float64, where the slope of log mu is 0: so is their product

        return Curve(lambda eta, xp: -xp.exp(eta), slope, slope)

    @property
    def log_mean(self) -> Curve:
        """log(1 - exp(-t)), t = exp(eta); its slope is t / (exp(t) - 1)."""

        def rate(eta: Number, xp: Elementary) -> Number:
            return xp.exp(xp.at_most(eta, 80.0))  # there log mu and its slope have long been 0

        def slope(eta: Number, xp: Elementary) -> Number:
            return 1 / xp.exprel(rate(eta, xp))

        return Curve(
            lambda eta, xp: xp.log1mexpexp(eta),
            slope,
            lambda eta, xp: -slope(eta, xp) * xp.bernoulli(rate(eta, xp)),
        )

    def odds(self, alpha: float) -> tuple[Curve, Curve]:
        """By log mu, which keeps its curvature where mu is small."""
        log_share, log_rest = super().odds(alpha)
        log_mean = self.log_mean

        def value(eta: Number, xp: Elementary) -> Number:
            return xp.log_of(alpha) + log_mean.value(eta, xp) + log_rest.value(eta, xp)

        return replace(log_share, value=value), log_rest


@dataclass(frozen=True)
class LogLog(Link):
    """g(mu) = -log(-log(mu))."""

    mu_domain = UNIT

    def __call__(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return -xp.log(-xp.log(mu))

    def inverse(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.exp(-xp.exp(-eta))

    def inverse_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.exp(-eta - xp.exp(-eta))

    def inverse_second_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return self.inverse_derivative(eta, xp) * (xp.exp(-eta) - 1)

    @property
    def log_mean(self) -> Curve:
        return mirrored(CLogLog().log_rest)

    @property
    def log_rest(self) -> Curve:
        return mirrored(CLogLog().log_mean)


@dataclass(frozen=True)
class LogComplement(Link):
    """g(mu) = log(1 - mu). The only falling link here but for the inverse ones."""

    eta_domain = NEGATIVE
    mu_domain = UNIT
    log_mean, log_rest = LOG_OF_REST, LINE

    def __call__(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.log1p(-mu)

    def inverse(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return -xp.expm1(eta)

    def inverse_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return -xp.exp(eta)

    def inverse_second_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return -xp.exp(eta)

    def __str__(self) -> str:
        return "log-complement"


@dataclass(frozen=True)
class NegativeBinomialLink(Link):
    """g(mu) = log(alpha mu / (1 + alpha mu)), canonical for the negative binomial with the same alpha > 0."""

    alpha: float
    eta_domain = NEGATIVE
    mu_domain = POSITIVE

    def __post_init__(self) -> None:
        if not 0 < self.alpha < np.inf:
            raise ValueError(f"NegativeBinomialLink(alpha={self.alpha}): alpha must be positive and finite.")

    def __call__(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return -xp.log1p(1 / (self.alpha * mu))

    def inverse(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return -xp.exp(eta) / (self.alpha * xp.expm1(eta))

    def inverse_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.exp(eta) / (self.alpha * xp.expm1(eta) ** 2)

    def inverse_second_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return self.inverse_derivative(eta, xp) * (1 + xp.exp(eta)) / -xp.expm1(eta)

    def odds(self, alpha: float) -> tuple[Curve, Curve]:
        """With the family's own alpha, the logarithm of the share is eta."""
        return (LINE, LOG_OF_REST) if alpha == self.alpha else super().odds(alpha)

    def __str__(self) -> str:
        return f"negative-binomial-link({self.alpha:g})"


@dataclass(frozen=True)
class Softplus(Link):
    """g(mu) = log(exp(mu) - 1); the mean, log(1 + exp(eta)), is positive, and nearly eta where eta is large."""

    mu_domain = POSITIVE

    def __call__(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return mu + xp.log1mexp(mu)

    def inverse(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.softplus(eta)

    def inverse_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.sigmoid(eta)

    def inverse_second_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.sigmoid(eta) * xp.sigmoid(-eta)

    @property
    def log_mean(self) -> Curve:
        """log mu; its slope is (1 - exp(-mu)) / mu, so that its curvature, -mu where mu is small, is no difference."""

        def slope(eta: Number, xp: Elementary) -> Number:
            return 1 / (1 + xp.bernoulli(xp.softplus(eta)))

        def bend(eta: Number, xp: Elementary) -> Number:
            return slope(eta, xp) * slope(eta, xp) * xp.bernoulli(-xp.softplus(eta))

        return Curve(lambda eta, xp: xp.log_softplus(eta), slope, bend)

    def power(self, exponent: float) -> Curve:
        """By the slope of log mu: where mu is small, its other powers overflow."""
        e, mean, log_mean = exponent, self.mean, self.log_mean
        if e == 1:
            return mean

        def bend(eta: Number, xp: Elementary) -> Number:
            slope = log_mean.slope(eta, xp)
            return e * power(mean.value(eta, xp), e, xp) * (e * slope * slope + log_mean.bend(eta, xp))

        return Curve(
            lambda eta, xp: power(mean.value(eta, xp), e, xp),
            lambda eta, xp: e * power(mean.value(eta, xp), e, xp) * log_mean.slope(eta, xp),
            bend,
        )


@dataclass(frozen=True)
class Softmax(Link):
    """
    The multinomial logit: eta_k = log(mu_k / mu_0), mu_k = exp(eta_k) / sum_j exp(eta_j), over the last axis (K classes).

    The only link here that mixes its outputs. A shift of all eta of a row leaves mu unchanged; g answers with the shift
    that makes class 0 zero. The derivative has one axis more: the Jacobian d mu_a / d eta_b, shape (..., K, K).
    """

    mu_domain = Simplex(interior=True)

    def __call__(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        eta = xp.log(mu)
        return eta - eta[..., :1]

    def inverse(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        odds = xp.exp(eta - xp.largest(eta))
        return odds / xp.total(odds)

    def inverse_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        mu = self.inverse(eta, xp)
        diagonal = np.eye(mu.shape[-1])
        return diagonal * (mu * self.others(mu))[..., None] - mu[..., :, None] * mu[..., None, :] * (1 - diagonal)

    def inverse_second_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        raise NotImplementedError("nothing needs the second derivatives of a softmax: its kernel is concave, and canonical")

    @property
    def log_mean(self) -> Curve:
        """The logarithms of the shares, each to its own digits; slope and bend are matrices here, and are not given."""

        def value(eta: Number, xp: Elementary) -> Number:
            below = eta - xp.largest(eta)
            return below - xp.log_total(below)

        return Curve(value, self.inverse_derivative, self.inverse_second_derivative)

    @staticmethod
    def others(shares: Number) -> Number:
        """The sum of the other classes' entries: of shares 1 - share, which would lose the digits of a small rest."""
        return shares @ (1 - np.eye(shares.shape[-1]))


ELEMENTWISE: tuple[Link, ...] = (
    Identity(),
    Log(),
    Logit(),
    Probit(),
    Cauchit(),
    CLogLog(),
    LogLog(),
    LogComplement(),
    Inverse(),
    InverseSquared(),
    Sqrt(),
    Power(exponent=0.5),
    Power(exponent=-0.5),
    NegativeBinomialLink(alpha=0.5),
    Softplus(),
)
LINKS: tuple[Link, ...] = (*ELEMENTWISE, Softmax())


# -- links and families as plain data: what is saved with a model ----------------------------------------------------------------
def plain(part: Any) -> dict[str, Any]:
    """
    A link or a family as plain data: its name and its parameters, of which `restored` makes it again.

    >>> plain(Power(0.25)), restored(Link, {"name": "Power", "exponent": 0.25})
    ({'name': 'Power', 'exponent': 0.25}, Power(exponent=0.25))
    """
    names = [field.name for field in fields(part)] if is_dataclass(part) else list(vars(part))
    values = {name: getattr(part, name) for name in names}
    return {
        "name": _full_name(type(part)),
        **{name: value.item() if isinstance(value, np.generic) else value for name, value in values.items()},
    }


def restored(kind: Any, data: Any) -> Any:
    """The link or the family (its ``kind``) that `plain` describes. Raises ValueError if there is no such one."""
    what, known = kind.__name__.lower(), {_full_name(each): each for each in _kinds(kind)}
    if not isinstance(data, Mapping) or "name" not in data:
        raise ValueError(f"no {what} can be made of {data!r}: expected its name and its parameters, as a saved model has them.")
    if data["name"] not in known:
        raise ValueError(
            f"there is no {what} called {data['name']!r}: import the module that defines it before the model is loaded. "
            f"Known are {', '.join(known)}."
        )
    try:
        return known[data["name"]](**{name: value for name, value in data.items() if name != "name"})
    except (TypeError, ValueError) as error:
        raise ValueError(f"the {what} {data['name']} cannot be made of {dict(data)}: {error}") from error


def _full_name(kind: type) -> str:
    return kind.__name__ if kind.__module__.startswith("spec.") else f"{kind.__module__}.{kind.__qualname__}"


def _kinds(kind: Any) -> Iterator[Any]:
    """All classes below a class that can be made, also those that a user defines."""
    for one in kind.__subclasses__():
        if not (inspect.isabstract(one) or one is PowerLink):
            yield one
        yield from _kinds(one)
