"""Tests of airpocket.venues.dydx."""
