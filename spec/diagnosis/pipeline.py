"""An estimator of scikit-learn inside of what it stands in: a search, a pipeline with its own steps, its labels."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

DENSE = 2**27  # numbers of sparse columns that are made dense, to have names


def bare(given: Any) -> Any:
    """
    The estimator itself, out of a pipeline, whose last step it is, or of a search over settings.

    Raises ValueError if it was not fitted.
    """
    given = _inside(given)
    while not hasattr(given, "coef_") and isinstance(getattr(given, "steps", None), list):
        given = _inside(given.steps[-1][1])
    if is_of_sklearn(given) and not hasattr(given, "coef_") and one_for_each(given) is None:
        what = "give its estimator_, which has" if hasattr(given, "estimator_") else "fit it first"
        raise ValueError(f"this {type(given).__name__} has no coefficients: {what}.")
    each = one_for_each(given)
    return each[0] if each is not None and len(each) == 1 else given


def one_for_each(given: Any) -> list[Any] | None:
    """The estimators of scikit-learn's OneVsRestClassifier, one for each class but of two; None of anything else."""
    each = getattr(given, "estimators_", None)
    is_one = type(given).__name__ == "OneVsRestClassifier" and each and all(hasattr(one, "coef_") for one in each)
    return list(each) if is_one else None  # type: ignore[arg-type]


SCALERS = {"MinMaxScaler": "min-max", "RobustScaler": "middle-half", "StandardScaler": "standardised"}


def scaling(given: Any) -> str:
    """The code of the cause that the one scaler of a pipeline is; empty where there is none, or more."""
    steps = [step for _, step in getattr(_inside(given), "steps", None) or ()]
    scalers = [step for step in steps if type(step).__name__ in SCALERS]
    if len(scalers) != 1:
        return ""
    return "centred" if getattr(scalers[0], "with_std", True) is False else SCALERS[type(scalers[0]).__name__]


def is_of_sklearn(given: Any) -> bool:
    return type(given).__module__.startswith("sklearn.linear_model")


def _inside(given: Any) -> Any:
    """The estimator inside a search over settings, or behind a transformed response; anything else as it is."""
    return getattr(given, "best_estimator_", getattr(given, "regressor_", given))


def transformed(given: Any, X: Any) -> tuple[Any, tuple[str, ...]]:
    """
    Return (X, notes): the columns that the steps of a pipeline make, where the last one has others than X has.

    X stays as it was if the last step has as many numeric columns as X: then the steps' changes are found by the diagnosis.
    """
    steps, width = _inside(given), getattr(bare(given), "n_features_in_", None)
    if X is None or width is None or not isinstance(getattr(steps, "steps", None), list):
        return X, ()
    kind = getattr(X, "dtype", None) or np.asarray(X[:1]).dtype
    if np.shape(X)[1:] == (width,) and kind.kind in "biuf":
        return X, ()
    before = steps[:-1]
    made = before.transform(X)
    if hasattr(made, "toarray") and np.prod(made.shape) <= DENSE:
        made = made.toarray()
    if isinstance(made, np.ndarray) and hasattr(before, "get_feature_names_out"):
        made = import_module("pandas").DataFrame(made, columns=before.get_feature_names_out())
    names = [str(name) for name in getattr(made, "columns", ())]
    shown = f": {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}" if names else ""
    return made, (f"The columns are the {width} that the pipeline's own steps make of X{shown}.",)


def coded(given: Any, y: Any) -> tuple[Any, tuple[str, ...]]:
    """
    Return (y, notes): the labels of an estimator's classes as their numbers 0, 1, ..., in its own order; y if they are these.

    Raises ValueError for a label that is none of the estimator's.
    """
    classes = getattr(bare(given), "classes_", None)
    if classes is None or y is None or np.array_equal(classes, np.arange(len(classes))) or np.ndim(y) != 1:
        return y, ()
    labels = np.asarray(y)
    codes = (labels[:, None] == np.asarray(classes)[None]).astype(int)
    if (absent := np.flatnonzero(codes.sum(axis=1) == 0)).size:
        known = ", ".join(map(repr, np.asarray(classes).tolist()))
        raise ValueError(f"y is {labels[absent[0]].item()!r} in row {absent[0]}, and the estimator's classes are {known}.")
    said = ", ".join(f"{label!r} is {code}" for code, label in enumerate(np.asarray(classes).tolist()))
    return codes.argmax(axis=1), (f"The classes of y have the numbers of the estimator's classes_: {said}.",)
