"""The Aster wire."""
