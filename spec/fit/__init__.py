"""Bring a reader's own model to its optimum: `fit` a compiled Keras model, on data larger than memory if need be."""

from spec.fit.fitting import fit, optimise, source
from spec.fit.result import Fitted

__all__ = ["Fitted", "fit", "optimise", "source"]
