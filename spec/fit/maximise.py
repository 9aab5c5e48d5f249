"""
Fisher scoring for many rows: few passes over them, each a sum of the contributions of its batches.

The score of a pass decides where the steps end; the information steers, and costs more than the score. So it is summed anew
only where it pays: at the start, when steps no longer contract, and at the end, for the standard errors. The passes between
use the last information. A sample of the rows gives a first guess.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import linalg

from spec.fit.sums import Sums

SETTLED = 1e-5  # the relative change of the standard errors that the last step may still make
ROUNDING = 1e-10  # the share of a distance that a step leaves because of rounding, where it would leave nothing
REST = 1e-12  # distances below this, in standard errors, are rounding
CONTRACTS = 0.5  # the share of a distance that a step may leave if it is not Newton's: if it leaves more, no optimum may be near
NOISE = 1e-11  # relative to the log-likelihood: a smaller gain is lost in the rounding of the sum
Wanted = Literal["none", "rough", "exact"]  # the information that a pass sums; rough: products in float32
SINGULAR = "the information is singular: columns are collinear, or the data are separated and have no optimum"


@dataclass(frozen=True, eq=False)
class Steer:
    """
    An information matrix that makes steps and standard errors, in a ``basis`` (q, q) in which the design is nearly orthonormal.
    """

    basis: np.ndarray
    lower: np.ndarray  # the Cholesky factor of the information in that basis

    @classmethod
    def by(cls, information: np.ndarray, basis: np.ndarray) -> Steer:
        """Factor the information of the columns design @ basis. Raises LinAlgError if it is singular."""
        if not np.isfinite(information).all():
            raise np.linalg.LinAlgError("not finite")
        lower = linalg.cholesky(information, lower=True)
        left = np.diag(lower) ** 2 / np.diag(information)  # the share of each column that the columns before it do not explain
        if left.min() <= 32 * len(lower) * np.finfo(float).eps:
            raise np.linalg.LinAlgError("singular but for rounding")
        return cls(basis, lower)

    def times(self, factor: float) -> Steer:
        """The same with ``factor`` times the information."""
        return replace(self, lower=np.sqrt(factor) * self.lower)

    def step(self, score: np.ndarray) -> tuple[np.ndarray, float]:
        """Return (step, decrement): the step (q, m), and the square of the Newton decrement, twice the gain in log-likelihood."""
        half = linalg.solve_triangular(self.lower, (self.basis.T @ score).T.ravel(), lower=True)
        step = linalg.solve_triangular(self.lower, half, lower=True, trans=1)
        return self.basis @ step.reshape(score.shape[1], -1).T, float(half @ half)

    def corrected(self, score: np.ndarray, secants: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """
        The step, corrected by the curvature along earlier steps. ``secants`` are steps, and how much each lowered the score.

        This is limited-memory BFGS that starts from the information (Nocedal 1980, Mathematics of Computation 35).
        """
        shares = []
        for step, lowered in reversed(secants):
            shares.append(float((step * score).sum() / (step * lowered).sum()))
            score = score - shares[-1] * lowered
        result, _ = self.step(score)
        for step, lowered in secants:
            result = result + step * (shares.pop() - float((lowered * result).sum() / (step * lowered).sum()))
        return result

    def standard_errors(self, dispersion: float) -> np.ndarray:
        """The standard errors of the parameters, (q, m)."""
        q = len(self.basis)
        root = linalg.solve_triangular(self.lower, np.eye(len(self.lower)), lower=True)
        by_output = root.reshape(len(root), -1, q) @ self.basis.T
        return np.sqrt(dispersion * (by_output**2).sum(axis=0)).T


@dataclass(frozen=True)
class Pass:
    """
    The state after a pass: its number, and how far from the optimum its parameters were, in standard errors.

    The distance is the Newton decrement, divided by the root of the dispersion where there is one.
    """

    number: int
    log_likelihood: float  # without the terms that do not depend on the parameters
    distance: float
    information: bool  # whether the pass summed the information
    halvings: int = 0
    left: int | None = None  # the passes that are still expected, if that is known
    seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class Maximum:
    """
    The result of `maximise`: the free parameters, the sums of the last pass, and the information of the last step.

    ``distance`` is the estimated distance of the parameters from the optimum, in standard errors.
    """

    free: np.ndarray
    sums: Sums
    steer: Steer | None
    dispersion: float
    distance: float
    converged: bool
    reason: str
    passes: tuple[Pass, ...]
    constant: float  # see `Convergence`


@dataclass(frozen=True)
class Kind:
    """
    The kind of a model, which decides how steps converge: whether the log-likelihood is ``quadratic``, whether the link is
    ``canonical`` (then the expected information is the observed one), whether there is a ``dispersion`` to estimate.
    """

    quadratic: bool
    canonical: bool
    dispersion: bool


def maximise(
    one_pass: Callable[[np.ndarray, Wanted], Sums],
    start: np.ndarray,
    basis: np.ndarray,
    kind: Kind,
    *,
    guess: Maximum | None = None,
    tolerance: float = 1e-6,
    max_passes: int = 50,
    on_pass: Callable[[Pass], None] = lambda state: None,
) -> Maximum:
    """
    The zero of the score, reached from ``start`` (q, m).

    ``one_pass(free, wanted)`` sums over all rows, with the information of the columns design @ basis that is wanted: "none",
    "rough" or "exact". If there is a ``guess``, from a sample of the rows, the first steps use its information. It ends when
    the distance after the last step is estimated to be below ``tolerance`` standard errors; see `Convergence`. A
    KeyboardInterrupt ends it too, at the best parameters so far. Raises FloatingPointError if the log-likelihood is not finite
    at the start.
    """
    history: list[Pass] = []
    convergence = Convergence(kind, start.size, guess)
    best, trial, step = start, start, np.zeros_like(start)
    sums: Sums | None = None
    steer: Steer | None = None
    phi, halvings, first = 1.0, 0, 0.0
    secants: list[tuple[np.ndarray, np.ndarray]] = []

    def record(here: Sums, distance: float, since: float) -> None:
        left = convergence.passes_left(tolerance) if np.isfinite(distance) else None
        seconds = time.perf_counter() - since
        history.append(Pass(len(history) + 1, here.value, distance, here.information is not None, halvings, left, seconds))
        on_pass(history[-1])

    def ended(reason: str, distance: float, converged: bool = False) -> Maximum:
        assert sums is not None
        return Maximum(best, sums, steer, phi, distance, converged, reason, tuple(history), convergence.constant)

    def reached() -> float:
        return history[-1].distance if history else np.inf

    try:
        while len(history) < max_passes:
            since, wanted = time.perf_counter(), convergence.wanted(tolerance)
            here = one_pass(trial, wanted)
            if sums is None and not here.is_finite:
                raise FloatingPointError("the log-likelihood is not finite at the start")
            if sums is not None and not (here.is_finite and here.value >= sums.value - NOISE * abs(sums.value)):
                halvings += 1
                if halvings > 30:
                    return ended("no step along the scoring direction gains likelihood", reached())
                trial = best + step / 2**halvings
                record(here, np.inf, since)
                continue
            if sums is not None:
                moved, lowered = trial - best, sums.score - here.score
                secants = [*secants, (moved, lowered)] if (moved * lowered).sum() > 0 else []
            best, sums = trial, here
            if here.information is not None:
                secants = []
                try:
                    steer = Steer.by(here.information, basis)
                except np.linalg.LinAlgError:
                    return ended(SINGULAR, reached())
            elif steer is None:
                assert guess is not None
                assert guess.steer is not None
                steer = guess.steer.times(here.rows / guess.sums.rows)
                convergence.scale(here.rows / guess.sums.rows)
            step, decrement = steer.step(here.score)
            first = first or decrement
            if kind.dispersion:  # if the log-likelihood is quadratic, Pearson's X^2 after the step is known before it
                phi = max(here.pearson - (decrement if kind.quadratic else 0.0), 0.0) / max(here.rows - len(start), 1)
            distance = float(np.sqrt(decrement / phi)) if phi > 0 else np.inf
            if kind.quadratic and decrement <= ROUNDING**2 * first:  # only rounding is left, as in a perfect fit
                distance = 0.0
            convergence.learn(distance, fresh=here.information is not None, halved=halvings > 0)
            record(here, distance, since)
            if (wanted == "exact" or kind.quadratic) and convergence.enough(tolerance):
                best, left = best + step, convergence.after(distance)
                sums = replace(here, value=here.value + decrement / 2)
                return ended(f"the last step, of {distance:.1e} standard errors, leaves about {left:.1e}", left, converged=True)
            step = steer.corrected(here.score, secants)
            trial, halvings = best + step, 0
    except KeyboardInterrupt:
        if sums is None:
            raise
        return ended(f"interrupted after {len(history)} passes", reached())
    return ended(f"{max_passes} passes were not enough; do steps still contract? Separated data have no optimum", reached())


class Convergence:
    """
    An estimate of the next distance from the optimum, made from the distances so far.

    A step is fresh if its information was summed at its own parameters. If the link is canonical, a fresh step is Newton's:
    it leaves the square of the distance times a constant. If not, the expected information is not the Hessian, and a fresh
    step leaves a constant share of the distance. Two passes show the constant, or a bound of it.

    Other steps are stale. If the information was summed at distance d from the optimum, a stale step leaves about twice the
    share that a fresh step leaves at distance d. With the information of a sample it leaves a share that falls with the rows
    of the sample. Once a stale step was made, the share that it left is taken instead.
    """

    def __init__(self, kind: Kind, parameters: int, guess: Maximum | None = None) -> None:
        self.quadratic, self.canonical = kind.quadratic, kind.canonical and not kind.quadratic
        self.constant = ROUNDING if kind.quadratic else guess.constant if guess else np.inf
        self.sampled = guess is not None and self.constant < np.inf and not kind.quadratic
        # the share of a distance that a stale step leaves, if one was made or the guess is from a sample
        self.drift: float | None = np.sqrt(parameters / guess.sums.rows) if guess is not None and self.sampled else None
        self.good = 10 ** (-1 / max(1, parameters / 128))  # the more parameters, the more passes an information costs
        self.last = self.place = np.inf  # the last distance, and the distance at which the last information was summed
        self.fresh = self.halved = False  # whether these two are the same; whether the last step was too long

    def scale(self, factor: float) -> None:
        """Go over from the rows of the guess to ``factor`` times as many: standard errors shrink, and distances in them grow."""
        if self.canonical:
            self.constant /= np.sqrt(factor)

    def share(self, distance: float) -> float:
        """The share of a distance that a fresh step from there leaves."""
        if distance <= REST:
            return 0.0
        return self.constant * distance if self.canonical else self.constant

    def after(self, distance: float) -> float:
        """The distance that a fresh step leaves."""
        return self.share(distance) * distance

    def enough(self, tolerance: float, distance: float | None = None) -> bool:
        """
        Whether a fresh step from a distance (by default the last one) contracts well and leaves less than the tolerance.

        Separated data have their optimum at infinity, and steps towards it never contract well.
        """
        distance = self.last if distance is None else distance
        return self.after(distance) <= tolerance and self.share(distance) <= (SETTLED if self.canonical else CONTRACTS)

    @property
    def stale_share(self) -> float:
        """The share of a distance that a stale step leaves."""
        return 2 * self.share(self.place) if self.drift is None else self.drift

    @property
    def expected(self) -> float:
        """The distance after the step that is being taken."""
        return self.last * (self.share(self.last) if self.fresh else self.stale_share)

    def wanted(self, tolerance: float) -> Wanted:
        """The information that the next pass sums: exact in the last, rough at first or while steps contract badly, or none."""
        if self.halved or (self.last == np.inf and not self.sampled):
            return "exact" if self.quadratic else "rough"
        if self.last == np.inf:
            return "none"
        if self.constant == np.inf and self.last > REST:
            return "rough"
        if self.enough(tolerance, self.expected):
            return "exact"
        return "none" if self.stale_share <= self.good else "rough"

    def learn(self, distance: float, fresh: bool, halved: bool) -> None:
        """Take in a pass: the distance of its parameters, with or without an information of their own."""
        if self.fresh and not (halved or self.quadratic) and self.last > REST:
            self.constant = distance / self.last ** (2 if self.canonical else 1)
        if fresh:
            self.place, self.drift = distance, None
        elif not (self.fresh or halved) and REST < self.last < np.inf:
            self.drift = distance / self.last
        self.last, self.fresh, self.halved = distance, fresh, halved

    def passes_left(self, tolerance: float, most: int = 50) -> int | None:
        """The number of passes still needed, if all goes as expected; None where nothing is known yet."""
        if self.fresh and self.enough(tolerance):
            return 0
        if (self.constant == np.inf and self.last > REST) or self.halved or self.last == np.inf:
            return None
        ahead = copy(self)
        for passes in range(1, most):
            wanted = ahead.wanted(tolerance)
            ahead.last, ahead.fresh = ahead.expected, wanted != "none"
            if ahead.fresh:
                ahead.place, ahead.drift = ahead.last, None
            if wanted == "exact" and ahead.enough(tolerance):
                return passes
        return None
