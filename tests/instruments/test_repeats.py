"""Columns that repeat each other: no coefficients are the optimum, and the predictions are held to theirs all the same."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from spec.diagnosis import diagnose
from spec.diagnosis.estimator import model_of, settings_of
from spec.diagnosis.pipeline import bare, transformed
from spec.engines.keras.versions import keras
from tests.instruments.test_estimator import estimator, stopped

N = 300


@pytest.fixture
def drawn():
    """All levels of a factor beside a number (n, 4), a response of counts, and one of numbers."""
    rng = np.random.default_rng(8)
    level, age = rng.integers(0, 3, N), rng.normal(size=N)
    X = np.column_stack([np.eye(3)[level], age])
    eta = np.array([0.2, -0.3, 0.5])[level] + 0.4 * age
    return X, (rng.random(N) < 1 / (1 + np.exp(-eta))).astype(float), eta + rng.normal(size=N)


def test_the_shortest_of_many_answers_has_the_predictions_of_all(drawn):
    """As least squares by a pseudo-inverse has it; without the last level they are those of least squares of full rank."""
    X, _, y = drawn
    every = np.column_stack([np.ones(N), X])
    shortest, fewer = np.linalg.pinv(every) @ y, np.linalg.lstsq(every[:, [0, 1, 2, 4]], y, rcond=None)[0]
    found = diagnose(shortest, X, y, family="gaussian")

    assert (found.verdict, found.codes) == ("no optimum", ("collinear",))
    assert found.stated.names == ("the intercept", "x1", "x2", "x4")
    assert found.stated.answer == pytest.approx(fewer, rel=1e-10)
    assert found.stated.distance < 1e-9
    assert "so they are the optimum to 1" in " ".join(str(found).split())


def test_what_else_is_wrong_is_found_beside_it(drawn):
    """A response that was flipped, of an answer whose predictions are the best of that response."""
    X, y, _ = drawn
    full, _ = stopped("binomial", X[:, [0, 1, 3]], 1 - y, 0.0, np.ones(N))
    found = diagnose([*full[:3, 0], 0.0, full[3, 0]], X, y, family="binomial")

    assert found.verdict == "no optimum"
    assert found.codes[:1] == ("collinear",)
    assert "labels-flipped" in found.codes


def test_what_nothing_explains_is_said(drawn):
    """The predictions are far from the best, and no cause leads there."""
    X, y, _ = drawn
    found = diagnose([0.5, 1.0, -2.0, 0.1, 0.7], X, y, family="binomial")

    assert found.codes == ("collinear",)
    assert found.stated.distance > 1
    assert "and no cause that was tested leads there" in " ".join(str(found).split())


@pytest.mark.parametrize("is_told", [True, False])
def test_a_penalty_makes_one_answer_of_many(drawn, is_told):
    """As scikit-learn has it by default, whether its estimator is brought or the numbers alone."""
    X, y, _ = drawn
    matrix, _ = stopped("binomial", X, y, 1.0, np.ones(N))
    found = diagnose(estimator("LogisticRegression", matrix, C=1.0) if is_told else matrix[:, 0], X, y, family="binomial")

    assert found.codes == ("collinear", "ridge", "solver-tolerance")
    assert 0.01 < found.stated.distance < 0.5


def test_a_lasso_leaves_out_the_level_that_repeats_the_others(drawn):
    """Its zeros are kept as zeros: least squares that are shrunk by alpha, in columns that are orthogonal but for one."""
    X = np.column_stack([np.eye(3)[np.arange(N) % 3], np.repeat([1.0, -1.0], N // 2)])
    y = X @ [2.0, 0.0, -1.0, 0.5] + np.random.default_rng(1).normal(size=N)
    alpha, means = 0.05, [y[level::3].mean() for level in range(3)]
    lowered = 3 * alpha  # a level is a third of the rows
    matrix = np.array([means[1], means[0] - means[1] - lowered, 0.0, means[2] - means[1] + lowered, X[:, 3] @ y / N - alpha])
    found = diagnose(estimator("Lasso", matrix[:, None], alpha=alpha, solver=""), X, y)

    assert found.codes == ("collinear", "lasso")
    assert found.stated.names == ("the intercept", "x1", "x3", "x4")


def test_a_record_of_training_is_held_to_the_predictions(drawn):
    """A network with a column for each level, which was stopped: its running mean of the gradient says so."""
    X, y, _ = drawn
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy")
    model.fit(X, y, epochs=3, batch_size=N, verbose=0)

    assert diagnose(model, X, y).codes == ("collinear", "stopped")


def test_fewer_rows_than_columns_are_not_separated():
    """Three rows of numbers, five coefficients: the columns repeat each other in these rows."""
    found = diagnose(np.zeros(5), np.random.default_rng(0).normal(size=(3, 4)), np.array([1.0, 2.0, 4.0]), family="gaussian")

    assert found.codes[0] == "collinear"
    assert "3 rows cannot determine 5 coefficients" in found.found[0].says


class Pipeline:
    """A stand-in for scikit-learn's: its steps, sliced."""

    def __init__(self, steps):
        self.steps = steps

    def __getitem__(self, places):
        return self.steps[0][1]


def encoder(columns, names):
    return SimpleNamespace(transform=lambda X: columns(X), get_feature_names_out=lambda: names)


def test_the_columns_of_a_pipeline_are_those_that_its_steps_make(drawn):
    """Text is encoded, and a formula is not needed; the columns have the names that the steps give."""
    X, y, _ = drawn
    frame = pd.DataFrame({"level": np.array(["a", "b", "c"])[X[:, :3].argmax(axis=1)], "age": X[:, 3], "seen": y})
    last = estimator("LogisticRegression", stopped("binomial", X, y, 1.0, np.ones(N))[0], C=1.0)
    last.n_features_in_ = 4
    own = encoder(
        lambda X: np.column_stack([pd.get_dummies(X["level"]), X["age"]]).astype(float), ["is_a", "is_b", "is_c", "age"]
    )
    found = diagnose(Pipeline([("encode", own), ("fit", last)]), frame, "seen")

    assert found.codes == ("collinear", "ridge", "solver-tolerance")
    assert found.stated.names == ("the intercept", "is_a", "is_b", "age")
    assert "The columns are the 4 that the pipeline's own steps make of X: is_a, is_b, is_c, age." in found.answer.notes


def test_columns_of_numbers_stay_as_they_are_where_the_estimator_has_as_many(drawn):
    """Then what the steps did to them, such as another scale, is found as a cause."""
    X, y, _ = drawn
    last = estimator("LogisticRegression", stopped("binomial", X, y, 1.0, np.ones(N))[0], C=1.0)
    last.n_features_in_ = 4

    assert transformed(Pipeline([("scale", encoder(lambda X: X / 2, [])), ("fit", last)]), X) == (X, ())


def test_labels_are_those_of_the_estimator(drawn):
    """Text, or numbers that do not begin at 0, in its own order."""
    X, y, _ = drawn
    last = estimator("LogisticRegression", stopped("binomial", X[:, 1:], y, 1.0, np.ones(N))[0], C=1.0)
    last.classes_ = np.array(["no", "yes"])
    found = diagnose(last, X[:, 1:], np.where(y > 0, "yes", "no"))

    assert found.codes == ("ridge", "solver-tolerance")
    assert "The classes of y have the numbers of the estimator's classes_: 'no' is 0, 'yes' is 1." in found.answer.notes
    with pytest.raises(ValueError, match="y is 'maybe' in row 0, and the estimator's classes are 'no', 'yes'"):
        diagnose(last, X[:, 1:], np.full(N, "maybe"))


@pytest.mark.parametrize(
    ("name", "chosen", "strength", "absolute"),
    [
        ("LogisticRegressionCV", {"C_": np.array([0.25])}, 4.0, 0.0),
        ("RidgeCV", {"alpha_": 3.0}, 3.0, 0.0),
        ("LassoCV", {"alpha_": 0.2}, 0.0, 0.2),
        ("ElasticNetCV", {"alpha_": 0.2, "l1_ratio_": 0.75}, 0.05, 0.15),
    ],
)
def test_a_search_for_the_penalty_tells_what_it_chose(name, chosen, strength, absolute):
    """In place of all that it tried."""
    made = estimator(name, np.zeros((3, 1)), Cs=10, alphas=100)
    vars(made).update(chosen)
    told = settings_of(made)

    assert (told.strength, told.absolute) == pytest.approx((strength, absolute))
    vars(made).update({"C_": np.array([0.25, 1.0]), "alpha_": np.array([1.0, 2.0])})
    assert settings_of(made) is None


@pytest.mark.parametrize(
    ("name", "told", "model"),
    [
        ("SGDClassifier", {"loss": "log_loss"}, "binomial-logit"),
        ("SGDClassifier", {"loss": "hinge"}, "None"),
        ("SGDRegressor", {"loss": "squared_error"}, "gaussian-identity"),
        ("TweedieRegressor", {"power": 1, "link": "auto"}, "poisson-log"),
        ("TweedieRegressor", {"power": 1.5, "link": "log"}, "tweedie(1.5)-log"),
        ("TweedieRegressor", {"power": 3, "link": "auto"}, "inverse-gaussian-log"),
        ("TweedieRegressor", {"power": 0, "link": "log"}, "gaussian-log"),
        ("TweedieRegressor", {"power": 2, "link": "identity"}, "gamma-identity"),
        ("BayesianRidge", {}, "None"),
    ],
)
def test_the_model_is_the_estimators_own(name, told, model):
    """Where it is known which one is meant."""
    made = estimator(name, np.zeros((3, 1)))
    vars(made).update(told)

    assert str(model_of(made)) == model


def test_an_estimator_without_coefficients_is_told_what_to_give():
    """One that was not fitted, and one that keeps them in another inside of it."""
    kind = type("RANSACRegressor", (SimpleNamespace,), {"__module__": "sklearn.linear_model._stand_in"})

    with pytest.raises(ValueError, match="has no coefficients: fit it first"):
        bare(kind())
    with pytest.raises(ValueError, match="has no coefficients: give its estimator_, which has"):
        bare(kind(estimator_=None))
