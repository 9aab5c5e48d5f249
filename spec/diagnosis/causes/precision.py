"""Causes in the precision of a loss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from spec.diagnosis.causes.cause import Change
from spec.diagnosis.causes.model import is_plain
from spec.diagnosis.context import Context
from spec.diagnosis.hypothesis import Hypothesis
from spec.diagnosis.objective import CLIP, EPSILON, Clipped, Lowered
from spec.families import Binomial, Poisson
from spec.links import Logit
from spec.model import Model


def clip(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """Keras's cross-entropy of shares, which it keeps 1e-7 from 0 and 1."""
    if not is_plain(hypothesis) or hypothesis.objective.model != Model(Binomial(), Logit()):
        return
    beyond = sum(int((np.abs(hypothesis.eta(batch)) > CLIP).sum()) for batch, _ in context.batches())
    if 0 < beyond < context.facts.n - 3 * len(hypothesis.matrix):
        says = f"the loss is clipped: the {beyond} rows whose eta is beyond {CLIP:.3f} have no slope"
        yield Change(replace(hypothesis, objective=Clipped(hypothesis.objective.model)), says, {"rows": beyond})


def poisson_epsilon(context: Context, hypothesis: Hypothesis) -> Iterator[Change]:
    """The 1e-7 that Keras adds to the mean in its Poisson loss."""
    if is_plain(hypothesis) and isinstance(hypothesis.objective.model.family, Poisson):
        says = f"the loss has log(mu + {EPSILON:g}), as Keras's Poisson loss has"
        yield Change(replace(hypothesis, objective=Lowered(hypothesis.objective.model)), says)
