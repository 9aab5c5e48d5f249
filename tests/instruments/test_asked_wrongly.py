"""A call that is mistaken, or unusual: one reason that is true, and what to write in its place."""

import random

import keras
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from keras import ops
from scipy import sparse

from spec.fit import fit
from spec.fit.reading import NotRead

RNG = np.random.default_rng(11)
N = 300
X = RNG.normal(size=(N, 2))
BINARY = (RNG.random(N) < 1 / (1 + np.exp(-X @ [1, -0.5]))).astype(float)
FRAME = pd.DataFrame({"y": X @ [1.0, -0.5] + 1, "x": X[:, 0], "Intercept": X[:, 1]})


def dense(activation="sigmoid", loss="binary_crossentropy"):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, activation=activation)])
    model.compile(loss=loss)
    return model


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: fit(formula="y ~ x", data=FRAME, family=sm.families.Gaussian()), "family is a Gaussian of statsmodels: give"),
        (
            lambda: fit(formula="y ~ x", data=FRAME, family="gaussian", link=sm.families.links.Log()),
            "link is a Log of statsmodels: give",
        ),
        (lambda: fit(formula="y ~ x", data=FRAME, family="gaussian", weights=2), "weights is one number, 2"),
        (lambda: fit(formula="y ~ I(x +)", data=FRAME, family="gaussian"), "no expression of Python"),
        (
            lambda: fit(formula="y ~ log1p(x)", data=FRAME, family="gaussian"),
            r"no function log1p\(\), .*: NumPy's is np\.log1p",
        ),
        (lambda: fit(formula="y ~ x", data=FRAME, family="logistic"), "unknown family 'logistic'; .* Did you mean 'binomial'"),
        (lambda: fit(formula="y ~ x", data=FRAME, family="tweedie(p=1.5)"), r"write tweedie\(power\), with a number for power"),
        (lambda: fit(formula="y ~ x", data=FRAME, family="binomial(link='probit')"), "takes no number. Give link= beside"),
        (
            lambda: fit(dense(activation=None, loss="mse"), X, FRAME.y * 1e160),
            r"y is of the size .*e\+160, whose square is infinite",
        ),
        (lambda: fit(dense(activation=None, loss="mse"), X, FRAME.y * 1e-160), "whose square is 0 in float64"),
        (lambda: fit(formula="y ~ Intercept", data=FRAME, family="gaussian"), "a column is called Intercept"),
        (lambda: fit(dense(), X, BINARY, epochs=10), "fit has no setting epochs: no number of steps .*: leave it out"),
        (lambda: fit(dense(), x=X, y=BINARY), "fit has no setting x: X is spelled with a capital letter"),
        (lambda: fit(dense(), X, BINARY, validation_split=0.2), "Keras holds these rows out. Leave them out"),
        (lambda: fit(dense(), X, BINARY, weight=BINARY), r"fit has no setting weight: did you mean weights\?$"),
        (lambda: fit(dense(), X, BINARY, qqq=1), "fit has no setting qqq: it has formula, data, family, .*, executor"),
        (lambda: fit(dense(), X, BINARY, start=np.zeros(3)), "start is a ndarray: give spec.model.Params"),
        (lambda: fit(dense(), X, BINARY, class_weight={0: None}), "class_weight of 0 is None: give a number"),
        (lambda: fit(dense(), X, BINARY, class_weight={None: 1.0}), "class_weight has the key None"),
        (lambda: fit(dense(), X, BINARY, family="poisson"), r"family= goes with formula=\..* leave family= out"),
        (lambda: fit(dense(), X, BINARY, data=FRAME), "data= goes with formula="),
        (lambda: fit(dense(), "rows.tsv", "y"), "files that end in .tsv are not read"),
        (lambda: fit(formula="y ~ x", data={"y": 1.0, "x": 2.0}, family="gaussian"), "one number for each column"),
        (lambda: fit(dense(activation=None, loss=lambda y, p: ops.sum((y - p) ** 2)), X, FRAME.y), "sums over the rows"),
        (
            lambda: fit(dense(activation=None, loss=lambda y, p: ops.mean(ops.softplus(-y * p), axis=-1)), X, 2 * BINARY - 1),
            "labels -1 and 1",
        ),
    ],
)
def test_a_mistake_of_the_call_is_named(call, says):
    """With what to give in its place."""
    with pytest.raises((TypeError, ValueError), match=says):
        call()


def test_a_fit_leaves_pythons_random_numbers_as_they_were():
    """From which Keras draws the seeds of the layers that come next."""
    model, before = dense(), random.getstate()
    fit(model, X, BINARY)

    assert random.getstate() == before


@pytest.mark.parametrize(("done", "says"), [("quantize", "was quantised"), ("enable_lora", "was given LoRA")])
def test_a_kernel_that_is_not_what_is_trained_is_named(done, says):
    model = dense()
    if not hasattr(model.layers[-1], done):
        pytest.skip(f"this Keras has no {done}")
    getattr(model.layers[-1], done)({"quantize": "int8", "enable_lora": 1}[done])

    with pytest.raises(NotRead, match=says):
        fit(model, X, BINARY)


def test_files_that_cannot_be_read_are_named(tmp_path):
    """An empty one, one that is none, a folder of none, and one of numbers with a word in its last row."""
    (tmp_path / "empty.csv").touch()
    (tmp_path / "broken.parquet").write_text("nothing")
    (tmp_path / "folder").mkdir()
    pd.DataFrame({"a": [*map(str, range(5000)), "foo"], "y": [0, 1] * 2500 + [1]}).to_csv(tmp_path / "late.csv", index=False)
    for name, says in {
        "empty.csv": "empty.csv is empty",
        "broken.parquet": "broken.parquet cannot be read as a parquet file",
        "folder": "there are no files in the folder",
        "late.csv": "column a of X is text, since 'foo' in row 5000 is no number",
    }.items():
        with pytest.raises(ValueError, match=says):
            fit(dense(), tmp_path / name, "y")
    for ending in ("csv", "parquet"):
        absent = tmp_path / f"absent.{ending}"
        with pytest.raises(FileNotFoundError, match=f"there is no file .*absent.{ending}"):
            fit(dense(), absent, "y")
        with pytest.raises(FileNotFoundError, match=f"there is no file .*absent.{ending}"):
            fit(formula="y ~ a", data=absent, family="binomial")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (lambda x: x.astype(str).where(x.index != 17, "n/k"), r"column x is text, since 'n/k' in row 17 is no number"),
        (lambda x: x.astype(str).str.replace(".", ","), "column x is text, since its decimal sign is the comma"),
    ],
    ids=["one cell", "comma"],
)
def test_numbers_that_are_text_are_no_levels(changed, says):
    """They would be as many columns as values; codes of a few levels are levels, and so are those in C()."""
    frame = FRAME[["y", "x"]].assign(x=FRAME.x.round(2))

    with pytest.raises(ValueError, match=says):
        fit(formula="y ~ x", data=frame.assign(x=changed(frame.x)), family="gaussian")
    few = frame.assign(x=(frame.index % 12).astype(str)).replace({"x": {"7": "other"}})
    assert fit(formula="y ~ C(x)", data=few, family="gaussian").converged


def test_two_columns_of_one_name_in_a_file_are_refused(tmp_path):
    """A second one, which pandas would rename, so that a formula takes the first."""
    (tmp_path / "twice.csv").write_text("a,a,y\n1,2,0\n3,4,1\n")

    with pytest.raises(ValueError, match="two columns are called a"):
        fit(formula="y ~ a", data=tmp_path / "twice.csv", family="binomial")


def test_the_list_of_one_response_is_that_response():
    """Keras takes a list of one array for each output, and for each input."""
    assert fit(dense(), [X], [BINARY]).params.coef == pytest.approx(fit(dense(), X, BINARY).params.coef)
    assert fit(dense(), X, [BINARY]).params.coef == pytest.approx(fit(dense(), X, BINARY).params.coef)


def test_scipys_matrix_of_keys_is_a_sparse_matrix():
    """It is a dict, too, but not of inputs."""
    assert fit(dense(), sparse.dok_matrix(X), BINARY).params.coef == pytest.approx(fit(dense(), X, BINARY).params.coef, rel=1e-9)


@pytest.mark.parametrize("exposure", [0.0, -1.0])
def test_an_exposure_of_zero_inside_the_model_is_told_by_its_row(exposure):
    """Its log is no number, whatever the weights are."""
    inputs = keras.Input((3,))
    model = keras.Model(inputs, ops.exp(keras.layers.Dense(1)(inputs[:, :2]) + ops.log(inputs[:, 2:])))
    model.compile(loss="poisson")
    exposures = np.ones((N, 1))
    exposures[0] = exposure

    with pytest.raises(NotRead, match=r"in a row whose inputs are .*: is an exposure 0 or below"):
        fit(model, np.hstack([X, exposures]), BINARY)


def test_as_many_coefficients_as_rows_leave_no_standard_errors():
    """Nothing tells the dispersion."""
    found = fit(dense(activation=None, loss="mse"), X[:3], FRAME.y[:3])

    assert np.isnan(found.standard_errors).all()
    assert "as many coefficients as rows" in found.notes[0]


def test_whole_numbers_beyond_float64_are_refused():
    """Float64 has not all identifiers that differ in their last digits alone."""
    inputs = keras.Input((1,), dtype="int64")
    model = keras.Model(inputs, keras.layers.Dense(1, use_bias=False)(keras.layers.Hashing(3, output_mode="one_hot")(inputs)))
    model.compile(loss="mse")

    with pytest.raises(NotRead, match="beyond 2\\^53"):
        fit(model, 10**17 + np.arange(N)[:, None] % 7, FRAME.y)


# -- predictions for rows that come in another form ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted():
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1] + 5, "y": BINARY, "o": X[:, 0] / 10})
    return frame, fit(dense(), frame, "y", offset="o")


def files(frame, folder):
    frame.to_parquet(folder / "new.parquet")
    frame.to_csv(folder / "new.csv", index=False)
    frame.to_feather(folder / "new.feather")
    return [folder / f"new.{ending}" for ending in ("parquet", "csv", "feather")]


def test_predictions_take_the_columns_of_the_fit_from_a_file(fitted, tmp_path):
    """By their names, whatever their order, and what is beside them."""
    frame, found = fitted
    right = found.predict(frame[["a", "b"]], frame.o)

    for path in files(frame[["o", "b", "y", "a"]], tmp_path):
        assert found.predict(path, "o") == pytest.approx(right)
    with pytest.raises(ValueError, match="X has no column b, which the fit had: its columns are a, o"):
        found.predict(files(frame[["a", "o"]], tmp_path)[0], "o")


def test_predictions_take_frames_of_other_libraries(fitted):
    """A query of Polars, a data frame of Dask, and an offset by its name."""
    polars, dask = pytest.importorskip("polars"), pytest.importorskip("dask.dataframe")
    frame, found = fitted
    right = found.predict(frame[["a", "b"]], frame.o)

    for other in (frame, polars.from_pandas(frame).lazy(), dask.from_pandas(frame[["b", "o", "a"]], npartitions=2)):
        assert found.predict(other, "o") == pytest.approx(right)


def test_files_of_a_folder_have_the_types_that_hold_the_values_of_all(tmp_path):
    """A month in which all amounts are whole."""
    frame = pd.DataFrame({"a": np.arange(N) % 5, "b": X[:, 1], "y": BINARY})
    halves = frame[:150], frame[150:].assign(a=lambda half: half.a + 0.25)
    for number, half in enumerate(halves):
        half.to_parquet(tmp_path / f"{number}.parquet")
    right = fit(dense(), pd.concat(halves), "y").params.matrix

    assert fit(dense(), tmp_path, "y").params.matrix == pytest.approx(right)
    assert fit(formula="y ~ a + b", data=tmp_path, family="binomial").params.matrix == pytest.approx(right)


# -- what looked like another model, or like no optimum --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 3, 8, 9])
def test_levels_whose_counts_are_as_expected_are_no_other_model(seed):
    """Keras's Poisson loss adds 1e-7 to the mean, much of a slope that is nearly 0; the estimates are the means of levels."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"n": rng.poisson(3.0, 3000) + 1, "g": [f"z{i:03d}" for i in rng.integers(0, 80, 3000)]})
    found = fit(formula="n ~ g", data=frame, family="poisson", standard_errors=False)

    assert found.predict(frame[:20]).ravel() == pytest.approx(frame.groupby("g").n.mean()[frame.g[:20]].to_numpy(), rel=1e-7)


@pytest.mark.parametrize("family", ["gamma", "inverse-gaussian", "tweedie(1.5)"])
@pytest.mark.parametrize("y", [[2.0, 2, 3, 3, 5, 5], [2.0, 3, 5, 4], [2.5] * 6], ids=["pairs", "as many as levels", "constant"])
def test_a_fit_without_residuals_is_an_optimum(family, y):
    """The means are the data, and the dispersion is rounding."""
    frame = pd.DataFrame({"y": y, "g": [str(one) for one in y] if len(y) == 6 else list("abcd")})
    found = fit(formula="y ~ g" if len(set(y)) > 1 else "y ~ 1", data=frame, family=family)

    assert found.converged, found.reason
    assert found.predict(frame).ravel() == pytest.approx(y)


def test_a_penalty_beside_means_below_zero_is_weighed():
    """Where an identity link gives some of the rows no loss at the weights that are tried."""
    x = np.random.default_rng(1).uniform(0, 1, (80, 1))
    y = np.where(x[:, 0] < 0.15, 0.0, np.round(3 * x[:, 0]))
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_regularizer=keras.regularizers.L2(1.0))])
    model.compile(loss="poisson")

    assert "penalised optimum" in fit(model, x, y).reason


def test_text_in_place_of_a_number_is_refused_and_forgotten():
    """The levels of a text are no part of the formula that was fitted: the next prediction is right."""
    fitted = fit(formula="y ~ x", data=FRAME, family="gaussian")
    expected = fitted.predict(FRAME[:2])

    with pytest.raises(ValueError, match="column x is text, such as 'a' in row 1, and held numbers in the fit"):
        fitted.predict(pd.DataFrame({"x": [1.0, "a"]}))
    assert fitted.predict(FRAME[:2]) == pytest.approx(expected, rel=1e-15)


def test_the_number_of_a_family_may_have_its_name():
    """As its own text has none."""
    counts = pd.DataFrame({"y": RNG.poisson(2, 50), "x": RNG.normal(size=50)})
    bare, named = (fit(formula="y ~ x", data=counts, family=f"negative-binomial({text}0.5)") for text in ("", "alpha="))

    assert (bare.params.matrix == named.params.matrix).all()
