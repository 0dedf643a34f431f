"""Tests of Compound's events."""
