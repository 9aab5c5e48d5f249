"""Networks whose outputs have no last axis, (b,): the same model, whose rows Keras cannot weigh."""

import keras
import numpy as np
import pytest
from keras import layers as L
from keras import ops

from spec.fit import fit, fit_many

RNG = np.random.default_rng(12)
N = 200
X = RNG.normal(size=(N, 3))
RESPONSES = {
    ("linear", "mse"): X[:, 0] + RNG.normal(size=N),
    ("sigmoid", "binary_crossentropy"): (RNG.random(N) < 0.4).astype(float),
    ("exponential", "poisson"): RNG.poisson(2.0, size=N).astype(float),
    ("linear", "squares"): X[:, 0] + RNG.normal(size=N),
}
FLAT = {
    "squeezed": lambda z: ops.squeeze(z, -1),
    "an item": lambda z: z[:, 0],
    "reshaped": L.Reshape(()),
    "before the activation": lambda z: z,
}

pytestmark = pytest.mark.usefixtures("in_float32")


def squares(y, mu):
    return (y - mu) ** 2


def compiled(kind, last=lambda z: z):
    activation, loss = kind
    inputs = L.Input((3,))
    model = keras.Model(inputs, last(L.Activation(activation)(L.Dense(1)(inputs))))
    model.compile("sgd", squares if loss == "squares" else loss)
    return model


@pytest.mark.parametrize("last", FLAT.values(), ids=FLAT)
@pytest.mark.parametrize("kind", RESPONSES, ids="-".join)
def test_the_fit_is_that_of_the_column(kind, last):
    found, expected = fit(compiled(kind, last), X, RESPONSES[kind]), fit(compiled(kind), X, RESPONSES[kind])
    assert found.converged, found.reason
    np.testing.assert_allclose(found.params.matrix, expected.params.matrix, rtol=1e-7)
    np.testing.assert_allclose(found.predict(X), expected.predict(X), rtol=1e-7)


@pytest.mark.parametrize("kind", [kind for kind in RESPONSES if kind[1] != "squares"], ids="-".join)
def test_weights_that_keras_leaves_out_are_refused(kind):
    """Keras multiplies one number for all rows with the weights, so only their mean counts."""
    model, y, weights = compiled(kind, FLAT["squeezed"]), RESPONSES[kind], RNG.uniform(1, 2, size=N)
    plain, weighted = (model.evaluate(X, y, sample_weight=w, batch_size=N, verbose=0) for w in (None, weights))
    assert weighted == pytest.approx(plain * weights.mean(), rel=1e-5)

    with pytest.raises(ValueError, match="Keras cannot weigh its rows: its outputs have no last axis"):
        fit(model, X, y, weights=weights)
    with pytest.raises(ValueError, match="Keras cannot weigh its rows: its outputs have no last axis"):
        fit_many(model, X, y, bootstrap=2)


def test_a_loss_of_each_row_is_weighed():
    kind, weights = ("linear", "squares"), RNG.uniform(1, 2, size=N)
    found, expected = (
        fit(compiled(kind, last), X, RESPONSES[kind], weights=weights)
        for last in (FLAT["squeezed"], FLAT["before the activation"])
    )
    np.testing.assert_allclose(found.params.matrix, expected.params.matrix, rtol=1e-7)
