"""
The problems that programs have in place of the one that was asked: one function for each mistake.

Each takes the problem as it was stated and a generator, which draws what the mistake has of parameters, and returns the other
problem and the way back into the layout of the answer; None where the mistake cannot be made.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from spec.diagnosis.plants.mistake import Other
from spec.diagnosis.plants.stated import is_binary, rows_of
from spec.families import Binomial, Family, Gamma, Gaussian, InverseGaussian, Poisson, Tweedie
from spec.links import Identity, Inverse, Log
from spec.model import PAIRS, Model, Params
from spec.problems import Problem

UNITS = (10.0, 12.0, 60.0, 100.0, 255.0, 1000.0)


def _with(problem: Problem, **data: Any) -> Other:
    return Other(problem.with_data(**data))


def _quasi(problem: Problem, model: Model, **data: Any) -> Other:
    """Another model, as a quasi-likelihood: the responses need not be possible in its family."""
    other = problem.with_data(columns=problem.data.columns, **data)
    return Other(replace(other, model=model, quasi=not model.has_classes))


# -- another model ---------------------------------------------------------------------------------------------------------------


def labels_flipped(problem: Problem, rng: np.random.Generator) -> Other | None:
    if not isinstance(problem.model.family, Binomial):
        return None
    return _with(problem, y=1 - problem.y)


def labels_recoded(problem: Problem, rng: np.random.Generator) -> Other | None:
    """Labels -1 and 1, 1 and 2, or 0 and 100, in least squares."""
    if not isinstance(problem.model.family, Gaussian):
        return None
    scale, shift = [(2.0, -1.0), (1.0, 1.0), (100.0, 0.0)][rng.integers(3)]
    return _quasi(problem, problem.model, y=shift + scale * problem.y)


def link(problem: Problem, rng: np.random.Generator) -> Other | None:
    family, own = problem.model.family, problem.model.link
    others = [pair.link for pair in PAIRS if type(pair.family) is type(family) and pair.link != own]
    return Other(replace(problem, model=Model(family, others[rng.integers(len(others))]))) if others else None


def loss(problem: Problem, rng: np.random.Generator) -> Other | None:
    """The loss of another family: Poisson's for amounts, Gamma's for counts."""
    families: list[Family] = [Poisson(), Gamma(), Tweedie(1.5), InverseGaussian()]
    own = type(problem.model.family)
    if own in (Gaussian, Binomial) or problem.model.has_classes:
        return None
    others = [one for one in families if type(one) is not own and one.quasi_domain.contains(problem.y).all()]
    return _quasi(problem, Model(others[rng.integers(len(others))], problem.model.link)) if others else None


def squared_error(problem: Problem, rng: np.random.Generator) -> Other | None:
    if isinstance(problem.model.family, Gaussian) or problem.model.has_classes:
        return None
    return _quasi(problem, Model(Gaussian(), problem.model.link))


def no_intercept(problem: Problem, rng: np.random.Generator) -> Other | None:
    return Other(replace(problem, intercept=False)) if problem.intercept and problem.p else None


def extra_intercept(problem: Problem, rng: np.random.Generator) -> Other | None:
    return None if problem.intercept else Other(replace(problem, intercept=True))


def column_left_out(problem: Problem, rng: np.random.Generator) -> Other | None:
    """One column less, whose coefficient a table shows as 0."""
    if problem.p < 2:
        return None
    place = int(rng.integers(problem.p))

    def back(params: Params) -> Params:
        return Params(params.intercept, np.insert(params.coef, place, 0.0, axis=0))

    return Other(problem.with_data(X=np.delete(problem.X, place, axis=1)), back)


def exponentiated(problem: Problem, rng: np.random.Generator) -> Other | None:
    """A table of odds ratios or of ratios of rates."""
    if problem.model.has_classes:
        return None

    def back(params: Params) -> Params:
        return Params(np.exp(params.intercept) if problem.intercept else params.intercept, np.exp(params.coef))

    return Other(problem, back)


def column_transformed(problem: Problem, rng: np.random.Generator) -> Other | None:
    """The logarithm or the square of one column."""
    place, X = int(rng.integers(max(problem.p, 1))), problem.X.copy()
    if not problem.p or len(np.unique(X[:, place])) < 3:
        return None
    transform = np.log if (X[:, place] > 0).all() else np.square
    X[:, place] = transform(X[:, place])
    return _with(problem, X=X)


def columns_permuted(problem: Problem, rng: np.random.Generator) -> Other | None:
    """Another order of the columns."""
    if problem.p < 2:
        return None
    order = _another_order(problem.p, rng)
    return _with(problem, X=problem.X[:, order])


def classes_permuted(problem: Problem, rng: np.random.Generator) -> Other | None:
    if not problem.model.has_classes:
        return None
    order = _another_order(problem.k, rng)
    return _with(problem, y=problem.y[:, order], offset=None if problem.offset is None else problem.offset[:, order])


def _another_order(size: int, rng: np.random.Generator) -> np.ndarray:
    order = np.arange(size)
    while (order == np.arange(size)).all():
        order = rng.permutation(size)
    return order


def _factor(problem: Problem) -> tuple[np.ndarray, np.ndarray]:
    """The columns besides the factor's, and the indicators (n, levels) of its levels, the baseline first."""
    of_factor = np.array([name.startswith("C(") for name in problem.data.columns])
    levels = problem.X[:, of_factor]
    return problem.X[:, ~of_factor], np.column_stack([1 - levels.sum(axis=1), levels])


def baseline(problem: Problem, rng: np.random.Generator) -> Other | None:
    """The last level, or another, is the baseline; the others are in their order."""
    others, levels = _factor(problem)
    left_out = int(rng.integers(1, levels.shape[1]))
    return _with(problem, X=np.hstack([others, np.delete(levels, left_out, axis=1)]))


def coding(problem: Problem, rng: np.random.Generator) -> Other | None:
    """The levels are compared with the mean of all ("sum"), or with the level before."""
    others, levels = _factor(problem)
    if rng.uniform() < 0.7:
        return _with(problem, X=np.hstack([others, levels[:, :-1] - levels[:, -1:]]))
    return _with(problem, X=np.hstack([others, np.cumsum(levels[:, :0:-1], axis=1)[:, ::-1]]))


def collinear(problem: Problem, rng: np.random.Generator) -> Other:
    """The optimum without the column that repeats another, which then took its share, as training from random weights gives."""
    *_, kept, copy = range(problem.p)
    scale = problem.X[:, copy].std() / problem.X[:, kept].std()
    null = np.zeros((1 + problem.p, 1))
    null[1 + kept], null[1 + copy] = scale, -1
    null[0] = (problem.X[:, copy] - scale * problem.X[:, kept]).mean()
    share = rng.normal(size=problem.k)

    def back(params: Params) -> Params:
        return Params.from_matrix(np.vstack([params.matrix, np.zeros((1, problem.k))]) + null * share)

    return Other(problem.with_data(X=problem.X[:, :-1]), back)


def with_a_repeated_column(problem: Problem, rng: np.random.Generator) -> Problem | None:
    """Another column that repeats one in other units, such as a temperature in Celsius and in Fahrenheit."""
    if not problem.p or not problem.intercept or np.ptp(problem.X[:, -1]) == 0:
        return None
    repeated = 1.75 * problem.X[:, -1:] + 32
    return problem.with_data(X=np.hstack([problem.X, repeated]), columns=(*problem.data.columns, "again"))


def softmax_gauge(problem: Problem, rng: np.random.Generator) -> Other | None:
    """Weights of all classes, as training from random weights leaves them."""
    if not problem.model.has_classes:
        return None
    shift = rng.normal(size=(1 + problem.p, 1))
    return Other(problem, lambda params: Params.from_matrix(params.matrix + shift))


# -- other rows and weights ------------------------------------------------------------------------------------------------------


def offset_forgotten(problem: Problem, rng: np.random.Generator) -> Other | None:
    return _with(problem, offset=None) if problem.offset is not None else None


def offset_free(problem: Problem, rng: np.random.Generator) -> Other | None:
    """The offset is one more column, whose coefficient stands after the others."""
    if problem.offset is None or problem.k > 1:
        return None
    return _with(problem, X=np.hstack([problem.X, problem.offset]), offset=None)


def offset_free_by_name(problem: Problem, rng: np.random.Generator) -> Other | None:
    """The same, from a table that was joined by the names of the columns: the offset's coefficient is lost."""
    found = offset_free(problem, rng)
    return None if found is None else replace(found, back=lambda params: Params(params.intercept, params.coef[: problem.p]))


def exposure_not_logged(problem: Problem, rng: np.random.Generator) -> Other | None:
    exposure = _exposure(problem)
    return None if exposure is None else _with(problem, offset=exposure)


def offset_reversed(problem: Problem, rng: np.random.Generator) -> Other | None:
    return None if problem.offset is None else _with(problem, offset=-problem.offset)


def exposure_as_weight(problem: Problem, rng: np.random.Generator) -> Other | None:
    """The exposure as a weight of totals, without an offset."""
    exposure = _exposure(problem)
    return None if exposure is None else _with(problem, weights=_weights(problem) * exposure[:, 0], offset=None)


def rates_unweighted(problem: Problem, rng: np.random.Generator) -> Other | None:
    """Totals divided by the exposure, all with weight 1; for a gamma response that is no mistake."""
    exposure = _exposure(problem)
    return None if exposure is None else _quasi(problem, problem.model, y=problem.y / exposure, offset=None)


def _exposure(problem: Problem) -> np.ndarray | None:
    """The exposure (n, 1), which multiplies the mean, if the offset is its logarithm."""
    if problem.offset is None or not isinstance(problem.model.link, Log) or isinstance(problem.model.family, Binomial):
        return None
    return np.exp(problem.offset)


def _weights(problem: Problem) -> np.ndarray:
    return np.ones(problem.n) if problem.data.weights is None else problem.data.weights


def weights_forgotten(problem: Problem, rng: np.random.Generator) -> Other:
    return _with(problem, weights=None)


def weights_squared(problem: Problem, rng: np.random.Generator) -> Other | None:
    return None if problem.data.weights is None else _with(problem, weights=problem.data.weights**2)


def trials_forgotten(problem: Problem, rng: np.random.Generator) -> Other | None:
    return _with(problem, trials=None) if problem.data.trials is not None else None


def class_weights(problem: Problem, rng: np.random.Generator) -> Other | None:
    """Balanced weights of the classes, or one class that counts more."""
    if not (problem.model.has_classes or (isinstance(problem.model.family, Binomial) and is_binary(problem))):
        return None
    y = problem.y if problem.model.has_classes else np.hstack([1 - problem.y, problem.y])
    factors = problem.n / (y.shape[1] * y.sum(axis=0))
    if rng.uniform() < 0.5:
        factors = np.ones(y.shape[1])
        factors[rng.integers(len(factors))] = 10 ** rng.uniform(0.3, 1)
    return _with(problem, weights=_weights(problem) * (y @ factors))


def undersampled(problem: Problem, rng: np.random.Generator) -> Other | None:
    """As many rows of the larger class as of the smaller one, at random."""
    if not (isinstance(problem.model.family, Binomial) and is_binary(problem)):
        return None
    ones = problem.y[:, 0] == 1
    larger, smaller = (np.flatnonzero(one) for one in ((ones, ~ones) if ones.mean() > 0.5 else (~ones, ones)))
    if len(larger) < 1.2 * len(smaller):
        return None
    return Other(rows_of(problem, np.sort(np.concatenate([smaller, rng.choice(larger, len(smaller), replace=False)]))))


def rows_missing(problem: Problem, rng: np.random.Generator) -> Other | None:
    """Rows in which something was missing, which the reader's table has had filled in."""
    mask = rng.uniform(size=problem.n) > rng.uniform(0.05, 0.3)
    if mask.sum() < problem.q * problem.free_outputs + 3 or mask.all():
        return None
    decoy = rng.uniform(size=problem.n) > 0.1
    subsets = {"rows in which x was missing": mask, "rows in which y was missing": decoy}
    return Other(rows_of(problem, np.flatnonzero(mask)), subsets=subsets)


def _cut(problem: Problem, rng: np.random.Generator) -> int:
    """Where the rows are split, so that nine tenths to half are left."""
    return max(int(problem.n * (1 - rng.uniform(0.1, 0.5))), problem.q * problem.free_outputs + 2)


def rows_first(problem: Problem, rng: np.random.Generator) -> Other | None:
    cut = _cut(problem, rng)
    return Other(rows_of(problem, np.arange(cut))) if cut < problem.n else None


def rows_last(problem: Problem, rng: np.random.Generator) -> Other | None:
    cut = _cut(problem, rng)
    return Other(rows_of(problem, np.arange(problem.n - cut, problem.n))) if cut < problem.n else None


def row_left_out(problem: Problem, rng: np.random.Generator) -> Other:
    return Other(rows_of(problem, np.delete(np.arange(problem.n), rng.integers(problem.n))))


def rows_twice(problem: Problem, rng: np.random.Generator) -> Other:
    """The first rows, or the last ones, read twice, as where files overlap."""
    some = int(problem.n * rng.uniform(0.15, 0.5)) + 1
    again = np.arange(some) if rng.uniform() < 0.5 else np.arange(problem.n - some, problem.n)
    return Other(rows_of(problem, np.concatenate([np.arange(problem.n), again])))


def duplicates_dropped(problem: Problem, rng: np.random.Generator) -> Other:
    parts = [problem.X, problem.y, problem.offset, problem.data.weights, problem.data.trials]
    table = np.hstack([part.reshape(problem.n, -1) for part in parts if part is not None])
    _, first = np.unique(table, axis=0, return_index=True)
    return Other(rows_of(problem, np.sort(first)))


# -- other units -----------------------------------------------------------------------------------------------------------------


def _rescaled(problem: Problem, shift: np.ndarray, scale: np.ndarray) -> Other | None:
    if not problem.p or not (scale > 0).all():
        return None
    return _with(problem, X=(problem.X - shift) / scale)


def standardised(problem: Problem, rng: np.random.Generator) -> Other | None:
    """Columns are divided by the standard deviation with n, or with n - 1."""
    return _rescaled(problem, problem.X.mean(axis=0), problem.X.std(axis=0, ddof=int(rng.uniform() < 0.5)))


def another_intercept(problem: Problem, rng: np.random.Generator) -> Other | None:
    """The right slopes beside an intercept that is 0, or is that of a column less some number."""
    if not problem.intercept or problem.model.has_classes or problem.model.link == Log():
        return None
    is_left_out, moved = rng.random() < 0.5, rng.uniform(0.5, 2)

    def back(params: Params) -> Params:
        return Params(0 * params.intercept if is_left_out else params.intercept + moved, params.coef)

    return Other(problem, back)


def centred(problem: Problem, rng: np.random.Generator) -> Other | None:
    return _rescaled(problem, problem.X.mean(axis=0), np.ones(problem.p))


def min_max(problem: Problem, rng: np.random.Generator) -> Other | None:
    return _rescaled(problem, problem.X.min(axis=0), np.ptp(problem.X, axis=0))


def middle_half(problem: Problem, rng: np.random.Generator) -> Other | None:
    """Columns are scaled as by scikit-learn's RobustScaler."""
    low, middle, high = np.quantile(problem.X, (0.25, 0.5, 0.75), axis=0)
    return _rescaled(problem, middle, np.where(high > low, high - low, 1.0))


def units(problem: Problem, rng: np.random.Generator) -> Other | None:
    """One or two columns in other units."""
    scale = np.ones(problem.p)
    chosen = rng.choice(problem.p, min(int(rng.integers(1, 3)), problem.p), replace=False)
    scale[chosen] = [UNITS[rng.integers(len(UNITS))] ** rng.choice([-1, 1]) for _ in chosen]
    return _rescaled(problem, np.zeros(problem.p), scale)


def response_units(problem: Problem, rng: np.random.Generator) -> Other | None:
    """The response in thousands, or in cents."""
    linked = isinstance(problem.model.link, (Identity, Log, Inverse))
    if not linked or isinstance(problem.model.family, Binomial) or problem.model.has_classes:
        return None
    scale = UNITS[rng.integers(len(UNITS))] ** rng.choice([-1, 1])
    return _quasi(problem, problem.model, y=problem.y * scale)


def response_transformed(problem: Problem, rng: np.random.Generator) -> Other | None:
    """Least squares of log(y), or of log(1 + y), for a response whose mean has a log link."""
    if not isinstance(problem.model.link, Log) or isinstance(problem.model.family, Binomial):
        return None
    transform = np.log if (problem.y > 0).all() else np.log1p
    return _quasi(problem, Model(Gaussian(), Identity()), y=transform(problem.y))


def float32_inputs(problem: Problem, rng: np.random.Generator) -> Other:
    return _with(problem, X=problem.X.astype(np.float32).astype(float))
