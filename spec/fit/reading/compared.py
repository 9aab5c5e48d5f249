"""The loss of rows compared with minus the log-likelihood of a model, by their changes from some weights to others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spec.fit.reading.asked import Asked, usable
from spec.fit.reading.loss import OwnLoss
from spec.model import Model

OBJECTIVE = 1e-5  # how much a loss may differ, relative to its size: Keras adds 1e-7 inside its logarithms


@dataclass(frozen=True, eq=False)
class Compared:
    """Changes of the rows' loss, and of minus the kernel, between two sets of weights; ``size`` is that of their terms."""

    model: Model
    y: np.ndarray
    changes: np.ndarray
    expected: np.ndarray
    size: np.ndarray

    @property
    def scale(self) -> float:
        total = float((self.expected**2).sum())
        return float((self.changes * self.expected).sum()) / total if total > 0 else np.nan

    @property
    def apart(self) -> float:
        """How far most of the changes are from those expected, relative to their size."""
        return float(np.median(np.abs(self.changes - self.scale * self.expected) / self.size))

    def agrees(self, scale: float) -> bool:
        return bool(scale > 0 and self._fits(scale))

    @property
    def is_reversed(self) -> bool:
        """Whether the loss changes by a negative multiple of the expected change."""
        return bool(self.scale < 0 and not self.is_constant and self._fits(self.scale))

    def _fits(self, scale: float) -> bool:
        return bool((np.abs(self.changes - scale * self.expected) <= OBJECTIVE * self.size).all())

    @property
    def is_constant(self) -> bool:
        """Whether the loss is the same for all outputs, but for rounding."""
        return not (np.abs(self.changes) > OBJECTIVE * self.size).any()


def compare(
    model: Model, loss: OwnLoss, asked: list[Asked], factor: float, offset: np.ndarray, y_true: np.ndarray, y: np.ndarray
) -> Compared | None:
    """The changes of a loss; None if it cannot be computed, or if hardly any row is inside the model's domain."""
    losses, kernels = [], []
    with np.errstate(all="ignore"):
        for one in asked:
            eta = factor * one.z + offset
            kernel = model.kernel(y, eta).sum(axis=1)
            kernels.append(np.where(usable(model, eta), kernel, np.nan))
            losses.append(loss.rows(y_true, one.seen.tensor))
    changes = [losses[i + 1] - losses[i] for i in range(0, len(asked), 2)]
    expected = [kernels[i] - kernels[i + 1] for i in range(0, len(asked), 2)]
    size = [sum(np.abs(part) for part in (losses[i], losses[i + 1])) for i in range(0, len(asked), 2)]
    of, D, E, S = np.concatenate([np.arange(len(y))] * len(changes)), *(np.concatenate(one) for one in (changes, expected, size))
    used = np.isfinite(E)
    if used.sum() < min(4, len(y)):
        return None
    if not np.isfinite(D[used]).all():
        return None
    return Compared(model, y[of[used]], D[used], E[used], S[used] + np.abs(D[used]) + 1e-9)
