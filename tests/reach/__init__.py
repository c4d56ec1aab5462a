"""Engines on other hosts: what is a laptop's, and what the engine's."""
