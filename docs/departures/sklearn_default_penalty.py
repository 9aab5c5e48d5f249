"""scikit-learn 1.9: the defaults C = 1 and alpha = 1 penalise, and the default tol of LinearRegression drops directions."""

import numpy as np
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor

rng = np.random.default_rng(0)
X = rng.normal(size=(50, 2))
y = (rng.random(50) < 1 / (1 + np.exp(-X @ [2.0, -1.0]))).astype(int)
n = rng.poisson(np.exp(X @ [1.0, -0.5]))
print("logistic, by default:   ", LogisticRegression().fit(X, y).coef_[0])
print("logistic, no penalty:   ", LogisticRegression(C=np.inf).fit(X, y).coef_[0])
print("Poisson, by default:    ", PoissonRegressor().fit(X, n).coef_)
print("Poisson, no penalty:    ", PoissonRegressor(alpha=0).fit(X, n).coef_)
powers = np.vander(np.arange(21.0), 6, increasing=True)[:, 1:]  # NIST's Wampler1: each coefficient is 1
print("polynomial, by default: ", LinearRegression().fit(powers, 1 + powers.sum(axis=1)).coef_)
print("polynomial, tol 2.2e-16:", LinearRegression(tol=2.0**-52).fit(powers, 1 + powers.sum(axis=1)).coef_)
