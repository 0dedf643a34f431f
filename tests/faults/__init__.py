"""Faults F01 to F50 of a live feed, each against the same oracle; `make faults` prints them."""
