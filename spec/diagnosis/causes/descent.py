"""A cause in the way to the optimum: an answer on the path of gradient descent from weights of zero, which is replayed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from spec.diagnosis.causes.penalty import loss_scale
from spec.diagnosis.causes.way import CHANCE, Way
from spec.diagnosis.context import design
from spec.diagnosis.objective import Likelihood

RATES = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 1e-4)
STEPS = 5000  # of a descent at a usual rate
REPLAYED = 2**27  # numbers of designs that are multiplied in a replay
GRID = 16  # numbers of steps for which the rate is solved for at once
SHARES = np.linspace(0.05, 1, 20)  # of the fastest rate that is stable, at which few steps are tried
FEW, MANY = 64, 512  # steps
FINE = 10  # steps of the descent that stands for a flow, in one step of the fastest that is stable


def descent_path(way: Way) -> str | None:
    """The answer lies on the path of gradient descent from zero: at the rate of its record, at usual rates, or at any rate."""
    if not way.context.in_memory or way.here.pull is not None or way.here.free.size < 2:
        return None
    descent, record = Descent(way), way.context.answer.record
    if record is not None and record.steps:
        found = descent.at_rates((record.learning_rate,), record.steps, first=record.steps)
    else:
        found = descent.at_rates(RATES, STEPS) or descent.at_any_rate()
    return None if found is None else f"it is step {found[0]} of gradient descent from zero with the rate {found[1]:.6g}"


class Descent:
    """Descents on Keras's loss, which takes the mean over rows, from weights of zero: several at a time, each with its rate."""

    def __init__(self, way: Way) -> None:
        self.way, self.here, self.goal = way, way.here, way.here.free
        self.rows = way.here.rows(*way.context.all)
        self.design = design(self.rows.X, way.here.intercept)
        self.numbers = self.design.size + 16 * self.rows.y.size  # that a step costs, a mean as much as 16 products
        self.white = way.at_best.lower.T @ np.kron(
            np.eye(self.goal.shape[1]), np.linalg.inv(way.context.basis(way.here.intercept))
        )

    def _score(self, eta: np.ndarray) -> np.ndarray:
        """The scores (n, d, m) at eta (n, d, k); of a canonical link plainly: a replay needs no digits at the domain's ends."""
        objective, y, weights = self.here.objective, self.rows.y[:, None], self.rows.weights[:, None, None]
        if type(objective) is Likelihood and objective.model.is_canonical and not objective.has_gauge:
            return weights * (y - objective.model.link.inverse(eta))
        return objective.score(y, eta, weights)

    def moves(self, free: np.ndarray, rates: np.ndarray) -> np.ndarray:
        """The steps (d, q, m) of descents that are at ``free`` (d, q, m), with rates (d,)."""
        (d, q, m), n, k = free.shape, len(self.rows), self.here.matrix.shape[1]
        eta = (self.design @ free.transpose(1, 0, 2).reshape(q, -1)).reshape(n, d, m)  # one product for all
        if k > m:
            eta = np.concatenate([np.zeros((n, d, k - m)), eta], axis=2)
        if self.rows.offset is not None:
            eta = eta + self.rows.offset[:, None]
        slope = (self.design.T @ self._score(eta).reshape(n, -1)).reshape(q, d, m).transpose(1, 0, 2)
        if self.here.penalty is not None:
            of_outputs = free.transpose(0, 2, 1)
            slope = slope - (of_outputs.reshape(len(free), -1) @ self.here.penalty).reshape(of_outputs.shape).transpose(0, 2, 1)
        return rates[:, None, None] * (loss_scale(self.here) / n) * (slope @ self.way.across)

    def at_rates(self, rates: tuple[float, ...], steps: int, first: int = 1) -> tuple[int, float] | None:
        """Return (step, rate) of the first descent that is at the answer after so many steps, from the ``first`` on."""
        rate = np.array(rates)
        free, last = np.zeros((len(rate), *self.goal.shape)), np.full(len(rate), np.inf)
        size, most = np.abs(self.goal).max(), min(steps, REPLAYED // (len(rate) * self.numbers))
        for step in range(1, most + 1):
            move = self.moves(free, rate)
            free = free + move
            gap = np.abs(free - self.goal).max(axis=(1, 2))
            for place in np.flatnonzero(gap <= 1e-6 * size):
                if step >= first and self.way.near(free[place]):
                    return step, float(rate[place])
            is_slow = (step > 8) & (np.abs(move).max(axis=(1, 2)) * (most - step) < gap)
            is_lost = ~np.isfinite(gap) | (gap > 4 * size + last) | ((gap > last) & (gap > 0.5 * size))
            last = gap
            if (given_up := is_slow | is_lost).any():
                rate, free, last = (part[~given_up] for part in (rate, free, gap))
                if not len(rate):
                    return None
        return None

    def at_any_rate(self) -> tuple[int, float] | None:
        """Return (step, rate) of a descent at any stable rate that comes to the answer."""
        fastest = 2 * len(self.rows) / (loss_scale(self.here) * np.linalg.eigvalsh(self.way.information).max())
        return self._of_few_steps(fastest) or self._of_many_steps(fastest)

    def _of_few_steps(self, fastest: float) -> tuple[int, float] | None:
        """The steps and the rate of a descent of few steps: rates are scanned for each number, and the nearest are refined."""
        most = min(int(np.sqrt(2 * REPLAYED / (len(SHARES) * self.numbers))), FEW)
        if most < 1:
            return None
        steps, rates = np.arange(1, most + 1), SHARES * fastest
        away = np.stack([self._away(free) for free in self._path(rates, most)], axis=1)
        left = np.nan_to_num(away, nan=np.inf)
        beside = np.pad(left, ((1, 1), (0, 0)), constant_values=np.inf)
        nearer = np.nonzero((left <= beside[:-2]) & (left <= beside[2:]) & np.isfinite(left))
        starts, numbers = rates[nearer[0]], steps[nearer[1]]
        return self._accepted(numbers, *self._nearest(numbers, starts), left.size) if len(starts) else None

    def _of_many_steps(self, fastest: float) -> tuple[int, float] | None:
        """
        The rate is solved for of some numbers of steps, then of numbers that lie closer together, about the best.

        It starts at the rate at which a descent in fine steps takes the same way.
        """
        most = min(REPLAYED // (64 * self.numbers), MANY)
        if most < 2 or (whole := self._flow(fastest / FINE, FINE * most)) is None:
            return None
        low, high = max(int(whole / fastest), 1), most
        while low <= high:
            steps = np.unique(np.geomspace(low, high, GRID).astype(int))
            rates, left = self._nearest(steps, whole / steps)
            if len(steps) == 1 + steps[-1] - steps[0]:
                return self._accepted(steps, rates, left, most)
            best = int(np.argmin(left))
            whole = steps[best] * rates[best]
            low, high = int(steps[max(best - 1, 0)]), int(steps[min(best + 1, len(steps) - 1)])
        return None

    def _accepted(self, steps: np.ndarray, rates: np.ndarray, left: np.ndarray, tried: int) -> tuple[int, float] | None:
        """The descent that is nearest, if it comes to the answer, and one of so many would not do so by chance."""
        best = int(np.argmin(left))
        by_chance = np.log10(tried) + (self.goal.size - 1) * np.log10(self.way.allowed / self.way.gone)
        if self.way.tells and left[best] <= self.way.allowed and by_chance <= CHANCE and rates[best] > 0:
            return int(steps[best]), float(rates[best])
        return None

    def _nearest(self, steps: np.ndarray, rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (rates, left): for each number of steps the rate that comes nearest, by Gauss and Newton, and the distance."""
        left = np.full(len(steps), np.inf)
        for _ in range(8):
            both = self._ends(np.concatenate([rates, rates * (1 + 1e-7)]), np.tile(steps, 2))
            gaps, slopes = both[: len(steps)], (both[len(steps) :] - both[: len(steps)]) / (1e-7 * rates[:, None])
            last, left = left, np.nan_to_num(np.linalg.norm(gaps, axis=1), nan=np.inf)
            if ((left == last) | (np.abs(left - last) <= 1e-3 * left)).all():  # what is lost is infinite
                break
            rates = rates - np.nan_to_num((gaps * slopes).sum(axis=1) / (slopes**2).sum(axis=1))
        return rates, left

    def _flow(self, rate: float, steps: int) -> float | None:
        """The rate times the number of steps at which a descent in fine steps is nearest to the answer; None where it is far."""
        near, found = np.inf, None
        for step, free in enumerate(self._path(np.array([rate]), min(steps, REPLAYED // self.numbers)), 1):
            gap = self._away(free)[0]
            if not np.isfinite(gap):
                break
            if gap < near:
                near, found = gap, step * rate
        return found if near < 0.3 * self._away(np.zeros((1, *self.goal.shape)))[0] else None

    def _path(self, rates: np.ndarray, steps: int) -> Iterator[np.ndarray]:
        """Where descents are after each step, (d, q, m)."""
        free = np.zeros((len(rates), *self.goal.shape))
        for _ in range(steps):
            free = free + self.moves(free, rates)
            yield free

    def _ends(self, rates: np.ndarray, steps: np.ndarray) -> np.ndarray:
        """Where descents end less the answer, (d, q m), in standard errors."""
        free = np.zeros((len(rates), *self.goal.shape))
        for step in range(1, steps.max() + 1):
            on = steps >= step
            free[on] += self.moves(free[on], rates[on])
        return self._in_errors(free)

    def _in_errors(self, free: np.ndarray) -> np.ndarray:
        gaps = (free - self.goal).transpose(0, 2, 1).reshape(len(free), -1)
        return gaps @ self.white.T / np.sqrt(self.way.at_best.dispersion)

    def _away(self, free: np.ndarray) -> np.ndarray:
        return np.linalg.norm(self._in_errors(free), axis=1)
