"""The inputs of a model: which columns of X each takes, and the design that they make side by side."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from spec.fit.numeric import Column, Sliced, Table, listed, numbers
from spec.fit.rows import Batch
from spec.fit.vocabulary import Vocabulary


@dataclass(frozen=True)
class Input:
    """
    One input of a model: its name, and its shape without the axis of rows.

    ``columns`` are the names of its columns in a fit, if they had names: other data are taken by them, in this order.
    ``vocabulary`` is that of an input that takes text.
    """

    name: str
    shape: tuple[int | None, ...]
    columns: tuple[str, ...] = ()
    vocabulary: Vocabulary | None = None

    @property
    def width(self) -> int | None:
        """The number of columns that it takes; None if it takes any."""
        return None if None in self.shape else math.prod(self.shape)  # type: ignore[arg-type]

    def names(self, shape: tuple[int, ...] = ()) -> tuple[str, ...]:
        """Names for its columns where they have none, of this shape where its own is open."""
        lengths: Any = shape if None in self.shape else self.shape
        each = [f"{self.name}[{', '.join(map(str, index))}]" for index in np.ndindex(*lengths)]
        return (self.name,) if len(each) == 1 else tuple(each)

    def numbers(self, values: Any, label: str, first: int, rows: int | None) -> Column:
        """What is given for it as numbers."""
        if self.vocabulary is not None:
            return self.vocabulary.numbers(values, label, first)
        return numbers(values, label, first, rows)

    def label(self, number: float) -> str:
        """A number of it as it stands in the name of a level."""
        return f"{number:g}" if self.vocabulary is None else self.vocabulary.label(number)

    def values(self, part: np.ndarray, kind: str) -> np.ndarray:
        """What numbers (b, d) of it stand for, of the type that the model takes; in place of a missing one anything."""
        if self.vocabulary is not None:
            return self.vocabulary.of_numbers(part)
        return (part if "float" in kind else np.nan_to_num(part)).astype(kind)

    def chosen(self, values: Any) -> Any:
        """The columns of a table that the fit had; no table is returned as it is. Raises ValueError if a column is absent."""
        if not self.columns or (table := Table.of(values)) is None:
            return values
        refuse_absent(self.columns, list(table))
        return Table({name: table[name] for name in self.columns})

    def __str__(self) -> str:
        return f"{self.name} ({_columns_in_words(self.width)})"


def as_fitted(inputs: Sequence[Input], columns: Sequence[str]) -> Sequence[Input]:
    """The inputs with the names that their columns had in a fit, of the names of all of its columns; none where they had none."""
    if not columns or [put.width for put in inputs].count(None) > 1:
        return inputs
    inputs = inputs or [Input("X", (None,))]
    left, found = len(columns) - sum(put.width or 0 for put in inputs), []
    for put in inputs:
        width = left if put.width is None else put.width
        own, columns = tuple(columns[:width]), columns[width:]
        is_named = own != put.names((width,)) or len(inputs) == 1 == len(own)  # one plain input has no names of our making
        found.append(replace(put, columns=own) if is_named else put)
    return found


def refuse_absent(names: Iterable[str], there: Sequence[str]) -> None:
    if missing := [name for name in names if name not in there]:
        raise ValueError(f"X has no column {missing[0]}, which the fit had: its columns are {', '.join(there)}.")


def design(
    X: Any, offset: Any, inputs: Sequence[Input], rows: int | None = None, first: int = 0
) -> tuple[Column, Any, tuple[str, ...]]:
    """
    Return (X, offset, names): the model's inputs side by side, the offset unless it is one of them, the names of the columns.

    ``rows`` is the number of rows that y has, ``first`` the number of the first of them in the data.
    """
    if not inputs and isinstance(X, dict) and not isinstance(X, Table):
        inputs = [Input(name, (None,)) for name in X]
    inputs = inputs or [Input("X", (None,))]
    given = _given(X, offset is not None, inputs, rows)
    if len(inputs) > 1 and len(given) == len(inputs) - 1 and offset is not None:
        given, offset = [*given, offset], None
    if len(inputs) == 1 and len(given) == 2:
        if offset is not None:
            raise ValueError("the offset is given twice: as the second entry of X, and as offset.")
        given, offset = given[:1], given[1]
    labels = [put.name for put in inputs] if len(inputs) == len(given) > 1 else ["X"] * len(given)
    labels = ["X" if Table.of(values) is not None else label for values, label in zip(given, labels)]
    last = len(inputs) - 1
    parts = [
        inputs[min(place, last)].numbers(values, label, first, rows) for place, (values, label) in enumerate(zip(given, labels))
    ]
    widths = [math.prod(part.shape[1:]) for part in parts]
    if len(parts) != len(inputs) or any(put.width not in (None, width) for put, width in zip(inputs, widths)):
        raise ValueError(_misfit(inputs, widths, [name for part in parts for name in getattr(part, "names", ())]))
    for label, part in zip(labels, parts):
        if len(part) != (rows or len(parts[0])):
            raise ValueError(f"{label} has {len(part)} rows, but {'y' if rows else labels[0]} has {rows or len(parts[0])}.")
    return _beside(parts, widths), offset, names_of(inputs, parts)


def _given(X: Any, has_offset: bool, inputs: Sequence[Input], rows: int | None) -> list[Any]:
    """The values that X brings, input by input."""
    names = [put.name for put in inputs]
    if (table := Table.of(X)) is not None:
        if any(put.columns for put in inputs):
            inputs = inputs[:-1] if has_offset and len(inputs) > 1 and names[-1] not in table else inputs
            return [replace(put, columns=put.columns or put.names()).chosen(table) for put in inputs]
        groups = groups_of(list(table), inputs)
        return [table] if groups is None else [Table({name: table[name] for name in group}) for group in groups]
    if isinstance(X, Mapping) and not hasattr(X, "tocsr"):  # SciPy's matrix of keys is a dict
        wanted = names[:-1] if has_offset and len(names) > 1 and names[-1] not in X else names
        if set(X) != set(wanted):
            frame = " Columns of one input are a data frame: pandas.DataFrame(X)." if len(inputs) == 1 and len(X) > 1 else ""
            raise ValueError(f"the inputs of the model are {listed(names)}, but X brings the names {listed(map(str, X))}.{frame}")
        return [put.chosen(X[put.name]) for put in inputs if put.name in wanted]
    if isinstance(X, (list, tuple)) and _are_inputs(X, inputs, rows):
        return [inputs[place].chosen(values) if place < len(inputs) else values for place, values in enumerate(X)]
    return [X]


def groups_of(names: Sequence[str], inputs: Sequence[Input]) -> list[list[str]] | None:
    """
    The columns of each input, if inputs have the names of columns; None if these names are not enough.

    One input may have another name: it takes the columns that are left, as the only input of a model does.
    """
    called = [put.name if put.name in names and put.width in (1, None) else None for put in inputs]
    if called.count(None) > 1:
        return None
    return [[other for other in names if other not in called] if name is None else [name] for name in called]


def _are_inputs(X: Sequence[Any], inputs: Sequence[Input], rows: int | None) -> bool:
    """Whether a list is one of the inputs, (X, offset) for one; else it is a list of rows."""
    if not 0 < len(X) <= max(len(inputs), 2):
        return False
    each_has_all = all(shape_of(values)[:1] == (rows,) for values in X)
    if len(inputs) == 1:
        return np.ndim(X[0]) == 1 + max(len(inputs[0].shape), 1) or (each_has_all and rows != len(X))
    return each_has_all or len(X) != rows


def _misfit(inputs: Sequence[Input], widths: Sequence[int], names: Sequence[str]) -> str:
    """The message for an X that does not bring the inputs of a model."""
    brings = " and ".join(map(str, widths))
    shown = f" ({', '.join(names)})" if names else ""
    if len(inputs) == 1:
        return f"the model takes {_columns_in_words(inputs[0].width)} of X, but X has {brings}{shown}."
    only = "only " if len(widths) < len(inputs) and sum(widths) < sum(put.width or 0 for put in inputs) else ""
    asked = ", ".join(["X", *(put.name for put in inputs[1:])])
    return (
        f"the model has the inputs {listed(map(str, inputs))}, but X brings {only}{brings} column{'s' * (brings != '1')}{shown}: "
        f"give [{asked}], or a dict by their names."
    )


def names_of(inputs: Sequence[Input], parts: Sequence[Column]) -> tuple[str, ...]:
    """Names for the columns of X: from the table, else from the inputs; no names for one plain table."""
    if len(inputs) == 1 and len(inputs[0].shape) <= 1:
        return tuple(getattr(parts[0], "names", ()))
    names: list[str] = []
    for put, part in zip(inputs, parts):
        names += getattr(part, "names", ()) or put.names(part.shape[1:])
    return tuple(names)


def _beside(parts: Sequence[Column], widths: Sequence[int]) -> Column:
    """The parts as one table."""
    return parts[0] if len(parts) == 1 else Sliced((len(parts[0]), sum(widths)), partial(_joined, parts, widths))


def _joined(parts: Sequence[Column], widths: Sequence[int], rows: Any) -> np.ndarray:
    pieces = [np.asarray(part[rows], dtype=float) for part in parts]
    return np.hstack([piece.reshape(len(piece), width) for piece, width in zip(pieces, widths)])


def _columns_in_words(width: int | None) -> str:
    return "any columns" if width is None else f"{width} column{'s' * (width != 1)}"


def batch_of(
    X: Any, rest: Sequence[Any], inputs: Sequence[Input], first: int, rows: int | None = None
) -> tuple[Batch, tuple[str, ...]]:
    """Return (batch, names): a batch of a piece of X and of its y, weights and offset, and the names of the columns of X."""
    y, weights = (None if values is None else numbers(values, part, first) for values, part in zip(rest, ("y", "weights")))
    X, offset, names = design(X, rest[2], inputs, rows if y is None else len(y), first)
    offset = None if offset is None else numbers(offset, "offset", first)
    return Batch.of(X[:], *(None if part is None else part[:] for part in (y, single(weights), offset))), names


def single(weights: Any) -> Any:
    """The weights, if there is one for each row."""
    if weights is not None and math.prod(weights.shape[1:]) != 1:
        raise ValueError(f"weights is one number for each row, but it has {math.prod(weights.shape[1:])} columns.")
    return weights


def shape_of(values: Any) -> tuple[int, ...]:
    return tuple(np.shape(values))
