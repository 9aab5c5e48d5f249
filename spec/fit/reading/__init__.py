"""Read which generalized linear model a user's compiled Keras model is, by computing."""

from spec.fit.reading.leaves import NotRead
from spec.fit.reading.read import Reading, build, read

__all__ = ["NotRead", "Reading", "build", "read"]
