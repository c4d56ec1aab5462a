"""Observe a project that does not use composetasks yet: compose files, scripts, and more."""
