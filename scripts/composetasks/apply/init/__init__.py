"""Writes the files that a project is given."""
