"""Text at an input of a model: a number for each text that its layers look up, so that rows are numbers throughout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from spec.fit.numeric import MISSING, Column, Sliced, Table, objects

OTHER = "[a text that no vocabulary has]"


@dataclass(frozen=True)
class Vocabulary:
    """
    The ``texts`` that layers look up of an input: the number of a text is its place, and -1 that of any other.

    ``strict`` are the names of the layers that take no other text, if there are any.

    >>> Vocabulary(("north", "south")).numbers(np.array(["south", "north", "west"]), "zone")[:]
    array([ 1.,  0., -1.])
    """

    texts: tuple[str, ...]
    strict: tuple[str, ...] = ()

    @cached_property
    def _places(self) -> dict[str, int]:
        return {text: place for place, text in enumerate(self.texts)}

    def numbers(self, values: Any, part: str, first: int = 0) -> Column:
        """The numbers of texts, NaN for those that are missing; ``part`` and ``first``, the first row, are for the messages."""
        if (table := Table.of(values)) is not None:
            columns = [self._numbered(column, f"column {name} of {part}", first) for name, column in table.items()]
            array = np.column_stack(columns)
            return Sliced(array.shape, array.__getitem__, tuple(table))
        return self._numbered(values, part, first)

    def _numbered(self, values: Any, part: str, first: int) -> np.ndarray:
        array = objects(values)
        return np.array([self._number(value, part, first + row) for row, value in enumerate(array.flat)]).reshape(array.shape)

    def _number(self, value: Any, part: str, row: int) -> float:
        if type(value).__name__ in MISSING or value != value:
            return np.nan
        text = _decoded(value)
        if not isinstance(text, str):
            raise ValueError(
                f"the model takes text, but {part} has {value!r:.60} in row {row}: give text, as by .astype(str), that is in the "
                "vocabulary."
            )
        place = self._places.get(text, -1)
        if place < 0 and self.strict:
            raise ValueError(
                f"{part} has {text!r:.60} in row {row}, which the vocabulary of the layer {' or '.join(self.strict)} lacks: add "
                "it, or give the layer num_oov_indices=1."
            )
        return float(place)

    def of_numbers(self, numbers: np.ndarray) -> np.ndarray:
        """The texts of some numbers; in place of a missing one any that the layers take."""
        return np.array([*self.texts, self.texts[0] if self.strict else OTHER], dtype=object)[
            np.nan_to_num(numbers, nan=-1).astype(int)
        ]

    def label(self, number: float) -> str:
        """The text of a number, as it stands in the name of a level."""
        return self.texts[int(number)] if number >= 0 else "any other"


def vocabulary_of(lookups: Sequence[Any]) -> Vocabulary:
    """The vocabulary of the StringLookup layers of an input: the texts that one of them has and no strict one lacks."""
    texts = {one.name: _texts(one) for one in lookups}
    strict = tuple(one.name for one in lookups if not one.num_oov_indices)
    known = dict.fromkeys(text for each in texts.values() for text in each)
    return Vocabulary(tuple(text for text in known if all(text in texts[name] for name in strict)), strict)


def _texts(lookup: Any) -> tuple[str, ...]:
    masks = [] if lookup.mask_token is None else [lookup.mask_token]
    return tuple(map(str, [*lookup.get_vocabulary(include_special_tokens=False), *masks]))


def _decoded(value: Any) -> Any:
    """Text of bytes; what is neither as it is."""
    try:
        return value.decode() if isinstance(value, bytes) else value
    except UnicodeDecodeError:
        return value
