"""Columns that others make have no coefficients of their own: found to the last digit, left out where that is asked."""

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers as L

from spec.fit import fit
from spec.fit.convergence import SETTLED
from spec.fit.redundant import SAMPLE, made_of, there_of
from spec.fit.rows import of_arrays

RNG = np.random.default_rng(23)
N = 300
X = RNG.normal(size=(N, 3))
ZONES = np.resize([1, 2, 4], N)
AGE = RNG.normal(40, 10, size=N)
Y = RNG.poisson(np.exp(0.3 * X[:, 0] + 0.1 * ZONES)).astype(float)
MEANS = {zone: float(np.mean(Y[zone == ZONES])) for zone in (1, 2, 4)}

pytestmark = pytest.mark.usefixtures("in_float32")


def poisson(width, **kwargs):
    model = keras.Sequential([L.Input((width,)), L.Dense(1, activation="exponential", **kwargs)])
    model.compile(loss="poisson")
    return model


def rows(columns):
    return of_arrays(columns, np.zeros(len(columns)))


def free_of(given, intercept, as_r=False):
    return made_of(given, intercept, np.full(given.sample(1).X.shape[1], as_r)).free


class TestColumns:
    @pytest.mark.parametrize("intercept", [True, False])
    @pytest.mark.parametrize("size", [1.0, 1e8, 1e-8])
    @pytest.mark.parametrize(
        ("made", "kept"),
        [
            (lambda x: x, [1, 1, 1]),
            (lambda x: np.c_[x, 2 * x[:, 0] - x[:, 2] / 3], [0, 1, 1, 1]),
            (lambda x: np.c_[x[:, 0], x], [0, 1, 1, 1]),
            (lambda x: np.c_[x, x @ [1, 2, 3], x @ [0, 1, -1]], [0, 0, 1, 1, 1]),
            (lambda x: np.c_[x, x[:, 0] * (1 + 1e-7 * x[:, 1])], [1, 1, 1, 1]),  # nearly, but not quite
        ],
        ids=["independent", "a sum", "twice", "two", "nearly"],
    )
    def test_the_first_of_those_that_make_one_another_is_left_out(self, made, kept, size, intercept):
        assert free_of(rows(size * made(X)), intercept).tolist() == [bool(one) for one in kept]

    def test_a_constant_is_made_of_the_intercept_if_there_is_one(self):
        columns = np.c_[X, np.full(N, 7.0)]
        assert free_of(rows(columns), True).tolist() == [True, True, True, False]
        assert free_of(rows(columns), False).all()

    def test_indicators_of_all_levels_make_the_intercept(self):
        indicators = (ZONES[:, None] == (1, 2, 4)).astype(float)
        assert free_of(rows(indicators), True).tolist() == [False, True, True]
        assert free_of(rows(indicators), False).all()

    def test_columns_that_are_0_in_many_rows(self):
        """Where nothing makes a number, rounding leaves something of it."""
        dummy = (RNG.random(N) < 0.3).astype(float)
        regions = (np.arange(N)[:, None] % 6 == range(1, 6)).astype(float)
        nested = np.c_[regions, regions[:, :2].sum(axis=1)]
        a, b = ((RNG.integers(3, size=N)[:, None] == range(3)).astype(float) for _ in range(2))
        product = (a[:, :, None] * b[:, None, :]).reshape(N, 9)

        assert free_of(rows(np.c_[dummy, X[:, 0], dummy]), True).tolist() == [False, True, True]
        assert free_of(rows(nested), True).sum() == 5
        assert free_of(rows(np.c_[a, b, product]), True).sum() == 8

    def test_the_last_is_left_out_as_r_does(self):
        assert free_of(rows(np.c_[X, X[:, 0] - X[:, 1]]), True, as_r=True).tolist() == [True, True, True, False]

    def test_how_a_column_is_made_is_told_in_its_units(self):
        made = made_of(rows(np.c_[X, 3 - 1e6 * X[:, 0] + 4 * X[:, 2]]), True, np.ones(4, dtype=bool))
        assert made.free.tolist() == [True, True, True, False]
        np.testing.assert_allclose(made.of[:, 3], [3, -1e6, 0, 4, 0], rtol=1e-7, atol=1e-6)
        assert made.made_of(np.array([True, False, True, False])).tolist() == [False, False, False, True]
        assert not made.made_of(np.array([True, False, False, False])).any()

    def test_a_number_that_is_none_is_left_for_the_fit_to_name(self):
        columns = np.c_[RNG.normal(size=(3 * SAMPLE, 2)), np.zeros(3 * SAMPLE)]
        columns[:, 2] = columns[:, 0]
        columns[-1, 1] = np.nan
        assert free_of(rows(columns), True).all()
        with pytest.raises(ValueError, match=f"X is missing .NaN or NA. in column x2, row {3 * SAMPLE - 1}"):
            fit(poisson(3), columns, np.ones(3 * SAMPLE), drop_redundant=True)

    def test_of_fewer_rows_than_columns_as_many_are_kept(self):
        assert free_of(rows(RNG.normal(size=(5, 9))), True).sum() == 4

    def test_all_rows_decide_and_not_a_sample(self):
        """One row, among the last, tells two columns apart, and another is the only one in which a third is not 0."""
        columns = np.repeat(RNG.normal(size=(3 * SAMPLE, 1)), 3, axis=1)
        columns[:, 1:] *= [1.0, 0.0]
        columns[-2, 1], columns[-1, 2] = 9.0, 1.0

        assert there_of(rows(columns)).all()
        assert free_of(rows(columns), True).all()

    def test_columns_of_squares_beyond_float64_are_left_as_they_are(self):
        assert free_of(rows(np.c_[X, X[:, 0]] * 1e200), True).all()


def adapted():
    lookup = L.IntegerLookup(output_mode="one_hot")
    lookup.adapt(ZONES[:, None])
    return lookup


class TestOfLayers:
    """Where the layers of the model make such columns, a fit leaves them out."""

    @pytest.mark.parametrize(
        "encode", [lambda: L.CategoryEncoding(5, output_mode="one_hot"), adapted], ids=["encoded", "adapted"]
    )
    def test_indicators_of_all_codes_beside_a_bias_are_a_factor(self, encode):
        zone, encode = L.Input((1,), name="zone", dtype="int64"), encode()
        model = keras.Model(zone, L.Dense(1, activation="exponential")(encode(zone)))
        model.compile(loss="poisson")
        found = fit(model, pd.DataFrame({"zone": ZONES}), Y)
        order = [one for one in getattr(encode, "get_vocabulary", lambda: MEANS)() if one in MEANS]
        base, *others = (MEANS[zone] for zone in order)

        assert found.columns == tuple(f"zone[{zone}]" for zone in order[1:])
        np.testing.assert_allclose(found.params.matrix.ravel(), np.log([base, *np.array(others) / base]), atol=1e-9)
        np.testing.assert_allclose(found.standard_errors[0], (N / 3 * base) ** -0.5, rtol=2 * SETTLED)
        np.testing.assert_allclose(model.predict(ZONES[:9], verbose=0).ravel(), [MEANS[one] for one in ZONES[:9]], rtol=1e-6)
        assert f"the coefficient of zone[{order[0]}] from those of the other columns: it is 0" in found.notes[-2]
        with pytest.raises(ValueError, match="was 0 in each row of the fit"):
            found.predict(pd.DataFrame({"zone": [3]}))

    def test_codes_that_the_rows_did_not_have_have_no_mean(self):
        """The indicators of a code that no row had, or of two codes, break what made the one that was left out."""
        zone = L.Input((1,), name="zone", dtype="int64")
        encode = L.IntegerLookup(vocabulary=[1, 2, 4], num_oov_indices=1, output_mode="one_hot")
        model = keras.Model(zone, L.Dense(1, activation="exponential")(L.Lambda(lambda x: x[:, 1:])(encode(zone))))
        model.compile(loss="poisson")
        found = fit(model, pd.DataFrame({"zone": ZONES}), Y)

        np.testing.assert_allclose(found.predict(pd.DataFrame({"zone": [4, 1]})).ravel(), [MEANS[4], MEANS[1]], rtol=1e-7)
        with pytest.raises(ValueError, match=r"tells no mean of row 1: zone\[1\] is 0 in it, and the other columns make 1"):
            found.predict(pd.DataFrame({"zone": [4, 3]}))

    def test_bins_beside_a_bias(self):
        age = L.Input((1,), name="age")
        bins = L.Discretization([30.0, 40.0, 50.0], output_mode="one_hot")
        model = keras.Model(age, L.Dense(1, activation="exponential")(bins(age)))
        model.compile(loss="poisson")
        found = fit(model, AGE[:, None], Y)
        which = np.digitize(AGE, [30, 40, 50])

        assert found.converged
        means = np.array([Y[which == one].mean() for one in range(4)])
        np.testing.assert_allclose(found.predict(AGE[:, None]).ravel(), means[which], rtol=1e-9)

    def test_a_penalty_tells_all_coefficients(self):
        zone = L.Input((1,), name="zone", dtype="int64")
        encoded = L.CategoryEncoding(5, output_mode="one_hot")(zone)
        model = keras.Model(zone, L.Dense(1, activation="exponential", kernel_regularizer="l2")(encoded))
        model.compile(loss="poisson")
        found = fit(model, pd.DataFrame({"zone": ZONES}), Y)

        assert found.converged, found.reason
        assert found.columns == ("zone[1]", "zone[2]", "zone[4]")
        assert found.params.coef.sum() == pytest.approx(0, abs=1e-8)  # as the slope of the bias says, with the others


class TestOfData:
    """Columns of the data are a reason not to converge, unless they are to be left out."""

    COLUMNS = np.c_[np.full(N, 2.0), X, X[:, 0] + X[:, 1], np.zeros(N)]

    def test_they_are_left_out_where_that_is_asked(self):
        model = poisson(6)
        found, expected = fit(model, self.COLUMNS, Y, drop_redundant=True), fit(poisson(3), self.COLUMNS[:, [1, 2, 3]], Y)

        assert found.converged, found.reason
        assert found.columns == ("x2", "x3", "x4")  # R leaves the last out, too
        np.testing.assert_allclose(found.params.matrix, expected.params.matrix, rtol=1e-8)
        np.testing.assert_allclose(found.standard_errors, expected.standard_errors, rtol=2 * SETTLED)
        assert model.layers[-1].get_weights()[0].ravel()[[0, 4, 5]].tolist() == [0, 0, 0]
        assert found.notes == (
            "Nothing tells the coefficients of x1, x5 from those of the other columns: they are 0, where R's glm says NA.",
            "x6 is 0 in each row: its coefficient is 0.",
        )

    def test_without_that_they_are_a_reason(self):
        found = fit(poisson(5), self.COLUMNS[:, :5], Y)

        assert not found.converged
        assert "linearly dependent" in found.reason
        assert "drop_redundant=True" in found.notes[-1]

    @pytest.mark.parametrize(
        "layers",
        [
            list,
            lambda: [L.Rescaling(0.1, offset=1.0)],
            lambda: [L.Flatten()],
            lambda: [L.Normalization(mean=[1.0, 0.0, 3.0], variance=[4.0, 1.0, 9.0])],
        ],
        ids=["plain", "rescaled", "flattened", "normalised"],
    )
    def test_behind_layers_that_rescale_they_are_those_of_the_data(self, layers):
        X = pd.DataFrame({"age": AGE, "months": 12 * AGE, "rate": self.COLUMNS[:, 1]})
        model = keras.Sequential([L.Input((3,)), *layers(), L.Dense(1, activation="exponential")])
        model.compile(loss="poisson")

        assert not fit(model, X, Y).converged
        found = fit(model, X, Y, drop_redundant=True)
        assert found.columns == ("age", "rate")
        assert found.notes == (
            "Nothing tells the coefficient of months from those of the other columns: it is 0, where R's glm says NA.",
        )

    def test_rows_that_tell_them_apart_have_no_mean(self):
        """Whatever months weigh, a row of 12 months for each year has one mean; another row has any."""
        data = pd.DataFrame({"age": AGE, "months": 12 * AGE})
        found = fit(poisson(2), data, Y, drop_redundant=True)

        rounded = pd.DataFrame({"age": [40.0, 30.1], "months": [480.0, 361.2000001]})  # as a file has them
        expected = np.exp(found.params.intercept + found.params.coef[0] * rounded["age"])
        np.testing.assert_allclose(found.predict(rounded).ravel(), expected, rtol=1e-12)
        with pytest.raises(ValueError, match="tells no mean of row 1: months is 366 in it, and the other columns make 360"):
            found.predict(pd.DataFrame({"age": [40.0, 30.0], "months": [480.0, 366.0]}))
        assert np.isnan(found.predict(pd.DataFrame({"age": [np.nan], "months": [12.0]}))).all()

    def test_of_a_formula(self):
        data = {"claims": Y, "age": AGE, "months": 12 * AGE}
        found = fit(formula="claims ~ age + months", data=data, family="poisson", drop_redundant=True)

        assert found.columns == ("age",)
        assert found.predict(data).sum() == pytest.approx(Y.sum())

    def test_columns_that_are_needed_stay(self):
        model = poisson(3)
        assert fit(model, X, Y, drop_redundant=True).columns == fit(model, X, Y).columns
