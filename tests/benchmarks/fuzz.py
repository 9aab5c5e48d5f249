"""
A fuzz of random Keras models: those that are a GLM must be served with its optimum, and all others refused.

`tox -e fuzz`, or ``python -m tests.benchmarks.fuzz 1000 --seed 0 [--kind KIND] [--list] [--only N]``. A model is put together of
parts: what comes before its Dense layer, that layer, what comes after it, the loss, the form of the data, the state of the model.
The truth is put together with it, of formulas in NumPy, so it is never asked of what is tested. ``--kind`` varies one kind of parts.

A GLM is *served* right where the fit converged, the score by those formulas vanishes (or the KKT conditions of the penalised
objective hold), the model's weights are that optimum rounded, and its predictions are those means. Any other model is *refused*
right where there is a ValueError, or a fit that did not converge, and the model's weights are what they were.
"""

from __future__ import annotations

import argparse
import gc
import logging
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers as L
from keras import ops
from scipy import special, stats

from spec import families, links
from spec.engines.keras.network import InverseLink, NegativeLogLikelihood
from spec.fit import fit
from tests.benchmarks import fuzz_forms

KINDS = ("before", "dense", "after", "loss", "form", "state")
SCORE = 1e-7  # of the sum of the rows without sign: how far a score may be from 0
PREDICTED = {"float64": 1e-4, "float32": 1e-4, "bfloat16": 0.1, "float16": 0.02}  # of what eta is made of


# -- the truth -----------------------------------------------------------------------------------------------------------------
def softmax(z: np.ndarray) -> np.ndarray:
    return special.softmax(z, axis=1)


INVERSES: dict[str, tuple[Any, Any]] = {  # h and h'
    "identity": (lambda z: z, np.ones_like),
    "log": (np.exp, np.exp),
    "logit": (special.expit, lambda z: special.expit(z) * special.expit(-z)),
    "probit": (stats.norm.cdf, stats.norm.pdf),
    "cloglog": (lambda z: -np.expm1(-np.exp(z)), lambda z: np.exp(z - np.exp(z))),
    "loglog": (lambda z: np.exp(-np.exp(-z)), lambda z: np.exp(-z - np.exp(-z))),
    "cauchit": (lambda z: 0.5 + np.arctan(z) / np.pi, lambda z: 1 / (np.pi * (1 + z**2))),
    "sqrt": (lambda z: z**2, lambda z: 2 * z),
    "inverse": (lambda z: 1 / z, lambda z: -1 / z**2),
    "inverse-squared": (lambda z: z**-0.5, lambda z: -0.5 * z**-1.5),
    "softmax": (softmax, None),
}
