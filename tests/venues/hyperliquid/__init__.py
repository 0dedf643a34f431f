"""Tests of the Hyperliquid venue."""
