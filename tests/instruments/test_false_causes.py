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
