"""scikit-learn 1.9: least squares by LAPACK's gelsd, beside a QR decomposition: how far residuals are from orthogonal."""

import numpy as np
from sklearn.linear_model import LinearRegression

x = np.arange(21.0)
X = np.vander(x, 6, increasing=True)
y = X @ 0.1 ** np.arange(6.0)  # NIST's Wampler2
model = LinearRegression(tol=2.0**-52).fit(X[:, 1:], y)
q, r = np.linalg.qr(X)
by_qr = np.linalg.solve(r, q.T @ y)
print("scikit-learn:", X.T @ (y - model.predict(X[:, 1:])))
print("by QR:       ", X.T @ (y - X @ by_qr))
