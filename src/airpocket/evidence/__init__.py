"""How good a detector is: its alarms against true onsets, with N and an interval at each figure."""
