"""
Bring a Keras model without a hidden layer to its optimum, in a few passes over the data, with standard errors.

What the model is, is read by computing (`spec.fit.reading`). The fit ends where the network's own back-propagated gradient is
zero; Fisher's information makes its steps large (`spec.fit.maximise`). Only a fit that converged writes to the user's model.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from spec.engines.keras.backend import BACKEND
from spec.families import Binomial, Family
from spec.fit.case import Case, case_of
from spec.fit.checks import without_weightless
from spec.fit.cluster import workers_of
from spec.fit.contribution import in_float64
from spec.fit.maximise import Pass
from spec.fit.of_keras import refuse_odd_switches, refuse_others
from spec.fit.optimise import optimise_outputs, optimise_penalised, output
from spec.fit.progress import shown
from spec.fit.reading import Reading, read
from spec.fit.responses import (
    QUASI,
    RATES,
    UNLIKE,
    WEIGHTLESS,
    are_rates,
    are_whole,
    class_weighted,
    no_counts,
    of_classes,
    of_codes,
    of_shares,
    one_of,
    refuse_absent,
    remarks,
    usable,
    weights_differ,
)
from spec.fit.result import Fitted
from spec.fit.rows import Rows
from spec.fit.several import Several
from spec.links import Link
from spec.model import Params

if TYPE_CHECKING:
    from spec.engines.keras.versions import keras

NEARLY_REDUNDANT = "They are so but for rounding, and not to all digits, so drop_redundant keeps them: leave one out."
SAMPLE = 256  # rows that the model is read on


def fit(
    model: keras.Model | None = None,
    X: Any = None,
    y: Any = None,
    *,
    formula: str | None = None,
    data: Any = None,
    family: str | Family | None = None,
    link: str | Link | None = None,
    weights: Any = None,
    offset: Any = None,
    sample_weight: Any = None,
    class_weight: Mapping[int, float] | None = None,
    quasi: bool | None = None,
    start: Params | None = None,
    keep: bool = False,
    standard_errors: bool = True,
    drop_redundant: bool = False,
    tolerance: float = 1e-6,
    max_passes: int = 50,
    progress: bool | Callable[[Pass], None] = False,
    executor: Any = None,
    **others: Any,
) -> Fitted | Several:
    """
    The optimum of a compiled Keras model without a hidden layer. Sets the model's weights to it if the fit converged.

    ``X`` and ``y`` are what Keras's own fit takes, or names of columns: arrays, data frames, tensors, sparse matrices, a list or
    a dict of the model's inputs, files, streams (see `spec.fit.sources.source`). ``weights`` (n,) are prior weights, which Keras
    calls ``sample_weight``; ``class_weight`` multiplies them by class. ``offset`` (n, k) is added to eta; where the model has an
    input for it, it is that input. Responses that are no counts under a count's loss, such as rates, are taken as
    quasi-likelihood where most are such, or where ``quasi`` says so.

    With a ``formula`` such as "claims ~ age + C(region)", ``data`` and a ``family``, the model and the design are made of them,
    and ``weights`` and ``offset`` may be expressions such as "log(exposure)": see `spec.fit.formula.designed`.

    Columns that are 0 in each row, or made of others, have no coefficients of their own. Where the model's layers make them (an
    Embedding, the indicators of all levels beside a bias) they are left out, with weights of 0, and a note names them; those of
    the data are a reason not to converge, unless ``drop_redundant`` leaves them out too.

    The rows lie in blocks, which the data fix: row groups of Parquet, partitions of Dask, ranges of an array. Threads of this
    process compute on them, or an ``executor``: one of `concurrent.futures`, a client of Dask, whatever has ``submit``. Dask's
    own data frames and arrays go to their workers without one. Coefficients and standard errors are the same to the last bit,
    whoever computes them (docs/cluster.md).

    The fit ends when the estimated distance from the optimum is below ``tolerance`` standard errors. Without
    ``standard_errors`` a fit of hundreds of columns spares the last information, which takes most of the time.
    ``progress=True`` shows each pass; if ``progress`` is a function, it is called after each pass. Ctrl-C ends the fit at the
    best parameters so far; with the `Fitted.params` of an earlier fit as ``start`` the fit goes on from there. A fit that did not
    converge leaves the model as it was, unless ``keep``. A model of several outputs, each a model of its own, gives a `Several`.
    Raises ValueError where the model is no generalized linear model or the data do not fit it, and TypeError for ``others``,
    such as the epochs of Keras's own fit, with what to do.

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
    refuse_others(others, list(fit.__kwdefaults__ or ()))
    refuse_odd_switches(standard_errors=standard_errors, drop_redundant=drop_redundant, quasi=quasi)
    weights = one_of(weights, sample_weight)
    if start is not None and not isinstance(start, Params):
        raise TypeError(f"start is a {type(start).__name__}: give spec.model.Params, such as the params of an earlier fit.")
    case = case_of(model, X, y, formula=formula, data=data, family=family, link=link, weights=weights, offset=offset)
    rows = case.rows if executor is None else replace(case.rows, workers=workers_of(executor))
    given = rows.remembered().map(without_weightless)
    factors = None if class_weight is None else of_classes(class_weight)
    if factors is not None:
        own = usable(given, SAMPLE)
        given = given.map(partial(class_weighted, class_weight=factors))
    BACKEND.enable_float64()
    sample = usable(given, SAMPLE)
    with in_float64, _its_own_chance():
        reading = read(case.model, sample)
        if factors is not None:
            refuse_absent(factors, reading.model, reading.outputs)
        refuse_weights(reading, partial(weights_differ, given))
        reading = reading.settled(given, drop_redundant)
        rows = _read_as(reading, given, sample.y)
        has_errors = not (quasi or reading.penalty)
        notes = remarks(reading.model, reading.outputs, own if factors else sample, factors, has_errors)
        case = replace(case, notes=(*case.notes, *notes))
        with _heard(progress, rows.total) as (on_pass, on_rows):
            heard = {name: call for name, call in (("on_pass", on_pass), ("on_rows", on_rows)) if call is not None}
            settings = {"start": start, "standard_errors": standard_errors, "tolerance": tolerance, "max_passes": max_passes}
            found = _optima(reading, rows, quasi, {**settings, **heard})
        found = _checked(reading, found, given)
        if (case.rows.sample(SAMPLE).weights == 0).any():
            counts = (one.has_estimated_dispersion and not one.is_penalised for one in found)
            found = [replace(one, notes=(*one.notes, WEIGHTLESS)) if each else one for one, each in zip(found, counts)]
    outputs = tuple(_completed(one, number, reading, case, given, drop_redundant) for number, one in enumerate(found))
    result = Several(outputs) if reading.several else outputs[0]
    if result.converged or keep:
        reading.write(result.params)
        if note := reading.rounding(result.params, sample):
            return result.noted(note)
    return result


def _heard(progress: Any, total: int | None) -> AbstractContextManager[tuple[Any, Any]]:
    """A context with the functions of passes and of rows; any true value that is no function shows a bar."""
    return nullcontext((progress, None)) if callable(progress) else shown(total) if progress else nullcontext((None, None))


@contextmanager
def _its_own_chance() -> Iterator[None]:
    """A context after which Python's random numbers go on as before it: new layers of Keras draw their seeds from them."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


def refuse_weights(reading: Reading, differ: Callable[[], bool]) -> None:
    """Raise ValueError where the loss does not say what each row loses, and the rows count differently, which is then asked."""
    if not reading.loss.by_row and differ():
        cure = "let it return one for each row, such as keras.ops.mean(..., axis=-1)"
        if reading.loss.flat:
            cure = "its outputs have no last axis, over which it takes the mean. Let the model give outputs (b, 1)"
        raise ValueError(f"the loss {reading.loss.name} gives one number for a batch, so Keras cannot weigh its rows: {cure}.")


def _read_as(reading: Reading, given: Rows, some: np.ndarray) -> Rows:
    """
    The rows as the model that was read takes them: the design of its linear part, its offset, and indicators of classes.

    ``some`` are responses of theirs.
    """
    k, width = reading.outputs, some.shape[1]
    if reading.codes:
        given = given.map_numbered(partial(of_codes, k=k))
    elif reading.model.has_classes:
        given = given.map(of_shares)
    if width != k and not reading.codes:
        cure = ": if they are the indicators of two classes, give the second" if (k, width) == (1, 2) else ""
        if cure and isinstance(reading.model.family, Binomial) and are_whole(some).all() and some.max() > 1:
            cure = ": of successes and failures give the shares, y[:, 0] / y.sum(axis=1), with weights=y.sum(axis=1)"
        raise ValueError(f"the model gives {k} output{'s' * (k > 1)}, but y has {width} column{'s' * (width > 1)}{cure}.")
    return reading.rows(given)


def _optima(reading: Reading, rows: Rows, quasi: bool | None, settings: dict[str, Any]) -> list[Fitted]:
    """The optimum of each output."""
    several = reading.outputs if reading.several else 1
    of_output = (no_counts(reading.model, rows)[:several] if quasi is None else np.full(several, quasi)).tolist()
    make = partial(optimise_penalised, penalty=reading.penalty) if reading.penalty else optimise_outputs
    found = make(reading.model, rows, reading.linear.use_bias, several, quasi=of_output, **settings)
    if not any(of_output) or reading.model.family.has_dispersion:
        return found
    rates = np.full(several, False) if quasi else are_rates(reading.model, rows)
    if rates.any() and not weights_differ(rows):
        rates &= [one.dispersion < UNLIKE for one in found]
    why = "as quasi=True asks, " if quasi else "y is no count under a loss of counts: "
    return [_as_quasi(one, RATES if rates[number] else why + QUASI) for number, one in enumerate(found)]


def _as_quasi(one: Fitted, note: str) -> Fitted:
    """A quasi-likelihood with a note on it, whose dispersion is 1 where it is of rates; another fit as it is."""
    if not one.quasi:
        return one
    return replace(one, notes=(*one.notes, note), dispersion=1.0 if note == RATES else one.dispersion)


def _checked(reading: Reading, found: list[Fitted], given: Rows) -> list[Fitted]:
    """The fits, which have not converged if the gradient of the model's own loss does not vanish at the answer."""
    if not all(one.converged for one in found):
        return found
    joined = Several(tuple(found)).params if reading.several else found[0].params
    wrong = reading.departure(joined, given)
    return [replace(one, converged=False, reason=wrong, distance=np.nan) for one in found] if wrong else found


def _prepared(case: Case, reading: Reading, number: int, X: Any, offset: Any = None) -> Rows:
    """Rows of other data, as the Dense layer takes them, for one of its outputs."""
    rows = reading.other_rows(case.other(X, offset), case.rows.columns)
    return rows.map(partial(output, number=number)) if reading.several else rows


def _completed(one: Fitted, number: int, reading: Reading, case: Case, given: Rows, drop_redundant: bool) -> Fitted:
    """The fit of an output with its name, its units, and the way to other data."""

    names = one.outputs
    if len(given.outputs) == reading.outputs:
        names = given.outputs if reading.model.has_classes else (given.outputs[number],)
    elif reading.several:
        names = (f"output {number}",)
    notes = (*case.notes, *one.notes, *reading.caveats, *reading.told(given.columns))
    if getattr(one.reason, "code", "") == "collinear":
        told = "With drop_redundant=True a fit leaves such columns out, as R does: their coefficients are 0."
        notes = (*notes, NEARLY_REDUNDANT if drop_redundant else told)
    return replace(
        one,
        outputs=names,
        notes=notes,
        network=case.model,
        _prepared=partial(_prepared, case, reading, number),
        _units=reading.of_data(given.columns),
    )
