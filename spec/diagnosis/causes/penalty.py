"""Causes that keep weights small: penalties, decay, and bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from spec.diagnosis.causes.cause import AT_ZERO, Ending, Reading
from spec.diagnosis.context import Context
from spec.diagnosis.hypothesis import Hypothesis
from spec.diagnosis.objective import OneVersusRest, SquaredShares
from spec.diagnosis.sums import Totals
from spec.families import Binomial, Gamma, Gaussian, InverseGaussian, Poisson, Tweedie
from spec.links import Identity, Log, Logit
from spec.model import Model


def _brought(hypothesis: Hypothesis) -> np.ndarray:
    """
    The weights (q, k) as they were brought, where a penalty acts; of classes each less the mean over all of them.

    A quadratic penalty on the weights of all classes chooses that gauge.
    """
    own = hypothesis.of_brought @ hypothesis.matrix[hypothesis.first :]
    return own - own.mean(axis=1, keepdims=True) if hypothesis.objective.has_gauge else own


def _free(hypothesis: Hypothesis, pull: np.ndarray) -> np.ndarray:
    """The pull (q, m) at the free parameters of a pull (q, k) at the weights as they were brought."""
    pull = hypothesis.of_brought.T @ pull
    return pull[:, 1:] if hypothesis.objective.has_gauge else pull


def _quadratic(hypothesis: Hypothesis, factors: np.ndarray) -> np.ndarray:
    """The matrix (q m, q m) of a penalty with a factor (q,) for each row of the weights as they were brought."""
    m, back = hypothesis.free.shape[1], hypothesis.of_brought
    across = np.eye(m) - 1 / (m + 1) if hypothesis.objective.has_gauge else np.eye(m)
    return np.kron(across, back.T @ (factors[:, None] * back))


def loss_scale(hypothesis: Hypothesis) -> float:
    """Keras's loss over minus the mean objective: a squared error has no factor 1/2, and the outputs of a row are averaged."""
    objective = hypothesis.objective
    if isinstance(objective, (SquaredShares, OneVersusRest)):
        return (2.0 if isinstance(objective, SquaredShares) else 1.0) / hypothesis.matrix.shape[1]
    return 2.0 if isinstance(objective.model.family, Gaussian) else 1.0


def _reading(context: Context, hypothesis: Hypothesis, which: np.ndarray, what: str) -> Reading:
    """A quadratic penalty whose shares of the factor are ``which`` (q,)."""

    def says(factors: np.ndarray, rows: int) -> str | None:
        strength = factors[0]
        if not strength > 0:
            return None
        l2 = strength * loss_scale(hypothesis) / (2 * rows)
        return f"an L2 penalty of {l2:.6g} on {what} (as Keras's l2{_elsewhere(hypothesis, strength, rows)})"

    def become(other: Hypothesis, factors: np.ndarray) -> Hypothesis:
        return replace(other, penalty=_quadratic(other, factors[0] * which))

    pull = _free(hypothesis, which[:, None] * _brought(hypothesis))
    return Reading([-context.basis(hypothesis.intercept).T @ pull], says, become)


def quadratic(context: Context, hypothesis: Hypothesis, of_bias: bool = False) -> Reading:
    """Half the squares of the kernel as it was brought, and of the bias."""
    which = np.ones(len(hypothesis.free))
    which[: int(hypothesis.intercept)] = of_bias
    return _reading(context, hypothesis, which, "the kernel and the bias" if of_bias else "the kernel")


def _elsewhere(hypothesis: Hypothesis, strength: float, rows: int) -> str:
    """The same penalty in scikit-learn: Ridge adds it to a sum, its other models to a mean, and C is 1 / strength."""
    model = hypothesis.objective.model
    if model.is_logistic:
        return f"; scikit-learn's C is {1 / strength:.6g}"
    if isinstance(model.family, Gaussian):
        return f"; scikit-learn's alpha is {strength:.6g}" if model.link == Identity() else ""
    has_one = isinstance(model.link, Log) and isinstance(model.family, (Poisson, Gamma, InverseGaussian, Tweedie))
    return f"; scikit-learn's alpha is {strength / rows:.6g}" if has_one else ""


def _shares(context: Context, hypothesis: Hypothesis) -> Iterator[tuple[str, np.ndarray]]:
    """How much of a penalty each row of the weights bears, (q,): as they were brought, and in units of standard deviations."""
    first, deviation = np.zeros(int(hypothesis.intercept)), context.facts.deviation
    yield "", np.concatenate([first, np.ones(len(deviation))])
    if hypothesis.back is None and not np.allclose(deviation, 1, rtol=1e-9):
        yield " of standardised columns", np.concatenate([first, deviation])


def _absolute(context: Context, hypothesis: Hypothesis) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield (of what, shares, rows): `_shares`, and one alike of kernel and bias, with the rows of the weights that bear it."""
    kernel = np.arange(len(hypothesis.free)) >= int(hypothesis.intercept)
    for of_columns, share in _shares(context, hypothesis):
        yield of_columns, share, kernel
    if hypothesis.intercept:
        yield " and the bias", np.ones(len(kernel)), np.ones(len(kernel), dtype=bool)


def ridge(context: Context, hypothesis: Hypothesis, totals: Totals) -> Iterator[Reading]:
    """Half the square of the kernel, as it is, or with its columns in units of their standard deviations."""
    if _is_pulled(hypothesis) or len(hypothesis.matrix) < 2:
        return
    for of_columns, share in _shares(context, hypothesis):
        yield _reading(context, hypothesis, share**2, f"the kernel{of_columns}")


def ridge_bias(context: Context, hypothesis: Hypothesis, totals: Totals) -> Iterator[Reading]:
    """Half the square of the kernel and of the bias."""
    if not _is_pulled(hypothesis) and hypothesis.intercept:
        yield quadratic(context, hypothesis, of_bias=True)


def weight_decay(context: Context, hypothesis: Hypothesis, totals: Totals) -> Iterator[Reading]:
    """The decay of an optimizer, which shrinks kernel and bias with each step."""
    record = context.answer.record
    if record is None or not record.weight_decay or _is_pulled(hypothesis):
        return
    for square in (None, record.square):
        which = np.ones(len(hypothesis.free))
        reading = _reading(context, hypothesis, which, "kernel and bias")
        if square is not None:
            pull = _free(hypothesis, np.sqrt(square)[hypothesis.first :] * _brought(hypothesis))

            def become(other: Hypothesis, factors: np.ndarray, pull: np.ndarray = pull) -> Hypothesis:
                return replace(other, pull=factors[0] * pull)  # as the decay pulls where the weights are

            reading = Reading([-context.basis(hypothesis.intercept).T @ pull], reading.says, become)
        expected = record.weight_decay * context.facts.n / loss_scale(hypothesis)

        def says(factors: np.ndarray, rows: int, expected: float = expected, adaptive: bool = square is not None) -> str | None:
            if not 0.9 < factors[0] / expected < 1.1:
                return None
            scaled = ", scaled by its running mean of squared gradients" if adaptive else ""
            return f"the optimizer {record.optimizer} shrinks kernel and bias by weight_decay={record.weight_decay:g}{scaled}"

        yield replace(reading, says=says)


def lasso(context: Context, hypothesis: Hypothesis, totals: Totals) -> Iterator[Ending]:
    """The absolute values of the kernel, alone or beside its square: on the support the score has one size, off it less."""
    weights, gauge = hypothesis.of_brought @ hypothesis.matrix[hypothesis.first :], hypothesis.objective.has_gauge
    if _is_pulled(hypothesis):
        return
    basis, back = context.basis(hypothesis.intercept), np.linalg.inv(hypothesis.of_brought)
    score = back.T @ np.linalg.solve(basis.T, totals.score)
    unit = np.abs(back.T @ np.linalg.inv(basis).T) @ np.sqrt(totals.squares) + 1e-300  # about a standard error's score
    if gauge:  # the score of class 0 is minus that of all others
        score, unit = (np.hstack([sign * one.sum(axis=1, keepdims=True), one]) for one, sign in ((score, -1), (unit, 1)))
    for of_columns, each, rows in _absolute(context, hypothesis):
        active, off = (rows[:, None] & one for one in (weights != 0, weights == 0))
        if not off.any() and not gauge:
            continue  # without a zero `signs` has it
        share = each[:, None] * np.ones(weights.shape)
        forces = np.column_stack([share[active] * np.sign(weights[active]), share[active] ** 2 * weights[active]])
        for unknowns in range(1, 1 + min(2, int(active.sum()))):
            own = forces[:, :unknowns]
            factors = np.linalg.lstsq(own / unit[active][:, None], score[active] / unit[active], rcond=None)[0]
            if not (factors > 1e-9 * np.abs(score).max()).all():
                continue
            residue = score.copy()
            residue[active] -= own @ factors
            residue[off] = np.sign(score[off]) * np.maximum(np.abs(score[off]) - factors[0] * share[off], 0)
            free = unknowns + int(off[:, int(gauge) :].sum())  # off the support a score that is small is no coincidence
            yield Ending(
                basis.T @ _free(hypothesis, residue), elastic(hypothesis, factors, totals.rows, of_columns), free, tries=4
            )


def elastic(hypothesis: Hypothesis, factors: np.ndarray, rows: int, of_columns: str = "") -> str:
    """A sentence about an L1 penalty of a factor, and about an L2 penalty of a second if there is one."""
    scale = loss_scale(hypothesis)
    beside = f", and an L2 penalty of {factors[1] * scale / (2 * rows):.6g}" if len(factors) > 1 else ""
    return f"an L1 penalty of {factors[0] * scale / rows:.6g} on the kernel{of_columns} (as Keras's l1){beside}"


def signs(context: Context, hypothesis: Hypothesis, totals: Totals) -> Iterator[Reading]:
    """The absolute values of a kernel that has no zero: each is pulled at with one force, by its sign."""
    weights = _brought(hypothesis)
    if _is_pulled(hypothesis) or hypothesis.objective.has_gauge or len(hypothesis.matrix) < 2:
        return
    for of_columns, share, which in _absolute(context, hypothesis):
        if not weights[which].all():
            continue
        pull, square = _free(hypothesis, share[:, None] * np.sign(weights)), share**2

        def says(factors: np.ndarray, rows: int, of_columns: str = of_columns) -> str | None:
            if not (factors > 0).all() or (len(factors) > 1 and factors[0] < 1e-6 * factors[1] * np.abs(weights).max()):
                return None
            return elastic(hypothesis, factors, rows, of_columns)

        def become(other: Hypothesis, factors: np.ndarray, pull: np.ndarray = pull, square: np.ndarray = square) -> Hypothesis:
            other = replace(other, pull=factors[0] * pull)
            return other if len(factors) < 2 else replace(other, penalty=_quadratic(other, factors[1] * square))

        basis = context.basis(hypothesis.intercept)
        yield Reading([-basis.T @ pull], says, become)
        yield Reading([-basis.T @ pull, -basis.T @ _free(hypothesis, square[:, None] * weights)], says, become)


def _is_pulled(hypothesis: Hypothesis) -> bool:
    return hypothesis.penalty is not None or hypothesis.pull is not None


def nonnegative(context: Context, hypothesis: Hypothesis, totals: Totals) -> Iterator[Ending]:
    """Weights that are kept at 0 or above: where one is 0 the score points below."""
    kernel = hypothesis.matrix[1:]
    if hypothesis.objective.model.has_classes or not (kernel >= 0).all() or (kernel > 0).all() or not kernel.size:
        return
    basis = context.basis(hypothesis.intercept)
    score = np.linalg.solve(basis.T, totals.score)
    held = np.zeros(score.shape, dtype=bool)
    held[int(hypothesis.intercept) :] = kernel == 0
    names = [context.question.columns[j] for j in np.flatnonzero((kernel == 0).any(axis=1))]
    yield Ending(
        basis.T @ np.where(held, np.maximum(score, 0), score),
        f"the kernel is kept at 0 or above, which holds {', '.join(names)} at 0",
        unknowns=int(held.sum()),
        tries=AT_ZERO,
    )


def firth(context: Context, hypothesis: Hypothesis, totals: Totals) -> Iterator[Ending]:
    """
    Jeffreys's prior on the coefficients, whose density is the root of the determinant of the information.

    Under a canonical link its score is the sum of h w' / (2 w) x: of each row the leverage h, the information w about eta, and
    its slope w'. That is h (1/2 - mu) of a logit and h / 2 of a log.
    """
    own = hypothesis.objective.model
    if hypothesis.codes or not context.in_memory or own not in SLOPES or (found := context.scored(hypothesis)) is None:
        return
    scored, white = found
    weight = hypothesis.objective.information(scored.eta, scored.weight)[:, 0]
    leverage = ((white @ np.linalg.pinv((white * weight).T @ white)) * white).sum(axis=1, keepdims=True) * weight
    added = white.T @ (leverage * SLOPES[own](own.link.inverse(scored.eta)) / 2)
    yield Ending(
        totals.score + added, "the information's determinant is in the likelihood, to the power 1/2", unknowns=0, tries=1
    )


SLOPES: dict[Model, Callable[[np.ndarray], np.ndarray]] = {  # the slope of the logarithm of the information of a row
    Model(Binomial(), Logit()): lambda mu: 1 - 2 * mu,
    Model(Poisson(), Log()): np.ones_like,
}
