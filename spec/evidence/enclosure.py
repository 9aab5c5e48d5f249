r"""
A proof of where the optimum is: existence, uniqueness and a radius, whatever any engine says.

The score F of a problem is zero at an optimum. Write the free parameters as :math:`b + T u`, with b a good float64 guess
and T such that the information at b is nearly the identity: a unit of u is then a standard error (at dispersion 1). Put

.. math:: N(u) = u + s(u), \qquad s(u) = T^\top F(b + T u), \qquad N'(u) = I - T^\top J(b + T u)\, T .

If :math:`\|N'\|_\infty \le \kappa < 1` on the box :math:`|u|_\infty \le r` and :math:`|s(0)|_\infty + \kappa r < r`, then N
maps the box into its interior and contracts it: there is exactly one zero of the score in the box, its Jacobian is
positive definite there (it is a strict maximum), and it lies within :math:`\kappa |s(0)| / (1 - \kappa)` of s(0). This is
Krawczyk's operator with the preconditioner moved into the coordinates. Where the log-likelihood is concave, the one
optimum of the box is the only one anywhere.

What makes it rigorous, step by step:

* F(b), and each row's weight at b and over the box, come out of ball arithmetic (python-flint), the derivatives as power
  series in balls: no rounding error is left out, and the elementary functions are the formulas that SymPy proves.
* For softmax the weights over the box need no balls: if every eta of a row moves by at most d, each probability changes
  by a factor within :math:`e^{\pm 2d}`, so each entry of :math:`\mathrm{diag}(\mu) - \mu\mu^\top` by one within
  :math:`e^{\pm 4d}` (the diagonal is :math:`\mu_a \sum_{b \ne a} \mu_b`, again products of two).
* Products of matrices are taken in float64 with the a-priori bound
  :math:`|\mathrm{fl}(AB) - AB| \le \gamma_n |A||B|, \gamma_n = nu/(1 - nu)`, true for any order of summation, with or without
  fused multiply-add (Higham 2002, section 3.5; its use for verification after Rump 2010, Acta Numerica 19). It asks for
  the classical product and for no underflow, both so for OpenBLAS and numbers of this size.
* An upper bound is itself a sum of fewer than 2^20 products of non-negative numbers; `up` adds more than it can have lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from flint import arb, arb_mat, arb_series
from scipy import linalg

from spec import existence, likelihood, scoring
from spec.compat import strict_zip
from spec.domains import REAL, Interval
from spec.evidence.balls import BALLS, working_precision
from spec.evidence.preconditions import PreconditionFailed, check
from spec.existence import separation
from spec.model import Params
from spec.problems import Problem
from spec.problems.problem import name_rows

PRECISION = 128  # bits, against float64's 53: the score at the centre is exact for every purpose here
BOXES = (
    2.0**-10,
    2.0**-20,
    2.0**-30,
)  # in standard errors: the boxes in which to prove the optimum the only one, the widest first
UNIT = 2.0**-53


class NotProven(PreconditionFailed):
    """No box near the best point found could be shown to hold an optimum."""


def up(bound: np.ndarray) -> np.ndarray:
    """An upper bound that outweighs the rounding of its own computation (fewer than 2^20 operations deep)."""
    return bound * (1 + 2.0**-30)


def gamma(n: int) -> float:
    """The relative error bound of n operations in float64."""
    return n * UNIT / (1 - n * UNIT) * (1 + 2.0**-30)


@dataclass(frozen=True, eq=False)
class Optimum:
    """
    The exact optimum: each free parameter lies within ``radius`` of ``centre`` + ``shift`` (all (q, m), `Problem.free`).

    ``centre`` is float64, ``shift`` what float64 could not hold. The optimum is the only one within ``box`` standard
    errors (at dispersion 1, along the axes of u), and everywhere if ``is_global``. ``contraction`` is the proven kappa.
    ``basis`` (q, q) and ``whiten`` (m q, m q) make T: b + T u is centre + basis @ (whiten @ u, output by output).
    """

    problem: Problem
    centre: np.ndarray
    shift: np.ndarray
    radius: np.ndarray
    box: float
    contraction: float
    is_global: bool
    basis: np.ndarray
    whiten: np.ndarray

    @property
    def params(self) -> Params:
        """The nearest float64 parameters."""
        return self.problem.params(self.centre + self.shift)

    def distance(self, params: Params) -> np.ndarray:
        """An upper bound of |parameter - optimum| for each parameter in `Problem.free` (as float64 has them), (q, m)."""
        difference = self.problem.free(params) - self.centre
        return up(np.abs(difference - self.shift) + 2 * UNIT * np.abs(difference) + self.radius)

    def magnitude(self) -> np.ndarray:
        """A lower bound of |optimum| for each free parameter, at least 0."""
        return np.maximum(np.abs(self.centre) * (1 - 2.0**-40) - np.abs(self.shift) - self.radius, 0)

    @cached_property
    def unit_standard_errors(self) -> np.ndarray:
        """Standard errors (q, m) from the observed information at dispersion 1. In float64: for scale, not for proof."""
        return np.linalg.norm(self._root, axis=1).reshape(self.centre.shape[::-1]).T

    @property
    def unit_covariance(self) -> np.ndarray:
        """The inverse of the observed information at dispersion 1, (m q, m q) ordered output after output."""
        return self._root @ self._root.T

    @property
    def _root(self) -> np.ndarray:
        """T, (m q, m q)."""
        return (self.basis @ self.whiten.reshape(self.centre.shape[1], -1, len(self.whiten))).reshape(self.whiten.shape)

    @cached_property
    def standard_errors(self) -> np.ndarray:
        """`unit_standard_errors` at Pearson's dispersion."""
        mean = self.problem.model.link.inverse(self.problem.eta(self.params))
        return np.sqrt(likelihood.dispersion(self.problem, mean)) * self.unit_standard_errors

    def likelihood_gap(self, params: Params) -> float:
        """log-likelihood lost against the optimum, to second order, at dispersion 1 (nats)."""
        difference = self.problem.free(params) - self.centre - self.shift
        white = np.linalg.solve(self.basis, difference).T.ravel()
        return float((np.linalg.solve(self.whiten, white) ** 2).sum() / 2)

    def __str__(self) -> str:
        where = "anywhere" if self.is_global else f"within {self.box:.1g} standard errors"
        return f"one optimum, the only one {where}, known to {self.radius.max():.1g}"


def exact_mean(problem: Problem, params: Params) -> list[list[arb]]:
    """The means at ``params`` as balls of 128 bits, n rows of k."""
    with working_precision(PRECISION):
        eta = exact_eta(problem, problem.free(params))
        if problem.model.has_classes:
            return _shares(problem, eta)
        return [[problem.model.link.inverse(value, BALLS)] for (value,) in eta]


def enclose(problem: Problem) -> Optimum:
    """
    Prove the optimum of a problem.

    Raises PreconditionFailed where rank or domain forbid an optimum or the data are separated, NotProven where nothing
    could be shown either way.
    """
    check(problem)
    return enclose_near(problem, polish(problem))


def enclose_near(problem: Problem, params: Params, penalty: np.ndarray | None = None, pull: np.ndarray | None = None) -> Optimum:
    """
    Prove the optimum of a problem near parameters that are nearly there; the same errors as `enclose`.

    With a ``penalty`` P, symmetric (m q, m q) and ordered output after output, and a ``pull`` c (q, m), it is the optimum of the
    log-likelihood less b'Pb / 2 and c'b, for the free parameters b. Both are exact as they stand.
    """
    centre = problem.free(params)
    white = white_at(problem, params)
    with working_precision(PRECISION):
        eta = exact_eta(problem, centre)
        rows = softmax_rows(problem, eta) if problem.model.has_classes else elementwise_rows(problem, eta)
        pulls = [] if penalty is None and pull is None else [_pulls(penalty, pull, centre)]
        score_mid, score_rad = enclosed_score(problem, rows.scores, *pulls)
        try:
            return _contract(problem, white, centre, eta, rows, score_mid, score_rad, penalty)
        except (NotProven, np.linalg.LinAlgError) as error:
            if (why := separation(problem)) is not None:
                raise PreconditionFailed("separated", f"{problem}: {why}") from error
            if isinstance(error, NotProven):
                raise
            raise NotProven(
                "not proven", f"{problem}: the observed information is not positive definite at the best point found."
            ) from error


def white_at(problem: Problem, params: Params) -> scoring.White:
    """
    Coordinates in which the expected information is the identity: one row's may be 1e12 times another's.

    For softmax those in which the columns are orthonormal.
    """
    if problem.model.has_classes:
        return scoring.White.of(problem)
    weights = likelihood.expected_weights(problem, params)[:, :, 0]
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        return scoring.White.of(problem)
    try:
        return scoring.White.of(problem, weights)
    except np.linalg.LinAlgError:
        return scoring.White.of(problem)


def polish(problem: Problem) -> Params:
    """Parameters near the optimum: Fisher scoring in float64, from the best point that is known, until only rounding moves."""
    known = problem.data.exact or problem.data.planted
    start = known if known is not None and likelihood.in_domain(problem, known) else likelihood.start_params(problem)
    if not likelihood.in_domain(problem, start):
        raise PreconditionFailed("edge", f"{problem}: {existence.NONE_INSIDE}")
    return scoring.ascend(problem, lambda p: (likelihood.kernel(problem, p), likelihood.score(problem, p)), start).params


@dataclass(frozen=True, eq=False)
class RowBalls:
    """
    What each row contributes: its scores as balls, (n * m) row after row, and its information, near and over a box.

    ``information`` (n, m, m) is the row's observed information at the centre, to some digits. ``weights(d)`` answers (W, dW),
    both (n, m, m): for every eta within d (n,) of the centre, the row's observed information lies within dW of W, entry by entry.
    NaN or infinity where it could not be bounded.
    """

    scores: list[arb]
    information: np.ndarray
    weights: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def exact_eta(problem: Problem, free: np.ndarray) -> list[list[arb]]:
    """The linear predictors at float64 parameters as balls; the data are exact as they stand."""
    product = (arb_mat(problem.design.tolist()) * arb_mat(free.tolist())).entries()
    m = free.shape[1]
    rows = [product[i * m : (i + 1) * m] for i in range(problem.n)]
    offsets = problem.free_offset.tolist()
    return [[value + o for value, o in strict_zip(row, offset)] for row, offset in strict_zip(rows, offsets)]


def _shares(problem: Problem, eta: list[list[arb]]) -> list[list[arb]]:
    """Class probabilities, n rows of k, from the free eta; class 0 has eta = 0."""
    full = np.array([[arb(0), *row] for row in eta], dtype=object)
    return problem.model.link.inverse(full, BALLS).tolist()


def softmax_rows(problem: Problem, eta: list[list[arb]]) -> RowBalls:
    mu = _shares(problem, eta)
    c = problem.row_weights[:, 0]
    scores = [
        (y - total * value) * weight
        for row, response, weight in strict_zip(mu, problem.y.tolist(), c.tolist())
        for total in [sum(response, arb(0))]
        for value, y in strict_zip(row[1:], response[1:])
    ]
    share = np.array([[float(value) for value in row[1:]] for row in mu])  # each correct to a relative 2 UNIT
    m = share.shape[1]
    others = np.empty_like(share)
    for a in range(m):
        others[:, a] = [float(sum((v for j, v in enumerate(row) if j != a + 1), arb(0))) for row in mu]
    W = -share[:, :, None] * share[:, None, :]
    W[:, range(m), range(m)] = share * others
    W *= c[:, None, None]

    def weights(move: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with np.errstate(over="ignore", invalid="ignore"):
            return W, up(np.abs(W) * (np.expm1(4 * move) + 8 * (3 + m) * UNIT)[:, None, None])

    return RowBalls(scores, W, weights)


def elementwise_rows(problem: Problem, eta: list[list[arb]]) -> RowBalls:
    model, y, c = problem.model, problem.y[:, 0].tolist(), problem.row_weights[:, 0].tolist()

    def row(centre: arb, response: float) -> arb_series:
        return model.kernel(arb(response), arb_series([centre, 1], 3), BALLS)

    rows = [row(value, response) for (value,), response in strict_zip(eta, y)]
    scores = [each[1] * weight for each, weight in strict_zip(rows, c)]
    information = np.array([float(each[2].mid()) * -2 * weight for each, weight in strict_zip(rows, c)])

    def curvature(centre: arb, response: float, d: float) -> arb:
        try:
            return row(centre + arb(0, d), response)[2] * -2
        except (ValueError, ZeroDivisionError):  # the ball reaches a pole
            return arb.nan()

    def weights(move: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with working_precision(64):
            balls = [curvature(value, r, d) * weight for (value,), r, weight, d in strict_zip(eta, y, c, move.tolist())]
            W = np.array([float(ball.mid()) for ball in balls])
            dW = up(np.array([float(ball.rad()) for ball in balls]) + 2 * UNIT * np.abs(W))
        return W[:, None, None], dW[:, None, None]

    return RowBalls(scores, information[:, None, None], weights)


def _pulls(penalty: np.ndarray | None, pull: np.ndarray | None, centre: np.ndarray) -> arb_mat:
    """The derivative Pb + c of a penalty, as balls, (q, m)."""
    q, m = centre.shape
    total = arb_mat(q, m) if pull is None else arb_mat(pull.tolist())
    if penalty is None:
        return total
    of_weights = (arb_mat(penalty.tolist()) * arb_mat([[value] for value in centre.T.ravel().tolist()])).entries()
    return total + arb_mat([[of_weights[output * q + column] for output in range(m)] for column in range(q)])


def enclosed_score(problem: Problem, scores: list[arb], pull: arb_mat | None = None) -> tuple[np.ndarray, np.ndarray]:
    """X'S from balls, less the ``pull`` (q, m) of a penalty, as float64 midpoints and radii, (q, m)."""
    m = problem.free_outputs
    rows = arb_mat(problem.n, m, scores)
    summed = arb_mat(problem.design.T.tolist()) * rows
    total = (summed if pull is None else summed - pull).entries()
    mid = np.array([float(value.mid()) for value in total])
    rad = up(np.array([float(value.rad()) for value in total]) + 2 * UNIT * np.abs(mid))
    return mid.reshape(-1, m), rad.reshape(-1, m)


def _contract(
    problem: Problem,
    white: scoring.White,
    centre: np.ndarray,
    eta: list[list[arb]],
    rows: RowBalls,
    score: np.ndarray,
    score_radius: np.ndarray,
    penalty: np.ndarray | None = None,
) -> Optimum:
    """Try the boxes, from the widest; the first that contracts is the proof."""
    m, q = problem.free_outputs, problem.q
    size = m * q
    basis, design = white.basis, white.design
    design_error = up(gamma(q) * (np.abs(problem.design) @ np.abs(basis)))  # white.design is a rounded product
    design_bound = up(np.abs(design) + design_error)

    added = _in_basis(penalty, basis, m)
    information = likelihood.gram(design, rows.information) + added[0]
    if not np.isfinite(information).all():
        raise np.linalg.LinAlgError("the information is not finite")
    lower = linalg.cholesky(information, lower=True)
    whiten = linalg.solve_triangular(lower, np.eye(size), lower=True).T  # T = basis @ whiten, output by output
    extent = np.abs(whiten)

    # s(0) = T'F, and a bound of its error: the balls' radii and the rounding of two products
    spread = np.abs(basis).T @ (score_radius + gamma(q + size + 2) * np.abs(score))
    newton = whiten.T @ (basis.T @ score).T.ravel()
    newton_error = up(extent.T @ spread.T.ravel())
    first = float(up(np.abs(newton) + newton_error).max())

    reach = up((design_bound @ extent.sum(axis=1).reshape(m, q).T).max(axis=1))  # how far eta moves for |u| <= 1
    near = max(4 * first, 2.0**-60)

    def contraction_in(box: float) -> float:
        return contraction_over(rows, up(reach * box), design, design_bound, whiten, added)

    contraction = contraction_in(near)
    if not (contraction < 1 and first + contraction * near < near):
        raise NotProven(
            "not proven",
            f"{problem}: the score at the best point found promises a step of {first:.2g} standard errors, but the box of "
            f"four times that does not contract (kappa = {contraction:.2g}).",
        )
    if (at := _not_inside(problem, eta, up(reach * near))).size:
        raise PreconditionFailed(
            "edge",
            f"{problem}: the score is zero where the mean of {name_rows(at.tolist())} is at the edge of its domain or beyond, so "
            "there is no optimum inside. Another link keeps the means inside.",
        )
    # a wider box says more of uniqueness; there only the contraction is asked for, the zero is already known to be inside
    wide = next((box for box in BOXES if box > near and contraction_in(box) < 1), near)

    rest = newton_error + contraction * first / (1 - contraction) + gamma(q + size + 2) * np.abs(newton)
    return Optimum(
        problem=problem,
        centre=centre,
        shift=basis @ (whiten @ newton).reshape(m, q).T,
        radius=up(np.abs(basis) @ (extent @ rest).reshape(m, q).T),
        box=wide,
        contraction=contraction,
        is_global=problem.model.is_log_concave,
        basis=basis,
        whiten=whiten,
    )


def _not_inside(problem: Problem, eta: list[list[arb]], move: np.ndarray) -> np.ndarray:
    """The rows in use whose eta is not proven to be inside its domain while it moves by at most ``move``."""
    domain = problem.model.eta_domain
    if not isinstance(domain, Interval) or domain == REAL:
        return np.array([], dtype=int)
    inside = [bool(value - d > domain.low and value + d < domain.high) for (value,), d in strict_zip(eta, move.tolist())]
    return np.flatnonzero(~np.array(inside) & (problem.row_weights[:, 0] > 0))


def _in_basis(penalty: np.ndarray | None, basis: np.ndarray, m: int) -> tuple[Any, Any]:
    """A penalty in the coordinates of a basis, (m q, m q), and a bound of the rounding error of that; zeros without one."""
    if penalty is None:
        return 0.0, 0.0
    of_outputs = np.kron(np.eye(m), basis)
    size = np.abs(of_outputs).T @ np.abs(penalty) @ np.abs(of_outputs)
    return of_outputs.T @ penalty @ of_outputs, up(2 * gamma(2 * len(penalty) + 2) * size)


def contraction_over(
    rows: RowBalls,
    move: np.ndarray,
    design: np.ndarray,
    design_bound: np.ndarray,
    whiten: np.ndarray,
    added: tuple[Any, Any] = (0.0, 0.0),
) -> float:
    """
    An upper bound of |I - T'J T| in the infinity norm while each eta moves by at most ``move``; infinite if unbounded.

    ``added`` is what a penalty adds to J, and a bound of its error.
    """
    W, dW = rows.weights(move)
    if not (np.isfinite(W).all() and np.isfinite(dW).all()):
        return np.inf
    information = likelihood.gram(design, W) + added[0]
    widest = likelihood.gram(design_bound, up(np.abs(W) + dW))
    plain = likelihood.gram(np.abs(design), np.abs(W))
    error = np.maximum(widest - plain, 0) + 4 * gamma(len(design) + 4) * widest + added[1]  # of J: box, design, rounding
    extent, size = np.abs(whiten), len(whiten)
    residual = np.abs(whiten.T @ information @ whiten - np.eye(size))
    rounding = extent.T @ (error + 2 * gamma(2 * size) * np.abs(information)) @ extent
    return float(up((residual + rounding).sum(axis=1)).max())
