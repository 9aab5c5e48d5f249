"""Columns less some number before products and squares are made of them: another coding of the same model."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf

from spec.diagnosis import diagnose

RNG = np.random.default_rng(5)
N = 400
FRAME = pd.DataFrame(
    {"age": RNG.normal(45, 12, N).round(), "pay": RNG.gamma(4, 700, N).round(), "sex": RNG.choice(["m", "f"], N)}
)
FRAME["y"] = RNG.binomial(1, 1 / (1 + np.exp(0.04 * FRAME.age - 0.0002 * FRAME.pay - 1.5 + 0.5 * (FRAME.sex == "m"))))
SHIFTED = FRAME.assign(age=FRAME.age - 40, pay=FRAME.pay - 3000)


def best(formula, frame=FRAME):
    return smf.glm(formula, frame, family=sm.families.Binomial()).fit(tol=1e-14)


def held(coefficients, formula, digits=16):
    table = {name: float(f"{value:.{digits}g}") for name, value in coefficients.items()}
    return diagnose(table, data=FRAME, formula=formula, family="binomial")


@pytest.mark.parametrize("digits", [16, 6, 4])
@pytest.mark.parametrize(
    ("formula", "less"),
    [
        ("y ~ age * sex + pay", "age less 40"),
        ("y ~ age + I(age ** 2) + sex", "age less 40"),
        ("y ~ age * pay + sex", "age less 40, pay less 3000"),
    ],
)
def test_columns_and_products_of_them(formula, less, digits):
    frame = SHIFTED if "pay less" in less else SHIFTED.assign(pay=FRAME.pay)
    found = held(best(formula, frame).params, formula, digits)

    assert (found.codes, found.proven) == (("centred",), True)
    assert found.found[0].says == f"columns and products are made of {less}"


BEST = best("y ~ age * sex")


@pytest.mark.parametrize("digits", [16, 9])
@pytest.mark.parametrize("number", [40, FRAME.age.mean()], ids=["40", "mean"])
def test_products_alone(number, digits):
    """The product of sex with age - 40, beside age itself, moves one coefficient."""
    other = BEST.params + np.array([0, number * BEST.params["age:sex[T.m]"], 0, 0])
    found = held(other, "y ~ age * sex", digits)

    assert (found.codes, found.proven) == (("centred",), True)
    assert found.found[0].says == f"products or squares are made of age less {number:.6g}"


@pytest.mark.parametrize("digits", [16, 4])
@pytest.mark.parametrize("moves", [[0, 0.3, 0, 0], [0.3, 0, 0, 0]])
def test_coefficients_that_are_moved_otherwise_are_not_shifted(moves, digits):
    """Some number is always the shift that makes one coefficient another."""
    for params in (BEST.params, best("y ~ age * sex", SHIFTED).params + np.array([0.1, 0, 0, 0])):
        assert "centred" not in held(params + np.array(moves), "y ~ age * sex", digits).codes
