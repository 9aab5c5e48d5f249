"""Fit your own compiled Keras model: `fit` brings it to its optimum, also on data larger than memory; `fit_many` many times."""

from spec.fit.fitting import fit
from spec.fit.many import Many, fit_many
from spec.fit.optimise import optimise
from spec.fit.result import Fitted
from spec.fit.several import Several
from spec.fit.sources import source

__all__ = ["Fitted", "Many", "Several", "fit", "fit_many", "optimise", "source"]
