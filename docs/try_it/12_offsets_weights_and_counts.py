"""Try it: offsets weights and counts. Opens as a notebook, too, where `# %%` begins a cell."""

import keras
import numpy as np
import statsmodels.api as sm

from spec.fit import fit

keras.backend.set_floatx("float64")
rng = np.random.default_rng(0)

# %% claims in a part of a year: the logarithm of the exposure is a second input whose weight is frozen at 1
X, years = rng.normal(size=(2000, 2)), rng.uniform(0.1, 1, size=2000)
y = rng.poisson(years * np.exp(0.5 + 0.3 * X[:, 0])).astype(float)
inputs, offset = keras.Input((2,)), keras.Input((1,))
eta = keras.layers.Add()([keras.layers.Dense(1)(inputs), offset])
model = keras.Model([inputs, offset], keras.layers.Activation("exponential")(eta))
model.compile(loss="poisson")
mine = fit(model, X, y, offset=np.log(years)).params.matrix[:, 0]
theirs = sm.GLM(y, sm.add_constant(X), sm.families.Poisson(), exposure=years).fit(tol=1e-12).params
print(np.column_stack([mine, theirs]))
assert np.allclose(mine, theirs, atol=1e-7)
