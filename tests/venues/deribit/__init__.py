"""Tests of airpocket.venues.deribit."""
