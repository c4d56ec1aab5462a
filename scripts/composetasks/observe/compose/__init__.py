"""The Compose model: what Compose makes of its files, and the cache of its answers."""
