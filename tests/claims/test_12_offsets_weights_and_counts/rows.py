"""The problems of this chapter, their weighted rows, and assertions on what two fits differ by."""

from dataclasses import replace
from functools import cache

import numpy as np

from spec import likelihood, problems
from spec.engines.contract import Training
from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.model import Params
from spec.problems import Problem, Said
from spec.problems.by_construction import generator

PAIRS = problems.where(tag="pair")
CANONICAL = [p for p in PAIRS if p.model.is_canonical]
# every family with its canonical link, and every other link with one family
EACH = list({str(p.model.link): p for p in reversed(CANONICAL + PAIRS)}.values())
SOFTMAX = [problems.get("softmax-3-to-3")]
EVERY = Said([*EACH, *SOFTMAX])
SINGLE = Said(EACH)
LINE, LOGISTIC, PROBIT, CLOGLOG = (
    problems.get(name) for name in ("gaussian-identity", "binomial-logit", "binomial-probit", "binomial-cloglog")
)
COUNTS, ROOTS, SIZES = (problems.get(name) for name in ("poisson-log", "poisson-sqrt", "gamma-log"))


def variant(problem, what, quasi=False, **data):
    """The problem with other data, of the kind "given": its optimum is not known in advance."""
    return replace(problem.with_data(what, **data), kind="given", quasi=quasi or problem.quasi)


def elsewhere(problem: Problem) -> Params:
    """Other parameters than those that a test is given: the planted ones, or those of the null model."""
    return problem.data.planted or likelihood.null_params(problem)


@cache
def copies(problem):
    """The number of times that each row stands, 1 to 3, (n,)."""
    return generator(f"{problem}, copies").integers(1, 4, problem.n)


@cache
def weighted(problem, factor=1):
    """The problem with ``factor`` times its `copies` for weights."""
    return variant(problem, f"weighted by 1 to 3 times {factor}", weights=factor * copies(problem))


def named_as(other, answer):
    """A network's answer under the name of the other's engine, which the evidence files have always listed it by."""
    return replace(answer, engine=other.engine)


RATE, EPOCHS = 2.0**-7, 8


@cache
def trained_weights(network, problem):
    """The weighted problem's network after each epoch of the library's own gradient descent: [kernel, bias]."""
    return network(weighted(problem)).train(Training("sgd", learning_rate=RATE, epochs=EPOCHS))


def assert_same_standard_errors(problem, mine, other, ratio=1.0):
    """My standard errors are ``ratio`` times the other's."""
    __tracebackhide__ = True
    condition = np.linalg.cond(likelihood.expected_information(problem, other.params))
    tolerance = tolerances.standard_errors(problem.n, condition)
    assert_same_values("standard errors", problem, mine.standard_errors, ratio * other.standard_errors, tolerance)


def assert_likelihoods_differ_by(terms, problem, mine, other):
    """My log-likelihood is the other's and the sum of these terms, relative to the sizes of all three."""
    __tracebackhide__ = True
    found, expected = mine.log_likelihood, other.log_likelihood + terms.sum()
    size = abs(mine.log_likelihood) + abs(other.log_likelihood) + np.abs(terms).sum()
    assert_same_values("likelihood", problem, found, expected, tolerances.loss(problem.n), size=size)


def assert_deviances_differ_by(terms, problem, mine, other):
    """My deviance is the other's and the sum of these terms, relative to the sizes of all three."""
    __tracebackhide__ = True
    size = abs(mine.deviance) + abs(other.deviance) + np.abs(terms).sum()
    assert_same_values("deviance", problem, mine.deviance, other.deviance + terms.sum(), tolerances.loss(problem.n), size=size)
