"""Drift v2 (drained on 2026-04-01): what its liquidation tests state."""
