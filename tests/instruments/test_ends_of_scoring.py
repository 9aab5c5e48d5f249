"""
Answers of R and statsmodels by default: scoring ends where the deviance hardly changes, and the answer is that iterate.

The iterates are made here, by weighted least squares as a textbook has it, and R's own rule ends them.
"""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import special, stats
from statsmodels.genmod import families

from spec.diagnosis import diagnose

LINKS = families.links
KINDS = {  # the response, R's means to start from, h, h', the variance, the unit deviance, and statsmodels' family
    "gamma-log": (
        "cost",
        lambda y: y,
        np.exp,
        np.exp,
        np.square,
        lambda y, mu: -2 * (np.log(y / mu) - (y - mu) / mu),
        lambda: families.Gamma(LINKS.Log()),
    ),
    "gaussian-log": (
        "cost",
        lambda y: y,
        np.exp,
        np.exp,
        np.ones_like,
        lambda y, mu: (y - mu) ** 2,
        lambda: families.Gaussian(LINKS.Log()),
    ),
    "binomial-cloglog": (
        "ill",
        lambda y: (y + 0.5) / 2,
        lambda eta: -np.expm1(-np.exp(eta)),
        lambda eta: np.exp(eta - np.exp(eta)),
        lambda mu: mu * (1 - mu),
        lambda y, mu: -2 * np.log(np.where(y == 1, mu, 1 - mu)),
        lambda: families.Binomial(LINKS.CLogLog()),
    ),
    "binomial-probit": (
        "ill",
        lambda y: (y + 0.5) / 2,
        special.ndtr,
        stats.norm.pdf,
        lambda mu: mu * (1 - mu),
        lambda y, mu: -2 * np.log(np.where(y == 1, mu, 1 - mu)),
        lambda: families.Binomial(LINKS.Probit()),
    ),
}
INVERSES = {
    "gamma-log": np.log,
    "gaussian-log": np.log,
    "binomial-cloglog": lambda mu: np.log(-np.log1p(-mu)),
    "binomial-probit": special.ndtri,
}
NAMES = ("(Intercept)", "a", "b", "gv", "gw")


def frame(seed):
    rng, n = np.random.default_rng(seed), 200
    made = pd.DataFrame({"a": rng.normal(50, 10, n).round(1), "b": rng.random(n).round(3), "g": rng.choice(list("uvw"), n)})
    eta = -0.5 + 0.02 * (made["a"] - 50) + made["b"] + 0.3 * (made["g"] == "v")
    return made.assign(cost=rng.gamma(2, np.exp(eta + 3) / 2), ill=(rng.random(n) < special.expit(eta)).astype(float))


def ended(kind, data):
    """Where R's glm ends, the deviance changing by less than 1e-8 of itself and 0.1; its errors are of the iterate before."""
    response, start, inverse, slope, variance, unit, _ = KINDS[kind]
    y = data[response].to_numpy()
    X = np.column_stack([np.ones(len(y)), data["a"], data["b"], data["g"] == "v", data["g"] == "w"]).astype(float)
    eta, before = INVERSES[kind](start(y)), np.inf
    for _ in range(25):
        mu, h = inverse(eta), slope(eta)
        root = h / np.sqrt(variance(mu))
        b = np.linalg.lstsq(X * root[:, None], root * (eta + (y - mu) / h), rcond=None)[0]
        eta = X @ b
        deviance = unit(y, inverse(eta)).sum()
        if abs(deviance - before) / (abs(deviance) + 0.1) < 1e-8:
            break
        before = deviance
    dispersion = 1.0 if kind.startswith("binomial") else ((y - inverse(eta)) ** 2 / variance(inverse(eta))).sum() / (len(y) - 5)
    return b, np.sqrt(dispersion * np.diag(np.linalg.inv((X * root[:, None]).T @ (X * root[:, None]))))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("digits", [5, 7, None])
@pytest.mark.parametrize("kind", KINDS)
def test_where_r_ends_is_the_optimum_to_its_digits_or_an_iterate(kind, digits, seed):
    """In as many digits as R prints, and in all: nothing else is found, and never without a reason."""
    data = frame(seed)
    family, _, link = kind.partition("-")
    table = {
        name: float(f"{value:.{digits}g}") if digits else value for name, value in zip(NAMES, ended(kind, data)[0], strict=True)
    }

    found = diagnose(table, data=data, formula=f"{KINDS[kind][0]} ~ a + b + g", family=family, link=link)

    assert (found.verdict, found.codes) in (("none", ()), ("found", ("newton-steps",)))
    if found.codes:
        assert "R" in found.found[0].says
        assert found.stated.distance < 0.01


@pytest.mark.parametrize("kind", KINDS)
def test_where_statsmodels_ends_by_default_has_a_reason(kind):
    """A result as it is, and its summary."""
    data = frame(5)
    family, _, link = kind.partition("-")
    formula = f"{KINDS[kind][0]} ~ a + b + g"
    result = smf.glm(formula, data, family=KINDS[kind][-1]()).fit()

    for brought in (result, result.params, result.summary()):
        found = diagnose(brought, data=data, formula=formula, family=family, link=link)
        assert (found.verdict, found.codes) in (("none", ()), ("found", ("newton-steps",)))


def test_an_answer_beside_an_iterate_is_none():
    """One coefficient is off by four hundredths of a standard error."""
    data = frame(1)
    b, _ = ended("gamma-log", data)
    b[1] += 0.04 * 0.005

    found = diagnose(dict(zip(NAMES, b, strict=True)), data=data, formula="cost ~ a + b + g", family="gamma", link="log")

    assert "newton-steps" not in found.codes
    assert found.verdict == "unexplained"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", KINDS)
def test_the_errors_of_the_iterate_before_are_the_usual_ones(kind, seed):
    """R takes them from the weights of its last step, which are those of the coefficients before it."""
    data = frame(seed)
    family, _, link = kind.partition("-")
    b, errors = ended(kind, data)
    table = pd.DataFrame({"estimate": b, "std.error": errors}, index=NAMES)

    found = diagnose(table, data=data, formula=f"{KINDS[kind][0]} ~ a + b + g", family=family, link=link)

    assert found.codes in ((), ("newton-steps",))
    assert found.errors == ()
