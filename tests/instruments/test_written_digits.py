"""The digits that an answer was written with: what they say of each coefficient, and what no cause may contradict."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from spec.diagnosis import diagnose
from spec.diagnosis.result import NONE, UNEXPLAINED

FAMILY = sm.families
N = 300
LEVELS = ("east", "north", "south", "west")


def claims(seed):
    rng = np.random.default_rng(seed)
    data = pd.DataFrame(
        {"age": rng.normal(40, 12, N).round(1), "male": rng.integers(0, 2, N), "exposure": rng.uniform(1, 50, N).round()}
    )
    data["n"] = rng.poisson(data["exposure"] * np.exp(-2 + 0.01 * data["age"] + 0.3 * data["male"]))
    return data


def fitted(y, design, family, **more):
    return np.asarray(sm.GLM(y, design, family=family, **more).fit(tol=1e-14).params)


@pytest.mark.parametrize("digits", [3, 4, 6, 9, 16])
@pytest.mark.parametrize("seed", [0, 2, 4, 5])
def test_a_proven_cause_has_the_digits_of_the_answer(seed, digits):
    """The answer has an offset that the question does not know of: no cause is proven, but where the digits are those of one."""
    data = claims(seed)
    design = sm.add_constant(data[["age", "male"]])
    coef = fitted(data["n"], design, FAMILY.Poisson(), offset=np.log(data["exposure"])).round(digits)
    table = dict(zip(("const", "age", "male"), coef, strict=True))
    found = diagnose(table, data=data, formula="n ~ age + male", family="poisson")

    assert not found.proven or digits == 3, found.codes
    if found.proven:  # an offset that goes with no column moves the intercept, and three digits of the slopes hardly
        assert found.codes == ("response-units",)
        assert (np.abs(found.mended.answer - found.mended.optimum)[1:] <= 10.0**-digits).all()


def people(seed):
    rng = np.random.default_rng(seed)
    data = pd.DataFrame(
        {"age": rng.normal(40, 12, N).round(1), "sex": rng.choice(["female", "male"], N), "region": rng.choice(LEVELS, N)}
    )
    eta = -1 + 0.03 * data["age"] - 0.5 * (data["sex"] == "male") + 0.4 * (data["region"] == "south")
    return data.assign(y=(rng.random(N) < 1 / (1 + np.exp(-eta))).astype(int))


@pytest.mark.parametrize("digits", [3, 4, 16])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_effects_of_two_factors_are_read_with_few_digits(seed, digits):
    """SAS's PROC LOGISTIC has them by default."""
    data = people(seed)
    sex = np.where(data["sex"] == "female", 1.0, -1.0)
    region = np.vstack([np.eye(3), -np.ones(3)])[[LEVELS.index(one) for one in data["region"]]]
    coef = fitted(data["y"], np.column_stack([np.ones(N), sex, region, data["age"]]), FAMILY.Binomial())
    names = ("Intercept", "sex female", "region east", "region north", "region south", "age")
    table = dict(zip(names, np.asarray(coef).round(digits), strict=True))
    found = diagnose(table, data=data, formula="y ~ age + sex + region", family="binomial")

    assert found.codes == ("coding",)
    assert found.proven


@pytest.mark.parametrize("name", ["1.sex", "2.sex", "sex1"])
def test_a_level_by_its_number_is_read_as_the_optimum(name):
    data = people(0)
    coef = fitted(data["y"], np.column_stack([np.ones(N), data["age"], data["sex"] == "male"]), FAMILY.Binomial())
    found = diagnose({"_cons": coef[0], "age": coef[1], name: coef[2]}, data=data, formula="y ~ age + sex", family="binomial")

    assert found.verdict == NONE


@pytest.mark.parametrize("digits", [2, 3, 5])
@pytest.mark.parametrize("family", ["poisson", "binomial", "gaussian"])
def test_a_right_answer_is_right_to_the_digits_that_it_has(family, digits):
    rng = np.random.default_rng(digits)
    X = rng.normal(size=(N, 2)) + np.array([3, 0])
    eta = 0.3 + 0.2 * X[:, 0] - 0.4 * X[:, 1]
    y = {"poisson": rng.poisson(np.exp(eta)), "binomial": rng.random(N) < 1 / (1 + np.exp(-eta)), "gaussian": eta}[family]
    y = np.asarray(y, dtype=float) + (family == "gaussian") * rng.normal(size=N)
    of_family = {"poisson": FAMILY.Poisson(), "binomial": FAMILY.Binomial(), "gaussian": FAMILY.Gaussian()}[family]
    coef = fitted(y, sm.add_constant(X), of_family)
    found = diagnose(dict(zip(("const", "x1", "x2"), coef.round(digits), strict=True)), X, y, family=family)
    wrong = coef.round(digits) + np.array([0, 3 * 10.0**-digits, 0])

    assert found.verdict == NONE or found.coarse
    assert diagnose(dict(zip(("const", "x1", "x2"), wrong, strict=True)), X, y, family=family).verdict != NONE


@pytest.mark.parametrize("given", [np.nan, 0.7])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_one_coefficient_that_differs_is_named(seed, given):
    """R has NA for a column that it left out; people mistype one number."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, 5)) + 3
    y = (rng.random(N) < 1 / (1 + np.exp(-(X - 3) @ [0.6, 0.3, -0.3, 0, 0.4] + 1))).astype(float)
    coef = pd.Series(fitted(y, sm.add_constant(X), FAMILY.Binomial()), index=["const", *(f"x{j}" for j in range(1, 6))])
    coef["x1"] = given
    found = diagnose(coef, X, y, family="binomial")

    assert found.verdict == UNEXPLAINED
    assert "all coefficients but that of x1 are those of the optimum" in found.why


def policies(rows, seed):
    """Counts with an exposure, deaths, and a score, of some hundreds or thousands of people."""
    rng = np.random.default_rng(seed)
    data = pd.DataFrame(
        {
            "age": rng.normal(45, 12, rows).round(1),
            "male": rng.integers(0, 2, rows),
            "smoker": rng.integers(0, 2, rows),
            "exposure": rng.uniform(0.1, 3, rows).round(2),
        }
    )
    eta = -0.3 + 0.02 * (data.age - 45) + 0.4 * data.male + 0.3 * data.smoker
    data["died"] = (rng.random(rows) < 1 / (1 + np.exp(-eta))).astype(int)
    data["claims"] = rng.poisson(np.exp(eta) * data.exposure)
    data["score"] = (10 + 3 * eta + rng.normal(0, 2, rows)).round(2)
    return data


def of_policies(data, y, family):
    """The coefficients of y on age, sex and smoking, without an offset."""
    names = ["age", "male", "smoker"]
    return pd.Series(fitted(y, sm.add_constant(data[names]), family), index=["Intercept", *names])


def printed(coef, digits):
    return "term,estimate\n" + "".join(f"{name},{value:.{digits}f}\n" for name, value in coef.items())


FEW_DIGITS = {  # the cause, the digits, the response and its family, what was fitted of the data, and what became of the answer
    "offset-forgotten": (3, "claims", "poisson", lambda d: of_policies(d, d.claims, FAMILY.Poisson()), "log(exposure)"),
    "exponentiated": (2, "claims", "poisson", lambda d: np.exp(of_policies(d, d.claims, FAMILY.Poisson())), None),
    "exponentiated odds": (2, "died", "binomial", lambda d: np.exp(of_policies(d, d.died, FAMILY.Binomial())), None),
    "exponentiated percent": (1, "claims", "poisson", lambda d: 100 * np.expm1(of_policies(d, d.claims, FAMILY.Poisson())), None),
    "response-units": (6, "score", "gaussian", lambda d: of_policies(d, d.score / 1000, FAMILY.Gaussian()), None),
    "response-transformed": (3, "score", "gaussian", lambda d: of_policies(d, np.log(d.score), FAMILY.Gaussian()), None),
    "rows-first": (
        5,
        "died",
        "binomial",
        lambda d: of_policies(d[: int(0.8 * len(d))], d.died[: int(0.8 * len(d))], FAMILY.Binomial()),
        None,
    ),
}


@pytest.mark.parametrize("cause", FEW_DIGITS)
@pytest.mark.parametrize(("rows", "seed"), [(200, 0), (2000, 1)])
def test_of_few_digits_the_simplest_cause_that_keeps_them_is_named(cause, rows, seed):
    """As a paper prints them: freer causes fit whatever a simple one fits, and none of them goes before it."""
    digits, response, family, answer, offset = FEW_DIGITS[cause]
    data = policies(rows, seed)
    data = data[data.score > 0]
    found = diagnose(
        printed(answer(data), digits), formula=f"{response} ~ age + male + smoker", data=data, family=family, offset=offset
    )

    assert (found.verdict, found.codes) == ("found", (cause.split()[0],)), str(found)


@pytest.mark.parametrize("digits", [3, 4, 6])
def test_a_bare_array_is_known_to_its_digits(digits):
    """As a table of it is: nothing that was rounded away is laid on a solver."""
    data = policies(400, 7)
    coef = of_policies(data, data.died, FAMILY.Binomial()).round(digits)
    design = data[["age", "male", "smoker"]]
    bare, named = (diagnose(given, design, data.died, family="binomial") for given in (coef.to_numpy(), coef))

    assert (bare.verdict, bare.codes, bare.coarse) == (named.verdict, named.codes, named.coarse)


def test_an_alpha_that_was_estimated_is_found():
    """The distance from rest falls for ever as alpha grows, beyond the valley where it is."""
    data = policies(500, 3)
    data["claims"] = np.random.default_rng(3).negative_binomial(2, 1 / (1 + np.exp(0.02 * (data.age - 45))))
    design = sm.add_constant(data[["age", "male", "smoker"]])
    result = sm.NegativeBinomial(data.claims, design).fit(disp=0, method="newton", maxiter=200, tol=1e-12)
    coef = result.params.drop("alpha").rename({"const": "Intercept"})
    formula = "claims ~ age + male + smoker"

    assert diagnose(coef, formula=formula, data=data, family="poisson").codes == ("loss",)
    assert not [code for code in diagnose(result, formula=formula, data=data).codes if not code.startswith("errors-")]
