"""Causes that make another model: its link, its loss, its response, its intercept, the order and coding of its columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import groupby, permutations

import numpy as np
from scipy.optimize import linear_sum_assignment, minimize_scalar

from spec.diagnosis.causes.cause import ALONE, AT_ZERO, Change, Ending, Reading
from spec.diagnosis.causes.units import rescaled
from spec.diagnosis.context import Context, Facts
from spec.diagnosis.contrasts import CONTRASTS
from spec.diagnosis.hypothesis import Hypothesis
from spec.diagnosis.objective import Likelihood, OneVersusRest, SquaredHinge, SquaredShares, Twice
from spec.diagnosis.sums import Totals
from spec.families import Binomial, Family, Gamma, Gaussian, InverseGaussian, NegativeBinomial, Poisson, Tweedie
from spec.fit.rows import Batch
from spec.links import ELEMENTWISE, Identity, Log, Logit
from spec.model import PAIRS, Model

ALL_ORDERS = 5  # columns of which all orders are tried
SMOOTHEST = 0.305  # of labels: nobody takes more, and with more little but a constant is left, which fits any small coefficients
CODES = ((2.0, -1.0), (1.0, 1.0), (100.0, 0.0), (255.0, 0.0))  # scale and shift that make other labels of 0 and 1
LOSSES: tuple[Family, ...] = (
    Binomial(),
    Poisson(),
    Gamma(),
    InverseGaussian(),
    *(NegativeBinomial(alpha) for alpha in (0.1, 0.25, 0.5, 1.0, 2.0)),
    *(Tweedie(power) for power in (1.1, 1.25, 1.5, 1.75, 1.9)),
)
USUAL = (Model(Binomial(), Logit()), Model(Poisson(), Log()), Model(Gamma(), Log()))  # which people take for one another


def is_plain(hypothesis: Hypothesis) -> bool:
    """Whether nothing was done to its likelihood yet."""
    return type(hypothesis.objective) is Likelihood


# -- link and loss --------------------------------------------------------------------------------------------------------------


def links(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """Other links of the same family."""
    own = hypothesis.objective.model
    if not is_plain(hypothesis) or own.has_classes:
        return
    usual = [pair.link for pair in PAIRS if type(pair.family) is type(own.family)]
    shown = context.answer.link
    for link in dict.fromkeys([*usual, *ELEMENTWISE]):
        if link != own.link and shown in (None, link):
            other = Model(own.family, link)
            yield Change(replace(hypothesis, objective=Likelihood(other)), f"the link is {link}, not {own.link}", {"link": link})


def losses(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """The likelihoods of other families, with the same link or with their usual one."""
    own = hypothesis.objective.model
    if not is_plain(hypothesis) or own.has_classes:
        return
    for family in LOSSES:
        if family != own.family:
            objective = Likelihood(Model(family, own.link))
            yield Change(
                replace(hypothesis, objective=objective),
                f"the loss is that of the {family} family, not of the {own.family} family",
                {"family": family},
            )
    if isinstance(own.family, Binomial):
        hinge = replace(hypothesis, objective=SquaredHinge(own))
        yield Change(hinge, "the loss is the square of a hinge, as that of a linear support vector machine")
    yield from _estimated(context, hypothesis)
    for other in USUAL:
        if other.link != own.link and type(other.family) is not type(own.family) and _can_be(other.family, context):
            yield Change(
                replace(hypothesis, objective=Likelihood(other)),
                f"it is another model, {other}: its link is {other.link}, and its loss that of the {other.family} family",
                {"family": other.family},
            )


PARAMETERS: dict[type[Family], tuple[Callable[[float], Family], np.ndarray]] = {  # of families: where one is looked for
    NegativeBinomial: (NegativeBinomial, np.geomspace(1e-4, 1e3, 29)),
    Poisson: (NegativeBinomial, np.geomspace(1e-4, 1e3, 29)),
    Tweedie: (Tweedie, np.linspace(1.02, 1.98, 25)),
}


def _estimated(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """A negative binomial with an alpha, or a Tweedie family with a power, that a program had estimated."""
    own = hypothesis.objective.model
    if type(own.family) not in PARAMETERS or hypothesis.codes or not context.in_memory:
        return
    make, grid = PARAMETERS[type(own.family)]

    def supposed(value: float) -> Hypothesis:
        return replace(hypothesis, objective=Likelihood(Model(make(float(value)), own.link)), unknowns=1)

    def away(totals: Totals | None) -> float:
        """The square of the distance from rest, in standard errors of a dispersion 1."""
        if totals is None:
            return np.inf
        score = totals.score.T.ravel()
        return float(score @ np.linalg.lstsq(totals.information, score, rcond=None)[0])

    left = [away(one) for one in context.totals([supposed(value) for value in grid])]
    valleys = [at for at in range(1, len(grid) - 1) if left[at] <= min(left[at - 1], left[at + 1])]
    if not valleys:  # standard errors grow with alpha, so that the distance may fall for ever, too
        return
    at = min(valleys, key=lambda at: left[at])
    if not np.isfinite(left[at - 1 : at + 2]).all():
        return
    found = minimize_scalar(
        lambda value: away(context.totals([supposed(value)])[0]),
        bounds=grid[[at - 1, at + 1]],
        method="bounded",
        options={"xatol": 1e-9},
    )
    family = make(float(found.x))
    says = f"the loss is that of the {make(float(f'{found.x:.6g}'))} family, not of the {own.family} family"
    yield Change(supposed(found.x), says, {"family": family})


def _can_be(family: Family, context: Context) -> bool:
    """Whether the responses, if they have few values, are possible in the family."""
    return not isinstance(family, Binomial) or (bool(seen := context.facts.y_values) and set(seen) <= {0.0, 1.0})


def squared_error(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """The squared error of the mean."""
    own = hypothesis.objective.model
    if not is_plain(hypothesis) or isinstance(own.family, Gaussian):
        return
    objective = SquaredShares(own) if own.has_classes else Likelihood(Model(Gaussian(), own.link))
    yield Change(replace(hypothesis, objective=objective), f"the loss is the squared error, not the {own.family} likelihood")
    if not own.has_classes and own.link != Identity():
        linear = replace(hypothesis, objective=Likelihood(Model(Gaussian(), Identity())))
        yield Change(linear, "it is least squares of y itself: its link is the identity, and its loss the squared error")


def activation_twice(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """A sigmoid of a sigmoid, a softmax of a softmax."""
    own = hypothesis.objective.model
    if is_plain(hypothesis) and own.is_logistic:
        name = "softmax" if own.has_classes else "sigmoid"
        yield Change(replace(hypothesis, objective=Twice(own)), f"the {name} is applied twice: in the output, and in the loss")


def one_versus_rest(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """As many logistic regressions as classes."""
    own = hypothesis.objective.model
    if is_plain(hypothesis) and own.has_classes:
        yield Change(replace(hypothesis, objective=OneVersusRest(own)), "each class is fitted against all others, by itself")


# -- the response ---------------------------------------------------------------------------------------------------------------


def flat_targets(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """Each row is compared with every target, as (n,) targets against (n, 1) outputs are. Training ends near 0, and not at it."""
    slopes = np.abs(hypothesis.matrix[1:]) * context.facts.deviation[:, None]
    if (
        not slopes.any()
        or hypothesis.objective.model.has_classes
        or context.k > 1
        or slopes.max(initial=0) > 1e-3
        or hypothesis.codes
    ):
        return
    plain = context.facts.classes / context.facts.n
    for mean in (plain, context.facts.y_mean)[: 1 + bool((plain != context.facts.y_mean).any())]:

        def flat(batch: Batch, mean: np.ndarray = mean) -> Batch:
            return replace(batch, y=np.broadcast_to(mean, batch.y.shape))

        says = "each row is compared with the targets of all rows, so every prediction is their mean"
        yield Change(replace(hypothesis.of_batch(flat), is_flat=True), says)


def labels_flipped(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """1 - y in place of y."""
    own = hypothesis.objective.model
    if context.k == 1 and (isinstance(own.family, Binomial) or set(context.facts.y_values) == {0.0, 1.0}):
        yield Change(
            hypothesis.of_batch(lambda batch: replace(batch, y=1 - batch.y)),
            "what is modelled is 1 - y: the event is the other one",
        )


def classes_permuted(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """The classes in another order."""
    k = hypothesis.matrix.shape[1]
    if not hypothesis.objective.model.has_classes or k < 2:
        return
    orders = permutations(range(k)) if k <= 4 else _likely_orders(context, hypothesis)
    for order in orders:
        if list(order) != list(range(k)):
            yield Change(
                replace(hypothesis, matrix=hypothesis.matrix[:, list(order)]),
                f"the outputs are the classes in the order {', '.join(map(str, np.argsort(order)))}",
                {"order": tuple(order)},
            )


def _likely_orders(context: Context, hypothesis: Hypothesis) -> Iterator[tuple[int, ...]]:
    """The order of the classes in which the coefficients, less their mean over classes, are nearest to the best."""
    if context.best is None:
        return
    best = np.column_stack([np.zeros(len(context.best)), context.best])
    own = hypothesis.matrix[hypothesis.first :]
    best, own = (one - one.mean(axis=1, keepdims=True) for one in (best, own))
    scale = np.abs(best).max(axis=1, keepdims=True) + 1e-300
    costs = (np.abs(best[:, :, None] - own[:, None, :]) / scale[:, :, None]).sum(axis=0)
    yield tuple(int(place) for place in linear_sum_assignment(costs)[1])


def smoothed(context: Context, hypothesis: Hypothesis, totals: Totals) -> Iterator[Reading]:
    """The response drawn towards equal shares by a share epsilon."""
    if not isinstance(hypothesis.objective.model.family, Binomial) and not hypothesis.objective.model.has_classes:
        return

    def says(factors: np.ndarray, rows: int) -> str | None:
        return f"the labels are smoothed by {factors[0]:.6g}" if 1e-6 < factors[0] < SMOOTHEST else None

    def become(other: Hypothesis, factors: np.ndarray) -> Hypothesis:
        share = factors[0]
        return other.of_batch(lambda batch: replace(batch, y=(1 - share) * batch.y + share / max(batch.y.shape[1], 2)))

    yield Reading([totals.more["even"]], says, become, summed=("even", 1.0))


def response_units(context: Context, hypothesis: Hypothesis, totals: Totals) -> Iterator[Reading]:
    """The response in other units, or shifted: a + c y. Where y has two values that is another coding of the labels."""
    own = hypothesis.objective.model
    if own.has_classes or context.k > 1 or isinstance(own.family, Binomial) or len(context.facts.y_values) == 2:
        return
    if own.link == Log() and hypothesis.intercept and not hypothesis.matrix[0].any():
        return  # no intercept was given
    beside = ""
    if own.link == Log():
        of_exposure = "the exposure in other units, or " if context.facts.has_offset else ""
        beside = f", or {of_exposure}only the intercept is another, as where a column is centred elsewhere"
    for reading in _affine(totals, shifted=isinstance(own.family, Gaussian)):
        says = partial(_said_if_it_varies, reading.says, context.facts)
        yield replace(reading, says=partial(_said_beside, says, beside))


FLAT = 1e-3  # of the spread of y beside its size: a response that varies less is a constant, and any slopes are near to its own


def _said_if_it_varies(says: Callable[[np.ndarray, int], str | None], facts: Facts, factors: np.ndarray, rows: int) -> str | None:
    """A sentence on a response a + c y that is no constant beside its size, as y is none."""
    scale, shift = _scale_and_shift(factors)
    mean = float(facts.y_mean[0])
    spread = np.sqrt(max(facts.y_size**2 - mean**2, 0.0))
    size = np.hypot(shift + scale * mean, scale * spread)
    return says(factors, rows) if abs(scale) * spread * facts.y_size >= FLAT * spread * size else None


def _scale_and_shift(factors: np.ndarray) -> tuple[float, float]:
    """The c and the a of a response a + c y."""
    return 1 + factors[0], factors[1] if len(factors) > 1 else 0.0


def _said_beside(says: Callable[[np.ndarray, int], str | None], beside: str, factors: np.ndarray, rows: int) -> str | None:
    """A sentence, and what has the same coefficients: under a log link another unit of y moves the intercept alone."""
    found = says(factors, rows)
    return f"{found}{beside}" if found and len(factors) == 1 else found


def labels_recoded(context: Context, hypothesis: Hypothesis, totals: Totals) -> Iterator[Reading]:
    """Two labels under other numbers, such as -1 and 1; for a cross-entropy the usual numbers only."""
    if context.k == 1 and len(context.facts.y_values) == 2:
        usual = isinstance(hypothesis.objective.model.family, Binomial)
        for reading in _affine(totals, shifted=True):
            yield replace(reading, says=partial(_said_if_labels, reading.says, usual))


APART = 1e-2, 1e3  # how far apart two labels are


def _said_if_labels(says: Callable[[np.ndarray, int], str | None], usual: bool, factors: np.ndarray, rows: int) -> str | None:
    scale, shift = _scale_and_shift(factors)
    if usual:
        is_likely = any(abs(scale - one) + abs(shift - other) < 1e-3 for one, other in CODES)
    else:
        is_likely = APART[0] <= abs(scale) <= APART[1]
    return says(factors, rows) if is_likely else None


def _affine(totals: Totals, shifted: bool) -> Iterator[Reading]:
    constant, zero = totals.more["one more"], totals.more["zero"]  # scores at y + 1 and at 0, less the score at y

    def become(other: Hypothesis, factors: np.ndarray) -> Hypothesis:
        scale, shift = _scale_and_shift(factors)
        return other.of_batch(lambda batch: replace(batch, y=shift + scale * batch.y))

    def says(factors: np.ndarray, rows: int) -> str | None:
        scale, shift = _scale_and_shift(factors)
        if abs(scale) < 1e-9 or (abs(scale - 1) < 1e-9 and abs(shift) < 1e-9):
            return None
        moved = f" {'+' if shift > 0 else '-'} {abs(shift):.6g}" if abs(shift) > 1e-9 * abs(scale) else ""
        return f"the response is {scale:.6g} y{moved}"

    yield Reading([-zero], says, become, summed=("zero", -1.0))
    if shifted:
        yield Reading([-zero, constant], says, become)


TRANSFORMS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "the logarithm of": np.log,
    "the logarithm of 1 +": np.log1p,
    "the logarithm of 0.5 +": lambda x: np.log(x + 0.5),
    "the logarithm to base 10 of": np.log10,
    "the logarithm to base 2 of": np.log2,
    "the root of": np.sqrt,
    "the exponential of": np.exp,
}


def response_transformed(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """Least squares of another scale of the response, such as its logarithm in place of a log link."""
    own = hypothesis.objective.model
    if not is_plain(hypothesis) or own.has_classes or isinstance(own.family, Binomial) or own.link not in (Log(), Identity()):
        return
    objective = Likelihood(Model(Gaussian(), Identity()))
    for what, transform in TRANSFORMS.items():
        if (transform is np.exp) <= (own.link == Identity()):

            def transformed(batch: Batch, transform: Callable[[np.ndarray], np.ndarray] = transform) -> Batch:
                with np.errstate(all="ignore"):
                    return replace(batch, y=transform(batch.y))

            other = replace(hypothesis.of_batch(transformed), objective=objective, has_other_response=True)
            yield Change(other, f"it is least squares of {what} y", {"response": f"{what} y"})


# -- intercept, columns, coding -------------------------------------------------------------------------------------------------


def no_intercept(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """The answer has no intercept."""
    if hypothesis.intercept and not hypothesis.objective.free(hypothesis.matrix[:1]).any() and len(hypothesis.matrix) > 1:
        yield Change(replace(hypothesis, intercept=False), "there is no intercept")


def extra_intercept(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """The answer has an intercept that the question has not."""
    if not hypothesis.intercept and hypothesis.objective.free(hypothesis.matrix[:1]).any():
        yield Change(replace(hypothesis, intercept=True), "there is an intercept, which your model has not")


def column_left_out(context: Context, hypothesis: Hypothesis, totals: Totals) -> Iterator[Ending]:
    """Columns with coefficients of exactly 0, whose score was not asked: an answer from which they were left out."""
    left_out = (hypothesis.objective.free(hypothesis.matrix[1:]) == 0).all(axis=1)
    if hypothesis.back is not None or not left_out.any():
        return
    basis, intercept = context.basis(hypothesis.intercept), int(hypothesis.intercept)
    score = np.linalg.solve(basis.T, totals.score)
    score[intercept:][left_out] = 0
    named = ", ".join(context.question.columns[j] for j in np.flatnonzero(left_out))
    are = "is" if left_out.sum() == 1 else "are"
    yield Ending(basis.T @ score, f"{named} {are} left out", unknowns=int(left_out.sum()) * score.shape[1], tries=2 * AT_ZERO)


OF_COLUMNS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    **TRANSFORMS,
    "the square of": np.square,
}


def column_transformed(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """One column on another scale, such as its logarithm."""
    facts = context.facts
    numeric = np.flatnonzero(~facts.binary & (facts.deviation > 0))
    if hypothesis.codes or len(numeric) > ALONE:
        return
    for j in numeric.tolist():
        low, high = facts.low[j], facts.high[j]
        for what, transform in OF_COLUMNS.items():
            with np.errstate(all="ignore"):
                at_low, at_high = transform(np.array([low, high])).tolist()
            if not np.isfinite([at_low, at_high]).all():
                continue
            # it is put where the column was, so that the sums keep their digits
            scale = (high - low) / (at_high - at_low) if at_high != at_low else 1.0
            shift = low - at_low * scale if hypothesis.intercept else 0.0

            def transformed(
                batch: Batch, j: int = j, of: Callable[[np.ndarray], np.ndarray] = transform, by: float = scale, to: float = shift
            ) -> Batch:
                with np.errstate(all="ignore"):
                    column = to + by * of(batch.X[:, [j]])
                return replace(batch, X=np.hstack([batch.X[:, :j], column, batch.X[:, j + 1 :]]))

            only = np.arange(len(hypothesis.matrix) - 1) == j
            moved = rescaled(hypothesis, np.where(only, shift, 0.0), np.where(only, scale, 1.0))
            name = context.question.columns[j]
            yield Change(moved.of_batch(transformed), f"{what} {name} takes the place of {name}", {"column": name})


def columns_permuted(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """The columns in another order."""
    p = len(hypothesis.matrix) - 1
    orders = list(permutations(range(p))) if p <= ALL_ORDERS else list(_likely_columns(context, hypothesis))
    for order in orders:
        if list(order) != list(range(p)):
            names = context.question.columns
            taken = ", ".join(names[place] for place in np.argsort(order))
            rows = [0, *(1 + place for place in order)]

            def in_order(matrix: np.ndarray, rows: list[int] = rows) -> np.ndarray:
                return matrix[rows]

            yield Change(hypothesis.mapped(in_order), f"the coefficients are those of {taken}, in this order", {"order": order})


def _likely_columns(context: Context, hypothesis: Hypothesis) -> Iterator[tuple[int, ...]]:
    """The order of the columns in which the coefficients are nearest to the best, and the turns of the whole order."""
    p = len(hypothesis.matrix) - 1
    yield tuple(range(p))[::-1]
    yield from (tuple(np.roll(range(p), shift).tolist()) for shift in (1, -1))
    if context.best is None:
        return
    best = context.best[int(context.question.intercept) :]
    own = hypothesis.objective.free(hypothesis.matrix[1:])
    if best.shape == own.shape:
        scale = np.abs(best).max(axis=1, keepdims=True) + 1e-300
        costs = (np.abs(best[:, None, :] - own[None, :, :]) / scale[:, None, :]).sum(axis=2)
        yield tuple(int(place) for place in linear_sum_assignment(costs)[1])


def factors(context: Context) -> list[list[int]]:
    """The dummy columns of each factor: by their names ("C(region)[T.b]"), else neighbours that are never 1 together."""
    names = context.question.columns
    heads = [match.group(1) if (match := re.match(r"^(.*)\[[^\[\]]*\]$", name)) else "" for name in names]
    if any(heads):
        found = [[j for j, head in enumerate(heads) if head == one] for one in dict.fromkeys(heads) if one]
        return [group for group in found if context.facts.binary[group].all()]
    binary = context.facts.binary
    groups: list[list[int]] = []
    for is_binary, run in groupby(range(len(names)), key=lambda j: bool(binary[j])):
        for column in run if is_binary else ():
            if groups and groups[-1][-1] == column - 1 and context.facts.apart[groups[-1], column].all():
                groups[-1].append(column)
            else:
                groups.append([column])
    return groups


def baseline(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """Another level of a factor is the one that the others are compared with."""
    if not hypothesis.intercept:
        return
    for group in factors(context):
        for place in range(len(group)):
            name = context.question.columns[group[place]]
            says = f"the baseline is the level of {name}"

            def levels(own: np.ndarray, place: int = place) -> np.ndarray:
                return np.insert(own, place + 1, 0.0, axis=0)  # of all levels, the answer's baseline at its place

            yield Change(_recoded(hypothesis, group, levels), says, {"level": name})
        if len(group) == 1:  # as in files of SPSS
            name = context.question.columns[group[0]]
            says = f"{name} is coded 1 and 2 there, with 1 where it is 1 here and 2 where it is 0"
            yield Change(_recoded(hypothesis, group, lambda own: np.vstack([2 * own, own])), says, {"level": name})


def coding(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """The levels of a factor are compared with their mean, each with those before it, or by polynomials."""
    if not hypothesis.intercept:
        return
    for group in factors(context):
        named = ", ".join(context.question.columns[j] for j in group)
        for kind, (says, matrix) in CONTRASTS.items():
            if kind != "T":
                levels = partial(np.matmul, matrix(1 + len(group)))
                yield Change(_recoded(hypothesis, group, levels), f"the levels of {named} are compared with {says}")


Levels = Callable[[np.ndarray], np.ndarray]  # coefficients of all levels, the baseline first, up to a number common to all


def _recoded(hypothesis: Hypothesis, group: list[int], levels: Levels) -> Hypothesis:
    """The hypothesis whose coefficients compare the levels of a factor with the first of them."""

    def compared(matrix: np.ndarray) -> np.ndarray:
        matrix = matrix.copy()
        rows = 1 + np.array(group)
        each = levels(matrix[rows])
        matrix[0] = matrix[0] + each[0]
        matrix[rows] = each[1:] - each[0]
        return matrix

    return hypothesis.mapped(compared)
