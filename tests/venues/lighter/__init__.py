"""Tests of airpocket.venues.lighter."""
