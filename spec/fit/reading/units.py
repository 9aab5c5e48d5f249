"""The map from the data to the inputs of a model's Dense layer, where it is affine: a Normalization, a Rescaling, operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spec.fit.reading.twin import Twin

MOST = 512  # columns of the data for which the map is looked for
EXACT = 1e-9  # of the size of the features: how far the map may be from them


@dataclass(frozen=True, eq=False)
class Units:
    """The features (b, p) of data X (b, d) are X ``matrix`` (d, p) + ``shift`` (p,), on the rows where it was asked."""

    matrix: np.ndarray
    shift: np.ndarray

    @property
    def used(self) -> np.ndarray:
        """The columns of the data that enter the features, by their numbers."""
        return np.flatnonzero(self.matrix.any(axis=1))

    def columns(self, names: Sequence[str]) -> tuple[str, ...]:
        """Names for the features: those of the data's columns, where each feature is made of one; else none."""
        made_of = self.matrix != 0
        if not (made_of.sum(axis=0) == 1).all() or not (made_of.sum(axis=1) <= 1).all():
            return ()
        known = list(names) or [f"x{j}" for j in range(1, len(self.matrix) + 1)]
        return tuple(known[int(np.argmax(column))] for column in made_of.T)


def units_of(twin: Twin, X: np.ndarray) -> Units | None:
    """The affine map of some rows (b, d) to a twin's features; None where there is none, or too many columns."""
    if X.shape[1] > MOST:
        return None
    centre, spread, far = _asked(X, _whole(twin, X))
    of_data = twin.linear.is_of_data
    try:
        at = twin(np.vstack([centre, centre + np.diag(spread)])).features[:, of_data]
        found = twin(far).features[:, of_data]
    except Exception:  # a layer may take no other numbers than those of the data, as an Embedding does
        return None
    matrix = (at[1:] - at[:1]) / spread[:, None]
    size = np.abs(matrix).max(axis=0) * np.abs(centre).max(initial=1.0) + np.abs(at[0])
    matrix = np.where(np.abs(matrix * spread[:, None]) <= EXACT * size, 0.0, matrix)
    shift = at[0] - centre @ matrix
    shift = np.where(np.abs(shift) <= EXACT * size, 0.0, shift)
    if not np.isfinite(found).all():
        return None
    off = np.abs(far @ matrix + shift - found)
    return Units(matrix, shift) if (off <= EXACT * (size + np.abs(far) @ np.abs(matrix))).all() else None


def _whole(twin: Twin, X: np.ndarray) -> np.ndarray:
    """Which columns (d,) take whole numbers alone: those of such an input, and beside a factor those that have no others."""
    kinds = np.repeat(["float" not in kind for kind in twin.types], [one.width or 0 for one in twin.inputs])
    return kinds | (bool(twin.linear.factors) & (np.rint(X) == X).all(axis=0))


def _asked(X: np.ndarray, whole: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Return (centre, spread, far): a row, how far each column moves from it by itself, and rows where the map is tried.

    A column of ``whole`` numbers may take only some: it gets values that it has in other rows.
    """
    centre = np.where(whole, X[0], X.mean(axis=0))
    moved = X[np.abs(X - centre).argmax(axis=0), np.arange(X.shape[1])] - centre
    moved = np.where(moved != 0, moved, np.where(centre > 0, -1.0, 1.0))
    spread = np.where(whole, moved, np.where(np.ptp(X, axis=0) > 0, np.ptp(X, axis=0), 1.0))
    mixed = np.column_stack([np.roll(column, 1 + place) for place, column in enumerate(X.T)])
    beyond = [np.where(whole, mixed[:1], row) for row in (centre - 5 * spread, centre + 5 * spread)]
    return centre, spread, np.vstack([X, np.where(whole, mixed, 3 * X - 2 * centre), *beyond])
