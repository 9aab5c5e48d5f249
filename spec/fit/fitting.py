"""
Bring a Keras model without a hidden layer to its optimum: exactly, in a handful of passes over the data, with standard errors.

    model = keras.Sequential([keras.Input((32,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile(loss="binary_crossentropy")

    fitted = fit(model, X, y)
    fitted.params.coef, fitted.standard_errors, fitted.distance

The network's own back-propagated gradient decides where the steps end; Fisher's information makes them large
(see `spec.fit.maximise`).
Everything is computed in float64, whatever the model's own precision; its weights are set to the optimum, rounded to that.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np

from spec.engines.keras.backend import BACKEND
from spec.engines.keras.network import precision
from spec.fit.maximise import Pass, maximise
from spec.fit.progress import shown
from spec.fit.read import read
from spec.fit.result import Fitted
from spec.fit.rows import Rows, of_arrays, of_arrow, of_stream
from spec.fit.sums import CORES
from spec.fit.task import Task, find_not_finite, null_free, threads
from spec.model import Model, Params


# -- fitting -------------------------------------------------------------------------------------------------------------------
def fit(
    model: Any,
    X: Any,
    y: Any = None,
    *,
    weights: Any = None,
    offset: Any = None,
    start: Params | None = None,
    tolerance: float = 1e-6,
    max_passes: int = 50,
    progress: bool | Callable[[Pass], None] = False,
) -> Fitted:
    """
    The optimum of a compiled Keras model without a hidden layer; the model's weights are set to it.

    ``X`` (n, p) and ``y`` (n,) or (n, k) are arrays, or whatever is sliced like one (a memory map, HDF5); or X is a pyarrow
    Table or Dataset or the path of a Parquet file, and y, weights and offset are names of its columns; or X is a stream of
    batches (x, y) or (x, y, weights) that can be gone through again: tf.data, PyDataset, a list. ``weights`` (n,) are prior
    weights, ``offset`` (n, k) is added to eta (the second input of a model that has two).

    Ends when the estimated distance from the optimum is below ``tolerance`` standard errors. With ``progress`` each pass is
    shown, or on_pass to a function. Ctrl-C ends the fit at the best parameters so far, and ``start`` goes on from the
    `Fitted.params` of an earlier fit. Raises ValueError where the model is no GLM or the data do not fit it.
    """
    family_and_link, dense, codes = read(model)
    rows = source(X, y, weights, offset)
    k = int(model.output_shape[-1])
    if codes:
        rows = rows.map(lambda batch: replace(batch, y=_indicators(batch.y, k)))
    with shown(rows.total) if progress is True else nullcontext((progress or None, None)) as (on_pass, on_rows):
        optimum = optimise(
            family_and_link,
            rows,
            dense.use_bias,
            shape=(int(dense.kernel.shape[0]), k),
            start=start,
            tolerance=tolerance,
            max_passes=max_passes,
            on_pass=on_pass,
            on_rows=on_rows,
        )
    params = optimum.params
    dense.set_weights([params.coef, params.intercept] if dense.use_bias else [params.coef])
    return optimum


def source(X: Any, y: Any, weights: Any = None, offset: Any = None) -> Rows:
    """The rows of data of any kind that `fit` takes."""
    if isinstance(y, str):
        return of_arrow(X, y, weights, offset)
    if y is None:
        if weights is not None or offset is not None:
            raise ValueError("a stream brings its weights and offset itself, in batches (x, y, weights) or ((X, offset), y).")
        return of_stream(X)
    return of_arrays(*(_sliced(column) for column in (X, y, weights, offset)))


def _sliced(column: Any) -> Any:
    """The column itself if it is sliced like an array; else (a frame, a series, a list) an array of it."""
    if hasattr(column, "to_numpy"):
        return column.to_numpy()
    return column if column is None or hasattr(column, "shape") else np.asarray(column)


def _indicators(codes: np.ndarray, k: int) -> np.ndarray:
    """Indicators (n, k), one column for each class, from one column of codes."""
    known = np.isin(codes, np.arange(k))
    if codes.shape[1] != 1 or not known.all():
        found = f"{codes.shape[1]} columns" if codes.shape[1] != 1 else f"the code {codes[~known][0]}"
        raise ValueError(f"the loss is sparse, so y is one column of the codes 0 to {k - 1}, but it has {found}.")
    return np.eye(k)[codes[:, 0].astype(int)]


def optimise(
    model: Model,
    rows: Rows,
    intercept: bool = True,
    *,
    shape: tuple[int, int] | None = None,
    start: Params | None = None,
    tolerance: float = 1e-6,
    max_passes: int = 50,
    on_pass: Callable[[Pass], None] | None = None,
    on_rows: Callable[[int], None] | None = None,
) -> Fitted:
    """
    The optimum of a model on rows: see `fit`.

    ``shape`` (p, k) is what the data must have. ``on_pass`` hears each pass, ``on_rows`` the number of its rows that are done.
    """
    BACKEND.enable_float64()
    with precision("float64"):
        return _optimise(Task.of(model, rows, intercept, shape), rows, start, tolerance, max_passes, on_pass, on_rows)


def _optimise(
    task: Task,
    rows: Rows,
    start: Params | None,
    tolerance: float,
    max_passes: int,
    on_pass: Callable[[Pass], None] | None,
    on_rows: Callable[[int], None] | None,
) -> Fitted:
    settings: dict[str, Any] = {"kind": task.kind, "basis": task.basis}
    with threads.limit(limits=1, user_api="blas"), ThreadPoolExecutor(CORES) as pool:
        guess = None
        if start is not None:
            free = task.known.free(start)
        else:
            free = null_free(task.known, task.basis)
            if rows.total is None or task.known.n <= rows.total / 3:
                guess = maximise(task.penalised_sample(), free, tolerance=0.1, max_passes=15, **settings)
                guess = guess if guess.converged else None
                free = guess.free if guess else free
        try:
            climbed = maximise(
                lambda at, wanted: task.sums(at, wanted, task.rows, pool, on_rows or (lambda rows: None)),
                free,
                guess=guess,
                tolerance=tolerance,
                max_passes=max_passes,
                on_pass=on_pass or (lambda state: None),
                **settings,
            )
        except FloatingPointError as error:
            find_not_finite(rows)
            raise ValueError(f"{error}: are columns of X very large? Standardise them.") from error
    steer, free = climbed.steer, climbed.free
    return Fitted(
        model=task.known.model,
        params=task.known.params(free),
        standard_errors=steer.standard_errors(climbed.dispersion) if steer else np.full(free.shape, np.inf),
        dispersion=climbed.dispersion,
        distance=climbed.distance,
        converged=climbed.converged,
        reason=climbed.reason,
        passes=climbed.passes,
        rows=climbed.sums.rows,
        _value=climbed.sums.value,
        _rows=rows,
    )
