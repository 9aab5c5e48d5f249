"""The activations, losses and distributions of torch for a family and a link, as functions of eta."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from spec.engines.contract import DECLINED
from spec.families import Binomial, Gamma, Gaussian, Multinomial, NegativeBinomial, Poisson
from spec.links import Identity, Inverse, InverseSquared, Log, Logit, Probit, Softmax, Sqrt
from spec.problems import Problem

FAMILIES = (Gaussian, Binomial, Poisson, Gamma, NegativeBinomial, Multinomial)
ACTIVATIONS = {Identity: "positive", Log: "exp", Logit: "sigmoid", Inverse: "reciprocal", InverseSquared: "rsqrt", Sqrt: "square"}
LOSSES: dict[tuple[type, type], tuple[str, dict[str, Any]]] = {  # of eta
    (Multinomial, Softmax): ("CrossEntropyLoss", {}),
    (Binomial, Logit): ("BCEWithLogitsLoss", {}),
    (Poisson, Log): ("PoissonNLLLoss", {}),
}
LOSSES_OF_MEANS: dict[type, tuple[str, dict[str, Any]]] = {  # with other links
    Gaussian: ("MSELoss", {}),
    Binomial: ("BCELoss", {}),
    Poisson: ("PoissonNLLLoss", {"log_input": False, "eps": 0.0}),
}


def mean(problem: Problem, eta: Any) -> Any:
    if problem.model.has_classes:
        return torch.softmax(eta, dim=1)
    if isinstance(problem.model.link, Probit):
        return torch.special.ndtr(eta)
    return getattr(torch, ACTIVATIONS[type(problem.model.link)])(eta)


def shift(problem: Problem) -> Any:
    """The offset of eta, if any."""
    return torch.zeros(1, dtype=torch.float64) if problem.offset is None else torch.tensor(problem.offset)


def loss(problem: Problem, eta: Any) -> Any:
    family, y = type(problem.model.family), torch.tensor(problem.y)
    of_eta = (family, type(problem.model.link)) in LOSSES
    if of_eta or family in LOSSES_OF_MEANS:
        name, options = LOSSES[family, type(problem.model.link)] if of_eta else LOSSES_OF_MEANS[family]
        rows = getattr(torch.nn, name)(reduction="none", **options)(eta if of_eta else mean(problem, eta), y)
    else:
        rows = -distribution(problem, eta).log_prob(y)
    return (torch.tensor(problem.row_weights) * rows.reshape(problem.n, 1)).mean()


def log_likelihood(problem: Problem, eta: Any) -> Any:
    """
    The sum of the rows' log-densities, of trials those of the counts, each times its prior weight.

    Declined where a weight divides the dispersion, which is no multiple of a log-density.
    """
    if problem.model.family.has_dispersion and not (problem.row_weights == 1).all():
        return DECLINED
    counted = isinstance(problem.model.family, (Binomial, Multinomial))
    response = torch.tensor(problem.trials * problem.y if counted else problem.y)
    weights = torch.tensor(problem.row_weights / problem.trials)
    return (weights * distribution(problem, eta).log_prob(response).reshape(problem.n, 1)).sum().item()


def distribution(problem: Problem, eta: Any) -> Any:
    """torch's distribution of the response, at dispersion 1."""
    from torch import distributions as given

    family, link, mu, one = problem.model.family, problem.model.link, mean(problem, eta), torch.ones(1, dtype=torch.float64)
    if isinstance(family, Multinomial):  # of one trial: log_prob counts those of the response
        return given.Multinomial(1, logits=eta, validate_args=False)
    if isinstance(family, NegativeBinomial):
        log_mean = eta if isinstance(link, Log) else torch.log(mu)
        return given.NegativeBinomial(one / family.alpha, logits=log_mean + np.log(family.alpha), validate_args=False)
    if isinstance(family, Binomial):
        of = {"logits": eta} if isinstance(link, Logit) else {"probs": mu}
        return given.Binomial(torch.tensor(problem.trials), **of, validate_args=False)
    if isinstance(family, Gaussian):
        return given.Normal(mu, one, validate_args=False)
    if isinstance(family, Poisson):
        return given.Poisson(mu, False)
    rate = eta if isinstance(link, Inverse) else torch.exp(-eta) if isinstance(link, Log) else 1 / mu
    return given.Gamma(one, rate, False)
