"""
An estimator tells what it was told: its penalty and its weights are named as facts, and what is left is its solver's.

The estimators are stand-ins for those of scikit-learn, with the same attributes: their coefficients are those at which SciPy's
L-BFGS stops on the objective that scikit-learn states, by scikit-learn's default tolerance.
"""

from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import optimize

from spec.diagnosis import diagnose
from spec.diagnosis.estimator import settings_of

N, TOL = 400, 1e-4
SGD = {"penalty": "l2", "alpha": 1e-4, "l1_ratio": 0.15, "max_iter": 1000, "solver": ""}


@cache
def drawn():
    rng = np.random.default_rng(12)
    X = rng.normal(size=(N, 3)) * [1, 5, 0.3] + [0, 2, 1]
    eta = X @ [0.5, -0.2, 1] - 0.3
    y = {
        "binomial": (rng.random(N) < 1 / (1 + np.exp(-eta))).astype(float),
        "poisson": rng.poisson(np.exp(0.3 * eta)).astype(float),
        "multinomial": np.minimum(rng.integers(0, 3, N) + (eta > 0.5), 2).astype(float),
    }
    return X, y


def losses(kind, y, eta):
    """The loss of each row (n,), and its slopes in eta, (n,) or (n, k)."""
    if kind == "binomial":
        return np.logaddexp(0, eta) - y * eta, 1 / (1 + np.exp(-eta)) - y
    if kind == "poisson":
        return np.exp(eta) - y * eta, np.exp(eta) - y
    seen, shares = np.eye(3)[y.astype(int)], np.exp(eta - np.log(np.exp(eta).sum(axis=1, keepdims=True)))
    return -(seen * np.log(shares)).sum(axis=1), shares - seen


def stopped(kind, X, y, strength, weights, steps=1000):
    """Where L-BFGS stops on the mean loss plus strength / 2n times the squares of the kernel: (1 + p, k)."""
    Z, k = np.column_stack([np.ones(len(X)), X]), 3 if kind == "multinomial" else 1

    def mean_loss(flat):
        b = flat.reshape(Z.shape[1], k)
        loss, slope = losses(kind, y, Z @ b if k > 1 else (Z @ b)[:, 0])
        gradient = Z.T @ (weights[:, None] * slope.reshape(len(y), k)) / weights.sum()
        gradient[1:] += strength / weights.sum() * b[1:]
        value = weights @ loss / weights.sum() + strength / weights.sum() / 2 * (b[1:] ** 2).sum()
        return value, gradient.ravel()

    options = {"gtol": TOL, "ftol": 64 * np.finfo(float).eps, "maxiter": steps}
    found = optimize.minimize(mean_loss, np.zeros(Z.shape[1] * k), jac=True, method="L-BFGS-B", options=options)
    return found.x.reshape(-1, k), found.nit


def estimator(name, matrix, iterations=10, **told):
    """A stand-in for an estimator of scikit-learn."""
    told = {"tol": TOL, "max_iter": 100, "fit_intercept": True, "solver": "lbfgs", **told}
    k = matrix.shape[1]
    kept = {
        "coef_": matrix[1:].T if name == "LogisticRegression" else matrix[1:, 0],
        "intercept_": matrix[0] if k > 1 else matrix[0, 0],
        "classes_": np.arange(max(k, 2)),
        "n_iter_": np.array([iterations]),
        "get_params": lambda: told,
    }
    return type(name, (SimpleNamespace,), {"__module__": "sklearn.linear_model._stand_in"})(**kept)


def logistic(kind="binomial", X=None, C=1.0, weights=None, **told):
    X = drawn()[0] if X is None else X
    weights = np.ones(N) if weights is None else weights
    matrix, _ = stopped(kind, X, drawn()[1][kind], 1 / C, weights)
    return estimator("LogisticRegression", matrix, C=C, **told)


def test_a_default_penalty_is_named_with_its_own_number():
    """The C that it was told, and not one that is estimated from coefficients that are rounded by a tolerance."""
    found = diagnose(logistic(), *asked("binomial"))

    assert found.codes == ("ridge", "solver-tolerance")
    assert "scikit-learn's C is 1)" in found.found[0].says
    assert found.mended.distance < 0.05 < found.stated.distance
    assert not found.proven


def asked(kind):
    return drawn()[0], drawn()[1][kind]


@pytest.mark.parametrize("kind", ["binomial", "multinomial"])
def test_without_a_penalty_the_solvers_tolerance_is_all(kind):
    """Its rule is kept: no slope of the mean loss is larger than its tolerance."""
    found = diagnose(logistic(kind, C=np.inf), *asked(kind))

    assert found.codes == ("solver-tolerance",)
    assert "solver lbfgs stops where no slope of the mean loss is larger than its tolerance, tol=0.0001" in found.found[0].says
    assert 1e-6 < found.stated.distance < 0.3


@pytest.mark.parametrize("told", ["balanced", {0: 1, 1: 3}])
def test_weights_of_classes_are_those_that_it_was_told(told):
    """Beside the penalty, which is on the weighted sum."""
    y = drawn()[1]["binomial"]
    each = np.array([N / (2 * (y == label).sum()) for label in (0, 1)]) if told == "balanced" else np.array([1.0, 3.0])
    found = diagnose(logistic(weights=each[y.astype(int)], class_weight=told), *asked("binomial"))

    assert found.codes == ("class-weights", "ridge", "solver-tolerance")
    assert f"{each[0]:.6g}, {each[1]:.6g}" in found.found[0].says


def test_a_pipeline_is_its_last_step():
    """What its first step did to the columns is found as in any answer, and the penalty is on the scaled ones."""
    X, y = asked("binomial")
    last = logistic(X=(X - X.mean(axis=0)) / X.std(axis=0), C=0.5)
    found = diagnose(SimpleNamespace(steps=[("scale", None), ("fit", last)]), X, y)

    assert found.codes == ("standardised", "ridge", "solver-tolerance")
    assert found.mended.distance < 0.05


@pytest.mark.parametrize(
    ("scaler", "less", "by", "code"),
    [
        ("StandardScaler", np.mean, np.std, "standardised"),
        ("MinMaxScaler", np.min, np.ptp, "min-max"),
        ("RobustScaler", np.median, lambda X, axis: np.subtract(*np.quantile(X, [0.75, 0.25], axis=axis)), "middle-half"),
    ],
)
def test_a_scaler_of_a_pipeline_is_a_fact_beside_steps_of_one_row(scaler, less, by, code):
    """An estimator that wanders some standard errors about the optimum proves nothing, but its pipeline shows its scaler."""
    X, y = asked("binomial")
    Z = (X - less(X, axis=0)) / by(X, axis=0)
    wandered = stopped("binomial", Z, y, 1e-4 * N, np.ones(N))[0] * [[1.02], [0.98], [1.03], [1.05]]
    last = estimator("SGDClassifier", wandered, loss="log_loss", **SGD)
    last.loss = "log_loss"
    found = diagnose(SimpleNamespace(steps=[("scale", type(scaler, (), {})()), ("fit", last)]), X, y)

    assert found.codes[0] == code
    assert found.codes[-1] == "minibatch-noise"
    assert not found.proven


def test_an_estimator_that_shows_its_loss_has_no_other():
    """However far its steps of one row have left it, the loss is the one that it says."""
    X, y = asked("binomial")
    for far in ([[400.0], [-300.0], [90.0], [-250.0]], [[0.1], [0.9], [-0.6], [0.4]]):
        lost = estimator("SGDClassifier", np.array(far), loss="log_loss", **SGD)
        lost.loss = "log_loss"
        found = diagnose(lost, X, y)

        assert not {"loss", "link", "squared-error"} & set(found.codes)
        assert found.codes[-1] == "minibatch-noise"


def test_a_mean_of_rows_has_the_penalty_for_each_row():
    """The penalty of scikit-learn's generalized linear models is alpha / 2 beside the mean."""
    X, y = asked("poisson")
    found = diagnose(estimator("PoissonRegressor", stopped("poisson", X, y, 0.2 * N, np.ones(N))[0], alpha=0.2), X, y)

    assert found.codes == ("ridge", "solver-tolerance")
    assert "alpha is 0.2)" in found.found[0].says


def test_a_penalty_on_absolute_values_is_named_with_its_own_number():
    """The lasso of orthonormal columns is the least-squares estimate, each coefficient nearer to zero by alpha."""
    rng = np.random.default_rng(5)
    X = np.sqrt(N) * np.linalg.qr(np.column_stack([np.ones(N), rng.normal(size=(N, 3))]))[0][:, 1:]
    y = X @ [1.0, -0.5, 0.02] + rng.normal(size=N)
    plain = X.T @ y / N
    lasso = np.sign(plain) * np.maximum(np.abs(plain) - 0.2, 0)
    found = diagnose(estimator("Lasso", np.vstack([[y.mean()], 1.0001 * lasso[:, None]]), alpha=0.2, max_iter=1000), X, y)

    assert found.codes == ("lasso", "solver-tolerance")
    assert "told an L1 penalty of 0.4 on the kernel" in found.found[0].says  # Keras's squared error is twice scikit-learn's
    assert (lasso == 0).sum() == 1


def test_iterations_that_were_used_up_are_named():
    """In place of a tolerance that was not reached."""
    X, y = asked("binomial")
    matrix, iterations = stopped("binomial", X, y, 0.0, np.ones(N), steps=3)
    found = diagnose(estimator("LogisticRegression", matrix, iterations, C=np.inf, max_iter=iterations), X, y)

    assert found.codes == ("stopped",)
    assert f"ended after max_iter={iterations} iterations" in found.found[0].says


def test_settings_are_no_excuse_for_another_model():
    """An estimator that is at the optimum of other labels has that cause, whatever its tolerance."""
    X, y = asked("binomial")
    found = diagnose(logistic(C=np.inf), X, 1 - y)

    assert "labels-flipped" in found.codes


@pytest.mark.parametrize("C", [np.inf, 1.0])
@pytest.mark.parametrize("size", [0.02, 3.0])
def test_a_rule_that_is_not_kept_is_not_named(C, size):
    """The coefficients were moved after the fit, by a fifth of a standard error or by many: that is not the solver's."""
    moved = logistic(C=C)
    moved.coef_ = np.add(moved.coef_, [[size, size / 10, -size]])
    found = diagnose(moved, *asked("binomial"))

    assert "solver-tolerance" not in found.codes
    assert found.verdict == "unexplained"


def test_statsmodels_optimizer_is_read_too():
    """Its other optimizers stop earlier than Newton's method."""
    X, y = asked("binomial")
    early = sm.Logit(y, sm.add_constant(X)).fit(method="bfgs", disp=0)

    assert diagnose(early, X, y, family="binomial").codes == ("solver-tolerance",)
    assert settings_of(sm.Logit(y, sm.add_constant(X)).fit(disp=0)).slope is None


def test_what_tells_nothing_of_itself_is_told_what_may_be():
    """A table so near the optimum may be of a solver with a loose tolerance."""
    X, y = asked("binomial")
    bare = logistic(C=np.inf)
    found = diagnose((bare.coef_, bare.intercept_), X, y, family="binomial")

    assert (found.verdict, found.codes) == ("unexplained", ())
    assert "a solver whose tolerance is loose leaves" in found.why


@pytest.mark.parametrize(
    ("kind", "weighted", "codes"),
    [
        ("multinomial", False, ("ridge", "solver-tolerance")),
        ("binomial", True, ("class-weights", "ridge", "solver-tolerance")),
    ],
)
def test_numbers_alone_are_held_to_what_scikit_learn_has_by_default(kind, weighted, codes):
    """Its default penalty and tolerance are no numbers that are chosen, so that few equations are enough."""
    X, y = asked(kind)
    each = np.array([N / (2 * (y == label).sum()) for label in (0, 1)])[y.astype(int)] if weighted else None
    alone = logistic(kind, weights=each)
    found = diagnose((alone.coef_, alone.intercept_), X, y, family=kind)

    assert found.codes == codes
    assert "As by default in scikit-learn, it has" in found.found[0].says


def test_a_ridge_that_a_tolerance_blurs_is_no_lasso():
    """A second number to choose leaves less, and says no more."""
    X, y = asked("binomial")
    alone = logistic(C=0.1)
    found = diagnose((alone.coef_, alone.intercept_), X, y, family="binomial")

    assert found.codes == ("ridge",)
    assert found.found[0].values["factors"][0] == pytest.approx(10, rel=0.02)


def test_an_estimator_that_was_not_fitted_is_refused():
    """Its coefficients do not exist before."""
    fitted = logistic()
    del fitted.coef_

    with pytest.raises(ValueError, match="this LogisticRegression has no coefficients: fit it first"):
        diagnose(fitted, *asked("binomial"))


@pytest.mark.parametrize(
    ("name", "module", "loss", "says"),
    [
        ("LinearSVC", "svm", "squared_hinge", "LinearSVC minimises the hinge of a margin"),
        ("SGDClassifier", "linear_model", "hinge", "SGDClassifier minimises the loss 'hinge'"),
        ("HuberRegressor", "linear_model", "", "HuberRegressor minimises Huber's loss"),
    ],
)
def test_an_estimator_of_another_loss_is_named_as_such(name, module, loss, says):
    """And not as the nearest of the causes that have a number to choose."""
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(200, 2)), rng.integers(0, 2, 200).astype(float)
    made = estimator(name, np.array([[0.3], [0.4], [-0.9]]), loss=loss)
    made.loss, type(made).__module__ = loss, f"sklearn.{module}._stand_in"
    found = diagnose(made, X, y, family="binomial")

    assert found.codes == ("loss",)
    assert says in found.found[0].says


def test_a_network_of_scikit_learn_without_a_hidden_layer_is_a_model():
    """Its penalty is alpha beside the sum; one with a hidden layer has no coefficients of a model."""
    X, y = asked("binomial")
    matrix, _ = stopped("binomial", X, y, 0.01, np.ones(N))
    made = estimator("MLPClassifier", matrix, alpha=0.01)
    made.coefs_, made.intercepts_, made.out_activation_ = [matrix[1:]], [matrix[0]], "logistic"
    type(made).__module__ = "sklearn.neural_network._stand_in"
    del made.coef_, made.intercept_

    assert diagnose(made, X, y).codes == ("ridge", "solver-tolerance")
    made.coefs_ = [matrix[1:], matrix[1:]]
    with pytest.raises(ValueError, match="this MLPClassifier has 1 hidden layer: a model has none"):
        diagnose(made, X, y)
