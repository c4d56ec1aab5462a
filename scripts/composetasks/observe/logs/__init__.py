"""Container logs: read, put in order, and followed."""
