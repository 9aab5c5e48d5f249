"""Try it: inference. Opens as a notebook, too, where `# %%` begins a cell."""

import keras
import numpy as np
import statsmodels.api as sm

from spec.fit import fit

keras.backend.set_floatx("float64")
rng = np.random.default_rng(0)

# %% a network, brought to its optimum, has standard errors
X = rng.normal(size=(1000, 2))
y = (rng.random(1000) < 1 / (1 + np.exp(-X[:, 0]))).astype(float)
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation="sigmoid")])
model.compile(loss="binary_crossentropy")
optimum = fit(model, X, y)
theirs = sm.Logit(y, sm.add_constant(X)).fit(disp=0)
print(np.column_stack([optimum.params.matrix[:, 0], optimum.standard_errors[:, 0], theirs.params, theirs.bse]))
assert np.allclose(optimum.standard_errors[:, 0], theirs.bse, rtol=1e-4)
assert np.isclose(optimum.log_likelihood, theirs.llf, rtol=1e-10)
