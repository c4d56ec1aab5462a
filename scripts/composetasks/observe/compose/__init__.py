"""The Compose model: how Compose resolves its files, and a cache of its answers."""
