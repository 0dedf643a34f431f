"""Aave: liquidation calls of the lending protocol, from extracts of the chain."""
