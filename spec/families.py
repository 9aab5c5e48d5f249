r"""
Families: the distribution of the response about its mean.

Each is an exponential dispersion model. With dispersion phi and weight w its log-likelihood is

.. math:: \ell(y; \mu) = \frac{w}{\phi}\, k(y, \mu) + c(y, \phi / w)

where the *kernel* k holds all that depends on mu, and the *normaliser* c the rest. The kernel alone fixes the estimate
of the mean: minus the kernel is a network's loss. What was left out of k stands in c, so nothing is dropped.

The kernel is given twice: as a function of the mean, as it is written in books, and as `Family.terms` of the linear
predictor, which keep their digits where the mean rounds to the end of its domain.

Add a family by adding a class and an entry to `FAMILIES`: tests, problems and tables follow.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass

import numpy as np
from scipy import special

from spec.domains import CLOSED_UNIT, COUNTS, NON_NEGATIVE, POSITIVE, REAL, UNIT, Domain, Simplex
from spec.elementary import FLOAT64, Elementary, Number
from spec.links import Curve, Identity, Inverse, InverseSquared, Link, Log, Logit, NegativeBinomialLink, Power, Softmax

Terms = list[tuple[Number, Curve]]  # numbers that depend on the response, and what each multiplies


class Family(abc.ABC):
    """
    A distribution, by its mean mu. ``y`` and ``mu`` are in the response's units, shape (n, k), and so is each result.

    ``trials`` matters to binomial and multinomial responses only: there y is the *share* of the trials.
    """

    has_dispersion = False  # whether phi is free; where not, phi is 1

    @property
    @abc.abstractmethod
    def response_domain(self) -> Domain: ...

    @property
    def quasi_domain(self) -> Domain:
        """The responses of quasi-likelihood: all numbers for which the kernel is defined, rates as well as counts for one."""
        return self.response_domain

    @property
    @abc.abstractmethod
    def mu_domain(self) -> Domain: ...

    @property
    @abc.abstractmethod
    def canonical_link(self) -> Link:
        """The link for which eta is the natural parameter, up to a constant factor: h' is a constant times V(h)."""

    @abc.abstractmethod
    def variance(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        """V(mu), the variance at dispersion 1 and one trial."""

    @abc.abstractmethod
    def kernel(self, y: Number, mu: Number, xp: Elementary = FLOAT64) -> Number:
        """
        k(y, mu), the log-likelihood at dispersion 1 less every term free of mu.

        >>> float(Poisson().kernel(2.0, 1.0))  # 2 log(1) - 1
        -1.0
        """

    @abc.abstractmethod
    def terms(self, y: Number, link: Link) -> Terms:
        """
        The kernel as a function of eta: numbers that depend on the response, each with the `Curve` that it multiplies.

        The kernel of a row is the sum of the products. Where a number is 0, its curve does not matter, whatever eta is.
        """

    def sizes(self, y: np.ndarray, eta: np.ndarray, link: Link, inside: float) -> tuple[np.ndarray, ...]:
        """
        What the kernel, its slope and its bend in eta are summed from, without sign; for ``inside`` see `Elementary.times`.

        float64 knows each to some roundings of that, whatever the sum is.
        """
        terms = self.terms(y, link)
        parts = (lambda curve: curve.value), (lambda curve: curve.slope), (lambda curve: curve.bend)
        return tuple(sum(np.abs(FLOAT64.times(c, part(curve), eta, inside)) for c, curve in terms) for part in parts)

    @abc.abstractmethod
    def information(self, link: Link) -> tuple[float, Curve, Curve]:
        """A factor and two curves: the product of the factor and their slopes is h'^2 / V, a row's expected information."""

    @abc.abstractmethod
    def unit_deviance(self, y: Number, mu: Number, xp: Elementary = FLOAT64) -> Number:
        """d(y, mu) = 2 (k(y, y) - k(y, mu)), at least 0."""

    @abc.abstractmethod
    def normaliser(self, y: Number, dispersion: Number = 1.0, trials: Number = 1.0) -> np.ndarray:
        """c(y, phi), the terms of the log-likelihood that are free of mu, one for each entry of y."""

    def log_likelihood(self, y: Number, mu: Number, dispersion: Number = 1.0, trials: Number = 1.0) -> np.ndarray:
        """
        The log of the density (or mass) of y, constants included, one for each entry of y.

        >>> float(np.exp(Binomial().log_likelihood(0.5, 0.5, trials=2)).round(12))  # one success in two fair trials
        0.5
        """
        return trials * self.kernel(y, mu) / dispersion + self.normaliser(y, dispersion, trials)

    def __str__(self) -> str:
        return type(self).__name__.lower()


@dataclass(frozen=True)
class Gaussian(Family):
    """Normal, variance phi."""

    has_dispersion = True
    response_domain = REAL
    mu_domain = REAL
    canonical_link = Identity()

    def variance(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return 0 * mu + 1

    def kernel(self, y: Number, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return -(y - mu) * (y - mu) / 2

    def terms(self, y: Number, link: Link) -> Terms:
        """One term: y mu - mu^2 / 2 would lose the digits of a small residual."""
        mean = link.mean

        def slope(eta: Number, xp: Elementary) -> Number:
            return (y - mean.value(eta, xp)) * mean.slope(eta, xp)

        def bend(eta: Number, xp: Elementary) -> Number:
            return (y - mean.value(eta, xp)) * mean.bend(eta, xp) - mean.slope(eta, xp) * mean.slope(eta, xp)

        def value(eta: Number, xp: Elementary) -> Number:
            residual = y - mean.value(eta, xp)
            return -(residual * residual) / 2

        return [(1, Curve(value, slope, bend))]

    def sizes(self, y: np.ndarray, eta: np.ndarray, link: Link, inside: float) -> tuple[np.ndarray, ...]:
        """The residual is a difference, of y and mu."""
        mu, slope, bend = link.inverse(eta), link.inverse_derivative(eta), link.inverse_second_derivative(eta)
        whole = np.abs(y) + np.abs(mu)
        return np.abs(y - mu) * whole / 2, whole * np.abs(slope), whole * np.abs(bend) + slope * slope

    def information(self, link: Link) -> tuple[float, Curve, Curve]:
        return 1, link.mean, link.mean

    def unit_deviance(self, y: Number, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return (y - mu) * (y - mu)  # the power of a ball about 0 is NaN

    def normaliser(self, y: Number, dispersion: Number = 1.0, trials: Number = 1.0) -> np.ndarray:
        return 0 * y - np.log(2 * np.pi * dispersion) / 2


@dataclass(frozen=True)
class Binomial(Family):
    """The share of successes in ``trials`` trials; Bernoulli with one trial."""

    response_domain = CLOSED_UNIT
    mu_domain = UNIT
    canonical_link = Logit()

    def variance(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return mu * (1 - mu)

    def kernel(self, y: Number, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.xlogy(y, mu) + xp.xlog1py(1 - y, -mu)

    def terms(self, y: Number, link: Link) -> Terms:
        return [(y, link.log_mean), (1 - y, link.log_rest)]

    def information(self, link: Link) -> tuple[float, Curve, Curve]:
        return -1, link.log_mean, link.log_rest

    def unit_deviance(self, y: Number, mu: Number, xp: Elementary = FLOAT64) -> Number:
        # the quotient (1 - y) / (1 - mu) would lose the digits of a small y and mu
        return 2 * (xp.xlogy(y, y / mu) + xp.xlog1py(1 - y, -y) - xp.xlog1py(1 - y, -mu))

    def normaliser(self, y: Number, dispersion: Number = 1.0, trials: Number = 1.0) -> np.ndarray:
        successes, failures = trials * y, trials * (1 - y)
        return special.gammaln(trials + 1) - special.gammaln(successes + 1) - special.gammaln(failures + 1)


@dataclass(frozen=True)
class Poisson(Family):
    """Counts whose variance is the mean."""

    response_domain = COUNTS
    quasi_domain = NON_NEGATIVE
    mu_domain = POSITIVE
    canonical_link = Log()

    def variance(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return mu

    def kernel(self, y: Number, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.xlogy(y, mu) - mu

    def terms(self, y: Number, link: Link) -> Terms:
        return [(y, link.log_mean), (-1, link.mean)]

    def information(self, link: Link) -> tuple[float, Curve, Curve]:
        return 4, link.power(0.5), link.power(0.5)

    def unit_deviance(self, y: Number, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return 2 * (xp.xlogy(y, y / mu) - (y - mu))

    def normaliser(self, y: Number, dispersion: Number = 1.0, trials: Number = 1.0) -> np.ndarray:
        return -special.gammaln(y + 1)


@dataclass(frozen=True)
class Gamma(Family):
    """Positive, with a constant coefficient of variation; shape 1/phi."""

    has_dispersion = True
    response_domain = POSITIVE
    mu_domain = POSITIVE
    canonical_link = Inverse()

    def variance(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return mu * mu

    def kernel(self, y: Number, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return -y / mu - xp.log(mu)

    def terms(self, y: Number, link: Link) -> Terms:
        return [(-y, link.power(-1)), (-1, link.log_mean)]

    def information(self, link: Link) -> tuple[float, Curve, Curve]:
        return 1, link.log_mean, link.log_mean

    def unit_deviance(self, y: Number, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return 2 * ((y - mu) / mu - xp.log(y / mu))

    def normaliser(self, y: Number, dispersion: Number = 1.0, trials: Number = 1.0) -> np.ndarray:
        shape = 1 / dispersion
        return shape * np.log(shape) + (shape - 1) * np.log(y) - special.gammaln(shape)


@dataclass(frozen=True)
class InverseGaussian(Family):
    """Positive, with variance phi mu^3."""

    has_dispersion = True
    response_domain = POSITIVE
    mu_domain = POSITIVE
    canonical_link = InverseSquared()

    def variance(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return mu**3

    def kernel(self, y: Number, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return (1 - y / (2 * mu)) / mu

    def terms(self, y: Number, link: Link) -> Terms:
        return [(-y / 2, link.power(-2)), (1, link.power(-1))]

    def information(self, link: Link) -> tuple[float, Curve, Curve]:
        return 4, link.power(-0.5), link.power(-0.5)

    def unit_deviance(self, y: Number, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return (y - mu) * (y - mu) / (mu**2 * y)

    def normaliser(self, y: Number, dispersion: Number = 1.0, trials: Number = 1.0) -> np.ndarray:
        return -1 / (2 * dispersion * y) - (np.log(2 * np.pi * dispersion) + 3 * np.log(y)) / 2

    def __str__(self) -> str:
        return "inverse-gaussian"


@dataclass(frozen=True)
class NegativeBinomial(Family):
    """Counts with variance mu + alpha mu^2, alpha > 0 known."""

    alpha: float
    response_domain = COUNTS
    quasi_domain = NON_NEGATIVE
    mu_domain = POSITIVE

    def __post_init__(self) -> None:
        if not 0 < self.alpha < np.inf:
            raise ValueError(
                f"NegativeBinomial(alpha={self.alpha}): alpha must be positive and finite; as it nears 0 use Poisson()."
            )

    @property
    def canonical_link(self) -> Link:
        return NegativeBinomialLink(self.alpha)

    def variance(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return mu * (1 + self.alpha * mu)

    def kernel(self, y: Number, mu: Number, xp: Elementary = FLOAT64) -> Number:
        scaled = self.alpha * mu
        return xp.xlogy(y, scaled / (1 + scaled)) - xp.log1p(scaled) / self.alpha

    def terms(self, y: Number, link: Link) -> Terms:
        log_share, log_rest = link.odds(self.alpha)
        return [(y, log_share), (1 / self.alpha, log_rest)]

    def information(self, link: Link) -> tuple[float, Curve, Curve]:
        return -1 / self.alpha, link.log_mean, link.odds(self.alpha)[1]

    def unit_deviance(self, y: Number, mu: Number, xp: Elementary = FLOAT64) -> Number:
        # the quotient (1 + alpha y) / (1 + alpha mu) would lose the digits of a small alpha y and alpha mu
        logs = xp.log1p(self.alpha * mu) - xp.log1p(self.alpha * y)
        return 2 * (xp.xlogy(y, y / mu) + (1 + self.alpha * y) / self.alpha * logs)

    def normaliser(self, y: Number, dispersion: Number = 1.0, trials: Number = 1.0) -> np.ndarray:
        return log_rising(1 / self.alpha, y) - special.gammaln(y + 1)

    def __str__(self) -> str:
        return f"negative-binomial({self.alpha:g})"


def log_rising(size: float, y: Number) -> np.ndarray:
    """
    log(Gamma(size + y) / Gamma(size)), whose terms are far larger than it is where the size is.

    There it is by Stirling's series of both, whose first terms are subtracted before they are computed.

    >>> round(float(log_rising(1e10, 2.0)), 12)  # the logarithm of 1e10 (1e10 + 1)
    46.051701859981
    """
    if size < 100:
        return np.asarray(special.gammaln(y + size) - special.gammaln(size))
    rest = _stirling(size + y) - _stirling(size)
    return np.asarray((size + y - 0.5) * np.log1p(y / size) - y + y * np.log(size) + rest)


def _stirling(x: Number) -> Number:
    """What Stirling's formula leaves of log Gamma(x), from 100 on."""
    return (1 / 12 - (1 / 360 - 1 / (1260 * x * x)) / (x * x)) / x


@dataclass(frozen=True)
class Tweedie(Family):
    """
    A Poisson number of gamma amounts: zeros and positive numbers, variance phi mu^power, 1 < power < 2.

    The density has no closed form; its series is Wright's function (Dunn and Smyth 2005, Statistics and Computing 15).
    """

    power: float
    has_dispersion = True
    response_domain = NON_NEGATIVE
    mu_domain = POSITIVE

    def __post_init__(self) -> None:
        if not 1 < self.power < 2:
            raise ValueError(
                f"Tweedie(power={self.power}): the power must lie strictly between 1 and 2; "
                "0, 1, 2 and 3 are Gaussian, Poisson, Gamma and InverseGaussian."
            )

    @property
    def canonical_link(self) -> Link:
        return Power(1 - self.power)

    def variance(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return mu**self.power

    def kernel(self, y: Number, mu: Number, xp: Elementary = FLOAT64) -> Number:
        p = self.power
        return y * (mu ** (1 - p) / (1 - p)) - mu ** (2 - p) / (2 - p)  # y last: python-flint 0.6 divides no series of zeros

    def terms(self, y: Number, link: Link) -> Terms:
        p = self.power
        return [(y / (1 - p), link.power(1 - p)), (1 / (p - 2), link.power(2 - p))]

    def information(self, link: Link) -> tuple[float, Curve, Curve]:
        root = link.power(1 - self.power / 2)
        return 1 / (1 - self.power / 2) ** 2, root, root

    def unit_deviance(self, y: Number, mu: Number, xp: Elementary = FLOAT64) -> Number:
        p = self.power
        return 2 * (y ** (2 - p) / ((1 - p) * (2 - p)) - y * mu ** (1 - p) / (1 - p) + mu ** (2 - p) / (2 - p))

    def normaliser(self, y: Number, dispersion: Number = 1.0, trials: Number = 1.0) -> np.ndarray:
        p, y = self.power, np.asarray(y, dtype=float)
        a = (2 - p) / (p - 1)
        positive = np.where(y > 0, y, 1.0)
        log_z = a * np.log(positive / (p - 1)) - (1 + a) * np.log(dispersion) - np.log(2 - p)
        # the terms z^j / (j! gamma(a j)) rise up to j = mode and fall beyond; ten standard deviations from it they are below eps
        # (SciPy's log_wright_bessel is the same series, but off by up to 0.3 where the power is below 1.2)
        mode = positive ** (2 - p) / (dispersion * (2 - p))
        is_long = mode > LONG
        of_series = np.where(is_long, 1.0, mode)
        reach = 10 * np.sqrt(of_series / (1 + a)) + 20
        j = np.maximum(1, np.floor(of_series - reach))[..., None] + np.arange(2 * np.max(reach, initial=0) + 2)
        log_terms = j * log_z[..., None] - special.gammaln(j + 1) - special.gammaln(a * j)
        log_sum = np.where(is_long, _log_of_long_series(mode, a), special.logsumexp(log_terms, axis=-1))
        return np.where(y > 0, log_sum - np.log(positive), 0.0)

    def __str__(self) -> str:
        return f"tweedie({self.power:g})"


LONG = 1e5  # the mode of Tweedie's series from which on its terms lose more digits than Laplace's expansion


def _log_of_long_series(mode: np.ndarray, a: float) -> np.ndarray:
    """The logarithm of the sum of z^j / (j! gamma(a j)), by Stirling's formula and Laplace's expansion to order 1 / mode."""
    left = ((1 + 1 / a) / 12 + 1 / (24 * (1 + a))) / mode
    return (1 + a) * mode + 0.5 * np.log(a * mode / (2 * np.pi * (1 + a))) - left


@dataclass(frozen=True)
class Multinomial(Family):
    """
    Shares of K classes in ``trials`` trials, shape (n, K); with one trial a row is one-hot.

    The kernel and the deviance of a row are the sums over its classes of the entries given here.
    """

    response_domain = Simplex()
    mu_domain = Simplex(interior=True)
    canonical_link = Softmax()

    def variance(self, mu: Number, xp: Elementary = FLOAT64) -> Number:
        """The diagonal of the covariance diag(mu) - mu mu'."""
        return mu * (1 - mu)

    def kernel(self, y: Number, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return xp.xlogy(y, mu)

    def terms(self, y: Number, link: Link) -> Terms:
        return [(y, link.log_mean)]

    def information(self, link: Link) -> tuple[float, Curve, Curve]:
        raise NotImplementedError("the classes of a softmax share their information: see Model.row_information")

    def unit_deviance(self, y: Number, mu: Number, xp: Elementary = FLOAT64) -> Number:
        return 2 * xp.xlogy(y, y / mu)

    def normaliser(self, y: Number, dispersion: Number = 1.0, trials: Number = 1.0) -> np.ndarray:
        """log of the number of orders of the trials; its share log(trials!)/K is put on each of the K classes."""
        return special.gammaln(trials + 1) / y.shape[-1] - special.gammaln(trials * y + 1)


FAMILIES: tuple[Family, ...] = (
    Gaussian(),
    Binomial(),
    Poisson(),
    Gamma(),
    InverseGaussian(),
    NegativeBinomial(alpha=0.5),
    Tweedie(power=1.5),
    Multinomial(),
)
