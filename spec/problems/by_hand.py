"""
Problems whose answer is a formula: intercept only, two groups, saturated tables, a table of independence.

Where the design tells groups apart and nothing else, the fitted means are the (weighted) means of the groups, whatever
the family and the link: the score of a group is its residuals times a constant. The parameters are then g of the means,
or differences of them. The data are small whole numbers, and each mean lies inside the domain, so the optimum exists.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from spec.compat import strict_zip
from spec.families import Binomial, Gamma, Gaussian, InverseGaussian, Multinomial, NegativeBinomial, Poisson, Tweedie
from spec.links import Identity, Inverse, InverseSquared, Log, Logit, NegativeBinomialLink, Power, Probit, Softmax
from spec.model import Model, Params
from spec.problems.problem import Data, Problem

Numbers = tuple[int, ...]


def responses(model: Model, values: Numbers, classes: int) -> np.ndarray:
    """y (n, 1) of the values, or for softmax (n, classes), the values being the classes' numbers."""
    return np.eye(classes)[list(values)] if model.has_classes else np.array(values, dtype=float)[:, None]


def intercept_only(model: Model, values: Numbers, classes: int = 1, weights: Numbers | None = None) -> Data:
    """The intercept is g(weighted mean)."""
    y, w = responses(model, values, classes), None if weights is None else np.array(weights)
    mean = np.average(y, axis=0, weights=w)
    return Data(np.empty((len(y), 0)), y, weights=w, exact=Params(model.link(mean), np.empty((0, classes))))


def two_groups(
    model: Model, zero: Numbers, one: Numbers, classes: int = 1, weights: tuple[Numbers, Numbers] | None = None
) -> Data:
    """The intercept is g(mean of group 0), the slope g(mean of group 1) less that."""
    y = [responses(model, values, classes) for values in (zero, one)]
    w = weights or (None, None)
    base, other = (model.link(np.average(y[group], axis=0, weights=w[group])) for group in (0, 1))
    return Data(
        np.repeat([0, 1], [len(zero), len(one)])[:, None],
        np.vstack(y),
        weights=np.concatenate(weights) if weights else None,
        columns=("group",),
        exact=Params(base, (other - base)[None]),
    )


def exposure(counts: Numbers, exposures: Numbers) -> Data:
    """Counts at a rate of exp(intercept): the rate is the counts' total by that of the exposures."""
    exact = Params.from_matrix([[np.log(sum(counts) / sum(exposures))]])
    return Data(np.empty((len(counts), 0)), np.array(counts)[:, None], offset=np.log(exposures)[:, None], exact=exact)


def saturated_counts(table: tuple[Numbers, Numbers]) -> Data:
    """A parameter for each of 2 x 3 cells: logs of counts, of their ratios, and of the ratios' ratios."""
    (n00, n01, n02), (n10, n11, n12) = table
    exact = np.log([n00, n10 / n00, n01 / n00, n02 / n00, n11 * n00 / (n10 * n01), n12 * n00 / (n10 * n02)])
    X = np.array([[a, b == 1, b == 2, a * (b == 1), a * (b == 2)] for a in (0, 1) for b in (0, 1, 2)])
    columns = ("a", "b1", "b2", "a:b1", "a:b2")
    return Data(X, np.reshape(table, (6, 1)), columns=columns, exact=Params.from_matrix(exact[:, None]))


def saturated_shares(successes: Numbers, trials: Numbers) -> Data:
    """A parameter for each of 2 x 2 cells: a log odds, two log odds ratios, and the log of a ratio of odds ratios."""
    o00, o01, o10, o11 = (s / (t - s) for s, t in strict_zip(successes, trials))
    exact = np.log([o00, o10 / o00, o01 / o00, o11 * o00 / (o10 * o01)])
    X = np.array([[a, b, a * b] for a in (0, 1) for b in (0, 1)])
    y = np.divide(successes, trials)[:, None]
    return Data(X, y, trials=np.array(trials), columns=("a", "b", "a:b"), exact=Params.from_matrix(exact[:, None]))


def independence(table: tuple[Numbers, Numbers]) -> Data:
    """No interaction: the fitted count of a cell is its row's total times its column's, by the total of all."""
    counts = np.array(table)
    (r0, r1), (c0, c1) = counts.sum(axis=1), counts.sum(axis=0)
    exact = np.log([[r0 * c0 / counts.sum()], [r1 / r0], [c1 / c0]])
    X = np.array([[a, b] for a in (0, 1) for b in (0, 1)])
    return Data(X, counts.reshape(4, 1), columns=("row", "column"), exact=Params.from_matrix(exact))


def _by_hand(model: Model, what: str, load: Callable[[], Data], about: str, *tags: str) -> Problem:
    return Problem(f"by-hand-{model}-{what}", model, load, kind="by-hand", about=about, tags=frozenset((what, *tags)))


def _intercept(model: Model, values: Numbers, about: str, classes: int = 1) -> Problem:
    return _by_hand(model, "intercept-only", partial(intercept_only, model, values, classes), about)


def _groups(model: Model, zero: Numbers, one: Numbers, about: str, classes: int = 1) -> Problem:
    return _by_hand(model, "two-groups", partial(two_groups, model, zero, one, classes), about)


COUNTS, SHARES = Model(Poisson(), Log()), Model(Binomial(), Logit())
BINARY: tuple[Numbers, Numbers] = ((0, 0, 1, 0, 0, 0, 1, 0), (1, 0, 1, 1, 0))

BY_HAND: tuple[Problem, ...] = (
    _intercept(Model(Gaussian(), Identity()), (-1, 0, 2, 3, 6), "intercept = mean"),
    _intercept(SHARES, (0, 1, 0, 0, 1, 0, 1, 0), "intercept = log(successes / failures)"),
    _intercept(COUNTS, (0, 1, 2, 2, 5, 7), "intercept = log(mean)"),
    _intercept(Model(Gamma(), Inverse()), (1, 2, 4, 5), "intercept = 1 / mean"),
    _intercept(Model(Gamma(), Log()), (1, 2, 4, 5), "intercept = log(mean)"),
    _intercept(Model(InverseGaussian(), InverseSquared()), (1, 1, 2, 4, 7), "intercept = 1 / mean^2"),
    _intercept(Model(NegativeBinomial(0.5), Log()), (0, 1, 1, 4, 9), "intercept = log(mean)"),
    _intercept(
        Model(NegativeBinomial(0.5), NegativeBinomialLink(0.5)), (0, 1, 1, 4, 9), "intercept = log(alpha mean / (1 + alpha mean))"
    ),
    _intercept(Model(Tweedie(1.5), Log()), (0, 0, 1, 3, 6), "intercept = log(mean)"),
    _intercept(Model(Tweedie(1.5), Power(-0.5)), (0, 0, 1, 3, 6), "intercept = 1 / sqrt(mean)"),
    _intercept(Model(Multinomial(), Softmax()), (0, 0, 0, 0, 1, 1, 1, 2, 3, 3), "intercepts = log(n_k / n_0)", classes=4),
    _groups(SHARES, *BINARY, "slope = log odds ratio, intercept = log odds of group 0"),
    _groups(Model(Binomial(), Probit()), *BINARY, "slope = difference of the normal quantiles of the two shares"),
    _groups(COUNTS, (0, 2, 1, 3), (4, 5, 2, 6, 8), "slope = log(mean_1 / mean_0), the log rate ratio"),
    _groups(Model(Gaussian(), Identity()), (1, 4, -2, 5), (3, 7, 8), "slope = mean_1 - mean_0"),
    _groups(Model(Gamma(), Inverse()), (1, 2, 6), (2, 4, 5, 9), "slope = 1 / mean_1 - 1 / mean_0"),
    _groups(
        Model(Multinomial(), Softmax()),
        (0, 0, 0, 1, 1, 2),
        (0, 1, 1, 1, 2, 2, 2, 2),
        "slopes = log of (n_1k / n_10) / (n_0k / n_00), n_gk the count of class k in group g",
        classes=3,
    ),
    _by_hand(
        COUNTS,
        "saturated-2x3",
        partial(saturated_counts, ((4, 7, 2), (3, 11, 8))),
        "intercept = log n_00, interactions = log of n_1b n_00 / (n_10 n_0b)",
        "saturated",
    ),
    _by_hand(
        SHARES,
        "saturated-2x2",
        partial(saturated_shares, (3, 5, 20, 1), (8, 16, 32, 4)),
        "intercept = log odds of cell 00, interaction = log of a ratio of odds ratios",
        "saturated",
        "trials",
    ),
    _by_hand(COUNTS, "independence-2x2", partial(independence, ((12, 6), (20, 5))), "count = row total x column total / total"),
    _by_hand(
        COUNTS,
        "weights",
        partial(intercept_only, COUNTS, (0, 3, 1, 6), weights=(1, 2, 4, 3)),
        "intercept = log(weighted mean), the weights 1 to 4",
        "intercept-only",
    ),
    _by_hand(
        Model(Gamma(), Log()),
        "weights",
        partial(two_groups, Model(Gamma(), Log()), (1, 4, 2), (3, 8, 5, 6), weights=((2, 1, 3), (1, 1, 4, 2))),
        "slope = log(weighted mean_1 / weighted mean_0)",
        "two-groups",
    ),
    _by_hand(
        COUNTS,
        "offset",
        partial(exposure, (1, 0, 4, 6, 3), (2, 1, 5, 8, 3)),
        "offset = log(exposure), intercept = log(sum of counts / sum of exposures)",
        "intercept-only",
    ),
)
