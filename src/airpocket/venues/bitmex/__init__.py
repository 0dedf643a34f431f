"""BitMEX, historical (closed 2026-09-23): its liquidation table."""
