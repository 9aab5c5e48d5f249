"""scikit-learn 1.9: on separated data, which have no optimum, a tight fit without a penalty says that it converged."""

import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression

x = np.array([[-2.0], [-1.0], [1.0], [2.0]])
y = np.array([0, 0, 1, 1])  # any larger coefficient is more likely
for tol in (1e-4, 1e-8, 1e-15):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=tol, max_iter=1000).fit(x, y)
    print(f"tol={tol:g}: coefficient {model.coef_[0, 0]:.4g} after {model.n_iter_[0]} steps, {len(caught)} warnings")
