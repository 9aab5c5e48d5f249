"""
A penalty as Keras writes it, and what it is called elsewhere.

Below, l1 and l2 are the factors in minus the mean log-likelihood + l1 |b| + l2 b^2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spec.families import Binomial, Gamma, Gaussian, InverseGaussian, Poisson
from spec.links import Log, Logit
from spec.model import Model


@dataclass(frozen=True)
class Penalty:
    """
    The terms that a Keras layer's regularizers add to its loss: l1 sum|b| + l2 sum b^2 of the kernel, and of the bias.

    The compiled loss is minus ``scale`` times the mean log-likelihood, plus terms free of the weights; the mean is over the
    rows, whatever their weights sum to. True if there is any penalty.
    """

    kernel_l1: float = 0.0
    kernel_l2: float = 0.0
    bias_l1: float = 0.0
    bias_l2: float = 0.0
    scale: float = 1.0

    def __bool__(self) -> bool:
        return any((self.kernel_l1, self.kernel_l2, self.bias_l1, self.bias_l2))

    def of_rows(self, n: int) -> Penalty:
        """
        This penalty in units of the log-likelihood of n rows.

        >>> Penalty(kernel_l2=0.1, scale=2.0).of_rows(100).kernel_l2  # Keras's mse is twice minus the mean log-likelihood
        5.0
        """
        by = n / self.scale
        return Penalty(by * self.kernel_l1, by * self.kernel_l2, by * self.bias_l1, by * self.bias_l2, float(n))

    def of_weights(self, shape: tuple[int, int], intercept: bool) -> tuple[np.ndarray, np.ndarray]:
        """The factors l1 and l2 of each weight, (q, k), the bias in the first row if there is an intercept."""
        found = np.full(shape, self.kernel_l1, dtype=float), np.full(shape, self.kernel_l2, dtype=float)
        if intercept:
            found[0][0], found[1][0] = self.bias_l1, self.bias_l2
        return found

    def terms(self, model: Model, n: int) -> tuple[str, ...]:
        """Sentences that say what the penalty is called in scikit-learn, glmnet and statsmodels, for a model and n rows."""
        one = self.of_rows(1)
        own, bias = (one.kernel_l1, one.kernel_l2), (one.bias_l1, one.bias_l2)
        found = []
        if any(own):
            found = [*_scikit_learn(model, n, *own), _glmnet(*own, model.is_least_squares), *_statsmodels(model, own, bias)]
        if any(bias):
            found.append("The bias is penalised too, which scikit-learn and glmnet do not do: their optimum is another.")
        return tuple(found)


MEAN_WEIGHT = " (with weights, divided by their mean)"
REGRESSORS: dict[float, str] = {1: "PoissonRegressor(", 2: "GammaRegressor("}
POWERS: dict[type, float] = {Gaussian: 0, Poisson: 1, Gamma: 2, InverseGaussian: 3}


def _mixture(l1: float, l2: float) -> tuple[float, float]:
    """The strength, and the share of the l1 norm in it, of strength (share |b| + (1 - share) b^2 / 2)."""
    return l1 + 2 * l2, l1 / (l1 + 2 * l2)


def _scikit_learn(model: Model, n: int, l1: float, l2: float) -> list[str]:
    """The penalty in scikit-learn: C multiplies a sum of losses; Ridge's alpha goes to a sum, other alphas to a mean."""

    def logistic(strength: float, share: float) -> str:
        solver = ", solver='saga'" if share else ""
        return f"LogisticRegression(C={1 / (n * strength):.6g}, l1_ratio={share:.6g}{solver})"

    strength, share = _mixture(l1, l2)
    power = POWERS.get(type(model.family), getattr(model.family, "power", None))
    called = ""
    if model.has_classes:  # two classes are one column there, the difference of the two here
        called = f"{logistic(strength, share)}, or of two classes {logistic(*_mixture(l1, l2 / 2))}"
    elif model == Model(Binomial(), Logit()):
        called = logistic(strength, share)
    elif model.is_least_squares:
        mixed = f"ElasticNet(alpha={strength:.6g}, l1_ratio={share:.6g}){MEAN_WEIGHT}" if l2 else ""
        called = (mixed or f"Lasso(alpha={l1:.6g}){MEAN_WEIGHT}") if l1 else f"Ridge(alpha={n * strength:.6g})"
    elif isinstance(model.link, Log) and power is not None and not l1:
        tweedie = f"TweedieRegressor(power={power:.6g}, link='log', "
        called = f"{REGRESSORS.get(power, tweedie)}alpha={strength:.6g}){MEAN_WEIGHT}"
    return [f"In scikit-learn it is {called}."] if called else []


def _glmnet(l1: float, l2: float, least_squares: bool) -> str:
    """The penalty by glmnet's documented objective; with family = "gaussian" it divides l2 by the standard deviation of y."""
    strength, share = _mixture(l1, l2)
    family = ", family=gaussian()" if least_squares and l2 else ""
    return f"In glmnet it is lambda={strength:.6g}, alpha={share:.6g}, standardize=FALSE{family}{MEAN_WEIGHT}."


def _statsmodels(model: Model, own: tuple[float, float], bias: tuple[float, float]) -> list[str]:
    """The penalty in statsmodels: alpha has an entry for each column. At L1_wt=0 GLM divides by a dispersion, OLS does not."""
    if model.has_classes:
        return []
    strength, share = _mixture(*own)
    constant, of_constant = _mixture(*bias) if any(bias) else (0.0, share)
    if abs(of_constant - share) > 1e-12:
        return ["statsmodels has no name for it, since the bias has another mixture of l1 and l2."]
    name = "OLS" if model.is_least_squares else "GLM"
    least = 1e-12 if name == "GLM" and model.family.has_dispersion else 0.0
    alpha = f"[{constant:.6g}, {strength:.6g}, ...]"
    return [f"In statsmodels it is {name}.fit_regularized(alpha={alpha}, L1_wt={max(share, least):.6g}), the constant first."]
