"""Which convention standard errors follow, where the coefficients agree: information, dispersion, or robust."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import linalg, optimize, special

from spec import likelihood, scoring
from spec.diagnosis.context import Context
from spec.diagnosis.hypothesis import Hypothesis
from spec.diagnosis.proof import kept_rows, problem_of
from spec.families import Gamma, Gaussian, InverseGaussian
from spec.model import Params
from spec.problems import Problem

AGREE = 1e-4  # relative: how well a convention must agree, beyond the printed digits
BEFORE = 2e-3  # relative: what the usual ones may differ by that are of the iterate before the last, as R has them


def conventions(context: Context, hypothesis: Hypothesis) -> Iterator[tuple[str, str, np.ndarray]]:
    """
    Yield (code, sentence, standard errors (q, m)) of each convention at an optimum; the first is that of the specification.

    They are of the coefficients as they were brought: of columns in other units, or in another order.
    """
    problem, params = _as_brought(problem_of(context, hypothesis), hypothesis)
    white = scoring.White.of(problem)
    fisher = white.fisher(problem, params)
    unit = fisher.standard_errors(1.0)
    mu = problem.model.link.inverse(problem.eta(params))
    estimates = problem.has_dispersion and (context.question.quasi or problem.model.family.has_dispersion)
    pearson = likelihood.dispersion(problem, mu) if estimates else 1.0
    n, rest = problem.n * problem.free_outputs, max(problem.freedom, 1)
    yield "", "", np.sqrt(pearson) * unit
    observed = white.newton_at(problem, problem.eta(params))
    if observed is not None:
        errors = np.sqrt(pearson) * observed.standard_errors(1.0)
        yield "errors-observed", "they are of the observed information, not of the expected", errors
    deviance = likelihood.deviance(problem, mu)
    if estimates:
        yield "errors-n", "the dispersion is divided by n, not by n - p", np.sqrt(pearson * rest / n) * unit
        if (repeated := float(problem.row_weights.sum() - problem.q) * problem.free_outputs) > 0:
            says = "the dispersion is divided by the sum of the weights less p, not by n - p"
            yield "errors-frequency", says, np.sqrt(pearson * rest / repeated) * unit
        yield "errors-deviance", "the dispersion is the deviance over n - p, not Pearson's", np.sqrt(deviance / rest) * unit
        if (likely := _most_likely(problem, deviance)) is not None:
            yield "errors-ml", "the dispersion is that of the highest likelihood", np.sqrt(likely) * unit
        yield "errors-no-dispersion", "the dispersion is taken as 1", unit
    elif (own := float(problem.model.pearson(problem.y, mu, problem.row_weights).sum())) > 0:
        yield "errors-dispersion", "a dispersion is estimated, where the family has 1", np.sqrt(own / rest) * unit
        says = "a dispersion, the deviance over n - p, is estimated, where the family has 1"
        yield "errors-dispersion", says, np.sqrt(deviance / rest) * unit
    for bread, name in ((fisher, "a sandwich"), (observed, "a sandwich of the observed information")):
        if bread is not None:
            for kind, errors in _robust(problem, bread, white, params):
                yield "errors-robust", f"they are robust ({name}, {kind})", errors
            if (clusters := context.question.clusters) is not None:
                for kind, errors in _clustered(problem, bread, white, params, clusters[kept_rows(context, hypothesis)[1]]):
                    yield "errors-clustered", f"they are of clusters ({name}, {kind})", errors


def _as_brought(problem: Problem, hypothesis: Hypothesis) -> tuple[Problem, Params]:
    """The problem and its parameters in the columns that the answer has."""
    if hypothesis.back is None:
        return problem, problem.params(hypothesis.free)
    columns = np.linalg.solve(hypothesis.of_brought.T, problem.design.T).T  # of the intercept it is 1 again
    problem = problem.with_data(X=columns[:, int(hypothesis.intercept) :])
    return problem, problem.params(hypothesis.of_brought @ hypothesis.free)


def _most_likely(problem: Problem, deviance: float) -> float | None:
    """The dispersion of the highest likelihood: D / n, but of a gamma response 1 / a with log a - digamma(a) = D / (2 n)."""
    mean = deviance / problem.n
    if isinstance(problem.model.family, (Gaussian, InverseGaussian)):
        return mean
    if not isinstance(problem.model.family, Gamma) or not mean > 0:
        return None
    low, high = 1e-8, 1e12
    return 1 / float(optimize.brentq(lambda a: np.log(a) - special.digamma(a) - mean / 2, low, high, xtol=1e-14, rtol=1e-14))


def _robust(problem: Problem, bread: scoring.Steer, white: scoring.White, params: Params) -> Iterator[tuple[str, np.ndarray]]:
    """The sandwich of the rows' scores: HC0, HC1, HC0 of weights that count rows, and HC2 and HC3 of one output."""
    half = linalg.solve_triangular(bread.lower, _each(problem, white, params).T, lower=True)
    size = problem.q * problem.free_outputs
    n = problem.n
    factors = {"HC0": np.ones(n), "HC1": np.full(n, n / max(n - size, 1)), "HC0 times n / (n - 1)": np.full(n, n / max(n - 1, 1))}
    if (problem.row_weights != 1).any():
        factors["HC0 of repeated rows"] = 1 / np.where(problem.row_weights > 0, problem.row_weights, 1)[:, 0]
    if problem.free_outputs == 1:
        weights = likelihood.expected_weights(problem, params)[:, 0, 0]
        leverage = weights * (linalg.solve_triangular(bread.lower, white.design.T, lower=True) ** 2).sum(axis=0)
        rest = np.maximum(1 - leverage, 1e-12)
        factors |= {"HC2": 1 / rest, "HC3": 1 / rest**2}
    for kind, factor in factors.items():
        yield kind, _sandwich(problem, bread, (half * factor) @ half.T)


def _clustered(
    problem: Problem, bread: scoring.Steer, white: scoring.White, params: Params, clusters: np.ndarray
) -> Iterator[tuple[str, np.ndarray]]:
    """The sandwich of the scores of clusters, each the sum over its rows: as it is, and with the factors that programs have."""
    each = _each(problem, white, params)
    numbers = np.unique(clusters, return_inverse=True)[1]
    sums = np.zeros((int(numbers.max()) + 1, each.shape[1]))
    np.add.at(sums, numbers, each)
    half = linalg.solve_triangular(bread.lower, sums.T, lower=True)
    errors = _sandwich(problem, bread, half @ half.T)
    n, g = problem.n, len(sums)
    few, of_rows = g / max(g - 1, 1), (n - 1) / max(n - problem.q * problem.free_outputs, 1)
    factors = {"": 1.0, " times g / (g - 1)": few, " times g / (g - 1) and (n - 1) / (n - p)": few * of_rows}
    for kind, factor in factors.items():
        yield f"{g} clusters{kind}", np.sqrt(factor) * errors


def _each(problem: Problem, white: scoring.White, params: Params) -> np.ndarray:
    """The score of each row (n, q m) in white coordinates."""
    scores = likelihood.row_scores(problem, params)
    return (scores[:, :, None] * white.design[:, None, :]).reshape(problem.n, -1)


def _sandwich(problem: Problem, bread: scoring.Steer, meat: np.ndarray) -> np.ndarray:
    """The standard errors (q, m) of scores whose squares are ``meat``, in units of the bread."""
    root = bread.root.reshape(len(meat), -1)
    return np.asarray(np.sqrt(np.einsum("ai,ab,bi->i", root, meat, root)).reshape(problem.free_outputs, -1).T)


def convention(
    context: Context, hypothesis: Hypothesis, given: np.ndarray, rounding: np.ndarray | float = 0.0
) -> tuple[str, str] | None:
    """
    Return (code, sentence) of the convention that given standard errors (q, m) follow; None where it is the usual one.

    ``rounding`` (q, m) is half a unit of the last digit of each.
    """
    known = np.isfinite(given) & (given > 0)
    nearest, names = np.inf, []
    usual = None
    for code, says, errors in conventions(context, hypothesis):
        usual = errors if usual is None else usual
        away = float((np.maximum(np.abs(given - errors) - rounding, 0) / errors)[known].max(initial=0))
        nearest = min(nearest, away)
        if away <= AGREE:
            if not code:
                return None
            names.append((code, says))
    if names:
        return names[0]
    if usual is not None and (np.abs(given - usual) <= rounding + BEFORE * usual)[known].all():
        return None
    if usual is not None and (scaled := _scaled(given[known], usual[known], (rounding + 0 * given)[known])) is not None:
        return "errors-scaled", scaled
    return "unexplained", f"they follow no convention that was tested: the nearest differs by {nearest:.2g}"


def _scaled(given: np.ndarray, usual: np.ndarray, rounding: np.ndarray) -> str | None:
    """The sentence about standard errors (c,) that are the usual ones times one number; None where they are not."""
    times = float(np.median(given / usual)) if len(given) > 1 else np.nan
    if not (np.abs(given - times * usual) <= rounding + AGREE * usual * times).all():
        return None
    count = times**-2
    is_whole = round(count) > 1 and abs(count / round(count) - 1) <= 2 * (AGREE + float((rounding / given).min()))
    as_of = f"if every row stood there {round(count)} times" if is_whole else f"of a dispersion {times**2:.6g} times as large"
    return f"each is {times:.6g} times the usual one, as {as_of}"
