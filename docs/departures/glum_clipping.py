"""glum 3.4: the inverse logit and complementary log-log are clipped to 1.1e-14 from 0 and 1."""

import warnings

import numpy as np
from glum import CloglogLink, LogitLink

warnings.simplefilter("ignore")  # "Sigmoid function too close to 0 or 1. Clipping."
for eta in (-20.0, -40.0, 40.0):
    print(f"logit at {eta}:   {LogitLink().inverse(np.array([eta]))[0]:.16e}, sigmoid {1 / (1 + np.exp(-eta)):.16e}")
    print(f"cloglog at {eta}: {CloglogLink().inverse(np.array([eta]))[0]:.16e}, formula {-np.expm1(-np.exp(eta)):.16e}")
