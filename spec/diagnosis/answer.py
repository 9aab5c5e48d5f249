"""An answer that a reader brings: the coefficients of a network, or of another program, to be held to the proven optimum."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from spec.diagnosis.estimator import Settings
from spec.links import Link
from spec.model import Params


@dataclass(frozen=True, eq=False)
class Record:
    """
    What an optimizer keeps of the training: its class, its learning rate, and the number of its steps.

    ``mean`` and ``square`` (1 + p, k) are Adam's running means of the gradient and of its square, the bias in the first row;
    None where the optimizer has none. ``init`` is the largest weight that the kernel's initializer draws, nearly always.
    """

    optimizer: str
    learning_rate: float
    steps: int
    weight_decay: float = 0.0
    momentum: float = 0.0
    mean: np.ndarray | None = None
    square: np.ndarray | None = None
    init: float = 0.0


class Coded(NamedTuple):
    """
    The numbers (r, k) of a table as it codes its factors, with half a unit of the last digit of each.

    ``into @ values`` are those of the design's own coding.
    """

    values: np.ndarray
    rounding: np.ndarray
    into: np.ndarray  # (1 + p, r)
    has_intercept: bool  # in the first row


@dataclass(frozen=True, eq=False)
class Answer:
    """
    Coefficients that someone brought, in the units and the order of the columns of the data.

    ``params`` are as they were brought: those of a softmax keep their gauge. ``rounding`` (1 + p, k) is half a unit of the
    last digit that each was written with. ``standard_errors`` (q, m) are laid out as `Problem.free`, NaN where not given;
    ``error_rounding`` (q, m) is half a unit of the last digit of each. ``name`` is the answer's in sentences.

    ``program`` are causes that were read in the network itself, such as a hidden layer: their codes, and a sentence each.
    ``settings`` are those of an estimator that was brought. ``readings`` are what the same table says if it codes its factors
    otherwise, where its names do not tell.
    ``link`` is the link whose inverse a network's outputs are: then no other link is supposed.
    ``coded`` are the numbers as a table has them, before its coding was converted: an odds ratio has its logarithm there.
    ``has_unknown_loss`` says that its compiled loss belongs to no family, so that no other optimum was its goal.
    """

    params: Params
    name: str = "your network"
    rounding: np.ndarray | float = 0.0
    standard_errors: np.ndarray | None = None
    error_rounding: np.ndarray | float = 0.0
    record: Record | None = None
    program: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    has_unknown_loss: bool = False
    settings: Settings | None = None
    readings: tuple[Answer, ...] = ()
    coded: Coded | None = None
    link: Link | None = None
