"""Try it: any number of inputs. Opens as a notebook, too, where `# %%` begins a cell."""

import keras
import numpy as np
import statsmodels.api as sm

keras.backend.set_floatx("float64")
rng = np.random.default_rng(0)

# %% one input or a hundred: at the estimates of a logistic regression the network's gradient is zero
for p in (1, 10, 100):
    X = rng.normal(size=(2000, p))
    y = (rng.random(2000) < 1 / (1 + np.exp(-X[:, 0]))).astype(float)
    beta = sm.Logit(y, sm.add_constant(X)).fit(disp=0, tol=1e-12).params
    model = keras.Sequential([keras.Input((p,)), keras.layers.Dense(1, activation="sigmoid")])
    model.layers[-1].set_weights([beta[1:, None], beta[:1]])
    slope = np.vstack([np.ones(2000), X.T]) @ (model.predict(X, verbose=0)[:, 0] - y) / 2000
    print(p, "inputs: the largest slope is", np.abs(slope).max())
    assert np.abs(slope).max() < 1e-9
