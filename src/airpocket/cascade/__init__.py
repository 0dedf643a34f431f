"""What a move would set off."""
