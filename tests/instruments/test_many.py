"""`fit_many` makes the fits that `fit` makes, one design for all; and says which of them have no optimum."""

import keras
import numpy as np
import pandas as pd
import pytest

from spec import families, links
from spec.engines.keras.network import InverseLink, NegativeLogLikelihood
from spec.fit import batched, fit, fit_many
from spec.fit.convergence import SETTLED
from spec.model import Model

RNG = np.random.default_rng(11)
N, B = 240, 5
X = RNG.normal(size=(N, 3)) @ RNG.normal(size=(3, 3)) / 2 + [0.3, 0.0, -0.2]
ETA = X @ [0.3, -0.2, 0.1] - 0.4
OFFSET = np.log(RNG.uniform(0.3, 1.0, size=N))
COUNTS = RNG.multinomial(N, np.full(N, 1 / N), size=B).T
DRAWN = {
    families.Binomial: lambda mu: (RNG.random(mu.shape) < mu) * 1.0,
    families.Poisson: RNG.poisson,
    families.Gamma: lambda mu: RNG.gamma(3.0, mu / 3),
    families.Gaussian: lambda mu: mu + RNG.normal(size=mu.shape),
}
MODELS = {
    "logit": Model(families.Binomial(), links.Logit()),
    "probit": Model(families.Binomial(), links.Probit()),
    "poisson-log": Model(families.Poisson(), links.Log()),
    "gamma-log": Model(families.Gamma(), links.Log()),
    "gaussian": Model(families.Gaussian(), links.Identity()),
}
START = RNG.bit_generator.state
CAUCHIT = Model(families.Binomial(), links.Cauchit())


def network(model=MODELS["logit"], columns=3, **layer):
    """A compiled model, as its user writes it."""
    own = keras.Sequential([keras.Input((columns,)), keras.layers.Dense(1, activation=InverseLink(model.link), **layer)])
    own.compile(loss=NegativeLogLikelihood(model.family))
    return own


def response(model, eta=ETA):
    return np.asarray(DRAWN[type(model.family)](model.link.inverse(eta)), dtype=float)


def assert_same(many, number, alone):
    """The fit of a column is that of `fit`: to 1e-8 standard errors, and its errors to what the last step may change."""
    errors = alone.standard_errors[:, 0]
    assert alone.converged, alone.reason
    assert many.converged[number]
    assert np.abs(many.coefficients[number] - alone.coefficients[:, 0]).max() <= 1e-8 * errors.min()
    assert many.standard_errors[number] == pytest.approx(errors, rel=2 * SETTLED)
    assert many.dispersion[number] == pytest.approx(alone.dispersion, rel=2 * SETTLED)


@pytest.fixture(autouse=True)
def _the_same_numbers():
    """Each test draws the same numbers, whichever ran before."""
    RNG.bit_generator.state = START


@pytest.fixture(params=[*MODELS.values()], ids=[*MODELS])
def given(request):
    """(the model, a network of it, responses)."""
    return request.param, network(request.param), response(request.param)


class TestTheSameFits:
    """Each column's fit is that of `fit`."""

    def test_of_weights(self, given):
        """Resamples, from the fit of all: it is some errors away, and each step of Newton's doubles the digits."""
        model, own, y = given
        offset = OFFSET if isinstance(model.family, families.Poisson) else None
        many = fit_many(own, X, y, weights=COUNTS, offset=offset)

        for number in range(B):
            assert_same(many, number, fit(own, X, y, weights=COUNTS[:, number], offset=offset, tolerance=1e-10))
        assert many.iterations.max() <= 8

    def test_of_responses(self, given):
        """Each begins at its own mean; weights and offset are shared."""
        model, own, _ = given
        ys = np.column_stack([response(model, ETA + shift) for shift in (-1.0, 0.0, 1.0)])
        weights = RNG.uniform(0.5, 2.0, size=N)
        many = fit_many(own, X, ys, weights=weights, offset=OFFSET[:, None])

        for number in range(3):
            assert_same(many, number, fit(own, X, ys[:, number], weights=weights, offset=OFFSET, tolerance=1e-10))

    def test_of_offsets(self):
        """And of all three at once."""
        own, shifts = network(MODELS["poisson-log"]), np.outer(OFFSET, [0.5, 1.0, 2.0])
        ys = np.column_stack([response(MODELS["poisson-log"])] * 3)
        for y, weights in ((ys[:, 0], None), (ys, COUNTS[:, :3])):
            many = fit_many(own, X, y, weights=weights, offset=shifts)
            for number in range(3):
                of = COUNTS[:, number] if weights is not None else None
                alone = fit(own, X, ys[:, number], weights=of, offset=shifts[:, number], tolerance=1e-10)
                assert_same(many, number, alone)

    def test_without_an_intercept_and_of_a_frame(self):
        """The columns keep their names."""
        own, y = network(use_bias=False), response(MODELS["logit"])
        many = fit_many(own, pd.DataFrame(X, columns=["a", "b", "c"]), pd.Series(y), weights=COUNTS.astype(np.uint8))

        assert many.terms == ("a", "b", "c")
        assert many.to_frame()["b"][1] == many.params(1).coef[1, 0]
        assert_same(many, 1, fit(own, X, y, weights=COUNTS[:, 1], tolerance=1e-10))

    def test_of_responses_without_an_intercept(self):
        """They begin together."""
        own, ys = network(use_bias=False), np.column_stack([response(MODELS["logit"]) for _ in range(3)])
        many = fit_many(own, X, ys)

        assert_same(many, 2, fit(own, X, ys[:, 2], tolerance=1e-10))

    def test_of_layers_before_the_dense_layer(self):
        """Coefficients are those of its inputs."""
        own = keras.Sequential([keras.Input((3,)), keras.layers.Rescaling(2.0, 1.0), keras.layers.Dense(1, activation="sigmoid")])
        own.compile(loss="binary_crossentropy")
        y = response(MODELS["logit"])

        assert_same(fit_many(own, X, y, weights=COUNTS), 3, fit(own, X, y, weights=COUNTS[:, 3], tolerance=1e-10))

    def test_of_rates(self):
        """A quasi-likelihood: the dispersion is Pearson's, or 1 where weights make whole numbers of the rates."""
        own, counts = network(MODELS["poisson-log"]), response(MODELS["poisson-log"])
        exposure = RNG.integers(1, 4, size=N)
        weights = np.column_stack([exposure, exposure * 0.7])
        many = fit_many(own, X, counts / exposure, weights=weights)

        for number in range(2):
            assert_same(many, number, fit(own, X, counts / exposure, weights=weights[:, number], tolerance=1e-10))
        assert many.dispersion[0] == 1
        assert many.dispersion[1] != 1

    def test_one_after_another(self):
        """Where the likelihood is not concave."""
        own, y = network(CAUCHIT), response(CAUCHIT)
        many = fit_many(own, X, y, weights=COUNTS[:, :2], tolerance=1e-10)

        assert_same(many, 1, fit(own, X, y, weights=COUNTS[:, 1], tolerance=1e-10))

    def test_inside_a_domain(self):
        """A Poisson mean that is linear stays positive: steps are halved at the edge."""
        model = Model(families.Poisson(), links.Identity())
        own, features = network(model), np.abs(X)
        y = RNG.poisson(0.05 + features @ [0.5, 0.01, 0.2]).astype(float)
        many = fit_many(own, features, y, weights=COUNTS)

        for number in range(B):
            alone = fit(own, features, y, weights=COUNTS[:, number], tolerance=1e-10)
            if alone.converged:
                assert_same(many, number, alone)
            else:
                assert many.reasons[number] == alone.reason

    def test_far_from_the_start(self):
        """Steps that lead too far are halved."""
        own = network(MODELS["poisson-log"])
        ys = RNG.poisson(np.exp(np.outer(ETA, [1.0, 12.0]) + 4)).astype(float)
        many = fit_many(own, X, ys)

        for number in range(2):
            assert_same(many, number, fit(own, X, ys[:, number], tolerance=1e-10))

    def test_in_tiles(self, monkeypatch):
        """However rows and fits are divided."""
        own, y = network(), response(MODELS["logit"])
        whole = fit_many(own, X, y, weights=COUNTS)
        monkeypatch.setattr(batched, "SIZE", 128)
        monkeypatch.setattr(batched, "WIDTH", 2)
        monkeypatch.setattr(batched, "CELLS", 32)
        monkeypatch.setattr(batched, "PAIRS", 3)
        monkeypatch.setattr(batched, "NARROW", 2)
        tiled = fit_many(own, X, y, weights=COUNTS)

        assert (np.abs(tiled.coefficients - whole.coefficients) <= 1e-8 * whole.standard_errors).all()
        assert tiled.standard_errors == pytest.approx(whole.standard_errors, rel=2 * SETTLED)


class TestBootstrap:
    """Resamples that are drawn."""

    def test_a_resample_has_as_many_rows(self):
        """It is the fit of the rows that were drawn; the same seed draws the same."""
        own, y = network(), response(MODELS["logit"])
        many, again, other = (fit_many(own, X, y, bootstrap=3, seed=seed) for seed in (1, 1, 2))
        drawn = np.random.default_rng(1).integers(N, size=N)

        assert_same(many, 0, fit(own, X[drawn], y[drawn], tolerance=1e-10))
        assert np.array_equal(many.coefficients, again.coefficients)
        assert not np.array_equal(many.coefficients, other.coefficients)

    def test_it_multiplies_weights(self):
        """Those of the rows."""
        own, y, weights = network(), response(MODELS["logit"]), RNG.uniform(0.5, 2.0, size=N)
        many = fit_many(own, X, y, weights=weights, bootstrap=2)
        counts = np.bincount(np.random.default_rng(0).integers(N, size=N), minlength=N)

        assert_same(many, 0, fit(own, X, y, weights=weights * counts, tolerance=1e-10))

    def test_its_spread_is_the_standard_error(self):
        """Nearly: a deviation of 300 has an error of 1 / sqrt(600), and a fifth is five of these."""
        own, y = network(), response(MODELS["logit"])
        many, alone = fit_many(own, X, y, bootstrap=300, standard_errors=False), fit(own, X, y)

        assert many.standard_errors is None
        assert len(many) == 300
        assert many.coefficients.std(axis=0) == pytest.approx(alone.standard_errors[:, 0], rel=0.2)


class TestNoOptimum:
    """What has none is NaN, and says why; the others are what they are."""

    def test_a_resample_is_separated(self):
        """By the linear program that `fit` asks."""
        own, x, y = network(columns=1), np.arange(8.0)[:, None], np.array([0.0, 0, 0, 1, 0, 1, 1, 1])
        weights = np.ones((8, 3))
        weights[3:5, 1] = 0
        many = fit_many(own, x, y, weights=weights)

        assert many.converged.tolist() == [True, False, True]
        assert many.reasons == {1: fit(own, x, y, weights=weights[:, 1]).reason}
        assert "separated" in many.reasons[1]
        assert np.isnan(many.coefficients[1]).all()
        assert np.isnan([*many.standard_errors[1], many.dispersion[1], many.distance[1]]).all()
        assert_same(many, 2, fit(own, x, y, weights=weights[:, 2], tolerance=1e-10))

    def test_a_level_is_missing(self):
        """Its column is all zero in one of the fits."""
        own, level = network(columns=1), np.repeat([0.0, 1.0], 4)[:, None]
        weights = np.ones((8, 2))
        weights[4:, 1] = 0
        many = fit_many(own, level, [1, 0, 0, 0, 1, 1, 1, 0], weights=weights)

        assert many.converged.tolist() == [True, False]
        assert "x1 is all zeros" in many.reasons[1]

    def test_all_are_separated(self):
        """The fit of their mean, at which they would begin, has no optimum either."""
        many = fit_many(network(columns=1), np.arange(8.0)[:, None], np.repeat([0.0, 1.0], 4), bootstrap=3)

        assert not many.converged.any()
        assert np.isnan(many.coefficients).all()
        assert set(many.reasons) == {0, 1, 2}

    def test_a_loss_that_is_another_on_some_rows(self):
        """The gradient of the model's own loss is asked, where it is not Keras's."""

        def own_loss(y, mu):
            return keras.ops.mean(keras.ops.where(y > 90.0, 3.0, 1.0) * keras.ops.square(y - mu), axis=-1)

        own = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        own.compile(loss=own_loss)
        y = response(MODELS["gaussian"])
        ys = np.column_stack([y, np.where(np.arange(N) == N - 1, 100.0, y)])
        many = fit_many(own, X, ys)

        assert many.converged.tolist() == [True, False]
        assert "own loss gives a slope" in many.reasons[1]


class TestRefused:
    """With what is wrong, and where."""

    def refused(self, words, own=None, X=X, y=None, **settings):
        y = response(MODELS["logit"]) if y is None else y
        with pytest.raises(ValueError, match=words):
            fit_many(own or network(), X, y, **settings)

    def test_weights(self):
        """A negative one, one that is missing, a fit without rows, a name."""
        wrong, missing, empty = (COUNTS.astype(float) for _ in range(3))
        wrong[7, 2], missing[3, 1], empty[:, 4] = -1, np.nan, 0

        self.refused(r"the weight in row 7, column 3 is -1: a weight is finite and at least 0", weights=wrong)
        self.refused(r"the weight in row 3, column 2 is nan", weights=missing)
        self.refused("column 5 of weights is all zero: no row counts", weights=empty)
        self.refused("all weights are zero", weights=np.zeros(N))
        self.refused("weights is the name 'w'", weights="w")
        self.refused("weights has 3 rows, but y has 240", weights=COUNTS[:3])
        self.refused("weights has 3 rows, but y has 240", weights=COUNTS[:3, 0], bootstrap=2)
        self.refused("bootstrap is True: it is the number of resamples", bootstrap=True)

    def test_responses(self):
        """Each column is looked at."""
        ys = np.column_stack([response(MODELS["logit"])] * 2)
        ys[5, 1] = 2
        self.refused("column 2 of y is 2 in row 5", y=ys)
        ys[5, 1] = np.nan
        self.refused("y is missing .* in column 2, row 5", y=ys)

    def test_columns(self):
        """One that is missing in X, and parts that do not fit each other."""
        broken = X.copy()
        broken[4, 1] = np.nan
        self.refused("X is missing .* in column x2, row 4", X=broken)
        self.refused("the numbers of columns differ: weights 5, y 2", y=np.ones((N, 2)), weights=COUNTS)
        self.refused("the numbers of columns differ: weights 5, bootstrap 9", weights=COUNTS, bootstrap=9)
        self.refused("bootstrap is 0: it is the number of resamples", bootstrap=0)
        self.refused("bootstrap is 2.5: it is the number of resamples", bootstrap=2.5)

    def test_a_row_that_counts_in_no_fit_may_hold_anything(self):
        """As in `fit`."""
        broken, weights, y = X.copy(), COUNTS.copy(), response(MODELS["logit"])
        broken[4, 1], weights[4] = np.nan, 0

        kept = np.delete(np.arange(N), 4)
        alone = fit(network(), X[kept], y[kept], weights=weights[kept, 0], tolerance=1e-10)
        assert_same(fit_many(network(), broken, y, weights=weights), 0, alone)

    def test_models(self):
        """A softmax and a penalty, by the name of what takes them; and what is no model."""
        softmax = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, activation="softmax")])
        softmax.compile(loss="sparse_categorical_crossentropy")
        several = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        several.compile(loss="mse")

        self.refused("a softmax: call fit once for each", softmax, y=np.arange(N) % 3, bootstrap=2)
        self.refused("a model of 2 outputs: call fit once for each", several, y=np.ones((N, 2)) * np.arange(N)[:, None])
        self.refused("takes no penalty", network(kernel_regularizer="l2"), bootstrap=2)

    def test_a_stream(self):
        """Its rows are not counted."""
        with pytest.raises(ValueError, match="and no stream"):
            fit_many(network(), [(X, response(MODELS["logit"]))], bootstrap=2)


def test_the_model_keeps_its_weights():
    """There is no one optimum to set them to."""
    own = network()
    before = own.get_weights()
    fit_many(own, X, response(MODELS["logit"]), bootstrap=2)

    assert all(map(np.array_equal, before, own.get_weights()))
