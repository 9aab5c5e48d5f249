"""A model is a family and a link; parameters are one column of weights for each output neuron."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from spec.domains import REAL, Domain, Interval
from spec.elementary import FLOAT64, Elementary, Number
from spec.families import Binomial, Family, Gamma, Gaussian, InverseGaussian, Multinomial, NegativeBinomial, Poisson, Tweedie
from spec.links import (
    Cauchit,
    CLogLog,
    Curve,
    Formula,
    Identity,
    Inverse,
    InverseSquared,
    Link,
    Log,
    LogComplement,
    Logit,
    LogLog,
    NegativeBinomialLink,
    Power,
    Probit,
    Softmax,
    Softplus,
    Sqrt,
)

quietly = np.errstate(all="ignore")  # NumPy computes both sides of a choice: that which is not taken may overflow


@dataclass(frozen=True)
class Model:
    """
    A family and a link: together they are what an activation (the inverse link) and a loss (minus the log-likelihood) make.

    >>> model = Model(Poisson(), Log())
    >>> str(model), model.is_canonical, model.is_log_concave
    ('poisson-log', True, True)
    """

    family: Family
    link: Link

    def __post_init__(self) -> None:
        if isinstance(self.family, Multinomial) != isinstance(self.link, Softmax):
            raise ValueError(
                f"{self.family} with {self.link}: the multinomial family and the softmax link go with each other only."
            )

    @property
    def has_classes(self) -> bool:
        """True for softmax, where the response is one of several classes: a row has an eta for each, class 0 is the baseline."""
        return isinstance(self.family, Multinomial)

    @property
    def is_least_squares(self) -> bool:
        """True for the Gaussian with the identity link: then the log-likelihood is quadratic."""
        return isinstance(self.family, Gaussian) and isinstance(self.link, Identity)

    @property
    def is_logistic(self) -> bool:
        """True for a sigmoid or a softmax with its cross-entropy: logistic regression, of two classes or of several."""
        return self.has_classes or (isinstance(self.family, Binomial) and isinstance(self.link, Logit))

    @cached_property
    def eta_domain(self) -> Domain:
        """
        The eta that have a mean which the family admits. It is a matter of eta, never of a mean that was rounded.

        >>> str(Model(Binomial(), Log()).eta_domain), str(Model(Poisson(), Log()).eta_domain)
        ('(-inf, 0)', '(-inf, inf)')
        """
        admitted, reached = self.family.mu_domain, self.link.mu_domain
        if self.has_classes or not (isinstance(admitted, Interval) and isinstance(reached, Interval)):
            return REAL
        ends = np.array([max(admitted.low, reached.low), min(admitted.high, reached.high)], dtype=float)
        if (ends[0], ends[1]) == (reached.low, reached.high):
            return self.link.eta_domain
        with np.errstate(all="ignore"):  # an end has an infinite eta, or that of 0
            low, high = sorted(self.link(ends).tolist())
        return Interval(low, high)

    @cached_property
    def _inside(self) -> float:
        """An eta in the domain."""
        return 0.5 if self.eta_domain.contains(0.5) else -0.5

    @quietly
    def kernel(self, y: Number, eta: Number, xp: Elementary = FLOAT64) -> Number:
        """
        The log-likelihood at dispersion 1 less every term free of eta, shaped like eta; of a softmax each class's part.

        It keeps its digits where the mean rounds to an end of its domain.

        >>> Model(Binomial(), CLogLog()).kernel(0.0, np.array([4.0])).round(3)  # minus exp(4): there the mean rounds to 1
        array([-54.598])
        """
        if self.has_classes:
            return y * self.link.log_mean.value(eta, xp)
        return self._sum(y, eta, xp, lambda curve: curve.value)

    def _sum(self, y: Number, eta: Number, xp: Elementary, part: Callable[[Curve], Formula]) -> Number:
        """The sum of the kernel's terms, or of their derivatives."""
        parts = [xp.times(number, part(curve), eta, self._inside) for number, curve in self.family.terms(y, self.link)]
        return sum(parts[1:], parts[0])

    @quietly
    def row_score(self, y: Number, eta: Number, weight: Number = 1, xp: Elementary = FLOAT64) -> Number:
        """
        The derivative of ``weight`` times the kernel in each free eta: (..., m), for y and eta (..., k).

        weight (y - mu) h' / V, taken term by term; of a softmax weight (y - mu) of each class but class 0.
        """
        if self.has_classes:
            mu, others = self.link.inverse(eta, xp), Softmax.others
            return (weight * (y * others(mu) - others(y) * mu))[..., 1:]
        return weight * self._sum(y, eta, xp, lambda curve: curve.slope)

    @quietly
    def pearson(self, y: Number, mu: Number, weight: Number = 1, xp: Elementary = FLOAT64) -> Number:
        """
        The part of each entry of y (..., k) in Pearson's X^2, weight (y - mu)^2 / V; 0 where y is mu, also where V is 0.

        Of classes V is mu: summed over two of them it is that of the binomial.
        """

        def precision(mean: Number, xp: Elementary) -> Number:
            return 1 / (mean if self.has_classes else self.family.variance(mean, xp))

        return xp.times(weight * (y - mu) ** 2, precision, mu, 0.5)  # where a mean underflows it is 0 / 0

    @quietly
    def sizes(self, y: np.ndarray, eta: np.ndarray) -> tuple[np.ndarray, ...]:
        """
        What the kernel, the score and the curvature of a row are summed from, taken without sign, each shaped like eta.

        Of a softmax, whose loss is a difference of log-odds and their sum, with 1 for a class that was seen; and no curvature.

        >>> [float(size) for size in Model(Poisson(), Log()).sizes(2.0, 0.0)]  # 2 eta - exp(eta), 2 - exp(eta), -exp(eta)
        [1.0, 3.0, 1.0]
        """
        if self.has_classes:
            mu = self.link.inverse(eta)
            return y * (1 + np.abs(self.link.log_mean.value(eta, FLOAT64))), y + mu
        return self.family.sizes(y, eta, self.link, self._inside)

    @quietly
    def row_bend(self, y: Number, eta: Number, weight: Number = 1, xp: Elementary = FLOAT64) -> Number:
        """The second derivative of ``weight`` times the kernel in eta, shaped like eta; not of a softmax."""
        return weight * self._sum(y, eta, xp, lambda curve: curve.bend)

    @quietly
    def working_weight(self, eta: Number, weight: Number = 1, xp: Elementary = FLOAT64) -> Number:
        """weight h'^2 / V, the expected information about one eta, shaped like eta; not of a softmax, whose eta share theirs."""
        factor, one, other = self.family.information(self.link)
        slope = one.slope(eta, xp)
        return weight * (factor * slope * (slope if other is one else other.slope(eta, xp)))

    def row_information(self, eta: Number, weight: Number, xp: Elementary = FLOAT64) -> Number:
        """
        The expected information of a row about its free eta: (..., m, m), for eta (..., k) and weight (..., 1).

        `working_weight`; of a softmax weight times the Jacobian of its means, without class 0.
        """
        if self.has_classes:
            return weight[..., None] * self.link.inverse_derivative(eta, xp)[..., 1:, 1:]
        return self.working_weight(eta, weight, xp)[..., None]

    @property
    def is_canonical(self) -> bool:
        return self.link == self.family.canonical_link

    @property
    def is_log_concave(self) -> bool:
        """True where the log-likelihood is concave in eta for every response: then an optimum is the global one."""
        return (type(self.family), type(self.link)) in LOG_CONCAVE or self.is_canonical

    def __str__(self) -> str:
        return f"{self.family}-{self.link}"


@dataclass(frozen=True, eq=False)
class Params:
    """
    The weights of a layer: ``intercept`` (k,) is its bias, ``coef`` (p, k) its kernel; a column is an output neuron.

    Units: eta per unit of the column of X. The arrays are copies that cannot be written to. Raises ValueError where the shapes
    do not fit each other.

    >>> Params([0.5], [[1.0], [2.0]]).linear_predictor(np.array([[1.0, 1.0]])).tolist()
    [[3.5]]
    """

    intercept: np.ndarray
    coef: np.ndarray

    def __post_init__(self) -> None:
        for name in ("intercept", "coef"):
            array = np.array(getattr(self, name), dtype=float)
            array.flags.writeable = False  # they are shared by claims and engines, and answers are kept by them
            object.__setattr__(self, name, array)
        if self.coef.ndim != 2 or self.intercept.shape != self.coef.shape[1:]:
            raise ValueError(f"Params: intercept {self.intercept.shape} and coef {self.coef.shape} must be (k,) and (p, k).")

    @classmethod
    def from_matrix(cls, matrix: Any) -> Params:
        """Parameters from a matrix (1 + p, k) with the intercepts in the first row."""
        matrix = np.asarray(matrix, dtype=float)
        return cls(matrix[0], matrix[1:])

    @property
    def matrix(self) -> np.ndarray:
        """(1 + p, k), the intercepts in the first row."""
        return np.vstack([self.intercept, self.coef])

    def contrast(self) -> Params:
        """The identified form: with several columns each less column 0 (class 0 is the baseline), else unchanged."""
        if self.coef.shape[1] == 1:
            return self
        return Params(self.intercept - self.intercept[0], self.coef - self.coef[:, :1])

    def linear_predictor(self, X: np.ndarray) -> np.ndarray:
        """eta = intercept + X coef, shape (n, k)."""
        return self.intercept + X @ self.coef


# Concave in eta for every response in the domain, canonical pairs aside (those always are). tests/instruments proves
# each entry on a cover of the line by balls, and holds a witness against each pair that is not in it.
LOG_CONCAVE = {
    (Binomial, Probit),
    (Binomial, CLogLog),
    (Binomial, LogLog),
    (Binomial, Log),
    (Binomial, LogComplement),
    (Binomial, Identity),
    (Poisson, Identity),
    (Poisson, Sqrt),
    (Poisson, Softplus),
    (Gamma, Log),
    (InverseGaussian, Inverse),
    (NegativeBinomial, Log),
    (Tweedie, Log),
}

ALPHA, POWER = 0.5, 1.5

# the pairs that statsmodels admits (statsmodels.genmod.families.family: safe_links), 0.14 to 0.15, and the softplus of Keras
PAIRS: tuple[Model, ...] = tuple(
    Model(family, link)
    for family, links in (
        (Gaussian(), (Identity(), Log(), Inverse())),
        (Binomial(), (Logit(), Probit(), Cauchit(), Log(), LogComplement(), CLogLog(), LogLog(), Identity())),
        (Poisson(), (Log(), Identity(), Sqrt(), Softplus())),
        (Gamma(), (Inverse(), Log(), Identity())),
        (InverseGaussian(), (InverseSquared(), Inverse(), Identity(), Log())),
        (NegativeBinomial(ALPHA), (Log(), CLogLog(), Identity(), NegativeBinomialLink(ALPHA), Power(0.5))),
        (Tweedie(POWER), (Log(), Power(1 - POWER))),
    )
    for link in links
)
