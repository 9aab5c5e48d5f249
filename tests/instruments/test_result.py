"""What a fit answers beyond its coefficients: errors, tests, tables, predictions, held to statsmodels; and how it is printed."""

import warnings
from dataclasses import replace
from html.parser import HTMLParser

import keras
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from rich.cells import cell_len
from scipy import optimize

from spec import families, links
from spec.fit import Several, fit, optimise
from spec.fit.optimise import optimise_outputs
from spec.fit.rows import of_arrays
from spec.fit.summary import number
from spec.model import Model

RNG = np.random.default_rng(11)
N = 400
X = RNG.normal(size=(N, 3)) @ RNG.normal(size=(3, 3)) + [0, 5, 0]
ETA = 0.4 * X[:, 0] - 0.1 * X[:, 1] + 0.5
WEIGHTS, OFFSET = RNG.uniform(0.5, 2, size=N), 0.5 * RNG.normal(size=N)
GROUPS = np.array(["north", "south", "east", "west", *"abcdefghijkl"])[RNG.integers(16, size=N)]
PRECISE = {"tolerance": 1e-11}
RIGHT = 1e-6  # of a standard error, and relative to it


def chosen(mean):
    return (RNG.random(N) < mean).astype(float)


BINOMIAL, GAMMA = sm.families.Binomial, sm.families.Gamma
FAMILIES = {
    "gaussian-identity": (ETA + RNG.normal(size=N), sm.families.Gaussian()),
    "binomial-logit": (chosen(links.Logit().inverse(ETA)), BINOMIAL()),
    "poisson-log": (RNG.poisson(np.exp(ETA / 2 + OFFSET)).astype(float), sm.families.Poisson()),
    "gamma-log": (RNG.gamma(2, np.exp(ETA) / 2), GAMMA(sm.families.links.Log())),
    "binomial-probit": (chosen(links.Probit().inverse(ETA)), BINOMIAL(sm.families.links.Probit())),
    "gamma-inverse": (RNG.gamma(3, 1 / (4 + ETA)), GAMMA(sm.families.links.InversePower())),
}
MODELS = {
    str(model): model
    for model in (
        Model(families.Gaussian(), links.Identity()),
        Model(families.Binomial(), links.Logit()),
        Model(families.Poisson(), links.Log()),
        Model(families.Gamma(), links.Log()),
        Model(families.Binomial(), links.Probit()),
        Model(families.Gamma(), links.Inverse()),
    )
}
BESIDE = {  # prior weights and offsets
    "gaussian-identity": (None, None),
    "binomial-logit": (WEIGHTS, None),
    "poisson-log": (None, OFFSET),
    "gamma-log": (WEIGHTS, OFFSET),
    "binomial-probit": (WEIGHTS, None),
    "gamma-inverse": (None, None),
}
SOFTMAX = Model(families.Multinomial(), links.Softmax())
CLASSES = (X @ [[0, 0.5, -0.3], [0, -0.1, 0.1], [0, 0, 0.4]] + RNG.gumbel(size=(N, 3))).argmax(axis=1)


def fitted(name, columns=slice(None), intercept=True):
    weights, offset = BESIDE[name]
    return optimise(MODELS[name], of_arrays(X[:, columns], FAMILIES[name][0], weights, offset), intercept, **PRECISE)


def reference(name, columns=slice(None), intercept=True, **settings):
    (y, family), (weights, offset) = FAMILIES[name], BESIDE[name]
    design = sm.add_constant(X[:, columns]) if intercept else X[:, columns]
    return quiet(lambda: sm.GLM(y, design, family, var_weights=weights, offset=offset).fit(tol=1e-15, maxiter=300, **settings))


def quiet(function):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # statsmodels says what it may not do with weights, and of links that leave a domain
        return function()


FITS = {
    name: (fitted(name), reference(name, use_t=FAMILIES[name][1].__class__ in (sm.families.Gaussian, GAMMA))) for name in MODELS
}
every_fit = pytest.mark.parametrize(("found", "expected"), FITS.values(), ids=FITS)


@pytest.fixture(scope="module")
def softmax():
    return replace(optimise(SOFTMAX, of_arrays(X, np.eye(3)[CLASSES]), **PRECISE), outputs=("ash", "birch", "cedar"))


@pytest.fixture(scope="module")
def mnlogit():
    return sm.MNLogit(CLASSES, sm.add_constant(X)).fit(method="newton", tol=1e-14, disp=False)


OUTPUTS = np.column_stack([FAMILIES["gaussian-identity"][0], X[:, 2] + RNG.normal(size=N), RNG.normal(size=N)])


@pytest.fixture(scope="module")
def several():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
    model.compile(loss="mse")
    return fit(model, X, pd.DataFrame(OUTPUTS, columns=["wind", "rain", "sun"]))


@pytest.fixture(scope="module")
def ridge():
    penalty = keras.regularizers.L2(0.1)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, "softmax", kernel_regularizer=penalty)])
    model.compile(loss="sparse_categorical_crossentropy")
    return fit(model, X, CLASSES)


class TestNumbers:
    """They are those of statsmodels, by the conventions of `spec.inference`."""

    @every_fit
    def test_of_the_coefficients(self, found, expected):
        assert found.converged
        assert (np.abs(found.coefficients[:, 0] - expected.params) <= RIGHT * expected.bse).all()
        assert found.standard_errors[:, 0] == pytest.approx(expected.bse, rel=RIGHT)
        assert found.covariance == pytest.approx(expected.cov_params(), rel=3 * RIGHT, abs=RIGHT * (expected.bse**2).min())
        assert found.statistics[:, 0] == pytest.approx(expected.tvalues, rel=3 * RIGHT, abs=RIGHT)
        assert found.pvalues[:, 0] == pytest.approx(expected.pvalues, rel=1e-4, abs=RIGHT)
        assert found.conf_int()[:, 0] == pytest.approx(expected.conf_int(), rel=RIGHT, abs=RIGHT)
        assert found.conf_int(0.8)[:, 0] == pytest.approx(expected.conf_int(0.2), rel=RIGHT, abs=RIGHT)

    @every_fit
    def test_of_the_likelihood(self, found, expected):
        assert found.dispersion == pytest.approx(expected.scale, rel=RIGHT)
        assert found.log_likelihood == pytest.approx(expected.llf, rel=1e-8)
        assert found.deviance == pytest.approx(expected.deviance, rel=1e-8)
        assert found.null_deviance == pytest.approx(quiet(lambda: expected.null_deviance), rel=1e-8)
        assert found.aic == pytest.approx(expected.aic, rel=1e-8)
        assert found.bic == pytest.approx(expected.bic_llf, rel=1e-8)

    def test_of_a_softmax(self, softmax, mnlogit):
        assert softmax.coefficients == pytest.approx(mnlogit.params, rel=RIGHT, abs=RIGHT * mnlogit.bse.min())
        assert softmax.standard_errors == pytest.approx(mnlogit.bse, rel=RIGHT)
        assert softmax.covariance == pytest.approx(np.asarray(mnlogit.cov_params()), rel=RIGHT, abs=1e-9)
        assert softmax.pvalues == pytest.approx(mnlogit.pvalues, rel=1e-4, abs=RIGHT)
        assert softmax.log_likelihood == pytest.approx(mnlogit.llf, rel=1e-9)
        assert softmax.null_deviance == pytest.approx(-2 * mnlogit.llnull, rel=1e-9)
        assert softmax.deviance == pytest.approx(-2 * mnlogit.llf, rel=1e-9)
        assert (softmax.aic, softmax.bic) == pytest.approx((mnlogit.aic, mnlogit.bic), rel=1e-9)

    def test_the_null_deviance_of_a_softmax_with_an_offset(self):
        """It is that of a fit with the intercept alone; here of the column of ones in its place."""
        offset = 0.5 * RNG.normal(size=(N, 3))
        y = np.eye(3)[CLASSES]
        found = optimise(SOFTMAX, of_arrays(X, y, WEIGHTS, offset))
        null = optimise(SOFTMAX, of_arrays(np.ones((N, 1)), y, WEIGHTS, offset), intercept=False)

        assert found.null_deviance == pytest.approx(null.deviance, rel=1e-10)
        assert found.null_deviance > found.deviance

    def test_the_null_deviance_where_few_intercepts_are_in_the_domain(self):
        """A Poisson mean that is the intercept and an offset; the mean response less that of the offset is none of them."""
        offset = RNG.uniform(-1, 4, size=N)
        y = RNG.poisson(0.5 * (1.2 + offset)).astype(float)
        y[np.argmin(offset)] = 2  # which keeps its mean above 0
        found = optimise(Model(families.Poisson(), links.Identity()), of_arrays(X, y, None, offset))
        deviance = families.Poisson().unit_deviance
        lowest = optimize.minimize_scalar(
            lambda intercept: deviance(y, intercept + offset).sum(), bounds=(-offset.min(), 5), method="bounded"
        )

        assert y.mean() - offset.mean() < -offset.min()
        assert found.null_deviance == pytest.approx(lowest.fun, rel=1e-8)

    def test_without_an_intercept(self):
        found, expected = fitted("gamma-log", intercept=False), reference("gamma-log", intercept=False)

        assert found.terms == ("x1", "x2", "x3")
        assert found.standard_errors[:, 0] == pytest.approx(expected.bse, rel=RIGHT)
        assert found.bic == pytest.approx(expected.bic_llf, rel=1e-7)
        assert np.isnan(found.null_deviance)

    def test_with_one_column(self):
        found, expected = fitted("gamma-log", [0]), reference("gamma-log", [0])

        assert found.terms == ("intercept", "x1")
        assert found.standard_errors[:, 0] == pytest.approx(expected.bse, rel=RIGHT)
        assert found.robust("HC0").standard_errors[:, 0] == pytest.approx(
            reference("gamma-log", [0], cov_type="HC0").bse, rel=RIGHT
        )

    def test_a_quasi_likelihood_has_no_criteria(self):
        """Its dispersion is Pearson's, as with scale="X2", and its statistics are t; its log-likelihood is that at 1."""
        y = RNG.gamma(2, np.exp(ETA / 2))
        found = optimise(MODELS["poisson-log"], of_arrays(X, y), quasi=True)
        expected = sm.GLM(y, sm.add_constant(X), sm.families.Poisson()).fit(scale="X2", use_t=True, tol=1e-14)

        assert found.standard_errors[:, 0] == pytest.approx(expected.bse, rel=1e-5)
        assert found.pvalues[:, 0] == pytest.approx(expected.pvalues, rel=1e-3, abs=RIGHT)
        assert found.deviance == pytest.approx(expected.deviance, rel=1e-8)
        assert found.log_likelihood == pytest.approx(expected.llf_scaled(1.0), rel=1e-8)
        assert np.isnan([found.aic, found.bic]).all()
        assert str(found.summary()).count("none: quasi-likelihood") == 2

    def test_a_dispersion_that_is_known_has_z(self):
        """As of rates whose counts are known."""
        found = replace(FITS["poisson-log"][0], quasi=True, dispersion=1.0)

        assert found.pvalues == pytest.approx(FITS["poisson-log"][0].pvalues)

    def test_a_perfect_fit_has_no_errors(self):
        """Its likelihood is unbounded."""
        found = optimise(MODELS["gaussian-identity"], of_arrays(np.eye(4)[:, :1], np.array([1.0, 0, 0, 0])))

        assert found.dispersion == 0
        assert found.log_likelihood == np.inf
        assert "inf" in str(found.summary())

    def test_a_level_is_a_share(self):
        with pytest.raises(ValueError, match="level is 95"):
            FITS["poisson-log"][0].conf_int(95)

    @pytest.mark.parametrize("level", [0.05, 0.1, 0.01])
    def test_an_alpha_is_no_level(self, level):
        """Statsmodels' conf_int takes alpha; an interval that covers 5 % is what nobody asks for."""
        with pytest.raises(ValueError, match=f"alpha of {level}, give level={1 - level:g}"):
            FITS["poisson-log"][0].conf_int(level)

    @pytest.mark.parametrize("interval", [0.9, 0.1, "prediction", "mean"])
    def test_an_interval_is_true_or_false(self, interval):
        asked = "interval=True gives" if isinstance(interval, str) else "interval=True, level=0.9 gives"
        with pytest.raises(ValueError, match=f"interval is {interval!r}: {asked} intervals of the mean"):
            FITS["poisson-log"][0].predict(np.zeros((1, 3)), interval=interval)


def least_squares(name):
    """The linear model of statsmodels, whose HC1, HC2 and HC3 are those of their authors."""
    y, design = FAMILIES[name][0], sm.add_constant(X)
    return lambda kind: sm.OLS(y, design).fit(cov_type=kind, use_t=False)


def by_hand(expected, kind):
    """A sandwich made of statsmodels' scores, observed Hessian and expected hat matrix."""
    scores = expected.model.score_obs(expected.params, scale=1.0)
    bread = np.linalg.inv(expected.model.hessian(expected.params, scale=1.0, observed=True))
    rest = 1 - expected.get_hat_matrix_diag(observed=False)[:, None]
    scores = {"HC1": scores * np.sqrt(N / (N - 4)), "HC2": scores / np.sqrt(rest), "HC3": scores / rest}[kind]
    return bread @ scores.T @ scores @ bread


class TestRobustErrors:
    @pytest.mark.parametrize("name", MODELS)
    def test_white(self, name):
        """HC0, also where the observed information is another than the expected; statistics are z."""
        found, expected = FITS[name][0].robust("HC0"), reference(name, cov_type="HC0")

        assert found.standard_errors[:, 0] == pytest.approx(expected.bse, rel=RIGHT)
        assert found.covariance == pytest.approx(expected.cov_params(), rel=3 * RIGHT, abs=RIGHT * (expected.bse**2).min())
        assert found.pvalues[:, 0] == pytest.approx(expected.pvalues, rel=1e-4, abs=RIGHT)
        assert found.conf_int()[:, 0] == pytest.approx(expected.conf_int(), rel=RIGHT, abs=RIGHT)
        assert "HC0" in found.notes[-1]

    @pytest.mark.parametrize("kind", ["HC0", "HC1", "HC2", "HC3"])
    def test_those_of_least_squares(self, kind):
        """The GLM of statsmodels takes HC0 for each of them, its linear model does not."""
        found = FITS["gaussian-identity"][0].robust(kind)
        expected = least_squares("gaussian-identity")(kind)

        assert found.covariance == pytest.approx(expected.cov_params(), rel=RIGHT, abs=1e-9)
        assert found.pvalues[:, 0] == pytest.approx(expected.pvalues, rel=1e-4, abs=RIGHT)

    @pytest.mark.parametrize("kind", ["HC1", "HC2", "HC3"])
    @every_fit
    def test_those_of_other_models(self, found, expected, kind):
        errors = np.sqrt(np.diag(by_hand(expected, kind)))
        assert found.robust(kind).standard_errors[:, 0] == pytest.approx(errors, rel=RIGHT)

    @pytest.mark.parametrize("name", MODELS)
    def test_clustered(self, name):
        """With the corrections that statsmodels makes by default; labels are text."""
        codes = np.unique(GROUPS, return_inverse=True)[1]
        found = FITS[name][0].clustered(GROUPS)
        expected = reference(name, cov_type="cluster", cov_kwds={"groups": codes})

        assert found.standard_errors[:, 0] == pytest.approx(expected.bse, rel=RIGHT)
        assert found.pvalues[:, 0] == pytest.approx(expected.pvalues, rel=1e-4, abs=RIGHT)
        assert "16 groups" in found.notes[-1]

    @pytest.mark.parametrize("kind", [{"cov_type": "HC0"}, {"cov_type": "cluster"}], ids=str)
    def test_those_of_a_softmax(self, softmax, kind):
        codes = np.unique(GROUPS, return_inverse=True)[1]
        settings = {**kind, **({"cov_kwds": {"groups": codes}} if "cluster" in kind.values() else {})}
        expected = sm.MNLogit(CLASSES, sm.add_constant(X)).fit(method="newton", tol=1e-14, disp=False, **settings)
        found = softmax.robust("HC0") if "HC0" in kind.values() else softmax.clustered(GROUPS)

        assert found.standard_errors == pytest.approx(expected.bse, rel=RIGHT)

    def test_a_softmax_has_no_leverage_that_is_a_number(self, softmax):
        hc1, hc0 = softmax.robust("HC1"), softmax.robust("HC0")

        assert hc1.covariance == pytest.approx(hc0.covariance * N / (N - 8))
        with pytest.raises(ValueError, match="HC3 is not defined: take HC0 or HC1"):
            softmax.robust("HC3")

    def test_many_rows_and_rows_without_weight(self):
        """Sums go over several batches, and what a row without weight holds does not matter; but it counts as a row."""
        n = 40_000
        wide, y = RNG.normal(size=(n, 30)), RNG.poisson(1.5, size=n).astype(float)
        weights, labels = np.ones(n), RNG.integers(50, size=n)
        weights[::4] = 0
        found = optimise(MODELS["poisson-log"], of_arrays(wide, y, weights), **PRECISE)
        changed = y.copy()
        changed[::4] = 1e6
        other = optimise(MODELS["poisson-log"], of_arrays(wide, changed, weights), **PRECISE)
        kept = weights > 0
        alone = sm.GLM(y[kept], sm.add_constant(wide[kept]), sm.families.Poisson()).fit(cov_type="HC0")
        groups = {"cov_type": "cluster", "cov_kwds": {"groups": labels[kept]}}
        grouped = sm.GLM(y[kept], sm.add_constant(wide[kept]), sm.families.Poisson()).fit(**groups)
        few = kept.sum()
        corrected = grouped.bse * np.sqrt((n - 1) / (n - 31) * (few - 31) / (few - 1))

        assert found.robust("HC0").standard_errors[:, 0] == pytest.approx(alone.bse, rel=RIGHT)
        assert other.robust("HC3").standard_errors == pytest.approx(found.robust("HC3").standard_errors, rel=1e-9)
        assert found.clustered(labels).standard_errors[:, 0] == pytest.approx(corrected, rel=RIGHT)

    def test_labels_are_of_any_kind(self):
        """Text, objects, categories, a Series; whatever their order."""
        found = FITS["gamma-log"][0]
        numbers = np.unique(GROUPS, return_inverse=True)[1]
        mixed = np.array([code if code % 2 else f"number {code}" for code in numbers], dtype=object)
        expected = found.clustered(GROUPS).standard_errors

        for labels in (list(GROUPS), -1.5 * numbers, mixed, pd.Series(GROUPS, dtype="category"), numbers[:, None]):
            assert found.clustered(labels).standard_errors == pytest.approx(expected, rel=1e-12)

    @pytest.mark.parametrize(
        ("labels", "message"),
        [
            (GROUPS[1:], "shape \\(399,\\), but the fit has 400 rows"),
            (np.where(np.arange(N) == 7, np.nan, 1.0), "missing in row 7"),
            (np.zeros(N), "all rows are in one group"),
        ],
    )
    def test_labels_that_make_no_groups(self, labels, message):
        with pytest.raises(ValueError, match=message):
            FITS["gamma-log"][0].clustered(labels)

    def test_a_name_is_no_group(self):
        with pytest.raises(
            ValueError, match=r"groups is the name 'g': give the labels themselves, one for each row, such as data\['g'\]"
        ):
            FITS["poisson-log"][0].clustered("g")

    def test_a_row_that_alone_determines_a_coefficient(self):
        alone = np.column_stack([X, np.arange(N) == 17])
        found = optimise(MODELS["gaussian-identity"], of_arrays(alone, FAMILIES["gaussian-identity"][0]))

        assert np.isfinite(found.robust("HC1").standard_errors).all()
        with pytest.raises(ValueError, match="row 17 alone determines a coefficient"):
            found.robust("HC3")

    def test_one_kind_of_errors_replaces_another(self):
        """Only one note remains, and they are computed anew."""
        found = FITS["gamma-log"][0]
        twice = found.clustered(GROUPS).robust("HC3")

        assert twice.standard_errors == pytest.approx(found.robust("HC3").standard_errors)
        assert len(twice.notes) == 1
        assert "HC3" in str(twice.summary())
        assert found.standard_errors[:, 0] == pytest.approx(FITS["gamma-log"][1].bse, rel=RIGHT)

    def test_an_unknown_kind_is_named(self):
        with pytest.raises(ValueError, match="no errors 'HC4': they are HC0, HC1, HC2, HC3"):
            FITS["gamma-log"][0].robust("HC4")


class TestOtherWords:
    """The same fit in other coordinates."""

    @pytest.mark.parametrize("errors", [lambda fit: fit, lambda fit: fit.robust("HC0")], ids=["the model's", "HC0"])
    def test_against_another_class(self, softmax, errors):
        """The fit of the classes in another order; twice changed it is the first."""
        order = [1, 2, 0]  # birch is class 0
        other = errors(optimise(SOFTMAX, of_arrays(X, np.eye(3)[CLASSES][:, order]), **PRECISE))
        found = errors(softmax.against("birch"))
        back = [1, 0]  # ash and cedar

        assert found.free_outputs == ("ash", "cedar")
        assert found.params.matrix == pytest.approx(softmax.params.matrix - softmax.params.matrix[:, [1]])
        assert found.coefficients == pytest.approx(other.coefficients[:, back], rel=RIGHT, abs=1e-8)
        assert found.standard_errors == pytest.approx(other.standard_errors[:, back], rel=RIGHT)
        blocks = np.s_[[4, 5, 6, 7, 0, 1, 2, 3]]
        assert found.covariance == pytest.approx(other.covariance[blocks][:, blocks], rel=1e-5, abs=1e-9)
        assert found.predict(X) == pytest.approx(softmax.predict(X))
        assert found.against(0).covariance == pytest.approx(errors(softmax).covariance)
        assert found.log_likelihood == softmax.log_likelihood

    def test_against_a_class_that_there_is_not(self, softmax):
        for wrong in ("oak", 3, -1):
            with pytest.raises(ValueError, match="there is no class"):
                softmax.against(wrong)
        with pytest.raises(ValueError, match="only a softmax has a baseline"):
            FITS["gamma-log"][0].against(0)

    @pytest.mark.parametrize("errors", [lambda fit: fit, lambda fit: fit.robust("HC3")], ids=["the model's", "HC3"])
    def test_in_units_of_the_data(self, errors):
        """Coefficients of standardised columns, made those of the columns."""
        centre, scale = X.mean(axis=0), X.std(axis=0)
        y = FAMILIES["binomial-probit"][0]
        standard = optimise(MODELS["binomial-probit"], of_arrays((X - centre) / scale, y, WEIGHTS), **PRECISE)
        found = errors(standard).in_units(np.diag(1 / scale), -centre / scale, ["age", "height", "weight"])
        expected = errors(FITS["binomial-probit"][0])

        assert found.terms == ("intercept", "age", "height", "weight")
        assert found.params.matrix == pytest.approx(expected.params.matrix, rel=RIGHT, abs=1e-8)
        assert found.covariance == pytest.approx(expected.covariance, rel=1e-5, abs=1e-9)
        assert errors(standard.in_units(np.diag(1 / scale), -centre / scale)).covariance == pytest.approx(found.covariance)
        assert found.predict((X - centre) / scale) == pytest.approx(expected.predict(X))
        assert (found.aic, found.null_deviance) == pytest.approx((expected.aic, expected.null_deviance))

    def test_a_softmax_in_units_of_the_data_against_another_class(self, softmax):
        """One column fewer enters the layer than the data have."""
        matrix = np.array([[1.0, 0.5, 0], [0, 2, 0], [0, 0, 0], [0.3, 0, 1]])
        shift = np.array([1.0, -2, 0.5])
        found = softmax.in_units(matrix, shift).against("cedar")
        other = softmax.against("cedar").in_units(matrix, shift)

        assert found.standard_errors.shape == (5, 2)
        assert found.covariance == pytest.approx(other.covariance, abs=1e-12)
        assert found.coefficients[1:] == pytest.approx(matrix @ softmax.against("cedar").coefficients[1:])
        assert found.coefficients[3] == pytest.approx(0)
        assert found.bic == softmax.bic

    def test_t_has_the_degrees_of_freedom_of_the_fit(self):
        """However many columns the data have."""
        found = FITS["gaussian-identity"][0]
        wide = found.in_units(np.vstack([np.eye(3), np.zeros((200, 3))]), np.zeros(3))

        assert wide.pvalues[:4] == pytest.approx(found.pvalues)

    def test_units_that_do_not_fit(self):
        found, bare = FITS["gamma-log"][0], fitted("gamma-log", intercept=False)

        with pytest.raises(ValueError, match="the layer has 3 inputs"):
            found.in_units(np.eye(2), np.zeros(2))
        with pytest.raises(ValueError, match="1 names for 3 columns"):
            found.in_units(np.eye(3), np.zeros(3), ["age"])
        with pytest.raises(ValueError, match="without an intercept"):
            bare.in_units(np.eye(3), np.ones(3))
        assert bare.in_units(2 * np.eye(3), np.zeros(3)).coefficients == pytest.approx(2 * bare.coefficients)


class TestPredictions:
    @pytest.mark.parametrize("name", MODELS)
    def test_means_and_intervals(self, name):
        """Those of statsmodels, whose interval of the mean is that of eta carried over, by its z or t."""
        found, expected = FITS[name]
        offset = BESIDE[name][1]
        rows = slice(0, 50)
        own = None if offset is None else offset[rows]
        ends = quiet(lambda: expected.get_prediction(sm.add_constant(X)[rows], offset=own).summary_frame(alpha=0.1))
        mean, lower, upper = found.predict(X[rows], own, interval=True, level=0.9)

        assert found.predict(X[rows], own) == pytest.approx(mean)
        assert mean[:, 0] == pytest.approx(ends["mean"].to_numpy(), rel=1e-7)
        expected_ends = np.sort(ends[["mean_ci_lower", "mean_ci_upper"]])  # it calls the upper end lower where the link falls
        assert np.hstack([lower, upper]) == pytest.approx(expected_ends, rel=1e-6)

    def test_an_interval_beyond_the_domain(self):
        """An inverse link gives the upper end where eta is at its lower one, and none where that is not positive."""
        mean, lower, upper = FITS["gamma-inverse"][0].predict(X + np.array([-6, 30, 0]), interval=True)

        beyond = np.isnan(upper[:, 0])
        assert beyond.any()
        assert not np.isnan(lower[mean > 0]).any()
        assert (lower < mean)[mean > 0].all()
        assert (upper > mean)[~np.isnan(upper)].all()

    def test_probabilities(self, softmax, mnlogit):
        assert softmax.predict(X) == pytest.approx(mnlogit.predict(), rel=1e-7)
        with pytest.raises(ValueError, match="no intervals for the probabilities of a softmax"):
            softmax.predict(X, interval=True)

    def test_an_offset_that_the_fit_had_is_asked_for(self):
        with pytest.raises(ValueError, match="the fit had an offset: give offset="):
            FITS["poisson-log"][0].predict(X)
        with pytest.raises(ValueError, match="the fit had an offset: give offset="):
            FITS["poisson-log"][0].robust("HC0").in_units(np.eye(3), np.zeros(3)).predict(X)

    def test_of_many_rows_and_of_none(self):
        """They are predicted a part at a time."""
        found = FITS["binomial-logit"][0]
        many = RNG.normal(size=(40_000, 3))

        assert found.predict(many)[:, 0] == pytest.approx(found.model.link.inverse(found.params.linear_predictor(many))[:, 0])
        assert found.predict(many[:0]).shape == (0, 1)
        assert found.predict(pd.DataFrame(X)).shape == (N, 1)

    def test_of_another_number_of_columns(self):
        with pytest.raises(ValueError, match="the fit had 3 columns of X"):
            FITS["binomial-logit"][0].predict(X[:, :2])

    def test_of_a_keras_model(self):
        """The same as the model's own, in what forms it takes."""
        model = keras.Sequential([keras.Input((3,)), keras.layers.Rescaling(0.5, 1.0), keras.layers.Dense(1, "exponential")])
        model.compile(loss="poisson")
        y = FAMILIES["poisson-log"][0]
        found = fit(model, X, y)
        expected = model.predict(X, verbose=0)

        assert found.predict(pd.DataFrame(X, columns=list("abc"))) == pytest.approx(expected, rel=1e-4)
        other = sm.GLM(y, sm.add_constant(X), sm.families.Poisson()).fit(tol=1e-14)
        units = found.in_units(0.5 * np.eye(3), np.ones(3), list("abc"))
        assert units.standard_errors[:, 0] == pytest.approx(other.bse, rel=1e-5)
        assert (np.abs(units.coefficients[:, 0] - other.params) < 2e-6 * other.bse).all()
        assert units.predict(X) == pytest.approx(other.predict()[:, None], rel=1e-6)


class Cells(HTMLParser):
    """The texts of a table's cells, row by row."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.open = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if any(tag in self.open for tag in ("td", "th")):
            self.rows[-1][-1] += data


def shown(found):
    """The lines of the table, none of which is wider than 80 columns."""
    lines = str(found.summary()).splitlines()
    assert max(map(cell_len, lines)) <= 80
    return lines


class TestSummary:
    @every_fit
    def test_it_shows_each_coefficient(self, found, expected):
        """To the digits printed, with a head of statsmodels' names."""
        lines = shown(found)
        rows = {line.split()[0]: [float(text) for text in line.split()[1:]] for line in lines if line.startswith(("x", "inter"))}
        table = np.column_stack([expected.params, expected.bse, expected.tvalues, expected.pvalues, expected.conf_int()])

        assert list(rows) == ["intercept", "x1", "x2", "x3"]
        assert np.array(list(rows.values())) == pytest.approx(table, rel=0.03, abs=1e-3)
        (head,) = [line for line in lines if "std err" in line and "coef" in line]
        kind = "t" if found.model.family.has_dispersion else "z"
        assert head.split() == ["coef", "std", "err", kind, f"P>|{kind}|", "[0.025", "0.975]"]

    def test_it_shows_the_fit(self):
        text = " ".join(str(FITS["gamma-log"][0].summary()).split())
        found = FITS["gamma-log"][0]

        for fact in (
            "gamma-log: y",
            "Rows: 400",
            "Converged: yes",
            f"Log-likelihood: {found.log_likelihood:.4f}",
            f"Deviance: {found.deviance:.4f}",
            f"Null deviance: {found.null_deviance:.4f}",
            f"Dispersion: {found.dispersion:.4f}",
            f"AIC: {found.aic:.4f}",
            f"BIC: {found.bic:.4f}",
        ):
            assert fact in text
        assert "Dispersion: 1 (fixed)" in " ".join(str(FITS["binomial-logit"][0].summary()).split())

    def test_a_softmax_has_a_block_for_each_class(self, softmax):
        lines = shown(softmax.against("birch"))

        titles = [number for number, line in enumerate(lines) if line in ("ash against birch", "cedar against birch")]
        assert [line.split()[0] for line in lines[titles[0] + 1 :][:4]] == ["intercept", "x1", "x2", "x3"]
        assert titles[1] - titles[0] == 6
        assert "ash against birch" in softmax.against("birch").summary()._repr_html_()

    def test_notes_are_printed_below(self):
        note = "a note that is so long that it takes more than a line of the table, which has 80 columns: " + "word " * 20
        lines = shown(replace(FITS["gamma-log"][0], notes=(note,)))

        last = max(number for number, line in enumerate(lines) if line.startswith("==="))
        assert " ".join(" ".join(lines[last + 1 :]).split()) == note.strip()

    def test_other_levels(self):
        text = str(FITS["gamma-log"][0].summary(level=0.9))

        assert "     [0.05     0.95]\n" in text
        assert number(float(FITS["gamma-log"][0].conf_int(0.9)[1, 0, 1])) in text

    def test_a_fit_that_did_not_converge_says_so_at_the_top(self):
        """Here of separated data."""
        found = optimise(MODELS["binomial-logit"], of_arrays(X[:60], (X[:60, 0] > 0) * 1.0))
        lines = shown(found)

        assert not found.converged
        assert lines[2].startswith("NOT CONVERGED: ")
        assert "separated" in " ".join(lines[2:6])
        assert "of no optimum" in " ".join(lines[2:8])
        assert "Not converged:" in found.summary()._repr_html_()
        assert "NOT CONVERGED" not in str(FITS["gamma-log"][0].summary())

    def test_collinear_columns_have_infinite_errors(self):
        found = optimise(MODELS["binomial-logit"], of_arrays(np.column_stack([X, X[:, 0]]), FAMILIES["binomial-logit"][0]))
        lines = shown(found)

        assert (found.standard_errors == np.inf).all()
        assert (found.robust("HC0").standard_errors == np.inf).all()
        assert "linearly dependent" in " ".join(lines[2:6])
        assert sum(line.split()[2] == "inf" for line in lines if line.startswith("x")) == 4
        wide = np.column_stack([X, X[:, 0]])
        assert np.isnan(found.predict(wide, interval=True).lower).all()

    def test_long_and_odd_names(self):
        """They stand whole, in a line of their own where they are long; and are text in HTML, whatever they look like."""
        names = ("C(region, Treatment('south'))[T.north-by-northwest]:bs(power, df=4)[2]", "<b>&x</b>", "two\nlines 高さ[red]")
        found = replace(FITS["gamma-log"][0], columns=names, outputs=("<script>",))
        lines = shown(found)
        html = found.summary()._repr_html_()

        at = lines.index(names[0])
        assert lines[at + 1].split()[0] == number(float(found.coefficients[1, 0]))
        assert "two\\nlines 高さ[red]" in "\n".join(lines)
        assert "<b>" not in html
        assert "<script>" not in html
        rows = Cells(html).rows
        assert [row[0] for row in rows[-4:]] == ["intercept", *names]
        assert [len(row) for row in rows[-4:]] == [7] * 4

    def test_a_name_longer_than_the_table(self):
        lines = shown(replace(FITS["gamma-log"][0], columns=("é" * 200, "高" * 70, "")))

        assert sum(line.count("é") for line in lines) == 200
        assert sum(line.count("高") for line in lines) == 70

    def test_many_columns(self):
        """A row for each; and a long name of the output takes several lines."""
        wide = RNG.normal(size=(1000, 200))
        found = optimise(MODELS["gaussian-identity"], of_arrays(wide, wide[:, 0] + RNG.normal(size=1000)))
        lines = shown(found)

        assert sum(line.startswith("x") for line in lines) == 200
        assert found.to_frame().shape == (201, 6)
        assert len(shown(replace(found, outputs=("output " * 50,)))) > len(lines)

    def test_numbers_keep_their_columns(self):
        """Whatever their size, in at most 9 characters."""
        sizes = [
            s * x
            for s in (1, -1)
            for x in (0.0, 1e-300, 9.9999e-3, 0.099999, 999.99999, 99999.999, 999999.99, 1e6, 1e300, np.inf)
        ]
        for value in sizes:
            text = number(value)
            assert len(text) <= 9
            assert float(text) == pytest.approx(value, rel=0.05)


class TestFrame:
    @every_fit
    def test_a_row_for_each_coefficient(self, found, expected):
        frame = found.to_frame()

        assert list(frame.index) == ["intercept", "x1", "x2", "x3"]
        assert list(frame) == ["coef", "std_err", "t" if found.model.family.has_dispersion else "z", "p_value", "lower", "upper"]
        assert frame["std_err"].to_numpy() == pytest.approx(expected.bse, rel=RIGHT)
        assert frame.loc["x2", "upper"] == pytest.approx(expected.conf_int()[2, 1], rel=1e-5)

    def test_classes_and_terms(self, softmax, mnlogit):
        frame = softmax.to_frame(level=0.5)

        assert frame.index.names == ["class", "term"]
        assert frame.loc[("cedar", "x3"), "coef"] == pytest.approx(mnlogit.params[3, 1], rel=RIGHT)
        assert frame.loc[("birch", "x1"), "std_err"] == pytest.approx(mnlogit.bse[1, 0], rel=RIGHT)
        assert list(softmax.robust("HC0").to_frame())[2] == "z"


class TestSeveral:
    def test_intervals_of_each_output_stand_side_by_side(self, several):
        rows = np.arange(12.0).reshape(4, 3)
        together = several.predict(rows, interval=True, level=0.9)
        for output in range(len(several.outputs)):
            for whole, own in zip(together, several[output].predict(rows, interval=True, level=0.9), strict=True):
                assert whole[:, [output]].tolist() == own.tolist()

    def test_each_output_is_a_model(self, several):
        assert isinstance(several, Several)
        assert several.converged
        for output, name in enumerate(["wind", "rain", "sun"]):
            expected = sm.OLS(OUTPUTS[:, output], sm.add_constant(X)).fit()
            assert several[name] is several[output]
            assert several[name].pvalues[:, 0] == pytest.approx(expected.pvalues, rel=1e-5, abs=1e-8)
            assert several.params.matrix[:, output] == pytest.approx(expected.params, rel=1e-6, abs=1e-8)
            assert several.standard_errors[:, output] == pytest.approx(expected.bse, rel=1e-6)
            assert several.dispersion[output] == pytest.approx(expected.scale, rel=1e-6)
            assert several.predict(X)[:, output] == pytest.approx(expected.predict(), rel=1e-6, abs=1e-8)
            assert several.robust("HC2")[name].standard_errors[:, 0] == pytest.approx(expected.HC2_se, rel=1e-6)
            assert several.to_frame().loc[(name, "x2"), "coef"] == pytest.approx(expected.params[2], rel=1e-6)
        assert several.to_frame().index.names == ["output", "term"]
        assert several.names == ("wind", "rain", "sun")
        assert len(list(several)) == 3

    def test_an_output_that_there_is_not(self, several):
        with pytest.raises(KeyError, match="snow"):
            several["snow"]
        with pytest.raises(IndexError):
            several[3]

    def test_the_summaries_stand_below_each_other(self, several):
        text = str(several.summary())

        assert [text.count(f"gaussian-identity: {name}") for name in several.names] == [1, 1, 1]
        assert text.index("wind") < text.index("rain") < text.index("sun")
        assert several.summary()._repr_html_().count("<caption>") == 3
        assert "HC1" in str(several.robust().summary())

    def test_the_worst_output_speaks(self, several):
        """The first that did not converge; else that which ended farthest off."""
        far = replace(several[1], distance=0.5, reason="far")
        failed = replace(several[2], converged=False, distance=np.nan, reason="failed")
        all_well = Several((several[0], far, several[2]))

        assert (all_well.converged, all_well.distance, all_well.reason) == (True, 0.5, "rain: far")
        one_failed = Several((far, failed, several[0]))
        assert (one_failed.converged, one_failed.reason) == (False, "sun: failed")
        assert np.isnan(one_failed.distance)

    def test_each_output_takes_its_own_offset(self):
        """Also of fits that were made without Keras."""
        offset = RNG.normal(size=(N, 3))
        fits = optimise_outputs(MODELS["gaussian-identity"], of_arrays(X, OUTPUTS, None, offset), True, 3)
        found = Several(tuple(fits)).predict(X, offset)

        for output in range(3):
            own = offset[:, output]
            expected = sm.OLS(OUTPUTS[:, output] - own, sm.add_constant(X)).fit().predict() + own
            assert found[:, output] == pytest.approx(expected, rel=1e-6, abs=1e-8)


class TestPenalised:
    """A penalised fit has no errors, and claims none."""

    def test_every_class_has_its_coefficients(self, ridge):
        assert ridge.coefficients == pytest.approx(ridge.params.matrix)
        assert ridge.free_outputs == ridge.outputs
        assert [title for title in ridge.outputs if title in shown(ridge)] == list(ridge.outputs)

    def test_it_has_no_errors(self, ridge):
        assert np.isnan(ridge.standard_errors).all()
        assert np.isnan([ridge.aic, ridge.bic]).all()
        assert str(ridge.summary()).count("none: penalised") == 3
        for asked in (lambda: ridge.robust(), lambda: ridge.clustered(GROUPS), lambda: ridge.against(1)):
            with pytest.raises(ValueError, match="a penalised"):
                asked()
