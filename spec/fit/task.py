"""A model and rows prepared for `maximise`: a compiled network, a basis of the columns, sums over rows, checks of the data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial

import numpy as np
from scipy import linalg

from spec import likelihood, scoring
from spec.domains import REAL
from spec.engines.keras.backend import BACKEND
from spec.families import Binomial, Poisson
from spec.fit.blocks import batch_sizes
from spec.fit.checks import check, find_wrong
from spec.fit.contribution import FEW, Contribution, Shape
from spec.fit.convergence import CONTRACTS, REST, Kind, Wanted
from spec.fit.maximise import Maximum
from spec.fit.rows import Batch, Rows, of_arrays
from spec.fit.sums import Sums, add_up
from spec.fit.workers import one_blas_thread
from spec.links import Log, Logit
from spec.model import Model
from spec.problems.problem import Problem, ProblemError
from spec.scoring import Steer, White

GUESSING, KNOWING = 20, 4  # rows of a sample for each parameter: for a guess of the optimum, or for the basis alone
STEPS = 12  # over few rows
NEAR = 1e-4, 1e-6  # the distance that ends those: if Newton's step leaves its square, or if no more is known than its share
ILL = 1e4  # the condition number of the columns, each scaled to mean square 1, from which on sums of products lose digits
PLAIN = (Model(Binomial(), Logit()), Model(Poisson(), Log()))  # a row's score is y less its mean, its information the variance
SUMMED = {"none": 0, "rough": 1, "exact": 1, "both": 2}  # how many informations a pass sums


@dataclass(frozen=True, eq=False)
class Task:
    """A model and rows prepared for a fit: a sample of the rows, a compiled network, a basis of the columns."""

    known: Problem  # the sample
    rows: Rows
    shape: Shape
    basis: np.ndarray
    ill_conditioned: bool
    guesses: bool  # whether the sample is large enough, and small enough beside all rows, for a first guess of the optimum
    few: Batch | None  # all rows, where the sample is all of them and a pass by formulas costs less than a call of a program

    @classmethod
    def of(cls, model: Model, rows: Rows, intercept: bool, quasi: bool = False) -> Task:
        first = rows.sample(1)
        p, k = first.X.shape[1], first.y.shape[1]
        q, m = p + intercept, max(k - 1, 1)
        least, size = batch_sizes(rows.total, q * m)
        if rows.total is not None and rows.total < size:
            least = size = max(64, 1 << (rows.total - 1).bit_length())
        guesses = rows.total is None or rows.total >= 3 * max(size, GUESSING * q * m)
        sample = rows.sample(max(size, (GUESSING if guesses else KNOWING) * q * m))
        outputs = rows.outputs if len(rows.outputs) == k else ()
        data = {"weights": sample.weights, "offset": sample.offset, "columns": rows.columns, "outputs": outputs}
        known = replace(Problem.of("the data", model, sample.X, sample.y, intercept, **data), quasi=quasi)
        try:
            design = known.design
        except ProblemError:
            find_wrong(model, rows, quasi)
            raise
        with one_blas_thread:
            basis, ill_conditioned = _basis(design)
        shape = Shape(model, p, k, intercept, known.offset is not None, size, least)
        few = rows.total is not None and rows.total * q <= FEW and len(sample) == rows.total and k == 1 and not ill_conditioned
        return cls(known, checked(rows, known), shape, basis, ill_conditioned, guesses, sample if few else None)

    @property
    def size(self) -> int:
        """The rows of a batch."""
        return self.shape.size

    @cached_property
    def kind(self) -> Kind:
        model = self.known.model
        return Kind(model.is_least_squares, model.is_canonical, self.known.has_dispersion)

    def pass_over(self, free: np.ndarray, wanted: Wanted, on_rows: Callable[[int], None]) -> Sums:
        """The sums over all rows at free parameters, with the wanted information of the columns design @ basis."""
        if self.few is None:
            return self.sums(free, wanted, self.rows, on_rows)
        sums = self.in_basis(self.contribution(free, wanted)(self.few))  # one batch, which `Problem` has checked
        on_rows(sums.rows)
        return sums

    def sums(self, free: np.ndarray, wanted: Wanted, rows: Rows, on_rows: Callable[[int], None] = lambda rows: None) -> Sums:
        """The sums over some rows."""
        return self.in_basis(add_up(self.contribution(free, wanted), rows, self.size, on_rows))

    def contribution(self, free: np.ndarray, wanted: Wanted) -> Contribution:
        """The function that computes what a batch adds to the sums at free parameters, before `in_basis`."""
        # float32 where it gains most; and in the basis, since it could lose all digits of X'WX
        rough = wanted == "rough" and self.known.free_outputs > 1
        shape = replace(self.shape, summed=SUMMED[wanted]) if self.on_gpu else self.shape
        threads = self._threads if self.few is None else None  # few rows stay in this process, which has its threads
        return Contribution(shape, self.known.params(free), SUMMED[wanted], self._summing, rough, threads)

    @cached_property
    def _threads(self) -> int | None:
        return BACKEND.threads

    @cached_property
    def on_gpu(self) -> bool:
        """Whether a GPU sums the information too; in the columns of X, so only where these are not nearly collinear."""
        return _a_gpu_computes() and not self.ill_conditioned

    @cached_property
    def _summing(self) -> np.ndarray | None:
        """The basis in which the information is summed; None for X'WX in its own columns, which is cheaper."""
        return self.basis if self.ill_conditioned or (self.known.free_outputs > 1 and not self.on_gpu) else None

    def in_basis(self, sums: Sums) -> Sums:
        """Sums with the information of the columns design @ basis."""
        if sums.information is None or self._summing is not None:
            return sums
        basis = self._of_all_outputs
        with np.errstate(invalid="ignore"):
            observed = None if sums.observed is None else basis.T @ sums.observed @ basis
            return replace(sums, information=basis.T @ sums.information @ basis, observed=observed)

    @cached_property
    def _of_all_outputs(self) -> np.ndarray:
        """The basis of the columns of all outputs, one after another."""
        return self.basis if self.known.free_outputs == 1 else np.kron(np.eye(self.known.free_outputs), self.basis)

    def room(self, rows: Rows, free: np.ndarray, step: np.ndarray) -> tuple[float, np.ndarray]:
        """
        The share of a step at which the first row reaches the edge of its domain; and the rows that are there already.

        Those are signed as `spec.scoring.outward_rows` signs them.
        """
        model, edge = self.known.model, np.zeros((0, self.known.q))
        if model.eta_domain == REAL:
            return np.inf, edge
        found = list(rows.each(partial(_room, model, self.known.intercept, free, step)))
        edges = np.vstack([edge, *(there for _, there in found)])
        return min((share for share, _ in found), default=np.inf), np.unique(edges, axis=0)

    def near(self, free: np.ndarray) -> Maximum | None:
        """
        Parameters near the optimum of few rows, by Newton's steps from ``free`` with the formulas of `spec.model`.

        A guess, which a pass of the network holds to its own gradient; None where the steps do not contract.
        """
        known, white, last, before = self.known, White(self.known.design @ self.basis, self.basis), np.inf, free
        model, design = known.model, known.design
        with np.errstate(all="ignore"), suppress(np.linalg.LinAlgError, ValueError):
            for _ in range(STEPS):
                eta = design @ free + known.free_offset
                if not model.eta_domain.contains(eta).all():
                    return None
                row_scores, steer = self._of_means(white, eta) if model in PLAIN else self._of_eta(white, eta)
                score, phi = design.T @ row_scores, white.scale_at(known, eta)
                step, decrement = steer.step(score)
                distance = float(np.sqrt(decrement / phi))
                if not distance < np.inf:
                    return None
                if distance <= NEAR[not self.kind.canonical] and 0 < last < np.inf:
                    rate = distance / last**2 if self.kind.canonical else CONTRACTS / 2  # of Fisher's steps; the last is Newton's
                    sums = Sums(known.n, np.nan, score, None, np.nan)
                    free = before if distance < 10 * REST else free  # a pass must see a distance, and no rounding
                    return Maximum(free, sums, steer, phi, distance, "converged", "", (), rate, whole=True)
                before, free, last = free, free + step, distance
        return None

    def _of_eta(self, white: White, eta: np.ndarray) -> tuple[np.ndarray, Steer]:
        """The rows' scores, and what makes Newton's step of them, or else Fisher's."""
        scores = self.known.model.row_score(self.known.y, eta, self.known.row_weights)
        return scores, white.newton_at(self.known, eta) or white.fisher_at(self.known, eta)

    def _of_means(self, white: White, eta: np.ndarray) -> tuple[np.ndarray, Steer]:
        """`_of_eta` of a `PLAIN` model, from residuals and variances, which a guess need not know to all digits."""
        model, weights = self.known.model, self.known.row_weights
        mean = model.link.inverse(eta)
        information = likelihood.gram(white.design, (weights * model.family.variance(mean))[..., None])
        return weights * (self.known.y - mean), Steer.by(information, white.basis)

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
            sums = self.sums(free, wanted, rows)
            return replace(
                sums,
                value=sums.value - float((prior * free**2).sum()) / 2,
                score=sums.score - prior * free,
                information=None if sums.information is None else sums.information + penalty,
                observed=None if sums.observed is None else sums.observed + penalty,
            )

        return one_pass


@lru_cache(maxsize=1)
def _a_gpu_computes() -> bool:
    """Asked once: TensorFlow lists its devices anew each time, and they do not change."""
    return BACKEND.on_gpu


def checked(rows: Rows, known: Problem) -> Rows:
    """These rows; each batch is checked before it is used."""
    return rows.checked(partial(check, known.model, columns=rows.columns, outputs=rows.outputs, quasi=known.quasi, X_too=False))


def _room(model: Model, intercept: bool, free: np.ndarray, step: np.ndarray, pieces: Iterable[Batch]) -> tuple[float, np.ndarray]:
    """`Task.room` of a block."""
    share, edge = np.inf, [np.zeros((0, len(free)))]
    for batch in pieces:
        eta, moves = _eta(batch, intercept, free), _eta(replace(batch, offset=None), intercept, step)
        there = np.array([row for row in scoring.at_edge(model, batch.y, eta) if batch.weights[row] > 0], dtype=int)
        inside = np.setdiff1d(np.flatnonzero(batch.weights > 0), there)
        if len(inside):
            share = min(share, scoring.longest(model, eta[inside], moves[inside])[0])
        edge.append(np.unique(scoring.outward_rows(model, batch.design(intercept), eta, there), axis=0))
    return share, np.vstack(edge)


def _eta(batch: Batch, intercept: bool, free: np.ndarray) -> np.ndarray:
    """The rows' linear predictors, (b, m)."""
    linear = batch.X @ free[intercept:] + (free[:1] if intercept else 0)
    return linear if batch.offset is None else linear + batch.offset[:, -linear.shape[1] :]


def _basis(design: np.ndarray) -> tuple[np.ndarray, bool]:
    """Return (basis, ill_conditioned): the basis in which design / sqrt(n) is orthonormal, and whether X'WX is summed in it."""
    with np.errstate(over="ignore", invalid="ignore"):
        gram = design.T @ design
    scale = np.sqrt(np.diag(gram) / len(design))
    if not np.isfinite(scale).all():
        raise ValueError("columns of X are so large that their squares are infinite: standardise them first.")
    scale[scale == 0] = 1
    ill = True
    with suppress(np.linalg.LinAlgError):
        lower = scoring.cholesky(gram / np.outer(scale, scale) / len(design))
        inverse = scoring.inverse(lower)
        bound = np.linalg.norm(lower) * np.linalg.norm(inverse)  # of the condition number, which takes longer
        ill = not (bound <= ILL or np.linalg.cond(lower) <= ILL)
    if not ill:
        return inverse.T / scale[:, None], False
    upper = np.linalg.qr(design / scale / np.sqrt(len(design)), mode="r")
    size = np.abs(np.diag(upper))
    if (
        len(size) < len(scale) or size.min() <= 1e-13 * size.max()
    ):  # columns that are collinear in the sample may not be so in all rows
        return np.diag(1 / scale), False
    return linalg.solve_triangular(upper, np.eye(len(scale))) / scale[:, None], bool(ill)


def null_free(problem: Problem) -> np.ndarray:
    """The free parameters of `spec.likelihood.null_params`; computed directly if there are an intercept and no offset."""
    if problem.intercept and problem.offset is None and problem.k == 1:
        link = problem.model.link
        mean = (problem.row_weights * problem.y).sum(axis=0) / problem.row_weights.sum()
        if (link.mu_domain.contains(mean) & problem.model.family.mu_domain.contains(mean)).all():
            free = np.zeros((problem.q, 1))
            free[0] = link(mean)
            return free
    return problem.free(likelihood.start_params(problem))
