"""A formula and data make the design and the network that statsmodels' formulas make, wherever the rows come from."""

import keras
import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from pyarrow import dataset, parquet

from spec import families, links
from spec.engines.keras.network import NegativeLogLikelihood
from spec.fit import fit
from spec.fit import frames as tables
from spec.fit.formula import designed
from spec.fit.named import model_of
from spec.fit.optimise import optimise
from spec.fit.rows import joined
from spec.model import PAIRS, Model

N = 600
RNG = np.random.default_rng(11)
DATA = pd.DataFrame(
    {
        "age": RNG.uniform(18, 80, N),
        "power": RNG.gamma(4, size=N),
        "region": RNG.choice(["north", "south", "west"], N),
        "zone": RNG.integers(1, 5, N),
        "smoker": RNG.random(N) < 0.3,
        "exposure": RNG.uniform(0.2, 1, N),
        "w": RNG.uniform(0.5, 2, N),
    },
    index=RNG.permutation(N) + 1000,
)
MU = np.exp(0.02 * DATA.age - 1 + 0.5 * (DATA.region == "west") + 0.3 * DATA.smoker)
DATA["claims"] = RNG.poisson(MU * DATA.exposure)
DATA["cost"] = RNG.gamma(3, MU / 3)
DATA["ill"] = np.where(RNG.random(N) < MU / (3 + MU), "yes", "no")
DATA["choice"] = RNG.choice(["bus", "car", "train"], N)
POISSON, LOG = families.Poisson(), links.Log()


def whole(rows):
    return joined(list(rows.read(100)))


def fitted(made, model):
    intercept = made.model.layers[-1].use_bias
    found = optimise(model, made.rows, intercept)
    assert found.converged, found.reason
    return found.params.matrix[0 if intercept else 1 :]


FORMULAS = {
    "claims ~ age + power": None,
    "claims ~ age + smoker": None,
    "claims ~ C(zone) + region": None,
    "claims ~ age * region + C(zone):power": None,
    "claims ~ age + region - 1": None,
    "claims ~ 0 + C(zone) + age": None,
    "claims ~ np.log(power) + I(age ** 2 / 1000) + center(age)": None,
    "claims ~ bs(power, 5) + region": "claims ~ bs(power, df=5) + region",
    "claims ~ 1": None,
}


class TestStatsmodels:
    @pytest.mark.parametrize("formula", [formula for formula in FORMULAS if formula != "claims ~ 1"])
    def test_the_design_spans_that_of_patsy(self, formula):
        """The same number of columns, and each set in the span of the other."""
        made = designed(formula, DATA, "poisson")
        expected = smf.glm(FORMULAS[formula] or formula, DATA, family=sm.families.Poisson()).exog
        found = np.hstack([np.ones((N, int(made.model.layers[-1].use_bias))), whole(made.rows).X])
        assert found.shape == expected.shape
        assert found @ np.linalg.lstsq(found, expected, rcond=None)[0] == pytest.approx(expected, abs=1e-8)

    @pytest.mark.parametrize("formula", FORMULAS)
    def test_the_fit_is_that_of_statsmodels(self, formula):
        made = designed(formula, DATA, "poisson", weights="w", offset="log(exposure)")
        weights, offset = DATA.w, np.log(DATA.exposure)
        expected = smf.glm(
            FORMULAS[formula] or formula, DATA, family=sm.families.Poisson(), freq_weights=weights, offset=offset
        ).fit(tol=1e-12, tol_criterion="params")
        batch = whole(made.rows)
        found = fitted(made, Model(POISSON, LOG))
        design = np.hstack([np.ones((N, len(found) - batch.X.shape[1])), batch.X])
        mu = np.exp((design @ found)[:, 0] + offset)
        assert mu.to_numpy() == pytest.approx(expected.fittedvalues.to_numpy(), rel=1e-7)

    def test_coefficients_by_name(self):
        made = designed("claims ~ age + region + C(zone)", DATA, "poisson")
        expected = smf.glm("claims ~ age + region + C(zone)", DATA, family=sm.families.Poisson()).fit(tol=1e-12)
        found = fitted(made, Model(POISSON, LOG))[:, 0]
        named = dict(zip(["Intercept", *made.rows.columns], found, strict=True))
        assert set(named) == set(expected.params.index)
        assert [named[name] for name in expected.params.index] == pytest.approx(expected.params.to_numpy(), rel=1e-6)


class TestColumns:
    def test_names_are_those_of_formulaic(self):
        made = designed("claims ~ age + smoker + C(zone) + region + age:region", DATA, "poisson")
        assert made.rows.columns[:5] == ("age", "smoker", "C(zone)[T.2]", "C(zone)[T.3]", "C(zone)[T.4]")
        assert made.rows.columns[5:7] == ("region[T.south]", "region[T.west]")
        assert made.response == "claims"
        assert made.outputs == ("claims",)

    def test_without_an_intercept_a_factor_has_all_levels(self):
        made = designed("claims ~ region - 1", DATA, "poisson")
        assert made.rows.columns == ("region[north]", "region[south]", "region[west]")
        assert not made.model.layers[-1].use_bias

    def test_rows_are_positions_whatever_the_index(self):
        batch = whole(designed("claims ~ age", DATA, "poisson", weights=DATA.w, offset=np.log(DATA.exposure)).rows)
        assert batch.X[:, 0].tolist() == DATA.age.tolist()
        assert batch.y[:, 0].tolist() == DATA.claims.tolist()
        assert batch.weights.tolist() == DATA.w.tolist()
        assert batch.offset[:, 0].tolist() == np.log(DATA.exposure).tolist()
        assert batch.X.dtype == float
        assert batch.X.flags.c_contiguous

    def test_categories_keep_their_order_and_lose_those_without_rows(self):
        region = pd.Categorical(DATA.region, categories=["west", "east", "north", "south"])
        made = designed("claims ~ region", DATA.assign(region=region), "poisson")
        assert made.rows.columns == ("region[T.north]", "region[T.south]")
        assert made.notes == ("levels of region that no row has are left out: east.",)

    def test_all_columns(self):
        made = designed(
            "claims ~ .", DATA[["claims", "age", "region", "w", "exposure"]], "poisson", weights="w", offset="log(exposure)"
        )
        assert made.rows.columns == ("age", "region[T.south]", "region[T.west]")

    def test_quoted_names_and_columns_called_like_functions(self):
        data = DATA.rename(columns={"age": "the age", "power": "log"})
        made = designed("claims ~ `the age` + C(`zone`) + np.log(log)", data, "poisson", weights="w")
        assert made.rows.columns == ("the age", "C(`zone`)[T.2]", "C(`zone`)[T.3]", "C(`zone`)[T.4]", "np.log(log)")
        assert designed("claims ~ log(zone)", data, "poisson").rows.columns == ("log(zone)",)

    @pytest.mark.parametrize(
        "dtypes",
        [
            {"zone": "Int64", "smoker": "boolean", "region": "string", "age": "Float64"},
            {"zone": "int8", "age": "float32"},
            {"zone": object, "smoker": object, "region": object, "age": object},
            {"zone": "int64[pyarrow]", "smoker": "bool[pyarrow]", "region": "string[pyarrow]", "age": "double[pyarrow]"},
        ],
    )
    def test_types_do_not_matter(self, dtypes):
        formula = "claims ~ age + zone + smoker + region + C(zone):age + I(zone * zone * zone * zone)"
        found, expected = (designed(formula, data, "poisson").rows for data in (DATA.astype(dtypes), DATA))
        assert found.columns == expected.columns
        assert pytest.approx(whole(expected).X, rel=1e-6) == whole(found).X


class TestArithmetic:
    """Bools and whole numbers are numbers where a formula computes with them, as in R."""

    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            ("I(t + u)", "where(t, 1.0, 0.0) + where(u, 1.0, 0.0)"),
            ("I(t - u)", "where(t, 1.0, 0.0) - where(u, 1.0, 0.0)"),
            ("I(-t)", "where(t, -1.0, 0.0)"),
            ("I((age > 40) + (power > 5))", "where(age > 40, 1.0, 0.0) + where(power > 5, 1.0, 0.0)"),
            ("exp(t)", "where(t, 2.718281828459045, 1.0)"),  # which NumPy has in 16 bits
            ("I(pop**3)", "(pop * 1.0) ** 3"),  # beyond 64 bits
            ("I(pop * pop * pop)", "(pop * 1.0) ** 3"),
            ("np.power(pop, 3)", "(pop * 1.0) ** 3"),
            ("pop:`more people`", "pop * 1.0 * `more people`"),
            ("I(`more people` ** 3)", "(`more people` * 1.0) ** 3"),
            ("I(pop ** -1)", "1.0 / pop"),
            ("I(t & ~u)", "where(t & ~u, 1.0, 0.0)"),
            ("I(t | u)", "where(t | u, 1.0, 0.0)"),
            ("I(t ^ u)", "where(t ^ u, 1.0, 0.0)"),
            ("I(zone.isin([1, 3]))", "where((zone == 1) | (zone == 3), 1.0, 0.0)"),
        ],
    )
    def test_of_bools_and_of_whole_numbers(self, written, meant):
        data = DATA.assign(
            t=DATA.age > 50,
            u=DATA.power > 6,
            pop=np.arange(N) * 9001 + 2_000_000,
            **{"more people": np.arange(N)[::-1] * 7919 + 1},
        )
        names = {name.replace(" ", "_"): data[name].to_numpy() for name in data}
        expected = np.asarray(eval(meant.replace("`more people`", "more_people"), {"where": np.where}, names), dtype=float)
        made = designed(f"claims ~ {written}", data, "poisson")

        assert whole(made.rows).X[:, 0] == pytest.approx(expected, rel=1e-14)
        assert whole(made.prepared(data[:9])).X[:, 0] == pytest.approx(expected[:9], rel=1e-14)

    def test_levels_keep_their_names(self):
        made = designed("claims ~ C(zone % 2) + C((age > 50) + (power > 6))", DATA, "poisson")
        assert made.rows.columns[0] == "C(zone % 2)[T.1]"
        assert [name[-5:] for name in made.rows.columns[1:]] == ["[T.1]", "[T.2]"]

    def test_offsets_and_weights(self):
        data = DATA.assign(t=DATA.age > 50, u=DATA.power > 6)
        made = whole(designed("claims ~ age", data, "poisson", weights="t + u", offset="t + u").rows)
        expected = data.t.astype(int) + data.u.astype(int)
        assert made.weights.tolist() == expected.tolist()
        assert made.offset[:, 0].tolist() == expected.tolist()


class TestNewData:
    @pytest.mark.parametrize(
        "formula",
        [
            "claims ~ bs(power, 5)",
            "claims ~ cr(power, df=4, constraints='center')",
            "claims ~ cs(power, df=4, constraints='center')",
            "claims ~ poly(age, 2) + scale(power)",
            "claims ~ region * C(zone) + smoker",
        ],
    )
    def test_knots_and_levels_are_those_of_the_fit(self, formula):
        """Rows that were fitted have the same design by themselves, though they have fewer levels and other quantiles."""
        made = designed(formula, DATA, "poisson", offset="log(exposure)")
        few = np.flatnonzero((DATA.region == "south") & (DATA.power < 4))
        new = DATA.iloc[few].drop(columns="claims")
        found, expected = whole(made.prepared(new)), whole(made.rows)
        assert pytest.approx(expected.X[few], rel=1e-12, abs=1e-12) == found.X
        assert found.offset.tolist() == expected.offset[few].tolist()
        assert not found.y.any()
        assert made.prepared(new).columns == made.rows.columns

    def test_a_new_level_is_named(self):
        made = designed("claims ~ region + C(zone)", DATA, "poisson")
        with pytest.raises(ValueError, match="region has the new level 'east' in row 2: the levels are north, south, west"):
            made.prepared(DATA[:4].assign(region=["north", "west", "east", "east"]))
        with pytest.raises(ValueError, match=r"C\(zone\) has the new level 9 in row 1: the levels are 1, 2, 3, 4"):
            made.prepared(DATA[:2].assign(zone=[1, 9]))

    def test_numbers_that_were_categories(self):
        made = designed("claims ~ zone", DATA.astype({"zone": "category"}), "poisson")
        assert made.rows.columns == ("zone[T.2]", "zone[T.3]", "zone[T.4]")
        assert whole(made.prepared({"zone": [4, 1]})).X.tolist() == [[0, 0, 1], [0, 0, 0]]

    @pytest.mark.parametrize(
        "form",
        [pd.DataFrame, polars.DataFrame, pyarrow.table, lambda data: dataset.dataset(pyarrow.table(data))],
        ids=["pandas", "polars", "pyarrow", "dataset"],
    )
    def test_without_columns(self, form):
        new = designed("claims ~ 1", DATA, "poisson").prepared(form({"age": [1.0, None, 3.0]}))
        assert whole(new).X.shape == (3, 0)

    def test_no_rows(self):
        """A filter that lets nothing through has no predictions, and is no mistake; its columns must be there."""
        made = designed("claims ~ age + region", DATA, "poisson", offset="log(exposure)")
        assert (made.prepared(DATA[:0]).total, made.prepared(DATA[:0]).columns) == (0, made.rows.columns)
        with pytest.raises(ValueError, match="there is no column age"):
            made.prepared(DATA[["region", "exposure"]][:0])

    def test_offsets(self):
        made = designed("claims ~ age", DATA, "poisson", offset="log(exposure)")
        new = DATA[["age"]][:3]
        with pytest.raises(ValueError, match="there is no column exposure"):
            made.prepared(new)
        assert whole(made.prepared(new, offset=[1, 2, 3])).offset[:, 0].tolist() == [1, 2, 3]
        assert whole(made.prepared(new, offset="age / 2")).offset[:, 0].tolist() == (new.age / 2).tolist()
        with pytest.raises(ValueError, match="give offset="):
            designed("claims ~ age", DATA, "poisson", offset=np.ones(N)).prepared(new)
        assert whole(designed("claims ~ age", DATA, "poisson").prepared(new)).offset is None

    def test_missing_values(self):
        made = designed("claims ~ age + region", DATA, "poisson")
        with pytest.raises(ValueError, match="column age has 2 missing values, the first in row 1: drop such rows, or impute"):
            made.prepared(DATA[:4].assign(age=[1, np.nan, 2, np.nan]))


class TestResponses:
    def test_two_levels(self):
        made = designed("ill ~ age", DATA, "binomial")
        assert made.event == "yes"
        assert made.notes == ("the event is that ill is yes.",)
        assert whole(made.rows).y[:, 0].tolist() == (DATA.ill == "yes").tolist()
        switched = designed("ill ~ age", DATA.assign(ill=pd.Categorical(DATA.ill, ["yes", "no"])), "binomial")
        assert switched.event == "no"

    def test_bool_shares_and_expressions(self):
        data = DATA.assign(trials=RNG.integers(1, 9, N))
        data["share"] = RNG.binomial(data.trials, 0.3) / data.trials
        assert whole(designed("smoker ~ age", DATA, "binomial").rows).y[:, 0].tolist() == DATA.smoker.tolist()
        assert whole(designed("{ill == 'yes'} ~ age", DATA, "binomial").rows).y[:, 0].tolist() == (DATA.ill == "yes").tolist()
        assert whole(designed("log(cost) ~ age", DATA, "gaussian").rows).y[:, 0] == pytest.approx(np.log(DATA.cost))
        made = designed("share ~ age + region", data, "binomial", weights="trials")
        expected = smf.glm("share ~ age + region", data, family=sm.families.Binomial(), var_weights=data.trials).fit(tol=1e-12)
        assert fitted(made, Model(families.Binomial(), links.Logit()))[0] == pytest.approx(expected.params["Intercept"], rel=1e-6)

    @pytest.mark.parametrize("response", ["choice", "C(choice)", "zone", "C(zone)", "smoker"])
    def test_classes(self, response):
        made = designed(f"{response} ~ age", DATA, "multinomial")
        column = DATA[made.response]
        assert made.outputs == tuple(map(str, sorted(column.unique())))
        y = whole(made.rows).y
        assert [made.outputs[i] for i in y.argmax(axis=1)] == column.astype(str).tolist()
        assert (y.sum(axis=1) == 1).all()
        assert made.model.output_shape == (None, len(made.outputs))

    def test_reasons_call_responses_and_classes_as_the_reader_does(self):
        old = DATA.assign(age_class=np.where(DATA.age > 50, "old", "young"), none=0)
        with pytest.raises(ValueError, match=r"^age is \S+ in row \d+: a sigmoid takes 0 and 1"):
            fit(formula="age ~ power", data=DATA, family="binomial")
        with pytest.raises(ValueError, match=r"^none is 0 in row 0, but a response of the gamma family"):
            fit(formula="none ~ power", data=old, family="gamma")
        assert "age of class young down" in fit(formula="age_class ~ age", data=old, family="multinomial").reason
        assert "none is 0 in every row" in fit(formula="none ~ power", data=old, family="poisson").reason


class TestModel:
    @pytest.mark.parametrize(
        ("family", "link", "expected"),
        [
            ("gaussian", None, "gaussian-identity"),
            ("Poisson", None, "poisson-log"),
            ("gamma", None, "gamma-log"),
            ("gamma", "inverse", "gamma-inverse"),
            ("inverse_gaussian", None, "inverse-gaussian-inverse-squared"),
            ("negative-binomial(0.7)", None, "negative-binomial(0.7)-log"),
            ("tweedie(1.6)", None, "tweedie(1.6)-log"),
            ("tweedie(1.5)", "power(-0.5)", "tweedie(1.5)-power(-0.5)"),
            ("binomial", "cloglog", "binomial-cloglog"),
            (families.Tweedie(1.3), links.Log(), "tweedie(1.3)-log"),
        ],
    )
    def test_names(self, family, link, expected):
        assert str(model_of(family, link)) == expected

    @pytest.mark.parametrize("pair", [*PAIRS, Model(families.Multinomial(), links.Softmax())], ids=str)
    def test_fit_reads_the_network_as_that_model(self, pair):
        """Whatever Keras's names and clips are: reading the network gives the family and the link that were asked for."""
        from spec.engines.keras.network import precision
        from spec.fit.reading.read import read

        response = {"binomial": "smoker", "multinomial": "choice"}.get(str(pair.family), "zone")
        made = designed(f"{response} ~ age", DATA, pair.family, pair.link)
        with precision("float64"):
            assert read(made.model, made.rows.sample(100)).model == pair

    def test_keras_own_parts(self):
        model = designed("smoker ~ age", DATA, "binomial").model
        assert model.built
        assert model.layers[-1].activation is keras.activations.sigmoid
        assert isinstance(model.loss, keras.losses.BinaryCrossentropy)
        assert isinstance(designed("cost ~ age", DATA, "gamma").model.loss, NegativeLogLikelihood)


FORMULA = "claims ~ age * region + C(zone):smoker + C(np.floor(age / 10)) + bs(power, degree=2) + np.log(power) + rare"


@pytest.fixture(scope="module")
def data():
    region = pd.Categorical(DATA.region, categories=["west", "east", "south", "north"])
    rare = np.where(np.arange(N) == N - 1, "rare", "common")  # beyond any sample
    return DATA.assign(region=region, rare=rare).reset_index(drop=True)


@pytest.fixture(scope="module")
def path(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "data.parquet"
    parquet.write_table(pyarrow.Table.from_pandas(data), path, row_group_size=70)
    data.to_feather(path.with_suffix(".feather"))
    data.to_csv(path.with_suffix(".csv"), index=False)
    return path


class TestBatches:
    """What is read in batches is the same as in memory, where knots are not quantiles."""

    @pytest.fixture(autouse=True)
    def small_sample(self, monkeypatch):
        monkeypatch.setattr(tables, "SAMPLE", 50)

    @pytest.mark.parametrize(
        "opened",
        [
            str,
            lambda path: path.with_suffix(".feather"),
            dataset.dataset,
            parquet.read_table,
            lambda path: polars.DataFrame(pd.read_parquet(path)).with_columns(
                region=polars.Series(
                    pd.read_parquet(path).region.astype(str), dtype=polars.Enum(["west", "east", "south", "north"])
                )
            ),
            lambda path: pd.read_parquet(path).to_dict("series"),
        ],
        ids=["Parquet", "Feather", "dataset", "pyarrow", "polars", "dict"],
    )
    def test_wherever_rows_come_from(self, data, path, opened):
        settings = {"family": "poisson", "weights": "w", "offset": np.log(data.exposure)}
        found, expected = (designed(FORMULA, rows, **settings) for rows in (opened(path), data))
        assert found.rows.columns == expected.rows.columns
        assert found.notes == expected.notes
        assert found.rows.total == N
        for one, other in zip(whole(found.rows).parts, whole(expected.rows).parts, strict=True):
            assert one == pytest.approx(other, rel=1e-12, abs=1e-12)
        assert pytest.approx(whole(expected.rows).X, abs=1e-12) == whole(found.prepared(opened(path), offset="log(exposure)")).X

    def test_csv_and_lazy_frames(self, data, path):
        text = data.assign(region=DATA.region.to_numpy())
        expected = whole(designed(FORMULA, text, "poisson").rows).X
        for found in (path.with_suffix(".csv"), polars.scan_csv(path.with_suffix(".csv"))):
            assert pytest.approx(expected, abs=1e-12) == whole(designed(FORMULA, found, "poisson").rows).X

    def test_a_polars_categorical_is_text(self):
        found = designed(
            "claims ~ region", polars.DataFrame(DATA).with_columns(polars.col("region").cast(polars.Categorical)), "poisson"
        )
        assert found.rows.columns == ("region[T.south]", "region[T.west]")

    def test_a_sample_is_of_all_rows(self, path):
        made = designed("claims ~ age", path, "poisson")
        few, many = made.rows.sample(20), made.rows.sample(10_000)
        assert len(few) == 20
        assert len(many) == 50
        assert set(few.X[:, 0]) <= set(DATA.age)
        assert not set(few.X[:, 0]) <= set(DATA.age[:100])

    def test_classes_of_all_batches(self, path, data):
        made = designed("rare ~ age", path, "multinomial")
        assert made.outputs == ("common", "rare")
        assert whole(made.rows).y[:, 1].tolist() == (data.rare == "rare").tolist()
        made = designed("zone ~ age", path, "multinomial")
        assert made.outputs == ("1", "2", "3", "4")

    def test_quantiles_are_those_of_the_sample_and_extremes_those_of_all(self, path, data):
        made = designed("claims ~ bs(power, 6)", path, "poisson")
        batch = whole(made.rows)
        assert len(batch) == N
        assert np.isfinite(batch.X).all()
        (state,) = made._design.spec.transform_state.values()
        assert (state["lower_bound"], state["upper_bound"]) == (data.power.min(), data.power.max())

    def test_missing_values_of_all_batches(self, data, tmp_path):
        data.assign(age=data.age.mask(data.index % 200 == 199)).to_parquet(tmp_path / "a.parquet", row_group_size=90)
        with pytest.raises(ValueError, match="column age has 3 missing values, the first in row 199"):
            designed("claims ~ age", tmp_path / "a.parquet", "poisson")
        made = designed("claims ~ age", data, "poisson")
        with pytest.raises(
            ValueError, match="column age has missing values, the first in row 199"
        ):  # of a row group: not counted
            whole(made.prepared(tmp_path / "a.parquet"))

    def test_a_new_level_in_a_late_batch(self, data, path):
        made = designed("claims ~ rare + region", data.replace({"rare": {"rare": "other"}}), "poisson")
        with pytest.raises(ValueError, match=f"rare has the new level 'rare' in row {N - 1}"):
            whole(made.prepared(path))


class TestErrors:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"formula": "claims ~ height"}, "there is no column height: the columns are age, power, region"),
            ({"formula": "claims ~ foo(age)"}, r"no function foo\(\), but such as log\(\), .*: make a column of it"),
            ({"formula": "claims ~ as.factor(power)"}, r"no as\.factor\(\): write C\(\.\.\.\)"),
            ({"formula": "claims ~ I(power^2)"}, r"\^ is no power in Python: write \*\*"),
            ({"formula": "claims ~ e"}, "there is no column e: the columns are [^.]*\\.$"),  # np.e is a number, and no function
            ({"offset": "log(time)"}, "there is no column time"),
            ({"formula": "claims ~ age +"}, "is no formula: Operator"),
            ({"formula": "claims ~ (age"}, "is no formula"),
            ({"formula": "age + power"}, "has no response"),
            ({"formula": "~ age"}, "has no response"),
            ({"formula": "claims + cost ~ age"}, "one response"),
            ({"formula": "claims ~ age | region"}, r"formulas have no \|, for fixed effects or groups: write \+ C\(g\)"),
            ({"formula": "claims ~ (age > 40)"}, r"Unknown operator '>'. A comparison stands in I\(...\), such as I\(x > 0\)"),
            ({"formula": "claims ~ odd-name"}, "In a formula the name of odd-name stands in backticks: `odd-name`"),
            ({"formula": "claims ~ age +"}, "Write such as 'y ~ x"),
            ({"formula": "claims ~ written"}, "column written holds numbers that are written as text, such as '0': convert it"),
            ({"formula": "claims ~ cr(age, df=4)"}, r"of cr\(age, df=4\) contain the intercept: write cr\(age, df=4, c"),
            ({"formula": "claims ~ 0"}, "has no terms"),
            ({"formula": "claims ~ age + offset(log(exposure))"}, r"no offset\(\): give the offset beside the formula"),
            ({"formula": "cbind(claims, w) ~ age"}, "the trials"),
            (
                {"formula": "region ~ age"},
                "the response of a poisson model is numbers, but region has the levels north, south, west",
            ),
            (
                {"formula": "region ~ age", "family": "binomial"},
                "numbers, or two levels, but region has the levels north, south, west",
            ),
            ({"formula": "age ~ power", "family": "multinomial"}, "a column of classes, but age has"),
            ({"formula": "log(age) ~ power", "family": "multinomial"}, "a column of classes, not log"),
            ({"formula": "day ~ age"}, "column day is neither numbers nor text, but datetime"),
            ({"formula": "claims ~ day"}, "column day is neither numbers nor text, but datetime"),
            ({"formula": "claims ~ mixed"}, "column mixed is neither numbers nor text, but mixed"),
            ({"formula": "claims ~ one"}, r"one has one level only \(a\): leave it out"),
            ({"formula": "claims ~ C(claims * 0)"}, "has one level only"),
            ({"formula": "claims ~ I(age - age.mean())"}, r"I\(age - age.mean\(\)\) is made of several rows"),
            ({"formula": "claims ~ power + lag(age)"}, r"lag\(age\) is made of several rows"),
            ({"formula": "claims ~ bs(age, 2)"}, "cannot be computed: .* must be greater than 3"),
            ({"formula": "claims ~ gap"}, "column gap has 1 missing value, the first in row 7: drop such rows, or impute"),
            ({"formula": "claims ~ age", "weights": "gap"}, "column gap has 1 missing value"),
            ({"weights": [1, 2]}, "weights has 2 rows, but the data have 600"),
            ({"weights": "region"}, "weights: region is text or levels, and not one number for each row"),
            ({"family": "weibull"}, "unknown family 'weibull'; the families are gaussian, binomial"),
            ({"family": "tweedie"}, r"write tweedie\(power\)"),
            ({"family": "quasi-Poisson"}, "Did you mean 'poisson' with quasi=True"),
            ({"family": "poisson(2)"}, "poisson takes no number"),
            ({"link": "logarithm"}, "unknown link 'logarithm'"),
            ({"data": DATA[:0]}, "the data have no rows"),
            ({"data": pd.concat([DATA, DATA[["age"]]], axis=1)}, "two columns are called age"),
        ],
    )
    def test_one_clear_error(self, changes, message):
        data = DATA.assign(
            day=pd.Timestamp("2020-01-01"), one="a", mixed=[1, "a"] * (N // 2), gap=DATA.age.where(np.arange(N) != 7)
        )
        data["odd-name"], data["written"] = 1.0, np.arange(N).astype(str)
        settings = {"formula": "claims ~ age", "data": data, "family": "poisson", **changes}
        with pytest.raises(ValueError, match=message):
            designed(**settings)

    def test_data_without_names(self):
        with pytest.raises(TypeError, match="data with named columns"):
            designed("y ~ x", np.ones((3, 2)), "gaussian")

    def test_without_formulaic(self, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "formulaic", None)
        with pytest.raises(ImportError, match="pip install formulaic"):
            designed("claims ~ age", DATA, "poisson")
