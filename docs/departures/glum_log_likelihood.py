"""glum 3.4: log_likelihood counts weights as rows, and loses digits of means near 1 and of large counts."""

import numpy as np
from glum import BinomialDistribution, GammaDistribution, NegativeBinomialDistribution
from scipy import stats

y, mu, weight, phi = np.array([2.0]), np.array([1.5]), np.array([3.0]), 0.7
gamma = GammaDistribution().log_likelihood(y, mu, weight, dispersion=phi)
print("gamma, a row of weight 3:       ", gamma)
print("three rows:                     ", 3 * stats.gamma(1 / phi, scale=mu * phi).logpdf(y)[0])
print("a row of a third the dispersion:", stats.gamma(3 / phi, scale=mu * phi / 3).logpdf(y)[0])

large = np.array([1e15])  # a count, and its mean
print("negative binomial, y = mu = 1e15:", NegativeBinomialDistribution(0.5).log_likelihood(large, large))  # -33.69...

eta = np.array([-1e-17])  # log of a mean of 1 - 1e-17
rounded = BinomialDistribution().log_likelihood(np.array([0.0]), np.exp(eta))
print("binomial, a failure where 1 - mean is 1e-17:", rounded, "log(1e-17) is", np.log(-np.expm1(eta))[0])
