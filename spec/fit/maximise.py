"""
Fisher scoring for many rows: few passes over them, each a sum of the contributions of its batches.

The score of a pass decides where the steps end; the information steers, and costs more than the score. So it is summed anew
only where it pays: at the start, when steps no longer contract, and at the end, for the standard errors. Between, the step
is made with the last one. A first guess comes from a sample of the rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg

from spec.fit.sums import Sums

SETTLED = 1e-5  # by which share standard errors may still change in the last step


ROUNDING = 1e-10  # of a distance, what a step leaves that would be exact without rounding


REST = 1e-12  # standard errors: below, distances are rounding


CONTRACTS = 0.5  # the share of a distance that a step may leave where it is no Newton's: more is no sign of an optimum near by


NOISE = 1e-11  # of a log-likelihood: a gain below the rounding of the sum cannot be seen


SINGULAR = "the information is singular: columns are collinear, or the data are separated and have no optimum"


@dataclass(frozen=True, eq=False)
class Steer:
    """
    Steps and standard errors by an information, in the ``basis`` (q, q) in which the design is nearly orthonormal.

    Raises LinAlgError where the information is singular.
    """

    basis: np.ndarray
    lower: np.ndarray  # Cholesky's factor of the information in that basis

    @classmethod
    def by(cls, information: np.ndarray, basis: np.ndarray) -> Steer:
        """By the information of the columns that the basis makes."""
        if not np.isfinite(information).all():
            raise np.linalg.LinAlgError("not finite")
        lower = linalg.cholesky(information, lower=True)
        left = np.diag(lower) ** 2 / np.diag(information)  # of each column, what those before it do not explain
        if left.min() <= 32 * len(lower) * np.finfo(float).eps:
            raise np.linalg.LinAlgError("singular but for rounding")
        return cls(basis, lower)

    def times(self, factor: float) -> Steer:
        """By so many times the information."""
        return replace(self, lower=np.sqrt(factor) * self.lower)

    def step(self, score: np.ndarray) -> tuple[np.ndarray, float]:
        """The step (q, m), and what it gains in log-likelihood, twice: the Newton decrement, squared."""
        half = linalg.solve_triangular(self.lower, (self.basis.T @ score).T.ravel(), lower=True)
        step = linalg.solve_triangular(self.lower, half, lower=True, trans=1)
        return self.basis @ step.reshape(score.shape[1], -1).T, float(half @ half)

    def corrected(self, score: np.ndarray, secants: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """
        The step, corrected by what earlier ones have shown: ``secants`` are steps, and by how much each lowered the score.

        Limited-memory BFGS about the information (Nocedal 1980, Mathematics of Computation 35).
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
        """(q, m)."""
        q = len(self.basis)
        root = linalg.solve_triangular(self.lower, np.eye(len(self.lower)), lower=True)
        by_output = root.reshape(len(root), -1, q) @ self.basis.T
        return np.sqrt(dispersion * (by_output**2).sum(axis=0)).T


@dataclass(frozen=True)
class Pass:
    """
    The state after a pass: its number, and how far from the optimum its parameters were, in standard errors.

    That is the Newton decrement, over the root of the dispersion where there is one.
    """

    number: int
    log_likelihood: float  # without the terms that are free of the parameters
    distance: float
    information: bool  # whether it was summed in this pass
    halvings: int = 0
    left: int | None = None  # passes that are expected still, where that is known
    seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class Maximum:
    """
    Where `maximise` ended: the free parameters, the sums at the last pass and the information that ended it.

    ``distance`` is the estimate of how far from the optimum the parameters still are, in standard errors.
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
    What the steps rest on: whether the log-likelihood is ``quadratic``, whether the link is ``canonical`` (so that the expected
    information is the observed one), whether there is a ``dispersion`` to estimate.
    """

    quadratic: bool
    canonical: bool
    dispersion: bool


def maximise(
    one_pass: Callable[[np.ndarray, str], Sums],
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
    From ``start`` (q, m) to the zero of the score.

    ``one_pass(free, information)`` sums over all rows; the information is that of the columns that ``basis`` makes, and may be
    "none", "rough" or "exact". Where a ``guess`` was made on a sample of the rows, its information steers at first. Ends when
    what is left after the last step is estimated to be below ``tolerance`` standard errors; see `Convergence`. A
    KeyboardInterrupt ends it too, at the best parameters so far. Raises FloatingPointError where the log-likelihood is not
    finite at the start.
    """
    history: list[Pass] = []
    expect = Convergence(kind, start.size, guess)
    best, trial, step = start, start, np.zeros_like(start)
    sums: Sums | None = None
    steer: Steer | None = None
    phi, halvings, first = 1.0, 0, 0.0
    secants: list[tuple[np.ndarray, np.ndarray]] = []

    def record(here: Sums, distance: float, since: float) -> None:
        left = expect.passes_left(tolerance) if np.isfinite(distance) else None
        seconds = time.perf_counter() - since
        history.append(Pass(len(history) + 1, here.value, distance, here.information is not None, halvings, left, seconds))
        on_pass(history[-1])

    def ended(reason: str, distance: float, converged: bool = False) -> Maximum:
        assert sums is not None
        return Maximum(best, sums, steer, phi, distance, converged, reason, tuple(history), expect.constant)

    def reached() -> float:
        return history[-1].distance if history else np.inf

    try:
        while len(history) < max_passes:
            since, wanted = time.perf_counter(), expect.wanted(tolerance)
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
                expect.scale(here.rows / guess.sums.rows)
            step, decrement = steer.step(here.score)
            first = first or decrement
            if kind.dispersion:  # of a quadratic log-likelihood the one after the step is known before it
                phi = max(here.pearson - (decrement if kind.quadratic else 0.0), 0.0) / max(here.rows - len(start), 1)
            distance = float(np.sqrt(decrement / phi)) if phi > 0 else np.inf
            if kind.quadratic and decrement <= ROUNDING**2 * first:  # rounding is all that moves, as in a perfect fit
                distance = 0.0
            expect.learn(distance, exact=here.information is not None, halved=halvings > 0)
            record(here, distance, since)
            if (wanted == "exact" or kind.quadratic) and expect.enough(tolerance):
                best, left = best + step, expect.after(distance)
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

    A step with the information of its own place is Newton's where the link is canonical: it leaves the square of the distance
    times a constant. Where it is not, the expected information is not the Hessian, and a step leaves a share of the distance,
    the constant. Two passes tell it, or bound it. A step with the information of an earlier place, d away, leaves about twice
    what an exact one does per unit of distance, at distance d; one with the information of a sample, a share that is the
    smaller the more rows are in it; and either what the last such step has left.
    """

    def __init__(self, kind: Kind, parameters: int, guess: Maximum | None = None) -> None:
        self.quadratic, self.canonical = kind.quadratic, kind.canonical and not kind.quadratic
        self.constant = ROUNDING if kind.quadratic else guess.constant if guess else np.inf
        self.sampled = guess is not None and self.constant < np.inf and not kind.quadratic
        # of a distance, what is left by a step with an old information, where that has been seen or is known of a sample
        self.drift: float | None = np.sqrt(parameters / guess.sums.rows) if guess is not None and self.sampled else None
        self.good = 10 ** (-1 / max(1, parameters / 128))  # an information costs the more passes, the more parameters there are
        self.last = self.place = np.inf  # the last distance, and how far out the last information is from
        self.exact = self.halved = False  # whether the two are one; whether the last step was too long

    def scale(self, factor: float) -> None:
        """From the rows of the guess to so many times as many: standard errors shrink, and distances in them grow."""
        if self.canonical:
            self.constant /= np.sqrt(factor)

    def share(self, distance: float) -> float:
        """The share of a distance that an exact step from there leaves."""
        if distance <= REST:
            return 0.0
        return self.constant * distance if self.canonical else self.constant

    def after(self, distance: float) -> float:
        """The distance that an exact step leaves."""
        return self.share(distance) * distance

    def enough(self, tolerance: float, distance: float | None = None) -> bool:
        """
        Whether an exact step from a distance (the last one) will do: it contracts, and leaves less than the tolerance.

        Steps towards an optimum that is infinitely far away, of separated data, never contract well.
        """
        distance = self.last if distance is None else distance
        return self.after(distance) <= tolerance and self.share(distance) <= (SETTLED if self.canonical else CONTRACTS)

    @property
    def stale(self) -> float:
        """The share of a distance that a step leaves when it is made with an old information."""
        return 2 * self.share(self.place) if self.drift is None else self.drift

    @property
    def expected(self) -> float:
        """The distance after the step that is being taken."""
        return self.last * (self.share(self.last) if self.exact else self.stale)

    def wanted(self, tolerance: float) -> str:
        """The information that the next pass sums: exact in the last, rough at first or while steps contract badly, or none."""
        if self.halved or (self.last == np.inf and not self.sampled):
            return "exact" if self.quadratic else "rough"
        if self.last == np.inf:
            return "none"
        if self.constant == np.inf and self.last > REST:
            return "rough"
        if self.enough(tolerance, self.expected):
            return "exact"
        return "none" if self.stale <= self.good else "rough"

    def learn(self, distance: float, exact: bool, halved: bool) -> None:
        """Take in a pass: the distance of its parameters, with or without an information of their own."""
        if self.exact and not (halved or self.quadratic) and self.last > REST:
            self.constant = distance / self.last ** (2 if self.canonical else 1)
        if exact:
            self.place, self.drift = distance, None
        elif not (self.exact or halved) and REST < self.last < np.inf:
            self.drift = distance / self.last
        self.last, self.exact, self.halved = distance, exact, halved

    def passes_left(self, tolerance: float, most: int = 50) -> int | None:
        """The number of passes still needed, if all goes as expected; None where nothing is known yet."""
        if self.exact and self.enough(tolerance):
            return 0
        if (self.constant == np.inf and self.last > REST) or self.halved or self.last == np.inf:
            return None
        ahead = copy(self)
        for passes in range(1, most):
            wanted = ahead.wanted(tolerance)
            ahead.last, ahead.exact = ahead.expected, wanted != "none"
            if ahead.exact:
                ahead.place, ahead.drift = ahead.last, None
            if wanted == "exact" and ahead.enough(tolerance):
                return passes
        return None
