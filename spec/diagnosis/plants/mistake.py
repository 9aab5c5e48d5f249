"""A mistake: how a program came to another answer than the one that was asked for, in three parts that can be put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Optional

import numpy as np

from spec import scoring
from spec.diagnosis.answer import Answer
from spec.diagnosis.plants.optima import optimum, stated_optimum
from spec.diagnosis.question import Question
from spec.model import Params
from spec.problems import Problem, ProblemError

TRIES = 6  # draws of a mistake until one can be planted
FAR = 1e-4  # standard errors: what is nearer to the optimum is not planted
Back = Callable[[Params], Params]


@dataclass(frozen=True, eq=False)
class Planted:
    """
    An answer with a known cause, and the question that it was to answer.

    ``stated`` is the question as a problem; ``fitted`` the problem whose optimum the answer is, where it is one; ``back`` brings
    the parameters of that into the layout of the answer.
    """

    question: Question
    answer: Answer
    stated: Problem
    fitted: Problem
    back: Back


@dataclass(frozen=True, eq=False)
class Other:
    """
    The problem that a program had in place of another, and ``back``, which lays out its parameters for the other.

    ``subsets`` are choices of the rows that are known to the reader, and ``clusters`` rows that go together: see `Question`.
    """

    problem: Problem
    back: Back = lambda params: params
    subsets: Mapping[str, np.ndarray] = field(default_factory=dict)
    clusters: np.ndarray | None = None


State = Callable[[Problem, np.random.Generator], Optional[Problem]]
Change = Callable[[Problem, np.random.Generator], Optional[Other]]
Fit = Callable[[Problem, np.random.Generator], "Answer | Params | None"]
Plant = Callable[[Problem, np.random.Generator], Optional[Planted]]


def as_it_is(problem: Problem, rng: np.random.Generator) -> Problem:
    """The problem itself."""
    return problem


def the_same(problem: Problem, rng: np.random.Generator) -> Other:
    """The problem itself."""
    return Other(problem)


@dataclass(frozen=True, eq=False)
class Mistake:
    """
    A mistake, called with a problem and a generator: an answer made by it, or None where it cannot be made there.

    ``state`` makes the problem that the reader states, ``change`` the problem that the program had, and ``fit`` its answer to
    that. ``exists`` says that the stated problem has one optimum. An answer nearer to that than ``far`` standard errors is not
    planted; ``tries`` are the draws of the mistake until one can be.
    """

    change: Change = the_same
    state: State = as_it_is
    fit: Fit = optimum
    exists: bool = True
    far: float = FAR
    tries: int = TRIES

    def __call__(self, problem: Problem, rng: np.random.Generator) -> Planted | None:
        for _ in range(self.tries):
            try:
                planted = self._planted(problem, rng)
            except (ProblemError, ValueError, FloatingPointError, np.linalg.LinAlgError):  # a draw that is outside the domain
                continue
            if planted is not None:
                return planted
        return None

    def _planted(self, problem: Problem, rng: np.random.Generator) -> Planted | None:
        stated = self.state(problem, rng)
        best = stated_optimum(stated) if stated is not None and self.exists else None
        if stated is None or (self.exists and best is None):
            return None
        other = self.change(stated, rng)
        found = None if other is None else self.fit(other.problem, rng)
        if other is None or found is None:
            return None
        answer = found if isinstance(found, Answer) else Answer(found)
        answer = replace(answer, params=other.back(answer.params))
        if best is not None and distance(stated, best, answer.params) <= self.far:
            return None
        question = replace(Question.of(stated), subsets=other.subsets, clusters=other.clusters)
        return Planted(question, answer, stated, other.problem, other.back)


def both(first: Mistake, second: Mistake) -> Mistake:
    """Both mistakes at once: the second is made in what the first left. One of them at most has a fit of its own."""
    fits = [one.fit for one in (first, second) if one.fit is not optimum]
    if len(fits) > 1:
        raise ValueError("two mistakes in the fit cannot be made at once.")

    def state(problem: Problem, rng: np.random.Generator) -> Problem | None:
        stated = first.state(problem, rng)
        return None if stated is None else second.state(stated, rng)

    def change(problem: Problem, rng: np.random.Generator) -> Other | None:
        one = first.change(problem, rng)
        two = None if one is None else second.change(one.problem, rng)
        if one is None or two is None:
            return None
        there, on = one.back, two.back
        clusters = one.clusters if two.clusters is None else two.clusters
        return Other(two.problem, lambda params: there(on(params)), {**one.subsets, **two.subsets}, clusters)

    return Mistake(change, state, fits[0] if fits else optimum, first.exists and second.exists, max(first.far, second.far))


def distance(problem: Problem, best: Params, params: Params) -> float:
    """The distance of parameters from the optimum ``best``, in standard errors; of further columns only the first ones count."""
    params = Params(params.intercept, params.coef[: problem.p])
    steer, moved = scoring.White.of(problem).fisher(problem, best), problem.free(params) - problem.free(best)
    root = steer.lower.T @ np.linalg.solve(steer.basis, moved).T.ravel()
    return float(np.sqrt(root @ root / scoring.White.scale(problem, best)))
