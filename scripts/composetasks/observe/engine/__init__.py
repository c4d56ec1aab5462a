"""The engine: what it holds, and whether it still answers."""
