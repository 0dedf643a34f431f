"""Liquidation cascades in crypto derivatives: simulated, mapped, detected, told in facts."""

__all__ = ["__version__"]

__version__ = "0.1.0"
