"""scikit-learn 1.9: log_loss moves probabilities to 2.2e-16 from 0 and 1, so that no row costs more than 36.04."""

import numpy as np
from sklearn.metrics import log_loss

p = 1e-20  # of class 1, in a row of class 1
print("-log p:  ", -np.log(p))  # 46.05
print("log_loss:", log_loss([1], [[1 - p, p]], labels=[0, 1]))  # 36.04
