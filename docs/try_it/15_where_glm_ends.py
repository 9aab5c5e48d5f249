"""Try it: where glm ends. Opens as a notebook, too, where `# %%` begins a cell."""

import keras
import numpy as np

keras.backend.set_floatx("float64")
rng = np.random.default_rng(0)

# %% two outputs, mean and logarithm of the spread: a network without a hidden layer, and no GLM, for its two sums meet in one loss
X = rng.normal(size=(4000, 1))
y = 1 + X[:, 0] + np.exp(0.5 * X[:, 0]) * rng.normal(size=4000)


def loss(y_true, out):
    mean, log_sd = out[:, :1], out[:, 1:]
    return keras.ops.mean(log_sd + ((y_true - mean) / keras.ops.exp(log_sd)) ** 2 / 2, axis=-1)


model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(2, kernel_initializer="zeros")])
model.compile(keras.optimizers.Adam(0.05), loss)
model.fit(X, y[:, None], epochs=15, batch_size=500, verbose=0)
kernel = model.layers[-1].get_weights()[0][0]
print("mean: slope", kernel[0], " log of the spread: slope", kernel[1])
assert abs(kernel[0] - 1) < 0.2
assert abs(kernel[1] - 0.5) < 0.1
