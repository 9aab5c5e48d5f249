"""`fit` brings a compiled Keras model to its optimum, wherever its rows come from, and refuses what is no GLM."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pyarrow
import pytest
import statsmodels.api as sm
import tensorflow as tf
from pyarrow import parquet

from spec import families, likelihood, links, problems, scoring
from spec.engines.keras.network import InverseLink, NegativeLogLikelihood
from spec.engines.statsmodels.engine import StatsmodelsEngine
from spec.evidence.rungs import proven_optimum
from spec.fit import contribution, fit, optimise
from spec.fit.convergence import SETTLED
from spec.fit.rows import of_arrays
from spec.inference import Tail, likelihood_dispersion
from spec.model import Model
from spec.problems import Problem

ROOT = Path(__file__).parents[2]
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


def optimised(problem):
    rows = of_arrays(problem.X, problem.y, problem.row_weights[:, 0], problem.offset)
    return optimise(problem.model, rows, problem.intercept, quasi=problem.quasi)


@pytest.mark.parametrize("problem", problems.ALL, ids=str)
def test_the_proven_optimum_is_reached(problem):
    """On every problem of the registry: to 1e-6 standard errors, or to what float64 leaves on NIST's hard ones."""
    found = optimised(problem)
    proven = proven_optimum(problem)

    assert found.converged, found.reason
    optimum = proven.centre + proven.shift
    size = np.linalg.norm(problem.design, axis=0)[:, None]
    rounding = 4 * np.finfo(float).eps * np.linalg.cond(problem.design / size.T) * (size * np.abs(optimum)).max() / size
    assert (np.abs(problem.free(found.params) - optimum) <= 1e-6 * found.standard_errors + rounding).all()


@pytest.mark.parametrize("problem", problems.ALL, ids=str)
def test_inference_is_that_of_the_formulas(problem):
    """On every problem of the registry, quasi-likelihoods of classes too; at the answer, whose rounding then does not count."""
    found = optimised(problem)
    mu = problem.model.link.inverse(problem.eta(found.params))
    phi = likelihood.dispersion(problem, mu)
    tail = Tail(problem.freedom if problem.has_dispersion else None)
    precise = pytest.approx(phi, rel=1e-6, abs=1e-9 * float((problem.y**2).mean()))

    assert found.dispersion == precise
    if phi > 1e-9:
        assert found.standard_errors == pytest.approx(problem_errors(problem, found.params), rel=2 * SETTLED)
        assert found.pvalues == pytest.approx(tail.two_sided(found.coefficients / found.standard_errors), rel=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_a_link_that_is_not_canonical_is_as_near_as_it_says(seed):
    """Fisher's steps leave another share in each direction; the last step is Newton's."""
    rng = np.random.default_rng(seed)
    design = rng.normal(size=(240, 3))
    y = rng.gamma(3, np.exp(0.4 + design @ [0.35, -0.2, 0.1]) / 3)
    found = optimise(Model(families.Gamma(), links.Log()), of_arrays(design, y))
    problem = Problem.of("gamma", found.model, design, y[:, None])
    on = scoring.ascend(problem, lambda at: (likelihood.kernel(problem, at), likelihood.score(problem, at)), found.params)

    assert (np.abs(on.params.matrix - found.params.matrix) <= found.distance * found.standard_errors).all()


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
        at = likelihood_dispersion(problem, mu)
        expected = likelihood.kernel(problem, reference.params) / at + likelihood.normaliser(problem, at)
        assert found.log_likelihood == pytest.approx(expected, rel=1e-6)


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


class TestWays:
    """What Keras's own fit takes, `fit` takes as it does."""

    def test_sample_weight_and_class_weight(self):
        """A weight by another name; a class's weight multiplies those of its rows, and a class that is not named has 1."""
        found = fit(dense(), X, Y, sample_weight=WEIGHTS, class_weight={1: 3.0})
        expected = fit(dense(), X, Y, weights=WEIGHTS * np.where(Y == 1, 3.0, 1.0))

        assert np.array_equal(found.params.matrix, expected.params.matrix)

    def test_two_weights_are_one_too_many(self):
        with pytest.raises(ValueError, match="two names of one thing"):
            fit(dense(), X, Y, weights=WEIGHTS, sample_weight=WEIGHTS)

    def test_an_offset_that_is_forgotten_is_asked_for(self):
        """By the name of its input."""
        with pytest.raises(ValueError, match=r"\(1 column\), but X brings only 5 columns: give \["):
            fit(with_offset(), X, Y)

    def test_rows_of_no_weight_are_gone_whatever_they_hold(self):
        """NaN, and a label that is none."""
        rows = slice(0, 600)
        spoiled_X, spoiled_y, weights = X[rows].copy(), Y[rows].copy(), np.ones(600)
        weights[::7], spoiled_X[::7], spoiled_y[::14] = 0, np.nan, -1
        kept = weights > 0

        found = fit(dense(), spoiled_X, spoiled_y, weights=weights)
        expected = fit(dense(), X[rows][kept], Y[rows][kept])

        assert found.params.matrix == pytest.approx(expected.params.matrix, rel=1e-9)

    @pytest.mark.parametrize(("activation", "loss"), [(None, "mse"), ("sigmoid", "binary_crossentropy")])
    def test_several_outputs_are_as_many_models(self, activation, loss):
        """Each is that of its own column of y; they are fitted side by side."""
        y = np.column_stack([Y, 1 - Y * (X[:, 1] > 1), np.roll(Y, 1)])
        together = dense(3, activation, loss)
        found = fit(together, X, y)

        assert found.converged
        for number in range(3):
            alone = fit(dense(1, activation, loss), X, y[:, number])
            one = found[number]
            assert (np.abs(one.params.matrix - alone.params.matrix) < 2e-6 * alone.standard_errors).all()
            assert one.standard_errors == pytest.approx(alone.standard_errors, rel=1e-5)
            assert together.get_weights()[0][:, [number]] == pytest.approx(alone.params.coef, rel=1e-5, abs=1e-6)

    @pytest.mark.parametrize(("l1", "l2"), [(0.0, 0.0625), (0.03125, 0.0), (0.015625, 0.03125)])
    def test_penalties_are_served_to_their_kkt_conditions(self, l1, l2):
        """Keras's objective, its mean loss + l1 |b| + l2 b^2, has no slope at the answer, or one within l1 where b is zero."""
        rows = slice(0, 3000)
        model = dense(kernel_regularizer=keras.regularizers.L1L2(l1, l2))

        found = fit(model, X[rows], Y[rows])

        b = found.params.coef[:, 0]
        residual = 1 / (1 + np.exp(-X[rows] @ b - found.params.intercept[0])) - Y[rows]
        slope = X[rows].T @ residual / 3000 + 2 * l2 * b
        assert found.converged, found.reason
        assert abs(residual.mean()) < 1e-10
        assert np.abs(slope + l1 * np.sign(b))[b != 0].max() < 1e-10
        assert (np.abs(slope[b == 0]) <= l1).all()
        assert np.isnan(found.standard_errors).all()
        assert "LogisticRegression" in " ".join(found.notes)
        assert model.get_weights()[0][:, 0] == pytest.approx(b, rel=1e-6)

    def test_rates_are_the_counts_with_an_offset(self):
        """Claims per year with the years for weights: coefficients and standard errors of the counts."""
        years = RNG.uniform(0.05, 1, size=N)
        counts = RNG.poisson(years * np.exp(-0.8 + 0.3 * X[:, 0])).astype(float)

        rates = fit(dense(activation="exponential", loss="poisson"), X, counts / years, weights=years)
        expected = fit(dense(activation="exponential", loss="poisson"), X, counts, offset=np.log(years))

        assert rates.converged
        assert rates.quasi
        assert "whole number in each row" in rates.notes[0]
        assert (np.abs(rates.params.matrix - expected.params.matrix) < 2e-6 * expected.standard_errors).all()
        assert rates.standard_errors == pytest.approx(expected.standard_errors, rel=1e-5)

    def test_amounts_are_a_quasi_likelihood(self):
        """Their dispersion is estimated, as statsmodels does it with scale="X2"."""
        amounts = RNG.gamma(2, np.exp(0.1 * X[:, 0]))
        rows = slice(0, 2000)

        found = fit(dense(activation="exponential", loss="poisson"), X[rows], amounts[rows])
        design = sm.add_constant(X[rows])
        expected = sm.GLM(amounts[rows], design, family=sm.families.Poisson()).fit(scale="X2", tol=1e-14)

        assert "quasi-likelihood" in found.notes[0]
        assert found.params.matrix[:, 0] == pytest.approx(expected.params, rel=1e-7, abs=1e-9)
        assert found.standard_errors[:, 0] == pytest.approx(expected.bse, rel=1e-5)

    @pytest.mark.parametrize("kind", ["counts", "euros", "shares", "negative binomial"])
    def test_what_is_asked_as_a_quasi_likelihood_is_one(self, kind):
        """Whole numbers do not overrule it: the dispersion of over-dispersed counts is estimated, as by scale="X2"."""
        n, settings, extra = 300, {}, {}
        data = pd.DataFrame({"a": RNG.normal(size=n), "trials": RNG.integers(5, 20, n)})
        counts = RNG.negative_binomial(1, 0.2, n)
        family, other = "poisson", sm.families.Poisson()
        data["y"] = np.round(1000 * RNG.gamma(1, np.exp(0.3 * data.a))) if kind == "euros" else counts
        if kind == "shares":
            data["y"] = RNG.binomial(data.trials, RNG.beta(1, 1, n)) / data.trials
            family, other, settings, extra = (
                "binomial",
                sm.families.Binomial(),
                {"weights": "trials"},
                {"var_weights": data.trials},
            )
        if kind == "negative binomial":
            family, other = "negative-binomial(0.2)", sm.families.NegativeBinomial(alpha=0.2)

        found = fit(formula="y ~ a", data=data, family=family, quasi=True, **settings)
        expected = sm.GLM(data.y, sm.add_constant(data.a), family=other, **extra).fit(scale="X2", tol=1e-13)

        assert found.dispersion == pytest.approx(expected.scale, rel=1e-6)
        assert found.standard_errors[:, 0] == pytest.approx(expected.bse.to_numpy(), rel=1e-4)
        assert found.notes[0].startswith("as quasi=True asks, the fit is a quasi-likelihood")

    def test_shares_without_trials_are_remarked(self):
        """Their errors are as if each row were a trial, or as many as it weighs; counts over their trials are no such shares."""
        shares, trials = RNG.beta(2, 2, 300), RNG.integers(1, 9, 300)
        data = pd.DataFrame({"a": RNG.normal(size=300), "shares": shares, "trials": trials, "whole": np.round(shares * trials)})
        data["of_trials"], data["event"] = data.whole / trials, (shares > 0.5) * 1

        def remarked(response, **settings):
            notes = fit(formula=f"{response} ~ a", data=data, family="binomial", **settings).notes
            return any("no whole number of trials" in note for note in notes)

        assert remarked("shares")
        assert remarked("of_trials")
        assert not remarked("shares", quasi=True)
        assert not remarked("of_trials", weights="trials")
        assert not remarked("event", weights="shares")

    def test_shares_that_are_no_fault_are_not_remarked(self):
        """Shares in float32 beside their trials, whatever the class weights are; and where a penalty leaves no errors."""
        trials = RNG.integers(20_000, 200_000, 300)
        single = (RNG.binomial(trials, 0.3) / trials).astype("float32")
        tenths = RNG.integers(0, 11, 300) / 10
        shares = RNG.beta(2, 2, 300)
        few = X[:300]

        assert not fit(dense(), few, single, weights=trials).notes
        assert not fit(dense(), few, tenths, weights=np.full(300, 10.0), class_weight={0: 1.0, 1: 2.5}).notes
        penalised = fit(dense(kernel_regularizer="l2"), few, shares).notes
        assert penalised
        assert not any("no whole number of trials" in note for note in penalised)

    def test_a_quasi_likelihood_of_classes_has_its_dispersion(self):
        """Few rows have one too, and so has a fit beside a penalty that is next to nothing."""
        shares = RNG.dirichlet([4.0, 3.0, 2.0], size=300)
        softmax = {"units": 3, "activation": "softmax", "loss": "categorical_crossentropy"}
        for rows in (slice(0, 8), slice(0, 300)):
            found = fit(dense(**softmax), X[rows], shares[rows], quasi=True)
            problem = Problem.of("shares", found.model, X[rows], shares[rows])
            mu = found.model.link.inverse(problem.eta(found.params))
            expected = likelihood.dispersion(replace(problem, quasi=True), mu)
            little = fit(dense(**softmax, kernel_regularizer=keras.regularizers.L2(1e-12)), X[rows], shares[rows], quasi=True)

            assert found.dispersion == pytest.approx(expected, rel=1e-6)
            assert little.dispersion == pytest.approx(expected, rel=1e-3)

    def test_the_fit_of_a_softmax_goes_on_from_an_earlier_one(self):
        softmax = {"units": 3, "activation": "softmax", "loss": "sparse_categorical_crossentropy"}
        first = fit(dense(**softmax), X[:300], CLASSES[:300])
        again = fit(dense(**softmax), X[:300], CLASSES[:300], start=first.params)

        assert len(again.passes) <= 3
        assert again.params.matrix == pytest.approx(first.params.matrix, abs=1e-9)

    def test_class_weights_of_several_labels_are_remarked(self):
        """They are Keras's: a row's class is its largest label, which hardly anyone means."""
        labels = (RNG.random((300, 3)) < 0.4) * 1.0
        found = fit(dense(3), X[:300], labels, class_weight={0: 1.0, 1: 2.0})
        alone = fit(dense(), X[:300], labels[:, :1], weights=np.where(labels.argmax(axis=1) == 1, 2.0, 1.0))

        assert found[0].params.coef == pytest.approx(alone.params.coef, rel=1e-6, abs=1e-9)
        assert all("the largest of the 3 labels" in one.notes[0] for one in found)

    def test_rates_of_a_negative_binomial_are_not_its_counts(self):
        """Only Poisson's likelihood of a rate and a weight is that of the count: the dispersion of others is estimated."""
        years = RNG.uniform(0.2, 4, size=400)
        counts = RNG.negative_binomial(2, 2 / (2 + years * np.exp(1 + 0.5 * X[:400, 0])))
        loss = NegativeLogLikelihood(families.NegativeBinomial(0.5))

        found = fit(dense(activation="exponential", loss=loss), X[:400], counts / years, weights=years)
        family = sm.families.NegativeBinomial(alpha=0.5)
        expected = sm.GLM(counts / years, sm.add_constant(X[:400]), family=family, var_weights=years).fit(scale="X2", tol=1e-13)

        assert found.notes[0].startswith("y is no count")
        assert found.standard_errors[:, 0] == pytest.approx(expected.bse, rel=1e-4)

    def test_a_count_that_is_none_is_an_error_among_counts(self):
        """Where most are counts, one that is not is no rate."""
        counts = np.round(np.exp(X[:, 0] / 3))
        with pytest.raises(ValueError, match=r"y is 0\.5 in row 41000: a count of the poisson family is a whole number"):
            fit(dense(activation="exponential", loss="poisson"), X, spoiled(counts, 41_000, 0.5))


@pytest.mark.parametrize("activation", ["sigmoid", lambda eta: 1 - keras.ops.exp(-keras.ops.exp(eta))], ids=["logit", "cloglog"])
def test_few_rows_need_no_compiler_and_have_the_same_optimum(activation, monkeypatch, rng):
    """Their program is run operation by operation, and that of as many rows compiled gives the same numbers."""
    X, y = rng.normal(size=(300, 5)), rng.integers(2, size=300).astype(float)
    found = []
    for few in (contribution.FEW, 0):
        monkeypatch.setattr(contribution, "FEW", few)
        monkeypatch.setattr(contribution, "networks", type(contribution.networks)(16))
        found.append(fit(dense(activation=activation), X, y))

    one, other = found
    assert np.abs((one.params.matrix - other.params.matrix) / one.standard_errors).max() < 1e-9


class TestModel:
    @pytest.mark.parametrize("keep", [False, True])
    def test_a_fit_that_fails_writes_only_if_told_to(self, keep):
        """Separated data have no optimum."""
        model = dense()
        before = model.get_weights()

        found = fit(model, X[:200], (X[:200, 0] > 1) * 1.0, keep=keep)

        assert not found.converged
        assert np.array_equal(before[0], model.get_weights()[0]) is not keep

    def test_an_error_writes_nothing(self):
        """Here in the last of the rows."""
        model = dense()
        before = model.get_weights()

        with pytest.raises(ValueError, match="row 59999"):
            fit(model, X, spoiled(Y, N - 1, 2))

        assert np.array_equal(before[0], model.get_weights()[0])

    def test_its_weights_are_set_to_the_optimum(self, plainly):
        """They are rounded to the model's own precision."""
        model = dense()
        found = fit(model, X, Y)

        kernel, bias = model.layers[-1].get_weights()
        assert np.array_equal(kernel, found.params.coef.astype(kernel.dtype))
        assert np.array_equal(bias, found.params.intercept.astype(bias.dtype))


def spoiled(array, row, value):
    array = array.copy()
    array[row] = value
    return array


class TestData:
    @pytest.mark.parametrize(
        ("make", "data", "message"),
        [
            (dense, (X[:, :3], Y), "takes 5 columns of X, but X has 3"),
            (dense, (X, np.eye(2)[np.minimum(CLASSES, 1)]), "if they are the indicators of two classes, give the second"),
            (dense, (X, np.eye(3)[CLASSES]), "gives 1 output, but y has 3 columns"),
            (dense, (X, spoiled(Y, 33_000, 2)), "y is 2 in row 33000: a sigmoid takes 0 and 1"),
            (dense, (spoiled(X, 33_000, np.nan), Y), "X is missing .* in column x1, row 33000"),
            (dense, (spoiled(X, 3, np.inf)[:99], Y[:99]), "X is infinite in column x1, row 3"),
            (dense, (X * 1e200, Y), "standardise"),
            (
                lambda: dense(3, "softmax", "sparse_categorical_crossentropy"),
                (X, CLASSES + 1),
                "if the codes are 1 to 3, subtract 1",
            ),
            (lambda: dense(2, None, "mse"), (X, X[:, :3]), "gives 2 outputs, but y has 3"),
        ],
    )
    def test_data_that_do_not_fit_are_named(self, make, data, message):
        """What is wrong, in which row, and what to do."""
        with pytest.raises(ValueError, match=message):
            fit(make(), *data)

    def test_a_weight_below_zero_is_named(self):
        with pytest.raises(ValueError, match="the weight in row 35000 is -1"):
            fit(dense(), X, Y, weights=spoiled(WEIGHTS, 35_000, -1))

    def test_weights_of_a_stream_come_with_it(self):
        with pytest.raises(ValueError, match="brings its y, weights and offset itself"):
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
        before = len(contribution.networks)
        fit(dense(), X[500:900], Y[500:900])

        assert len(contribution.networks) == before


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
