"""Try it: no hidden layer. Opens as a notebook, too, where `# %%` begins a cell."""

import keras
import numpy as np

keras.backend.set_floatx("float64")
rng = np.random.default_rng(0)

# %% without a hidden layer a prediction is the activation of a weighted sum
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid")])
X = rng.normal(size=(5, 3))
w, b = model.layers[-1].get_weights()
eta = X @ w + b
print(np.hstack([model.predict(X, verbose=0), 1 / (1 + np.exp(-eta))]))
assert np.allclose(model.predict(X, verbose=0), 1 / (1 + np.exp(-eta)), rtol=1e-14)
