"""Columns of a few numbers, for problems that are small enough for algebra."""

import numpy as np


def column(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)[:, None]


def groups(*sizes: int) -> np.ndarray:
    """The column of a factor of two levels."""
    return np.repeat([0.0, 1.0], sizes)[:, None]


# six rows in a line, and responses to them: separated by a line, and not
LADDER, HALVES, OVERLAP = column(0, 1, 2, 3, 4, 5), column(0, 0, 0, 1, 1, 1), column(0, 0, 1, 0, 1, 1)
