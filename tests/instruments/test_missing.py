"""Numbers that are missing, and numbers that layers make of none: a fit names their column and row, and predicts NaN of them."""

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers as L
from keras import ops

from spec.fit import fit, fit_many

RNG = np.random.default_rng(41)
N = 200
AGE, RATE = RNG.normal(40, 10, size=N), RNG.normal(size=N)
CITY = np.resize(np.array(["north", "south", "west"], dtype=object), N)
Y = RNG.poisson(2.0, size=N).astype(float)

pytestmark = pytest.mark.usefixtures("in_float32")


def compiled(inputs, linear):
    model = keras.Model(inputs, L.Activation("exponential")(linear))
    model.compile(loss="poisson")
    return model


def binned():
    age = L.Input((1,), name="age")
    return compiled(age, L.Dense(1)(L.Discretization([30.0, 40.0, 50.0], output_mode="one_hot")(age)))


def compared():
    age = L.Input((1,), name="age")
    return compiled(age, L.Dense(1)(ops.cast(age > 40.0, "float32")))


def looked_up():
    age, city = L.Input((1,), name="age"), L.Input((1,), name="city", dtype="string")
    encode = L.StringLookup(vocabulary=["north", "south"], output_mode="one_hot")
    return compiled([city, age], L.Dense(1)(L.Concatenate()([encode(city), age])))


def lacking(name, row):
    data = pd.DataFrame({"city": CITY, "age": AGE})
    data.loc[row, name] = None
    return data


class TestHidden:
    """Some layers make a number of a missing one: they put NaN into the last bin, or say that it is not above 40."""

    @pytest.mark.parametrize("make", [binned, compared])
    def test_a_fit_names_its_column_and_row(self, make):
        with pytest.raises(ValueError, match=r"X is missing .NaN or NA. in column age, row 7: drop or impute"):
            fit(make(), lacking("age", 7)[["age"]], Y)
        with pytest.raises(ValueError, match=r"X is missing .NaN or NA. in column age, row 7: drop or impute"):
            fit_many(make(), lacking("age", 7)[["age"]], Y, bootstrap=2)

    @pytest.mark.parametrize("make", [binned, compared])
    def test_it_has_no_mean(self, make):
        found = fit(make(), pd.DataFrame({"age": AGE}), Y)
        data = lacking("age", 7)[["age"]]
        assert np.isnan(found.predict(data)).ravel().tolist() == [row == 7 for row in range(N)]
        np.testing.assert_array_equal(found.predict(data.drop(7)), np.delete(found.predict(pd.DataFrame({"age": AGE})), 7, 0))

    def test_a_row_of_weight_0_may_hold_it(self):
        weights = np.where(np.arange(N) == 7, 0.0, 1.0)
        found, without = (
            fit(binned(), lacking("age", 7)[["age"]], Y, weights=weights),
            fit(binned(), np.delete(AGE, 7), np.delete(Y, 7)),
        )
        np.testing.assert_allclose(found.params.matrix, without.params.matrix, rtol=1e-7)

    def test_a_column_that_the_model_leaves_out_may_hold_it(self):
        both = L.Input((2,))
        model = compiled(both, L.Dense(1)(L.Discretization([30.0, 40.0, 50.0], output_mode="one_hot")(both[:, :1])))
        found = fit(model, np.c_[AGE, np.where(np.arange(N) == 7, np.nan, RATE)], Y)
        np.testing.assert_allclose(found.params.matrix, fit(binned(), AGE, Y).params.matrix, rtol=1e-7)

    def test_a_model_that_asks_for_missing_numbers_is_taken_at_its_word(self):
        age = L.Input((1,))
        missing = ops.isnan(age)
        model = compiled(age, L.Dense(1)(L.Concatenate()([ops.where(missing, 0.0, age), ops.cast(missing, "float32")])))
        some = np.arange(N) % 5 == 0
        found = fit(model, np.where(some, np.nan, AGE), Y)
        table = np.c_[np.where(some, 0.0, AGE), some]
        plain = keras.Sequential([L.Input((2,)), L.Dense(1, activation="exponential")])
        plain.compile(loss="poisson")
        np.testing.assert_allclose(found.params.matrix, fit(plain, table, Y).params.matrix, rtol=1e-7)


class TestText:
    def test_a_fit_names_its_column_and_row(self):
        with pytest.raises(ValueError, match=r"X is missing .NaN or NA. in column city, row 5: drop or impute"):
            fit(looked_up(), lacking("city", 5), Y)
        with pytest.raises(ValueError, match=r"X is missing .NaN or NA. in column age, row 5: drop or impute"):
            fit(looked_up(), lacking("age", 5), Y)

    def test_it_has_no_mean(self):
        found = fit(looked_up(), pd.DataFrame({"city": CITY, "age": AGE}), Y)
        assert np.isnan(found.predict(lacking("city", 1)[:3])).ravel().tolist() == [False, True, False]


class TestMade:
    """Numbers that layers make of finite ones are not missing."""

    @pytest.mark.parametrize(("value", "made"), [(-1.0, "nan"), (0.0, "-inf")])
    def test_a_feature(self, value, made):
        size = L.Input((1,), name="size")
        data = np.exp(RATE)
        data[150] = value
        with pytest.raises(ValueError, match=f"the layers of the model make {made} of row 150, as feature 1, of finite numbers"):
            fit(compiled(size, L.Dense(1)(ops.log(size))), data, Y)

    @pytest.mark.parametrize(("value", "made"), [(-1.0, "nan"), (0.0, "-inf")])
    def test_an_offset(self, value, made):
        rate, exposure = L.Input((1,), name="rate"), L.Input((1,), name="exposure")
        model = compiled([rate, exposure], L.Add()([L.Dense(1)(rate), ops.log(exposure)]))
        data = {"rate": RATE, "exposure": np.where(np.arange(N) == 152, value, 1.0)}
        with pytest.raises(ValueError, match=f"the layers of the model make {made} of row 152, as the offset, of finite numbers"):
            fit(model, data, Y)
        data["exposure"][152] = np.nan
        with pytest.raises(ValueError, match=r"X is missing .NaN or NA. in column exposure, row 152"):
            fit(model, data, Y)
