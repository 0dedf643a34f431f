"""Tests of airpocket.store."""
