"""What means another thing than a reader thinks: it is served as it is meant, refused, or told in a note."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from spec.compat import strict_zip
from spec.engines.keras.versions import keras
from spec.fit import fit, fit_many
from spec.fit.convergence import SETTLED
from spec.fit.parsed import parsed


def poisson(outputs=1):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(outputs, activation="exponential")])
    model.compile(loss="poisson")
    return model


MANY = np.random.default_rng(31)
AXIS = MANY.normal(size=400)
CLAIMS = MANY.poisson(np.exp(0.2 + 0.3 * AXIS)).astype(float)


class TestArithmeticOfFormulas:
    """A sign that means terms, and no arithmetic, is refused: formulas would leave it out without a word."""

    @pytest.mark.parametrize(
        ("formula", "says"),
        [
            ("after - before ~ x", r"write I\(after - before\)"),
            ("y**2 ~ x", r"write I\(y\*\*2\)"),
            ("y^2 ~ x", r"write I\(y\*\*2\)"),
            ("(y - log(x)) ~ x", r"write I\(\(y - log\(x\)\)\)"),
            ("-y ~ x", r"write I\(-y\)"),
            ("y ~ 10:x", r"a number scales no term; write such as I\(10 \* x\)"),
            ("y ~ x:10", "a number scales no term"),
            ("y ~ 2*x", "a number scales no term"),
            ("y ~ x + x**2", r"x \*\* 2 is x itself in a formula. Write I\(x \*\* 2\)"),
            ("y ~ x^2 + z:before", r"x \*\* 2 is x itself"),
            ("y ~ x\n + z**2", r"z \*\* 2 is z itself"),
            ("(y - x)/(z) ~ x", r"write I\(\(y - x\)/\(z\)\)"),
        ],
    )
    def test_what_a_formula_does_not_compute(self, formula, says):
        with pytest.raises(ValueError, match=says):
            parsed(formula, ["x", "y", "z", "before", "after"])

    @pytest.mark.parametrize(
        ("formula", "terms"),
        [
            ("y ~ x - 1", ["x"]),
            ("I(y - x) ~ z", ["1", "z"]),
            ("{y - x} ~ I(x**2)", ["1", "I(x ** 2)"]),
            ("`a b` ~ (x + z)**2", ["1", "x", "z", "x:z"]),
            ("np.log(y) ~ bs(x, df=4):z", ["1", "bs(x, df=4):z"]),
        ],
    )
    def test_what_it_means(self, formula, terms):
        assert [str(term) for term in parsed(formula, ["x", "y", "z", "a b"])[1]] == terms


class TestLabels:
    FRAME = pd.DataFrame({"x": AXIS, "y": CLAIMS})

    def test_rows_dropped_from_each_part_are_refused(self):
        """As many are left of each, and others."""
        x, y = self.FRAME[["x"]].drop(3), self.FRAME["y"].drop(350)
        with pytest.raises(ValueError, match="y has other row labels than X: its row 3 is 3, that of X 4"):
            fit(poisson(), x, y)

    def test_partitions_in_another_order_are_refused(self):
        dask = pytest.importorskip("dask.dataframe")
        there = dask.from_pandas(self.FRAME, npartitions=4)
        shuffled = dask.from_pandas(self.FRAME.sample(frac=1, random_state=0), npartitions=4, sort=False)
        with pytest.raises(ValueError, match="partition 1: y has other row labels than X"):
            fit(poisson(), there[["x"]], shuffled["y"])

    def test_labels_of_any_kind_are_compared(self):
        left, right = (pd.CategoricalIndex([f"a{row}" for row in range(399)] + [last]) for last in ("a399", "b"))
        with pytest.raises(ValueError, match="its row 399 is b, that of X a399"):
            fit(poisson(), pd.DataFrame({"x": AXIS}, index=left), pd.Series(CLAIMS, index=right))

    def test_labels_that_count_rows_say_nothing(self):
        half = self.FRAME.sample(frac=0.5, random_state=1)
        assert fit(poisson(), half[["x"]], pd.Series(half["y"].to_numpy())).converged


class TestRates:
    """Counts over exposures are counts, whatever share of them is whole."""

    @pytest.mark.parametrize("exposure", [np.where(AXIS > -0.3, 1.0, 0.39), np.full(400, 4.0)], ids=["years", "one"])
    def test_have_the_errors_of_counts(self, exposure):
        counts = np.random.default_rng(5).poisson(exposure * np.exp(0.3 * AXIS))
        rates = fit(poisson(), AXIS[:, None], counts / exposure, sample_weight=exposure)
        expected = fit(poisson(), AXIS[:, None], counts, offset=np.log(exposure))

        np.testing.assert_allclose(rates.params.matrix, expected.params.matrix, rtol=1e-7)
        np.testing.assert_allclose(rates.standard_errors, expected.standard_errors, rtol=2 * SETTLED)

    def test_amounts_of_one_weight_are_no_counts(self):
        """Cents times 100 are whole."""
        amounts = np.random.default_rng(3).gamma(2, 50, 400).round(2)
        assert fit(poisson(), AXIS[:, None], amounts, sample_weight=np.full(400, 100.0)).dispersion > 100

    def test_counts_beside_amounts_keep_their_errors(self):
        amounts = np.random.default_rng(6).gamma(1, 30, 400)
        beside = np.column_stack([CLAIMS, CLAIMS, CLAIMS, amounts])
        alone = [fit(poisson(), AXIS[:, None], y) for y in (CLAIMS, amounts)]
        several, many = fit(poisson(4), AXIS[:, None], beside), fit_many(poisson(), AXIS[:, None], beside)

        for place, expected in ((0, alone[0]), (3, alone[1])):
            np.testing.assert_allclose(several[place].standard_errors, expected.standard_errors, rtol=2 * SETTLED)
            np.testing.assert_allclose(many.standard_errors[place], expected.standard_errors[:, 0], rtol=2 * SETTLED)
            assert several[place].notes == expected.notes


class TestLikelihoodOfShares:
    """With their trials for weights it is that of the counts, with the binomial coefficients; without trials it has none."""

    TRIALS = np.random.default_rng(7).integers(2, 20, 400)

    def test_of_counts(self):
        counts = np.random.default_rng(8).binomial(self.TRIALS, 0.3)
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, activation="sigmoid")])
        model.compile(loss="binary_crossentropy")
        found = fit(model, AXIS[:, None], counts / self.TRIALS, sample_weight=self.TRIALS)
        means = found.predict(AXIS[:, None])[:, 0]
        assert found.log_likelihood == pytest.approx(stats.binom.logpmf(counts, self.TRIALS, means).sum(), rel=1e-12)

        shares = np.random.default_rng(9).random(400)
        found = fit(model, AXIS[:, None], shares)
        means = found.predict(AXIS[:, None])[:, 0]
        assert found.log_likelihood == pytest.approx((shares * np.log(means) + (1 - shares) * np.log1p(-means)).sum(), rel=1e-12)

    def test_of_classes(self):
        rng = np.random.default_rng(10)
        counts = np.array([rng.multinomial(trials, [0.2, 0.3, 0.5]) for trials in self.TRIALS])
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(3, activation="softmax")])
        model.compile(loss="categorical_crossentropy")
        found = fit(model, AXIS[:, None], counts / self.TRIALS[:, None], sample_weight=self.TRIALS)
        means = found.predict(AXIS[:, None])
        each = [
            stats.multinomial.logpmf(*one) for one in strict_zip(counts, self.TRIALS, means / means.sum(axis=1, keepdims=True))
        ]
        assert found.log_likelihood == pytest.approx(sum(each), rel=1e-12)


def test_one_offset_is_that_of_all_outputs():
    found = fit(poisson(2), AXIS[:, None], np.column_stack([CLAIMS, CLAIMS]), offset=np.full(400, 0.3))
    np.testing.assert_allclose(
        found[1].params.matrix, fit(poisson(), AXIS[:, None], CLAIMS, offset=np.full(400, 0.3)).params.matrix, rtol=1e-9
    )


def test_a_missing_group_among_texts_is_missing():
    groups = [float("nan") if row == 7 else "abc"[row % 3] for row in range(400)]
    with pytest.raises(ValueError, match="the group is missing in row 7"):
        fit(poisson(), AXIS[:, None], CLAIMS).clustered(groups)


def test_classes_called_by_numbers_are_meant_by_their_names():
    data = pd.DataFrame({"c": MANY.integers(1, 4, 400), "x": AXIS})
    found = fit(formula="c ~ x", data=data, family="multinomial")

    assert found.outputs[found.against(1).baseline] == "1"
    with pytest.raises(ValueError, match="there is no class 0: the classes are 1, 2, 3"):
        found.against(0)


@pytest.mark.parametrize("row", [1, 200, 399])
def test_each_row_that_is_changed_is_noticed_where_they_are_few(row):
    y = CLAIMS.copy()
    found = fit(poisson(), AXIS[:, None], y)
    y[row] += 50
    with pytest.raises(ValueError, match="changed in place"):
        found.log_likelihood  # noqa: B018


def test_rows_of_weight_zero_that_count_are_told():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(loss="mse")
    found = fit(model, AXIS[:, None], CLAIMS, sample_weight=np.arange(400) % 2)
    assert "count among the rows of which the dispersion is estimated" in found.notes[-1]


def test_formulas_may_be_long():
    columns = [f"x{number}" for number in range(1500)]
    assert len(parsed("y ~ " + " + ".join(columns), ["y", *columns])[1]) == 1501


def test_a_level_of_another_type_is_told():
    data = pd.DataFrame({"y": CLAIMS, "k": np.arange(400) % 4})
    found = fit(formula="y ~ k", data=data.assign(k=data.k.astype(str)), family="poisson")
    with pytest.raises(ValueError, match="Here it is of type int, and in the fit of type str"):
        found.predict(data)


def test_a_list_of_names_is_no_offset():
    with pytest.raises(ValueError, match=r"offset is a list of text: give one name or expression, such as offset='log\(x\)'"):
        fit(formula="y ~ x", data={"y": CLAIMS, "x": AXIS}, family="poisson", offset=["log(x)"])


class TestTrueAndOne:
    """True is 1 for Python, and as a level of a factor it is another."""

    FRAME = pd.DataFrame({"b": MANY.random(200) < 0.4, "x": MANY.normal(size=200)}).assign(
        y=lambda frame: 1 + 2 * frame.b + 0.1 * frame.x
    )
    MEANS = FRAME.y.groupby(FRAME.b).mean().to_numpy()[::-1]

    @pytest.mark.parametrize("kind", [bool, int, float, "Int64", "boolean"])
    @pytest.mark.parametrize("fitted", [bool, int, float])
    def test_either_is_taken_for_the_other(self, fitted, kind):
        """They were no level, and so the baseline, in each row."""
        found = fit(formula="y ~ C(b)", data=self.FRAME.assign(b=self.FRAME.b.astype(fitted)), family="gaussian")
        new = pd.DataFrame({"b": pd.Series([1, 0]).astype(kind)})

        assert np.allclose(found.predict(new)[:, 0], self.MEANS)

    @pytest.mark.parametrize(
        ("fitted", "new"), [("category", [True, False]), (bool, pd.Categorical([1, 0])), (bool, [2, 0])], ids=str
    )
    def test_else_it_is_a_new_level(self, fitted, new):
        found = fit(formula="y ~ C(b)", data=self.FRAME.assign(b=self.FRAME.b.astype(int).astype(fitted)), family="gaussian")

        with pytest.raises(ValueError, match=r"C\(b\) has the new level"):
            found.predict(pd.DataFrame({"b": new}))


@pytest.mark.parametrize(
    "term",
    [
        *("z / z.max()", "(z - z.min()) / (z.max() - z.min())", "z - np.min(z)", "k / k.max()", "z == z.max()"),
        *("g == g.mode()[0]", "x.clip(upper=x.max() * 0.9)", "(t - t.min()).dt.days"),
    ],
)
@pytest.mark.parametrize("seed", range(4))
def test_what_is_made_of_the_largest_row_has_no_value_for_a_new_one(term, seed):
    """A half of the rows holds the largest half of the time, so that it was noticed half of the time."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"z": rng.uniform(0.1, 5, 100), "x": rng.normal(size=100), "k": rng.integers(0, 5, 100)})
    frame["t"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 99, 100), unit="D")
    frame["g"], frame["y"] = rng.choice(list("uvw"), 100, p=[0.8, 0.1, 0.1]), rng.normal(size=100)

    with pytest.raises(ValueError, match="is made of several rows"):
        fit(formula=f"y ~ I({term})", data=frame, family="gaussian")


class TestWhatLayersAdd:
    """A constant that layers add after the Dense layer is a part of the intercept."""

    LINE = 2.5 + 0.5 * AXIS + MANY.normal(size=400)

    @pytest.mark.parametrize(
        "last",
        [
            lambda: keras.layers.Rescaling(2.0, 1.0),
            lambda: keras.layers.Normalization(mean=[2.5], variance=[4.0], invert=True),
            lambda: keras.layers.Lambda(lambda eta: eta + 3.0),
        ],
        ids=["rescaled", "normalised", "moved"],
    )
    def test_to_a_line(self, last):
        """The intercept was that of y less the constant, and its p-value that of a test of nothing that was asked."""
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1), last()])
        model.compile(loss="mse")
        fitted, by_hand = fit(model, AXIS[:, None], self.LINE), stats.linregress(AXIS, self.LINE)

        assert np.allclose(fitted.coefficients[:, 0], [by_hand.intercept, by_hand.slope], rtol=1e-10)
        assert np.allclose(fitted.standard_errors[:, 0], [by_hand.intercept_stderr, by_hand.stderr], rtol=1e-8)
        assert np.allclose(model.predict(AXIS[:, None], verbose=0)[:, 0], by_hand.intercept + by_hand.slope * AXIS, rtol=1e-5)
        assert np.allclose(fitted.predict(AXIS[:, None])[:, 0], by_hand.intercept + by_hand.slope * AXIS, rtol=1e-10)
        assert np.allclose(
            fit_many(model, AXIS[:, None], self.LINE, weights=np.ones((400, 1))).coefficients, fitted.coefficients.T
        )

    def test_to_a_share(self):
        """A hard sigmoid is eta / 6 + 1/2."""
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, activation="hard_sigmoid")])
        model.compile(loss="binary_crossentropy")
        of_two = np.repeat([[0.0], [1.0]], 10, axis=0)
        fitted = fit(model, of_two, np.r_[np.ones(4), np.zeros(6), np.ones(7), np.zeros(3)])

        assert np.allclose(fitted.coefficients[:, 0], [0.4, 0.3])

    def test_a_penalised_bias_stays_what_it_is(self):
        """Its penalty is on the bias of the Dense layer, so the intercept is that bias in units of eta."""
        model = keras.Sequential(
            [
                keras.Input((1,)),
                keras.layers.Dense(1, bias_regularizer=keras.regularizers.L2(0.01)),
                keras.layers.Rescaling(2.0, 1.0),
            ]
        )
        model.compile(loss="mse")
        design = 2 * np.column_stack([np.ones(400), AXIS])
        both = np.linalg.solve(design.T @ design / 400 + np.diag([0.01, 0.0]), design.T @ (self.LINE - 1) / 400)

        assert np.allclose(fit(model, AXIS[:, None], self.LINE).coefficients[:, 0], 2 * both)

    @pytest.mark.parametrize("exposure", [np.full(400, 12.0), np.where(np.arange(400) == 7, 3.0, 12.0)], ids=["same", "but one"])
    @pytest.mark.parametrize("how", ["input", "frozen layer"])
    def test_an_offset_that_is_the_same_in_each_row_is_no_constant(self, exposure, how):
        """It is made of an input: the intercept is a rate's for one unit of exposure, whichever rows are seen."""
        x, years = keras.Input((1,), name="x"), keras.Input((1,), name="years")
        log = keras.layers.Dense(1, use_bias=False, trainable=False, kernel_initializer="ones")
        added = log(years) if how == "frozen layer" else keras.ops.log(years)
        model = keras.Model([x, years], keras.ops.exp(keras.layers.Dense(1)(x) + added))
        model.compile(loss="poisson")
        given = np.log(exposure) if how == "frozen layer" else exposure
        by_hand = sm.GLM(CLAIMS, sm.add_constant(AXIS), family=sm.families.Poisson(), offset=np.log(exposure)).fit()

        assert np.allclose(fit(model, [AXIS, given], CLAIMS).coefficients[:, 0], by_hand.params)

    def test_of_a_model_within_a_model(self):
        inner = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1), keras.layers.Rescaling(2.0, 1.0)])
        model = keras.Sequential([keras.Input((1,)), inner, keras.layers.Rescaling(1.0, 2.0)])
        model.compile(loss="mse")
        by_hand = stats.linregress(AXIS, self.LINE)

        assert np.allclose(fit(model, AXIS[:, None], self.LINE).coefficients[:, 0], [by_hand.intercept, by_hand.slope])


class TestPredictionsOfParts:
    """The second part of a pair was an offset, though the fit had none: of (X, y) it was y."""

    @pytest.mark.parametrize("parts", [lambda X: (X, CLAIMS), lambda X: [X[:200], X[200:]]], ids=["X and y", "two batches"])
    def test_no_offset_is_made_of_a_part(self, parts):
        fitted = fit(poisson(), AXIS[:, None], CLAIMS)

        with pytest.raises(ValueError, match="the fit had none: give X alone, without y"):
            fitted.predict(parts(AXIS[:, None]))

    @pytest.mark.parametrize("width", [2, 3])
    def test_an_offset_has_a_column_for_each_output(self, width):
        fitted = fit(poisson(), AXIS[:, None], CLAIMS)

        assert np.allclose(fitted.predict(AXIS[:, None], offset=np.ones(400)), np.e * fitted.predict(AXIS[:, None]))
        with pytest.raises(ValueError, match=f"offset has {width} columns, and the model 1 output"):
            fitted.predict(AXIS[:, None], offset=np.ones((400, width)))


@pytest.mark.parametrize("size", [1e-9, 1e-7, 1e-3, 1.0])
def test_small_amounts_are_no_counts(size):
    """Each was nearer to 0 than any tolerance, and their errors a thousand times those of their own dispersion."""
    amounts, weights = MANY.gamma(2, np.exp(0.3 * AXIS)), MANY.uniform(0.5, 2, 400)
    fitted = fit(poisson(), AXIS[:, None], size * amounts, weights=weights)
    by_hand = sm.GLM(amounts, sm.add_constant(AXIS), sm.families.Poisson(), var_weights=weights).fit(scale="X2", tol=1e-14)

    assert np.allclose(fitted.standard_errors[:, 0], by_hand.bse, rtol=1e-6)


def test_each_layer_can_keep_its_weights():
    """The second layer kept an infinite weight, as only the first was asked."""
    x, small = keras.Input((1,)), keras.Input((1,))
    layers = keras.layers.Dense(1), keras.layers.Dense(1, use_bias=False, dtype="float16", name="coarse")
    model = keras.Model([x, small], keras.layers.Add()([layers[0](x), layers[1](small)]))
    model.compile(loss="mse")
    before, other = model.get_weights(), MANY.normal(size=400)

    with pytest.raises(ValueError, match="coarse keeps its weights in float16"):
        fit(model, [AXIS, 1e-6 * other], AXIS + 2 * other + MANY.normal(size=400))
    assert all(np.array_equal(one, now) for one, now in zip(before, model.get_weights(), strict=True))


@pytest.mark.parametrize(
    ("setting", "says"),
    [({"standard_errors": "HC1"}, r"fitted.robust\(\"HC1\"\)"), ({"drop_redundant": "no"}, "it is True or False")],
)
def test_text_is_no_switch(setting, says):
    """Any text was on: the errors that were called HC1 were those of the model."""
    with pytest.raises(ValueError, match=says):
        fit(poisson(), AXIS[:, None], CLAIMS, **setting)


def test_a_class_without_weight_is_not_said_to_be_absent():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(3, activation="softmax")])
    model.compile(loss="sparse_categorical_crossentropy")
    codes = np.arange(400) % 3

    assert "Class 0 never occurs in a row that has weight" in fit(model, AXIS[:, None], codes, weights=1.0 * (codes > 0)).reason
