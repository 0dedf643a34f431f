"""Tests of airpocket.venues.htx."""
