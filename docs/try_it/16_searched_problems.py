"""Try it: searched problems. Opens as a notebook, too, where `# %%` begins a cell."""

import keras
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

keras.backend.set_floatx("float64")
rng = np.random.default_rng(0)


model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, activation="sigmoid")])


# %% look for weights and inputs at which a sigmoid output is not the inverse of the log-odds
@settings(max_examples=20, deadline=None, database=None)
@given(st.floats(-5, 5), st.floats(-3, 3), st.floats(-3, 3))
def search(x, w, b):
    model.layers[-1].set_weights([np.array([[w]]), np.array([b])])
    p = float(model(np.array([[x]]))[0, 0])
    assert abs(np.log(p) - np.log1p(-p) - (b + w * x)) < 1e-7


search()
print("no counterexample in 20 problems")
