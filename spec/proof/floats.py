r"""
What float64 may lose: the program of a network in balls, with the rounding of each operation.

Each number of the program is a `spec.proof.rounding.Rounded`: a ball that holds its exact value everywhere in a *box* of eta and
y, and a bound of how far the computed value is from the exact one there. The program is the one that `spec.proof.prove` reads,
and the reader the same; only the arithmetic is another. At a comparison that the box leaves open both ways are gone, and the
larger of two bounds counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Union

import flint
import numpy as np

from spec.engines.keras.network import KerasNetwork
from spec.evidence.balls import BALLS, working_precision
from spec.problems import Problem
from spec.proof import rows
from spec.proof.claimed import names
from spec.proof.field import BITS
from spec.proof.programs import traced
from spec.proof.rounding import Box, Operations, Rounded
from spec.proof.rows import Tensor

SHARP = 2.0**-400  # an exact number is known to so much, or to an eighth of its bound: else nothing could be beyond the bound
NEAR = 0.3  # an eta at which no program approximates
QUANTITIES = ("mean", "objective", "gradient", "curvature")
Ends = Sequence[Union[float, "tuple[float, float]"]]  # of each eta a number, or the least and the greatest


class Bound(NamedTuple):
    """What a program computes of a row: its ``least`` and ``greatest`` value in a box, and how far rounding may take it."""

    least: float
    greatest: float
    error: float

    def holds(self, computed: float, exact: Any) -> bool:
        """Whether a computed number is as near to the exact one, a ball that is small beside the bound, as the bound says."""
        with working_precision(BITS):
            is_sharp = exact.rad() <= max(self.error / 8, SHARP)
            return bool(is_sharp and np.isfinite(computed)) and not bool(abs(flint.arb(computed) - exact) > self.error)


def one_row(problem: Problem) -> Problem:
    """A row with one input, of the problem's model."""
    return problem.with_data("one row", X=np.ones((1, 1)), y=problem.y[:1], weights=None, offset=None)


class Floats:
    """
    The float64 arithmetic of a network of `one_row`: of weight 1, with k linear predictors.

    An eta is the product of the input 1 with a weight, and is not rounded. Of the row there are the means, the loss, the loss's
    derivative in each eta, and its second derivatives along ``direction`` (k,): `QUANTITIES`, where k > 1 numbered from 1 but
    for the loss. Raises Approximation where a program takes numbers from bits.
    """

    def __init__(self, network: KerasNetwork) -> None:
        self.model, self.network, self.program, self.k = network.problem.model, network, traced(network), network.problem.k
        self.direction = [1.0, *(0.75 - 0.5 * place for place in range(self.k - 1))]
        self.names = [name for each in QUANTITIES for name in names(each, 1 if each == "objective" else self.k)]
        self._free: dict[tuple[float, ...], Any] = {}
        self.bounds(self._near, [float(y) for y in network.problem.y[0]])

    @property
    def _near(self) -> list[float]:
        sign = 1 if self.model.eta_domain.contains(NEAR) else -1
        return [sign * NEAR / (1 + place) for place in range(self.k)]

    def boxes(self, ends: tuple[float, float]) -> list[Ends]:
        """A box of eta, (least, greatest) of each: of the first the ends, of each next one minus half; none beyond the domain."""
        if not all(map(self.model.eta_domain.contains, ends)):
            return []
        scaled = [[end * (-0.5) ** place for end in ends] for place in range(self.k)]
        return [[(min(each), max(each)) for each in scaled]]

    def responses(self, numbers: Sequence[float]) -> list[list[float]]:
        """Those of the numbers that the family has; of classes the first, the second, and a share of both."""
        if not self.model.has_classes:
            return [[y] for y in numbers if self.model.family.quasi_domain.contains(y)]
        return [[*shares, *[0.0] * (self.k - 2)] for shares in ((1.0, 0.0), (0.0, 1.0), (0.25, 0.75))]

    def bounds(self, eta: Ends, y: Sequence[float]) -> dict[str, Bound]:
        """The bounds where each of the k eta lies in a box. Raises Unbounded where the program has none there."""
        with working_precision(BITS):
            ways = list(_ways(lambda box: self._read(box, eta, y)))
        return {name: _hull([found[place] for found in ways]) for place, name in enumerate(self.names)}

    def _read(self, box: Box, eta: Ends, y: Sequence[float]) -> list[Rounded]:
        one, kernel = Rounded.of(1), _array(map(_ball, eta))
        zero, along = _array([Rounded.of(0)] * self.k), _array(map(Rounded.of, self.direction))
        ops = Operations(box, {(one.key, each.key): each for each in (*kernel, *zero)})
        response = rows.tensor(("n", self.k)[: self.network.data[1].ndim], _array(map(Rounded.of, y)))
        weights, directions = (
            [rows.tensor(("p", self.k), w), rows.tensor((self.k,), b)] for w, b in ((kernel, zero), (zero, along))
        )
        data = [rows.tensor(("n", "p"), one), response, rows.tensor(("n",), one)]
        mean, loss, _, gradient, _, second = self.program.read(ops, data, weights, directions)
        return [entry for each in (mean, loss, gradient, second) for entry in _entries(each)]

    def computed(self, eta: Sequence[float], y: Sequence[float]) -> dict[str, float]:
        """What the network computes."""
        zero = np.zeros((1, self.k))
        data = [np.ones((1, 1)), np.reshape(y, (1, *self.network.data[1].shape[1:])), np.ones(1)]
        self.network.weights = [np.array([eta]), zero[0]]
        mean, loss, _, gradient, _, second = self.program.run(data, [zero, np.array(self.direction)])
        return dict(zip(self.names, (float(entry) for each in (mean, loss, gradient, second) for entry in np.ravel(each))))

    def exact(self, eta: Sequence[float], y: Sequence[float]) -> dict[str, Any]:
        """The model's own formulas in balls; the loss's terms that are free of eta are the program's."""
        with working_precision(BITS):
            at, response, along, scale = _balls(eta), _balls(y), _balls(self.direction), self.network.loss_scale
            mean = self.model.link.inverse(at, BALLS)
            if self.model.has_classes:
                score, bend = response - mean, -mean * (along - (mean * along).sum())
            else:
                score, bend = (part(response, at, xp=BALLS) for part in (self.model.row_score, self.model.row_bend))
            loss = self._free_of_eta(y) - scale * np.sum(self.model.kernel(response, at, BALLS))
            return dict(zip(self.names, [*np.ravel(mean), loss, *np.ravel(-scale * score), *np.ravel(-scale * bend)]))

    def _free_of_eta(self, y: Sequence[float]) -> Any:
        """Terms of the loss that are the same at each eta: by the proof for all weights those at one."""
        if (own := tuple(y)) not in self._free:
            loss = self._read(Box([]), self._near, y)[self.names.index("objective")].value
            kernel = self.model.kernel(_balls(y), _balls(self._near), BALLS)
            self._free[own] = loss + self.network.loss_scale * np.sum(kernel)
        return self._free[own]


def _balls(numbers: Sequence[float]) -> Any:
    """One number, or an array of several, as the model's formulas take them."""
    return _array(map(flint.arb, numbers)) if len(numbers) > 1 else flint.arb(numbers[0])


def _array(entries: Iterable[Any]) -> np.ndarray:
    return np.array(list(entries), dtype=object)


def _ball(ends: float | tuple[float, float]) -> Rounded:
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


def _entries(tensor: Tensor) -> list[Rounded]:
    """The numbers of a tensor of one row: the sum over the rows is that of one."""
    return [Rounded.of(sum(each[1:], each[0])) for each in zip(*(array.flat for array in tensor.parts.values()))]


def _hull(found: list[Rounded]) -> Bound:
    return Bound(
        min(np.nextafter(float(one.value.lower()), -np.inf) for one in found),
        max(np.nextafter(float(one.value.upper()), np.inf) for one in found),
        max(np.nextafter(float(one.error.upper()), np.inf) for one in found),
    )
