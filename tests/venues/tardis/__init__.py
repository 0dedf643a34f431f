"""Tests of airpocket.venues.tardis."""
