"""
JAX behind the contract: the textbook log-likelihood of a row as a function of eta, `jax.grad`, `jax.hessian`.

What is judged are JAX's functions and their derivatives. What the adapter translates:

- *Precision.* Making the engine switches JAX to float64 for the process.
- *Sign and 1/n.* The loss is -log-likelihood / n, without the terms free of the parameters, which are the specification's.
- *Sums.* JAX gives each row's mean, log-likelihood, gradient and Hessian in eta; NumPy carries them to the coefficients. Rows
  are filled up to a power of two with copies of the last, which are cut off again, so that few sizes are compiled.
- *Weights.* Prior weights times trials multiply a row. *Intercept.* A column of ones. *Softmax.* Class 0 has no coefficients.
- *Fit.* The zero of JAX's gradient. The steps to it, and the verdict whether they arrived, are those of `spec.scoring`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np

from spec import likelihood, scoring
from spec.engines.contract import DECLINED, Description, Evaluation, Fit
from spec.links import Log, PowerLink
from spec.model import Model, Params
from spec.problems import Problem

Rows = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # log-likelihood (n,), mean, gradient (n, k), Hessian (n, k, k)
LINKS = ("Log", "Logit", "Probit", "Cauchit", "CLogLog", "LogLog", "LogComplement", "NegativeBinomialLink", "Softplus", "Softmax")


class Jax:
    """Plain JAX."""

    def __init__(self) -> None:
        import jax

        jax.config.update("jax_enable_x64", True)
        self.version = jax.__version__

    def describe(self) -> Description:
        declines = {"deviance": "JAX differentiates a likelihood; of the saturated one no function is written"}
        return Description("JAX", {"jax": self.version}, "jax.numpy", "float64", "https://docs.jax.dev", declines)

    def declines(self, problem: Problem) -> str | None:
        known = isinstance(problem.model.link, PowerLink) or type(problem.model.link).__name__ in LINKS
        return None if known else f"no likelihood with the {problem.model.link} link is written"

    def evaluate(self, problem: Problem, params: Params) -> Evaluation:
        rows = _rows(problem, problem.eta(params))
        kernel = float((problem.row_weights[:, 0] * rows[0]).sum())
        score = problem.design.T @ (problem.row_weights * rows[2])
        return Evaluation(
            mean=rows[1],
            loss=-kernel / problem.n,
            loss_scale=1.0,
            log_likelihood=kernel + likelihood.normaliser(problem),
            score=np.vstack([np.zeros((1 - problem.intercept, problem.k)), score]),
            curvature=lambda: _information(problem, problem.design, rows[3]),
        )

    def fit(self, problem: Problem) -> Fit:
        def climb(params: Params) -> tuple[float, np.ndarray]:
            kernel, _, gradient, _ = _rows(problem, problem.eta(params))
            scores = (problem.row_weights * gradient)[:, problem.k - problem.free_outputs :]
            return float(problem.row_weights[:, 0] @ kernel), problem.design.T @ scores

        ascent = scoring.ascend(problem, climb, likelihood.start_params(problem))
        at = _rows(problem, problem.eta(ascent.params))
        errors = _standard_errors(problem, ascent.params, at[1])
        log_likelihood = float(problem.row_weights[:, 0] @ at[0]) + likelihood.normaliser(problem)
        return Fit(ascent.params, ascent.converged, ascent.iterations, ascent.reason, errors, DECLINED, log_likelihood)


def _information(problem: Problem, design: np.ndarray, hessian: np.ndarray) -> np.ndarray:
    first = problem.k - problem.free_outputs
    return likelihood.gram(design, -problem.row_weights[:, :, None] * hessian[:, first:, first:])


def _standard_errors(problem: Problem, params: Params, mean: np.ndarray) -> np.ndarray:
    """From the Hessian with the mean for the response, which is the expected one, and Pearson's dispersion."""
    white, back = np.linalg.qr(problem.design)
    information = _information(problem, white, _rows(problem, problem.eta(params), mean)[3])
    try:
        root = np.linalg.inv(np.linalg.cholesky(information)).reshape(len(information), -1, problem.q)
        errors = np.linalg.norm(root @ np.linalg.inv(back).T, axis=0).T
    except np.linalg.LinAlgError:
        return np.full((problem.q, problem.free_outputs), np.nan)
    return np.sqrt(likelihood.dispersion(problem, mean)) * errors


def _rows(problem: Problem, eta: np.ndarray, y: np.ndarray | None = None) -> Rows:
    """What JAX says of each row, for the problem's response or for another one."""
    n, y = len(eta), problem.y if y is None else y
    more = ((0, (1 << (n - 1).bit_length()) - n), (0, 0))
    said = _compiled(problem.model)(np.pad(eta, more, mode="edge"), np.pad(y, more, mode="edge"))
    kernel, mean, gradient, hessian = (np.asarray(part)[:n] for part in said)
    return kernel, mean, gradient, hessian


@cache
def _compiled(model: Model) -> Callable[..., Any]:
    """(eta, y) to each row's log-likelihood, mean, gradient and Hessian."""
    import jax

    mean, kernel = _textbook(model)
    row = (kernel, lambda eta, y: mean(eta), jax.grad(kernel), jax.hessian(kernel))
    return jax.jit(lambda eta, y: tuple(jax.vmap(part)(eta, y) for part in row))


def _textbook(model: Model) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The mean (k,) of a row's eta (k,), and the log-likelihood of its response without the terms free of eta."""
    import jax
    from jax import numpy as jnp
    from jax.scipy.special import log_ndtr, ndtr

    def log_cloglog(e: Any) -> Any:
        """log(1 - exp(-x)) at x = exp(e), by its series where x is small."""
        x, low = jnp.exp(jnp.minimum(e, -12.0)), e - jnp.exp(jnp.minimum(e, -12.0)) / 2
        return jnp.where(e < -12, low + x * x / 24, jnp.log(-jnp.expm1(-jnp.exp(jnp.maximum(e, -12.0)))))

    arc = partial(jnp.arctan2, 1.0)
    a, alpha, p = getattr(model.link, "exponent", 1), getattr(model.family, "alpha", 1.0), getattr(model.family, "power", 0)
    log_sigmoid, softplus, log_a = jax.nn.log_sigmoid, jax.nn.softplus, np.log(alpha)
    mu, log_mu, log_rest = {  # the mean, its logarithm, and that of 1 - mean
        "Identity": (lambda e: e, jnp.log, lambda e: jnp.log1p(-e)),
        "Log": (jnp.exp, lambda e: e, lambda e: jnp.log(-jnp.expm1(e))),
        "Logit": (jax.nn.sigmoid, log_sigmoid, lambda e: log_sigmoid(-e)),
        "Probit": (ndtr, log_ndtr, lambda e: log_ndtr(-e)),
        "Cauchit": (lambda e: arc(-e) / jnp.pi, lambda e: jnp.log(arc(-e) / jnp.pi), lambda e: jnp.log(arc(e) / jnp.pi)),
        "CLogLog": (lambda e: -jnp.expm1(-jnp.exp(e)), log_cloglog, lambda e: -jnp.exp(e)),
        "LogLog": (lambda e: jnp.exp(-jnp.exp(-e)), lambda e: -jnp.exp(-e), lambda e: log_cloglog(-e)),
        "LogComplement": (lambda e: -jnp.expm1(e), lambda e: jnp.log(-jnp.expm1(e)), lambda e: e),
        "NegativeBinomialLink": (lambda e: 1 / (alpha * jnp.expm1(-e)), lambda e: -jnp.log(alpha * jnp.expm1(-e)), None),
        "Softplus": (softplus, lambda e: jnp.log(softplus(e)), None),
        "Softmax": (jax.nn.softmax, jax.nn.log_softmax, None),
    }.get(type(model.link).__name__, (lambda e: e ** (1 / a), lambda e: jnp.log(e) / a, None))
    of_log, of_power = (isinstance(model.link, kind) for kind in (Log, PowerLink))
    power = (lambda k, e: jnp.exp(k * e)) if of_log else (lambda k, e: e ** (k / a) if of_power else mu(e) ** k)
    kernel = {
        "Gaussian": lambda e, y: -((y - mu(e)) ** 2) / 2,
        "Binomial": lambda e, y: y * log_mu(e) + (1 - y) * log_rest(e),
        "Poisson": lambda e, y: y * log_mu(e) - mu(e),
        "Gamma": lambda e, y: -y * power(-1, e) - log_mu(e),
        "InverseGaussian": lambda e, y: power(-1, e) - y * power(-2, e) / 2,
        "NegativeBinomial": lambda e, y: -y * softplus(-log_mu(e) - log_a) - softplus(log_mu(e) + log_a) / alpha,
        "Tweedie": lambda e, y: y * power(1 - p, e) / (1 - p) - power(2 - p, e) / (2 - p),
        "Multinomial": lambda e, y: y * log_mu(e),
    }[type(model.family).__name__]
    return mu, lambda e, y: kernel(e, y).sum()
