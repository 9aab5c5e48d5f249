"""JAX 0.12: the second derivative of jax.nn.softplus where its argument is large; log_sigmoid(x) is -softplus(-x)."""

import jax
import numpy as np

jax.config.update("jax_enable_x64", True)
bend = jax.grad(jax.grad(jax.nn.softplus))
for x in (-40.0, -20.0, 20.0, 40.0):
    p = np.exp(-abs(x))
    print(f"at {x}: {float(bend(x)):.16e}, p / (1 + p)^2 with p = exp(-|x|) is {p / (1 + p) ** 2:.16e}")
