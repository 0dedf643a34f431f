"""Hyperliquid: fills of all accounts (node), of known accounts (stream), books, marks."""
