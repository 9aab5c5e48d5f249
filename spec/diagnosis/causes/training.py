"""Causes in the way to the optimum: an answer that is on its way there, or that batches or float32 keep away from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from scipy import special

from spec.diagnosis.causes.descent import descent_path
from spec.diagnosis.causes.penalty import loss_scale
from spec.diagnosis.causes.way import CHANCE, Way
from spec.diagnosis.context import design
from spec.diagnosis.proof import at, kept_rows, problem_of
from spec.families import Binomial, Multinomial, Poisson
from spec.fit.rows import Batch
from spec.likelihood import gram, null_params
from spec.problems import ProblemError

BATCH = 8  # rows of a batch; Keras takes 32 by default, and the last of an epoch has fewer
TELLS = 2.0  # the logarithm of the ratio of likelihoods by which one explanation is preferred to another
EPS32 = 2.0**-24
LEFT = 1e-2  # of the way that is left: what the steps of a descent leave of it at least, if it is still on its way
FAINT = 0.1  # of the noise of batches: less is no noise of theirs


def newton_steps(way: Way) -> str | None:
    """The answer is an iterate of scoring from a usual start."""
    if (
        not way.context.in_memory
        or not way.here.objective.is_likelihood
        or way.here.penalty is not None
        or way.here.pull is not None
    ):
        return None
    rows = kept_rows(way.context, way.here)[0]
    gone = way.length(way.here.free - way.best.free)
    for name, eta in _starts(way, rows):
        deviance = np.inf
        for step in range(1, 26):
            free = _weighted(way, rows, eta)
            if free is None:
                break
            here = at(way.here, free)
            eta = here.eta(rows)
            before, deviance = deviance, _deviance(way, rows, eta)
            change = abs(before - deviance) / (abs(deviance) + 0.1)
            may_end = name in (OF_R, OF_STATSMODELS, OF_BOTH) and change < ENDED and way.is_written(free)
            if may_end or way.near(free):
                told = f", where the deviance changes by {change:.1g} of itself" if may_end else ""
                return f"it is iterate {step} of scoring from {name}{told}"
            if way.length(free - way.best.free) < gone / 4:
                break  # later ones are nearer still
    return None


OF_R, OF_STATSMODELS, OF_BOTH = "R's start", "statsmodels' start", "the start of R and statsmodels"
ENDED = 1e-5  # of itself: what the deviance changes by in the last step is less, by the rules of R (1e-8) and Julia (1e-6)


def _deviance(way: Way, rows: Batch, eta: np.ndarray) -> float:
    model = way.here.objective.model
    return float((rows.weights[:, None] * model.family.unit_deviance(rows.y, model.link.inverse(eta))).sum())


def _starts(way: Way, rows: Batch) -> Iterator[tuple[str, np.ndarray]]:
    """Linear predictors (n, k) that programs start from: R's and statsmodels' own means, and weights of zero."""
    model = way.here.objective.model
    yield "zero", np.zeros_like(rows.y) + (0 if rows.offset is None else rows.offset)
    with suppress(ProblemError):  # the responses may be outside the domain of another family's loss
        problem = problem_of(way.context, way.here)
        yield "the null model", problem.eta(null_params(problem))
    if model.has_classes:
        return
    weight, plain = rows.weights[:, None], rows.y.mean(axis=0)
    family = model.family
    mean = (weight * rows.y).sum(axis=0) / weight.sum()
    starts = {"the mean": np.broadcast_to(mean, rows.y.shape)}
    if isinstance(family, Binomial):
        differ = (weight != 1).any()
        starts[OF_STATSMODELS if differ else OF_BOTH] = (rows.y + 0.5) / 2
        if differ:
            starts[OF_R] = (weight * rows.y + 0.5) / (weight + 1)
    else:
        starts[OF_R] = rows.y + 0.1 if isinstance(family, Poisson) else rows.y
        starts[OF_STATSMODELS] = (rows.y + plain) / 2
    for name, mu in starts.items():
        eta = model.link(mu)
        if np.isfinite(eta).all() and model.eta_domain.contains(eta).all():
            yield name, eta


def _weighted(way: Way, rows: Batch, eta: np.ndarray) -> np.ndarray | None:
    """The weighted least squares of one step of scoring at linear predictors (n, k): the free parameters (q, m)."""
    objective, weight = way.here.objective, rows.weights[:, None]
    white = design(rows.X, way.here.intercept) @ way.context.basis(way.here.intercept)
    working = objective.information(eta, weight)
    score = objective.score(rows.y, eta, weight)
    offset = np.zeros_like(eta) if rows.offset is None else rows.offset
    linear = objective.free(eta - offset)
    m = linear.shape[1]
    total = white.T @ (score + (working @ linear[:, :, None])[:, :, 0])
    try:
        found = np.linalg.solve(gram(white, working), total.T.ravel()).reshape(m, -1).T
    except np.linalg.LinAlgError:
        return None
    return way.context.basis(way.here.intercept) @ found if np.isfinite(found).all() else None


def float32(way: Way) -> str | None:
    """The rest of the gradient is lost in single precision: a step no longer changes a weight, or rounding hides it."""
    record = way.context.answer.record
    if record is None or not record.steps or way.here.rounding is None or not way.here.rounding.any():
        return None
    n, scale = way.context.facts.n, loss_scale(way.here)
    basis = way.context.basis(way.here.intercept)
    spread = np.abs(np.linalg.inv(basis).T) @ np.sqrt(way.totals.squares * n)
    stalled = EPS32 * np.abs(way.here.free) * n / (scale * max(record.learning_rate, 1e-12))
    if (np.abs(way.score) <= 2 * (stalled + EPS32 * spread)).all():
        return "what is left of its gradient is below the rounding of float32, in which it was trained"
    return None


def _modes(way: Way) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (curvatures, away, whole) for each axis of the descent: the distances of the answer and of zero from the optimum."""
    q = len(way.here.free)
    values, vectors = np.linalg.eigh(way.across)
    root = np.kron(vectors * np.sqrt(values) @ vectors.T, np.eye(q))
    back = np.linalg.inv(root)
    curvatures, axes = np.linalg.eigh(root @ way.information @ root)
    along = axes.T @ back
    away = np.abs(along @ (way.here.free - way.best.free).T.ravel())
    whole = np.abs(along @ way.best.free.T.ravel())
    return curvatures, away, whole


def _descent(way: Way) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return (away, left, noise) along each axis: the answer's distance, the rest after the steps, the noise of their batches."""
    record = way.context.answer.record
    if record is None or not record.steps or "sgd" not in record.optimizer.lower():
        return None
    n, scale = way.context.facts.n, loss_scale(way.here)
    curvatures, away, whole = _modes(way)
    move = record.learning_rate * scale * curvatures / n
    share = np.minimum(np.abs(1 - move), 1.0) ** record.steps
    left = share * (whole + 4 * record.init)
    settled = record.learning_rate * scale * way.at_best.dispersion / (min(BATCH, n) * (2 - np.minimum(move, 1.9)))
    return away, left, np.sqrt(settled * (1 - share**2))


def rate_too_large(way: Way) -> str | None:
    """Along the steepest axis each step of gradient descent comes out farther from the optimum than it was."""
    record = way.context.answer.record
    if record is None or not record.steps or "sgd" not in record.optimizer.lower():
        return None
    reach = record.learning_rate * loss_scale(way.here) * _modes(way)[0].max() / way.context.facts.n
    if not reach > 2 * (1 + record.momentum):
        return None
    return (
        f"at the rate {record.learning_rate:g} a step along the steepest axis is {reach:.3g} times as long as the way to the "
        "optimum, so it swings from side to side and never comes to rest, however many steps it makes"
    )


def _likelihood(away: np.ndarray, size: np.ndarray) -> float:
    """The logarithm of the likelihood of distances that are normal, of a size for each."""
    size = np.maximum(size, 1e-9 * away.max())
    return float(-np.log(size).sum() - ((away / size) ** 2).sum() / 2)


def stopped(way: Way) -> str | None:
    """The training ended too early: so many steps leave this rest of the way, or the optimizer still sees its gradient."""
    record = way.context.answer.record
    if record is None or not record.steps:
        return None
    told = f"training ended after {record.steps} steps of {record.optimizer} at the rate {record.learning_rate:g}"
    if (found := _descent(way)) is not None:
        away, left, noise = found
        if left.max() < LEFT * away.max():
            return None
        left = np.maximum(left, away.max() * (1e-6 + away.max()))  # no less: the axes are those of a quadratic
        sizes = [left, np.hypot(left, noise)]  # with all rows in each step, and with few
        likely = [_likelihood(away, size) for size in sizes if (away <= 4 * size + 1e-6 * away.max()).all()]
        if likely and max(likely) > _likelihood(away, noise) + TELLS:
            return f"{told}: the way that is left lies along the flattest directions, as it does after so few steps"
        return None
    seen = _seen(way)
    if seen is not None and seen.is_likely and not _wanders(way, seen):
        return f"{told}: its running mean of the gradient is the gradient at your weights, so it was still on its way"
    return None


class _Seen(NamedTuple):
    """
    The gradient at the answer, and the running mean that Adam has of it, (q, m), in units of how widely it spread.

    ``lag`` is what the mean is behind by where all rows are in each step: the curvature times the last steps.
    """

    gradient: np.ndarray
    mean: np.ndarray
    lag: np.ndarray

    @property
    def is_likely(self) -> bool:
        """Whether the gradients spread widely enough for the two to differ so."""
        return bool((np.abs(self.gradient - self.mean) <= 1).all())


def _wanders(way: Way, seen: _Seen) -> bool:
    """
    Whether the mean is of other rows than all, near the optimum.

    It is neither near the gradient nor as far behind as steps leave it: with all rows in each step the two differ by about
    the gradient at most.
    """
    away = seen.mean - seen.gradient
    least = min(np.linalg.norm(away), np.linalg.norm(away - seen.lag))
    return bool(least > APART * np.linalg.norm(seen.gradient) and way.gone < NEARBY)


APART = 2.0  # times the gradient: twice what it is with all rows in each step
NEARBY = 1.0  # standard errors: as far as steps of few rows usually lead from the optimum
LAG = 9  # steps: the age of Adam's running mean, whose share of each new gradient is a tenth


def _seen(way: Way) -> _Seen | None:
    record = way.context.answer.record
    if record is None or record.mean is None or record.square is None:
        return None
    first, scale = way.here.first, loss_scale(way.here) / way.context.facts.n
    own, root = record.mean[first:] / (1 - 0.9**record.steps), np.sqrt(np.abs(record.square[first:]) / (1 - 0.999**record.steps))
    mean, wide = way.here.objective.free(own), root
    wide = wide[:, 1:] + wide[:, :1] if way.here.objective.has_gauge else wide
    wide = np.maximum(wide + np.abs(mean), 1e-300)
    step = way.here.objective.free(record.learning_rate * own / np.maximum(root, 1e-300))
    lag = LAG * scale * (way.information_here @ step.T.ravel()).reshape(step.T.shape).T
    return _Seen(-way.score * scale / wide, mean / wide, lag / wide)


def minibatch_noise(way: Way) -> str | None:
    """The answer wanders around the optimum, as steps of a few rows each do."""
    record = way.context.answer.record
    if (found := _descent(way)) is None:
        seen = _seen(way)
        if record is None or seen is None or not (seen.is_likely and _wanders(way, seen)):
            return None
        return (
            f"steps of few rows each wander around the optimum: {record.optimizer} has a running mean of the gradient that is of "
            "some rows, and not of all"
        )
    away, left, noise = found
    least = FAINT * np.sqrt(2 * BATCH / way.context.facts.n) * np.linalg.norm(noise)  # of batches of half the rows
    if (away <= 4 * np.hypot(left, noise)).all() and np.linalg.norm(away) >= least:
        assert record is not None
        return f"steps of few rows each wander around the optimum: at the rate {record.learning_rate:g} by about this much"
    return None


def _beside_intercept(way: Way) -> float:
    """The distance of an answer, in standard errors, from the nearest answer whose slopes are 0, with any intercept."""
    free = way.here.free
    length = way.metric.lower.T @ np.kron(np.eye(free.shape[1]), np.linalg.inv(way.context.basis(way.here.intercept)))
    goal = length @ free.T.ravel()
    if way.here.intercept:
        columns = length[:, :: len(free)]  # those of the intercepts
        goal = goal - columns @ np.linalg.lstsq(columns, goal, rcond=None)[0]
    return float(np.linalg.norm(goal))


FEWEST = 2  # rows of a class that are kept: of fewer there is no fit


def undersampled(way: Way) -> str | None:
    """
    The answer is as far off as it is when a share of the rows of a class is kept at random: likely, and it cannot be proven.

    Of a class c that is kept with the share r the sum of the scores, r times that of all its rows, has the covariance
    r (1 - r) times the sum of their squares. The shares are those that make the classes even, or those that leave least.
    """
    context, here = way.context, way.here
    if not context.in_memory or not isinstance(here.objective.model.family, (Binomial, Multinomial)):
        return None
    if (found := context.scored(here)) is None:
        return None
    scored, white = found
    rows, scores = scored.rows, scored.scores
    assert scores is not None
    each = (scores[:, :, None] * white[:, None, :]).reshape(len(rows), -1)
    shares = rows.y if rows.y.shape[1] > 1 else np.hstack([1 - rows.y, rows.y])
    totals, classes = each.T @ shares, shares.sum(axis=0)  # (q m, classes), (classes,)
    least = np.abs(np.linalg.svd(np.linalg.solve(way.metric.lower, totals))[2][-1])
    for kept, unknowns in ((classes.min() / classes, 0), (least / least.max(), len(classes) - 1)):
        if not 1e-3 < kept.min() < 0.95 or (kept * classes).min() < FEWEST:
            continue
        covariance = (each * (shares @ (kept * (1 - kept)))[:, None]).T @ each
        score, equations = totals @ kept, each.shape[1] - unknowns
        fitted = way.metric.distance(score.reshape(scores.shape[1], -1).T)
        by_chance = equations * np.log10(fitted / max(min(way.gone, _beside_intercept(way)), 1e-300))
        most = CHANCE if not unknowns else 2 * CHANCE  # shares that are chosen fit more
        away = score @ np.linalg.pinv(covariance) @ score  # of weights, which draw no rows, it would be next to nothing
        if by_chance <= most and special.chdtri(equations, 0.99) <= away <= special.chdtri(equations, 0.001):
            named = ", ".join(f"{share:.3g}" for share in kept)
            return f"it is where a fit lies that keeps of the classes the shares {named} of their rows, drawn at random"
    return None


VERDICTS: dict[str, Callable[[Way], str | None]] = {
    "newton-steps": newton_steps,
    "rate-too-large": rate_too_large,
    "descent-path": descent_path,
    "float32": float32,
    "stopped": stopped,
    "minibatch-noise": minibatch_noise,
    "undersampled": undersampled,
}
REPLAYED = ("newton-steps", "descent-path")  # which come to the answer's own digits
