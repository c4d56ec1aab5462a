"""The Compose model: what Compose makes of its files, and the memory of its answers."""
