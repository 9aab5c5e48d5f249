"""The problems that a claim can be said of: for the lists of `spec.problems.Said`, which a reader's own data may enter."""

from __future__ import annotations

from spec.domains import REAL
from spec.families import Binomial
from spec.links import Logit
from spec.problems import Problem

MANY = 50_000  # rows whose optimum is proven in seconds


def has_one_output(problem: Problem) -> bool:
    return not problem.model.has_classes


def has_classes(problem: Problem) -> bool:
    return problem.model.has_classes


def has_inputs(problem: Problem) -> bool:
    return problem.p > 0


def is_logistic(problem: Problem) -> bool:
    return isinstance(problem.model.family, Binomial) and problem.model.link == Logit()


def is_least_squares(problem: Problem) -> bool:
    return problem.model.is_least_squares


def is_not_canonical(problem: Problem) -> bool:
    return not problem.model.is_canonical


def has_a_bias(problem: Problem) -> bool:
    """The layer has a bias, and inputs."""
    return problem.intercept and problem.p > 0


def can_lose_its_bias(problem: Problem) -> bool:
    """Without its bias too the means are in the family's domain, whatever the weights."""
    model = problem.model
    return has_a_bias(problem) and (model.has_classes or (model.link.eta_domain == REAL == model.eta_domain))
