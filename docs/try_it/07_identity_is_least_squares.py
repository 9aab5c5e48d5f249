"""Try it: identity is least squares. Opens as a notebook, too, where `# %%` begins a cell."""

import keras
import numpy as np

keras.backend.set_floatx("float64")
rng = np.random.default_rng(0)

# %% a linear output with the squared error: its gradient is zero at the least-squares solution
X = rng.normal(size=(50, 3))
y = X @ [1.0, -2.0, 0.5] + 3 + rng.normal(size=50)
beta, *_ = np.linalg.lstsq(np.column_stack([np.ones(50), X]), y, rcond=None)
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
model.layers[-1].set_weights([beta[1:, None], beta[:1]])
residual = model.predict(X, verbose=0)[:, 0] - y
print(beta, "and the slopes", X.T @ residual)
assert np.abs(X.T @ residual).max() < 1e-11
