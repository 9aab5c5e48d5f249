"""Fit your own compiled Keras model: `fit` brings it to its optimum, also on data larger than memory."""

from spec.fit.fitting import fit
from spec.fit.optimise import optimise
from spec.fit.result import Fitted
from spec.fit.several import Several
from spec.fit.sources import source

__all__ = ["Fitted", "Several", "fit", "optimise", "source"]
