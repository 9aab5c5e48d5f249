"""Where the optimum of a hypothesis is: found by scoring, and enclosed in ball arithmetic where that can be done."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg

from spec import existence, likelihood, scoring
from spec.diagnosis.context import Context
from spec.diagnosis.hypothesis import Hypothesis
from spec.diagnosis.result import Compared
from spec.diagnosis.sums import Totals
from spec.evidence.enclosure import Optimum, enclose_near
from spec.evidence.preconditions import PreconditionFailed
from spec.families import Gaussian
from spec.fit import optimise
from spec.fit.rows import Batch
from spec.problems import Problem, ProblemError

PROVEN = 2**21  # numbers of a design, times outputs, up to which an optimum is enclosed
STEPS = 30


@dataclass(frozen=True, eq=False)
class Metric:
    """
    How far a score is from zero, in standard errors: the root of s' I^-1 s / phi, for scores (q, m) in white coordinates.

    A score that overflowed is infinitely far.
    """

    lower: np.ndarray  # the Cholesky factor of the information
    dispersion: float

    @classmethod
    def of(cls, context: Context, hypothesis: Hypothesis, totals: Totals) -> Metric | None:
        """None where the information is singular, or so small that the rows are separated: no optimum is near then."""
        information = totals.information + in_white(context, hypothesis)
        try:
            steer = scoring.Steer.by(information, np.eye(len(totals.score))).checked()
        except np.linalg.LinAlgError:
            return None
        model, lower = hypothesis.objective.model, steer.lower
        if steer.widest > scoring.UNKNOWN and existence.may_separate(model):
            return None
        family = model.family
        if not (context.question.quasi or family.has_dispersion):
            return cls(lower, 1.0)
        least = 1e-12 * (context.facts.y_size**2 if isinstance(family, Gaussian) else 1.0)  # a perfect fit leaves rounding
        if hypothesis.has_other_response:
            least = 0.0
        elif type(family) is type(context.question.model.family):
            least = max(least, context.dispersion * (1.0 if hypothesis.is_flat else 1e-4))
        q, m = totals.score.shape
        return cls(lower, max(totals.pearson / max((totals.rows - q) * m, 1), least, 1e-300))

    def whiten(self, score: np.ndarray) -> np.ndarray:
        """The score (q, m) as a vector (q m,) whose length is the distance."""
        return self.whiten_rows(score.T.reshape(1, -1))[0]

    def whiten_rows(self, scores: np.ndarray) -> np.ndarray:
        """Scores (r, q m), output after output, each as a vector whose length is the distance."""
        white, _ = linalg.lapack.dtrtrs(self.lower, scores.T, lower=1)  # without what SciPy's solver looks up around it
        return white.T / np.sqrt(self.dispersion)

    def distance(self, score: np.ndarray) -> float:
        found = float(np.linalg.norm(self.whiten(score)))
        return np.inf if np.isnan(found) else found

    def step(self, score: np.ndarray) -> np.ndarray:
        """The scoring step (q, m), in white coordinates."""
        found = linalg.cho_solve((self.lower, True), score.T.ravel(), check_finite=False)
        return found.reshape(score.T.shape).T

    def standard_errors(self, basis: np.ndarray) -> np.ndarray:
        """The standard errors (q, m) of the free parameters in the design's own columns."""
        return scoring.Steer(basis, self.lower).standard_errors(self.dispersion)

    def length(self, step: np.ndarray) -> float:
        """The length in standard errors of a difference of parameters (q, m), in white coordinates."""
        return float(np.linalg.norm(self.lower.T @ step.T.ravel()) / np.sqrt(self.dispersion))


def summed(context: Context, hypothesis: Hypothesis, exact: bool = True) -> tuple[Totals, Metric] | None:
    """The sums of one hypothesis, of all rows if ``exact``, and their metric; None where no optimum is near."""
    (totals,) = context.totals([hypothesis], exact=exact)
    metric = None if totals is None else Metric.of(context, hypothesis, totals)
    return None if totals is None or metric is None else (totals, metric)


def in_white(context: Context, hypothesis: Hypothesis) -> np.ndarray | float:
    """The penalty's matrix in white coordinates; 0 without one."""
    if hypothesis.penalty is None:
        return 0.0
    of_outputs = np.kron(np.eye(hypothesis.free.shape[1]), context.basis(hypothesis.intercept))
    return of_outputs.T @ hypothesis.penalty @ of_outputs


def penalised(context: Context, hypothesis: Hypothesis, score: np.ndarray) -> np.ndarray:
    """The score (q, m) in white coordinates, less the pull of the hypothesis's penalty."""
    pull = np.zeros(hypothesis.free.shape) if hypothesis.pull is None else hypothesis.pull
    if hypothesis.penalty is not None:
        pull = pull + (hypothesis.penalty @ hypothesis.free.T.ravel()).reshape(score.T.shape).T
    return score - context.basis(hypothesis.intercept).T @ pull if pull.any() else score


def at(hypothesis: Hypothesis, free: np.ndarray) -> Hypothesis:
    """The hypothesis at other free parameters (q, m); of classes, class 0 has zeros."""
    matrix = np.zeros_like(hypothesis.matrix)
    matrix[hypothesis.first :, hypothesis.matrix.shape[1] - free.shape[1] :] = free
    return replace(hypothesis, matrix=matrix)


def nearest_optimum(context: Context, hypothesis: Hypothesis, within: float = 1e-13) -> tuple[Hypothesis, Totals, Metric] | None:
    """
    The optimum of a hypothesis that scoring finds from where it stands, which is near; None where it finds none.

    A point ``within`` so many standard errors of it is enough.
    """
    here, last, found = hypothesis, np.inf, None
    for _ in range(STEPS):
        if (sums := summed(context, here)) is None:
            return None
        totals, metric = sums
        score = penalised(context, here, totals.score)
        distance = metric.distance(score)
        found = here, totals, metric
        if distance < within or (distance < 1e-8 and distance > last / 2):
            return found
        last = distance
        step = context.basis(here.intercept) @ metric.step(score)
        here = at(here, here.free + step)
    return found if last < 1e-6 else None


def stated_optimum(context: Context, hypothesis: Hypothesis) -> tuple[np.ndarray | None, str]:
    """Return (free, why): the free parameters at the optimum of a stated model, or None and why there is no optimum."""
    question = context.question
    if not context.in_memory:
        fitted = optimise(question.model, question.rows, question.intercept, quasi=question.quasi, tolerance=1e-8)
        own = fitted.params.matrix[0 if question.intercept else 1 :]
        return (hypothesis.objective.free(own), "") if fitted.converged else (None, fitted.reason)
    try:
        problem = problem_of(context, hypothesis)
        if why := existence.rank_deficiency(problem):
            return None, why
        start = likelihood.start_params(problem)
    except ProblemError as error:
        return None, str(error)
    ascent = scoring.ascend(problem, lambda p: (likelihood.kernel(problem, p), likelihood.score(problem, p)), start)
    if ascent.converged:
        return problem.free(ascent.params), ""
    none = existence.no_optimum(problem, ascent.edge)
    return None, none or existence.not_reached(f"{ascent.iterations} iterations", ascent.distance)


def likelihood_lost(context: Context, hypothesis: Hypothesis) -> float | None:
    """The log-likelihood at the stated optimum less that at the answer; None where the rows are not in memory."""
    if not context.in_memory or context.best is None:
        return None
    problem = problem_of(context, hypothesis)
    there, here = (likelihood.kernel(problem, problem.params(free)) for free in (context.best, hypothesis.free))
    return there - here


def kept_rows(context: Context, hypothesis: Hypothesis) -> tuple[Batch, np.ndarray]:
    """Return (rows, mask): the rows that a hypothesis has, without those that it alone gives no weight, and which they are."""
    rows, mask = hypothesis.rows(*context.all), np.ones(context.facts.n, dtype=bool)
    if (gone := (rows.weights == 0) & (context.whole.weights > 0)).any():
        mask = ~gone
        rows = rows.each(lambda part: part[mask])
    return rows, mask


def problem_of(context: Context, hypothesis: Hypothesis) -> Problem:
    """The problem whose optimum a hypothesis says that the answer is; its rows are in memory."""
    rows = kept_rows(context, hypothesis)[0]
    data = {"weights": rows.weights, "offset": rows.offset, "columns": context.question.columns}
    made = Problem.of("the data", hypothesis.objective.model, rows.X, rows.y, hypothesis.intercept, **data)
    family = made.model.family
    return replace(made, quasi=context.question.quasi or not bool(np.all(family.response_domain.contains(rows.y))))


def enclosed(context: Context, hypothesis: Hypothesis) -> Optimum | None:
    """The proven optimum of a hypothesis, near where it stands; None where it cannot be enclosed."""
    size = context.facts.n * hypothesis.free.size
    if not (context.in_memory and hypothesis.objective.is_likelihood and size <= PROVEN):
        return None
    try:
        problem = problem_of(context, hypothesis)
        return enclose_near(problem, problem.params(hypothesis.free), hypothesis.penalty, hypothesis.pull)
    except (PreconditionFailed, ProblemError, np.linalg.LinAlgError):
        return None


def compared(context: Context, hypothesis: Hypothesis, optimum: Hypothesis, metric: Metric, prove: bool = True) -> Compared:
    """An answer beside the optimum of the hypothesis that it is held to."""
    proof = enclosed(context, optimum) if prove else None
    mine, best = hypothesis.free, optimum.free if proof is None else proof.centre + proof.shift
    errors = metric.standard_errors(context.basis(hypothesis.intercept))
    away = np.abs(mine - best)
    size = np.where(np.abs(best) > 1e-3 * errors, np.abs(best), errors)  # of a coefficient of nearly 0 digits say nothing
    digits = float(-np.log10(max(float((away / size).max()), 1e-16)))
    white = np.linalg.solve(context.basis(hypothesis.intercept), mine - best)
    names = (["the intercept"] if hypothesis.intercept else []) + list(context.question.columns)
    if mine.shape[1] > 1:
        first = int(hypothesis.objective.model.has_classes and hypothesis.objective.outputs(context.k) < context.k)
        names = [f"{name}, class {output + first}" for output in range(mine.shape[1]) for name in names]
    return Compared(
        tuple(names),
        mine.T.ravel(),
        best.T.ravel(),
        errors.T.ravel(),
        distance=metric.length(white),
        digits=max(digits, 0.0),
        proven=proof is not None,
    )
