"""scikit-learn 1.9: a column in units of 1e-8 makes newton-cholesky give way to lbfgs, which stops far from the optimum."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import PoissonRegressor

X = np.array([[0.0, 1.0], [0.0, 2.0], [1.0, 1.0], [1.0, 3.0], [0.0, 4.0], [1.0, 2.0]])
y = np.array([1, 0, 2, 3, 1, 0])
for unit in (1.0, 1e8):
    model = PoissonRegressor(alpha=0, solver="newton-cholesky", tol=1e-12, max_iter=1000)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X * [1.0, unit], y)
    warned = any(issubclass(each.category, ConvergenceWarning) for each in caught)
    print(f"units of 1/{unit:g}: {model.coef_ * [1.0, unit]}, mean deviance 1 - D2 = {1 - model.score(X * [1.0, unit], y):.4f},",
          "ConvergenceWarning" if warned else "no ConvergenceWarning")  # fmt: skip
