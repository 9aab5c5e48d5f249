"""Try it: which model it is. Opens as a notebook, too, where `# %%` begins a cell."""

import keras
import numpy as np

from spec.fit import fit

keras.backend.set_floatx("float64")
rng = np.random.default_rng(0)

# %% one activation, two losses: two models of the same counts
X = rng.normal(size=(500, 1))
y = rng.poisson(np.exp(1 + 0.8 * X[:, 0])).astype(float)
found = {}
for loss in ("poisson", "mse"):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, activation="exponential")])
    model.compile(loss=loss)
    found[loss] = fit(model, X, y).params.matrix[:, 0]
print(found)
assert np.abs(found["poisson"] - found["mse"]).max() > 1e-3
