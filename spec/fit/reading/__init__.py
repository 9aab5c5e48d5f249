"""Read which generalized linear model a user's compiled Keras model is, by computing."""

from spec.fit.reading.built import build
from spec.fit.reading.leaves import NotRead
from spec.fit.reading.read import read
from spec.fit.reading.reading import Reading

__all__ = ["NotRead", "Reading", "build", "read"]
