"""Try it: published answers. Opens as a notebook, too, where `# %%` begins a cell."""

import keras
import numpy as np
import statsmodels.api as sm

keras.backend.set_floatx("float64")
rng = np.random.default_rng(0)

# %% Longley's data of 1967, and the coefficients that NIST certifies
data = sm.datasets.longley.load_pandas()
X, y = data.exog.to_numpy(float), data.endog.to_numpy(float)
certified = [
    15.0618722713733,
    -0.358191792925910e-01,
    -2.02022980381683,
    -1.03322686717359,
    -0.511041056535807e-01,
    1829.15146461355,
]

# %% on standardised columns the network's optimum is found by least squares; then back to the units of the data
mean, scale = X.mean(axis=0), X.std(axis=0)
beta, *_ = np.linalg.lstsq(np.column_stack([np.ones(16), (X - mean) / scale]), y, rcond=None)
model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
model.layers[-1].set_weights([beta[1:, None], beta[:1]])
found = model.layers[-1].get_weights()[0][:, 0] / scale
print(np.column_stack([found, certified]))
assert np.allclose(found, certified, rtol=1e-9)
