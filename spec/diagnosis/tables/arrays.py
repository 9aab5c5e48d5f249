"""Coefficients without names: arrays of NumPy, of scikit-learn and of Keras, in the order of the columns."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spec.diagnosis.answer import Answer
from spec.diagnosis.pipeline import one_for_each
from spec.diagnosis.tables.grid import DOUBLE, half_units
from spec.diagnosis.tables.names import Design, first_big
from spec.model import Params

LEAST = 5e-3  # half a unit of the second digit after the point: numbers of fewer digits, such as 0 and 0.5, were not rounded


def arrays_of(given: Any) -> tuple[Any, Any] | None:
    """Return (coef, intercept) of what has no names; the intercept is None where it is in the first row of coef."""
    if isinstance(given, Params):
        return given.coef.T, given.intercept
    if isinstance(given, (str, os.PathLike)) and Path(given).suffix.lower() == ".npz":
        try:
            with np.load(given, allow_pickle=False) as kept:
                given = dict(kept)
        except (OSError, ValueError) as error:
            raise ValueError(f"{given} is no file of arrays: save coef_ and intercept_ by numpy.savez.") from error
    if len(layers := getattr(given, "coefs_", ())) > 1:
        hidden = f"{len(layers) - 1} hidden layer{'s' * (len(layers) > 2)}"
        raise ValueError(f"this {type(given).__name__} has {hidden}: a model has none, hidden_layer_sizes=().")
    if layers:
        return layers[0].T, given.intercepts_[0]
    if (each := one_for_each(given)) is not None:
        return np.vstack([np.atleast_2d(one.coef_) for one in each]), np.ravel([one.intercept_ for one in each])
    if hasattr(given, "coef_"):
        return given.coef_, getattr(given, "intercept_", 0.0)
    if isinstance(given, Mapping):
        for coef, intercept in (("coef_", "intercept_"), ("coef", "intercept")):
            if coef in given and np.ndim(given[coef]) > 0:
                return given[coef], given.get(intercept, 0.0)
        return None
    if isinstance(given, (list, tuple)) and _are_of_keras(given):
        return given[0].T, given[1]
    if isinstance(given, tuple) and len(given) == 2 and np.ndim(given[0]) > 0:
        return given
    if isinstance(given, (list, tuple, np.ndarray)):
        return given, None
    return None


def _are_of_keras(given: Sequence[Any]) -> bool:
    """Whether arrays are a Dense layer's, (p, k) and (k,); a tuple that may be scikit-learn's, (k, p) and (k,), is its."""
    if [part.ndim for part in given if isinstance(part, np.ndarray)] != [2, 1] or given[0].shape[1] != len(given[1]):
        return False
    return isinstance(given, list) or len(given[0]) != len(given[1])


def answer_of_arrays(coef: Any, intercept: Any, design: Design, name: str, family: str = "") -> Answer:
    """
    The answer that arrays make, as `arrays_of` returns them.

    Of a binomial ``family`` there may be coefficients for each of the two classes, whose difference is that of the log-odds.
    """
    try:
        coef = np.asarray(coef, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is neither a table nor an array of numbers.") from error
    p, k = len(design.columns), design.k
    own = intercept is not None
    # where there is an offset, one number more is its coefficient, the last
    has_free = k == 1 and design.offset is not None and coef.size == p + 1 + (not own)
    wide = p + has_free
    every = (k, 2) if k == 1 and family.startswith("binomial") else (k,)
    read = (
        _named_rows(coef, np.asarray(intercept, dtype=float), wide, each) if own else _first_row(coef, wide, each)
        for each in every
    )
    matrix = next((one for one in read if one is not None), None)
    if matrix is None:
        asked = f"{p} columns" + (" and an intercept" if design.intercept else "") + (f", of {k} classes" if k > 1 else "")
        raise ValueError(
            f"{name} has coefficients of the shape {coef.shape}, but the design has {asked}: {', '.join(design.columns)}."
        )
    notes, program = list[str](), {}
    if matrix.shape[1] > k:
        notes.append(
            f"{first_big(name)} has coefficients for both classes: the model's are those of the second less those of the first."
        )
    if design.intercept and not matrix[0].any() and not own:
        notes.append(f"{first_big(name)} has no intercept: it is taken as 0.")
    if not design.intercept and matrix[0].any():
        program["extra-intercept"] = f"{first_big(name)} has an intercept, and the model has none."
    return Answer(Params.from_matrix(matrix), name, _rounding(matrix), program=program, notes=tuple(notes))


def _rounding(matrix: np.ndarray) -> np.ndarray:
    """Half a unit of the last digit of each number, if they were rounded to two or more digits after the point."""
    half = half_units([repr(float(value)) for value in matrix.ravel()]).reshape(matrix.shape)
    return half if half.min(initial=1.0, where=matrix != 0) <= LEAST else np.abs(matrix) * DOUBLE


def _named_rows(coef: np.ndarray, intercept: np.ndarray, p: int, k: int) -> np.ndarray | None:
    """(1 + p, k) of scikit-learn's coef_ (k, p) and intercept_ (k,); of two classes one row may stand for both."""
    rows = coef.reshape(1, -1) if coef.ndim == 1 else coef
    if rows.ndim != 2 or rows.shape[1] != p or rows.shape[0] not in (k, max(k - 1, 1)):
        return None
    first = np.broadcast_to(np.ravel(intercept), (len(rows),)) if np.size(intercept) in (1, len(rows)) else None
    if first is None:
        return None
    matrix = np.vstack([first, rows.T])
    return matrix if len(rows) == k else np.hstack([np.zeros((1 + p, 1)), matrix])


def _first_row(matrix: np.ndarray, p: int, k: int) -> np.ndarray | None:
    """(1 + p, k) of an array with the intercept first, if it has one."""
    if matrix.ndim == 1 or (k == 1 and len(matrix) == 1):
        matrix = matrix.reshape(-1, 1)
    if matrix.ndim != 2 or matrix.shape[1] not in (k, max(k - 1, 1)) or len(matrix) not in (p, p + 1):
        return None
    if len(matrix) == p:
        matrix = np.vstack([np.zeros((1, matrix.shape[1])), matrix])
    return matrix if matrix.shape[1] == k else np.hstack([np.zeros((1 + p, 1)), matrix])
