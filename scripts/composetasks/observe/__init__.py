"""Observe: turns the outside world into facts, and changes nothing."""
