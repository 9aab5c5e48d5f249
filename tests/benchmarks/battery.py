"""
A battery of random problems: of those whose optimum is proven, how many does each fit reach, and what does it say of the others?

`tox -e battery`, or ``python -m tests.benchmarks.battery --problems 200 --seed 0 [--markdown FILE]``. For each pair of family and
link, and for softmax: columns with heavy tails, with a row of leverage, nearly collinear, in wide scales; responses nearly
separated, saturated, far from the mean; starts far off, since the planted predictor is. The optimum is proven in ball arithmetic.

A fit *reaches* it within 1e-6 standard errors. *Elsewhere* it says converged and is not there, nor at another proven optimum of
a likelihood that is not concave. A reason is *false* where it says that no optimum exists, or none inside the domain.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from spec.evidence.enclosure import Optimum, enclose
from spec.evidence.preconditions import PreconditionFailed
from spec.evidence.rungs import standard_errors_away
from spec.families import Binomial, Gaussian
from spec.model import PAIRS, Model, Params
from spec.problems import Problem
from spec.problems.by_construction import ETA_RANGE, SOFTMAX, draw

REACHED = 1e-6  # standard errors
MODELS = {str(model): model for model in (*PAIRS, SOFTMAX)}
FAR = {"poisson-log": 4.0, "gamma-log": 6.0, "gaussian-log": 4.0}  # how far eta goes from the middle, in half widths; else 3


# -- the problems ------------------------------------------------------------------------------------------------------------
def column(n: int, rng: np.random.Generator) -> np.ndarray:
    """One column, in a unit of its own."""
    shape = rng.integers(5)
    x = rng.normal(size=n)
    if shape == 1:
        x = rng.lognormal(0, rng.uniform(0.5, 2), size=n)
    elif shape == 2:
        x = rng.standard_t(2, size=n)
    elif shape == 3:
        x[rng.integers(n)] *= 10 ** rng.uniform(1, 2)  # a row of leverage
    elif shape == 4:
        x = (rng.uniform(size=n) < rng.uniform(0.1, 0.9)).astype(float)
        x[rng.permutation(n)[:2]] = [0, 1]
    return x


def problem(name: str, number: int, seed: int = 0) -> Problem:
    """The problem of a model with this number."""
    rng = np.random.default_rng([seed, number, sum(map(ord, name))])
    model = MODELS[name]
    n, p = int(rng.choice([16, 32, 64])), int(rng.choice([1, 2, 3]))
    X = np.column_stack([column(n, rng) for _ in range(p)])
    if p > 1 and rng.uniform() < 0.2:  # nearly collinear
        X[:, 1] = X[:, 0] + 10 ** -rng.uniform(1, 4) * X[:, 1]
    if model.has_classes:
        classes = int(rng.choice([3, 4]))
        eta = X / np.maximum(X.std(axis=0), 1e-9) @ rng.normal(size=(p, classes)) * 10 ** rng.uniform(-0.5, 0.5)
        shares = model.link.inverse(eta)
        y = np.eye(classes)[[rng.choice(classes, p=share) for share in shares]]
    else:
        eta = predictor(name, X, rng)
        with np.errstate(all="ignore"):
            y = response(model, model.link.inverse(eta), rng)
    units = 10 ** rng.uniform(-3, 3, size=p)
    return Problem.of(f"{name} {number}", model, X * units, y)


def predictor(name: str, X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Eta (n, 1): beyond the usual interval where the domain allows it, else to the ends of the domain."""
    low, high = ETA_RANGE[name]
    z = X / np.maximum(np.abs(X).max(axis=0), 1e-9) @ rng.uniform(-1, 1, size=(X.shape[1], 1))
    domain: Any = MODELS[name].eta_domain
    reach = rng.uniform(0.3, FAR.get(name, 3.0))
    middle, half = (low + high) / 2, (high - low) / 2 * reach
    if np.isfinite(domain.low):
        half = min(half, (middle - domain.low) * 0.999)
    if np.isfinite(domain.high):
        half = min(half, (domain.high - middle) * 0.999)
    return middle + half * z / max(float(np.abs(z).max()), 1e-9)


def response(model: Model, mu: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if isinstance(model.family, Binomial):
        trials = int(rng.choice([1, 1, 20]))
        return rng.binomial(trials, mu) / trials
    y = draw(model.family, mu, rng)
    if isinstance(model.family, Gaussian):
        y = mu + (y - mu) * 10 ** rng.uniform(-1, 1.5)
    return np.maximum(y, 1e-6 * mu) if str(model.family) in ("gamma", "inverse-gaussian") else y


# -- who fits ----------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Answer:
    """The parameters, whether they are called converged, and why."""

    params: Params
    converged: bool
    reason: str = ""


@cache
def engine(path: str) -> Any:
    from spec.engines.checked import load

    return load(path).engine


def by_engine(path: str, problem: Problem) -> Answer:
    found = engine(path).fit(problem)
    return Answer(found.params, found.converged, found.reason)


def by_fit(problem: Problem) -> Answer:
    from spec.fit import optimise, source

    engine("spec.engines.keras:KerasEngine")
    found = optimise(problem.model, source(problem.X, problem.y))
    return Answer(found.params, found.converged, found.reason)


def by_sklearn(problem: Problem) -> Answer | None:
    """scikit-learn without penalty, at a tolerance of 1e-10; None for the models that it does not have."""
    from sklearn import linear_model

    name, y = str(problem.model), problem.y[:, 0]
    regressors = {"poisson-log": 1, "gamma-log": 2, "inverse-gaussian-log": 3, "tweedie(1.5)-log": 1.5}
    if name in regressors:
        model = linear_model.TweedieRegressor(power=regressors[name], link="log", alpha=0, tol=1e-10, max_iter=10_000)
        model.set_params(solver="newton-cholesky")
    elif name == "gaussian-identity":
        model = linear_model.LinearRegression()
    elif name in ("binomial-logit", "multinomial-softmax"):
        model = linear_model.LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000, solver="newton-cg")
        y = problem.y.argmax(axis=1) if problem.model.has_classes else y
        if not np.isin(y, np.arange(problem.k + 1)).all() or len(np.unique(y)) < max(problem.k, 2):
            return None
    else:
        return None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(problem.X, y)
    coef = np.atleast_2d(model.coef_).T
    intercept = np.atleast_1d(model.intercept_)
    params = Params(intercept, coef).contrast()
    said = [str(each.message) for each in caught if "onverge" in str(each.message)]
    return Answer(params, not said, "; ".join(said))


FITS: dict[str, Callable[[Problem], Answer | None]] = {
    "Keras engine": partial(by_engine, "spec.engines.keras:KerasEngine"),
    "fit": by_fit,
    "statsmodels": partial(by_engine, "spec.engines.statsmodels:StatsmodelsEngine"),
    "scikit-learn": by_sklearn,
}


# -- the verdicts ------------------------------------------------------------------------------------------------------------
def proof(problem: Problem) -> Optimum | str:
    """The proven optimum; else which precondition failed."""
    try:
        return enclose(problem)
    except PreconditionFailed as failed:
        return failed.which


def verdict(problem: Problem, optimum: Optimum | str, fit: Callable[[Problem], Answer | None]) -> str:
    """One of: reached, another optimum, elsewhere, false reason, not reached, none (no optimum, none said), declined, raised."""
    try:
        answer = fit(problem)
    except Exception as error:
        return "declined" if type(error).__name__ == "Declined" else f"raised {type(error).__name__}: {error}"
    if answer is None:
        return "declined"
    if isinstance(optimum, str):
        return "elsewhere" if answer.converged else "none"
    if standard_errors_away(optimum, answer.params) < REACHED:
        return "reached" if answer.converged else "not reached"  # it is there, and does not say so
    if answer.converged:
        return "elsewhere" if optimum.is_global or not is_optimum(problem, answer.params) else "another optimum"
    gone = any(word in answer.reason for word in ("separated", "dependent", "edge", "never occurs"))
    return "false reason" if gone else "not reached"


def is_optimum(problem: Problem, params: Params) -> bool:
    """Whether there is a proven optimum where a fit ended."""
    there = proof(replace(problem, load=lambda: replace(problem.data, exact=params)))
    return isinstance(there, Optimum) and standard_errors_away(there, params) < REACHED


def judged(name: str, number: int, seed: int, fits: tuple[str, ...]) -> tuple[str, int, str, dict[str, str]]:
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    asked = problem(name, number, seed)
    optimum = proof(asked)
    what = "proven" if isinstance(optimum, Optimum) else optimum
    return name, number, what, {fit: verdict(asked, optimum, FITS[fit]) for fit in fits}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=200, help="of each model (default: 200)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", nargs="*", default=list(MODELS), metavar="MODEL")
    parser.add_argument("--fits", nargs="*", default=list(FITS), metavar="FIT", help=", ".join(FITS))
    parser.add_argument("--markdown", type=Path, help="write the table to this file")
    options = parser.parse_args()
    tasks = [(name, number, options.seed, tuple(options.fits)) for name in options.models for number in range(options.problems)]
    rows: dict[str, Counter[tuple[str, str]]] = {name: Counter() for name in options.models}
    with ProcessPoolExecutor(os.cpu_count(), initializer=quiet) as pool:
        for name, number, what, verdicts in pool.map(judged, *zip(*tasks), chunksize=max(options.problems // 4, 1)):
            rows[name]["proof", what] += 1
            for fit, said in verdicts.items():
                kind = said.partition(" ")[0] if said.startswith("raised") else said
                rows[name][fit, kind if what == "proven" or kind in ("elsewhere", "raised") else "none"] += 1
                if kind in ("elsewhere", "false reason", "not reached", "raised") and fit in ("Keras engine", "fit"):
                    print(f"{name} {number} ({what}): {fit}: {said}", file=sys.stderr)
    lines = table(rows, options.fits)
    print("\n".join(lines))
    if options.markdown:
        options.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")


def quiet() -> None:
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", OMP_NUM_THREADS="1", TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1")


def table(rows: dict[str, Counter[tuple[str, str]]], fits: list[str]) -> list[str]:
    """Markdown: for each model the proven problems, and for each fit those reached, elsewhere, and with a false reason."""
    lines = [
        "| model | proven | " + " | ".join(f"{fit}: reached | elsewhere | false reason" for fit in fits) + " |",
        "|---|---:|" + "---:|---:|---:|" * len(fits),
    ]
    everything: Counter[tuple[str, str]] = Counter()
    for name, counts in rows.items():
        everything.update(counts)
        lines.append(line(name, counts, fits))
    return [*lines, line("all", everything, fits)]


def line(name: str, counts: Counter[tuple[str, str]], fits: list[str]) -> str:
    cells = [name, str(counts["proof", "proven"])]
    for fit in fits:
        said = sum(number for (who, kind), number in counts.items() if who == fit and kind not in ("none", "declined"))
        there = counts[fit, "reached"] + counts[fit, "another optimum"]
        cells += [str(there), str(counts[fit, "elsewhere"]), str(counts[fit, "false reason"])] if said else ["", "", ""]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
