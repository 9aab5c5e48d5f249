"""An exposure in other units moves the intercept alone, as the response in other units does."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf

from spec.diagnosis import diagnose

RNG = np.random.default_rng(5)
FRAME = pd.DataFrame({"age": RNG.normal(45, 12, 400).round(), "days": RNG.uniform(50, 5000, 400).round()})
FRAME["n"] = RNG.poisson(np.exp(0.02 * FRAME.age - 5) * FRAME.days)


def best(unit):
    offset = np.log(FRAME.days / unit)
    return smf.glm("n ~ age", FRAME, family=sm.families.Poisson(), offset=offset).fit(tol=1e-14).params


def held(table, digits):
    table = {name: float(f"{value:.{digits}g}") for name, value in table.items()}
    return diagnose(table, data=FRAME, formula="n ~ age", family="poisson", offset="log(days)")


@pytest.mark.parametrize("digits", [16, 5])
@pytest.mark.parametrize("unit", [1000, 365, 12, 0.01])
def test_an_exposure_in_a_usual_unit(unit, digits):
    found = held(best(unit), digits)

    said = {one.says: one.code for other in (found.found, *found.others) for one in other}
    assert found.proven
    assert "units" in set(said.values()) <= {"units", "response-units"}
    assert f"the exposure is in units of {unit:g}, or the response is {unit:g} y" in said


@pytest.mark.parametrize("digits", [16, 5])
@pytest.mark.parametrize("off", [[0.37, 0], [np.log(990), 0], [np.log(1000), 0.001]])
def test_another_intercept_is_no_unit(off, digits):
    assert "units" not in held(best(1) + np.array(off), digits).codes
