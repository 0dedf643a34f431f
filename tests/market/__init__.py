"""Tests of airpocket.market."""
