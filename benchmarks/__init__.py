"""Measurements beside peers: `make bench`, or `python -m benchmarks tape` for one of them."""
