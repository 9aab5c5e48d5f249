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
from spec.model import Model
from spec.problems import Problem
from spec.proof.cases import Case
from spec.proof.field import Expr, Point
from spec.proof.functions import put, slope
from spec.proof.namespace import Expressions

FAR = (0.51, 0.62, 0.9, 2.7, 5.3, 9.1, 17.3, 41.7, 90.3, 800.7)  # from 0: one for each range that a program tells apart
ETAS = (0.3, 0.0, -0.3, *(sign * eta for eta in FAR for sign in (1, -1)))
CLASSES = (0.3, -0.7, 1.1, 0.2)


@dataclass(frozen=True, eq=False)
class Row:
    """The symbols of a row: eta and t, one for each output, y (k,), its weight, and the number of rows."""

    eta: np.ndarray
    y: np.ndarray
    t: np.ndarray
    weight: Expr
    n: Expr


def names(name: str, k: int) -> list[str]:
    """The names of a symbol's entries, numbered from 1 where there are several."""
    return [name] if k == 1 else [f"{name}{i + 1}" for i in range(k)]


def outputs(k: int, recipe: Recipe) -> int:
    """How many linear predictors a network has: k, or the mean and the log of the dispersion."""
    return 2 if recipe.head == "location-scale" else k


def row(model: Model, k: int, case: Case, recipe: Recipe = PLAIN) -> Row:
    """The symbols in a case. The shares of a softmax sum to 1: the last is one less the others."""
    m = outputs(k, recipe)
    eta, y, t = (
        np.array([case.symbol(each) for each in names(*what)], dtype=object) for what in (("eta", m), ("y", k), ("t", m))
    )
    if model.has_classes:
        y[-1] = 1 - sum(y[1:-1], y[0])
    return Row(eta, y, t, case.symbol("weight"), case.symbol("n"))


def points(problem: Problem, recipe: Recipe = PLAIN) -> Iterator[Point]:
    """Points in the model's domain, at which a case may lie; the symbols of the parameters and of other rows have any value."""
    k, model = problem.k, problem.model
    others = {"weight": 1.7, "n": 11.0, "x": 0.77}
    for place, name in enumerate(("w", "v", "a", "b", "t", "offset", "top", "theta", "d")):
        others |= {each: 0.31 + 0.07 * place + 0.013 * i for i, each in enumerate([name, *names(name, 17)])}
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


@dataclass(frozen=True, eq=False)
class Claimed:
    """
    The mean (k,) of a row, its kernel, the score (k,) and its derivative along t (k,).

    The loss is minus the sum of weight times kernel, by n, times a constant (`KerasNetwork.loss_scale`), and the penalties.
    """

    mean: np.ndarray
    kernel: Expr
    score: np.ndarray
    bend: np.ndarray

    def at(self, name: str, value: Expr) -> Claimed:
        """The claim where a symbol has a value."""

        def there(entries: np.ndarray) -> np.ndarray:
            return np.array([put(each, name, value) for each in entries], dtype=object)

        return Claimed(there(self.mean), put(self.kernel, name, value), there(self.score), there(self.bend))


def claimed(model: Model, k: int, case: Case, recipe: Recipe = PLAIN) -> Claimed:
    """The claim about a row of a model; where the case fixes an eta it is put in last, since the slopes are in eta."""
    free = Case([], {name: value for name, value in case.fixed.items() if not name.startswith("eta")}, case.field)
    at = row(model, k, free, recipe)
    found = _located(at, free) if recipe.head == "location-scale" else _claimed(model, at, free)
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
    return Claimed(mean, kernel, score, _bend(score, at, case))


def _located(at: Row, case: Case) -> Claimed:
    """A normal response with a mean of its own and a dispersion phi of its own, whose outputs are the mean and log phi."""
    (mean, log_dispersion), (y,) = at.eta, at.y
    dispersion = Expressions(case.field).exp(log_dispersion)
    squared = (y - mean) * (y - mean) / dispersion
    score = np.array([(y - mean) / dispersion, (squared - 1) / 2], dtype=object)
    return Claimed(at.eta, -(log_dispersion + squared) / 2, score, _bend(score, at, case))


def _bend(score: np.ndarray, at: Row, case: Case) -> np.ndarray:
    """The derivative of the score along t."""
    symbols = names("eta", len(at.eta))
    bend = [sum((slope(each, name) * t for name, t in zip(symbols, at.t)), case.field.number(0)) for each in score]
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
