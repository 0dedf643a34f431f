"""Coinbase spot: instruments of its history files (prices to compare with, no liquidations)."""
