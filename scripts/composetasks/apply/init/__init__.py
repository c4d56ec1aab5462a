"""Writes the files that init proposes for a project."""
