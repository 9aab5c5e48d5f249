"""Keras networks with another objective, brought to rest by Newton's steps on Keras's own gradient and Hessian."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy import linalg

from spec import likelihood
from spec.diagnosis.plants.optima import keras_engine, optimum, stated_optimum
from spec.diagnosis.plants.stated import is_binary, rows_of
from spec.engines.contract import PLAIN, Recipe
from spec.engines.keras.backend import BACKEND
from spec.engines.keras.network import InverseLink, KerasNetwork
from spec.engines.keras.versions import keras
from spec.families import Binomial, Poisson
from spec.fit.fitting import fit
from spec.links import Log, Logit
from spec.model import Model, Params
from spec.problems import Problem

STEPS, HALVINGS = 60, 40
SATURATED = 30.0  # eta at which 1 - sigmoid(eta) is 1e-13
FLAT = 1e-11  # eigenvalues below this share of the largest are directions that change nothing, as softmax's common shift
REST = 1e-20  # of the Newton decrement by the objective's own size


def settled(network: KerasNetwork, decay: float = 0.0, steps: int = STEPS) -> Params | None:
    """
    The weights at which the network's objective comes to rest, from its present weights; None if that is no minimum.

    ``decay`` adds decay / 2 times the squares of all weights, which is what an optimizer's weight decay comes to.
    """
    shapes = [weight.shape for weight in network.weights]
    now = flat(network.weights)
    value = _value(network, now, shapes, decay)
    last = np.inf
    for _ in range(steps):
        gradient = flat(network.gradient()) + decay * now
        hessian = network.hessian() + decay * np.eye(len(now))
        scale = np.sqrt(np.maximum(np.abs(np.diag(hessian)), 1e-300))
        curvatures, axes = linalg.eigh(hessian / np.outer(scale, scale))
        used = np.abs(curvatures) > FLAT * np.abs(curvatures).max()
        slope = (axes.T @ (gradient / scale))[used]
        step = -(axes[:, used] @ (slope / np.abs(curvatures[used]))) / scale
        decrement = float((slope**2 / np.abs(curvatures[used])).sum())
        if decrement < REST * max(abs(value), 1e-3) and (decrement < 1e-26 or decrement > last / 4):
            return network.params if (curvatures[used] > 0).all() else None
        last = decrement
        for halving in range(HALVINGS):
            there = now + step / 2**halving
            new = _value(network, there, shapes, decay)
            if new <= value - 1e-4 * decrement / 2**halving + 1e-14 * abs(value):
                break
        else:
            return None
        now, value = there, new
    return None


def flat(weights: list[np.ndarray]) -> np.ndarray:
    """The numbers of all weights, one after another."""
    return np.concatenate([weight.ravel() for weight in weights])


def shaped(numbers: np.ndarray, shapes: list[tuple[int, ...]]) -> list[np.ndarray]:
    """The weights of these shapes, from their numbers one after another: the inverse of `flat`."""
    parts = np.split(numbers, np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes)]


def _value(network: KerasNetwork, numbers: np.ndarray, shapes: list[tuple[int, ...]], decay: float) -> float:
    network.weights = shaped(numbers, shapes)
    found = network.objective() + decay / 2 * float(numbers @ numbers)
    return found if np.isfinite(found) else np.inf


def network_of(
    problem: Problem, recipe: Recipe = PLAIN, kind: type[KerasNetwork] = KerasNetwork, near: bool = True
) -> KerasNetwork:
    """A network with the recipe's additions; its weights are the optimum of the bare one, or zero."""
    keras_engine()  # which makes Keras compute in float64
    network = kind(problem, recipe)
    start = stated_optimum(problem) if near else None
    network.params = likelihood.start_params(problem) if start is None else start
    return network


def fitted(network: KerasNetwork, tolerance: float = 1e-6) -> Any:
    """The result of `spec.fit.fit` for a network and its problem."""
    problem = network.problem
    network.trained.compile(loss=network.loss)
    weights = None if problem.data.weights is None and problem.data.trials is None else problem.row_weights[:, 0]
    return fit(
        network.trained, problem.X, problem.y, weights=weights, offset=problem.offset, quasi=problem.quasi, tolerance=tolerance
    )


# -- another loss ----------------------------------------------------------------------------------------------------------------


def label_smoothing(problem: Problem, rng: np.random.Generator) -> Params | None:
    share = float(rng.choice([0.05, 0.1, 0.2])) if rng.uniform() < 0.5 else float(rng.uniform(0.01, 0.3))
    return settled(network_of(problem, Recipe(label_smoothing=share))) if problem.model.is_logistic else None


def labels_recoded(problem: Problem, rng: np.random.Generator) -> Params | None:
    """The cross-entropy of a sigmoid on labels -1 and 1, which has an optimum where most labels are 1."""
    if problem.model.has_classes or not problem.model.is_logistic or not is_binary(problem):
        return None
    network = network_of(problem, near=False)
    network.data[1] = BACKEND.tensor(2 * problem.y - 1, "float64")
    return _inside(problem, settled(network))


def _inside(problem: Problem, params: Params | None) -> Params | None:
    """The parameters, if no row is so far out that its slope vanishes by rounding: those only seem to be at rest."""
    return params if params is not None and np.abs(problem.eta(params)).max() < SATURATED else None


def activation_twice(problem: Problem, rng: np.random.Generator) -> Params | None:
    if not problem.model.is_logistic:
        return None
    return _inside(problem, settled(network_of(problem, Recipe(mistake="softmax twice"))))


def one_vs_rest(problem: Problem, rng: np.random.Generator) -> Params | None:
    return settled(network_of(problem, Recipe(mistake="sigmoids"))) if problem.model.has_classes else None


def flat_targets(problem: Problem, rng: np.random.Generator) -> Params | None:
    if problem.model.has_classes or not problem.intercept or problem.offset is not None:
        return None
    return settled(network_of(problem, Recipe(mistake="flat targets"), near=False))


class SquaredError(KerasNetwork):
    """A network whose loss is Keras's squared error of its means."""

    def _loss(self) -> tuple[Any, float]:
        return keras.losses.MeanSquaredError(), 1.0


def squared_shares(problem: Problem, rng: np.random.Generator) -> Params | None:
    return settled(network_of(problem, kind=SquaredError)) if problem.model.has_classes else None


class Unseen(KerasNetwork):
    """A network whose last activation is a function of its author, behind which Keras finds no logits: its loss clips shares."""

    def _layers(self, last: Any) -> Any:
        return super()._layers(InverseLink(self.problem.model.link) if last == "sigmoid" else last)


def clip(problem: Problem, rng: np.random.Generator) -> Params | None:
    """A network that starts at the optimum without the last row, which is far on the wrong side of it."""
    network = network_of(problem, kind=Unseen)
    inner = stated_optimum(rows_of(problem, np.arange(problem.n - 1)))
    if inner is None:
        return None
    network.params = inner
    return settled(network)


def with_an_outlier(problem: Problem, rng: np.random.Generator) -> Problem | None:
    """One more row, so far out that its linear predictor is 17 to 25, and whose response is on the other side."""
    if problem.model.has_classes or not problem.model.is_logistic or not problem.p or problem.offset is not None:
        return None
    best = stated_optimum(problem)
    if best is None or problem.data.trials is not None or problem.data.weights is not None:
        return None
    slopes = best.coef[:, 0] * problem.X.std(axis=0)
    column = int(np.argmax(np.abs(slopes)))
    row = problem.X.mean(axis=0)
    row[column] += (rng.uniform(18, 25) - problem.eta(best).mean()) / best.coef[column, 0]
    X, y = np.vstack([problem.X, row]), np.vstack([problem.y, [[0.0]]])
    return problem.with_data(X=X, y=y, columns=problem.data.columns)


def poisson_epsilon(problem: Problem, rng: np.random.Generator) -> Params | None:
    if not isinstance(problem.model.family, Poisson):
        return None
    return settled(network_of(problem, Recipe(built_in_loss=True)))


# -- a penalty -------------------------------------------------------------------------------------------------------------------


def strength(problem: Problem, rng: np.random.Generator) -> float | None:
    """A factor of the squares that moves a coefficient by a thousandth to a half of itself."""
    best = stated_optimum(problem)
    if best is None or not problem.p:
        return None
    information = np.diag(likelihood.expected_information(problem, best)).reshape(problem.free_outputs, -1)
    return float(np.median(information[:, problem.intercept :]) / problem.n * 10 ** rng.uniform(-3, 0))


def ridge(problem: Problem, rng: np.random.Generator) -> Params | None:
    l2 = strength(problem, rng)
    return None if l2 is None else settled(network_of(problem, Recipe(l2=l2)))


def ridge_bias(problem: Problem, rng: np.random.Generator) -> Params | None:
    """The bias is the weight of a column of ones, and so it is penalised too."""
    l2 = strength(problem, rng)
    if l2 is None or not problem.intercept:
        return None
    ones = replace(problem.with_data(X=problem.design), intercept=False)
    found = settled(network_of(ones, Recipe(l2=l2)))
    return None if found is None else Params.from_matrix(found.coef)


def lasso(problem: Problem, rng: np.random.Generator) -> Params | None:
    """A share of the factor that leaves nothing but the intercept, at times beside a penalty on squares."""
    if not problem.p or not problem.intercept:
        return None
    null = likelihood.score(problem, likelihood.null_params(problem))[1:]
    l1 = float(np.abs(null).max() / problem.n * rng.uniform(0.05, 0.5))
    l2 = 0.0 if rng.uniform() < 0.7 else (strength(problem, rng) or 0.0)
    found = fitted(network_of(problem, Recipe(l1=l1, l2=l2)), tolerance=1e-10)
    return found.params if found.converged else None


def nonnegative(problem: Problem, rng: np.random.Generator) -> Params | None:
    """Coefficients at 0 or above: those that would be below are 0, and the others are at the optimum of their columns."""
    if problem.model.has_classes or not problem.p:
        return None
    kept = np.ones(problem.p, dtype=bool)
    while (found := settled(network_of(problem.with_data(X=problem.X[:, kept])))) is not None:
        below = found.coef[:, 0] < 0
        if not below.any():
            break
        kept[np.flatnonzero(kept)[below]] = False
    if found is None:
        return None
    coef = np.zeros((problem.p, 1))
    coef[kept] = found.coef
    params = Params(found.intercept, coef)
    pulled = likelihood.score(problem, params)[int(problem.intercept) :][~kept]
    return params if (pulled < 0).all() and kept.any() and not kept.all() else None


def firth(problem: Problem, rng: np.random.Generator) -> Params | None:
    """Firth's estimate by pseudo-data: a row's weight grows by its leverage, with an average response, until leverages rest."""
    model, weight = problem.model, problem.row_weights
    if model not in (Model(Binomial(), Logit()), Model(Poisson(), Log())) or (now := stated_optimum(problem)) is None:
        return None
    for _ in range(STEPS):
        mu = model.link.inverse(problem.eta(now))
        root = np.linalg.qr(problem.design * np.sqrt(weight * model.family.variance(mu)))[0]
        leverage = (root**2).sum(axis=1, keepdims=True)
        more = leverage if isinstance(model.family, Binomial) else 0.0
        y = (weight * problem.y + leverage / 2) / (weight + more)
        other = problem.with_data(columns=problem.data.columns, y=y, weights=(weight + more)[:, 0], trials=None)
        found = optimum(replace(other, quasi=True), rng)
        if found is None or np.abs(found.matrix - now.matrix).max() <= 1e-11 * np.abs(now.matrix).max():
            return found
        now = found
    return None
