"""Try it: what is identified. Opens as a notebook, too, where `# %%` begins a cell."""

import keras
import numpy as np

keras.backend.set_floatx("float64")
rng = np.random.default_rng(0)

# %% a column that is the sum of two others: weights move along it, and no prediction does
X = rng.normal(size=(20, 2))
X = np.column_stack([X, X.sum(axis=1)])
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid")])
before = model.predict(X, verbose=0)
w, b = model.layers[-1].get_weights()
model.layers[-1].set_weights([w + 5 * np.array([[1.0], [1.0], [-1.0]]), b])
print(w[:, 0], "and", model.layers[-1].get_weights()[0][:, 0], "predict the same")
assert np.allclose(model.predict(X, verbose=0), before, atol=1e-14)
