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


# -- what a fit says of itself, and inputs as Keras takes them ------------------------------------------------------------------


def test_a_place_that_may_not_be_the_lowest_is_noted():
    """A squared error on a sigmoid may have several optima; a square has means for eta below 0 too."""
    y = (X[:, 0] > 0).astype(float) * 0.5 + 0.25
    x = np.abs(X[:, :1])
    square = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, activation=keras.ops.square)])
    square.compile("sgd", "poisson")

    assert fit(dense("binary_crossentropy", "sigmoid"), X, y > 0.5).notes == ()
    assert "need not be concave" in fit(dense("mse", "sigmoid"), X, y).notes[-1]
    (note,) = fit(square, x, np.round(9 * x[:, 0] ** 2) + 1).notes
    assert "has means for other eta too" in note


@pytest.mark.filterwarnings("ignore:When providing")
def test_the_keys_of_a_models_own_dict_are_the_names_of_its_inputs():
    """Keras calls the tensors otherwise, and takes the dict."""
    one, other = keras.Input((1,)), keras.Input((1,))
    model = keras.Model({"a": one, "b": other}, keras.layers.Dense(1)(keras.layers.Concatenate()([one, other])))
    model.compile("sgd", "mse")
    found = fit(model, {"b": X[:, 1:], "a": X[:, :1]}, Y)

    design = np.column_stack([np.ones(N), X])
    np.testing.assert_allclose(found.coefficients.ravel(), np.linalg.lstsq(design, Y, rcond=None)[0], atol=1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "int32"])
def test_an_input_of_whole_numbers_has_coefficients_in_the_units_of_the_data(dtype):
    """Pixels that a layer divides by 255: those of a column that never varies too."""
    pixels = np.random.default_rng(5).integers(0, 255, (N, 2, 2))
    pixels[:, 1, 1] = 255
    y = pixels[:, 0, 0] / 100 + RNG.normal(size=N)
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(1, use_bias=False)]
    models = [
        keras.Sequential([keras.Input((2, 2), dtype=kind), *layers[:2], keras.layers.Dense(1, use_bias=False)])
        for kind in (dtype, "float32")
    ]
    for model in models:
        model.compile("sgd", "mse")
    own, expected = (fit(model, pixels.astype(dtype), y).in_data_units() for model in models)

    np.testing.assert_allclose(own.coefficients, expected.coefficients, rtol=1e-9)
    right = np.linalg.lstsq(pixels.reshape(N, 4).astype(float), y, rcond=None)[0]
    np.testing.assert_allclose(own.coefficients.ravel(), right, rtol=1e-6)


def test_responses_of_two_columns_are_told_by_what_they_hold():
    counts = np.column_stack([np.arange(N) % 4, 4 - np.arange(N) % 4])
    labels = np.column_stack([1 - np.arange(N) % 2, np.arange(N) % 2])

    with pytest.raises(ValueError, match=r"give the shares, y\[:, 0\] / y.sum\(axis=1\), with weights=y.sum\(axis=1\)"):
        fit(dense("binary_crossentropy", "sigmoid"), X, counts)
    with pytest.raises(ValueError, match="the indicators of two classes, give the second"):
        fit(dense("binary_crossentropy", "sigmoid"), X, labels)


def test_lists_of_one_row_are_a_row():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, activation="exponential", use_bias=False)])
    model.compile("sgd", "poisson")

    assert fit(model, [[1.0]], [2.0]).coefficients.item() == pytest.approx(np.log(2))


def test_a_loss_of_directions_is_no_likelihood_of_some_rows():
    """The cosine of one output is a sign, and with counts it never changes."""
    with pytest.raises(NotRead, match="it sees directions only"):
        fit(dense("cosine_similarity"), X, Y)
