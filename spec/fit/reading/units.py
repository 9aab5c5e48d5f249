"""How a model makes its Dense layers' inputs of the data: by an affine map (a Normalization, operators), or as indicators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spec.fit.reading.twin import Twin

MOST = 512  # columns of the data for which the map is looked for
EXACT = 1e-9  # of the size of the features: how far the map may be from them


@dataclass(frozen=True, eq=False)
class Units:
    """
    The features (b, p) of data X (b, d): where they are ``affine`` (p,), X ``matrix`` (d, p) + ``shift`` (p,).

    Other features may be 1 where a column has a value, and else 0: ``indicated`` are (feature, column, value in words).
    """

    matrix: np.ndarray
    shift: np.ndarray
    affine: np.ndarray
    indicated: tuple[tuple[int, int, str], ...] = ()

    @classmethod
    def same(cls, p: int) -> Units:
        """The units of features that are the data."""
        return cls(np.eye(p), np.zeros(p), np.ones(p, dtype=bool))

    @property
    def is_same(self) -> bool:
        """Whether the features are the data."""
        return np.array_equal(self.matrix, np.eye(len(self.matrix))) and not self.shift.any()

    @property
    def column_of(self) -> np.ndarray:
        """The column of the data (p,) that each feature is in other units, if no other feature is made of it; else -1."""
        made_of = (self.matrix != 0) & self.affine
        own = made_of & (made_of.sum(axis=1, keepdims=True) == 1) & (made_of.sum(axis=0) == 1)
        return np.where(own.any(axis=0), own.argmax(axis=0), -1)

    def columns(self, names: Sequence[str]) -> tuple[str, ...]:
        """Names for the features: the data's, if each feature is made of one column of its own; else numbers."""
        known = list(names) or [f"x{j}" for j in range(1, len(self.matrix) + 1)]
        found = [known[column] if column >= 0 else f"feature {j}" for j, column in enumerate(self.column_of.tolist(), start=1)]
        for feature, column, value in self.indicated:
            found[feature] = f"{known[column]}[{value}]"
        return tuple(found)


def units_of(twin: Twin, X: np.ndarray) -> Units | None:
    """How a twin makes its features of some rows (b, d); None if that cannot be asked, or if there are too many columns."""
    if X.shape[1] > MOST:
        return None
    centre, spread, far = _asked(X, _whole(twin, X))
    of_data = twin.linear.is_of_data
    try:
        here = twin(X).features[:, of_data]
        at = twin(np.vstack([centre, centre + np.diag(spread)])).features[:, of_data]
        found = twin(far).features[:, of_data]
    except Exception:  # a layer may take no other numbers than those of the data, as an Embedding does
        return None
    with np.errstate(invalid="ignore"):
        matrix = (at[1:] - at[:1]) / spread[:, None]
        size = np.abs(matrix).max(axis=0) * np.abs(centre).max(initial=1.0) + np.abs(at[0])
        matrix = np.where(np.abs(matrix * spread[:, None]) <= EXACT * size, 0.0, matrix)
        shift = at[0] - centre @ matrix
        shift = np.where(np.abs(shift) <= EXACT * size, 0.0, shift)
        off = np.abs(far @ matrix + shift - found)
        affine = (off <= EXACT * (size + np.abs(far) @ np.abs(matrix))).all(axis=0)
        affine &= ~matrix[_is_text(twin)].any(axis=0)  # what is linear in the numbers of two texts is in no unit
    return Units(np.where(affine, matrix, 0.0), np.where(affine, shift, 0.0), affine, _indicated(twin, X, here, affine))


def _indicated(twin: Twin, X: np.ndarray, features: np.ndarray, affine: np.ndarray) -> tuple[tuple[int, int, str], ...]:
    """Return (feature, column, value) of the features that are the indicator of one value of one column, and of no other's."""
    found, labels = [], [one.label for one in twin.inputs for _ in range(one.width or 0)]
    for feature in np.flatnonzero(~affine & np.isin(features, (0, 1)).all(axis=0) & features.any(axis=0)).tolist():
        on = features[:, feature] == 1
        first = X[int(np.argmax(on))]
        same = np.flatnonzero(((first == X) == on[:, None]).all(axis=0)).tolist()
        if len(same) == 1:
            found.append((feature, same[0], labels[same[0]](float(first[same[0]]))))
    return tuple(found)


def _whole(twin: Twin, X: np.ndarray) -> np.ndarray:
    """A mask (d,) of the columns of whole numbers: of an input of whole numbers or, beside a factor, by their values."""
    return ~twin.takes_floats | (twin.linear.has_factors & (np.rint(X) == X).all(axis=0))


def _is_text(twin: Twin) -> np.ndarray:
    """A mask (d,) of the columns that are text."""
    return np.repeat([one.vocabulary is not None for one in twin.inputs], [one.width or 0 for one in twin.inputs])


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
