"""glum 3.4: the binomial deviance of a share has no saturated model: at the share itself it is not 0."""

import numpy as np
from glum import BinomialDistribution

share = np.array([0.5])
print("deviance of a share of 0.5 at a mean of 0.5:", BinomialDistribution().deviance(share, share))  # 1.386 = 2 log 2
