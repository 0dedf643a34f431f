"""Tests of Maker's rules."""
