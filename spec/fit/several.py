"""The result of a model of several outputs that are each a model of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from spec.fit.result import Fitted
from spec.model import Params


@dataclass(frozen=True, eq=False)
class Several:
    """
    The fits of several outputs that share a design: a `Fitted` for each, by its number or its name.

    >>> # fitted["wind"].summary(), fitted[0].conf_int()
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
        """The fit of an output. Raises KeyError for a name that there is not."""
        if isinstance(output, str):
            if output not in self.names:
                raise KeyError(f"there is no output {output!r}: they are {', '.join(self.names)}.")
            return self.outputs[self.names.index(output)]
        return self.outputs[output]

    @property
    def params(self) -> Params:
        """The parameters of all outputs: intercept (k,), coef (p, k)."""
        return Params(
            np.concatenate([one.params.intercept for one in self.outputs]), np.hstack([one.params.coef for one in self.outputs])
        )

    @property
    def standard_errors(self) -> np.ndarray:
        """(q, k)."""
        return np.hstack([one.standard_errors for one in self.outputs])

    @property
    def dispersion(self) -> np.ndarray:
        """(k,)."""
        return np.array([one.dispersion for one in self.outputs])

    @property
    def converged(self) -> bool:
        """Whether all have."""
        return all(one.converged for one in self.outputs)

    @property
    def distance(self) -> float:
        """The largest, in standard errors; NaN if one is not known."""
        return float(np.max([one.distance for one in self.outputs]))

    @property
    def reason(self) -> str:
        """Why the fit ended: of the first output that did not converge, else of that which ended farthest off."""
        failed = [one for one in self.outputs if not one.converged]
        worst = failed[0] if failed else max(self.outputs, key=lambda one: one.distance)
        return f"{worst.outputs[0]}: {worst.reason}"

    def summary(self) -> _Summaries:
        """The summaries of all outputs, one below the other, for the terminal and for notebooks."""
        return _Summaries(tuple(one.summary() for one in self.outputs))

    def to_frame(self) -> Any:
        """A pandas DataFrame of all coefficients, by output and term."""
        import pandas

        return pandas.concat([one.to_frame() for one in self.outputs], keys=self.names, names=["output"])

    def predict(self, X: Any, offset: Any = None) -> np.ndarray:
        """The means (n, k) for other X."""
        return np.hstack([one.predict(X, offset) for one in self.outputs])


@dataclass(frozen=True)
class _Summaries:
    """Several summaries, one below the other."""

    parts: tuple[Any, ...]

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.parts))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return "".join(part._repr_html_() for part in self.parts)
