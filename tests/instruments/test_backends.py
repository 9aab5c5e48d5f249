"""Fits on the backend and the version of Keras that are installed. Each environment of tox runs them beside the claims."""

import numpy as np
import pytest
import statsmodels.api as sm

from spec.engines.keras.versions import keras
from spec.fit import fit, fit_many

RNG = np.random.default_rng(12)
N = 240
X = RNG.normal(size=(N, 2))
DESIGN = sm.add_constant(X)
ETA = DESIGN @ [0.2, 0.5, -0.4]
OFFSET = RNG.normal(size=N)
BINARY = (RNG.random(N) < 1 / (1 + np.exp(-ETA))).astype(float)
COUNTS = RNG.poisson(np.exp(ETA)).astype(float)
CODES = RNG.integers(3, size=N)

pytestmark = pytest.mark.usefixtures("in_float32")


def network(activation, loss, units=1):
    model = keras.Sequential([keras.layers.InputLayer((2,)), keras.layers.Dense(units, activation=activation)])
    model.compile(loss=loss)
    return model


def with_offset():
    x, offset = keras.layers.Input((2,)), keras.layers.Input((1,))
    added = keras.layers.Add()([keras.layers.Dense(1)(x), offset])
    model = keras.Model([x, offset], keras.layers.Activation("exponential")(added))
    model.compile(loss="poisson")
    return model


MODELS = {
    "least squares": (lambda: network(None, "mse"), X, ETA + OFFSET, lambda: sm.OLS(ETA + OFFSET, DESIGN).fit()),
    "logistic": (lambda: network("sigmoid", "binary_crossentropy"), X, BINARY, lambda: sm.Logit(BINARY, DESIGN).fit(disp=0)),
    "Poisson": (lambda: network("exponential", "poisson"), X, COUNTS, lambda: sm.Poisson(COUNTS, DESIGN).fit(disp=0)),
    "Poisson, softplus": (
        lambda: network("softplus", "poisson"),
        X,
        COUNTS + 1,
        None,  # statsmodels has no such link: the score at the estimate is that of calculus
    ),
    "offset": (
        with_offset,
        [X, OFFSET],
        COUNTS,
        lambda: sm.GLM(COUNTS, DESIGN, family=sm.families.Poisson(), offset=OFFSET).fit(tol=1e-14),
    ),
    "softmax": (
        lambda: network("softmax", "sparse_categorical_crossentropy", 3),
        X,
        CODES,
        lambda: sm.MNLogit(CODES, DESIGN).fit(disp=0, tol=1e-12),
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_fit(name):
    make, inputs, y, by_hand = MODELS[name]
    fitted = fit(make(), inputs, y)

    assert fitted.converged
    if by_hand is None:
        eta = DESIGN @ fitted.coefficients[:, 0]
        mu = np.logaddexp(0, eta)
        assert np.abs(DESIGN.T @ ((y / mu - 1) / (1 + np.exp(-eta)))).max() < 1e-8 * N
        return
    others = by_hand()
    assert np.allclose(np.squeeze(fitted.coefficients), others.params, rtol=1e-6, atol=1e-9)
    assert np.allclose(np.squeeze(fitted.standard_errors), others.bse, rtol=1e-5)


def test_fits_at_once():
    weights = RNG.poisson(1, size=(N, 3)).astype(float)
    many = fit_many(network("sigmoid", "binary_crossentropy"), X, BINARY, weights=weights)
    by_hand = [sm.GLM(BINARY, DESIGN, sm.families.Binomial(), freq_weights=each).fit(tol=1e-14).params for each in weights.T]

    assert np.allclose(many.coefficients, by_hand, rtol=1e-7, atol=1e-9)


def test_a_prediction_of_the_model_and_of_the_fit():
    model = network("sigmoid", "binary_crossentropy")
    fitted = fit(model, X, BINARY)

    assert np.allclose(model.predict(X, verbose=0), fitted.predict(X), rtol=1e-5)
