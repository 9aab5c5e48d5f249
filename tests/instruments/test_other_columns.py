"""Answers whose columns are made otherwise than those of the question: the optimum of each is that of statsmodels."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import optimize
from statsmodels.genmod import cov_struct, families

from spec.diagnosis import diagnose

N = 300


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    made = pd.DataFrame(
        {"age": rng.normal(45, 12, N), "pay": rng.lognormal(10, 0.5, N).round(), "sex": rng.choice(["f", "m"], N)}
    )
    eta = 0.05 * (made["age"] - 45) + np.log(made["pay"]) - 10 + 0.5 * (made["sex"] == "m")
    made = made.assign(share=rng.uniform(0.1, 1, N), team=rng.integers(0, 30, N), year=rng.integers(0, 2, N))
    return made.assign(y=(rng.random(N) < 1 / (1 + np.exp(-eta))).astype(float), n=rng.poisson(np.exp(eta / 2)))


def logit(frame, formula):
    return smf.logit(formula, frame).fit(disp=0, tol=1e-12)


def held(frame, answer, formula, family="binomial", **beside):
    return diagnose(answer, data=frame, formula=formula, family=family, **beside)


@pytest.mark.parametrize("size", [1e-4, 1.0, 1e3])
@pytest.mark.parametrize("transform", [np.log, np.log10, np.sqrt])
def test_a_column_of_any_size_on_another_scale_is_named(transform, size, frame):
    """The sums keep their digits where the column and its logarithm are of very different sizes."""
    data = frame.assign(pay=frame["pay"] * size)
    found = held(data, logit(data.assign(pay=transform(data["pay"])), "y ~ age + pay").params, "y ~ age + pay")

    assert found.codes == ("column-transformed",)
    assert found.mended.proven


def test_another_unit_is_named_beside_what_changes_all_coefficients(frame):
    """The ratio to the best coefficient is then no unit, but far from 1."""
    data = frame.assign(pay=frame["pay"] / 1000)
    probit = smf.probit("y ~ age + pay", data).fit(disp=0, tol=1e-12)
    counts = smf.glm("n ~ age + pay", data, family=families.Poisson(), offset=data["share"]).fit(tol=1e-13)

    assert set(held(frame, probit.params, "y ~ age + pay").codes) == {"units", "link"}
    both = held(frame, counts.params, "n ~ age + pay", "poisson", offset="log(share)")
    assert set(both.codes) == {"units", "exposure-not-logged"}


@pytest.mark.parametrize("formula", ["y ~ age + I(age**2)", "y ~ age * pay", "y ~ pay + age * sex"])
@pytest.mark.parametrize(("code", "scale"), [("centred", False), ("standardised", True)])
def test_products_of_columns_in_other_units_are_named(formula, code, scale, frame):
    """A square of a centred column is no centred square."""
    numeric = frame[["age", "pay"]]
    moved = (numeric - numeric.mean()) / (numeric.std() if scale else 1)
    if "age * pay" not in formula:
        moved["pay"] = frame["pay"]

    found = held(frame, logit(frame.assign(**moved), formula).params, formula)

    assert found.codes == (code,)
    assert "before products or squares" in found.found[0].says
    assert found.mended.proven


@pytest.mark.parametrize(
    "name",
    [
        *("C(sex == 'm')[T.True]", "sex == 'm'[T.True]", 'factor(sex == "m")TRUE', 'I(sex == "m")TRUE'),
        *("sexTRUE", "sex[T.True]", "sex_male", "sex:m", "sexm"),
    ],
)
def test_a_level_by_another_name_is_that_level(name, frame):
    """An unknown name may be that of either of two levels: the numbers say which."""
    b = logit(frame, "y ~ age + sex").params

    found = held(frame, {"Intercept": b["Intercept"], name: b["sex[T.m]"], "age": b["age"]}, "y ~ age + sex")

    assert (found.verdict, found.codes) == ("none", ())


@pytest.mark.parametrize("name", ["sex == 'f'[T.True]", "sexf", "sex_female", "sex[T.f]"])
def test_the_other_level_is_the_baseline(name, frame):
    b = logit(frame, "y ~ age + C(sex, Treatment('m'))").params

    found = held(frame, {"Intercept": b.iloc[0], name: b.iloc[1], "age": b["age"]}, "y ~ age + sex")

    assert found.codes == ("baseline",)
    assert found.stated.distance < 1e-6


def test_clusters_of_a_gee_are_its_groups(frame):
    """With independent rows its coefficients are those of the model; with others they solve other equations."""
    alone, together = (
        smf.gee("y ~ age", "team", frame, family=families.Binomial(), cov_struct=how).fit()
        for how in (cov_struct.Independence(), cov_struct.Exchangeable())
    )

    assert held(frame, alone, "y ~ age").codes == ("errors-clustered",)
    found = held(frame, together, "y ~ age")
    assert found.codes == ("loss",)
    assert "GEE" in found.found[0].says


@pytest.mark.parametrize(("n", "C"), [(900, 0.1), (300, 1.0), (2000, 0.03)])
def test_an_absolute_penalty_on_the_bias_too_is_named(n, C):
    """scikit-learn's liblinear has such a one; it holds the bias at 0 where it is strong. Here it is minimised by SciPy."""
    rng = np.random.default_rng(n)
    X = np.column_stack([rng.normal(size=n), rng.normal(2, 3, n), 10 * rng.random(n)])
    y = (rng.random(n) < 1 / (1 + np.exp(-(0.5 + X @ [1, -0.4, 0.1])))).astype(int)
    design, strength = np.column_stack([np.ones(n), X]) / [1, *X.std(axis=0)], 1 / C
    of_bias = np.array([1, *(1 / X.std(axis=0))])  # of columns of one size, whose penalties are those of the weights themselves

    def loss(parts):  # weights are the difference of two parts that are at least 0
        b = parts[:4] - parts[4:]
        mu = 1 / (1 + np.exp(-design @ b))
        slope = design.T @ (mu - y)
        value = np.logaddexp(0, design @ b).sum() - y @ design @ b + strength * (np.tile(of_bias, 2) @ parts)
        return value, np.concatenate([slope, -slope]) + strength * np.tile(of_bias, 2)

    parts = optimize.minimize(
        loss,
        np.full(8, 0.1),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * 8,
        options={"ftol": 0, "gtol": 1e-9, "maxiter": 10_000},
    ).x
    on = np.where(parts[:4] > parts[4:], 1, -1) * (np.abs(parts[:4] - parts[4:]) > 1e-9)
    active = on != 0
    b = np.zeros(4)
    b[active] = optimize.root(
        lambda own: design[:, active].T @ (1 / (1 + np.exp(-design[:, active] @ own)) - y) + strength * (on * of_bias)[active],
        (parts[:4] - parts[4:])[active],
        tol=1e-13,
    ).x
    b = b / [1, *X.std(axis=0)]

    found = diagnose({"coef_": b[None, 1:], "intercept_": b[:1]}, X, y, family="binomial")

    assert found.codes == ("lasso",)
    assert f"an L1 penalty of {1 / (C * n):.6g} on the kernel and the bias" in found.found[0].says


def test_a_column_may_have_the_name_of_a_heading(frame, tmp_path):
    """R's write.csv(coef(m)) of columns that are called b and coef."""
    data = frame.rename(columns={"age": "b", "pay": "coef"})
    logit(data, "y ~ b + coef").params.to_frame("x").to_csv(tmp_path / "table.csv")

    assert held(data, tmp_path / "table.csv", "y ~ b + coef").verdict == "none"


def test_a_vector_of_r_may_end_in_a_line_of_one(frame):
    b = logit(frame, "y ~ age + pay").params
    text = f"(Intercept)           age \n{b.iloc[0]:.12f} {b['age']:.12f} \n          pay \n{b['pay']:.12f} \n"

    assert held(frame, text, "y ~ age + pay").verdict == "none"


def test_steps_of_spss_are_no_names(frame, tmp_path):
    """Its table as a file has them in the first column, beside the first name."""
    b = logit(frame, "y ~ age + pay").params
    rows = [f"Step 1,age,{b['age']},.1,1,1,.000,1", f",pay,{b['pay']},.1,1,1,.000,1", f",Constant,{b.iloc[0]},.1,1,1,.0,1"]
    (tmp_path / "spss.csv").write_text("\n".join([",,B,S.E.,Wald,df,Sig.,Exp(B)", *rows]))

    assert held(frame, tmp_path / "spss.csv", "y ~ age + pay").codes in ((), ("errors-unexplained",))
