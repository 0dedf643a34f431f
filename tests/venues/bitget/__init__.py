"""Tests of airpocket.venues.bitget."""
