"""Preparation of responses and weights before a fit: classes, class weights, rows without weight, rates and amounts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from spec.domains import Counts
from spec.engines.keras.versions import RELEASE
from spec.families import Binomial, Gaussian, Poisson
from spec.fit.checks import codes, find_wrong, normalised
from spec.fit.rows import Batch, Rows
from spec.links import Identity
from spec.model import Model

QUASI = (
    "the fit is a quasi-likelihood. Coefficients are those of Keras's training; standard errors assume a variance in proportion "
    "to that of the family, by Pearson's estimate of the dispersion."
)
RATES = (
    "y times weight is a whole number in each row: the fit is that of these counts, whose means are the weights times the "
    "network's, as with the logarithm of the weight for offset under a log link. Standard errors are those of the counts, at "
    "dispersion 1; with quasi=True the dispersion is estimated."
)
SHARES = (
    "y holds shares that are no whole number of trials, so standard errors take each row for as many trials as it weighs. "
    "quasi=True estimates the dispersion instead; robust('HC1') of the result holds whatever the variance is."
)
LABELS = (
    "class_weight takes the largest of the {outputs} labels of a row for its class, as Keras does. To weigh the classes of each "
    "label, fit each label alone."
)
WEIGHTLESS = (
    "Some rows have the weight 0, and count among the rows of which the dispersion is estimated, as in statsmodels. R leaves "
    "them out: drop them for its standard errors."
)


def one_of(weights: Any, sample_weight: Any) -> Any:
    """The weights of the rows, by either name. Raises ValueError where both are given."""
    if weights is not None and sample_weight is not None:
        raise ValueError("weights and sample_weight are two names of one thing: give one of them.")
    return sample_weight if weights is None else weights


def usable(rows: Rows, size: int) -> Batch:
    """
    Some rows that are finite and count, at most ``size``: of a sample, or else the first.

    Raises ValueError where there are none, and says why.
    """
    found = _finite(rows.sample(size))
    if len(found):
        return found
    for batch in rows.read():
        if len(found := _finite(batch)):
            return found[:size]
    find_wrong(Model(Gaussian(), Identity()), rows)
    raise ValueError("there are no rows.")


def _finite(batch: Batch) -> Batch:
    parts = [part.reshape(len(part), -1) for part in batch.parts if part is not None]
    if (batch.weights > 0).all() and all(np.isfinite(part).all() for part in parts):
        return batch
    used = np.flatnonzero((batch.weights > 0) & np.all([np.isfinite(part).all(axis=1) for part in parts], axis=0))
    return batch.each(lambda part: part[used])


def of_classes(class_weight: Any) -> dict[int, float]:
    """The weights of classes by their numbers. Raises ValueError for classes that are no numbers, or negative weights."""
    if not isinstance(class_weight, Mapping):
        raise ValueError(f"class_weight is {class_weight!r:.60}: give a dict of weights by class, such as {{0: 1.0, 1: 3.0}}.")
    found = {}
    for key, weight in class_weight.items():
        if not isinstance(key, (int, float, np.integer, np.floating)) or key != int(key):
            raise ValueError(f"class_weight has the key {key!r}: a class is a whole number, such as {{0: 1.0, 1: 3.0}}.")
        if not isinstance(weight, (int, float, np.integer, np.floating)):
            raise ValueError(f"class_weight of {key} is {weight!r:.60}: give a number.")
        if not 0 <= weight < np.inf:
            raise ValueError(f"class_weight of {key} is {weight}: a weight is finite and at least 0.")
        found[int(key)] = float(weight)
    return found


def refuse_absent(class_weight: Mapping[int, float], model: Model, outputs: int) -> None:
    """Raise ValueError for the weight of a class that the model does not have."""
    if model.has_classes or isinstance(model.family, Binomial):
        classes = max(outputs, 2) if model.has_classes else 2
        if absent := [key for key in class_weight if not 0 <= key < classes]:
            raise ValueError(f"class_weight has the class {absent[0]}, but the model's classes are 0 to {classes - 1}.")


def class_weighted(batch: Batch, class_weight: Mapping[int, float]) -> Batch:
    """
    The batch with its weights multiplied by the weights of the classes, as Keras does it: a class without a weight has 1.

    Keras 3 rounds a y between the classes, such as a smoothed label, and Keras 2 cuts it off.
    """
    whole = np.trunc if RELEASE < (3,) else np.round
    classes = whole(batch.y[:, 0]) if batch.y.shape[1] == 1 else batch.y.argmax(axis=1)
    factors = np.array([class_weight.get(int(one), 1.0) if np.isfinite(one) else 1.0 for one in classes.tolist()])
    return replace(batch, weights=batch.weights * factors)


def remarks(model: Model, outputs: int, some: Batch, class_weight: Any, has_errors: bool) -> Iterator[str]:
    """
    Yield remarks on responses and weights that are accepted, and may mean something else.

    ``some`` are rows with their own weights; ``has_errors`` says whether standard errors are those of the family.
    """
    is_binary = isinstance(model.family, Binomial)
    if has_errors and (is_binary or model.has_classes) and not _are_shares_of_trials(some):
        yield SHARES
    if class_weight is not None and is_binary and outputs > 1:
        yield LABELS.format(outputs=outputs)


def _are_shares_of_trials(some: Batch) -> bool:
    """Whether each response, or its product with its weight, is whole; if float32 holds the response, to that precision."""
    totals, single = some.weights[:, None] * some.y, some.y.astype(np.float32) == some.y
    is_near = np.abs(totals - np.round(totals)) <= 2.0**-23 * np.abs(totals)
    return bool((are_whole(some.y) | are_whole(totals) | (single & is_near)).all())


def weights_differ(rows: Rows) -> bool:
    """Whether some rows count more than others."""
    seen: set[float] = set()
    return any(len(seen := seen | some) > 1 for some in rows.each(_weights))


def _weights(pieces: Iterable[Batch]) -> set[float]:
    """The least and the greatest weight of each piece."""
    return {float(weight) for batch in pieces for weight in (batch.weights.min(), batch.weights.max())}


def no_counts(model: Model, rows: Rows) -> np.ndarray:
    """
    A mask (k,): the columns of y that a count family should treat as rates or amounts.

    True if most positive values are not whole, or so large that all numbers are; or if some are not whole but every value times
    its weight is.
    """
    some = rows.sample(4096).y
    if not isinstance(model.family.response_domain, Counts):
        return np.zeros(some.shape[1], dtype=bool)
    fractions = (some > 0) & ((some != np.floor(some)) | (some >= WHOLE))
    found = fractions.sum(axis=0) > 0.5 * (some > 0).sum(axis=0)
    doubtful = fractions.any(axis=0) & ~found
    return found | (doubtful & are_rates(model, rows)) if doubtful.any() else found


WHOLE = 2.0**53  # from which on all numbers of float64 are whole
ROUNDED_TO_0 = 1e-11  # a total that is 0 but for rounding, as of a share that was subtracted from 1
UNLIKE = 10.0  # Pearson's dispersion, above which rows of one weight are no counts, but amounts such as of cents


def may_be_rates(model: Model) -> bool:
    """Whether rates with weights are counts: the Poisson family alone has the same likelihood of both, but for constants."""
    return isinstance(model.family, Poisson)


def are_rates(model: Model, rows: Rows) -> np.ndarray:
    """Which columns (k,) are counts over weights: weight times response is a whole number in each row, but for rounding."""
    if not may_be_rates(model):
        return np.zeros(rows.sample(1).y.shape[1], dtype=bool)
    whole, weighted = zip(*rows.each(_whole_totals))
    return np.all(whole, axis=0) & any(weighted)


def _whole_totals(pieces: Iterable[Batch]) -> tuple[np.ndarray, bool]:
    """Return (whole, weighted): the columns that are whole times the weights; whether any weight is not 1."""
    found = [(are_whole(one.weights[:, None] * one.y).all(axis=0), bool((one.weights != 1).any())) for one in pieces]
    return np.all([whole for whole, _ in found], axis=0), any(weighted for _, weighted in found)


def are_whole(numbers: np.ndarray) -> np.ndarray:
    """
    A mask of the numbers that are whole, but for rounding; an amount with cents is not, however large it is.

    Nor is a small one, which rounds to 0, nor one beyond 2^53, where each number of float64 is whole.
    """
    size, nearest = np.abs(numbers), np.round(numbers)
    is_told = (nearest != 0) | (size <= ROUNDED_TO_0)
    return (np.abs(numbers - nearest) <= np.clip(1e-6 * size, 1e-6, 1e-3)) & is_told & (size < WHOLE)


def of_codes(batch: Batch, first: int, k: int) -> Batch:
    """The batch with indicators of ``k`` classes for its codes."""
    return replace(batch, y=codes(batch.y, k, first))


def of_shares(batch: Batch) -> Batch:
    """The batch with shares that sum to 1: see `spec.fit.checks.normalised`."""
    return replace(batch, y=normalised(batch.y))


def indicators(numbers: np.ndarray, k: int) -> np.ndarray:
    """Indicators (b, k), one column for each class, of codes (b, 1); zeros for a code that there is not."""
    return (numbers == np.arange(k)).astype(float)
