"""Tests of airpocket.venues.bitfinex."""
