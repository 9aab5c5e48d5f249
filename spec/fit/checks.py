"""
Checks whether the numbers of rows can be fitted. An error names the row in the data, one cause and the way out.

A row of weight 0 does not count, whatever it holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from spec.domains import Domain, Simplex
from spec.families import Binomial, Family, Gamma, InverseGaussian, Multinomial, NegativeBinomial, Poisson
from spec.fit.rows import Batch, Rows
from spec.links import Logit
from spec.model import Model

PIECE = 2**14  # rows that are read at a time
Wrong = tuple[np.ndarray, Callable[[int], str]]  # which rows of a batch are wrong, and what to say of the first


def check(
    model: Model,
    batch: Batch,
    first: int,
    columns: tuple[str, ...] = (),
    outputs: tuple[str, ...] = (),
    quasi: bool = False,
    *,
    X_too: bool = True,
) -> None:
    """
    Raise ValueError for the first wrong row of a batch, whose own first row has the number ``first`` in the data.

    ``columns`` are the names for X, ``outputs`` those for y. A message about all values of y is about the batch; `find_wrong`
    knows all rows. Without ``X_too`` X is left out: a pass notices by itself that its sums are not finite, and reads X once.
    """
    _raise_first(_wrong(model, batch, first, columns, outputs, quasi, lambda: [batch], X_too))


def find_wrong(model: Model, rows: Rows, quasi: bool = False) -> None:
    """Raise ValueError for the first of all rows that is wrong in any part of the data; or if no row counts."""
    counted: set[bool] = set()

    def look(batch: Batch, first: int) -> None:
        _raise_first(_wrong(model, batch, first, rows.columns, rows.outputs, quasi, lambda: rows.read()))
        counted.add(bool((batch.weights > 0).any()))

    for _ in rows.checked(look).read():
        pass
    if True not in counted:
        raise ValueError("all weights are zero: no row counts." if counted else "there are no rows.")


def _raise_first(wrong: Iterable[Wrong]) -> None:
    found = [(int(np.argmax(rows)), says) for rows, says in wrong if rows.any()]
    if found:
        row, says = min(found, key=lambda pair: pair[0])
        raise ValueError(says(row))


def _wrong(
    model: Model,
    batch: Batch,
    first: int,
    columns: tuple[str, ...],
    outputs: tuple[str, ...],
    quasi: bool,
    everything: Callable[[], Iterable[Batch]],
    X_too: bool = True,
) -> Iterator[Wrong]:
    """Yield the checks of a batch; ``everything`` reads the rows whose values of y are told."""
    counts = batch.weights != 0

    def of_weights(row: int) -> str:
        return f"the weight in row {first + row} is {_plain(batch.weights[row])}: a weight is finite and at least 0."

    def of_y(row: int) -> str:
        column = int(np.argmin(_inside(model.family, batch.y[row : row + 1], quasi)[0]))
        part = _part_of_y(column, batch.y.shape[1], outputs)
        found = Outside(model, _domain(model.family, quasi), batch.y[row], column, part, first + row, everything)
        return WORDS.get(type(model.family), _other)(found)

    yield ~(np.isfinite(batch.weights) & (batch.weights >= 0)), of_weights
    if X_too:
        names = columns or tuple(f"x{j + 1}" for j in range(batch.X.shape[1]))
        yield counts & _not_finite(batch.X), _not_number("X", batch.X, names, first, "drop or mend such rows first.")
    if batch.offset is not None:
        yield counts & _not_finite(batch.offset), _not_number("offset", batch.offset, (), first, OF_OFFSET)
    part, names = _names_of_y(batch.y.shape[1], outputs)
    yield counts & _not_finite(batch.y), _not_number(part, batch.y, names, first, "drop or mend such rows first.")
    yield counts & ~_inside(model.family, batch.y, quasi).all(axis=1), of_y


OF_OFFSET = "is it the log of an exposure of 0?"


def _not_number(part: str, values: np.ndarray, names: tuple[str, ...], first: int, infinite: str) -> Callable[[int], str]:
    """What to say of a row of a part that holds a number which is none; ``infinite`` ends it where that is infinite."""

    def says(row: int) -> str:
        column = int(np.argmin(np.isfinite(values[row])))
        where = f"column {names[column]}, row {first + row}" if names else f"row {first + row}"
        if np.isnan(values[row, column]):
            return f"{part} is missing (NaN or NA) in {where}: drop or impute such rows first."
        return f"{part} is infinite in {where}: {infinite}"

    return says


def refuse_not_finite(given: Batch, made: Batch, first: int, names: tuple[str, ...], made_names: tuple[str, ...]) -> None:
    """
    Raise ValueError for the first row that has no number in its design or offset, as a model's layers make them.

    ``given`` are the rows as they were given, ``made`` with the design. The error tells which number of the data is none, or else
    which was made of finite ones.
    """
    parts = [part for part in (made.X, made.offset) if part is not None]
    if not (wrong := np.any([_not_finite(part) for part in parts], axis=0)).any():
        return
    row = int(np.argmax(wrong))
    if not np.isfinite(given.X[row]).all():
        raise ValueError(_not_number("X", given.X, names, first, "drop or mend such rows first.")(row))
    if given.offset is not None and not np.isfinite(given.offset[row]).all():
        raise ValueError(_not_number("offset", given.offset, (), first, OF_OFFSET)(row))
    numbers = np.concatenate([part[row] for part in parts])
    column = int(np.argmin(np.isfinite(numbers)))
    raise ValueError(
        f"the layers of the model make {numbers[column]} of row {first + row}, as {[*made_names, 'the offset'][column]}, of "
        "finite numbers: do they take the log of a number that is 0 or less, or divide by 0? Drop or mend such rows first."
    )


def _names_of_y(k: int, outputs: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return (part, columns): what to call the responses, and their columns if there are several."""
    named = outputs if len(outputs) == k else ()
    return (*named, "y")[0] if k == 1 else "y", () if k == 1 else named or tuple(map(str, range(1, k + 1)))


def _part_of_y(column: int, k: int, names: tuple[str, ...]) -> str:
    """The name of a column of the responses in messages."""
    if k == 1:
        return names[0] if len(names) == 1 else "y"
    return f"column {names[column] if len(names) == k else column + 1} of y"


def _not_finite(values: np.ndarray) -> np.ndarray:
    return ~np.isfinite(values).all(axis=1)


def _domain(family: Family, quasi: bool) -> Domain:
    return family.quasi_domain if quasi else family.response_domain


def _inside(family: Family, y: np.ndarray, quasi: bool) -> np.ndarray:
    """A mask of the y in the family's domain; shares need to sum to 1 in float32 only, see `normalised`."""
    domain = _domain(family, quasi)
    if isinstance(domain, Simplex):
        return (y >= 0) & (np.abs(y.sum(axis=1, keepdims=True) - 1) <= _slack(y, np.float32))
    return domain.contains(y)


def _slack(y: np.ndarray, dtype: Any) -> float:
    """How far the sum of shares may be from 1 by rounding, as in `spec.domains.Simplex`."""
    return 4 * y.shape[1] * float(np.finfo(dtype).eps)


# -- what to say of a response outside its domain -------------------------------------------------------------------------------


def _plain(value: float) -> str:
    return str(int(value)) if np.isfinite(value) and value == int(value) else repr(float(value))


@dataclass(frozen=True, eq=False)
class Outside:
    """A response ``y`` (k,) outside its domain: the first wrong column, what it is called, and its row's number in the data."""

    model: Model
    domain: Domain
    y: np.ndarray
    column: int
    part: str
    row: int
    everything: Callable[[], Iterable[Batch]]

    @property
    def value(self) -> float:
        return float(self.y[self.column])

    def __str__(self) -> str:
        return f"{self.part} is {_plain(self.value)} in row {self.row}"

    def values(self) -> list[float]:
        """The values of y in the rows that count, the first three of them if there are more than two."""
        seen: set[float] = set()
        for batch in self.everything():
            y = batch.y[batch.weights != 0, self.column]
            seen.update(np.unique(y[np.isfinite(y)])[:3].tolist())
            if len(seen) > 2:
                break
        return sorted(seen)[:3]


def _no_label(found: Outside) -> str:
    taker = "a sigmoid" if isinstance(found.model.link, Logit) else f"the {found.model.family} family"
    values = found.values()
    if len(values) == 2:
        low, high = map(_plain, values)
        return f"{found.part} has the two values {low} and {high}: {taker} takes 0 and 1, such as y == {high}."
    return f"{found}: {taker} takes 0 and 1, or shares between them (successes / trials, with weights=trials)."


def _no_count(found: Outside) -> str:
    family = found.model.family
    if found.value < 0:
        return f"{found}: a response of the {family} family is at least 0."
    return (
        f"{found}: a count of the {family} family is a whole number. For rates give the counts, with offset=log(exposure); "
        "or fit rates and amounts as they are, as a quasi-likelihood: quasi=True."
    )


def _not_positive(found: Outside) -> str:
    says = f"{found}, but a response of the {found.model.family} family is above 0"
    return says + (
        ": whether it is 0 at all is for a model of its own to say, or a tweedie response." if found.value == 0 else "."
    )


def _no_shares(found: Outside) -> str:
    if (found.y < 0).any():
        return f"y has {_plain(found.y.min())} in row {found.row}: a softmax takes shares, which are at least 0."
    total = f"y sums to {_plain(found.y.sum())} in row {found.row}"
    return f"{total}: a softmax takes shares that sum to 1, such as y / y.sum(axis=1, keepdims=True)."


def _other(found: Outside) -> str:
    return f"{found}, outside the domain {found.domain} of the {found.model.family} family."


WORDS: dict[type[Family], Callable[[Outside], str]] = {
    Binomial: _no_label,
    Poisson: _no_count,
    NegativeBinomial: _no_count,
    Gamma: _not_positive,
    InverseGaussian: _not_positive,
    Multinomial: _no_shares,
}


# -- responses and rows made fit ------------------------------------------------------------------------------------------------


def codes(y: np.ndarray, k: int, first: int = 0) -> np.ndarray:
    """
    Indicators (b, k), one column for each class, from one column of the codes 0 to k - 1 in the rows from ``first`` on.

    >>> codes(np.array([[2.0], [0.0]]), 3).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    if k == 1:
        raise ValueError("a softmax of one unit is always 1: take activation='sigmoid' with one unit, or two units.")
    if y.shape[1] != 1:
        raise ValueError(
            f"a sparse loss takes one column of codes for y, but y has {y.shape[1]}: take the loss "
            "categorical_crossentropy, or y.argmax(axis=1)."
        )
    wrong = ~np.isin(y[:, 0], np.arange(k))
    if wrong.any():
        raise ValueError(_wrong_code(y[:, 0], k, first, int(np.argmax(wrong))))
    return np.eye(k)[y[:, 0].astype(int)]


def _wrong_code(y: np.ndarray, k: int, first: int, at: int) -> str:
    if np.isnan(y[at]):
        return f"y is missing (NaN or NA) in row {first + at}: drop such rows first."
    says = f"y has the code {_plain(y[at])} in row {first + at}, but {k} units take the codes 0 to {k - 1}"
    return says + (f": if the codes are 1 to {k}, subtract 1." if y[at] == k and y.min() >= 1 else ".")


def normalised(y: np.ndarray) -> np.ndarray:
    """
    Shares (b, k) whose rows sum to 1: rows that do so in float32 only are divided by their sum.

    >>> float(normalised(np.float64([[np.float32(0.9), np.float32(0.1)]])).sum())
    1.0
    """
    off = np.abs(y.sum(axis=1, keepdims=True) - 1)
    nearly = (off > _slack(y, float)) & (off <= _slack(y, np.float32))
    return np.where(nearly, y / y.sum(axis=1, keepdims=True), y) if nearly.any() else y


def without_weightless(batch: Batch) -> Batch:
    """The batch with numbers of another row in rows of weight 0, which keep it; zeros and equal shares if all weights are 0."""
    gone = batch.weights == 0
    if not gone.any():
        return batch
    if gone.all():
        offset = None if batch.offset is None else np.zeros_like(batch.offset)
        return Batch(np.zeros_like(batch.X), np.full_like(batch.y, 1 / batch.y.shape[1]), batch.weights, offset)
    like = np.where(gone, np.argmin(gone), np.arange(len(batch)))
    return batch.each(lambda part: part if part is batch.weights else part[like])
