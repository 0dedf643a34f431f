"""One folder per venue; `mutate` damages real frames for all of them."""
