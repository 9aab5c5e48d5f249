"""Try it: every inverse link is a glm. Opens as a notebook, too, where `# %%` begins a cell."""

import keras
import numpy as np
import statsmodels.api as sm

keras.backend.set_floatx("float64")
rng = np.random.default_rng(0)

# %% counts: an exponential output with the Poisson loss is a Poisson regression with a log link
X = rng.normal(size=(800, 2))
y = rng.poisson(np.exp(0.3 + X @ [0.5, -0.4])).astype(float)
fit = sm.GLM(y, sm.add_constant(X), sm.families.Poisson()).fit(tol=1e-14, tol_criterion="params")
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation="exponential")])
model.layers[-1].set_weights([fit.params[1:, None], fit.params[:1]])

# %% the loss is minus the log-likelihood over n, less terms without weights; Keras adds 1e-7 inside the logarithm
mu = model.predict(X, verbose=0)
loss = float(keras.losses.Poisson()(y[:, None], mu))
print("Keras:", loss, " the model's:", np.mean(mu[:, 0] - y * np.log(mu[:, 0])))
assert np.allclose(mu[:, 0], fit.mu, rtol=1e-12)
assert abs(loss - np.mean(mu[:, 0] - y * np.log(mu[:, 0]))) < 1e-6
