"""Tests of airpocket.venues.okx."""
