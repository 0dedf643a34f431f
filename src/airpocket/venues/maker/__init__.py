"""Maker: what the tests of its liquidation auctions state."""
