"""A model and rows prepared for `maximise`: a compiled network, a basis of the columns, sums over rows, checks of the data."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock

import numpy as np
from scipy import linalg
from threadpoolctl import ThreadpoolController

from spec import likelihood, scoring
from spec.compat import Recent
from spec.domains import REAL, Interval
from spec.engines.keras.backend import BACKEND
from spec.engines.keras.derivatives import Data, Program, Tensor
from spec.engines.keras.network import KerasNetwork
from spec.fit.checks import check, find_wrong
from spec.fit.maximise import Kind, Wanted
from spec.fit.rows import Batch, Rows, of_arrays
from spec.fit.sums import Sums, add_up, summed_information
from spec.model import Model
from spec.problems.problem import Problem, ProblemError

CACHE = 8 * 2**20  # bytes of a batch: it and its products fit in cache
SUMMED = {"none": 0, "rough": 1, "exact": 1, "both": 2}  # how many informations a pass sums
networks = Recent(16)  # and their compiled programs: a fit of the same model and shape starts at once
threads = ThreadpoolController()


@dataclass(frozen=True, eq=False)
class Task:
    """A model and rows prepared for a fit: a sample of the rows, a compiled network, a basis of the columns."""

    known: Problem  # the sample
    rows: Rows
    size: int  # the rows of a batch
    network: KerasNetwork
    program: Program
    basis: np.ndarray
    ill_conditioned: bool

    @classmethod
    def of(cls, model: Model, rows: Rows, intercept: bool, quasi: bool = False) -> Task:
        first = rows.sample(1)
        p, k = first.X.shape[1], first.y.shape[1]
        q, m = p + intercept, max(k - 1, 1)
        size = int(2 ** np.clip(np.floor(np.log2(CACHE / (8 * q * m))), 8, 14))
        if rows.total is not None and rows.total < size:
            size = max(64, 1 << (rows.total - 1).bit_length())
        sample = rows.sample(max(size, 20 * q * m))
        data = {"weights": sample.weights, "offset": sample.offset, "columns": rows.columns}
        known = replace(Problem.of("the data", model, sample.X, sample.y, intercept, **data), quasi=quasi)
        try:
            design = known.design
        except ProblemError:
            find_wrong(model, rows, quasi)
            raise
        network, program = _network(known, size)
        with threads.limit(limits=1, user_api="blas"):
            basis, ill_conditioned = _basis(design)
        return cls(known, checked(rows, known), size, network, program, basis, ill_conditioned)

    @property
    def kind(self) -> Kind:
        model = self.known.model
        return Kind(model.is_least_squares, model.is_canonical, self.known.has_dispersion)

    def sums(
        self,
        free: np.ndarray,
        wanted: Wanted,
        rows: Rows,
        pool: Executor | None,
        on_rows: Callable[[int], None] = lambda rows: None,
    ) -> Sums:
        """The sums over some rows at free parameters, with the wanted information of the columns design @ basis."""
        alone = rows.total is not None and rows.total <= self.size
        contribution = self.contribution(free, wanted)
        return self.in_basis(add_up(contribution, rows.batches(self.size), None if alone else pool, on_rows))

    def contribution(self, free: np.ndarray, wanted: Wanted, shared: Lock | None = None) -> Callable[[Batch], Sums]:
        """
        What a batch adds to the sums at free parameters, before `in_basis`.

        With a ``shared`` lock other tasks have the same network, and each sets its own weights while it holds the lock.
        """
        known, m = self.known, self.known.free_outputs
        rough = wanted == "rough" and m > 1  # where it costs most; and in the basis, since float32 could lose all digits of X'WX
        params, summing = known.params(free), self._summing
        if shared is None:
            self.network.params = params

        def contribution(batch: Batch) -> Sums:
            full = batch.padded(self.size)
            inputs = full.X if full.offset is None else [full.X, full.offset]
            with shared or nullcontext():
                if shared is not None:
                    self.network.params = params
                loss, (kernel, *bias), (pearson, outside, *about_eta) = self.program(inputs, full.y, full.weights)
            score = np.vstack([*bias, kernel])[:, known.k - m :]
            to_sums = -self.size / self.network.loss_scale
            with np.errstate(
                invalid="ignore", over="ignore"
            ):  # far out the squares of columns are infinite, which `Steer` refuses
                found = [
                    summed_information(full.X, weights, known.intercept, summing, rough)
                    for weights in about_eta[: SUMMED[wanted]]
                ]
            information, observed = [*found, None, None][:2]
            return Sums(len(batch), to_sums * loss, to_sums * score, information, float(pearson), observed, outside=int(outside))

        return contribution

    @property
    def _summing(self) -> np.ndarray | None:
        """The basis in which the information is summed; None for X'WX in its own columns, which is cheaper."""
        return self.basis if self.ill_conditioned or self.known.free_outputs > 1 else None

    def in_basis(self, sums: Sums) -> Sums:
        """Sums with the information of the columns design @ basis."""
        if sums.information is None or self._summing is not None:
            return sums
        basis = self.basis
        with np.errstate(invalid="ignore"):
            observed = None if sums.observed is None else basis.T @ sums.observed @ basis
            return replace(sums, information=basis.T @ sums.information @ basis, observed=observed)

    def room(self, rows: Rows, free: np.ndarray, step: np.ndarray) -> tuple[float, np.ndarray]:
        """
        The share of a step at which the first row reaches the edge of its domain; and the rows that are there already.

        Those are signed as `spec.scoring.outward_rows` signs them.
        """
        model, share, edge = self.known.model, np.inf, [np.zeros((0, self.known.q))]
        if model.eta_domain == REAL:
            return share, edge[0]
        for batch in rows.read(2**14):
            eta, moves = self._eta(batch, free), self._eta(replace(batch, offset=None), step)
            there = np.array([row for row in scoring.at_edge(model, batch.y, eta) if batch.weights[row] > 0], dtype=int)
            inside = np.setdiff1d(np.flatnonzero(batch.weights > 0), there)
            if len(inside):
                share = min(share, scoring.longest(model, eta[inside], moves[inside])[0])
            ones = np.ones((len(batch), int(self.known.intercept)))
            edge.append(np.unique(scoring.outward_rows(model, np.hstack([ones, batch.X]), eta, there), axis=0))
        return share, np.unique(np.vstack(edge), axis=0)

    def _eta(self, batch: Batch, free: np.ndarray) -> np.ndarray:
        """The rows' linear predictors, (b, m)."""
        linear = batch.X @ free[self.known.intercept :] + (free[:1] if self.known.intercept else 0)
        return linear if batch.offset is None else linear + batch.offset[:, -linear.shape[1] :]

    def penalised_sample(self) -> Callable[[np.ndarray, Wanted], Sums]:
        """
        Passes over the sample, with a weak penalty on the coefficients of rare columns.

        The sample may lack a level of a factor, or one of its outcomes; without the penalty it would then have no optimum.
        """
        data = self.known.data
        rows = of_arrays(data.X, data.y, data.weights, data.offset)
        there = (data.X != 0).sum(axis=0)
        squares = (data.X**2).sum(axis=0) / np.maximum(there, 1)
        rare = np.where(there == 0, 1.0, np.where(there < 100, squares, 0.0))
        prior = np.concatenate([np.zeros(int(self.known.intercept)), rare])[:, None]
        penalty = np.kron(np.eye(self.known.free_outputs), self.basis.T @ (prior * self.basis))

        def one_pass(free: np.ndarray, wanted: Wanted) -> Sums:
            sums = self.sums(free, wanted, rows, None)
            return replace(
                sums,
                value=sums.value - float((prior * free**2).sum()) / 2,
                score=sums.score - prior * free,
                information=None if sums.information is None else sums.information + penalty,
                observed=None if sums.observed is None else sums.observed + penalty,
            )

        return one_pass


def checked(rows: Rows, known: Problem) -> Rows:
    """The same rows, each batch of which is checked before it is used."""
    return rows.checked(partial(check, known.model, columns=rows.columns, quasi=known.quasi, X_too=False))


# -- made once for a fit --------------------------------------------------------------------------------------------------------
def _network(problem: Problem, size: int) -> tuple[KerasNetwork, Program]:
    """The network for all problems of a model and a shape, with its compiled program; the last few are kept."""
    key = (problem.model, problem.p, problem.k, problem.intercept, problem.offset is None, size)
    if key not in networks:
        network = KerasNetwork(problem)
        kernel, *bias = network.variables
        model, domain = problem.model, problem.model.eta_domain

        def statistics(inputs: Data, y: Tensor, weights: Tensor) -> list[Tensor]:
            """Pearson's X^2, the rows outside the domain, and the ``weights`` of `spec.fit.sums.summed_information`."""
            weights = weights[:, None]
            none = weights[0, 0] * 0
            if model.has_classes:
                return [none, none, BACKEND.concatenate([weights, network.model(inputs)[:, 1:]], axis=1)]
            X, *offset = inputs if isinstance(inputs, (list, tuple)) else [inputs]
            eta = sum([*bias, *offset], X @ kernel)
            mu = model.link.inverse(eta, BACKEND)
            pearson = BACKEND.row_sums(weights[:, 0] * ((y - mu) ** 2 / model.family.variance(mu, BACKEND))[:, 0])
            outside = none
            if isinstance(domain, Interval) and domain != REAL:
                wrong = ((eta <= domain.low) | (eta >= domain.high)) & (weights > 0)
                outside = BACKEND.row_sums(BACKEND.where(wrong, 1.0 + 0 * weights, 0 * weights)[:, 0])
            observed = [] if model.is_canonical else [-model.row_bend(y, eta, weights, BACKEND)]
            return [pearson, outside, model.working_weight(eta, weights, BACKEND), *observed]

        networks[key] = network, network.derivatives.program(statistics)
    return networks[key]


def _basis(design: np.ndarray) -> tuple[np.ndarray, bool]:
    """Return (basis, ill_conditioned): the basis in which design / sqrt(n) is orthonormal, and whether X'WX is summed in it."""
    with np.errstate(over="ignore"):
        scale = np.sqrt((design**2).mean(axis=0))
    if not np.isfinite(scale).all():
        raise ValueError("columns of X are so large that their squares are infinite: standardise them first.")
    scale[scale == 0] = 1
    try:
        upper = linalg.cholesky(design.T @ design / np.outer(scale, scale) / len(design))
    except np.linalg.LinAlgError:
        upper = np.zeros((1, 1))
    if not (ill := np.linalg.cond(upper) > 1e4):
        return linalg.solve_triangular(upper, np.eye(len(scale))) / scale[:, None], False
    upper = np.linalg.qr(design / scale / np.sqrt(len(design)), mode="r")
    size = np.abs(np.diag(upper))
    if (
        len(size) < len(scale) or size.min() <= 1e-13 * size.max()
    ):  # columns that are collinear in the sample may not be so in all rows
        return np.diag(1 / scale), False
    return linalg.solve_triangular(upper, np.eye(len(scale))) / scale[:, None], bool(ill)


def null_free(problem: Problem, basis: np.ndarray) -> np.ndarray:
    """The free parameters of `spec.likelihood.null_params`; computed directly if there are an intercept and no offset."""
    if problem.intercept and problem.offset is None and problem.k == 1:
        link = problem.model.link
        mean = np.average(problem.y, axis=0, weights=problem.row_weights[:, 0])
        if (link.mu_domain.contains(mean) & problem.model.family.mu_domain.contains(mean)).all():
            free = np.zeros((problem.q, 1))
            free[0] = link(mean)
            return free
    return problem.free(likelihood.start_params(problem))
