"""Tests of airpocket.venues.tape."""
