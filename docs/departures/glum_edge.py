"""glum 3.4: with a log link a binomial fit may end with means above 1, and does not warn of it."""

import warnings

import numpy as np
from glum import BinomialDistribution, GeneralizedLinearRegressor, LogLink

rng = np.random.default_rng(5)
x = rng.uniform(-1, 1, size=300)
y = (rng.random(300) < np.minimum(np.exp(-0.45 + 0.45 * x), 1)).astype(float)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    model = GeneralizedLinearRegressor(alpha=0, family=BinomialDistribution(), link=LogLink()).fit(x[:, None], y)
print("largest mean:", model.predict(x[:, None]).max(), [str(each.message) for each in caught])
