"""Keeps, empties and puts back state, by a helper container."""
