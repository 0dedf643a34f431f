"""Tapes as history files: the frames of every venue, read back through its wire."""
