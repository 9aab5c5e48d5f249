"""Odds ratios beside another cause of the columns: the logarithm is taken of the numbers as the table has them."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf

from spec.diagnosis import diagnose

RNG = np.random.default_rng(5)
N = 400
FRAME = pd.DataFrame(
    {
        "age": RNG.normal(45, 12, N).round(),
        "pay": RNG.gamma(4, 700, N).round(),
        "zone": RNG.choice(["east", "north", "south"], N, p=[0.2, 0.5, 0.3]),
    }
)
ETA = 0.04 * FRAME.age - 0.0002 * FRAME.pay - 2 + 0.7 * (FRAME.zone == "north") - 0.3 * (FRAME.zone == "south")
FRAME["y"] = RNG.binomial(1, 1 / (1 + np.exp(-ETA)))
FORMULA, SOUTH = "y ~ age + pay + zone", "C(zone, Treatment('south'))"


def fitted(formula=FORMULA, frame=FRAME):
    return (
        smf.glm(formula, frame, family=sm.families.Binomial())
        .fit(tol=1e-14)
        .params.rename(lambda one: one.replace(SOUTH, "zone"))
    )


def found(coefficients, digits=16):
    table = {name: float(f"{np.exp(value):.{digits}g}") for name, value in coefficients.items()}
    return diagnose(table, data=FRAME, formula=FORMULA, family="binomial")


OTHER = fitted(f"y ~ age + pay + {SOUTH}")


def standardised(frame, names):
    return frame.assign(**{name: (frame[name] - frame[name].mean()) / frame[name].std() for name in names})


@pytest.mark.parametrize("digits", [16, 6])
@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (standardised(FRAME, ["age", "pay"]), "standardised"),
        (standardised(FRAME, ["age"]), "standardised"),
        (FRAME.assign(age=FRAME.age / 10, pay=FRAME.pay / 1000), "units"),
        (FRAME.assign(age=FRAME.age - FRAME.age.mean(), pay=FRAME.pay - FRAME.pay.mean()), "centred"),
    ],
    ids=["standardised", "one column", "units", "centred"],
)
def test_columns_in_other_units(frame, code, digits):
    told = found(fitted(frame=frame), digits)

    assert (told.codes, told.proven) == (("exponentiated", code), True)


@pytest.mark.parametrize("digits", [16, 6, 3])
def test_another_baseline_that_the_names_show(digits):
    told = found(OTHER, digits)

    assert told.codes == ("exponentiated",)
    assert (
        told.answer.program["baseline"] == "In your table the levels of zone are compared with south, and in the model with east."
    )


@pytest.mark.parametrize("coefficients", [fitted(), OTHER], ids=["own baseline", "another baseline"])
def test_no_intercept(coefficients):
    """SAS's table of odds ratios has none."""
    assert found(coefficients.drop("Intercept")).codes == ("exponentiated", "another-intercept")


@pytest.mark.parametrize("digits", [16, 4])
def test_numbers_that_are_moved_at_random_are_unexplained(digits):
    moved = OTHER + 0.7 * np.random.default_rng(digits).normal(size=5) * OTHER.abs()

    assert found(moved, digits).verdict == "unexplained"
    assert found(moved.drop("Intercept"), digits).verdict == "unexplained"
