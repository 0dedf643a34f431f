"""Tests of Drift v2's rules."""
