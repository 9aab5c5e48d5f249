"""What a batch of rows adds to the sums of a pass: a function of the model, the parameters and the rows, in any process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from threading import Condition, Lock

import numpy as np

from spec.compat import Recent
from spec.domains import REAL, Interval
from spec.engines.keras.backend import BACKEND
from spec.engines.keras.derivatives import Data, Program, Tensor
from spec.engines.keras.network import KerasNetwork, precision
from spec.fit.batch import Batch
from spec.fit.sums import Sums, summed_information, tree
from spec.fit.workers import Shared
from spec.model import Model, Params
from spec.problems.problem import Problem

FEW = 2**16  # numbers of a batch: of fewer a compiler costs more than it saves
in_float64 = Shared(lambda: precision("float64"))  # for new layers, and while a program is traced


@dataclass(frozen=True)
class Shape:
    """
    The key of a compiled network: problems with the same model, columns ``p``, outputs ``k`` and batch ``size`` share one.

    A batch with fewer rows is computed in parts of ``least`` rows.
    """

    model: Model
    p: int
    k: int
    intercept: bool
    has_offset: bool
    size: int
    least: int
    summed: int | None = None  # the informations that the program itself sums, on a GPU; else this processor sums them

    @property
    def small(self) -> Shape:
        return replace(self, size=self.least)


@dataclass(frozen=True, eq=False)
class Contribution:
    """
    What a batch adds to the sums over all rows at some parameters. Another process that gets it makes the network once.

    ``informations`` says how many informations are summed: none, the expected one, or the observed one too. They are those of the
    columns [1 X], or of [1 X] @ ``basis`` if that is given; they are summed in float32 if ``rough``.
    """

    shape: Shape
    params: Params
    informations: int
    basis: np.ndarray | None
    rough: bool
    threads: int | None  # that share one operation in each process, or None for its own: the last bits may depend on them

    def __call__(self, batch: Batch) -> Sums:
        shape = self.shape
        if len(batch) < shape.size > shape.least:
            small = replace(self, shape=shape.small)
            total = tree(small(batch[start : start + shape.least]) for start in range(0, len(batch), shape.least))
            assert total is not None
            return total
        full = batch.padded(shape.size)
        compiled = _compiled(shape, self.threads)
        with in_float64 if compiled.traces else nullcontext(), compiled.at(self.params) as values:
            inputs = full.X if full.offset is None else [full.X, full.offset]
            loss, (kernel, *bias), (pearson, outside, *about_eta) = compiled.program(values, inputs, full.y, full.weights)
        compiled.traces = compiled.traces and not BACKEND.compiles
        score = np.vstack([*bias, kernel])[:, min(shape.k - 1, 1) :]
        to_sums = -shape.size / compiled.network.loss_scale
        with np.errstate(invalid="ignore", over="ignore"):  # far out the squares of columns are infinite: `Steer` refuses them
            if shape.summed is None:
                weights = about_eta[: self.informations]
                found = [summed_information(full.X, one, shape.intercept, self.basis, self.rough) for one in weights]
            else:
                found = [one.reshape(score.size, score.size) for one in about_eta]
        information, observed = [*found, None, None][:2]
        return Sums(len(batch), to_sums * loss, to_sums * score, information, float(pearson), observed, outside=int(outside))


# -- made once in each process --------------------------------------------------------------------------------------------------
class _Compiled:
    """
    A network with its compiled program.

    If the parameters are no argument of the program, calls at the same parameters run together; calls at others wait for them.
    """

    def __init__(self, network: KerasNetwork, program: Program) -> None:
        self.network, self.program = network, program
        self.calls, self.now, self.turn = 0, b"", Condition()
        self.traces = True  # whether Keras's float type matters: at the first call of a program that is compiled, or at each

    @contextmanager
    def at(self, params: Params) -> Iterator[list[np.ndarray]]:
        """A context in which the network has these parameters, or is given them: yields the values of its variables."""
        values = [params.coef, params.intercept] if self.network.problem.intercept else [params.coef]
        if self.network.derivatives.takes_values:
            yield values
            return
        asked = params.matrix.tobytes()
        with self.turn:
            self.turn.wait_for(lambda: not self.calls or self.now == asked)
            if self.now != asked:
                self.network.params, self.now = params, asked
            self.calls += 1
        try:
            yield values
        finally:
            with self.turn:
                self.calls -= 1
                self.turn.notify_all()


networks = Recent(16)  # the last few: a fit of the same model and shape starts at once
_making = Lock()


def _compiled(shape: Shape, threads: int | None) -> _Compiled:
    with _making, in_float64:
        if not networks and threads is not None:
            BACKEND.share_among(threads)
        if shape not in networks:
            networks[shape] = _made(shape)
        return networks[shape]


def _made(shape: Shape) -> _Compiled:
    BACKEND.enable_float64()
    y = np.eye(1, shape.k) if shape.k > 1 else np.ones((1, 1))  # a response of any family
    offset = np.zeros((1, shape.k)) if shape.has_offset else None
    problem = Problem.of("one row", shape.model, np.zeros((1, shape.p)), y, shape.intercept, offset=offset)
    network = KerasNetwork(problem)
    kernel, *bias = network.variables
    model, domain = shape.model, shape.model.eta_domain

    def statistics(inputs: Data, y: Tensor, weights: Tensor) -> list[Tensor]:
        """Pearson's X^2, the rows outside the domain, and informations, or ``weights`` of `spec.fit.sums.summed_information`."""
        pearson, outside, *about_eta = by_row(inputs, y, weights)
        if shape.summed is None:
            return [pearson, outside, *about_eta]
        X = inputs[0] if isinstance(inputs, (list, tuple)) else inputs
        return [pearson, outside, *(_information(X, one, shape.intercept) for one in about_eta[: shape.summed])]

    def by_row(inputs: Data, y: Tensor, weights: Tensor) -> list[Tensor]:
        weights = weights[:, None]
        none = weights[0, 0] * 0
        if model.has_classes:
            means = network.model(inputs)
            pearson = BACKEND.row_sums(BACKEND.row_sums(model.pearson(y, means, weights, BACKEND)))
            return [pearson, none, BACKEND.concatenate([weights, means[:, 1:]], axis=1)]
        X, *offset = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        eta = sum([*bias, *offset], X @ kernel)
        mu = model.link.inverse(eta, BACKEND)
        pearson = BACKEND.row_sums(model.pearson(y, mu, weights, BACKEND)[:, 0])
        outside = none
        if isinstance(domain, Interval) and domain != REAL:
            wrong = ((eta <= domain.low) | (eta >= domain.high)) & (weights > 0)
            outside = BACKEND.row_sums(BACKEND.where(wrong, 1.0 + 0 * weights, 0 * weights)[:, 0])
        observed = [] if model.is_canonical else [-model.row_bend(y, eta, weights, BACKEND)]
        return [pearson, outside, model.working_weight(eta, weights, BACKEND), *observed]

    return _Compiled(network, network.derivatives.program(statistics, fused=shape.size * (shape.p + shape.k) > FEW))


def _information(X: Tensor, weights: Tensor, intercept: bool) -> Tensor:
    """`spec.fit.sums.summed_information` of all rows at once, by the backend: (q, q), or of a softmax (m, q, m, q)."""
    own, means = weights[:, :1], weights[:, 1:]
    design = BACKEND.concatenate([1 + 0 * own, X], axis=1) if intercept else X
    if not means.shape[1]:
        return BACKEND.einsum("bi,bj->ij", design, own * design)
    spread = BACKEND.einsum("ba,bi->bai", means, design)
    weighted = own[:, :, None] * spread
    same, classes = BACKEND.einsum("bai,bj->aij", weighted, design), BACKEND.tensor(np.eye(int(means.shape[1])), "float64")
    return BACKEND.einsum("aij,ac->aicj", same, classes) - BACKEND.einsum("bai,bcj->aicj", weighted, spread)
