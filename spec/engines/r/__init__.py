"""R behind the contract, for those who have it installed."""

from spec.engines.r.engine import ByDefault, R

__all__ = ["ByDefault", "R"]
