"""Brings edits into containers."""
