"""
Controls: engines that are wrong on purpose. A claim must fail on each control that spoils what it claims.

A control wraps a right engine (by default statsmodels') and spoils its answers in one way. ``spoils`` names the rungs of
the ladder on which the answers are wrong; on the other rungs they are right, and a claim may hold.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from spec import likelihood
from spec.domains import REAL
from spec.engines.checked import load
from spec.engines.contract import Description, Engine, Evaluation, Fit
from spec.families import Binomial, Gaussian, Multinomial
from spec.links import Identity, Log, Logit, Probit, Softmax, Sqrt
from spec.model import Model, Params
from spec.problems import Problem

RUNGS = ("mean", "objective", "gradient", "curvature", "optimum")
INFERENCE = ("inference",)  # the sixth rung, which follows from the other five; it has a chapter of its own


class Control:
    """The base of all controls: it passes on the answers of the engine inside, and spoils nothing."""

    spoils: tuple[str, ...] = ()

    def __init__(self, inside: Engine | None = None) -> None:
        self.inside = inside or load("spec.engines.statsmodels:StatsmodelsEngine")

    @classmethod
    def applies(cls, problem: Problem) -> str | None:
        """The reason why the control cannot be wrong about the problem; None when it can."""
        return None

    def describe(self) -> Description:
        inside = self.inside.describe()
        return replace(inside, name=f"{type(self).__name__} (a control: wrong on purpose) around {inside.name}")

    def declines(self, problem: Problem) -> str | None:
        return self.applies(problem) or self.inside.declines(problem)

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        return self.inside.evaluate(problem, params)

    def fit(self, problem: Problem) -> Fit:
        return self.inside.fit(problem)


def scoring_steps(problem: Problem, params: Params, count: int, damping: float = 1.0, penalty: float = 0.0) -> Params:
    """The parameters after ``count`` scoring steps; each is scaled by ``damping``, then halved until it gains in the domain."""

    def value(free: np.ndarray) -> float:
        at = problem.params(free)
        inside = likelihood.in_domain(problem, at)
        return likelihood.kernel(problem, at) - penalty * float((free**2).sum()) / 2 if inside else -np.inf

    for _ in range(count):
        free = problem.free(params)
        gradient = likelihood.score(problem, params) - penalty * free
        information = likelihood.expected_information(problem, params) + penalty * np.eye(free.size)
        step = np.linalg.solve(information, gradient.T.ravel()).reshape(free.shape[::-1]).T * damping
        here = value(free)
        while np.abs(step).max() > 0 and not value(free + step) >= here - 1e-9 * abs(here):
            step = step / 2
        params = problem.params(free + step)
    return params


class Zeros(Control):
    """Answers zero to everything."""

    spoils = RUNGS

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        right = self.inside.evaluate(problem, params)
        return replace(
            right,
            mean=0 * right.mean,
            loss=0.0,
            log_likelihood=0.0,
            score=0 * right.score,
            curvature=lambda: 0 * right.information,
        )

    def fit(self, problem: Problem) -> Fit:
        return replace(self.inside.fit(problem), params=Params(np.zeros(problem.k), np.zeros((problem.p, problem.k))))


class WrongLink(Control):
    """Uses another link: probit for logit, logit for any other of a share; square root for log and identity, else log."""

    spoils = RUNGS + INFERENCE

    @classmethod
    def applies(cls, problem: Problem) -> str | None:
        return "no other link is known for the multinomial family" if problem.model.link == Softmax() else None

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        return self.inside.evaluate(replace(problem, model=self._wrong(problem.model)), params)

    def fit(self, problem: Problem) -> Fit:
        """Fit the wrong link to the right means, by least squares."""
        fit = self.inside.fit(problem)
        mu = np.abs(problem.model.link.inverse(problem.eta(fit.params)))
        free, *_ = np.linalg.lstsq(problem.design, self._wrong(problem.model).link(mu), rcond=None)
        return replace(fit, params=problem.params(free))

    @staticmethod
    def _wrong(model: Model) -> Model:
        if isinstance(model.family, Binomial):
            return replace(model, link=Probit() if model.link == Logit() else Logit())
        return replace(model, link=Sqrt() if model.link in (Log(), Identity()) else Log())


class WrongLoss(Control):
    """Keeps the activation, but its loss is the squared error."""

    spoils = ("objective", "gradient", "curvature", "optimum", "inference")

    @classmethod
    def applies(cls, problem: Problem) -> str | None:
        if isinstance(problem.model.family, (Gaussian, Multinomial)):
            return "squared error is right for the Gaussian, and for softmax the engine inside has none"
        return None

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        return self.inside.evaluate(self._wrong(problem), params)

    def fit(self, problem: Problem) -> Fit:
        fit = self.inside.fit(problem)
        return replace(fit, params=scoring_steps(self._wrong(problem), fit.params, 3))

    @staticmethod
    def _wrong(problem: Problem) -> Problem:
        return replace(problem, model=Model(Gaussian(), problem.model.link))


class NoBias(Control):
    """Forgets the bias."""

    spoils = RUNGS

    @classmethod
    def applies(cls, problem: Problem) -> str | None:
        model = problem.model
        if not problem.intercept or model.link.eta_domain != REAL or model.link.mu_domain != model.family.mu_domain:
            return "there is no bias, or without it the means leave the family's domain"
        return None

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        right = self.inside.evaluate(problem, Params(0 * params.intercept, params.coef))
        kept = np.tile(np.arange(problem.q) > 0, problem.free_outputs)
        return replace(
            right,
            score=right.score * (np.arange(1 + problem.p) > 0)[:, None],
            curvature=lambda: right.information * np.outer(kept, kept),
        )

    def fit(self, problem: Problem) -> Fit:
        fit = self.inside.fit(problem)
        without = replace(problem, intercept=False)
        return replace(fit, params=scoring_steps(without, Params(0 * fit.params.intercept, fit.params.coef), 5))


class Ridge(Control):
    """Adds a small ridge penalty, as some libraries do by default: 1e-6 |b|^2 / 2."""

    spoils = ("objective", "gradient", "curvature", "optimum", "inference")
    penalty = 1e-6

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        right = self.inside.evaluate(problem, params)
        penalty = self.penalty * float((params.matrix**2).sum()) / 2
        return replace(
            right,
            loss=right.loss + right.loss_scale * penalty / problem.n,
            log_likelihood=right.log_likelihood - penalty,
            score=right.score
            - self.penalty * params.matrix * (1 if problem.intercept else np.arange(1 + problem.p)[:, None] > 0),
            curvature=lambda: right.information + self.penalty * np.eye(len(right.information)),
        )

    def fit(self, problem: Problem) -> Fit:
        fit = self.inside.fit(problem)
        return replace(fit, params=scoring_steps(problem, fit.params, 5, penalty=self.penalty))


class StoppedEarly(Control):
    """Stops after two half steps and calls it converged."""

    spoils = ("optimum", "inference")

    def fit(self, problem: Problem) -> Fit:
        return replace(
            self.inside.fit(problem),
            params=scoring_steps(problem, likelihood.null_params(problem), 2, damping=0.5),
            reason="two steps seemed enough",
        )


class Nudged(Control):
    """Moves one coefficient by a millionth of its standard error."""

    spoils = ("optimum", "inference")

    def fit(self, problem: Problem) -> Fit:
        fit = self.inside.fit(problem)
        free = problem.free(fit.params).copy()
        free[-1, -1] += 1e-6 * fit.standard_errors[-1, -1]
        return replace(fit, params=problem.params(free))


class ClassesPermuted(Control):
    """Swaps the last two classes."""

    spoils = RUNGS + INFERENCE

    @classmethod
    def applies(cls, problem: Problem) -> str | None:
        return None if problem.model.link == Softmax() else "there are no classes to permute"

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        order = self._order(problem)
        return self.inside.evaluate(problem, Params(params.intercept[order], params.coef[:, order]))

    def fit(self, problem: Problem) -> Fit:
        fit, order = self.inside.fit(problem), self._order(problem)
        return replace(fit, params=Params(fit.params.intercept[order], fit.params.coef[:, order]))

    @staticmethod
    def _order(problem: Problem) -> np.ndarray:
        order = np.arange(problem.k)
        order[-2:] = order[-2:][::-1]
        return order


class Float32(Control):
    """Rounds its answers to single precision, which is Keras's default."""

    spoils = RUNGS + INFERENCE

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        right = self.inside.evaluate(problem, params)
        return replace(
            right,
            mean=_single(right.mean),
            loss=float(_single(np.array(right.loss))),
            log_likelihood=float(_single(np.array(right.log_likelihood))),
            score=_single(right.score),
            curvature=lambda: _single(right.information),
        )

    def fit(self, problem: Problem) -> Fit:
        fit = self.inside.fit(problem)
        return replace(fit, params=Params(_single(fit.params.intercept), _single(fit.params.coef)))


def _single(values: np.ndarray) -> np.ndarray:
    """The values rounded to float32, as float64."""
    return values.astype(np.float32).astype(float)


class Forgets(Control):
    """Drops a part of the data that few problems have; beside the ladder's controls, since on most problems it is right."""

    part = ""

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        return self.inside.evaluate(self._without(problem), params)

    def fit(self, problem: Problem) -> Fit:
        return self.inside.fit(self._without(problem))

    def _without(self, problem: Problem) -> Problem:
        dropped: dict[str, Any] = {self.part: None}
        return problem.with_data(**dropped)


def forgets(part: str) -> type[Forgets]:
    """The control that drops this part: "offset", "weights" or "trials"."""
    return type(f"Forgets{part.capitalize()}", (Forgets,), {"part": part})


CONTROLS: tuple[type[Control], ...] = (Zeros, WrongLink, WrongLoss, NoBias, Ridge, StoppedEarly, Nudged, ClassesPermuted, Float32)


def controls(rung: str, problem: Problem) -> list[type[Control]]:
    """The controls that spoil a rung of the ladder for a problem."""
    return [control for control in CONTROLS if rung in control.spoils and control.applies(problem) is None]
