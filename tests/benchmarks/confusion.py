"""
The confusion matrix: causes that were planted for real, and the causes that the diagnosis names.

``python -m tests.benchmarks.confusion --seeds 10 --jobs 2 --out docs/diagnosis.json`` plants each cause in each problem with each
seed (`spec.diagnosis.plants`), asks `spec.diagnosis.explain`, and counts. A single cause is named right where it is named first;
two are where exactly both are named; a right answer and one moved at random where no cause is named. What is the same by
mathematics is listed in `SAME`, with its reason.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from spec import existence, problems
from spec.diagnosis.answer import Answer
from spec.diagnosis.plants import PAIRS, PLANTS, RIGHT, Mistake, Plant, Planted, moved, pair
from spec.diagnosis.plants.errors import beside
from spec.diagnosis.plants.mistake import FAR
from spec.diagnosis.plants.optima import stated_optimum
from spec.engines.statsmodels.engine import StatsmodelsEngine
from spec.families import Binomial, Gaussian, NegativeBinomial, Poisson
from spec.likelihood import dispersion
from spec.links import Identity, Log, Logit, Probit
from spec.model import Model, Params
from spec.problems import Problem
from spec.problems.by_construction import draw
from spec.problems.published.data import dataset

DRAWS = 50  # of a data set, until it has an optimum
ROWS = 200  # of a data set, or all if there are fewer
EPSILON = 1e-6  # standard errors: a random move that is larger is to be unexplained
SAME: dict[frozenset[str], str] = {
    frozenset(
        {"weight-decay", "ridge-bias"}
    ): "gradient descent with weight decay rests where an L2 penalty on kernel and bias has its optimum",
    frozenset({"nonnegative", "column-left-out"}): "a weight that is held at 0 is a column that is left out",
    frozenset({"stopped", "descent-path"}): "gradient descent that was stopped is on its path",
    frozenset(
        {"no-intercept", "response-units"}
    ): "of columns that are centred, least squares without an intercept has the slopes of a response that is shifted",
    frozenset({"another-intercept", "labels-recoded"}): "two labels that are moved by one number move the intercept alone",
    frozenset({"errors-n", "errors-ml"}): "the dispersion of maximum likelihood of least squares is the sum of squares by n",
}
NOTHING = {  # what may be answered by "none"
    "softmax-gauge": "the predictions are the same, and training leaves the weights of a right softmax in any gauge",
}

# -- the problems -------------------------------------------------------------------------------------------------------------


def planted(name: str) -> Problem:
    """A planted problem of the specification."""
    return problems.get(name)


def real(
    name: str, model: Model, data: str, columns: tuple[str, ...], response: Callable[[Any], Any], **more: Callable[[Any], Any]
) -> Problem:
    """A data set of statsmodels: some of its columns, and a response made of its table."""
    table = dataset(data).data
    parts = {part: of(table) for part, of in more.items()}
    y = np.asarray(response(table), dtype=float).reshape(len(table), -1)
    return Problem.of(name, model, table[list(columns)].to_numpy(dtype=float), y, columns=columns, **parts)


def _with(problem: Problem, name: str, **parts: Callable[[np.random.Generator, int], np.ndarray]) -> Problem:
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    made = {part: of(rng, problem.n) for part, of in parts.items()}
    return Problem.of(
        name, problem.model, problem.X, problem.y, columns=problem.data.columns, planted=problem.data.planted, **made
    )


def _exposures(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.log(rng.uniform(0.3, 4, size=(n, 1)))


def _weights(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.integers(1, 6, size=n)


LOGIT = Model(Binomial(), Logit())
MAKERS: dict[str, Callable[[], Problem]] = {
    **{
        name: partial(planted, name)
        for name in (
            "gaussian-identity",
            "gaussian-log",
            "binomial-logit",
            "binomial-probit",
            "binomial-cloglog",
            "binomial-cauchit",
            "poisson-log",
            "poisson-sqrt",
            "gamma-inverse",
            "gamma-log",
            "inverse-gaussian-log",
            "inverse-gaussian-inverse-squared",
            "negative-binomial(0.5)-log",
            "tweedie(1.5)-log",
            "softmax-3-to-3",
            "softmax-4-to-2",
        )
    },
    "poisson-offset": lambda: _with(planted("poisson-log"), "poisson-offset", offset=_exposures),
    "negative-binomial-offset": lambda: _with(
        planted("negative-binomial(0.5)-log"), "negative-binomial-offset", offset=_exposures
    ),
    "gamma-weights": lambda: _with(planted("gamma-log"), "gamma-weights", weights=_weights),
    "logit-weights": lambda: _with(planted("binomial-logit"), "logit-weights", weights=_weights),
    "probit-trials": lambda: _with(
        planted("binomial-probit"), "probit-trials", trials=lambda rng, n: rng.integers(2, 30, size=n).astype(float)
    ),
    "tweedie-offset-weights": lambda: _with(
        planted("tweedie(1.5)-log"), "tweedie-offset-weights", offset=_exposures, weights=_weights
    ),
    "spector": lambda: real("spector", LOGIT, "spector", ("GPA", "TUCE", "PSI"), lambda d: d["GRADE"]),
    "spector-probit": lambda: real(
        "spector-probit", Model(Binomial(), Probit()), "spector", ("GPA", "TUCE", "PSI"), lambda d: d["GRADE"]
    ),
    "fair": lambda: real(
        "fair",
        LOGIT,
        "fair",
        ("rate_marriage", "age", "yrs_married", "religious", "educ"),
        lambda d: d["affairs"] > 0,
    ),
    "star98": lambda: real(
        "star98",
        LOGIT,
        "star98",
        ("LOWINC", "PERASIAN", "PERBLACK", "PERHISP", "PTRATIO"),
        lambda d: d["NABOVE"] / (d["NABOVE"] + d["NBELOW"]),
        trials=lambda d: (d["NABOVE"] + d["NBELOW"]).to_numpy(dtype=float),
    ),
    "anes96": lambda: real(
        "anes96",
        problems.get("anes96").model,
        "anes96",
        ("selfLR", "age", "educ"),
        lambda d: np.eye(3)[np.digitize(d["PID"], (2, 5))],
    ),
    "longley": lambda: real(
        "longley", Model(Gaussian(), Identity()), "longley", ("GNP", "UNEMP", "ARMED"), lambda d: d["TOTEMP"]
    ),
    "stackloss": lambda: real(
        "stackloss",
        Model(Gaussian(), Identity()),
        "stackloss",
        ("AIRFLOW", "WATERTEMP", "ACIDCONC"),
        lambda d: d["STACKLOSS"],
    ),
    "randhie": lambda: real(
        "randhie", Model(Poisson(), Log()), "randhie", ("lncoins", "idp", "physlm", "disea"), lambda d: d["mdvis"]
    ),
    "cpunish": lambda: real(
        "cpunish", Model(Poisson(), Log()), "cpunish", ("PERPOVERTY", "PERBLACK", "SOUTH"), lambda d: d["EXECUTIONS"]
    ),
    "scotland": lambda: real(
        "scotland", problems.get("scotland").model, "scotland", ("COUTAX", "UNEMPF", "MOR"), lambda d: d["YES"]
    ),
    "committee": lambda: real(
        "committee", Model(NegativeBinomial(0.5), Log()), "committee", ("SIZE", "SUBS", "PRESTIGE"), lambda d: d["BILLS104"]
    ),
}


@cache
def made(name: str) -> Problem:
    return MAKERS[name]()


def problem(name: str, seed: int) -> Problem:
    """Rows of a problem in another order, and responses drawn from its means; drawn anew until they have an optimum."""
    base = made(name)
    best = base.data.planted or stated_optimum(base)
    if best is None:
        raise ValueError(f"{name} has no optimum.")
    for number in range(DRAWS):
        rng = np.random.default_rng([seed, number, zlib.crc32(name.encode())])
        rows = rng.permutation(base.n)[:ROWS]
        mu = base.model.link.inverse(base.eta(best)[rows])
        whole = {part: getattr(base.data, part) for part in ("offset", "weights", "trials")}
        taken = {part: None if value is None else value[rows] for part, value in whole.items()}
        y = response(base, mu, taken["trials"], rng)
        drawn = Problem.of(name, base.model, base.X[rows], y, columns=base.data.columns, **taken)
        if usable(drawn):
            return drawn
    raise ValueError(f"{name}: none of {DRAWS} draws has an optimum.")


def response(base: Problem, mu: np.ndarray, trials: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """Responses (n, k) with these means; of real data at the dispersion that they have."""
    family = base.model.family
    if base.model.has_classes:
        return np.eye(base.k)[[rng.choice(base.k, p=share / share.sum()) for share in mu]]
    if isinstance(family, Binomial):
        number = np.ones(len(mu), dtype=int) if trials is None else trials.astype(int)
        return (rng.binomial(number, mu[:, 0]) / number)[:, None]
    if base.data.planted is not None or not family.has_dispersion:
        return draw(family, mu, rng)
    best = stated_optimum(base)
    assert best is not None
    phi = dispersion(base, base.model.link.inverse(base.eta(best)))
    return rng.normal(mu, np.sqrt(phi)) if isinstance(family, Gaussian) else rng.gamma(1 / phi, mu * phi)


def usable(drawn: Problem) -> bool:
    return existence.no_optimum(drawn, ()) is None and stated_optimum(drawn) is not None


# -- more plants, of other programs -------------------------------------------------------------------------------------------


def of_statsmodels(fit: Callable[[Problem, np.random.Generator], Any], far: float = FAR) -> Plant:
    """A plant whose numbers are those of a fit of statsmodels' GLM, ``far`` standard errors from the optimum at least."""

    def made_of(problem: Problem, rng: np.random.Generator) -> Answer | Params | None:
        return None if problem.model.has_classes else fit(problem, rng)

    return Mistake(fit=made_of, far=far)


def _glm(problem: Problem) -> Any:
    return StatsmodelsEngine._glm(problem)


def few_iterations(problem: Problem, rng: np.random.Generator) -> Params | None:
    """GLM.fit with a small maxiter."""
    found = _glm(problem).fit(maxiter=int(rng.integers(2, 5)), tol_criterion="params", atol=0, rtol=1e-14)
    return None if found.converged else problem.params(np.asarray(found.params)[:, None])


def reported(**how: Any) -> Callable[[Problem, np.random.Generator], Answer | None]:
    """GLM.fit and the standard errors that it reports with these arguments, where they are not the usual ones."""

    def fit(problem: Problem, rng: np.random.Generator) -> Answer | None:
        found = _glm(problem).fit(tol_criterion="params", atol=0, rtol=1e-14, **how)
        params, errors = (np.asarray(part)[:, None] for part in (found.params, found.bse))
        return beside(problem, problem.params(params), errors, "statsmodels")

    return fit


def by_deviance(problem: Problem, rng: np.random.Generator) -> Answer | None:
    """GLM.fit(scale="dev"), of a family that has a dispersion."""
    return reported(scale="dev")(problem, rng) if problem.has_dispersion else None


def of_scikit_learn(problem: Problem, rng: np.random.Generator) -> Params | None:
    """Its logistic and Poisson regressions as they are by default, but to the last digit: with a penalty."""
    try:
        from sklearn import linear_model
    except ImportError:
        return None
    name = str(problem.model)
    if (
        problem.offset is not None
        or problem.data.trials is not None
        or name not in ("binomial-logit", "poisson-log", "gamma-log")
    ):
        return None
    made: Any = {
        "binomial-logit": lambda: linear_model.LogisticRegression(tol=1e-12, solver="newton-cholesky", max_iter=1000),
        "poisson-log": lambda: linear_model.PoissonRegressor(alpha=0.1, tol=1e-12, solver="newton-cholesky", max_iter=1000),
        "gamma-log": lambda: linear_model.GammaRegressor(alpha=0.1, tol=1e-12, solver="newton-cholesky", max_iter=1000),
    }[name]()
    made.fit(problem.X, problem.y[:, 0], sample_weight=problem.data.weights)
    return Params(np.atleast_1d(made.intercept_), np.reshape(made.coef_, (-1, 1)))


FURTHER: dict[str, tuple[Plant, ...]] = {  # one of these, or that of `PLANTS`, is made by chance
    "newton-steps": (of_statsmodels(few_iterations),),
    "errors-no-dispersion": (of_statsmodels(reported(scale=1.0), far=-1.0),),
    "errors-deviance": (of_statsmodels(by_deviance, far=-1.0),),
    "errors-robust": (of_statsmodels(reported(cov_type="HC0"), far=-1.0),),
    "ridge": (of_statsmodels(of_scikit_learn),),
}


# -- a cell -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """What was planted where, and what was named."""

    planted: tuple[str, ...]
    problem: str
    seed: int
    verdict: str
    named: tuple[str, ...]
    proven: bool
    distance: float
    seconds: float
    others: tuple[tuple[str, ...], ...] = ()  # the other explanations of an "either"

    @property
    def kind(self) -> str:
        first = self.planted[0]
        return "right" if first == "none" else "moved" if first == "moved" else "pair" if len(self.planted) > 1 else "single"

    @property
    def codes(self) -> tuple[str, ...]:
        """What was planted, without the name of a right answer."""
        return self.planted[:1] if self.kind in ("right", "moved") else self.planted

    @property
    def is_right(self) -> bool:
        if self.kind == "right":
            return self.verdict == "none" and not self.named
        if self.kind == "moved":
            return self.verdict == "unexplained" or (self.verdict == "none" and self.distance <= EPSILON)
        if self.kind == "single":
            if self.verdict == "none" and self.planted[0] in NOTHING:
                return True
            return bool(self.named) and same(self.named[0], self.planted[0])
        return len(self.named) == len(self.planted) and all(any(same(one, code) for one in self.named) for code in self.planted)

    @property
    def is_wrongly_proven(self) -> bool:
        """Whether a cause was named that was not planted, with the stamp "proven"."""
        return self.proven and any(not any(same(one, code) for code in self.codes) for one in self.named)


def same(one: str, other: str) -> bool:
    return one == other or frozenset({one, other}) in SAME


def tasks(only: Iterable[str]) -> dict[str, Plant]:
    """The plants by what is written of them: a code, two codes with a plus between them, "none:...", "moved"."""
    plants: dict[str, Plant] = {
        **PLANTS,
        **{f"{first}+{second}": pair(first, second) for first, second in PAIRS},
        **{f"none:{name}": plant for name, plant in RIGHT.items()},
        "moved": moved,
    }
    wanted = set(only)
    return {name: plant for name, plant in plants.items() if not wanted or name in wanted or name.partition(":")[0] in wanted}


def cells(name: str, seed: int, only: tuple[str, ...], every: int = 1) -> list[Cell]:
    """The cells of a problem and a seed; of the pairs, each in one seed of ``every``."""
    warnings.simplefilter("ignore")
    own = problem(name, seed)
    found = []
    for number, (what, plant) in enumerate(tasks(only).items()):
        if "+" in what and (number + seed) % every:
            continue
        rng = np.random.default_rng([seed, zlib.crc32(name.encode()), zlib.crc32(what.encode())])
        choices = [plant, *FURTHER.get(what, ())]
        for place in rng.permutation(len(choices)):
            answer = choices[place](own, rng)
            if answer is not None:
                found.append(cell(what, name, seed, answer))
                break
    return found


def cell(what: str, name: str, seed: int, answer: Planted) -> Cell:
    from spec.diagnosis.explain import explain

    since = time.perf_counter()
    codes = ("none", what.partition(":")[2]) if what.startswith("none:") else tuple(what.split("+"))
    try:
        diagnosis = explain(answer.question, answer.answer)
    except Exception as error:
        taken = time.perf_counter() - since
        return Cell(codes, name, seed, f"raised {type(error).__name__}: {error}", (), False, np.nan, taken)
    compared = diagnosis.stated
    return Cell(
        codes,
        name,
        seed,
        diagnosis.verdict,
        diagnosis.codes,
        bool(diagnosis.proven and diagnosis.codes),
        np.nan if compared is None else float(compared.distance),
        time.perf_counter() - since,
        tuple(tuple(one.code for one in found) for found in diagnosis.others),
    )


# -- the command --------------------------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="data sets of each problem (default: 10)")
    parser.add_argument("--first-seed", type=int, default=0, help="the number of the first (default: 0)")
    parser.add_argument("--only", default="", help="codes, with commas between; two at once as a+b; none; moved")
    parser.add_argument("--problems", default="", help=f"names, with commas between: {', '.join(MAKERS)}")
    parser.add_argument("--pairs-every", type=int, default=1, help="plant two at once in one seed of so many (default: in each)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, help="write the cells to this file")
    options = parser.parse_args()
    only = tuple(filter(None, options.only.split(",")))
    names = list(filter(None, options.problems.split(","))) or list(MAKERS)
    if unknown := [name for name in names if name not in MAKERS] + [one for one in only if not tasks([one])]:
        parser.error(f"unknown: {', '.join(unknown)}")
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    found = list(_made([(name, seed, only, options.pairs_every) for seed in seeds for name in names], options.jobs))
    print("\n".join(table(found)))
    if options.out:
        options.out.write_text(_json(found, options), encoding="utf-8")


def _made(work: list[tuple[str, int, tuple[str, ...], int]], jobs: int) -> Iterable[Cell]:
    since = time.perf_counter()
    with ProcessPoolExecutor(jobs, initializer=_quiet) as pool:
        done = 0
        for number, of_problem in enumerate(pool.map(cells, *zip(*work)), 1):
            done += len(of_problem)
            told = f"{number} of {len(work)} data sets, {done} cells, {time.perf_counter() - since:.0f} s"
            print(f"\r{told}", end="", file=sys.stderr, flush=True)
            yield from of_problem
    print(file=sys.stderr)


def _quiet() -> None:
    logging.disable(logging.WARNING)  # TensorFlow warns of functions that are traced anew
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", OMP_NUM_THREADS="1", TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1")


def _json(found: list[Cell], options: argparse.Namespace) -> str:
    given = {"seeds": options.seeds, "only": options.only, "problems": options.problems, "pairs-every": options.pairs_every}
    arguments = " ".join(f"--{name} {value}" for name, value in given.items() if value)
    libraries = ("glm-spec", "keras", "tensorflow-cpu", "statsmodels", "numpy", "scipy")
    versions = {library: _version(library) for library in libraries}
    head = {"command": f"python -m tests.benchmarks.confusion {arguments}", "versions": versions}
    lines = ",\n".join(json.dumps(_plain(one)) for one in found)
    equal = [[*sorted(codes), why] for codes, why in SAME.items()]
    return f'{{"made": {json.dumps(head)},\n"same": {json.dumps(equal)},\n"cells": [\n{lines}\n]}}\n'


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return ""


def _plain(one: Cell) -> dict[str, Any]:
    distance = float(f"{one.distance:.3g}") if np.isfinite(one.distance) else None
    given = {name: value for name, value in vars(one).items() if value or name != "others"}
    return {**given, "distance": distance, "seconds": round(one.seconds, 2), "right": one.is_right}


def table(found: list[Cell]) -> list[str]:
    """The cells of each thing that was planted, how many were named right, what else was named, and the totals."""
    lines = [f"{'planted':<44} {'cells':>6} {'right':>6} {'proven':>7} {'wrong, proven':>14}  instead"]
    groups: dict[str, list[Cell]] = {}
    for one in found:
        groups.setdefault("+".join(one.planted), []).append(one)
    for what, own in groups.items():
        instead = Counter("+".join(one.named) or one.verdict[:60] for one in own if not one.is_right)
        said = ", ".join(f"{name} {count}" for name, count in instead.most_common(4))
        counts = (
            len(own),
            sum(one.is_right for one in own),
            sum(one.proven for one in own),
            sum(one.is_wrongly_proven for one in own),
        )
        lines.append(f"{what:<44} {counts[0]:>6} {counts[1]:>6} {counts[2]:>7} {counts[3]:>14}  {said}")
    lines.append("")
    for kind, target in (("single", "97 %"), ("pair", "90 %"), ("right", "100 %"), ("moved", "100 %")):
        own = [one for one in found if one.kind == kind]
        if own:
            share = sum(one.is_right for one in own) / len(own)
            lines.append(f"{kind}: {share:.1%} of {len(own)} (target {target})")
    lines.append(f"wrong with the stamp proven: {sum(one.is_wrongly_proven for one in found)} (target 0)")
    seconds = [one.seconds for one in found]
    if seconds:
        lines.append(f"seconds of a diagnosis: median {np.median(seconds):.2f}, longest {max(seconds):.2f}")
    return lines


if __name__ == "__main__":
    main()
