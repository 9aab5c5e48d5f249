"""Read which generalized linear model a user's compiled Keras model is, by computing."""

from spec.fit.reading.read import Reading, build, read
from spec.fit.reading.twin import NotRead

__all__ = ["NotRead", "Reading", "build", "read"]
