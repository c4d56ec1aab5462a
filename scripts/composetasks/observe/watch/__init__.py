"""Observe files as they are edited."""
