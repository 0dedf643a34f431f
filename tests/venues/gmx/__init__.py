"""Tests of GMX v2's rules."""
