"""How the claims are divided over processes by -n, and what becomes of the others when a process dies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdist.scheduler import LoadFileScheduling

from spec.files import NAMED

if TYPE_CHECKING:
    import pytest
    from xdist.remote import Producer
    from xdist.workermanage import WorkerController


class ByProblem(LoadFileScheduling):
    """
    Runs the claims of each of some problems in one process, which proves and fits it once; divides other tests by file.

    A test in which a process dies is not run again, which xdist would do until there are no processes left.
    """

    def __init__(self, config: pytest.Config, log: Producer, names: list[str]) -> None:
        super().__init__(config, log)
        self.names = sorted(names, key=len, reverse=True)

    def _split_scope(self, nodeid: str) -> str:
        file, _, case = nodeid.partition("[")
        if not file.startswith(NAMED):
            return super()._split_scope(nodeid)
        return next((name for name in self.names if name in case), super()._split_scope(nodeid))

    def remove_node(self, node: WorkerController) -> str | None:
        """Take a process away that ended; return the test in which it died, if it did."""
        work = self.assigned_work[node]
        for scope in [scope for scope, tests in work.items() if all(tests.values())]:
            del work[scope]
        died = next((test for tests in work.values() for test, done in tests.items() if not done), None)
        if died is not None:
            next(tests for tests in work.values() if died in tests)[died] = True
        super().remove_node(node)
        return died

    def schedule(self) -> None:
        """Give a process two tests, since it begins one when it knows what follows, or that nothing does."""
        super().schedule()
        for node in self.nodes:
            while self.workqueue and not node.shutting_down and self._pending_of(self.assigned_work[node]) < 2:
                self._reschedule(node)
            if not self.workqueue and not node.shutting_down:
                node.shutdown()
