"""A compiled Keras model is what it computes: served however it is written, or refused with the rung that broke."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as L
from keras import ops

from spec import families, links
from spec.engines.keras.network import InverseLink, NegativeLogLikelihood, precision
from spec.fit import fit, optimise
from spec.fit.convergence import SETTLED
from spec.fit.reading import NotRead
from spec.fit.reading.license import GRADIENT
from spec.fit.reading.weights import set_weights
from spec.fit.rows import of_arrays
from spec.model import Model

RNG = np.random.default_rng(15)
N = 400
X = RNG.normal(size=(N, 3)) * [1.0, 4.0, 0.5] + [0.0, 2.0, 1.0]
ETA = 0.2 + X @ [0.5, -0.1, 0.3]
EXPOSURE = RNG.uniform(0.2, 3.0, size=N)
BINARY = (RNG.random(N) < 1 / (1 + np.exp(-ETA))).astype(float)
COUNTS = RNG.poisson(EXPOSURE * np.exp(ETA)).astype(float)
REAL = ETA + RNG.normal(size=N)
CODES = RNG.integers(3, size=N)
LOGIT, LOG, OLS = Model(families.Binomial(), links.Logit()), Model(families.Poisson(), links.Log()), None
OLS = Model(families.Gaussian(), links.Identity())
MEAN, SPREAD = X.mean(axis=0), X.std(axis=0)

pytestmark = pytest.mark.usefixtures("in_float32")


def layers(*made, loss):
    model = keras.Sequential([keras.Input((3,)), *made])
    model.compile(loss=loss)
    return model


def graph(build, loss, extra=False):
    """A functional model of X, and of an exposure or offset (n, 1) where ``extra``."""
    x, other = keras.Input((3,), name="design"), keras.Input((1,), name="other")
    model = keras.Model([x, other] if extra else x, build(x, other) if extra else build(x))
    model.compile(loss=loss)
    return model


def dense(activation=None, units=1, **kwargs):
    return L.Dense(units, activation=activation, **kwargs)


def frozen(activation=None, weight=1.0, bias=True):
    """A Dense that adds nothing to what it is given."""
    layer = L.Dense(1, activation=activation, trainable=False, use_bias=bias)
    layer.build((None, 1))
    layer.set_weights([np.full((1, 1), weight), np.zeros(1)][: 1 + bias])
    return layer


def normalization():
    layer = L.Normalization()
    layer.adapt(X)
    return layer


def own_poisson_of_eta(y, eta):
    return ops.mean(ops.exp(eta) - y * eta, axis=-1)


def one_number(y, mean):
    return ops.mean((y - mean) ** 2)


def by_hand(y, p):
    return -ops.mean(y * ops.log(p) + (1 - y) * ops.log(1 - p), axis=-1)


SCALED = (X - MEAN) / SPREAD
SERVED = {
    "plain": (lambda: layers(dense("sigmoid"), loss="binary_crossentropy"), X, BINARY, LOGIT, X, None, 1),
    "logits": (lambda: layers(dense(), loss=keras.losses.BinaryCrossentropy(from_logits=True)), X, BINARY, LOGIT, X, None, 1),
    "a list of one loss": (lambda: layers(dense(), loss=["mse"]), X, REAL, OLS, X, None, 1),
    "a loss of its own": (lambda: layers(dense("sigmoid"), loss=by_hand), X, BINARY, LOGIT, X, None, 1),
    "a loss of eta": (lambda: layers(dense(), loss=own_poisson_of_eta), X, COUNTS, LOG, X, None, 1),
    "a loss of batches": (lambda: layers(dense(), loss=one_number), X, REAL, OLS, X, None, 1),
    "operators before": (lambda: graph(lambda x: dense()((x - MEAN) / SPREAD), "mse"), X, REAL, OLS, SCALED, None, 1),
    "functions before": (
        lambda: graph(lambda x: dense()(ops.log(ops.abs(x) + 1)), "mse"),
        X,
        REAL,
        OLS,
        np.log(np.abs(X) + 1),
        None,
        1,
    ),
    "an operation after": (lambda: graph(lambda x: ops.exp(dense()(x)), "poisson"), X, COUNTS, LOG, X, None, 1),
    "a formula after": (
        lambda: graph(lambda x: 1 / (1 + ops.exp(-dense()(x))), "binary_crossentropy"),
        X,
        BINARY,
        LOGIT,
        X,
        None,
        1,
    ),
    "twice eta": (lambda: graph(lambda x: 2 * dense()(x), "mse"), X, REAL, OLS, X, None, 2),
    "a sigmoid of its own": (
        lambda: layers(dense(lambda t: ops.sigmoid(1.702 * t)), loss="binary_crossentropy"),
        X,
        BINARY,
        LOGIT,
        X,
        None,
        1.702,
    ),
    "plus an offset": (
        lambda: graph(lambda x, o: ops.exp(dense()(x) + o), "poisson", True),
        [X, np.log(EXPOSURE)],
        COUNTS,
        LOG,
        X,
        np.log(EXPOSURE),
        1,
    ),
    "Add and Activation": (
        lambda: graph(lambda x, o: L.Activation("exponential")(L.Add()([dense()(x), o])), "poisson", True),
        {"other": np.log(EXPOSURE), "design": X},
        COUNTS,
        LOG,
        X,
        np.log(EXPOSURE),
        1,
    ),
    "times an exposure": (
        lambda: graph(lambda x, v: dense("exponential")(x) * v, "poisson", True),
        [X, EXPOSURE],
        COUNTS,
        LOG,
        X,
        np.log(EXPOSURE),
        1,
    ),
    "Multiply": (
        lambda: graph(lambda x, v: L.Multiply()([dense("exponential")(x), v]), "poisson", True),
        [X, EXPOSURE],
        COUNTS,
        LOG,
        X,
        np.log(EXPOSURE),
        1,
    ),
    "a frozen response layer": (
        lambda: graph(lambda x, o: frozen("exponential")(L.Add()([dense()(x), o])), "poisson", True),
        [X, np.log(EXPOSURE)],
        COUNTS,
        LOG,
        X,
        np.log(EXPOSURE),
        1,
    ),
    "a frozen offset layer": (
        lambda: graph(lambda x, o: ops.exp(dense()(x) + frozen(bias=False)(o)), "poisson", True),
        [X, np.log(EXPOSURE)],
        COUNTS,
        LOG,
        X,
        np.log(EXPOSURE),
        1,
    ),
    "Normalization": (lambda: layers(normalization(), dense(), loss="mse"), X, REAL, OLS, SCALED, None, 1),
    "Rescaling": (lambda: layers(L.Rescaling(0.5, 1.0), dense(), loss="mse"), X, REAL, OLS, X / 2 + 1, None, 1),
    "a model in a model": (
        lambda: layers(keras.Sequential([L.Rescaling(2.0), dense("sigmoid")]), loss="binary_crossentropy"),
        X,
        BINARY,
        LOGIT,
        2 * X,
        None,
        1,
    ),
    "Dropout at rate 0": (lambda: layers(L.Dropout(0.0), dense(), loss="mse"), X, REAL, OLS, X, None, 1),
    "a Lambda": (lambda: layers(L.Lambda(lambda t: t**2), dense(), loss="mse"), X, REAL, OLS, X**2, None, 1),
    "a frozen layer before": (
        lambda: layers(L.Dense(3, "tanh", trainable=False, kernel_initializer="identity"), dense(), loss="mse"),
        X,
        REAL,
        OLS,
        np.tanh(X),
        None,
        1,
    ),
    "not built": (lambda: _compiled(keras.Sequential([dense()]), "mse"), X, REAL, OLS, X, None, 1),
    "a probit of one's own": (
        lambda: layers(dense(InverseLink(links.Probit())), loss="binary_crossentropy"),
        X,
        BINARY,
        Model(families.Binomial(), links.Probit()),
        X,
        None,
        1,
    ),
    "a softplus": (
        lambda: layers(dense("softplus"), loss="poisson"),
        X,
        COUNTS,
        Model(families.Poisson(), links.Softplus()),
        X,
        None,
        1,
    ),
    "the formula of a softplus": (
        lambda: layers(dense(lambda t: ops.log(1 + ops.exp(t))), loss="mse"),
        X,
        np.exp(REAL / 4),
        Model(families.Gaussian(), links.Softplus()),
        X,
        None,
        1,
    ),
    "a gamma": (
        lambda: layers(dense("exponential"), loss=NegativeLogLikelihood(families.Gamma())),
        X,
        np.exp(REAL / 4),
        Model(families.Gamma(), links.Log()),
        X,
        None,
        1,
    ),
}


def _compiled(model, loss):
    model.compile(loss=loss)
    return model


def _weighed(model, weight=0.5):
    model.compile(loss="mse", loss_weights=[weight])
    return model


@pytest.mark.parametrize("case", SERVED, ids=str)
def test_what_is_a_glm_is_served_however_it_is_written(case):
    """Its optimum is that of the model, on the inputs of its Dense layer, with its offset: found apart from the network."""
    make, data, y, glm, features, offset, factor = SERVED[case]
    model = make()

    found = fit(model, data, y)
    expected = optimise(glm, of_arrays(features, y, None, offset))

    assert found.converged, found.reason
    assert found.model == glm
    apart = 2e-6 * expected.standard_errors  # each is within 1e-6
    assert (np.abs(found.params.matrix - expected.params.matrix) < apart).all()
    assert found.standard_errors == pytest.approx(expected.standard_errors, rel=2 * SETTLED)
    kernel, bias = next(layer for layer in _leaves(model) if layer.trainable_weights).get_weights()
    written = np.vstack([bias, kernel]) * factor
    assert (np.abs(written - found.params.matrix) <= 2.0**-23 * np.abs(found.params.matrix)).all()  # rounded to float32


def _leaves(model):
    for layer in model.layers:
        yield from _leaves(layer) if isinstance(layer, keras.Model) else [layer]


@pytest.mark.parametrize("case", [case for case in SERVED if case != "not built"], ids=str)
def test_the_gradient_of_its_own_loss_vanishes(case):
    """In float64, to the share of the rows' slopes without sign that the third rung allows."""
    make, data, y, glm, features, offset, factor = SERVED[case]
    with precision("float64"):
        model = make()
    found = fit(model, data, y)

    loss = keras.losses.get(model.loss[0] if isinstance(model.loss, (list, tuple)) else model.loss)
    parts = [data["design"], data["other"]] if isinstance(data, dict) else data if isinstance(data, list) else [data]
    inputs = [tf.constant(part.reshape(N, -1)) for part in parts]
    with tf.GradientTape() as tape:
        value = tf.reduce_mean(loss(tf.constant(y[:, None]), model(inputs if len(inputs) > 1 else inputs[0])))
    kernel, bias = tape.gradient(value, model.trainable_weights)

    eta = features @ found.params.coef + found.params.intercept + (0 if offset is None else offset[:, None])
    twice = 2 if glm == OLS else 1  # squared error is twice minus the log-likelihood
    scores = twice * factor * np.abs(glm.row_score(y[:, None], eta)) / N
    assert (np.abs(kernel) <= GRADIENT * np.abs(features).T @ scores).all()
    assert (np.abs(bias) <= GRADIENT * scores.sum(axis=0)).all()


def thrice_where_one(y, p):
    return -ops.mean(3 * y * ops.log(p) + (1 - y) * ops.log(1 - p), axis=-1)


def asymmetric(y, mean):
    return ops.mean(ops.where(y > mean, 2.0, 1.0) * (y - mean) ** 2, axis=-1)


def stopped(y, mean):
    return ops.mean((y - ops.stop_gradient(mean)) ** 2 + 0 * mean, axis=-1)


class Subclass(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = L.Dense(1)

    def call(self, inputs):
        return self.dense(inputs**2)


binary_crossentropy, mean_squared_error = thrice_where_one, asymmetric  # as they are called by those who wrote them


class Poisson(keras.losses.Loss):
    """A loss of eta that has the name of a loss of the mean."""

    def call(self, y_true, y_pred):
        return ops.mean(ops.exp(2 * y_pred) - y_true * y_pred, axis=-1)


class PenalisedLoss(keras.losses.Loss):
    """A cross-entropy with a penalty on the weights of a layer, which it keeps."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def call(self, y_true, y_pred):
        return keras.losses.binary_crossentropy(y_true, y_pred) + 0.1 * ops.sum(self.layer.kernel**2)


def penalised_by_hand(make=lambda layer: lambda y, mu: PenalisedLoss(layer).call(y, mu)):
    last = dense("sigmoid")
    return layers(last, loss=make(last))


REFUSED = {
    "no loss": (lambda: keras.Sequential([keras.Input((3,)), L.Dense(1)]), REAL, "has no loss: compile it first"),
    "1 - sigmoid": (
        lambda: graph(lambda x: 1 - dense("sigmoid")(x), "binary_crossentropy"),
        BINARY,
        "its mean is 1 - sigmoid.*first rung: the labels are flipped",
    ),
    "minus eta": (lambda: graph(lambda x: ops.exp(-dense()(x)), "poisson"), COUNTS, "signs of all weights are reversed"),
    "relu": (
        lambda: graph(lambda x: ops.relu(dense()(x)), "mse"),
        REAL,
        "inverse of no link that is known, which breaks the first rung.*nearest, the identity",
    ),
    "softsign": (lambda: layers(dense("softsign"), loss="mse"), REAL, "inverse of no link"),
    "three times a sigmoid": (lambda: graph(lambda x: 3 * dense("sigmoid")(x), "mse"), REAL, "inverse of no link"),
    "a class weight in the loss": (
        lambda: layers(dense("sigmoid"), loss=thrice_where_one),
        BINARY,
        r"second rung.*3 times as large where y is 1: that is class weights of 0: 1, 1: 3",
    ),
    "a name of Keras's": (lambda: layers(dense("sigmoid"), loss=binary_crossentropy), BINARY, "class weights"),
    "an asymmetric loss": (lambda: layers(dense(), loss=mean_squared_error), REAL, "no log-likelihood of its outputs"),
    "another Poisson": (lambda: layers(dense(), loss=Poisson()), COUNTS, "no log-likelihood of its outputs"),
    "ignore_class": (
        lambda: layers(dense("softmax", 3), loss=keras.losses.SparseCategoricalCrossentropy(ignore_class=2)),
        CODES,
        "rows where y is 2 have none",
    ),
    "label_smoothing": (
        lambda: layers(dense("sigmoid"), loss=keras.losses.BinaryCrossentropy(label_smoothing=0.1)),
        BINARY,
        "label_smoothing=0.1 makes the loss that of other labels",
    ),
    "a focal loss": (
        lambda: layers(dense("sigmoid"), loss=keras.losses.BinaryFocalCrossentropy()),
        BINARY,
        "takes binary_crossentropy",
    ),
    "hinge": (lambda: layers(dense(), loss="hinge"), BINARY, "no log-likelihood.*a support vector machine"),
    "the absolute error": (
        lambda: layers(dense(), loss=keras.losses.MeanAbsoluteError()),
        REAL,
        "mean_absolute_error is no log-likelihood.*conditional median.*the usual loss, that of gaussian-identity",
    ),
    "classes of one sigmoid": (
        lambda: layers(dense("sigmoid"), loss="categorical_crossentropy"),
        BINARY,
        "categorical_crossentropy is the same whatever the outputs are.*binary_crossentropy",
    ),
    "class numbers for columns": (
        lambda: layers(dense("softmax", 3), loss="categorical_crossentropy"),
        CODES,
        r"compile sparse_categorical_crossentropy, or give keras.utils.to_categorical\(y, 3\)",
    ),
    "columns for class numbers": (
        lambda: layers(dense("softmax", 3), loss=keras.losses.SparseCategoricalCrossentropy()),
        np.eye(3)[CODES.astype(int).ravel()],
        r"compile categorical_crossentropy, or give np.argmax\(y, axis=1\)",
    ),
    "absolute error": (lambda: layers(dense(), loss="mae"), REAL, "no log-likelihood"),
    "softmax and binary": (
        lambda: layers(dense("softmax", 2), loss="binary_crossentropy"),
        np.eye(2)[BINARY.astype(int)],
        "takes categorical_crossentropy",
    ),
    "sigmoid and categorical": (
        lambda: layers(dense("sigmoid", 2), loss="categorical_crossentropy"),
        np.eye(2)[BINARY.astype(int)],
        "takes binary_crossentropy",
    ),
    "a softmax of one": (lambda: layers(dense("softmax"), loss="binary_crossentropy"), BINARY, "softmax of one unit is always 1"),
    "a gradient that is stopped": (lambda: layers(dense(), loss=stopped), REAL, "third rung"),
    "a hidden layer": (
        lambda: layers(dense(units=3), dense(), loss="mse"),
        REAL,
        "one layer with weights that are trained.*Dense",
    ),
    "all frozen": (lambda: layers(dense(trainable=False), loss="mse"), REAL, "frozen: set trainable = True"),
    "a frozen output layer": (
        lambda: layers(dense(units=2), dense(trainable=False), loss="mse"),
        REAL,
        "has 2 units, but.*gives 1",
    ),
    "a constraint": (lambda: layers(dense(kernel_constraint="non_neg"), loss="mse"), REAL, "has a kernel_constraint"),
    "a bias constraint": (lambda: layers(dense(bias_constraint="non_neg"), loss="mse"), REAL, "has a bias_constraint"),
    "a penalty on outputs": (lambda: layers(dense(activity_regularizer="l2"), loss="mse"), REAL, "has an activity_regularizer"),
    "dropout": (lambda: layers(L.Dropout(0.5), dense(), loss="mse"), REAL, "dropout.* computes otherwise in training"),
    "noise": (lambda: layers(L.GaussianNoise(0.5), dense(), loss="mse"), REAL, "noise.* computes otherwise in training"),
    "batch normalisation": (lambda: layers(L.BatchNormalization(), dense(), loss="mse"), REAL, "batch_normalization"),
    "a subclass": (lambda: _compiled(Subclass(), "mse"), REAL, "Subclass is a subclass with code of its own"),
    "rows of sequences": (
        lambda: _compiled(keras.Sequential([keras.Input((3,)), L.Reshape((3, 1)), L.Dense(1), L.Flatten()]), "mse"),
        np.c_[REAL, REAL, REAL],
        "3 dimensions",
    ),
    "a penalty beside a sum": (
        lambda: layers(dense(kernel_regularizer="l2"), loss=keras.losses.MeanSquaredError(reduction="sum")),
        REAL,
        "not the plain mean of the rows' losses",
    ),
    "a penalty beside loss_weights": (lambda: _weighed(layers(dense(kernel_regularizer="l2"), loss="mse")), REAL, "loss_weights"),
    "a loss times 0": (lambda: _weighed(layers(dense(), loss="mse"), 0.0), REAL, "loss_weights of 0, so Keras does not train it"),
    "a loss times -1": (lambda: _weighed(layers(dense(), loss="mse"), -1.0), REAL, "-1, so Keras does not minimise its loss"),
    "two heads": (lambda: graph(lambda x: [dense()(x), dense()(x)], ["mse", "mse"]), REAL, "the model has 2 outputs"),
    "a constant in float32": (
        lambda: layers(L.Lambda(lambda t: tf.subtract(t, tf.constant(1.0))), dense(), loss="mse"),
        REAL,
        "cannot be made anew in float64.*one of its constants in float32",
    ),
    "a penalty in the loss": (penalised_by_hand, BINARY, "reads the model's own weights.*kernel_regularizer"),
    "a penalty in a loss of its own class": (lambda: penalised_by_hand(PenalisedLoss), BINARY, "reads the model's own weights"),
    "a loss over the mean of the outputs": (
        lambda: layers(dense("sigmoid"), loss=lambda y, mu: keras.losses.binary_crossentropy(y, mu) / ops.mean(y)),
        BINARY,
        "depends on the other rows of its batch",
    ),
    "a loss of the variance of a batch": (
        lambda: layers(dense(), loss=lambda y, mu: ops.mean((y - mu) ** 2) / ops.var(y)),
        REAL,
        "depends on the other rows of its batch",
    ),
    "a loss of each row, by the variance of a batch": (
        lambda: layers(dense(), loss=lambda y, mu: (y - mu) ** 2 / ops.var(y)),
        REAL,
        "depends on the other rows of its batch",
    ),
    "all rows with all": (
        lambda: layers(dense(), loss=lambda y, mu: (y[:, 0] - mu) ** 2),
        REAL,
        r"gives 64 x 64 numbers for 64 rows: .*Take both in one shape",
    ),
    "two heads beside one another": (lambda: side_by_side(), REAL, "stand beside one another: make one Dense layer of 2 units"),
    "a correlation": (lambda: layers(dense(), loss=correlation), REAL, "depends on the other rows of its batch"),
    "the root of a mean": (
        lambda: layers(dense(), loss=lambda y, mu: ops.sqrt(ops.mean((y - mu) ** 2))),
        REAL,
        "is the square root of a mean over the rows of a batch.*compile the mean itself, such as mse",
    ),
    "a penalty beside a number for each row": (
        lambda: layers(dense(kernel_regularizer="l2"), loss=keras.losses.MeanSquaredError(reduction="none")),
        REAL,
        "not the plain mean of the rows' losses",
    ),
    "text": (
        lambda: _compiled(
            keras.Sequential([keras.Input((1,), dtype="string"), L.StringLookup(vocabulary=["a"]), L.Dense(1)]), "mse"
        ),
        REAL,
        "the model takes text, but X has",
    ),
    "no such loss": (lambda: layers(dense(), loss="men_squared_error"), REAL, "unknown loss|Could not interpret"),
}


def side_by_side():
    inputs = keras.Input((3,))
    return _compiled(keras.Model(inputs, L.Concatenate()([L.Dense(1)(inputs), L.Dense(1)(inputs)])), "mse")


def correlation(y, mu):
    """One less the correlation of a batch."""
    y, mu = y - ops.mean(y), mu - ops.mean(mu)
    return 1 - ops.sum(y * mu) / ops.sqrt(ops.sum(y * y) * ops.sum(mu * mu) + 1e-9)


def test_a_response_by_the_name_of_its_output_is_taken():
    """As Keras takes it, with weights too."""
    one, other = (layers(dense("exponential"), loss="poisson") for _ in range(2))

    found = fit(one, X, {"out": COUNTS}, sample_weight={"out": EXPOSURE})

    assert np.array_equal(found.params.matrix, fit(other, X, COUNTS, sample_weight=EXPOSURE).params.matrix)


def test_a_penalty_in_the_loss_is_seen_of_weights_that_are_none():
    """Those that a training left may be NaN."""
    model = penalised_by_hand()
    model.set_weights([np.full_like(one, np.nan) for one in model.get_weights()])

    with pytest.raises(NotRead, match="reads the model's own weights"):
        fit(model, X, BINARY)


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_what_is_none_is_refused_with_the_rung(case):
    """And the model keeps the weights that it had."""
    make, y, message = REFUSED[case]
    model = make()
    before = model.get_weights()

    with pytest.raises(ValueError, match=message):
        fit(model, X, y)

    assert same(before, model.get_weights())


def test_a_loss_of_batches_takes_no_weights():
    """Keras multiplies its one number by their mean: the rows would count alike."""
    weights = np.where(BINARY == 1, 2.0, 1.0)

    assert fit(layers(dense(), loss=one_number), X, REAL, weights=np.full(N, 2.0)).converged
    with pytest.raises(ValueError, match="one_number gives one number for a batch, so Keras cannot weigh its rows"):
        fit(layers(dense(), loss=one_number), X, REAL, weights=weights)


def test_a_model_that_is_another_further_out_is_no_optimum():
    """On five rows of 40,000, which no sample is sure to hold, its mean is one half: the gradient of its own loss says so."""
    wide = np.concatenate([np.random.default_rng(1).normal(size=(40_000, 1)), np.full((5, 1), 30.0)])
    y = (np.random.default_rng(2).random(len(wide)) < 1 / (1 + np.exp(-wide[:, 0]))).astype(float)
    y[-5:] = 0
    x = keras.Input((1,))
    model = keras.Model(x, ops.where(ops.abs(x) < 29, dense("sigmoid")(x), 0.5))
    model.compile(loss="binary_crossentropy")
    before = model.get_weights()

    found = fit(model, wide, y)

    assert not found.converged
    assert "the model's own loss" in found.reason
    assert same(before, model.get_weights())


def test_an_offset_that_the_first_rows_lack_is_seen():
    """It is zero but for the last rows, so no sample shows it."""
    n = 20_000
    wide, offset = np.random.default_rng(3).normal(size=(n, 3)), np.zeros(n)
    offset[-9:] = 3.0
    counts = np.random.default_rng(4).poisson(np.exp(0.3 * wide[:, 0] + offset)).astype(float)

    found = fit(graph(lambda x, o: ops.exp(dense()(x) + o), "poisson", True), [wide, offset], counts)
    expected = optimise(LOG, of_arrays(wide, counts, None, offset))

    assert found.converged, found.reason
    assert (np.abs(found.params.matrix - expected.params.matrix) < 2e-6 * expected.standard_errors).all()


@pytest.mark.parametrize("link", [links.Sqrt(), links.Identity()], ids=str)
def test_keras_s_own_poisson_loss_is_served_with_any_link(link):
    """The 1e-7 that it adds inside its logarithm shows where a mean is nearly 0, and nowhere else."""
    counts = np.random.default_rng(5).poisson((2 + 0.1 * X[:, 0]) ** 2).astype(float)

    assert fit(layers(dense(InverseLink(link)), loss="poisson"), X, counts).model == Model(families.Poisson(), link)


@pytest.mark.parametrize("weight", [np.nan, 3e3])
def test_weights_that_a_training_left_do_not_matter_to_a_penalty(weight):
    """They may be NaN."""
    model = layers(dense(kernel_regularizer=keras.regularizers.L2(0.0625)), loss="mse")
    model.set_weights([np.full((3, 1), weight), np.zeros(1)])

    assert fit(model, X, REAL).converged


def test_a_normalization_is_what_it_computes():
    """Weights that were set make no constants of a Normalization anew."""
    model = keras.Sequential([keras.Input((3,)), normalization(), dense()])
    stale = keras.models.clone_model(model)
    stale.set_weights(model.get_weights())
    stale.compile(loss="mse")

    found = fit(stale, X, REAL)

    size = np.abs(SCALED) @ np.abs(found.params.coef) + np.abs(found.params.intercept)
    assert (np.abs(found.predict(X) - stale.predict(X, verbose=0)) <= 2.0**-20 * (size + np.abs(X).max())).all()  # in float32


def same(before, after):
    return all(np.array_equal(old, new) for old, new in zip(before, after, strict=True))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_weights_are_set_as_keras_sets_them(dtype):
    """To the last bit, in whatever type the layer keeps them."""
    own, other = L.Dense(2, dtype=dtype), L.Dense(2, dtype=dtype)
    weights = [RNG.normal(size=(3, 2)), RNG.normal(size=2)]
    for layer in (own, other):
        layer.build((None, 3))
    set_weights(own, weights)
    other.set_weights(weights)
    for one, its in zip(own.get_weights(), other.get_weights(), strict=True):
        assert one.dtype == its.dtype
        assert one.tobytes() == its.tobytes()


def test_too_few_weights_are_refused():
    layer = L.Dense(2)
    layer.build((None, 3))
    with pytest.raises(ValueError, match="zip"):
        set_weights(layer, [np.zeros((3, 2))])


@pytest.mark.parametrize("power", [60, -60])
def test_weights_that_the_layer_cannot_keep_are_refused(power):
    """They would be infinite, or 0, in a network whose fit is said to have converged; in float64 they are kept."""
    model = layers(dense(), loss="mse")
    before = model.get_weights()

    with pytest.raises(ValueError, match="keeps its weights in float32, which has no such number"):
        fit(model, X, REAL * 10.0**power)
    assert same(before, model.get_weights())
    with precision("float64"):
        precise = layers(dense(), loss="mse")
        assert fit(precise, X, REAL * 10.0**power).converged
    assert precise.get_weights()[0].ravel() == pytest.approx(fit(model, X, REAL).params.coef.ravel() * 10.0**power, rel=1e-6)


# -- what a second reading, and other rows, must not miss ---------------------------------------------------------------------


def after_a_fit(change, activation="sigmoid", loss="binary_crossentropy"):
    """A model that was read and fitted, and then changed."""
    model = layers(dense(activation), loss=loss)
    fit(model, X, BINARY)
    change(model)
    return model


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda model: model.compile(loss="binary_crossentropy", loss_weights=[-1.0]), "compiled with loss_weights of -1"),
        (lambda model: setattr(model.layers[-1].bias, "trainable", False), "are frozen, and others are trained"),
    ],
    ids=["a loss with another sign", "a frozen bias"],
)
def test_what_is_changed_after_a_fit_is_read_again(change, says):
    """A reading is kept until the model is changed."""
    with pytest.raises(NotRead, match=says):
        fit(after_a_fit(change), X, BINARY)


@pytest.mark.parametrize(
    ("activation", "loss", "y"),
    [
        (lambda: L.Activation("sigmoid"), "binary_crossentropy", BINARY),
        (lambda: L.Softmax(), "sparse_categorical_crossentropy", CODES),
    ],
    ids=["sigmoid", "softmax"],
)
def test_a_layer_may_be_the_activation_of_a_dense_layer(activation, loss, y):
    """Its own precision is the twin's, too."""
    units = 3 if y is CODES else 1
    by_layer = fit(layers(dense(activation(), units), loss=loss), X, y)
    by_name = fit(layers(dense("softmax" if y is CODES else "sigmoid", units), loss=loss), X, y)

    assert by_layer.converged, by_layer.reason
    assert by_layer.params.coef == pytest.approx(by_name.params.coef, rel=1e-9)


class Capped(L.Activation):
    """An activation of Keras's with a call of its own."""

    def __init__(self, **kwargs):
        super().__init__("exponential", **kwargs)

    def call(self, inputs):
        return ops.exp(ops.minimum(inputs, 4.0))

    def get_config(self):
        return {name: value for name, value in super().get_config().items() if name != "activation"}


def test_a_subclass_of_an_activation_is_held_to_all_rows():
    """It is what it says on the rows that are read, and something else far out."""
    far, counts = X.copy(), COUNTS.copy()
    far[-5:, 0], counts[-5:] = 8.0, 300.0
    found = fit(layers(dense(), Capped(), loss="poisson"), far, counts)

    assert not found.converged
    assert "on some rows the model is not what it was" in found.reason


def test_an_offset_is_seen_in_rows_that_are_sorted_by_it():
    """The first rows have the exposure 1, whose logarithm is no offset at all."""
    exposure = np.sort(np.where(np.arange(len(X)) < 0.6 * len(X), 1.0, np.linspace(1, 3, len(X))))[:, None]
    inputs = keras.Input((4,))
    model = keras.Model(inputs, ops.exp(dense()(inputs[:, :3]) + ops.log(inputs[:, 3:])))
    model.compile(loss="poisson")
    found = fit(model, np.hstack([X, exposure]), COUNTS)
    other = fit(layers(dense("exponential"), loss="poisson"), X, COUNTS, offset=np.log(exposure[:, 0]))

    assert found.converged, found.reason
    assert found.params.coef == pytest.approx(other.params.coef, rel=1e-8)


# -- what a penalty leaves free -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "y", "says"),
    [
        (lambda: dense("sigmoid", kernel_regularizer="l2"), np.ones(N), "leaves the bias free.*y is 1 in every row"),
        (lambda: dense("sigmoid", kernel_regularizer="l1"), np.zeros(N), "leaves the bias free.*y is 0 in every row"),
        (lambda: dense("softmax", 3, kernel_regularizer="l2"), np.arange(N) % 2, "leaves the bias free.*Class 2 never occurs"),
        (lambda: dense("sigmoid", bias_regularizer="l2"), (X[:, 0] > 0) * 1.0, "leaves the kernel free.*separated"),
    ],
    ids=["ones", "zeros", "a class without rows", "a penalty on the bias alone"],
)
def test_a_penalty_that_leaves_separated_weights_free_has_no_optimum(make, y, says):
    """Only what a penalty holds cannot grow for ever; the weights stay as they were."""
    layer = make()
    model = layers(layer, loss="sparse_categorical_crossentropy" if layer.units > 1 else "binary_crossentropy")
    before = model.get_weights()
    found = fit(model, X, y)

    assert not found.converged
    assert re.search(says, found.reason), found.reason
    assert all((one == other).all() for one, other in zip(before, model.get_weights(), strict=True))


def test_a_penalty_on_all_weights_has_an_optimum_of_separated_data():
    """The bias is held, too."""
    held = fit(
        layers(dense("sigmoid", kernel_regularizer="l2", bias_regularizer="l2"), loss="binary_crossentropy"), X, np.ones(N)
    )

    assert held.converged, held.reason


def test_collinear_columns_beside_a_penalty_on_the_bias_alone():
    """The kernel is free, so it is not one."""
    found = fit(layers(dense(bias_regularizer="l2"), loss="mse"), X[:, [0, 0, 1]], REAL)

    assert not found.converged
    assert "the columns x1, x2 are linearly dependent" in found.reason


def test_rows_without_weight_are_not_meant_by_every_row():
    """A class weight of 0 leaves the ones."""
    found = fit(layers(dense("sigmoid"), loss="binary_crossentropy"), X, BINARY, class_weight={0: 0.0, 1: 3.0})

    assert "y is 1 in every row that has weight" in found.reason
