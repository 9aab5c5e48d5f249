"""How the steps of a fit converge: what the next one leaves, estimated from those before, and which information it needs."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

SETTLED = 1e-5  # the relative change of the standard errors that the last step may still make
ROUNDING = 1e-10  # the share of a distance that a step leaves because of rounding, where it would leave nothing
REST = 1e-12  # distances below this, in standard errors, are rounding
SLOW = 0.25  # the share of a distance that Fisher's steps may leave: if they leave more, Newton's are taken
SHRINKS = 0.3  # the share that a last step may leave if it is stale: of separated data it leaves half, or more
CONTRACTS = 0.5  # the share of a distance that a step may leave if it is not Newton's: if it leaves more, no optimum may be near
Wanted = Literal["none", "rough", "exact", "both"]  # the information that a pass sums; rough: in float32; both: observed too


@dataclass(frozen=True)
class Kind:
    """
    The kind of a model, which decides how steps converge: whether the log-likelihood is ``quadratic``, whether the link is
    ``canonical`` (then the expected information is the observed one), whether there is a ``dispersion`` to estimate.
    """

    quadratic: bool
    canonical: bool
    dispersion: bool


class Sampled(NamedTuple):
    """The convergence that was seen in a fit of some rows, or of the ``whole``; for the ``constant`` see `Convergence`."""

    constant: float
    rows: int
    whole: bool


class Convergence:
    """
    An estimate of the next distance from the optimum, made from the distances so far.

    A step is fresh if its information was summed at its own parameters. If the link is canonical, a fresh step is Newton's:
    it leaves the square of the distance times a constant. If not, the expected information is not the Hessian, and a fresh
    step leaves a constant share of the distance. Two passes show the constant, or a bound of it.

    Other steps are stale. If the information was summed at distance d from the optimum, a stale step leaves about twice the
    share that a fresh step leaves at distance d. With the information of a sample it leaves a share that falls with the rows
    of the sample. Once a stale step was made, the share that it left is taken instead.

    Where no ``standard_errors`` are wanted, a stale step may be the last.
    """

    def __init__(self, kind: Kind, parameters: int, guess: Sampled | None = None, standard_errors: bool = True) -> None:
        self.standard_errors = standard_errors
        self.quadratic, self.canonical = kind.quadratic, kind.canonical and not kind.quadratic
        self.constant = ROUNDING if kind.quadratic else guess.constant if guess else np.inf
        self.sampled = guess is not None and self.constant < np.inf and not kind.quadratic
        # the share of a distance that a stale step leaves, if one was made or the guess is from a sample
        self.drift: float | None = np.sqrt(parameters / guess.rows) if guess is not None and self.sampled else None
        self.whole = guess is not None and guess.whole
        self.good = 10 ** (-1 / max(1, parameters / 128))  # the more parameters, the more passes an information costs
        self.last = self.place = np.inf  # the last distance, and the distance at which the last information was summed
        self.slow = 0  # fresh steps that left much of the distance, since one that did not
        self.fresh = self.halved = False  # whether these two are the same; whether the last step was too long

    def scale(self, factor: float) -> None:
        """Go over from the rows of the guess to ``factor`` times as many: standard errors shrink, and distances in them grow."""
        if self.canonical:
            self.constant /= np.sqrt(factor)

    @property
    def is_slow(self) -> bool:
        """Whether two fresh steps, one after another, left a large share of the distance: far out a single one may."""
        return not (self.canonical or self.quadratic) and self.slow > 1 and self.last > REST

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
        margin = 1.0 if self.canonical or self.quadratic else 2.0  # a share is known to a few per cent where it is constant
        return margin * self.after(distance) <= tolerance and self.share(distance) <= (SETTLED if self.canonical else CONTRACTS)

    def settled(self, tolerance: float) -> bool:
        """Whether no information is needed any more: stale steps contract well, and the last distance is below the tolerance."""
        return not (self.standard_errors or self.fresh) and self.stale_share <= SHRINKS and self.last <= tolerance

    @property
    def stale_share(self) -> float:
        """The share of a distance that a stale step leaves."""
        return 2 * self.share(self.place) if self.drift is None else self.drift

    @property
    def expected(self) -> float:
        """The distance after the step that is being taken."""
        return self.last * (self.share(self.last) if self.fresh else self.stale_share)

    def wanted(self, tolerance: float) -> Wanted:
        """
        The information that the next pass sums: exact in the last, rough at first or while steps contract badly, or none.

        The last step is Newton's also where the others are Fisher's: the share of a distance that those leave is not the same
        in each direction, so what the last one would leave is known badly.
        """
        if self.halved or (self.last == np.inf and not self.sampled):
            return "exact" if self.quadratic else "rough"
        if self.last == np.inf and self.whole:
            return "exact" if self.canonical else "both"
        if self.last == np.inf:
            return "none"
        if self.constant == np.inf and self.last > REST:
            # where columns are many a stale step costs next to nothing beside an information
            return "none" if self.fresh and self.good >= SHRINKS else "rough"
        if self.enough(tolerance, self.expected) and (self.standard_errors or self.last <= tolerance):
            return "exact" if self.canonical or self.quadratic else "both"
        return "none" if self.stale_share <= self.good else "rough"

    def learn(self, distance: float, fresh: bool, halved: bool) -> None:
        """Take in a pass: the distance of its parameters, with or without an information of their own."""
        if self.fresh and not (halved or self.quadratic) and self.last > REST:
            self.constant = distance / self.last ** (2 if self.canonical else 1)
            self.slow = self.slow + 1 if self.constant > SLOW else 0
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
