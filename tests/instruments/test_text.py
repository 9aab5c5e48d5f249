"""Networks that take text: its layers look the texts up, and each has the coefficient of its indicator."""

import keras
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from keras import layers as L

from spec.engines.keras.backend import BACKEND
from spec.fit import fit, fit_many
from spec.fit.reading import NotRead

pytestmark = [
    pytest.mark.usefixtures("in_float32"),
    pytest.mark.skipif(BACKEND.name != "tensorflow", reason="Keras looks texts up on TensorFlow alone"),
]

RNG = np.random.default_rng(41)
N = 300
FRAME = pd.DataFrame({"zone": RNG.choice(["north", "south", "west", "east"], N), "age": RNG.normal(40, 10, N)})
ETA = 0.4 * (FRAME.zone == "north") - 0.8 * (FRAME.zone == "west") + 0.03 * (FRAME.age - 40)
FRAME["y"] = (RNG.random(N) < 1 / (1 + np.exp(-ETA))).astype(float)
X = FRAME[["zone", "age"]]
DESIGN = np.column_stack([np.ones(N), *(FRAME.zone == zone for zone in ("north", "south", "west")), FRAME.age]).astype(float)
BY_HAND = sm.GLM(FRAME.y, DESIGN, family=sm.families.Binomial()).fit()


def logistic(lookup, before=lambda text: text):
    zone, age = L.Input((1,), dtype="string", name="zone"), L.Input((1,), name="age")
    eta = L.Dense(1)(L.Concatenate()([lookup(before(zone)), age]))
    model = keras.Model([zone, age], L.Activation("sigmoid")(eta))
    model.compile(loss="binary_crossentropy")
    return model


def indicators(**settings):
    return L.StringLookup(**{"vocabulary": ["north", "south", "west"], "output_mode": "one_hot", **settings})


def by_zone(frame, **settings):
    """A model of least squares of one input, and the zones of a frame."""
    model = keras.Sequential([L.Input((1,), dtype="string"), indicators(**settings), L.Dense(1)])
    model.compile(loss="mse")
    return model, frame.zone.to_numpy(dtype=object)[:, None]


def inputs(frame):
    return {"zone": frame.zone.to_numpy(dtype=object), "age": frame.age.to_numpy()}


class TestFit:
    @pytest.mark.parametrize(
        "data",
        [
            lambda path: (X, FRAME.y),
            lambda path: (FRAME, "y"),
            lambda path: (inputs(FRAME), FRAME.y),
            lambda path: ([list(FRAME.zone), FRAME.age], FRAME.y),
            lambda path: (X.assign(zone=X.zone.astype("category")), FRAME.y),
            lambda path: ({"zone": X.zone.to_numpy(dtype="S"), "age": X.age}, FRAME.y),
            lambda path: (FRAME.to_parquet(path / "rows.parquet") or path / "rows.parquet", "y"),
            lambda path: (FRAME.to_csv(path / "rows.csv", index=False) or path / "rows.csv", "y"),
        ],
        ids=["frame", "frame with y", "dict", "list", "categories", "bytes", "parquet", "csv"],
    )
    def test_the_coefficients_are_those_of_the_indicators(self, data, tmp_path):
        fitted = fit(logistic(indicators()), *data(tmp_path))

        assert fitted.converged
        assert fitted.columns == ("zone[north]", "zone[south]", "zone[west]", "age")
        assert np.allclose(fitted.coefficients[:, 0], BY_HAND.params, rtol=1e-8, atol=1e-10)
        assert np.allclose(fitted.standard_errors[:, 0], BY_HAND.bse, rtol=1e-5)
        assert any("zone[any other]" in note and "reference level" in note for note in fitted.notes)

    def test_the_model_and_the_fit_predict_the_same_of_text(self):
        model = logistic(indicators())
        fitted = fit(model, X, FRAME.y)
        text = {"zone": keras.ops.convert_to_tensor(X.zone.to_numpy(dtype=str)[:, None]), "age": X.age.to_numpy()[:, None]}

        assert np.allclose(fitted.predict(X)[:, 0], BY_HAND.fittedvalues, rtol=1e-8)
        assert np.allclose(model.predict(text, verbose=0)[:, 0], BY_HAND.fittedvalues, rtol=1e-5)

    def test_a_vocabulary_may_be_adapted(self):
        lookup = L.StringLookup(output_mode="one_hot")
        lookup.adapt(X.zone.to_numpy(dtype=str))
        fitted = fit(logistic(lookup), X, FRAME.y)

        assert fitted.log_likelihood == pytest.approx(BY_HAND.llf, rel=1e-10)
        assert np.allclose(fitted.predict(X)[:, 0], BY_HAND.fittedvalues, rtol=1e-8)

    def test_two_texts_are_indicators_and_no_number(self):
        """One of two is linear in the number of its place, whose unit means nothing."""
        frame = FRAME.assign(zone=np.where(FRAME.zone == "north", "north", "south"))
        model, zones = by_zone(frame, vocabulary=["north", "south"], num_oov_indices=0)
        fitted = fit(model, zones, frame.y)
        means = frame.y.groupby(frame.zone).mean()

        assert fitted.columns == ("x1[south]",)
        assert np.allclose(fitted.coefficients[:, 0], [means.north, means.south - means.north])

    def test_each_input_has_the_vocabulary_of_its_own_layers(self):
        """One that takes no other text says nothing of the texts at another input, nor of those that a nested model takes."""
        frame = FRAME.assign(colour=np.resize(["red", "blue", "green"], N))
        zone, colour = L.Input((1,), dtype="string", name="zone"), L.Input((1,), dtype="string", name="colour")
        nested = keras.Sequential([L.Input((1,), dtype="string"), indicators()])
        strict = L.StringLookup(vocabulary=["red", "blue", "green"], num_oov_indices=0, output_mode="one_hot", name="strict")
        model = keras.Model([zone, colour], L.Dense(1)(L.Concatenate()([nested(zone), strict(colour)])))
        model.compile(loss="mse")
        columns = [frame.zone == each for each in ("north", "south", "west")] + [
            frame.colour == each for each in ("blue", "green")
        ]
        by_hand = sm.OLS(frame.y, np.column_stack([np.ones(N), *columns]).astype(float)).fit()

        assert np.allclose(fit(model, frame[["zone", "colour"]], frame.y).log_likelihood, by_hand.llf)
        with pytest.raises(
            ValueError, match="column colour of X has 'black' in row 1, which the vocabulary of the layer strict lacks"
        ):
            fit(model, frame[["zone", "colour"]].assign(colour=["red", "black"] * (N // 2)), frame.y)

    def test_two_layers_that_look_the_same_text_up(self):
        """A text that only one of them has is none for the other, if that takes no other text."""
        zone = L.Input((1,), dtype="string", name="zone")
        strict = L.StringLookup(vocabulary=["north", "south"], num_oov_indices=0, output_mode="one_hot", name="strict")
        model = keras.Model(zone, L.Dense(1)(L.Concatenate()([indicators()(zone), strict(zone)])))
        model.compile(loss="mse")

        with pytest.raises(ValueError, match=r"'(west|east)' in row .*, which the vocabulary of the layer strict lacks"):
            fit(model, X[["zone"]], FRAME.y)

    def test_weights_of_rare_texts_that_were_adapted(self):
        """They scale the indicators, so the means of the zones are those without them."""
        lookup = L.StringLookup(output_mode="tf_idf")
        lookup.adapt(X.zone.to_numpy(dtype=str))
        model = keras.Sequential([L.Input((1,), dtype="string"), lookup, L.Dense(1)])
        model.compile(loss="mse")
        fitted = fit(model, X[["zone"]], FRAME.y)

        assert np.allclose(fitted.predict(X[["zone"]])[:, 0], FRAME.y.groupby(FRAME.zone).transform("mean"))

    def test_an_embedding_of_texts_is_a_factor(self):
        zones = ["north", "south", "west", "east"]
        model = keras.Sequential(
            [L.Input((1,), dtype="string"), L.StringLookup(vocabulary=zones), L.Embedding(5, 1), L.Flatten()]
        )
        model.compile(loss="mse")
        fitted = fit(model, FRAME.zone.to_numpy(dtype=object)[:, None], FRAME.y)

        assert np.allclose(fitted.coefficients[:, 0], [FRAME.y[FRAME.zone == zone].mean() for zone in zones])

    def test_a_stream_of_texts(self):
        import tensorflow as tf

        model, zones = by_zone(FRAME)
        rows = tf.data.Dataset.from_tensor_slices((zones.astype(str), FRAME.y.to_numpy())).batch(64)
        fitted = fit(model, rows)

        assert fitted.coefficients[0, 0] == pytest.approx(FRAME.y[FRAME.zone == "east"].mean())

    def test_many_fits_of_one_model(self):
        many = fit_many(logistic(indicators()), X, FRAME.y, weights=np.ones((N, 2)))

        assert np.allclose(many.coefficients, BY_HAND.params, rtol=1e-8, atol=1e-10)


class TestRefused:
    def test_a_missing_text(self):
        frame = X.assign(zone=np.where(np.arange(N) == 7, None, X.zone))

        with pytest.raises(ValueError, match=r"X is missing \(NaN or NA\) in column zone, row 7"):
            fit(logistic(indicators()), frame, FRAME.y)

    def test_a_missing_text_where_no_other_text_is_taken(self):
        frame = X.assign(zone=np.where(np.arange(N) == 7, None, X.zone))
        zones = ["north", "south", "west", "east"]

        with pytest.raises(ValueError, match=r"X is missing \(NaN or NA\) in column zone.*, row 7"):
            fit(logistic(indicators(vocabulary=zones, num_oov_indices=0)), frame, FRAME.y)

    def test_bytes_that_are_no_text(self):
        frame = {"zone": np.where(np.arange(N) == 7, b"\xff", b"north").astype(object), "age": X.age}

        with pytest.raises(ValueError, match=r"takes text, but zone has b'\\xff' in row 7"):
            fit(logistic(indicators()), frame, FRAME.y)

    def test_a_missing_text_without_weight_does_not_count(self):
        frame = X.assign(zone=np.where(np.arange(N) == 7, None, X.zone))
        left = sm.GLM(np.delete(FRAME.y.to_numpy(), 7), np.delete(DESIGN, 7, axis=0), family=sm.families.Binomial()).fit()
        fitted = fit(logistic(indicators()), frame, FRAME.y, weights=(np.arange(N) != 7).astype(float))

        assert np.allclose(fitted.coefficients[:, 0], left.params, rtol=1e-8, atol=1e-10)

    def test_a_missing_whole_number(self):
        """It became the smallest of the integers, and that an unknown code."""
        code, age = L.Input((1,), dtype="int32", name="code"), L.Input((1,), name="age")
        indicated = L.IntegerLookup(vocabulary=[1, 2], output_mode="one_hot")(code)
        model = keras.Model([code, age], L.Dense(1)(L.Concatenate()([indicated, age])))
        model.compile(loss="mse")
        codes = np.where(np.arange(N) == 9, np.nan, np.resize([1, 2, 3], N))

        with pytest.raises(ValueError, match=r"X is missing \(NaN or NA\) in column code.*, row 9"):
            fit(model, {"code": codes, "age": X.age}, FRAME.y)

    @pytest.mark.parametrize(
        ("model", "frame", "says"),
        [
            (lambda: logistic(indicators()), X.assign(zone=1), r"takes text, but column zone of X has 1 in row 0: give text"),
            (
                lambda: logistic(indicators(num_oov_indices=0)),
                X.assign(zone=np.where(np.arange(N) == 5, "coast", "north")),
                "column zone of X has 'coast' in row 5, which the vocabulary of the layer .* lacks",
            ),
            (lambda: logistic(indicators(num_oov_indices=3)), X, "tells 3 kinds of unknown texts apart"),
            (
                lambda: logistic(indicators(), L.Lambda(lambda text: text + "", output_shape=(1,), dtype="string")),
                X,
                "takes text, and is a Lambda: .*Apply the layer to the data first",
            ),
            (
                lambda: logistic(L.Hashing(num_bins=4, output_mode="one_hot")),
                X,
                "takes text, and is a Hashing",
            ),
        ],
        ids=["numbers", "unknown", "several unknown", "changed", "hashed"],
    )
    def test_what_is_done_with_text_is_named(self, model, frame, says):
        with pytest.raises(ValueError, match=says):
            fit(model(), frame, FRAME.y)

    def test_a_model_that_is_not_built_needs_its_input(self):
        model = keras.Sequential([indicators(), L.Dense(1)])
        model.compile(loss="mse")

        with pytest.raises(NotRead, match=r"begin it with keras.Input\(\(1,\), dtype='string'\)"):
            fit(model, X[["zone"]], FRAME.y)
