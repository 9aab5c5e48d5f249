"""The first rung: the link whose inverse a model's outputs are, and the factor of its Dense layer's output in eta."""

from __future__ import annotations

from typing import Any

import numpy as np

from spec.domains import UNIT
from spec.engines.keras.network import InverseLink, NegativeLogLikelihood
from spec.fit.reading.asked import Asked, contrast, eta_at, inside, numbers
from spec.fit.reading.leaves import NotRead
from spec.links import ELEMENTWISE, Link, Logit, Softmax

MEAN = 1e-6  # how much eta may differ, relative to its size


def proposed_links(proposed: list[Any]) -> list[Link]:
    """The links that a model's own parts name, and after them all of `spec.links`."""
    named = [one.link for one in proposed if isinstance(one, (InverseLink, NegativeLogLikelihood)) and one.link is not None]
    return [*(link for link in named if not isinstance(link, Softmax)), *ELEMENTWISE]


def mean_rung(asked: list[Asked], links: list[Link]) -> tuple[Link, float]:
    """The link whose inverse the outputs are, and the factor of what the Dense layer gives in eta."""
    outputs = asked[0].seen.outputs
    if outputs.shape[1] > 1:
        links = [Softmax(), *links]
    reversed_by: list[tuple[Link, float]] = []
    for link in links:
        factor = _factor(link, asked)
        if factor is not None and factor > 0:
            return link, factor
        if factor is not None:
            reversed_by.append((link, factor))
    if reversed_by:
        raise NotRead(_reversed(*reversed_by[0]))
    if outputs.shape[1] == 1 and (outputs == 1).all():
        raise NotRead("a softmax of one unit is always 1: take activation='sigmoid', or two units.")
    raise NotRead(_no_link(asked, links))


def _no_link(asked: list[Asked], links: list[Link]) -> str:
    """That the outputs are the inverse of no link, with the nearest, where the two differ most."""
    z, outputs = np.vstack([one.z for one in asked]), np.vstack([one.seen.outputs for one in asked])
    with np.errstate(all="ignore"):
        means = {link: link.inverse(z) for link in links}
        apart = {link: np.abs(mean - outputs).max(axis=1) for link, mean in means.items()}
    link = min(apart, key=lambda one: float(np.median(np.nan_to_num(apart[one], nan=np.inf))))
    row = int(np.nanargmax(apart[link]))
    given, nearest = (numbers(each[row]) for each in (outputs, means[link]))
    less = f", which is {apart[link][row]:.2g} off" if given == nearest else ""
    return (
        "its mean is the inverse of no link that is known, which breaks the first rung: where its linear predictor is "
        f"{numbers(z[row])}, it gives {given}, and the nearest, the {link} link, {nearest}{less}. "
        "Activations that are one: linear, sigmoid, exponential, softplus, softmax, or "
        "spec.engines.keras.network.InverseLink(link) of a link in spec.links."
    )


def _reversed(link: Link, factor: float) -> str:
    if link.mu_domain == UNIT and factor == -1 and isinstance(link, Logit):
        return (
            "its mean is 1 - sigmoid(eta), not sigmoid(eta), which breaks the first rung: the labels are flipped. Take the "
            "sigmoid itself, and 1 - y for y if that was meant."
        )
    return (
        f"its mean is the inverse of the {link} link at {factor:g} times what the Dense layer gives, which breaks the first "
        "rung: the signs of all weights are reversed. Leave the factor out."
    )


def _factor(link: Link, asked: list[Asked]) -> float | None:
    """The factor of z in eta if the outputs are the inverse of the link; None if they are not."""
    moves, changes, sizes = [], [], []
    for one, other in zip(asked[::2], asked[1::2]):
        used = (inside(link, one) & inside(link, other)).all(axis=1)
        etas = [contrast(link, eta_at(link, at)[used]) for at in (one, other)]
        moves.append((contrast(link, other.z) - contrast(link, one.z))[used])
        changes.append(etas[1] - etas[0])
        sizes.append(np.abs(etas[0]) + np.abs(etas[1]) + np.abs(moves[-1]))
    move, change, size = (np.concatenate(parts) for parts in (moves, changes, sizes))
    if len(move) < min(4, len(asked[0].z)) or not (move**2).sum() > 0 or not np.isfinite(change).all():
        return None
    factor = float((move * change).sum() / (move**2).sum())
    if factor == 0 or (np.abs(change - factor * move) > MEAN * (size + 1e-3)).any():
        return None
    return round(factor, 9) or None
