"""`fit` brings a compiled Keras model to its optimum, wherever its rows come from, and refuses what is no GLM."""

import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pyarrow
import pytest
import tensorflow as tf
from pyarrow import parquet

from spec import families, likelihood, links, problems
from spec.engines.keras.network import InverseLink, NegativeLogLikelihood
from spec.engines.statsmodels.engine import StatsmodelsEngine
from spec.evidence.rungs import proven_optimum
from spec.fit import fit, optimise, task
from spec.fit.maximise import SETTLED
from spec.fit.read import read
from spec.fit.rows import of_arrays

ROOT = Path(__file__).parents[2]
PROBLEMS = [problem for problem in problems.ALL if not problem.quasi]
RNG = np.random.default_rng(3)
N = 60_000
X = RNG.normal(size=(N, 5)) @ RNG.normal(size=(5, 5)) + 1
Y = (RNG.random(N) < 1 / (1 + np.exp(-0.3 * X[:, 0] + 0.2))).astype(float)
WEIGHTS, OFFSET = RNG.uniform(0.5, 2, size=N), 0.3 * RNG.normal(size=N)
CLASSES = RNG.integers(3, size=N)


def dense(units=1, activation="sigmoid", loss="binary_crossentropy", columns=5, **layer):
    """A compiled model, as its user writes it."""
    model = keras.Sequential([keras.Input((columns,)), keras.layers.Dense(units, activation=activation, **layer)])
    model.compile(loss=loss)
    return model


def with_offset():
    inputs, offset = keras.Input((5,)), keras.Input((1,))
    eta = keras.layers.Add()([keras.layers.Dense(1)(inputs), offset])
    model = keras.Model([inputs, offset], keras.layers.Activation("sigmoid")(eta))
    model.compile(loss="binary_crossentropy")
    return model


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_the_proven_optimum_is_reached(problem):
    """On every problem of the registry: to 1e-6 standard errors, or to what float64 leaves on NIST's hard ones."""
    found = optimise(problem.model, of_arrays(problem.X, problem.y, problem.row_weights[:, 0], problem.offset), problem.intercept)
    proven = proven_optimum(problem)

    assert found.converged, found.reason
    optimum = proven.centre + proven.shift
    size = np.linalg.norm(problem.design, axis=0)[:, None]
    rounding = 4 * np.finfo(float).eps * np.linalg.cond(problem.design / size.T) * (size * np.abs(optimum)).max() / size
    assert (np.abs(problem.free(found.params) - optimum) <= 1e-6 * found.standard_errors + rounding).all()


@pytest.mark.parametrize("name", ["gamma-log", "binomial-probit", "softmax-8-to-5", "star98", "cpunish-weights", "longley"])
def test_inference_is_that_of_the_reference(name):
    """Standard errors, dispersion, log-likelihood and deviance, to the digits that a fit has."""
    problem = problems.get(name)
    found = optimise(problem.model, of_arrays(problem.X, problem.y, problem.row_weights[:, 0], problem.offset))
    reference = StatsmodelsEngine().fit(problem)
    mu = problem.model.link.inverse(problem.eta(reference.params))

    assert found.standard_errors == pytest.approx(problem_errors(problem, reference.params), rel=2 * SETTLED)
    assert found.dispersion == pytest.approx(likelihood.dispersion(problem, mu), rel=1e-6)
    assert found.deviance == pytest.approx(likelihood.deviance(problem, mu), rel=1e-8)
    if problem.data.trials is None:
        assert found.log_likelihood == pytest.approx(likelihood.log_likelihood(problem, reference.params), rel=1e-9)


def problem_errors(problem, params):
    mu = problem.model.link.inverse(problem.eta(params))
    covariance = np.linalg.inv(likelihood.expected_information(problem, params)) * likelihood.dispersion(problem, mu)
    return np.sqrt(np.diag(covariance)).reshape(problem.free_outputs, problem.q).T


class Batches(keras.utils.PyDataset):
    """The stream of a Keras user whose data do not fit in memory."""

    def __len__(self):
        return -(-N // 3000)

    def __getitem__(self, number):
        rows = slice(3000 * number, 3000 * (number + 1))
        return X[rows], Y[rows]


@pytest.fixture(scope="module")
def plainly():
    return fit(dense(), X, Y)


class TestRows:
    """The optimum is the same wherever the rows come from."""

    def assert_same(self, found, expected):
        assert found.converged, found.reason
        assert found.rows == N
        apart = np.abs(found.params.matrix - expected.params.matrix) / expected.standard_errors
        assert apart.max() < 2e-6  # each is within 1e-6
        assert found.standard_errors == pytest.approx(expected.standard_errors, rel=2 * SETTLED)

    @pytest.mark.parametrize(
        "data",
        [
            (X.astype(np.float32).astype(float).tolist(), Y.tolist()),
            (np.asfortranarray(X), Y[:, None]),
            (pd.DataFrame(X), pd.Series(Y)),
            (Batches(),),
            ([(X[:7], Y[:7]), (X[7:], Y[7:])],),
            (tf.data.Dataset.from_tensor_slices((X, Y)).batch(1024),),
        ],
        ids=["lists", "arrays", "pandas", "PyDataset", "a list of batches", "tf.data"],
    )
    def test_in_any_form(self, data, plainly):
        if isinstance(data[0], list) and len(data) == 2:
            plainly = fit(dense(), X.astype(np.float32), Y)
        self.assert_same(fit(dense(), *data), plainly)

    def test_on_disk(self, tmp_path, plainly):
        mapped = np.memmap(tmp_path / "X", dtype=float, mode="w+", shape=X.shape)
        mapped[:] = X
        parquet.write_table(pyarrow.table({**{f"x{j}": X[:, j] for j in range(5)}, "y": Y}), tmp_path / "rows.parquet")

        self.assert_same(fit(dense(), mapped, Y), plainly)
        self.assert_same(fit(dense(), tmp_path / "rows.parquet", "y"), plainly)

    def test_sorted_streams(self, plainly):
        """The first guess is made from the first rows, which here have one outcome only."""
        order = np.argsort(Y)
        found = fit(dense(), [(X[rows], Y[rows]) for rows in np.array_split(order, 30)])

        self.assert_same(found, plainly)

    def test_weights_and_offset(self):
        """As arguments, in a stream, in an Arrow table."""
        table = {**{f"x{j}": X[:, j] for j in range(5)}, "y": Y, "w": WEIGHTS, "o": OFFSET}
        expected = fit(with_offset(), X, Y, weights=WEIGHTS, offset=OFFSET)

        self.assert_same(fit(with_offset(), pyarrow.table(table), "y", weights="w", offset="o"), expected)
        self.assert_same(fit(with_offset(), [((X, OFFSET[:, None]), Y, WEIGHTS)]), expected)

    def test_labels_as_codes_or_columns(self):
        codes = fit(dense(3, "softmax", "sparse_categorical_crossentropy"), X, CLASSES)
        columns = fit(dense(3, "softmax", "categorical_crossentropy"), X, np.eye(3)[CLASSES])

        assert np.array_equal(codes.params.matrix, columns.params.matrix)


class TestModel:
    def test_its_weights_are_set_to_the_optimum(self, plainly):
        """They are rounded to the model's own precision."""
        model = dense()
        found = fit(model, X, Y)

        kernel, bias = model.layers[-1].get_weights()
        assert np.array_equal(kernel, found.params.coef.astype(kernel.dtype))
        assert np.array_equal(bias, found.params.intercept.astype(bias.dtype))

    @pytest.mark.parametrize(
        ("make", "family", "link"),
        [
            (lambda: dense(activation=None, loss="mse"), families.Gaussian(), links.Identity()),
            (lambda: dense(activation="exponential", loss="poisson"), families.Poisson(), links.Log()),
            (lambda: dense(activation="exponential", loss=keras.losses.MeanSquaredError()), families.Gaussian(), links.Log()),
            (
                lambda: dense(activation=None, loss=keras.losses.BinaryCrossentropy(from_logits=True)),
                families.Binomial(),
                links.Logit(),
            ),
            (lambda: dense(3, "softmax", "categorical_crossentropy"), families.Multinomial(), links.Softmax()),
            (
                lambda: dense(activation=InverseLink(links.Inverse()), loss=NegativeLogLikelihood(families.Gamma())),
                families.Gamma(),
                links.Inverse(),
            ),
            (with_offset, families.Binomial(), links.Logit()),
        ],
        ids=["mse", "poisson", "log-normal", "logits", "softmax", "gamma-inverse", "offset"],
    )
    def test_activation_and_loss_are_link_and_family(self, make, family, link):
        """A compiled model is read as the generalized linear model that it is."""
        model, _, _ = read(make())

        assert (model.family, model.link) == (family, link)

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)]), "has no loss: compile it first"),
            (lambda: dense(activation="relu"), "unknown activation 'relu': expected linear, "),
            (lambda: dense(loss="hinge"), "unknown loss 'Hinge': expected MeanSquaredError, "),
            (lambda: dense(loss="mean_absolute_error"), "unknown loss 'MeanAbsoluteError'"),
            (lambda: dense(kernel_regularizer="l2"), "has a penalty"),
            (lambda: dense(loss=keras.losses.BinaryCrossentropy(label_smoothing=0.1)), "label_smoothing changes the targets"),
            (lambda: dense(loss=keras.losses.BinaryCrossentropy(from_logits=True)), "leave one of the two out"),
            (
                lambda: keras.Sequential([keras.Input((5,)), keras.layers.Dense(3), keras.layers.Dense(1)]),
                "one layer with weights, a Dense; this model has: dense",
            ),
            (
                lambda: keras.Sequential([keras.Input((5,)), keras.layers.Dropout(0.5), keras.layers.Dense(1)]),
                "an offset and an activation, not dropout",
            ),
            (
                lambda: keras.Sequential(
                    [keras.Input((5,)), keras.layers.Dense(1, "exponential"), keras.layers.Activation("sigmoid")]
                ),
                "the activations of this model have several: log, logit",
            ),
        ],
    )
    def test_what_is_no_glm_is_refused(self, make, message):
        """With the reason."""
        with pytest.raises(ValueError, match=message):
            fit(make(), X, Y)


def spoiled(array, row, value):
    array = array.copy()
    array[row] = value
    return array


class TestData:
    @pytest.mark.parametrize(
        ("make", "data", "message"),
        [
            (dense, (X[:, :3], Y), "takes 5 columns of X to 1 of y, but X has 3"),
            (dense, (X, np.eye(3)[CLASSES]), "y has 3"),
            (dense, (X, spoiled(Y, 33_000, 2)), r"y is 2.0 in row 33000, outside the domain \[0, 1\] of the binomial"),
            (dense, (spoiled(X, 33_000, np.nan), Y), "X is NaN or infinite in row 33000"),
            (dense, (spoiled(X, 3, np.inf)[:99], Y[:99]), "X is NaN or infinite in row 3"),
            (dense, (X * 1e200, Y), "standardise"),
            (
                lambda: dense(3, "softmax", "sparse_categorical_crossentropy"),
                (X, CLASSES + 1),
                "the codes 0 to 2, but it has the code 3",
            ),
            (lambda: dense(2, None, "mse"), (X, X[:, :2]), "the gaussian response has 2 columns"),
        ],
    )
    def test_data_that_do_not_fit_are_named(self, make, data, message):
        """What is wrong, in which row, and what to do."""
        with pytest.raises(ValueError, match=message):
            fit(make(), *data)

    def test_a_weight_below_zero_is_named(self):
        with pytest.raises(ValueError, match=r"the weight in row 35000 is -1\.0"):
            fit(dense(), X, Y, weights=spoiled(WEIGHTS, 35_000, -1))

    def test_weights_of_a_stream_come_with_it(self):
        with pytest.raises(ValueError, match="brings its weights and offset itself"):
            fit(dense(), [(X, Y)], weights=WEIGHTS)

    @pytest.mark.parametrize("rows", [200, N], ids=["few", "many"])
    @pytest.mark.parametrize(
        "model", [dense, lambda: dense(activation=InverseLink(links.Probit()), loss=NegativeLogLikelihood(families.Binomial()))]
    )
    def test_separated_data_do_not_converge(self, model, rows):
        """However small the steps have become."""
        found = fit(model(), X[:rows], (X[:rows, 0] > 1) * 1.0)

        assert not found.converged
        assert "separated" in found.reason

    @pytest.mark.parametrize(
        ("spare", "why"),
        [
            (X[:, 0] + X[:, 1], "the columns x1, x2, x6 are linearly dependent"),
            (np.ones(N), "the columns the intercept, x6 are linearly dependent"),
            (np.zeros(N), "column x6 is all zeros"),
        ],
        ids=["a sum", "a second bias", "nothing"],
    )
    def test_collinear_columns_do_not_converge(self, spare, why):
        """They are named, and no distance is made up."""
        found = fit(dense(columns=6), np.column_stack([X, spare]), Y)

        assert not found.converged
        assert found.reason.startswith(why)
        assert np.isnan(found.distance)


class TestLongFits:
    def test_an_interrupt_keeps_the_best_so_far_and_a_start_goes_on(self, plainly):
        """Ctrl-C raises KeyboardInterrupt."""

        def impatient(state):
            raise KeyboardInterrupt

        first = fit(dense(), X, Y, progress=impatient)
        rest = fit(dense(), X, Y, start=first.params)

        assert (first.converged, first.reason) == (False, "interrupted after 1 passes")
        assert (rest.params.matrix != first.params.matrix).all()
        assert (np.abs(rest.params.matrix - plainly.params.matrix) < 2e-6 * plainly.standard_errors).all()

    def test_progress_is_shown(self, capsys):
        """Each pass with its distance from the optimum."""
        found = fit(dense(), X, Y, progress=True)

        shown = capsys.readouterr().err
        assert shown.count("standard errors from the optimum") == len(found.passes)

    def test_passes_tell_how_many_are_left(self):
        """The number is right from the second pass on."""
        passes = []
        fit(dense(), X, Y, progress=passes.append)

        left = [state.left for state in passes if state.left is not None]
        assert passes[-1].left == 0
        assert left == list(range(len(left) - 1, -1, -1))

    def test_nothing_is_traced_anew_for_other_data_of_the_same_shape(self):
        """A small fit costs milliseconds because its network and program are those of the last."""
        rows = slice(0, 500)
        fit(dense(), X[rows], Y[rows])
        before = len(task.networks)
        fit(dense(), X[500:900], Y[500:900])

        assert len(task.networks) == before


SAME = (
    "np.allclose([*bias, *weights[:, 0]], result.params, 1e-12) and np.allclose(fitted.standard_errors[:, 0], result.bse, 1e-6)"
)


@pytest.mark.parametrize(("page", "true"), [("docs/fit.md", "fitted.distance < 1e-6"), ("README.md", SAME)])
def test_the_examples_of_the_pages_run(page, true):
    """They run as they stand, in a new process; in the README Keras and statsmodels print the same numbers."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    code = "\n".join([*blocks, "import numpy as np", f"print({true})"])
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert process.stdout.splitlines()[-1] == "True"


def test_importing_the_fit_and_fitting_leave_keras_in_float32():
    """A user's layers made before and after a fit have the precision that Keras gives them: float32."""
    code = """
import numpy as np
from spec.fit import fit
import keras
made = lambda: keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
model = made()
model.compile(loss="mse")
fitted = fit(model, np.arange(4.0)[:, None], np.array([1.0, 3.0, 5.0, 7.0]))
after = made()
print(keras.config.floatx(), *[str(m.weights[0].dtype) for m in (model, after)], fitted.params.coef.dtype)
"""
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert process.stdout.split() == ["float32", "float32", "float32", "float64"]
