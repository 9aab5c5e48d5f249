"""Refusals name the part of a network, or of the data, that is in the way, and say what to do."""

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers as L
from keras import ops

from spec.engines.keras.network import InverseLink, NegativeLogLikelihood
from spec.families import Gamma
from spec.fit import fit
from spec.fit.reading import NotRead
from spec.links import Inverse
from spec.model import Params

RNG = np.random.default_rng(12)
N = 120
X, U = RNG.normal(size=(N, 3)), RNG.uniform(0.5, 1, size=(N, 1))
COUNTS = RNG.poisson(2.0, size=N).astype(float)
CODES = np.resize([1, 2, 3], N)

pytestmark = pytest.mark.usefixtures("in_float32")


def compiled(inputs, outputs, loss="poisson"):
    model = keras.Model(inputs, outputs)
    model.compile("sgd", loss)
    return model


def weighed(use_bias=True):
    """exp(u (w x + b))"""
    x, u = L.Input((3,)), L.Input((1,))
    return compiled([x, u], L.Activation("exponential")(L.Multiply()([L.Dense(1, use_bias=use_bias)(x), u])))


def products():
    """The same as what the refusal says: the products are columns, and u is one for the bias."""
    x, u = L.Input((3,)), L.Input((1,))
    columns = L.Concatenate()([L.Multiply()([x, u]), u])
    return compiled([x, u], L.Dense(1, use_bias=False, activation="exponential")(columns))


def test_a_product_with_an_input():
    with pytest.raises(NotRead, match=r"the output of the layer dense\S* is multiplied by what is made of the inputs"):
        fit(weighed(), [X, U], COUNTS)

    found = fit(products(), [X, U], COUNTS)
    other = weighed()
    other.layers[-4 if isinstance(other.layers[-3], L.InputLayer) else -3].set_weights(
        [found.params.coef[:3], found.params.coef[3]]
    )
    np.testing.assert_allclose(other.predict([X, U], verbose=0), found.predict([X, U]), rtol=1e-5)


def test_a_mean_times_an_exposure_is_an_offset():
    x, u = L.Input((3,)), L.Input((1,))
    model = compiled([x, u], L.Multiply()([L.Dense(1, activation="exponential")(x), u]))
    plain = keras.Sequential([L.Input((3,)), L.Dense(1, activation="exponential")])
    plain.compile("sgd", "poisson")
    np.testing.assert_allclose(
        fit(model, [X, U], COUNTS).params.matrix, fit(plain, X, COUNTS, offset=np.log(U)).params.matrix, rtol=1e-6
    )


def test_a_class_of_zeros():
    x = L.Input((3,))
    z = L.Dense(2)(x)
    model = compiled(x, L.Softmax()(L.Concatenate()([ops.zeros_like(z[:, :1]), z])), "sparse_categorical_crossentropy")
    with pytest.raises(NotRead, match="A class whose eta is 0 may have a unit too: a softmax of all is the same model"):
        fit(model, X, CODES - 1)


def test_a_layer_that_is_used_twice():
    one, other, dense = L.Input((3,)), L.Input((3,)), L.Dense(1, use_bias=False)
    model = compiled([one, other], L.Activation("sigmoid")(L.Subtract()([dense(one), dense(other)])), "binary_crossentropy")
    with pytest.raises(NotRead, match=r"used 2 times.* give it the sum or the difference of their inputs"):
        fit(model, [X, X[::-1].copy()], (COUNTS > 1).astype(float))


def test_a_code_that_a_strict_lookup_lacks():
    code = L.Input((1,), dtype="int64")
    lookup = L.IntegerLookup(vocabulary=[1, 2, 3], num_oov_indices=0, output_mode="one_hot", name="zones")
    model = compiled(code, L.Dense(1, activation="exponential")(lookup(code)))
    found, other = fit(model, CODES, COUNTS), np.where(np.arange(N) == 100, 9, CODES)
    for ask in (lambda: fit(model, other, COUNTS), lambda: found.predict(other)):
        with pytest.raises(ValueError, match="a row has the code 9, which the vocabulary of the layer zones lacks: add it"):
            ask()


def test_batches_are_predicted_one_after_another():
    model = keras.Sequential([L.Input((3,)), L.Dense(1)])
    model.compile("sgd", "mse")
    found = fit(model, X, COUNTS)
    batches = [(X[:50], COUNTS[:50]), (X[50:], COUNTS[50:])]
    np.testing.assert_array_equal(found.predict(batches), found.predict(X))
    np.testing.assert_array_equal(found.predict([tuple(row) for row in X]), found.predict(X))


def test_amounts_that_float64_has_as_whole_numbers_are_no_counts():
    """In units of 1e20 they are amounts too, and have the same errors."""
    model = keras.Sequential([L.Input((3,)), L.Dense(1, activation="exponential")])
    model.compile("sgd", "poisson")
    y = RNG.gamma(2, size=N)
    large, small = fit(model, X, 1.37e20 * y), fit(model, X, y)
    np.testing.assert_allclose(large.standard_errors, small.standard_errors, rtol=1e-5)
    np.testing.assert_allclose(large.params.coef, small.params.coef, rtol=1e-6)


def test_a_start_outside_of_the_domain():
    model = keras.Sequential([L.Input((3,)), L.Dense(1, activation=InverseLink(Inverse()))])
    model.compile("sgd", NegativeLogLikelihood(Gamma()))
    y = RNG.gamma(2, size=N)
    with pytest.raises(ValueError, match=r"not finite at start: some rows have an eta outside of \(0, inf\)"):
        fit(model, X, y, start=Params(np.array([-5.0]), np.zeros((3, 1))))
    found = fit(model, X, y)
    assert fit(model, X, y, start=found.params).converged


def test_the_column_of_a_response_that_is_missing():
    model = keras.Sequential([L.Input((3,)), L.Dense(2)])
    model.compile("sgd", "mse")
    y = np.c_[COUNTS, COUNTS]
    y[5, 1] = np.nan
    with pytest.raises(ValueError, match=r"column 2 of y is missing .NaN or NA. in row 5"):
        fit(model, X, y)
    with pytest.raises(ValueError, match=r"last is missing .NaN or NA. in row 5"):
        fit(model, X, pd.DataFrame(y, columns=["first", "last"]))


def test_numbers_that_float32_lacks():
    model = keras.Sequential([L.Input((3,)), L.Dense(1)])
    model.compile("sgd", "mse")
    assert "computes in float32, which has no such numbers" in fit(model, 1e80 * X, COUNTS).notes[-1]


def test_nesting_that_programs_read_in_two_ways():
    data = {"y": COUNTS, "x": X[:, 0], "z": CODES.astype(str)}
    with pytest.raises(ValueError, match=r"a %in% b is b \+ a:b to some programs, and a:b alone in R"):
        fit(formula="y ~ x %in% z", data=data, family="poisson")
