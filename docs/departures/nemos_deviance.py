"""NeMoS 0.2: the deviance is NaN where a mean has rounded to 0 or 1, as it divides 0 by 0."""

import jax
import nemos as nmo
import numpy as np

jax.config.update("jax_enable_x64", True)
np.seterr(all="ignore")
models = nmo.observation_models
for eta in (-700.0, -800.0):
    said = models.PoissonObservations().deviance(np.array([0.0]), np.exp([eta]))
    print(f"Poisson, no event of the mean exp({eta}): {said}, 2 exp({eta}) is {2 * np.exp(eta)}")
for eta in (36.0, 38.0):
    said = models.BernoulliObservations().deviance(np.array([1.0]), 1 / (1 + np.exp([-eta])))
    print(f"Bernoulli, a success of the logit {eta}: {said}, 2 log(1 + exp(-{eta})) is {2 * np.log1p(np.exp(-eta))}")
