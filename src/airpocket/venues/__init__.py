"""One folder a venue: wire (bytes to events and back), archive (history files), venue.toml."""
