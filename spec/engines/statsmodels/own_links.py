"""Links that statsmodels lacks, as its users give it a link of their own."""

from __future__ import annotations

import numpy as np
from statsmodels.genmod.families import links


class Softplus(links.Link):  # type: ignore[misc]
    """g(mu) = log(exp(mu) - 1): the mean is log(1 + exp(eta))."""

    def __call__(self, p: np.ndarray) -> np.ndarray:
        return np.log(np.expm1(p))

    def inverse(self, z: np.ndarray) -> np.ndarray:
        return np.logaddexp(0, z)

    def deriv(self, p: np.ndarray) -> np.ndarray:
        return -1 / np.expm1(-p)

    def deriv2(self, p: np.ndarray) -> np.ndarray:
        return -1 / (2 * np.sinh(p / 2)) ** 2

    def inverse_deriv(self, z: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-z))

    def inverse_deriv2(self, z: np.ndarray) -> np.ndarray:
        return 1 / (2 * np.cosh(z / 2)) ** 2


OWN = {"Softplus": Softplus}
