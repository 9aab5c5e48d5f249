"""An engine about a reader's own data, which it is not asked to fit where these have no optimum."""

from __future__ import annotations

from spec.engines.checked import Checked
from spec.engines.contract import Engine, Fit
from spec.evidence.preconditions import PreconditionFailed
from spec.evidence.rungs import proven_optimum
from spec.inference import Inference
from spec.problems import Problem


class Presupposing(Checked):
    """
    A checked engine whose fits presuppose that the optimum of a reader's problem, ``own``, is proven.

    What a claim derives from that problem (other weights, other units) has an optimum where that has one. Else no engine is
    asked: some would take minutes, others break, and each in its own words.
    """

    def __init__(self, engine: Engine, own: Problem) -> None:
        super().__init__(engine)
        self.own = own
        self._asked = False
        self._why: PreconditionFailed | None = None

    def fit(self, problem: Problem) -> Fit:
        self._presuppose()
        return super().fit(problem)

    def infer(self, problem: Problem) -> Inference:
        self._presuppose()
        return super().infer(problem)

    def _presuppose(self) -> None:
        """Raise PreconditionFailed where there is no optimum; it is asked for once."""
        if not self._asked:
            self._asked = True
            try:
                proven_optimum(self.own)
            except PreconditionFailed as failed:
                self._why = failed
        if self._why is not None:
            raise self._why.with_traceback(None)
