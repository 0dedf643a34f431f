"""Bitget: the unified account's public liquidation topic."""
