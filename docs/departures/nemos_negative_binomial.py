"""NeMoS 0.2: the negative binomial takes log(1 - 1 / (1 + scale mean)), and differences of the log-gammas of counts."""

import math

import jax
import nemos as nmo
import numpy as np

jax.config.update("jax_enable_x64", True)
model = nmo.observation_models.NegativeBinomialObservations(scale=0.5)
for mean in (1.0, 1e-8, 1e-15, 1e-16):
    said = [float(model.log_likelihood(np.array([count]), np.array([mean]))) for count in (0.0, 1.0)]
    true = [-2 * math.log1p(mean / 2), math.log(mean) - 3 * math.log1p(mean / 2)]
    print(f"mean {mean}: log p(0) and log p(1) are {true}, log_likelihood has {said}")
for count in (1e10, 1e15, 1e20):
    said = float(model.log_likelihood(np.array([count]), np.array([count])))
    true = math.log(4 * (count + 1)) - 2 * math.log(count + 2) - 2
    print(f"count and mean {count}: log p is {true:.6f}, log_likelihood has {said:.6f}")
