"""The row labels of pandas. Rows are taken by their place, so parts whose labels are at other places are refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from spec.fit.numeric import Table, library

Labels = Any  # a pandas.Index


def refuse_reordered(parts: Mapping[str, Any]) -> None:
    """
    Raise ValueError if a part (such as weights) has the pandas row labels of an earlier part (such as X) in another order.

    Labels that only count the rows say nothing of their order, nor do labels that the other part does not have.
    """
    labels = [each for part, values in parts.items() for each in _labels(part, values)]
    for part, own in labels[1:]:
        first, its = labels[0]
        if len(own) != len(its) or own.equals(its) or own.nlevels != its.nlevels:
            continue
        shared = own.isin(its)
        same = bool(shared.all() and its.isin(own).all())
        if same or (shared.any() and not (_counts_rows(own) or _counts_rows(its))):
            pairs = zip(own.tolist(), its.tolist())
            row = next((row for row, pair in enumerate(pairs) if repr(pair[0]) != repr(pair[1])), None)
            if row is None:
                continue
            what = f"the row labels of {first} in another order" if same else f"other row labels than {first}"
            cure = f"{part}.loc[{first}.index]" if own.is_unique and same else "both of the same rows"
            raise ValueError(
                f"{part} has {what}: its row {row} is {own[row]}, that of {first} {its[row]}. Give {cure}, or {part}.to_numpy() "
                "if it is in the order of the rows."
            )


def _counts_rows(labels: Labels) -> bool:
    """Whether labels are the default ones of pandas: 0, 1, ..."""
    return bool(type(labels).__name__ == "RangeIndex" and labels.start == 0 and labels.step == 1)


def labels_of(X: Any) -> Labels | None:
    """The row labels of X, or of the first of its inputs that has any."""
    return next((own for _, own in _labels("X", X)), None)


def _labels(part: str, values: Any) -> Iterator[tuple[str, Labels]]:
    """The names and the row labels of a part, or of each entry of a list or a dict of inputs."""
    if isinstance(values, dict) and not isinstance(values, Table):
        for name, entry in values.items():
            yield from _labels(str(name), entry)
    elif isinstance(values, (list, tuple)) and any(library(entry) == "pandas" for entry in values[:8]):
        for place, entry in enumerate(values):
            yield from _labels(f"{part}[{place}]", entry)
    elif library(values) == "pandas" and hasattr(values, "index"):
        yield part, values.index
    elif library(values) == "pandas" and hasattr(values, "get_indexer"):
        yield part, values
