"""Results of statsmodels, and tables that leave a part out: each is the optimum of a model that is known."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from statsmodels.genmod import families

from spec.diagnosis import diagnose
from spec.diagnosis.estimator import model_of

N = 400


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(3)
    made = pd.DataFrame({"age": rng.uniform(2, 8, N), "x": rng.normal(1, 1, N), "g": rng.choice(list("abc"), N)})
    made = made.assign(e=rng.uniform(0.2, 2, N))
    eta = -1 + 0.3 * (made["age"] - 5) + 0.3 * made["x"] + 0.8 * (made["g"] == "b")
    made["y"] = (rng.random(N) < 1 / (1 + np.exp(-eta))).astype(int)
    return made.assign(n=rng.poisson(made["e"] * np.exp(0.5 * eta) * rng.gamma(2, 0.5, N)))


def fitted(frame, formula, family, **how):
    return smf.glm(formula, frame, family=family, **how).fit(tol=1e-12)


@pytest.fixture(scope="module")
def logit(frame):
    return fitted(frame, "y ~ age + x", families.Binomial())


def held(frame, answer, formula="y ~ age + x", family="binomial", **beside):
    return diagnose(answer, data=frame, formula=formula, family=family, **beside)


def test_a_table_without_its_intercept_has_the_right_slopes(frame, logit):
    """Under a log link too, where another unit of y would move it as well."""
    found = held(frame, logit.params.drop("Intercept"))
    counts = fitted(frame, "n ~ age", families.Poisson()).params

    assert found.codes == ("another-intercept",)
    assert f"the best one is {logit.params['Intercept']:.6g}" in found.found[0].says
    assert held(frame, {"age": counts["age"]}, "n ~ age", "poisson").codes == ("another-intercept",)


@pytest.mark.parametrize("kind", [sm.OLS, sm.Logit, sm.GLM])
def test_a_result_with_or_without_an_intercept_is_held_to_the_other(kind, frame):
    """Its standard errors are of more columns, or of fewer, than the question has."""
    X, y = frame[["age", "x"]].to_numpy(), frame["y"].to_numpy()
    more = {"family": families.Binomial()} if kind is sm.GLM else {}
    family = "gaussian" if kind is sm.OLS else "binomial"

    def fit(design):
        return kind(y, design, **more).fit(**({} if kind is sm.OLS else {"disp": 0} if kind is sm.Logit else {"tol": 1e-12}))

    without, beyond = fit(X), fit(sm.add_constant(X))

    assert diagnose(without, X, y, family=family).codes == ("no-intercept",)
    assert diagnose(beyond, X, y, family=family, intercept=False).codes == ("extra-intercept",)


@pytest.mark.parametrize(
    ("family", "formula", "model"),
    [
        (families.Binomial(), "y ~ age", "binomial-logit"),
        (families.Binomial(families.links.CLogLog()), "y ~ age", "binomial-cloglog"),
        (families.Poisson(), "n ~ age", "poisson-log"),
        (families.NegativeBinomial(alpha=0.5), "n ~ age", "negative-binomial(0.5)-log"),
        (families.Tweedie(var_power=1.5), "n ~ age", "tweedie(1.5)-log"),
        (families.Gamma(families.links.Log()), "e ~ age", "gamma-log"),
        (families.InverseGaussian(families.links.InverseSquared()), "e ~ 1", "inverse-gaussian-inverse-squared"),
    ],
)
def test_a_result_says_which_model_is_meant(family, formula, model, frame):
    result = fitted(frame, formula, family)

    assert str(model_of(result)) == model
    if "~ age" in formula:
        assert diagnose(result, data=frame, formula=formula).verdict == "none"


def test_models_of_statsmodels_with_a_name_of_their_own_say_which_is_meant(frame):
    X, y = sm.add_constant(frame[["age", "x"]].to_numpy()), frame["y"].to_numpy()
    results = [sm.OLS(y, X).fit(), *(kind(y, X).fit(disp=0) for kind in (sm.Logit, sm.Probit, sm.Poisson, sm.MNLogit))]

    assert [str(model_of(one)) for one in results] == [
        *("gaussian-identity", "binomial-logit", "binomial-probit", "poisson-log", "multinomial-softmax")
    ]
    assert model_of(sm.RLM(y, X).fit()) is None


def test_columns_centred_before_they_are_multiplied_are_no_sample_of_the_rows(frame):
    """The same model in other columns: no class lost a row, though a sample might lie as far off."""
    for formula in ("y ~ age * x", "y ~ age + I(age**2)"):
        centred = frame.assign(age=frame["age"] - frame["age"].mean(), x=frame["x"] - frame["x"].mean())
        found = held(frame, fitted(centred, formula, families.Binomial()).params, formula)

        assert "undersampled" not in found.codes


def test_an_intercept_that_was_moved_is_not_called_centred(frame, logit):
    """It is that of no column less its mean; the standard errors of the slopes are those of the model."""
    moved = pd.DataFrame({"coef": logit.params.add([1.7, 0, 0]), "se": logit.bse.add([0.2, 0, 0])})
    elsewhere = fitted(frame, "y ~ I(age - 4) + x", families.Binomial())
    printed = pd.DataFrame({"coef": elsewhere.params.values, "se": elsewhere.bse.values}, index=logit.params.index)

    assert held(frame, moved).codes == ("another-intercept",)
    assert held(frame, printed).codes == ("another-intercept",)


@pytest.mark.parametrize("times", [12, 1e-3])
def test_an_exposure_in_other_units_leaves_the_standard_errors(frame, times):
    """Only the intercept is another; no row counts more often."""
    other = fitted(frame, "n ~ age", families.Poisson(), exposure=times * frame["e"])
    found = held(frame, other, "n ~ age", "poisson", offset="log(e)")

    assert found.codes == ("units",)
    assert f"the exposure is in units of {1 / times:g}, or the response is" in found.found[0].says


def test_odds_ratios_have_standard_errors_by_the_delta_method(frame, logit):
    """As Stata prints them: the ratio times that of the coefficient; or those of the coefficients."""
    for errors in (np.exp(logit.params) * logit.bse, logit.bse):
        assert held(frame, pd.DataFrame({"coef": np.exp(logit.params), "se": errors})).codes == ("exponentiated",)
    wrong = held(frame, pd.DataFrame({"coef": np.exp(logit.params), "se": logit.bse * [1.0, 1.5, 2.0]}))

    assert wrong.codes == ("exponentiated", "errors-unexplained")
    assert "it has standard errors of no convention that was tested" in " ".join(str(wrong).split())


def test_columns_of_a_spline_are_counted_from_0_or_from_1(frame):
    """By patsy and by formulaic; a result of statsmodels is the optimum that it is."""
    result = fitted(frame, "y ~ bs(age, df=4)", families.Binomial())

    assert "bs(age, df=4)[0]" in result.params
    assert held(frame, result, "y ~ bs(age, df=4)").verdict == "none"


@pytest.mark.parametrize(
    ("fit", "formula", "family", "says"),
    [
        (
            lambda f, d: smf.negativebinomial(f, d).fit(disp=0, method="newton"),
            "n ~ age",
            "poisson",
            "the loss is that of the negative-binomial(",
        ),
        (lambda f, d: smf.rlm(f, d).fit(), "x ~ age", "gaussian", "RLM minimises Huber's or another robust loss"),
        (lambda f, d: smf.quantreg(f, d).fit(), "x ~ age", "gaussian", "QuantReg minimises the absolute error"),
    ],
    ids=["negative binomial", "robust", "quantile"],
)
def test_a_result_of_another_model_is_named_by_its_own_loss(frame, fit, formula, family, says):
    """With the parameter that was estimated, where it is known; and its solver is not blamed."""
    found = held(frame, fit(formula, frame), formula, family)

    assert found.codes[0] == "loss"
    assert "solver-tolerance" not in found.codes
    assert says in found.found[0].says


def test_a_penalty_of_statsmodels_is_read(frame):
    """`fit_regularized` puts it on all coefficients."""
    result = smf.logit("y ~ age + x", frame).fit_regularized(alpha=1.0, disp=0)

    assert held(frame, result).codes[0] == "lasso"


def test_a_row_of_zeros_is_the_level_that_sas_compares_with(frame):
    """Its own baseline is the last level, which the design has as a column."""
    b = fitted(frame, "y ~ age + C(g, Treatment('c'))", families.Binomial())
    value, error = b.params.values, b.bse.values
    table = {
        "Parameter": ["Intercept", "age", "g", "g", "g"],
        "Level1": ["", "", "a", "b", "c"],
        "Estimate": [value[0], value[3], value[1], value[2], 0.0],
        "StdErr": [error[0], error[3], error[1], error[2], 0.0],
    }
    found = held(frame, pd.DataFrame(table), "y ~ age + g")

    assert found.found[0].code == "baseline"
    assert found.stated.distance < 1e-6


def test_weights_of_keras_are_taken_as_they_are(frame, logit):
    """`get_weights` gives a kernel (p, 1) and a bias (1,)."""
    kernel, bias = logit.params[["age", "x"]].to_numpy()[:, None], logit.params[["Intercept"]].to_numpy()

    for given in ([kernel, bias], (kernel, bias)):
        assert diagnose(given, frame[["age", "x"]], frame["y"], family="binomial").verdict == "none"


def test_square_arrays_are_of_keras_in_a_list_and_of_scikit_learn_in_a_tuple():
    """Either reading fits where there are as many columns as classes; `get_weights` gives a list."""
    rng = np.random.default_rng(6)
    x, kernel = rng.normal(size=(N, 3)), rng.normal(size=(3, 3))
    y = (x @ kernel + rng.gumbel(size=(N, 3))).argmax(axis=1)
    params = smf.mnlogit("y ~ a + b + c", pd.DataFrame(x, columns=list("abc")).assign(y=y)).fit(
        disp=0, method="newton", tol=1e-12
    )
    coef = np.hstack([np.zeros((4, 1)), params.params.to_numpy()])

    for given in ([coef[1:], coef[0]], (coef[1:].T, coef[0])):
        assert diagnose(given, x, y, family="multinomial").verdict == "none"
