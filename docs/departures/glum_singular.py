"""glum 3.4: a fit of separated counts raises LinAlgError, once the means of the separated rows no longer count."""

import warnings

import numpy as np
from glum import GeneralizedLinearRegressor

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]] * 3)
y = np.where(X[:, 1] == 1, 0.0, 2.0 + X[:, 0])  # zeros wherever the second column is 1
warnings.simplefilter("ignore")  # of an ill-conditioned matrix
try:
    model = GeneralizedLinearRegressor(alpha=0, family="poisson", gradient_tol=1e-300, max_iter=1000).fit(X, y)
    print("fitted:", model.coef_)
except np.linalg.LinAlgError as error:
    print("LinAlgError:", error)
