"""
The optimum of a penalised log-likelihood, by proximal Newton steps, verified by its KKT conditions.

Keras adds l1 sum|b| + l2 sum b^2 to the loss, so what is maximised is the log-likelihood less (n / scale) (l1 |b| + l2 b^2). Each
step is the exact optimum of the quadratic model of the log-likelihood and the penalty itself, so that zeros are exact zeros and
the others have the digits of Newton's method. A softmax is penalised in all k columns of its weights, and has an optimum there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
from scipy import linalg

from spec.fit.convergence import REST, Kind, Wanted
from spec.fit.maximise import HALVINGS, NOISE, Pass
from spec.fit.penalty import Penalty
from spec.fit.sums import Sums
from spec.scoring import AT_EDGE, GAIN

DAMPING = 1e-11  # added to an information whose diagonal is one: it moves no optimum, and flat directions stay where they are
LEAST = 1e-6  # of the root mean square of eta: the least scale of a response with a dispersion, which a perfect fit has not
PRESSED = 10  # points from which each way leads out of the domain, until the optimum is believed to lie at its edge
SWEEPS = 50  # by coordinates before the equations are solved on a support: they go on while signs change


@dataclass(frozen=True, eq=False)
class PenalisedMaximum:
    """
    The result of `maximise_penalised`: the ``weights`` (q, k), the bias first, and the sums of their pass.

    ``kkt`` is the largest violation of the KKT conditions, and ``distance`` the length of the step that is left, in standard
    errors: of one weight, the others held; and of all. A unit is the root of the ``dispersion`` by a diagonal entry of the
    penalised information, so neither depends on the units of X and y. (A step that removes a violation is at least that long.)
    """

    weights: np.ndarray
    sums: Sums
    dispersion: float
    kkt: float
    distance: float
    converged: bool
    reason: str
    passes: tuple[Pass, ...]


def maximise_penalised(
    one_pass: Callable[[np.ndarray, Wanted], Sums],
    start: np.ndarray,
    penalty: Penalty,
    kind: Kind,
    *,
    intercept: bool = True,
    basis: np.ndarray | None = None,
    tolerance: float = 1e-8,
    max_passes: int = 200,
    on_pass: Callable[[Pass], None] = lambda state: None,
) -> PenalisedMaximum:
    """
    The optimum of the log-likelihood less a penalty, reached from the weights ``start`` (q, k).

    ``one_pass(free, wanted)`` is that of `spec.fit.maximise.maximise`; ``basis`` (q, q) that of its information, by default the
    identity. It ends where rounding is all that is left, and has converged if both numbers of `PenalisedMaximum` are below
    ``tolerance`` standard errors. Where a softmax leaves a shift of the k weights of a column free, those without a penalty sum
    to 0, and those with an l1 penalty alone have median 0: of all their optima that with a zero. A KeyboardInterrupt ends it at
    the best weights so far. Raises FloatingPointError if the log-likelihood is not finite at the start.
    """
    descent = _Descent(one_pass, start.shape, penalty, kind, intercept, basis, on_pass)
    return descent.run(start, tolerance, max_passes)


@dataclass(frozen=True, eq=False)
class _Point:
    """Weights (q, k), the sums there, minus the penalised log-likelihood, and the gradient (k q,) of its smooth part."""

    weights: np.ndarray
    sums: Sums
    value: float
    gradient: np.ndarray


@dataclass(frozen=True, eq=False)
class _Course:
    """The targets from a point, with the gain that each promises, and the numbers of `PenalisedMaximum` at the point."""

    targets: list[tuple[np.ndarray, float]]
    dispersion: float
    kkt: float
    distance: float


@dataclass(eq=False)
class _Descent:
    """The state of `maximise_penalised`. Vectors (k q,) have the weights output after output."""

    one_pass: Callable[[np.ndarray, Wanted], Sums]
    shape: tuple[int, ...]
    penalty: Penalty
    kind: Kind
    intercept: bool
    basis: np.ndarray | None
    on_pass: Callable[[Pass], None]
    history: list[Pass] = field(default_factory=list)
    pressed: int = 0  # points, one after another, on the way from which the domain ended

    def run(self, start: np.ndarray, tolerance: float, max_passes: int) -> PenalisedMaximum:
        (q, k), last, reason = self.shape, np.inf, ""
        self.contrast = np.hstack([-np.ones((k - 1, 1)), np.eye(k - 1)]) if k > 1 else np.ones((1, 1))
        self.lift = np.kron(self.contrast, np.eye(q) if self.basis is None else np.linalg.inv(self.basis))
        self.since, self.halvings = time.perf_counter(), 0
        best = self._at(self._settled(start))
        if not best.sums.is_finite:
            raise FloatingPointError("the log-likelihood is not finite at the start")
        course = self._course(best)
        try:
            while not reason:
                left = max(course.kkt, course.distance)
                self._record(best, left)
                if left <= REST or (left <= tolerance and left > last / 2):
                    break
                last, self.halvings = left, 0
                if self.pressed == PRESSED:
                    reason = AT_EDGE
                elif (taken := self._taken(best, course.targets, max_passes)) is not None:
                    best, course = taken, self._course(taken)
                else:
                    out = len(self.history) >= max_passes
                    reason = f"not reached after {max_passes} passes" if out else "no step gains penalised log-likelihood"
        except KeyboardInterrupt:
            reason = f"interrupted after {len(self.history)} passes"
        if converged := max(course.kkt, course.distance) <= tolerance:
            reason = f"the penalised optimum: its KKT conditions hold to {course.kkt:.1e} standard errors{self._zeros(best)}"
        found = best.weights, best.sums, course.dispersion, course.kkt, course.distance
        return PenalisedMaximum(*found, converged, reason, tuple(self.history))

    def _at(self, weights: np.ndarray) -> _Point:
        """A pass over the rows at weights (q, k)."""
        free = weights[:, 1:] - weights[:, :1] if weights.shape[1] > 1 else weights
        sums = self.one_pass(free, "exact" if self.kind.canonical or self.kind.quadratic else "both")
        l1, l2 = self.penalty.of_rows(sums.rows).of_weights(weights.shape, self.intercept)
        self.l1, self.l2 = l1.T.ravel(), l2.T.ravel()
        value = float((l1 * np.abs(weights) + l2 * weights**2).sum()) - sums.value
        return _Point(weights, sums, value, (2 * l2 * weights - sums.score @ self.contrast).T.ravel())

    def _settled(self, weights: np.ndarray) -> np.ndarray:
        """Weights with the same means, at the shift of the k columns that `maximise_penalised` promises."""
        l1, l2 = self.penalty.of_weights(weights.shape, self.intercept)
        if weights.shape[1] == 1:
            return weights
        median = np.sort(weights, axis=1)[:, (weights.shape[1] - 1) // 2]
        shift = np.where(l1[:, 0] > 0, median, weights.mean(axis=1))
        return weights - np.where(l2[:, 0] > 0, 0.0, shift)[:, None]

    def _course(self, point: _Point) -> _Course:
        """The course by the observed information, if that is positive definite, and by the expected one."""
        now, rows, informations = point.weights.T.ravel(), point.sums.rows, (point.sums.observed, point.sums.information)
        observed, expected = (None if one is None else self.lift.T @ one @ self.lift for one in informations)
        if expected is None or not np.isfinite(expected).all():
            raise FloatingPointError("the information is not finite: are columns of X very large? Standardise them.")
        phi = 1.0
        if self.kind.dispersion:
            least = LEAST**2 * float(now @ expected @ now) / rows  # the mean square of eta, in units of the variance
            free = max(point.weights.shape[1] - 1, 1)  # of classes one is fixed by the others
            freedom = rows * free - int(np.minimum(np.count_nonzero(point.weights, axis=1), free).sum())
            phi = max(point.sums.pearson / (freedom if freedom > 0 else rows * free), least, np.finfo(float).tiny)
        hessian = expected + 2 * np.diag(self.l2)
        slope = point.gradient + self.l1 * np.sign(now)
        wrong = np.where(now == 0, np.maximum(np.abs(slope) - self.l1, 0.0), np.abs(slope))
        kkt = float((wrong / _roots(hessian)).max())
        steps = []
        if observed is not None and np.isfinite(observed).all():
            with suppress(np.linalg.LinAlgError):
                steps.append(self._step(point, observed + 2 * np.diag(self.l2)))
        steps.append(self._step(point, hessian))
        targets = [(target, promised) for target, promised, _ in steps]
        return _Course(targets, phi, kkt / np.sqrt(phi), steps[0][2] / np.sqrt(phi))

    def _step(self, point: _Point, hessian: np.ndarray) -> tuple[np.ndarray, float, float]:
        """The optimum of the quadratic model, the gain that it promises, and how far it is. Raises LinAlgError if it has none."""
        size, now = _roots(hessian), point.weights.T.ravel()
        matrix = hessian / np.outer(size, size) + DAMPING * np.eye(len(size))
        linalg.cholesky(matrix)
        then = optimum(matrix, point.gradient / size, self.l1 / size, now * size) / size
        target = self._settled(then.reshape(self.shape[::-1]).T)
        step = target.T.ravel() - now
        promised = -float(point.gradient @ step + self.l1 @ (np.abs(now + step) - np.abs(now)))
        return target, promised, float(np.sqrt(max(step @ hessian @ step, 0.0)))

    def _taken(self, best: _Point, targets: list[tuple[np.ndarray, float]], max_passes: int) -> _Point | None:
        """The first point on the way to a target with a share of the promised gain; only the last way is halved."""
        tries = [(1.0, *target) for target in targets[:-1]] + [(0.5**halved, *targets[-1]) for halved in range(HALVINGS)]
        pressed, self.pressed = self.pressed + 1, 0
        for share, target, promised in tries[: max_passes - len(self.history)]:
            self.since = time.perf_counter()
            there = self._at(target if share == 1 else best.weights + share * (target - best.weights))
            noise = NOISE * (abs(best.value) + abs(best.sums.value))
            gains = there.sums.is_finite and there.value <= best.value - GAIN * share * promised + noise
            if gains and there.sums.information is not None and np.isfinite(there.sums.information).all():
                return there
            self.halvings += 1
            self.pressed = pressed if there.sums.outside else self.pressed
            self._record(there, np.inf)
        return None

    def _zeros(self, point: _Point) -> str:
        kernel = point.weights[int(self.intercept) :]
        zeros = np.count_nonzero(kernel == 0)
        return f"; {zeros} of {kernel.size} coefficients are zero" if self.penalty.kernel_l1 else ""

    def _record(self, point: _Point, distance: float) -> None:
        seconds = time.perf_counter() - self.since
        self.history.append(Pass(len(self.history) + 1, point.sums.value, distance, True, self.halvings, None, seconds))
        self.on_pass(self.history[-1])


# -- the optimum of a quadratic and absolute values ------------------------------------------------------------------------------
def optimum(matrix: np.ndarray, gradient: np.ndarray, absolute: np.ndarray, start: np.ndarray) -> np.ndarray:
    """
    The x that minimises gradient'd + d'matrix d / 2 + absolute'|x|, d = x - start; exact but for rounding, with exact zeros.

    The matrix is positive definite, its diagonal about one. Coordinate descent proposes the support and the signs, on which the
    equations are solved.

    >>> optimum(np.eye(2), np.array([-3.0, 0.5]), np.array([1.0, 1.0]), np.zeros(2)).tolist()
    [2.0, 0.0]
    """
    if not absolute.any():
        return _on_support(matrix, gradient, absolute, start, start)
    x, signs, solved = start, b"", set()
    while signs not in solved:  # each support is solved once, but for rounding
        solved.add(signs)
        for _ in range(SWEEPS):
            before, x = x, _swept(matrix, gradient, absolute, start, x)
            if (np.sign(x) == np.sign(before)).all():
                break
        x = _on_support(matrix, gradient, absolute, start, x)
        signs = np.sign(x).tobytes()
    return x


def _swept(matrix: np.ndarray, gradient: np.ndarray, absolute: np.ndarray, start: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Move each coordinate in turn to its own optimum, with the other coordinates held."""
    x, slope = x.copy(), gradient + matrix @ (x - start)
    for j, own in enumerate(np.diag(matrix)):
        free = x[j] - slope[j] / own
        there = np.sign(free) * max(abs(free) - absolute[j] / own, 0.0)
        if there != x[j]:
            slope += (there - x[j]) * matrix[j]
            x[j] = there
    return x


def _on_support(matrix: np.ndarray, gradient: np.ndarray, absolute: np.ndarray, start: np.ndarray, x: np.ndarray) -> np.ndarray:
    """
    The optimum with the zeros and the signs of x; where a sign would change on the way there, that coordinate joins the zeros.

    Of all points of the way at which one is zero, the lowest is taken.
    """
    x = x.copy()
    while True:
        on = np.flatnonzero((x != 0) | (absolute == 0))
        sign, weight, inner = np.sign(x[on]), absolute[on], matrix[np.ix_(on, on)]
        slope = (gradient + matrix @ (x - start))[on]
        step = -linalg.solve(inner, slope + weight * sign, assume_a="pos") if len(on) else slope
        turned = (weight > 0) & (np.sign(x[on] + step) != sign)
        if not turned.any():
            x[on] += step
            return x + 0.0  # no -0
        shares = -x[on][turned] / step[turned]
        ways = x[on] + shares[:, None] * step
        values = shares * (slope @ step) + shares**2 * (step @ inner @ step) / 2 + np.abs(ways) @ weight
        taken = int(np.argmin(values))
        x[on] = ways[taken]
        x[on[turned][shares == shares[taken]]] = 0.0


def _roots(matrix: np.ndarray) -> np.ndarray:
    """The roots of the diagonal; 1 where it is 0, as of a column of zeros. Raises LinAlgError where it is negative."""
    diagonal = np.diag(matrix)
    if (diagonal < 0).any():
        raise np.linalg.LinAlgError("not positive definite")
    return np.where(diagonal > 0, np.sqrt(diagonal), 1.0)
