"""Losses that are no likelihood, in coefficients without their estimator: quantiles, M-estimates, squared hinges."""

import numpy as np
import pytest
from scipy import optimize

from spec.diagnosis import diagnose

SEEDS = range(3)


def drawn(seed, n=200):
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.normal(50, 10, n), rng.normal(size=n)])
    return X, 3 + X @ [0.1, 0.5] + rng.standard_t(3, n)


def held(b, X, y, family="gaussian"):
    return diagnose({"intercept": b[0], "coef": np.asarray(b[1:])}, X, y, family=family)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("share", "says"), [(0.5, "regression of the median"), (0.9, "quantile at about 0.9")])
def test_a_quantile_regression_is_named(share, says, seed):
    """Its coefficients are those of the linear program that minimises the weighted absolute errors."""
    X, y = drawn(seed)
    n, design = len(y), np.column_stack([np.ones(len(y)), X])
    found = optimize.linprog(
        np.concatenate([np.zeros(3), np.full(n, share), np.full(n, 1 - share)]),
        A_eq=np.hstack([design, np.eye(n), -np.eye(n)]),
        b_eq=y,
        bounds=[(None, None)] * 3 + [(0, None)] * (2 * n),
    )

    told = held(found.x[:3], X, y)

    assert told.codes == ("loss",)
    assert says in told.found[0].says


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("name", "size", "influence"),
    [
        ("Huber's", 1.5, lambda r: np.clip(r, -1.5, 1.5)),
        ("Tukey's", 5, lambda r: np.where(np.abs(r) < 5, r * (1 - (r / 5) ** 2) ** 2, 0)),
    ],
)
def test_an_m_estimate_is_named_with_its_number(name, size, influence, seed):
    """Its coefficients solve the equations of the influence function, by SciPy from least squares."""
    X, y = drawn(seed)
    design = np.column_stack([np.ones(len(y)), (X - X.mean(axis=0)) / X.std(axis=0)])
    start = np.linalg.lstsq(design, y, rcond=None)[0]
    solved = optimize.root(lambda b: design.T @ influence(y - design @ b), start, tol=1e-13).x
    b = np.concatenate([[solved[0] - X.mean(axis=0) @ (solved[1:] / X.std(axis=0))], solved[1:] / X.std(axis=0)])

    told = held(b, X, y)

    assert told.codes == ("loss",)
    assert f"residuals beyond {size:g} count less" in told.found[0].says
    assert name in told.found[0].says


@pytest.mark.parametrize("seed", SEEDS)
def test_least_squares_and_what_is_near_it_are_none_of_these(seed):
    """A number that is chosen explains no coefficients that were moved at random."""
    X, y = drawn(seed)
    design = np.column_stack([np.ones(len(y)), X])
    best = np.linalg.lstsq(design, y, rcond=None)[0]

    assert held(best, X, y).verdict == "none"
    assert "loss" not in held(best + np.random.default_rng(seed).normal(size=3) * [0.1, 0.003, 0.02], X, y).codes


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("C", [1, 1000])
def test_a_linear_support_vector_machine_is_named_with_its_penalty(C, seed):
    """The squared hinge of scikit-learn's LinearSVC, with a penalty on the bias too: Newton's steps end on a set of rows."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(400, 3)) * [1, 3, 0.5]
    y = rng.random(400) < 1 / (1 + np.exp(-X @ [0.8, -0.3, 0.5] - 0.4))
    design, sign, b = np.column_stack([np.ones(400), X]), np.where(y, 1.0, -1.0), np.zeros(4)
    for _ in range(50):
        lacks = sign * (design @ b) < 1
        b = np.linalg.solve(np.eye(4) + 2 * C * design[lacks].T @ design[lacks], 2 * C * design[lacks].T @ sign[lacks])

    told = held(b, X, y.astype(float), "binomial")

    assert "support vector machine" in told.found[0].says
    assert told.codes == (("loss", "ridge-bias") if C == 1 else ("loss",))  # the other penalty moves next to nothing


def test_a_classifier_of_another_loss_stands_for_the_model_of_its_classes():
    """No family need be given; what it minimises is the cause. The estimators stand in for scikit-learn's."""
    rng = np.random.default_rng(12)
    X = rng.normal(size=(300, 2))
    y = (rng.random(300) < 1 / (1 + np.exp(-X @ [1, -0.5]))).astype(int)
    several = np.digitize(X[:, 0] + rng.normal(size=300), [-0.5, 0.6])
    design = np.column_stack([np.ones(300), X])

    def stand_in(name, **attributes):
        return type(name, (), {"__module__": "sklearn.linear_model", "get_params": lambda self: {}, **attributes})()

    def logistic(y):
        b = optimize.root(lambda b: design.T @ (1 / (1 + np.exp(-design @ b)) - y), np.zeros(3), tol=1e-13).x
        return stand_in("Plain", coef_=b[None, 1:], intercept_=b[:1])

    line = np.linalg.solve(design.T @ design + np.diag([0, 20, 20]), design.T @ (2.0 * y - 1))
    ridge = stand_in("RidgeClassifier", coef_=line[None, 1:], intercept_=line[:1], classes_=np.array([0, 1]))
    each = [logistic(several == k) for k in range(3)]
    whole = stand_in("OneVsRestClassifier", estimators_=each, classes_=np.arange(3))

    found = diagnose(ridge, X, y)
    assert (found.model, found.codes) == ("binomial-logit", ("loss",))
    found = diagnose(whole, X, several)
    assert (found.model, found.codes) == ("multinomial-softmax", ("one-vs-rest",))
