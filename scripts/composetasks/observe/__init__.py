"""Observe: turn the outside world into facts, and change nothing."""
