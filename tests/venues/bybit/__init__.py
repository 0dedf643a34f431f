"""Tests of airpocket.venues.bybit."""
