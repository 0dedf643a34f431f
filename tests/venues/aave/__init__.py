"""Tests of Aave's extracts."""
