"""Fit your own compiled Keras model: `fit` brings it to its optimum, also on data larger than memory."""

from spec.fit.fitting import fit, optimise, source
from spec.fit.result import Fitted

__all__ = ["Fitted", "fit", "optimise", "source"]
