r"""
A proof of an optimum on the edge of the domain: a fitted risk of exactly 1, or a mean of exactly 0.

A log link can leave a share's domain, the identity link that of a count. Where the likelihood still rises at the edge, no zero
of the score lies inside: the maximum is at the edge, and there F is what holds it. With the rows A at the edge, turned such that
:math:`x_a \cdot b` grows outwards, Karush's, Kuhn's and Tucker's conditions are

.. math:: G(b, \lambda) = \begin{pmatrix} F(b) - \sum_a \lambda_a x_a \\ x_a \cdot b + o_a - e \end{pmatrix} = 0, \qquad
          \lambda_a > 0, \qquad \text{all other rows inside.}

Where the log-likelihood is concave they suffice: for any other b' in the domain
:math:`\ell(b') \le \ell(b) + F \cdot (b' - b) = \ell(b) + \sum_a \lambda_a\, x_a \cdot (b' - b) \le \ell(b)`, and equality would
keep b' on the edges, along which the information is positive.

* `climb` finds the place in float64. It steers only. A row that a step brings to the edge is held there, and let go again where
  its multiplier turns out negative.
* `prove` starts from there: Newton's steps on G at `PRECISION` bits, then Krawczyk's operator :math:`z - Y G(z) + (1 - Y G'(Z))
  (Z - z)` in balls. It maps a box Z into its interior: there is exactly one zero of G in Z, and G' is singular nowhere in it.
  Each multiplier is then positive, and each other row inside, as balls, or nothing is proven.
* Identical rows are one condition, and at the edge exactly: what the rows of A add to F is a constant. So the information is that
  of the rows not in A. A row whose equation follows from those of A, in rational arithmetic, is at the edge with them.
* Where the log-likelihood is not concave, the information along the edges is shown to be positive at z; and so it is in all of
  Z, since G' is singular nowhere: the maximum is the only one near.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Any

import numpy as np
from flint import arb, arb_mat, arb_series, fmpq, fmpq_mat

from spec.compat import strict_zip
from spec.domains import REAL, Interval
from spec.evidence.balls import BALLS, working_precision
from spec.evidence.enclosure import UNIT, NotProven
from spec.evidence.preconditions import PreconditionFailed, check
from spec.existence import NONE_INSIDE, separation
from spec.likelihood import farthest_inside, null_params
from spec.model import Params, quietly
from spec.problems import Problem
from spec.problems.problem import name_rows
from spec.scoring import GAIN, ROOM, TRIES, White

PRECISION = 256  # bits: the bordered matrix is inverted in the units that the columns have
BOXES = (2.0**-10, 2.0**-20, 2.0**-40, 2.0**-80)  # of each unknown and its standard error: the boxes to try, the widest first
ITERATIONS = 500
CHOICES = 1000  # of sides that meet in a place, which are tried for those that hold it
AT_REST = 1e-10  # of the size of eta: a step is the last where no row's eta moves by more; of the scores: a multiplier of zero
NEAR = 1e-6  # of the terms of eta: which rows are asked whether they are at the edge since others are
TINY = 1e-150  # a row that is not held is reckoned with this far inside, if the edge is at 0
FLAT = 1e-12  # of the largest curvature: the least that a step of `climb` reckons with


@dataclass(frozen=True, eq=False)
class Side:
    """
    A side of the domain in the space of the free parameters, outward @ b <= level, exactly: that of some identical ``rows``.

    ``kernel`` is the rows' log-likelihood there, and ``slope`` how it grows outwards; NaN where it is minus infinity.
    """

    rows: tuple[int, ...]
    outward: np.ndarray
    level: fmpq
    kernel: arb
    slope: arb


@dataclass(frozen=True, eq=False)
class EdgeOptimum:
    """
    The exact maximum on the edge: each entry of ``free`` (q balls, `Problem.free`) holds the exact parameter.

    ``sides`` are those that hold it, and ``multipliers`` a ball for each: the score is the sum of multiplier times outward.
    ``tied`` are sides that it lies on since it lies on those. No other such place on these sides is within ``box`` (q, 1) of
    it, and no other maximum in the domain if ``is_global``. ``log_likelihood`` is at dispersion 1, without the terms free of the
    parameters (`spec.likelihood.kernel`).
    """

    problem: Problem
    free: list[arb]
    sides: tuple[Side, ...]
    tied: tuple[Side, ...]
    multipliers: list[arb]
    log_likelihood: arb
    box: np.ndarray
    is_global: bool

    @property
    def rows(self) -> list[int]:
        """All rows at the edge, in order."""
        return sorted(row for side in self.sides + self.tied for row in side.rows)

    @property
    def params(self) -> Params:
        """The nearest float64 parameters."""
        return self.problem.params(np.array([[float(value)] for value in self.free]))

    @property
    def radius(self) -> np.ndarray:
        """How far the exact parameters may be from the middles of their balls, (q, 1)."""
        return np.array([[float(value.rad())] for value in self.free])

    @property
    def score(self) -> np.ndarray:
        """The score there, (q, 1), in float64."""
        return sum(float(value) * side.outward[:, None] for value, side in strict_zip(self.multipliers, self.sides))

    def __str__(self) -> str:
        only = "the one maximum" if self.is_global else "the only maximum near"
        return f"{only}, with {name_rows(self.rows)} at the edge of the domain, known to {self.radius.max():.1g}"


def edge(problem: Problem) -> EdgeOptimum | None:
    """
    Prove the optimum on the edge of the domain; None where the domain has no edge, or the optimum is inside.

    Raises PreconditionFailed where rank forbids an optimum or the data are separated, NotProven where nothing could be shown.
    """
    check(problem)
    sides = sides_of(problem)
    if not sides:
        return None
    if (why := separation(problem)) is not None:
        raise PreconditionFailed("separated", f"{problem}: {why}")
    free, held = climb(problem, sides)
    return prove(problem, sides, free, held) if held else None


def sides_of(problem: Problem) -> list[Side]:
    """The sides of the domain: one for each finite end of eta, and each group of identical rows in use."""
    domain = problem.model.eta_domain
    if not isinstance(domain, Interval) or domain == REAL:
        return []
    used = np.flatnonzero(problem.row_weights[:, 0] > 0)
    kinds, group = np.unique(np.hstack([problem.design, problem.free_offset])[used], axis=0, return_inverse=True)
    members: list[list[int]] = [[] for _ in kinds]
    for row, each in strict_zip(used.tolist(), group.ravel().tolist()):
        members[each].append(row)
    found = []
    with working_precision(PRECISION):
        for end, sign in ((float(domain.low), -1), (float(domain.high), 1)):
            for kind, rows in strict_zip(kinds if np.isfinite(end) else [], members if np.isfinite(end) else []):
                there = [_kernel(problem, row, arb(end)) for row in rows]
                kernel, slope = (sum((row[order] for row in there), arb(0)) for order in (0, 1))
                level = sign * (_rational(end) - _rational(kind[-1]))
                found.append(Side(tuple(rows), sign * kind[:-1], level, kernel, sign * slope))
    return found


def _rational(value: float) -> fmpq:
    return fmpq(*float(value).as_integer_ratio())


def _kernel(problem: Problem, row: int, eta: arb, order: int = 1) -> list[arb]:
    """A row's log-likelihood and its derivatives in eta up to the order; NaN where the ball reaches a pole."""
    try:
        series = problem.model.kernel(arb(float(problem.y[row, 0])), arb_series([eta, 1], order + 1), BALLS)
    except (ValueError, ZeroDivisionError):
        return [arb.nan()] * (order + 1)
    weight = float(problem.row_weights[row, 0])
    return [series[0] * weight, series[1] * weight, series[2] * (2 * weight)][: order + 1]


# -- the place, in float64 -----------------------------------------------------------------------------------------------------
@quietly
def climb(problem: Problem, sides: Sequence[Side]) -> tuple[np.ndarray, list[int]]:
    """The maximum in the domain, (q, 1), and which sides hold it: Newton's steps along those that hold, by an active set."""
    white, used = White.of(problem), problem.row_weights[:, 0] > 0
    outward = np.array([side.outward for side in sides]) @ white.basis
    level, kernel, slope = np.array([[float(arb(side.level)), float(side.kernel), float(side.slope)] for side in sides]).T
    can_hold = np.isfinite(slope)
    b = np.linalg.solve(white.basis, _start(problem, sides))[:, 0]
    held: list[int] = []
    domain: Any = problem.model.eta_domain
    low, high = (end - sign * max(UNIT * min(abs(end), 1.0), TINY) for end, sign in ((domain.low, -1), (domain.high, 1)))

    def inner(at: np.ndarray, on: list[int]) -> tuple[np.ndarray, ...]:
        """The rows that are not held at the edge: design, y, eta, weights."""
        rows = used.copy()
        rows[[row for each in on for row in sides[each].rows]] = False
        eta = np.clip((white.design[rows] @ at)[:, None] + problem.free_offset[rows], low, high)  # 0 / 0 at the very edge
        return white.design[rows], problem.y[rows], eta, problem.row_weights[rows]

    def value_at(at: np.ndarray, on: list[int]) -> float:
        _, y, eta, weights = inner(at, on)
        return float((weights * problem.model.kernel(y, eta)).sum() + kernel[on].sum())

    for _ in range(ITERATIONS):
        design, y, eta, weights = inner(b, held)
        scores = problem.model.row_score(y, eta, weights)
        score = design.T @ scores[:, 0] + slope[held] @ outward[held]
        information = -(design.T @ (problem.model.row_bend(y, eta, weights) * design))
        along = np.linalg.qr(outward[held].T, mode="complete")[0][:, len(held) :] if held else np.eye(len(b))
        curvatures, axes = np.linalg.eigh(along.T @ information @ along)
        size = np.abs(scores).sum() + np.abs(slope[held]).sum()
        least = FLAT * (np.abs(curvatures).max(initial=0.0) + size)
        step = along @ (axes @ ((axes.T @ (along.T @ score)) / np.maximum(np.abs(curvatures), least)))
        move = outward @ step
        nears = move > UNIT * len(b) * 16 * (np.abs(outward) @ np.abs(step))  # else it is one with those held, but for rounding
        share = np.where(nears, np.maximum(level - outward @ b, 0) / move, np.inf)
        share[held] = np.inf
        share = np.where(can_hold, share, ROOM * share)
        first = int(np.argmin(share))
        length = min(1.0, float(share[first]))
        reached = [*held, first] if length == share[first] and can_hold[first] else held
        if np.abs(white.design[used] @ step).max() > AT_REST * max(1.0, float(np.abs(eta).max(initial=0.0))):
            value = value_at(b, held)
            noise = 64 * np.finfo(float).eps * abs(value)
            for halving in range(TRIES):
                trial, on = b + length / 2**halving * step, held if halving else reached
                if value_at(trial, on) >= value + GAIN * length / 2**halving * float(score @ step) - noise:
                    break
            else:
                break
            b, held = trial, on
            continue
        multipliers = np.linalg.lstsq(outward[held].T, score - information @ step, rcond=None)[0]
        if not held and (can_hold & (level - outward @ b < NEAR**2 * (np.abs(outward) @ np.abs(b)))).any():
            raise NotProven("not proven", f"{problem}: the score is zero at the edge of its domain, or too near it to tell.")
        if not held or multipliers.min() >= -AT_REST * size:
            if held and multipliers.min() <= AT_REST * size:
                near = np.abs(outward @ b - level) <= NEAR * (np.abs(outward) @ np.abs(b) + np.abs(level)).max()
                held = _pressed(held, np.flatnonzero(near & can_hold).tolist(), outward, score - information @ step)
            return white.basis @ b[:, None], held
        del held[int(np.argmin(multipliers))]
    raise NotProven("not proven", f"{problem}: the steps lead to no place of rest, neither inside the domain nor on its edge.")


def _pressed(held: list[int], there: list[int], outward: np.ndarray, score: np.ndarray) -> list[int]:
    """
    As many sides as are held, of all that are ``there``, whose least multiplier is greatest.

    Where more sides meet than hold a place, the multiplier of one that is held may be zero, and no proof follows; others of them
    may all have positive ones.
    """

    def least(sides: Iterable[int]) -> float:
        multipliers, _, rank, _ = np.linalg.lstsq(outward[list(sides)].T, score, rcond=None)
        left = score - multipliers @ outward[list(sides)]
        holds = rank == len(held) and np.abs(left).max() <= AT_REST * np.abs(score).max()
        return float(multipliers.min()) if holds else -np.inf

    choices = islice(combinations(there, len(held)), CHOICES)
    return list(max([tuple(held), *choices], key=least))


def _start(problem: Problem, sides: Sequence[Side]) -> np.ndarray:
    """Parameters (q, 1) inside the domain: a known answer, the null model, or the middle."""
    outward, level = np.array([side.outward for side in sides]), np.array([float(arb(side.level)) for side in sides])
    for known in (problem.data.exact, problem.data.planted, null_params(problem)):
        if known is not None and (outward @ problem.free(known)[:, 0] < level).all():
            return problem.free(known)
    if (middle := farthest_inside(outward, level)) is None:
        raise NotProven("not proven", f"{problem}: {NONE_INSIDE}")
    return middle


# -- the proof -----------------------------------------------------------------------------------------------------------------
class _System:
    """G and its derivative in the balls ``z``, q parameters and a multiplier for each side."""

    def __init__(self, problem: Problem, sides: Sequence[Side], tied: Sequence[Side]) -> None:
        self.problem, self.sides, self.q = problem, sides, problem.q
        held = {row for side in [*sides, *tied] for row in side.rows}
        self.inner = [row for row in np.flatnonzero(problem.row_weights[:, 0] > 0).tolist() if row not in held]
        self.X = arb_mat(len(self.inner), self.q, problem.design[self.inner].ravel().tolist())
        self.A = arb_mat(len(sides), self.q, [x for side in sides for x in side.outward.tolist()])
        at_edge = [*sides, *tied]
        outward = arb_mat(len(at_edge), self.q, [x for side in at_edge for x in side.outward.tolist()])
        self.at_edge = outward.transpose() * arb_mat(len(at_edge), 1, [side.slope for side in at_edge])  # their part of F

    def eta(self, b: list[arb]) -> list[arb]:
        """The rows that are not at the edge."""
        offset = self.problem.free_offset[self.inner, 0].tolist()
        return [value + o for value, o in strict_zip((self.X * arb_mat(self.q, 1, b)).entries(), offset)]

    def at(self, z: list[arb]) -> tuple[arb_mat, arb_mat]:
        b, multipliers, q, sides = z[: self.q], z[self.q :], self.q, self.sides
        rows = [_kernel(self.problem, row, eta, 2) for row, eta in strict_zip(self.inner, self.eta(b))]
        score = self.X.transpose() * arb_mat(len(rows), 1, [row[1] for row in rows]) + self.at_edge
        balance = score - self.A.transpose() * arb_mat(len(sides), 1, multipliers)
        beyond = (self.A * arb_mat(q, 1, b)).entries()
        bent = arb_mat(len(rows), q, [row[2] * x for row, xs in strict_zip(rows, self.X.tolist()) for x in xs])
        hessian, inward = (self.X.transpose() * bent).tolist(), (-1 * self.A.transpose()).tolist()
        slope = [h + a for h, a in strict_zip(hessian, inward)] + [row + [arb(0)] * len(sides) for row in self.A.tolist()]
        value = balance.entries() + [here - arb(side.level) for here, side in strict_zip(beyond, sides)]
        return arb_mat(len(z), 1, value), arb_mat(slope)


def prove(problem: Problem, sides: Sequence[Side], free: np.ndarray, held: Sequence[int]) -> EdgeOptimum:
    """
    Prove that a maximum is near ``free`` (q, 1), which those of the ``sides`` hold that are ``held``, and no others.

    Raises NotProven where that is not so, or could not be shown.
    """
    holding, q, domain = [sides[each] for each in held], problem.q, problem.model.eta_domain
    assert isinstance(domain, Interval)

    def failed(why: str) -> NotProven:
        rows = name_rows(sorted(row for side in holding for row in side.rows))
        return NotProven("not proven", f"{problem}: with {rows} held at the edge of the domain, {why}.")

    if _rank(holding) < len(holding):
        raise failed("the rows there are linearly dependent, so that nothing determines their multipliers")
    outward, level = np.array([side.outward for side in sides]), np.array([float(arb(side.level)) for side in sides])
    near = NEAR * (np.abs(outward) @ np.abs(free[:, 0]) + np.abs(level)).max()
    tied = [sides[k] for k in np.flatnonzero(np.abs(outward @ free[:, 0] - level) <= near).tolist() if k not in held]
    tied = [side for side in tied if _rank([*holding, side]) == len(holding)]
    with working_precision(PRECISION):
        system = _System(problem, holding, tied)
        try:
            z, box, slope = _krawczyk(system, [arb(value) for value in free[:, 0].tolist()] + [arb(0)] * len(holding))
        except (ZeroDivisionError, ValueError) as error:  # a singular matrix, or no box
            raise failed("no box about the best point found could be shown to hold a place of rest") from error
        if doubtful := [row for side, value in strict_zip(holding, z[q:]) if not value > 0 for row in side.rows]:
            raise failed(f"the likelihood is not shown to rise outwards at {name_rows(doubtful)}: its multiplier may be zero")
        eta = system.eta(z[:q])
        if beyond := [row for row, at in strict_zip(system.inner, eta) if not (at > domain.low and at < domain.high)]:
            raise failed(f"{name_rows(beyond)} could not be shown to be inside: at the edge and not held there, or beyond")
        if not problem.model.is_log_concave and not _curves_downwards(system, slope):
            raise failed("the log-likelihood is not shown to curve downwards along the edge")
        kernels = [_kernel(problem, row, at)[0] for row, at in strict_zip(system.inner, eta)]
        total = sum([*kernels, *(side.kernel for side in [*holding, *tied])], arb(0))
    return EdgeOptimum(problem, z[:q], tuple(holding), tuple(tied), z[q:], total, box, problem.model.is_log_concave)


def _rank(sides: Sequence[Side]) -> int:
    """How many of the equations outward @ b = level are independent, in rational arithmetic."""
    return fmpq_mat([[*map(_rational, side.outward.tolist()), side.level] for side in sides]).rref()[1]


def _krawczyk(system: _System, z: list[arb]) -> tuple[list[arb], np.ndarray, arb_mat]:
    """
    Return (zero, box, slope): balls of the zero of G near z, in how wide a box it is the only one, and G' near it.

    Raises ValueError if no box maps into itself.
    """
    size, least = len(z), arb(2) ** (-PRECISION // 2)
    for _ in range(12):  # Newton's steps, until they are far below what float64 could see
        value, slope = system.at(z)
        inverse = slope.mid().inv().mid()
        step = (inverse * value).mid().entries()
        z = [(at - move).mid() for at, move in strict_zip(z, step)]
        if all(bool(abs(move) <= least * (abs(at) + least)) for at, move in strict_zip(z, step)):
            break
    value, slope = system.at(z)
    inverse = slope.mid().inv().mid()
    newton = (-1 * inverse * value).entries()
    eye = arb_mat(size, size, [int(i == j) for i in range(size) for j in range(size)])
    unit = [abs(at) + abs(inverse[j, j]).sqrt() for j, at in enumerate(z)]
    proven = []
    for part in BOXES:
        reach = [(part * each + 4 * abs(step)).upper() for each, step in strict_zip(unit, newton)]
        for _ in range(4):
            box = [arb(0, r) for r in reach]
            there = system.at([at + each for at, each in strict_zip(z, box)])[1]
            image = [a + b for a, b in strict_zip(newton, ((eye - inverse * there) * arb_mat(size, 1, box)).entries())]
            bounds = [abs(each).upper() for each in image]
            if all(bool(bound < r) for bound, r in strict_zip(bounds, reach)):
                proven.append((reach, image))
                break
            reach = [r if bound < r else 2 * bound for bound, r in strict_zip(bounds, reach)]  # a side may be too short
    if not proven:
        raise ValueError("no box maps into itself")
    widest = proven[0][0]
    image = [image for reach, image in proven if all(bool(r <= w) for r, w in strict_zip(reach, widest))][-1]
    within = np.array([[float(r)] for r in widest[: system.q]])
    return [at + each for at, each in strict_zip(z, image)], within, slope


def _curves_downwards(system: _System, slope: arb_mat) -> bool:
    """Whether the information J is positive along the edges: it is if J + t A'A, for some t, has positive leading minors."""
    information = arb_mat([[-entry for entry in row[: system.q]] for row in slope.tolist()[: system.q]])
    t = sum((abs(value) for value in information.entries()), arb(0)) * arb(2) ** 40
    whole = (information + system.A.transpose() * system.A * t).tolist()
    return all(bool(arb_mat([row[:j] for row in whole[:j]]).det() > 0) for j in range(1, system.q + 1))
