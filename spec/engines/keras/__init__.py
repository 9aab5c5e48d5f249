"""Keras, on TensorFlow, JAX or torch."""

from spec.engines.keras.engine import KerasEngine

__all__ = ["KerasEngine"]
