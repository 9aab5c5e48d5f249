"""R's names of the families and links, and what R has none of."""

from __future__ import annotations

from spec.families import Binomial, Gamma, Gaussian, InverseGaussian, NegativeBinomial, Poisson
from spec.links import Cauchit, CLogLog, Identity, Inverse, InverseSquared, Log, Logit, Power, Probit, Sqrt
from spec.problems import Problem

FAMILIES: dict[type, str] = {
    Gaussian: "gaussian",
    Binomial: "binomial",
    Poisson: "poisson",
    Gamma: "Gamma",
    InverseGaussian: "inverse.gaussian",
    NegativeBinomial: "negative.binomial",
}
LINKS: dict[type, str] = {  # the names that `make.link` knows
    Identity: "identity",
    Log: "log",
    Logit: "logit",
    Probit: "probit",
    Cauchit: "cauchit",
    CLogLog: "cloglog",
    Sqrt: "sqrt",
    Inverse: "inverse",
    InverseSquared: "1/mu^2",
}


def declines(problem: Problem) -> str | None:
    """Why R cannot express the problem."""
    family, link = type(problem.model.family), problem.model.link
    if problem.model.has_classes:
        return "multinom estimates no dispersion" if problem.quasi else None
    if family not in FAMILIES:
        return f"R has no {problem.model.family} family (package statmod has)"
    if isinstance(link, Power):
        return None if link.exponent > 0 else "R's power() takes the log for an exponent below 0"
    return None if type(link) in LINKS else f"R has no {link} link"


def family(problem: Problem) -> str:
    """R's family with its link, as R code."""
    kind, link = problem.model.family, problem.model.link
    made = f"power({link.exponent!r})" if isinstance(link, Power) else f'make.link("{LINKS[type(link)]}")'
    name = FAMILIES[type(kind)]
    if isinstance(kind, NegativeBinomial):
        return f"{name}({1 / kind.alpha!r}, {made})"
    quasi = problem.quasi and isinstance(kind, (Binomial, Poisson))
    return f"{'quasi' if quasi else ''}{name}({made})"
