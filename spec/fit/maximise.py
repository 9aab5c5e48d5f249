"""
Fisher scoring for many rows: few passes over them, each a sum of the contributions of its batches.

The score of a pass decides where the steps end; the information steers, and costs more than the score. So it is summed anew
only where it pays: at the start, when steps no longer contract, and at the end, for the standard errors. The passes between
use the last information. A sample of the rows gives a first guess.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from spec.fit.convergence import ROUNDING, Convergence, Kind, Sampled, Wanted
from spec.fit.sums import Sums
from spec.scoring import AT_EDGE, BACK, GAIN, ROOM, Steer

NOISE = 1e-11  # relative to the log-likelihood: a smaller gain is lost in the rounding of the sum
HALVINGS = 30
SETTLED_ETA = 1e-7  # the root mean square of what the last step of a fit at rest adds to eta
ROUNDED_ETA = 1e-14  # the same, of a step that only rounding makes
ALL_BUT = 1 - 1e-10  # of the way from one edge of the domain to the next: the longest step
INTERRUPTED, SINGULAR, STALLED, EDGE, PASSES = "interrupted", "singular", "stalled", "edge", "passes"  # see `Maximum`


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
    The result of `climb`: the free parameters, the sums of the last pass, and the information of the last step.

    ``distance`` is the estimated distance of the parameters from the optimum, in standard errors; NaN where it is not known.
    ``ending`` is the kind of the end: "converged", "interrupted", or that the information is "singular", that no step gained
    ("stalled"), that rows are at the "edge" of their domain, or that there were not enough "passes".
    """

    free: np.ndarray
    sums: Sums
    steer: Steer | None
    dispersion: float
    distance: float
    ending: str
    reason: str
    passes: tuple[Pass, ...]
    constant: float  # see `Convergence`
    whole: bool = False  # whether it is of all rows: then a pass with the information may be the last

    @property
    def converged(self) -> bool:
        return self.ending == "converged"


Question = tuple[np.ndarray, Wanted]  # the free parameters at which sums are asked for, and the information
Climb = Generator[Question, Sums, Maximum]


def maximise(
    one_pass: Callable[[np.ndarray, Wanted], Sums],
    start: np.ndarray,
    basis: np.ndarray,
    kind: Kind,
    *,
    tolerance: float = 1e-6,
    max_passes: int = 50,
    **settings: Any,
) -> Maximum:
    """
    The zero of the score, reached from ``start`` (q, m), as `climb` reaches it.

    ``one_pass(free, wanted)`` answers its questions: the sums over all rows, with the information that is wanted.
    """
    climbs = [climb(start, basis, kind, tolerance=tolerance, max_passes=max_passes, **settings)]
    return together(climbs, lambda asked: {0: one_pass(*asked[0])})[0]


def climb(
    start: np.ndarray,
    basis: np.ndarray,
    kind: Kind,
    *,
    room: Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]] | None = None,
    guess: Maximum | None = None,
    standard_errors: bool = True,
    tolerance: float = 1e-6,
    max_passes: int = 50,
    on_pass: Callable[[Pass], None] = lambda state: None,
) -> Climb:
    """
    Climb to the zero of the score from ``start`` (q, m): yield what is asked of each pass over the rows, and be sent its sums.

    The information wanted is that of the columns design @ basis: "none", "rough", "exact", or "both". ``room(free, step)``
    answers which share of a step takes the first row to the edge of its domain, and the rows that are there already, as
    `spec.scoring.outward_rows` signs them. If there is a ``guess``, from a sample of the rows, the first steps use its
    information. It ends when the distance after the last step is estimated to be below ``tolerance`` standard errors, see
    `Convergence`; the last pass sums the information for the ``standard_errors``, and without them it may end before. A
    KeyboardInterrupt ends it too, at the best parameters so far. Raises FloatingPointError if the log-likelihood is not finite at
    the start.
    """
    return _Climb(start, basis, kind, room, guess, standard_errors, on_pass).climb(tolerance, max_passes)


def together(climbs: Sequence[Climb], one_pass: Callable[[dict[int, Question]], dict[int, Sums]]) -> list[Maximum]:
    """
    Several climbs side by side: one pass over the rows answers all that still climb, by their numbers.

    A KeyboardInterrupt ends them all.
    """
    ended: dict[int, Maximum] = {}
    asked: dict[int, Question] = {}

    def go_on(number: int, step: Callable[[Climb], Question]) -> None:
        try:
            asked[number] = step(climbs[number])
        except StopIteration as end:
            asked.pop(number, None)
            ended[number] = end.value

    for number in range(len(climbs)):
        go_on(number, next)
    while asked:
        try:
            answers = one_pass(asked)
        except KeyboardInterrupt as interrupt:
            for number in list(asked):
                go_on(number, partial(_interrupted, interrupt=interrupt))
            continue
        for number, sums in answers.items():
            go_on(number, partial(_answered, sums=sums))
    return [ended[number] for number in range(len(climbs))]


def _answered(climb: Climb, sums: Sums) -> Question:
    return climb.send(sums)


def _interrupted(climb: Climb, interrupt: KeyboardInterrupt) -> Question:
    return climb.throw(interrupt)


class _Climb:
    """The state of `climb`: the best parameters so far, the sums there, and the step that is being tried."""

    def __init__(
        self,
        start: np.ndarray,
        basis: np.ndarray,
        kind: Kind,
        room: Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]] | None,
        guess: Maximum | None,
        standard_errors: bool,
        on_pass: Callable[[Pass], None],
    ) -> None:
        self.basis, self.kind, self.room, self.guess = basis, kind, room, guess
        self.on_pass = on_pass
        known = None if guess is None else Sampled(guess.constant, guess.sums.rows, guess.whole)
        self.convergence = Convergence(kind, start.size, known, standard_errors)
        self.history: list[Pass] = []
        self.best, self.step = start, np.zeros_like(start)
        self.share = 1.0  # of the step, which is being tried
        self.sums: Sums | None = None
        self.steer: Steer | None = None
        self.phi, self.first, self.halvings = 1.0, 0.0, 0
        self.other: np.ndarray | None = None  # Fisher's step where Newton's is being tried
        self.newton = False  # whether the steps are Newton's
        self.secants: list[tuple[np.ndarray, np.ndarray]] = []
        self.outward = np.zeros((0, len(start)))  # rows at the edge of their domain

    def climb(self, tolerance: float, max_passes: int) -> Climb:
        try:
            while len(self.history) < max_passes:
                since = time.perf_counter()
                wanted: Wanted = "both" if self.newton else self.convergence.wanted(tolerance)
                trial = self.best + self.share * self.step
                here = yield trial, wanted
                if self.sums is None and not here.is_finite:
                    raise FloatingPointError("the log-likelihood is not finite at the start")
                ended = (
                    self._take(trial, here, wanted, since, tolerance)
                    if self._gains(here)
                    else self._shorten(here, since, tolerance)
                )
                if ended:
                    return ended
        except KeyboardInterrupt:
            if self.sums is None:
                raise
            return self._ended(INTERRUPTED, f"interrupted after {len(self.history)} passes", self._reached())
        return self._ended(PASSES, f"not reached after {max_passes} passes", self._reached())

    def _gains(self, here: Sums) -> bool:
        """Whether the trial brings a share of the gain that its step promises, but for rounding."""
        if self.sums is None:
            return True
        promised = self.share * float((self.sums.score * self.step).sum())
        noise = NOISE * abs(self.sums.value)
        gains = here.is_finite and here.value >= self.sums.value + GAIN * promised - noise
        return gains and float((here.score * self.step).sum()) * self.share >= -BACK * promised - noise

    def _shorten(self, here: Sums, since: float, tolerance: float) -> Maximum | None:
        """A shorter step after one that did not gain; of models with another observed information, soon Newton's."""
        self.halvings += 1
        self._record(here, np.inf, since, tolerance)
        if here.outside and self.room:
            share, outward = self.room(self.best, self.step)
            if _leaves(outward, self.step):
                self.outward = np.unique(np.vstack([self.outward, outward]), axis=0)
                self._turn_to_newton()
            else:
                room = ALL_BUT if len(self.outward) else ROOM
                self.share = room * share if share <= self.share else self.share / 2
        elif self.other is not None:
            self.step, self.other, self.share = self.other, None, 1.0
        elif self.halvings > 1 and self._may_turn:
            self._turn_to_newton()
        elif self.halvings > HALVINGS:
            return self._ended(STALLED, "no step along the scoring direction gains likelihood", self._reached())
        else:
            self.share /= 2
        return None

    def _take(self, trial: np.ndarray, here: Sums, wanted: Wanted, since: float, tolerance: float) -> Maximum | None:
        """Make the trial the best parameters, and the next step from there; or end."""
        if self.sums is not None:
            moved, lowered = trial - self.best, self.sums.score - here.score
            self.secants = [*self.secants, (moved, lowered)] if (moved * lowered).sum() > 0 else []
        self.best, self.sums = trial, here
        try:
            steers = self._steered(here)
        except np.linalg.LinAlgError:
            return self._ended(SINGULAR, "the information is singular", np.nan)
        assert self.steer is not None
        fisher, decrement, held = self.steer.along(here.score, self.outward)
        step, multipliers = fisher, held
        if steers is not self.steer:
            step, _, multipliers = steers.along(here.score, self.outward)
        self.first = self.first or decrement
        if self.kind.dispersion:  # if the log-likelihood is quadratic, Pearson's X^2 after the step is known before it
            pearson = here.pearson - (decrement if self.kind.quadratic else 0.0)
            self.phi = max(pearson, 0.0) / max((here.rows - len(trial)) * trial.shape[1], 1)
        distance = float(np.sqrt(decrement / self.phi)) if self.phi > 0 else np.inf
        if self._is_perfect(step, decrement):
            distance = 0.0  # of a dispersion that is rounding, too, it would be anything
        rests = self._rests(distance, step, here, tolerance)
        self.convergence.learn(distance, fresh=here.information is not None, halved=self.halvings > 0)
        self._record(here, distance, since, tolerance)
        rough_will_do = wanted == "rough" and not self.convergence.standard_errors
        known = wanted in ("exact", "both") or self.kind.quadratic or rough_will_do
        settled = self.convergence.settled(tolerance)
        if self.secants and steers is self.steer and not len(self.outward):
            step = self.steer.corrected(here.score, self.secants)
        if rests or settled or (known and self.convergence.enough(tolerance)):
            left = distance if rests else self.convergence.stale_share * distance if settled else self.convergence.after(distance)
            if multipliers.any():
                return self._ended(EDGE, AT_EDGE, left)
            share, outward = self.room(trial, step) if self.room else (np.inf, self.outward)
            if share <= 1 or _leaves(outward, step):  # the last step leads to the edge, or beyond
                self.outward, self.step = outward, np.zeros_like(step)
                self.share, self.halvings = 1.0, 0
                if share <= 1:
                    self.step, self.share = step, ROOM * share
                return None
            self.best, self.sums = trial + step, replace(here, value=here.value + decrement / 2)
            return self._ended("converged", f"the last step, of {distance:.1e} standard errors, leaves about {left:.1e}", left)
        self.share, self.halvings = 1.0, 0
        self.other = None if steers is self.steer else fisher
        if self._may_turn and self.convergence.is_slow:
            self._turn_to_newton()
        else:
            self.step = step
        self.outward = self.outward[multipliers > 0]
        return None

    def _steered(self, here: Sums) -> Steer:
        """Make the steer of the pass's information; answer what makes the next step. Raises LinAlgError if it is singular."""
        if here.information is not None:
            self.secants = []
            self.steer = Steer.by(here.information, self.basis).checked()
            if here.observed is not None:
                with suppress(np.linalg.LinAlgError):  # where it is not positive definite
                    return Steer.by(here.observed, self.basis).checked()
        elif self.steer is None:
            assert self.guess is not None
            assert self.guess.steer is not None
            factor = here.rows / self.guess.sums.rows
            self.steer = self.guess.steer.times(factor)
            self.convergence.scale(factor)
        return self.steer

    def _is_perfect(self, step: np.ndarray, decrement: float) -> bool:
        """Whether only rounding is left, as in a fit without residuals."""
        if self.kind.quadratic:
            return decrement <= ROUNDING**2 * self.first
        return self.kind.dispersion and _change_of_eta(self.basis, step) <= ROUNDED_ETA

    def _rests(self, distance: float, step: np.ndarray, here: Sums, tolerance: float) -> bool:
        """
        Whether rounding is all that is left: two passes far below the tolerance, and a step that moves no eta.

        On separated data the distance vanishes too, but eta moves on.
        """
        if here.information is None or step.shape[1] > 1 or max(distance, self.convergence.last) > tolerance / 100:
            return False
        return _change_of_eta(self.basis, step) <= SETTLED_ETA

    @property
    def _may_turn(self) -> bool:
        return not (self.newton or self.kind.canonical or self.kind.quadratic)

    def _turn_to_newton(self) -> None:
        """The next pass is at the best parameters once more, with both informations."""
        self.newton, self.step, self.secants = True, np.zeros_like(self.best), []
        self.share, self.halvings = 1.0, 0
        asked = self.convergence.standard_errors
        self.convergence = Convergence(replace(self.kind, canonical=True), self.best.size, standard_errors=asked)

    def _record(self, here: Sums, distance: float, since: float, tolerance: float) -> None:
        left = self.convergence.passes_left(tolerance) if np.isfinite(distance) else None
        seconds = time.perf_counter() - since
        fresh = here.information is not None
        self.history.append(Pass(len(self.history) + 1, here.value, distance, fresh, self.halvings, left, seconds))
        self.on_pass(self.history[-1])

    def _reached(self) -> float:
        """The last distance that is known."""
        return next((one.distance for one in reversed(self.history) if np.isfinite(one.distance)), np.nan)

    def _ended(self, ending: str, reason: str, distance: float) -> Maximum:
        assert self.sums is not None
        passes = tuple(self.history)
        return Maximum(self.best, self.sums, self.steer, self.phi, distance, ending, reason, passes, self.convergence.constant)


def _leaves(outward: np.ndarray, step: np.ndarray) -> bool:
    """Whether a step leads out of the domain at one of the rows at its edge; along an edge that is held it does by rounding."""
    return bool((outward @ step > 1e-9 * (np.abs(outward) @ np.abs(step))).any())


def _change_of_eta(basis: np.ndarray, step: np.ndarray) -> float:
    """The root mean square of what a step adds to eta."""
    return float(np.linalg.norm(np.linalg.solve(basis, step)))
