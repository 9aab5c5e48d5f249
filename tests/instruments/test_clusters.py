"""Standard errors of rows that go together in clusters, and those that are the usual ones times one number."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from statsmodels.genmod import families

from spec.diagnosis import diagnose

OF_ONE, PERSONS = 5, 60


@pytest.fixture(scope="module")
def frame():
    """Counts, and numbers, of persons who were each seen five times."""
    rng = np.random.default_rng(4)
    person = np.repeat(np.arange(PERSONS), OF_ONE)
    x, own = rng.normal(size=len(person)), rng.normal(size=PERSONS)[person]
    made = {"person": [f"p{one}" for one in person], "x": x, "y": rng.poisson(np.exp(0.3 + 0.4 * x + 0.4 * own)), "z": x + own}
    return pd.DataFrame(made)


def fitted(frame, response, family, **how):
    return smf.glm(f"{response} ~ x", frame, family=family).fit(**how)


@pytest.mark.parametrize(
    ("response", "family", "name"), [("y", families.Poisson(), "poisson"), ("z", families.Gaussian(), "gaussian")]
)
@pytest.mark.parametrize(("corrected", "factor"), [(True, "times g / (g - 1) and (n - 1) / (n - p)"), (False, "60 clusters)")])
def test_a_result_of_statsmodels_tells_its_clusters(frame, response, family, name, corrected, factor):
    """By the groups that it was given; its correction is named."""
    groups = {"groups": frame["person"].astype("category").cat.codes, "use_correction": corrected}
    result = fitted(frame, response, family, cov_type="cluster", cov_kwds=groups)
    found = diagnose(result, data=frame, formula=f"{response} ~ x", family=name)

    assert found.codes == ("errors-clustered",)
    assert factor in found.errors[0].says
    assert "cov_type='cluster'" in " ".join(found.answer.notes)


def test_clusters_are_given_as_a_column_or_an_array(frame):
    """For the printed table of another program; without them its standard errors are unexplained."""
    codes = frame["person"].astype("category").cat.codes
    result = fitted(frame, "y", families.Poisson(), cov_type="cluster", cov_kwds={"groups": codes})
    table = pd.DataFrame(
        {"term": result.params.index, "estimate": result.params.round(6).values, "se": result.bse.round(6).values}
    )
    asked = {"data": frame, "formula": "y ~ x", "family": "poisson"}

    assert diagnose(table, **asked, clusters="person").codes == ("errors-clustered",)
    assert diagnose(table, **asked, clusters=codes).codes == ("errors-clustered",)
    without = diagnose(table, **asked)
    assert without.codes == ("errors-unexplained",)
    assert without.untested["errors-clustered"] == "no clusters of rows were given"


@pytest.mark.parametrize(
    ("clusters", "fault"),
    [(np.arange(5), r"one label for each row, \(300,\), but have the shape \(5,\)"), ("who", "no column who for")],
)
def test_clusters_that_are_none_are_refused(frame, clusters, fault):
    """With what is wrong with them."""
    with pytest.raises(ValueError, match=fault):
        diagnose([0.0, 0.0], data=frame, formula="y ~ x", family="poisson", clusters=clusters)


@pytest.mark.parametrize("times", [2, 3])
def test_rows_that_were_entered_several_times_are_counted(frame, times):
    """The coefficients are the same, and each standard error is the usual one divided by the root of the number."""
    result = fitted(pd.concat([frame] * times), "y", families.Poisson())
    found = diagnose(result, data=frame, formula="y ~ x", family="poisson")

    assert found.codes == ("errors-scaled",)
    assert f"{times**-0.5:.6g} times the usual one, as if every row stood there {times} times" in found.errors[0].says


def test_a_dispersion_of_ones_own_is_a_number_of_its_own(frame):
    """The scale that statsmodels was told, beside that which is estimated."""
    found = diagnose(fitted(frame, "y", families.Poisson(), scale=2.0), data=frame, formula="y ~ x", family="poisson")

    assert found.codes == ("errors-scaled",)
    assert "as of a dispersion 2 times as large" in found.errors[0].says


def test_one_standard_error_is_no_pattern(frame):
    """Any number is another one times a number."""
    mean = float(np.log(frame["y"].mean()))
    table = pd.DataFrame({"term": ["Intercept"], "estimate": [mean], "se": [0.5]})

    assert diagnose(table, data=frame, formula="y ~ 1", family="poisson").codes == ("errors-unexplained",)
