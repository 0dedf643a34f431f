"""GMX v2: perpetuals against a pool, closed at the oracle price."""
