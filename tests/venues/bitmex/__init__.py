"""Tests of airpocket.venues.bitmex."""
