r"""
What float64 may lose: the program of a network in balls, with the rounding of each operation.

Each number of the program is a `spec.proof.rounding.Rounded`: a ball that holds its exact value everywhere in a *box* of eta and
y, and a bound of how far the computed value is from the exact one there. The program is the one that `spec.proof.prove` reads,
and the reader the same; only the arithmetic is another. At a comparison that the box leaves open both ways are gone, and the
larger of two bounds counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Union

import flint
import numpy as np

from spec.engines.keras.network import KerasNetwork
from spec.evidence.balls import BALLS, working_precision
from spec.problems import Problem
from spec.proof import rows
from spec.proof.programs import traced
from spec.proof.rounding import Box, Operations, Rounded
from spec.proof.rows import Tensor

BITS = 192
NEAR = 0.3  # an eta at which no program approximates
QUANTITIES = ("mean", "objective", "gradient", "curvature")
Ends = Union[float, "tuple[float, float]"]  # a number, or the least and the greatest


class Bound(NamedTuple):
    """What a program computes of a row: its ``least`` and ``greatest`` value in a box, and how far rounding may take it."""

    least: float
    greatest: float
    error: float

    def holds(self, computed: float, exact: Any) -> bool:
        """Whether a computed number is as near to the exact one, a ball, as the bound says."""
        with working_precision(BITS):
            return bool(np.isfinite(computed)) and not bool(abs(flint.arb(computed) - exact) > self.error)


def one_row(problem: Problem) -> Problem:
    """A row with one input, of the problem's model."""
    return problem.with_data("one row", X=np.ones((1, 1)), y=problem.y[:1], weights=None, offset=None)


class Floats:
    """
    The float64 arithmetic of a network of `one_row`: of weight 1, with one linear predictor.

    eta is the product of an input with the weight 1, and is not rounded. Of the row there are the mean, the loss, the loss's
    derivative in eta, and its second derivative: `QUANTITIES`. Raises Approximation where a program takes numbers from bits.
    """

    def __init__(self, network: KerasNetwork) -> None:
        self.model, self.network, self.program = network.problem.model, network, traced(network)
        self._free: dict[float, Any] = {}
        self.bounds(self._near, float(network.problem.y[0, 0]))

    @property
    def _near(self) -> float:
        return NEAR if self.model.eta_domain.contains(NEAR) else -NEAR

    def bounds(self, eta: Ends, y: float) -> dict[str, Bound]:
        """The bounds where eta lies in a box. Raises Unbounded where the program has none there."""
        with working_precision(BITS):
            ways = list(_ways(lambda box: self._read(box, _ball(eta), Rounded.of(y))))
        return {name: _hull([found[place] for found in ways]) for place, name in enumerate(QUANTITIES)}

    def _read(self, box: Box, eta: Rounded, y: Rounded) -> list[Rounded]:
        one, zero = Rounded.of(1), Rounded.of(0)
        ops = Operations(box, {(eta.key, one.key): eta, (eta.key, zero.key): zero})
        response = rows.tensor(("n", 1)[: self.network.data[1].ndim], y)
        weights, along = ([rows.tensor(("p", 1), w), rows.tensor((1,), b)] for w, b in ((one, zero), (zero, one)))
        found = self.program.read(ops, [rows.tensor(("n", "p"), eta), response, rows.tensor(("n",), one)], weights, along)
        mean, loss, _, gradient, _, second = found
        return [_entry(each) for each in (mean, loss, gradient, second)]

    def computed(self, eta: float, y: float) -> dict[str, float]:
        """What the network computes."""
        data = [np.array([[eta]]), np.full((1, 1)[: self.network.data[1].ndim], y), np.ones(1)]
        self.network.weights = [np.ones((1, 1)), np.zeros(1)]
        mean, loss, _, gradient, _, second = self.program.run(data, [np.zeros((1, 1)), np.ones(1)])
        return dict(zip(QUANTITIES, (float(np.ravel(each)[0]) for each in (mean, loss, gradient, second))))

    def exact(self, eta: float, y: float) -> dict[str, Any]:
        """The model's own formulas in balls; the loss's terms that are free of eta are the program's."""
        with working_precision(BITS):
            at, response, scale = flint.arb(eta), flint.arb(y), self.network.loss_scale
            return {
                "mean": self.model.link.inverse(at, BALLS),
                "objective": self._free_of_eta(y) - scale * self.model.kernel(response, at, BALLS),
                "gradient": -scale * self.model.row_score(response, at, xp=BALLS),
                "curvature": -scale * self.model.row_bend(response, at, xp=BALLS),
            }

    def _free_of_eta(self, y: float) -> Any:
        """Terms of the loss that are the same at each eta: by the proof for all weights those at one."""
        if y not in self._free:
            loss = self._read(Box([]), _ball(self._near), Rounded.of(y))[QUANTITIES.index("objective")].value
            kernel = self.model.kernel(flint.arb(y), flint.arb(self._near), BALLS)
            self._free[y] = loss + self.network.loss_scale * kernel
        return self._free[y]


def _ball(ends: Ends) -> Rounded:
    low, high = ends if isinstance(ends, tuple) else (ends, ends)
    return Rounded(flint.arb(low).union(flint.arb(high)))


def _ways(run: Callable[[Box], list[Rounded]]) -> Iterator[list[Rounded]]:
    """What a program returns, each way through its comparisons that the box leaves open."""
    waiting: list[list[bool]] = [[]]
    while waiting:
        ways = waiting.pop()
        box = Box(ways)
        yield run(box)
        waiting += [[*box.asked[:place], not box.asked[place]] for place in range(len(ways), len(box.asked))]


def _entry(tensor: Tensor) -> Rounded:
    """The one number of a tensor of one row: the sum over the rows is that of one."""
    first, *rest = (array.reshape(-1)[0] for array in tensor.parts.values())
    return Rounded.of(sum(rest, first))


def _hull(found: list[Rounded]) -> Bound:
    return Bound(
        min(np.nextafter(float(one.value.lower()), -np.inf) for one in found),
        max(np.nextafter(float(one.value.upper()), np.inf) for one in found),
        max(np.nextafter(float(one.error.upper()), np.inf) for one in found),
    )
