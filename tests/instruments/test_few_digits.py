"""Answers of few digits, printed tables and answers that nothing explains: what is read in them, and what is not."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf

from spec.diagnosis import diagnose
from spec.diagnosis.tables import printed

RNG = np.random.default_rng(17)
N = 500
DATA = pd.DataFrame({"age": RNG.uniform(20, 70, N).round(), "sex": RNG.choice(["F", "M"], N)})
DATA["rank"] = np.arange(N) % 3
DATA["female"] = (DATA.sex == "F") * 1
ETA = -1.4 + 0.015 * DATA.age + 0.25 * (DATA.sex == "M")
DATA["yes"] = (RNG.random(N) < 1 / (1 + np.exp(-ETA))) * 1
LOGIT = smf.logit("yes ~ age + female", DATA).fit(disp=0).params


class TestPrinted:
    def test_levels_of_stata_that_are_numbers_are_levels(self):
        text = """
-------------+----------------------------------------------------------------
       admit |      Coef.   Std. Err.      z    P>|z|     [95% Conf. Interval]
-------------+----------------------------------------------------------------
         gre |   .0022644    .001094     2.07   0.038     .0001202    .0044086
             |
        rank |
          2  |  -.6754429   .3164897    -2.13   0.033    -1.295751   -.0551346
          3  |  -1.340204   .3453064    -3.88   0.000    -2.016992   -.6634158
             |
       _cons |  -3.989979   1.139951    -3.50   0.000    -6.224242   -1.755717
"""
        assert printed.grid(text)[1:] == [
            ["gre", "", ".0022644", ".001094"],
            ["rank", "2", "-.6754429", ".3164897"],
            ["rank", "3", "-1.340204", ".3453064"],
            ["_cons", "", "-3.989979", "1.139951"],
        ]

    def test_levels_of_sas_that_are_numbers_are_levels(self):
        text = """
Parameter       DF    Estimate       Error    Chi-Square    Pr > ChiSq

Intercept       1     -1.2940      0.2818      21.0776        <.0001
female    0     1      0.1148      0.0938       1.4986        0.0213
region    S E   1     -0.0437      0.0938       1.4986        0.0213
"""
        assert printed.grid(text)[1:] == [
            ["Intercept", "", "-1.2940", "0.2818"],
            ["female", "0", "0.1148", "0.0938"],
            ["region", "S E", "-0.0437", "0.0938"],
        ]

    def test_a_column_that_r_left_out_is_no_end_of_the_vector(self):
        text = "Coefficients:\n(Intercept)          age            z  \n     2.7462       0.1067           NA  \n"
        assert printed.grid(text)[-1] == ["z", "", "NA", ""]

    def test_an_intercept_without_a_name(self):
        """MASS's lm.ridge."""
        text = "                      age       income \n3.058436e+00 1.056970e-01 1.465768e-05 \n"
        assert [row[0] for row in printed.grid(text)[1:]] == ["(Intercept)", "age", "income"]


@pytest.mark.parametrize(
    ("theirs", "stated", "says"),
    [
        ("yes ~ age * sex", "yes ~ age + sex", r"It has the product age:sex\[T.M\], and your model has none"),
        ("yes ~ np.log(age)", "yes ~ age", r"np.log\(age\) is made of age, which your model has as it is"),
        ("yes ~ age + I(age**2)", "yes ~ age", r"I\(age \*\* 2\) is made of age"),
        ("yes ~ female", "yes ~ C(female)", "It has female as numbers, and your model has its levels"),
        ("yes ~ C(rank)", "yes ~ rank", "It has levels of rank, and your model has it as numbers"),
    ],
)
def test_the_names_of_a_table_show_another_model(theirs, stated, says):
    with pytest.raises(ValueError, match=says):
        diagnose(smf.logit(theirs, DATA).fit(disp=0), data=DATA, formula=stated, family="binomial")


@pytest.mark.parametrize("digits", [3, 5])
def test_another_baseline_is_found_in_few_digits(digits):
    """What each digit says counts, where the distance of all together says little."""
    flipped = {"const": LOGIT["Intercept"] + LOGIT["female"], "age": LOGIT["age"], "female": -LOGIT["female"]}
    given = {name: f"{value:.{digits}f}" for name, value in flipped.items()}
    assert diagnose(given, data=DATA, formula="yes ~ age + female", family="binomial").codes == ("baseline",)


def test_two_values_coded_1_and_2_the_other_way_are_found():
    const, age, female = smf.logit("yes ~ age + I(2 - female)", DATA).fit(disp=0).params.tolist()
    theirs = {"const": const, "age": age, "female": female}
    found = diagnose(theirs, data=DATA, formula="yes ~ age + female", family="binomial")
    assert "female is coded 1 and 2 there" in str(found)


@pytest.mark.parametrize("seed", range(2))
def test_responses_in_another_order_are_not_explained(seed):
    """They leave slopes near 0, as a response that hardly varies does, or a loss that hears a few rows alone."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(100, 3)), columns=["a", "b", "c"])
    y = pd.Series(5 + X.to_numpy() @ [0.5, 0.75, 1.0] + rng.normal(size=100), name="y")
    shuffled = sm.OLS(rng.permutation(y.to_numpy()), sm.add_constant(X)).fit()

    assert diagnose(shuffled, X, y, family="gaussian").verdict == "unexplained"


@pytest.mark.parametrize("digits", [1, 3])
@pytest.mark.parametrize("family", ["gaussian", "binomial"])
def test_numbers_drawn_at_random_are_not_explained(family, digits):
    rng = np.random.default_rng(digits)
    given = {"Intercept": rng.normal() / 3, "age": rng.normal() / 30, "female": rng.normal() / 3}
    given = {name: f"{value:.{digits + 1}f}" for name, value in given.items()}
    assert diagnose(given, data=DATA, formula="yes ~ age + female", family=family).verdict == "unexplained"


def test_a_digit_that_differs_is_not_called_kept():
    """0.01 is not 0.0155 to its last digit, though it is within a unit of it."""
    given = {"Intercept": "0.5", "age": f"{LOGIT['age'] - 0.006:.2f}", "female": f"{LOGIT['female']:.2f}"}
    found = diagnose(given, data=DATA, formula="yes ~ age + female", family="binomial")
    assert "all coefficients but that" not in str(found)
