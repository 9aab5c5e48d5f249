"""How the levels of a factor become columns: a matrix (levels, columns) for each way to compare them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def against(base: int, m: int) -> np.ndarray:
    """Compare each of ``m`` levels with the level ``base``."""
    return np.delete(np.eye(m), base, axis=1)


def with_mean(base: int, m: int) -> np.ndarray:
    """Compare each of ``m`` levels with the mean of all; the level ``base`` has no column."""
    columns = against(base, m)
    columns[base] = -1.0
    return columns


def successive(m: int) -> np.ndarray:
    """Compare each of ``m`` levels with the one before it; the intercept is the first level."""
    return np.tril(np.ones((m, m)))[:, 1:]


def successive_about_mean(m: int) -> np.ndarray:
    """Compare each of ``m`` levels with the one before it; the intercept is the mean of all."""
    columns = successive(m)
    return columns - columns.mean(axis=0)


def helmert(m: int) -> np.ndarray:
    """Compare each of ``m`` levels with the mean of the levels before it."""
    return np.triu(-np.ones((m, m - 1))) + np.vstack([np.zeros(m - 1), np.diag(np.arange(1.0, m))])


def polynomial(m: int) -> np.ndarray:
    """Orthonormal polynomials of the numbers 1 to ``m``: linear, quadratic, and so on."""
    powers = np.vander(np.arange(m) - (m - 1) / 2, m, increasing=True)
    columns, signs = np.linalg.qr(powers)
    return (columns * np.sign(np.diag(signs)))[:, 1:]


CONTRASTS: dict[str, tuple[str, Callable[[int], np.ndarray]]] = {  # what the levels are compared with, and the columns
    "T": ("the first", lambda m: against(0, m)),
    "S": ("their mean, and the last has no column", lambda m: with_mean(m - 1, m)),
    "S, first": ("their mean, and the first has no column", lambda m: with_mean(0, m)),
    "T, before": ("the level before", successive),
    "D": ("the level before, about their mean", successive_about_mean),
    "H": ("the mean of the levels before", helmert),
    "P": ("polynomials of their numbers", polynomial),
}
