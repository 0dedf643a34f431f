"""What is kept: raw frames on a tape, files read within limits."""
