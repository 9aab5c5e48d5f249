"""
Who is timed: each library by the call that its users make, asked for an answer within 1e-3 standard errors of the optimum.

A peer says which problems it has, and makes the free parameters (q, m) of `spec.problems.Problem.free`, and standard errors
where it gives any: asked for, since a statistician needs them, and timed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from spec.families import Binomial, Gamma, Gaussian, Multinomial, NegativeBinomial, Poisson, Tweedie
from spec.links import Identity, Log, Logit, Probit
from spec.problems import Problem
from tests.benchmarks.cases import Case


@dataclass(frozen=True, eq=False)
class Answer:
    """
    The free parameters (q, m), their standard errors where it gave any, and its passes or iterations.

    ``seconds`` where it took the time itself, and ``grown`` where it knows by how many bytes it grew.
    """

    free: np.ndarray
    standard_errors: np.ndarray | None = None
    iterations: int | None = None
    seconds: float | None = None
    grown: int | None = None
    passes: tuple[tuple[float, bool], ...] = ()  # seconds, and whether the information was summed


class Keras:
    """This project: a network brought to its optimum."""

    name = "Keras (TensorFlow)"
    everywhere = True

    def has(self, case: Case) -> bool:
        return True

    def fit(self, problem: Problem) -> Answer:
        from spec.fit import optimise, source

        optimum = optimise(problem.model, source(problem.X, problem.y, offset=problem.offset))
        assert optimum.converged, optimum.reason
        passes = tuple((state.seconds, state.information) for state in optimum.passes)
        return Answer(problem.free(optimum.params), optimum.standard_errors, len(passes), passes=passes)


class KerasOnJax(Keras):
    """In a process of its own, as a backend is for a whole process; it draws the same case, and fits it twice."""

    name = "Keras (JAX)"
    everywhere = False

    def has(self, case: Case) -> bool:
        return find_spec("jax") is not None and case.name in ("logistic", "Poisson with exposure", "softmax")

    def fit(self, problem: Problem) -> Answer:
        environment = {**os.environ, "KERAS_BACKEND": "jax"}
        command = [sys.executable, "-m", "tests.benchmarks.elsewhere", problem.name]
        run = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, cwd=Path(__file__).parents[2])
        if run.returncode:
            raise RuntimeError(run.stderr[-2000:])
        told = json.loads(run.stdout.splitlines()[-1])
        told = {**told, "free": np.array(told["free"]), "standard_errors": np.array(told["standard_errors"])}
        return Answer(**told)


class Statsmodels:
    """GLM; OLS and MNLogit where the family has a class of its own."""

    name = "statsmodels"
    everywhere = False

    def has(self, case: Case) -> bool:
        return True

    def fit(self, problem: Problem) -> Answer:
        import statsmodels.api as sm

        family, X = type(problem.model.family), sm.add_constant(problem.X)
        if family is Gaussian:
            fit = sm.OLS(problem.y[:, 0], X).fit()
        elif family is Multinomial:
            fit = sm.MNLogit(problem.y.argmax(axis=1), X).fit(method="newton", maxiter=100, disp=0)
        else:
            link = {Log: sm.families.links.Log, Logit: sm.families.links.Logit, Probit: sm.families.links.Probit}[
                type(problem.model.link)
            ]
            families = {
                Binomial: sm.families.Binomial,
                Poisson: sm.families.Poisson,
                Gamma: sm.families.Gamma,
                Tweedie: partial(sm.families.Tweedie, var_power=getattr(problem.model.family, "power", None)),
                NegativeBinomial: partial(sm.families.NegativeBinomial, alpha=getattr(problem.model.family, "alpha", None)),
            }
            offset = None if problem.offset is None else problem.offset[:, 0]
            fit = sm.GLM(problem.y[:, 0], X, families[family](link=link()), offset=offset).fit(tol=1e-10)
        return Answer(_columns(fit.params), _columns(fit.bse))


class StatsmodelsLogit(Statsmodels):
    """The discrete models, by Newton's method."""

    name = "statsmodels Logit, Probit"
    everywhere = True

    def has(self, case: Case) -> bool:
        return isinstance(case.model.family, Binomial)

    def fit(self, problem: Problem) -> Answer:
        import statsmodels.api as sm

        model = sm.Logit if isinstance(problem.model.link, Logit) else sm.Probit
        fit = model(problem.y[:, 0], sm.add_constant(problem.X)).fit(method="newton", maxiter=100, disp=0)
        return Answer(_columns(fit.params), _columns(fit.bse))


@dataclass(frozen=True)
class ScikitLearn:
    """Without its default penalty, and not stopped before an optimum. It has no offset: exposures weight rates."""

    solver: str
    everywhere = True

    @property
    def name(self) -> str:
        return f"scikit-learn {self.solver}"

    def has(self, case: Case) -> bool:
        least_squares = isinstance(case.model.family, Gaussian)
        known = not isinstance(case.model.link, Probit) and not isinstance(case.model.family, NegativeBinomial)
        return known and (self.solver == "LinearRegression") == least_squares

    def fit(self, problem: Problem) -> Answer:
        from sklearn import linear_model

        family, X, y = type(problem.model.family), problem.X, problem.y[:, 0]
        if family is Gaussian:
            fit = linear_model.LinearRegression().fit(X, y)
        elif family in (Binomial, Multinomial):
            labels = problem.y.argmax(axis=1) if family is Multinomial else y
            fit = linear_model.LogisticRegression(C=np.inf, solver=self.solver, tol=1e-8, max_iter=300).fit(X, labels)
        else:
            regressor = {
                Poisson: linear_model.PoissonRegressor,
                Gamma: linear_model.GammaRegressor,
                Tweedie: partial(linear_model.TweedieRegressor, power=getattr(problem.model.family, "power", None), link="log"),
            }[family]
            exposure = None if problem.offset is None else np.exp(problem.offset[:, 0])
            rate = y if exposure is None else y / exposure
            fit = regressor(alpha=0, solver=self.solver, tol=1e-8, max_iter=300).fit(X, rate, sample_weight=exposure)
        coefficients = np.vstack([np.atleast_1d(fit.intercept_), np.atleast_2d(fit.coef_).T])
        if family is Multinomial and coefficients.shape[1] > 1:
            coefficients = (coefficients - coefficients[:, :1])[:, 1:]
        iterations = getattr(fit, "n_iter_", None)
        return Answer(coefficients, iterations=None if iterations is None else int(np.max(iterations)))


class NewtonCholesky(ScikitLearn):
    """For a softmax it makes the information of all classes at once."""

    def __init__(self) -> None:
        super().__init__("newton-cholesky")


class Glum:
    name = "glum"
    everywhere = True

    def has(self, case: Case) -> bool:
        return not isinstance(case.model.family, Multinomial) and not isinstance(case.model.link, Probit)

    def fit(self, problem: Problem) -> Answer:
        from glum import GeneralizedLinearRegressor, NegativeBinomialDistribution, TweedieDistribution

        own = problem.model.family
        if isinstance(own, (Tweedie, NegativeBinomial)):
            family = TweedieDistribution(own.power) if isinstance(own, Tweedie) else NegativeBinomialDistribution(own.alpha)
        else:
            family = {Gaussian: "normal", Binomial: "binomial", Poisson: "poisson", Gamma: "gamma"}[type(own)]
        link = "log" if isinstance(problem.model.link, Log) else "auto"
        offset = None if problem.offset is None else problem.offset[:, 0]
        fit = GeneralizedLinearRegressor(family=family, link=link, alpha=0, gradient_tol=1e-5).fit(
            problem.X, problem.y[:, 0], offset=offset
        )
        return Answer(np.append(fit.intercept_, fit.coef_)[:, None], iterations=int(fit.n_iter_))


class Pyfixest:
    """feglm, and fepois where there is an offset or a count."""

    name = "pyfixest"
    everywhere = False

    def has(self, case: Case) -> bool:
        return find_spec("pyfixest") is not None and isinstance(case.model.family, (Binomial, Poisson))

    def fit(self, problem: Problem) -> Answer:
        import pandas
        import pyfixest

        names = [f"x{column}" for column in range(problem.p)]
        data = pandas.DataFrame(problem.X, columns=names).assign(y=problem.y)
        formula = f"y ~ {' + '.join(names)}"
        if isinstance(problem.model.family, Poisson):
            offset = None if problem.offset is None else "offset"
            data = data if offset is None else data.assign(offset=problem.offset)
            fit = pyfixest.fepois(formula, data, vcov="iid", offset=offset)
        else:
            fit = pyfixest.feglm(formula, data, family=str(problem.model.link), vcov="iid")
        return Answer(_columns(fit.coef()), _columns(fit.se()))


def _float64() -> None:
    """JAX computes in float32 unless it is told."""
    import jax

    jax.config.update("jax_enable_x64", True)


class Glmax:
    """Fisher scoring on JAX, with Wald's errors."""

    name = "glmax"
    everywhere = True

    def has(self, case: Case) -> bool:
        return find_spec("glmax") is not None and not isinstance(case.model.family, (Multinomial, Tweedie, NegativeBinomial))

    def fit(self, problem: Problem) -> Answer:
        _float64()
        import glmax

        link = {Identity: glmax.IdentityLink, Log: glmax.LogLink, Logit: glmax.LogitLink, Probit: glmax.ProbitLink}
        family = {Gaussian: glmax.Gaussian, Binomial: glmax.Binomial, Poisson: glmax.Poisson, Gamma: glmax.Gamma}
        made = family[type(problem.model.family)](link[type(problem.model.link)]())
        offset = None if problem.offset is None else problem.offset[:, 0]
        fit = glmax.fit(made, problem.design, problem.y[:, 0], offset=offset, fitter=glmax.IRLSFitter(tol=1e-8))
        return Answer(_columns(fit.beta), _columns(glmax.infer(fit).se), int(fit.num_iters))


class Nemos:
    """LBFGS on JAX. It has no offset and no Gaussian responses, and its gamma responses are fitted by another link alone."""

    name = "NeMoS"
    everywhere = False

    def has(self, case: Case) -> bool:
        known = (
            isinstance(case.model.family, (Binomial, Poisson)) and not case.exposure and not isinstance(case.model.link, Probit)
        )
        return find_spec("nemos") is not None and known

    def fit(self, problem: Problem) -> Answer:
        _float64()
        import nemos

        observations = {Binomial: "Bernoulli", Poisson: "Poisson"}[type(problem.model.family)]
        model = nemos.glm.GLM(observations, regularizer="UnRegularized", solver_name="LBFGS", solver_kwargs={"tol": 1e-8})
        model.fit(problem.X, problem.y[:, 0])
        return Answer(_columns(np.append(model.intercept_, model.coef_)), iterations=int(model.solver_state_.stats.num_steps))


class R:
    """glm, and multinom of nnet, timed inside R: the way of the data to it is not its own."""

    name = "R"
    everywhere = False

    def has(self, case: Case) -> bool:
        return shutil.which("Rscript") is not None and not isinstance(case.model.family, (Tweedie, NegativeBinomial))

    def fit(self, problem: Problem) -> Answer:
        family = {Gaussian: "gaussian", Poisson: "poisson", Gamma: "gamma"}.get(
            type(problem.model.family), str(problem.model.link)
        )
        y = problem.y.argmax(axis=1).astype(float) if problem.k > 1 else problem.y[:, 0]
        with tempfile.TemporaryDirectory() as folder:
            data = Path(folder) / "data"
            with data.open("wb") as file:
                for part in (np.asfortranarray(problem.design).T, y, problem.offset):
                    if part is not None:
                        file.write(np.ascontiguousarray(part).tobytes())
            script = Path(__file__).with_name("glm.R")
            command = ["Rscript", str(script), str(data), str(problem.n), str(problem.q), family, str(problem.k)]
            lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        seconds, free, errors = (np.array([float(number) for number in line.split()]) for line in lines)
        shape = (problem.free_outputs, problem.q)
        return Answer(free.reshape(shape).T, errors.reshape(shape).T if len(errors) else None, seconds=float(seconds[0]))


def _columns(values: Any) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    return array if array.ndim == 2 else array[:, None]


PEERS: tuple[Any, ...] = (
    Keras(),
    KerasOnJax(),
    Statsmodels(),
    StatsmodelsLogit(),
    ScikitLearn("LinearRegression"),
    ScikitLearn("lbfgs"),
    NewtonCholesky(),
    Glum(),
    Pyfixest(),
    Glmax(),
    Nemos(),
    R(),
)
