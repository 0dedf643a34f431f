"""Bitfinex: the global liquidation status of its derivatives and margin trading."""
