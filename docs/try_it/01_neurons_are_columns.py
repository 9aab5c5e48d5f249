"""Try it: neurons are columns. Opens as a notebook, too, where `# %%` begins a cell."""

import keras
import numpy as np

keras.backend.set_floatx("float64")
rng = np.random.default_rng(0)

# %% 32 input neurons are 32 columns, 16 output neurons 16 classes: (32 + 1) * 16 weights, of which (32 + 1) * 15 are free
model = keras.Sequential([keras.Input((32,)), keras.layers.Dense(16, activation="softmax")])
X = rng.normal(size=(100, 32))
before = model.predict(X, verbose=0)

# %% one vector added to the weights of every class moves no probability
kernel, bias = model.layers[-1].get_weights()
model.layers[-1].set_weights([kernel + rng.normal(size=(32, 1)), bias + 1.7])
moved = np.abs(model.predict(X, verbose=0) - before).max()
print(model.count_params(), "weights;", "probabilities moved by", moved)
assert model.count_params() == 33 * 16
assert moved < 1e-14
