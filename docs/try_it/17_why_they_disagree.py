"""Try it: why they disagree. Opens as a notebook, too, where `# %%` begins a cell."""

import keras
import numpy as np

from spec.diagnosis import diagnose
from spec.fit import fit

keras.backend.set_floatx("float64")
rng = np.random.default_rng(0)

# %% a logistic regression with a penalty, which your model does not have
X = rng.normal(size=(500, 3))
y = (rng.random(500) < 1 / (1 + np.exp(-X @ [1.0, -0.5, 0.0]))).astype(float)
layer = keras.layers.Dense(1, activation="sigmoid", kernel_regularizer=keras.regularizers.L2(0.01))
model = keras.Sequential([keras.Input((3,)), layer])
model.compile(loss="binary_crossentropy")
fit(model, X, y)

# %% why does it disagree with the maximum-likelihood estimate?
found = diagnose(model, X, y, family="binomial")
print(found)
assert found.codes == ("ridge",)
assert found.proven
