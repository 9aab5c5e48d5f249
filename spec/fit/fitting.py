"""
Bring a Keras model without a hidden layer to its optimum, in a few passes over the data, with standard errors.

The fit ends where the network's own back-propagated gradient is zero; Fisher's information makes its steps large
(see `spec.fit.maximise`).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from spec import likelihood
from spec.engines.keras.backend import BACKEND
from spec.engines.keras.network import precision
from spec.existence import NONE_INSIDE
from spec.fit.ending import why_not
from spec.fit.maximise import INTERRUPTED, Pass, maximise
from spec.fit.progress import shown
from spec.fit.read import read
from spec.fit.result import Fitted
from spec.fit.rows import Column, Rows, of_arrays, of_arrow, of_stream
from spec.fit.sums import CORES
from spec.fit.task import Task, find_not_finite, null_free, threads
from spec.model import Model, Params

if TYPE_CHECKING:
    from spec.engines.keras.versions import keras


def fit(
    model: keras.Model,
    X: Any,
    y: Column | str | None = None,
    *,
    weights: Column | str | None = None,
    offset: Column | str | None = None,
    start: Params | None = None,
    tolerance: float = 1e-6,
    max_passes: int = 50,
    progress: bool | Callable[[Pass], None] = False,
) -> Fitted:
    """
    The optimum of a compiled Keras model without a hidden layer. Sets the model's weights to it.

    ``X`` (n, p) and ``y`` (n,) or (n, k) are arrays, or whatever is sliced like one (a memory map, HDF5); or X is a pyarrow
    Table or Dataset or the path of a Parquet file, and y, weights and offset are names of its columns; or X is a stream of
    batches (x, y) or (x, y, weights) that can be read again and again: tf.data, PyDataset, a list. ``weights`` (n,) are prior
    weights, ``offset`` (n, k) is added to eta (it is the second input of a model that has two).

    The fit ends when the estimated distance from the optimum is below ``tolerance`` standard errors. ``progress=True`` shows
    each pass; if ``progress`` is a function, it is called after each pass. Ctrl-C ends the fit at the best parameters so far;
    with the `Fitted.params` of an earlier fit as ``start`` the fit goes on from there. Raises ValueError where the model is no
    generalized linear model or the data do not fit it.

    Precision: the fit computes in float64, whatever the precision of the model, and the model's weights are the optimum
    rounded to their own dtype. Keras's floatx and dtype policy are float64 only during the fit, and restored at its end. But
    on JAX and torch the first fit switches float64 on for the rest of the process: ``jax_enable_x64`` on JAX, and on both
    Keras's promotion of float64 to float32 off. TensorFlow needs no switch.

    >>> import keras, numpy as np
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, activation="sigmoid")])
    >>> model.compile(loss="binary_crossentropy")
    >>> X = np.repeat([[0.0], [1.0]], 4, axis=0)
    >>> fitted = fit(model, X, y=[1, 0, 0, 0, 1, 1, 1, 0])  # 1 of 4, and 3 of 4: the bias is log(1 / 3)
    >>> fitted.converged, fitted.params.intercept.round(6), fitted.params.coef.round(6)
    (True, array([-1.098612]), array([[2.197225]]))
    >>> fitted.standard_errors.round(4).ravel()  # of the bias and of the coefficient
    array([1.1547, 1.633 ])
    """
    family_and_link, dense, codes = read(model)
    rows = source(X, y, weights, offset)
    k = int(model.output_shape[-1])
    if codes:
        rows = rows.map(lambda batch: replace(batch, y=_indicators(batch.y, k)))
    with shown(rows.total) if progress is True else nullcontext((progress or None, None)) as (on_pass, on_rows):
        fitted = optimise(
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
    params = fitted.params
    dense.set_weights([params.coef, params.intercept] if dense.use_bias else [params.coef])
    return fitted


def source(X: Any, y: Column | str | None, weights: Column | str | None = None, offset: Column | str | None = None) -> Rows:
    """The rows of data, in any of the forms that `fit` takes."""
    if isinstance(y, str):
        return of_arrow(X, y, weights, offset)
    if y is None:
        if weights is not None or offset is not None:
            raise ValueError(
                "a stream brings its weights and offset itself: make its batches (x, y, weights) or ((X, offset), y)."
            )
        return of_stream(X)
    rows = of_arrays(*(_sliced(column) for column in (X, y, weights, offset)))
    return replace(rows, columns=tuple(map(str, getattr(X, "columns", ()))))


def _sliced(column: Any) -> Column | None:
    """The column itself if it is sliced like an array; an array of it if it is a frame, a series or a list."""
    if hasattr(column, "to_numpy"):
        return column.to_numpy()
    return column if column is None or hasattr(column, "shape") else np.asarray(column)


def _indicators(codes: np.ndarray, k: int) -> np.ndarray:
    """Indicators (n, k), one column for each class, from one column of codes."""
    known = np.isin(codes, np.arange(k))
    if codes.shape[1] != 1 or not known.all():
        wrong = f"{codes.shape[1]} columns" if codes.shape[1] != 1 else f"the code {codes[~known][0]}"
        raise ValueError(f"the loss is sparse, so y is one column of the codes 0 to {k - 1}, but it has {wrong}.")
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
    The optimum of a model on rows, found as `fit` finds it.

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
    settings["room"] = lambda free, step: task.room(rows, free, step)
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
            maximum = maximise(
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
            if not likelihood.in_domain(task.known, task.known.params(free)):
                raise ValueError(NONE_INSIDE) from error
            raise ValueError(f"{error}: are columns of X very large? Standardise them.") from error
    steer, free, reason, distance = maximum.steer, maximum.free, maximum.reason, maximum.distance
    if not (maximum.converged or maximum.ending == INTERRUPTED):
        reason, distance = why_not(task, rows, maximum)
    columns = task.known.data.columns
    return Fitted(
        model=task.known.model,
        params=task.known.params(free),
        dispersion=maximum.dispersion,
        distance=distance,
        converged=maximum.converged,
        reason=reason,
        passes=maximum.passes,
        rows=maximum.sums.rows,
        intercept=task.known.intercept,
        columns=columns,
        outputs=("y",) if task.known.k == 1 else tuple(f"class {j}" for j in range(task.known.k)),
        _value=maximum.sums.value,
        _rows=rows,
        _steer=steer,
    )
