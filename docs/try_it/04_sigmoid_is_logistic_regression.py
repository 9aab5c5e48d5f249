"""Try it: sigmoid is logistic regression. Opens as a notebook, too, where `# %%` begins a cell."""

import keras
import numpy as np

keras.backend.set_floatx("float64")
rng = np.random.default_rng(0)

# %% a softmax over two classes is a sigmoid of the difference of their sums
two = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, activation="softmax")])
one = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])
w, b = two.layers[-1].get_weights()
one.layers[-1].set_weights([w[:, 1:] - w[:, :1], b[1:] - b[:1]])
X = rng.normal(size=(6, 4))
p = one.predict(X, verbose=0)
print(np.hstack([two.predict(X, verbose=0)[:, 1:], p, np.log(p / (1 - p))]))  # the last column is linear in X
assert np.allclose(two.predict(X, verbose=0)[:, 1:], p, rtol=1e-13)
