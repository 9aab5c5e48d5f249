"""What Keras trains, `fit` takes alike: class weights of smoothed labels, losses in float32, amounts under a loss of counts."""

import keras
import numpy as np
import pytest
import statsmodels.api as sm

from spec.engines.keras.backend import BACKEND
from spec.engines.keras.versions import RELEASE, cast
from spec.fit import fit, fit_many
from spec.fit.reading import NotRead

RNG = np.random.default_rng(44)
N = 300
X = RNG.normal(size=(N, 2))
Y = 0.3 + X @ [1.0, -0.5] + RNG.normal(size=N)


def dense(loss, activation=None):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation=activation)])
    model.compile("sgd", loss)
    return model


@pytest.mark.skipif(RELEASE < (3,), reason="Keras 2 cuts a label off, where Keras 3 rounds it")
@pytest.mark.parametrize("labels", [(0.05, 0.95), (0.0, 1.0), (0.4, 0.6)])
def test_class_weights_of_smoothed_labels_are_those_of_keras(labels):
    from keras.src.trainers.data_adapters.data_adapter_utils import class_weight_to_sample_weights

    y = np.where(RNG.random(N) < 1 / (1 + np.exp(-X[:, 0])), labels[1], labels[0])
    weights = class_weight_to_sample_weights(y, {0: 1.0, 1: 3.0})
    found = fit(dense("binary_crossentropy", "sigmoid"), X, y, class_weight={0: 1.0, 1: 3.0})
    right = sm.GLM(y, sm.add_constant(X), family=sm.families.Binomial(), freq_weights=weights).fit(tol=1e-13).params

    assert set(weights.tolist()) == {1.0, 3.0}
    np.testing.assert_allclose(found.coefficients.ravel(), right, atol=1e-6)


@pytest.mark.parametrize("unit", [1.0, 1e-3])
@pytest.mark.parametrize("many", [False, True])
def test_amounts_with_cents_are_no_counts_however_large(unit, many):
    """In units of a thousand the same amounts have the same standard errors."""
    rng = np.random.default_rng(7)
    y = np.where(rng.random(N) < 0.8, 0, np.round(1e6 * np.exp(0.3 * X[:, 0]) * (1 + rng.pareto(2.5, N)), 2)) * unit
    found = (fit_many if many else fit)(dense("poisson", "exponential"), X, y)
    right = sm.GLM(y, sm.add_constant(X), family=sm.families.Poisson()).fit(scale="X2", tol=1e-12)

    np.testing.assert_allclose(np.ravel(found.standard_errors), right.bse, rtol=1e-4)
    np.testing.assert_allclose(np.ravel(found.dispersion), right.scale, rtol=1e-4)


def test_counts_that_were_divided_by_their_exposure_are_still_counts():
    exposure = RNG.uniform(0.1, 3, N)
    counts = RNG.poisson(5e4 * exposure * np.exp(0.1 * X[:, 0])).astype(float)
    found = fit(dense("poisson", "exponential"), X, counts / exposure, sample_weight=exposure)

    assert found.dispersion == 1


def with_a_constant(y, mu):
    return 0.5 * np.float32(1.8378770664093453) * BACKEND.tensor(np.ones(1), "float32")[0] + (y - mu) ** 2 / 2


def with_a_label_in_float32(y, mu):
    return BACKEND.row_sums((cast(y, "float32") - mu) ** 2)


def in_float32(y, mu):
    return BACKEND.row_sums((cast(y, "float32") - cast(mu, "float32")) ** 2)


@pytest.mark.parametrize("loss", [with_a_constant, with_a_label_in_float32, in_float32])
def test_a_loss_with_parts_in_float32_is_the_loss_that_keras_trains(loss):
    found = fit(dense(loss), X, Y)
    right = np.linalg.lstsq(np.column_stack([np.ones(N), X]), Y, rcond=None)[0]

    assert found.converged, found.reason
    np.testing.assert_allclose(found.coefficients.ravel(), right, rtol=1e-6)


@pytest.mark.parametrize("y", [np.abs(Y) + 1, Y], ids=["positive", "both signs"])
def test_a_loss_that_does_not_change_is_no_likelihood(y):
    """A cosine of one output is the product of two signs."""
    with pytest.raises(NotRead, match="is the same whatever the outputs are"):
        fit(dense("cosine_similarity", "exponential"), X, y)
