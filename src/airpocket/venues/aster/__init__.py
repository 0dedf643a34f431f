"""Aster: perpetual futures behind a copy of Binance's futures interface."""
