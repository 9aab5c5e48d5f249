"""Causes that were named and are none, each with the answer that is right, and tables that were refused for a false reason."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf

from spec.diagnosis import diagnose
from spec.fit import fit

RNG = np.random.default_rng(29)
N = 150
X = np.column_stack([RNG.normal(size=N), RNG.integers(0, 50, N), RNG.exponential(2, N)])
FAR = 100 + X @ [2.0, 0.1, -1.0] + RNG.normal(0, 3, N)  # a response that stays away from 0
LINE = sm.OLS(FAR, sm.add_constant(X)).fit()
EVENTS = RNG.binomial(1, 1 / (1 + np.exp(-(0.5 * X[:, 0] - 0.3))))
LOGIT = sm.Logit(EVENTS, sm.add_constant(X)).fit(disp=0, tol=1e-14).params
NAMES = ["const", "x1", "x2", "x3"]
FRAME = pd.DataFrame(X, columns=NAMES[1:]).assign(y=FAR)


def rounded(values, digits):
    return dict(zip(NAMES, [float(f"{value:.{digits}g}") for value in values], strict=True))


class TestPerturbed:
    @pytest.mark.parametrize("digits", [16, 6, 4, 3])
    @pytest.mark.parametrize("seed", range(4))
    def test_an_optimum_that_is_moved_at_random_is_unexplained(self, seed, digits):
        """Far out on its tail each link is a line with a bend: with a response in other units it took half a standard error."""
        moved = LINE.params + 0.5 * LINE.bse * np.random.default_rng(seed).normal(size=4)

        assert diagnose(rounded(moved, digits), X, FAR, family="gaussian").verdict == "unexplained"

    @pytest.mark.parametrize("factor", [1.6, 1.702, 2.0])
    def test_a_logit_that_is_divided_is_no_smoothing(self, factor):
        """Labels that are smoothed by 0.31 or more have nearly such coefficients, but nobody smooths so much."""
        assert diagnose(rounded(LOGIT / factor, 16), X, EVENTS, family="binomial").verdict == "unexplained"


class TestZeros:
    @pytest.mark.parametrize(("family", "digits"), [("gaussian", 16), ("gaussian", 6), ("poisson", 16), ("poisson", 6)])
    def test_slopes_that_are_all_0_are_columns_left_out(self, family, digits):
        """They were targets of the shape (n,), which training never takes to 0."""
        y = np.round(np.abs(FAR)) if family == "poisson" else FAR
        mean = np.log(y.mean()) if family == "poisson" else y.mean()
        found = diagnose(rounded([mean, 0, 0, 0], digits), X, y, family=family)

        assert "column-left-out" in {*found.codes, *(one.code for other in found.others for one in other)}
        assert "flat-targets" not in found.codes
        assert min(found.ruled_out.values()) > 1e-3

    def test_zeros_of_few_digits_are_unexplained(self):
        """A response of 1e-6 y under another link leaves standard errors of which any coefficients are nearly 0."""
        assert diagnose(rounded([FAR.mean(), 0, 0, 0], 4), X, FAR, family="gaussian").verdict == "unexplained"

    def test_several_columns_are_left_out(self):
        found = diagnose(rounded([FAR.mean(), 0, 0, 0], 16), X, FAR, family="gaussian")

        assert any(one.says == "x1, x2, x3 are left out" for other in [found.found, *found.others] for one in other)


@pytest.mark.parametrize(("rows", "code"), [(slice(0, 110), "rows-first"), (slice(40, None), "rows-last")], ids=["first", "last"])
@pytest.mark.parametrize(("kind", "errors"), [("nonrobust", ()), ("HC1", ("errors-robust",)), ("HC3", ("errors-robust",))])
def test_standard_errors_of_some_rows_are_those_of_these_rows(rows, code, kind, errors):
    """They were those of a weight that counts rows, of a model without weights."""
    part = smf.ols("y ~ x1 + x2 + x3", FRAME.iloc[rows]).fit(cov_type=kind)

    assert diagnose(part, data=FRAME, formula="y ~ x1 + x2 + x3", family="gaussian").codes == (code, *errors)


@pytest.fixture(scope="module")
def classes():
    frame = pd.DataFrame({"b": X[:, 0], "g": np.tile(list("uvw"), 50)})
    return frame, fit(formula="g ~ b", data=frame, family="multinomial")


class TestTables:
    def test_odds_ratios_beside_the_intercept_itself(self):
        found = diagnose(rounded([LOGIT[0], *np.exp(LOGIT[1:])], 6), X, EVENTS, family="binomial")

        assert found.codes == ("exponentiated",)
        assert found.found[0].says == "the numbers are exponentials of the coefficients, but for the intercept"

    def test_a_column_called_b_beside_the_intercept(self, classes):
        """R's multinom prints the names of the coefficients in a line, and b is a heading of SPSS."""
        frame, fitted = classes
        (v, w), (v_b, w_b) = fitted.coefficients
        text = f"Coefficients:\n  (Intercept)         b\nv  {v:.7f}  {v_b:.7f}\nw  {w:.7f}  {w_b:.7f}\n"

        assert diagnose(text, data=frame, formula="g ~ b", family="multinomial").verdict == "none"

    def test_our_own_summary_of_classes(self, classes):
        frame, fitted = classes

        assert diagnose(str(fitted.summary()), data=frame, formula="g ~ b", family="multinomial").verdict == "none"


class TestAnswersOfFewDigits:
    """A cause that leaves no digit more is none, however little its distance is beside what rounding allows."""

    ROWS = np.random.default_rng(7)
    FRAME = pd.DataFrame({"age": ROWS.normal(45, 12, 300).round(1), "temp": ROWS.normal(15, 7, 300).round(1)})
    FRAME["pay"] = (25000 + 300 * FRAME.age + ROWS.normal(0, 4000, 300)).round()
    FRAME["income"] = (FRAME.age * 500 + ROWS.normal(0, 9000, 300) + 20000).round()
    FRAME["bought"] = ROWS.binomial(1, 1 / (1 + np.exp(-(FRAME.age - 45) / 20 - (FRAME.income - 42000) / 20000)))

    def test_another_unit_behind_a_rounded_intercept_is_named(self):
        """It was the slopes of the optimum beside another intercept, though one slope was twice the other."""
        fitted = smf.glm("pay ~ age + temp", self.FRAME.assign(temp=1.8 * self.FRAME.temp + 32)).fit()

        found = diagnose(str(fitted.summary()), data=self.FRAME, formula="pay ~ age + temp", family="gaussian")
        assert found.codes == ("units",)

    def test_three_figures_of_each_number_are_right(self):
        fitted = smf.glm("pay ~ age + temp", self.FRAME).fit()
        lines = [f"{name},{value:.0f}" if abs(value) >= 100 else f"{name},{value:#.3g}" for name, value in fitted.params.items()]
        table = "\n".join(["term,estimate", *lines])

        assert diagnose(table, data=self.FRAME, formula="pay ~ age + temp", family="gaussian").verdict == "none"

    @pytest.mark.parametrize("how", ["probit", "first rows", "flipped"])
    def test_a_coefficient_that_is_written_as_0_proves_nothing(self, how):
        """It was Firth's penalty, or the loss of another family, 15 standard errors away."""
        link = sm.families.links.Probit() if how == "probit" else None
        rows = self.FRAME[:240] if how == "first rows" else self.FRAME
        rows = rows.assign(bought=1 - rows.bought) if how == "flipped" else rows
        fitted = smf.glm("bought ~ age + income", rows, family=sm.families.Binomial(link)).fit()
        table = "\n".join(["term,estimate", *(f"{name},{value:.4f}" for name, value in fitted.params.items())])

        found = diagnose(table, data=self.FRAME, formula="bought ~ age + income", family="binomial")
        assert not {"firth", "loss"} & set(found.codes)


@pytest.mark.parametrize("base", [3, 11])
@pytest.mark.parametrize("digits", [16, 6])
def test_a_logarithm_of_large_responses_is_found(base, digits):
    """Its dispersion is next to nothing beside that of the responses."""
    age = X[:, 0]
    price = np.exp(base + 0.2 * age + 0.5 * np.random.default_rng(3).normal(size=len(age)))
    fitted = sm.OLS(np.log(price), sm.add_constant(age)).fit()

    written = [float(f"{value:.{digits}g}") for value in fitted.params]
    found = diagnose(written, age[:, None], price, family="gaussian")
    assert found.codes == ("response-transformed",)


COLUMNS = pd.DataFrame(np.random.default_rng(9).normal([45, 15, 3], [12, 7, 2], (300, 3)).round(1), columns=["age", "temp", "u"])
COLUMNS["region"] = np.resize(["east", "north", "west"], 300)
COLUMNS["smoker"] = (np.arange(300) % 7 == 0).astype(int)
COLUMNS["y"] = np.random.default_rng(10).binomial(1, 1 / (1 + np.exp(-(COLUMNS.age - 45) / 20 + (COLUMNS.region == "west"))))


@pytest.mark.parametrize(
    ("change", "formula", "code"),
    [
        (lambda f, z: f.assign(age=z.age, temp=z.temp, smoker=z.smoker), "y ~ age + temp + smoker + C(region)", "standardised"),
        (lambda f, z: f.assign(age=z.age, temp=z.temp), "y ~ age + temp + u", "standardised"),
        (lambda f, z: f.assign(temp=1.8 * f.temp + 32), "y ~ age + temp + smoker", "units"),
        (lambda f, z: f.assign(temp=(f.temp - 32) / 1.8), "y ~ age + temp + smoker", "units"),
        (lambda f, z: f.assign(age=f.age / 5), "y ~ age + temp + smoker", "units"),
        (lambda f, z: f.assign(u=f.u * 2.54), "y ~ age + u", "units"),
    ],
    ids=["all but a factor", "two of three", "Fahrenheit", "Celsius", "five years", "inches"],
)
def test_some_columns_in_other_units(change, formula, code):
    numbers = COLUMNS.drop(columns="region")
    changed = change(COLUMNS, (numbers - numbers.mean()) / numbers.std(ddof=0))
    fitted = smf.glm(formula, changed, family=sm.families.Binomial()).fit(tol=1e-14)

    found = diagnose(fitted.params, data=COLUMNS, formula=formula, family="binomial")
    assert found.codes == (code,)
    assert found.proven


def test_names_with_a_comma_in_a_printed_text():
    formula = "y ~ age + C(region, Treatment('west'))"
    fitted = smf.glm(formula, COLUMNS, family=sm.families.Binomial()).fit(tol=1e-14)

    assert diagnose(str(fitted.params), data=COLUMNS, formula=formula, family="binomial").verdict == "none"


@pytest.mark.parametrize("base", ["bus", "car"])
def test_a_printed_table_of_several_equations_with_a_line_between_them(base):
    """As Stata's mlogit of three classes prints it."""
    age, way = COLUMNS.age.to_numpy(), np.random.default_rng(4).choice(["bus", "car", "train"], len(COLUMNS))
    others = [each for each in ("bus", "car", "train") if each != base]
    fitted = sm.MNLogit([[base, *others].index(each) for each in way], sm.add_constant(age)).fit(disp=0, tol=1e-12)
    line = "-------------+" + "-" * 64
    text = ["-" * 78, "         way | Coefficient  Std. err.      z    P>|z|     [95% conf. interval]", line]
    text += [f"{base:<12} |  (base outcome)", line]
    for place, each in enumerate(others):
        text.append(f"{each:<12} |")
        for row, name in ((1, "age"), (0, "_cons")):
            text.append(
                f"{name:>12} |  {fitted.params[row, place]:9.7f}   {fitted.bse[row, place]:9.7f}   1.23   0.219   -.1   .6"
            )
        text.append(line)

    data = COLUMNS.assign(way=way)
    assert not diagnose("\n".join(text), data=data, formula="way ~ age", family="multinomial").codes
