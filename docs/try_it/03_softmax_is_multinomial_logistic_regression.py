"""Try it: softmax is multinomial logistic regression. Opens as a notebook, too, where `# %%` begins a cell."""

import keras
import numpy as np
import statsmodels.api as sm

keras.backend.set_floatx("float64")
rng = np.random.default_rng(0)

# %% three classes, two columns
X = rng.normal(size=(500, 2))
y = np.argmax(X @ rng.normal(size=(2, 3)) + rng.gumbel(size=(500, 3)), axis=1)
fit = sm.MNLogit(y, sm.add_constant(X)).fit(disp=0, tol=1e-12)

# %% a softmax layer with MNLogit's coefficients (class 0 has zeros): the same probabilities, and a loss without a slope
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, activation="softmax")])
beta = np.hstack([np.zeros((3, 1)), fit.params])
model.layers[-1].set_weights([beta[1:], beta[0]])
p = model.predict(X, verbose=0)
slope = np.vstack([np.ones(500), X.T]) @ (p - np.eye(3)[y]) / 500  # of the cross-entropy
print("probabilities differ by", np.abs(p - fit.predict()).max(), "and the gradient is", np.abs(slope).max())
assert np.abs(p - fit.predict()).max() < 1e-12
assert np.abs(slope).max() < 1e-10
