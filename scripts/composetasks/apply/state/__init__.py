"""Saves, empties and restores state, with a helper container."""
