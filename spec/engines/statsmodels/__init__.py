"""statsmodels: GLM, MNLogit, OLS and the models beyond them."""

from spec.engines.statsmodels.engine import StatsmodelsEngine

__all__ = ["StatsmodelsEngine"]
