"""The engine: its objects, and whether it still answers."""
