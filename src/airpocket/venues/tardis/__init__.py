"""Tardis.dev: history files of many venues in one format."""
