"""Tests of airpocket.alerts."""
