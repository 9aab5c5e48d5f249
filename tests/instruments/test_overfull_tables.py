"""Tables that have fewer or more coefficients than the model: a column left out, each level of a factor, both classes."""

import re

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf

from spec.diagnosis import diagnose

RNG = np.random.default_rng(11)
N = 400
FRAME = pd.DataFrame({"age": RNG.normal(45, 12, N).round(), "pay": RNG.gamma(4, 700, N).round()})
FRAME["zone"] = RNG.choice(["east", "north", "south"], N, p=[0.2, 0.5, 0.3])
ETA = 0.04 * FRAME.age - 0.0002 * FRAME.pay - 1 + 0.7 * (FRAME.zone == "north")
FRAME["y"] = RNG.binomial(1, 1 / (1 + np.exp(-ETA)))
FRAME["way"] = RNG.choice(["bus", "car", "on foot"], N)
FORMULA = "y ~ age + pay + zone"


def fitted(formula=FORMULA):
    return smf.glm(formula, FRAME, family=sm.families.Binomial()).fit(tol=1e-14)


def held(table, formula=FORMULA, family="binomial"):
    return diagnose(table, data=FRAME, formula=formula, family=family)


def rounded(coefficients, digits):
    return {name: float(f"{value:.{digits}g}") for name, value in coefficients.items()}


class TestLeftOut:
    @pytest.mark.parametrize("digits", [16, 6, 4])
    @pytest.mark.parametrize(("formula", "says"), [("y ~ age + zone", "pay is left out"), ("y ~ zone", "age, pay are left out")])
    def test_a_column_that_a_table_lacks_is_left_out(self, formula, says, digits):
        found = held(rounded(fitted(formula).params, digits))

        assert [one.says for one in found.found] == [says]
        assert found.answer.notes[0].endswith("it left the column out, which is a coefficient of 0.")

    def test_odds_ratios_too(self):
        found = held(rounded(np.exp(fitted("y ~ age + zone").params), 16))

        assert found.codes == ("exponentiated", "column-left-out")

    @pytest.mark.parametrize("digits", [16, 4])
    def test_what_is_no_such_fit_is_unexplained(self, digits):
        fit = fitted("y ~ age + zone")
        moved = fit.params + 0.7 * fit.bse * np.random.default_rng(2).normal(size=4)

        assert held(rounded(moved, digits)).verdict == "unexplained"


class TestEachLevel:
    @pytest.mark.parametrize("common", [0.3, -2.0])
    @pytest.mark.parametrize(("off", "verdict"), [(0.0, "found"), (0.2, "unexplained")])
    def test_each_level_beside_an_intercept(self, common, off, verdict):
        """The levels are larger by one number, and the intercept smaller: no prediction shows it."""
        table = dict(fitted().params)
        table["zone[T.east]"] = common + off
        table |= {name: table[name] + common for name in ("zone[T.north]", "zone[T.south]")}
        table["Intercept"] -= common
        found = held(table)

        assert (found.verdict, found.codes) == (verdict, ("coding",) if verdict == "found" else ())


class TestBothClasses:
    X = ((FRAME[["age", "pay"]] - FRAME[["age", "pay"]].mean()) / FRAME[["age", "pay"]].std()).to_numpy()
    BEST = sm.Logit(FRAME.y, sm.add_constant(X)).fit(disp=0, tol=1e-14).params.to_numpy()
    SOFTMAX = np.outer([-1 / 3, 2 / 3], BEST) + np.array([0.5, -0.1, 0.2])  # what both have in common no prediction shows

    def forms(self, rows):
        coef, intercept = rows[:, 1:], rows[:, 0]
        return [{"coef_": coef, "intercept_": intercept}, (coef, intercept), [coef.T, intercept], rows.T]

    @pytest.mark.parametrize("form", range(4))
    def test_their_difference_is_the_logit(self, form):
        y = FRAME.y.to_numpy()
        found, turned, moved = (
            diagnose(self.forms(rows)[form], self.X, y, family="binomial")
            for rows in (self.SOFTMAX, self.SOFTMAX[::-1], self.SOFTMAX + np.outer([1, 0], [0.3, 0.1, -0.2]))
        )

        assert (found.verdict, found.proven) == ("none", True)
        assert turned.codes == ("labels-flipped",)
        assert moved.verdict == "unexplained"

    def test_two_rows_of_counts_are_refused(self):
        with pytest.raises(ValueError, match=r"coefficients of the shape \(2, 2\)"):
            diagnose(self.forms(self.SOFTMAX)[0], self.X, FRAME.y.to_numpy(), family="poisson")


class TestGlogit:
    """SAS names the response above the column of its classes."""

    FIT = smf.mnlogit("way ~ age + zone", FRAME.assign(way=pd.Categorical(FRAME.way).codes)).fit(
        disp=0, tol=1e-14, method="newton"
    )
    NAMES = (("Intercept", ""), ("age", ""), ("zone", "north"), ("zone", "south"))

    def printed(self, labels, off=0.0):
        params, errors = self.FIT.params, self.FIT.bse
        terms = ["Intercept", "age", "zone[T.north]", "zone[T.south]"]
        rows = [
            f"{name:<10}{level:<8}{label:<10}1 {params.loc[term, j] + off:14.4f} {errors.loc[term, j]:12.4f} 3.28 0.07"
            for (name, level), term in zip(self.NAMES, terms, strict=True)
            for j, label in enumerate(labels)
        ]
        header = f"{'Parameter':<18}{'way':<9}DF {'Estimate':>14} {'Error':>12} Chi-Square Pr > ChiSq"
        return "\n".join(["  Analysis of Maximum Likelihood Estimates", "", header, "", *rows, ""])

    @pytest.mark.parametrize("label", ["on foot", "walked"])
    @pytest.mark.parametrize("is_aligned", [True, False])
    def test_it_is_read(self, label, is_aligned):
        if is_aligned or " " not in label:
            right, wrong = (self.printed(["car", label], off) for off in (0.0, 0.2))
            right = right if is_aligned else re.sub(" +", " ", right)
            frame = FRAME.assign(way=FRAME.way.replace("on foot", label))
            found, moved = (diagnose(one, data=frame, formula="way ~ age + zone", family="multinomial") for one in (right, wrong))

            assert found.verdict == "none"
            assert moved.verdict == "unexplained"
