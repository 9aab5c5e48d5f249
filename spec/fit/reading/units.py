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
    if X.shape[1] > MOST or not all("float" in kind for kind in twin.types):
        return None
    centre = X.mean(axis=0)
    spread = np.where(np.ptp(X, axis=0) > 0, np.ptp(X, axis=0), 1.0)
    far = np.vstack([X, 3 * X - 2 * centre, centre - 5 * spread, centre + 5 * spread])
    try:
        at = twin(np.vstack([centre, centre + np.diag(spread)])).features
        found = twin(far).features
    except Exception:  # a layer may take no other numbers than those of the data, as an Embedding does
        return None
    matrix = (at[1:] - at[:1]) / spread[:, None]
    size = np.abs(matrix).max(axis=0) * np.abs(centre).max(initial=1.0) + np.abs(at[0])
    matrix = np.where(np.abs(matrix) * spread[:, None] <= EXACT * size, 0.0, matrix)
    shift = at[0] - centre @ matrix
    shift = np.where(np.abs(shift) <= EXACT * size, 0.0, shift)
    if not np.isfinite(found).all():
        return None
    off = np.abs(far @ matrix + shift - found)
    return Units(matrix, shift) if (off <= EXACT * (size + np.abs(far) @ np.abs(matrix))).all() else None
