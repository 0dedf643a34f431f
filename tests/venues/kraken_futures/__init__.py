"""Tests of airpocket.venues.kraken_futures."""
