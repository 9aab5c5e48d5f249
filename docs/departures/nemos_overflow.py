"""NeMoS 0.2: a loss is a function of the mean: its derivatives pass through the mean's square, beyond float64 from 1e154 on."""

import jax
import nemos as nmo
import numpy as np

jax.config.update("jax_enable_x64", True)


def bend(model, eta, response):
    """The second derivative of the loss in the intercept."""

    def loss(at):
        return model.compute_loss((np.zeros(1), at), np.zeros((1, 1)), np.array([response]))

    return jax.hessian(loss)(np.array([eta])).item()


for name in ("Poisson", "Gamma"):
    observations = getattr(nmo.observation_models, f"{name}Observations")()
    model = nmo.glm.GLM(observations, inverse_link_function=jax.numpy.exp, regularizer="UnRegularized")
    for eta in (350.0, 360.0):
        mean = np.exp(eta)
        said, true = bend(model, eta, mean), mean if name == "Poisson" else 1.0
        print(f"{name}, response and mean exp({eta}): second derivative {said}, true is {true}")
