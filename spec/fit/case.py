"""What is fitted: a compiled Keras model and its rows, as they were given or as a formula makes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from spec.fit.formula import designed
from spec.fit.labels import labels_of, refuse_reordered
from spec.fit.reading import build
from spec.fit.rows import Rows
from spec.fit.sources import inputs_only, source

if TYPE_CHECKING:
    from spec.engines.keras.versions import keras


@dataclass(frozen=True, eq=False)
class Case:
    """A compiled Keras model and rows for it; ``other`` makes rows of other data, of their X and offset."""

    model: keras.Model
    rows: Rows
    other: Callable[..., Rows]
    notes: tuple[str, ...] = ()


def case_of(
    model: keras.Model | None,
    X: Any,
    y: Any,
    *,
    formula: str | None,
    data: Any,
    family: Any,
    link: Any,
    weights: Any,
    offset: Any,
) -> Case:
    """The case of a model with X and y, or of a formula with data and a family. Raises ValueError for a part of both."""
    if formula is None and model is not None:
        for name, value in {"family": family, "link": link, "data": data}.items():
            if value is not None:
                raise ValueError(
                    f"{name}= goes with formula=. A model says it by its activation, its loss and X: leave {name}= out."
                )
    if formula is None:
        return _case_of_model(model, X, y, weights, offset)
    if model is None and X is None and y is None:
        return _case_of_formula(formula, data, family, link, weights, offset)
    raise ValueError("a formula makes the model and the design: give formula=, data= and family=, and no model, X or y.")


def _case_of_model(model: keras.Model | None, X: Any, y: Any, weights: Any, offset: Any) -> Case:
    if model is None or X is None:
        raise ValueError("give a compiled Keras model with X and y, or formula=, data= and family=.")
    inputs = build(model, X, lambda: source(X, y, weights, offset))
    rows = replace(source(X, y, weights, offset, inputs=inputs), outputs=_names(y))
    return Case(model, rows, partial(inputs_only, inputs=inputs, columns=rows.columns))


def _names(y: Any) -> tuple[str, ...]:
    """The names of the responses: of the columns of a frame, of a series, or of a column given by its name."""
    named = y if isinstance(y, str) else getattr(y, "name", None)
    return (named,) if isinstance(named, str) else tuple(map(str, getattr(y, "columns", ())))


def _case_of_formula(formula: str, data: Any, family: Any, link: Any, weights: Any, offset: Any) -> Case:
    if data is None or family is None:
        raise ValueError(
            f"a formula needs {'data' if data is None else 'a family'}: give {'data=' if data is None else 'family='}."
        )
    refuse_reordered({"data": data, "weights": weights, "offset": offset})
    made = designed(formula, data, family, link, weights, offset)
    rows = replace(made.rows, labels=labels_of(data), outputs=made.outputs)
    return Case(made.model, rows, made.prepared, made.notes)
