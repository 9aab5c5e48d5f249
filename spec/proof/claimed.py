"""
What a network is claimed to be, as expressions: the mean, the loss and its derivatives of a generalized linear model.

Each is the textbook's formula, of the functions in `spec.links` and `spec.families`: the kernel as a function of the mean, the
score (y - mu) h' / V, and its derivative. None is the formula that the network itself is made of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from spec.engines.contract import PLAIN, Recipe
from spec.links import Link, Logit, Probit
from spec.model import Model
from spec.problems import Problem
from spec.proof.cases import Case
from spec.proof.field import Expr, Point
from spec.proof.functions import put, slope
from spec.proof.namespace import Expressions

FAR = (0.51, 0.62, 0.9, 2.7, 5.3, 9.1, 17.3, 41.7, 90.3, 800.7)  # from 0: one for each range that a program tells apart
ETAS = (0.3, 0.0, -0.3, *(sign * eta for eta in FAR for sign in (1, -1)))
CLASSES = (0.3, -0.7, 1.1, 0.2)
CUMULATIVE: dict[str, Link] = {"cumulative-logit": Logit(), "cumulative-probit": Probit()}  # the heads with ordered thresholds
PARAMETERS = ("eta", "theta", "delta")  # how the names of the symbols begin that the weights go into


@dataclass(frozen=True, eq=False)
class Row:
    """
    The symbols of a row: eta and t, one for each output, y (k,), its weight, and the number of rows.

    ``theta`` are the weights of ordered thresholds, and ``d`` their direction; without such a head there are none.
    """

    eta: np.ndarray
    y: np.ndarray
    t: np.ndarray
    weight: Expr
    n: Expr
    theta: np.ndarray
    d: np.ndarray

    @property
    def along(self) -> dict[str, Expr]:
        """The direction of a second derivative: how fast each symbol of the parameters moves."""
        return dict(zip([*names("eta", len(self.eta)), *thresholds(len(self.theta))], [*self.t, *self.d]))


def names(name: str, k: int) -> list[str]:
    """The names of a symbol's entries, numbered from 1 where there are several."""
    return [name] if k == 1 else [f"{name}{i + 1}" for i in range(k)]


def thresholds(count: int) -> list[str]:
    """The names of the weights of ordered thresholds: the first threshold, and the logs of the increments to the next."""
    return [f"{'delta' if place else 'theta'}{place + 1}" for place in range(count)]


def outputs(k: int, recipe: Recipe) -> int:
    """How many linear predictors a network has: k, or the mean and the log of the dispersion, or one under thresholds."""
    return {"": k, "location-scale": 2, **dict.fromkeys(CUMULATIVE, 1)}[recipe.head]


def columns(k: int, recipe: Recipe) -> int:
    """How many columns the kernel has: one for each linear predictor, or one that all alternatives share."""
    return 1 if recipe.alternatives else outputs(k, recipe)


def row(model: Model, k: int, case: Case, recipe: Recipe = PLAIN) -> Row:
    """The symbols in a case. The shares of a softmax sum to 1: the last is one less the others. Those of thresholds may not."""
    m, ordered = outputs(k, recipe), recipe.head in CUMULATIVE
    cuts = thresholds(k - 1 if ordered else 0)

    def symbols(each: list[str]) -> np.ndarray:
        return np.array([case.symbol(name) for name in each], dtype=object)

    eta, y, t, d = (symbols(names(*what)) for what in (("eta", m), ("y", k), ("t", m), ("d", len(cuts))))
    if model.has_classes and not ordered:
        y[-1] = 1 - sum(y[1:-1], y[0])
    return Row(eta, y, t, case.symbol("weight"), case.symbol("n"), symbols(cuts), d)


def points(problem: Problem, recipe: Recipe = PLAIN) -> Iterator[Point]:
    """Points in the model's domain, at which a case may lie; the symbols of the parameters and of other rows have any value."""
    k, model = problem.k, problem.model
    others = {"weight": 1.7, "n": 11.0, "x": 0.77}
    for place, name in enumerate(("w", "v", "a", "b", "t", "offset", "top", "theta", "d", "delta", "x")):
        others |= {each: 0.31 + 0.07 * place + 0.013 * i for i, each in enumerate([name, *names(name, 17)])}
    if recipe.head in CUMULATIVE:
        shares, logs = dict.fromkeys(names("y", k), 0.9 / k), dict.fromkeys(names("delta", 17), 0.1)
        for eta in ETAS:
            yield {**others, **shares, **logs, "theta1": -1.4, "eta": eta}
        return
    if recipe.head:
        yield {**others, "eta1": 0.3, "eta2": -0.7, "y": 0.37}
        return
    if model.has_classes:
        shares = dict.fromkeys(names("y", k), 0.9 / k)
        etas = {name: CLASSES[i % 4] + 0.01 * i for i, name in enumerate(names("eta", k))}
        for scale in (1, 10, 40):
            yield {**others, **shares, **{name: scale * eta for name, eta in etas.items()}}
        return
    responses = [y for y in (0.37, 2.6, -1.4) if model.family.quasi_domain.contains(y)]
    for sign in (1, -1):
        for eta in ETAS:
            if model.eta_domain.contains(eta):
                for y in responses:
                    yield {**others, "w": sign * 0.31, "eta": eta, "y": y}


Pair = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class Claimed:
    """
    The mean (k,) of a row, its kernel, the score and the score's derivative along a direction.

    Each of the latter is a pair: in the linear predictors, and in the second variable. That is a bias, for which it is the same,
    or ordered thresholds. The loss is minus the sum of weight times kernel, by n, times a constant (`KerasNetwork.loss_scale`),
    and the penalties.
    """

    mean: np.ndarray
    kernel: Expr
    score: Pair
    bend: Pair

    def at(self, name: str, value: Expr) -> Claimed:
        """The claim where a symbol has a value."""

        def there(entries: np.ndarray) -> np.ndarray:
            return np.array([put(each, name, value) for each in entries], dtype=object)

        score, bend = ((there(first), there(second)) for first, second in (self.score, self.bend))
        return Claimed(there(self.mean), put(self.kernel, name, value), score, bend)


def claimed(model: Model, k: int, case: Case, recipe: Recipe = PLAIN) -> Claimed:
    """The claim about a row of a model; where the case fixes an eta it is put in last, since the slopes are in eta."""
    free = Case([], {name: value for name, value in case.fixed.items() if not name.startswith("eta")}, case.field)
    at = row(model, k, free, recipe)
    if recipe.head in CUMULATIVE:
        found = _cumulative(CUMULATIVE[recipe.head], at, free)
    else:
        found = _located(at, free) if recipe.head else _claimed(model, at, free)
    for name, value in case.fixed.items():
        if name.startswith("eta"):
            found = found.at(name, case.field.number(value))
    return found


def _claimed(model: Model, at: Row, case: Case) -> Claimed:
    xp: Any = Expressions(case.field)
    if model.has_classes:
        mean = model.link.inverse(at.eta, xp)
        kernel, score = model.family.kernel(at.y, mean, xp).sum(), at.y - mean
    else:
        (eta,), (y,) = at.eta, at.y
        mu = model.link.inverse(eta, xp)
        mean, kernel = np.array([mu], dtype=object), model.family.kernel(y, mu, xp)
        score = np.array([(y - mu) * model.link.inverse_derivative(eta, xp) / model.family.variance(mu, xp)], dtype=object)
    return _with_bias(mean, kernel, score, at, case)


def _located(at: Row, case: Case) -> Claimed:
    """A normal response with a mean of its own and a dispersion phi of its own, whose outputs are the mean and log phi."""
    (mean, log_dispersion), (y,) = at.eta, at.y
    dispersion = Expressions(case.field).exp(log_dispersion)
    squared = (y - mean) * (y - mean) / dispersion
    score = np.array([(y - mean) / dispersion, (squared - 1) / 2], dtype=object)
    return _with_bias(at.eta, -(log_dispersion + squared) / 2, score, at, case)


def _cumulative(link: Link, at: Row, case: Case) -> Claimed:
    """Ordered classes: F(theta_j - eta) is the share of the first j, and each threshold is the one before plus exp(delta_j)."""
    xp: Any = Expressions(case.field)
    first, *logs = at.theta
    cuts = np.cumsum(np.array([first, *map(xp.exp, logs)], dtype=object))
    zero, one = case.field.number(0), case.field.number(1)
    up_to = [zero, *(link.inverse(cut - at.eta[0], xp) for cut in cuts), one]
    mean = np.array([above - below for below, above in zip(up_to, up_to[1:])], dtype=object)
    kernel = sum((y * xp.log(share) for y, share in zip(at.y, mean) if not y.is_zero), zero)
    slopes = [slope(kernel, name) for name in at.along]
    eta, theta = np.array(slopes[:1], dtype=object), np.array(slopes[1:], dtype=object)
    return Claimed(mean, kernel, (eta, theta), (_bend(eta, at, case), _bend(theta, at, case)))


def _with_bias(mean: np.ndarray, kernel: Expr, score: np.ndarray, at: Row, case: Case) -> Claimed:
    """The claim where the second variable is a bias: it is added to the linear predictors, so its score is theirs."""
    bend = _bend(score, at, case)
    return Claimed(mean, kernel, (score, score), (bend, bend))


def _bend(score: np.ndarray, at: Row, case: Case) -> np.ndarray:
    """The derivative of the score along the direction of the row."""
    bend = [sum((slope(each, name) * t for name, t in at.along.items()), case.field.number(0)) for each in score]
    return np.array(bend, dtype=object)


def beyond(rest: Expr, slope: Expr | None, l1: float) -> Expr:
    """What a penalty's slope in a program has more than the claimed one; where that is None, more than a slope of l1 |w| at 0."""
    if slope is not None:
        return rest - slope
    return rest - rest if rest.constant is not None and abs(rest.constant) <= l1 else rest


def penalty(recipe: Recipe, weight: Expr, direction: Expr, case: Case) -> tuple[Expr, Expr | None, Expr]:
    """
    (an entry's penalty, its slope, its slope's along the direction) of l1 |w| + l2 w^2.

    At w = 0 the slope of |w| is None: any number from -1 to 1 is one. (TensorFlow's is 0, JAX's is 1.)
    """
    zero = case.field.number(0)
    if not (recipe.l1 or recipe.l2):
        return zero, zero, zero
    sign = case.sign(weight) if recipe.l1 else 0
    return (
        sign * recipe.l1 * weight + recipe.l2 * weight * weight,
        None if recipe.l1 and sign == 0 else sign * recipe.l1 + 2 * recipe.l2 * weight,
        2 * recipe.l2 * direction,
    )
