"""Removes what prevents a start."""
