"""Container logs: read, sorted, and followed."""
