"""OKX: swaps and dated futures, v5 public stream, and the recordings of its older feeds."""
