"""What the reader's problem has, so that a mistake can be made with it: an offset, weights, trials, a factor, equal rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from spec.diagnosis.plants.optima import stated_optimum
from spec.families import Binomial, Gaussian, NegativeBinomial, Poisson, Tweedie
from spec.links import Log
from spec.problems import Problem

LEVELS = ("a", "b", "c", "d")


def with_offset(problem: Problem, rng: np.random.Generator) -> Problem | None:
    """The problem with an offset: the logarithm of an exposure under a log link, else a part as large as a fourth of eta."""
    if problem.offset is not None:
        return problem
    if isinstance(problem.model.link, Log) and not isinstance(problem.model.family, Binomial):
        return problem.with_data(offset=np.log(rng.uniform(0.3, 4, size=(problem.n, 1))))
    best = stated_optimum(problem)
    if best is None:
        return None
    spread = float(problem.eta(best).std()) / 4 or 0.1
    return problem.with_data(offset=rng.uniform(-1, 1, size=(problem.n, problem.k)) * spread)


def with_weights(problem: Problem, rng: np.random.Generator) -> Problem:
    """The problem with prior weights."""
    if problem.data.weights is not None:
        return problem
    weights = rng.integers(1, 6, size=problem.n) if rng.uniform() < 0.5 else rng.uniform(0.2, 3, size=problem.n).round(3)
    return problem.with_data(weights=weights)


def with_trials(problem: Problem, rng: np.random.Generator) -> Problem | None:
    """Shares of 2 to 20 trials, drawn anew from the fitted means."""
    if problem.data.trials is not None:
        return problem
    best = stated_optimum(problem) if isinstance(problem.model.family, Binomial) else None
    if best is None:
        return None
    trials = rng.integers(2, 21, size=problem.n)
    mu = problem.model.link.inverse(problem.eta(best))[:, 0]
    return problem.with_data(trials=trials, y=(rng.binomial(trials, mu) / trials)[:, None])


def with_factor(problem: Problem, rng: np.random.Generator) -> Problem | None:
    """A factor of three or four levels besides, as the columns of its levels but the first."""
    levels = 3 if problem.n < 60 else int(rng.integers(3, 5))
    if problem.n < 4 * (problem.q + levels) or not problem.intercept:
        return None
    codes = rng.permutation(np.resize(np.arange(levels), problem.n))
    columns = (*problem.data.columns, *(f"C(group)[T.{level}]" for level in LEVELS[1:levels]))
    return problem.with_data(X=np.hstack([problem.X, np.eye(levels)[codes][:, 1:]]), columns=columns)


def with_equal_rows(problem: Problem, rng: np.random.Generator) -> Problem:
    """A fifth of the rows twice, the copies anywhere among them."""
    copied = rng.choice(problem.n, max(problem.n // 5, 2), replace=False)
    return rows_of(problem, rng.permutation(np.concatenate([np.arange(problem.n), copied])))


def without_intercept(problem: Problem, rng: np.random.Generator) -> Problem | None:
    """The problem through the origin."""
    return replace(problem, intercept=False) if problem.p else None


def with_late_column(problem: Problem, rng: np.random.Generator) -> Problem | None:
    """A column far from zero, such as a date in seconds: single precision has few digits left for its differences."""
    if not problem.intercept or not problem.p:
        return None
    X, column = problem.X.copy(), int(rng.integers(problem.p))
    X[:, column] += X[:, column].std() * 10 ** rng.uniform(2.5, 4)
    return problem.with_data(X=X, columns=problem.data.columns)


def with_rare_events(problem: Problem, rng: np.random.Generator) -> Problem | None:
    """Counts of which each event is kept with a chance of one in twenty."""
    if not isinstance(problem.model.family, Poisson):
        return None
    return problem.with_data(y=rng.binomial(problem.y.astype(int), 0.05).astype(float))


def with_two_values(problem: Problem, rng: np.random.Generator) -> Problem | None:
    """Responses 0 and 1."""
    if isinstance(problem.model.family, Gaussian):
        return problem.with_data(y=(problem.y > np.median(problem.y)).astype(float))
    return problem if isinstance(problem.model.family, Binomial) and is_binary(problem) else None


def is_binary(problem: Problem) -> bool:
    """Whether the response is 0 or 1 in every row, and no trials are behind it."""
    return bool(np.isin(problem.y, (0, 1)).all()) and problem.data.trials is None


def separated(problem: Problem, rng: np.random.Generator) -> Problem | None:
    """A column that tells the responses apart, or a level in which nothing ever happens."""
    n = problem.n
    model = problem.model
    if isinstance(model.family, (Poisson, NegativeBinomial, Tweedie)) and isinstance(model.link, Log):
        level = np.zeros((n, 1))
        level[rng.choice(n, max(n // 8, 2), replace=False)] = 1
        columns = (*problem.data.columns, "never")
        return problem.with_data(X=np.hstack([problem.X, level]), y=np.where(level == 1, 0.0, problem.y), columns=columns)
    if not problem.p or not (model.has_classes or (isinstance(model.family, Binomial) and is_binary(problem))):
        return None
    column = problem.X[:, int(rng.integers(problem.p))]
    above = column > np.quantile(column, rng.uniform(0.3, 0.7))
    if not 2 < above.sum() < n - 2:
        return None
    if not model.has_classes:
        return problem.with_data(y=above[:, None].astype(float))
    y = problem.y.copy()
    y[above], y[~above, -1] = np.eye(problem.k)[-1], 0.0
    y[~above, 0] += y[~above].sum(axis=1) == 0
    return problem.with_data(y=y)


def with_an_empty_class(problem: Problem, rng: np.random.Generator) -> Problem | None:
    """One more class, which occurs in no row."""
    if not problem.model.has_classes:
        return None
    place = int(rng.integers(problem.k + 1))
    return problem.with_data(
        y=np.insert(problem.y, place, 0.0, axis=1),
        offset=None if problem.offset is None else np.insert(problem.offset, place, 0.0, axis=1),
    )


def rows_of(problem: Problem, rows: np.ndarray) -> Problem:
    """The problem on these rows, in this order."""

    def taken(name: str) -> np.ndarray | None:
        value = getattr(problem.data, name)
        return None if value is None else value[rows]

    parts: dict[str, Any] = {name: taken(name) for name in ("X", "y", "offset", "weights", "trials")}
    return problem.with_data(**parts, columns=problem.data.columns)
