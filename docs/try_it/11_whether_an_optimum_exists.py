"""Try it: whether an optimum exists. Opens as a notebook, too, where `# %%` begins a cell."""

import keras
import numpy as np

keras.backend.set_floatx("float64")
rng = np.random.default_rng(0)

# %% data that a line separates: the larger the weight, the smaller the loss, without end
x = np.linspace(-1, 1, 20)[:, None]
y = (x > 0).astype(float)
model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, activation="sigmoid", use_bias=False)])
losses = []
for weight in (1.0, 10.0, 100.0, 1000.0):
    model.layers[-1].set_weights([np.array([[weight]])])
    eta = (x * weight)[:, 0]
    losses.append(float(np.mean(np.logaddexp(0, np.where(y[:, 0] == 1, -eta, eta)))))
    print(weight, losses[-1])
assert losses == sorted(losses, reverse=True)
assert 0 < losses[-1] < 1e-20
