"""The sockets: feeds that cannot fail silently, and delivery that cannot forget."""
