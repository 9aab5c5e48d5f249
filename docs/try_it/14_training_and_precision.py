"""Try it: training and precision. Opens as a notebook, too, where `# %%` begins a cell."""

import keras
import numpy as np

from spec.fit import fit

keras.backend.set_floatx("float64")
rng = np.random.default_rng(0)

# %% Adam comes near, and stops where the epochs end
X = rng.normal(size=(500, 2)) * [1, 30]  # one column in other units
y = (rng.random(500) < 1 / (1 + np.exp(-X[:, 0]))).astype(float)
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation="sigmoid", kernel_initializer="zeros")])
model.compile("adam", "binary_crossentropy")
model.fit(X, y, epochs=20, verbose=0)
trained = model.layers[-1].get_weights()[0][:, 0]
optimum = fit(model, X, y)
far = np.abs(trained - optimum.params.coef[:, 0]) / optimum.standard_errors[1:, 0]
print("after 20 epochs", far, "standard errors away; after", len(optimum.passes), "passes", optimum.distance)
assert far.max() > 0.1
assert optimum.distance < 1e-6
