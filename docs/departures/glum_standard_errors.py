"""glum 3.4: standard errors that are not robust are multiplied by the root of n / (n - q), beside Pearson's n - q."""

import numpy as np
from glum import GeneralizedLinearRegressor

rng = np.random.default_rng(0)
X = rng.normal(size=(12, 3))
y = X.sum(axis=1) + rng.normal(size=12)
design = np.column_stack([np.ones(12), X])
residual = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
textbook = np.sqrt(residual @ residual / (12 - 4) * np.linalg.inv(design.T @ design).diagonal())
model = GeneralizedLinearRegressor(alpha=0, family="normal").fit(X, y)
found = model.std_errors(X, y, robust=False, expected_information=True)
print("glum:                        ", found)
print("textbook:                    ", textbook)
print("the ratio, and root of 12 / 8:", found / textbook, np.sqrt(12 / 8))
