"""Problems of this chapter, weighted rows, and what two fits of the same data differ by."""

from dataclasses import replace
from functools import cache

import numpy as np

from spec import likelihood, problems
from spec.engines.contract import Training
from spec.evidence import tolerances
from spec.evidence.judge import assert_same_values
from spec.problems.by_construction import generator

PAIRS = problems.where(tag="pair")
CANONICAL = [p for p in PAIRS if p.model.is_canonical]
# every family with its canonical link, and every other link with one family
EACH = list({str(p.model.link): p for p in reversed(CANONICAL + PAIRS)}.values())
SOFTMAX = [problems.get("softmax-3-to-3")]
LINE, LOGISTIC, PROBIT, CLOGLOG = (
    problems.get(name) for name in ("gaussian-identity", "binomial-logit", "binomial-probit", "binomial-cloglog")
)
COUNTS, ROOTS, SIZES = (problems.get(name) for name in ("poisson-log", "poisson-sqrt", "gamma-log"))


def variant(problem, what, quasi=False, **data):
    """The problem with other data: its optimum is not known in advance."""
    return replace(problem.with_data(what, columns=(), **data), kind="given", quasi=quasi or problem.quasi)


@cache
def copies(problem):
    return generator(f"{problem}, copies").integers(1, 4, problem.n)


@cache
def weighted(problem, factor=1):
    return variant(problem, f"weighted by 1 to 3 times {factor}", weights=factor * copies(problem))


def named_as(other, answer):
    """The answer of a network under the name of the other's engine, by which the evidence files have always listed it."""
    return replace(answer, engine=other.engine)


RATE, EPOCHS = 2.0**-7, 8


@cache
def descent(network, problem):
    """The weights after each epoch of the library's own gradient descent."""
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
