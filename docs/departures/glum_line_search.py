"""glum 3.4: near the optimum the line search, which asks the objective to fall, halves away steps that the score still needs."""

import warnings

import numpy as np
import statsmodels.api as sm  # for the data alone
from glum import GeneralizedLinearRegressor

warnings.simplefilter("ignore")  # that a tolerance of 1e-15 is not reached
data = sm.datasets.randhie.load_pandas()
X, y = data.exog.to_numpy(), data.endog.to_numpy()
model = GeneralizedLinearRegressor(alpha=0, family="poisson", gradient_tol=1e-15, max_iter=12).fit(X, y)
for step in model.diagnostics_[1:]:
    print(f"step {step['n_iter']}: of length {step['L2(step)']:.1e}, halved {step['n_line_search']} times")
mu = model.predict(X)
design = np.column_stack([np.ones(len(X)), X])
left = np.linalg.solve(design.T @ (mu[:, None] * design), design.T @ (y - mu))  # Newton's step from there
print("Newton's next step, as a share of each coefficient:", np.abs(left / np.r_[model.intercept_, model.coef_]))
