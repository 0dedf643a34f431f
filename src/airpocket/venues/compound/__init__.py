"""Compound: liquidations of the lending protocol, from exported events of its contracts."""
