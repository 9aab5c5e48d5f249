"""
scikit-learn behind the contract, a class for each solver. What the adapter translates:

- *Penalty.* None: C is infinite (which liblinear refuses), alpha is 0. `ByDefault` leaves C = 1 and alpha = 1.
- *Sign and 1/n.* ``log_loss`` is the weighted mean of -log p, ``mean_tweedie_deviance`` that of the unit deviance, here halved.
  Times the sum of weights / n either is -log-likelihood / n plus a term free of the parameters.
- *Weights.* Prior weights times trials are ``sample_weight``. A classifier takes labels, not shares: a row becomes one row for
  each class, with the share of the class in its weight. Of two classes there is one column of coefficients, that of class 1.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from spec.engines.contract import DECLINED, Description, Evaluation, Fit
from spec.families import Binomial, Gamma, Gaussian, InverseGaussian, Multinomial, Poisson, Tweedie
from spec.links import Identity, Log, Logit
from spec.model import Params
from spec.problems import Problem

NAME, CLASSES = "scikit-learn", (Binomial, Multinomial)
POWERS = {Gaussian: 0, Poisson: 1, Gamma: 2, InverseGaussian: 3}  # of the mean, in the variance
DECLINES = dict.fromkeys(("score", "curvature", "standard_errors"), "scikit-learn computes none in public")
DECLINES["log_likelihood"] = "scikit-learn has losses and deviances; log_loss is a log-likelihood of labels only"
DECLINES["loss"] = "mean_tweedie_deviance refuses means that are not positive"
DECLINES["deviance"] = "log_loss leaves out the saturated model, and mean_tweedie_deviance refuses means that are not positive"


class Lbfgs:
    """The solver that scikit-learn takes by default; here as everywhere ``fit_intercept`` is the problem's."""

    solver, unpenalised, max_iter = "lbfgs", True, 10_000
    tolerances: tuple[float, ...] = (1e-15, 1e-14, 1e-13, 1e-12, 1e-10, 1e-8)  # the first that is reached

    def describe(self) -> Description:
        import sklearn

        return Description(NAME, {NAME: sklearn.__version__}, self.solver, homepage=f"https://{NAME}.org", declines=DECLINES)

    def declines(self, problem: Problem) -> str | None:
        family, link = type(problem.model.family), type(problem.model.link)
        if problem.offset is not None:
            return "scikit-learn has no offsets"
        if problem.p == 0:
            return "scikit-learn refuses an X without columns"
        if isinstance(problem.model.family, CLASSES):
            if link is not Logit and family is Binomial:
                return "LogisticRegression has the logit link only"
            _, labels, weights = _rows(problem)
            occurs = len(set(labels[weights > 0].tolist())) == max(problem.k, 2)
            return None if occurs else "a classifier knows only the classes that occur"
        if family not in POWERS and family is not Tweedie:
            return f"scikit-learn has no {problem.model.family} family"
        return None if link in (Identity, Log) else "TweedieRegressor has the identity and the log link only"

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        mean, loss, log_likelihood = _answer(problem, self._at(problem, params))
        return Evaluation(mean, loss, loss_scale=1.0, log_likelihood=log_likelihood, score=DECLINED, curvature=DECLINED)

    def fit(self, problem: Problem) -> Fit:
        row, y, weights = _rows(problem)
        for tol in self.tolerances:
            estimator, said = _fitted(self._estimator(problem, tol), problem.X[row], y, weights)
            if not said:
                break
        matrix = np.vstack([np.atleast_1d(estimator.intercept_), np.atleast_2d(estimator.coef_).T])
        loss, log_likelihood = _answer(problem, estimator)[1:]
        partial = loss is DECLINED or (isinstance(problem.model.family, CLASSES) and log_likelihood is DECLINED)
        params = Params.from_matrix(np.hstack([np.zeros_like(matrix), matrix]) if problem.k == 2 else matrix)
        reason, iterations = said or f"the solver reached its tolerance, {tol:g}", int(np.max(getattr(estimator, "n_iter_", 1)))
        return Fit(params, not said, iterations, reason, DECLINED, DECLINED if partial else 2 * problem.n * loss, log_likelihood)

    def _estimator(self, problem: Problem, tol: float) -> Any:
        """The estimator of the problem's model, not fitted."""
        from sklearn import linear_model

        if problem.model.is_least_squares:  # its tol is the share of the largest singular value below which one counts as 0
            return linear_model.LinearRegression(fit_intercept=problem.intercept, tol=2.0**-52 if self.unpenalised else 1e-6)
        options = {"fit_intercept": problem.intercept, "solver": self.solver, "max_iter": self.max_iter, "tol": tol}
        if isinstance(problem.model.family, CLASSES):
            return linear_model.LogisticRegression(**options, **({"C": np.inf} if self.unpenalised else {}))
        options.update({"alpha": 0.0} if self.unpenalised else {})
        return linear_model.TweedieRegressor(power=_power(problem), link=str(problem.model.link), **options)

    def _at(self, problem: Problem, params: Params) -> Any:
        """An estimator with these coefficients, after a fit of made-up rows: only `fit` tells it what it predicts."""
        classes = np.arange(max(problem.k, 2)) if isinstance(problem.model.family, CLASSES) else np.ones(2)
        estimator, _ = _fitted(self._estimator(problem, 1.0), np.zeros((len(classes), problem.p)), classes, None)
        matrix = (params.contrast().matrix[:, 1:] if problem.k == 2 else params.matrix).T
        outputs = slice(None) if isinstance(problem.model.family, CLASSES) else 0  # to a regressor one output is no axis
        estimator.coef_, estimator.intercept_ = matrix[outputs, 1:].copy(), matrix[outputs, 0].copy()
        return estimator


class NewtonCholesky(Lbfgs):
    """Newton's steps, by a Cholesky factor of the Hessian."""

    solver = "newton-cholesky"


class ByDefault(Lbfgs):
    """What a user gets who sets no option: C = 1 or alpha = 1, tol = 1e-4, and LinearRegression with tol = 1e-6."""

    unpenalised, max_iter, tolerances = False, 100, (1e-4,)


def _power(problem: Problem) -> float:
    return getattr(problem.model.family, "power", POWERS.get(type(problem.model.family), 0))


def _rows(problem: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rows as (row, response, weight); of shares of classes one row for each class, which is its label."""
    if not isinstance(problem.model.family, CLASSES):
        return np.arange(problem.n), problem.y[:, 0], problem.row_weights[:, 0]
    shares = np.hstack([1 - problem.y, problem.y]) if problem.k == 1 else problem.y
    row, labels = np.nonzero(shares)
    return row, labels, (problem.row_weights * shares)[row, labels]


def _fitted(estimator: Any, X: np.ndarray, y: np.ndarray, weights: np.ndarray | None) -> tuple[Any, str]:
    """The estimator after its fit, and the first line of its first ConvergenceWarning; empty where it did not warn so."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.fit(X, y, sample_weight=weights)
    said = [str(each.message).strip().partition("\n")[0] for each in caught if issubclass(each.category, ConvergenceWarning)]
    return estimator, said[0] if said else ""


def _answer(problem: Problem, estimator: Any) -> tuple[np.ndarray, float, float]:
    """The means of the rows, (n, k), the loss, and of labels, whose probabilities are their likelihood, the log-likelihood."""
    from sklearn import metrics

    row, y, weights = _rows(problem)
    if isinstance(problem.model.family, CLASSES):
        shares = np.asarray(estimator.predict_proba(problem.X))
        mean = shares[:, 1:] if problem.k == 1 else shares
        loss = metrics.log_loss(y, shares[row], sample_weight=weights, labels=estimator.classes_)
    else:
        mean, power = np.asarray(estimator.predict(problem.X))[:, None], _power(problem)
        if power > 0 and not (mean > 0).all():
            return mean, DECLINED, DECLINED
        loss = metrics.mean_tweedie_deviance(y, mean[:, 0], sample_weight=weights, power=power) / 2
    total = float(loss) * float(weights.sum())
    whole = isinstance(problem.model.family, CLASSES) and problem.data.trials is None and np.isin(problem.y, (0, 1)).all()
    return mean, total / problem.n, -total if whole else DECLINED
