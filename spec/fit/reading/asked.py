"""A twin's answers at random weights, which the rungs are asked of."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from spec.domains import POSITIVE, REAL, UNIT
from spec.fit.reading.leaves import NotRead
from spec.fit.reading.twin import Seen, Twin
from spec.links import Link, Softmax
from spec.model import Model

NEAR = 1e-5  # to an end of the domain of shares
SMALL = 0.05  # a mean: the 1e-7 that Keras adds inside the logarithm of its Poisson loss shows at smaller ones
EVEN = 0.01  # the share of its size by which a column varies that counts as constant
SINGLE = 1e-5  # the share by which layers in float32, of 24 bits, may round a row otherwise in a batch of another size
LEVELS = ((0.0, 1.0), (0.5, 0.15), (-0.5, 0.15), (2.0, 0.5))  # mean and spread of what the Dense layer gives, two weights each
MANY = tuple((level, 0.5) for level in np.linspace(-3, 3, 13).tolist())  # where all rows have one eta, there are not more


@dataclass(frozen=True, eq=False)
class Asked:
    """A twin's answers at one set of weights: what its Dense layer gives, ``z`` (b, k), and what it computes of that."""

    kernel: np.ndarray
    bias: np.ndarray
    z: np.ndarray
    seen: Seen


def ask(twin: Twin, X: np.ndarray) -> list[Asked]:
    """A twin's answers at random weights, two for each of the `LEVELS`."""
    seen, part = twin(X), twin(X[: (len(X) + 1) // 2])
    features = seen.features
    for whole, half in ((features, part.features), (seen.outputs, part.outputs)):
        if not np.allclose(whole[: len(half)], half, SINGLE, SINGLE / 100 * np.abs(whole).max(initial=0.0), equal_nan=True):
            raise NotRead(
                "what the model computes of a row depends on the other rows of its batch (a mean over the batch, for example), "
                "so its rows have no likelihood of their own: compute such numbers beforehand, once for all rows."
            )
    if not np.isfinite(features).all():
        raise NotRead(f"the inputs of {twin.linear.name} are NaN or infinite on the first rows of the data.")
    rng = np.random.default_rng(0)
    p, k = features.shape[1], twin.linear.units
    size = np.sqrt((features**2).mean(axis=0)) * np.sqrt(max(p, 1))
    size[size == 0] = 1
    towards_one = np.linalg.lstsq(features, np.ones(len(features)), rcond=None)[0] if not twin.linear.use_bias else np.zeros(p)
    asked = []
    for (level, spread), share in product(MANY if (np.ptp(features, axis=0) <= EVEN * size).all() else LEVELS, (1.0, 0.6)):
        kernel = share * spread * rng.normal(size=(p, k)) / size[:, None] + level * towards_one[:, None]
        bias = np.full(k, level) + 0.3 * share * spread * rng.normal(size=k)
        twin.set(kernel, bias)
        z = features @ kernel + (bias if twin.linear.use_bias else 0.0)
        asked.append(Asked(kernel, bias, z, twin(X)))
        if not np.allclose(asked[-1].seen.features, features, rtol=1e-9, atol=0.0):
            raise NotRead(
                f"the model has a hidden layer: the inputs of {twin.linear.name} change with weights that are trained themselves."
            )
    return asked


def eta_of(link: Link, outputs: np.ndarray) -> np.ndarray:
    """The linear predictors of outputs (b, k). For a softmax class 0 has eta 0."""
    if isinstance(link, Softmax):
        logs = np.log(outputs)
        return logs - logs[:, :1]
    return link(outputs)


def contrast(link: Link, eta: np.ndarray) -> np.ndarray:
    """For a softmax, eta minus the column of class 0; otherwise eta unchanged."""
    return eta - eta[:, :1] if isinstance(link, Softmax) else eta


def eta_at(link: Link, one: Asked) -> np.ndarray:
    """The link applied to the outputs."""
    with np.errstate(all="ignore"):
        return eta_of(link, one.seen.outputs)


def inside(link: Link, one: Asked) -> np.ndarray:
    """
    A mask of the outputs that are means which the link admits, in the `middle` of them.

    If the link has a domain of eta, eta without the offset must be in it too.
    """
    found = link.mu_domain.contains(one.seen.outputs) & middle(link, one.seen.outputs)
    return found & (link.eta_domain.contains(one.z) if link.eta_domain != REAL else True)


def middle(link: Link, means: np.ndarray) -> np.ndarray:
    """A mask of the shares so far from 0 and 1 that float64 holds both, and that Keras does not clip them, at 1e-7."""
    if link.mu_domain == UNIT or isinstance(link, Softmax):
        return (means > NEAR) & (means < 1 - NEAR)
    return np.ones(np.shape(means), dtype=bool)


def usable(model: Model, eta: np.ndarray) -> np.ndarray:
    """The rows whose eta (b, k) are inside the model's domain, in the `middle`, and far from a mean of 0 where there is one."""
    with np.errstate(all="ignore"):
        mean = model.link.inverse(eta)
        found = model.eta_domain.contains(eta) & middle(model.link, mean)
        if not model.has_classes and model.family.mu_domain == POSITIVE:
            found &= mean > SMALL
    return found.all(axis=1)


def numbers(values: np.ndarray) -> str:
    """The first of the values, for a message."""
    return ", ".join(f"{value:.4g}" for value in np.ravel(values)[:4])
