"""scikit-learn 1.9: lbfgs stops when the loss no longer changes, whatever tol says; newton-cholesky goes on."""

import numpy as np
from sklearn.linear_model import LogisticRegression

rng = np.random.default_rng(0)
X = rng.normal(size=(1000, 8)) * np.logspace(-1, 1, 8)
y = (rng.random(1000) < 1 / (1 + np.exp(-X.sum(axis=1) / 8))).astype(int)
fits = {s: LogisticRegression(C=np.inf, solver=s, tol=1e-14, max_iter=10_000).fit(X, y) for s in ("lbfgs", "newton-cholesky")}
for solver, fit in fits.items():
    p = fit.predict_proba(X)[:, 1]
    print(f"{solver}: largest component of the score {np.abs(X.T @ (y - p)).max():.1e}")
apart = fits["lbfgs"].coef_ / fits["newton-cholesky"].coef_ - 1
print(f"the coefficients differ by a share of {np.abs(apart).max():.1e}")
