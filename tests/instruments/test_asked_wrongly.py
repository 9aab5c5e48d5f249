"""A call that is mistaken, or unusual: one reason that is true, and what to write in its place."""

import keras
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from keras import ops
from scipy import sparse

from spec.fit import fit
from spec.fit.reading.twin import NotRead

RNG = np.random.default_rng(11)
N = 300
X = RNG.normal(size=(N, 2))
BINARY = (RNG.random(N) < 1 / (1 + np.exp(-X @ [1, -0.5]))).astype(float)
FRAME = pd.DataFrame({"y": X @ [1.0, -0.5] + 1, "x": X[:, 0], "Intercept": X[:, 1]})


def dense(activation="sigmoid", loss="binary_crossentropy"):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation=activation)])
    model.compile(loss=loss)
    return model


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: fit(formula="y ~ x", data=FRAME, family=sm.families.Gaussian()), "family is a Gaussian of statsmodels: give"),
        (
            lambda: fit(formula="y ~ x", data=FRAME, family="gaussian", link=sm.families.links.Log()),
            "link is a Log of statsmodels: give",
        ),
        (lambda: fit(formula="y ~ x", data=FRAME, family="gaussian", weights=2), "weights is one number, 2"),
        (lambda: fit(formula="y ~ I(x +)", data=FRAME, family="gaussian"), "no expression of Python"),
        (lambda: fit(formula="y ~ Intercept", data=FRAME, family="gaussian"), "a column is called Intercept"),
        (lambda: fit(dense(), X, BINARY, start=np.zeros(3)), "start is a ndarray: give spec.model.Params"),
        (lambda: fit(dense(), X, BINARY, class_weight={0: None}), "class_weight of 0 is None: give a number"),
        (lambda: fit(dense(), X, BINARY, class_weight={None: 1.0}), "class_weight has the key None"),
        (lambda: fit(dense(), "rows.tsv", "y"), "files that end in .tsv are not read"),
        (lambda: fit(formula="y ~ x", data={"y": 1.0, "x": 2.0}, family="gaussian"), "one number for each column"),
        (lambda: fit(dense(activation=None, loss=lambda y, p: ops.sum((y - p) ** 2)), X, FRAME.y), "sums over the rows"),
        (
            lambda: fit(dense(activation=None, loss=lambda y, p: ops.mean(ops.softplus(-y * p), axis=-1)), X, 2 * BINARY - 1),
            "labels -1 and 1",
        ),
    ],
)
def test_a_mistake_of_the_call_is_named(call, says):
    """With what to give in its place."""
    with pytest.raises((TypeError, ValueError), match=says):
        call()


def test_the_list_of_one_response_is_that_response():
    """Keras takes a list of one array for each output."""
    assert fit(dense(), X, [BINARY]).params.coef == pytest.approx(fit(dense(), X, BINARY).params.coef)


def test_scipys_matrix_of_keys_is_a_sparse_matrix():
    """It is a dict, too, but not of inputs."""
    assert fit(dense(), sparse.dok_matrix(X), BINARY).params.coef == pytest.approx(fit(dense(), X, BINARY).params.coef, rel=1e-9)


@pytest.mark.parametrize("exposure", [0.0, -1.0])
def test_an_exposure_of_zero_inside_the_model_is_told_by_its_row(exposure):
    """Its log is no number, whatever the weights are."""
    inputs = keras.Input((3,))
    model = keras.Model(inputs, ops.exp(keras.layers.Dense(1)(inputs[:, :2]) + ops.log(inputs[:, 2:])))
    model.compile(loss="poisson")
    exposures = np.ones((N, 1))
    exposures[0] = exposure

    with pytest.raises(NotRead, match=r"in a row whose inputs are .*: is an exposure 0 or below"):
        fit(model, np.hstack([X, exposures]), BINARY)


def test_as_many_coefficients_as_rows_leave_no_standard_errors():
    """Nothing tells the dispersion."""
    found = fit(dense(activation=None, loss="mse"), X[:3], FRAME.y[:3])

    assert np.isnan(found.standard_errors).all()
    assert "as many coefficients as rows" in found.notes[0]


def test_whole_numbers_beyond_float64_are_refused():
    """Float64 has not all identifiers that differ in their last digits alone."""
    inputs = keras.Input((1,), dtype="int64")
    model = keras.Model(inputs, keras.layers.Dense(1, use_bias=False)(keras.layers.Hashing(3, output_mode="one_hot")(inputs)))
    model.compile(loss="mse")

    with pytest.raises(NotRead, match="beyond 2\\^53"):
        fit(model, 10**17 + np.arange(N)[:, None] % 7, FRAME.y)
