"""The result of a model of several outputs that are each a model of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from spec.fit.result import Fitted, Prediction
from spec.fit.summary import Summary
from spec.model import Params

if TYPE_CHECKING:
    from numpy.typing import ArrayLike  # which NumPy has from 1.20 on


@dataclass(frozen=True, eq=False)
class Several:
    """
    The fits of several outputs that share a design: a `Fitted` for each, by its number or its name, in the outputs' order.

    Below, k counts the outputs, p the columns, q the columns and the intercept, where there is one.
    """

    outputs: tuple[Fitted, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the outputs."""
        return tuple(one.outputs[0] for one in self.outputs)

    def __len__(self) -> int:
        return len(self.outputs)

    def __iter__(self) -> Iterator[Fitted]:
        return iter(self.outputs)

    def __getitem__(self, output: int | str) -> Fitted:
        """The fit of an output. Raises KeyError for a name that there is not, IndexError for a number."""
        if not isinstance(output, str):
            return self.outputs[output]
        if self.names.count(output) != 1:
            raise KeyError(f"there is no output {output!r}, or more than one: they are {', '.join(self.names)}.")
        return self.outputs[self.names.index(output)]

    @property
    def params(self) -> Params:
        """The parameters of all outputs: intercept (k,), coef (p, k)."""
        return Params(
            np.concatenate([one.params.intercept for one in self.outputs]), np.hstack([one.params.coef for one in self.outputs])
        )

    @property
    def standard_errors(self) -> np.ndarray:
        """(q, k), a row for the intercept, where there is one, and for each column of X."""
        return np.hstack([one.standard_errors for one in self.outputs])

    @property
    def dispersion(self) -> np.ndarray:
        """(k,), each output's own."""
        return np.array([one.dispersion for one in self.outputs])

    @property
    def converged(self) -> bool:
        """Whether all outputs have."""
        return all(one.converged for one in self.outputs)

    @property
    def distance(self) -> float:
        """The largest distance from the optimum, in standard errors; NaN if one is not known."""
        return float(np.max([one.distance for one in self.outputs]))

    @property
    def reason(self) -> str:
        """Why the fit ended: the first output that did not converge, by its name; else the one that ended farthest off."""
        worst = max(self.outputs, key=lambda one: (not one.converged, not one.converged or one.distance))
        return f"{worst.outputs[0]}: {worst.reason}"

    def summary(self, level: float = 0.95) -> Summaries:
        """The summaries of all outputs, one below the other, for the terminal and for notebooks."""
        return Summaries(tuple(one.summary(level) for one in self.outputs))

    def to_frame(self, level: float = 0.95) -> Any:
        """
        A pandas DataFrame of all coefficients, with pairs (output, term) for index; see `Fitted.to_frame`.

        The column "t" is "z" where the outputs have no estimated dispersion.
        """
        import pandas

        return pandas.concat([one.to_frame(level) for one in self.outputs], keys=self.names, names=["output"])

    def predict(self, X: Any, offset: Any = None, interval: bool = False, level: float = 0.95) -> Any:
        """The means (n, k) for other X, with ``interval`` a `Prediction`; see `Fitted.predict`. ``offset`` is (n, k)."""
        found = [one.predict(X, self._offset(number, one, offset), interval, level) for number, one in enumerate(self.outputs)]
        return Prediction(*map(np.hstack, zip(*found))) if interval else np.hstack(found)

    @staticmethod
    def _offset(number: int, one: Fitted, offset: Any) -> Any:
        """The offset that an output's fit takes: all columns where it knows its own, else its column."""
        return offset if offset is None or one._prepared else np.asarray(offset, dtype=float)[:, [number]]

    def noted(self, note: str) -> Several:
        """The fits with another note."""
        return self._each(lambda one: one.noted(note))

    def robust(self, kind: str = "HC1") -> Several:
        """The fits with robust standard errors, see `Fitted.robust`."""
        return self._each(lambda one: one.robust(kind))

    def clustered(self, groups: ArrayLike) -> Several:
        """The fits with clustered standard errors, see `Fitted.clustered`."""
        return self._each(lambda one: one.clustered(groups))

    def in_data_units(self) -> Several:
        """The fits with the coefficients of the data's own columns, see `Fitted.in_data_units`."""
        return self._each(lambda one: one.in_data_units())

    def _each(self, changed: Callable[[Fitted], Fitted]) -> Several:
        return replace(self, outputs=tuple(map(changed, self.outputs)))


@dataclass(frozen=True)
class Summaries:
    """Several summaries, one below the other."""

    parts: tuple[Summary, ...]

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.parts))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "".join(part._repr_html_() for part in self.parts)
