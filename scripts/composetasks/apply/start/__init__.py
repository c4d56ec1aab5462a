"""Starts containers, waits until they are up, and names what went wrong with those that are not."""
