"""The settings of an estimator of scikit-learn or a result of statsmodels: penalty, weights, how its solver ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spec.diagnosis.pipeline import bare, is_of_sklearn, scaling
from spec.families import Binomial, Family, Gamma, Gaussian, InverseGaussian, Multinomial, NegativeBinomial, Poisson, Tweedie
from spec.links import ELEMENTWISE, Identity, Link, Log, Logit, Power, Probit, Softmax
from spec.model import Model

BY_SLOPE = ("lbfgs", "newton-cg", "newton-cholesky", "bfgs", "cg")  # which stop where no slope is larger than their tolerance
BY_ROWS = ("SGDClassifier", "SGDRegressor")  # whose steps are of one row each
LINE, LOGISTIC, CLASSES = Model(Gaussian(), Identity()), Model(Binomial(), Logit()), Model(Multinomial(), Softmax())
COUNTS, SIZES = Model(Poisson(), Log()), Model(Gamma(), Log())
MODELS = {
    "PoissonRegressor": COUNTS,
    "GammaRegressor": SIZES,
    **dict.fromkeys(("LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV"), LINE),
}
POWERS = {0: LINE, 1: COUNTS, 2: SIZES, 3: Model(InverseGaussian(), Log())}  # of a TweedieRegressor whose link is "auto"
OUTPUTS = {"logistic": LOGISTIC, "softmax": CLASSES, "identity": LINE, "exp": COUNTS}  # of a network of scikit-learn
OF_STATSMODELS = {
    **dict.fromkeys(("OLS", "WLS"), LINE),
    "Logit": LOGISTIC,
    "Probit": Model(Binomial(), Probit()),
    "MNLogit": CLASSES,
    "Poisson": COUNTS,
}
FAMILIES: dict[str, Callable[[Any], Family]] = {  # of statsmodels' GLM
    "Gaussian": lambda family: Gaussian(),
    "Binomial": lambda family: Binomial(),
    "Poisson": lambda family: Poisson(),
    "Gamma": lambda family: Gamma(),
    "InverseGaussian": lambda family: InverseGaussian(),
    "NegativeBinomial": lambda family: NegativeBinomial(float(family.alpha)),
    "Tweedie": lambda family: Tweedie(float(family.var_power)),
}
OTHERWISE = {"cauchit": "cauchy", "inverse": "inversepower", "logcomplement": "logc"}  # the names of statsmodels for our links
LINKS: dict[str, Link] = {OTHERWISE.get(name, name): link for link in ELEMENTWISE for name in [type(link).__name__.lower()]}
SUMS = ("LogisticRegression", "Ridge", "MLPClassifier", "MLPRegressor")  # whose penalty stands beside a sum over the rows
MEANS = ("PoissonRegressor", "GammaRegressor", "TweedieRegressor", "Lasso", "ElasticNet", *BY_ROWS)  # and beside a mean
OTHER_LOSSES = {
    **dict.fromkeys(("LinearSVC", "SVC", "NuSVC"), "the hinge of a margin, or its square"),
    **dict.fromkeys(("LinearSVR", "SVR", "NuSVR"), "the error beyond epsilon"),
    **dict.fromkeys(("Perceptron", "PassiveAggressiveClassifier", "PassiveAggressiveRegressor"), "the errors that it meets"),
    **dict.fromkeys(("RidgeClassifier", "RidgeClassifierCV"), "the squared error of labels -1 and 1, with a penalty"),
    "HuberRegressor": "Huber's loss, which is linear for large residuals",
    "QuantileRegressor": "the absolute error, weighted for a quantile",
    **dict.fromkeys(("TheilSenRegressor", "RANSACRegressor"), "no sum over all rows, but what most rows agree on"),
    "LinearDiscriminantAnalysis": "the likelihood of the columns given the class, and not of the class given the columns",
}


@dataclass(frozen=True, eq=False)
class Settings:
    """
    The settings of a program, in the units of a log-likelihood that is a sum over rows.

    Its penalty is ``strength`` / 2 times the squares of the kernel and ``absolute`` times its absolute values, and those of the
    bias if ``of_bias``; ``per_row`` says that this is for each unit of weight. ``class_weight`` are the weights of ``classes``
    by their labels, or "balanced". ``ended`` is a sentence about where its solver ends; ``slope`` the largest slope of the mean
    loss at which it stops, if that is its rule; ``was_cut_off`` says that it ended before its rule was kept, and
    ``steps_of_rows`` that its steps are of one row each. ``model`` is that whose likelihood it takes, where that is known.
    ``scaling`` is the code of the cause that the scaler before it in its pipeline is. ``how`` begins the sentences about what it
    was told.
    """

    ended: str
    how: str = "it was told"
    strength: float = 0.0
    absolute: float = 0.0
    per_row: bool = False
    of_bias: bool = False
    class_weight: Any = None
    classes: tuple[Any, ...] = ()
    slope: float | None = None
    was_cut_off: bool = False
    steps_of_rows: bool = False
    model: Model | None = None
    scaling: str = ""

    def weights(self, counts: np.ndarray) -> np.ndarray | None:
        """The weights (k,) of the classes, by their ``counts`` of rows; None if there are none, or for other classes."""
        if isinstance(self.class_weight, str):
            return np.asarray(counts.sum() / (len(counts) * np.maximum(counts, 1)))
        if self.class_weight is None or len(self.classes) != len(counts):
            return None
        return np.array([float(self.class_weight.get(one, 1.0)) for one in self.classes])


def model_of(estimator: Any) -> Model | None:
    """
    The model whose likelihood an estimator of scikit-learn takes, with a penalty or without, or a result of statsmodels.

    None where it is not known.
    """
    own: Any = getattr(estimator, "model", None)
    if type(own).__module__.startswith("statsmodels."):
        if type(own).__name__ == "NegativeBinomial" and getattr(own, "loglike_method", "") == "nb2":  # its last number is alpha
            return Model(NegativeBinomial(float(np.asarray(estimator.params)[-1])), Log())
        return _model_of_glm(own.family) if type(own).__name__ == "GLM" else OF_STATSMODELS.get(type(own).__name__)
    name, loss = type(estimator).__name__, getattr(estimator, "loss", "")
    if name.startswith("MLP"):
        return OUTPUTS.get(getattr(estimator, "out_activation_", ""))
    if not is_of_sklearn(estimator):
        return None
    if name.startswith("LogisticRegression"):
        return LOGISTIC if len(estimator.classes_) == 2 else CLASSES
    if name in BY_ROWS:
        is_binary = loss == "log_loss" and len(estimator.classes_) == 2
        return LOGISTIC if is_binary else LINE if loss == "squared_error" and name == "SGDRegressor" else None
    if name == "TweedieRegressor":
        power, link = estimator.power, Identity() if estimator.link == "identity" else Log()
        known = POWERS.get(power) or (Model(Tweedie(power), Log()) if 1 < power < 2 else None)
        return known and (known if estimator.link == "auto" else Model(known.family, link))
    return MODELS.get(name)


def meant_by(estimator: Any) -> Model | None:
    """`model_of`; of a classifier that minimises another loss the model of its classes, which it stands for."""
    if (known := model_of(estimator)) is not None:
        return known
    classes = getattr(estimator, "classes_", ())
    is_one = type(estimator).__module__.startswith("sklearn.") and len(classes) > 1 and np.ndim(classes) == 1
    return (LOGISTIC if len(classes) == 2 else CLASSES) if is_one else None


def _model_of_glm(family: Any) -> Model | None:
    """The model of a family of statsmodels, with its link."""
    made, link = FAMILIES.get(type(family).__name__), type(family.link).__name__.lower()
    known = Power(float(family.link.power)) if link == "power" else LINKS.get(link)
    return None if made is None or known is None else Model(made(family), known)


OTHER_MODELS = {  # of statsmodels
    "RLM": "Huber's or another robust loss",
    "QuantReg": "the absolute error, weighted for a quantile",
    **dict.fromkeys(("NegativeBinomial", "NegativeBinomialP"), "the negative binomial loss, with a parameter that it estimates"),
    **dict.fromkeys(("GeneralizedPoisson",), "the loss of a generalised Poisson distribution"),
}


def other_loss(estimator: Any, family: str) -> str:
    """A sentence on the loss that an estimator minimises in place of a ``family``'s likelihood; empty if it is not known."""
    name, loss = type(estimator).__name__, getattr(estimator, "loss", "")
    own = type(getattr(estimator, "model", None)).__name__
    if own in OTHER_MODELS and type(estimator).__module__.startswith("statsmodels."):
        return "" if "Binomial" in own and family.startswith("negative-binomial") else f"{own} minimises {OTHER_MODELS[own]}"
    if (rows := getattr(getattr(estimator, "model", None), "cov_struct", None)) is not None:
        kind = type(rows).__name__
        return "" if kind == "Independence" else f"{own} solves equations in which rows of a group go together ({kind})"
    if not type(estimator).__module__.startswith("sklearn."):
        return ""
    if name in BY_ROWS and loss not in ("log_loss", "squared_error"):
        return f"{name} minimises the loss {loss!r}, which is no likelihood of the model"
    return f"{name} minimises {OTHER_LOSSES[name]}" if name in OTHER_LOSSES else ""


def settings_of(given: Any) -> Settings | None:
    """The settings of an estimator of scikit-learn, in a pipeline or not, or of a result of statsmodels; else None."""
    pipeline, given = given, bare(given)
    if is_of_sklearn(given) or type(given).__name__ in SUMS:
        told = _of_sklearn(given, given.get_params())
        return told and replace(told, scaling=scaling(pipeline))
    told = getattr(given, "mle_settings", None)
    if not isinstance(told, dict) or "maxiter" not in told:
        return None
    return _of_statsmodels(told, bool(given.mle_retvals.get("converged", True)))


def _of_sklearn(estimator: Any, told: dict[str, Any]) -> Settings | None:
    """The settings of an estimator, with the penalty that it chose if it chooses one; None for an unknown estimator."""
    whole = type(estimator).__name__
    name, chosen = whole.removesuffix("CV"), whole.endswith("CV")
    if name not in (*SUMS, *MEANS) or (chosen and told.get("refit") is False):
        return None
    told = {**told, **{key: _number(getattr(estimator, f"{key}_", told.get(key))) for key in ("C", "alpha", "l1_ratio")}}
    solver, penalty = told.get("solver", ""), told.get("penalty", "deprecated")
    factor = told["C" if name == "LogisticRegression" else "alpha"]
    if factor is None:
        return None
    strength = 0.0 if penalty is None else float(1 / factor if name == "LogisticRegression" else factor)
    share = float(name == "Lasso" or penalty == "l1")
    if name == "ElasticNet" or penalty == "elasticnet" or (name == "LogisticRegression" and penalty == "deprecated"):
        share = told["l1_ratio"] or 0.0
    iterations = None if chosen else getattr(estimator, "n_iter_", None)  # those of a search are of its parts
    most, tolerance = told.get("max_iter"), told.get("tol")
    by_slope, steps_of_rows = solver in BY_SLOPE, name in BY_ROWS
    was_cut_off = iterations is not None and most is not None and int(np.max(iterations)) >= most
    who = f"{whole}'s solver {solver}" if solver else whole
    one_for_each = len(getattr(estimator, "classes_", ())) > 2 and (solver == "liblinear" or told.get("multi_class") == "ovr")
    if was_cut_off:
        ended = f"{who} ended after max_iter={most} iterations, before its own tolerance"
    elif steps_of_rows:
        ended = f"{who} takes steps of one row each, which wander around the optimum"
    else:
        ended = _stops(who, by_slope, "its default" if tolerance is None else f"tol={tolerance:g}")
    return Settings(
        ended,
        strength=(1 - share) * strength,
        absolute=share * strength,
        per_row=name in MEANS,
        of_bias=solver == "liblinear" and told["fit_intercept"],
        class_weight=told.get("class_weight"),
        classes=tuple(getattr(estimator, "classes_", ())),
        slope=tolerance if by_slope else None,
        was_cut_off=was_cut_off,
        steps_of_rows=steps_of_rows,
        model=None if one_for_each else model_of(estimator),
    )


def _number(value: Any) -> Any:
    """The one number of a setting that a search may have chosen for each class."""
    found = np.unique(np.ravel(value)) if isinstance(value, np.ndarray) and value.dtype.kind == "f" else np.ravel(value)
    return found[0] if len(found) == 1 else None


def _of_statsmodels(told: dict[str, Any], converged: bool) -> Settings:
    who, slope = f"statsmodels' optimizer {told['optimizer']}", told.get("gtol")
    absolute = np.unique(told.get("alpha", 0.0))
    if len(absolute) == 1 and absolute[0] > 0:  # of fit_regularized, on all coefficients
        return Settings(_stops(who, False, "its default"), absolute=float(absolute[0]), of_bias=True)
    if not converged:
        return Settings(f"{who} ended after maxiter={told['maxiter']} iterations, before its own tolerance", was_cut_off=True)
    return Settings(_stops(who, slope is not None, f"gtol={slope:g}" if slope else "its default"), slope=slope)


def _stops(who: str, by_slope: bool, tolerance: str) -> str:
    rule = "where no slope of the mean loss is larger than its tolerance" if by_slope else "by its tolerance"
    return f"{who} stops {rule}, {tolerance}"


BY_DEFAULT = "As by default in scikit-learn, it has"


def defaults(model: Model) -> tuple[Settings, ...]:
    """The default settings of scikit-learn for a model, for coefficients that come without their estimator."""
    if model.is_logistic:
        plain = Settings(_stops("LogisticRegression's solver lbfgs", True, "tol=0.0001"), BY_DEFAULT, strength=1.0, slope=1e-4)
        return plain, replace(plain, class_weight="balanced")
    if model.link == Log() and isinstance(model.family, (Poisson, Gamma, Tweedie)):
        ended = _stops("the solver lbfgs", True, "tol=0.0001")
        return (Settings(ended, BY_DEFAULT, strength=1.0, per_row=True, slope=1e-4),)
    return ()
