"""
Losses of robust regression: the residuals count by their signs, or by less the larger they are.

Their conditions are sums over the rows of a function of the residual. A quantile regression passes through as many rows as it has
coefficients, exactly; an M-estimate has one number, from where on residuals count less, which is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from scipy.optimize import lsq_linear, minimize_scalar

from spec.diagnosis.causes.cause import Ending
from spec.diagnosis.context import Context, design
from spec.diagnosis.hypothesis import Hypothesis
from spec.diagnosis.sums import Totals
from spec.fit.rows import Batch

EXACT = 1e-5  # of the middle residual: how near to a row a quantile regression passes
SIZES = np.linspace(0.5, 0.999, 40)  # shares of the residuals that are smaller than the number that is chosen: most of them

Influence = Callable[[np.ndarray], np.ndarray]  # of a residual in units of the number that is chosen
INFLUENCES: dict[str, tuple[Influence, Influence]] = {  # with the slope of each
    "Huber's": (lambda u: np.clip(u, -1, 1), lambda u: (np.abs(u) < 1).astype(float)),
    "Tukey's": (
        lambda u: np.where(np.abs(u) < 1, u * (1 - u * u) ** 2, 0.0),
        lambda u: np.where(np.abs(u) < 1, (1 - u * u) * (1 - 5 * u * u), 0.0),
    ),
}


def robust_losses(context: Context, hypothesis: Hypothesis, totals: Totals) -> Iterator[Ending]:
    """Conditions of robust regressions, of least squares alone: they have a residual."""
    own = hypothesis.objective.model
    is_told = "loss" in context.answer.program  # by the result of a program itself
    if hypothesis.codes or is_told or not (own.is_least_squares and context.in_memory) or context.k > 1:
        return
    rows = hypothesis.rows(*context.all)
    residual = (rows.y - hypothesis.eta(rows))[:, 0]
    white = design(rows.X, hypothesis.intercept) @ context.basis(hypothesis.intercept)
    yield from _quantile(white, residual, rows)
    yield from _estimates(white, residual, rows)


def _quantile(white: np.ndarray, residual: np.ndarray, rows: Batch) -> Iterator[Ending]:
    """Residuals of 0 have any weight between those of the two signs, and the weighted rows add up to nothing."""
    middle = np.median(np.abs(residual))
    on_it = np.abs(residual) <= EXACT * middle
    if not white.shape[1] <= on_it.sum() < len(residual) / 2:
        return
    weighted = rows.weights[:, None] * white
    below = weighted[(residual < 0) & ~on_it].sum(axis=0)
    # share * (the sum of all rows) is the sum of those below, and of a part of each that it passes through
    columns = np.column_stack([weighted.sum(axis=0), -weighted[on_it].T])
    for which, low, high in (("median", 0.5, 0.5 + 1e-12), ("quantile", 0.0, 1.0)):
        ends = np.array([[low, high], *[[0.0, 1.0]] * int(on_it.sum())]).T
        found = lsq_linear(columns, below, bounds=ends, tol=1e-14)
        residue = middle * (columns @ found.x - below)
        share = "" if which == "median" else f" at about {found.x[0]:.2g}"
        says = f"it passes through {on_it.sum()} rows exactly, as a regression of the {which}{share} does: the absolute error"
        yield Ending(residue[:, None], says, unknowns=0, tries=2)


def _estimates(white: np.ndarray, residual: np.ndarray, rows: Batch) -> Iterator[Ending]:
    """The size from which on residuals count less is that which leaves least of the weighted sum."""
    usual = white.T @ (rows.weights[:, None] * white)
    root = np.linalg.cholesky(usual)

    for name, (influence, slope) in INFLUENCES.items():

        def score(size: float, influence: Influence = influence, slope: Influence = slope) -> np.ndarray:
            inside = np.average(slope(residual / size), weights=rows.weights)
            total = white.T @ (rows.weights * influence(residual / size) * size)
            return np.asarray(total / inside if inside > 0 else np.full(white.shape[1], np.inf))

        def left(size: float, score: Callable[[float], np.ndarray] = score) -> float:
            found = float(np.linalg.norm(np.linalg.solve(root, score(size))))
            return found if np.isfinite(found) else 1e300

        sizes = np.quantile(np.abs(residual), SIZES)
        at = int(np.argmin([left(size) for size in sizes]))
        low, high = sizes[max(at - 1, 0)], sizes[min(at + 1, len(sizes) - 1)]
        if not 0 < low < high:
            continue
        size = minimize_scalar(left, bounds=(low, high), method="bounded", options={"xatol": 1e-13 * high}).x
        says = f"residuals beyond {size:.6g} count less than in least squares: {name} loss"
        yield Ending(score(size)[:, None], says, unknowns=1, tries=len(sizes))
