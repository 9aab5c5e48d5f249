"""
Links: the function g that takes the mean mu to the linear predictor eta, its inverse h, and the derivative h'.

In a network, h is the activation of the output layer. Each link says where it is defined and is accurate there to the
last digits: small differences go through ``expm1`` and ``log1p``, tails through the function's own tail, and nothing is
ever clipped. Every formula takes the namespace ``xp`` that shall evaluate it (see `spec.elementary`).

Add a link by adding a class and an entry to `ELEMENTWISE`: tests, problems and tables follow.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass

import numpy as np

from spec.domains import NEGATIVE, POSITIVE, REAL, UNIT, Domain, Simplex
from spec.elementary import FLOAT64, Elementary, Number


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

    def __str__(self) -> str:
        return type(self).__name__.lower()


@dataclass(frozen=True)
class Identity(Link):
    """g(mu) = mu."""

    def __call__(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return mu

    def inverse(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return eta

    def inverse_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return 0 * eta + 1


@dataclass(frozen=True)
class Log(Link):
    """g(mu) = log(mu)."""

    mu_domain = POSITIVE

    def __call__(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.log(mu)

    def inverse(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.exp(eta)

    def inverse_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.exp(eta)


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


@dataclass(frozen=True)
class Probit(Link):
    """g is the standard normal quantile; h its distribution function."""

    mu_domain = UNIT

    def __call__(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.ndtri(mu)

    def inverse(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.ndtr(eta)

    def inverse_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.exp(-eta * eta / 2) / xp.sqrt(2 * xp.pi)


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


@dataclass(frozen=True)
class LogComplement(Link):
    """g(mu) = log(1 - mu). The only falling link here but for the inverse ones."""

    eta_domain = NEGATIVE
    mu_domain = UNIT

    def __call__(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.log1p(-mu)

    def inverse(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return -xp.expm1(eta)

    def inverse_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return -xp.exp(eta)

    def __str__(self) -> str:
        return "log-complement"


@dataclass(frozen=True)
class Inverse(Link):
    """g(mu) = 1 / mu."""

    eta_domain = POSITIVE
    mu_domain = POSITIVE

    def __call__(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return 1 / mu

    def inverse(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return 1 / eta

    def inverse_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return -1 / (eta * eta)


@dataclass(frozen=True)
class InverseSquared(Link):
    """g(mu) = 1 / mu^2."""

    eta_domain = POSITIVE
    mu_domain = POSITIVE

    def __call__(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return 1 / (mu * mu)

    def inverse(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return 1 / xp.sqrt(eta)

    def inverse_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return -1 / (2 * eta * xp.sqrt(eta))

    def __str__(self) -> str:
        return "inverse-squared"


@dataclass(frozen=True)
class Sqrt(Link):
    """g(mu) = sqrt(mu)."""

    eta_domain = POSITIVE
    mu_domain = POSITIVE

    def __call__(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.sqrt(mu)

    def inverse(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return eta * eta

    def inverse_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return 2 * eta


@dataclass(frozen=True)
class Power(Link):
    """g(mu) = mu^exponent, the exponent any number but 0 (whose place the log takes)."""

    exponent: float
    eta_domain = POSITIVE
    mu_domain = POSITIVE

    def __post_init__(self) -> None:
        if not np.isfinite(self.exponent) or self.exponent == 0:
            raise ValueError(
                f"Power(exponent={self.exponent}): a power link needs a finite exponent other than 0; at 0 use Log()."
            )

    def __call__(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return mu**self.exponent

    def inverse(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return eta ** (1 / self.exponent)

    def inverse_derivative(self, eta: Number, xp: Elementary = FLOAT64) -> Number:
        return eta ** (1 / self.exponent - 1) / self.exponent

    def __str__(self) -> str:
        return f"power({self.exponent:g})"


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

    def __str__(self) -> str:
        return f"negative-binomial-link({self.alpha:g})"


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
        pairs = mu[..., :, None] * mu[..., None, :] * (1 - diagonal)
        return diagonal * xp.spread(mu)[..., None] - pairs


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
)
LINKS: tuple[Link, ...] = (*ELEMENTWISE, Softmax())
