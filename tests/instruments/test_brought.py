"""What people bring to a fit, kind by kind: the right answer, or one reason that is true; never a silent wrong one."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

from spec.compat import strict_zip
from spec.engines.keras.network import precision
from spec.engines.keras.versions import keras
from spec.fit import fit, fit_many
from spec.fit.reading import NotRead
from spec.model import Params

RNG = np.random.default_rng(8)
N = 300
X = RNG.normal(size=(N, 2))
Y = (RNG.random(N) < 1 / (1 + np.exp(-X @ [1, -0.5]))).astype(float)
FRAME = pd.DataFrame(X, columns=["a", "b"])
LEVEL = (np.arange(N) % 4 == 0).astype(float)
ACTIVATIONS = {
    "logit": "sigmoid",
    "cloglog": lambda eta: 1 - keras.ops.exp(-keras.ops.exp(eta)),
    "loglog": lambda eta: keras.ops.exp(-keras.ops.exp(-eta)),
    "probit": lambda eta: (1 + keras.ops.erf(eta / np.sqrt(2))) / 2,
    "cauchit": lambda eta: keras.ops.arctan(eta) / np.pi + 0.5,
}


def dense(columns=2, activation="sigmoid", loss="binary_crossentropy", units=1, **layer):
    model = keras.Sequential([keras.Input((columns,)), keras.layers.Dense(units, activation=activation, **layer)])
    model.compile(loss=loss)
    return model


# -- separated where rounding hides the score: far out y - mu is 0, where mu rounds to y ---------------------------------------


@pytest.mark.parametrize("everywhere", [True, False], ids=["all rows", "a level"])
@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("link", ACTIVATIONS)
def test_one_outcome_alone_has_no_optimum(link, value, everywhere):
    """In all rows, or in a level of a factor: the coefficient runs away, whichever of the outcomes it is."""
    y = np.full(N, value) if everywhere else np.where(LEVEL == 1, value, Y)
    model = dense(activation=ACTIVATIONS[link])
    before = model.get_weights()
    found = fit(model, np.column_stack([LEVEL, X[:, 0]]), y)

    assert not found.converged
    assert f"{'' if everywhere else 'quasi-'}completely separated" in found.reason
    assert all(np.array_equal(one, other) for one, other in strict_zip(before, model.get_weights()))


@pytest.mark.parametrize("seen", [0, 1, 2])
def test_one_class_alone_has_no_optimum(seen):
    """A softmax with one class in a level of a factor."""
    y = np.where(LEVEL == 1, seen, RNG.integers(3, size=N))
    found = fit(
        dense(activation="softmax", loss="sparse_categorical_crossentropy", units=3), np.column_stack([LEVEL, X[:, 0]]), y
    )

    assert not found.converged
    assert "separated" in found.reason


def test_a_resample_of_the_other_outcome_is_separated_too():
    """The mirror image of rare ones: rare zeros. As many resamples have no optimum, and they are NaN."""
    rare = np.zeros(N)
    rare[[3, 50, 100]] = 1
    ones, zeros = (fit_many(dense(), X, y, bootstrap=100, seed=0) for y in (rare, 1 - rare))

    assert 0 < ones.converged.sum() < 100
    assert np.array_equal(ones.converged, zeros.converged)
    assert np.isnan(zeros.coefficients[~zeros.converged]).all()


def test_far_out_and_not_separated_is_an_optimum():
    """A column of heavy tails: means round to 1, and the optimum is what it is."""
    heavy = np.exp(RNG.normal(4, 2, size=1000))
    y = (RNG.random(1000) < 1 / (1 + np.exp(2 - 0.01 * heavy))).astype(float)
    found = fit(dense(1), heavy[:, None], y)

    assert found.converged
    assert np.abs(heavy * found.params.coef[0, 0]).max() > 40


# -- which row is which, and which column --------------------------------------------------------------------------------------


def test_predictions_take_the_columns_by_their_names():
    """In another order, with others between them; one that is missing is named."""
    found = fit(dense(), FRAME, Y)
    expected = found.predict(FRAME)

    assert np.array_equal(found.predict(FRAME[["b", "a"]]), expected)
    assert np.array_equal(found.predict(FRAME.assign(c=1.0)), expected)
    assert np.array_equal(found.predict(X), expected)
    assert np.array_equal(fit(dense(), FRAME.assign(y=Y), "y").predict(FRAME.assign(y=Y)), expected)
    with pytest.raises(ValueError, match="X has no column a, which the fit had: its columns are c, b"):
        found.predict(FRAME.rename(columns={"a": "c"}))


@pytest.mark.parametrize("part", ["y", "weights", "offset"])
def test_rows_with_the_labels_of_x_in_another_order_are_refused(part):
    """They would be joined by their place; other labels say nothing, and are."""
    y, ones = pd.Series(Y, FRAME.index), pd.Series(np.ones(N), FRAME.index)
    parts = {"y": y, "weights": ones, "offset": 0 * ones}

    with pytest.raises(ValueError, match=rf"{part} has the row labels of X in another order: its row 0 is \d+, that of X 0"):
        fit(dense(), FRAME, **{**parts, part: parts[part].sample(frac=1, random_state=0)})
    assert fit(dense(), FRAME, y.set_axis(range(1000, 1000 + N))).converged


def test_weights_in_another_order_than_the_data_of_a_formula_are_refused():
    with pytest.raises(ValueError, match="weights has the row labels of data in another order"):
        fit(formula="y ~ a", data=FRAME.assign(y=Y), family="binomial", weights=FRAME.a.abs().sort_values())


SHUFFLED = np.random.default_rng(1).permutation(N)


def other_order(values):
    """The same labels, each with its own value, in another order."""
    return pd.Series(values, FRAME.index).iloc[SHUFFLED]


def with_offset():
    """A model of two inputs: the columns, and an offset."""
    x, offset = keras.Input((2,), name="columns"), keras.Input((1,), name="other")
    eta = keras.layers.Add()([keras.layers.Dense(1)(x), offset])
    model = keras.Model([x, offset], keras.layers.Activation("sigmoid")(eta))
    model.compile(loss="binary_crossentropy")
    return model


REORDERED = {
    "the weights of many fits": lambda: fit_many(dense(), FRAME, Y, weights=other_order(LEVEL + 1)),
    "a second input": lambda: fit(with_offset(), [FRAME, other_order(0.1 * LEVEL)], Y),
    "a named input": lambda: fit(with_offset(), {"columns": FRAME, "other": other_order(0.1 * LEVEL)}, Y),
    "y beside two inputs": lambda: fit(with_offset(), [FRAME, 0.1 * LEVEL], other_order(Y)),
    "the offset of predictions": lambda: fit(dense(), FRAME, Y, offset=0.1 * LEVEL).predict(FRAME, offset=other_order(LEVEL)),
    "groups": lambda: fit(dense(), FRAME, Y).clustered(other_order(np.arange(N) // 10)),
    "groups of a formula": lambda: fit(formula="y ~ a", data=FRAME.assign(y=Y), family="binomial").clustered(
        other_order(np.arange(N) // 10)
    ),
    "labels that repeat": lambda: fit(dense(), FRAME.set_axis(np.arange(N) // 2), pd.Series(Y, np.arange(N) // 2).iloc[SHUFFLED]),
}


@pytest.mark.parametrize("case", REORDERED, ids=str)
def test_whatever_has_the_labels_of_the_rows_in_another_order_is_refused(case):
    with pytest.raises(ValueError, match=r"has the row labels of .* in another order"):
        REORDERED[case]()


def test_groups_are_not_joined_to_rows_that_a_stream_shuffles():
    """A stream that does not shuffle has the errors of the arrays."""
    tf, groups = pytest.importorskip("tensorflow"), np.arange(N) // 10
    data = tf.data.Dataset.from_tensor_slices((X, Y))

    with pytest.raises(ValueError, match="another order in each pass"):
        fit(dense(), data.shuffle(N).batch(32)).clustered(groups)
    expected = fit(dense(), X, Y).clustered(groups).standard_errors
    assert fit(dense(), data.batch(32)).clustered(groups).standard_errors == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("what", ["aic", "deviance", "robust"])
def test_numbers_that_read_the_data_after_they_were_changed_are_refused(what):
    """They would be those of other rows."""
    data = X.copy()
    found = fit(dense(), data, Y)
    data -= data.mean(axis=0) + 1

    with pytest.raises(ValueError, match="changed in place"):
        found.robust() if what == "robust" else getattr(found, what)


def test_a_network_whose_precision_loses_the_fit_is_told():
    """Columns far from zero leave float32 no digits for their differences; near zero there is nothing to say."""
    with precision("float32"):
        single, other = dense(), dense()
    (note,) = fit(single, X + 1e7, Y).notes

    assert "computes in float32, and its means are off by up to" in note
    assert not fit(other, X, Y).notes
    with precision("float64"):
        assert not fit(dense(), X + 1e7, Y).notes


def test_a_loss_with_the_wrong_sign_is_named():
    model = dense()
    model.compile(loss=lambda y, mu: -keras.losses.binary_crossentropy(y, mu))

    with pytest.raises(NotRead, match="its loss is the binomial-logit loss times -1"):
        fit(model, X, Y)


def test_a_mean_that_is_clipped_is_shown_where_it_is():
    """The row at which the mean and the nearest differ most, and not one at which they agree."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, lambda eta: keras.ops.exp(keras.ops.clip(eta, -20, 1)))])
    model.compile(loss="poisson")

    with pytest.raises(NotRead, match=r"it gives 2\.718, and the nearest, the log link, (?!2\.718)"):
        fit(model, X, Y)


def test_an_embedding_that_stays_as_it_is_makes_columns():
    """It takes codes alone, and no numbers between them or beyond."""
    codes = RNG.integers(3, size=(N, 1))
    layer = keras.layers.Embedding(3, 2, trainable=False)
    model = keras.Sequential([keras.Input((1,)), layer, keras.layers.Flatten(), dense().layers[0]])
    model.compile(loss="binary_crossentropy")
    columns = np.asarray(layer.get_weights()[0], dtype=float)[codes[:, 0]]

    assert fit(model, codes, Y).params.coef == pytest.approx(fit(dense(), columns, Y).params.coef, rel=1e-6)


def test_a_layer_that_uses_other_rows_of_the_batch_is_refused():
    """A mean over the batch: the answer would depend on the size of the batches."""
    model = keras.Sequential([keras.Input((2,)), keras.layers.Lambda(lambda x: x - keras.ops.mean(x, axis=0)), dense().layers[0]])
    model.compile(loss="binary_crossentropy")

    with pytest.raises(NotRead, match="depends on the other rows of its batch"):
        fit(model, X, Y)


# -- settings ------------------------------------------------------------------------------------------------------------------

NO = {
    "a text for a class": ({"class_weight": {"0": 1, "1": 3}}, "the key '0': a class is a whole number"),
    "a class that is none": ({"class_weight": {1: 1, 2: 3}}, "the class 2, but the model's classes are 0 to 1"),
    "a word": ({"class_weight": "balanced"}, "class_weight is 'balanced': give a dict"),
    "a negative weight": ({"class_weight": {0: -1}}, "class_weight of 0 is -1"),
    "a start of another width": ({"start": Params(np.zeros(1), np.zeros((3, 1)))}, "start is of 3 columns .* the model has 2"),
    "a start that is NaN": ({"start": Params(np.full(1, np.nan), np.zeros((2, 1)))}, "start is NaN or infinite"),
    "no pass": ({"max_passes": 0}, "max_passes is 0"),
    "no tolerance": ({"tolerance": np.nan}, "tolerance is nan"),
}


@pytest.mark.parametrize(("settings", "message"), NO.values(), ids=NO)
def test_a_setting_that_means_nothing_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        fit(dense(), X, Y, **settings)


# -- one eta in all rows, and the edge -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", [np.ones((N, 1)), 1e5 + RNG.normal(size=(N, 1))], ids=["ones", "nearly constant"])
def test_a_mean_alone_is_fitted(column):
    """A count with no column but a constant: the mean is that of the counts."""
    counts = RNG.poisson(2, N).astype(float)
    by_formula = fit(formula="n ~ 1", data={"n": counts}, family="poisson")
    by_column = fit(dense(1, "exponential", "poisson", use_bias=False), column, counts)

    assert by_formula.params.intercept[0] == pytest.approx(np.log(counts.mean()), abs=1e-9)
    assert by_column.converged
    assert by_column.predict(column).mean() == pytest.approx(counts.mean(), rel=1e-6)


AT_EDGE = {
    "poisson": np.append(np.arange(20) % 5, np.zeros(20)),
    "binary_crossentropy": np.append(np.arange(20) % 2, np.ones(20)),
}


@pytest.mark.parametrize(("loss", "y"), AT_EDGE.items(), ids=AT_EDGE)
def test_a_level_at_the_edge_of_the_domain_is_named(loss, y):
    """An identity link, and a level whose counts are all 0, or whose outcomes are all 1."""
    found = fit(dense(1, "linear", loss), np.repeat([[0.0], [1.0]], 20, axis=0), y.astype(float))

    assert not found.converged
    assert "rises to the edge of the domain, where the mean of rows 20, 21" in found.reason


# -- streams, and files --------------------------------------------------------------------------------------------------------


class Drawn(keras.utils.PyDataset):
    """Other rows in each pass, as many as before."""

    def __len__(self):
        return 6

    def __getitem__(self, place):
        rows = RNG.integers(N, size=50)
        return X[rows], Y[rows]


class Shuffled(keras.utils.PyDataset):
    """The same rows in each pass, in another order."""

    def __len__(self):
        return 6

    def __getitem__(self, place):
        if place == 0:
            self.order = RNG.permutation(N)
        rows = self.order[place * 50 : place * 50 + 50]
        return X[rows], Y[rows]


def test_a_stream_of_other_rows_in_each_pass_is_refused_and_another_order_is_not():
    with pytest.raises(ValueError, match="the stream gave other numbers in one pass than in another"):
        fit(dense(), Drawn())

    assert fit(dense(), Shuffled()).params.coef == pytest.approx(fit(dense(), X, Y).params.coef, abs=1e-6)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_a_fit_by_a_formula_can_be_pickled():
    """And predicts the same."""
    found = fit(formula="y ~ a", data=FRAME.assign(y=Y), family="binomial")

    assert np.array_equal(pickle.loads(pickle.dumps(found)).predict(FRAME), found.predict(FRAME))


# -- what is a generalized linear model near 0 alone ---------------------------------------------------------------------------


DESIGN = np.column_stack([np.ones(N), X])


def least_squares(y):
    """The coefficients, the intercept first."""
    return np.linalg.lstsq(DESIGN, y, rcond=None)[0]


def test_an_activation_of_pieces_is_the_identity_where_the_data_stay_on_one():
    """A hard sigmoid is 0.5 + eta / 6 up to |eta| = 3, and there least squares; beyond it is no least squares."""
    shares = [0.5 + slope * X[:, 0] + 0.01 * RNG.normal(size=N) for slope in (0.1, 0.5)]
    inside, outside = (fit(dense(2, "hard_sigmoid", "mse"), X, y) for y in shares)

    assert inside.converged
    assert inside.predict(X).ravel() == pytest.approx(DESIGN @ least_squares(shares[0]), abs=1e-8)
    assert not outside.converged
    assert "on some rows the model is not what it was on those that it was read on" in outside.reason


def test_a_loss_of_pieces_is_squared_error_where_the_residuals_stay_on_one():
    """Huber's loss up to its delta; rows beyond pull less than those of least squares."""
    many = np.tile(X, (10, 1))
    y = many @ [1, -0.5] + RNG.normal(size=len(many))
    wild = np.where(np.arange(len(y)) == 5, y + 1e4, y)  # a row that is not among those that the model is read on
    inside, outside = (fit(dense(activation=None, loss=keras.losses.Huber(delta=1000.0)), many, one) for one in (y, wild))

    assert inside.converged
    best = np.linalg.lstsq(np.column_stack([np.ones(len(y)), many]), y, rcond=None)[0]
    assert inside.params.coef.ravel() == pytest.approx(best[1:], abs=1e-8)
    assert not outside.converged
    assert "on some rows the model is not what it was on those that it was read on" in outside.reason
