"""Whether a cascade is happening: gauges, transitions, episodes."""
