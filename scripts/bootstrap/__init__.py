"""Provides what a bare machine needs for the tasks, in parts that also run alone and repeatedly."""
