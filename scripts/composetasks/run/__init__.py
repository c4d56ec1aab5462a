"""Mechanisms that every folder may use: programs, failures, signals, settings, masking."""
