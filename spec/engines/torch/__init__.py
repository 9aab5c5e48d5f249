"""torch behind the contract."""

from spec.engines.torch.engine import LineSearch, Torch

__all__ = ["LineSearch", "Torch"]
