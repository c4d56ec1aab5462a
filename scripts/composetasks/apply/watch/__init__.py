"""Applies edits to containers."""
