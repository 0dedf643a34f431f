"""Where forced orders wait: positions, margin rules, ladders."""
