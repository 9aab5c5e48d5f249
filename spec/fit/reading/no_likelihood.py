"""Why a loss is no likelihood of the outputs, in a sentence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spec.compat import first_line
from spec.engines.keras.network import BUILT_IN
from spec.families import Binomial, Family, Gaussian, Poisson
from spec.fit.reading.asked import numbers
from spec.fit.reading.compared import Compared
from spec.fit.reading.loss import OwnLoss, setting
from spec.fit.rows import Batch
from spec.links import Identity, Link, Log, Logit, Softmax

NEAR = 1e-3  # how far most changes may be from those of the nearest likelihood, for it to be named in place of the usual one
USUAL: dict[Link, type[Family]] = {Identity(): Gaussian, Log(): Poisson, Logit(): Binomial}
KNOWN = {  # what Keras's other losses are
    "mean_absolute_error": "its least is the conditional median (a quantile regression)",
    "mean_absolute_percentage_error": "its least is a weighted median (a quantile regression)",
    "mean_squared_logarithmic_error": "it is the squared error of log(1 + y) and log(1 + mu)",
    "huber": "it is a robust regression (an M-estimate)",
    "log_cosh": "it is a robust regression (an M-estimate)",
    "hinge": "it is a support vector machine",
    "squared_hinge": "it is a support vector machine",
    "categorical_hinge": "it is a support vector machine",
    "binary_focal_crossentropy": "it is the cross-entropy with more weight on rows that are fitted badly",
    "categorical_focal_crossentropy": "it is the cross-entropy with more weight on rows that are fitted badly",
    "cosine_similarity": "it sees directions only, and not the size of the outputs",
}


def why_no_likelihood(loss: OwnLoss, near: list[Compared], failures: list[Exception], k: int, link: Link, rows: Batch) -> str:
    """Why a loss of k outputs is no likelihood, with the nearest that is."""
    smoothing = setting(loss.loss, "label_smoothing")
    if smoothing:
        return (
            f"label_smoothing={smoothing:g} makes the loss that of other labels, which breaks the second rung: compile the loss "
            "without it, or give the smoothed labels as y."
        )
    if setting(loss.loss, "from_logits") and not isinstance(link, Identity):
        return (
            f"the loss takes logits, but the model's outputs are already the inverse of the {link} link of them: leave "
            "from_logits=True or the activation out."
        )
    if set(np.unique(rows.y)) == {-1.0, 1.0} and isinstance(link, Identity) and loss.name not in KNOWN:
        return (
            f"y has the labels -1 and 1, of which the loss {loss.name} is no likelihood that is known: of a logistic loss give "
            "(y + 1) / 2, and compile keras.losses.BinaryCrossentropy(from_logits=True)."
        )
    if not near:
        return _cannot_be_computed(loss, failures, k, rows)
    if all(one.is_constant for one in near):
        return f"the loss {loss.name} is the same whatever the outputs are, which breaks the second rung. {_remedy(link)}"
    common = sorted([one for one in near if type(one.model.family) in BUILT_IN] or near, key=lambda one: one.apart)
    for found in common:
        if found.is_reversed:
            return (
                f"its loss is the {found.model} loss times {found.scale:g}, which breaks the second rung: to minimise it is to "
                "leave the optimum. Compile it without the minus."
            )
        if weights := _by_response(found):
            return f"its loss is no likelihood, which breaks the second rung: it is the {found.model} loss, but {weights}."
    usual = [one for one in common if type(one.model.family) is USUAL.get(link) and one.model.link == link]
    found = common[0] if common[0].apart < NEAR or not usual else usual[0]
    row = int(np.argmax(np.abs(found.changes - found.scale * found.expected) / found.size))
    known = f"{KNOWN[loss.name]}; " if loss.name in KNOWN else ""
    other = f"the {'usual' if found in usual else 'nearest'} loss, that of {found.model},"
    return (
        f"the loss {loss.name} is no log-likelihood of its outputs, which breaks the second rung: {known}from some weights to "
        f"others it changes by {found.changes[row]:.6g} of a drawn y of {numbers(found.y[row])}, and {other} by "
        f"{found.scale * found.expected[row]:.6g}. {_remedy(link)}"
    )


def _cannot_be_computed(loss: OwnLoss, failures: list[Exception], k: int, rows: Batch) -> str:
    """That the loss raises on every response: that classes are coded in another way than it takes them, or what it said."""
    columns = rows.y.shape[1]
    if "crossentropy" in loss.name and k > 1 and columns in (1, k):
        if "sparse" in loss.name and columns == k:
            return (
                f"the loss {loss.name} takes class numbers, and y has a column for each of {k} classes: compile "
                "categorical_crossentropy, or give np.argmax(y, axis=1)."
            )
        if "sparse" not in loss.name and columns == 1:
            return (
                f"the loss {loss.name} takes a column for each of {k} classes, and y has one column: of class numbers compile "
                f"sparse_categorical_crossentropy, or give keras.utils.to_categorical(y, {k})."
            )
    if columns > k == 1:
        return (
            f"the loss {loss.name} reads {columns} columns of y for one output, and such losses are not read: give the response "
            "alone, y[:, 0], and what stands beside it as weights=, or an exposure as offset=np.log(y[:, 1])."
        )
    reasons = [f" ({type(one).__name__}: {first_line(one)})" for one in failures if str(one)]
    return f"the loss {loss.name} cannot be computed of y {rows.y.shape[1:]} and outputs {(k,)}{reasons[0] if reasons else ''}."


def _remedy(link: Link) -> str:
    if isinstance(link, Softmax):
        return "A softmax takes categorical_crossentropy, or sparse_categorical_crossentropy where y holds codes."
    if isinstance(link, Logit):
        return "A sigmoid takes binary_crossentropy."
    if isinstance(link, Log):
        return (
            "Losses that are one: poisson, or spec.engines.keras.network.NegativeLogLikelihood(family), such as Gamma(), "
            "NegativeBinomial(alpha) or Tweedie(power), whose number is not read from a loss."
        )
    return (
        "Losses that are one: mse, binary_crossentropy, poisson, categorical_crossentropy, or "
        "spec.engines.keras.network.NegativeLogLikelihood(family)."
    )


def _by_response(found: Compared) -> str:
    """How a loss weighs rows by their response, if that is how it departs."""
    values, which = np.unique(found.y, axis=0, return_inverse=True)
    which = which.ravel()
    if not 1 < len(values) <= 16:
        return ""
    groups = [
        replace(found, **{n: getattr(found, n)[which == g] for n in ("y", "changes", "expected", "size")})
        for g in range(len(values))
    ]
    scales = [group.scale for group in groups]
    if not all(abs(scale) < 1e-9 or group.agrees(scale) for scale, group in zip(scales, groups)):
        return ""
    names = [str(int(np.argmax(v))) if len(v) > 1 else f"{v[0]:g}" for v in values]
    if not any(scale > 1e-9 for scale in scales):
        return ""
    least = min(scale for scale in scales if scale > 1e-9)
    shown = dict(sorted((name, round(scale / least, 6)) for name, scale in zip(names, scales)))
    heavy = [name for name, scale in shown.items() if abs(scale - 1) > 1e-6]
    if not heavy:
        return ""
    said = ", ".join(f"{shown[name]:g} times as large where y is {name}" for name in heavy)
    table = ", ".join(f"{name}: {scale:g}" for name, scale in shown.items())
    if any(scale == 0 for scale in shown.values()):
        gone = [name for name, scale in shown.items() if scale == 0]
        return f"rows where y is {' or '.join(gone)} have none. Compile the plain loss, and drop these rows"
    return f"{said}: that is class weights of {table}. Compile the plain loss, and give class_weight={{{table}}}"
