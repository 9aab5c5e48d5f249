"""
Engines that are wrong on purpose. Every claim must refuse those that spoil what it claims.

Each wraps an engine that is right (statsmodels', unless told otherwise) and spoils its answers in one way. ``spoils``
names the rungs of the ladder on which the answer is wrong; on the others it is right, and a claim may accept it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spec import scoring
from spec.engines.engine import Description, Engine, Evaluation, Fit, load
from spec.families import Binomial, Family, Gamma, Gaussian, Multinomial
from spec.links import Cauchit, Identity, Link, Log, Logit
from spec.model import Model, Params
from spec.problems import Problem

RUNGS = ("mean", "objective", "gradient", "curvature", "optimum")


class Control:
    """An engine that answers what the engine inside answers."""

    spoils: tuple[str, ...] = ()
    outputs = "one or many"  # what it can be wrong about: models with one output, with many, or both

    def __init__(self, inside: Engine | None = None) -> None:
        self.inside = inside or load("spec.engines.statsmodels_engine:StatsmodelsEngine")

    def describe(self) -> Description:
        inside = self.inside.describe()
        return replace(inside, name=f"{type(self).__name__} (a control: wrong on purpose) around {inside.name}")

    def declines(self, problem: Problem) -> str | None:
        return self.inside.declines(problem)

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        return self.inside.evaluate(problem, params)

    def fit(self, problem: Problem) -> Fit:
        return self.inside.fit(problem)

    def _newton(self, problem: Problem, penalty: float = 0.0, steps: int = 100, damping: float = 1.0) -> Params:
        """Scoring on the inside engine's score, with a ridge penalty on every coefficient, or stopped early."""
        params = scoring.start(problem)
        for _ in range(steps):
            free = problem.free(params)
            score = self.inside.evaluate(problem, params).score[1 - problem.intercept :, problem.k - problem.free_outputs :]
            gradient = score - penalty * free
            information = scoring.expected_information(problem, params) + penalty * np.eye(free.size)
            step = np.linalg.solve(information, gradient.T.ravel()).reshape(free.shape[::-1]).T
            size = damping
            while not scoring.in_domain(problem, problem.params(free + size * step)):
                size /= 2
            params = problem.params(free + size * step)
            if np.abs(step).max() <= 1e-14 * np.abs(free).max():
                break
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
    """Uses a neighbouring link: cauchit for logit, identity for log, log for any other."""

    spoils = RUNGS
    outputs = "one"

    def declines(self, problem: Problem) -> str | None:
        if isinstance(problem.model.family, Multinomial):
            return "no other link is known for the multinomial family"
        return self.inside.declines(self._wrong(problem))

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        return self.inside.evaluate(self._wrong(problem), params)

    def fit(self, problem: Problem) -> Fit:
        return self.inside.fit(self._wrong(problem))

    @staticmethod
    def _wrong(problem: Problem) -> Problem:
        family, link = problem.model.family, problem.model.link
        if isinstance(family, Binomial):
            other: Link = Cauchit() if not isinstance(link, Cauchit) else Logit()
        else:
            other = Log() if not isinstance(link, Log) else Identity()
        return with_model(problem, Model(family, other))


class WrongLoss(Control):
    """Keeps the activation and takes squared error for the loss (cross-entropy's place), or Poisson's for squared error's."""

    spoils = ("objective", "gradient", "curvature", "optimum")
    outputs = "one"

    def declines(self, problem: Problem) -> str | None:
        if isinstance(problem.model.family, Multinomial):
            return "squared error of a softmax is no generalized linear model of the inside engine"
        if isinstance(problem.model.family, Gaussian) and (problem.y <= 0).any():
            return "a Gamma loss needs positive responses"
        return None

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        return self.inside.evaluate(self._wrong(problem), params)

    def fit(self, problem: Problem) -> Fit:
        return self.inside.fit(self._wrong(problem))

    @staticmethod
    def _wrong(problem: Problem) -> Problem:
        other: Family = Gaussian()
        if isinstance(problem.model.family, Gaussian):
            other = Gamma()
        return with_model(problem, Model(other, problem.model.link))


class NoBias(Control):
    """Forgets the bias."""

    spoils = RUNGS

    def declines(self, problem: Problem) -> str | None:
        return self.inside.declines(problem) if problem.intercept and problem.p else "there is no bias to forget, or nothing else"

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        return self.inside.evaluate(problem, Params(0 * params.intercept, params.coef))

    def fit(self, problem: Problem) -> Fit:
        without = replace(problem, intercept=False)
        fit = self.inside.fit(without)
        errors = np.vstack([np.zeros((1, problem.free_outputs)), fit.standard_errors])
        return replace(fit, params=without.params(without.free(fit.params)), standard_errors=errors)


class Ridge(Control):
    """Adds a small ridge penalty, as some libraries do by default: 1e-6 |b|^2 / 2."""

    spoils = ("objective", "gradient", "curvature", "optimum")
    penalty = 1e-6

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        right = self.inside.evaluate(problem, params)
        lost = self.penalty * float((params.matrix**2).sum()) / 2
        return replace(
            right,
            loss=right.loss + right.loss_scale * lost / problem.n,
            log_likelihood=right.log_likelihood - lost,
            score=right.score - self.penalty * params.matrix * (1 if problem.intercept else np.arange(1 + problem.p)[:, None] > 0),
            curvature=lambda: right.information + self.penalty * np.eye(len(right.information)),
        )

    def fit(self, problem: Problem) -> Fit:
        return replace(self.inside.fit(problem), params=self._newton(problem, penalty=self.penalty))


class StoppedEarly(Control):
    """Stops after two half steps and calls it converged."""

    spoils = ("optimum",)

    def fit(self, problem: Problem) -> Fit:
        return replace(self.inside.fit(problem), params=self._newton(problem, steps=2, damping=0.5), reason="two steps seemed enough")


class Nudged(Control):
    """Moves one coefficient by a millionth of its standard error."""

    spoils = ("optimum",)

    def fit(self, problem: Problem) -> Fit:
        fit = self.inside.fit(problem)
        free = problem.free(fit.params).copy()
        free[-1, -1] += 1e-6 * fit.standard_errors[-1, -1]
        return replace(fit, params=problem.params(free))


class ClassesPermuted(Control):
    """Takes the last two classes for each other."""

    spoils = RUNGS
    outputs = "many"

    def declines(self, problem: Problem) -> str | None:
        return self.inside.declines(problem) if problem.k > 2 else "there are no two classes besides the baseline to permute"

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
    """Keeps its weights in single precision, as Keras does unless told otherwise."""

    spoils = RUNGS

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
    return values.astype(np.float32).astype(float)


def with_model(problem: Problem, model: Model) -> Problem:
    """The same data under another model."""
    return replace(problem, model=model)


CONTROLS: tuple[type[Control], ...] = (Zeros, WrongLink, WrongLoss, NoBias, Ridge, StoppedEarly, Nudged, ClassesPermuted, Float32)


def controls(rung: str, outputs: str) -> list[type[Control]]:
    """The controls that spoil a rung for models with "one" output or with "many"."""
    return [control for control in CONTROLS if rung in control.spoils and outputs in control.outputs]
