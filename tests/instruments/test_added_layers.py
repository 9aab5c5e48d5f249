"""Layers whose outputs are added are one linear predictor: Dense layers beside one another, and Embeddings, which are factors."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import keras
import numpy as np
import pytest
from keras import layers as L

from spec.diagnosis import diagnose
from spec.families import Poisson
from spec.fit import fit, fit_many, optimise
from spec.fit.convergence import SETTLED
from spec.fit.reading import NotRead
from spec.fit.rows import of_arrays
from spec.links import Log
from spec.model import Model

RNG = np.random.default_rng(22)
N, LEVELS = 300, (1, 2, 4)  # of 6, so that codes 0, 3 and 5 have no row
X, Z = RNG.normal(size=(N, 2)), RNG.normal(size=(N, 1))
CODES = RNG.permutation(np.resize(LEVELS, N))
Y = RNG.poisson(np.exp(0.3 * X[:, 0] - 0.4 * Z[:, 0] + 0.2 * CODES)).astype(float)
INDICATORS = (CODES[:, None] == LEVELS[1:]).astype(float)
MEANS = [np.mean(Y[level == CODES]) for level in LEVELS]

pytestmark = pytest.mark.usefixtures("in_float32")


def of_codes(codes=None, levels=6, dtype="int32", **kwargs):
    codes = L.Input((1,), name="code", dtype=dtype) if codes is None else codes
    return codes, L.Flatten()(L.Embedding(levels, 1, name="group", **kwargs)(codes))


def added(*parts, add=L.Add, loss="poisson", activation="exponential"):
    """A model of the sum of parts, each an input and what becomes of it."""
    model = keras.Model([one for one, _ in parts], L.Activation(activation)(add()([part for _, part in parts])))
    model.compile(loss=loss)
    return model


def of_columns(width, name, **kwargs):
    columns = L.Input((width,), name=name)
    return columns, L.Dense(1, name=f"dense_{name}", **kwargs)(columns)


def joined(*blocks, intercept=True):
    """The fit of one design, by the formulas of the model."""
    return optimise(Model(Poisson(), Log()), of_arrays(np.hstack(blocks), Y), intercept)


def test_two_dense_layers_are_one_on_the_columns_of_both():
    model = added(of_columns(2, "x"), of_columns(1, "z"))
    found, expected = fit(model, [X, Z], Y), joined(X, Z)

    assert found.columns == ("x[0]", "x[1]", "z")
    np.testing.assert_allclose(found.params.matrix, expected.params.matrix, rtol=1e-9)
    np.testing.assert_allclose(found.standard_errors, expected.standard_errors, rtol=2 * SETTLED)
    np.testing.assert_allclose(model.predict([X, Z], verbose=0), found.predict([X, Z]), rtol=1e-5)
    assert [float(layer.bias.numpy()[0]) for layer in model.layers if type(layer) is L.Dense][1] == 0


def test_an_embedding_alone_is_the_logarithm_of_each_groups_mean():
    model = keras.Sequential([L.Input((1,)), L.Embedding(6, 1), L.Flatten(), L.Activation("exponential")])
    model.compile(loss="poisson")
    found = fit(model, CODES, Y)

    np.testing.assert_allclose(found.params.coef.ravel(), np.log(MEANS), rtol=1e-9)
    np.testing.assert_allclose(found.standard_errors[-3:].ravel(), [(N / 3 * mean) ** -0.5 for mean in MEANS], rtol=2 * SETTLED)
    np.testing.assert_allclose(model.predict(np.array(LEVELS), verbose=0).ravel(), MEANS, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_an_embedding_beside_a_bias_is_a_factor_whose_first_level_is_the_reference(dtype):
    model = added(of_columns(2, "x"), of_codes(dtype=dtype))
    found, expected = fit(model, {"x": X, "code": CODES}, Y), joined(INDICATORS, X)

    assert found.columns == ("group[2]", "group[4]", "x[0]", "x[1]")
    np.testing.assert_allclose(found.params.matrix, expected.params.matrix, rtol=1e-8)
    np.testing.assert_allclose(found.standard_errors, expected.standard_errors, rtol=2 * SETTLED)
    assert model.get_layer("group").embeddings.numpy()[[0, 1, 3, 5]].tolist() == [[0.0]] * 4
    assert "coefficient of group[1] from those of the other columns: it is 0, as of a reference level" in found.notes[-2]
    assert found.notes[-1].startswith("What the layers make of group[0], group[3], group[5] is 0 in each row")
    np.testing.assert_allclose(found.predict({"x": X[:9], "code": CODES[:9]}), expected.predict(np.hstack([INDICATORS, X])[:9]))


def test_without_a_bias_each_level_has_a_weight():
    model = added(of_columns(2, "x", use_bias=False), of_codes())

    assert fit(model, [X, CODES], Y).columns == ("group[1]", "group[2]", "group[4]", "x[0]", "x[1]")


def test_two_factors_without_a_bias_have_one_reference():
    first, second = L.Input((1,), name="first"), L.Input((1,), name="second")
    other = RNG.integers(2, size=N)
    model = added(
        (first, L.Flatten()(L.Embedding(5, 1, name="a")(first))), (second, L.Flatten()(L.Embedding(2, 1, name="b")(second)))
    )
    found = fit(model, [CODES, other], Y)
    expected = joined(INDICATORS, (other[:, None] == (0, 1)).astype(float), intercept=False)

    assert found.columns == ("a[2]", "a[4]", "b[0]", "b[1]")
    np.testing.assert_allclose(found.params.coef, expected.params.coef, rtol=1e-8)


def test_under_a_penalty_each_level_has_a_weight_and_the_models_own_gradient_vanishes():
    model = added(of_columns(2, "x", kernel_regularizer="l2"), of_codes(embeddings_regularizer="l2"))
    found = fit(model, [X, CODES], Y)
    (table,), (kernel, bias) = model.get_layer("group").get_weights(), model.get_layer("dense_x").get_weights()
    residual = (Y - np.exp((X @ kernel + bias + table[CODES]).ravel())) / N

    assert found.is_penalised  # the model holds its weights in float32, to 6e-8 of their size: so much is left of the slopes
    np.testing.assert_allclose(np.bincount(CODES, residual, 6), 2 * 0.01 * table.ravel(), atol=1e-7)  # 0.01 is Keras's l2
    np.testing.assert_allclose(X.T @ residual, 2 * 0.01 * kernel.ravel(), atol=1e-7)
    np.testing.assert_allclose(residual.sum(), 0, atol=1e-7)


def test_processes_and_resamples_take_the_same_levels():
    model = added(of_columns(2, "x"), of_codes())
    here = fit(model, [X, CODES], Y)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        there = fit(model, [X, CODES], Y, executor=pool)
    many = fit_many(model, [X, CODES], Y, bootstrap=3)

    np.testing.assert_array_equal(there.params.matrix, here.params.matrix)
    assert many.terms == ("intercept", *here.columns)
    assert many.converged.all()


REFUSED = {
    "a code beyond the table": (
        lambda: added(of_columns(2, "x"), of_codes(levels=4)),
        CODES,
        "numbers from 0 to 3, and a row has 4",
    ),
    "a fraction for a code": (lambda: added(of_columns(2, "x"), of_codes(dtype="float32")), CODES + 0.5, r"and a row has \d.5"),
    "no code": (lambda: added(of_columns(2, "x"), of_codes(dtype="float32")), np.where(CODES == 1, np.nan, CODES), "has nan"),
    "a product": (lambda: added(of_columns(2, "x"), of_codes(), add=L.Multiply), CODES, "Are the outputs of its layers .* added"),
    "an activation before": (
        lambda: added(of_columns(2, "x", activation="relu"), of_codes()),
        CODES,
        "Are the outputs of its layers .group . dense_x. added, without activations",
    ),
    "a mask": (lambda: added(of_columns(2, "x"), of_codes(mask_zero=True)), CODES, "mask_zero=True"),
    "two penalties": (
        lambda: added(of_columns(2, "x", kernel_regularizer="l2"), of_codes()),
        CODES,
        "several penalties of the kernel",
    ),
    "a constraint": (
        lambda: added(of_columns(2, "x"), of_codes(embeddings_constraint="non_neg")),
        CODES,
        "embeddings_constraint",
    ),
}


@pytest.mark.filterwarnings("ignore:.*with a mask attached:UserWarning")
@pytest.mark.parametrize(("make", "codes", "says"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_sum_of_factors_and_columns_is_refused(make, codes, says):
    with pytest.raises(ValueError, match=says):
        fit(make(), [X, codes], Y)


def test_a_link_that_admits_positive_eta_alone():
    """A row that is asked beyond its domain has a code that no row of the data has."""
    model = added(of_columns(2, "x"), of_codes(), activation=lambda eta: eta**2)
    found = fit(model, [X, np.where(CODES == 1, 3, CODES)], Y)

    assert found.converged, found.reason
    assert found.columns == ("group[3]", "group[4]", "x[0]", "x[1]")


def test_a_new_level_has_no_prediction():
    found = fit(added(of_columns(2, "x"), of_codes()), [X, CODES], Y)
    with pytest.raises(ValueError, match="no row of the fit had the code 3 of the layer group"):
        found.predict([X[:1], [3]])


def test_several_codes_of_a_row_are_no_factor():
    model = keras.Sequential([L.Input((2,)), L.Embedding(6, 1), L.GlobalAveragePooling1D(), L.Activation("exponential")])
    model.compile(loss="poisson")
    with pytest.raises(NotRead, match="looks up 2 codes of each row"):
        fit(model, np.c_[CODES, CODES], Y)


def test_a_layer_behind_another_is_hidden():
    model = keras.Sequential([L.Input((2,)), L.Dense(1), L.Dense(1, activation="exponential")])
    model.compile(loss="poisson")
    with pytest.raises(NotRead, match="hidden layer"):
        fit(model, X, Y)


def test_a_diagnosis_says_that_it_compares_the_coefficients_of_one_dense_layer():
    with pytest.raises(NotRead, match=r"adds what dense_\w gives to what dense_\w"):
        diagnose(added(of_columns(2, "x"), of_columns(1, "z")), [X, Z], Y)
    with pytest.raises(NotRead, match="looks codes up in group"):
        diagnose(added(of_columns(2, "x"), of_codes()), [X, CODES], Y)
