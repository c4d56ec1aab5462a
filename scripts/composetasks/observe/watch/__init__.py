"""Looks at files as they are edited."""
