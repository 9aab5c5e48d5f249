"""NeMoS 0.2: the losses move a mean to 2.2e-16 from the ends of its range, also one beyond: their slope is 0 there."""

import jax
import nemos as nmo
import numpy as np

jax.config.update("jax_enable_x64", True)
for eta in (-30.0, -100.0):
    one, mean = np.array([1.0]), np.exp([eta])
    said = nmo.observation_models.PoissonObservations().log_likelihood(one, mean)
    print(f"Poisson, of the mean exp({eta}): log p(1) is {eta}, log_likelihood is {float(said):.6f}")


def fit(name, observations, inverse, x, y):
    options = {"regularizer": "UnRegularized", "solver_kwargs": {"tol": 1e-12, "maxiter": 10_000}}
    model = nmo.glm.GLM(observations, inverse_link_function=inverse, **options).fit(x[:, None], y)
    means = np.unique(np.asarray(model.predict(x[:, None])))
    print(f"{name}: coefficient {model.coef_[0]:.4g}, means {means}, converged: {bool(model.solver_state_.stats.converged)}")


x = np.array([0.0, 0.0, 1.0, 1.0, 2.0, 2.0])  # the risks are 1/2, 1 and 1: the straight line leaves the range
fit("risks", nmo.observation_models.BernoulliObservations(), lambda eta: eta, x, np.array([0, 1, 1, 1, 1, 1]))
x = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])  # counts of 0 alone where x is 1: any smaller coefficient is more likely
fit("counts", nmo.observation_models.PoissonObservations(), jax.numpy.exp, x, np.array([1, 2, 4, 0, 0, 0]))
